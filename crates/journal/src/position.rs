//! Names of streams and places in them: what every journal agrees on.
//!
//! In: numbers from a spool, a broker or memory. Out: one kind of [`Position`] for all. Not here: how a place is found
//! again (`spool`, `kafka`, `memory`). Start at [`StreamId`].

use std::{fmt, str::FromStr, sync::Arc};

use bytes::Bytes;
use units::WriterId;

/// One ordered sequence of records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamId {
    /// What one run of one spool writer wrote. It ends when the next run begins.
    Spool {
        /// The edge thread.
        writer: WriterId,
        /// Its run.
        incarnation: u32,
    },
    /// A partition of a Kafka topic.
    Topic {
        /// The topic's name.
        topic: Arc<str>,
        /// The partition's number.
        partition: i32,
    },
    /// A queue inside this process.
    Memory(u32),
}

/// The next record to read from a stream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The stream.
    pub stream: StreamId,
    /// Spools count records from 1, topics and memory from 0.
    pub next: u64,
}

/// A record as it lies in a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it was read.
    pub stream: StreamId,
    /// Its own place there; the stream is read up to it when its position's `next` is one more.
    pub position: u64,
    /// The value, as it was appended.
    pub bytes: Bytes,
}

/// Text that is not a stream's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a stream: expected spool:WRITER:INCARNATION, topic:NAME:PARTITION or memory:NUMBER")]
pub struct StreamIdError {
    /// The text.
    pub text: String,
}

impl fmt::Display for StreamId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spool { writer, incarnation } => write!(out, "spool:{}:{incarnation}", writer.0),
            Self::Topic { topic, partition } => write!(out, "topic:{topic}:{partition}"),
            Self::Memory(number) => write!(out, "memory:{number}"),
        }
    }
}

impl FromStr for StreamId {
    type Err = StreamIdError;

    fn from_str(text: &str) -> Result<Self, StreamIdError> {
        parse(text).ok_or_else(|| StreamIdError { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<StreamId> {
    let (kind, rest) = text.split_once(':')?;
    if kind == "memory" {
        return Some(StreamId::Memory(rest.parse().ok()?));
    }
    let (name, number) = rest.rsplit_once(':')?;
    match kind {
        "spool" => {
            Some(StreamId::Spool { writer: WriterId(name.parse().ok()?), incarnation: number.parse().ok()? })
        }
        "topic" => Some(StreamId::Topic { topic: name.into(), partition: number.parse().ok()? }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_found_again_by_its_name() {
        let streams = [
            StreamId::Spool { writer: WriterId(u32::MAX), incarnation: 1_700_000_000 },
            StreamId::Topic { topic: "tributary.clicks.v1".into(), partition: 11 },
            StreamId::Memory(3),
        ];
        for stream in streams {
            assert_eq!(stream.to_string().parse(), Ok(stream));
        }
        for text in ["", "spool:1", "spool:x:1", "topic:1", "memory:-1", "disk:1:2"] {
            assert!(text.parse::<StreamId>().is_err(), "{text}");
        }
    }
}
