//! What a decision tells of itself: which keys were tried, whom they found, and what each of those lacks.
//!
//! In: what was weighed, with its verdicts. Out: the [`Trace`], bounded: of many candidates those with a share and then the newest. Nothing is decided
//! here. Not here: words for it (`cli`). Start at [`Told::trace`].

use catalog::{Catalog, Key, Model, RuleKey, RuleLevel};
use events::{
    Candidate, CandidateVerdict, DecidedBy, EarningKey, KeyOutcome, Level, MatchedKey, Report, ReportedClick,
    SharedBy, TimeSource, Trace, TracedSignal, TriedKey, TriedTouches,
};

use super::{
    guard,
    money::Worth,
    named::{Named, Tried},
    roles,
    time::OrderTime,
    visitors,
    weigh::{self, Weighed},
};
use crate::orders::Followed;

/// What a decision was made of.
pub(super) struct Told<'a> {
    pub(super) reports: &'a [Report],
    pub(super) followed: &'a Followed,
    pub(super) time: &'a OrderTime,
    pub(super) order: weigh::Order,
    pub(super) named: &'a Named,
    pub(super) catalog: Option<&'a Catalog>,
    /// What is suspicious.
    pub(super) signals: &'a [TracedSignal],
    /// Touches that were not weighed.
    pub(super) left_out: u32,
}

/// What came of it: who leads, and whose rules shared it.
type Result<'a, 'b> = (Option<&'b Weighed<'a>>, Option<&'b Weighed<'a>>);

