//! The decision: which touches or keys earned an order, what each one's part is, what the order is worth, and why. A pure function of sets.
//!
//! In: an order's reports, what its visitors touched, every version of the catalog. Out: one [`Decision`] and a [`Credit`] for each pair of a
//! touch and a quarter that any smaller sets could have led to: the same sets in any order give the same bytes, and larger sets
//! overwrite whatever smaller ones said. Of touches and reports beyond a limit, and of whom a customer was bound to before another one took his
//! place, there are no credits any more: every quarter that they could have placed the order in is void or its own, and what an older
//! snapshot said there does not count beside a newer row of the order (`warehouse`). Not here: stamps and memory (`orders`). Start at [`decide`].

mod candidates;
mod guard;
mod money;
mod named;
mod reporting;
mod roles;
mod score;
mod share;
mod signed;
mod time;
mod trace;
mod weigh;

use catalog::{Catalog, History};
use events::{
    Credit, Decision, Hold, OrderKey, Report, Reporting, Role, Score, Standing, Touch, Unattributed,
};
use units::{
    CatalogVersion, OfferId, PartnerId, Ppm, Quarter, Stamp, VisitorId,
    planted::{Bug, planted},
    split,
};

use crate::orders::{Followed, VISITORS_MAX};

pub(crate) use self::time::{asked_range, possible_times};
use self::{
    candidates::Candidates, money::Worth, named::Named, reporting::Told, score::Suspicion, time::OrderTime,
    weigh::Weighed,
};

pub use self::{named::NAMED_MAX, time::CLOCK_DIFFERENCE_MAX_MS, weigh::PATH_MAX};

/// Touches one decision weighs: the latest of them. A person has a handful; beyond this only robots with many visitor ids are.
/// Older ones are neither weighed nor given zero rows, and the trace counts them; what was credited to them does not count, since the
/// order's row is newer.
pub const CANDIDATES_MAX: usize = 4_096;

/// An order decided; nothing in it is stamped yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The snapshot.
    pub decision: Box<Decision>,
    /// Its rows by touch and quarter, zeros included.
    pub credits: Vec<Credit>,
}

/// What is known of an order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    /// Ascending by (`received_at`, `origin`), each once.
    pub(crate) reports: &'a [Report],
    /// Where reports that are not kept could have placed it.
    pub(crate) left: &'a [Quarter],
    /// Those its evidence names, in any order, with repeats.
    pub(crate) touches: &'a [Touch],
    /// Whom else its customers are known by.
    pub(crate) followed: &'a Followed,
    /// What counting over many orders found about it.
    pub(crate) score: Option<&'a Score>,
    pub(crate) history: &'a History,
    /// How many touches are weighed.
    pub(crate) candidates_max: usize,
}

/// Decides an order by what is known of it. `reports` ascend by (`received_at`, `origin`), each once; `touches` are those its evidence names, in
/// any order, with repeats. `None` where no report is known: there is no order yet.
#[must_use]
pub fn decide(key: &OrderKey, reports: &[Report], touches: &[Touch], history: &History) -> Option<Decided> {
    let followed = &Followed::default();
    decide_known(
        key,
        &Known {
            reports,
            left: &[],
            touches,
            followed,
            score: None,
            history,
            candidates_max: CANDIDATES_MAX,
        },
    )
}

