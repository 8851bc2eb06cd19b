//! The decision as one would say it aloud, over everything at once: what the machines must end in.

use std::collections::BTreeSet;

use catalog::{Catalog, Status};
use events::{ClickHead, OrderKey, OrderStatus, Report, ReportedStatus, Statement, TouchId, TouchKind};
use units::{EpochMs, Quarter};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// What must be left of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) quarter: Quarter,
    pub(crate) status: OrderStatus,
    pub(crate) amount_minor: Option<i64>,
    pub(crate) revenue_minor: i64,
    /// Whose touch earned it.
    pub(crate) winner: Option<(u32, TouchId)>,
}

pub(crate) fn decide(
    order: &OrderKey,
    clicks: &[ClickHead],
    reports: &[Report],
    catalogs: &[Catalog],
) -> Answer {
    let distinct: BTreeSet<&Report> = reports.iter().filter(|it| it.key == *order).collect();
    let reports: Vec<&Report> = distinct.into_iter().collect();
    let at = time(order, clicks, &reports);
    let in_force = catalogs.iter().filter(|it| it.effective_at <= at).max_by_key(|it| it.version);
    let (status, amount_minor, revenue_minor) = worth(&reports);
    let winner = in_force.and_then(|it| winner(order, clicks, &reports, it, at));
    Answer { quarter: at.quarter(), status, amount_minor, revenue_minor, winner }
}

fn time(order: &OrderKey, clicks: &[ClickHead], reports: &[&Report]) -> EpochMs {
    let said = reports.iter().map(|it| it.reported_at.unwrap_or(it.received_at).min(it.received_at));
    let first = said.min().expect("the order was reported");
    let own = clicks.iter().filter(|it| it.advertiser == order.advertiser && is_signed(it, reports));
    let later = own.map(ClickHead::at).filter(|it| *it > first && it.0 <= first.0 + DAY_MS);
    later.max().unwrap_or(first)
}

fn is_signed(click: &ClickHead, reports: &[&Report]) -> bool {
    reports.iter().any(|it| it.click.signed() == Some(click.id))
}

fn winner(
    order: &OrderKey,
    clicks: &[ClickHead],
    reports: &[&Report],
    catalog: &Catalog,
    at: EpochMs,
) -> Option<(u32, TouchId)> {
    let names = |it: &ClickHead| {
        let of = |report: &&Report| {
            report.visitor == Some(it.visitor())
                || report.click.signed().is_some_and(|id| id.visitor() == it.visitor())
        };
        reports.iter().any(of)
    };
    let may_earn = |it: &&ClickHead| {
        let Some(rules) = catalog.rules(it.offer, it.partner) else { return false };
        let window = if it.kind == TouchKind::Click { rules.click_window_ms } else { rules.view_window_ms };
        it.advertiser == order.advertiser
            && it.verdict.is_valid()
            && catalog.partners.get(&it.partner).is_some_and(|partner| partner.status == Status::Active)
            && it.at() <= at
            && it.at().0 + rules.minimum_time_ms <= at.0
            && at.0 < it.at().0 + window
            && names(it)
    };
    let best = |kind| {
        clicks.iter().filter(|it| it.kind == kind).filter(may_earn).max_by_key(|it| (it.at(), it.origin))
    };
    let won = best(TouchKind::Click).or_else(|| best(TouchKind::View))?;
    Some((won.partner.0, won.id.touch()))
}

fn worth(reports: &[&Report]) -> (OrderStatus, Option<i64>, i64) {
    let mut amount = None;
    let mut refunds = std::collections::BTreeMap::new();
    let mut said = None;
    for report in reports {
        match &report.statement {
            Statement::Order { amount: Some(it) } => amount = Some(it.minor),
            Statement::Order { amount: None } => {}
            Statement::Refund { refund, amount } => {
                refunds.insert(refund, amount.map(|it| it.minor));
            }
        }
        said = report.status.or(said);
    }
    let whole = amount.unwrap_or(0);
    let back: i64 = refunds.values().map(|it| it.unwrap_or(whole)).sum::<i64>().min(whole);
    let status = match said {
        Some(ReportedStatus::Rejected) => return (OrderStatus::Rejected, amount, 0),
        _ if whole > 0 && back == whole => OrderStatus::Refunded,
        _ if back > 0 => OrderStatus::PartlyRefunded,
        Some(ReportedStatus::Approved) => OrderStatus::Approved,
        _ => OrderStatus::Pending,
    };
    (status, amount, whole - back)
}
