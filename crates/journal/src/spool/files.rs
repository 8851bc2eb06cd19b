//! Reading of files that others may be writing, and the error that says which one failed.
//!
//! In: an offset. Out: the bytes from there on. Not here: what they mean.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

use crate::PollError;

pub(super) fn io_error(path: &Path, source: io::Error) -> PollError {
    PollError::Io { path: path.to_owned(), source }
}

/// Up to `bytes_max` bytes; fewer at the end of the file.
pub(super) fn read_at(file: &File, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; bytes_max];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// What lies from `offset` to the end of the file.
pub(super) fn read_to_end(file: &File, offset: u64) -> io::Result<Vec<u8>> {
    let rest_bytes = file.metadata()?.len().saturating_sub(offset);
    // A segment is at most as long as its preallocation, so this is bounded by it.
    read_at(file, offset, usize::try_from(rest_bytes).unwrap_or(usize::MAX))
}
