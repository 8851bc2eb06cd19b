//! Who customers are, over all orders at once: by whom they are known, and what one order is to the later ones of its customer.
//!
//! In: reports by order, an order's row. Out: visitors of each customer, an [`Earlier`]. Not here: what follows from it (`customers`).

use std::collections::{BTreeMap, BTreeSet};

use events::{MatchedKey, OrderKey, OrderStatus, Report, Statement};
use units::{CustomerId, OfferId, PartnerId, VisitorId};

use super::{customers::Earlier, said_time, visitors};
use crate::clickhouse::OrderRow;

/// Whom each customer's orders name, all together.
pub(super) fn known_by(
    by_order: &BTreeMap<OrderKey, Vec<Report>>,
) -> BTreeMap<CustomerId, BTreeSet<VisitorId>> {
    let mut customers: BTreeMap<CustomerId, BTreeSet<VisitorId>> = BTreeMap::new();
    for reports in by_order.values() {
        for customer in reports.iter().flat_map(Report::customers) {
            customers.entry(customer).or_default().extend(visitors(reports));
        }
    }
    customers
}

/// What a customer's later orders see of this one.
pub(super) fn as_earlier(order: &OrderRow, reports: &[Report]) -> Earlier {
    let stands = order.status != OrderStatus::Rejected.as_str();
    let has_amount = |it: &Report| matches!(it.statement, Statement::Order { amount: Some(_) });
    Earlier {
        at: said_time(reports),
        leads: (stands && order.partner != 0).then_some((PartnerId(order.partner), OfferId(order.offer))),
        by_binding: order.matched == MatchedKey::Customer.as_str(),
        is_purchase: stands && reports.iter().any(has_amount),
    }
}
