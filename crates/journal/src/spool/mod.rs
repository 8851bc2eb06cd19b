//! The spool: an append-only log on local disk, one writer per thread, read by any number of processes.
//!
//! In: payloads. Out: the same payloads in sequence, or the exact ranges that were lost. File formats are functions over
//! bytes (`frame`, `segment`, `note`) with thin drivers on top. Not here: what payloads mean, and Kafka. Start at
//! [`Writer`] and [`Reader`].

mod damage;
mod disk;
mod ends;
mod files;
pub mod frame;
mod inspect;
mod layout;
pub mod note;
mod power;
mod reader;
mod recover;
mod retention;
pub mod segment;
mod settings;
mod tail;
mod writer;

pub use damage::{DAMAGES_MAX, Damage, DamageKind, Damages};
pub use disk::{Call, Disk, Fault, Script};
pub use inspect::{DAMAGES_REPORTED_MAX, Report, StreamReport, inspect};
pub use note::{EndState, Ending};
pub use reader::Reader;
pub use retention::{Closed, Deleted, MARKS_MAX, beginnings, closed, delete_below, enforce_budget};
pub use settings::{
    AppendError, BATCH_BYTES_MAX, Durability, OpenError, Options, SEGMENT_BYTES, UNSYNCED_BYTES_MAX,
};
pub use writer::Writer;
