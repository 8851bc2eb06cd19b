//! What an order is worth, by examples: the latest amount, distinct refunds, the currency.

mod world;

use events::{
    Channel, Hold, Item, OrderStatus as S, RefundKind, RejectReason, Report, ReportedStatus, Statement,
};
use units::{Currency, Money};
use world::{deciding::*, *};

fn stated(at: u64, sequence: u64, amount: Option<Money>, status: Option<ReportedStatus>) -> Report {
    Report { statement: Statement::Order { amount }, status, ..report("o", at, sequence) }
}

type MoneyRow = (&'static str, Vec<Report>, S, Option<i64>, i64, i64, &'static str);

/// Name, reports, and of the decision: status, amount, refunded, revenue, notes.
fn assert_worth(rows: impl IntoIterator<Item = MoneyRow>) {
    for (name, reports, status, amount, refunded, revenue, want_notes) in rows {
        let order = decided(&reports, &[]);
        let decision = &order.decision;
        assert_eq!((decision.status, decision.amount.map(|it| it.minor)), (status, amount), "{name}");
        assert_eq!((decision.refunded_minor, decision.revenue_minor), (refunded, revenue), "{name}");
        assert_eq!(notes(&order).join(","), want_notes, "{name}");
    }
}

fn sale(at: u64, minor: i64) -> Report {
    stated(at, at, Some(euros(minor)), Some(ReportedStatus::Approved))
}

fn back(at: u64, id: &str, minor: impl Into<Option<i64>>) -> Report {
    refund("o", at, at, id, minor.into().map(euros))
}

fn dollars(minor: i64) -> Money {
    Money { minor, currency: Currency::parse("USD").expect("a known code") }
}

/// Fault 100: a new amount is a new snapshot.
#[test]
fn the_latest_amount_and_the_latest_status_hold() {
    use ReportedStatus::{Approved, Pending, Rejected};
    let says = |at, status| stated(at, at, None, status);
    assert_worth([
        ("a sale", vec![sale(1, 500)], S::Approved, Some(500), 0, 500, ""),
        ("repeated", vec![sale(1, 500), sale(2, 500)], S::Approved, Some(500), 0, 500, ""),
        ("corrected", vec![sale(1, 500), sale(2, 400)], S::Approved, Some(400), 0, 400, ""),
        ("no status", vec![stated(1, 1, Some(euros(5)), None)], S::Pending, Some(5), 0, 5, ""),
        ("nothing new", vec![sale(1, 500), says(2, None)], S::Approved, Some(500), 0, 500, ""),
        ("pending again", vec![sale(1, 5), says(2, Some(Pending))], S::Pending, Some(5), 0, 5, ""),
        ("rejected", vec![sale(1, 5), says(2, Some(Rejected))], S::Rejected, Some(5), 0, 0, ""),
        ("a lead", vec![says(1, Some(Approved))], S::Approved, None, 0, 0, ""),
        ("nothing paid", vec![sale(1, 0)], S::Approved, Some(0), 0, 0, ""),
        (
            "another currency later",
            vec![sale(1, 500), stated(2, 2, Some(dollars(600)), Some(Approved))],
            S::Approved,
            Some(600),
            0,
            600,
            "currency_changed",
        ),
    ]);
}

/// Fault 101: a refund waits for its sale and never exceeds it.
#[test]
fn distinct_refunds_add_up_to_the_order_at_most() {
    let rejected = stated(9, 9, None, Some(ReportedStatus::Rejected));
    let one = || vec![sale(1, 500), back(2, "r", 100)];
    let and = |more: Report| one().into_iter().chain([more]).collect::<Vec<_>>();
    assert_worth([
        ("part back", one(), S::PartlyRefunded, Some(500), 100, 400, ""),
        ("told twice", and(back(3, "r", 100)), S::PartlyRefunded, Some(500), 100, 400, ""),
        ("restated", and(back(3, "r", 50)), S::PartlyRefunded, Some(500), 50, 450, ""),
        ("two make all", and(back(3, "s", 400)), S::Refunded, Some(500), 500, 0, ""),
        ("all back", vec![sale(1, 500), back(2, "r", None)], S::Refunded, Some(500), 500, 0, ""),
        ("rejected too", and(rejected), S::Rejected, Some(500), 100, 0, ""),
        ("alone, held", vec![back(2, "r", 9)], S::Pending, None, 0, 0, "refund_held"),
        (
            "before its sale",
            vec![back(1, "r", 100), sale(2, 500)],
            S::PartlyRefunded,
            Some(500),
            100,
            400,
            "",
        ),
        ("of nothing", vec![sale(1, 0), back(2, "r", None)], S::Approved, Some(0), 0, 0, ""),
        ("too much", and(back(3, "s", 401)), S::Refunded, Some(500), 500, 0, "refund_exceeds_order"),
        (
            "in another currency",
            vec![sale(1, 500), refund("o", 2, 2, "r", Some(dollars(100)))],
            S::Approved,
            Some(500),
            0,
            500,
            "refund_other_currency",
        ),
    ]);
}

