//! What analysts read of approvals, refunds, holds and keys, and that every column tells what it is.

use events::{
    Credit, Decision, EarningKey, Hold, MatchedKey, OrderKey, OrderStatus, Report, ReportedClick, Standing,
    Statement, TouchKind,
};
use units::{AdvertiserId, Currency, EpochMs, Money, Origin, WriterId};

use super::world::{NOON, click, column, decided_by, later, order, run, value, warehouse};
use crate::{Batch, Roller, RollerOptions, Warehouse};

async fn rolled(orders: &[(Decision, Vec<Credit>)]) -> Warehouse {
    let warehouse = warehouse().await;
    let mut batch = Batch::new();
    for (decision, credits) in orders {
        batch.decided(decision, credits);
    }
    warehouse.write("a", &batch).await.unwrap();
    Roller::new(warehouse.clone(), RollerOptions::default()).roll_once().await.unwrap();
    warehouse
}

/// 49.95 EUR of which `back` cents went back.
fn settled(
    name: &str,
    sequence: u64,
    status: OrderStatus,
    is_approved: bool,
    back: i64,
) -> (Decision, Vec<Credit>) {
    let (decision, credits) = order(name, 1, later(1), &click(sequence, NOON.forth(sequence)), &[]);
    let revenue_minor = if status == OrderStatus::Rejected { 0 } else { 4_995 - back };
    let decision = Decision { status, is_approved, refunded_minor: back, revenue_minor, ..decision };
    let credit = |it: Credit| Credit { status, is_approved, refunded_minor: back, revenue_minor, ..it };
    (decision, credits.into_iter().map(credit).collect())
}

const APPROVED: &str = "orders, orders_pending, orders_approved, orders_rejected, orders_partly_refunded, orders_refunded, orders_charged_back, \
     revenue, revenue_approved, refunded, refunded_approved";

#[test]
fn what_was_approved_stays_so_when_money_goes_back() {
    run(async {
        use OrderStatus as S;
        let warehouse = rolled(&[
            settled("whole", 1, S::Approved, true, 0),
            settled("part", 2, S::PartlyRefunded, true, 995),
            settled("part of a pending one", 3, S::PartlyRefunded, false, 95),
            settled("all", 4, S::Refunded, true, 4_995),
            settled("bank", 5, S::ChargedBack, true, 1_995),
            settled("rejected", 6, S::Rejected, false, 1_000),
            settled("pending", 7, S::Pending, false, 0),
        ])
        .await;
        let want = "(7,1,4,1,2,2,1,218.9,119.95,90.8,79.85)";
        for view in ["partner_daily", "rollup_daily", "rollup_hourly", "rollup_quarter"] {
            let found = column(&warehouse, &format!("SELECT {APPROVED} FROM {view} WHERE orders > 0")).await;
            assert_eq!(found, [want], "{view}");
        }
        for view in ["orders", "credits", "touches"] {
            let sums = "sum(refunded), sumIf(refunded, is_approved), sum(revenue), sumIf(revenue, is_approved), countIf(is_approved)";
            let found = column(&warehouse, &format!("SELECT {sums} FROM {view}")).await;
            assert_eq!(found, ["(90.8,79.85,218.9,119.95,4)"], "{view}");
        }
        let audit = crate::audit(&warehouse, &[], NOON, later(4), later(5)).await.unwrap();
        assert_eq!((audit.cells > 0, audit.mismatches), (true, vec![]));
    });
}

#[test]
fn rollups_say_how_many_orders_are_held_and_how_many_have_no_rate() {
    run(async {
        let held = |(decision, credits): (Decision, Vec<Credit>), hold| {
            let is_told = hold == Hold::RefundOtherCurrency;
            let reporting = decision.reporting.filter(|_| is_told);
            let credit = |it: Credit| Credit { hold: Some(hold), reporting, ..it };
            let credits = credits.into_iter().map(credit).collect();
            (Decision { hold: Some(hold), reporting, ..decision }, credits)
        };
        let whole = |name, sequence| settled(name, sequence, OrderStatus::Approved, true, 0);
        let warehouse = rolled(&[
            whole("free", 1),
            held(whole("rate", 2), Hold::RateMissing),
            held(whole("other", 3), Hold::RefundOtherCurrency),
        ])
        .await;
        let found = column(
            &warehouse,
            "SELECT orders, orders_held, orders_without_rate, revenue, revenue_reporting FROM partner_daily",
        )
        .await;
        assert_eq!(found, ["(3,2,1,149.85,16034)"]);
        let audit = crate::audit(&warehouse, &[], NOON, later(4), later(5)).await.unwrap();
        assert_eq!((audit.cells > 0, audit.mismatches), (true, vec![]));
    });
}

