//! The same road over a real broker: topics in, the real engine out, partitions shared and taken over.

mod common;

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use common::{Edges, NOON, PATIENCE, Running, Who, World, click, column, content, report, until, write_day};
use events::{ClickId, ClickKey, ClickMint};
use journal::{
    Sink,
    kafka::{KafkaSettings, KafkaSink, KafkaSource},
};
use pipeline::{KafkaOptions, Log, Options, RunError, outlet::Topics};
use units::{EpochMs, LinkId, Origin, VisitorId, WriterId};

const PARTITIONS: u32 = 4;

/// A world whose log is Kafka, with topics of its own.
struct Cloud {
    world: World,
    kafka: KafkaOptions,
}

/// A static member that leaves keeps its partitions for a session's time; here that is as short as a broker allows.
fn settings(bootstrap: &str) -> KafkaSettings {
    let mut settings = KafkaSettings::new(bootstrap, "test");
    settings.extra.insert("session.timeout.ms".to_owned(), "6000".to_owned());
    settings
}

impl Cloud {
    fn new() -> Self {
        Self::on(xtask::kafka::shared())
    }

    fn on(bootstrap: &str) -> Self {
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
    fn member(&self, name: &str) -> Options {
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

    fn data(&self, name: &str) -> PathBuf {
        self.world.data().join("members").join(name)
    }

    fn edge(&self) -> CloudEdge {
        CloudEdge {
            sink: Sink::Kafka(KafkaSink::open(&self.kafka.settings).expect("a producer")),
            topics: self.kafka.topics.clone(),
            mint: ClickMint::new(ClickKey::new(0, &[7; 32]), 0),
            sequence: 0,
        }
    }
}

/// What edge and shipper bring into the topics.
struct CloudEdge {
    sink: Sink,
    topics: Topics,
    mint: ClickMint,
    sequence: u64,
}

impl CloudEdge {
    fn origin(&mut self) -> Origin {
        self.sequence += 1;
        Origin { writer: WriterId::new(1, 0), incarnation: 9, sequence: self.sequence }
    }

    fn flush(&mut self) {
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
fn wanted(orders: u64) -> Vec<String> {
    let world = World::new();
    let mut edge = common::Edge::open(&world.data(), 0);
    let records = write_day(&mut edge, orders);
    let running = world.start();
    running.caught_up(records);
    running.stop().expect("stops");
    content(&world.warehouse)
}

/// Click ids are random, orders and credits are not.
fn decided(lines: &[String]) -> Vec<String> {
    lines.iter().filter(|line| !line.starts_with("click ")).cloned().collect()
}

/// Waits until the views show what they must.
fn shows(cloud: &Cloud, want: &[String]) {
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

#[test]
fn orders_find_their_clicks_through_the_topics() {
    let cloud = Cloud::new();
    let running = Running::start(cloud.member("a"));
    running.until_quiet(0);
    let mut edge = cloud.edge();
    // fault 74: garbage and an empty value (what a tombstone is read as) are passed.
    for bytes in [&b"garbage"[..], b""] {
        edge.sink.append(&edge.topics.clicks, b"key", bytes).expect("appended");
    }
    write_day(&mut edge, 20);
    edge.flush();
    shows(&cloud, &decided(&wanted(20)));
    assert_eq!(column(&cloud.world.warehouse, "SELECT toString(count()) FROM clicks"), ["60"]);
    let reasons = column(&cloud.world.warehouse, "SELECT reason FROM quarantine");
    assert_eq!(reasons, ["no_envelope", "no_envelope"]);
    let fates = running.status.partitions();
    assert_eq!(fates.len(), PARTITIONS as usize);
    assert!(fates.values().all(|it| it.fates.add_up() && it.claim < 10_000));
    running.stop().expect("stops");

    let source = KafkaSource::open(&cloud.kafka.settings).expect("a consumer");
    let ends = |source: &KafkaSource, topic: &str| -> u64 {
        (0..PARTITIONS.cast_signed()).map(|it| source.range(topic, it).expect("a range").1).sum()
    };
    assert!(ends(&source, &cloud.kafka.topics.decisions) >= 20);
    assert!(ends(&source, &cloud.kafka.topics.credits) >= 20);
}

#[test]
fn partitions_are_taken_over_without_state() {
    let cloud = Cloud::new();
    let first = Running::start(cloud.member("a"));
    first.until_quiet(0);
    let mut edge = cloud.edge();
    write_day(&mut edge, 12);
    edge.flush();
    let want = decided(&wanted(12));
    shows(&cloud, &want);

    // A second member takes half of the partitions, without anything on its disk.
    let second = Running::start(cloud.member("b"));
    until("the partitions are shared", || {
        let owned = |it: &Running| it.status.partitions().len();
        (owned(&second) > 0 && owned(&first) + owned(&second) == PARTITIONS as usize && second.is_quiet())
            .then_some(())
    });
    // An order that only the new owners decide, by a click that only the old one has read.
    edge.report(NOON.forth(900_000), "late", 700, Who::Visitor(3));
    edge.flush();
    until("the late order is decided", || {
        let query = "SELECT toString(tuple(partner_id, revenue_minor)) FROM orders WHERE order_id = 'late'";
        let orders = column(&cloud.world.warehouse, query);
        (orders == ["(1,700)"]).then_some(())
    });
    first.stop().expect("stops");
    second.stop().expect("stops");
}

#[test]
fn a_broker_that_dies_and_comes_back_costs_nothing() {
    let mut broker = xtask::kafka::Broker::start().expect("a broker");
    let cloud = Cloud::on(&broker.bootstrap);
    let running = Running::start(cloud.member("a"));
    running.until_quiet(0);
    let mut edge = cloud.edge();
    let early = edge.click(NOON, 1_000, 2);
    edge.flush();
    until("the click arrives", || {
        let clicks = column(&cloud.world.warehouse, "SELECT click_id FROM clicks");
        (clicks == [early.to_string()]).then_some(())
    });

    broker.kill9();
    assert!(running.status.live(NOON).is_ok(), "a broker that is away is no reason to restart");
    broker.restart().expect("comes back");
    let mut edge = CloudEdge { sequence: edge.sequence, ..cloud.edge() };
    edge.report(NOON.forth(60_000), "after", 900, Who::Visitor(1_000));
    edge.flush();
    until("the order finds the click from before", || {
        let query = "SELECT toString(tuple(order_id, partner_id)) FROM orders";
        (column(&cloud.world.warehouse, query) == ["('after',2)"]).then_some(())
    });
    running.stop().expect("stops");
}

// fault 72
#[test]
fn state_of_a_log_that_was_made_anew_is_refused() {
    let cloud = Cloud::new();
    let running = Running::start(cloud.member("a"));
    running.until_quiet(0);
    let mut edge = cloud.edge();
    write_day(&mut edge, 4);
    edge.flush();
    running.until_quiet(20);
    running.stop().expect("stops");

    // Topics of the same names on another broker, with as many records.
    let other = xtask::kafka::Broker::start().expect("a broker");
    let mut anew = Cloud { world: World::new(), kafka: cloud.kafka.clone() };
    anew.kafka.settings = settings(&other.bootstrap);
    let running = Running::start(anew.member("x"));
    running.until_quiet(0);
    running.stop().expect("stops");
    let mut edge = anew.edge();
    write_day(&mut edge, 200);
    for _ in 0..1_000 {
        let order = format!("evidence-{}", edge.sequence);
        let report = report(edge.origin(), NOON, &order, 1, Who::Visitor(1));
        let mut bytes = Vec::new();
        report.encode(&mut bytes).expect("encodes");
        edge.sink.append(&anew.kafka.topics.evidence, order.as_bytes(), &bytes).expect("appended");
    }
    edge.flush();
    let mut options = cloud.member("a");
    let kafka = KafkaOptions { instance: "a".to_owned(), ..anew.kafka.clone() };
    options.log = Log::Kafka(Box::new(kafka));
    let error = Running::start(options).ended().expect_err("refused");
    assert!(matches!(error, RunError::LogReplaced { .. }), "{error}");
}

/// An earlier owner may have decided by a version that this machine's copy does not have yet.
#[test]
fn a_new_owner_is_silent_until_its_copy_of_the_catalog_has_what_the_topic_had() {
    let cloud = Cloud::new();
    let running = Running::start(cloud.member("a"));
    running.until_quiet(0);
    running.stop().expect("stops");

    // Version 2 is in the topic, and nowhere else.
    let bytes = common::catalog_record(2, NOON, "1h");
    let mut sink = KafkaSink::open(&cloud.kafka.settings).expect("a producer");
    sink.append_to(&cloud.kafka.topics.catalog, 0, b"2", &bytes, PATIENCE).expect("appended");

    let running = Running::start(cloud.member("a"));
    // Everything is read, its own claim too, and what a turn saw is noted after the owner spoke in it.
    until("every partition has read its claim", || {
        let partitions = running.status.partitions();
        let has_read = |it: &pipeline::Progress| it.fates.consumed > 0 && it.lag() == 0;
        (partitions.len() == PARTITIONS as usize && partitions.values().all(has_read)).then_some(())
    });
    let phases: Vec<_> = running.status.partitions().values().map(|it| it.phase).collect();
    assert_eq!(phases, [pipeline::Phase::CatchingUp; PARTITIONS as usize]);

    journal::versions::append(&cloud.data("a").join("catalog"), 2, &bytes).expect("appended");
    running.until_quiet(0);
    running.stop().expect("stops");
}
