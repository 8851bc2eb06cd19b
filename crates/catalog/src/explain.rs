//! Which rules hold between an offer and a partner, and which level says each.
//!
//! In: one version of the catalog. Out: a line for each rule, in a fixed order. Not here: which version is in force ([`crate::History`]), words and tables
//! (`cli`). Start at [`explain`].

use units::{OfferId, PartnerId};

use crate::model::{Catalog, RuleKey, RuleLevel};

/// One rule as it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleLine {
    /// Which.
    pub key: RuleKey,
    /// As a catalog's text would say it.
    pub value: String,
    /// Who says so: the most specific level that says anything about it.
    pub level: RuleLevel,
}

/// Every rule of an offer for a partner; `None` where the offer is not known.
#[must_use]
pub fn explain(catalog: &Catalog, offer: OfferId, partner: PartnerId) -> Option<Vec<RuleLine>> {
    let rules = catalog.rules(offer, partner)?;
    let line = |key: RuleKey| {
        Some(RuleLine { key, value: rules.shown(key), level: level(catalog, offer, partner, key)? })
    };
    RuleKey::ALL.into_iter().map(line).collect()
}

/// Who says one of them; `None` where the offer is not known.
#[must_use]
pub fn level(catalog: &Catalog, offer: OfferId, partner: PartnerId, key: RuleKey) -> Option<RuleLevel> {
    let levels = catalog.rule_levels(offer, partner)?;
    let says = levels.iter().rev().find(|(_, changes)| changes.is_some_and(|it| it.says(key)));
    Some(says.map_or(RuleLevel::BuiltIn, |(level, _)| *level))
}
