//! Topics that were made anew, so that offsets and claims begin from 0 again, while the state is lost: noticed by what was noted beside the facts.

mod common;

use std::{
    fs,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use common::{Edges, NOON, PATIENCE, Running, Who, World, click, content, report, until, write_day};
use events::{ClickId, ClickKey, ClickMint};
use journal::{
    Sink,
    kafka::{KafkaSettings, KafkaSink},
};
use pipeline::{KafkaOptions, Log, Options, RunError, outlet::Topics};
use units::{DAY_MS, EpochMs, LinkId, Origin, VisitorId, WriterId};

/// A log of its own, under a prefix: another prefix in the same program is the same topics, made anew.
fn log() -> KafkaOptions {
    static LOGS: AtomicU32 = AtomicU32::new(0);
    let prefix = format!("anew-{}-{}", std::process::id(), LOGS.fetch_add(1, Ordering::Relaxed));
    let mut settings = KafkaSettings::new(xtask::kafka::shared(), "test");
    settings.extra.insert("session.timeout.ms".to_owned(), "6000".to_owned());
    KafkaOptions {
        settings,
        group: prefix.clone(),
        instance: "a".to_owned(),
        topics: Topics::new(&prefix),
        partitions: 1,
        replicas: 1,
    }
}

fn options(world: &World, log: &KafkaOptions, nonce: u64) -> Options {
    Options { log: Log::Kafka(Box::new(log.clone())), nonce, ..world.options() }
}

/// What edge and shipper bring into the topics.
struct Shipped {
    sink: Sink,
    topics: Topics,
    mint: ClickMint,
    sequence: u64,
}

impl Shipped {
    fn open(log: &KafkaOptions, sequence: u64) -> Self {
        Self {
            sink: Sink::Kafka(KafkaSink::open(&log.settings).expect("a producer")),
            topics: log.topics.clone(),
            mint: ClickMint::new(ClickKey::new(0, &[7; 32]), 0),
            sequence,
        }
    }

    fn origin(&mut self) -> Origin {
        self.sequence += 1;
        Origin { writer: WriterId::new(1, 0), incarnation: 9, sequence: self.sequence }
    }

    fn flush(&mut self) {
        self.sink.flush(PATIENCE).expect("acknowledged");
    }
}

impl Edges for Shipped {
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

/// A day that was read and noted; then the state is lost, and the topics are others.
fn after_the_loss() -> (World, KafkaOptions, Vec<String>) {
    let (world, log) = (World::new(), self::log());
    let running = Running::start(options(&world, &log, 1));
    running.until_quiet(0);
    let mut edge = Shipped::open(&log, 0);
    let records = write_day(&mut edge, 20);
    edge.flush();
    running.until_quiet(records);
    running.stop().expect("stops");
    fs::remove_dir_all(world.data().join("pipeline")).expect("state is lost");
    let before = content(&world.warehouse);
    (world, self::log(), before)
}

// fault 72
#[test]
fn topics_made_anew_are_refused_in_words_although_the_state_is_lost() {
    let (world, anew, before) = after_the_loss();
    let error = Running::start(options(&world, &anew, 2)).ended().expect_err("its claims would lose");
    assert!(matches!(error, RunError::LogReplaced { .. }), "{error}");
    assert!(error.to_string().contains("pipeline.generation"), "{error}");
    assert_eq!(content(&world.warehouse), before, "and nothing is touched");

    // Also when they have grown beyond the old ones' ends.
    let mut edge = Shipped::open(&anew, 1_000);
    write_day(&mut edge, 40);
    edge.flush();
    let mut sink = Sink::Kafka(KafkaSink::open(&anew.settings).expect("a producer"));
    for _ in 0..200 {
        sink.append_to(&anew.topics.evidence, 0, b"", b"another's", Duration::from_secs(30))
            .expect("appended");
    }
    let error = Running::start(options(&world, &anew, 2)).ended().expect_err("another record lies there");
    assert!(matches!(error, RunError::LogReplaced { .. }), "{error}");
}

#[test]
fn a_raised_generation_goes_on_from_facts_in_topics_made_anew() {
    let (world, anew, before) = after_the_loss();
    let running = Running::start(Options { generation: 2, ..options(&world, &anew, 2) });
    running.until_quiet(0);
    assert_eq!(content(&world.warehouse), before, "said again, and the same");
    // Late news of an old order, and a new order of an old visitor.
    let mut edge = Shipped::open(&anew, 1_000);
    edge.report(NOON.forth(DAY_MS), "order-3", 4_711, Who::Visitor(3));
    edge.report(NOON.forth(DAY_MS), "new", 4_712, Who::Visitor(5));
    edge.flush();
    until("late news find what was known", || {
        let lines = content(&world.warehouse);
        let has = |order: &str, end: &str| lines.iter().any(|it| it.contains(order) && it.ends_with(end));
        (has("order ('order-3'", ",3)") && has("credit ('new'", "4712,'approved')")).then_some(())
    });
    running.stop().expect("stops");
    // Its notes are of its own generation now.
    let running = Running::start(Options { generation: 2, ..options(&world, &anew, 2) });
    running.until_quiet(0);
    running.stop().expect("stops");
}