impl Told<'_> {
    /// `weighed` are in the order in which they were weighed; `money_note` is about the reporting currency.
    pub(super) fn trace(
        &self,
        weighed: &[Weighed<'_>],
        (lead, ruler): Result<'_, '_>,
        (worth, money_note): (&Worth, Option<&'static str>),
    ) -> Trace {
        let (candidates, hidden) = self.candidates(weighed, lead);
        let mut asked = visitors(self.reports);
        let touches = self.touches(weighed, !asked.is_empty());
        asked.extend_from_slice(self.followed.visitors());
        asked.sort_unstable();
        let (keys, keys_left_out) = self.keys(weighed);
        Trace {
            visitors: asked,
            refused_clicks: self.refused_clicks(),
            candidates,
            candidates_left_out: hidden.saturating_add(self.left_out).saturating_add(self.named.left_out),
            notes: self.notes(weighed, ruler.and_then(Weighed::model), (worth, money_note)),
            touches,
            keys,
            keys_left_out,
            decided_by: ruler.map(|it| self.decided_by(it)),
            clock_gap_ms: self.time.clock_gap_ms,
            checkout_at: self.order.checkout_at,
            signals: self.signals.to_vec(),
        }
    }

    fn refused_clicks(&self) -> Vec<(Box<str>, Box<str>)> {
        let refused = self.reports.iter().filter_map(|it| match &it.click {
            ReportedClick::Refused { text, reason } => Some((text.clone(), reason.clone())),
            ReportedClick::None | ReportedClick::Signed(_) => None,
        });
        let mut refused: Vec<(Box<str>, Box<str>)> = refused.collect();
        refused.sort_unstable();
        refused.dedup();
        refused.truncate(Trace::REFUSED_MAX);
        refused
    }

    /// Those with a share are what people look for; the newest of the others take the places that are left. And how many have none.
    fn candidates(&self, weighed: &[Weighed<'_>], lead: Option<&Weighed<'_>>) -> (Vec<Candidate>, u32) {
        let credited = weighed.iter().filter(|it| it.is_credited()).count();
        let mut places = Trace::CANDIDATES_MAX.saturating_sub(credited);
        let is_told = |(_, it): &(usize, &Weighed<'_>)| {
            let has_place = it.is_credited() || 0 < places;
            places -= usize::from(has_place && !it.is_credited());
            has_place
        };
        let told = weighed.iter().enumerate().rev().filter(is_told);
        let candidates: Vec<Candidate> = told
            .map(|(index, it)| self.candidate(it, weighed.get(..index).unwrap_or_default(), lead))
            .collect();
        let hidden = u32::try_from(weighed.len() - candidates.len()).unwrap_or(u32::MAX);
        (candidates, hidden)
    }

    /// Another advertiser's partner, offer and rules are not told to this one.
    fn candidate(&self, it: &Weighed<'_>, before: &[Weighed<'_>], lead: Option<&Weighed<'_>>) -> Candidate {
        let shown = it.shown();
        let is_own = it.verdict != CandidateVerdict::CrossTenant;
        Candidate {
            touch: shown.id,
            kind: shown.kind,
            at: shown.at,
            partner: shown.partner,
            offer: shown.offer,
            verdict: it.verdict,
            age_ms: it.age_ms,
            window_ms: if is_own { self.window_ms(it) } else { 0 },
            found: Some(it.found),
            role: it.role,
            share: it.share,
            rank: it.rank().filter(|_| is_own),
            short_ms: self.short_ms(it),
            beaten_by: beaten_by(it, before, lead).map(|it| it.touch.id),
        }
    }

    fn window_ms(&self, it: &Weighed<'_>) -> u64 {
        if it.found.is_touch() {
            it.rules.map_or(0, |rules| weigh::window_ms(&rules, it.touch.kind))
        } else {
            self.named.term(&it.touch.id).and_then(|it| it.for_ms).unwrap_or(0)
        }
    }

    /// See [`Candidate::short_ms`].
    fn short_ms(&self, it: &Weighed<'_>) -> i64 {
        let Some(rules) = it.rules else { return 0 };
        let age_ms = || u64::try_from(it.age_ms).unwrap_or(0);
        let window_ms = weigh::window_ms(&rules, it.touch.kind);
        let some_time_would_do = rules.minimum_time_ms < window_ms;
        match it.verdict {
            CandidateVerdict::OutOfWindow if some_time_would_do => past(age_ms(), window_ms),
            CandidateVerdict::AfterOrder | CandidateVerdict::TooSoon if some_time_would_do => {
                it.age_ms.saturating_sub(i64::try_from(rules.minimum_time_ms).unwrap_or(i64::MAX))
            }
            CandidateVerdict::HijackGuarded => {
                guard::short_ms(&rules, age_ms(), it.touch.at, self.order.checkout_at)
            }
            CandidateVerdict::BindingEnded => self
                .named
                .term(&it.touch.id)
                .filter(|it| !it.is_used_up)
                .and_then(|it| it.for_ms)
                .map_or(0, |ms| past(age_ms(), ms)),
            _ => 0,
        }
    }

    fn touches(&self, weighed: &[Weighed<'_>], is_visitor_named: bool) -> TriedTouches {
        let is_click_named = self.reports.iter().any(|it| it.click.signed().is_some());
        let is_refused = || self.reports.iter().any(|it| it.click != ReportedClick::None);
        let nobody = |is_named| if is_named { KeyOutcome::NoCandidate } else { KeyOutcome::NotNamed };
        let mut tried = TriedTouches {
            click_id: match is_click_named {
                true => KeyOutcome::NoCandidate,
                false if is_refused() => KeyOutcome::Refused,
                false => KeyOutcome::NotNamed,
            },
            visitor: nobody(is_visitor_named),
            customer_visitor: nobody(!self.followed.visitors().is_empty()),
        };
        for it in weighed {
            let best = match it.found {
                MatchedKey::ClickId => &mut tried.click_id,
                MatchedKey::Visitor => &mut tried.visitor,
                MatchedKey::CustomerVisitor => &mut tried.customer_visitor,
                MatchedKey::ExclusiveCoupon
                | MatchedKey::Coupon
                | MatchedKey::Customer
                | MatchedKey::Partner => continue,
            };
            *best = outcome(it).max(*best);
        }
        tried
    }

    /// And how many do not fit.
    fn keys(&self, weighed: &[Weighed<'_>]) -> (Vec<TriedKey>, u32) {
        let mut keys: Vec<TriedKey> = self.named.tried.iter().map(|it| tried(it, weighed)).collect();
        keys.sort_by_key(|it| it.outcome != KeyOutcome::Decided);
        let is_customer_named = self.reports.iter().any(|it| it.customers().next().is_some());
        let room = Trace::KEYS_MAX - usize::from(is_customer_named);
        let surplus = keys.len().saturating_sub(room);
        keys.truncate(room);
        if is_customer_named {
            keys.push(customer(weighed));
        }
        (keys, u32::try_from(surplus).unwrap_or(u32::MAX))
    }

    fn decided_by(&self, ruler: &Weighed<'_>) -> DecidedBy {
        let (partner, offer) = (ruler.touch.partner, ruler.touch.offer);
        let key = ruler.key();
        let rule = match key {
            Key::Click => RuleKey::ClickWindow,
            Key::View => RuleKey::ViewWindow,
            Key::Customer => RuleKey::Binding,
            Key::ExclusiveCoupon | Key::Coupon | Key::Partner => RuleKey::Precedence,
        };
        let level = self.catalog.and_then(|it| catalog::level(it, offer, partner, rule));
        DecidedBy {
            key: earning_key(key),
            model: ruler.model().map(shared_by),
            partner,
            offer,
            level: level.map_or(Level::BuiltIn, stored_level),
        }
    }

    fn notes(
        &self,
        weighed: &[Weighed<'_>],
        model: Option<Model>,
        (worth, money_note): (&Worth, Option<&'static str>),
    ) -> Vec<Box<str>> {
        let clock = match self.time {
            OrderTime { source: TimeSource::Click, .. } => Some("clock_differs"),
            OrderTime { clock_gap_ms: 0, .. } => None,
            OrderTime { .. } => Some("clock_gap_too_large"),
        };
        let coupon = self.named.unknown_coupon.then_some("unknown_coupon");
        let partner = self.named.unknown_partner.then_some("unknown_partner");
        // The usual one needs no word.
        let model = model.and_then(|it| match it {
            Model::Last => None,
            Model::First => Some("model_first"),
            Model::Linear => Some("model_linear"),
            Model::Position(_) => Some("model_position"),
            Model::TimeDecay { .. } => Some("model_time_decay"),
        });
        let shared = self.followed.is_shared().then_some("customer_shared");
        let offer = self.names_another_offer(weighed).then_some("offer_differs");
        let money = worth.notes.iter().copied().chain(money_note);
        // What a report says of its time, and what becomes of that.
        let ahead = self.reports.iter().any(Report::is_ahead).then_some("time_ahead");
        let past = self.reports.iter().any(Report::is_long_past).then_some("time_long_past");
        let said = clock.into_iter().chain(ahead).chain(past).chain(money).chain(coupon).chain(partner);
        said.chain(model).chain(shared).chain(offer).map(Into::into).collect()
    }

    /// Whether a report names an offer that is not the one that somebody earns by. What was clicked stays what is paid for.
    fn names_another_offer(&self, weighed: &[Weighed<'_>]) -> bool {
        let differs = |offer| weighed.iter().any(|it| it.is_credited() && it.touch.offer != offer);
        self.reports.iter().filter_map(|it| it.offer).any(differs)
    }
}

/// By how much an age is beyond the last one that is within a half-open limit.
fn past(age_ms: u64, limit_ms: u64) -> i64 {
    i64::try_from((age_ms - limit_ms).saturating_add(1)).unwrap_or(i64::MAX)
}

/// Who came before one that could have earned by itself; `before` it was weighed what is given.
fn beaten_by<'a, 'b>(
    it: &Weighed<'_>,
    before: &'b [Weighed<'a>],
    lead: Option<&'b Weighed<'a>>,
) -> Option<&'b Weighed<'a>> {
    match it.verdict {
        CandidateVerdict::Older
        | CandidateVerdict::Newer
        | CandidateVerdict::ViewBehindClick
        | CandidateVerdict::LowerKey
        | CandidateVerdict::NamedLater => lead,
        CandidateVerdict::HijackGuarded => guard::beaten_by(it, before),
        CandidateVerdict::Duplicate => roles::repeated(it, before),
        // The model gives it nothing, or the path has no room for it.
        _ => None,
    }
}

fn outcome(it: &Weighed<'_>) -> KeyOutcome {
    match it.verdict {
        _ if it.is_credited() => KeyOutcome::Decided,
        CandidateVerdict::KeyOff => KeyOutcome::Off,
        verdict if verdict.is_eligible() => KeyOutcome::Lost,
        _ => KeyOutcome::Refused,
    }
}

fn tried(it: &Tried, weighed: &[Weighed<'_>]) -> TriedKey {
    let holder = it.holder.map(|(_, id)| weighed.iter().rev().find(|it| it.touch.id == id));
    let outcome = match holder {
        Some(Some(it)) => outcome(it),
        // Others who were named took all the places.
        Some(None) => KeyOutcome::Lost,
        None if it.is_known => KeyOutcome::Nobodys,
        None => KeyOutcome::Unknown,
    };
    let partner = it.partner.or(it.holder.map(|(partner, _)| partner));
    TriedKey { key: it.key, named: it.named.clone(), outcome, partner }
}

fn customer(weighed: &[Weighed<'_>]) -> TriedKey {
    let bound = weighed.iter().filter(|it| it.found == MatchedKey::Customer).max_by_key(|it| outcome(it));
    TriedKey {
        key: MatchedKey::Customer,
        named: Box::default(),
        outcome: bound.map_or(KeyOutcome::NoCandidate, outcome),
        partner: bound.map(|it| it.touch.partner),
    }
}

/// As it is stored.
pub(super) const fn shared_by(model: Model) -> SharedBy {
    match model {
        Model::Last => SharedBy::Last,
        Model::First => SharedBy::First,
        Model::Linear => SharedBy::Linear,
        Model::Position(_) => SharedBy::Position,
        Model::TimeDecay { .. } => SharedBy::TimeDecay,
    }
}

const fn earning_key(key: Key) -> EarningKey {
    match key {
        Key::ExclusiveCoupon => EarningKey::ExclusiveCoupon,
        Key::Click => EarningKey::Click,
        Key::Coupon => EarningKey::Coupon,
        Key::Customer => EarningKey::Customer,
        Key::Partner => EarningKey::Partner,
        Key::View => EarningKey::View,
    }
}

const fn stored_level(level: RuleLevel) -> Level {
    match level {
        RuleLevel::BuiltIn => Level::BuiltIn,
        RuleLevel::Offer => Level::Offer,
        RuleLevel::PartnerType => Level::PartnerType,
        RuleLevel::Partner => Level::Partner,
    }
}
