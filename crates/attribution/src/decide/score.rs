//! What is suspicious about an order, and whose credit waits for that.
//!
//! In: the order's newest score, which counting over many orders made, what its visitors clicked within its window, whose address its customer has, and the thresholds in
//! force at its time. Out: signals with what they were compared with, and holds. A suspicion never takes anything away: share and money stay, and a newer score lifts the hold.
//! Touches whose own records are gone have no visitor any more and are not counted. Not here: the counting (`warehouse`). Start at [`Suspicion::of`].

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Catalog, VisitorLimit};
use events::{CandidateVerdict, Hold, Report, Score, Signal, SignalCode, Touch, TracedSignal};
use units::{AdvertiserId, CatalogVersion, EpochMs, PartnerId, VisitorId};

use super::weigh::Weighed;

/// Everything suspicious about one order. Where nothing is, nothing is allocated.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    /// Ascending by (code, partner), each once, with the version whose threshold was compared.
    signals: Vec<TracedSignal>,
}

impl Suspicion {
    pub(super) fn of(
        score: Option<&Score>,
        (advertiser, reports): (AdvertiserId, &[Report]),
        weighed: &[Weighed<'_>],
        catalog: Option<&Catalog>,
    ) -> Self {
        let counted =
            score.into_iter().flat_map(|score| score.signals.iter().map(|it| told(*it, score.rules)));
        let mut signals: Vec<TracedSignal> = counted.collect();
        if let Some((limit, catalog)) = catalog.and_then(|it| Some((it.fraud.visitor?, it))) {
            let is_own = |it: &&Weighed<'_>| it.is_click_in_window() && it.touch.advertiser == advertiser;
            let clicks = weighed.iter().filter(is_own).map(|it| it.touch);
            signals.extend(many_partners(clicks, limit).map(|it| told(it, catalog.version)));
        }
        if let Some(catalog) = catalog.filter(|it| it.fraud.self_purchase) {
            signals.extend(self_purchases(reports, weighed, catalog).map(|it| told(it, catalog.version)));
        }
        let key = |it: &TracedSignal| (it.signal.code, it.signal.partner);
        signals.sort_unstable_by(|a, b| key(a).cmp(&key(b)).then(b.cmp(a)));
        signals.dedup_by_key(|it| key(it));
        Self { signals }
    }

    /// Of a partner's credits.
    fn hold_of(&self, partner: PartnerId) -> Option<Hold> {
        let is_about = |it: &Signal| it.partner == partner || it.partner == PartnerId(0);
        self.signals.iter().any(|it| is_about(&it.signal)).then_some(Hold::Fraud)
    }

    /// For the trace.
    pub(super) fn signals(&self) -> &[TracedSignal] {
        &self.signals
    }

    /// What of the order's hold is a partner's: a suspicion against one is not the others'.
    pub(super) fn narrowed(&self, hold: Hold, partner: PartnerId) -> Option<Hold> {
        if hold == Hold::Fraud { self.hold_of(partner) } else { Some(hold) }
    }

    /// Of the order: where somebody's credit is on hold.
    pub(super) fn hold(&self, weighed: &[Weighed<'_>]) -> Option<Hold> {
        if self.signals.is_empty() {
            return None;
        }
        weighed.iter().filter(|it| it.is_credited()).find_map(|it| self.hold_of(it.touch.partner))
    }
}

const fn told(signal: Signal, rules: CatalogVersion) -> TracedSignal {
    TracedSignal { signal, rules }
}

/// Against each who is weighed for an order of his own, whichever of his names the edge knew him by; it holds what he earns.
fn self_purchases<'a>(
    reports: &[Report],
    weighed: &'a [Weighed<'_>],
    catalog: &'a Catalog,
) -> impl Iterator<Item = Signal> + use<'a> {
    // Each once: a shop says it with every report.
    let buyers: BTreeSet<PartnerId> = reports.iter().filter_map(|it| it.self_partner).collect();
    buyers.into_iter().flat_map(move |buyer| {
        let own = weighed.iter().filter(|it| it.verdict != CandidateVerdict::CrossTenant);
        let his = own.map(|it| it.touch.partner).filter(move |it| catalog.is_same_person(buyer, *it));
        his.map(|partner| Signal { code: SignalCode::SelfPurchase, partner, value: 1, threshold: 1 })
    })
}

/// Whether one visitor followed links of at least so many partners within so short a time.
fn many_partners<'a>(clicks: impl Iterator<Item = &'a Touch>, limit: VisitorLimit) -> Option<Signal> {
    let known = clicks.filter(|it| it.visitor != VisitorId(0));
    let mut clicks: Vec<(VisitorId, EpochMs, PartnerId)> =
        known.map(|it| (it.visitor, it.at, it.partner)).collect();
    clicks.sort_unstable();
    let mut inside: BTreeMap<PartnerId, usize> = BTreeMap::new();
    let (mut gone, mut most) = (0, 0);
    for (visitor, at, partner) in &clicks {
        *inside.entry(*partner).or_default() += 1;
        let is_out = |(whose, since, _): &&(VisitorId, EpochMs, PartnerId)| {
            whose != visitor || at.ms_since(*since).is_some_and(|ms| limit.within_ms < ms)
        };
        for (_, _, partner) in clicks.iter().skip(gone).take_while(is_out) {
            gone += 1;
            if let Some(count) = inside.get_mut(partner) {
                *count -= 1;
                if *count == 0 {
                    inside.remove(partner);
                }
            }
        }
        most = most.max(inside.len());
    }
    let (value, threshold) = (most as u64, u64::from(limit.partners));
    let signal = Signal { code: SignalCode::ManyPartners, partner: PartnerId(0), value, threshold };
    (threshold <= value).then_some(signal)
}
