//! Ordered bytes with origin identity and positions: memory, spool files and Kafka.
//!
//! In: payloads. Out: records in the order of their stream, each with its position. A journal knows nothing about what
//! its bytes mean. Not here: events (`events`), state and checkpoints (`pipeline`). Start at [`StreamId`] and [`spool`].

mod position;
mod source;
pub mod spool;
pub mod versions;

pub use position::{Position, Record, StreamId, StreamIdError};
pub use source::PollError;
