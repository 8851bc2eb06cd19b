//! Facts on one side, cells on the other, group by group.
//!
//! In: two instants. Out: the statement that finds every group of a settled quarter that differs. The facts are folded by another statement than the
//! roller's, and each measure is written again here, so that a mistake in one of the two shows. Start at [`mismatches`].

use super::{MISMATCHES_MAX, dirty_in};
use crate::schema::{READ_SETTINGS, cell_measures, scale};

/// What a click adds, by the names of [`cell_measures`].
const OF_CLICKS: [(&str, &str); 5] = [
    ("clicks", "countIf(kind = 'click' AND verdict NOT IN ('prefetch', 'head'))"),
    ("clicks_valid", "countIf(kind = 'click' AND verdict IN ('valid', 'duplicate'))"),
    ("clicks_unique", "countIf(kind = 'click' AND verdict = 'valid')"),
    ("views", "countIf(kind = 'view')"),
    ("visitors", "uniqExactIf(visitor, kind = 'click' AND verdict IN ('valid', 'duplicate'))"),
];

/// What a credit adds.
const OF_CREDITS: [(&str, &str); 17] = [
    ("pending_ppm", "sumIf(share, status = 'pending')"),
    ("approved_ppm", "sumIf(share, status = 'approved')"),
    ("rejected_ppm", "sumIf(share, status = 'rejected')"),
    ("partly_refunded_ppm", "sumIf(share, status = 'partly_refunded')"),
    ("refunded_ppm", "sumIf(share, status IN ('refunded', 'charged_back'))"),
    ("revenue_minor", "sum(revenue)"),
    ("revenue_approved_minor", "sumIf(revenue, stands)"),
    ("assisted_orders", "sum(assisted)"),
    ("closed_orders", "countIf(path > 0)"),
    ("path_touches", "sum(path)"),
    ("reporting_e4", "sum(reporting * {scale})"),
    (
        "refunded_approved_ppm",
        "sumIf(share, stands AND status IN ('partly_refunded', 'refunded', 'charged_back'))",
    ),
    ("charged_back_ppm", "sumIf(share, status = 'charged_back')"),
    ("held_ppm", "sumIf(share, held_by != '')"),
    ("without_rate_ppm", "sumIf(share, held_by = 'rate_missing')"),
    ("refunded_minor", "sum(went_back)"),
    ("refunded_approved_minor", "sumIf(went_back, stands)"),
];

/// Settled quarters only. Measures in the order of [`cell_measures`].
pub(super) fn mismatches(from: u32, to: u32) -> String {
    let dirty = dirty_in(from, to, "quarter");
    let group = "concat(toString(partner_id), ' ', toString(offer_id), ' ', toString(link_id), ' ', country, ' ', device, ' ', currency) AS \"group\"";
    let keys = "quarter, partner_id, offer_id, link_id, country, device, currency";
    let none =
        "arrayWithConstant(MEASURES, toInt64(0))".replace("MEASURES", &cell_measures().len().to_string());
    format!(
        "SELECT toUInt32(quarter) AS quarter, \"group\", facts, cell, toUInt64(count() OVER ()) AS of FROM (\
         SELECT quarter, \"group\", sumForEach(fact) AS facts, sumForEach(kept) AS cell FROM (\
         SELECT quarter, {group}, {of_clicks} AS fact, {none} AS kept FROM ({clicks}) GROUP BY {keys} \
         UNION ALL \
         SELECT quarter, {group}, {of_credits} AS fact, {none} AS kept FROM ({credits}) WHERE share > 0 OR assisted > 0 OR path > 0 \
         GROUP BY {keys} \
         UNION ALL \
         SELECT quarter, {group}, {none} AS fact, {kept} AS kept \
         FROM cells FINAL WHERE quarter >= toDateTime({from}, 'UTC') AND quarter < toDateTime({to}, 'UTC')\
         ) WHERE quarter NOT IN ({dirty}) GROUP BY quarter, \"group\") \
         WHERE facts != cell ORDER BY quarter, \"group\" LIMIT {MISMATCHES_MAX} SETTINGS {READ_SETTINGS}",
        of_clicks = measured(&OF_CLICKS),
        of_credits = measured(&OF_CREDITS).replace("{scale}", &scale("reporting_in")),
        kept = list(cell_measures().into_iter()),
        clicks = distinct_clicks(from, to),
        credits = distinct_credits(from, to),
    )
}

/// Every measure in its place; 0 for those that are not among `known`.
fn measured(known: &[(&str, &str)]) -> String {
    let expression =
        |name| known.iter().find(|(it, _)| *it == name).map_or("0", |(_, expression)| expression);
    list(cell_measures().into_iter().map(expression))
}

fn list<'a>(expressions: impl Iterator<Item = &'a str>) -> String {
    let numbers: Vec<String> = expressions.map(|it| format!("toInt64({it})")).collect();
    format!("[{}]", numbers.join(", "))
}

