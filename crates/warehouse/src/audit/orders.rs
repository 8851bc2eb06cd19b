//! Whether every order that was reported is decided, by as many reports as there are, and credited once and in full.
//!
//! In: reports, orders and credits as they are stored. Out: each order whose rows do not agree with one another, with the first thing that is
//! wrong. Facts of a snapshot that were lost show here: no decision, an older one, or credits that do not add up. Not here: whether the
//! decision itself is right (`attribution`). Start at [`Warehouse::audit_orders`].

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use units::{EpochMs, PPM_WHOLE};

use super::{Count, seconds};
use crate::{
    client::Warehouse,
    error::EngineError,
    schema::{READ_SETTINGS, counted_credits},
};

/// Orders that are named; their count is exact.
pub const ORDERS_MAX: usize = 10_000;

/// Of those, how many `audit_log` keeps.
const LOGGED_MAX: usize = 10;

/// Reports of one order that decisions count (`attribution::REPORTS_MAX`, which a test compares).
pub const REPORTS_COUNTED_MAX: usize = 256;

/// An order whose rows do not agree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Row, Serialize, Deserialize)]
pub struct OrderFault {
    /// Whose shop.
    pub advertiser_id: u32,
    /// The order.
    pub order_id: String,
    /// `undecided`, `decided_twice`, `decided_without_all_reports`, `not_credited_once`, `revenue_differs`,
    /// `reporting_differs` or `refunds_differ`.
    pub fault: String,
    /// The version of its decision; 0 where there is none.
    pub ver: u64,
    /// How many orders are wrong in all.
    pub of: u64,
}

/// What was found of orders.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OrdersAudit {
    /// Orders compared.
    pub orders: u64,
    /// Those that are wrong, at most [`ORDERS_MAX`] of them.
    pub faults: Vec<OrderFault>,
}

impl OrdersAudit {
    /// How many are wrong.
    #[must_use]
    pub fn wrong(&self) -> u64 {
        self.faults.first().map_or(0, |it| it.of)
    }

    /// Only what was wrong before as well, with the same decision: a snapshot's rows are stored table by table, so that a look in between sees
    /// orders that are just being written.
    #[must_use]
    pub fn still(mut self, before: &Self) -> Self {
        let same = |it: &OrderFault, was: &OrderFault| {
            (it.advertiser_id, &it.order_id, it.ver) == (was.advertiser_id, &was.order_id, was.ver)
        };
        // Beyond what is named nothing can be told apart.
        if self.wrong() <= ORDERS_MAX as u64 && before.wrong() <= ORDERS_MAX as u64 {
            self.faults.retain(|it| before.faults.iter().any(|was| same(it, was)));
            let left = self.faults.len() as u64;
            self.faults.iter_mut().for_each(|it| it.of = left);
        }
        self
    }
}

impl Warehouse {
    /// Compares the orders whose first report came at `from` or later. `now` is when, for the log.
    pub async fn audit_orders(&self, from: EpochMs, now: EpochMs) -> Result<OrdersAudit, EngineError> {
        let from = seconds(from);
        let count = format!(
            "SELECT uniqExact(advertiser_id, order_id) AS count FROM reports_log WHERE received_at >= toDateTime64({from}, 3, 'UTC')"
        );
        let count: Vec<Count> = self.rows(&count).await?;
        let faults = self.rows(&faults(from)).await?;
        let audit = OrdersAudit { orders: count.first().map_or(0, |it| it.count), faults };
        let named = audit.faults.iter().take(LOGGED_MAX).map(|it| format!("{} {}", it.order_id, it.fault));
        let named = named.collect::<Vec<_>>().join("; ");
        let found = audit.orders.saturating_sub(audit.wrong());
        self.log_audit(now, "orders", "", (audit.orders, found), &named).await?;
        Ok(audit)
    }
}

/// An order that lies outside of the engine's calendar is in quarantine and has no row. One without a rule is of a build that did not share refunds.
fn faults(from: u32) -> String {
    format!(
        "SELECT advertiser_id, order_id, fault, ver, toUInt64(count() OVER ()) AS of FROM (\
         SELECT advertiser_id, order_id, v AS ver, multiIf(\
         v = 0, 'undecided', \
         homes > 1, 'decided_twice', \
         said < least(n, {REPORTS_COUNTED_MAX}), 'decided_without_all_reports', \
         share != if(is_credited, {PPM_WHOLE}, 0), 'not_credited_once', \
         is_credited AND paid != revenue, 'revenue_differs', \
         is_credited AND (told, path) != (told_whole, path_whole), 'reporting_differs', \
         is_credited AND rule != '' AND back != back_whole, 'refunds_differ', '') AS fault FROM (\
         SELECT advertiser_id, order_id, uniqExact(event_id) AS n FROM reports_log WHERE received_at >= toDateTime64({from}, 3, 'UTC') \
         GROUP BY advertiser_id, order_id) AS r \
         LEFT JOIN (SELECT advertiser_id, order_id, count() AS homes, max(ver) AS v, argMax(report_count, ver) AS said, \
         argMax(unattributed, ver) = '' AS is_credited, argMax(revenue_minor, ver) AS revenue, argMax(reporting_minor, ver) AS told_whole, \
         toUInt64(argMax(path_touches, ver)) AS path_whole, argMax(first_received_at, ver) AS begun, \
         argMax(refunded_minor, ver) AS back_whole, argMax(rule, ver) AS rule \
         FROM orders_log FINAL WHERE NOT void GROUP BY advertiser_id, order_id) AS o USING (advertiser_id, order_id) \
         LEFT JOIN (SELECT advertiser_id, order_id, sum(share_ppm) AS share, sum(revenue_minor) AS paid, sum(reporting_minor) AS told, sum(path_touches) AS path, \
         sum(refunded_minor) AS back FROM ({counted}) GROUP BY advertiser_id, order_id) AS c USING (advertiser_id, order_id) \
         WHERE v = 0 OR begun >= toDateTime64({from}, 3, 'UTC')) \
         WHERE fault != '' AND concat('order ', toString(advertiser_id), '/', order_id) NOT IN (SELECT place FROM quarantine_log WHERE startsWith(place, 'order ')) \
         ORDER BY advertiser_id, order_id LIMIT {ORDERS_MAX} SETTINGS {READ_SETTINGS}",
        PPM_WHOLE = PPM_WHOLE.0,
        counted = counted_credits("1"),
    )
}

