//! State that is lost while the log has lost its beginning: made anew from `ClickHouse`'s facts, so that nobody can tell.

mod common;

use common::{Edge, Edges, NOON, Running, Who, World, column, content, write_day};
use journal::spool;
use pipeline::RunError;
use units::{DAY_MS, HOUR_MS};
use warehouse::Warehouse;

const ORDERS: u64 = 1_000;

/// Orders with their winner, and how far back their clicks lie.
fn order(world: &World, name: &str) -> String {
    let query = format!(
        "SELECT toString(tuple(partner_id, revenue_minor, matched, status, report_count)) FROM orders WHERE order_id = '{name}'"
    );
    column(&world.warehouse, &query).join(" ")
}

/// A day of clicks and orders, read, of which the spool keeps only its end; what the views showed before.
fn trimmed(world: &World, edge: &mut Edge) -> Vec<String> {
    // An order whose visitor clicked, and which nothing will be heard of until the state is gone.
    edge.click(NOON.forth(60_000), 70_001, 4);
    edge.report(NOON.forth(120_000), "quiet", 500, Who::Visitor(70_001));
    // One whose click will only arrive after that.
    edge.report(NOON.forth(180_000), "early", 600, Who::Visitor(70_002));
    let records = write_day(edge, ORDERS) + 3;
    let running = world.start();
    running.caught_up(records);
    running.stop().expect("stops");
    let deleted = spool::enforce_budget(&world.data().join("spool"), 0).expect("deleted");
    assert!(deleted.records > records / 2, "{deleted:?}");
    content(&world.warehouse)
}

fn lose_state(world: &World) {
    std::fs::remove_dir_all(world.data().join("pipeline")).expect("state is lost");
}

// fault 76
#[test]
fn lost_state_is_rebuilt_from_facts_and_late_news_finds_all_of_it() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    let before = trimmed(&world, &mut edge);
    lose_state(&world);

    let running = world.start();
    running.caught_up(0);
    assert_eq!(content(&world.warehouse), before, "said again, and the same");
    assert!(running.status.partitions().values().all(|it| it.rebuilt_rows.0 >= 3 * ORDERS));

    // A second report of an old order, a click that an old order was waiting for, and a new order of an old visitor.
    edge.report(NOON.forth(HOUR_MS), "quiet", 900, Who::Visitor(70_001));
    edge.click(NOON.forth(170_000), 70_002, 3);
    edge.report(NOON.forth(DAY_MS), "new", 700, Who::Visitor(70_001));
    let consumed = running.consumed();
    running.caught_up(consumed + 3);
    running.stop().expect("stops");
    assert_eq!(order(&world, "quiet"), "(4,900,'visitor','approved',2)");
    assert_eq!(order(&world, "early"), "(3,600,'visitor','approved',1)");
    assert_eq!(order(&world, "new"), "(4,700,'visitor','approved',1)");

    // The next owner finds the rebuilt state, and needs no facts.
    let running = world.start();
    running.caught_up(0);
    assert!(running.status.partitions().values().all(|it| it.rebuilt_rows == (0, 0)));
    running.stop().expect("stops");
}

/// Whom customers are known by is in no table but the reports': two orders of each, whose owners may be different partitions'.
#[test]
fn a_rebuilt_owner_follows_customers_before_it_speaks() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    for customer in 1..=9 {
        let visitor = 80_000 + u64::from(customer);
        edge.click(NOON, visitor, 4);
        // The telephone clicked, the desk did not, and the customer's number alone is all that the third one knows.
        edge.report(
            NOON.forth(60_000),
            &format!("phone-{customer}"),
            500,
            Who::Customer(customer, Some(visitor)),
        );
        let desk = Who::Customer(customer, Some(visitor + 100));
        edge.report(NOON.forth(70_000), &format!("desk-{customer}"), 600, desk);
        edge.report(NOON.forth(80_000), &format!("alone-{customer}"), 700, Who::Customer(customer, None));
    }
    let before = trimmed(&world, &mut edge);
    let of = |customer| ["phone", "desk", "alone"].map(|it| order(&world, &format!("{it}-{customer}")));
    let want = [
        "(4,500,'visitor','approved',1)",
        "(4,600,'customer_visitor','approved',1)",
        "(4,700,'customer_visitor','approved',1)",
    ];
    assert!((1..=9).all(|customer| of(customer) == want), "{:?}", of(1));
    lose_state(&world);

    let running = world.start();
    running.caught_up(0);
    assert_eq!(content(&world.warehouse), before, "said again, and the same");
    // News of one device finds the orders of the other.
    edge.click(NOON.forth(30_000), 80_103, 3);
    edge.report(NOON.forth(HOUR_MS), "alone-3", 900, Who::Customer(3, None));
    let consumed = running.consumed();
    running.caught_up(consumed + 2);
    running.stop().expect("stops");
    let after = ["phone", "desk", "alone"].map(|it| order(&world, &format!("{it}-3")));
    let want = [
        "(3,500,'customer_visitor','approved',1)",
        "(3,600,'visitor','approved',1)",
        "(3,900,'customer_visitor','approved',2)",
    ];
    assert_eq!(after, want);
}

