//! How a spool writer works, and how it can fail.
//!
//! In: sizes and promises. Out: checked [`Options`], and the errors of opening and appending. Not here: the writer
//! (`writer`). Start at [`Options`].

use std::{io, path::PathBuf};

use super::{
    disk::Disk,
    frame::{self, PAYLOAD_BYTES_LIMIT, PAYLOAD_BYTES_MAX},
};

/// Preallocated size of a segment, in bytes: about 200,000 clicks.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// Longest batch, in bytes. A batch that would be longer must be committed first.
pub const BATCH_BYTES_MAX: usize = 256 * 1024;
/// Most bytes kept in memory until they are synced ([`Durability::Power`]). Beyond it, appends ask for a sync.
pub const UNSYNCED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What an append has survived when it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The death of every process.
    Process,
    /// The loss of power, once [`super::Writer::sync`] has returned as well.
    Power,
}

/// How a writer works.
#[derive(Debug, Clone)]
pub struct Options {
    /// What an append survives.
    pub durability: Durability,
    /// Size of a segment.
    pub segment_bytes: u64,
    /// Longest payload accepted.
    pub payload_bytes_max: usize,
    /// Where system calls go.
    pub disk: Disk,
    /// The kernel's boot id; read from the kernel if absent.
    pub boot: Option<[u8; 16]>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::Process,
            segment_bytes: SEGMENT_BYTES,
            payload_bytes_max: PAYLOAD_BYTES_MAX,
            disk: Disk::Real,
            boot: None,
        }
    }
}

impl Options {
    /// Whether the sizes fit one another.
    pub(super) fn check(&self) -> Result<(), OpenError> {
        let Options { segment_bytes, payload_bytes_max, .. } = *self;
        // Four records of the longest kind, the header and an opening note with all its endings.
        let smallest = |payload_bytes| 4 * frame::padded(payload_bytes) as u64 + 8 * 1024;
        if PAYLOAD_BYTES_LIMIT < payload_bytes_max || segment_bytes < smallest(payload_bytes_max) {
            return Err(OpenError::SegmentTooSmall { segment_bytes, payload_bytes_max });
        }
        Ok(())
    }

    /// Longest batch.
    pub(super) fn batch_bytes_max(&self) -> usize {
        let quarter = usize::try_from(self.segment_bytes / 4).unwrap_or(usize::MAX);
        BATCH_BYTES_MAX.min(quarter)
    }

    /// What is not synced must fit into one segment with a batch behind it.
    pub(super) fn unsynced_bytes_max(&self) -> usize {
        let half = usize::try_from(self.segment_bytes / 2).unwrap_or(usize::MAX);
        UNSYNCED_BYTES_MAX.min(half - self.batch_bytes_max().min(half))
    }
}

/// Why a spool cannot be opened for writing.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another thread of this one, writes there.
    #[error("spool {dir} is in use by another writer")]
    Locked {
        /// The writer's folder.
        dir: PathBuf,
    },
    /// The file system does not keep what it has synced.
    #[error(
        "file system {name} of spool {dir} cannot keep the promise of mode power: choose a local disk or mode process"
    )]
    CannotSync {
        /// The writer's folder.
        dir: PathBuf,
        /// The file system's name.
        name: &'static str,
    },
    /// A segment could not hold four records of the longest kind.
    #[error("segments of {segment_bytes} bytes are too small for payloads of {payload_bytes_max} bytes")]
    SegmentTooSmall {
        /// As configured.
        segment_bytes: u64,
        /// As configured.
        payload_bytes_max: usize,
    },
    /// The number of the last incarnation is the highest there is.
    #[error("spool {dir} has no incarnation number left")]
    Exhausted {
        /// The writer's folder.
        dir: PathBuf,
    },
    /// A folder cannot be made, read or locked.
    #[error("spool {dir} cannot be opened")]
    Io {
        /// The writer's folder.
        dir: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// Why a record was not appended. The writer stays usable.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The payload is longer than the writer's options allow (fault 54).
    #[error("payload has {payload_bytes} bytes, {payload_bytes_max} are allowed")]
    TooLong {
        /// Length of the payload.
        payload_bytes: usize,
        /// The limit.
        payload_bytes_max: usize,
    },
    /// The batch has no room for another record: commit it first.
    #[error("the batch is full")]
    BatchFull,
    /// Too much is waiting for [`super::Writer::sync`].
    #[error("{unsynced_bytes} bytes wait to be synced")]
    Unsynced {
        /// Bytes that wait.
        unsynced_bytes: usize,
    },
    /// The disk refused.
    #[error("spool cannot be written; records up to {recorded_through} are recorded")]
    Write {
        /// The last sequence that is recorded; later ones will be given out again.
        recorded_through: u64,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}
