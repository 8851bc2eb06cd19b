//! All orders at once, since one depends on others by its customers: by whom they are known, and what an order is to the later ones of its customer.
//!
//! In: reports by order. Out: each order as its row says it, and the touches that earned it. Not here: what follows from a customer (`customers`).
//! Start at [`orders`].

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use catalog::Catalog;
use events::{ClickHead, MatchedKey, OrderKey, OrderStatus, Report, Score, Statement, Touch};
use units::{CustomerId, OfferId, PartnerId, VisitorId};

use super::{
    Parts,
    customers::{Buyer, Earlier},
    decide, named, said_time, visitors,
};
use crate::clickhouse::{OrderRow, Part};

/// Whom a person may be known by.
const CUSTOMER_VISITORS_MAX: usize = 16;

/// An order's row, and what each touch has of it.
type Decided = (OrderRow, Vec<(Touch, Part)>);

/// Every order without a score, and what each touch that has anything has of it. `clicks_of` gives at least the clicks of those visitors.
pub(crate) fn orders<'a>(
    by_order: BTreeMap<OrderKey, Vec<Report>>,
    clicks_of: impl Fn(&BTreeSet<VisitorId>) -> Cow<'a, [ClickHead]>,
    catalogs: &[Arc<Catalog>],
) -> BTreeMap<OrderKey, (OrderRow, Parts)> {
    let decided = decided(by_order, clicks_of, &[], catalogs);
    decided.map(|(key, (order, credited))| (key, (order, named(credited)))).collect()
}

/// In the order in which they depend on one another.
pub(super) fn decided<'a>(
    by_order: BTreeMap<OrderKey, Vec<Report>>,
    clicks_of: impl Fn(&BTreeSet<VisitorId>) -> Cow<'a, [ClickHead]>,
    scores: &[Score],
    catalogs: &[Arc<Catalog>],
) -> impl Iterator<Item = (OrderKey, Decided)> {
    let customers = known_by(&by_order);
    // An order depends on those of its customer that are earlier by its reports alone.
    let mut by_rank: Vec<(OrderKey, Vec<Report>)> = by_order.into_iter().collect();
    by_rank.sort_by_key(|(key, reports)| (said_time(reports), key.clone()));
    let mut earlier: BTreeMap<CustomerId, Vec<Earlier>> = BTreeMap::new();
    by_rank.into_iter().map(move |(key, mut reports)| {
        reports.sort_by_key(|it| (it.received_at, it.origin));
        let theirs: BTreeSet<CustomerId> = reports.iter().flat_map(Report::customers).collect();
        let one_person = || {
            let his = theirs.iter().filter_map(|it| Some((it, customers.get(it)?)));
            his.filter(|(_, visitors)| visitors.len() <= CUSTOMER_VISITORS_MAX)
        };
        let followed = one_person().flat_map(|(_, visitors)| visitors).copied().collect();
        let of_before = one_person().map(|(it, _)| earlier.get(it).cloned().unwrap_or_default());
        let buyer = Buyer { reported: said_time(&reports), earlier: of_before.collect() };
        let clicks = clicks_of(&(&visitors(&reports) | &followed));
        let order = decide(&key, (&reports, &followed, &buyer, scores), &clicks, catalogs);
        for customer in theirs {
            earlier.entry(customer).or_default().push(as_earlier(&order.0, &reports));
        }
        (key, order)
    })
}

/// Whom each customer's orders name, all together.
fn known_by(by_order: &BTreeMap<OrderKey, Vec<Report>>) -> BTreeMap<CustomerId, BTreeSet<VisitorId>> {
    let mut customers: BTreeMap<CustomerId, BTreeSet<VisitorId>> = BTreeMap::new();
    for reports in by_order.values() {
        for customer in reports.iter().flat_map(Report::customers) {
            customers.entry(customer).or_default().extend(visitors(reports));
        }
    }
    customers
}

/// What a customer's later orders see of this one.
fn as_earlier(order: &OrderRow, reports: &[Report]) -> Earlier {
    let stands = order.settled.status != OrderStatus::Rejected.as_str();
    let has_amount = |it: &Report| matches!(it.statement, Statement::Order { amount: Some(_) });
    Earlier {
        at: said_time(reports),
        leads: (stands && order.partner != 0).then_some((PartnerId(order.partner), OfferId(order.offer))),
        by_binding: order.matched == MatchedKey::Customer.as_str(),
        is_purchase: stands && reports.iter().any(has_amount),
    }
}
