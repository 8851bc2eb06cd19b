//! The shipper and real brokers: too few replicas, leaders that change, rights that are revoked, topics that are missing, batches that are refused.
//!
//! In: clusters of this test. Out: every record is in its topic, and the trouble was known while it lasted. The mock's shorter forms of the same
//! faults stand in `shipper.rs`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "whatever fails here fails the test")]

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use bench::{Bench, acknowledged, assert_all_arrived, values, with_property};
use common::{PATIENCE, eventually};
use journal::{
    kafka::{
        KafkaSettings,
        topics::{self, Topic},
    },
    shipper::Shipper,
};
use xtask::kafka::{Broker, Cluster, Options};

#[path = "common/bench.rs"]
mod bench;
mod common;
#[path = "common/wire.rs"]
mod wire;

/// Leaders in all.
const LEADER_CHANGES: usize = 100;

/// Three brokers, for one test at a time; each test has a topic of its own.
fn three() -> MutexGuard<'static, Cluster> {
    static CLUSTER: OnceLock<Mutex<Cluster>> = OnceLock::new();
    let start = || Mutex::new(Cluster::start(&Options { brokers: 3, ..Options::default() }).unwrap());
    CLUSTER.get_or_init(start).lock().unwrap_or_else(PoisonError::into_inner)
}

fn make(settings: &KafkaSettings, name: &str, partitions: i32, replicas: i32, properties: &[(&str, &str)]) {
    let topic = Topic::new(name, partitions, replicas);
    let topic = properties.iter().fold(topic, |topic, (name, value)| topic.with(name, value));
    // Just made, a topic may not be known to every broker yet.
    eventually("the topic is there", || topics::ensure(settings, std::slice::from_ref(&topic)).is_ok());
}

/// The shipper says what is wrong, and nothing is acknowledged meanwhile.
fn is_in_trouble(shipper: &Shipper, before: u64) {
    eventually("the trouble is known", || shipper.counters().trouble.is_some());
    assert_eq!(acknowledged(shipper, 1), before);
}

// fault 58
#[test]
fn without_enough_replicas_nothing_is_acknowledged_and_later_all_of_it() {
    let mut cluster = three();
    let settings = KafkaSettings::new(cluster.bootstrap(), "test");
    let mut bench = Bench::new("scarce");
    make(&settings, "scarce", 2, 3, &[("min.insync.replicas", "3")]);
    bench.append(200);
    let shipper = bench.start(settings.clone());
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 200);
    cluster.kill9(2);
    // As long as the dead broker counts as in sync, a batch is neither taken nor refused.
    bench.append(200);
    eventually("it is handed over", || shipper.counters().sent >= 400);
    is_in_trouble(&shipper, 200);
    cluster.restart(2).unwrap();
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 400);
    assert_eq!(shipper.stop(PATIENCE).quarantined, 0);
    assert_all_arrived(&settings, "scarce", 400);
}

// fault 63
#[test]
fn a_hundred_changes_of_leader_under_load_lose_nothing() {
    let cluster = three();
    let settings = KafkaSettings::new(cluster.bootstrap(), "test");
    let mut bench = Bench::new("restless");
    make(&settings, "restless", 2, 3, &[]);
    let shipper = bench.start(with_property(settings.clone(), "linger.ms", "0"));
    let leaders = [[1, 2, 3], [2, 3, 1], [3, 1, 2]];
    for change in 0..LEADER_CHANGES {
        bench.append(20);
        let partition = i32::try_from(change % 2).unwrap();
        wire::lead(cluster.bootstrap(), "restless", partition, leaders[(change / 2) % 3]);
        let handed_over = bench.written.saturating_sub(100);
        eventually("the shipper follows", || acknowledged(&shipper, 1) >= handed_over);
    }
    let all = bench.written;
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == all);
    drop(shipper);
    assert_all_arrived(&settings, "restless", all);
}

// fault 61
#[test]
fn revoked_rights_are_retried_with_an_alarm_until_they_are_back() {
    let properties = [
        ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
        ("allow.everyone.if.no.acl.found", "true"),
    ];
    let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let cluster = Cluster::start(&Options { properties, ..Options::default() }).unwrap();
    let settings = KafkaSettings::new(cluster.bootstrap(), "test");
    let mut bench = Bench::new("guarded");
    make(&settings, "guarded", 2, 1, &[]);
    bench.append(50);
    let shipper = bench.start(settings.clone());
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 50);
    wire::revoke_writing(cluster.bootstrap(), "guarded");
    // Rights reach the broker by the controller's log, so the first records may still pass.
    eventually("it is refused again and again", || {
        bench.append(1);
        shipper.counters().troubles > 1
    });
    let trouble = shipper.counters().trouble.unwrap();
    assert!(trouble.contains("guarded") && trouble.to_lowercase().contains("authoriz"), "{trouble}");
    assert!(acknowledged(&shipper, 1) < bench.written, "the spool holds it");
    wire::grant_all(cluster.bootstrap(), "guarded");
    let all = bench.written;
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == all);
    assert_eq!(shipper.counters().trouble, None);
    drop(shipper);
    assert_all_arrived(&settings, "guarded", all);
}

// fault 60
#[test]
fn a_topic_that_is_made_late_gets_everything() {
    let cluster = Broker::start().unwrap();
    let settings = KafkaSettings::new(&cluster.bootstrap, "test");
    let mut bench = Bench::new("late");
    bench.append(100);
    // How long a topic may be unknown before its records are given back: 30 s otherwise.
    let hasty = with_property(settings.clone(), "topic.metadata.propagation.max.ms", "1000");
    let shipper = bench.start(with_property(hasty, "topic.metadata.refresh.interval.ms", "500"));
    eventually("it is refused", || shipper.counters().troubles > 0);
    is_in_trouble(&shipper, 0);
    make(&settings, "late", 2, 1, &[]);
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 100);
    drop(shipper);
    assert_all_arrived(&settings, "late", 100);
}

// fault 59: a broker refuses the whole batch for one record in it.
#[test]
fn a_batch_that_is_refused_costs_none_but_the_record_at_fault() {
    let cluster = Broker::start().unwrap();
    let settings = KafkaSettings::new(&cluster.bootstrap, "test");
    let settings = with_property(settings, "compression.codec", "none");
    let mut bench = Bench::new("narrow");
    make(&settings, "narrow", 2, 1, &[("max.message.bytes", "3000")]);
    make(&settings, "quarantine", 1, 1, &[]);
    // More than one batch may hold, and one record that is too large by itself.
    bench.append(400);
    bench.writer.append(&[b'c'; 4_000]).unwrap();
    bench.append(400);
    let shipper = bench.start(settings.clone());
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 801);
    let counters = shipper.stop(PATIENCE);
    assert_eq!((counters.quarantined, counters.refused), (1, 0));
    assert!(counters.troubles > 0, "and it was said");
    assert_all_arrived(&settings, "narrow", 800);
    let quarantined = values(&settings, "quarantine", 1);
    assert!(quarantined.iter().all(|it| it.starts_with("spool:3:1 401 ")), "{quarantined:?}");
}
