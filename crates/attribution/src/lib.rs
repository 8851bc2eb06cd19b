//! Decides which partner earned an order: the decision itself, and the two machines around it, without clock or disk.
//!
//! In: reports, clicks, look-ups and evidence, in any order, with repeats. Out: look-ups, evidence, decisions and credits, each a whole
//! snapshot stamped by the owner's claim. Not here: money beyond the order's own (`commission`), files, positions and topics (`pipeline`).
//! Start at [`decide`], then [`Orders`] and [`Timelines`].

mod caps;
mod decide;
mod digest;
mod folding;
mod orders;
mod sent;
mod timelines;
mod touches;

pub use caps::Caps;
pub use decide::{CANDIDATES_MAX, CLOCK_DIFFERENCE_MAX_MS, Decided, NAMED_MAX, PATH_MAX, decide};
pub use orders::{
    CUSTOMERS_MAX, Orders, OrdersOutput, QUARTERS_LEFT_MAX, REPORTS_MAX, StateError, VISITORS_MAX, questions,
};
pub use sent::{SENT_KEYS_MAX, SENT_REVISION_MAX};
pub use timelines::{
    CLICKS_AT_A_TIME, CUSTOMER_ORDERS_MAX, CUSTOMER_VISITORS_MAX, EVIDENCE_TOUCHES_MAX, Timelines,
    cap_touches, past,
};
pub use touches::{
    MemorySlices, RECORD_BYTES, SliceError, SliceOptions, Slices, StoreError, TouchStore, WALK_MAX,
};
