//! Where records come from: one closed enum over memory, spool and Kafka.
//!
//! In: positions to start at. Out: records in the order of their stream. Not here: how each finds them (`memory`, `spool`,
//! `kafka`). Start at [`Source`].

use std::{io, path::PathBuf, time::Duration};

use crate::{
    Position, Record, StreamId,
    kafka::{KafkaError, KafkaSource},
    memory::MemorySource,
    spool::{Damage, Reader},
};

/// Why a journal cannot be read on. None is passed over: a reader that jumped would lose records in silence.
#[derive(Debug, thiserror::Error)]
pub enum PollError {
    /// The wanted record was deleted before it was read, or the stream was made anew (faults 70, 72).
    #[error("{stream} begins at {oldest}, but {wanted} is wanted: what lies between is gone")]
    OutOfRange {
        /// The stream.
        stream: StreamId,
        /// The position asked for.
        wanted: u64,
        /// The oldest record there is.
        oldest: u64,
    },
    /// The stream ends before the wanted position: it was made anew since the position was noted (fault 72).
    #[error("{stream} ends at {end}, but {wanted} is wanted: the stream was made anew")]
    BeyondEnd {
        /// The stream.
        stream: StreamId,
        /// The position asked for.
        wanted: u64,
        /// One more than the newest record.
        end: u64,
    },
    /// A segment of a newer build.
    #[error("{path} has format version {version}, which is unknown to this build")]
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u8,
    },
    /// A file cannot be read.
    #[error("{path} cannot be read")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The broker refuses.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
}

/// Why records that are there are not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blockage {
    /// The next batch fails its checksum or cannot be decoded: an operator has to mend it (fault 77).
    DamagedBatch,
    /// Another producer's transaction before them is open; the broker ends it in its time (fault 78).
    OpenTransaction,
}

impl Blockage {
    /// The word in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DamagedBatch => "damaged_batch",
            Self::OpenTransaction => "open_transaction",
        }
    }
}

/// A stream that waits although it has records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The stream.
    pub stream: StreamId,
    /// The record it waits for.
    pub at: u64,
    /// Records that wait with it, at least.
    pub records: u64,
    /// What for.
    pub why: Blockage,
}

/// Gives records. Belongs to one thread.
#[derive(Debug)]
pub enum Source {
    /// Queues in this process.
    Memory(MemorySource),
    /// All writers below a spool's root.
    Spool(Box<Reader>),
    /// The partitions that [`Source::seek`] names.
    Kafka(KafkaSource),
}

impl Source {
    /// Up to `max_records` records; none if there is no new one within `max_wait`. Records of one stream come in order,
    /// each once after a seek.
    pub fn poll(&mut self, max_records: usize, max_wait: Duration) -> Result<Vec<Record>, PollError> {
        match self {
            Self::Memory(source) => source.poll(max_records, max_wait),
            Self::Spool(reader) => reader.poll(max_records, max_wait),
            Self::Kafka(source) => source.poll(max_records, max_wait),
        }
    }

    /// Goes on at these positions. Streams that are not named start at their oldest record, in Kafka they are not read.
    pub fn seek(&mut self, positions: &[Position]) -> Result<(), PollError> {
        match self {
            Self::Memory(source) => source.seek(positions),
            Self::Spool(reader) => reader.seek(positions),
            Self::Kafka(source) => return source.seek(positions),
        }
        Ok(())
    }

    /// One more than the last record of each stream now: whoever has read up to there has read all that was appended
    /// before the call.
    pub fn ends(&mut self) -> Result<Vec<Position>, PollError> {
        match self {
            Self::Memory(source) => Ok(source.ends()),
            Self::Spool(reader) => reader.ends(),
            Self::Kafka(source) => source.ends(),
        }
    }

    /// The same, if it is known in this time: for a look now and then, which must hold nobody up.
    pub fn ends_within(&mut self, max_wait: Duration) -> Result<Vec<Position>, PollError> {
        match self {
            Self::Kafka(source) => source.ends_within(max_wait),
            Self::Memory(_) | Self::Spool(_) => self.ends(),
        }
    }

    /// Positions that moved without a record since the last call.
    pub fn take_passed(&mut self) -> Vec<Position> {
        match self {
            Self::Kafka(source) => source.take_passed(),
            Self::Memory(_) | Self::Spool(_) => Vec::new(),
        }
    }

    /// Streams that wait although they have records; the others go on.
    #[must_use]
    pub fn blocked(&self) -> Vec<Blocked> {
        match self {
            Self::Kafka(source) => source.blocked(),
            Self::Memory(_) | Self::Spool(_) => Vec::new(),
        }
    }

    /// Damage found in spool files since the last call.
    pub fn take_damage(&mut self) -> Vec<Damage> {
        match self {
            Self::Spool(reader) => reader.take_damage(),
            Self::Memory(_) | Self::Kafka(_) => Vec::new(),
        }
    }
}