#[test]
fn the_key_that_decided_stands_in_orders_credits_and_touches() {
    run(async {
        let found_by = |name, sequence, found, key: EarningKey| {
            let (mut decision, credits) = settled(name, sequence, OrderStatus::Approved, true, 0);
            decision.trace.decided_by = Some(decided_by(key, &click(sequence, NOON)));
            let kind = if key == EarningKey::View { TouchKind::View } else { TouchKind::Click };
            let standing = Standing { kind, found, ..credits[0].standing.unwrap() };
            let credit = |it: Credit| Credit { standing: Some(standing), ..it };
            (decision, credits.into_iter().map(credit).collect())
        };
        let warehouse = rolled(&[
            found_by("a", 1, MatchedKey::ClickId, EarningKey::Click),
            found_by("b", 2, MatchedKey::CustomerVisitor, EarningKey::Click),
            found_by("c", 3, MatchedKey::Visitor, EarningKey::View),
            found_by("d", 4, MatchedKey::ExclusiveCoupon, EarningKey::ExclusiveCoupon),
            found_by("e", 5, MatchedKey::Partner, EarningKey::Partner),
        ])
        .await;
        for view in ["orders", "credits", "touches"] {
            let found = value(&warehouse, &format!("SELECT rule FROM {view} ORDER BY order_id")).await;
            assert_eq!(found, "click\nclick\nview\nexclusive_coupon\npartner", "{view}");
        }
    });
}

#[test]
fn a_reports_click_id_leads_to_its_touch() {
    run(async {
        let warehouse = warehouse().await;
        let mut batch = Batch::new();
        for (sequence, at) in [(1, NOON), (2, EpochMs(1)), (3, EpochMs((1 << 48) - 1))] {
            let id = click(sequence, at).head.id;
            let origin = Origin { writer: WriterId(2), incarnation: 1, sequence };
            batch.report(&Report {
                click: ReportedClick::Signed(id),
                statement: Statement::Order { amount: Some(Money { minor: 1, currency: Currency::EUR }) },
                ..Report::bare(OrderKey::by_id(AdvertiserId(1), "o"), NOON, origin)
            });
        }
        let origin = Origin { writer: WriterId(2), incarnation: 1, sequence: 4 };
        batch.report(&Report::bare(OrderKey::by_id(AdvertiserId(1), "o"), NOON, origin));
        warehouse.write("a", &batch).await.unwrap();
        let touch = |sequence, at| {
            let touch = click(sequence, at).head.id.touch();
            format!("{:032x}", u128::from_be_bytes(touch.0))
        };
        let want = [touch(1, NOON), touch(2, EpochMs(1)), touch(3, EpochMs((1 << 48) - 1)), String::new()];
        let found = value(&warehouse, "SELECT touch_id FROM reports ORDER BY sequence").await;
        assert_eq!(found, want.join("\n"));
    });
}

/// Of a view with parameters the engine knows no columns.
#[test]
fn every_column_that_analysts_read_says_what_it_is() {
    run(async {
        let warehouse = warehouse().await;
        let database = warehouse.database();
        let read = format!(
            "database = '{database}' AND table IN (SELECT name FROM system.tables WHERE database = '{database}' AND (engine = 'View' OR name = 'uniques_day'))"
        );
        let silent = format!("SELECT table, name FROM system.columns WHERE {read} AND comment = ''");
        assert_eq!(column(&warehouse, &silent).await, Vec::<String>::new());
        let tables = format!("SELECT uniqExact(table) FROM system.columns WHERE {read}");
        assert_eq!(
            value(&warehouse, &tables).await,
            "14",
            "eleven of the README, two of days behind, one table"
        );
        let views = format!(
            "SELECT name FROM system.tables WHERE database = '{database}' AND engine = 'View' AND comment = ''"
        );
        assert_eq!(column(&warehouse, &views).await, Vec::<String>::new());
    });
}

/// The engine takes a view's list of columns at its word, and would convert whatever the statement below gives.
#[test]
fn views_have_the_columns_that_their_statements_give() {
    run(async {
        let warehouse = warehouse().await;
        let database = warehouse.database();
        let views = format!(
            "SELECT name FROM system.tables WHERE database = '{database}' AND engine = 'View' AND NOT endsWith(name, '_in')"
        );
        let views = value(&warehouse, &views).await;
        for view in views.lines() {
            let statement = format!(
                "SELECT as_select FROM system.tables WHERE database = '{database}' AND name = '{view}'"
            );
            let statement = value(&warehouse, &statement).await;
            warehouse.execute(&format!("CREATE OR REPLACE VIEW plain AS {statement}")).await.unwrap();
            let columns = |of: &str| {
                format!(
                    "SELECT name, type FROM system.columns WHERE database = '{database}' AND table = '{of}' ORDER BY position"
                )
            };
            let given = column(&warehouse, &columns("plain")).await;
            assert_eq!(column(&warehouse, &columns(view)).await, given, "{view}");
        }
        assert_eq!(views.lines().count(), 13);
    });
}
