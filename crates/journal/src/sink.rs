//! Where records go: one closed enum over memory, spool and Kafka.
//!
//! In: a topic, a key, a value. Out: nothing until [`Sink::flush`] says that all of it is kept. Not here: how each keeps
//! it (`memory`, `spool`, `kafka`). Start at [`Sink`].

use std::time::Duration;

use bytes::Bytes;

use crate::{
    kafka::{KafkaError, KafkaSink},
    memory::Memory,
    spool::{AppendError, Writer},
};

/// Why a record was not taken, or is not known to be kept.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// A buffer is full: try again later.
    #[error("the journal's buffer is full")]
    Full,
    /// The topic has fewer partitions.
    #[error("topic {topic} has no partition {partition}")]
    NoSuchPartition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
    },
    /// The spool refused.
    #[error(transparent)]
    Spool(#[from] AppendError),
    /// The spool is written and not synced.
    #[error("spool cannot be synced")]
    Sync(#[source] std::io::Error),
    /// Kafka refused, or did not confirm. What was appended since the last flush may or may not be there: append it again
    /// with a new sink.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
}

/// Takes records. Belongs to one thread.
#[derive(Debug)]
pub enum Sink {
    /// A queue in this process.
    Memory(Memory),
    /// A spool. It is one sequence, so topics and keys do not matter: its reader tells records apart by their value.
    Spool(Box<Writer>),
    /// Kafka topics.
    Kafka(KafkaSink),
}

impl Sink {
    /// Appends a value to the partition of its key.
    pub fn append(&mut self, topic: &str, key: &[u8], bytes: &[u8]) -> Result<(), SinkError> {
        match self {
            Self::Memory(memory) => memory.append(topic, key, Bytes::copy_from_slice(bytes)).map(drop),
            Self::Spool(writer) => Ok(writer.append(bytes).map(drop)?),
            Self::Kafka(sink) => sink.append(topic, key, bytes),
        }
    }

    /// Appends a value to a partition, waits until it is kept, and returns its position: the number of a claim.
    pub fn append_to(
        &mut self,
        topic: &str,
        partition: u32,
        key: &[u8],
        bytes: &[u8],
        max_wait: Duration,
    ) -> Result<u64, SinkError> {
        match self {
            Self::Memory(memory) => memory.append_to(topic, partition, Bytes::copy_from_slice(bytes)),
            Self::Spool(writer) => {
                let sequence = writer.append(bytes)?;
                writer.sync().map_err(SinkError::Sync)?;
                Ok(sequence)
            }
            Self::Kafka(sink) => sink.append_to(topic, partition, key, bytes, max_wait),
        }
    }

    /// Returns when everything appended is kept: in a spool synced, in Kafka acknowledged.
    pub fn flush(&mut self, max_wait: Duration) -> Result<(), SinkError> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Spool(writer) => writer.sync().map_err(SinkError::Sync),
            Self::Kafka(sink) => sink.flush(max_wait),
        }
    }
}
