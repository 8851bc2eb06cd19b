//! The decision as one would say it aloud, over everything at once: what the machines must end in.

pub(crate) mod customers;
pub(crate) mod keys;
pub(crate) mod scores;
pub(crate) mod sharing;

use std::collections::BTreeSet;

use catalog::{Catalog, Status};
use events::{
    ClickHead, OrderKey, OrderStatus, RefundKind, Report, ReportedStatus, Score, Statement, Touch, TouchId,
    TouchKind,
};
use units::{CustomerId, EpochMs, OfferId, PartnerId, Quarter, VisitorId};

use self::customers::{Buyer, Earlier};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// What must be left of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) quarter: Quarter,
    pub(crate) status: OrderStatus,
    pub(crate) amount_minor: Option<i64>,
    pub(crate) revenue_minor: i64,
    /// Whose touches earned it: partner, touch, parts per million, money. By touch.
    pub(crate) credits: Vec<(u32, TouchId, u32, i64)>,
    /// The partner of the greatest share, of equals the newest touch's; 0 for nobody.
    pub(crate) partner: u32,
    /// And the offer.
    offer: OfferId,
    /// The customer was bound to that partner.
    by_binding: bool,
}

pub(crate) fn decide(
    order: &OrderKey,
    clicks: &[ClickHead],
    reports: &[Report],
    catalogs: &[Catalog],
) -> Answer {
    let visitors = visitors(order, reports);
    let buyer = buyer(order, clicks, reports, catalogs);
    let distinct: BTreeSet<&Report> = reports.iter().filter(|it| it.key == *order).collect();
    let reports: Vec<&Report> = distinct.into_iter().collect();
    let at = time(order, clicks, &reports);
    let in_force = catalogs.iter().filter(|it| it.effective_at <= at).max_by_key(|it| it.version);
    let (status, amount_minor, revenue_minor) = worth(&reports);
    let credited =
        in_force.map(|it| credited(order, clicks, (&reports, &visitors, &buyer), it, at)).unwrap_or_default();
    let lead = credited.iter().max_by_key(|(_, share)| *share).map(|(touch, _)| *touch);
    let (partner, offer) = lead.map_or((0, OfferId(0)), |it| (it.partner.0, it.offer));
    // Zeros where a touch has its time, and the key's number.
    let by_binding = lead.is_some_and(|it| it.id.0.starts_with(&[0, 0, 0, 0, 0, 0, 5]));
    let money =
        sharing::parts(revenue_minor, &credited.iter().map(|it| u128::from(it.1)).collect::<Vec<_>>());
    let credits = credited.iter().zip(money);
    let mut credits: Vec<_> =
        credits.map(|((touch, share), minor)| (touch.partner.0, touch.id, *share, minor)).collect();
    credits.sort_by_key(|it| it.1);
    Answer { quarter: at.quarter(), status, amount_minor, revenue_minor, credits, partner, offer, by_binding }
}

/// Whose credits wait.
pub(crate) fn suspected(
    order: &OrderKey,
    clicks: &[ClickHead],
    (reports, scores): (&[Report], &[Score]),
    catalogs: &[Catalog],
) -> BTreeSet<PartnerId> {
    let named = visitors(order, reports);
    let distinct: BTreeSet<&Report> = reports.iter().filter(|it| it.key == *order).collect();
    let distinct: Vec<&Report> = distinct.into_iter().collect();
    let at = time(order, clicks, &distinct);
    let catalog = catalogs.iter().filter(|it| it.effective_at <= at).max_by_key(|it| it.version);
    let theirs = clicks.iter().filter(|it| named.contains(&it.visitor()));
    let touches: Vec<Touch> = theirs.map(Touch::from).collect();
    let scores = scores.iter().filter(|it| it.order == *order);
    let rules = |offer, partner| catalog?.rules(offer, partner);
    scores::suspected((&distinct, scores), (order.advertiser, at), &touches, catalog, rules)
}

