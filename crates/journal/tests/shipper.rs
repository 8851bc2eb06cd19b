//! The shipper against brokers that are dead, slow, full or angry: every record arrives, none is passed over.
//!
//! In: a spool and librdkafka's mock cluster, which can be made to fail. Out: what a consumer finds in the topics.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "whatever fails here fails the test")]

use std::{fs, net::TcpListener, time::Duration};

use bench::{Bench, WRITER, acknowledged, assert_all_arrived, values, with_property};
use common::{Mock, PATIENCE, eventually};
use journal::{
    Position, StreamId,
    kafka::{KafkaSettings, KafkaSource},
    shipper::{Settings, Shipper},
    spool::delete_below,
};
use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};

#[path = "common/bench.rs"]
mod bench;
mod common;

fn mock() -> Mock {
    let mock = Mock::start(1);
    mock.make_topic("clicks", 2);
    mock.make_topic("quarantine", 1);
    mock
}

#[test]
fn every_record_arrives_once_and_in_order_per_key() {
    let (mock, mut bench) = (mock(), Bench::new("clicks"));
    bench.append(500);
    let shipper = bench.start(mock.settings());
    bench.append(500);
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 1000);
    let counters = shipper.stop(PATIENCE);
    assert_eq!((counters.sent, counters.acknowledged, counters.lag_records), (1000, 1000, 0));
    assert_eq!((counters.troubles, counters.trouble), (0, None));
    assert_eq!(values(&mock.settings(), "clicks", 2).len(), 1000);
    assert_all_arrived(&mock.settings(), "clicks", 1000);
}

#[test]
fn a_restart_goes_on_at_the_cursor_and_a_lost_cursor_repeats() {
    let (mock, mut bench) = (mock(), Bench::new("clicks"));
    bench.append(100);
    let shipper = bench.start(mock.settings());
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 100);
    assert_eq!(shipper.stop(PATIENCE).sent, 100);
    bench.append(10);
    let shipper = bench.start(mock.settings());
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 110);
    assert_eq!(shipper.stop(PATIENCE).sent, 10);
    // fault 41
    fs::remove_file(bench.root.path().join("cursor")).unwrap();
    let shipper = bench.start(mock.settings());
    eventually("all is acknowledged again", || acknowledged(&shipper, 1) == 110);
    assert_eq!(shipper.stop(PATIENCE).sent, 110);
    assert_all_arrived(&mock.settings(), "clicks", 110);
}

// fault 41: the file that the cursor stands in is gone, and nobody noted why.
#[test]
fn a_cursor_in_a_missing_file_goes_on_with_the_next_one() {
    let (mock, mut bench) = (mock(), Bench::new("clicks"));
    bench.append(100);
    let shipper = bench.start(mock.settings());
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 100);
    assert_eq!(shipper.stop(PATIENCE).sent, 100);
    bench.append(6_000);
    let folder = bench.root.path().join("spool/3/1");
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    assert!(3 <= files.len(), "there are files behind the cursor's");
    fs::remove_file(&files[0]).unwrap();
    let shipper = bench.start(mock.settings());
    eventually("all that is there is acknowledged", || acknowledged(&shipper, 1) == 6_100);
    let counters = shipper.stop(PATIENCE);
    let missing = counters.gone + counters.damaged;
    assert!(0 < missing && missing < 5_000, "what is missing is counted: {counters:?}");
    assert_eq!(counters.acknowledged, 6_000 - missing);
}

// fault 42
#[test]
fn segments_that_the_cursor_does_not_know_are_shipped_once() {
    let (mock, mut bench) = (mock(), Bench::new("clicks"));
    bench.append(100);
    let shipper = bench.start(mock.settings());
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 100);
    assert_eq!(shipper.stop(PATIENCE).sent, 100);
    let segments = |bench: &Bench| fs::read_dir(bench.root.path().join("spool/3/1")).unwrap().count();
    let known = segments(&bench);
    bench.append(6_000);
    assert!(known + 2 <= segments(&bench), "there are new files");
    let shipper = bench.start(mock.settings());
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 6_100);
    assert_eq!(shipper.stop(PATIENCE).sent, 6_000);
    assert_all_arrived(&mock.settings(), "clicks", 6_100);
}

// fault 56
#[test]
fn brokers_that_are_down_and_back_cost_nothing_but_time() {
    let (mock, mut bench) = (mock(), Bench::new("clicks"));
    mock.with(|mock| mock.broker_down(1)).unwrap();
    let shipper = bench.start(mock.settings());
    bench.append(300);
    eventually("the shipper has tried", || shipper.counters().sent == 300);
    assert_eq!(shipper.counters().acknowledged, 0);
    eventually("the lag is measured", || shipper.counters().lag_records == 300);
    mock.with(|mock| mock.broker_up(1)).unwrap();
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 300);
    mock.with(|mock| mock.broker_down(1)).unwrap();
    bench.append(300);
    mock.with(|mock| mock.broker_up(1)).unwrap();
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 600);
    drop(shipper);
    assert_all_arrived(&mock.settings(), "clicks", 600);
}

