//! Reads partitions that are named by hand, from offsets that we keep.
//!
//! In: positions. Out: records, or a clear word when a position is not in the log any more. Consumer groups play no part
//! here, so that nobody else decides where reading goes on. A damaged batch is not jumped over: its partition waits there
//! while the others go on. Start at [`KafkaSource::seek`].

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use rdkafka::{
    ClientConfig, ClientContext, Message, Offset, Statistics, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError as ClientError,
    message::BorrowedMessage,
    types::RDKafkaErrorCode,
};

use super::{KafkaError, KafkaSettings, is_passing};
use crate::{Blockage, Blocked, PollError, Position, Record, StreamId};

/// How long a broker may take to say where a partition begins and ends. Whoever asks can ask again, and may have to end meanwhile.
const WATERMARKS: Duration = Duration::from_secs(5);
/// How long a look at one partition alone may take: a local broker answers in 0.2 s.
const PROBE_MAX: Duration = Duration::from_secs(3);
/// Between two looks whether a damaged batch is mended.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// Reads partitions of topics.
pub struct KafkaSource {
    config: ClientConfig,
    consumer: BaseConsumer<Quiet>,
    /// Next record per partition that is read.
    positions: Vec<Assigned>,
    /// Moved since they were last asked for, by something else than a record.
    passed: Vec<Position>,
    /// Met behind records that were handed out first.
    pending: Option<PollError>,
    trouble: Option<String>,
}

#[derive(Debug)]
struct Assigned {
    topic: Arc<str>,
    partition: i32,
    next: u64,
    /// `None` if it can be read.
    damaged: Option<Damaged>,
}

/// A look at a batch that cannot be read.
#[derive(Debug, Clone, Copy)]
struct Damaged {
    looked_at: Instant,
    /// The partition's end then.
    end: u64,
}

/// Errors come back from `poll`; nothing needs to be logged twice. Once a second librdkafka tells here how far each partition reaches.
#[derive(Debug, Default)]
struct Quiet {
    ends: Mutex<BTreeMap<String, BTreeMap<i32, Ends>>>,
}

/// Ends of a partition, as its last answer had them.
#[derive(Debug, Clone, Copy)]
struct Ends {
    /// Behind the newest record.
    high: u64,
    /// Behind the newest record that no open transaction holds back.
    stable: u64,
}

impl ClientContext for Quiet {
    fn stats(&self, statistics: Statistics) {
        let ends = |it: &rdkafka::statistics::Partition| {
            let (high, stable) = (u64::try_from(it.hi_offset).ok()?, u64::try_from(it.ls_offset).ok()?);
            Some((it.partition, Ends { high, stable }))
        };
        let topics = statistics.topics.into_iter();
        let topics = topics.map(|(name, it)| (name, it.partitions.values().filter_map(ends).collect()));
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner) = topics.collect();
    }
}
impl ConsumerContext for Quiet {}

impl Assigned {
    fn stream(&self) -> StreamId {
        StreamId::Topic { topic: Arc::clone(&self.topic), partition: self.partition }
    }
}

impl fmt::Debug for KafkaSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("KafkaSource").field("positions", &self.positions).finish_non_exhaustive()
    }
}

impl KafkaSource {
    /// Makes a consumer that reads nothing yet; brokers need not be there.
    pub fn open(settings: &KafkaSettings) -> Result<Self, KafkaError> {
        let config = settings.consumer();
        let consumer = consumer(&config)?;
        Ok(Self { config, consumer, positions: Vec::new(), passed: Vec::new(), pending: None, trouble: None })
    }

    /// What the brokers last complained about and may get over.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Reads exactly these partitions from now on. A position outside its log is an error at once (faults 70, 72).
    pub fn seek(&mut self, positions: &[Position]) -> Result<(), PollError> {
        let mut assigned = Vec::new();
        for position in positions {
            let StreamId::Topic { topic, partition } = &position.stream else { continue };
            let one = Assigned {
                topic: Arc::clone(topic),
                partition: *partition,
                next: position.next,
                damaged: None,
            };
            self.check_range(&one)?;
            assigned.push(one);
        }
        self.positions = assigned;
        self.passed.clear();
        self.pending = None;
        self.assign()
    }

