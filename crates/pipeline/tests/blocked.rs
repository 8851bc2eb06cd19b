//! Records that are there and cannot be read: a damaged batch in a real broker's file, and a foreign producer's open transaction.
//!
//! Out: the partition is named and waits where it is, nothing is jumped over, the others go on, and so does it when the cause is gone.

#![expect(clippy::indexing_slicing, reason = "whatever fails here fails the test")]

mod common;

#[path = "common/cloud.rs"]
mod cloud;

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use cloud::{Cloud, CloudEdge, PARTITIONS, decided, shows, wanted};
use common::{Edges as _, NOON, PATIENCE, Running, Who, click, column, report, until, write_day};
use journal::{Blockage, Blocked, StreamId, kafka::KafkaSource, partition_of};
use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use units::{LinkId, VisitorId};

/// The partition that has to wait.
const BLOCKED: u32 = 2;

/// What waits, and why, once it is known.
fn blocked(running: &Running, why: Blockage) -> Vec<Blocked> {
    until("the partition waits and says so", || {
        let partitions = running.status.partitions();
        let blocked: Vec<Blocked> = partitions.values().flat_map(|it| it.blocked.clone()).collect();
        blocked.iter().any(|it| it.why == why).then_some(blocked)
    })
}

/// Visitors whose clicks lie in the partition, and others.
fn visitors(is_blocked: bool) -> impl Iterator<Item = u64> {
    let is_its =
        move |visitor: &u64| (partition_of(&visitor.to_be_bytes(), PARTITIONS) == BLOCKED) == is_blocked;
    (1_000..).filter(is_its)
}

fn clicks_of(edge: &mut CloudEdge, visitors: impl Iterator<Item = u64>) {
    for (visitor, at) in visitors.zip(0..) {
        edge.click(NOON.forth(at), visitor, 1);
    }
    edge.flush();
}

fn clicks_stored(cloud: &Cloud) -> u64 {
    let count = column(&cloud.world.warehouse, "SELECT toString(count()) FROM clicks");
    count[0].parse().expect("a number")
}

/// Turns the bits of one byte of a file.
fn turn(file: &Path, at: u64) {
    let file = File::options().read(true).write(true).open(file).expect("the broker's file");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("a byte");
    file.write_all_at(&[!byte[0]], at).expect("written");
}

// fault 77
#[test]
fn a_damaged_batch_stops_its_partition_alone_until_it_is_mended() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = xtask::kafka::Options { data: Some(folder.path().to_owned()), ..Default::default() };
    let broker = xtask::kafka::Cluster::start(&options).expect("a broker");
    let cloud = Cloud::on(broker.bootstrap());
    let running = Running::start(cloud.member("a"));
    running.until_quiet(0);
    let mut edge = cloud.edge();
    clicks_of(&mut edge, visitors(true).take(20));
    until("they are stored", || (clicks_stored(&cloud) == 20).then_some(()));
    running.stop().expect("stops");

    let clicks = &cloud.kafka.topics.clicks;
    let file = format!("broker-1/log/{clicks}-{BLOCKED}/00000000000000000000.log");
    let file: PathBuf = folder.path().join(file);
    clicks_of(&mut edge, visitors(true).skip(20).take(5));
    // The last byte of the last batch.
    let damaged_at = fs::metadata(&file).expect("the broker's file").len() - 1;
    turn(&file, damaged_at);
    // Behind the damaged batch, in the same partition, and in the others.
    clicks_of(&mut edge, visitors(true).skip(25).take(5));
    clicks_of(&mut edge, visitors(false).take(30));

    let running = Running::start(cloud.member("a"));
    let waiting = blocked(&running, Blockage::DamagedBatch);
    let stream = StreamId::Topic { topic: clicks.clone(), partition: BLOCKED.cast_signed() };
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    assert_eq!((&waiting[0].stream, waiting[0].at), (&stream, 20));
    let said = until("it is not ready", || running.status.ready(NOON).err());
    assert!(said.contains("partition 2"), "{said}");
    until("the others go on", || (clicks_stored(&cloud) == 50).then_some(()));
    let reason = format!("{{partition=\"2\",stream=\"{stream}\",reason=\"damaged_batch\"}} 10");
    until("the alarm counts what waits", || running.status.metrics().contains(&reason).then_some(()));
    assert!(running.status.live(NOON).is_ok(), "a restart would not help");
    assert_eq!(clicks_stored(&cloud), 50, "nothing behind it is taken");

    turn(&file, damaged_at);
    until("all of it is stored", || (clicks_stored(&cloud) == 60).then_some(()));
    running.until_quiet(0);
    assert!(running.status.ready(NOON).is_ok());
    assert!(!running.status.metrics().contains("blocked"));
    running.stop().expect("stops");
}

