//! The rules of attribution, and from which level each one comes.
//!
//! In: what an offer, a partner type and a partner say, each of it in part. Out: [`Rules`] in full, every value by itself from the most specific level
//! that says it: partner, then partner type, then offer, then built in. Not here: reading them (`parse`), what a rule does to an order (`attribution`)
//! or to a click (`edge`). Start at [`Rules::with`].

use std::collections::BTreeMap;

use units::{DAY_MS, HOUR_MS, OfferId, PartnerId};

use crate::{
    binding::{Binding, Customers},
    duration,
    precedence::Precedence,
    sharing::Model,
};

/// All rules that hold between an offer and a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rules {
    /// A click may earn credit while its age is below this. Half-open, in ms.
    pub click_window_ms: u64,
    /// A view may, while no click does. 0 turns views off.
    pub view_window_ms: u64,
    /// And its age is at least this.
    pub minimum_time_ms: u64,
    /// Which key is weighed before which, and which are off.
    pub precedence: Precedence,
    /// A click nearer to the order than this does not take it from an older click of another partner without such a rule. 0: it does. Half-open, in
    /// ms; for partners who wait at the checkout, such as those of type coupon.
    pub hijack_window_ms: u64,
    /// Nor does one from the instant on at which the order's checkout began, where a report says so.
    pub hijack_after_checkout: bool,
    /// Whether a partner goes on earning by customers he brought.
    pub binding: Binding,
    /// Whose orders earn.
    pub customers: Customers,
    /// How credit is shared.
    pub model: Model,
    /// From order to payable, in ms.
    pub hold_ms: u64,
    /// The same visitor on the same link again within this is a duplicate, in ms. 0: none is.
    pub duplicate_window_ms: u64,
}

impl Default for Rules {
    /// Built in: thirty days by click (impact, Rewardful and Partnerize are near it), no views, no minimum, thirty days of hold, and Dub's hour for
    /// duplicates (field.md 6.3).
    fn default() -> Self {
        Self {
            click_window_ms: 30 * DAY_MS,
            view_window_ms: 0,
            minimum_time_ms: 0,
            precedence: Precedence::default(),
            hijack_window_ms: 0,
            hijack_after_checkout: false,
            binding: Binding::None,
            customers: Customers::All,
            model: Model::Last,
            hold_ms: 30 * DAY_MS,
            duplicate_window_ms: HOUR_MS,
        }
    }
}

impl Rules {
    /// Whether some click under them takes no order from another partner's.
    #[must_use]
    pub const fn guards(&self) -> bool {
        self.hijack_window_ms > 0 || self.hijack_after_checkout
    }

    /// These, with what a more specific level says instead.
    #[must_use]
    pub fn with(self, changes: &RuleChanges) -> Self {
        Self {
            click_window_ms: changes.click_window_ms.unwrap_or(self.click_window_ms),
            view_window_ms: changes.view_window_ms.unwrap_or(self.view_window_ms),
            minimum_time_ms: changes.minimum_time_ms.unwrap_or(self.minimum_time_ms),
            precedence: changes.precedence.unwrap_or(self.precedence),
            hijack_window_ms: changes.hijack_window_ms.unwrap_or(self.hijack_window_ms),
            hijack_after_checkout: changes.hijack_after_checkout.unwrap_or(self.hijack_after_checkout),
            binding: changes.binding.unwrap_or(self.binding),
            customers: changes.customers.unwrap_or(self.customers),
            model: changes.model.unwrap_or(self.model),
            hold_ms: changes.hold_ms.unwrap_or(self.hold_ms),
            duplicate_window_ms: changes.duplicate_window_ms.unwrap_or(self.duplicate_window_ms),
        }
    }

