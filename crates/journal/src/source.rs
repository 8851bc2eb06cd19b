//! Why records cannot be read.
//!
//! In: failures of files and brokers. Out: one closed enum. Start at [`PollError`].

use std::{io, path::PathBuf};

use crate::StreamId;

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
}
