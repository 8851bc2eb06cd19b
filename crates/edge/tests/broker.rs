//! Brokers that hang, and are back: visitors and shops do not notice, and everything arrives.
//!
//! The broker is librdkafka's own mock, whose answers can be held back.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "whatever fails here fails the test")]

mod support;

use std::{
    collections::BTreeSet,
    sync::mpsc::{self, Sender},
    time::Duration,
};

use journal::{
    Position, StreamId,
    kafka::{KafkaSettings, KafkaSource},
};
use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};
use support::{Running, start_with, until};

const PREFIX: &str = "shop.one";

type Request = Box<dyn FnOnce(&MockCluster<'static, DefaultProducerContext>) + Send>;

/// A broker on a thread of its own, which it cannot leave.
struct Mock {
    address: String,
    requests: Sender<Request>,
}

impl Mock {
    fn start(partitions: i32) -> Self {
        let (requests, received) = mpsc::channel::<Request>();
        let (started, address) = mpsc::channel();
        std::thread::spawn(move || {
            let mock = MockCluster::new(1).unwrap();
            for topic in ["clicks", "reports", "quarantine"] {
                mock.create_topic(&format!("{PREFIX}.{topic}.v1"), partitions, 1).unwrap();
            }
            started.send(mock.bootstrap_servers()).unwrap();
            for request in received {
                request(&mock);
            }
        });
        Self { address: address.recv().unwrap(), requests }
    }

    /// How long the broker thinks about each answer.
    fn think(&self, delay: Duration) {
        let (done, is_done) = mpsc::channel();
        let request: Request = Box::new(move |mock| {
            mock.broker_round_trip_time(1, delay).unwrap();
            done.send(()).unwrap();
        });
        self.requests.send(request).unwrap();
        is_done.recv().unwrap();
    }

    /// Records in each partition of a topic.
    fn counts(&self, topic: &str, partitions: i32) -> Vec<u64> {
        let source = KafkaSource::open(&KafkaSettings::new(&self.address, "test")).unwrap();
        let count = |partition| source.range(&format!("{PREFIX}.{topic}.v1"), partition).unwrap().1;
        (0..partitions).map(count).collect()
    }

    /// What a topic of one partition holds.
    fn values(&self, topic: &str) -> BTreeSet<Vec<u8>> {
        let mut source = KafkaSource::open(&KafkaSettings::new(&self.address, "test")).unwrap();
        let stream = StreamId::Topic { topic: format!("{PREFIX}.{topic}.v1").into(), partition: 0 };
        source.seek(&[Position { stream, next: 0 }]).unwrap();
        let total: u64 = source.ends().unwrap().iter().map(|end| end.next).sum();
        let mut values = Vec::new();
        until("the topic is read", || {
            let records = source.poll(1_000, Duration::from_millis(200)).unwrap();
            values.extend(records.iter().map(|record| record.bytes.to_vec()));
            total <= values.len() as u64
        });
        values.into_iter().collect()
    }
}

/// An edge that ships to the mock.
fn edge_of(mock: &Mock, properties: &[(&str, &str)]) -> Running {
    let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let properties = properties.collect();
    start_with(|options| {
        options.kafka = Some(edge::KafkaOptions {
            brokers: mock.address.clone(),
            properties,
            prefix: PREFIX.to_owned(),
            records_per_second_max: None,
        });
    })
}

fn metric(edge: &Running, series: &str) -> u64 {
    let page = edge.admin("/metrics").body;
    let line = page.lines().find_map(|it| it.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} is not on\n{page}")).parse().unwrap()
}

// faults 56, 57
#[test]
fn a_broker_that_hangs_keeps_nobody_waiting_and_gets_everything_when_it_is_back() {
    let mock = Mock::start(1);
    let properties = [
        // A queue of a moment, so that it is full at once, and requests that are given up soon.
        ("queue.buffering.max.messages", "10"),
        ("socket.timeout.ms", "1000"),
        ("reconnect.backoff.max.ms", "100"),
    ];
    let edge = edge_of(&mock, &properties);
    let delivered = |topic: &str| {
        metric(&edge, &format!("tributary_shipped_records_total{{topic=\"{topic}\",result=\"delivered\"}}"))
    };
    let backlog = || metric(&edge, "tributary_ship_backlog_records");
    for _ in 0..5 {
        assert_eq!(edge.get("/c/tea", &[]).status, 302);
    }
    until("clicks arrive", || delivered("clicks") == 5);

    mock.think(Duration::from_mins(30));
    for _ in 0..300 {
        assert_eq!(edge.get("/c/tea", &[]).status, 302);
    }
    assert_eq!(edge.get("/postback?token=first-token&order_id=1", &[]).status, 200);
    until("the producer's queue is full", || metric(&edge, "tributary_ship_pauses_total") > 0);
    until("what waits is told", || backlog() > 200);
    for _ in 0..100 {
        assert_eq!(edge.get("/c/tea", &[]).status, 302, "also while the shipper pauses");
    }
    assert_eq!(edge.admin("/readyz").status, 200, "a broker's trouble sends no visitor away");
    assert!(delivered("clicks") < 305);

    mock.think(Duration::ZERO);
    until("everything has arrived", || {
        backlog() == 0 && delivered("clicks") >= 405 && delivered("reports") >= 1
    });
    let spooled: BTreeSet<Vec<u8>> = edge.spooled().records.into_iter().collect();
    assert_eq!(spooled.len(), 406);
    let arrived: BTreeSet<Vec<u8>> =
        mock.values("clicks").into_iter().chain(mock.values("reports")).collect();
    assert_eq!(arrived, spooled);
    assert_eq!(mock.values("quarantine"), BTreeSet::new());
    let balance = edge.telemetry.edge_balance();
    assert!(balance.holds() && balance.received == 406, "{balance:?}");
}

// fault 30
#[test]
fn clicks_on_one_link_burden_no_partition_more_than_another() {
    const PARTITIONS: i32 = 12;
    const CLICKS: u64 = 2_400;
    let mock = Mock::start(PARTITIONS);
    let edge = edge_of(&mock, &[]);
    for _ in 0..CLICKS {
        assert_eq!(edge.get("/c/tea", &[]).status, 302);
    }
    let counts = || mock.counts("clicks", PARTITIONS);
    until("all have arrived", || counts().iter().sum::<u64>() >= CLICKS);
    // The key is the visitor. Five standard deviations about the mean of 200 are 68.
    assert!(counts().iter().all(|count| (130..=270).contains(count)), "{:?}", counts());
}
