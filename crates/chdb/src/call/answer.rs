//! How an answer leaves the engine's thread: packed, whole if it is small, else piece by piece.
//!
//! In: the bytes of a statement's result. Out: one [`Answer`]. Start at [`Writer`].

use std::io;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::{
    codec::{Encoder, Encoding},
    error::{EngineError, code},
    ffi::Progress,
};

/// Bytes of an answer collected before its head is sent: up to here the status, length and summary are exact.
const WHOLE_ANSWER_BYTES: usize = 1 << 20;
/// Pieces of a streamed answer waiting for a slow client; then the statement waits.
const PIECES_WAITING_MAX: usize = 4;

/// What a call ends in.
#[derive(Debug)]
pub(crate) enum Answer {
    Failed(EngineError),
    Whole { format: String, bytes: Bytes, progress: Progress },
    Streaming { format: String, first: Bytes, rest: mpsc::Receiver<Piece>, progress: Progress },
}

/// A piece of a streamed answer. The channel closing without [`Piece::End`] means the thread died.
#[derive(Debug)]
pub(crate) enum Piece {
    Bytes(Bytes),
    /// The last piece of a good answer has been sent.
    End,
    /// The statement failed; the bytes say so in the answer, and the connection must be cut.
    Failed,
}

/// Where the answer goes; empty once it is sent.
pub(super) struct Outcome {
    pub(super) reply: Option<oneshot::Sender<Answer>>,
}

impl Outcome {
    pub(super) fn send(&mut self, answer: Answer) {
        // A client that has gone away needs no answer.
        if let Some(reply) = self.reply.take() {
            drop(reply.send(answer));
        }
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.reply.as_ref().is_some_and(oneshot::Sender::is_closed)
    }
}

/// Packs an answer and sends it, whole if it is small.
#[derive(Default)]
pub(super) struct Writer {
    format: String,
    encoders: Vec<Encoder>,
    waiting: Vec<u8>,
    sent: Option<mpsc::Sender<Piece>>,
    exception_tag: String,
    pub(super) progress: Progress,
}

impl Writer {
    pub(super) fn new(
        encodings: &[Encoding],
        format: String,
        exception_tag: String,
    ) -> Result<Self, EngineError> {
        let encoders = encodings.iter().map(|encoding| Encoder::new(*encoding)).collect::<io::Result<_>>();
        let encoders = encoders.map_err(|error| pack_error(&error))?;
        Ok(Self { format, encoders, exception_tag, ..Self::default() })
    }

    pub(super) fn write(&mut self, bytes: &[u8], outcome: &mut Outcome) -> Result<(), EngineError> {
        let packed = self.pack(bytes)?;
        self.waiting.extend(packed);
        if self.waiting.len() < WHOLE_ANSWER_BYTES {
            return Ok(());
        }
        let ready = Bytes::from(std::mem::take(&mut self.waiting));
        if let Some(sender) = &self.sent {
            // A closed channel is noticed by `is_abandoned` before the next block.
            drop(sender.blocking_send(Piece::Bytes(ready)));
        } else {
            let (sender, rest) = mpsc::channel(PIECES_WAITING_MAX);
            self.sent = Some(sender);
            let format = self.format.clone();
            outcome.send(Answer::Streaming { format, first: ready, rest, progress: self.progress });
        }
        Ok(())
    }

    fn pack(&mut self, bytes: &[u8]) -> Result<Vec<u8>, EngineError> {
        let mut packed = bytes.to_vec();
        for encoder in &mut self.encoders {
            packed = encoder.write(&packed).map_err(|error| pack_error(&error))?;
        }
        Ok(packed)
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.sent.as_ref().is_some_and(mpsc::Sender::is_closed)
    }

    /// Ends the encoders, each one's last bytes passing through the next.
    fn end(&mut self) -> Result<(), EngineError> {
        let mut tail = Vec::new();
        for mut encoder in std::mem::take(&mut self.encoders) {
            let mut out = encoder.write(&tail).map_err(|error| pack_error(&error))?;
            out.extend(encoder.finish().map_err(|error| pack_error(&error))?);
            tail = out;
        }
        self.waiting.extend(tail);
        Ok(())
    }

    pub(super) fn finish(mut self, outcome: &mut Outcome) -> Result<(), EngineError> {
        self.end()?;
        let bytes = Bytes::from(std::mem::take(&mut self.waiting));
        match self.sent.take() {
            None => outcome.send(Answer::Whole { format: self.format, bytes, progress: self.progress }),
            Some(sender) => {
                drop(sender.blocking_send(Piece::Bytes(bytes)));
                drop(sender.blocking_send(Piece::End));
            }
        }
        Ok(())
    }

    /// Tells a failure: as the answer itself while nothing is sent, else inside it, in ClickHouse's way.
    pub(super) fn fail(&mut self, error: EngineError) -> Result<(), EngineError> {
        let Some(sender) = self.sent.take() else { return Err(error) };
        let tag = &self.exception_tag;
        let (text, bytes) = (&error.message, error.message.len() + 1);
        let note = format!("\r\n__exception__\r\n{tag}\r\n{text}\n{bytes} {tag}\r\n__exception__\r\n");
        let packed = self.pack(note.as_bytes())?;
        self.waiting.extend(packed);
        self.end()?;
        drop(sender.blocking_send(Piece::Bytes(Bytes::from(std::mem::take(&mut self.waiting)))));
        drop(sender.blocking_send(Piece::Failed));
        Ok(())
    }
}

fn pack_error(error: &io::Error) -> EngineError {
    EngineError::new(code::LOGICAL_ERROR, &format!("cannot pack the answer: {error}. (LOGICAL_ERROR)"))
}