    /// Up to `max_records` records; none if there is no new one within `max_wait`.
    pub fn poll(&mut self, max_records: usize, max_wait: Duration) -> Result<Vec<Record>, PollError> {
        if let Some(error) = self.pending.take() {
            return Err(error);
        }
        self.look_at_damaged()?;
        let deadline = Instant::now() + max_wait;
        let mut out = Vec::new();
        while out.len() < max_records {
            // Waits for the first record only: whatever else has arrived with it is there at once.
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = if out.is_empty() { left } else { Duration::ZERO };
            match self.consumer.poll(wait) {
                Some(Ok(message)) => out.extend(take(&mut self.positions, &message)),
                Some(Err(ClientError::MessageConsumption(code))) if is_damage(code) => {
                    // Before anything that lies behind the batch is taken.
                    self.leave_damaged()?;
                }
                Some(Err(error)) => {
                    let Some(error) = self.judge(error) else { continue };
                    if out.is_empty() {
                        return Err(error);
                    }
                    self.pending = Some(error);
                    break;
                }
                None if wait.is_zero() => break,
                None => {}
            }
        }
        if out.is_empty() {
            self.pass_markers();
        }
        Ok(out)
    }

    /// Positions that moved without a record since the last call: a foreign producer's transactions leave markers in the log, which
    /// nobody is given. Without this, whoever waits to have read up to an end would wait for ever.
    pub fn take_passed(&mut self) -> Vec<Position> {
        std::mem::take(&mut self.passed)
    }

    /// What is there and cannot be read, as of the last second or so.
    #[must_use]
    pub fn blocked(&self) -> Vec<Blocked> {
        let ends = self.consumer.context().ends.lock().unwrap_or_else(PoisonError::into_inner);
        let blocked = |one: &Assigned| {
            let ends = ends.get(&*one.topic).and_then(|it| it.get(&one.partition));
            let (why, records) = match one.damaged {
                // It is not fetched, so that librdkafka knows nothing new of it.
                Some(Damaged { end, .. }) => (Blockage::DamagedBatch, end.saturating_sub(one.next)),
                None => (Blockage::OpenTransaction, ends?.high.saturating_sub(ends?.stable)),
            };
            (records > 0).then(|| Blocked { stream: one.stream(), at: one.next, records, why })
        };
        self.positions.iter().filter_map(blocked).collect()
    }

    /// Up to where each partition that is read can be read: what an open transaction holds back is not counted.
    pub fn ends(&mut self) -> Result<Vec<Position>, PollError> {
        self.ends_within(WATERMARKS)
    }

    /// The same, if the broker tells it in this time.
    pub fn ends_within(&mut self, max_wait: Duration) -> Result<Vec<Position>, PollError> {
        let deadline = Instant::now() + max_wait;
        let position = |one: &Assigned| {
            let (_, end) = self.watermarks(one, deadline.saturating_duration_since(Instant::now()))?;
            Ok(Position { stream: one.stream(), next: end })
        };
        self.positions.iter().map(position).collect()
    }

    /// First offset and end of any partition.
    pub fn range(&self, topic: &str, partition: i32) -> Result<(u64, u64), PollError> {
        self.watermarks(&Assigned { topic: topic.into(), partition, next: 0, damaged: None }, WATERMARKS)
    }

    fn watermarks(&self, one: &Assigned, max_wait: Duration) -> Result<(u64, u64), PollError> {
        let (oldest, end) = self
            .consumer
            .fetch_watermarks(&one.topic, one.partition, max_wait)
            .map_err(|error| KafkaError::Unreachable { reason: error.to_string() })?;
        Ok((u64::try_from(oldest).unwrap_or_default(), u64::try_from(end).unwrap_or_default()))
    }

    fn check_range(&self, one: &Assigned) -> Result<(), PollError> {
        let (oldest, end) = self.watermarks(one, WATERMARKS)?;
        if one.next < oldest {
            return Err(PollError::OutOfRange { stream: one.stream(), wanted: one.next, oldest });
        }
        if end < one.next {
            return Err(PollError::BeyondEnd { stream: one.stream(), wanted: one.next, end });
        }
        Ok(())
    }

    /// Reads on at each partition's next record, damaged ones left out. By a new client: the old one may still hold what it fetched, and
    /// how far it was.
    fn assign(&mut self) -> Result<(), PollError> {
        self.consumer = consumer(&self.config)?;
        let readable = self.positions.iter().filter(|one| one.damaged.is_none());
        self.consumer.assign(&list(readable)?).map_err(|error| read_error(&error))
    }

    /// librdkafka does not say which partition has the damaged batch, and goes on behind it: so each is looked at alone, the one at fault
    /// waits, and the others go on at their next record.
    fn leave_damaged(&mut self) -> Result<(), PollError> {
        for index in 0..self.positions.len() {
            let Some(one) = self.positions.get(index).filter(|it| it.damaged.is_none()) else { continue };
            let damaged = self.look(one)?;
            self.note(index, damaged);
        }
        self.assign()
    }

    fn note(&mut self, index: usize, damaged: Option<Damaged>) {
        if let Some(one) = self.positions.get_mut(index) {
            one.damaged = damaged;
        }
    }

