//! Reads what ClickHouse says and puts it beside what the judge expects, fact by fact and cell by cell.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use catalog::Catalog;

use super::{
    judge::{Book, Cell, CellKey, Expected, ExpectedOrder, Share},
    reader::Reader,
};

/// Differences that are spelled out.
const SHOWN_MAX: usize = 10;

/// What ClickHouse has.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// By tag: how many rows.
    pub(crate) tags: BTreeMap<String, u64>,
    pub(crate) orders: BTreeMap<(u32, String), ExpectedOrder>,
    /// By (advertiser, order, partner): parts per million and minor units, as `credits` has them.
    pub(crate) credits: BTreeMap<(u32, String, u32), (i64, i64)>,
    pub(crate) cells: BTreeMap<CellKey, Cell>,
    /// By (day, partner, currency): clicks, valid clicks, orders in parts per million, revenue in minor units.
    pub(crate) days: BTreeMap<(String, u32, String), [i64; 4]>,
    /// The same, summed from the quarters.
    pub(crate) days_of_quarters: BTreeMap<(String, u32, String), [i64; 4]>,
}

/// How far apart the two are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) clicks_recorded: u64,
    pub(crate) clicks_in_clickhouse: u64,
    pub(crate) orders_decided: u64,
    pub(crate) orders_credited: u64,
    pub(crate) cells: u64,
    pub(crate) click_mismatches: u64,
    pub(crate) cell_mismatches: u64,
    pub(crate) credit_mismatches: u64,
    /// The first of them, in words.
    pub(crate) shown: Vec<String>,
}

impl Difference {
    pub(crate) fn is_none(&self) -> bool {
        self.click_mismatches == 0 && self.cell_mismatches == 0 && self.credit_mismatches == 0
    }

    fn show(&mut self, line: String) {
        if self.shown.len() < SHOWN_MAX {
            self.shown.push(line);
        }
    }
}

/// One field of a row as a number or text.
struct Row(Vec<String>);

impl Row {
    fn text(&self, n: usize) -> String {
        self.0.get(n).cloned().unwrap_or_default()
    }

    fn number<T: std::str::FromStr>(&self, n: usize) -> anyhow::Result<T> {
        let text = self.text(n);
        text.parse().map_err(|_| anyhow::anyhow!("{text:?} is not a number, in {:?}", self.0))
    }
}

impl Found {
    /// Reads it all. Views only: what an analyst would see.
    pub(crate) async fn read(reader: &Reader) -> anyhow::Result<Self> {
        let mut found = Self::default();
        let sql = "SELECT sub30, count() FROM clicks WHERE sub30 != '' GROUP BY sub30";
        for row in reader.rows(sql).await.context("reading clicks")?.into_iter().map(Row) {
            found.tags.insert(row.text(0), row.number(1)?);
        }
        found.read_orders(reader).await.context("reading orders and credits")?;
        found.read_cells(reader).await.context("reading rollups")?;
        Ok(found)
    }

    async fn read_orders(&mut self, reader: &Reader) -> anyhow::Result<()> {
        let sql = "SELECT advertiser_id, order_id, partner_id, offer_id, status, revenue_minor, currency, toUnixTimestamp64Milli(at) FROM orders";
        for row in reader.rows(sql).await?.into_iter().map(Row) {
            let order = ExpectedOrder {
                partner: row.number(2)?,
                offer: row.number(3)?,
                status: row.text(4),
                revenue_minor: row.number(5)?,
                currency: row.text(6),
                at_ms: row.number(7)?,
                shares: Vec::new(),
            };
            self.orders.insert((row.number(0)?, row.text(1)), order);
        }
        let sql = "SELECT advertiser_id, order_id, partner_id, offer_id, link_id, share_ppm, revenue_minor FROM touches WHERE share_ppm > 0";
        for row in reader.rows(sql).await?.into_iter().map(Row) {
            let share = Share {
                partner: row.number(2)?,
                offer: row.number(3)?,
                link: row.number(4)?,
                ppm: row.number(5)?,
                minor: row.number(6)?,
            };
            if let Some(order) = self.orders.get_mut(&(row.number(0)?, row.text(1))) {
                order.shares.push(share);
                order.shares.sort();
            }
        }
        let sql = "SELECT advertiser_id, order_id, partner_id, sum(share_ppm), sum(revenue_minor) FROM credits WHERE share_ppm > 0 GROUP BY 1, 2, 3";
        for row in reader.rows(sql).await?.into_iter().map(Row) {
            self.credits
                .insert((row.number(0)?, row.text(1), row.number(2)?), (row.number(3)?, row.number(4)?));
        }
        Ok(())
    }

