//! Writing: once, twice, by two writers, in pieces.

use units::EpochMs;

use super::world::{NOON, click, column, later, options, order, run, value, warehouse};
use crate::{Batch, Fate, Sabotage, Table, Warehouse};

fn batch(clicks: u64) -> Batch {
    let mut batch = Batch::new();
    for sequence in 1..=clicks {
        batch.click(&click(sequence, NOON.forth(sequence)));
    }
    let winner = click(1, NOON.forth(1));
    let (decision, credits) = order("A-1", 5, later(1), &winner, &[later(2)]);
    batch.decided(&decision, &credits);
    batch
}

#[test]
fn migrating_again_changes_nothing() {
    run(async {
        let warehouse = Warehouse::new(options());
        warehouse.migrate().await.unwrap();
        warehouse.migrate().await.unwrap();
        warehouse.self_test().await.unwrap();
        let done = value(
            &warehouse,
            "SELECT groupArray(number) FROM (SELECT number FROM schema_migrations FINAL ORDER BY number)",
        )
        .await;
        assert_eq!(done, "[1,2,3,4,5,6,7,8,9,10,11,12,13]");
    });
}

#[test]
fn a_click_twice_in_one_insert_counts_once() {
    run(async {
        let warehouse = warehouse().await;
        let mut batch = batch(3);
        for sequence in 1..=3 {
            batch.click(&click(sequence, NOON));
        }
        warehouse.write("a", &batch).await.unwrap();
        let stored = "SELECT (SELECT count() FROM clicks_log), (SELECT count() FROM clicks)";
        let kept = "SELECT uniqExact(event_id), count() FROM clicks";
        assert_eq!(column(&warehouse, kept).await, ["(3,3)"]);
        let parts = "SELECT count(), max(level), any(toString(part_type)) FROM system.parts WHERE table = 'clicks_log' AND active AND database = currentDatabase()";
        assert_eq!(column(&warehouse, parts).await, ["(1,0,'Compact')"], "as they came, and no merge yet");
        assert_eq!(column(&warehouse, stored).await, ["(6,3)"]);
    });
}

// fault 79, fault 82
#[test]
fn a_batch_written_three_times_by_two_sinks_counts_once() {
    run(async {
        let one = warehouse().await;
        let two = one.clone();
        let batch = batch(10);
        one.write("a", &batch).await.unwrap();
        let (first, second) = tokio::join!(one.write("a", &batch), two.write("b", &batch));
        first.unwrap();
        second.unwrap();
        assert_eq!(value(&one, "SELECT count() FROM clicks").await, "10");
        assert_eq!(value(&one, "SELECT count() FROM orders").await, "1");
        assert_eq!(
            value(&one, "SELECT (count(), sum(revenue), sum(share)) FROM credits").await,
            "(1,49.95,1)"
        );
        let marks = column(&one, "SELECT quarter, sum(n) FROM marks GROUP BY quarter ORDER BY quarter").await;
        assert_eq!(marks.len(), 3, "{marks:?}");
        assert!(marks.iter().all(|it| it.ends_with(",3)")), "{marks:?}");
    });
}

#[test]
fn the_newest_snapshot_of_an_order_is_read_whatever_came_last() {
    run(async {
        let warehouse = warehouse().await;
        let winner = click(1, NOON);
        for claim in [7, 9, 8] {
            let mut batch = Batch::new();
            // Claim 9 places the order in another quarter than the others do.
            let (at, also) = if claim == 9 { (later(2), later(1)) } else { (later(1), later(2)) };
            let (decision, credits) = order("A-1", claim, at, &winner, &[also]);
            batch.decided(&decision, &credits);
            warehouse.write("a", &batch).await.unwrap();
        }
        let orders = column(&warehouse, "SELECT quarter, order_id, ver FROM orders").await;
        assert_eq!(orders, ["('2025-11-22 12:30:00','A-1',589824)"]);
        let credits = column(&warehouse, "SELECT quarter, revenue_minor FROM credits").await;
        assert_eq!(credits, ["('2025-11-22 12:30:00',4995)"]);
    });
}

