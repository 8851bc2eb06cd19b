//! What one order comes to, and in what it differs from what it came to before.
//!
//! In: a decision and its credits. Out: each partner's part of it, and the differences of two such outcomes, of a closed list. Not here: sums over
//! orders (`compare`). Start at [`Outcome::of`].

use std::collections::BTreeMap;

use events::{Credit, Decision, Hold, Role, Unattributed};
use units::{Currency, EpochMs, PPM_WHOLE, PartnerId, Rate};

/// Who has what is nobody's.
pub(super) const NOBODY: PartnerId = PartnerId(0);

/// What an order comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) at: EpochMs,
    pub(super) currency: Currency,
    /// The order's revenue.
    pub(super) revenue_minor: i64,
    /// The reporting currency, where the order is told in one, and the rate.
    pub(super) rate: Option<(Currency, Rate)>,
    /// From when on it is payable.
    pub(super) payable_at: EpochMs,
    pub(super) hold: Option<Hold>,
    pub(super) unattributed: Option<Unattributed>,
    /// Of partners with a share or a role. An order that is nobody's is partner 0's.
    pub(super) parts: BTreeMap<PartnerId, Part>,
}

/// A partner's part of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// 0 for an assist.
    pub(super) share_ppm: u64,
    pub(super) revenue_minor: i64,
    /// 0 where the order is not told in a reporting currency.
    pub(super) reporting_minor: i64,
    pub(super) hold: Option<Hold>,
    /// The greatest of his touches' by the list closer, introducer, influencer, assist, as in the view `credits`.
    pub(super) role: Role,
}

/// In what an order comes to something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Difference {
    /// Who has which share.
    Shares,
    /// The revenue or its currency.
    Revenue,
    /// The reporting currency, the rate, or that there is one.
    Rate,
    /// What is held back, or why.
    Hold,
    /// Who did what, with a share or without.
    Role,
    /// Why it is nobody's.
    Reason,
    /// From when on it is payable.
    Payable,
}

impl Difference {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Shares => "shares",
            Self::Revenue => "revenue",
            Self::Rate => "rate",
            Self::Hold => "hold",
            Self::Role => "role",
            Self::Reason => "reason",
            Self::Payable => "payable",
        }
    }

    /// Behind a number of orders.
    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::Shares => "by the rules: other partners earn, or other shares",
            Self::Revenue => "in revenue or its currency",
            Self::Rate => "in the reporting currency: another rate, or none",
            Self::Hold => "in what is on hold",
            Self::Role => "in who did what for it",
            Self::Reason => "in why they are nobody's",
            Self::Payable => "in when they are payable",
        }
    }
}

impl Outcome {
    pub(super) fn of(decision: &Decision, credits: &[Credit]) -> Self {
        let mut parts = BTreeMap::<PartnerId, Part>::new();
        let has_part = |it: &&Credit| it.share.0 > 0 || it.role != Role::None;
        for it in credits.iter().filter(has_part) {
            let part = parts.entry(it.partner).or_insert_with(|| Part::none(it));
            part.share_ppm += u64::from(it.share.0);
            part.revenue_minor = part.revenue_minor.saturating_add(it.revenue_minor);
            let reporting_minor = it.reporting.map_or(0, |it| it.minor);
            part.reporting_minor = part.reporting_minor.saturating_add(reporting_minor);
            part.role = first(part.role, it.role);
        }
        if !parts.values().any(Part::earns) {
            parts.insert(NOBODY, Part::of_nobody(decision));
        }
        Self {
            at: decision.at,
            currency: decision.currency,
            revenue_minor: decision.revenue_minor,
            rate: decision.reporting.map(|it| (it.currency, it.rate)),
            payable_at: decision.payable_at,
            hold: decision.hold,
            unattributed: decision.unattributed,
            parts,
        }
    }

    pub(super) fn earns(&self, partner: PartnerId) -> bool {
        self.parts.get(&partner).is_some_and(Part::earns)
    }

    /// Each once; none where both come to the same.
    pub(super) fn differences(&self, after: &Self) -> Vec<Difference> {
        let parts = |left: &Self, right: &Self, of: &dyn Fn(&Part) -> Option<u64>| {
            let told = |it: &Self| -> BTreeMap<PartnerId, u64> {
                it.parts.iter().filter_map(|(partner, part)| Some((*partner, of(part)?))).collect()
            };
            told(left) != told(right)
        };
        let shares = |it: &Part| it.earns().then_some(it.share_ppm);
        let holds = |it: &Part| it.hold.filter(|_| it.earns()).map(|it| u64::from(it.code()));
        let roles = |it: &Part| Some(u64::from(it.role.code()));
        let is_nobodys = self.unattributed.is_some() && after.unattributed.is_some();
        let all = [
            (Difference::Shares, parts(self, after, &shares)),
            (
                Difference::Revenue,
                (self.revenue_minor, self.currency) != (after.revenue_minor, after.currency),
            ),
            (Difference::Rate, self.rate != after.rate),
            (Difference::Hold, self.hold != after.hold || parts(self, after, &holds)),
            (Difference::Role, parts(self, after, &roles)),
            (Difference::Reason, is_nobodys && self.unattributed != after.unattributed),
            (Difference::Payable, self.payable_at != after.payable_at),
        ];
        all.into_iter().filter(|(_, differs)| *differs).map(|(it, _)| it).collect()
    }
}

impl Part {
    pub(super) const fn earns(&self) -> bool {
        self.share_ppm > 0
    }

    fn none(of: &Credit) -> Self {
        Self { share_ppm: 0, revenue_minor: 0, reporting_minor: 0, hold: of.hold, role: Role::None }
    }

    fn of_nobody(decision: &Decision) -> Self {
        Self {
            share_ppm: u64::from(PPM_WHOLE.0),
            revenue_minor: decision.revenue_minor,
            reporting_minor: decision.reporting.map_or(0, |it| it.minor),
            // Nobody waits for it.
            hold: None,
            role: Role::None,
        }
    }
}

fn first(left: Role, right: Role) -> Role {
    let place = |it: &Role| match it {
        Role::Closer => 0,
        Role::Introducer => 1,
        Role::Influencer => 2,
        Role::Assist => 3,
        Role::None => 4,
    };
    std::cmp::min_by_key(left, right, place)
}