#[cfg(test)]
mod tests {
    use events::{OrderKey, Report};
    use units::{AdvertiserId, CatalogVersion, Origin, WriterId};

    use super::*;
    use crate::{
        Batch,
        tests::world::{NOON, click, later, order, run, warehouse},
    };

    fn report(order: &str, sequence: u64) -> Report {
        Report {
            catalog: CatalogVersion(1),
            ..Report::bare(
                OrderKey::by_id(AdvertiserId(1), order),
                NOON,
                Origin { writer: WriterId(2), incarnation: 1, sequence },
            )
        }
    }

    async fn faults(warehouse: &Warehouse) -> Vec<(String, String)> {
        let audit = warehouse.audit_orders(NOON, NOON).await.unwrap();
        assert_eq!(audit.wrong(), audit.faults.len() as u64);
        audit.faults.into_iter().map(|it| (it.order_id, it.fault)).collect()
    }

    /// Each name says what is wrong with it.
    #[test]
    fn orders_whose_rows_do_not_agree_are_named() {
        run(async {
            let warehouse = warehouse().await;
            let mut batch = Batch::new();
            let names = [
                "fine",
                "it's moved",
                "undecided",
                "behind",
                "twice",
                "unpaid",
                "overpaid",
                "short",
                "untold",
                "pathless",
                "unrefunded",
            ];
            for (name, sequence) in names.iter().zip(1..) {
                batch.report(&report(name, sequence));
                if *name == "undecided" {
                    continue;
                }
                let moved = *name == "it's moved";
                let (at, also) = if moved { (later(2), vec![NOON]) } else { (NOON, Vec::new()) };
                let (mut decision, mut credits) = order(name, 5, at, &click(1, NOON), &also);
                decision.first_received_at = NOON;
                match *name {
                    "unpaid" => credits.clear(),
                    "short" => credits.iter_mut().for_each(|it| it.revenue_minor -= 1),
                    "untold" => credits.iter_mut().for_each(|it| it.reporting = None),
                    "unrefunded" => decision.refunded_minor = 1,
                    "pathless" => credits.iter_mut().for_each(|it| it.path_touches = 0),
                    _ => {}
                }
                batch.decided(&decision, &credits);
                match *name {
                    "behind" => drop(batch.report(&report(name, 100))),
                    // Another quarter, which no newer snapshot voided; for the second, another touch in the same snapshot.
                    "twice" => {
                        let (mut older, _) = order(name, 4, later(3), &click(1, NOON), &[]);
                        older.first_received_at = NOON;
                        batch.decided(&older, &[]);
                    }
                    "overpaid" => {
                        let (_, also) = order(name, 5, NOON, &click(9, NOON), &[]);
                        batch.decided(&decision, &also);
                    }
                    _ => {}
                }
            }
            warehouse.write("a", &batch).await.unwrap();
            let want = [
                ("behind", "decided_without_all_reports"),
                ("overpaid", "not_credited_once"),
                ("pathless", "reporting_differs"),
                ("short", "revenue_differs"),
                ("twice", "decided_twice"),
                ("undecided", "undecided"),
                ("unpaid", "not_credited_once"),
                ("unrefunded", "refunds_differ"),
                ("untold", "reporting_differs"),
            ];
            assert_eq!(faults(&warehouse).await, want.map(|(a, b)| (a.to_owned(), b.to_owned())));
            assert_eq!(warehouse.audit_orders(NOON, NOON).await.unwrap().orders, names.len() as u64);
            assert_eq!(
                warehouse.audit_orders(later(1), NOON).await.unwrap(),
                OrdersAudit::default(),
                "too old"
            );
        });
    }

    #[test]
    fn an_order_that_is_just_being_written_is_no_fault() {
        let fault = |order: &str, ver| OrderFault {
            advertiser_id: 1,
            order_id: order.to_owned(),
            fault: "undecided".to_owned(),
            ver,
            of: 2,
        };
        let first = OrdersAudit { orders: 9, faults: vec![fault("a", 0), fault("b", 5)] };
        let then = OrdersAudit { orders: 9, faults: vec![fault("b", 6), fault("c", 0)] };
        assert_eq!(then.clone().still(&first).wrong(), 0, "another snapshot of b, and a new order");
        let both = then.still(&OrdersAudit { orders: 9, faults: vec![fault("c", 0)] });
        assert_eq!((both.wrong(), both.faults.len()), (1, 1));
    }
}