/// [`decide`], also where something is not kept.
pub(crate) fn decide_known(key: &OrderKey, known: &Known<'_>) -> Option<Decided> {
    let Known { reports, history, .. } = *known;
    let (first, last) = (reports.first()?, reports.last()?);
    debug_assert!(
        reports
            .windows(2)
            .all(|pair| matches!(pair, [a, b] if (a.received_at, a.origin) < (b.received_at, b.origin)))
    );
    let candidates = Candidates::gather(key.advertiser, known);
    let time = OrderTime::of(key.advertiser, reports, &candidates)?;
    let catalog = history.at(time.at).map(AsRef::as_ref);
    let past = known.followed.past();
    let named = Named::of((key.advertiser, time.at), (reports, past), history, catalog);
    let order = weigh::Order::of(key.advertiser, time.at, (reports, past));
    let weighed = weigh::all((&candidates, known.followed), &named, order, catalog);
    let lead = weigh::lead(&weighed);
    let suspicion = Suspicion::of(known.score, (key.advertiser, reports), &weighed, catalog);
    let worth = Worth::of(reports, || currency_of(lead, catalog));
    let ruler = lead.and(weigh::ruler(&weighed));
    let model = ruler.and_then(Weighed::model);
    let hold_ms =
        weighed.iter().filter(|it| it.is_credited()).filter_map(|it| it.rules).map(|it| it.hold_ms).max();
    let told = Told::of(worth.revenue_minor, worth.currency, catalog);
    let home = time.at.quarter();
    let quarters = possible_quarters(reports, &candidates.signed, home);
    let void_quarters = void_quarters(&quarters, known.left, &candidates.signed, home);

    let decision = Decision {
        stamp: Stamp::default(),
        key: key.clone(),
        at: time.at,
        time_source: time.source,
        catalog: catalog.map_or(CatalogVersion(0), |it| it.version),
        event: event(reports),
        status: worth.status,
        amount: worth.amount,
        refunded_minor: worth.refunded_minor,
        revenue_minor: worth.revenue_minor,
        currency: worth.currency,
        offer: lead.map_or(OfferId(0), |it| it.touch.offer),
        partner: lead.map_or(PartnerId(0), |it| it.touch.partner),
        matched: lead.map(|it| it.found),
        unattributed: lead.is_none().then(|| why_nobodys(reports, &weighed, &named, catalog)),
        report_count: u32::try_from(reports.len()).unwrap_or(u32::MAX),
        first_received_at: first.received_at,
        last_received_at: last.received_at,
        payable_at: time.at.forth(hold_ms.unwrap_or(0)),
        model: model.map(trace::shared_by),
        path_touches: lead.map_or(0, |_| roles::path_touches(&weighed)),
        reporting: told.reporting,
        hold: told.hold.or(worth.hold).or_else(|| suspicion.hold(&weighed)),
        reason: worth.reason,
        is_approved: worth.is_approved,
        void_quarters,
        trace: trace::Told {
            reports,
            followed: known.followed,
            time: &time,
            order,
            named: &named,
            catalog,
            signals: suspicion.signals(),
            left_out: candidates.left_out,
        }
        .trace(&weighed, (lead, ruler), (&worth, told.note)),
    };
    let credits = credits(&decision, &quarters, (&weighed, &suspicion), &candidates);
    Some(Decided { decision: Box::new(decision), credits })
}

/// The order's currency where no report gave one.
fn currency_of(lead: Option<&Weighed<'_>>, catalog: Option<&Catalog>) -> Option<units::Currency> {
    Some(catalog?.offers.get(&lead?.touch.offer)?.currency)
}

