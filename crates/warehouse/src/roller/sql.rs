//! The roller's statements: what is dirty, and the folds of facts into cells and of cells into days.
//!
//! In: quarters and days with the sums of marks that were read before. Out: one statement each. A group that vanished gets a row of
//! zeros, so that every cell of a roll carries the roll's version. Not here: when (`roller`). Start at [`cells`].
//!
//! **A credit does not count where its order has a newer row in the same quarter.** A snapshot writes all its rows under one stamp, one row of the
//! order into every quarter that any earlier snapshot could have placed it in, and stamps of one order are in one order, so in each of these
//! quarters the newest row is the newest snapshot's. What it does not credit, nobody credits, whatever limit pushed a touch out
//! before it could get its zero, and however late a zombie writes. The rule only takes away what a newer row outdates: the newest
//! snapshot's own credits always count, also between its two inserts, since credits are written first (`tables`), and also where its
//! order's row was lost or refused. Equality of versions instead would empty an order for every roll that falls between the two inserts,
//! and until its owner is back where the sink died there. All that a fold depends on lies in its own quarter and is followed by a mark of
//! it, rows of orders as well, so that cells end in the fold as before. Both tables must lie in one shard, by order.

use units::planted::{Bug, planted};

use crate::schema::{CELL_KEYS, CELL_SUMS, READ_SETTINGS, WRITE_SETTINGS, counted_credits, scale};

/// A quarter or day, and the version its roll will have: the sum of its marks, or of its quarters' versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clickhouse::Row, serde::Deserialize)]
pub(super) struct Dirty {
    /// The second a quarter begins in; a day's number since 1970.
    pub(super) at: u32,
    pub(super) ver: u64,
}

/// What days are rolled to. Each is rolled from quarter cells, and noted, apart from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Days {
    /// `cells_day`, by all dimensions.
    Cells,
    /// `cells_partner_day` and `uniques_day`.
    Partners,
}

impl Days {
    /// Where it is noted which days are rolled.
    pub(super) const fn rolled(self) -> &'static str {
        match self {
            Self::Cells => "rolled_day",
            Self::Partners => "rolled_partner_day",
        }
    }

    /// What a roll of a day runs, in this order.
    pub(super) fn roll(self, day: Dirty, zone: &str) -> Vec<String> {
        match self {
            Self::Cells => vec![day_cells(day, zone)],
            Self::Partners => vec![partner_cells(day, zone), uniques(day, zone)],
        }
    }

    /// Days and the versions of their rows.
    const fn versions(self) -> &'static str {
        match self {
            Self::Cells => "SELECT day, ver FROM cells_day FINAL",
            Self::Partners => {
                "SELECT day, ver FROM cells_partner_day FINAL UNION ALL SELECT day, ver FROM uniques_day FINAL"
            }
        }
    }
}

/// Seconds in a quarter of an hour.
const QUARTER_S: u32 = 900;

/// Quarters from `floor` on, whose marks exceed what was rolled. The newest first: people look at those.
pub(super) fn dirty_quarters(floor: u32, limit: usize) -> String {
    format!(
        "SELECT toUInt32(m.quarter) AS at, v AS ver \
         FROM (SELECT quarter, sum(n) AS v FROM marks WHERE quarter >= toDateTime({floor}, 'UTC') GROUP BY quarter) AS m \
         LEFT JOIN (SELECT quarter, ver FROM rolled FINAL) AS r USING (quarter) \
         WHERE v > r.ver ORDER BY at DESC LIMIT {limit} SETTINGS {READ_SETTINGS}"
    )
}

/// Days that begin at or after `floor`, whose quarters were rolled since the day was.
pub(super) fn dirty_days(days: Days, floor: u32, zone: &str, limit: usize) -> String {
    format!(
        "SELECT toUInt32(toUInt16(m.day)) AS at, v AS ver \
         FROM (SELECT toDate(quarter, '{zone}') AS day, sum(ver) AS v FROM rolled FINAL GROUP BY day) AS m \
         LEFT JOIN (SELECT day, ver FROM {rolled} FINAL) AS r USING (day) \
         WHERE v > r.ver AND toDateTime(toString(m.day), '{zone}') >= toDateTime({floor}, 'UTC') ORDER BY at DESC LIMIT {limit} SETTINGS {READ_SETTINGS}",
        rolled = days.rolled(),
    )
}

