//! The tables and views, as numbered migrations that may be run again at any time, and killed at any time.
//!
//! In: the `.sql` files beside this one. Out: statements, in order, with settings and repeated expressions filled in.
//! Not here: who runs them (`migrate`), which columns the sink writes (`tables`). Start at [`migrations`] and [`views`].

use units::{
    Currency,
    planted::{Bug, planted},
};

/// A numbered file. Never edited once released: a change is a new file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    pub(crate) number: u32,
    pub(crate) name: &'static str,
    text: &'static str,
}

/// All of them, ascending.
pub(crate) const MIGRATIONS: [Migration; 13] = [
    Migration { number: 1, name: "facts", text: include_str!("schema/0001_facts.sql") },
    Migration { number: 2, name: "cells", text: include_str!("schema/0002_cells.sql") },
    Migration { number: 3, name: "names", text: include_str!("schema/0003_names.sql") },
    Migration { number: 4, name: "partner_days", text: include_str!("schema/0004_partner_days.sql") },
    Migration { number: 5, name: "compact_inserts", text: include_str!("schema/0005_compact_inserts.sql") },
    Migration { number: 6, name: "reports", text: include_str!("schema/0006_reports.sql") },
    Migration { number: 7, name: "shares", text: include_str!("schema/0007_shares.sql") },
    Migration { number: 8, name: "shared_cells", text: include_str!("schema/0008_shared_cells.sql") },
    Migration {
        number: 9,
        name: "quarantine_replayed",
        text: include_str!("schema/0009_quarantine_replayed.sql"),
    },
    Migration { number: 10, name: "reasons", text: include_str!("schema/0010_reasons.sql") },
    Migration { number: 11, name: "approvals", text: include_str!("schema/0011_approvals.sql") },
    Migration { number: 12, name: "scores", text: include_str!("schema/0012_scores.sql") },
    Migration { number: 13, name: "self_purchases", text: include_str!("schema/0013_self_purchases.sql") },
];

const VIEWS: &str = include_str!("schema/views.sql");

/// Columns of the rollups, with their types and comments.
const DIMENSION_COLUMNS: &str = include_str!("schema/dimension_columns.sql");
const MEASURE_COLUMNS: &str = include_str!("schema/measure_columns.sql");

/// Where it is noted which migrations are done. A row is written after the last statement of its file.
pub(crate) const MIGRATIONS_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (number UInt32, name String, applied_at DateTime('UTC') DEFAULT now('UTC')) \
     ENGINE = ReplacingMergeTree ORDER BY number";

/// Deduplication of blocks off (it lost data when a kill fell between its log and the rename), every part and merge synced to disk, and
/// old parts kept for as long as a kernel may hold dirty pages (reliability.md 2.2, design.md 8).
const DURABLE: &str = "non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1, \
     min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480";

/// On every statement that writes: one block, one thread, no deduplication by any default of any version (fault 84). And nothing is written where
/// less than 256 MiB are free (fault 94): they are left to merges, for a merge that meets a full disk may publish a part with empty marks,
/// which nobody can read (26.7: three of four tables within six full disks).
pub(crate) const WRITE_SETTINGS: &str = "min_free_disk_bytes_to_perform_insert = 268435456, async_insert = 0, deduplicate_insert = 'disable', insert_deduplicate = 0, async_insert_deduplicate = 0, \
     deduplicate_blocks_in_dependent_materialized_views = 0, max_insert_threads = 1, min_insert_block_size_rows = 4000000, \
     min_insert_block_size_bytes = 0, max_insert_block_size = 4000000, max_partitions_per_insert_block = 0";

/// On every statement that reads with FINAL; right because each partition is a function of its table's sorting key. The others are the
/// engine's own defaults, which a profile may turn: with nulls from joins a quarter that was never rolled would never be dirty (fault 84).
pub(crate) const READ_SETTINGS: &str =
    "do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0";

/// The dimensions of a cell behind its time.
pub(crate) const CELL_KEYS: &str = "partner_id, offer_id, link_id, country, device, currency";

/// What a cell adds up, besides visitors, which do not add up.
pub(crate) const CELL_SUMS: [&str; 21] = [
    "clicks",
    "clicks_valid",
    "clicks_unique",
    "views",
    "pending_ppm",
    "approved_ppm",
    "rejected_ppm",
    "partly_refunded_ppm",
    "refunded_ppm",
    "revenue_minor",
    "revenue_approved_minor",
    "assisted_orders",
    "closed_orders",
    "path_touches",
    "reporting_e4",
    "refunded_approved_ppm",
    "charged_back_ppm",
    "held_ppm",
    "without_rate_ppm",
    "refunded_minor",
    "refunded_approved_minor",
];

/// What a cell is compared by, in the order of [`crate::CellMismatch::facts`]: its sums, and visitors behind those of clicks.
#[must_use]
pub fn cell_measures() -> Vec<&'static str> {
    let (clicks, orders) = CELL_SUMS.split_at(4);
    clicks.iter().copied().chain(["visitors"]).chain(orders.iter().copied()).collect()
}

