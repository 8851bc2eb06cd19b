//! The log between the roles: topics of partitions, each an ordered list that keeps what was appended.
//!
//! In: encoded events by topic and key. Out: records by position. Keys meet in partitions by the journal's own rule. Not here: brokers; what Kafka adds
//! to this is tested against a real one in `journal`. Start at [`Log`].

use std::collections::BTreeMap;

use journal::partition_of;

/// Partitions of every topic.
pub(crate) const PARTITIONS: u32 = 2;

/// The topics that are read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    Clicks,
    Reports,
    Lookups,
    Evidence,
}

impl Topic {
    pub(crate) const ALL: [Self; 4] = [Self::Clicks, Self::Reports, Self::Lookups, Self::Evidence];
}

/// Everything that was appended.
#[derive(Debug, Default)]
pub(crate) struct Log {
    streams: BTreeMap<(Topic, u32), Vec<Vec<u8>>>,
}

impl Log {
    pub(crate) fn append(&mut self, topic: Topic, key: &[u8], bytes: Vec<u8>) {
        self.append_to(topic, partition_of(key, PARTITIONS), bytes);
    }

    /// The record's position.
    pub(crate) fn append_to(&mut self, topic: Topic, partition: u32, bytes: Vec<u8>) -> u64 {
        let stream = self.streams.entry((topic, partition)).or_default();
        stream.push(bytes);
        stream.len() as u64 - 1
    }

    pub(crate) fn end(&self, topic: Topic, partition: u32) -> u64 {
        self.streams.get(&(topic, partition)).map_or(0, |it| it.len() as u64)
    }

    pub(crate) fn read(&self, topic: Topic, partition: u32, position: u64) -> Option<&[u8]> {
        let stream = self.streams.get(&(topic, partition))?;
        stream.get(usize::try_from(position).ok()?).map(Vec::as_slice)
    }
}
