//! A `ClickHouse` that has lost what it acknowledged: restored from an older backup, or robbed by a crash of its machine. The owner notices by the
//! number of its last note, reads on from where the facts end, and says every order again.

mod common;

use std::sync::atomic::{AtomicU32, Ordering};

use common::{
    Edge, Edges, NOON, Running, Who, World, apply_catalog, column, content, until, wait_for, write_day,
};
use events::{ClickKey, ClickMint};
use pipeline::Progress;
use units::{DAY_MS, EpochMs, HOUR_MS, LinkId, Origin, VisitorId, WriterId};
use warehouse::{Again, Batch, Roller, RollerOptions, Warehouse};

const ORDERS: u64 = 60;

fn execute(options: &warehouse::Options, statement: &str) {
    let client = Warehouse::new(options.clone()).client().clone();
    wait_for(client.query(statement).execute()).unwrap_or_else(|error| panic!("{statement}: {error}"));
}

/// Everything the tables hold, as a backup keeps it.
struct Backup {
    database: String,
    tables: Vec<String>,
}

impl Backup {
    fn of(options: &warehouse::Options) -> Self {
        static BACKUPS: AtomicU32 = AtomicU32::new(0);
        let database = format!("backup_{}", BACKUPS.fetch_add(1, Ordering::Relaxed));
        execute(options, &format!("CREATE DATABASE {database} ENGINE = Atomic"));
        let tables = column(
            options,
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'",
        );
        assert!(tables.len() > 10, "{tables:?}");
        for table in &tables {
            execute(options, &format!("CREATE TABLE {database}.{table} AS {table}"));
            execute(options, &format!("INSERT INTO {database}.{table} SELECT * FROM {table}"));
        }
        Self { database, tables }
    }

    fn restore(&self, options: &warehouse::Options) {
        for table in &self.tables {
            execute(options, &format!("TRUNCATE TABLE {table}"));
            execute(options, &format!("INSERT INTO {table} SELECT * FROM {}.{table}", self.database));
        }
    }
}

fn caught_up(world: &World, records: u64) {
    let running = world.start();
    running.caught_up(records);
    running.stop().expect("stops");
}

/// A day, and a backup of it; then more of everything that changes what is there: another report of an old order, a click that gives an old
/// order to another partner, new orders, and a version of the catalog that takes old orders from their partners.
fn moved_on(world: &World, edge: &mut Edge) -> (Backup, Vec<String>) {
    edge.report(NOON.forth(180_000), "early", 600, Who::Visitor(70_002));
    edge.click(NOON.back(3 * HOUR_MS), 70_003, 2);
    edge.report(NOON, "cut-off", 900, Who::Visitor(70_003));
    let records = write_day(edge, ORDERS) + 3;
    caught_up(world, records);
    let backup = Backup::of(&world.warehouse);
    let before = content(&world.warehouse);

    edge.report(NOON.forth(DAY_MS), "order-3", 4_711, Who::Visitor(3));
    edge.click(NOON.forth(170_000), 70_002, 3);
    edge.click(NOON.forth(DAY_MS), 70_004, 4);
    edge.report(NOON.forth(DAY_MS + 1), "new", 800, Who::Visitor(70_004));
    // All clicks older than an hour are out of the window now.
    apply_catalog(&world.data(), 2, EpochMs(0), "1h");
    caught_up(world, 4);
    let want = content(&world.warehouse);
    let of = |lines: &[String], order: &str| lines.iter().find(|it| it.contains(order)).cloned();
    for order in ["'early'", "'cut-off'", "'order-3'"] {
        assert_ne!(of(&want, order), of(&before, order), "{order} changed since the backup");
    }
    (backup, want)
}

fn says_again(it: &Running) -> bool {
    it.status.partitions().values().any(|it: &Progress| it.says_again)
}