/// Fault 106: of a refund whose currency is not the order's nobody knows what is left.
#[test]
fn a_refund_in_another_currency_is_not_counted_and_holds_the_credit() {
    let click = touch(1, 1, 7, 9);
    let foreign = refund("o", T + 1, 2, "r", Some(dollars(100)));
    let sold = stated(T, 1, Some(euros(500)), Some(ReportedStatus::Approved)).of(7);
    let held = decided(&[sold.clone(), foreign.clone()], &[touch(T - 1, 1, 7, 9), click]);
    assert_eq!(held.decision.hold, Some(Hold::RefundOtherCurrency));
    let paid: Vec<_> = held.credits.iter().filter(|it| it.share.0 > 0).collect();
    assert!(paid.iter().all(|it| it.hold == Some(Hold::RefundOtherCurrency)) && paid.len() == 1);
    assert_eq!(paid[0].revenue_minor, 500, "on hold, never to zero");
    // Restated in the order's currency it counts, and nothing is held.
    let restated = refund("o", T + 2, 3, "r", Some(euros(100)));
    let free = decided(&[sold, foreign, restated], &[touch(T - 1, 1, 7, 9)]);
    assert_eq!((free.decision.hold, free.decision.refunded_minor), (None, 100));
}

fn taken(at: u64, id: &str, minor: impl Into<Option<i64>>) -> Report {
    let statement = Statement::Refund {
        refund: id.into(),
        amount: minor.into().map(euros),
        kind: RefundKind::Chargeback,
    };
    Report { statement, ..back(at, id, None) }
}

/// Faults 101, 102: what a bank takes is worth what a refund is, and is told apart.
#[test]
fn a_chargeback_is_told_from_a_refund_and_worth_the_same() {
    let and = |more: Vec<Report>| [vec![sale(1, 500)], more].concat();
    let rejected = stated(9, 9, None, Some(ReportedStatus::Rejected));
    assert_worth([
        ("all of it", and(vec![taken(2, "c", None)]), S::ChargedBack, Some(500), 500, 0, ""),
        ("some of it", and(vec![taken(2, "c", 100)]), S::ChargedBack, Some(500), 100, 400, ""),
        (
            "told twice",
            and(vec![taken(2, "c", 100), taken(3, "c", 100)]),
            S::ChargedBack,
            Some(500),
            100,
            400,
            "",
        ),
        (
            "beside a refund",
            and(vec![back(2, "r", 100), taken(3, "c", 100)]),
            S::ChargedBack,
            Some(500),
            200,
            300,
            "",
        ),
        (
            "more than is left",
            and(vec![back(2, "r", 100), taken(3, "c", None)]),
            S::ChargedBack,
            Some(500),
            500,
            0,
            "refund_exceeds_order",
        ),
        (
            "given back after all",
            and(vec![taken(2, "c", 100), back(3, "c", 100)]),
            S::PartlyRefunded,
            Some(500),
            100,
            400,
            "",
        ),
        (
            "lost by the bank",
            and(vec![taken(2, "c", 100), taken(3, "c", 0)]),
            S::Approved,
            Some(500),
            0,
            500,
            "",
        ),
        ("of a rejected order", and(vec![taken(2, "c", 100), rejected]), S::Rejected, Some(500), 100, 0, ""),
        ("before its sale", vec![taken(1, "c", 100), sale(2, 500)], S::ChargedBack, Some(500), 100, 400, ""),
        ("alone, held", vec![taken(1, "c", 100)], S::Pending, None, 0, 0, "refund_held"),
        ("of nothing", vec![sale(1, 0), taken(2, "c", None)], S::Approved, Some(0), 0, 0, ""),
    ]);
}

/// Fault 100: whose word is the latest, his is the reason.
#[test]
fn a_rejection_has_a_reason_by_the_latest_status() {
    use ReportedStatus::{Approved, Rejected};
    let said = |at, status, reason| Report { reason, ..stated(at, at, None, Some(status)) };
    let fraud = Some(RejectReason::Fraud);
    let rows = [
        ("unsaid", vec![said(2, Rejected, None)], Some(RejectReason::Unsaid)),
        ("said", vec![said(2, Rejected, fraud)], fraud),
        (
            "said again otherwise",
            vec![said(2, Rejected, fraud), said(3, Rejected, Some(RejectReason::Test))],
            Some(RejectReason::Test),
        ),
        ("taken back", vec![said(2, Rejected, fraud), said(3, Approved, None)], None),
        (
            "by an earlier word",
            vec![said(2, Approved, None), said(3, Rejected, fraud), stated(4, 4, None, None)],
            fraud,
        ),
    ];
    for (name, reports, want) in rows {
        let reports = [vec![sale(1, 500)], reports].concat();
        assert_eq!(decided(&reports, &[]).decision.reason, want, "{name}");
    }
}

