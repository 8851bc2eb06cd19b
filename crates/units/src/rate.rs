//! What an amount in one currency is worth in another, by a rate that people write down.
//!
//! In: a decimal number as text. Out: whole minor units, rounded once. Never a float. Not here: where rates come from (`catalog`), and how a rounded amount is
//! split (`split`).

use std::fmt;

use crate::money::{Currency, Money};

/// Units of one currency for one unit of another, in parts of 10^-12. Above zero, below a million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u64);

/// Digits behind the point.
const DECIMALS: usize = 12;
/// One, in parts.
const ONE: u64 = 1_000_000_000_000;
/// Digits before the point: a pound is worth a little over a million rials, and no program reports in rials.
const WHOLE_DIGITS: usize = 6;
/// The first number that has more digits before the point.
const END: u64 = 1_000_000;

impl Rate {
    /// A currency in itself.
    pub const ONE: Self = Self(ONE);

    /// Reads `1`, `0.9213` or `0.000055123`: digits and one point, at most six of them before it and twelve behind it. `None` for anything else and
    /// for zero. No comma: it would be a thousand here and a decimal mark there.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits = |it: &str, max: usize| {
            (1..=max).contains(&it.len()) && it.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_digits(whole, WHOLE_DIGITS) || !is_digits(fraction, DECIMALS) {
            return None;
        }
        Self::from_parts(format!("{whole}{fraction:0<DECIMALS$}").parse().ok()?)
    }

    /// The inverse of [`Rate::parts`], checked.
    #[must_use]
    pub const fn from_parts(parts: u64) -> Option<Self> {
        if parts == 0 || parts >= ONE * END { None } else { Some(Self(parts)) }
    }

    /// In parts of 10^-12, for bytes and columns.
    #[must_use]
    pub const fn parts(self) -> u64 {
        self.0
    }

    /// `money` in `to`, rounded to the nearest minor unit, halves away from zero. `None` where that is more than [`Money::MINOR_MAX`].
    #[must_use]
    pub fn convert(self, money: Money, to: Currency) -> Option<Money> {
        let scale = |it: Currency| 10_i128.pow(it.decimals().into());
        // What does not fit 127 bits is far beyond the greatest amount.
        let parts = i128::from(money.minor).checked_mul(i128::from(self.0))?.checked_mul(scale(to))?;
        let whole = i128::from(ONE) * scale(money.currency);
        let half = if parts < 0 { -whole / 2 } else { whole / 2 };
        let minor = i64::try_from(parts.checked_add(half)? / whole).ok()?;
        (minor.unsigned_abs() <= Money::MINOR_MAX.unsigned_abs()).then_some(Money { minor, currency: to })
    }
}

/// Without zeros behind the last digit that says something.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:012}", self.0 / ONE, self.0 % ONE);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    fn converted(rate: &str, minor: i64, from: &str, to: &str) -> Option<i64> {
        let money = Money { minor, currency: of(from) };
        Rate::parse(rate).unwrap().convert(money, of(to)).map(|it| it.minor)
    }

    #[test]
    fn a_rate_is_digits_and_a_point() {
        for (text, parts) in [
            ("1", Some(ONE)),
            ("0.9213", Some(921_300_000_000)),
            ("17000.5", Some(17_000 * ONE + ONE / 2)),
            ("0.000000000001", Some(1)),
            ("999999.999999999999", Some(999_999_999_999_999_999)),
            ("0", None),
            ("0.000000000000", None),
            ("0.0000000000001", None),
            ("1000000", None),
            ("-1", None),
            ("+1", None),
            ("1,5", None),
            (".5", None),
            ("1.", None),
            ("1e3", None),
            (" 1", None),
            ("", None),
            ("1.5.5", None),
            ("١", None),
        ] {
            assert_eq!(Rate::parse(text).map(Rate::parts), parts, "{text}");
        }
    }

    #[test]
    fn amounts_are_rounded_once_to_the_minor_unit_of_the_other_currency() {
        assert_eq!(converted("0.9213", 10_000, "USD", "EUR"), Some(9_213));
        assert_eq!(converted("0.0061", 12_345, "JPY", "EUR"), Some(7_530), "75.3045 EUR");
        assert_eq!(converted("163.5", 101, "EUR", "JPY"), Some(165), "165.135 JPY");
        assert_eq!(converted("3.25", 1_000, "KWD", "USD"), Some(325), "a dinar has a thousand parts");
        assert_eq!(converted("0.5", 1, "USD", "EUR"), Some(1), "halves go away from zero");
        assert_eq!(converted("0.5", -1, "USD", "EUR"), Some(-1));
        assert_eq!(converted("0.49", 1, "USD", "EUR"), Some(0));
        assert_eq!(converted("1", 0, "USD", "EUR"), Some(0));
        assert_eq!(converted("999999.999999999999", Money::MINOR_MAX, "EUR", "USD"), None);
        assert_eq!(converted("999999.999999999999", i64::MAX, "JPY", "CLF"), None, "nothing overflows");
        assert_eq!(converted("1", i64::MIN, "USD", "EUR"), None);
    }

    proptest! {
        #[test]
        fn text_and_parts_are_one_rate(parts in 1..ONE * 1_000_000) {
            let rate = Rate::from_parts(parts).unwrap();
            prop_assert_eq!(Rate::parse(&rate.to_string()), Some(rate));
        }

        /// The rounded amount is within half a minor unit of the exact one.
        #[test]
        fn an_amount_is_off_by_half_a_unit_at_most(minor in -1_000_000_000_i64..1_000_000_000, parts in 1..1_000 * ONE) {
            let rate = Rate::from_parts(parts).unwrap();
            let money = rate.convert(Money { minor, currency: Currency::EUR }, of("USD")).unwrap();
            let off = i128::from(money.minor) * i128::from(ONE) - i128::from(minor) * i128::from(parts);
            prop_assert!(2 * off.abs() <= i128::from(ONE));
        }
    }
}
