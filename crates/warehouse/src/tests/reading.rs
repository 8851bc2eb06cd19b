//! The audit and the explanation: what they say of sound and of damaged data.

use events::{Candidate, CandidateVerdict, Report, ReportedClick, Statement};
use units::{AdvertiserId, CatalogVersion, EpochMs, Money, Origin, WriterId};

use super::world::{NOON, click, click_of, column, later, order, run, warehouse};
use crate::{Batch, Expected, Gap, Roller, RollerOptions, Warehouse, audit, explain, stored_before};

const NOW: EpochMs = EpochMs(NOON.0 + 86_400_000);

fn of_writer_1(first: u64, last: u64) -> Expected {
    Expected { writer: WriterId(1), incarnation: 1, first, last }
}

async fn rolled(sequences: &[u64]) -> Warehouse {
    let warehouse = warehouse().await;
    let mut batch = Batch::new();
    for sequence in sequences {
        batch.click(&click(*sequence, NOON.forth(*sequence)));
    }
    let (decision, credits) = order("A-1", 1, later(1), &click(1, NOON), &[later(2)]);
    batch.decided(&decision, &credits);
    warehouse.write("a", &batch).await.unwrap();
    warehouse.write("a", &batch).await.unwrap();
    Roller::new(warehouse.clone(), RollerOptions::default()).roll_once().await.unwrap();
    warehouse
}

#[test]
fn an_audit_names_each_gap_exactly() {
    run(async {
        let warehouse = rolled(&[2, 3, 7, 9, 12]).await;
        let mut batch = Batch::new();
        // The record that could not be stored is there all the same.
        let mut unset = click(8, EpochMs(5));
        unset.head.origin.sequence = 8;
        batch.click(&unset);
        warehouse.write("a", &batch).await.unwrap();
        let report = audit(&warehouse, &[of_writer_1(1, 10)], NOON, NOW, NOW).await.unwrap();
        let writer = report.writers.first().unwrap();
        assert_eq!((writer.expected, writer.found, writer.beyond), (10, 5, 1));
        let gap = |first, last| Gap { first, last };
        assert_eq!(writer.gaps, [gap(1, 1), gap(4, 6), gap(10, 10)]);
        assert_eq!((report.missing(), report.is_clean()), (5, false));
        assert!(report.mismatches.is_empty() && report.quarters_dirty == 0);
        let view =
            column(&warehouse, "SELECT what, subject, expected, found, ok, detail FROM audit ORDER BY what")
                .await;
        assert_eq!(view, ["('cells','',2,2,1,'')", "('sequences','1-1',10,5,0,'1-1 4-6 10-10')"]);
    });
}

#[test]
fn what_is_stored_without_a_gap_is_found_from_its_first_record_on() {
    run(async {
        let warehouse = rolled(&[2, 3, 4, 6, 7]).await;
        let mut batch = Batch::new();
        let place = "spool:1:1@5".into();
        let quarantined = events::Quarantined { reason: "no_envelope".into(), place, bytes: Vec::new() };
        batch.quarantined(&quarantined);
        warehouse.write("a", &batch).await.unwrap();
        let cases = [((2, 7), NOON, 8), ((2, 4), NOON, 5), ((1, 7), NOON, 1), ((2, 9), NOON, 8)];
        for ((first, last), since, want) in cases {
            let found = stored_before(&warehouse, &[of_writer_1(first, last)], since).await.unwrap();
            assert_eq!(found, [want], "{first} to {last}");
        }
        let too_late = stored_before(&warehouse, &[of_writer_1(2, 4)], later(9)).await.unwrap();
        assert_eq!(too_late, [2], "nothing so late was stored");
    });
}

