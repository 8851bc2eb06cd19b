//! What should be in ClickHouse, by the load side's own book-keeping: naive, slow, obvious.
//!
//! In: every request with its tag and whether it was answered; every report that was accepted. Out: [`Expected`]: orders with their credits, cells by quarter.
//! It never reads the spool, the log or the product's counters. An answered click must exist exactly once; an unanswered one at most once, so the
//! ones that do exist are told to it. Not here: who earns an order (`people`, by the model that the machines are tested against). Start at [`Book::expected`].

mod people;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::Context as _;
use catalog::Catalog;
use serde::{Deserialize, Serialize};

use self::people::People;
use super::{
    program::DUPLICATE_WINDOW_MS,
    world::{How, Says},
};

const QUARTER_MS: u64 = 900_000;
/// The book's file in the data folder.
const NAME: &str = "demo-book.json";

/// A request of a link, as it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Clicked {
    pub(crate) tag: String,
    /// Who, whatever he browses with.
    pub(crate) person: String,
    /// With what: its address and agent give a double click away.
    pub(crate) browser: String,
    /// Whose timeline: each click of a private browser is somebody new.
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
    pub(crate) answered: bool,
}

/// Whom a report names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Named {
    /// No click and no browser.
    Nobody,
    /// By the click id of the request of this tag.
    Click(String),
    /// By the cookie.
    Visitor(String),
}

/// A report that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reported {
    pub(crate) order: String,
    pub(crate) shop: u32,
    pub(crate) received_ms: u64,
    pub(crate) ordered_ms: u64,
    pub(crate) person: String,
    pub(crate) named: Named,
    pub(crate) customer: Option<String>,
    pub(crate) coupon: Option<String>,
    pub(crate) partner: Option<u32>,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
    pub(crate) says: Says,
}

/// Everything that was done. Kept as JSON for the next run on the same data.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Book {
    pub(crate) clicks: Vec<Clicked>,
    pub(crate) reports: Vec<Reported>,
    /// Something was killed, in this run or in one before it on the same data: an edge may have forgotten the first half of a double click.
    pub(crate) was_killed: bool,
}

/// Somebody's part of an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Share {
    pub(crate) partner: u32,
    pub(crate) offer: u32,
    /// 0 where no click earned it.
    pub(crate) link: u32,
    pub(crate) ppm: i64,
    pub(crate) minor: i64,
}

/// An order, as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExpectedOrder {
    /// Of the greatest share; 0 is nobody.
    pub(crate) partner: u32,
    pub(crate) offer: u32,
    pub(crate) status: String,
    pub(crate) revenue_minor: i64,
    pub(crate) currency: String,
    pub(crate) at_ms: u64,
    /// Ascending.
    pub(crate) shares: Vec<Share>,
}

