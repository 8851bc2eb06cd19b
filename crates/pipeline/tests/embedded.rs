//! The embedded road: a real spool in, the real engine out.

mod common;

use common::{Edge, Edges as _, NOON, Running, Who, World, apply_catalog, column, content, until, write_day};
use events::Claim;
use journal::spool;
use pipeline::{RunError, fates::Fate, store::StoreError};
use units::{DAY_MS, EpochMs, HOUR_MS};

fn orders(world: &World) -> Vec<String> {
    column(
        &world.warehouse,
        "SELECT toString(tuple(order_id, partner_id, revenue_minor, matched)) FROM orders ORDER BY order_id",
    )
}

#[test]
fn a_click_and_its_order_reach_the_views() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    let running = world.start();
    let id = edge.click(NOON, 7, 2);
    edge.report(NOON.forth(60_000), "A-1", 4_995, Who::Click(id));
    edge.report(NOON.forth(61_000), "A-2", 100, Who::Visitor(7));
    edge.report(NOON.forth(62_000), "A-3", 100, Who::Visitor(8));
    running.caught_up(4);
    assert_eq!(orders(&world), ["('A-1',2,4995,'click_id')", "('A-2',2,100,'visitor')", "('A-3',0,100,'')"]);
    assert_eq!(column(&world.warehouse, "SELECT click_id FROM clicks"), [id.to_string()]);
    let credits = "SELECT toString(tuple(order_id, partner_id, revenue_minor)) FROM credits WHERE share > 0 ORDER BY order_id";
    assert_eq!(column(&world.warehouse, credits), ["('A-1',2,4995)", "('A-2',2,100)"]);
    until("names arrive", || {
        let names = column(&world.warehouse, "SELECT partner_name FROM clicks");
        (names == ["Partner 2"]).then_some(())
    });
    assert!(running.status.ready(NOON).is_ok());
    running.stop().expect("stops");
}

#[test]
fn a_late_click_decides_its_order_again() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    let running = world.start();
    edge.click(NOON, 7, 1);
    edge.report(NOON.forth(60_000), "A-1", 500, Who::Visitor(7));
    running.caught_up(2);
    assert_eq!(orders(&world), ["('A-1',1,500,'visitor')"]);
    // Another thread of the edge ships late: the click lies between the first one and the order.
    let mut slow = Edge::open(&world.data(), 1);
    slow.click(NOON.forth(30_000), 7, 3);
    running.caught_up(3);
    assert_eq!(orders(&world), ["('A-1',3,500,'visitor')"]);
    running.stop().expect("stops");
}

// fault 74
#[test]
fn what_cannot_be_read_is_quarantined_and_passed() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    let mut claim = Vec::new();
    let record = Claim { partition: 0, nonce: 1, at: NOON, owner: "x".into() };
    record.encode(&mut claim).expect("encodes");
    let mut future = claim.clone();
    future[2] = 9;
    edge.bytes(b"garbage");
    edge.bytes(&[]);
    edge.bytes(&future);
    edge.bytes(&[0xC7, 200, 1, 0]);
    edge.bytes(&claim);
    edge.click(NOON, 7, 1);
    let running = world.start();
    running.caught_up(6);
    let progress = running.status.partitions().remove(&0).expect("a partition");
    assert!(progress.fates.add_up());
    assert_eq!((progress.fates.of(Fate::Quarantined), progress.fates.of(Fate::Applied)), (4, 2));
    let reasons = "SELECT reason FROM quarantine ORDER BY reason";
    assert_eq!(
        column(&world.warehouse, reasons),
        ["no_envelope", "no_envelope", "unknown_kind", "unknown_version"]
    );
    running.stop().expect("stops");
}

// fault 75
#[test]
fn repeats_and_another_order_of_arrival_change_nothing() {
    let straight = World::new();
    let mut edge = Edge::open(&straight.data(), 0);
    let records = write_day(&mut edge, 20);
    let running = straight.start();
    running.caught_up(records);
    running.stop().expect("stops");

    // The same records, read from the start again by an owner without state, into the same tables.
    std::fs::remove_dir_all(straight.data().join("pipeline")).expect("state is lost");
    let before = content(&straight.warehouse);
    assert_eq!(before.len(), 60 + 20 + 20);
    let running = straight.start();
    running.caught_up(records);
    running.stop().expect("stops");
    assert_eq!(content(&straight.warehouse), before);
}

#[test]
fn a_restart_goes_on_where_the_checkpoint_was() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    let id = edge.click(NOON, 7, 2);
    let running = world.start();
    running.caught_up(1);
    running.stop().expect("stops");

    edge.report(NOON.forth(1_000), "A-1", 900, Who::Visitor(7));
    edge.report(NOON.forth(2_000), "A-2", 901, Who::Click(id));
    let running = world.start();
    running.caught_up(2);
    let progress = running.status.partitions().remove(&0).expect("a partition");
    assert_eq!((progress.fates.consumed, progress.claim), (2, 2), "the click was not read again");
    running.stop().expect("stops");
    assert_eq!(orders(&world), ["('A-1',2,900,'visitor')", "('A-2',2,901,'click_id')"]);
}

