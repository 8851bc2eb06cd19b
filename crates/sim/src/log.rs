//! The log between the roles: topics of partitions, each an ordered list that keeps what was appended until its retention passes.
//!
//! In: encoded events by topic and key. Out: records by position. Keys meet in partitions by the journal's own rule. It may be away for a
//! while: then it takes and gives nothing. Not here: brokers; what Kafka adds to this is tested against a real one in `journal`. Start at [`Log`].

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use journal::{Position, Record, StreamId, partition_of};

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

    const fn name(self) -> &'static str {
        match self {
            Self::Clicks => "clicks",
            Self::Reports => "reports",
            Self::Lookups => "lookups",
            Self::Evidence => "evidence",
        }
    }
}

#[derive(Debug, Default)]
struct Stream {
    /// Position of the first record kept.
    oldest: u64,
    records: Vec<Bytes>,
}

/// Everything that was appended.
#[derive(Debug)]
pub(crate) struct Log {
    partitions: u32,
    streams: BTreeMap<StreamId, Stream>,
    /// Nothing is taken or given while it is away.
    pub(crate) is_away: bool,
}

/// The record wanted was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

impl Log {
    /// Topics of so many partitions each.
    pub(crate) const fn new(partitions: u32) -> Self {
        Self { partitions, streams: BTreeMap::new(), is_away: false }
    }

    pub(crate) const fn partitions(&self) -> u32 {
        self.partitions
    }

    pub(crate) fn partition_of(&self, key: &[u8]) -> u32 {
        partition_of(key, self.partitions)
    }

    pub(crate) fn stream(topic: Topic, partition: u32) -> StreamId {
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        StreamId::Topic { topic: Arc::from(topic.name()), partition }
    }

    pub(crate) fn append(&mut self, topic: Topic, key: &[u8], bytes: Bytes) {
        self.append_to(topic, self.partition_of(key), bytes);
    }

    /// The record's position.
    pub(crate) fn append_to(&mut self, topic: Topic, partition: u32, bytes: Bytes) -> u64 {
        let stream = self.streams.entry(Self::stream(topic, partition)).or_default();
        stream.records.push(bytes);
        stream.end() - 1
    }

    /// The ends of a partition's inputs.
    pub(crate) fn ends(&self, partition: u32) -> Vec<Position> {
        let end = |topic| {
            let stream = Self::stream(topic, partition);
            let next = self.streams.get(&stream).map_or(0, Stream::end);
            Position { stream, next }
        };
        Topic::ALL.map(end).into()
    }

    pub(crate) fn oldest(&self, stream: &StreamId) -> u64 {
        self.streams.get(stream).map_or(0, |it| it.oldest)
    }

    pub(crate) fn read(&self, topic: Topic, partition: u32, next: u64) -> Result<Option<Record>, Gone> {
        let stream = Self::stream(topic, partition);
        let Some(kept) = self.streams.get(&stream) else { return Ok(None) };
        let index = next.checked_sub(kept.oldest).ok_or(Gone)?;
        let bytes = usize::try_from(index).ok().and_then(|it| kept.records.get(it));
        Ok(bytes.map(|bytes| Record { stream, position: next, bytes: bytes.clone() }))
    }

    /// Up to `records_max` records from `next` on, of a log that forgets nothing.
    pub(crate) fn read_some(
        &self,
        topic: Topic,
        partition: u32,
        next: u64,
        records_max: usize,
    ) -> Vec<Record> {
        let stream = Self::stream(topic, partition);
        let found = self.between(&stream, next, next + records_max as u64);
        let record = |(bytes, position): (&Bytes, u64)| Record {
            stream: stream.clone(),
            position,
            bytes: bytes.clone(),
        };
        found.zip(next..).map(record).collect()
    }

    /// Records of a stream from `from` to before `to`, as far as they are still there.
    pub(crate) fn between(&self, stream: &StreamId, from: u64, to: u64) -> impl Iterator<Item = &Bytes> {
        let kept = self.streams.get(stream);
        let place = |it: u64| {
            usize::try_from(it.saturating_sub(kept.map_or(0, |it| it.oldest))).unwrap_or(usize::MAX)
        };
        let (from, to) = (place(from), place(to));
        kept.into_iter().flat_map(move |it| it.records.iter().skip(from).take(to.saturating_sub(from)))
    }

    /// Deletes what lies before `next`; how many records that were.
    pub(crate) fn delete_below(&mut self, stream: &StreamId, next: u64) -> u64 {
        let Some(kept) = self.streams.get_mut(stream) else { return 0 };
        let count = next.saturating_sub(kept.oldest).min(kept.records.len() as u64);
        kept.records.drain(..usize::try_from(count).unwrap_or(0));
        kept.oldest += count;
        count
    }
}

impl Stream {
    fn end(&self) -> u64 {
        self.oldest + self.records.len() as u64
    }
}
