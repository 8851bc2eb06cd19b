//! What becomes of each candidate: may it be credited, and what is its part.
//!
//! In: touches in order of time, who is named without a touch, the order's time and the catalog in force then. Out: a verdict for each, and shares that
//! make the whole. Of the keys that found somebody who may earn, the first by its place decides. Where that is a click or view, the path is every
//! eligible one of that place, and the model of its newest touch shares the order along it (`share`); else the first one named takes all.
//! Start at [`all`].

use catalog::{Catalog, Customers, Key, Model, Rules, Status};
use events::{CandidateVerdict, MatchedKey, Past, Report, Role, Touch, TouchKind};
use units::{
    AdvertiserId, EpochMs, PPM_WHOLE, PartnerId, Ppm,
    planted::{Bug, planted},
    shares,
};

use super::{
    candidates::Candidates,
    guard,
    named::{self, Named},
    roles, share,
};
use crate::orders::Followed;

/// Touches of one path that are shared among: the first one and the latest. As many as a trace shows; beyond it only robots and people who click
/// for money are.
pub const PATH_MAX: usize = events::Trace::CANDIDATES_MAX;

/// A candidate with its verdict.
pub(crate) struct Weighed<'a> {
    /// Or what stands in its place.
    pub(crate) touch: &'a Touch,
    /// The key that found it.
    pub(crate) found: MatchedKey,
    pub(crate) verdict: CandidateVerdict,
    /// The rules that applied to it, where the catalog knows its offer.
    pub(crate) rules: Option<Rules>,
    /// Its part of the order: above zero where its verdict is that it won, and nowhere else.
    pub(crate) share: Ppm,
    /// What it did for the order, with a share or without.
    pub(crate) role: Role,
    /// From the touch to the order; negative when it came after. Of a binding from the order that binds, by the times that reports say.
    pub(crate) age_ms: i64,
}

/// What is weighed for.
#[derive(Clone, Copy)]
pub(super) struct Order {
    pub(super) advertiser: AdvertiserId,
    pub(super) at: EpochMs,
    /// When its checkout began, where a report says so.
    pub(super) checkout_at: Option<EpochMs>,
    /// Its customer has bought before.
    pub(super) is_existing: bool,
}

impl Order {
    /// The customer has bought before by the latest report that says so, else by his orders that we know. Of checkouts the earliest that any
    /// report says: one that was left and begun again began then.
    pub(super) fn of(advertiser: AdvertiserId, at: EpochMs, (reports, past): (&[Report], &Past)) -> Self {
        let is_new = reports.iter().rev().find_map(|it| it.new_customer);
        Self {
            advertiser,
            at,
            checkout_at: reports.iter().filter_map(|it| it.checkout_at).min(),
            is_existing: is_new.map_or(past.orders > 0, |is_new| !is_new),
        }
    }
}

/// Weighs touches, which ascend by (time, writer, sequence), and then those who are named; the results come in that order.
pub(super) fn all<'a>(
    (candidates, followed): (&'a Candidates, &Followed),
    named: &'a Named,
    order: Order,
    catalog: Option<&Catalog>,
) -> Vec<Weighed<'a>> {
    let touches = candidates
        .touches
        .iter()
        .map(|touch| Weighed::touch(touch, candidates.matched(touch, followed), order, catalog));
    let mut weighed: Vec<Weighed<'a>> =
        touches.chain(named.candidates.iter().map(|it| Weighed::named(it, order, catalog))).collect();
    guard::mark(&mut weighed, order.checkout_at);
    let Some(first) = weighed.iter().filter(|it| it.is_eligible()).map(Weighed::place).min() else {
        return weighed;
    };
    let is_lower = |it: &&mut Weighed<'_>| it.is_eligible() && it.place() != first;
    for it in weighed.iter_mut().filter(is_lower) {
        let is_view_behind_click = first.1 == Key::Click && it.key() == Key::View;
        it.verdict =
            if is_view_behind_click { CandidateVerdict::ViewBehindClick } else { CandidateVerdict::LowerKey };
    }
    share_among_eligible(&mut weighed);
    roles::give(&mut weighed);
    weighed
}

/// All that are eligible were found by one key.
fn share_among_eligible(weighed: &mut [Weighed<'_>]) {
    let Some(newest) = weighed.iter().rposition(Weighed::is_eligible) else { return };
    let is_named = weighed.get(newest).is_some_and(|it| !it.found.is_touch());
    let model = weighed.get(newest).and_then(|it| it.rules).map_or(Model::Last, |it| it.model);
    match model {
        _ if is_named => all_to(newest, weighed, CandidateVerdict::NamedLater),
        Model::Last => all_to(newest, weighed, CandidateVerdict::Older),
        Model::First => {
            let oldest = weighed.iter().position(Weighed::is_eligible).unwrap_or(newest);
            all_to(oldest, weighed, CandidateVerdict::Newer);
        }
        Model::Linear | Model::Position(_) | Model::TimeDecay { .. } => share_along(model, weighed),
    }
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

/// The one whose rules shared the order: the newest between whom it was, which every path keeps among the credited or the repeats.
pub(super) fn ruler<'a, 'b>(weighed: &'b [Weighed<'a>]) -> Option<&'b Weighed<'a>> {
    use CandidateVerdict::{Duplicate, Newer, NotShared, Won};
    weighed.iter().rev().find(|it| matches!(it.verdict, Won | Newer | NotShared | Duplicate))
}

/// The one that speaks for the order: of the greatest shares the newest.
pub(super) fn lead<'a, 'b>(weighed: &'b [Weighed<'a>]) -> Option<&'b Weighed<'a>> {
    weighed.iter().filter(|it| it.is_credited()).max_by_key(|it| it.share)
}

