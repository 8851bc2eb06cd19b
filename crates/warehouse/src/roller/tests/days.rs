//! Days, by cell and by partner, follow their quarters, and what stale rollers leave in them is swept.

use super::*;

const DAILY: &str = "SELECT partner_id, clicks, visitors FROM partner_daily ORDER BY partner_id";

#[test]
fn a_stale_day_is_swept_too() {
    run(async {
        let warehouse = warehouse().await;
        let mut roller = roller(&warehouse);
        write(&warehouse, &[click(1, NOON)]).await;
        roller.roll_once().await.unwrap();
        write(&warehouse, &[click(2, NOON)]).await;
        roller.roll_once().await.unwrap();
        let daily = "SELECT partner_id, clicks FROM rollup_daily ORDER BY partner_id";
        warehouse
            .execute("INSERT INTO cells_day (day, partner_id, clicks, ver) SELECT day, 999, 5, 1 FROM rolled_day FINAL")
            .await
            .unwrap();
        assert_eq!(column(&warehouse, daily).await, ["(1,2)", "(999,5)"]);
        assert_eq!(roller.roll_once().await.unwrap().swept, 1);
        assert_eq!(column(&warehouse, daily).await, ["(1,2)"]);
    });
}

#[test]
fn stale_days_of_partners_are_swept_too() {
    run(async {
        let warehouse = warehouse().await;
        let mut roller = roller(&warehouse);
        for sequence in 1..=2 {
            write(&warehouse, &[click(sequence, NOON)]).await;
            roller.roll_once().await.unwrap();
        }
        let right = column(&warehouse, DAILY).await;
        assert_eq!(right, ["(1,2,1)"]);
        let left_behind = [
            "INSERT INTO cells_partner_day (day, partner_id, currency, clicks, ver) SELECT day, 999, 'EUR', 5, 1 FROM rolled_partner_day FINAL",
            "INSERT INTO uniques_day (day, partner_id, visitors, ver) SELECT day, 999, 5, 1 FROM rolled_partner_day FINAL",
        ];
        for (table, statement) in ["cells_partner_day", "uniques_day"].into_iter().zip(left_behind) {
            let rows = format!(
                "SELECT sum({}) FROM {table} FINAL WHERE partner_id = 999",
                if table == "uniques_day" { "visitors" } else { "clicks" }
            );
            warehouse.execute(statement).await.unwrap();
            assert_eq!(value(&warehouse, &rows).await, "5", "the zombie's row is there");
            assert_eq!(roller.roll_once().await.unwrap().swept, 1, "{table}");
            assert_eq!(value(&warehouse, &rows).await, "0");
            assert_eq!(column(&warehouse, DAILY).await, right);
            assert_eq!(roller.roll_once().await.unwrap().swept, 0);
        }
    });
}

#[test]
fn days_of_partners_come_from_quarters_until_they_are_rolled() {
    run(async {
        let warehouse = warehouse().await;
        let roller = roller(&warehouse);
        write(&warehouse, &[click(1, NOON), click(2, NOON)]).await;
        let dirty = roller.dirty_quarters().await.unwrap();
        roller.roll_quarters(&dirty).await.unwrap();
        // As a roller of the version before leaves it.
        assert_eq!(roller.roll_all_days(Days::Cells).await.unwrap(), 1);
        assert_eq!(column(&warehouse, DAILY).await, ["(1,2,0)"], "sums at once, visitors with the roll");
        assert_eq!(roller.roll_all_days(Days::Partners).await.unwrap(), 1);
        assert_eq!(column(&warehouse, DAILY).await, ["(1,2,1)"]);
        assert_eq!(roller.roll_all_days(Days::Partners).await.unwrap(), 0);
    });
}

#[test]
fn days_of_partners_do_not_wait_for_day_cells() {
    run(async {
        let warehouse = warehouse().await;
        let slow = Duration::from_hours(1);
        let options = RollerOptions { interval: Duration::ZERO, day_interval: slow, sweep_interval: slow };
        let mut roller = Roller::new(warehouse.clone(), options);
        write(&warehouse, &[click(1, NOON)]).await;
        let first = roller.pass().await.unwrap();
        assert_eq!((first.quarters, first.partner_days, first.days), (1, 1, 1));
        write(&warehouse, &[click(2, NOON)]).await;
        roller.partner_days_due = None;
        let second = roller.pass().await.unwrap();
        assert_eq!((second.quarters, second.partner_days, second.days), (1, 1, 0));
        assert_eq!(column(&warehouse, DAILY).await, ["(1,2,1)"]);
    });
}

/// A credit that moves to another partner takes the day's only row of the first with it.
#[test]
fn a_partner_whose_day_emptied_shows_no_row() {
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
        }
        let days = column(&warehouse, "SELECT toString(day), orders FROM partner_daily").await;
        assert_eq!(days, ["('2025-11-23',1)"]);
        let kept = "SELECT toString(day), is_empty FROM cells_partner_day FINAL ORDER BY day";
        assert_eq!(column(&warehouse, kept).await, ["('2025-11-22',true)", "('2025-11-23',false)"]);
    });
}
