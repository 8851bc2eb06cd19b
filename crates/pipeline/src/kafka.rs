//! Kafka as the log: the claim's record, the place to read on, and whether this is still the same log.
//!
//! In: a partition and its state. Out: four inputs of one partition, claimed, with the barrier. A log that lost what was not read yet, or
//! was made anew, is refused in words: reading on would lose orders in silence. Not here: which partitions are ours (`group`).
//! Start at [`open`].

use std::time::{Duration, Instant};

use events::{Claim, Event};
use journal::{
    Position, Sink, Source, StreamId,
    kafka::{KafkaSink, KafkaSource, topics},
};

use crate::{
    options::KafkaOptions,
    outlet::{Outlet, OutletError},
    owner::Opened,
    run::RunError,
    store::Store,
};

/// How long the broker may take for a claim, or to show an old one.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// One wait for a record.
const POLL_WAIT: Duration = Duration::from_millis(200);

/// Makes the topics where they are missing and checks their partitions (fault 73).
pub(crate) fn ensure_topics(options: &KafkaOptions) -> Result<(), RunError> {
    let count = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let topic = |name: &&std::sync::Arc<str>| {
        topics::Topic::new(name, count(options.partitions), count(options.replicas))
    };
    let wanted: Vec<_> = options.topics.all().iter().map(topic).collect();
    Ok(topics::ensure(&options.settings, &wanted)?)
}

/// Claims `partition` and stands at the committed positions, or at the log's beginning where there are none.
pub(crate) fn open(
    options: &KafkaOptions,
    partition: u32,
    record: Claim,
    store: &Store,
) -> Result<Opened, RunError> {
    let mut source = KafkaSource::open(&options.settings)?;
    check_same_log(options, partition, store, &mut source)?;
    let positions = positions(options, partition, store, &source)?;
    let mut sink = Sink::Kafka(KafkaSink::open(&options.settings)?);
    let mut bytes = Vec::new();
    record.encode(&mut bytes).map_err(OutletError::from)?;
    let key = partition.to_be_bytes();
    let claim = sink
        .append_to(&options.topics.evidence, partition, &key, &bytes, ANSWER_MAX)
        .map_err(OutletError::from)?;
    source.seek(&positions)?;
    let barrier = source.ends()?;
    let outlet = Outlet::Log(sink, options.topics.clone());
    Ok(Opened { claim, barrier, input: Source::Kafka(source), positions, outlet })
}

fn stream(topic: &std::sync::Arc<str>, partition: u32) -> StreamId {
    StreamId::Topic { topic: topic.clone(), partition: number(partition) }
}

fn number(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}

/// Where to read on in each input. Without state everything is needed, so a log that has lost its beginning is refused (faults 70, 71, 76).
fn positions(
    options: &KafkaOptions,
    partition: u32,
    store: &Store,
    source: &KafkaSource,
) -> Result<Vec<Position>, RunError> {
    let known = store.positions()?;
    let mut positions = Vec::new();
    for topic in options.topics.inputs() {
        let stream = stream(topic, partition);
        let (oldest, _) = source.range(topic, number(partition))?;
        let next = match known.iter().find(|it| it.stream == stream) {
            Some(position) => position.next,
            None if oldest == 0 => 0,
            None => return Err(RunError::LogIncomplete { stream, oldest }),
        };
        if next < oldest {
            return Err(RunError::LogIncomplete { stream, oldest });
        }
        positions.push(Position { stream, next });
    }
    Ok(positions)
}

/// The last owner's claim must still lie where it was written, if anything does: a topic made anew has other records there (fault 72).
fn check_same_log(
    options: &KafkaOptions,
    partition: u32,
    store: &Store,
    source: &mut KafkaSource,
) -> Result<(), RunError> {
    let (claim, nonce) = (store.claim()?, store.nonce()?);
    let topic = &options.topics.evidence;
    let (oldest, end) = source.range(topic, number(partition))?;
    if store.positions()?.is_empty() || claim < oldest {
        return Ok(());
    }
    let replaced = || RunError::LogReplaced { stream: stream(topic, partition), claim };
    if claim >= end {
        return Err(replaced());
    }
    source.seek(&[Position { stream: stream(topic, partition), next: claim }])?;
    let deadline = Instant::now() + ANSWER_MAX;
    while Instant::now() < deadline {
        let records = source.poll(1, POLL_WAIT)?;
        let Some(record) = records.first() else { continue };
        return match Event::decode(&record.bytes) {
            Ok(Event::Claim(it)) if it.nonce == nonce && record.position == claim => Ok(()),
            _ => Err(replaced()),
        };
    }
    Err(RunError::Unanswered { what: "its record of our last claim" })
}