// fault 87
#[test]
fn times_outside_the_engines_calendar_go_to_quarantine() {
    run(async {
        let warehouse = warehouse().await;
        let mut batch = Batch::new();
        let year_2106 = EpochMs(4_291_747_200_000);
        assert_eq!(batch.click(&click(1, EpochMs(5))), Fate::Quarantined);
        assert_eq!(batch.click(&click(2, year_2106)), Fate::Quarantined);
        assert_eq!(batch.click(&click(3, EpochMs(year_2106.0 - 1))), Fate::Row);
        let (decision, credits) = order("A-1", 1, EpochMs(5), &click(1, NOON), &[NOON]);
        assert_eq!(batch.decided(&decision, &credits), Fate::Quarantined);
        warehouse.write("a", &batch).await.unwrap();
        let found =
            column(&warehouse, "SELECT place, reason, length(bytes) > 50 FROM quarantine ORDER BY place")
                .await;
        assert_eq!(
            found,
            [
                "('click 1-1-1','time_out_of_range',1)",
                "('click 1-1-2','time_out_of_range',1)",
                "('order 1/A-1','time_out_of_range',1)",
            ]
        );
        assert_eq!(value(&warehouse, "SELECT count() FROM clicks").await, "1");
        assert_eq!(value(&warehouse, "SELECT count() FROM credits_log").await, "1", "the void row");
    });
}

// fault 87
#[test]
fn a_block_touches_a_bounded_number_of_partitions() {
    let mut batch = Batch::new();
    for day in 0..250 {
        batch.click(&click(day + 1, NOON.forth(day * units::DAY_MS)));
    }
    let sizes: Vec<usize> = batch.blocks().map(|(_, it)| it.rows()).collect();
    assert_eq!(sizes, [100, 100, 50]);
    run(async {
        let warehouse = warehouse().await;
        warehouse.write("a", &batch).await.unwrap();
        assert_eq!(value(&warehouse, "SELECT count() FROM clicks").await, "250");
    });
}

#[test]
fn every_sabotage_changes_exactly_one_row_also_after_a_retry() {
    let count = "SELECT (count(), uniqExact(click_id), countIf(quarter > toDateTime('2025-11-22 12:10:00', 'UTC'))) FROM clicks";
    let cases = [
        (Sabotage::Drop, "(9,9,0)", "4995"),
        (Sabotage::Double, "(11,10,0)", "4995"),
        (Sabotage::Shift, "(10,10,1)", "4995"),
        (Sabotage::Overpay, "(10,10,0)", "4996"),
    ];
    for (sabotage, clicks, revenue) in cases {
        run(async {
            let warehouse = Warehouse::new(crate::Options { sabotage: Some(sabotage), ..options() });
            warehouse.migrate().await.unwrap();
            let batch = batch(10);
            warehouse.write("a", &batch).await.unwrap();
            warehouse.write("a", &batch).await.unwrap();
            assert_eq!(value(&warehouse, count).await, clicks, "{sabotage:?}");
            assert_eq!(
                value(&warehouse, "SELECT sum(revenue_minor) FROM credits").await,
                revenue,
                "{sabotage:?}"
            );
            let marks = value(&warehouse, "SELECT uniqExact(quarter) FROM marks").await;
            assert_eq!(marks, if sabotage == Sabotage::Shift { "4" } else { "3" }, "{sabotage:?}");
        });
    }
}

#[test]
fn an_empty_batch_writes_nothing() {
    run(async {
        let warehouse = warehouse().await;
        let batch = Batch::new();
        assert!(batch.is_empty() && batch.rows_of(Table::Clicks) == 0);
        warehouse.write("a", &batch).await.unwrap();
        assert_eq!(value(&warehouse, "SELECT count() FROM marks").await, "0");
    });
}
