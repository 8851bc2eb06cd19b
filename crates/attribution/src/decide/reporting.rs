//! What an order is worth in the currency that a program reports in.
//!
//! In: the revenue and the catalog in force at the order's time. Out: the amount with the rate that was used, or why there is none. Rates are of the
//! order's time and not of today, so that the same facts give the same amounts. Not here: its shares (`decide`). Start at [`Told::of`].

use catalog::Catalog;
use events::{Hold, Reporting};
use units::{Currency, Money};

/// An amount as it is told.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) reporting: Option<Reporting>,
    pub(super) hold: Option<Hold>,
    /// Stable code.
    pub(super) note: Option<&'static str>,
}

impl Told {
    /// Where there is no reporting currency nothing is told and nothing is held; nor where nothing is to be converted and no rate is known.
    pub(super) fn of(revenue_minor: i64, currency: Currency, catalog: Option<&Catalog>) -> Self {
        let Some((catalog, into)) = catalog.and_then(|it| Some((it, it.reporting_currency?))) else {
            return Self::default();
        };
        let Some(rate) = catalog.reporting_rate(currency) else {
            return if revenue_minor == 0 { Self::default() } else { Self::held("rate_missing") };
        };
        match rate.convert(Money { minor: revenue_minor, currency }, into) {
            Some(Money { minor, currency }) => {
                Self { reporting: Some(Reporting { minor, currency, rate }), ..Self::default() }
            }
            None => Self::held("reporting_too_large"),
        }
    }

    fn held(note: &'static str) -> Self {
        Self { reporting: None, hold: Some(Hold::RateMissing), note: Some(note) }
    }
}