/// One cell of a quarter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) clicks: i64,
    pub(crate) clicks_valid: i64,
    pub(crate) clicks_unique: i64,
    /// Orders count by their shares, in parts per million.
    pub(crate) orders_ppm: i64,
    pub(crate) approved_ppm: i64,
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
    /// What runs before on the same data did.
    pub(crate) fn load(data: &Path) -> anyhow::Result<Self> {
        let path = data.join(NAME);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!(
                    "{} is not the book of a demo of this build; use another --data folder",
                    path.display()
                )
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// For the next run.
    pub(crate) fn keep(&self, data: &Path) -> anyhow::Result<()> {
        let path = data.join(NAME);
        std::fs::write(&path, serde_json::to_vec(self)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// `found` are the tags of unanswered requests that ClickHouse has nevertheless.
    pub(crate) fn expected(&self, found: &BTreeSet<String>, catalog: &Catalog) -> Expected {
        let clicks: Vec<&Clicked> =
            self.clicks.iter().filter(|it| it.answered || found.contains(&it.tag)).collect();
        let mut expected = Expected::default();
        fold_clicks(&clicks, self.was_killed, &mut expected);
        for (key, order) in People::of(&clicks, &self.reports).orders(catalog) {
            fold_order(&order, &mut expected.cells);
            expected.orders.insert(key, order);
        }
        expected
    }
}

impl Expected {
    /// What each partner has in each currency: orders in parts per million, and money.
    pub(crate) fn partners(&self) -> BTreeMap<(u32, String), (i64, i64)> {
        let mut partners = BTreeMap::<_, (i64, i64)>::new();
        for ((_, partner, .., currency), cell) in &self.cells {
            let sums = partners.entry((*partner, currency.clone())).or_default();
            sums.0 += cell.orders_ppm;
            sums.1 += cell.revenue_minor;
        }
        partners
    }

    /// Of those with money left the one that most partners share, of those the largest: advertiser and order id.
    pub(crate) fn most_interesting(&self) -> Option<(u32, String)> {
        let partners =
            |it: &ExpectedOrder| it.shares.iter().map(|it| it.partner).collect::<BTreeSet<_>>().len();
        let best = self
            .orders
            .iter()
            .max_by_key(|(_, it)| (it.revenue_minor > 0, partners(it), it.revenue_minor))?;
        Some(best.0.clone())
    }
}

fn fold_order(order: &ExpectedOrder, cells: &mut BTreeMap<CellKey, Cell>) {
    for share in &order.shares {
        let key = (quarter(order.at_ms), share.partner, share.offer, share.link, order.currency.clone());
        let cell = cells.entry(key).or_default();
        cell.orders_ppm += share.ppm;
        cell.approved_ppm += if order.status == "approved" { share.ppm } else { 0 };
        cell.revenue_minor += share.minor;
    }
}

fn fold_clicks(clicks: &[&Clicked], was_killed: bool, expected: &mut Expected) {
    let mut by_browser = BTreeMap::<(&str, u32), Vec<&Clicked>>::new();
    for click in clicks.iter().filter(|it| it.is_person && it.is_click) {
        by_browser.entry((&click.browser, click.link)).or_default().push(click);
    }
    for click in clicks.iter().filter(|it| it.is_click) {
        let key = (quarter(click.at_ms), click.partner, click.offer, click.link, click.currency.clone());
        let cell = expected.cells.entry(key.clone()).or_default();
        cell.clicks += 1;
        if !click.is_person {
            continue;
        }
        cell.clicks_valid += 1;
        let is_near = |other: &&&Clicked| {
            other.tag != click.tag && other.at_ms.abs_diff(click.at_ms) < DUPLICATE_WINDOW_MS
        };
        let others = by_browser.get(&(&*click.browser, click.link));
        // The world makes pairs only: the later of two is the repeat.
        match others.into_iter().flatten().find(is_near) {
            Some(first) if (first.at_ms, &first.tag) < (click.at_ms, &click.tag) => {
                if was_killed || !first.answered || !click.answered {
                    *expected.unique_slack.entry(key).or_default() += 1;
                }
            }
            _ => cell.clicks_unique += 1,
        }
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
    use super::{super::program::Program, *};

    const T: u64 = 1_763_000_000_000;

    /// On one of a shop's links.
    fn click(tag: &str, at_ms: u64, link: &super::super::program::Link) -> Clicked {
        Clicked {
            tag: tag.to_owned(),
            person: "v".to_owned(),
            browser: "v~0".to_owned(),
            visitor: "v~0/0".to_owned(),
            at_ms,
            is_person: true,
            is_click: true,
            link: link.id,
            partner: link.partner,
            offer: link.offer,
            shop: link.shop,
            currency: link.currency.to_owned(),
            answered: true,
        }
    }

    fn report(received_ms: u64, says: Says, shop: u32) -> Reported {
        Reported {
            order: "o".to_owned(),
            shop,
            received_ms,
            ordered_ms: T,
            person: "v".to_owned(),
            named: Named::Visitor("v~0/0".to_owned()),
            customer: None,
            coupon: None,
            partner: None,
            amount_minor: 901,
            currency: "EUR".to_owned(),
            says,
        }
    }

    fn order(program: &Program, clicks: Vec<Clicked>, reports: Vec<Reported>) -> ExpectedOrder {
        let book = Book { clicks, reports, was_killed: false };
        book.expected(&BTreeSet::new(), &program.catalog).orders.into_values().next().unwrap()
    }

    #[test]
    fn an_order_is_shared_as_its_shop_does_and_no_cent_is_left() {
        let program = Program::new(1);
        for (shop, want) in [(1, 1), (2, 3), (3, 3), (4, 3)] {
            let mut links: Vec<_> = program.links.iter().filter(|it| it.shop == shop).collect();
            links.sort_by_key(|it| it.partner);
            links.dedup_by_key(|it| it.partner);
            let clicks =
                links.iter().take(3).zip(1..).map(|(it, n)| click(&n.to_string(), T - 9_000 + n, it));
            let order = order(&program, clicks.collect(), vec![report(T + 5, Says::Order, shop)]);
            assert_eq!(order.shares.len(), want, "shop {shop}: {order:?}");
            let sums = order.shares.iter().fold((0, 0), |sum, it| (sum.0 + it.ppm, sum.1 + it.minor));
            assert_eq!(sums, (1_000_000, 901), "shop {shop}: {order:?}");
        }
    }

    #[test]
    fn a_coupon_a_partner_and_nobody_are_told_apart() {
        let program = Program::new(1);
        let coupon = program.coupons.first().unwrap();
        let link = program.links.iter().find(|it| it.shop == coupon.shop).unwrap();
        let nobody = Reported { named: Named::Nobody, ..report(T + 5, Says::Order, coupon.shop) };
        let typed = Reported { coupon: Some(coupon.code.clone()), ..nobody.clone() };
        let declared = Reported { partner: Some(link.partner), ..nobody.clone() };
        let partner = |it: Reported| order(&program, Vec::new(), vec![it]).partner;
        assert_eq!(partner(nobody), 0);
        assert_eq!(format!("SAVE{}", partner(typed)), coupon.code);
        assert_eq!(partner(declared), link.partner);
    }

    #[test]
    fn refunds_count_once_and_rejection_leaves_nothing() {
        let program = Program::new(1);
        let reports = |says: &[Says]| {
            let times = (0..).map(|n| T + n);
            std::iter::once(Says::Order)
                .chain(says.iter().copied())
                .zip(times)
                .map(|(says, at)| report(at, says, 1))
                .collect()
        };
        let cases: [(&[Says], &str, i64); 5] = [
            (&[], "pending", 901),
            (&[Says::Approved], "approved", 901),
            (&[Says::Refund(300), Says::Refund(300)], "partly_refunded", 601),
            (&[Says::Refund(901)], "refunded", 0),
            (&[Says::Rejected], "rejected", 0),
        ];
        for (says, status, revenue) in cases {
            let order = order(&program, vec![], reports(says));
            assert_eq!((&*order.status, order.revenue_minor), (status, revenue), "{says:?}");
        }
    }

    #[test]
    fn unanswered_clicks_count_only_where_they_are_found_and_doubles_are_one() {
        let program = Program::new(1);
        let link = program.links.first().unwrap();
        let mut lost = click("lost", T - 50_000, link);
        lost.answered = false;
        let mut book =
            Book { clicks: vec![click("a", T, link), click("b", T + 300, link), lost], ..Book::default() };
        let mut cells = |found: &[&str], killed| {
            book.was_killed = killed;
            let found = found.iter().map(|it| (*it).to_owned()).collect();
            let expected = book.expected(&found, &program.catalog);
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
        let program = Program::new(1);
        let book = Book {
            was_killed: true,
            clicks: vec![click("a", T, program.links.first().unwrap())],
            reports: vec![report(T, Says::Refund(5), 1), report(T, Says::Order, 1)],
        };
        let folder = tempfile::tempdir().unwrap();
        assert!(Book::load(folder.path()).unwrap().clicks.is_empty(), "none yet");
        book.keep(folder.path()).unwrap();
        let again = Book::load(folder.path()).unwrap();
        assert_eq!((again.clicks, again.reports, again.was_killed), (book.clicks, book.reports, true));
        std::fs::write(folder.path().join(NAME), "{}").unwrap();
        let error = Book::load(folder.path()).unwrap_err().to_string();
        assert!(error.contains("use another --data folder"), "{error}");
    }
}
