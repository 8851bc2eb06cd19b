//! The shipper killed between a spool and a real broker: at its cursor's file calls, at what it sends, at deletions.
//!
//! In: a folder with a spool of two runs that names the broker. Out: a topic in which every record is at least once and, by
//! its own identity, exactly once. The judge ships the rest by other batches (faults 39, 41, 42, 65, 66). Start at [`cycle`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use journal::{
    Position, StreamId,
    kafka::{
        KafkaSettings, KafkaSource,
        topics::{self, Topic},
    },
    shipper::{Route, Settings, Shipper},
    spool::{self, Writer, delete_below},
};
use units::WriterId;

use crate::{
    said::{phase, say},
    verdict::Verdict,
    world::NOON,
};

const WRITER: WriterId = WriterId(1);
/// Records of each of the two runs.
const RECORDS: u64 = 150;
/// So that the cursor, saved once a second, is saved in the middle.
const PER_SECOND: u32 = 200;
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(5);
const PARTITIONS: i32 = 2;

/// All to one topic; the key is the record's first letter group.
struct ToOne(String);

impl Route for ToOne {
    fn route(&self, bytes: &[u8], key: &mut Vec<u8>) -> Result<&str, &'static str> {
        key.extend(bytes.split(|byte| *byte == b' ').nth(1).unwrap_or_default());
        Ok(&self.0)
    }

    fn quarantine(
        &self,
        _: &StreamId,
        _: u64,
        bytes: &[u8],
        _: &str,
        _: &mut Vec<u8>,
        value: &mut Vec<u8>,
    ) -> &str {
        value.extend_from_slice(bytes);
        &self.0
    }
}

fn value(run: u64, number: u64) -> String {
    format!("{run} k{} {number} {}", number % 5, "s".repeat(200))
}

/// A spool of two runs over several segments.
pub(crate) fn prepare(folder: &Path) -> Result<()> {
    for run in 0..2 {
        let options =
            spool::Options { segment_bytes: 16 * 1024, payload_bytes_max: 1024, ..spool::Options::default() };
        let mut writer = Writer::open(&folder.join("spool"), WRITER, NOON, options)?;
        for number in 1..=RECORDS {
            writer.append(value(run, number).as_bytes())?;
        }
    }
    Ok(())
}

fn topic(folder: &Path) -> Result<String> {
    let run = fs::read_to_string(folder.join("run")).context("the run has no number")?;
    Ok(format!("kill-{}", run.trim()))
}

fn kafka(folder: &Path) -> Result<KafkaSettings> {
    let brokers = fs::read_to_string(folder.join("kafka")).context("no broker was named")?;
    Ok(KafkaSettings::new(brokers.trim(), "victim"))
}

fn ship(folder: &Path, kafka: KafkaSettings, per_second: Option<u32>) -> Result<()> {
    let settings = Settings {
        root: folder.join("spool"),
        cursor: folder.join("cursor"),
        kafka,
        records_per_second_max: per_second,
    };
    let shipper = Shipper::start(settings, ToOne(topic(folder)?))?;
    let ends = spool::Reader::open(&folder.join("spool")).ends()?;
    let deadline = Instant::now() + PATIENCE;
    let is_done = || {
        let acknowledged: BTreeMap<StreamId, u64> =
            shipper.acknowledged().into_iter().map(|it| (it.stream, it.next)).collect();
        ends.iter().all(|end| end.next <= acknowledged.get(&end.stream).copied().unwrap_or(1))
    };
    while !is_done() {
        ensure!(Instant::now() < deadline, "not shipped: {:?}", shipper.counters());
        thread::sleep(LOOK_EVERY);
    }
    let acknowledged = shipper.acknowledged();
    let counters = shipper.stop(PATIENCE);
    ensure!(counters.quarantined == 0, "{counters:?}");
    delete(folder, &acknowledged)
}

/// What the broker has may go; said first, since from then on it may be gone.
fn delete(folder: &Path, acknowledged: &[Position]) -> Result<()> {
    phase("delete");
    for Position { stream, next } in acknowledged {
        let StreamId::Spool { writer, incarnation } = stream else { continue };
        say(&format!("deleting {incarnation} {next}"));
        delete_below(&folder.join("spool"), *writer, *incarnation, *next)?;
    }
    Ok(())
}

/// Ships all there is, with a cursor that is saved on the way, then deletes it.
pub(crate) fn cycle(folder: &Path) -> Result<()> {
    let kafka = kafka(folder)?;
    topics::ensure(&kafka, &[Topic::new(&topic(folder)?, PARTITIONS, 1)])?;
    phase("ship");
    ship(folder, kafka, Some(PER_SECOND))
}

/// Ships the rest, without waiting for company and few at a time, and reads the topic.
pub(crate) fn judge(folder: &Path, _: &str) -> Result<String> {
    let mut kafka = kafka(folder)?;
    topics::ensure(&kafka, &[Topic::new(&topic(folder)?, PARTITIONS, 1)])?;
    kafka.extra.extend([("linger.ms", "0"), ("batch.num.messages", "7")].map(|(k, v)| (k.into(), v.into())));
    ship(folder, kafka.clone(), None).context("the next shipper")?;

    let values = values(&kafka, &topic(folder)?)?;
    let distinct: BTreeSet<&String> = values.iter().collect();
    let wanted: Vec<String> = (0..2).flat_map(|run| (1..=RECORDS).map(move |it| value(run, it))).collect();
    let mut verdict = Verdict::default();
    verdict.compare(&wanted, &distinct.iter().map(|it| (*it).clone()).collect::<Vec<_>>());
    verdict.close(&format!("{} repeated on the wire", values.len() - distinct.len()))
}

/// What the topic holds.
fn values(kafka: &KafkaSettings, topic: &str) -> Result<Vec<String>> {
    let mut source = KafkaSource::open(kafka)?;
    let stream = |partition| StreamId::Topic { topic: topic.into(), partition };
    let oldest: Vec<Position> =
        (0..PARTITIONS).map(|partition| Position { stream: stream(partition), next: 0 }).collect();
    source.seek(&oldest)?;
    let total: u64 = source.ends()?.iter().map(|end| end.next).sum();
    let mut values = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while (values.len() as u64) < total {
        ensure!(Instant::now() < deadline, "{} of {total} records were read", values.len());
        for record in source.poll(1_000, Duration::from_millis(200))? {
            values.push(String::from_utf8(record.bytes.to_vec())?);
        }
    }
    Ok(values)
}