    /// One of them, as a catalog's text would say it.
    #[must_use]
    pub fn shown(&self, key: RuleKey) -> String {
        match key {
            RuleKey::ClickWindow => duration::show(self.click_window_ms),
            RuleKey::ViewWindow => duration::show(self.view_window_ms),
            RuleKey::MinimumTime => duration::show(self.minimum_time_ms),
            RuleKey::Precedence => self.precedence.to_string(),
            RuleKey::HijackWindow => duration::show(self.hijack_window_ms),
            RuleKey::HijackAfterCheckout => self.hijack_after_checkout.to_string(),
            RuleKey::Binding => self.binding.to_string(),
            RuleKey::Customers => self.customers.to_string(),
            RuleKey::Model => self.model.to_string(),
            RuleKey::Hold => duration::show(self.hold_ms),
            RuleKey::DuplicateWindow => duration::show(self.duplicate_window_ms),
        }
    }
}

/// What one level says; what it leaves out comes from the level below.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct RuleChanges {
    /// [`Rules::click_window_ms`].
    pub click_window_ms: Option<u64>,
    /// [`Rules::view_window_ms`].
    pub view_window_ms: Option<u64>,
    /// [`Rules::minimum_time_ms`].
    pub minimum_time_ms: Option<u64>,
    /// [`Rules::precedence`].
    pub precedence: Option<Precedence>,
    /// [`Rules::hijack_window_ms`].
    pub hijack_window_ms: Option<u64>,
    /// [`Rules::hijack_after_checkout`].
    pub hijack_after_checkout: Option<bool>,
    /// [`Rules::binding`].
    pub binding: Option<Binding>,
    /// [`Rules::customers`].
    pub customers: Option<Customers>,
    /// [`Rules::model`].
    pub model: Option<Model>,
    /// [`Rules::hold_ms`].
    pub hold_ms: Option<u64>,
    /// [`Rules::duplicate_window_ms`].
    pub duplicate_window_ms: Option<u64>,
}

impl RuleChanges {
    /// Whether this level says anything about a rule.
    #[must_use]
    pub const fn says(&self, key: RuleKey) -> bool {
        match key {
            RuleKey::ClickWindow => self.click_window_ms.is_some(),
            RuleKey::ViewWindow => self.view_window_ms.is_some(),
            RuleKey::MinimumTime => self.minimum_time_ms.is_some(),
            RuleKey::Precedence => self.precedence.is_some(),
            RuleKey::HijackWindow => self.hijack_window_ms.is_some(),
            RuleKey::HijackAfterCheckout => self.hijack_after_checkout.is_some(),
            RuleKey::Binding => self.binding.is_some(),
            RuleKey::Customers => self.customers.is_some(),
            RuleKey::Model => self.model.is_some(),
            RuleKey::Hold => self.hold_ms.is_some(),
            RuleKey::DuplicateWindow => self.duplicate_window_ms.is_some(),
        }
    }
}

impl From<Rules> for RuleChanges {
    /// A level that says everything.
    fn from(rules: Rules) -> Self {
        Self {
            click_window_ms: Some(rules.click_window_ms),
            view_window_ms: Some(rules.view_window_ms),
            minimum_time_ms: Some(rules.minimum_time_ms),
            precedence: Some(rules.precedence),
            hijack_window_ms: Some(rules.hijack_window_ms),
            hijack_after_checkout: Some(rules.hijack_after_checkout),
            binding: Some(rules.binding),
            customers: Some(rules.customers),
            model: Some(rules.model),
            hold_ms: Some(rules.hold_ms),
            duplicate_window_ms: Some(rules.duplicate_window_ms),
        }
    }
}

/// A rule by its key in a catalog's text: the same in `[[offer]]` and `[[override]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleKey {
    /// [`Rules::click_window_ms`].
    ClickWindow,
    /// [`Rules::view_window_ms`].
    ViewWindow,
    /// [`Rules::minimum_time_ms`].
    MinimumTime,
    /// [`Rules::precedence`].
    Precedence,
    /// [`Rules::hijack_window_ms`].
    HijackWindow,
    /// [`Rules::hijack_after_checkout`].
    HijackAfterCheckout,
    /// [`Rules::binding`].
    Binding,
    /// [`Rules::customers`].
    Customers,
    /// [`Rules::model`].
    Model,
    /// [`Rules::hold_ms`].
    Hold,
    /// [`Rules::duplicate_window_ms`].
    DuplicateWindow,
}