fn why_nobodys(
    reports: &[Report],
    weighed: &[Weighed<'_>],
    named: &Named,
    catalog: Option<&Catalog>,
) -> Unattributed {
    let may_have_touched =
        |it: &Report| it.click.signed().is_some() || it.visitor.is_some() || it.customers().next().is_some();
    if catalog.is_none() {
        Unattributed::NoCatalog
    } else if !weighed.is_empty() {
        Unattributed::NoneEligible
    } else if named.unknown_coupon {
        Unattributed::UnknownCoupon
    } else if named.unknown_partner {
        Unattributed::UnknownPartner
    } else if reports.iter().any(may_have_touched) {
        Unattributed::NoTouch
    } else {
        Unattributed::NoKey
    }
}

/// What the order is about: by the first report of the order itself, else by the first report.
fn event(reports: &[Report]) -> Box<str> {
    let is_order = |it: &&Report| matches!(it.statement, events::Statement::Order { .. });
    reports.iter().find(is_order).or(reports.first()).map_or_else(Box::default, |it| it.event.clone())
}

/// Every quarter that any part of the reports and signed clicks could place the order in.
fn possible_quarters(reports: &[Report], signed: &[Touch], home: Quarter) -> Vec<Quarter> {
    let mut quarters: Vec<Quarter> =
        possible_times(reports, signed.iter().map(|it| it.at)).map(units::EpochMs::quarter).collect();
    quarters.sort_unstable();
    quarters.dedup();
    quarters.retain(|it| *it == home || !planted(Bug::GhostQuarter));
    quarters
}

/// Every quarter that the order is not in and may have been said to be in. Where reports are not kept, any click of those that are may have
/// corrected the time of one that is not.
fn void_quarters(possible: &[Quarter], left: &[Quarter], signed: &[Touch], home: Quarter) -> Vec<Quarter> {
    let mut void: Vec<Quarter> = possible.iter().copied().filter(|it| *it != home).collect();
    if !left.is_empty() {
        let clicks = signed.iter().map(|it| it.at.quarter());
        void.extend(left.iter().copied().chain(clicks).filter(|it| *it != home));
        void.sort_unstable();
        void.dedup();
    }
    void
}

/// The visitors whose timelines are asked: those that reports and signed clicks name, the first [`crate::VISITORS_MAX`] by report, ascending.
pub(crate) fn visitors(reports: &[Report]) -> Vec<VisitorId> {
    let mut visitors = Vec::new();
    for report in reports {
        for visitor in
            [report.click.signed().map(events::ClickId::visitor), report.visitor].into_iter().flatten()
        {
            if !visitors.contains(&visitor) && visitors.len() < VISITORS_MAX {
                visitors.push(visitor);
            }
        }
    }
    visitors.sort_unstable();
    visitors
}

/// A row for every touch and every quarter that some part of what is known could have credited: its share for each credited one in the order's
/// quarter, zero for all others.
fn credits(
    decision: &Decision,
    quarters: &[Quarter],
    (weighed, suspicion): (&[Weighed<'_>], &Suspicion),
    candidates: &Candidates,
) -> Vec<Credit> {
    let shares: Vec<u64> = weighed.iter().map(|it| u64::from(it.share.0)).collect();
    let money = split(decision.revenue_minor, &shares);
    let reporting = decision.reporting.map(|it| split(it.minor, &shares)).unwrap_or_default();
    let refunded = match decision.refunded_minor {
        0 => Vec::new(),
        whole if planted(Bug::RefundEach) => weighed.iter().map(|_| whole).collect(),
        whole => split(whole, &shares),
    };
    // A robot's click is credited under no set of inputs, unless a report named it before its record was known.
    let creditable =
        |it: &(&Weighed<'_>, i64)| it.0.touch.verdict.is_valid() || candidates.is_signed(&it.0.touch.id);
    let rows = weighed.iter().zip(money).enumerate().filter(|(_, it)| creditable(it));
    let rows = rows.filter(|(_, (it, _))| it.is_credited() || !planted(Bug::GhostTouch));
    let row = |index: usize, it: &Weighed<'_>, revenue_minor: i64, quarter: Quarter| {
        let touch = it.shown();
        let is_home = quarter == decision.at.quarter();
        let hold = decision.hold.and_then(|it| suspicion.narrowed(it, touch.partner));
        let is_paid = is_home && !(hold == Some(Hold::Fraud) && planted(Bug::ScoreZeroes));
        let of = |parts: &[i64]| parts.get(index).filter(|_| is_home).copied().unwrap_or(0);
        let has_path = it.role == Role::Closer || planted(Bug::PathEach) && it.is_credited();
        Credit {
            stamp: decision.stamp,
            quarter,
            key: decision.key.clone(),
            touch: touch.id,
            touched_at: touch.at,
            at: decision.at,
            partner: touch.partner,
            offer: touch.offer,
            advertiser: decision.key.advertiser,
            link: touch.link,
            country: touch.country,
            device: touch.device,
            share: if is_paid { it.share } else { Ppm(0) },
            revenue_minor: if is_paid { revenue_minor } else { 0 },
            currency: decision.currency,
            status: decision.status,
            role: if is_home { it.role } else { Role::None },
            standing: Some(Standing { kind: touch.kind, found: it.found, verdict: it.verdict }),
            is_assist: is_home && roles::is_assist(weighed, index),
            path_touches: if is_home && has_path { decision.path_touches } else { 0 },
            reporting: decision.reporting.map(|it| Reporting { minor: of(&reporting), ..it }),
            hold,
            is_approved: decision.is_approved,
            refunded_minor: of(&refunded),
        }
    };
    let row = &row;
    rows.flat_map(|(index, (it, minor))| quarters.iter().map(move |quarter| row(index, it, minor, *quarter)))
        .collect()
}
