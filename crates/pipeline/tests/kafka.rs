//! The same road over a real broker: topics in, the real engine out, partitions shared and taken over.

mod common;

#[path = "common/cloud.rs"]
mod cloud;
#[path = "kafka/to_clicks.rs"]
mod to_clicks;

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    time::Duration,
};

use cloud::{Cloud, CloudEdge, PARTITIONS, decided, settings, shows, wanted};
use common::{Edges, NOON, PATIENCE, Running, Who, World, click, column, content, report, until, write_day};
use events::{ClickKey, ClickMint};
use journal::{
    kafka::{KafkaSink, KafkaSource},
    spool,
};
use pipeline::{KafkaOptions, Log, RunError};
use to_clicks::shipper;
use units::{LinkId, Origin, VisitorId, WriterId};

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

/// Orders 0 to `orders` of [`write_day`], each changed by late news: an odd one by a click of its visitor that comes only now, an even one by
/// a refund of everything.
fn late_news(edge: &mut CloudEdge, orders: u64) -> Vec<String> {
    let mut want = Vec::new();
    for order in 0..orders {
        let at = NOON.forth(order * 60_000);
        let name = format!("order-{order}");
        let partner = order % 3 + 2;
        if order % 2 == 1 {
            // Between the last click and the order.
            edge.click(at.forth(2_000), order, 1);
            want.push(format!("('{name}',1,{},'approved')", order * 100 + 100));
        } else {
            let mut report = report(edge.origin(), at.forth(90_000), &name, 0, Who::Visitor(order));
            report.statement = events::Statement::refund("r", None);
            let mut bytes = Vec::new();
            let key = report.key.log_key();
            report.encode(&mut bytes).expect("encodes");
            edge.sink.append(&edge.topics.reports, &key, &bytes).expect("appended");
            want.push(format!("('{name}',{partner},0,'refunded')"));
        }
    }
    edge.flush();
    want.sort_unstable();
    want
}