/// The rows of `credits_log` that a cell adds up.
const COUNTED: &str = "(share_ppm > 0 OR assists > 0 OR path_touches > 0)";

/// The rows of `credits_log` that count, of quarters `within`: those that are not zero and not older than their order's row in the same quarter.
/// Why this is right: `roller::sql`.
pub(crate) fn counted_credits(within: &str) -> String {
    standing_credits(&format!("{within} AND {COUNTED}"), within)
}

/// Rows of `credits_log` that fit `which` and are not older than their order's row in the same quarter, all of quarters `within`.
pub(crate) fn standing_credits(which: &str, within: &str) -> String {
    let credits = format!("SELECT * FROM credits_log FINAL WHERE {which}");
    if planted(Bug::NoVersionGuard) {
        return credits;
    }
    format!(
        "SELECT c.* FROM ({credits}) AS c LEFT JOIN (\
         SELECT quarter, advertiser_id, order_id, ver AS order_ver FROM orders_log FINAL WHERE {within}\
         ) AS o USING (quarter, advertiser_id, order_id) WHERE c.ver >= o.order_ver"
    )
}

impl Migration {
    pub(crate) fn statements(&self) -> Vec<String> {
        split(&self.text.replace("{durable}", DURABLE))
    }
}

/// The views, whose days are of `zone`. Replaced as a whole at every start: they hold nothing.
pub(crate) fn views(database: &str, zone: &str) -> Vec<String> {
    let sums = CELL_SUMS.map(|it| format!("sum({it}) AS {it}")).join(", ");
    let no_sums = CELL_SUMS.map(|it| format!("0 AS {it}")).join(", ");
    let sub_values: Vec<String> = (1..=30).map(|n| format!("subs[{n}] AS sub{n}")).collect();
    let sub_columns = (1..=30)
        .map(|n| format!("sub{n} String COMMENT 'Parameter sub{n} of the link; empty if not given.'"))
        .collect::<Vec<_>>()
        .join(",\n  ");
    let name = |of: &str, attribute: &str, as_name: &str| {
        format!("joinGet('{{database}}.{of}_names', '{attribute}', {of}_id) AS {as_name}")
    };
    let measures = measures();
    let replacements = [
        ("{sub_columns}", &*sub_columns),
        ("{dimension_columns}", columns(DIMENSION_COLUMNS)),
        ("{measure_columns}", &columns(MEASURE_COLUMNS).replace("{count}", "UInt64")),
        ("{quarter_measure_columns}", &columns(MEASURE_COLUMNS).replace("{count}", "UInt32")),
        ("{dimensions}", DIMENSIONS),
        ("{measures}", measures.as_str()),
        ("{keys}", CELL_KEYS),
        ("{cell_sums}", &CELL_SUMS.join(", ")),
        ("{sums}", &sums),
        ("{no_sums}", &no_sums),
        ("{quarters_behind}", QUARTERS_BEHIND),
        ("{subs}", &sub_values.join(", ")),
        ("{partner_name}", &name("partner", "name", "partner_name")),
        ("{partner_kind}", &name("partner", "kind", "partner_kind")),
        ("{offer_name}", &name("offer", "name", "offer_name")),
        ("{advertiser_name}", &name("advertiser", "name", "advertiser_name")),
        ("{link_code}", &name("link", "code", "link_code")),
        ("{credits_with_role}", &standing_credits(WITH_ROLE, "1")),
        ("{credits_at_home}", &standing_credits(AT_HOME, "1")),
        ("{final}", READ_SETTINGS),
        ("{ppm share_ppm}", &ppm("share_ppm")),
        ("{money amount_minor}", &money("amount_minor")),
        ("{money refunded_minor}", &money("refunded_minor")),
        ("{money revenue_minor}", &money("revenue_minor")),
        ("{reporting}", &reporting()),
        ("{rule}", RULE),
        ("{touch_of click_id}", TOUCH_OF_CLICK_ID),
        ("{zone}", zone),
        ("{database}", database),
    ];
    let mut text = VIEWS.to_owned();
    for (token, value) in replacements {
        text = text.replace(token, value);
    }
    split(&text)
}

const DIMENSIONS: &str = "partner_id, {partner_name}, {partner_kind}, offer_id, {offer_name}, link_id, {link_code}, country, device, currency";

/// Who did something for the order, credited or not; rows of before there were roles without a share have one where they have a share.
const WITH_ROLE: &str = "role NOT IN ('', 'none')";

/// All touches of an order, where it is; in other quarters there are only zeros.
const AT_HOME: &str = "quarter = toStartOfInterval(at, INTERVAL 15 MINUTE)";

/// Bounds prune by the sorting key; the set alone would read every cell there is.
const QUARTERS_BEHIND: &str = "has(behind, toDate(quarter, '{zone}')) AND \
     quarter >= if(empty(behind), toDateTime('2106-01-01 00:00:00', 'UTC'), toDateTime(toString(arrayMin(behind)), '{zone}'))";

