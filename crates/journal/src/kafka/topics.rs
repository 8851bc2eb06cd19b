//! Makes the topics, and refuses those that would break what we rely on.
//!
//! In: the topics wanted. Out: success only if each has the number of partitions that all share, since equal keys must
//! meet in partitions of equal number. Not here: which topics there are (`pipeline`). Start at [`ensure`].

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake},
    thread::{self, Thread},
    time::Duration,
};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    types::RDKafkaErrorCode,
};

use super::{KafkaError, KafkaSettings};
use crate::{Position, StreamId};

/// How long brokers may take to answer one question.
const ANSWER: Duration = Duration::from_secs(20);

/// A topic as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Number of partitions.
    pub partitions: i32,
    /// Copies of each partition.
    pub replicas: i32,
    /// Further properties, such as `retention.ms` and `cleanup.policy`.
    pub properties: Vec<(String, String)>,
}

/// Why topics are not as they must be.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// Repartitioning needs a plan: keys would move between partitions (fault 73).
    #[error("topic {topic} has {found} partitions, {wanted} are wanted")]
    Partitions {
        /// The topic.
        topic: String,
        /// As it is.
        found: usize,
        /// As it must be.
        wanted: i32,
    },
    /// It is not there.
    #[error("topic {topic} does not exist")]
    Missing {
        /// The topic.
        topic: String,
    },
    /// The broker refused to make it.
    #[error("topic {topic} cannot be made: {reason}")]
    Refused {
        /// The topic.
        topic: String,
        /// What the broker said.
        reason: String,
    },
    /// The brokers cannot be asked.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
}

impl Topic {
    /// A topic that keeps what is acknowledged while one replica is lost, where there are as many brokers.
    #[must_use]
    pub fn new(name: &str, partitions: i32, replicas: i32) -> Self {
        let in_sync = (replicas - 1).max(1);
        let properties = [
            ("min.insync.replicas", in_sync.to_string()),
            ("unclean.leader.election.enable", "false".to_owned()),
            ("message.timestamp.type", "CreateTime".to_owned()),
        ];
        let properties = properties.map(|(name, value)| (name.to_owned(), value)).into();
        Self { name: name.to_owned(), partitions, replicas, properties }
    }

    /// The same with one more property.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.properties.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Makes the topics that are missing and checks all of them.
pub fn ensure(settings: &KafkaSettings, topics: &[Topic]) -> Result<(), TopicError> {
    let admin = admin(&settings.admin())?;
    let wanted: Vec<NewTopic<'_>> = topics.iter().map(new_topic).collect();
    let options = AdminOptions::new().operation_timeout(Some(ANSWER)).request_timeout(Some(ANSWER));
    let results = wait_for(admin.create_topics(&wanted, &options)).map_err(|error| unreachable(&error))?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(TopicError::Refused { topic, reason: code.to_string() }),
        }
    }
    check(settings, topics)
}

/// Checks that the topics are there and have their number of partitions.
pub fn check(settings: &KafkaSettings, topics: &[Topic]) -> Result<(), TopicError> {
    let admin = admin(&settings.admin())?;
    for topic in topics {
        let metadata =
            admin.inner().fetch_metadata(Some(&topic.name), ANSWER).map_err(|error| unreachable(&error))?;
        let found = metadata.topics().first().map_or(0, |found| found.partitions().len());
        if found == 0 {
            return Err(TopicError::Missing { topic: topic.name.clone() });
        }
        if i32::try_from(found).ok() != Some(topic.partitions) {
            return Err(TopicError::Partitions {
                topic: topic.name.clone(),
                found,
                wanted: topic.partitions,
            });
        }
    }
    Ok(())
}

/// Deletes what lies before each position: what retention does by itself, at once. For drills; nothing here calls it.
pub fn trim(settings: &KafkaSettings, to: &[Position]) -> Result<(), TopicError> {
    let admin = admin(&settings.admin())?;
    let mut offsets = TopicPartitionList::new();
    for Position { stream, next } in to {
        let StreamId::Topic { topic, partition } = stream else { continue };
        let offset = Offset::Offset(i64::try_from(*next).unwrap_or(i64::MAX));
        offsets.add_partition_offset(topic, *partition, offset).map_err(|error| unreachable(&error))?;
    }
    let options = AdminOptions::new().operation_timeout(Some(ANSWER)).request_timeout(Some(ANSWER));
    wait_for(admin.delete_records(&offsets, &options)).map_err(|error| unreachable(&error))?;
    Ok(())
}

/// Number of brokers: replicas beyond it cannot be had.
pub fn brokers(settings: &KafkaSettings) -> Result<usize, TopicError> {
    let admin = admin(&settings.admin())?;
    let metadata = admin.inner().fetch_metadata(None, ANSWER).map_err(|error| unreachable(&error))?;
    Ok(metadata.brokers().len())
}

fn admin(config: &ClientConfig) -> Result<AdminClient<DefaultClientContext>, KafkaError> {
    config.create().map_err(|error| KafkaError::Settings { reason: error.to_string() })
}

fn new_topic(topic: &Topic) -> NewTopic<'_> {
    let new = NewTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(topic.replicas));
    topic.properties.iter().fold(new, |new, (name, value)| new.set(name, value))
}

fn unreachable(error: &dyn std::fmt::Display) -> KafkaError {
    KafkaError::Unreachable { reason: error.to_string() }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs the admin client's futures, which a thread of librdkafka completes; a whole runtime would be more than that.
fn wait_for<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
