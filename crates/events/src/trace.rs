//! Why a decision is what it is: which keys were tried, whom each of them found, and by how much those missed who earn nothing.
//!
//! In: codes, ids and times of an order that was decided. Out: what cannot be found again from the catalog and the facts without deciding anew. No
//! words: those are made where they are read (`cli`). Every list has a limit, and what it leaves out is counted. Start at [`Trace`].

use units::{EpochMs, OfferId, PPM_WHOLE, PartnerId, Ppm, VisitorId};

use crate::{
    click::{TouchKind, coded},
    click_id::TouchId,
    credit::SharedBy,
    outcome::{CandidateVerdict, MatchedKey, Role},
    score::{Score, TracedSignal},
};

coded! {
    /// What came of a key. Of several that one kind of key found, the best; the greatest code is the best one.
    KeyOutcome {
        /// No report names one.
        NotNamed = 0 "not_named",
        /// It found nobody: no touch, or a customer who is bound to no one.
        NoCandidate = 1 "no_candidate",
        /// No version of the catalog until then knows it.
        Unknown = 2 "unknown",
        /// Another version knows it; by the one in force it is nobody's.
        Nobodys = 3 "nobodys",
        /// Whom it found may not earn, or it is a click id that we did not sign.
        Refused = 4 "refused",
        /// The rules of whom it found give nothing for such a key.
        Off = 5 "off",
        /// Whom it found could have earned; another one came before him.
        Lost = 6 "lost",
        /// By it somebody is credited.
        Decided = 7 "decided",
    }
}

coded! {
    /// The kinds of keys between which the catalog's `precedence` decides, by its words.
    EarningKey {
        /// A coupon that wins over clicks.
        ExclusiveCoupon = 0 "exclusive_coupon",
        /// A click, however it was found.
        Click = 1 "click",
        /// Another coupon.
        Coupon = 2 "coupon",
        /// The customer, by a binding.
        Customer = 3 "customer",
        /// A partner named outright.
        Partner = 4 "partner",
        /// A view, however it was found.
        View = 5 "view",
    }
}

coded! {
    /// Who says a rule, the most specific last.
    Level {
        /// Nobody.
        BuiltIn = 0 "built_in",
        /// The offer.
        Offer = 1 "offer",
        /// An override for the partner's type.
        PartnerType = 2 "partner_type",
        /// An override for the partner.
        Partner = 3 "partner",
    }
}

/// A touch that was weighed, or who was named in the place of one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// Its name in ClickHouse.
    pub touch: TouchId,
    /// Click or view.
    pub kind: TouchKind,
    /// When.
    pub at: EpochMs,
    /// Whose.
    pub partner: PartnerId,
    /// For what.
    pub offer: OfferId,
    /// What became of it.
    pub verdict: CandidateVerdict,
    /// Milliseconds from the touch to the order; negative when it came after. Of a binding, from the order that binds.
    pub age_ms: i64,
    /// The window that applied to it, in ms; 0 where none did. Of a binding, its term.
    pub window_ms: u64,
    /// The key by which it was found; `None` on records of version 1, which said nothing of it and of what follows.
    pub found: Option<MatchedKey>,
    /// What it did for the order.
    pub role: Role,
    /// Its part of the order; above zero where its verdict is that it won, and nowhere else.
    pub share: Ppm,
    /// The place of its key by its own rules, from 0; `None` where they give nothing for it, or are not known.
    pub rank: Option<u8>,
    /// How far it is from a time at which it could have earned, in ms: had it been at `at + short_ms`, no rule about time would have been against
    /// it. Above zero it was too old (the order came too late), below too young. 0: time is not its reason, or no time would have helped it.
    pub short_ms: i64,
    /// The one that came before it, where it could have earned by itself.
    pub beaten_by: Option<TouchId>,
}

/// A key that reports name and that stands for no touches.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TriedKey {
    /// Which kind.
    pub key: MatchedKey,
    /// A coupon as it was typed; empty for others. A customer is not told.
    pub named: Box<str>,
    /// What came of it.
    pub outcome: KeyOutcome,
    /// Whose coupon it is by the catalog in force, to whom the customer is bound, or which partner was named.
    pub partner: Option<PartnerId>,
}