/// Rates are per valid click; `orders` counts every decided and credited order, of any status, by its share; whole orders are counted where a partner
/// closed or assisted.
fn measures() -> String {
    let orders = "(pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm)";
    let counted = |names: &[(&str, &str)]| {
        names.iter().map(|(name, sum)| format!("{} AS {name}", ppm(sum))).collect::<Vec<_>>().join(", ")
    };
    let amounts = |names: [&str; 2]| {
        names.map(|it| format!("{} AS {it}, {it}_minor", money(&format!("{it}_minor")))).join(", ")
    };
    let revenue = format!("toFloat64({})", money("revenue_minor"));
    let ratio = |over: &str, under: &str| format!("if({under} = 0, 0, {over} / {under})");
    format!(
        "clicks, clicks_valid, clicks_unique, views, visitors, {by_status}, {}, \
         {} AS cr, {} AS epc, {} AS aov, assisted_orders, closed_orders, path_touches, {} AS avg_path, \
         CAST(reporting_e4 AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_reporting, {by_hold}, {}",
        amounts(["revenue", "revenue_approved"]),
        ratio(&format!("{orders} / 1000000"), "clicks_valid"),
        ratio(&revenue, "clicks_valid"),
        ratio(&revenue, &format!("({orders} / 1000000)")),
        ratio("path_touches", "closed_orders"),
        amounts(["refunded", "refunded_approved"]),
        by_status = counted(&[
            ("orders", orders),
            ("orders_pending", "pending_ppm"),
            ("orders_approved", "(approved_ppm + refunded_approved_ppm)"),
            ("orders_rejected", "rejected_ppm"),
            ("orders_partly_refunded", "partly_refunded_ppm"),
            ("orders_refunded", "refunded_ppm"),
        ]),
        by_hold = counted(&[
            ("orders_charged_back", "charged_back_ppm"),
            ("orders_held", "held_ppm"),
            ("orders_without_rate", "without_rate_ppm"),
        ]),
    )
}

/// Millionths as an exact decimal number with six places.
fn ppm(column: &str) -> String {
    format!("CAST({column} AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6))")
}

/// Minor units as an exact decimal number with four places, the most that any currency has.
fn money(column: &str) -> String {
    money_in("currency", column)
}

fn money_in(currency: &str, column: &str) -> String {
    format!("CAST({column} * {} AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))", scale(currency))
}

/// The key of a touch, in the catalog's words.
const RULE: &str = "toLowCardinality(multiIf(found NOT IN ('click_id', 'visitor', 'customer_visitor'), toString(found), kind = 'view', 'view', 'click'))";

/// The name of the touch that a click id names, in hex: of its 31 bytes the 1st to the 6th and the 19th to the 28th (`events::ClickId::touch`).
const TOUCH_OF_CLICK_ID: &str = "if(length(click_id) != 50, '', lower(hex(unbin(arrayStringConcat(arrayMap(\
    bits -> concat(substring(bits, 9, 48), substring(bits, 153, 80)), [arrayStringConcat(arrayMap(\
    it -> substring(bin(toUInt8(position('0123456789abcdefghjkmnpqrstvwxyz', it) - 1)), 4), splitByString('', click_id)))]))))))";

/// What a row is worth in the reporting currency, and the rate; none where it has none.
fn reporting() -> String {
    format!(
        "if(reporting_currency = '', NULL, {}) AS reporting, reporting_minor, reporting_currency, \
         if(rate_e12 = 0, NULL, CAST(rate_e12 AS Decimal(38, 0)) * CAST('0.000000000001' AS Decimal(38, 12))) AS rate",
        money_in("reporting_currency", "reporting_minor"),
    )
}

/// Ten-thousandths in one minor unit of the currency that the row's column `currency` names.
pub(crate) fn scale(currency: &str) -> String {
    let odd: Vec<(Currency, u8)> =
        Currency::all().map(|it| (it, it.decimals())).filter(|(_, it)| *it != 2).collect();
    let codes: Vec<String> = odd.iter().map(|(it, _)| format!("'{it}'")).collect();
    let scales: Vec<String> =
        odd.iter().map(|(_, decimals)| 10_u32.pow(4 - u32::from(*decimals)).to_string()).collect();
    format!("transform({currency}, [{}], [{}], 100)", codes.join(", "), scales.join(", "))
}

/// A list of columns without the comments for readers of its file.
fn columns(text: &'static str) -> &'static str {
    text.split_once('\n').map_or("", |(_, columns)| columns.trim())
}

/// Statements end with `;` at the end of a line; comments are for readers of the file.
fn split(text: &str) -> Vec<String> {
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let code = code.join("\n");
    code.split(";\n")
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .map(|it| it.trim_end_matches(';').to_owned())
        .collect()
}

#[cfg(test)]
mod tests;