    /// Goes on with what has been mended.
    fn look_at_damaged(&mut self) -> Result<(), PollError> {
        for index in 0..self.positions.len() {
            let Some(one) = self.positions.get(index) else { continue };
            if one.damaged.is_none_or(|it| it.looked_at.elapsed() < PROBE_EVERY) {
                continue;
            }
            let damaged = self.look(one)?;
            self.note(index, damaged);
            if damaged.is_none() {
                self.assign()?;
            }
        }
        Ok(())
    }

    /// A partition by itself: whether the batch at its next record can be read.
    fn look(&self, one: &Assigned) -> Result<Option<Damaged>, PollError> {
        let (_, end) = self.watermarks(one, WATERMARKS)?;
        let is_damaged = one.next < end && self.is_damaged(one)?;
        Ok(is_damaged.then(|| Damaged { looked_at: Instant::now(), end }))
    }

    /// Silence says nothing, so what was damaged stays so.
    fn is_damaged(&self, one: &Assigned) -> Result<bool, PollError> {
        let probe = consumer(&self.config)?;
        probe.assign(&list(std::iter::once(one))?).map_err(|error| read_error(&error))?;
        let deadline = Instant::now() + PROBE_MAX;
        while Instant::now() < deadline {
            match probe.poll(deadline.saturating_duration_since(Instant::now())) {
                Some(Ok(_)) => return Ok(false),
                Some(Err(ClientError::MessageConsumption(code))) if is_damage(code) => return Ok(true),
                _ => {}
            }
        }
        Ok(one.damaged.is_some())
    }

    fn pass_markers(&mut self) {
        // Fails for no partition that is assigned; the next look will do.
        let Ok(reached) = self.consumer.position() else { return };
        for it in reached.elements() {
            let Offset::Offset(offset) = it.offset() else { continue };
            let is_its = |one: &&mut Assigned| one.partition == it.partition() && *one.topic == *it.topic();
            let (Some(one), Ok(offset)) = (self.positions.iter_mut().find(is_its), u64::try_from(offset))
            else {
                continue;
            };
            if one.next < offset {
                one.next = offset;
                self.passed.push(Position { stream: one.stream(), next: offset });
            }
        }
    }

    /// `None` for what librdkafka gets over by itself.
    fn judge(&mut self, error: ClientError) -> Option<PollError> {
        match error {
            ClientError::MessageConsumption(
                RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange,
            ) => {
                // The event does not name the partition.
                let outside = self.positions.iter().find_map(|one| self.check_range(one).err());
                Some(outside.unwrap_or_else(|| read_error(&"an offset is out of range")))
            }
            ClientError::MessageConsumption(code) if is_passing(code) => {
                self.trouble = Some(code.to_string());
                None
            }
            error => Some(read_error(&error)),
        }
    }
}

/// The record in `message`, if its partition is still read; a tombstone is an empty record.
fn take(positions: &mut [Assigned], message: &BorrowedMessage<'_>) -> Option<Record> {
    let is_its = |one: &&mut Assigned| one.partition == message.partition() && *one.topic == *message.topic();
    let one = positions.iter_mut().find(is_its)?;
    let position = u64::try_from(message.offset()).ok()?;
    // A reassignment may deliver what was fetched for the one before.
    if position < one.next {
        return None;
    }
    one.next = position + 1;
    let bytes = Bytes::copy_from_slice(message.payload().unwrap_or_default());
    Some(Record { stream: one.stream(), position, bytes })
}

fn consumer(config: &ClientConfig) -> Result<BaseConsumer<Quiet>, KafkaError> {
    let consumer = config.create_with_context(Quiet::default());
    consumer.map_err(|error| KafkaError::Settings { reason: error.to_string() })
}

fn list<'a>(assigned: impl Iterator<Item = &'a Assigned>) -> Result<TopicPartitionList, PollError> {
    let mut list = TopicPartitionList::new();
    for one in assigned {
        let offset = i64::try_from(one.next).map_err(|error| read_error(&error))?;
        list.add_partition_offset(&one.topic, one.partition, Offset::Offset(offset))
            .map_err(|error| read_error(&error))?;
    }
    Ok(list)
}

/// What says that a batch itself cannot be read: its checksum, its compression, its format; or the broker found so (fault 77).
fn is_damage(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::BadMessage
            | RDKafkaErrorCode::BadCompression
            | RDKafkaErrorCode::NotImplemented
            | RDKafkaErrorCode::InvalidMessage
    )
}

fn read_error(reason: &dyn fmt::Display) -> PollError {
    KafkaError::Read { reason: reason.to_string() }.into()
}