// fault 57
#[test]
fn a_full_queue_only_pauses_the_shipper() {
    let (mock, mut bench) = (mock(), Bench::new("clicks"));
    bench.append(2_000);
    let shipper = bench.start(with_property(mock.settings(), "queue.buffering.max.messages", "10"));
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 2_000);
    let counters = shipper.stop(PATIENCE);
    assert!(0 < counters.pauses);
    assert_eq!(counters.sent, 2_000);
    assert_all_arrived(&mock.settings(), "clicks", 2_000);
}

// fault 59
#[test]
fn records_that_cannot_be_shipped_go_to_quarantine_and_do_not_stop_the_others() {
    let (mock, mut bench) = (mock(), Bench::new("clicks"));
    bench.append(5);
    bench.writer.append(b"x").unwrap();
    bench.append(5);
    bench.writer.append(&[b'c'; 4000]).unwrap();
    bench.append(5);
    let shipper = bench.start(with_property(mock.settings(), "message.max.bytes", "3000"));
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 17);
    let counters = shipper.stop(PATIENCE);
    assert_eq!((counters.quarantined, counters.refused), (2, 0));
    assert_all_arrived(&mock.settings(), "clicks", 15);
    let quarantined = values(&mock.settings(), "quarantine", 1);
    assert_eq!(quarantined.len(), 2);
    assert_eq!(quarantined[0], "spool:3:1 6 no such letter");
    assert!(quarantined[1].starts_with("spool:3:1 12 "), "{}", quarantined[1]);
}

// faults 60 and 61
#[test]
fn a_topic_that_is_missing_or_forbidden_for_a_while_costs_nothing() {
    for error in [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
    ] {
        let (mock, mut bench) = (mock(), Bench::new("clicks"));
        mock.with(move |mock: &MockCluster<'_, DefaultProducerContext>| mock.topic_error("clicks", error))
            .unwrap();
        bench.append(50);
        let mut kafka = with_property(mock.settings(), "topic.metadata.propagation.max.ms", "300");
        kafka = with_property(kafka, "topic.metadata.refresh.interval.ms", "200");
        let shipper = bench.start(kafka);
        eventually("the trouble is known", || {
            let counters = shipper.counters();
            0 < counters.troubles && counters.trouble.is_some()
        });
        assert_eq!(shipper.counters().acknowledged, 0);
        let well = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
        mock.with(move |mock: &MockCluster<'_, DefaultProducerContext>| mock.topic_error("clicks", well))
            .unwrap();
        eventually("all is acknowledged", || acknowledged(&shipper, 1) == 50);
        assert_eq!(shipper.counters().trouble, None);
        drop(shipper);
        assert_all_arrived(&mock.settings(), "clicks", 50);
    }
}

// fault 58
#[test]
fn too_few_replicas_in_sync_is_waited_out() {
    let (mock, mut bench) = (mock(), Bench::new("clicks"));
    let few = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS;
    let after = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND;
    let errors = [few, after, few, few, after];
    mock.with(move |mock| mock.request_errors(rdkafka::types::RDKafkaApiKey::Produce, &errors));
    bench.append(200);
    let shipper = bench.start(mock.settings());
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 200);
    assert_eq!(shipper.stop(PATIENCE).troubles, 0);
    assert_all_arrived(&mock.settings(), "clicks", 200);
}

// fault 63
#[test]
fn leaders_that_change_all_the_time_lose_nothing() {
    let (mock, mut bench) = (Mock::start(3), Bench::new("clicks"));
    mock.make_topic("clicks", 2);
    let shipper = bench.start(mock.settings());
    for change in 0..30 {
        bench.append(20);
        mock.with(move |mock| mock.partition_leader("clicks", change % 2, Some(1 + change % 3))).unwrap();
        let written = bench.written;
        if change % 10 == 9 {
            eventually("all is acknowledged", || acknowledged(&shipper, 1) == written);
        }
    }
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 600);
    drop(shipper);
    assert_all_arrived(&mock.settings(), "clicks", 600);
}

// fault 62
#[test]
fn after_a_fatal_error_a_new_producer_goes_on() {
    let (mock, mut bench) = (mock(), Bench::new("clicks"));
    bench.append(20);
    let fatal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    let invalid = RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
    mock.with(move |mock| mock.request_errors(rdkafka::types::RDKafkaApiKey::Produce, &[fatal, invalid]));
    let shipper = bench.start(mock.settings());
    bench.append(500);
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 520);
    let counters = shipper.stop(PATIENCE);
    assert!(0 < counters.troubles, "the producer was replaced");
    assert_all_arrived(&mock.settings(), "clicks", 520);
}

