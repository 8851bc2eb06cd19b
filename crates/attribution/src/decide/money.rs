//! What an order is worth by all its reports, and what has become of it.
//!
//! In: reports, ascending by (`received_at`, `origin`). Out: amount, refunds, revenue, status, and notes for the trace. The latest statement of an
//! amount replaces earlier ones; refunds are told apart by their ids and add up. Not here: shares and commissions.

use events::{OrderStatus, Report, ReportedStatus, Statement};
use units::{Currency, Money};

/// An order in money.
pub(super) struct Worth {
    pub(super) status: OrderStatus,
    /// Before refunds.
    pub(super) amount: Option<Money>,
    /// In the order's currency; never more than the amount.
    pub(super) refunded_minor: i64,
    pub(super) revenue_minor: i64,
    pub(super) currency: Currency,
    /// Stable codes.
    pub(super) notes: Vec<&'static str>,
}

impl Worth {
    /// `default` is asked for a currency where no report gave one; the euro is taken where it knows none.
    pub(super) fn of(reports: &[Report], default: impl FnOnce() -> Option<Currency>) -> Self {
        let mut amounts = reports.iter().rev().filter_map(|it| match &it.statement {
            Statement::Order { amount } => *amount,
            Statement::Refund { .. } => None,
        });
        let amount = amounts.next();
        let mut notes = Vec::new();
        let currency = amount.map_or_else(|| default().unwrap_or(Currency::EUR), |it| it.currency);
        let mut currency_changed = amounts.any(|it| it.currency != currency);
        let refunded_minor = match amount {
            Some(amount) => refunded(reports, amount, &mut currency_changed, &mut notes),
            None => held_back(reports, &mut notes),
        };
        if currency_changed {
            notes.push("currency_changed");
        }
        let explicit = reports.iter().rev().find_map(|it| it.status);
        let status = status(explicit, amount, refunded_minor);
        let left = amount.map_or(0, |it| it.minor) - refunded_minor;
        let revenue_minor = if status == OrderStatus::Rejected { 0 } else { left };
        Self { status, amount, refunded_minor, revenue_minor, currency, notes }
    }
}

/// The sum over distinct refunds of the latest statement of each, at most the amount.
fn refunded(
    reports: &[Report],
    amount: Money,
    currency_changed: &mut bool,
    notes: &mut Vec<&'static str>,
) -> i64 {
    let mut sum = 0_i64;
    for back in latest_refunds(reports) {
        sum = sum.saturating_add(match back {
            None => amount.minor,
            Some(back) if back.currency == amount.currency => back.minor.max(0),
            Some(_) => {
                *currency_changed = true;
                0
            }
        });
    }
    if sum > amount.minor {
        notes.push("refund_exceeds_order");
    }
    sum.min(amount.minor.max(0))
}

/// Refunds of an order whose amount nobody has stated wait for it.
fn held_back(reports: &[Report], notes: &mut Vec<&'static str>) -> i64 {
    if latest_refunds(reports).next().is_some() {
        notes.push("refund_held");
    }
    0
}

/// Each refund id once, with its latest statement. Quadratic in the refunds of one order, of which there are few and at most
/// [`crate::REPORTS_MAX`].
fn latest_refunds(reports: &[Report]) -> impl Iterator<Item = Option<Money>> {
    reports.iter().enumerate().filter_map(|(index, it)| {
        let Statement::Refund { refund, amount, .. } = &it.statement else { return None };
        let mut later = reports.iter().skip(index + 1);
        let restates =
            |it: &Report| matches!(&it.statement, Statement::Refund { refund: other, .. } if other == refund);
        (!later.any(restates)).then_some(*amount)
    })
}

fn status(explicit: Option<ReportedStatus>, amount: Option<Money>, refunded_minor: i64) -> OrderStatus {
    let whole = amount.map_or(0, |it| it.minor);
    match explicit {
        Some(ReportedStatus::Rejected) => OrderStatus::Rejected,
        _ if whole > 0 && refunded_minor >= whole => OrderStatus::Refunded,
        _ if refunded_minor > 0 => OrderStatus::PartlyRefunded,
        Some(ReportedStatus::Approved) => OrderStatus::Approved,
        Some(ReportedStatus::Pending) | None => OrderStatus::Pending,
    }
}
