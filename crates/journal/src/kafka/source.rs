//! Reads partitions that are named by hand, from offsets that we keep.
//!
//! In: positions. Out: records, or a clear word when a position is not in the log any more. Consumer groups play no part
//! here, so that nobody else decides where reading goes on. Start at [`KafkaSource::seek`].

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rdkafka::{
    ClientContext, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError as ClientError,
    message::BorrowedMessage,
    types::RDKafkaErrorCode,
};

use super::{KafkaError, KafkaSettings, is_passing};
use crate::{PollError, Position, Record, StreamId};

/// How long a broker may take to say where a partition begins and ends.
const WATERMARKS: Duration = Duration::from_secs(10);

/// Reads partitions of topics.
pub struct KafkaSource {
    consumer: BaseConsumer<Quiet>,
    /// Next record per partition that is read.
    positions: Vec<Assigned>,
    /// Met behind records that were handed out first.
    pending: Option<PollError>,
    trouble: Option<String>,
}

#[derive(Debug)]
struct Assigned {
    topic: Arc<str>,
    partition: i32,
    next: u64,
}

/// Errors come back from `poll`; nothing needs to be logged twice.
#[derive(Debug)]
struct Quiet;

impl ClientContext for Quiet {}
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
        let consumer = settings
            .consumer()
            .create_with_context(Quiet)
            .map_err(|error| KafkaError::Settings { reason: error.to_string() })?;
        Ok(Self { consumer, positions: Vec::new(), pending: None, trouble: None })
    }

    /// What the brokers last complained about and may get over.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Reads exactly these partitions from now on. A position outside its log is an error at once (faults 70, 72).
    pub fn seek(&mut self, positions: &[Position]) -> Result<(), PollError> {
        let mut list = TopicPartitionList::new();
        let mut assigned = Vec::new();
        for position in positions {
            let StreamId::Topic { topic, partition } = &position.stream else { continue };
            let one = Assigned { topic: Arc::clone(topic), partition: *partition, next: position.next };
            self.check_range(&one)?;
            let offset = i64::try_from(position.next).map_err(|error| read_error(&error))?;
            list.add_partition_offset(topic, *partition, Offset::Offset(offset))
                .map_err(|it| read_error(&it))?;
            assigned.push(one);
        }
        self.consumer.assign(&list).map_err(|error| read_error(&error))?;
        self.positions = assigned;
        self.pending = None;
        Ok(())
    }

    /// Up to `max_records` records; none if there is no new one within `max_wait`.
    pub fn poll(&mut self, max_records: usize, max_wait: Duration) -> Result<Vec<Record>, PollError> {
        if let Some(error) = self.pending.take() {
            return Err(error);
        }
        let deadline = Instant::now() + max_wait;
        let mut out = Vec::new();
        while out.len() < max_records {
            // Waits for the first record only: whatever else has arrived with it is there at once.
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = if out.is_empty() { left } else { Duration::ZERO };
            match self.consumer.poll(wait) {
                Some(Ok(message)) => out.extend(take(&mut self.positions, &message)),
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
        Ok(out)
    }

    /// The high watermark of each partition that is read.
    pub fn ends(&mut self) -> Result<Vec<Position>, PollError> {
        let position = |one: &Assigned| {
            let (_, end) = self.watermarks(one)?;
            Ok(Position { stream: one.stream(), next: end })
        };
        self.positions.iter().map(position).collect()
    }

    /// First offset and end of any partition.
    pub fn range(&self, topic: &str, partition: i32) -> Result<(u64, u64), PollError> {
        self.watermarks(&Assigned { topic: topic.into(), partition, next: 0 })
    }

    fn watermarks(&self, one: &Assigned) -> Result<(u64, u64), PollError> {
        let (oldest, end) = self
            .consumer
            .fetch_watermarks(&one.topic, one.partition, WATERMARKS)
            .map_err(|error| KafkaError::Unreachable { reason: error.to_string() })?;
        Ok((u64::try_from(oldest).unwrap_or_default(), u64::try_from(end).unwrap_or_default()))
    }

    fn check_range(&self, one: &Assigned) -> Result<(), PollError> {
        let (oldest, end) = self.watermarks(one)?;
        if one.next < oldest {
            return Err(PollError::OutOfRange { stream: one.stream(), wanted: one.next, oldest });
        }
        if end < one.next {
            return Err(PollError::BeyondEnd { stream: one.stream(), wanted: one.next, end });
        }
        Ok(())
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

fn read_error(reason: &dyn fmt::Display) -> PollError {
    KafkaError::Read { reason: reason.to_string() }.into()
}