/// Waits until the views show what they must.
fn shows(world: &World, running: &Running, want: &[String]) {
    let deadline = std::time::Instant::now() + common::PATIENCE;
    loop {
        let seen = content(&world.warehouse);
        if seen == want {
            return;
        }
        if deadline < std::time::Instant::now() {
            let missing: Vec<_> = want.iter().filter(|it| !seen.contains(it)).take(9).collect();
            let surplus: Vec<_> = seen.iter().filter(|it| !want.contains(it)).take(9).collect();
            let note = wait_for(Warehouse::new(world.warehouse.clone()).note("spool"));
            panic!(
                "missing {missing:#?}, surplus {surplus:#?}, {note:?}, {:#?}",
                running.status.partitions()
            );
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// Rolls, and compares every cell with its facts.
fn cells_are_right(world: &World) {
    let warehouse = Warehouse::new(world.warehouse.clone());
    wait_for(async {
        Roller::new(warehouse.clone(), RollerOptions::default()).roll_once().await.expect("rolled");
        let (from, to) = (NOON.back(DAY_MS), NOON.forth(9 * DAY_MS));
        let report = warehouse::audit(&warehouse, &[], from, to, to).await.expect("audited");
        assert!(report.cells > 0 && report.mismatches.is_empty(), "{report:?}");
    });
}

// fault 90
#[test]
fn facts_of_a_backup_older_than_the_state_are_made_again() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    let (backup, want) = moved_on(&world, &mut edge);
    backup.restore(&world.warehouse);
    assert_ne!(content(&world.warehouse), want, "something is lost");

    let running = world.start();
    shows(&world, &running, &want);
    until("it is done", || (running.is_quiet() && !says_again(&running)).then_some(()));
    running.stop().expect("stops");
    cells_are_right(&world);

    // Noted: the next owner has nothing to say again.
    let claims = |world: &World| std::fs::read_dir(world.data().join("claims")).expect("claims").count();
    let before = claims(&world);
    caught_up(&world, 0);
    assert_eq!(claims(&world), before + 1, "it claims once");
    assert_eq!(content(&world.warehouse), want);
}

#[test]
fn a_backup_put_back_under_a_running_pipeline_is_noticed_too() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    let (backup, _) = moved_on(&world, &mut edge);
    let running = world.start();
    running.caught_up(0);
    backup.restore(&world.warehouse);
    // Life goes on.
    edge.click(NOON.forth(2 * DAY_MS), 70_005, 4);
    edge.report(NOON.forth(2 * DAY_MS + 1), "newest", 100, Who::Visitor(70_005));
    let want = {
        let undisturbed = World::new();
        let copied = std::process::Command::new("cp")
            .args(["-a", "-T"])
            .args([world.data().join("spool"), undisturbed.data().join("spool")])
            .status()
            .expect("cp");
        assert!(copied.success());
        apply_catalog(&undisturbed.data(), 2, EpochMs(0), "1h");
        caught_up(&undisturbed, 5 * ORDERS + 9);
        content(&undisturbed.warehouse)
    };
    shows(&world, &running, &want);
    running.stop().expect("stops");
    cells_are_right(&world);
}

// fault 93
#[test]
fn an_owner_that_is_stopped_again_and_again_while_it_makes_up_for_lost_facts_ends_in_the_same() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    let (backup, want) = moved_on(&world, &mut edge);
    backup.restore(&world.warehouse);
    for _ in 0..3 {
        let running = world.start();
        // Or it has, when the machine is fast.
        until("it says all again", || {
            (says_again(&running) || content(&world.warehouse) == want).then_some(())
        });
        running.stop().expect("stops");
    }
    let running = world.start();
    shows(&world, &running, &want);
    running.stop().expect("stops");
    cells_are_right(&world);
}

/// Facts that were deleted by hand, and what the audit asks for then.
#[test]
fn an_owner_whose_note_is_taken_back_says_all_its_orders_again() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    let (_, want) = moved_on(&world, &mut edge);
    let running = world.start();
    running.caught_up(0);
    for table in ["orders_log", "credits_log"] {
        execute(&world.warehouse, &format!("ALTER TABLE {table} DELETE WHERE 1 SETTINGS mutations_sync = 2"));
    }
    let warehouse = Warehouse::new(world.warehouse.clone());
    let claim = wait_for(warehouse.take_note_back("spool", Again::Say)).expect("asked").expect("noted");
    shows(&world, &running, &want);
    until("it is noted", || {
        let note = wait_for(warehouse.note("spool")).expect("an answer").expect("a note");
        (note.number > 0 && note.claim > claim).then_some(())
    });

    execute(&world.warehouse, "ALTER TABLE clicks_log DELETE WHERE 1 SETTINGS mutations_sync = 2");
    wait_for(warehouse.take_note_back("spool", Again::ReadLog)).expect("asked");
    shows(&world, &running, &want);
    running.stop().expect("stops");
    cells_are_right(&world);
}

/// A click and an order that only the facts know: put there out of quarantine, while the log has long lost them.
#[test]
fn an_owner_that_is_asked_to_reads_the_facts_for_what_its_log_does_not_have() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    let records = write_day(&mut edge, ORDERS);
    caught_up(&world, records);
    let elsewhere = |sequence| Origin { writer: WriterId::new(9, 0), incarnation: 1, sequence };
    let id = ClickMint::new(ClickKey::new(0, &[7; 32]), 1).mint(NOON, LinkId(2), VisitorId(80_001));
    let mut batch = Batch::new();
    batch.click(&common::click(elsewhere(1), id, 2));
    let at = NOON.forth(HOUR_MS);
    batch.report(&common::report(elsewhere(2), at, "by-facts", 700, Who::Visitor(80_001)));
    let warehouse = Warehouse::new(world.warehouse.clone());
    wait_for(warehouse.write("test", &batch)).expect("written");
    let before = content(&world.warehouse);

    let running = world.start();
    running.caught_up(0);
    let claim = wait_for(warehouse.take_note_back("spool", Again::ReadFacts)).expect("asked").expect("noted");
    let note = until("it is noted", || {
        let note = wait_for(warehouse.note("spool")).expect("an answer").expect("a note");
        (note.number > 0 && note.claim > claim).then_some(note)
    });
    assert!(!note.reads_facts, "it is done once");
    let seen = content(&world.warehouse);
    let new: Vec<_> = seen.iter().filter(|it| !before.contains(it)).collect();
    assert_eq!(new.len(), 2, "an order and its credit: {new:?}");
    assert!(new.iter().all(|it| it.contains("'by-facts'") && it.contains("700")), "{new:?}");
    assert_eq!(seen.len(), before.len() + 2);
    running.stop().expect("stops");
    cells_are_right(&world);
}
