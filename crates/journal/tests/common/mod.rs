//! The broker that tests use: the real one that `cargo xtask test` starts, else librdkafka's own mock.
//!
//! In: nothing. Out: a bootstrap address, and topics on it. A test never passes because there is no broker.

#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::{
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc::{self, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use journal::kafka::{
    KafkaSettings,
    topics::{self, Topic},
};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    mocking::MockCluster,
};

/// Set by `cargo xtask test`.
const REAL_BROKER: &str = "TRIBUTARY_TEST_KAFKA";
/// Longest wait for anything a test expects.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

static TOPICS: AtomicU32 = AtomicU32::new(0);

/// What is asked of the thread that owns a mock, which cannot leave it.
type Request = Box<dyn FnOnce(&MockCluster<'static, rdkafka::producer::DefaultProducerContext>) + Send>;

/// librdkafka's mock of a cluster.
pub(crate) struct Mock {
    pub(crate) address: String,
    requests: Mutex<Sender<Request>>,
}

/// A broker for this process.
pub(crate) enum Broker {
    Real(String),
    Mock(Mock),
}

impl Mock {
    pub(crate) fn start(brokers: i32) -> Self {
        let (requests, received) = mpsc::channel::<Request>();
        let (started, address) = mpsc::channel();
        thread::spawn(move || {
            let mock = MockCluster::new(brokers).unwrap();
            started.send(mock.bootstrap_servers()).unwrap();
            for request in received {
                request(&mock);
            }
        });
        Self { address: address.recv().unwrap(), requests: Mutex::new(requests) }
    }

    /// Runs `action` on the mock and waits for it.
    pub(crate) fn with<T: Send + 'static>(
        &self,
        action: impl FnOnce(&MockCluster<'static, rdkafka::producer::DefaultProducerContext>) -> T
        + Send
        + 'static,
    ) -> T {
        let (done, result) = mpsc::channel();
        let request: Request = Box::new(move |mock| done.send(action(mock)).unwrap());
        self.requests.lock().unwrap().send(request).unwrap();
        result.recv().unwrap()
    }

    pub(crate) fn make_topic(&self, name: &str, partitions: i32) {
        let name = name.to_owned();
        self.with(move |mock| mock.create_topic(&name, partitions, 1)).unwrap();
    }

    pub(crate) fn settings(&self) -> KafkaSettings {
        KafkaSettings::new(&self.address, "test")
    }
}

/// The broker of this process.
pub(crate) fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(|| real_broker().map_or_else(|| Broker::Mock(Mock::start(1)), Broker::Real))
}

#[expect(clippy::disallowed_methods, reason = "the chore that starts the broker names it in the environment")]
fn real_broker() -> Option<String> {
    std::env::var(REAL_BROKER).ok().filter(|address| !address.is_empty())
}

pub(crate) fn settings() -> KafkaSettings {
    match broker() {
        Broker::Real(address) => KafkaSettings::new(address, "test"),
        Broker::Mock(mock) => mock.settings(),
    }
}

/// A name that no other test has.
pub(crate) fn new_name() -> String {
    let number = TOPICS.fetch_add(1, Ordering::Relaxed);
    let since_boot = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let digits: String =
        since_boot.chars().take_while(|it| *it != ' ').filter(char::is_ascii_digit).collect();
    format!("test-{}-{digits}-{number}", std::process::id())
}

/// A new topic for one test.
pub(crate) fn new_topic(partitions: i32) -> String {
    let name = new_name();
    make_topic(&name, partitions);
    name
}

pub(crate) fn make_topic(name: &str, partitions: i32) {
    match broker() {
        Broker::Real(_) => topics::ensure(&settings(), &[Topic::new(name, partitions, 1)]).unwrap(),
        Broker::Mock(mock) => mock.make_topic(name, partitions),
    }
}

/// Makes the broker forget the first records of a topic's only partition. The mock keeps 5 MB of it by itself.
pub(crate) fn trim(topic: &str, before: i64) {
    if let Broker::Real(_) = broker() {
        let mut records = TopicPartitionList::new();
        records.add_partition_offset(topic, 0, Offset::Offset(before)).unwrap();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", settings().brokers);
        let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
        // The client's own thread carries the request out; its effect is what is waited for.
        drop(admin.delete_records(&records, &AdminOptions::new()));
        let client: BaseConsumer = config.create().unwrap();
        eventually("the records are gone", || {
            client.fetch_watermarks(topic, 0, PATIENCE).unwrap().0 == before
        });
    }
}

/// Polls until `done` or [`PATIENCE`] is over.
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
