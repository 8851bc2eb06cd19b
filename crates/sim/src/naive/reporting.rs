//! What an amount is worth in the reporting currency, as one would work it out on paper: multiply, and round the last digit.

use std::sync::Arc;

use catalog::Catalog;
use units::{Currency, Money};

/// Minor units of the reporting currency; `None` without such a currency or without a rate into it.
pub(super) fn told(
    minor: i64,
    currency: Currency,
    catalog: Option<&Arc<Catalog>>,
) -> Option<(i64, Currency)> {
    let catalog = catalog?;
    let into = catalog.reporting_currency?;
    let parts = if into == currency { 1_000_000_000_000 } else { catalog.rates.get(&currency)?.parts() };
    // A part of 10^-12 of a minor unit of either currency.
    let exact = i128::from(minor) * i128::from(parts) * 10_i128.pow(into.decimals().into());
    let whole = 1_000_000_000_000 * 10_i128.pow(currency.decimals().into());
    let down = exact.abs() / whole;
    let rounded = if exact.abs() % whole * 2 >= whole { down + 1 } else { down };
    let rounded = i64::try_from(rounded).ok().filter(|it| *it <= Money::MINOR_MAX)?;
    Some((if minor < 0 { -rounded } else { rounded }, into))
}

/// A reason to wait where there should be such an amount and is none.
pub(super) fn hold(minor: i64, currency: Currency, catalog: Option<&Arc<Catalog>>) -> &'static str {
    let is_told = catalog.is_some_and(|it| it.reporting_currency.is_some());
    if is_told && minor != 0 && told(minor, currency, catalog).is_none() { "rate_missing" } else { "" }
}