/// What came of the keys that stand for touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TriedTouches {
    /// Of click ids that reports name.
    pub click_id: KeyOutcome,
    /// Of visitors that reports and click ids name.
    pub visitor: KeyOutcome,
    /// Of visitors that the customer's other orders name.
    pub customer_visitor: KeyOutcome,
}

/// By what an order was decided: of the newest of those between whom it was, since his rules share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DecidedBy {
    /// The key that came before all others.
    pub key: EarningKey,
    /// How it was shared; `None` where the key gives all to one.
    pub model: Option<SharedBy>,
    /// Whose rules shared it.
    pub partner: PartnerId,
    /// For what.
    pub offer: OfferId,
    /// Who says the rule that let him in: the window of a click or view, the binding of a customer, of other keys the precedence.
    pub level: Level,
}

/// Why the decision is what it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Trace {
    /// Visitors whose timelines were asked.
    pub visitors: Vec<VisitorId>,
    /// Click ids that were refused: `(text, code)`, at most [`Trace::REFUSED_MAX`], the lowest by text.
    pub refused_clicks: Vec<(Box<str>, Box<str>)>,
    /// Every touch that was weighed, newest first, at most [`Trace::CANDIDATES_MAX`]: those with a share, then the newest.
    pub candidates: Vec<Candidate>,
    /// Candidates that did not fit the list.
    pub candidates_left_out: u32,
    /// Things to know, by stable code: `clock_differs`, `currency_changed`, `refund_exceeds_order`...
    pub notes: Vec<Box<str>>,
    /// What came of click ids and visitors; each one's touches are among the candidates.
    pub touches: TriedTouches,
    /// Other keys: as reports name them, at most [`Trace::KEYS_MAX`], those that decided first, and the customer last.
    pub keys: Vec<TriedKey>,
    /// Keys that did not fit the list.
    pub keys_left_out: u32,
    /// What decided; `None` where the order is nobody's.
    pub decided_by: Option<DecidedBy>,
    /// By how much the order's own click is later than its reports say the order was, in ms; 0 where none is. Up to a day the click's time is the
    /// order's; beyond, it is not used and the trace notes `clock_gap_too_large`.
    pub clock_gap_ms: u64,
    /// When its checkout began, by the earliest report that says so.
    pub checkout_at: Option<EpochMs>,
    /// What is suspicious, ascending by (code, partner), each once, at most [`Trace::SIGNALS_MAX`].
    pub signals: Vec<TracedSignal>,
}

impl Trace {
    /// Candidates kept in a trace.
    pub const CANDIDATES_MAX: usize = 32;
    /// Keys kept in a trace: coupons and partners that reports name. A customer types one code or two.
    pub const KEYS_MAX: usize = 16;
    /// Suspicions kept in a trace: those of a score, and what the decision itself finds.
    pub const SIGNALS_MAX: usize = Score::SIGNALS_MAX + 1;
    /// Refused click ids kept in a trace.
    pub const REFUSED_MAX: usize = 32;
}

impl Default for TriedTouches {
    /// No report names any.
    fn default() -> Self {
        let none = KeyOutcome::NotNamed;
        Self { click_id: none, visitor: none, customer_visitor: none }
    }
}

impl TriedTouches {
    /// Each with its key.
    #[must_use]
    pub const fn all(&self) -> [(MatchedKey, KeyOutcome); 3] {
        [
            (MatchedKey::ClickId, self.click_id),
            (MatchedKey::Visitor, self.visitor),
            (MatchedKey::CustomerVisitor, self.customer_visitor),
        ]
    }
}

impl Candidate {
    /// A click of nobody that won the whole, without an age: what the fields of a test or a tool are put upon.
    #[must_use]
    pub fn bare(touch: TouchId, at: EpochMs) -> Self {
        Self {
            touch,
            kind: TouchKind::Click,
            at,
            partner: PartnerId::default(),
            offer: OfferId::default(),
            verdict: CandidateVerdict::Won,
            age_ms: 0,
            window_ms: 0,
            found: None,
            role: Role::Closer,
            share: PPM_WHOLE,
            rank: None,
            short_ms: 0,
            beaten_by: None,
        }
    }
}
