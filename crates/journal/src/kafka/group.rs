//! Tells which partition numbers this process owns, by Kafka's own group protocol.
//!
//! In: a group and a stable instance name. Out: partitions won and lost. The member reads no records: it subscribes to
//! one topic, pauses what it gets, and its process reads the same partition number of all topics by hand. Two owners at
//! once are harmless: the newer claim wins. Not here: claims (`pipeline`). Start at [`KafkaGroup::poll`].

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance},
    error::{KafkaError as ClientError, RDKafkaErrorCode},
};

use super::{KafkaError, KafkaSettings, is_passing};

/// How a group's balance changed for this member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// These partitions are ours now, besides those we had.
    Assigned(Vec<i32>),
    /// These are not ours any more.
    Revoked(Vec<i32>),
}

/// A static member of a cooperative group.
pub struct KafkaGroup {
    consumer: BaseConsumer<Changes>,
    owned: BTreeSet<i32>,
}

#[derive(Debug, Default)]
struct Changes {
    /// Filled while `poll` runs, emptied when it returns.
    queue: Mutex<Vec<Change>>,
}

impl ClientContext for Changes {}

impl ConsumerContext for Changes {
    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        // Every balance reaches every member, also those for whom nothing changes.
        let change = match rebalance {
            Rebalance::Assign(list) | Rebalance::Revoke(list) if list.count() == 0 => return,
            Rebalance::Assign(list) => {
                // Nothing is fetched here. Should it fail, what arrives is thrown away in `poll`.
                drop(consumer.pause(list));
                Change::Assigned(partitions(list))
            }
            Rebalance::Revoke(list) => Change::Revoked(partitions(list)),
            Rebalance::Error(_) => return,
        };
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push(change);
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<i32> {
    list.elements().iter().map(rdkafka::topic_partition_list::TopicPartitionListElem::partition).collect()
}

impl fmt::Debug for KafkaGroup {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("KafkaGroup").field("owned", &self.owned).finish_non_exhaustive()
    }
}

impl KafkaGroup {
    /// Joins `group` as `instance`, to share the partitions of `topic`. `instance` must be stable over restarts and unique
    /// in the group: a second one of the same name ends the first (fault 68).
    pub fn join(
        settings: &KafkaSettings,
        group: &str,
        instance: &str,
        topic: &str,
    ) -> Result<Self, KafkaError> {
        let consumer: BaseConsumer<Changes> = settings
            .group(group, instance)
            .create_with_context(Changes::default())
            .map_err(|error| KafkaError::Settings { reason: error.to_string() })?;
        consumer.subscribe(&[topic]).map_err(|error| KafkaError::Read { reason: error.to_string() })?;
        Ok(Self { consumer, owned: BTreeSet::new() })
    }

    /// The changes since the last call, waiting up to `max_wait` for one. Must be called at least every few minutes
    /// (`max.poll.interval.ms`), or the group takes this member for dead. An error is final: another member has our name.
    pub fn poll(&mut self, max_wait: Duration) -> Result<Vec<Change>, KafkaError> {
        let deadline = Instant::now() + max_wait;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some(Err(error)) = self.consumer.poll(left) {
                let is_passing = match &error {
                    // A process that stood still for so long has lost its partitions, and joins again (fault 69).
                    ClientError::MessageConsumption(RDKafkaErrorCode::PollExceeded) => true,
                    ClientError::MessageConsumption(code) => is_passing(*code),
                    _ => false,
                };
                if !is_passing {
                    return Err(KafkaError::Read { reason: error.to_string() });
                }
            }
            let context = self.consumer.context();
            let changes = std::mem::take(&mut *context.queue.lock().unwrap_or_else(PoisonError::into_inner));
            if !changes.is_empty() || left.is_zero() {
                self.note(&changes);
                return Ok(changes);
            }
        }
    }

    /// The partitions this process owns, as of the last [`Self::poll`].
    #[must_use]
    pub fn owned(&self) -> &BTreeSet<i32> {
        &self.owned
    }

    fn note(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Assigned(partitions) => self.owned.extend(partitions),
                Change::Revoked(partitions) => self.owned.retain(|owned| !partitions.contains(owned)),
            }
        }
    }
}