// faults 65 and 66: a shipper that ends with a full queue has promised nothing.
#[test]
fn what_a_dead_shipper_had_in_its_queue_is_sent_by_the_next() {
    let (mock, mut bench) = (mock(), Bench::new("clicks"));
    bench.append(400);
    mock.with(|mock| mock.broker_down(1)).unwrap();
    let shipper = bench.start(mock.settings());
    eventually("the queue is full of them", || shipper.counters().sent == 400);
    drop(shipper);
    mock.with(|mock| mock.broker_up(1)).unwrap();
    // A new run of the edge, too.
    let mut bench = bench.reopened();
    bench.append(100);
    let shipper = bench.start(mock.settings());
    eventually("all is acknowledged", || {
        (acknowledged(&shipper, 1), acknowledged(&shipper, 2)) == (400, 100)
    });
    drop(shipper);
    assert_all_arrived(&mock.settings(), "clicks", 500);
}

#[test]
fn a_broker_that_was_never_there_does_not_keep_a_shipper_from_stopping() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut bench = Bench::new("clicks");
    bench.append(100);
    let shipper = bench.start(KafkaSettings::new(&format!("127.0.0.1:{port}"), "test"));
    eventually("the shipper has tried", || shipper.counters().sent == 100);
    eventually("the trouble is known", || shipper.counters().trouble.is_some());
    let counters = shipper.stop(Duration::from_millis(10));
    assert_eq!((counters.acknowledged, counters.lag_records), (0, 100));
}

#[test]
fn records_deleted_before_they_were_shipped_are_counted_and_passed() {
    let (mock, mut bench) = (mock(), Bench::new("clicks"));
    bench.append(10);
    let shipper = bench.start(mock.settings());
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 10);
    assert_eq!(shipper.stop(PATIENCE).acknowledged, 10);
    bench.append(5_000);
    let deleted = delete_below(&bench.root.path().join("spool"), WRITER, 1, 5_000).unwrap();
    assert!(10 < deleted.records);
    let shipper = bench.start(mock.settings());
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 5_010);
    let counters = shipper.stop(PATIENCE);
    assert_eq!(counters.gone, deleted.records - 10);
    assert_eq!(counters.acknowledged, 5_010 - deleted.records);
}

#[test]
fn a_rate_is_kept_by_waiting_and_not_by_dropping() {
    let (mock, mut bench) = (mock(), Bench::new("clicks"));
    bench.append(300);
    let limited = Settings { records_per_second_max: Some(200), ..bench.settings(mock.settings()) };
    let shipper = Shipper::start(limited, bench.route()).unwrap();
    eventually("the first are acknowledged", || 0 < acknowledged(&shipper, 1));
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 300);
    drop(shipper);
    assert_all_arrived(&mock.settings(), "clicks", 300);
}

// fault 64: a broker that has just become the leader of a new partition refuses the first batch and takes the second one. It then takes the first
// one, sent again, for a repeat, and librdkafka calls both delivered: real Kafka 4 lost two clicks of sixty so, in one of ten new programs.
#[test]
fn no_batch_overtakes_one_that_is_refused_once() {
    let (mock, mut bench) = (mock(), Bench::new("clicks"));
    // Slow enough for a second batch to be on its way before the first one's answer.
    mock.with(|mock| mock.broker_round_trip_time(1, Duration::from_millis(50))).unwrap();
    let shipper = bench.start(with_property(mock.settings(), "linger.ms", "0"));
    bench.append(1);
    eventually("the first record is acknowledged", || acknowledged(&shipper, 1) == 1);
    mock.with(|mock| {
        let refusals = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION];
        mock.request_errors(RDKafkaApiKey::Produce, &refusals);
    });
    for count in 2..=40 {
        bench.append(1);
        eventually("it is handed over", || shipper.counters().sent >= count);
    }
    eventually("all is acknowledged", || acknowledged(&shipper, 1) == 40);
    let by_partition = |partition| {
        let mut source = KafkaSource::open(&mock.settings()).unwrap();
        let stream = StreamId::Topic { topic: "clicks".into(), partition };
        source.seek(&[Position { stream, next: 0 }]).unwrap();
        let end = source.ends().unwrap()[0].next;
        let mut numbers: Vec<u64> = Vec::new();
        eventually("the partition is read", || {
            let records = source.poll(1000, Duration::from_millis(200)).unwrap();
            let number = |bytes: &[u8]| std::str::from_utf8(&bytes[1..]).unwrap().parse::<u64>().unwrap();
            numbers.extend(records.iter().map(|record| number(&record.bytes)));
            end <= numbers.len() as u64
        });
        numbers
    };
    for partition in [0, 1] {
        let numbers = by_partition(partition);
        assert!(numbers.is_sorted(), "{numbers:?}");
    }
    assert_all_arrived(&mock.settings(), "clicks", 40);
}