/// Folds the facts of `quarters` into cells.
pub(super) fn cells(quarters: &[Dirty]) -> String {
    let ranges = quarters.iter().map(|it| (it.at, it.at.saturating_add(QUARTER_S)));
    // By ranges of the time and not by the quarter's expression, or FINAL reads every partition.
    let in_clicks: Vec<String> = ranges
        .map(|(from, to)| {
            format!("(at >= toDateTime64({from}, 3, 'UTC') AND at < toDateTime64({to}, 3, 'UTC'))")
        })
        .collect();
    let list: Vec<String> = quarters.iter().map(|it| format!("toDateTime({}, 'UTC')", it.at)).collect();
    let (keys, sums) = (CELL_KEYS, CELL_SUMS.join(", "));
    format!(
        "INSERT INTO cells (quarter, {keys}, {sums}, visitors, is_empty, ver) SETTINGS {WRITE_SETTINGS} \
         SELECT quarter, {keys}, {outer}, toUInt32(sum(visitors)), {empty}, {ver} AS ver FROM (\
         SELECT {clicks} FROM clicks_log FINAL WHERE {in_clicks} GROUP BY quarter, {keys} \
         UNION ALL \
         SELECT {credits} FROM ({counted}) AS c GROUP BY quarter, {keys} \
         UNION ALL \
         SELECT quarter, {keys}, {zeros}, toUInt64(0) AS visitors FROM cells FINAL WHERE quarter IN ({list}){vanished}\
         ) GROUP BY quarter, {keys} SETTINGS {READ_SETTINGS}",
        outer = CELL_SUMS.map(|it| format!("sum({it})")).join(", "),
        empty = empty(),
        ver = version_of("toUInt32(quarter)", quarters),
        clicks = clicks_fold(),
        credits = credits_fold(),
        counted = counted_credits(&format!("quarter IN ({})", list.join(", "))),
        in_clicks = in_clicks.join(" OR "),
        list = list.join(", "),
        zeros = zeros(),
        vanished = if planted(Bug::NoZeroCells) { " AND 0" } else { "" },
    )
}

fn clicks_fold() -> String {
    let is_click = "kind = 'click' AND verdict NOT IN ('prefetch', 'head')";
    let is_valid = "kind = 'click' AND verdict IN ('valid', 'duplicate')";
    format!(
        "toStartOfInterval(at, INTERVAL 15 MINUTE) AS quarter, {CELL_KEYS}, countIf({is_click}) AS clicks, \
         countIf({is_valid}) AS clicks_valid, countIf(kind = 'click' AND verdict = 'valid') AS clicks_unique, \
         countIf(kind = 'view') AS views, {none}, uniqExactIf(visitor_id, {is_valid}) AS visitors",
        none = CELL_SUMS.iter().skip(4).map(|it| zero(it)).collect::<Vec<_>>().join(", "),
    )
}

fn credits_fold() -> String {
    let none = CELL_SUMS.iter().take(4).map(|it| zero(it)).collect::<Vec<_>>().join(", ");
    // What a bank took back counts among what was refunded: `orders` tells the two apart.
    let by_status = [
        ("pending", "'pending'"),
        ("approved", "'approved'"),
        ("rejected", "'rejected'"),
        ("partly_refunded", "'partly_refunded'"),
        ("refunded", "'refunded', 'charged_back'"),
    ]
    .map(|(name, statuses)| format!("sumIf(share_ppm, status IN ({statuses})) AS {name}_ppm"))
    .join(", ");
    // The column by its table's name, or one alias would stand inside another's aggregate.
    format!(
        "quarter, {CELL_KEYS}, {none}, {by_status}, sum(c.revenue_minor) AS revenue_minor, \
         sumIf(c.revenue_minor, is_approved) AS revenue_approved_minor, sum(c.assists) AS assisted_orders, \
         countIf(c.path_touches > 0) AS closed_orders, sum(c.path_touches) AS path_touches, \
         sum(c.reporting_minor * {scale}) AS reporting_e4, \
         sumIf(share_ppm, is_approved AND status != 'approved') AS refunded_approved_ppm, \
         sumIf(share_ppm, status = 'charged_back') AS charged_back_ppm, sumIf(share_ppm, hold != '') AS held_ppm, \
         sumIf(share_ppm, hold = 'rate_missing') AS without_rate_ppm, sum(c.refunded_minor) AS refunded_minor, \
         sumIf(c.refunded_minor, is_approved) AS refunded_approved_minor, toUInt64(0) AS visitors",
        scale = scale("c.reporting_currency"),
    )
}

fn zeros() -> String {
    CELL_SUMS.map(zero).join(", ")
}

/// Whether nothing at all is left of a group.
fn empty() -> String {
    CELL_SUMS.map(|it| format!("sum({it}) = 0")).join(" AND ")
}

fn zero(name: &str) -> String {
    let is_money = name.ends_with("_minor") || name.ends_with("_e4");
    let kind = if is_money { "toInt64" } else { "toUInt64" };
    format!("{kind}(0) AS {name}")
}

fn version_of(column: &str, dirty: &[Dirty]) -> String {
    let at: Vec<String> = dirty.iter().map(|it| it.at.to_string()).collect();
    let ver: Vec<String> = dirty.iter().map(|it| format!("toUInt64({})", it.ver)).collect();
    format!("transform({column}, [{}], [{}], toUInt64(0))", at.join(", "), ver.join(", "))
}

