//! What becomes of each touch: may it be credited, and which one is.
//!
//! In: touches in order of time, the order's time and the catalog in force then. Out: a verdict for each. One model exists: the newest eligible
//! click takes all, and the newest eligible view where there is no click.

use catalog::{Catalog, Rules, Status};
use events::{Candidate, CandidateVerdict, Touch, TouchKind};
use units::{
    AdvertiserId, EpochMs,
    planted::{Bug, planted},
};

/// A touch with its verdict.
pub(crate) struct Weighed<'a> {
    pub(crate) touch: &'a Touch,
    pub(crate) verdict: CandidateVerdict,
    /// The rules that applied to it, where the catalog knows its offer.
    pub(crate) rules: Option<Rules>,
    /// From the touch to the order; negative when it came after.
    age_ms: i64,
}

/// Weighs `touches`, which ascend by (time, writer, sequence); so do the results.
pub(super) fn all<'a>(
    touches: &'a [Touch],
    advertiser: AdvertiserId,
    order_at: EpochMs,
    catalog: Option<&Catalog>,
) -> Vec<Weighed<'a>> {
    let mut weighed: Vec<Weighed<'a>> =
        touches.iter().map(|touch| Weighed::alone(touch, advertiser, order_at, catalog)).collect();
    let is_eligible = |it: &Weighed<'_>| it.verdict == CandidateVerdict::Won;
    let is_click = |it: &Weighed<'_>| it.touch.kind == TouchKind::Click;
    let click = weighed.iter().rposition(|it| is_eligible(it) && is_click(it));
    let winner = click.or_else(|| weighed.iter().rposition(is_eligible));
    for (index, it) in weighed.iter_mut().enumerate() {
        if is_eligible(it) && Some(index) != winner {
            let behind_click = click.is_some() && !is_click(it);
            it.verdict =
                if behind_click { CandidateVerdict::ViewBehindClick } else { CandidateVerdict::Older };
        }
    }
    weighed
}

/// The one that is credited.
pub(super) fn winner<'a, 'b>(weighed: &'b [Weighed<'a>]) -> Option<&'b Weighed<'a>> {
    weighed.iter().find(|it| it.verdict == CandidateVerdict::Won)
}

impl<'a> Weighed<'a> {
    /// By itself: `Won` is given to every touch that may be credited, until they are compared.
    fn alone(
        touch: &'a Touch,
        advertiser: AdvertiserId,
        order_at: EpochMs,
        catalog: Option<&Catalog>,
    ) -> Self {
        let rules = catalog.and_then(|it| it.rules(touch.offer, touch.partner));
        let age_ms = signed_difference(order_at, touch.at);
        let is_active = catalog
            .and_then(|it| it.partners.get(&touch.partner))
            .is_some_and(|it| it.status == Status::Active);
        let verdict = match (rules, order_at.ms_since(touch.at)) {
            _ if touch.advertiser != advertiser && touch.offer.0 != 0 => CandidateVerdict::CrossTenant,
            _ if !touch.verdict.is_valid() => CandidateVerdict::NotValid,
            (None, _) => CandidateVerdict::UnknownOffer,
            (Some(_), None) => CandidateVerdict::AfterOrder,
            (Some(rules), Some(age)) if !is_inside(age, window_ms(&rules, touch.kind)) => {
                CandidateVerdict::OutOfWindow
            }
            (Some(rules), Some(age)) if age < rules.minimum_time_ms => CandidateVerdict::TooSoon,
            _ if !is_active => CandidateVerdict::PartnerInactive,
            _ => CandidateVerdict::Won,
        };
        Self { touch, verdict, rules, age_ms }
    }

    /// As the trace tells it. Another advertiser's partner and offer are not told to this one.
    pub(super) fn candidate(&self) -> Candidate {
        let shown = self.shown();
        Candidate {
            touch: shown.id,
            kind: shown.kind,
            at: shown.at,
            partner: shown.partner,
            offer: shown.offer,
            verdict: self.verdict,
            age_ms: self.age_ms,
            window_ms: self.rules.map_or(0, |it| window_ms(&it, shown.kind)),
        }
    }

    /// The touch without what belongs to another advertiser.
    pub(super) fn shown(&self) -> Touch {
        if self.verdict == CandidateVerdict::CrossTenant {
            Touch {
                partner: units::PartnerId(0),
                offer: units::OfferId(0),
                link: units::LinkId(0),
                ..*self.touch
            }
        } else {
            *self.touch
        }
    }
}

fn is_inside(age_ms: u64, window_ms: u64) -> bool {
    age_ms < window_ms || (age_ms == window_ms && planted(Bug::WindowEnd))
}

const fn window_ms(rules: &Rules, kind: TouchKind) -> u64 {
    match kind {
        TouchKind::Click => rules.click_window_ms,
        TouchKind::View => rules.view_window_ms,
    }
}

/// `a - b`, held at the ends of its type.
fn signed_difference(a: EpochMs, b: EpochMs) -> i64 {
    let held = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    a.ms_since(b).map_or_else(|| -held(b.0 - a.0), held)
}