/// Of equal versions the one that was inserted last, which is what FINAL shows: a repair writes a row again under the version of the one that
/// was altered. A merge or a mutation keeps the place of what it was made from.
const NEWEST: &str = "(ver, _block_number)";

fn distinct_clicks(from: u32, to: u32) -> String {
    format!(
        "SELECT toStartOfInterval(at, INTERVAL 15 MINUTE) AS quarter, event_id, argMax(partner_id, {NEWEST}) AS partner_id, argMax(offer_id, {NEWEST}) AS offer_id, \
         argMax(link_id, {NEWEST}) AS link_id, argMax(country, {NEWEST}) AS country, argMax(device, {NEWEST}) AS device, argMax(currency, {NEWEST}) AS currency, \
         argMax(kind, {NEWEST}) AS kind, argMax(verdict, {NEWEST}) AS verdict, argMax(visitor_id, {NEWEST}) AS visitor \
         FROM clicks_log WHERE at >= toDateTime64({from}, 3, 'UTC') AND at < toDateTime64({to}, 3, 'UTC') GROUP BY quarter, event_id"
    )
}

fn distinct_credits(from: u32, to: u32) -> String {
    let within = format!("quarter >= toDateTime({from}, 'UTC') AND quarter < toDateTime({to}, 'UTC')");
    format!(
        "SELECT c.* FROM (\
         SELECT quarter, advertiser_id, order_id, touch_id, max(ver) AS said, argMax(partner_id, {NEWEST}) AS partner_id, argMax(offer_id, {NEWEST}) AS offer_id, \
         argMax(link_id, {NEWEST}) AS link_id, argMax(country, {NEWEST}) AS country, argMax(device, {NEWEST}) AS device, argMax(currency, {NEWEST}) AS currency, \
         argMax(status, {NEWEST}) AS status, argMax(share_ppm, {NEWEST}) AS share, argMax(revenue_minor, {NEWEST}) AS revenue, \
         argMax(assists, {NEWEST}) AS assisted, argMax(path_touches, {NEWEST}) AS path, argMax(reporting_minor, {NEWEST}) AS reporting, \
         argMax(reporting_currency, {NEWEST}) AS reporting_in, argMax(hold, {NEWEST}) AS held_by, \
         argMax(is_approved, {NEWEST}) AS stands, argMax(refunded_minor, {NEWEST}) AS went_back \
         FROM credits_log WHERE {within} GROUP BY quarter, advertiser_id, order_id, touch_id\
         ) AS c LEFT JOIN (\
         SELECT quarter, advertiser_id, order_id, max(ver) AS newest FROM orders_log WHERE {within} GROUP BY quarter, advertiser_id, order_id\
         ) AS o USING (quarter, advertiser_id, order_id) WHERE c.said >= o.newest"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Batch, Roller, RollerOptions,
        tests::world::{NOON, click, later, order, run, warehouse},
    };

    /// One that is compared with nothing would be right whatever it is.
    #[test]
    fn every_measure_of_a_cell_is_folded_from_facts() {
        let folded = OF_CLICKS.iter().chain(&OF_CREDITS).map(|(name, _)| *name);
        assert_eq!(folded.collect::<Vec<_>>(), cell_measures());
    }

    #[test]
    fn a_cell_that_is_wrong_in_any_measure_is_named_by_it() {
        run(async {
            let warehouse = warehouse().await;
            let mut batch = Batch::new();
            let (decision, credits) = order("A-1", 1, NOON, &click(1, NOON), &[]);
            batch.click(&click(1, NOON));
            batch.decided(&decision, &credits);
            warehouse.write("a", &batch).await.unwrap();
            Roller::new(warehouse.clone(), RollerOptions::default()).roll_once().await.unwrap();
            for (index, measure) in cell_measures().into_iter().enumerate() {
                let changed = |by: &str| {
                    format!(
                        "INSERT INTO cells SELECT * REPLACE ({measure} {by} AS {measure}, ver + 1 AS ver) FROM cells FINAL"
                    )
                };
                warehouse.execute(&changed("+ 1")).await.unwrap();
                let found = crate::audit(&warehouse, &[], NOON, later(4), later(5)).await.unwrap().mismatches;
                let differs = |it: &crate::CellMismatch| {
                    (0..it.facts.len()).filter(|at| it.facts[*at] != it.cell[*at]).collect::<Vec<_>>()
                };
                assert_eq!(found.iter().map(differs).collect::<Vec<_>>(), [[index]], "{measure}");
                warehouse.execute(&changed("- 1")).await.unwrap();
            }
            let report = crate::audit(&warehouse, &[], NOON, later(4), later(5)).await.unwrap();
            assert_eq!((report.cells, report.mismatches), (1, vec![]));
        });
    }
}
