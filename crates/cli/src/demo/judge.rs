//! What should be in ClickHouse, by the load side's own book-keeping: naive, slow, obvious.
//!
//! In: every request with its tag and whether it was answered; every report that was accepted. Out: [`Expected`]: orders with their credit, cells by quarter.
//! It never reads the spool, the log or the product's counters. An answered click must exist exactly once; an unanswered one at most once, so the
//! ones that do exist are told to it. Start at [`Book::expected`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    program::DUPLICATE_WINDOW_MS,
    world::{How, Says},
};

const QUARTER_MS: u64 = 900_000;

/// A request of a link, as it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clicked {
    pub(crate) tag: String,
    /// Whose browser; each click of a private browser is somebody new.
    pub(crate) visitor: String,
    pub(crate) at_ms: u64,
    pub(crate) is_person: bool,
    /// Sent on to the shop: not a guess, not only headers.
    pub(crate) is_click: bool,
    pub(crate) link: u32,
    pub(crate) partner: u32,
    pub(crate) offer: u32,
    pub(crate) shop: u32,
    pub(crate) currency: String,
    pub(crate) window_ms: u64,
    pub(crate) answered: bool,
}

/// A report that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reported {
    pub(crate) order: String,
    pub(crate) shop: u32,
    pub(crate) received_ms: u64,
    pub(crate) ordered_ms: u64,
    /// Whose timeline it names: the visitor of the click id or cookie.
    pub(crate) visitor: String,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
    pub(crate) says: Says,
}

/// Everything that was done.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) clicks: Vec<Clicked>,
    pub(crate) reports: Vec<Reported>,
    /// Something was killed, in this run or in one before it on the same data: an edge may have forgotten the first half of a double click.
    pub(crate) was_killed: bool,
}

/// An order, as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExpectedOrder {
    /// 0 is nobody.
    pub(crate) partner: u32,
    pub(crate) offer: u32,
    pub(crate) link: u32,
    pub(crate) status: &'static str,
    pub(crate) revenue_minor: i64,
    pub(crate) currency: String,
    pub(crate) at_ms: u64,
}

/// One cell of a quarter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) clicks: i64,
    pub(crate) clicks_valid: i64,
    pub(crate) clicks_unique: i64,
    pub(crate) orders: i64,
    pub(crate) orders_approved: i64,
    pub(crate) revenue_minor: i64,
}

/// (quarter's first second, partner, offer, link, currency)
pub(crate) type CellKey = (u64, u32, u32, u32, String);

/// Everything that should be there.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    pub(crate) orders: BTreeMap<(u32, String), ExpectedOrder>,
    pub(crate) cells: BTreeMap<CellKey, Cell>,
    /// Double clicks whose first half may have been forgotten by a killed edge: so many more unique clicks may be in a cell.
    pub(crate) unique_slack: BTreeMap<CellKey, i64>,
}

fn quarter(at_ms: u64) -> u64 {
    at_ms / QUARTER_MS * (QUARTER_MS / 1_000)
}

impl Book {
    /// `found` are the tags of unanswered requests that ClickHouse has nevertheless.
    pub(crate) fn expected(&self, found: &BTreeSet<String>) -> Expected {
        let clicks: Vec<&Clicked> =
            self.clicks.iter().filter(|it| it.answered || found.contains(&it.tag)).collect();
        let mut expected = Expected::default();
        fold_clicks(&clicks, self.was_killed, &mut expected);
        self.fold_orders(&clicks, &mut expected);
        expected
    }

    fn fold_orders(&self, clicks: &[&Clicked], expected: &mut Expected) {
        let mut by_order: BTreeMap<(u32, String), Vec<&Reported>> = BTreeMap::new();
        for report in &self.reports {
            by_order.entry((report.shop, report.order.clone())).or_default().push(report);
        }
        for (key, mut reports) in by_order {
            reports.sort_by_key(|it| it.received_ms);
            let order = decide(&reports, clicks);
            if order.partner != 0 {
                let cell =
                    (quarter(order.at_ms), order.partner, order.offer, order.link, order.currency.clone());
                let cell = expected.cells.entry(cell).or_default();
                cell.orders += 1;
                cell.orders_approved += i64::from(order.status == "approved");
                cell.revenue_minor += order.revenue_minor;
            }
            expected.orders.insert(key, order);
        }
    }
}

fn fold_clicks(clicks: &[&Clicked], was_killed: bool, expected: &mut Expected) {
    for click in clicks.iter().filter(|it| it.is_click) {
        let key = (quarter(click.at_ms), click.partner, click.offer, click.link, click.currency.clone());
        let cell = expected.cells.entry(key.clone()).or_default();
        cell.clicks += 1;
        if !click.is_person {
            continue;
        }
        cell.clicks_valid += 1;
        let is_near = |other: &&&Clicked| {
            other.is_person
                && other.is_click
                && person(&other.visitor) == person(&click.visitor)
                && other.link == click.link
                && other.tag != click.tag
                && other.at_ms.abs_diff(click.at_ms) < DUPLICATE_WINDOW_MS
        };
        // The world makes pairs only: the later of two is the repeat.
        match clicks.iter().find(is_near) {
            Some(first) if (first.at_ms, &first.tag) < (click.at_ms, &click.tag) => {
                if was_killed || !first.answered || !click.answered {
                    *expected.unique_slack.entry(key).or_default() += 1;
                }
            }
            _ => cell.clicks_unique += 1,
        }
    }
}

