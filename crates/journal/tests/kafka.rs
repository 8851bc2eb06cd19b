//! Kafka beyond what all journals share: offsets out of range, groups, topics, a spent sink.
//!
//! In: the real broker where one is named, else librdkafka's mock. Out: the faults' named behaviour.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "whatever fails here fails the test")]

use std::{collections::BTreeSet, time::Duration};

use common::{Broker, Mock, PATIENCE, eventually};
use journal::{
    PollError, Position, SinkError, StreamId,
    kafka::{
        KafkaError, KafkaGroup, KafkaSettings, KafkaSink, KafkaSource,
        topics::{self, Topic, TopicError},
    },
};

mod common;

const STEP: Duration = Duration::from_millis(50);

fn at(topic: &str, partition: i32, next: u64) -> Position {
    Position { stream: StreamId::Topic { topic: topic.into(), partition }, next }
}

fn fill(topic: &str, records: u64, payload_bytes: usize) {
    let mut settings = common::settings();
    // What a broker keeps is counted in bytes.
    settings.extra.insert("compression.codec".to_owned(), "none".to_owned());
    let mut sink = KafkaSink::open(&settings).unwrap();
    for _ in 0..records {
        sink.append(topic, b"key", &vec![7; payload_bytes]).unwrap();
    }
    sink.flush(PATIENCE).unwrap();
}

// fault 70
#[test]
fn an_offset_that_retention_has_passed_stops_the_source() {
    let topic = common::new_topic(1);
    fill(&topic, 100, 100_000);
    common::trim(&topic, 50);
    let mut source = KafkaSource::open(&common::settings()).unwrap();
    let (oldest, end) = source.range(&topic, 0).unwrap();
    assert!(0 < oldest && end == 100, "{oldest}..{end}");
    let error = source.seek(&[at(&topic, 0, oldest - 1)]).unwrap_err();
    let PollError::OutOfRange { wanted, oldest: named, .. } = error else { panic!("{error}") };
    assert_eq!((wanted, named), (oldest - 1, oldest));
    source.seek(&[at(&topic, 0, oldest)]).unwrap();
    eventually("what is left is read", || {
        let records = source.poll(1, STEP).unwrap();
        records.first().is_some_and(|record| record.position == oldest)
    });
}

// fault 72: the topic was deleted and made again, so that its offsets start at 0.
#[test]
fn a_position_beyond_the_end_is_refused() {
    let topic = common::new_topic(1);
    fill(&topic, 3, 10);
    let mut source = KafkaSource::open(&common::settings()).unwrap();
    source.seek(&[at(&topic, 0, 3)]).unwrap();
    let error = source.seek(&[at(&topic, 0, 4)]).unwrap_err();
    assert!(matches!(error, PollError::BeyondEnd { wanted: 4, end: 3, .. }), "{error}");
}

#[test]
fn a_tombstone_is_an_empty_record() {
    let topic = common::new_topic(1);
    fill(&topic, 1, 0);
    let mut source = KafkaSource::open(&common::settings()).unwrap();
    source.seek(&[at(&topic, 0, 0)]).unwrap();
    eventually("it arrives", || {
        source.poll(1, STEP).unwrap().first().is_some_and(|record| record.bytes.is_empty())
    });
}

#[test]
fn brokers_that_do_not_answer_are_an_error_and_not_a_hang() {
    let mock = Mock::start(1);
    mock.make_topic("topic", 1);
    mock.with(|mock| mock.broker_down(1)).unwrap();
    let mut sink = KafkaSink::open(&mock.settings()).unwrap();
    sink.append("topic", b"key", b"value").unwrap();
    let error = sink.flush(STEP).unwrap_err();
    assert!(matches!(error, SinkError::Kafka(KafkaError::Unconfirmed { records: 1 })), "{error}");
    let claim = sink.append_to("topic", 0, b"key", b"value", STEP).unwrap_err();
    assert!(matches!(claim, SinkError::Kafka(KafkaError::Unconfirmed { records: 2 })), "{claim}");
    mock.with(|mock| mock.broker_up(1)).unwrap();
    sink.flush(PATIENCE).unwrap();
}

// fault 57
#[test]
fn a_full_queue_is_said_and_not_waited_for() {
    let mock = Mock::start(1);
    mock.make_topic("topic", 1);
    mock.with(|mock| mock.broker_down(1)).unwrap();
    let mut settings = mock.settings();
    settings.extra.insert("queue.buffering.max.messages".to_owned(), "5".to_owned());
    let mut sink = KafkaSink::open(&settings).unwrap();
    for _ in 0..5 {
        sink.append("topic", b"key", b"value").unwrap();
    }
    assert!(matches!(sink.append("topic", b"key", b"value"), Err(SinkError::Full)));
    mock.with(|mock| mock.broker_up(1)).unwrap();
    sink.flush(PATIENCE).unwrap();
    sink.append("topic", b"key", b"value").unwrap();
    sink.flush(PATIENCE).unwrap();
}

