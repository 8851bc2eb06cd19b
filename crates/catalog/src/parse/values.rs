//! Values that several rows have, or that take a table to read: rules, currencies, time zones.
//!
//! In: a [`Row`]. Out: the value, or what stands for it after an error. Start at [`rule_changes`].

use units::{Currency, DAY_MS};

use super::{
    binding,
    error::ErrorCode,
    precedence,
    reader::{Row, shown, suggestion},
    sharing,
};
use crate::{
    binding::Customers,
    model::{RuleChanges, RuleKey},
};

/// The longest window, and the longest hold: Tapfiliate's limit (field.md 6.3). Timelines are kept this long.
pub const WINDOW_MS_MAX: u64 = 365 * DAY_MS;
/// The longest minimum time between click and order. Installs and fraud are a matter of seconds; a day is an error.
pub const MINIMUM_TIME_MS_MAX: u64 = DAY_MS;
/// The longest hijack window. Who waits at the checkout comes minutes before the order; what is a day old led to it.
pub const HIJACK_WINDOW_MS_MAX: u64 = DAY_MS;
/// The longest duplicate window: the edge remembers recent clicks this long (Everflow advises a day).
pub const DUPLICATE_WINDOW_MS_MAX: u64 = DAY_MS;

/// What a row says about rules: the same keys for an offer and for an override.
pub(super) fn rule_changes(row: &mut Row<'_, '_>) -> RuleChanges {
    let mut duration = |key: RuleKey, max_ms| row.duration(key.as_str(), max_ms);
    RuleChanges {
        click_window_ms: duration(RuleKey::ClickWindow, WINDOW_MS_MAX),
        view_window_ms: duration(RuleKey::ViewWindow, WINDOW_MS_MAX),
        minimum_time_ms: duration(RuleKey::MinimumTime, MINIMUM_TIME_MS_MAX),
        hold_ms: duration(RuleKey::Hold, WINDOW_MS_MAX),
        duplicate_window_ms: duration(RuleKey::DuplicateWindow, DUPLICATE_WINDOW_MS_MAX),
        hijack_window_ms: duration(RuleKey::HijackWindow, HIJACK_WINDOW_MS_MAX),
        hijack_after_checkout: row.bool(RuleKey::HijackAfterCheckout.as_str()),
        precedence: precedence::precedence(row),
        binding: binding::binding(row),
        customers: row.word(RuleKey::Customers.as_str(), &Customers::WORDS),
        model: sharing::model(row),
    }
}

pub(super) fn currency(row: &mut Row<'_, '_>) -> Option<Currency> {
    currency_of("currency", row)
}

pub(super) fn currency_of(key: &str, row: &mut Row<'_, '_>) -> Option<Currency> {
    let text = row.text(key)?;
    known(key, text, row)
}

/// The currency that the `text` of `key` names.
pub(super) fn known(key: &str, text: &str, row: &mut Row<'_, '_>) -> Option<Currency> {
    let found = Currency::parse(text).ok();
    if found.is_none() {
        let message = format!("`{}` is not a currency", shown(text));
        let advice = "write a code of ISO 4217, such as EUR";
        row.errors.add(row.spot_of(key), ErrorCode::UnknownCurrency, message, advice);
    }
    found
}

pub(super) fn time_zone(row: &mut Row<'_, '_>) -> Box<str> {
    let Some(text) = row.text("time_zone") else { return "UTC".into() };
    if let Ok(zone) = jiff::tz::TimeZone::get(text) {
        return zone.iana_name().unwrap_or("UTC").into();
    }
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let advice = match suggestion(text, &names) {
        near if near.starts_with("did") => near,
        _ => "write an IANA name, such as Europe/Madrid".to_owned(),
    };
    let message = format!("`{}` is not a time zone", shown(text));
    row.errors.add(row.spot_of("time_zone"), ErrorCode::UnknownZone, message, advice);
    "UTC".into()
}
