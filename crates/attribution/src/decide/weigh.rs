//! What becomes of each touch: may it be credited, and what is its part.
//!
//! In: touches in order of time, the order's time and the catalog in force then. Out: a verdict for each, and shares that make the whole. The path is
//! every eligible click, or every eligible view where no click is; the model of its newest touch shares the order along it (`share`).

use catalog::{Catalog, Model, Rules, Status};
use events::{Candidate, CandidateVerdict, Role, Touch, TouchKind};
use units::{
    AdvertiserId, EpochMs, PPM_WHOLE, Ppm,
    planted::{Bug, planted},
    shares,
};

use super::{roles, share};

/// Touches of one path that are shared among: the first one and the latest. As many as a trace shows; beyond it only robots and people who click
/// for money are.
pub const PATH_MAX: usize = events::Trace::CANDIDATES_MAX;

/// A touch with its verdict.
pub(crate) struct Weighed<'a> {
    pub(crate) touch: &'a Touch,
    pub(crate) verdict: CandidateVerdict,
    /// The rules that applied to it, where the catalog knows its offer.
    pub(crate) rules: Option<Rules>,
    /// Its part of the order: above zero where its verdict is that it won, and nowhere else.
    pub(crate) share: Ppm,
    /// What it did for the order, with a share or without.
    pub(crate) role: Role,
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
    let click = weighed.iter().rposition(|it| it.is_eligible() && it.touch.kind == TouchKind::Click);
    let Some(newest) = click.or_else(|| weighed.iter().rposition(Weighed::is_eligible)) else {
        return weighed;
    };
    if click.is_some() {
        let views = weighed.iter_mut().filter(|it| it.is_eligible() && it.touch.kind == TouchKind::View);
        views.for_each(|it| it.verdict = CandidateVerdict::ViewBehindClick);
    }
    let model = weighed.get(newest).and_then(|it| it.rules).map_or(Model::Last, |it| it.model);
    match model {
        Model::Last => all_to(newest, &mut weighed, CandidateVerdict::Older),
        Model::First => {
            let oldest = weighed.iter().position(Weighed::is_eligible).unwrap_or(newest);
            all_to(oldest, &mut weighed, CandidateVerdict::Newer);
        }
        Model::Linear | Model::Position(_) | Model::TimeDecay { .. } => share_along(model, &mut weighed),
    }
    roles::give(&mut weighed);
    weighed
}

/// One touch gets the whole, and all others on the path get `verdict`.
fn all_to(winner: usize, weighed: &mut [Weighed<'_>], verdict: CandidateVerdict) {
    for (index, it) in weighed.iter_mut().enumerate().filter(|(_, it)| it.is_eligible()) {
        if index == winner {
            it.share = PPM_WHOLE;
        } else {
            it.verdict = verdict;
        }
    }
}

fn share_along(model: Model, weighed: &mut [Weighed<'_>]) {
    leave_out_repeats(weighed);
    let eligible = weighed.iter().filter(|it| it.is_eligible()).count();
    let beyond =
        weighed.iter_mut().filter(|it| it.is_eligible()).skip(1).take(eligible.saturating_sub(PATH_MAX));
    beyond.for_each(|it| it.verdict = CandidateVerdict::BeyondCap);

    let path = || weighed.iter().filter(|it| it.is_eligible()).map(|it| it.touch.at);
    let last = path().next_back().unwrap_or_default();
    let older_by_ms: Vec<u64> = path().map(|at| last.ms_since(at).unwrap_or(0)).collect();
    let shares = shares(&share::weights(model, &older_by_ms));
    let path = weighed.iter_mut().filter(|it| it.is_eligible());
    for (it, share) in path.zip(shares) {
        it.share = share;
        if share == Ppm(0) {
            it.verdict = CandidateVerdict::NotShared;
        }
    }
}

/// What the edge found to repeat an older touch counts with that one, if it is on the path.
fn leave_out_repeats(weighed: &mut [Weighed<'_>]) {
    for index in 0..weighed.len() {
        let (before, rest) = weighed.split_at_mut(index);
        let Some(it) = rest.first_mut() else { continue };
        if it.is_eligible() && roles::repeats(it, before) {
            it.verdict = CandidateVerdict::Duplicate;
        }
    }
}

/// The model that shared: of the newest touch that could be credited, which every path keeps among the credited or the repeats.
pub(super) fn model(weighed: &[Weighed<'_>]) -> Option<Model> {
    use CandidateVerdict::{Duplicate, Newer, NotShared, Won};
    let is_on_path = |it: &&Weighed<'_>| matches!(it.verdict, Won | Newer | NotShared | Duplicate);
    weighed.iter().rev().find(is_on_path)?.rules.map(|it| it.model)
}

/// The one that speaks for the order: of the greatest shares the newest.
pub(super) fn lead<'a, 'b>(weighed: &'b [Weighed<'a>]) -> Option<&'b Weighed<'a>> {
    weighed.iter().filter(|it| it.is_credited()).max_by_key(|it| it.share)
}

impl<'a> Weighed<'a> {
    /// Before shares are given: it may be credited.
    fn is_eligible(&self) -> bool {
        self.verdict == CandidateVerdict::Won
    }

    /// Whether it has a part of the order.
    pub(super) fn is_credited(&self) -> bool {
        self.share > Ppm(0)
    }

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
        Self { touch, verdict, rules, share: Ppm(0), role: Role::None, age_ms }
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