#[test]
fn a_refused_record_spends_the_sink() {
    let mock = Mock::start(1);
    mock.make_topic("topic", 1);
    let mut settings = mock.settings();
    settings.extra.insert("message.max.bytes".to_owned(), "2000".to_owned());
    let mut sink = KafkaSink::open(&settings).unwrap();
    let error = sink.append("topic", b"key", &[1; 5000]).unwrap_err();
    assert!(matches!(error, SinkError::Kafka(KafkaError::NotDelivered { .. })), "{error}");
    let error = rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    mock.with(move |mock| mock.request_errors(rdkafka::types::RDKafkaApiKey::Produce, &[error]));
    sink.append("topic", b"key", b"value").unwrap();
    for _ in 0..2 {
        let error = sink.flush(PATIENCE).unwrap_err();
        assert!(matches!(error, SinkError::Kafka(KafkaError::NotDelivered { .. })), "{error}");
    }
    assert!(sink.append("topic", b"key", b"value").is_err());
}

fn member(group: &str, instance: &str, topic: &str) -> KafkaGroup {
    let mut settings = common::settings();
    // The smallest that brokers allow by default.
    settings.extra.insert("session.timeout.ms".to_owned(), "6000".to_owned());
    KafkaGroup::join(&settings, group, instance, topic).unwrap()
}

fn all() -> BTreeSet<i32> {
    (0..6).collect()
}

#[test]
fn members_share_all_partitions_and_inherit_from_the_dead() {
    let (topic, group) = (common::new_topic(6), common::new_name());
    let mut first = member(&group, "first", &topic);
    eventually("the only member owns all", || {
        first.poll(STEP).unwrap();
        *first.owned() == all()
    });
    let mut second = member(&group, "second", &topic);
    eventually("two share", || {
        first.poll(STEP).unwrap();
        second.poll(STEP).unwrap();
        let shared = first.owned().is_disjoint(second.owned());
        let union: BTreeSet<i32> = first.owned().union(second.owned()).copied().collect();
        shared && union == all() && !first.owned().is_empty() && !second.owned().is_empty()
    });
    drop(first);
    eventually("the survivor owns all", || {
        second.poll(STEP).unwrap();
        *second.owned() == all()
    });
}

// fault 68: within the session's time-out a restarted member gets back what it had, and nobody else is disturbed.
#[test]
fn a_static_member_that_restarts_keeps_its_partitions() {
    let (topic, group) = (common::new_topic(6), common::new_name());
    let mut first = member(&group, "first", &topic);
    let mut second = member(&group, "second", &topic);
    eventually("two share", || {
        first.poll(STEP).unwrap();
        second.poll(STEP).unwrap();
        first.owned().len() == 3 && second.owned().len() == 3
    });
    let owned = first.owned().clone();
    drop(first);
    let mut first = member(&group, "first", &topic);
    let mut disturbed = Vec::new();
    eventually("it has its partitions back", || {
        first.poll(STEP).unwrap();
        disturbed.extend(second.poll(STEP).unwrap());
        *first.owned() == owned
    });
    assert_eq!(disturbed, []);
}

// fault 73
#[test]
fn topics_with_another_number_of_partitions_are_refused() {
    let name = common::new_topic(2);
    let settings = common::settings();
    topics::check(&settings, &[Topic::new(&name, 2, 1)]).unwrap();
    let error = topics::check(&settings, &[Topic::new(&name, 3, 1)]).unwrap_err();
    assert!(matches!(error, TopicError::Partitions { found: 2, wanted: 3, .. }), "{error}");
}

#[test]
fn topics_are_made_once_and_found_again() {
    let Broker::Real(address) = common::broker() else {
        // The mock has no request that makes topics; it must say so and not succeed.
        let error = topics::ensure(&common::settings(), &[Topic::new("made", 2, 1)]).unwrap_err();
        assert!(matches!(error, TopicError::Kafka(_) | TopicError::Refused { .. }), "{error}");
        return;
    };
    let settings = KafkaSettings::new(address, "test");
    let topic = Topic::new(&common::new_name(), 2, 1).with("cleanup.policy", "compact");
    for _ in 0..2 {
        topics::ensure(&settings, std::slice::from_ref(&topic)).unwrap();
    }
    assert!(0 < topics::brokers(&settings).unwrap());
    let other = Topic { partitions: 5, ..topic };
    let error = topics::ensure(&settings, &[other]).unwrap_err();
    assert!(matches!(error, TopicError::Partitions { found: 2, wanted: 5, .. }), "{error}");
}