impl RuleKey {
    /// Every rule, in the order in which they are shown.
    pub const ALL: [Self; 11] = [
        Self::ClickWindow,
        Self::ViewWindow,
        Self::MinimumTime,
        Self::Precedence,
        Self::HijackWindow,
        Self::HijackAfterCheckout,
        Self::Binding,
        Self::Customers,
        Self::Model,
        Self::Hold,
        Self::DuplicateWindow,
    ];

    /// Keys that stand beside `model` and `binding` and say more of them.
    pub(crate) const BESIDE: [&'static str; 4] =
        ["position_weights", "half_life", "binding_orders", "binding_owner"];

    /// The key.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClickWindow => "click_window",
            Self::ViewWindow => "view_window",
            Self::MinimumTime => "minimum_time",
            Self::Precedence => "precedence",
            Self::HijackWindow => "hijack_window",
            Self::HijackAfterCheckout => "hijack_after_checkout",
            Self::Binding => "binding",
            Self::Customers => "customers",
            Self::Model => "model",
            Self::Hold => "hold",
            Self::DuplicateWindow => "duplicate_window",
        }
    }
}

/// Where a rule's value comes from, the most specific last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleLevel {
    /// Nobody says it.
    BuiltIn,
    /// `[[offer]]`.
    Offer,
    /// `[[override]]` with `partner_type`.
    PartnerType,
    /// `[[override]]` with `partner`.
    Partner,
}

impl RuleLevel {
    /// A word that never changes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BuiltIn => "built_in",
            Self::Offer => "offer",
            Self::PartnerType => "partner_type",
            Self::Partner => "partner",
        }
    }
}

/// For whom an override holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OverrideFor {
    /// One partner.
    Partner(PartnerId),
    /// All of a type.
    PartnerKind(Box<str>),
}

/// Rules that replace some of an offer's.
#[derive(Debug, Clone)]
pub struct Override {
    /// Of which offer.
    pub offer: OfferId,
    /// For whom.
    pub whom: OverrideFor,
    /// What they are.
    pub changes: RuleChanges,
}

/// All that replaces one offer's rules. By key and not a list: an offer may have an override for each of ten thousand partners, and the edge looks one
/// up for each link whenever a version comes.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    kinds: BTreeMap<Box<str>, RuleChanges>,
    partners: BTreeMap<PartnerId, RuleChanges>,
}

impl Overrides {
    /// Takes one up; it replaces what was there for the same.
    pub fn insert(&mut self, whom: OverrideFor, changes: RuleChanges) {
        match whom {
            OverrideFor::Partner(partner) => self.partners.insert(partner, changes),
            OverrideFor::PartnerKind(kind) => self.kinds.insert(kind, changes),
        };
    }

    /// For all partners of a type.
    #[must_use]
    pub fn of_kind(&self, kind: &str) -> Option<&RuleChanges> {
        self.kinds.get(kind)
    }

    /// For one partner.
    #[must_use]
    pub fn of_partner(&self, partner: PartnerId) -> Option<&RuleChanges> {
        self.partners.get(&partner)
    }

    /// All of them: types by name, then partners by number.
    pub fn iter(&self) -> impl Iterator<Item = (OverrideFor, &RuleChanges)> {
        let kinds = self.kinds.iter().map(|(kind, it)| (OverrideFor::PartnerKind(kind.clone()), it));
        kinds.chain(self.partners.iter().map(|(partner, it)| (OverrideFor::Partner(*partner), it)))
    }

    /// What they say, without for whom: asked at every report of an order, so nothing is copied.
    pub(crate) fn changes(&self) -> impl Iterator<Item = &RuleChanges> {
        self.kinds.values().chain(self.partners.values())
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kinds.len() + self.partners.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FromIterator<(OverrideFor, RuleChanges)> for Overrides {
    fn from_iter<T: IntoIterator<Item = (OverrideFor, RuleChanges)>>(rows: T) -> Self {
        let mut overrides = Self::default();
        for (whom, changes) in rows {
            overrides.insert(whom, changes);
        }
        overrides
    }
}