/// Folds a day's cells, and counts its visitors, who do not add up, from its clicks.
fn day_cells(day: Dirty, zone: &str) -> String {
    let (keys, sums) = (CELL_KEYS, CELL_SUMS.join(", "));
    format!(
        "INSERT INTO cells_day (day, {keys}, {sums}, visitors, is_empty, ver) SETTINGS {WRITE_SETTINGS} \
         SELECT toDate({day}) AS day, {keys}, {outer}, sum(visitors), {empty}, {ver} AS ver FROM (\
         SELECT {keys}, {sums}, toUInt64(0) AS visitors FROM cells FINAL WHERE {in_day} \
         UNION ALL \
         SELECT {keys}, {zeros}, uniqCombined64(12)(visitor_id) AS visitors \
         FROM clicks_log FINAL WHERE {in_clicks} AND kind = 'click' AND verdict IN ('valid', 'duplicate') GROUP BY {keys} \
         UNION ALL \
         SELECT {keys}, {zeros}, toUInt64(0) AS visitors FROM cells_day FINAL WHERE day = toDate({day})\
         ) GROUP BY {keys} SETTINGS {READ_SETTINGS}",
        day = day.at,
        ver = day.ver,
        outer = CELL_SUMS.map(|it| format!("sum({it})")).join(", "),
        empty = empty(),
        zeros = zeros(),
        in_day = in_day("quarter", day.at, zone),
        in_clicks = in_day("at", day.at, zone),
    )
}

/// Folds a day's cells by partner and currency.
fn partner_cells(day: Dirty, zone: &str) -> String {
    let sums = CELL_SUMS.join(", ");
    format!(
        "INSERT INTO cells_partner_day (day, partner_id, currency, {sums}, is_empty, ver) SETTINGS {WRITE_SETTINGS} \
         SELECT toDate({day}) AS day, partner_id, currency, {outer}, {empty}, {ver} AS ver FROM (\
         SELECT partner_id, currency, {sums} FROM cells FINAL WHERE {in_day} \
         UNION ALL \
         SELECT partner_id, currency, {zeros} FROM cells_partner_day FINAL WHERE day = toDate({day})\
         ) GROUP BY partner_id, currency SETTINGS {READ_SETTINGS}",
        day = day.at,
        ver = day.ver,
        outer = CELL_SUMS.map(|it| format!("sum({it})")).join(", "),
        empty = empty(),
        zeros = zeros(),
        in_day = in_day("quarter", day.at, zone),
    )
}

/// A day's visitors by partner.
fn uniques(day: Dirty, zone: &str) -> String {
    format!(
        "INSERT INTO uniques_day (day, partner_id, visitors, state, ver) SETTINGS {WRITE_SETTINGS} \
         SELECT toDate({day}) AS day, partner_id, finalizeAggregation(merged), merged, {ver} AS ver FROM (\
         SELECT partner_id, uniqCombined64MergeState(12)(state) AS merged FROM (\
         SELECT partner_id, uniqCombined64State(12)(visitor_id) AS state \
         FROM clicks_log FINAL WHERE {in_clicks} AND kind = 'click' AND verdict IN ('valid', 'duplicate') GROUP BY partner_id \
         UNION ALL \
         SELECT partner_id, arrayReduce('uniqCombined64State(12)', CAST([] AS Array(UInt64))) AS state \
         FROM uniques_day FINAL WHERE day = toDate({day})\
         ) GROUP BY partner_id) SETTINGS {READ_SETTINGS}",
        day = day.at,
        ver = day.ver,
        in_clicks = in_day("at", day.at, zone),
    )
}

/// Wide bounds that prune by the sorting key, then the exact day of the zone.
fn in_day(column: &str, day: u32, zone: &str) -> String {
    let (from, to) = (86_400 * day.saturating_sub(1), 86_400 * day.saturating_add(2));
    format!(
        "{column} >= toDateTime({from}, 'UTC') AND {column} < toDateTime({to}, 'UTC') AND toDate({column}, '{zone}') = toDate({day})"
    )
}

/// Quarters with a cell that is older than their last roll: a stale roller left it. One mark more makes them dirty.
pub(super) fn stale_quarters() -> String {
    format!(
        "SELECT toUInt32(quarter) AS at, rv AS ver FROM (SELECT quarter, min(ver) AS lo FROM cells FINAL GROUP BY quarter) AS c \
         JOIN (SELECT quarter, ver AS rv FROM rolled FINAL) AS r USING (quarter) WHERE lo < rv SETTINGS {READ_SETTINGS}"
    )
}

/// The same of days, by one quarter that was rolled in each.
pub(super) fn stale_days(days: Days, zone: &str) -> String {
    format!(
        "SELECT toUInt32(max(quarter)) AS at, toUInt64(0) AS ver FROM rolled FINAL WHERE toDate(quarter, '{zone}') IN (\
         SELECT day FROM (\
         SELECT day, min(ver) AS lo FROM ({versions}) GROUP BY day\
         ) AS c JOIN (SELECT day, ver AS rv FROM {rolled} FINAL) AS r USING (day) WHERE lo < rv\
         ) GROUP BY toDate(quarter, '{zone}') SETTINGS {READ_SETTINGS}",
        versions = days.versions(),
        rolled = days.rolled(),
    )
}