/// Every order of [`late_news`] is as it must be.
fn shows_late_news(cloud: &Cloud, want: &[String]) {
    let query = "SELECT toString(tuple(order_id, partner_id, revenue_minor, status)) FROM orders";
    let deadline = std::time::Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while std::time::Instant::now() < deadline && seen != want {
        seen = column(&cloud.world.warehouse, query);
        seen.sort_unstable();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(seen, want);
}

/// A world with a day of orders, decided by a member that still runs.
fn decided_day(orders: u64) -> (Cloud, CloudEdge, Running) {
    let cloud = Cloud::new();
    let running = Running::start(cloud.member("a"));
    running.until_quiet(0);
    let mut edge = cloud.edge();
    write_day(&mut edge, orders);
    edge.flush();
    shows(&cloud, &decided(&wanted(orders)));
    running.until_quiet(5 * orders);
    (cloud, edge, running)
}

// fault 76
#[test]
fn lost_state_is_rebuilt_although_the_topics_are_empty() {
    let (cloud, mut edge, running) = decided_day(24);
    running.stop().expect("stops");
    let before = content(&cloud.world.warehouse);
    cloud.trim();
    fs::remove_dir_all(cloud.data("a").join("pipeline")).expect("state is lost");

    let running = Running::start(cloud.member("a"));
    until("every partition speaks", || {
        (running.status.partitions().len() == PARTITIONS as usize && running.is_quiet()).then_some(())
    });
    assert!(running.status.partitions().values().all(|it| it.rebuilt_rows.0 > 0));
    assert_eq!(content(&cloud.world.warehouse), before, "said again, and the same");
    let want = late_news(&mut edge, 24);
    shows_late_news(&cloud, &want);
    running.stop().expect("stops");
}

/// The first member remembers what it was asked and what it has answered, and says none of it twice: the second one has to know it from facts.
#[test]
fn a_member_without_state_takes_over_although_the_topics_are_empty() {
    let (cloud, mut edge, first) = decided_day(24);
    let before = content(&cloud.world.warehouse);
    cloud.trim();
    let second = Running::start(cloud.member("b"));
    until("the partitions are shared", || {
        let owned = |it: &Running| it.status.partitions().len();
        let all = owned(&first) + owned(&second) == PARTITIONS as usize;
        (owned(&second) > 0 && all && second.is_quiet() && first.is_quiet()).then_some(())
    });
    assert!(second.status.partitions().values().all(|it| it.rebuilt_rows.0 > 0));
    assert!(first.status.partitions().values().all(|it| it.rebuilt_rows == (0, 0)));
    assert_eq!(content(&cloud.world.warehouse), before, "said again, and the same");
    let want = late_news(&mut edge, 24);
    shows_late_news(&cloud, &want);
    first.stop().expect("stops");
    second.stop().expect("stops");
}

// fault 71
#[test]
fn a_topic_that_lost_what_was_not_read_is_refused() {
    let cloud = Cloud::new();
    let running = Running::start(cloud.member("a"));
    running.until_quiet(0);
    running.stop().expect("stops");
    let mut edge = cloud.edge();
    write_day(&mut edge, 12);
    edge.flush();
    cloud.trim();
    let error = Running::start(cloud.member("a")).ended().expect_err("refused");
    assert!(matches!(error, RunError::LogIncomplete { .. }), "{error}");
}

/// What the child process is told by its environment: spool, brokers, topic of clicks.
const CHILD: [&str; 3] = ["PIPELINE_TEST_SPOOL", "PIPELINE_TEST_BROKERS", "PIPELINE_TEST_TOPIC"];
/// Records one child appends at most.
const CHILD_RECORDS: u64 = 2_000;

#[expect(clippy::disallowed_methods, reason = "the parent names the spool in the environment")]
fn told_by_parent() -> Option<[String; 3]> {
    let [spool, brokers, topic] = CHILD.map(std::env::var);
    Some([spool.ok()?, brokers.ok()?, topic.ok()?])
}

/// Spools, tells what is answered for, and ships at the same time, until it is killed.
fn spool_and_ship([data, brokers, topic]: &[String; 3]) -> ! {
    let data = std::path::Path::new(data);
    let mut writer =
        spool::Writer::open(&data.join("spool"), WriterId::new(1, 0), NOON, spool::Options::default())
            .expect("a spool");
    let mut mint = ClickMint::new(ClickKey::new(0, &[7; 32]), writer.incarnation());
    let shipper = shipper(data, brokers, topic);
    let (incarnation, mut told) = (writer.incarnation(), 0);
    let mut answers = std::io::stdout();
    loop {
        for _ in 0..50.min(CHILD_RECORDS - writer.last_sequence()) {
            let fill = |sequence, bytes: &mut Vec<u8>| {
                let origin = Origin { writer: WriterId::new(1, 0), incarnation, sequence };
                let id = mint.mint(NOON.forth(sequence), LinkId(1), VisitorId(sequence));
                click(origin, id, 1).encode(bytes).expect("encodes");
            };
            writer.append_with(fill).expect("appended");
        }
        let acknowledged = shipper.counters().acknowledged;
        if acknowledged > told || writer.last_sequence() < CHILD_RECORDS {
            told = acknowledged;
            let answered = writer.last_sequence();
            writeln!(answers, "\nanswered {incarnation} {answered} shipped {acknowledged} end")
                .expect("the parent listens");
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// Kills a child when its shipper has been acknowledged `shipped` records; what it had answered for by then.
fn run_and_kill(told: &[String; 3], shipped: u64) -> (u32, u64) {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "a_killed_shipper_loses_nothing_and_its_repeats_count_once", "--nocapture"])
        .envs(CHILD.iter().zip(told))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut answered = (0, 0);
    for line in lines.map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        // A line may be cut, so it must be exactly what a whole one is.
        let ["answered", incarnation, sequence, "shipped", acknowledged, "end"] = words.as_slice() else {
            continue;
        };
        answered = (incarnation.parse().expect("a number"), sequence.parse().expect("a number"));
        if acknowledged.parse::<u64>().expect("a number") >= shipped {
            // Repeated kills of a process that is gone are nothing.
            child.kill().expect("killed");
        }
    }
    child.wait().expect("ended");
    answered
}

// fault 65
#[test]
fn a_killed_shipper_loses_nothing_and_its_repeats_count_once() {
    if let Some(told) = told_by_parent() {
        spool_and_ship(&told);
    }
    let cloud = Cloud::new();
    let running = Running::start(cloud.member("a"));
    running.until_quiet(0);
    let (data, topic) = (cloud.data("edge"), cloud.kafka.topics.clicks.to_string());
    fs::create_dir_all(&data).expect("a folder");
    let brokers = xtask::kafka::shared();
    let told = [data.to_str().expect("text").to_owned(), brokers.to_owned(), topic.clone()];
    // In the middle of batches, right after the first acknowledgement, and when nearly all is acknowledged.
    let answered: Vec<(u32, u64)> =
        [1, 40, 400, 1, 900, 1_500, 150, 1_999].into_iter().map(|it| run_and_kill(&told, it)).collect();

    let last = shipper(&data, brokers, &topic);
    let spooled: u64 =
        spool::inspect(&data.join("spool")).expect("read").streams.iter().map(|it| it.records).sum();
    assert!(answered.iter().map(|it| it.1).sum::<u64>() <= spooled && answered.iter().all(|it| it.1 > 0));
    let count = |query: &str| column(&cloud.world.warehouse, query)[0].parse::<u64>().expect("a number");
    until("everything spooled is a fact", || {
        (count("SELECT toString(uniqExact(event_id)) FROM clicks_log") >= spooled).then_some(())
    });
    drop(last);
    assert_eq!(count("SELECT toString(count()) FROM clicks"), spooled, "once each");
    for (incarnation, sequence) in &answered {
        let query = format!(
            "SELECT toString(uniqExact(sequence)) FROM clicks WHERE incarnation = {incarnation} AND sequence <= {sequence}"
        );
        assert_eq!(count(&query), *sequence, "all that incarnation {incarnation} answered for");
    }
    let source = KafkaSource::open(&cloud.kafka.settings).expect("a consumer");
    let shipped: u64 =
        (0..PARTITIONS.cast_signed()).map(|it| source.range(&topic, it).expect("a range").1).sum();
    assert!(shipped >= spooled, "at least once: {shipped} of {spooled}");
    running.stop().expect("stops");
}