#[test]
fn a_score_is_a_record_that_the_spool_is_asked_for() {
    run(async {
        let warehouse = warehouse().await;
        let score = super::bytes::full_score();
        let Origin { writer, incarnation, sequence } = score.origin;
        let wanted = Expected { writer, incarnation, first: sequence, last: sequence };
        let since = score.received_at;
        assert_eq!(stored_before(&warehouse, &[wanted], since).await.unwrap(), [sequence]);
        let mut batch = Batch::new();
        batch.score(&score);
        warehouse.write("a", &batch).await.unwrap();
        assert_eq!(stored_before(&warehouse, &[wanted], since).await.unwrap(), [sequence + 1]);
        let report = audit(&warehouse, &[wanted], NOON, NOW, NOW).await.unwrap();
        assert_eq!((report.missing(), report.writers.first().unwrap().found), (0, 1));
        assert_eq!(warehouse.time_of(score.origin).await.unwrap(), score.received_at);
        assert!(warehouse.last_times().await.unwrap().contains_key(&(writer, incarnation)));
    });
}

#[test]
fn a_writer_that_nobody_told_of_is_shown() {
    run(async {
        let warehouse = rolled(&[1, 2]).await;
        let report = audit(&warehouse, &[], NOON, NOW, NOW).await.unwrap();
        let writer = report.writers.first().unwrap();
        assert_eq!((writer.writer, writer.expected, writer.beyond), (1, 0, 2));
        assert!(report.is_clean());
    });
}

#[test]
fn an_audit_finds_a_cell_that_differs_from_its_facts() {
    run(async {
        let warehouse = rolled(&[1, 2, 3]).await;
        let clean = audit(&warehouse, &[of_writer_1(1, 3)], NOON, NOW, NOW).await.unwrap();
        assert!(clean.is_clean() && clean.cells == 2, "{clean:?}");
        warehouse.execute("INSERT INTO cells (quarter, partner_id, offer_id, link_id, country, device, currency, clicks, ver) \
             SELECT quarter, partner_id, offer_id, link_id, country, device, currency, 4, ver + 1 FROM cells FINAL WHERE clicks = 3").await.unwrap();
        let report = audit(&warehouse, &[of_writer_1(1, 3)], NOON, NOW, NOW).await.unwrap();
        let wrong = report.mismatches.first().unwrap();
        assert_eq!((report.mismatches.len(), wrong.of, wrong.group.as_str()), (1, 1, "1 1 1 DE mobile EUR"));
        assert_eq!((wrong.facts.first(), wrong.cell.first()), (Some(&3), Some(&4)));
        assert!(!report.is_clean());
        // A dirty quarter is not judged: its cells are about to change.
        let mut batch = Batch::new();
        batch.click(&click_of(2, 4, NOON.forth(4)));
        warehouse.write("a", &batch).await.unwrap();
        let report = audit(&warehouse, &[], NOON, NOW, NOW).await.unwrap();
        assert_eq!((report.mismatches.len(), report.quarters_dirty), (0, 1));
    });
}

fn report(key: &events::OrderKey) -> Report {
    Report {
        click: ReportedClick::Refused { text: "{click_id}".into(), reason: "unexpanded_macro".into() },
        statement: Statement::Order { amount: Some(Money { minor: 4_995, currency: units::Currency::EUR }) },
        new_customer: Some(true),
        catalog: CatalogVersion(1),
        ..Report::bare(key.clone(), later(1), Origin { writer: WriterId(1), incarnation: 1, sequence: 50 })
    }
}