impl<'a> Weighed<'a> {
    /// Before shares are given: it may be credited.
    pub(super) fn is_eligible(&self) -> bool {
        self.verdict == CandidateVerdict::Won
    }

    /// Whether it has a part of the order.
    pub(super) fn is_credited(&self) -> bool {
        self.share > Ppm(0)
    }

    /// Whether a person clicked, and within the window; also where another rule is against it.
    pub(super) fn is_click_in_window(&self) -> bool {
        let window_ms = self.rules.map_or(0, |it| it.click_window_ms);
        self.found.is_touch()
            && self.touch.kind == TouchKind::Click
            && self.touch.verdict.is_valid()
            && u64::try_from(self.age_ms).is_ok_and(|age_ms| age_ms < window_ms)
    }

    /// How it would share the order; `None` where it takes all.
    pub(super) fn model(&self) -> Option<Model> {
        self.rules.filter(|_| self.found.is_touch()).map(|it| it.model)
    }

    pub(super) fn key(&self) -> Key {
        let by_touch = match self.touch.kind {
            TouchKind::Click => Key::Click,
            TouchKind::View => Key::View,
        };
        named::key(self.found).unwrap_or(by_touch)
    }

    /// The place of its key by its own rules; `None` where they give nothing for it.
    pub(super) fn rank(&self) -> Option<u8> {
        self.rules.and_then(|it| it.precedence.rank(self.key()))
    }

    /// What keys are compared by: the place by its own rules, then the built-in one.
    fn place(&self) -> (u8, Key) {
        (self.rank().unwrap_or(u8::MAX), self.key())
    }

    /// Who is named without a touch, by himself.
    fn named(it: &'a named::Candidate, order: Order, catalog: Option<&Catalog>) -> Self {
        let (touch, found) = (&it.touch, it.found);
        let rules = catalog.and_then(|it| it.rules(touch.offer, touch.partner));
        let is_on = |it: &Rules| named::key(found).is_some_and(|key| it.precedence.rank(key).is_some());
        let verdict = match rules {
            _ if !it.holds => CandidateVerdict::FormerHolder,
            None => CandidateVerdict::UnknownOffer,
            Some(rules) if !is_on(&rules) => CandidateVerdict::KeyOff,
            Some(_) if it.term.is_some_and(|it| it.has_ended()) => CandidateVerdict::BindingEnded,
            Some(_) if !is_active(touch.partner, catalog) => CandidateVerdict::PartnerInactive,
            Some(rules) => by_customer(&rules, order),
        };
        let age_ms = it.term.map_or(0, |it| i64::try_from(it.age_ms).unwrap_or(i64::MAX));
        Self { touch, found, verdict, rules, share: Ppm(0), role: Role::None, age_ms }
    }

    /// A touch by itself: `Won` is given to every one that may be credited, until they are compared.
    fn touch(touch: &'a Touch, found: MatchedKey, order: Order, catalog: Option<&Catalog>) -> Self {
        let Order { advertiser, at: order_at, .. } = order;
        let rules = catalog.and_then(|it| it.rules(touch.offer, touch.partner));
        let age_ms = signed_difference(order_at, touch.at);
        let key = match touch.kind {
            TouchKind::Click => Key::Click,
            TouchKind::View => Key::View,
        };
        let verdict = match (rules, order_at.ms_since(touch.at)) {
            _ if touch.advertiser != advertiser && touch.offer.0 != 0 => CandidateVerdict::CrossTenant,
            _ if !touch.verdict.is_valid() => CandidateVerdict::NotValid,
            (None, _) => CandidateVerdict::UnknownOffer,
            (Some(rules), _) if rules.precedence.rank(key).is_none() => CandidateVerdict::KeyOff,
            (Some(_), None) => CandidateVerdict::AfterOrder,
            (Some(rules), Some(age)) if !is_inside(age, window_ms(&rules, touch.kind)) => {
                CandidateVerdict::OutOfWindow
            }
            (Some(rules), Some(age)) if age < rules.minimum_time_ms => CandidateVerdict::TooSoon,
            _ if !is_active(touch.partner, catalog) => CandidateVerdict::PartnerInactive,
            (Some(rules), _) => by_customer(&rules, order),
        };
        Self { touch, found, verdict, rules, share: Ppm(0), role: Role::None, age_ms }
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

/// Of one that may be credited but for whose order it is.
fn by_customer(rules: &Rules, order: Order) -> CandidateVerdict {
    match (rules.customers, order.is_existing) {
        (Customers::New, true) => CandidateVerdict::ExistingCustomer,
        (Customers::Existing, false) => CandidateVerdict::NewCustomer,
        (Customers::All, _) | (Customers::New, false) | (Customers::Existing, true) => CandidateVerdict::Won,
    }
}

fn is_active(partner: PartnerId, catalog: Option<&Catalog>) -> bool {
    let found = catalog.and_then(|it| it.partners.get(&partner));
    found.is_some_and(|it| it.status == Status::Active)
}

fn is_inside(age_ms: u64, window_ms: u64) -> bool {
    age_ms < window_ms || (age_ms == window_ms && planted(Bug::WindowEnd))
}

pub(super) const fn window_ms(rules: &Rules, kind: TouchKind) -> u64 {
    match kind {
        TouchKind::Click => rules.click_window_ms,
        TouchKind::View => rules.view_window_ms,
    }
}

/// `a - b`, held at the ends of its type.
pub(super) fn signed_difference(a: EpochMs, b: EpochMs) -> i64 {
    let held = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    a.ms_since(b).map_or_else(|| -held(b.0 - a.0), held)
}
