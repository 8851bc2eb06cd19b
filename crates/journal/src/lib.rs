//! Ordered bytes, at least once: memory, spool files and Kafka behind one enum, and numbered values in a folder.
//!
//! In: payloads. Out: records in the order of their stream, each with its position. A journal knows nothing about what
//! its bytes mean. Not here: events (`events`), state and checkpoints (`pipeline`). Start at [`Source`] and [`Sink`].

#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(not(feature = "kafka"))]
#[path = "kafka_absent.rs"]
pub mod kafka;
pub mod memory;
mod partition;
mod position;
#[cfg(feature = "kafka")]
pub mod shipper;
mod sink;
mod source;
pub mod spool;
pub mod versions;

pub use partition::partition_of;
pub use position::{Position, Record, StreamId, StreamIdError};
pub use sink::{Sink, SinkError};
pub use source::{Blockage, Blocked, PollError, Source};
