//! What memory, spool and Kafka must all do: one suite, run on each.
//!
//! In: a journal made by [`Bench`]. Out: the same claims for all three.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "whatever fails here fails the test")]

use std::{collections::BTreeMap, time::Duration};

use common::PATIENCE;
use journal::{
    PollError, Position, Record, Sink, SinkError, Source, StreamId,
    kafka::{KafkaSink, KafkaSource},
    memory::Memory,
    partition_of,
    spool::{Options, Reader, Writer},
};
use tempfile::TempDir;
use units::{EpochMs, WriterId};

mod common;

const PARTITIONS: u32 = 3;
const WAIT: Duration = Duration::from_millis(500);

/// A journal with a writing and a reading end.
struct Bench {
    topic: String,
    sink: Sink,
    source: Source,
    /// Where reading starts.
    oldest: Vec<Position>,
    _root: Option<TempDir>,
}

fn memory() -> Bench {
    let memory = Memory::new(PARTITIONS, 10_000);
    let stream = |partition| Position { stream: memory.stream("topic", partition), next: 0 };
    Bench {
        topic: "topic".to_owned(),
        oldest: (0..PARTITIONS).map(stream).collect(),
        source: Source::Memory(memory.source(&["topic"])),
        sink: Sink::Memory(memory),
        _root: None,
    }
}

fn spool() -> Bench {
    let root = tempfile::tempdir().unwrap();
    let options = Options { segment_bytes: 64 * 1024, ..Options::default() };
    let writer = Writer::open(root.path(), WriterId(1), EpochMs(7_000), options).unwrap();
    Bench {
        topic: "topic".to_owned(),
        sink: Sink::Spool(Box::new(writer)),
        source: Source::Spool(Box::new(Reader::open(root.path()))),
        oldest: vec![Position { stream: StreamId::Spool { writer: WriterId(1), incarnation: 7 }, next: 1 }],
        _root: Some(root),
    }
}

fn kafka() -> Bench {
    let topic = common::new_topic(i32::try_from(PARTITIONS).unwrap());
    let stream = |partition| StreamId::Topic { topic: topic.as_str().into(), partition };
    let oldest: Vec<_> = (0..3).map(|partition| Position { stream: stream(partition), next: 0 }).collect();
    let mut source = KafkaSource::open(&common::settings()).unwrap();
    source.seek(&oldest).unwrap();
    let sink = Sink::Kafka(KafkaSink::open(&common::settings()).unwrap());
    Bench { topic, sink, source: Source::Kafka(source), oldest, _root: None }
}

impl Bench {
    /// Appends records `from..to`, each with its number as value and one of 20 keys.
    fn append(&mut self, from: u64, to: u64) {
        for number in from..to {
            let key = (number % 20).to_be_bytes();
            self.sink.append(&self.topic, &key, &number.to_be_bytes()).unwrap();
        }
        self.sink.flush(PATIENCE).unwrap();
    }

    fn read(&mut self, count: usize) -> Vec<Record> {
        let mut records = Vec::new();
        common::eventually("all records arrive", || {
            records.extend(self.source.poll(100, WAIT).unwrap());
            count <= records.len()
        });
        assert_eq!(records.len(), count);
        records
    }
}

fn number(record: &Record) -> u64 {
    u64::from_be_bytes(record.bytes.as_ref().try_into().unwrap())
}

fn records_come_once_and_in_the_order_of_their_stream(mut bench: Bench) {
    bench.append(0, 1000);
    let records = bench.read(1000);
    let mut streams: BTreeMap<StreamId, (u64, u64)> = BTreeMap::new();
    let mut keys: BTreeMap<u64, u64> = BTreeMap::new();
    for record in &records {
        let oldest = bench.oldest.iter().find(|oldest| oldest.stream == record.stream).unwrap();
        let (next, count) = streams.entry(record.stream.clone()).or_insert((oldest.next, 0));
        assert_eq!(record.position, *next, "dense");
        *next += 1;
        *count += 1;
        let before = keys.insert(number(record) % 20, number(record));
        assert!(before.is_none_or(|before| before < number(record)), "in order per key");
    }
    assert_eq!(streams.values().map(|(_, count)| count).sum::<u64>(), 1000);
    assert_eq!(bench.source.poll(10, Duration::from_millis(50)).unwrap(), []);
}

