//! What the tables hold at the end, against the plain answer: inputs, orders, credits, cells.
//!
//! In: the tables, what was answered, the catalog. Out: the first difference, in words. Start at [`compare`].

use std::{collections::BTreeMap, sync::Arc};

use catalog::Catalog;
use events::{Decision, OrderKey, TouchId};

use crate::{
    clickhouse::Tables,
    edge::Answered,
    naive::{Answer, Order, answer},
    run::Summary,
};

/// The first difference, or what the world had in it.
pub(crate) fn compare(
    tables: &Tables,
    answered: &Answered,
    catalogs: &[Arc<Catalog>],
) -> Result<Summary, String> {
    let want = answer(&answered.clicks, &answered.reports, catalogs);
    let inputs = (answered.clicks.len(), answered.reports.len());
    if tables.inputs() != inputs {
        return Err(format!("answered {inputs:?} clicks and reports, recorded {:?}", tables.inputs()));
    }
    compare_orders(tables, &want)?;
    let cells = tables.cells();
    let wanted: BTreeMap<_, _> = want.cells.into_iter().filter(|(_, cell)| !cell.is_zero()).collect();
    if let Some(key) = cells.keys().chain(wanted.keys()).find(|key| cells.get(key) != wanted.get(key)) {
        return Err(format!("cell {key:?}\n  want {:?}\n  got  {:?}", wanted.get(key), cells.get(key)));
    }
    Ok(Summary {
        clicks: inputs.0,
        reports: inputs.1,
        orders: want.orders.len(),
        credited: want.orders.values().filter(|it| it.touch.is_some()).count(),
        cells: cells.len(),
        ..Summary::default()
    })
}

fn compare_orders(tables: &Tables, want: &Answer) -> Result<(), String> {
    let mut winners: BTreeMap<OrderKey, Vec<(TouchId, i64)>> = BTreeMap::new();
    for credit in tables.credits() {
        winners.entry(credit.key.clone()).or_default().push((credit.touch, credit.revenue_minor));
    }
    let mut got: BTreeMap<OrderKey, Vec<Order>> = BTreeMap::new();
    for decision in tables.orders() {
        let credited = winners.get(&decision.key).and_then(|it| it.first()).map(|(touch, _)| *touch);
        got.entry(decision.key.clone()).or_default().push(order_of(decision, credited));
    }
    for key in want.orders.keys().chain(got.keys()).chain(winners.keys()) {
        let wanted: Vec<Order> = want.orders.get(key).cloned().into_iter().collect();
        let found = got.get(key).cloned().unwrap_or_default();
        if wanted != found {
            return Err(format!("order {key}\n  want {wanted:?}\n  got  {found:?}"));
        }
        let credits = winners.get(key).cloned().unwrap_or_default();
        let wanted: Vec<_> = wanted.iter().filter_map(|it| Some((it.touch?, it.revenue_minor))).collect();
        if wanted != credits {
            return Err(format!("credits of order {key}\n  want {wanted:?}\n  got  {credits:?}"));
        }
    }
    Ok(())
}

fn order_of(decision: &Decision, touch: Option<TouchId>) -> Order {
    Order {
        at: decision.at,
        time_source: decision.time_source,
        catalog: decision.catalog,
        status: decision.status,
        refunded_minor: decision.refunded_minor,
        revenue_minor: decision.revenue_minor,
        currency: decision.currency,
        offer: decision.offer,
        partner: decision.partner,
        matched: decision.matched,
        reports: decision.report_count,
        payable_at: decision.payable_at,
        touch,
    }
}
