//! Appends records to topics and knows when all replicas in sync have them.
//!
//! In: topic, key, value. Out: a flush that succeeds only if every record since the last one was acknowledged. After any
//! failure the sink is spent: its user goes back to its checkpoint and appends again with a new one, since repeats are
//! harmless and gaps are not. Not here: the spool (`shipper`). Start at [`KafkaSink::append`].

use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, Message,
    error::KafkaError as ClientError,
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext},
    types::RDKafkaErrorCode,
};

use super::{KafkaError, KafkaSettings};
use crate::SinkError;

/// Appends between two looks at the acknowledgements.
const APPENDS_PER_POLL: u64 = 64;
/// Longest single wait for an acknowledgement before the deadline is looked at again.
const POLL: Duration = Duration::from_millis(5);

/// An idempotent producer. Dropping it gives up what is not flushed.
pub struct KafkaSink {
    producer: BaseProducer<Deliveries>,
    appends: u64,
}

#[derive(Debug, Default)]
struct Deliveries {
    unacknowledged: AtomicU64,
    outcome: Mutex<Outcome>,
}

#[derive(Debug, Default)]
struct Outcome {
    failed: Option<(String, String)>,
    /// Offset of the record that [`KafkaSink::append_to`] waits for.
    offset: Option<i64>,
}

/// Given to the record whose offset is wanted.
const WANTED: usize = 1;

impl Deliveries {
    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, wanted: usize) {
        self.unacknowledged.fetch_sub(1, Ordering::AcqRel);
        let mut outcome = self.outcome();
        match result {
            Ok(message) if wanted == WANTED => outcome.offset = Some(message.offset()),
            Ok(_) => {}
            Err((error, message)) => {
                outcome.failed.get_or_insert_with(|| (message.topic().to_owned(), error.to_string()));
            }
        }
    }
}

impl fmt::Debug for KafkaSink {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("KafkaSink").field("unacknowledged", &self.unacknowledged()).finish_non_exhaustive()
    }
}

impl KafkaSink {
    /// Makes a producer; brokers need not be there yet.
    pub fn open(settings: &KafkaSettings) -> Result<Self, KafkaError> {
        let producer = settings
            .producer()
            .create_with_context(Deliveries::default())
            .map_err(|error| KafkaError::Settings { reason: error.to_string() })?;
        Ok(Self { producer, appends: 0 })
    }

    /// Records appended and not acknowledged yet.
    #[must_use]
    pub fn unacknowledged(&self) -> u64 {
        self.producer.context().unacknowledged.load(Ordering::Acquire)
    }

    /// Appends a value to the partition of its key. Does not wait: [`SinkError::Full`] asks for a flush (fault 57).
    pub fn append(&mut self, topic: &str, key: &[u8], bytes: &[u8]) -> Result<(), SinkError> {
        self.send(BaseRecord::with_opaque_to(topic, 0).key(key).payload(bytes))
    }

    /// Appends a value to a partition, waits for the acknowledgement and returns its offset.
    pub fn append_to(
        &mut self,
        topic: &str,
        partition: u32,
        key: &[u8],
        bytes: &[u8],
        max_wait: Duration,
    ) -> Result<u64, SinkError> {
        let Ok(number) = i32::try_from(partition) else {
            return Err(SinkError::NoSuchPartition { topic: topic.to_owned(), partition });
        };
        self.producer.context().outcome().offset = None;
        let record = BaseRecord::with_opaque_to(topic, WANTED).partition(number).key(key).payload(bytes);
        self.send(record)?;
        let deadline = Instant::now() + max_wait;
        loop {
            self.producer.poll(POLL);
            self.check()?;
            if let Some(offset) = self.producer.context().outcome().offset.take() {
                return u64::try_from(offset).map_err(|_| {
                    let reason = format!("the broker gave offset {offset}");
                    KafkaError::NotDelivered { topic: topic.to_owned(), reason }.into()
                });
            }
            if deadline <= Instant::now() {
                return Err(KafkaError::Unconfirmed { records: self.unacknowledged() }.into());
            }
        }
    }

    /// Returns when everything appended is acknowledged.
    pub fn flush(&mut self, max_wait: Duration) -> Result<(), SinkError> {
        let flushed = self.producer.flush(max_wait);
        self.check()?;
        match self.unacknowledged() {
            0 if flushed.is_ok() => Ok(()),
            records => Err(KafkaError::Unconfirmed { records }.into()),
        }
    }

    fn send(&mut self, record: BaseRecord<'_, [u8], [u8], usize>) -> Result<(), SinkError> {
        self.appends += 1;
        if self.appends.is_multiple_of(APPENDS_PER_POLL) {
            self.producer.poll(Duration::ZERO);
        }
        self.check()?;
        let topic = record.topic;
        // Counted first: the acknowledgement may come before `send` returns.
        self.producer.context().unacknowledged.fetch_add(1, Ordering::AcqRel);
        let Err((error, _)) = self.producer.send(record) else { return Ok(()) };
        self.producer.context().unacknowledged.fetch_sub(1, Ordering::AcqRel);
        match error {
            ClientError::MessageProduction(RDKafkaErrorCode::QueueFull) => {
                self.producer.poll(Duration::ZERO);
                Err(SinkError::Full)
            }
            error => {
                Err(KafkaError::NotDelivered { topic: topic.to_owned(), reason: error.to_string() }.into())
            }
        }
    }

    /// One failure spends the sink: records after it may be in the topic although it is not (faults 62, 66).
    fn check(&self) -> Result<(), KafkaError> {
        match &self.producer.context().outcome().failed {
            None => Ok(()),
            Some((topic, reason)) => {
                Err(KafkaError::NotDelivered { topic: topic.clone(), reason: reason.clone() })
            }
        }
    }
}