    async fn read_cells(&mut self, reader: &Reader) -> anyhow::Result<()> {
        let sql = "SELECT toUnixTimestamp(quarter), partner_id, offer_id, link_id, currency, sum(clicks), sum(clicks_valid), sum(clicks_unique), \
                   toInt64(sum(orders) * 1000000), toInt64(sum(orders_approved) * 1000000), sum(revenue_minor) FROM rollup_quarter GROUP BY 1, 2, 3, 4, 5";
        for row in reader.rows(sql).await?.into_iter().map(Row) {
            let cell = Cell {
                clicks: row.number(5)?,
                clicks_valid: row.number(6)?,
                clicks_unique: row.number(7)?,
                orders_ppm: row.number(8)?,
                approved_ppm: row.number(9)?,
                revenue_minor: row.number(10)?,
            };
            if cell != Cell::default() {
                self.cells.insert(
                    (row.number(0)?, row.number(1)?, row.number(2)?, row.number(3)?, row.text(4)),
                    cell,
                );
            }
        }
        let measures = "sum(clicks), sum(clicks_valid), toInt64(sum(orders) * 1000000), sum(revenue_minor)";
        for (sql, into) in [
            (
                format!(
                    "SELECT toString(day), partner_id, currency, {measures} FROM partner_daily GROUP BY 1, 2, 3"
                ),
                &mut self.days,
            ),
            (
                format!(
                    "SELECT toString(toDate(quarter, 'UTC')), partner_id, currency, {measures} FROM rollup_quarter GROUP BY 1, 2, 3"
                ),
                &mut self.days_of_quarters,
            ),
        ] {
            for row in reader.rows(&sql).await?.into_iter().map(Row) {
                let sums = [row.number(3)?, row.number(4)?, row.number(5)?, row.number(6)?];
                if sums != [0; 4] {
                    into.insert((row.text(0), row.number(1)?, row.text(2)), sums);
                }
            }
        }
        Ok(())
    }
}

/// Compares.
pub(crate) fn compare(book: &Book, found: &Found, catalog: &Catalog) -> Difference {
    let mut difference = Difference::default();
    let expected = expected(book, found, catalog);
    compare_clicks(book, found, &mut difference);
    compare_orders(&expected, found, &mut difference);
    compare_credits(&expected, found, &mut difference);
    compare_cells(&expected, found, &mut difference);
    difference
}

/// What should be there, with those unanswered clicks that are.
pub(crate) fn expected(book: &Book, found: &Found, catalog: &Catalog) -> Expected {
    let unanswered: BTreeSet<String> = book
        .clicks
        .iter()
        .filter(|it| !it.answered && found.tags.contains_key(&it.tag))
        .map(|it| it.tag.clone())
        .collect();
    book.expected(&unanswered, catalog)
}

fn compare_clicks(book: &Book, found: &Found, difference: &mut Difference) {
    let ours: BTreeMap<&str, bool> = book.clicks.iter().map(|it| (it.tag.as_str(), it.answered)).collect();
    difference.clicks_recorded = book.clicks.iter().filter(|it| it.answered).count() as u64;
    difference.clicks_in_clickhouse = found.tags.values().sum();
    for (tag, answered) in &ours {
        let rows = found.tags.get(*tag).copied().unwrap_or_default();
        if rows > 1 || (*answered && rows == 0) {
            difference.click_mismatches += 1;
            difference.show(format!(
                "click {tag}: {rows} rows in clicks, {}",
                if *answered { "1 is right" } else { "0 or 1 is right" }
            ));
        }
    }
    for tag in found.tags.keys().filter(|it| !ours.contains_key(it.as_str())) {
        difference.click_mismatches += 1;
        difference.show(format!("click {tag}: nobody made it"));
    }
}

fn compare_orders(expected: &Expected, found: &Found, difference: &mut Difference) {
    difference.orders_decided = found.orders.len() as u64;
    difference.orders_credited = found.orders.values().filter(|it| it.partner != 0).count() as u64;
    for (key, want) in &expected.orders {
        let have = found.orders.get(key);
        if have != Some(want) {
            difference.credit_mismatches += 1;
            difference
                .show(format!("order {} of advertiser {}: expected {want:?}, found {have:?}", key.1, key.0));
        }
    }
    for key in found.orders.keys().filter(|it| !expected.orders.contains_key(it)) {
        difference.credit_mismatches += 1;
        difference.show(format!("order {} of advertiser {}: nobody reported it", key.1, key.0));
    }
}