/// What the earlier orders of its customers were, each decided by itself.
fn buyer(order: &OrderKey, clicks: &[ClickHead], reports: &[Report], catalogs: &[Catalog]) -> Buyer {
    let rank = |order: &OrderKey| {
        let said = reports.iter().filter(|it| it.key == *order);
        let first = said.map(|it| it.reported_at.unwrap_or(it.received_at).min(it.received_at)).min();
        (first.expect("the order was reported"), order.clone())
    };
    let customers: BTreeSet<CustomerId> =
        reports.iter().filter(|it| it.key == *order).filter_map(|it| it.customer).collect();
    let one_person = customers.into_iter().filter(|it| named(Some(*it), order, reports).len() <= 16);
    let earlier = one_person.map(|customer| {
        let his = reports.iter().filter(|it| it.customer == Some(customer)).map(|it| &it.key);
        let his: BTreeSet<_> = his.map(rank).filter(|it| *it < rank(order)).collect();
        let one = |(at, order): (EpochMs, OrderKey)| {
            let answer = decide(&order, clicks, reports, catalogs);
            let stands = answer.status != OrderStatus::Rejected;
            let leads = (stands && answer.partner != 0).then_some((PartnerId(answer.partner), answer.offer));
            let is_purchase = stands && answer.amount_minor.is_some();
            Earlier { at, leads, by_binding: answer.by_binding, is_purchase }
        };
        his.into_iter().map(one).collect()
    });
    Buyer { reported: rank(order).0, earlier: earlier.collect() }
}

/// Those that the order's reports name, and those that any order of its customers names, but of customers who have more than a person has.
pub(crate) fn visitors(order: &OrderKey, reports: &[Report]) -> BTreeSet<VisitorId> {
    let named = |customer| named(customer, order, reports);
    let customers = reports.iter().filter(|it| it.key == *order).filter_map(|it| it.customer);
    let followed = customers.map(|it| named(Some(it))).filter(|it| it.len() <= 16);
    followed.fold(named(None), |all, it| &all | &it)
}

/// By the order, or by all orders of the customer.
fn named(customer: Option<CustomerId>, order: &OrderKey, reports: &[Report]) -> BTreeSet<VisitorId> {
    let orders: BTreeSet<&OrderKey> = match customer {
        None => BTreeSet::from([order]),
        Some(it) => reports.iter().filter(|report| report.customer == Some(it)).map(|it| &it.key).collect(),
    };
    let theirs = reports.iter().filter(|it| orders.contains(&it.key));
    theirs.flat_map(|it| [it.visitor, it.click.signed().map(events::ClickId::visitor)]).flatten().collect()
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

fn credited(
    order: &OrderKey,
    clicks: &[ClickHead],
    (reports, visitors, buyer): (&[&Report], &BTreeSet<VisitorId>, &Buyer),
    catalog: &Catalog,
    at: EpochMs,
) -> Vec<(Touch, u32)> {
    let may_earn = |it: &&ClickHead| {
        let Some(rules) = catalog.rules(it.offer, it.partner) else { return false };
        let window = if it.kind == TouchKind::Click { rules.click_window_ms } else { rules.view_window_ms };
        it.advertiser == order.advertiser
            && it.verdict.is_valid()
            && catalog.partners.get(&it.partner).is_some_and(|partner| partner.status == Status::Active)
            && it.at() <= at
            && it.at().0 + rules.minimum_time_ms <= at.0
            && at.0 < it.at().0 + window
            && visitors.contains(&it.visitor())
    };
    let eligible = |kind| {
        let mut touches: Vec<Touch> =
            clicks.iter().filter(|it| it.kind == kind).filter(may_earn).map(Touch::from).collect();
        touches.sort_by_key(|it| (it.at, it.origin));
        touches
    };
    let touches = [eligible(TouchKind::View), eligible(TouchKind::Click)].concat();
    let rules = |offer, partner| catalog.rules(offer, partner);
    keys::shared((order.advertiser, at), (reports, buyer), &touches, catalog, rules).credited
}

fn worth(reports: &[&Report]) -> (OrderStatus, Option<i64>, i64) {
    let mut amount = None;
    let mut refunds = std::collections::BTreeMap::new();
    let mut said = None;
    for report in reports {
        match &report.statement {
            Statement::Order { amount: Some(it) } => amount = Some(it.minor),
            Statement::Order { amount: None } => {}
            Statement::Refund { refund, amount, kind } => {
                refunds.insert(refund, (amount.map(|it| it.minor), kind));
            }
        }
        said = report.status.or(said);
    }
    let whole = amount.unwrap_or(0);
    let back: i64 = refunds.values().map(|it| it.0.unwrap_or(whole)).sum::<i64>().min(whole);
    let by_bank = refunds.values().filter(|it| *it.1 == RefundKind::Chargeback);
    let charged: i64 = by_bank.map(|it| it.0.unwrap_or(whole)).sum();
    let status = match said {
        Some(ReportedStatus::Rejected) => return (OrderStatus::Rejected, amount, 0),
        _ if whole > 0 && charged > 0 => OrderStatus::ChargedBack,
        _ if whole > 0 && back == whole => OrderStatus::Refunded,
        _ if back > 0 => OrderStatus::PartlyRefunded,
        Some(ReportedStatus::Approved) => OrderStatus::Approved,
        _ => OrderStatus::Pending,
    };
    (status, amount, whole - back)
}
