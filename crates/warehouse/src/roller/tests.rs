//! Cells equal a fold over the distinct facts, after any interleaving of sinks and rollers that die, repeat themselves and come too late.

use events::{Click, OrderStatus};

use super::*;
use crate::{
    Batch,
    tests::world::{NOON, click, click_of, column, later, order, run, value, warehouse},
};

mod days;
mod random;

fn roller(warehouse: &Warehouse) -> Roller {
    Roller::new(warehouse.clone(), RollerOptions::default())
}

async fn write(warehouse: &Warehouse, clicks: &[Click<'_>]) {
    let mut batch = Batch::new();
    for it in clicks {
        batch.click(it);
    }
    warehouse.write("a", &batch).await.unwrap();
}

const CELLS: &str =
    "SELECT toUInt32(quarter), partner_id, clicks, orders, revenue_minor FROM rollup_quarter ORDER BY ALL";

#[test]
fn dearer_rolls_come_less_often_and_the_rollups_stay_fresh() {
    let cases = [
        ("cheap", 10, 1_500),
        ("a twentieth of the interval", 75, 1_500),
        ("dearer", 100, 2_000),
        ("as dear as the promise allows", 120, 2_400),
        ("on a busy machine", 480, 2_400),
        ("beyond what the promise is worth", 1_000, 5_000),
        ("hopeless", 60_000, 60_000),
    ];
    for (name, took, want) in cases {
        let found = pause(Duration::from_millis(took), Duration::from_millis(1_500));
        assert_eq!(found, Duration::from_millis(want), "{name}");
    }
}

#[test]
fn nothing_dirty_is_nothing_to_do() {
    run(async {
        let warehouse = warehouse().await;
        let mut roller = roller(&warehouse);
        write(&warehouse, &[click(1, NOON)]).await;
        let first = roller.roll_once().await.unwrap();
        assert_eq!((first.quarters, first.days, first.swept), (1, 1, 0));
        let second = roller.roll_once().await.unwrap();
        assert_eq!((second.quarters, second.days, second.swept), (0, 0, 0));
    });
}

#[test]
fn late_data_rolls_its_quarter_and_day_again() {
    run(async {
        let warehouse = warehouse().await;
        let mut roller = roller(&warehouse);
        write(&warehouse, &[click(1, NOON), click(2, later(1))]).await;
        roller.roll_once().await.unwrap();
        write(&warehouse, &[click(3, NOON.forth(5))]).await;
        let behind = "SELECT clicks, visitors FROM rollup_daily";
        assert_eq!(column(&warehouse, behind).await, ["(2,1)"], "not rolled yet");
        let dirty = roller.dirty_quarters().await.unwrap();
        roller.roll_quarters(&dirty).await.unwrap();
        assert_eq!(
            column(&warehouse, behind).await,
            ["(3,1)"],
            "the day is behind: its sums are its quarters'"
        );
        assert_eq!(roller.roll_once().await.unwrap().days, 1);
        assert_eq!(column(&warehouse, behind).await, ["(3,1)"]);
    });
}

#[test]
fn an_order_that_moves_leaves_no_ghost() {
    run(async {
        let warehouse = warehouse().await;
        let mut roller = roller(&warehouse);
        let winner = click(1, NOON);
        for (claim, at, also) in [(1, later(1), later(50)), (2, later(50), later(1))] {
            let mut batch = Batch::new();
            let (decision, credits) = order("A-1", claim, at, &winner, &[also]);
            batch.decided(&decision, &credits);
            warehouse.write("a", &batch).await.unwrap();
            roller.roll_once().await.unwrap();
            let quarter = at.quarter().start_seconds().unwrap();
            assert_eq!(column(&warehouse, CELLS).await, [format!("({quarter},1,0,1,4995)")]);
            let daily =
                column(&warehouse, "SELECT day, orders, revenue FROM partner_daily WHERE orders > 0").await;
            let day = if claim == 1 { "2025-11-22" } else { "2025-11-23" };
            assert_eq!(daily, [format!("('{day}',1,49.95)")]);
        }
        // The group is still there, as zeros, so that a stale roller cannot bring it back unseen.
        assert_eq!(value(&warehouse, "SELECT count() FROM cells FINAL").await, "2");
    });
}

/// No order vanishes from the rollups by a status that they have no column for: what a bank took back counts among what was refunded.
#[test]
fn an_order_of_any_status_is_counted() {
    run(async {
        let warehouse = warehouse().await;
        let mut roller = roller(&warehouse);
        let mut batch = Batch::new();
        for (&status, claim) in OrderStatus::ALL.iter().zip(1..) {
            let (mut decision, mut credits) = order(status.as_str(), claim, NOON, &click(1, NOON), &[]);
            (decision.status, decision.is_approved) = (status, status == OrderStatus::Approved);
            for credit in &mut credits {
                (credit.status, credit.is_approved) = (status, decision.is_approved);
            }
            batch.decided(&decision, &credits);
        }
        warehouse.write("a", &batch).await.unwrap();
        roller.roll_once().await.unwrap();
        let counted = "SELECT toUInt32(orders), toUInt32(orders_pending), toUInt32(orders_approved), toUInt32(orders_rejected), \
             toUInt32(orders_partly_refunded), toUInt32(orders_refunded) FROM rollup_quarter";
        assert_eq!(column(&warehouse, counted).await, ["(6,1,1,1,1,2)"]);
        let audit = crate::audit::audit(&warehouse, &[], NOON, later(9), later(9)).await.unwrap();
        assert_eq!(
            (audit.mismatches.len(), audit.quarters_dirty),
            (0, 0),
            "the audit counts as the roller does"
        );
    });
}

/// A touch was credited and then pushed out of a cap: the newer snapshot has no row of it, not even a zero.
#[test]
fn what_a_newer_snapshot_no_longer_names_does_not_count() {
    run(async {
        let warehouse = warehouse().await;
        let mut roller = roller(&warehouse);
        let (old, new) = (click_of(1, 1, NOON), click_of(2, 2, NOON));
        let expect = async |roller: &mut Roller, cells: &[String], what: &str| {
            roller.roll_once().await.unwrap();
            assert_eq!(column(&warehouse, CELLS).await, cells, "{what}");
            let credits =
                "SELECT toUInt32(quarter), 1, 0, count(), sum(revenue_minor) FROM credits GROUP BY quarter";
            assert_eq!(column(&warehouse, credits).await, cells, "{what}");
            let audit = crate::audit(&warehouse, &[], NOON, later(9), NOON).await.unwrap();
            assert_eq!((audit.mismatches, audit.quarters_dirty), (Vec::new(), 0), "{what}");
        };
        let write = async |source: &str, snapshot: &(events::Decision, Vec<events::Credit>)| {
            let mut batch = Batch::new();
            batch.decided(&snapshot.0, &snapshot.1);
            warehouse.write(source, &batch).await.unwrap();
        };
        let cell = |at: units::EpochMs| [format!("({},1,0,1,4995)", at.quarter().start_seconds().unwrap())];
        let first = order("A-1", 1, NOON, &old, &[later(1)]);
        write("a", &first).await;
        expect(&mut roller, &cell(NOON), "one touch").await;
        write("a", &order("A-1", 2, NOON, &new, &[later(1)])).await;
        expect(&mut roller, &cell(NOON), "another, and nothing of the first").await;
        write("b", &first).await;
        expect(&mut roller, &cell(NOON), "a zombie says again what it said").await;
        // The second touch is out too, and not a single row of credits is left to mark the quarter.
        let (moved, _) = order("A-1", 3, later(1), &new, &[NOON]);
        write("a", &(moved, Vec::new())).await;
        expect(&mut roller, &[], "the order is nobody's, in another quarter").await;
        write("b", &first).await;
        expect(&mut roller, &[], "and a zombie changes nothing").await;
    });
}

/// A sink that dies between the two inserts, and a roll that falls between them, leave an order what it was or what it will be.
#[test]
fn an_order_counts_between_its_two_inserts() {
    run(async {
        let warehouse = warehouse().await;
        let mut roller = roller(&warehouse);
        let winner = click(1, NOON);
        let mut batch = Batch::new();
        for (claim, also) in [(1, later(1)), (2, later(2))] {
            let (decision, credits) = order("A-1", claim, NOON, &winner, &[also]);
            batch.clear();
            batch.decided(&decision, &credits);
            for (table, block) in batch.blocks() {
                warehouse.insert(table.name(), table.columns_list(), block).await.unwrap();
                warehouse.write_marks("a", &batch).await.unwrap();
                roller.roll_once().await.unwrap();
                let quarter = NOON.quarter().start_seconds().unwrap();
                assert_eq!(column(&warehouse, CELLS).await, [format!("({quarter},1,0,1,4995)")], "{table:?}");
            }
        }
    });
}

#[test]
fn what_a_stale_roller_leaves_behind_is_swept() {
    run(async {
        let warehouse = warehouse().await;
        let (mut fresh, stale) = (roller(&warehouse), roller(&warehouse));
        let winner = click(1, NOON);
        let mut batch = Batch::new();
        let (decision, credits) = order("A-1", 1, NOON, &winner, &[later(1)]);
        batch.decided(&decision, &credits);
        warehouse.write("a", &batch).await.unwrap();
        // The stale one has read its marks and is about to write; its facts are those of that moment.
        let seen = stale.dirty_quarters().await.unwrap();
        let zombie = sql::cells(&seen)
            .replace("SELECT quarter, partner_id, offer_id", "SELECT quarter, partner_id + 100, offer_id");
        let (decision, credits) = order("A-1", 2, later(1), &winner, &[NOON]);
        batch.clear();
        batch.decided(&decision, &credits);
        warehouse.write("a", &batch).await.unwrap();
        fresh.roll_once().await.unwrap();
        let right = column(&warehouse, CELLS).await;
        assert_eq!(right.len(), 1);
        warehouse.execute(&zombie.replace("share_ppm > 0", "1")).await.unwrap();
        stale.note_rolled(&seen).await.unwrap();
        warehouse.execute("INSERT INTO cells (quarter, partner_id, revenue_minor, ver) SELECT quarter, 999, 7, 1 FROM rolled LIMIT 1").await.unwrap();
        assert_ne!(column(&warehouse, CELLS).await, right, "the zombie's cell shows");
        let report = fresh.roll_once().await.unwrap();
        assert!(report.swept > 0 && report.quarters > 0, "{report:?}");
        assert_eq!(column(&warehouse, CELLS).await, right);
        assert_eq!(fresh.roll_once().await.unwrap().swept, 0);
    });
}

#[test]
fn parked_quarters_keep_their_cells_when_late_data_comes() {
    run(async {
        let warehouse = warehouse().await;
        let mut roller = roller(&warehouse);
        let old: Vec<Click<'_>> = (1..=10).map(|it| click(it, NOON)).collect();
        write(&warehouse, &old).await;
        let next_day = NOON.forth(units::DAY_MS);
        write(&warehouse, &[click(11, next_day)]).await;
        roller.roll_once().await.unwrap();
        warehouse.park_before(next_day).await.unwrap();
        assert_eq!(warehouse.drop_parked().await.unwrap(), ["20251122"]);
        write(&warehouse, &[click(12, NOON), click(13, next_day)]).await;
        assert_eq!(roller.roll_once().await.unwrap().quarters, 1);
        let daily = column(&warehouse, "SELECT clicks FROM rollup_daily ORDER BY day").await;
        assert_eq!(daily, ["(10)", "(2)"]);
        assert_eq!(value(&warehouse, "SELECT count() FROM clicks").await, "3", "the late one is stored");
        warehouse.park_before(NOON).await.unwrap();
        assert_eq!(warehouse.parked_before().await.unwrap() % 86_400, 0, "never moves back");
    });
}

#[test]
fn lost_marks_are_made_up_for() {
    run(async {
        let warehouse = warehouse().await;
        let mut roller = roller(&warehouse);
        for sequence in 1..=3 {
            write(&warehouse, &[click(sequence, NOON)]).await;
            roller.roll_once().await.unwrap();
        }
        // An unclean boot took the marks, and a click came whose mark is below what was rolled.
        warehouse.execute("TRUNCATE TABLE marks").await.unwrap();
        write(&warehouse, &[click(4, NOON)]).await;
        assert_eq!(roller.roll_once().await.unwrap().quarters, 0);
        assert_eq!(warehouse.mark_from(NOON.back(1)).await.unwrap(), 1);
        assert_eq!(roller.roll_once().await.unwrap().quarters, 1);
        assert_eq!(value(&warehouse, "SELECT sum(clicks) FROM rollup_daily").await, "4");
    });
}

// fault 89
#[test]
fn merges_change_nothing() {
    run(async {
        let warehouse = warehouse().await;
        let mut roller = roller(&warehouse);
        for sequence in 1..=4 {
            write(&warehouse, &[click(sequence, NOON), click(1, NOON)]).await;
            roller.roll_once().await.unwrap();
        }
        let before = column(&warehouse, CELLS).await;
        let facts = ["clicks_log", "marks", "cells", "rolled"];
        let days = ["cells_day", "rolled_day", "cells_partner_day", "uniques_day", "rolled_partner_day"];
        for table in facts.into_iter().chain(days) {
            warehouse.execute(&format!("OPTIMIZE TABLE {table} FINAL")).await.unwrap();
        }
        assert_eq!(column(&warehouse, CELLS).await, before);
        assert_eq!(roller.roll_once().await.unwrap().quarters, 0);
        write(&warehouse, &[click(5, NOON)]).await;
        roller.roll_once().await.unwrap();
        assert_eq!(
            value(&warehouse, "SELECT (sum(clicks), sum(visitors)) FROM partner_daily").await,
            "(5,1)"
        );
    });
}

#[test]
fn a_running_roller_shows_what_it_did_and_ends_when_told() {
    run(async {
        let warehouse = warehouse().await;
        write(&warehouse, &[click(1, NOON)]).await;
        let mut roller = roller(&warehouse);
        let mut status = roller.status();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let running = async { roller.run(async { stopped.await.unwrap_or_default() }).await };
        let watching = async {
            let seen = status.wait_for(|it| it.passes > 0).await.unwrap().clone();
            stop.send(()).unwrap();
            seen
        };
        let ((), seen) = tokio::join!(running, watching);
        assert_eq!((seen.last.quarters, seen.last.days, seen.error), (1, 1, None));
    });
}