#[test]
fn a_rebuilt_owner_never_decides_on_fewer_bindings() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    let long_ago = NOON.back(400 * DAY_MS);
    for customer in 1..=9 {
        let visitor = 80_000 + u64::from(customer);
        edge.click(long_ago, visitor, 4);
        edge.report(
            long_ago.forth(60_000),
            &format!("first-{customer}"),
            500,
            Who::Customer(customer, Some(visitor)),
        );
        edge.report(NOON, &format!("second-{customer}"), 600, Who::Customer(customer, None));
    }
    let before = trimmed(&world, &mut edge);
    let bound = |name: &str| order(&world, name);
    assert_eq!(bound("first-7"), "(4,500,'visitor','approved',1)");
    assert!(
        (1..=9).all(|it| bound(&format!("second-{it}")) == "(4,600,'customer','approved',1)"),
        "{}",
        bound("second-7")
    );
    let last = column(&world.warehouse, "SELECT toString(max(ver)) FROM orders_log").concat();
    lose_state(&world);

    let running = world.start();
    running.caught_up(0);
    assert_eq!(content(&world.warehouse), before, "said again, and the same");
    edge.report(NOON.forth(HOUR_MS), "third-7", 700, Who::Customer(7, None));
    let consumed = running.consumed();
    running.caught_up(consumed + 1);
    running.stop().expect("stops");
    assert_eq!(bound("third-7"), "(4,700,'customer','approved',1)");
    let fewer = format!(
        "SELECT toString(count()) FROM orders_log WHERE startsWith(order_id, 'second-') AND NOT void AND partner_id = 0 AND ver > {last}"
    );
    assert_eq!(column(&world.warehouse, &fewer), ["0"]);
}

#[test]
fn claims_that_are_lost_with_the_state_are_noticed_by_the_facts() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    trimmed(&world, &mut edge);
    lose_state(&world);
    std::fs::remove_dir_all(world.data().join("claims")).expect("claims are lost");
    let error = world.start().ended().expect_err("an older claim would lose to what is there");
    assert!(error.to_string().contains("restore the folder of claims"), "{error}");
}

/// Clicks whose days were dropped are in no table any more; the orders' own rows must do.
#[test]
fn orders_keep_their_winner_when_its_click_is_dropped_and_the_state_lost() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    let last = edge.click(NOON.back(3 * DAY_MS), 7, 2);
    edge.click(NOON.back(3 * DAY_MS).back(HOUR_MS), 8, 3);
    edge.report(NOON, "by-click", 500, Who::Click(last));
    edge.report(NOON, "by-visitor", 600, Who::Visitor(8));
    trimmed(&world, &mut edge);
    let options = &world.warehouse;
    let before = [order(&world, "by-click"), order(&world, "by-visitor")];
    assert_eq!(before, ["(2,500,'click_id','approved',1)", "(3,600,'visitor','approved',1)"]);
    let warehouse = Warehouse::new(options.clone());
    common::wait_for(async {
        warehouse.park_before(NOON.back(DAY_MS)).await.expect("parked");
        let dropped = warehouse.drop_parked().await.expect("dropped");
        assert_eq!(dropped.len(), 1, "{dropped:?}");
    });
    lose_state(&world);

    let running = world.start();
    running.caught_up(0);
    edge.report(NOON.forth(HOUR_MS), "by-visitor", 900, Who::Visitor(8));
    let consumed = running.consumed();
    running.caught_up(consumed + 1);
    running.stop().expect("stops");
    assert_eq!(order(&world, "by-click"), before[0]);
    assert_eq!(order(&world, "by-visitor"), "(3,900,'visitor','approved',2)");
}

/// A backup of the state, put back after the spool has lost what came after it.
#[test]
fn state_older_than_the_log_is_made_up_for_by_facts() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    edge.click(NOON, 70_003, 1);
    let running = world.start();
    running.caught_up(1);
    running.stop().expect("stops");
    let (state, backup) = (world.data().join("pipeline"), world.data().join("backup"));
    let copied = std::process::Command::new("cp").arg("-a").args([&state, &backup]).status().expect("cp");
    assert!(copied.success());
    let before = trimmed(&world, &mut edge);
    lose_state(&world);
    std::fs::rename(&backup, &state).expect("put back");

    let running = world.start();
    running.caught_up(0);
    edge.report(NOON.forth(HOUR_MS), "old", 100, Who::Visitor(70_003));
    edge.report(NOON.forth(HOUR_MS), "quiet", 900, Who::Visitor(70_001));
    let consumed = running.consumed();
    running.caught_up(consumed + 2);
    running.stop().expect("stops");
    assert_eq!(order(&world, "old"), "(1,100,'visitor','approved',1)");
    assert_eq!(order(&world, "quiet"), "(4,900,'visitor','approved',2)");
    let unchanged = |line: &&String| !line.contains("quiet") && !line.contains("'old'");
    let after = content(&world.warehouse);
    let (after, before): (Vec<_>, Vec<_>) =
        (after.iter().filter(unchanged).collect(), before.iter().filter(unchanged).collect());
    assert_eq!(after, before);
}

#[test]
fn a_rebuild_that_is_stopped_again_and_again_ends_in_the_same() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    let before = trimmed(&world, &mut edge);
    lose_state(&world);
    for _ in 0..3 {
        let running = world.start();
        common::until("it rebuilds", || {
            running.status.partitions().values().any(|it| it.rebuilt_rows.1 > 0).then_some(())
        });
        running.stop().expect("stops");
    }
    let running = world.start();
    running.caught_up(0);
    running.stop().expect("stops");
    assert_eq!(content(&world.warehouse), before);
}

/// With an empty warehouse there is nothing to go by.
#[test]
fn without_facts_a_log_without_its_beginning_is_refused() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    trimmed(&world, &mut edge);
    lose_state(&world);
    let mut options = world.options();
    options.warehouse = common::database();
    let error = Running::start(options).ended().expect_err("refused");
    assert!(matches!(error, RunError::LogIncomplete { noted: 1, .. }), "{error}");
    assert!(error.to_string().contains("nothing was noted"), "{error}");
}