#[test]
fn a_catalog_that_changes_the_past_moves_orders_on_disk() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    let mut options = world.options();
    // Nothing stays in memory, so that the order has to come from disk.
    options.states_max = 0;
    edge.click(NOON, 7, 2);
    edge.report(NOON.forth(2 * HOUR_MS), "A-1", 900, Who::Visitor(7));
    let running = Running::start(options.clone());
    running.caught_up(2);
    assert_eq!(orders(&world), ["('A-1',2,900,'visitor')"]);
    apply_catalog(&world.data(), 2, NOON, "1h");
    until("the order is nobody's", || (orders(&world) == ["('A-1',0,900,'')"]).then_some(()));
    running.stop().expect("stops");

    // A version that arrives while nobody is there.
    apply_catalog(&world.data(), 3, NOON, "3h");
    let running = Running::start(options);
    until("the order is his again", || (orders(&world) == ["('A-1',2,900,'visitor')"]).then_some(()));
    running.stop().expect("stops");
}

#[test]
fn two_pipelines_on_one_folder_exclude_each_other() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    edge.click(NOON, 7, 2);
    let first = world.start();
    first.caught_up(1);
    let second = world.start();
    let error = second.ended().expect_err("refused");
    assert!(matches!(error, RunError::Store(StoreError::InUse { .. })), "{error}");
    first.stop().expect("stops");
}

#[test]
fn claims_that_were_lost_stop_the_pipeline() {
    let world = World::new();
    Edge::open(&world.data(), 0).click(NOON, 7, 2);
    let running = world.start();
    running.caught_up(1);
    running.stop().expect("stops");
    std::fs::remove_dir_all(world.data().join("claims")).expect("claims are lost");
    let error = world.start().ended().expect_err("an older claim would lose to what is there");
    assert!(error.to_string().contains("restore the folder of claims"), "{error}");
}

/// Time is the log's: a pipeline started years later decides the same.
#[test]
fn an_empty_spool_is_caught_up_at_once() {
    let world = World::new();
    let running = world.start();
    running.caught_up(0);
    assert!(running.status.ready(EpochMs(NOON.0)).is_ok());
    running.stop().expect("stops");
}

/// A shop tries again every half an hour; from the second try on we are down, edge and pipeline, for two hours, and its tries meet nobody.
// fault 114
#[test]
fn an_order_that_is_sent_again_around_a_downtime_is_one_order() {
    let world = World::new();
    let half_hour_ms = 30 * units::MINUTE_MS;
    let send = |edge: &mut Edge, tries: std::ops::RangeInclusive<u64>| {
        for number in tries {
            edge.report(NOON.forth(number * half_hour_ms), "A-1", 700, Who::Visitor(7));
        }
    };
    let mut edge = Edge::open(&world.data(), 0);
    edge.click(NOON.back(1_000), 7, 2);
    send(&mut edge, 0..=1);
    let running = world.start();
    running.caught_up(3);
    running.stop().expect("stops");
    drop(edge);

    let mut edge = Edge::open(&world.data(), 0);
    send(&mut edge, 6..=8);
    let running = world.start();
    running.caught_up(3);
    running.stop().expect("stops");
    assert_eq!(orders(&world), ["('A-1',2,700,'visitor')"]);
    let one = |query: &str| column(&world.warehouse, query);
    assert_eq!(
        one("SELECT toString(tuple(report_count, at)) FROM orders"),
        ["(5,'2025-11-22 12:00:00.000')"]
    );
    assert_eq!(one("SELECT toString(tuple(count(), sum(share), sum(revenue))) FROM credits"), ["(1,1,7)"]);
}

// fault 70
#[test]
fn a_spool_that_lost_what_was_not_read_is_refused() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    let records = write_day(&mut edge, 1_000);
    let running = world.start();
    running.caught_up(records);
    running.stop().expect("stops");

    // Far more than a segment, and nobody reads it.
    write_day(&mut edge, 1_000);
    let deleted = spool::enforce_budget(&world.data().join("spool"), 0).expect("deleted");
    assert!(deleted.records > records);
    let error = world.start().ended().expect_err("refused");
    assert!(matches!(error, RunError::LogIncomplete { .. }), "{error}");
}

#[test]
fn touches_behind_every_window_are_forgotten() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    edge.click(NOON, 7, 2);
    edge.click(NOON.forth(2 * DAY_MS), 7, 3);
    let running = world.start();
    running.caught_up(2);
    running.stop().expect("stops");
    let slices = || std::fs::read_dir(world.data().join("pipeline/0/touches")).expect("a folder").count();
    assert_eq!(slices(), 2);

    // The window is 30 days; reports may come 60 days late.
    let running = Running::start_at(world.options(), || NOON.forth(90 * DAY_MS));
    running.caught_up(0);
    running.stop().expect("stops");
    assert_eq!(slices(), 2, "the first click is just within reach");
    let running = Running::start_at(world.options(), || NOON.forth(91 * DAY_MS));
    until("the first slice is dropped", || (slices() == 1).then_some(()));
    edge.report(NOON.forth(3 * DAY_MS), "A-1", 100, Who::Visitor(7));
    running.caught_up(1);
    running.stop().expect("stops");
    assert_eq!(orders(&world), ["('A-1',3,100,'visitor')"]);
}
