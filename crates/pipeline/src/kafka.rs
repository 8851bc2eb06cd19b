//! Kafka as the log: the claim's record, the place to read on, and whether this is still the same log.
//!
//! In: a partition and its state. Out: four inputs of one partition, claimed, with the barrier. A log that lost what was not read yet, or
//! was made anew, is refused in words: reading on would lose orders in silence. Not here: which partitions are ours (`group`).
//! Start at [`open`].

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use events::{Claim, Event};
use journal::{
    Position, Sink, Source, StreamId,
    kafka::{KafkaSink, KafkaSource, topics},
};

use crate::{
    options::KafkaOptions,
    outlet::{Outlet, OutletError, Topics},
    owner::Opened,
    resume::{Beginning, Noted, Resume, resume},
    run::RunError,
    store::Store,
};

/// How long the broker may take for a claim, or to show an old one.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Records at the end of the catalog's topic that are looked at for its newest version: two machines that apply at once may put a smaller
/// number behind a larger one, and never so many at a time.
const CATALOG_LOOK_BACK: u64 = 16;
/// One wait for a record.
const POLL_WAIT: Duration = Duration::from_millis(200);

/// Makes the topics where they are missing and checks their partitions (fault 73).
pub(crate) fn ensure_topics(options: &KafkaOptions) -> Result<(), RunError> {
    let count = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let topic = |name: &&std::sync::Arc<str>| {
        topics::Topic::new(name, count(options.partitions), count(options.replicas))
    };
    let mut wanted: Vec<_> = options.topics.all().iter().map(topic).collect();
    wanted.push(catalog_topic(&options.topics.catalog, count(options.replicas)));
    Ok(topics::ensure(&options.settings, &wanted)?)
}

/// Largest record of the catalog's topic with its envelope and key, as brokers and clients count it.
pub const CATALOG_MESSAGE_BYTES_MAX: u64 = journal::versions::VALUE_BYTES_MAX + 64 * 1024;

/// The catalog's topic as whoever is first makes it.
#[must_use]
pub fn catalog_topic(name: &str, replicas: i32) -> topics::Topic {
    topics::Topic::new(name, 1, replicas)
        .with("cleanup.policy", "compact")
        .with("max.message.bytes", &CATALOG_MESSAGE_BYTES_MAX.to_string())
}

/// The newest version in the catalog's topic at this moment. An earlier owner may have decided by it, so the copy on this machine must
/// have it before this owner speaks.
fn newest_catalog(options: &KafkaOptions) -> Result<u32, RunError> {
    let mut source = KafkaSource::open(&options.settings)?;
    let (oldest, end) = source.range(&options.topics.catalog, 0)?;
    let mut next = end.saturating_sub(CATALOG_LOOK_BACK).max(oldest);
    source.seek(&[Position { stream: stream(&options.topics.catalog, 0), next }])?;
    let mut newest = 0;
    let deadline = Instant::now() + ANSWER_MAX;
    while next < end {
        if deadline <= Instant::now() {
            return Err(RunError::Unanswered { what: "the catalog's newest versions" });
        }
        for record in source.poll(1, POLL_WAIT)? {
            next = record.position + 1;
            if let Ok(Event::Catalog(it)) = Event::decode(&record.bytes) {
                newest = newest.max(it.version.0);
            }
        }
        for passed in source.take_passed() {
            next = next.max(passed.next);
        }
    }
    Ok(newest)
}

/// Claims `partition` and stands at the committed positions, or at the log's beginning where there are none.
pub(crate) fn open(
    options: &KafkaOptions,
    partition: u32,
    record: Claim,
    store: &Store,
    noted: &Noted<'_>,
) -> Result<Opened, RunError> {
    let mut source = KafkaSource::open(&options.settings)?;
    let has_older_facts = check_same_log(options, partition, store, noted, &mut source)?;
    let beginnings = beginnings(options, partition, &source)?;
    let Resume { mut positions, is_rebuild } = resume(store.positions()?, &beginnings, noted)?;
    let is_rebuild = is_rebuild || has_older_facts;
    // What is not read yet begins at 0: a topic that does not is refused or made up for by facts.
    for it in &beginnings {
        if !positions.iter().any(|known| known.stream == it.stream) {
            positions.push(Position { stream: it.stream.clone(), next: it.first });
        }
    }
    let mut sink = Sink::Kafka(KafkaSink::open(&options.settings)?);
    let mut bytes = Vec::new();
    record.encode(&mut bytes).map_err(OutletError::from)?;
    let key = partition.to_be_bytes();
    let claim = sink
        .append_to(&options.topics.evidence, partition, &key, &bytes, ANSWER_MAX)
        .map_err(OutletError::from)?;
    source.seek(&positions)?;
    let barrier = source.ends()?;
    let catalog = newest_catalog(options)?;
    let outlet = Outlet::Log(sink, options.topics.clone());
    let input = Source::Kafka(source);
    Ok(Opened { claim, barrier, catalog, input, positions, is_rebuild, outlet })
}

fn stream(topic: &std::sync::Arc<str>, partition: u32) -> StreamId {
    StreamId::Topic { topic: topic.clone(), partition: number(partition) }
}

fn number(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}

/// Where each input begins by now (faults 70, 71, 76).
fn beginnings(
    options: &KafkaOptions,
    partition: u32,
    source: &KafkaSource,
) -> Result<Vec<Beginning>, RunError> {
    let Topics { lookups, evidence, .. } = &options.topics;
    let beginning = |topic: &Arc<str>| {
        let (oldest, _) = source.range(topic, number(partition))?;
        let is_inner = topic == lookups || topic == evidence;
        Ok(Beginning { stream: stream(topic, partition), oldest, first: 0, is_inner })
    };
    options.topics.inputs().into_iter().map(beginning).collect()
}

/// The last owner's claim must still lie where it was written, if anything does: a topic made anew has other records there (fault 72). Where the
/// state is lost too, its note beside the facts says which claim that was: claims that begin anew would lose to what is there. `true` where
/// the facts are of an older generation, so that no record of the log speaks of them.
fn check_same_log(
    options: &KafkaOptions,
    partition: u32,
    store: &Store,
    noted: &Noted<'_>,
    source: &mut KafkaSource,
) -> Result<bool, RunError> {
    let (claim, nonce) = if store.positions()?.is_empty() {
        match noted.note()? {
            Some(note) if note.generation == noted.generation => (note.claim, note.nonce),
            // Earlier builds did not note it.
            Some(note) if note.generation != 0 => return Ok(true),
            _ => return Ok(false),
        }
    } else {
        (store.claim()?, store.nonce()?)
    };
    let topic = &options.topics.evidence;
    let (oldest, end) = source.range(topic, number(partition))?;
    if claim < oldest {
        return Ok(false);
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
            Ok(Event::Claim(it)) if it.nonce == nonce && record.position == claim => Ok(false),
            _ => Err(replaced()),
        };
    }
    Err(RunError::Unanswered { what: "its record of our last claim" })
}