/// A producer of somebody else, with transactions.
fn foreign(brokers: &str, id: &str) -> BaseProducer {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("transactional.id", id)
        .set("transaction.timeout.ms", "600000");
    let producer: BaseProducer = config.create().expect("a producer");
    producer.init_transactions(PATIENCE).expect("begun");
    producer
}

// fault 78
#[test]
fn a_foreign_open_transaction_holds_its_partition_up_by_name_and_leaves_nothing_behind() {
    let cloud = Cloud::new();
    let running = Running::start(cloud.member("a"));
    running.until_quiet(0);
    let (clicks, reports) = (&cloud.kafka.topics.clicks, &cloud.kafka.topics.reports);
    let partition = BLOCKED.cast_signed();
    let mut edge = cloud.edge();
    let foreign = foreign(&cloud.kafka.settings.brokers, &cloud.kafka.group);
    foreign.begin_transaction().expect("begun");
    let mut click_bytes = Vec::new();
    let id = edge.mint.mint(NOON, LinkId(1), VisitorId(77));
    click(edge.origin(), id, 1).encode(&mut click_bytes).expect("encodes");
    let mut report_bytes = Vec::new();
    let taken_back = report(edge.origin(), NOON, "taken-back", 500, Who::Visitor(77));
    taken_back.encode(&mut report_bytes).expect("encodes");
    for (topic, bytes) in [(clicks, &click_bytes), (reports, &report_bytes)] {
        let record = BaseRecord::<[u8], [u8]>::to(topic).partition(partition).payload(bytes);
        foreign.send(record).expect("sent");
    }
    foreign.flush(PATIENCE).expect("written");
    clicks_of(&mut edge, visitors(true).take(5));
    clicks_of(&mut edge, visitors(false).take(5));

    let waiting = blocked(&running, Blockage::OpenTransaction);
    let stream = StreamId::Topic { topic: clicks.clone(), partition };
    until("what it holds back is counted", || {
        let all = running.status.partitions();
        let held = all.get(&BLOCKED).map(|it| (it.held(&stream), it.lag_records.get(&stream).copied()));
        (held == Some((6, Some(6)))).then_some(())
    });
    assert!(waiting.iter().all(|it| it.stream.to_string().ends_with(":2")), "{waiting:?}");
    until("the other partitions go on", || (clicks_stored(&cloud) == 5).then_some(()));
    assert!(running.status.metrics().contains("reason=\"open_transaction\"} 6"));
    foreign.abort_transaction(PATIENCE).expect("taken back");

    until("what it held up is stored", || (clicks_stored(&cloud) == 10).then_some(()));
    let want = decided(&wanted(6));
    write_day(&mut edge, 6);
    edge.flush();
    shows(&cloud, &want);
    // The last record of the partition is the transaction's marker, which nobody is given.
    for _ in 0..2 {
        foreign.begin_transaction().expect("begun");
        let record = BaseRecord::<[u8], [u8]>::to(clicks).partition(partition).payload(b"no event");
        foreign.send(record).expect("sent");
        foreign.commit_transaction(PATIENCE).expect("committed");
    }
    let source = KafkaSource::open(&cloud.kafka.settings).expect("a consumer");
    let end = source.range(clicks, partition).expect("a range").1;
    until("all of it is read", || {
        let partitions = running.status.partitions();
        let progress = partitions.get(&BLOCKED)?;
        let is_all = end > 0 && progress.lag() == 0 && progress.fates.by_reason.contains_key("no_envelope");
        is_all.then_some(())
    });
    running.stop().expect("stops");
    // A new owner waits for the end of each input as it is: also when that is a marker.
    let running = Running::start(cloud.member("b"));
    running.until_quiet(0);
    running.stop().expect("stops");
    let orders = column(&cloud.world.warehouse, "SELECT order_id FROM orders WHERE order_id = 'taken-back'");
    assert!(orders.is_empty(), "what was taken back is no report");
}