/// Whose browser: a private one is somebody new to the partner at each click, but its address and agent give a double click away.
fn person(visitor: &str) -> &str {
    visitor.split('/').next().unwrap_or(visitor)
}

/// The last click of the order's visitor on a link of the order's shop, not after the order, younger than the link's window.
fn decide(reports: &[&Reported], clicks: &[&Clicked]) -> ExpectedOrder {
    let at_ms = reports.iter().map(|it| it.ordered_ms.min(it.received_ms)).min().unwrap_or_default();
    let visitors: BTreeSet<&str> = reports.iter().map(|it| it.visitor.as_str()).collect();
    let winner = clicks
        .iter()
        .filter(|it| it.is_person && it.is_click && visitors.contains(it.visitor.as_str()))
        .filter(|it| reports.iter().any(|report| report.shop == it.shop))
        .filter(|it| it.at_ms <= at_ms && at_ms - it.at_ms < it.window_ms)
        .max_by_key(|it| it.at_ms);

    let amount = reports.iter().map(|it| it.amount_minor).max().unwrap_or_default();
    // Every refund has an id of its own, and a repeated one is the same refund.
    let refunds: BTreeSet<i64> = reports
        .iter()
        .filter_map(|it| match it.says {
            Says::Refund(minor) => Some(minor),
            Says::Order | Says::Approved | Says::Rejected => None,
        })
        .collect();
    let refunded = refunds.iter().sum::<i64>().min(amount);
    let is_said = |says: Says| reports.iter().any(|it| it.says == says);
    let status = if is_said(Says::Rejected) {
        "rejected"
    } else if refunded >= amount {
        "refunded"
    } else if refunded > 0 {
        "partly_refunded"
    } else if is_said(Says::Approved) {
        "approved"
    } else {
        "pending"
    };
    ExpectedOrder {
        partner: winner.map_or(0, |it| it.partner),
        offer: winner.map_or(0, |it| it.offer),
        link: winner.map_or(0, |it| it.link),
        status,
        revenue_minor: if status == "rejected" { 0 } else { amount - refunded },
        currency: reports.first().map(|it| it.currency.clone()).unwrap_or_default(),
        at_ms,
    }
}

impl Book {
    /// For `--data`: what the next run must still find.
    pub(crate) fn to_json(&self) -> Value {
        let click = |it: &Clicked| {
            json!([
                it.tag,
                it.visitor,
                it.at_ms,
                it.is_person,
                it.is_click,
                it.link,
                it.partner,
                it.offer,
                it.shop,
                it.currency,
                it.window_ms,
                it.answered
            ])
        };
        let report = |it: &Reported| {
            let (says, minor) = match it.says {
                Says::Order => ("order", 0),
                Says::Approved => ("approved", 0),
                Says::Rejected => ("rejected", 0),
                Says::Refund(minor) => ("refund", minor),
            };
            json!([
                it.order,
                it.shop,
                it.received_ms,
                it.ordered_ms,
                it.visitor,
                it.amount_minor,
                it.currency,
                says,
                minor
            ])
        };
        json!({
            "was_killed": self.was_killed,
            "clicks": self.clicks.iter().map(click).collect::<Vec<_>>(),
            "reports": self.reports.iter().map(report).collect::<Vec<_>>(),
        })
    }

    /// The inverse of [`Book::to_json`]; `None` if it is something else.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let text = |it: &Value, n: usize| it.get(n)?.as_str().map(str::to_owned);
        let number = |it: &Value, n: usize| it.get(n)?.as_u64();
        let small = |it: &Value, n: usize| u32::try_from(it.get(n)?.as_u64()?).ok();
        let click = |it: &Value| {
            Some(Clicked {
                tag: text(it, 0)?,
                visitor: text(it, 1)?,
                at_ms: number(it, 2)?,
                is_person: it.get(3)?.as_bool()?,
                is_click: it.get(4)?.as_bool()?,
                link: small(it, 5)?,
                partner: small(it, 6)?,
                offer: small(it, 7)?,
                shop: small(it, 8)?,
                currency: text(it, 9)?,
                window_ms: number(it, 10)?,
                answered: it.get(11)?.as_bool()?,
            })
        };
        let report = |it: &Value| {
            Some(Reported {
                order: text(it, 0)?,
                shop: small(it, 1)?,
                received_ms: number(it, 2)?,
                ordered_ms: number(it, 3)?,
                visitor: text(it, 4)?,
                amount_minor: it.get(5)?.as_i64()?,
                currency: text(it, 6)?,
                says: match text(it, 7)?.as_str() {
                    "order" => Says::Order,
                    "approved" => Says::Approved,
                    "rejected" => Says::Rejected,
                    "refund" => Says::Refund(it.get(8)?.as_i64()?),
                    _ => return None,
                },
            })
        };
        Some(Self {
            was_killed: value.get("was_killed")?.as_bool()?,
            clicks: value.get("clicks")?.as_array()?.iter().map(click).collect::<Option<_>>()?,
            reports: value.get("reports")?.as_array()?.iter().map(report).collect::<Option<_>>()?,
        })
    }
}

