//! A world whose log is Kafka: topics of its own, members with folders of their own, and what edge and shipper bring into the topics.
//!
//! In: a broker's address. Out: members to start, and what the views must show of a day.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use events::{ClickId, ClickKey, ClickMint};
use journal::{
    Position, Sink, StreamId,
    kafka::{KafkaSettings, KafkaSink, KafkaSource, topics},
};
use pipeline::{KafkaOptions, Log, Options, outlet::Topics};
use units::{EpochMs, LinkId, Origin, VisitorId, WriterId};

use super::common::{self, Edges, PATIENCE, Who, World, click, content, report, write_day};

pub(crate) const PARTITIONS: u32 = 4;

/// A world whose log is Kafka, with topics of its own.
pub(crate) struct Cloud {
    pub(crate) world: World,
    pub(crate) kafka: KafkaOptions,
}

/// A static member that leaves keeps its partitions for a session's time; here that is as short as a broker allows.
pub(crate) fn settings(bootstrap: &str) -> KafkaSettings {
    let mut settings = KafkaSettings::new(bootstrap, "test");
    settings.extra.insert("session.timeout.ms".to_owned(), "6000".to_owned());
    settings
}

impl Cloud {
    pub(crate) fn new() -> Self {
        Self::on(xtask::kafka::shared())
    }

    pub(crate) fn on(bootstrap: &str) -> Self {
        static WORLDS: AtomicU32 = AtomicU32::new(0);
        let number = WORLDS.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("pipeline-{}-{number}", std::process::id());
        let kafka = KafkaOptions {
            settings: settings(bootstrap),
            group: prefix.clone(),
            instance: String::new(),
            topics: Topics::new(&prefix),
            partitions: PARTITIONS,
            replicas: 1,
        };
        Self { world: World::new(), kafka }
    }

    /// A member of the group with a data directory of its own; the catalog is copied there as the mirror does.
    pub(crate) fn member(&self, name: &str) -> Options {
        let data = self.data(name);
        if !data.exists() {
            fs::create_dir_all(data.join("catalog")).expect("a folder");
            for entry in fs::read_dir(self.world.data().join("catalog")).expect("a folder") {
                let entry = entry.expect("an entry");
                fs::copy(entry.path(), data.join("catalog").join(entry.file_name())).expect("copied");
            }
        }
        let kafka = KafkaOptions { instance: name.to_owned(), ..self.kafka.clone() };
        let nonce = name.bytes().fold(1, |hash, byte| hash * 31 + u64::from(byte));
        let log = Log::Kafka(Box::new(kafka));
        Options { log, nonce, ..Options::embedded(data, self.world.warehouse.clone()) }
    }

    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.world.data().join("members").join(name)
    }

    /// Retention passes: whatever is in the topics by now is gone.
    pub(crate) fn trim(&self) {
        let source = KafkaSource::open(&self.kafka.settings).expect("a consumer");
        let mut ends = Vec::new();
        for topic in self.kafka.topics.inputs() {
            for partition in 0..PARTITIONS.cast_signed() {
                let (_, next) = source.range(topic, partition).expect("a range");
                let stream = StreamId::Topic { topic: topic.clone(), partition };
                ends.push(Position { stream, next });
            }
        }
        topics::trim(&self.kafka.settings, &ends).expect("trimmed");
    }

    pub(crate) fn edge(&self) -> CloudEdge {
        CloudEdge {
            sink: Sink::Kafka(KafkaSink::open(&self.kafka.settings).expect("a producer")),
            topics: self.kafka.topics.clone(),
            mint: ClickMint::new(ClickKey::new(0, &[7; 32]), 0),
            sequence: 0,
        }
    }
}

/// What edge and shipper bring into the topics.
pub(crate) struct CloudEdge {
    pub(crate) sink: Sink,
    pub(crate) topics: Topics,
    pub(crate) mint: ClickMint,
    pub(crate) sequence: u64,
}

impl CloudEdge {
    pub(crate) fn origin(&mut self) -> Origin {
        self.sequence += 1;
        Origin { writer: WriterId::new(1, 0), incarnation: 9, sequence: self.sequence }
    }

    pub(crate) fn flush(&mut self) {
        self.sink.flush(PATIENCE).expect("acknowledged");
    }
}

impl Edges for CloudEdge {
    fn click(&mut self, at: EpochMs, visitor: u64, partner: u32) -> ClickId {
        let id = self.mint.mint(at, LinkId(partner), VisitorId(visitor));
        let mut bytes = Vec::new();
        click(self.origin(), id, partner).encode(&mut bytes).expect("encodes");
        self.sink.append(&self.topics.clicks, &visitor.to_be_bytes(), &bytes).expect("appended");
        id
    }

    fn report(&mut self, at: EpochMs, name: &str, minor: i64, who: Who) {
        let report = report(self.origin(), at, name, minor, who);
        let key = report.key.log_key();
        let mut bytes = Vec::new();
        report.encode(&mut bytes).expect("encodes");
        self.sink.append(&self.topics.reports, &key, &bytes).expect("appended");
    }
}

/// What the views must show of [`write_day`], by the same records over the embedded road.
pub(crate) fn wanted(orders: u64) -> Vec<String> {
    let world = World::new();
    let mut edge = common::Edge::open(&world.data(), 0);
    let records = write_day(&mut edge, orders);
    let running = world.start();
    running.caught_up(records);
    running.stop().expect("stops");
    content(&world.warehouse)
}

/// Click ids are random, orders and credits are not.
pub(crate) fn decided(lines: &[String]) -> Vec<String> {
    lines.iter().filter(|line| !line.starts_with("click ")).cloned().collect()
}

/// Waits until the views show what they must.
pub(crate) fn shows(cloud: &Cloud, want: &[String]) {
    let mut seen = Vec::new();
    let deadline = std::time::Instant::now() + PATIENCE;
    while std::time::Instant::now() < deadline {
        seen = decided(&content(&cloud.world.warehouse));
        if seen == want {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(seen, want);
}