#[test]
fn lines_that_do_not_add_up_are_noted_and_the_amount_counts() {
    let item = |minor| Item { product: "T".into(), quantity: 1, minor };
    let with = |items: Vec<Item>, channel| Report { items, channel, ..sale(1, 500) };
    let rows = [
        (vec![item(300), item(200)], Channel::Batch, ""),
        (vec![item(300), item(100)], Channel::Batch, "items_differ"),
        (vec![item(300)], Channel::Shopify, ""),
        (vec![item(1); Report::ITEMS_MAX], Channel::Batch, ""),
        (vec![], Channel::Batch, ""),
    ];
    for (items, channel, want) in rows {
        let name = format!("{} lines by {channel:?}", items.len());
        assert_worth([(&*name.leak(), vec![with(items, channel)], S::Approved, Some(500), 0, 500, want)]);
    }
}

#[test]
fn without_an_amount_the_currency_is_the_offers_or_the_euro() {
    let lead = stated(T, 1, None, None).of(7);
    assert_eq!(
        decided(std::slice::from_ref(&lead), &[touch(T - 1, 1, 7, 1)]).decision.currency.as_str(),
        "USD"
    );
    assert_eq!(decided(&[lead], &[]).decision.currency, Currency::EUR);
}

/// What a shop approved stays approved, whatever goes back; the credits' refunds add up to the order's.
#[test]
fn an_approval_stays_when_money_goes_back() {
    use ReportedStatus::{Approved, Pending, Rejected};
    let says = |at, status| stated(at, at, None, Some(status));
    let rows = [
        ("a sale", vec![sale(1, 500)], S::Approved, true),
        ("part back", vec![sale(1, 500), back(2, "r", 100)], S::PartlyRefunded, true),
        ("all back", vec![sale(1, 500), back(2, "r", None)], S::Refunded, true),
        ("by a bank", vec![sale(1, 500), taken(2, "c", 100)], S::ChargedBack, true),
        (
            "approved after its refund",
            vec![stated(1, 1, Some(euros(500)), None), back(2, "r", 100), says(3, Approved)],
            S::PartlyRefunded,
            true,
        ),
        (
            "never approved",
            vec![stated(1, 1, Some(euros(500)), Some(Pending)), back(2, "r", 100)],
            S::PartlyRefunded,
            false,
        ),
        ("rejected then", vec![sale(1, 500), back(2, "r", 1), says(3, Rejected)], S::Rejected, false),
        ("pending again", vec![sale(1, 500), back(2, "r", 1), says(3, Pending)], S::PartlyRefunded, false),
        ("a refund alone", vec![back(2, "r", 9)], S::Pending, false),
    ];
    for (name, mut reports, status, is_approved) in rows {
        let seen = reports.remove(0);
        reports.insert(0, Report { visitor: Some(units::VisitorId(7)), ..seen });
        let order = decided(&reports, &[touch(0, 1, 7, 9)]);
        let decision = &order.decision;
        assert_eq!((decision.status, decision.is_approved), (status, is_approved), "{name}");
        assert!(order.credits.iter().all(|it| it.is_approved == is_approved), "{name}");
        let refunded: i64 = order.credits.iter().map(|it| it.refunded_minor).sum();
        assert_eq!((order.credits.is_empty(), refunded), (false, decision.refunded_minor), "{name}");
    }
}

/// A lead and a sale under one order id are one order, which the sale gives an amount; what of it went back before waits for that amount.
#[test]
fn one_order_id_is_one_order_whatever_is_reported_under_it() {
    let lead = Report { event: "lead".into(), ..stated(1, 1, None, Some(ReportedStatus::Approved)) };
    assert_worth([
        ("a lead and its sale", vec![lead.clone(), sale(2, 500)], S::Approved, Some(500), 0, 500, ""),
        ("a chargeback first", vec![taken(1, "c", 500)], S::Pending, None, 0, 0, "refund_held"),
        ("and its sale", vec![taken(1, "c", 500), sale(2, 500)], S::ChargedBack, Some(500), 500, 0, ""),
        ("a refund of a lead", vec![lead.clone(), back(2, "r", 5)], S::Approved, None, 0, 0, "refund_held"),
    ]);
    assert_eq!(&*decided(&[lead, sale(2, 500)], &[]).decision.event, "lead", "told by its first report");
}
