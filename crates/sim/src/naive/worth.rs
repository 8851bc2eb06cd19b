//! What an order is worth, as one would work it out on paper: the latest amount, less what went back.

use std::collections::BTreeMap;

use events::{OrderStatus, RefundKind, Report, ReportedStatus, Statement};
use units::Currency;

pub(super) struct Worth {
    pub(super) status: OrderStatus,
    pub(super) is_approved: bool,
    pub(super) refunded_minor: i64,
    pub(super) revenue_minor: i64,
    pub(super) currency: Currency,
    /// Something went back in another currency.
    pub(super) is_held: bool,
}

pub(super) fn worth(reports: &[Report], fallback: impl FnOnce() -> Currency) -> Worth {
    let (mut amount, mut status) = (None, None);
    let mut refunds: BTreeMap<&str, (Option<units::Money>, RefundKind)> = BTreeMap::new();
    for report in reports {
        status = report.status.or(status);
        match &report.statement {
            Statement::Order { amount: stated } => amount = stated.or(amount),
            Statement::Refund { refund, amount, kind } => {
                refunds.insert(refund, (*amount, *kind));
            }
        }
    }
    let whole = amount.map_or(0, |it| it.minor);
    let back = |refund: &Option<units::Money>| match (refund, amount) {
        (_, None) => 0,
        (None, Some(amount)) => amount.minor,
        (Some(refund), Some(amount)) => {
            if refund.currency == amount.currency {
                refund.minor
            } else {
                0
            }
        }
    };
    let refunded_minor = refunds.values().map(|(it, _)| back(it)).sum::<i64>().min(whole);
    let is_taken = |(it, kind): &(_, RefundKind)| *kind == RefundKind::Chargeback && back(it) > 0;
    let is_charged_back = refunded_minor > 0 && refunds.values().any(is_taken);
    let is_foreign = |it: &units::Money| amount.is_some_and(|amount| amount.currency != it.currency);
    let is_approved = status == Some(ReportedStatus::Approved);
    let is_held = refunds.values().any(|(it, _)| it.as_ref().is_some_and(is_foreign));
    let status = match status {
        Some(ReportedStatus::Rejected) => OrderStatus::Rejected,
        _ if is_charged_back => OrderStatus::ChargedBack,
        _ if refunded_minor > 0 && refunded_minor == whole => OrderStatus::Refunded,
        _ if refunded_minor > 0 => OrderStatus::PartlyRefunded,
        Some(ReportedStatus::Approved) => OrderStatus::Approved,
        _ => OrderStatus::Pending,
    };
    let revenue_minor = if status == OrderStatus::Rejected { 0 } else { whole - refunded_minor };
    Worth {
        status,
        is_approved,
        refunded_minor,
        revenue_minor,
        is_held,
        currency: amount.map_or_else(fallback, |it| it.currency),
    }
}
