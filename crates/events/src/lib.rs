//! What happened, and the bytes that outlive the build that wrote them.
//!
//! In: an event. Out: a 4-byte envelope and a bincode body, and back. Every version ever written stays readable: one frozen
//! struct per version lives in `wire`, and `tests/golden` holds what production wrote. Not here: frames and topics
//! (`journal`), what an event means to an order (`attribution`). Start at [`Event`]; [`ClickId`] is what travels to the shop.

mod click;
mod click_id;
mod codec;
mod credit;
mod inner;
mod outcome;
mod report;
mod score;
mod trace;
mod wire;

pub use click::{
    Browser, Click, ClickHead, Consent, Country, Device, IpPrefix, LandingChoice, Os, TouchKind,
    VERDICT_VERSION, Verdict,
};
pub use click_id::{CLICK_ID_CHARS, ClickId, ClickIdError, ClickKey, ClickKeyring, ClickMint, TouchId};
pub use codec::{
    CATALOG_BYTES_MAX, DecodeError, ENVELOPE_BYTES, EncodeError, Event, INNER_BYTES_MAX, INPUT_BYTES_MAX,
    Kind, MAGIC, kind_of,
};
pub use credit::{Credit, Hold, Reporting, SharedBy, Standing};
pub use inner::{
    Binding, Bound, BoundTo, CatalogRecord, Claim, Evidence, Identity, Lookup, Machine, Past, Quarantined,
    Touch,
};
pub use outcome::{CandidateVerdict, Decision, MatchedKey, OrderStatus, Role, TimeSource, Unattributed};
pub use report::{
    Channel, Item, OrderKey, RefundKind, RejectReason, Report, ReportedClick, ReportedStatus, Statement,
};
pub use score::{Score, Signal, SignalCode, TracedSignal};
pub use trace::{Candidate, DecidedBy, EarningKey, KeyOutcome, Level, Trace, TriedKey, TriedTouches};
