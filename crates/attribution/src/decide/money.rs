//! What an order is worth by all its reports, and what has become of it.
//!
//! In: reports, ascending by (`received_at`, `origin`). Out: amount, refunds, revenue, status, reason, and notes for the trace. The latest statement
//! of an amount replaces earlier ones; refunds are told apart by their ids and add up; a refund in another currency than the order's is not
//! counted, and holds the order's credits. Not here: shares and commissions.

use events::{Channel, Hold, OrderStatus, RefundKind, RejectReason, Report, ReportedStatus, Statement};
use units::{
    Currency, Money,
    planted::{Bug, planted},
};

/// An order in money.
pub(super) struct Worth {
    pub(super) status: OrderStatus,
    /// Before refunds.
    pub(super) amount: Option<Money>,
    /// In the order's currency; never more than the amount.
    pub(super) refunded_minor: i64,
    pub(super) revenue_minor: i64,
    pub(super) currency: Currency,
    /// The latest status says that it stands, whatever went back.
    pub(super) is_approved: bool,
    /// Of a rejected order.
    pub(super) reason: Option<RejectReason>,
    pub(super) hold: Option<Hold>,
    /// Stable codes.
    pub(super) notes: Vec<&'static str>,
}

impl Worth {
    /// `default` is asked for a currency where no report gave one; the euro is taken where it knows none.
    pub(super) fn of(reports: &[Report], default: impl FnOnce() -> Option<Currency>) -> Self {
        let mut amounts = reports.iter().rev().filter_map(|it| match &it.statement {
            Statement::Order { amount: Some(amount) } => Some((it, *amount)),
            Statement::Order { amount: None } | Statement::Refund { .. } => None,
        });
        let stated = amounts.next();
        let amount = stated.map(|(_, amount)| amount);
        let currency = amount.map_or_else(|| default().unwrap_or(Currency::EUR), |it| it.currency);
        let currency_changed = amounts.any(|(_, it)| it.currency != currency);
        let back = GoneBack::of(reports, amount);
        let last_said = reports.iter().rev().find(|it| it.status.is_some());
        let status = status(last_said.and_then(|it| it.status), amount, &back);
        let is_rejected = status == OrderStatus::Rejected;
        let left = amount.map_or(0, |it| it.minor) - back.minor;
        let notes = [
            back.exceeds.then_some("refund_exceeds_order"),
            back.waits.then_some("refund_held"),
            back.in_another_currency.then_some("refund_other_currency"),
            currency_changed.then_some("currency_changed"),
            stated.is_some_and(|(it, amount)| do_items_differ(it, amount)).then_some("items_differ"),
        ];
        Self {
            status,
            amount,
            refunded_minor: back.minor,
            revenue_minor: if is_rejected { 0 } else { left },
            currency,
            is_approved: last_said.is_some_and(|it| it.status == Some(ReportedStatus::Approved))
                && !(planted(Bug::RefundUnapproves) && back.minor > 0),
            reason: last_said.filter(|_| is_rejected).map(|it| it.reason.unwrap_or(RejectReason::Unsaid)),
            hold: back.in_another_currency.then_some(Hold::RefundOtherCurrency),
            notes: notes.into_iter().flatten().collect(),
        }
    }
}

/// Whether the lines say something else than the amount beside them. Shop systems' amounts hold shipping and taxes, so theirs always differ; of an
/// order with as many lines as are kept there may have been more.
fn do_items_differ(report: &Report, amount: Money) -> bool {
    let is_plain = !matches!(report.channel, Channel::Shopify | Channel::WooCommerce);
    let is_whole = (1..Report::ITEMS_MAX).contains(&report.items.len());
    let sum = report.items.iter().fold(0_i64, |sum, it| sum.saturating_add(it.minor));
    is_plain && is_whole && sum != amount.minor
}

/// What went back of an order's money.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a sentence of its own in the trace")]
struct GoneBack {
    /// In the order's currency; at most the order's amount.
    minor: i64,
    /// Some of it by a bank.
    charged: bool,
    exceeds: bool,
    /// There is no amount yet that it could go back from.
    waits: bool,
    in_another_currency: bool,
}

impl GoneBack {
    /// The sum over distinct refunds of the latest statement of each.
    fn of(reports: &[Report], amount: Option<Money>) -> Self {
        let Some(amount) = amount else {
            return Self { waits: latest_refunds(reports).next().is_some(), ..Self::default() };
        };
        let mut found = Self::default();
        let mut sum = 0_i64;
        for (back, kind) in latest_refunds(reports) {
            let minor = match back {
                None => amount.minor,
                Some(back) if back.currency == amount.currency => back.minor.max(0),
                Some(_) => {
                    found.in_another_currency = true;
                    0
                }
            };
            sum = sum.saturating_add(minor);
            found.charged |= kind == RefundKind::Chargeback && 0 < minor;
        }
        Self { minor: sum.min(amount.minor.max(0)), exceeds: sum > amount.minor, ..found }
    }
}

/// Each refund id once, with its latest statement and kind. Quadratic in the refunds of one order, of which there are few and at most
/// [`crate::REPORTS_MAX`].
fn latest_refunds(reports: &[Report]) -> impl Iterator<Item = (Option<Money>, RefundKind)> {
    reports.iter().enumerate().filter_map(|(index, it)| {
        let Statement::Refund { refund, amount, kind } = &it.statement else { return None };
        let mut later = reports.iter().skip(index + 1);
        let restates =
            |it: &Report| matches!(&it.statement, Statement::Refund { refund: other, .. } if other == refund);
        (!later.any(restates)).then_some((*amount, *kind))
    })
}

fn status(explicit: Option<ReportedStatus>, amount: Option<Money>, back: &GoneBack) -> OrderStatus {
    let whole = amount.map_or(0, |it| it.minor);
    match explicit {
        Some(ReportedStatus::Rejected) => OrderStatus::Rejected,
        _ if back.charged && back.minor > 0 => OrderStatus::ChargedBack,
        _ if whole > 0 && back.minor >= whole => OrderStatus::Refunded,
        _ if back.minor > 0 => OrderStatus::PartlyRefunded,
        Some(ReportedStatus::Approved) => OrderStatus::Approved,
        Some(ReportedStatus::Pending) | None => OrderStatus::Pending,
    }
}
