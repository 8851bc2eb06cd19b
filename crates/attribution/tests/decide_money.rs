//! What an order is worth, by examples: the latest amount, distinct refunds, the currency.

mod world;

use events::{OrderStatus as S, Report, ReportedStatus, Statement};
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
            "currency_changed",
        ),
    ]);
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
