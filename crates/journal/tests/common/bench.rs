//! A spool with a shipper: numbered records on one side, what a consumer finds in the topics on the other.
//!
//! In: brokers. Out: whether each record arrived.

#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::{collections::BTreeSet, path::Path, time::Duration};

use journal::{
    Position, StreamId,
    kafka::{KafkaSettings, KafkaSource},
    shipper::{Route, Settings, Shipper},
    spool::{Options, Writer},
};
use tempfile::TempDir;
use units::{EpochMs, WriterId};

use super::common::eventually;

pub(crate) const WRITER: WriterId = WriterId(3);

/// Records begin with a letter: `c` goes to the topic, `x` nowhere.
pub(crate) struct ByLetter(String);

impl Route for ByLetter {
    fn route(&self, bytes: &[u8], key: &mut Vec<u8>) -> Result<&str, &'static str> {
        key.extend_from_slice(&bytes[1..]);
        if bytes[0] == b'c' { Ok(&self.0) } else { Err("no such letter") }
    }

    fn quarantine(
        &self,
        stream: &StreamId,
        position: u64,
        _: &[u8],
        reason: &str,
        key: &mut Vec<u8>,
        value: &mut Vec<u8>,
    ) -> &'static str {
        key.push(0);
        value.extend_from_slice(format!("{stream} {position} {reason}").as_bytes());
        "quarantine"
    }
}

pub(crate) struct Bench {
    topic: String,
    pub(crate) root: TempDir,
    pub(crate) writer: Writer,
    pub(crate) written: u64,
}

impl Bench {
    pub(crate) fn new(topic: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let writer = open(root.path());
        Self { topic: topic.to_owned(), root, writer, written: 0 }
    }

    pub(crate) fn settings(&self, kafka: KafkaSettings) -> Settings {
        Settings {
            root: self.root.path().join("spool"),
            cursor: self.root.path().join("cursor"),
            kafka,
            records_per_second_max: None,
        }
    }

    pub(crate) fn route(&self) -> ByLetter {
        ByLetter(self.topic.clone())
    }

    /// The same spool, whose writer begins anew.
    pub(crate) fn reopened(self) -> Self {
        let Self { topic, root, writer, written } = self;
        drop(writer);
        let writer = open(root.path());
        Self { topic, root, writer, written }
    }

    pub(crate) fn start(&self, kafka: KafkaSettings) -> Shipper {
        Shipper::start(self.settings(kafka), self.route()).unwrap()
    }

    pub(crate) fn append(&mut self, count: u64) {
        for _ in 0..count {
            self.written += 1;
            self.writer.append(format!("c{}", self.written).as_bytes()).unwrap();
        }
    }
}

fn open(root: &Path) -> Writer {
    let options = Options { segment_bytes: 64 * 1024, ..Options::default() };
    Writer::open(&root.join("spool"), WRITER, EpochMs(1_000), options).unwrap()
}

/// What a topic holds now.
pub(crate) fn values(kafka: &KafkaSettings, topic: &str, partitions: i32) -> Vec<String> {
    let mut source = KafkaSource::open(kafka).unwrap();
    let stream = |partition| StreamId::Topic { topic: topic.into(), partition };
    let oldest: Vec<_> =
        (0..partitions).map(|partition| Position { stream: stream(partition), next: 0 }).collect();
    // A leader that was just elected does not know its end yet (KIP-207).
    eventually("the leaders know where they end", || source.seek(&oldest).is_ok());
    let mut total = 0;
    eventually("the leaders say where they end", || {
        let ends = source.ends();
        total = ends.iter().flatten().map(|end| end.next).sum();
        ends.is_ok()
    });
    let mut values = Vec::new();
    eventually("the topic is read", || {
        let records = source.poll(1000, Duration::from_millis(200)).unwrap();
        values.extend(records.iter().map(|record| String::from_utf8(record.bytes.to_vec()).unwrap()));
        total <= values.len() as u64
    });
    values
}

/// Each of the records `1..=count` is there; repeats are allowed.
pub(crate) fn assert_all_arrived(kafka: &KafkaSettings, topic: &str, count: u64) {
    let found: BTreeSet<String> = values(kafka, topic, 2).into_iter().collect();
    let expected: BTreeSet<String> = (1..=count).map(|number| format!("c{number}")).collect();
    assert_eq!(found, expected);
}

pub(crate) fn acknowledged(shipper: &Shipper, incarnation: u32) -> u64 {
    let stream = StreamId::Spool { writer: WRITER, incarnation };
    shipper.acknowledged().iter().find(|it| it.stream == stream).map_or(0, |position| position.next - 1)
}

pub(crate) fn with_property(mut kafka: KafkaSettings, name: &str, value: &str) -> KafkaSettings {
    kafka.extra.insert(name.to_owned(), value.to_owned());
    kafka
}