fn compare_credits(expected: &Expected, found: &Found, difference: &mut Difference) {
    let mut wanted = BTreeMap::<(u32, String, u32), (i64, i64)>::new();
    for ((advertiser, order), it) in &expected.orders {
        for share in &it.shares {
            let sums = wanted.entry((*advertiser, order.clone(), share.partner)).or_default();
            *sums = (sums.0 + share.ppm, sums.1 + share.minor);
        }
    }
    let keys: BTreeSet<_> = wanted.keys().chain(found.credits.keys()).collect();
    for key in keys {
        let (want, have) = (wanted.get(key), found.credits.get(key));
        if want != have {
            difference.credit_mismatches += 1;
            difference.show(format!("credit {key:?}: expected {want:?}, found {have:?}"));
        }
    }
}

fn compare_cells(expected: &Expected, found: &Found, difference: &mut Difference) {
    difference.cells = expected.cells.len() as u64;
    let keys: BTreeSet<&CellKey> = expected.cells.keys().chain(found.cells.keys()).collect();
    for key in keys {
        let want = expected.cells.get(key).cloned().unwrap_or_default();
        let mut have = found.cells.get(key).cloned().unwrap_or_default();
        let slack = expected.unique_slack.get(key).copied().unwrap_or_default();
        if (want.clicks_unique..=want.clicks_unique + slack).contains(&have.clicks_unique) {
            have.clicks_unique = want.clicks_unique;
        }
        if want != have {
            difference.cell_mismatches += 1;
            difference.show(format!("cell {key:?}: expected {want:?}, found {have:?}"));
        }
    }
    let days: BTreeSet<_> = found.days.keys().chain(found.days_of_quarters.keys()).collect();
    for key in days {
        let (day, quarters) = (found.days.get(key), found.days_of_quarters.get(key));
        if day != quarters {
            difference.cell_mismatches += 1;
            difference.show(format!("day {key:?}: partner_daily says {day:?}, its quarters {quarters:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{judge::Clicked, program::Program},
        *,
    };

    fn clicked(tag: &str, answered: bool) -> Clicked {
        Clicked {
            tag: tag.to_owned(),
            person: tag.to_owned(),
            browser: tag.to_owned(),
            visitor: tag.to_owned(),
            at_ms: 1_763_000_000_000,
            is_person: true,
            is_click: true,
            link: 1001,
            partner: 101,
            offer: 11,
            shop: 1,
            currency: "EUR".to_owned(),
            answered,
        }
    }

    fn world(rows: &[(&str, u64)], cell_clicks: i64) -> Difference {
        let book = Book {
            clicks: vec![clicked("a", true), clicked("b", true), clicked("c", false)],
            reports: vec![],
            was_killed: false,
        };
        let mut found =
            Found { tags: rows.iter().map(|(tag, n)| ((*tag).to_owned(), *n)).collect(), ..Found::default() };
        let cell = Cell {
            clicks: cell_clicks,
            clicks_valid: cell_clicks,
            clicks_unique: cell_clicks,
            ..Cell::default()
        };
        found.cells.insert((1_762_999_200, 101, 11, 1001, "EUR".to_owned()), cell);
        compare(&book, &found, &Program::new(1).catalog)
    }

    #[test]
    fn every_planted_difference_is_told() {
        type Case<'a> = (&'a str, &'a [(&'a str, u64)], i64, (u64, u64));
        let cases: [Case<'_>; 7] = [
            ("all is right", &[("a", 1), ("b", 1)], 2, (0, 0)),
            ("an unanswered click may be there", &[("a", 1), ("b", 1), ("c", 1)], 3, (0, 0)),
            ("a lost click", &[("a", 1)], 2, (1, 0)),
            ("a doubled click", &[("a", 1), ("b", 2)], 2, (1, 0)),
            ("an unanswered click doubled", &[("a", 1), ("b", 1), ("c", 2)], 3, (1, 0)),
            ("an invented click", &[("a", 1), ("b", 1), ("x", 1)], 2, (1, 0)),
            ("a wrong cell", &[("a", 1), ("b", 1)], 3, (0, 1)),
        ];
        for (name, rows, clicks, want) in cases {
            let difference = world(rows, clicks);
            assert_eq!(
                (difference.click_mismatches, difference.cell_mismatches),
                want,
                "{name}: {:?}",
                difference.shown
            );
            assert_eq!(difference.is_none(), want == (0, 0), "{name}");
        }
    }
}