fn reading_goes_on_where_it_was_sought(mut bench: Bench) {
    bench.append(0, 300);
    let records = bench.read(300);
    for skipped in [0, 1, 150, 299, 300] {
        let mut positions: BTreeMap<StreamId, u64> =
            bench.oldest.iter().map(|oldest| (oldest.stream.clone(), oldest.next)).collect();
        for record in &records[..skipped] {
            positions.insert(record.stream.clone(), record.position + 1);
        }
        let positions: Vec<_> =
            positions.into_iter().map(|(stream, next)| Position { stream, next }).collect();
        bench.source.seek(&positions).unwrap();
        let mut again: Vec<u64> = bench.read(300 - skipped).iter().map(number).collect();
        let mut expected: Vec<u64> = records[skipped..].iter().map(number).collect();
        again.sort_unstable();
        expected.sort_unstable();
        assert_eq!(again, expected, "after {skipped}");
    }
}

fn ends_cover_what_was_appended_before_and_are_reached(mut bench: Bench) {
    assert_eq!(bench.source.ends().unwrap(), bench.oldest);
    bench.append(0, 100);
    let ends = bench.source.ends().unwrap();
    bench.append(100, 200);
    let mut reached: BTreeMap<StreamId, u64> = BTreeMap::new();
    for record in bench.read(200) {
        reached.insert(record.stream.clone(), record.position + 1);
        let end = ends.iter().find(|end| end.stream == record.stream).unwrap();
        assert_eq!(record.position < end.next, number(&record) < 100);
    }
    let reached: Vec<_> = reached.into_iter().map(|(stream, next)| Position { stream, next }).collect();
    assert_eq!(bench.source.ends().unwrap(), reached);
}

fn the_position_of_a_claim_is_where_it_is_found(mut bench: Bench) {
    bench.append(0, 50);
    let value = 999_u64.to_be_bytes();
    let position = bench.sink.append_to(&bench.topic, 0, b"key", &value, PATIENCE).unwrap();
    bench.append(50, 60);
    let records = bench.read(61);
    let claim = records.iter().find(|record| number(record) == 999).unwrap();
    assert_eq!(claim.position, position);
    assert_eq!(claim.stream, bench.oldest[0].stream);
}

fn a_waiting_reader_gets_what_another_thread_appends(bench: Bench) {
    let Bench { topic, mut sink, mut source, _root, .. } = bench;
    let waiting = std::thread::spawn(move || {
        let mut found = Vec::new();
        common::eventually("the record arrives", || {
            found.extend(source.poll(10, WAIT).unwrap());
            !found.is_empty()
        });
        found.iter().map(number).collect::<Vec<_>>()
    });
    sink.append(&topic, b"key", &7_u64.to_be_bytes()).unwrap();
    sink.flush(PATIENCE).unwrap();
    assert_eq!(waiting.join().unwrap(), [7]);
}

macro_rules! conforms {
    ($($claim:ident)*) => {
        mod in_memory { $(#[test] fn $claim() { super::$claim(super::memory()) })* }
        mod on_spool { $(#[test] fn $claim() { super::$claim(super::spool()) })* }
        mod on_kafka { $(#[test] fn $claim() { super::$claim(super::kafka()) })* }
    };
}

conforms! {
    records_come_once_and_in_the_order_of_their_stream
    reading_goes_on_where_it_was_sought
    ends_cover_what_was_appended_before_and_are_reached
    the_position_of_a_claim_is_where_it_is_found
    a_waiting_reader_gets_what_another_thread_appends
}

#[test]
fn memory_and_kafka_put_a_key_into_the_same_partition() {
    for mut bench in [memory(), kafka()] {
        bench.append(0, 20);
        for record in bench.read(20) {
            let partition = partition_of(&(number(&record) % 20).to_be_bytes(), PARTITIONS);
            let index = usize::try_from(partition).unwrap();
            assert_eq!(record.stream, bench.oldest[index].stream, "key {}", number(&record) % 20);
        }
    }
}

#[test]
fn a_full_memory_refuses_and_loses_nothing() {
    let memory = Memory::new(1, 3);
    let mut source = memory.source(&["topic"]);
    let mut sink = Sink::Memory(memory.clone());
    for number in 0..3 {
        sink.append("topic", b"", &[number]).unwrap();
    }
    assert!(matches!(sink.append("topic", b"", &[3]), Err(SinkError::Full)));
    assert_eq!(source.poll(10, Duration::ZERO).unwrap().len(), 3);
    let read = Position { stream: memory.stream("topic", 0), next: 2 };
    memory.forget_below(std::slice::from_ref(&read));
    sink.append("topic", b"", &[3]).unwrap();
    source.seek(&[Position { next: 1, ..read.clone() }]);
    assert!(matches!(source.poll(1, Duration::ZERO), Err(PollError::OutOfRange { oldest: 2, .. })));
    source.seek(&[read]);
    let values: Vec<_> = source.poll(10, Duration::ZERO).unwrap().iter().map(|it| it.bytes[0]).collect();
    assert_eq!(values, [2, 3]);
}
