//! A request's body on the engine's thread: pieces from the reactor, read as one stream.
//!
//! In: pieces, or the error that ended them. Out: bytes by [`Read`]. Not here: unpacking (`codec`).

use std::io::{self, Read};

use bytes::Bytes;
use tokio::sync::mpsc;

/// A request's body, arriving piece by piece.
#[derive(Debug)]
pub(crate) struct Body {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl Body {
    pub(crate) fn new(pieces: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        Self { pieces, current: Bytes::new() }
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                None => return Ok(0),
                Some(piece) => self.current = piece?,
            }
        }
        let bytes = self.current.len().min(buffer.len());
        let piece = self.current.split_to(bytes);
        if let Some(target) = buffer.get_mut(..bytes) {
            target.copy_from_slice(&piece);
        }
        Ok(bytes)
    }
}
