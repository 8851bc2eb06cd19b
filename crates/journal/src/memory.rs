//! A journal inside one process: the inner streams of the embedded mode, and the log of the simulation.
//!
//! In: values under a topic and a key. Out: the same values, in order per partition. It ends with the process, so that its
//! users take checkpoints when it is empty. Not here: durability (`spool`). Start at [`Memory`].

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{PollError, Position, Record, SinkError, StreamId, partition_of};

/// Queues by topic and partition. Clones are the same journal.
#[derive(Debug, Clone)]
pub struct Memory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    partitions: u32,
    /// Per stream; an append beyond it is refused with [`SinkError::Full`].
    records_max: usize,
    state: Mutex<State>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct State {
    topics: Vec<String>,
    streams: BTreeMap<u32, Stream>,
}

#[derive(Debug, Default)]
struct Stream {
    /// Position of the first record kept.
    oldest: u64,
    records: VecDeque<Bytes>,
}

/// Reads some topics of a [`Memory`].
#[derive(Debug)]
pub struct MemorySource {
    memory: Memory,
    /// Next record per stream.
    next: BTreeMap<u32, u64>,
}

impl Memory {
    /// A journal whose topics have `partitions` partitions of at most `records_max` records each.
    #[must_use]
    pub fn new(partitions: u32, records_max: usize) -> Self {
        let shared = Shared {
            partitions: partitions.max(1),
            records_max,
            state: Mutex::default(),
            grown: Condvar::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Partitions of each topic.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        self.shared.partitions
    }

    /// The stream of a topic's partition. Numbers are given to topics in the order in which they are first named.
    #[must_use]
    pub fn stream(&self, topic: &str, partition: u32) -> StreamId {
        let mut state = self.lock();
        StreamId::Memory(state.number(topic, partition, self.shared.partitions))
    }

    /// Appends a value to the partition of its key.
    pub fn append(&self, topic: &str, key: &[u8], bytes: Bytes) -> Result<u64, SinkError> {
        self.append_to(topic, partition_of(key, self.shared.partitions), bytes)
    }

    /// Appends a value to a partition and returns its position.
    pub fn append_to(&self, topic: &str, partition: u32, bytes: Bytes) -> Result<u64, SinkError> {
        if self.shared.partitions <= partition {
            return Err(SinkError::NoSuchPartition { topic: topic.to_owned(), partition });
        }
        let mut state = self.lock();
        let number = state.number(topic, partition, self.shared.partitions);
        let stream = state.streams.entry(number).or_default();
        if self.shared.records_max <= stream.records.len() {
            return Err(SinkError::Full);
        }
        let position = stream.end();
        stream.records.push_back(bytes);
        drop(state);
        self.shared.grown.notify_all();
        Ok(position)
    }

    /// Lets go of the records before these positions: they are read and covered by a checkpoint.
    pub fn forget_below(&self, positions: &[Position]) {
        let mut state = self.lock();
        for position in positions {
            let StreamId::Memory(number) = position.stream else { continue };
            let Some(stream) = state.streams.get_mut(&number) else { continue };
            while stream.oldest < position.next && stream.records.pop_front().is_some() {
                stream.oldest += 1;
            }
        }
    }

    /// Reads these topics, each partition from its oldest record.
    #[must_use]
    pub fn source(&self, topics: &[&str]) -> MemorySource {
        let mut state = self.lock();
        let partitions = self.shared.partitions;
        let all = topics.iter().flat_map(|topic| (0..partitions).map(move |partition| (*topic, partition)));
        let numbers: Vec<u32> = all.map(|(topic, it)| state.number(topic, it, partitions)).collect();
        let next = numbers.into_iter().map(|number| (number, state.oldest(number))).collect();
        drop(state);
        MemorySource { memory: self.clone(), next }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No step between two fields can panic, so a poisoned state is still whole.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn number(&mut self, topic: &str, partition: u32, partitions: u32) -> u32 {
        let index = self.topics.iter().position(|known| known == topic).unwrap_or_else(|| {
            self.topics.push(topic.to_owned());
            self.topics.len() - 1
        });
        u32::try_from(index).unwrap_or(u32::MAX).saturating_mul(partitions).saturating_add(partition)
    }

    fn oldest(&self, number: u32) -> u64 {
        self.streams.get(&number).map_or(0, |stream| stream.oldest)
    }
}

impl Stream {
    fn end(&self) -> u64 {
        self.oldest + self.records.len() as u64
    }
}

impl MemorySource {
    /// Goes on at these positions; streams that are not named start at their oldest record.
    pub fn seek(&mut self, positions: &[Position]) {
        let state = self.memory.lock();
        for (number, next) in &mut self.next {
            let named = positions.iter().find(|position| position.stream == StreamId::Memory(*number));
            *next = named.map_or_else(|| state.oldest(*number), |position| position.next);
        }
    }

    /// Up to `max_records` records; none if there is no new one within `max_wait`.
    pub fn poll(&mut self, max_records: usize, max_wait: Duration) -> Result<Vec<Record>, PollError> {
        let deadline = Instant::now() + max_wait;
        let memory = self.memory.clone();
        let mut state = memory.lock();
        loop {
            let mut out = Vec::new();
            for (number, next) in &mut self.next {
                take(&state, *number, next, max_records, &mut out)?;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if !out.is_empty() || left.is_zero() {
                return Ok(out);
            }
            state = memory.shared.grown.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// One more than the last record of each stream now.
    #[must_use]
    pub fn ends(&self) -> Vec<Position> {
        let state = self.memory.lock();
        let end = |number: &u32| state.streams.get(number).map_or(0, Stream::end);
        let position = |number: &u32| Position { stream: StreamId::Memory(*number), next: end(number) };
        self.next.keys().map(position).collect()
    }
}

fn take(
    state: &State,
    number: u32,
    next: &mut u64,
    max_records: usize,
    out: &mut Vec<Record>,
) -> Result<(), PollError> {
    let Some(stream) = state.streams.get(&number) else { return Ok(()) };
    let Some(skipped) = next.checked_sub(stream.oldest) else {
        let stream_id = StreamId::Memory(number);
        return Err(PollError::OutOfRange { stream: stream_id, wanted: *next, oldest: stream.oldest });
    };
    let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
    let room = max_records.saturating_sub(out.len());
    for bytes in stream.records.iter().skip(skipped).take(room) {
        out.push(Record { stream: StreamId::Memory(number), position: *next, bytes: bytes.clone() });
        *next += 1;
    }
    Ok(())
}
