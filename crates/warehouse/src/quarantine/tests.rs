//! Against the real engine.

use events::Quarantined;

use super::*;
use crate::{
    Batch, Expected, Roller, RollerOptions, audit,
    tests::world::{NOON, click, later, run, value, warehouse},
};

fn record(place: &str, reason: &str) -> Quarantined {
    Quarantined { reason: reason.into(), place: place.into(), bytes: vec![0xC7, 1, 9, 0, b'\n', b'\n', 0xFF] }
}

async fn all(warehouse: &Warehouse, reason: Option<&str>) -> Vec<QuarantinedRow> {
    let mut found = Vec::new();
    let mut after = QuarantineKey::default();
    while let Some(last) = {
        found.extend(warehouse.waiting(reason, &after).await.unwrap());
        found.last().map(|it: &QuarantinedRow| it.key.clone()).filter(|it| *it > after)
    } {
        after = last;
    }
    found
}

#[test]
fn what_waits_is_read_page_by_page_and_once_replayed_no_more() {
    run(async {
        let warehouse = warehouse().await;
        let mut batch = Batch::new();
        for number in 0..1_100 {
            let reason = if number % 2 == 0 { "unknown_version" } else { "it's; odd" };
            batch.quarantined(&record(&format!("topic:it's:0@{number}"), reason));
        }
        warehouse.write("a", &batch).await.unwrap();
        warehouse.write("a", &batch).await.unwrap();
        let found = all(&warehouse, None).await;
        assert_eq!(found.len(), 1_100, "three pages, each row once");
        assert!(found.is_sorted_by(|one, next| one.key < next.key));
        assert!(found.iter().all(|it| it.bytes == record("", "").bytes && it.replayed_at == 0));
        let odd = all(&warehouse, Some("it's; odd")).await;
        assert_eq!(odd.len(), 550);

        warehouse.set_replayed(&odd, NOON).await.unwrap();
        assert!(all(&warehouse, Some("it's; odd")).await.is_empty());
        assert_eq!(all(&warehouse, None).await.len(), 550);
        let sums = warehouse.quarantine_sums().await.unwrap();
        let sums: Vec<_> = sums.iter().map(|it| (it.reason.as_str(), it.waiting, it.replayed)).collect();
        assert_eq!(sums, [("unknown_version", 550, 0), ("it's; odd", 0, 550)]);
        let at = warehouse.quarantined_at("topic:it's:0@1").await.unwrap();
        assert_eq!(at.len(), 1);
        assert_eq!((u64::from(at[0].replayed_at) * SECOND_MS, at[0].written_at), (NOON.0, odd[0].written_at));
        let shown = "SELECT assumeNotNull(replayed_at) FROM quarantine WHERE place = 'topic:it\\'s:0@1'";
        assert_eq!(value(&warehouse, shown).await, "2025-11-22 12:00:00");
        assert_eq!(value(&warehouse, "SELECT countIf(replayed_at IS NULL) FROM quarantine").await, "550");

        let asked = ["topic:it's:0@1", "topic:it's:0@2", "nowhere"];
        let known = warehouse.quarantined_among(&asked).await.unwrap();
        assert_eq!(known.iter().map(|it| it.place.as_str()).collect::<Vec<_>>(), asked[..2]);
        assert_eq!(warehouse.replayed_places("topic:it's:0@10").await.unwrap().len(), 55);
    });
}

/// A record that was replayed and whose fact is lost then is a gap again; one that waits is none.
#[test]
fn only_what_waits_excuses_a_gap() {
    run(async {
        let warehouse = warehouse().await;
        let mut batch = Batch::new();
        batch.click(&click(1, NOON));
        batch.quarantined(&record("spool:1:1@2", "unknown_version"));
        warehouse.write("a", &batch).await.unwrap();
        let expected = [Expected { writer: units::WriterId(1), incarnation: 1, first: 1, last: 2 }];
        let stored = || async { crate::stored_before(&warehouse, &expected, NOON).await.unwrap() };
        assert_eq!(stored().await, [3]);
        let waiting = warehouse.waiting(None, &QuarantineKey::default()).await.unwrap();
        warehouse.set_replayed(&waiting, NOON).await.unwrap();
        assert_eq!(stored().await, [2], "it must be among the facts now");
        let mut batch = Batch::new();
        batch.click(&click(2, NOON));
        warehouse.write("a", &batch).await.unwrap();
        assert_eq!(stored().await, [3]);
        let report = audit(&warehouse, &expected, NOON, later(1), NOON).await.unwrap();
        assert_eq!(report.missing(), 0);
    });
}

#[test]
fn a_row_that_the_engine_refused_is_put_back_and_rolled() {
    run(async {
        let warehouse = warehouse().await;
        warehouse
            .execute("ALTER TABLE clicks_log ADD CONSTRAINT c CHECK hex(substring(event_id, 16, 1)) != '07'")
            .await
            .unwrap();
        let mut batch = Batch::new();
        for sequence in 1..=20 {
            batch.click(&click(sequence, NOON));
        }
        warehouse.write("a", &batch).await.unwrap();
        let mut roller = Roller::new(warehouse.clone(), RollerOptions::default());
        roller.roll_once().await.unwrap();
        let waiting = warehouse.waiting(Some("refused_469"), &QuarantineKey::default()).await.unwrap();
        let [refused] = waiting.as_slice() else { panic!("{waiting:?}") };
        let table = RefusedTable::of_place(&refused.key.place).unwrap();
        assert_eq!(table, RefusedTable::Clicks);
        warehouse.put_refused_row(table, &refused.bytes).await.expect_err("the table still refuses it");

        warehouse.execute("ALTER TABLE clicks_log DROP CONSTRAINT c").await.unwrap();
        for _ in 0..2 {
            warehouse.put_refused_row(table, &refused.bytes).await.unwrap();
        }
        roller.roll_once().await.unwrap();
        assert_eq!(value(&warehouse, "SELECT count() FROM clicks").await, "20");
        assert_eq!(value(&warehouse, "SELECT sum(clicks) FROM rollup_quarter").await, "20");
        let same = "SELECT uniqExact(hex(toString(tuple(* EXCEPT (event_id, click_id, touch_id))))) FROM clicks_log FINAL";
        assert_eq!(value(&warehouse, same).await, "1", "it is like its neighbours");
    });
}