/// Whether a way of following a link is a click, and a person's.
pub(crate) fn kind(how: How) -> (bool, bool) {
    match how {
        How::Person => (true, true),
        How::Robot | How::Preview => (true, false),
        How::Prefetch | How::Head => (false, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = 1_763_000_000_000;

    fn click(tag: &str, at_ms: u64, partner: u32) -> Clicked {
        Clicked {
            tag: tag.to_owned(),
            visitor: "v".to_owned(),
            at_ms,
            is_person: true,
            is_click: true,
            link: partner * 10,
            partner,
            offer: 11,
            shop: 1,
            currency: "EUR".to_owned(),
            window_ms: 3_600_000,
            answered: true,
        }
    }

    fn report(received_ms: u64, says: Says) -> Reported {
        Reported {
            order: "o".to_owned(),
            shop: 1,
            received_ms,
            ordered_ms: T,
            visitor: "v".to_owned(),
            amount_minor: 900,
            currency: "EUR".to_owned(),
            says,
        }
    }

    fn order(clicks: Vec<Clicked>, reports: Vec<Reported>) -> ExpectedOrder {
        let book = Book { clicks, reports, was_killed: false };
        book.expected(&BTreeSet::new()).orders.into_values().next().unwrap()
    }

    #[test]
    fn the_last_click_within_its_window_is_credited() {
        let sale = || vec![report(T + 5, Says::Order)];
        let cases: [(&str, Vec<Clicked>, u32); 5] = [
            ("nobody clicked", vec![], 0),
            ("the newest wins", vec![click("a", T - 9, 1), click("b", T - 8, 2)], 2),
            ("not after the order", vec![click("a", T - 9, 1), click("b", T + 1, 2)], 1),
            ("the window's end is outside", vec![click("a", T - 3_600_000, 1)], 0),
            ("one before it is inside", vec![click("a", T - 3_599_999, 1)], 1),
        ];
        for (name, clicks, want) in cases {
            assert_eq!(order(clicks, sale()).partner, want, "{name}");
        }
    }

    #[test]
    fn refunds_count_once_and_rejection_leaves_nothing() {
        let reports = |says: &[Says]| {
            let times = (0..).map(|n| T + n);
            std::iter::once(Says::Order)
                .chain(says.iter().copied())
                .zip(times)
                .map(|(says, at)| report(at, says))
                .collect()
        };
        let cases: [(&[Says], &str, i64); 5] = [
            (&[], "pending", 900),
            (&[Says::Approved], "approved", 900),
            (&[Says::Refund(300), Says::Refund(300)], "partly_refunded", 600),
            (&[Says::Refund(900)], "refunded", 0),
            (&[Says::Rejected], "rejected", 0),
        ];
        for (says, status, revenue) in cases {
            let order = order(vec![], reports(says));
            assert_eq!((order.status, order.revenue_minor), (status, revenue), "{says:?}");
        }
    }

    #[test]
    fn unanswered_clicks_count_only_where_they_are_found_and_doubles_are_one() {
        let mut lost = click("lost", T - 50_000, 1);
        lost.answered = false;
        let mut book =
            Book { clicks: vec![click("a", T, 1), click("b", T + 300, 1), lost], ..Book::default() };
        let mut cells = |found: &[&str], killed| {
            book.was_killed = killed;
            let found = found.iter().map(|it| (*it).to_owned()).collect();
            let expected = book.expected(&found);
            let all =
                expected.cells.values().fold((0, 0), |sum, it| (sum.0 + it.clicks, sum.1 + it.clicks_unique));
            (all, expected.unique_slack.values().sum::<i64>())
        };
        assert_eq!(cells(&[], false), ((2, 1), 0));
        assert_eq!(cells(&["lost"], false), ((3, 2), 0));
        assert_eq!(cells(&[], true), ((2, 1), 1));
    }

    #[test]
    fn a_book_is_kept_for_the_next_run() {
        let book = Book {
            was_killed: true,
            clicks: vec![click("a", T, 1)],
            reports: vec![report(T, Says::Refund(5)), report(T, Says::Order)],
        };
        let again = Book::from_json(&book.to_json()).unwrap();
        assert_eq!((again.clicks, again.reports, again.was_killed), (book.clicks, book.reports, true));
        assert!(Book::from_json(&json!({})).is_none());
    }
}
