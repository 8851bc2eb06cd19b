//! What the timelines of an order's customers are told of it.
//!
//! In: a decision and the reports it was made of. Out: a record for each customer, without a stamp. Not here: what it means for his other orders
//! (`timelines::customers`). Start at [`bounds`].

use events::{Bound, Decision, MatchedKey, OrderStatus, Report};

use super::followed::customers;

/// A record for each customer that is asked. `reports` is not empty where there is a decision.
pub(super) fn bounds(decision: &Decision, reports: &[Report]) -> Vec<Bound> {
    let stands = decision.status != OrderStatus::Rejected;
    let leads = stands && decision.partner.0 != 0;
    // The order's own time may be corrected by a click; questions carry the time before that, and both must rank alike.
    let at = reports.iter().map(Report::order_time).min().unwrap_or_default();
    let bound = |customer| Bound {
        stamp: decision.stamp,
        customer,
        order: decision.key.clone(),
        at,
        partner: leads.then_some(decision.partner),
        offer: if leads { decision.offer } else { units::OfferId(0) },
        by_binding: decision.matched == Some(MatchedKey::Customer),
        is_purchase: stands && decision.amount.is_some(),
    };
    customers(reports).into_iter().map(bound).collect()
}