#[test]
fn an_explanation_shows_decision_credits_reports_and_touches() {
    run(async {
        let warehouse = warehouse().await;
        let (winner, loser) = (click(1, NOON.forth(7)), click(2, NOON));
        let (mut decision, credits) = order("O'Brien \\ 1", 1, later(1), &winner, &[later(2)]);
        let candidate = |of: &events::Click<'_>, verdict| Candidate {
            partner: of.head.partner,
            offer: of.head.offer,
            verdict,
            age_ms: 899_993,
            window_ms: 1,
            ..Candidate::bare(of.head.id.touch(), of.head.at())
        };
        decision.trace.candidates =
            vec![candidate(&winner, CandidateVerdict::Won), candidate(&loser, CandidateVerdict::Older)];
        let mut batch = Batch::new();
        batch.click(&winner);
        batch.click(&loser);
        batch.report(&report(&decision.key));
        batch.decided(&decision, &credits);
        warehouse.write("a", &batch).await.unwrap();

        let found = explain(&warehouse, Some(AdvertiserId(1)), "O'Brien \\ 1").await.unwrap();
        let order = found.orders.first().unwrap();
        assert_eq!((order.at.as_str(), order.amount.as_str()), ("2025-11-22T12:15:00.000Z", "49.95"));
        assert!(order.trace.contains(r#""verdict":"older""#), "{}", order.trace);
        let credit = found.credits.first().unwrap();
        assert_eq!((found.credits.len(), credit.partner_id, credit.revenue.as_str()), (1, 1, "49.95"));
        assert_eq!((credit.share_ppm, credit.role.as_str()), (1_000_000, "closer"));
        let touch = found.touches.iter().find(|it| it.share_ppm > 0).unwrap();
        assert_eq!(
            (touch.touched_at.as_str(), touch.revenue.as_str()),
            ("2025-11-22T12:00:00.007Z", "49.95")
        );
        let report = found.reports.first().unwrap();
        assert_eq!((report.refused_reason.as_str(), report.origin.as_str()), ("unexpanded_macro", "1-1-50"));
        assert_eq!((report.reported_at.as_str(), report.amount.as_str()), ("", "49.95"));
        let clicks: Vec<&str> = found.clicks.iter().map(|it| it.at.as_str()).collect();
        assert_eq!(clicks, ["2025-11-22T12:00:00.000Z", "2025-11-22T12:00:00.007Z"]);

        let nothing = explain(&warehouse, Some(AdvertiserId(2)), "O'Brien \\ 1").await.unwrap();
        assert!(nothing.orders.is_empty() && nothing.reports.is_empty());
        assert_eq!(explain(&warehouse, None, "O'Brien \\ 1").await.unwrap(), found);
    });
}

// fault 122
#[test]
fn what_people_give_is_a_value_and_never_part_of_a_statement() {
    run(async {
        let warehouse = warehouse().await;
        let ids = [
            "A-1",
            "' OR '1'='1",
            "\\' OR 1=1 -- ",
            "'); DROP TABLE orders_log; --",
            "' UNION ALL SELECT * FROM orders -- ",
            "{order:String}",
            "{order:Identifier}",
            "unhex('412D31')",
            "%",
            "_-_",
            "\\N",
            "\\t",
            "a\tb\nc",
            "`\"$${x}?",
            "/* */ -- #",
            "t\u{e9}\u{2019}",
        ];
        let mut batch = Batch::new();
        let click = click(1, NOON);
        for id in ids {
            let (decision, credits) = order(id, 1, later(1), &click, &[later(2)]);
            batch.decided(&decision, &credits);
        }
        warehouse.write("a", &batch).await.unwrap();
        for id in ids {
            let found = explain(&warehouse, None, id).await.unwrap();
            let orders: Vec<&str> = found.orders.iter().map(|it| it.order_id.as_str()).collect();
            assert_eq!(orders, [id]);
            assert_eq!(found.credits.len(), 1, "{id}");
        }
        for unknown in ["' OR 1=1 OR '", "\\", "'", "A-1'", "A-1\\", "A-1' --", "*"] {
            let found = explain(&warehouse, Some(AdvertiserId(1)), unknown).await.unwrap();
            assert!(found.orders.is_empty() && found.credits.is_empty(), "{unknown}: {found:?}");
        }
        let count = column(&warehouse, "SELECT count() FROM orders").await;
        assert_eq!(count, [format!("({})", ids.len())], "the table is there, and whole");
    });
}
