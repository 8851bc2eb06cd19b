//! What orders are worth in the reporting currency, by examples: the rate of the order's time, shares to the last unit, and a hold where no rate is.

mod world;

use attribution::Decided;
use catalog::{Catalog, Model};
use events::{Hold, Reporting};
use units::{Currency, Money, Rate};
use world::{deciding::*, *};

fn currency(code: &str) -> Currency {
    Currency::parse(code).expect("a known code")
}

/// A program of linear splits that reports in `into`, with a rate of the euro.
fn reports_in(into: &str, rate: &str) -> Catalog {
    let mut catalog = catalog(1, 0, WINDOW_MS);
    catalog.offers.values_mut().for_each(|it| it.rules.model = Some(Model::Linear));
    catalog.reporting_currency = Some(currency(into));
    catalog.rates.extend(Rate::parse(rate).map(|it| (Currency::EUR, it)));
    catalog
}

fn path() -> Vec<events::Touch> {
    vec![touch(T - 3, 1, 7, 1), touch(T - 2, 2, 7, 2), touch(T - 1, 3, 7, 3)]
}

/// Of the credits that are not zero, oldest first.
fn parts(decided: &Decided) -> Vec<i64> {
    let mut rows: Vec<_> = decided.credits.iter().filter(|it| it.share.0 > 0).collect();
    rows.sort_by_key(|it| it.touched_at);
    rows.iter().map(|it| it.reporting.map_or(0, |it| it.minor)).collect()
}

/// 100.00 EUR are 109.99 USD by this rate, which three cannot share evenly.
#[test]
fn the_amount_is_converted_once_and_its_parts_add_up_to_it() {
    let decided = decided_by([reports_in("USD", "1.0999")], &[report("o", T, 1).of(7)], &path());
    let rate = Rate::parse("1.0999").expect("a rate");
    let want = Reporting { minor: 10_999, currency: currency("USD"), rate };
    assert_eq!((decided.decision.reporting, decided.decision.hold), (Some(want), None));
    assert_eq!(parts(&decided), [3_666, 3_666, 3_667]);
    assert!(decided.credits.iter().all(|it| it.reporting.is_some_and(|it| it.rate == rate)));

    let yen = decided_by([reports_in("JPY", "160.255")], &[report("o", T, 1).of(7)], &path());
    assert_eq!(parts(&yen), [5_342, 5_342, 5_342], "16,025.5 yen are rounded up before they are shared");
}

#[test]
fn what_was_given_back_is_not_reported() {
    let reports = [report("o", T, 1).of(7), refund("o", T + 5, 2, "r", Some(euros(1)))];
    let decided = decided_by([reports_in("USD", "2")], &reports, &path());
    assert_eq!(parts(&decided).iter().sum::<i64>(), 2 * decided.decision.revenue_minor);
}

// fault 106
#[test]
fn without_a_rate_the_credit_is_held_and_keeps_its_share() {
    let decided = decided_by([reports_in("USD", "none")], &[report("o", T, 1).of(7)], &path());
    assert_eq!((decided.decision.reporting, decided.decision.hold), (None, Some(Hold::RateMissing)));
    assert!(notes(&decided).contains(&"rate_missing"));
    let paid = decided.credits.iter().filter(|it| it.share.0 > 0);
    assert!(paid.clone().all(|it| it.hold == Some(Hold::RateMissing) && it.reporting.is_none()));
    assert_eq!(paid.map(|it| it.revenue_minor).sum::<i64>(), 10_000);
}

#[test]
fn a_program_that_reports_in_nothing_holds_nothing() {
    let decided = decided(&[report("o", T, 1).of(7)], &path());
    assert_eq!((decided.decision.reporting, decided.decision.hold), (None, None));
    assert!(!notes(&decided).contains(&"rate_missing"));
}

#[test]
fn an_order_worth_nothing_needs_no_rate() {
    let mut free = report("o", T, 1).of(7);
    free.statement = events::Statement::Order { amount: Some(Money { minor: 0, currency: Currency::EUR }) };
    let decided = decided_by([reports_in("USD", "none")], &[free], &path());
    assert_eq!((decided.decision.reporting, decided.decision.hold), (None, None));
}

#[test]
fn what_is_beyond_the_greatest_amount_is_held() {
    let decided = decided_by([reports_in("USD", "999999")], &[report("o", T, 1).of(7)], &path());
    assert!(decided.decision.reporting.is_some(), "100.00 times a million is no more than a hundred million");
    let mut dear = report("o", T, 1).of(7);
    let amount = Money { minor: Money::MINOR_MAX, currency: Currency::EUR };
    dear.statement = events::Statement::Order { amount: Some(amount) };
    let decided = decided_by([reports_in("USD", "2")], &[dear], &path());
    assert_eq!((decided.decision.reporting, decided.decision.hold), (None, Some(Hold::RateMissing)));
    assert!(notes(&decided).contains(&"reporting_too_large"));
}

/// A rate that came later holds for orders from its time on, and for those of before it where its version says so.
#[test]
fn the_rate_is_that_of_the_orders_time() {
    let mut later = reports_in("USD", "3");
    (later.version.0, later.effective_at.0) = (2, T + 1);
    let of = |catalogs: [Catalog; 2]| parts(&decided_by(catalogs, &[report("o", T, 1).of(7)], &path()));
    assert_eq!(of([reports_in("USD", "2"), later.clone()]).iter().sum::<i64>(), 20_000);
    later.effective_at.0 = T;
    assert_eq!(of([reports_in("USD", "2"), later]).iter().sum::<i64>(), 30_000);
}
