//! Money in whole minor units of an ISO 4217 currency, and shares of it in parts per million.
//!
//! Never a float: a sum of parts must equal the whole to the last minor unit.

use std::fmt;

use crate::planted::{Bug, planted};

/// A share in parts per million.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ppm(pub u32);

/// The whole: 1 000 000 parts.
pub const PPM_WHOLE: Ppm = Ppm(1_000_000);

/// An ISO 4217 alphabetic code, three upper-case letters. The list of codes is closed: see [`Currency::parse`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// An amount in whole minor units (cents, yen, fils) of its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money {
    /// Whole minor units; negative for what is given back.
    pub minor: i64,
    /// Which currency's minor units.
    pub currency: Currency,
}

/// Why text is not an amount or a currency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not in the list of ISO 4217.
    #[error("currency is not an ISO 4217 code")]
    UnknownCurrency,
    /// Neither `12`, `12.34` nor one of the accepted groupings.
    #[error("amount is not a decimal number")]
    NotANumber,
    /// More decimals than the currency has, and they are not zeros.
    #[error("amount has more than {allowed} decimals")]
    TooManyDecimals {
        /// Decimals of the currency's minor unit.
        allowed: u8,
    },
    /// Beyond [`Money::MINOR_MAX`].
    #[error("amount is too large")]
    TooLarge,
}

/// Currencies whose minor unit is not a hundredth (ISO 4217 list one, 2024): the code and its decimals.
const ODD_EXPONENTS: [(&[u8; 3], u8); 25] = [
    (b"BHD", 3),
    (b"BIF", 0),
    (b"CLF", 4),
    (b"CLP", 0),
    (b"DJF", 0),
    (b"GNF", 0),
    (b"IQD", 3),
    (b"ISK", 0),
    (b"JOD", 3),
    (b"JPY", 0),
    (b"KMF", 0),
    (b"KRW", 0),
    (b"KWD", 3),
    (b"LYD", 3),
    (b"OMR", 3),
    (b"PYG", 0),
    (b"RWF", 0),
    (b"TND", 3),
    (b"UGX", 0),
    (b"UYI", 0),
    (b"UYW", 4),
    (b"VND", 0),
    (b"VUV", 0),
    (b"XAF", 0),
    (b"XPF", 0),
];

/// Every other code of ISO 4217 list one that people trade in: two decimals, but for `XOF`.
const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP \
    CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP \
    LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR \
    SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XOF YER ZAR ZMW ZWG";

impl Currency {
    /// The euro, the default where a catalog names none.
    pub const EUR: Self = Self(*b"EUR");

    /// Reads a code in any case, with blanks around it (field.md 5.3: `EUR ` arrives).
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let upper = text.trim().to_ascii_uppercase();
        let code: [u8; 3] = upper.as_bytes().try_into().map_err(|_| MoneyError::UnknownCurrency)?;
        let known = ODD_EXPONENTS.iter().any(|(odd, _)| **odd == code)
            || CODES.split_ascii_whitespace().any(|it| it == upper);
        if known { Ok(Self(code)) } else { Err(MoneyError::UnknownCurrency) }
    }

    /// Every currency of the list: those with odd decimals first, then by code.
    pub fn all() -> impl Iterator<Item = Self> {
        let odd = ODD_EXPONENTS.iter().map(|(code, _)| Self(**code));
        let rest = CODES.split_ascii_whitespace().filter_map(|it| Self::parse(it).ok());
        odd.chain(rest)
    }

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// The three bytes, for the wire.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 3] {
        self.0
    }

    /// The inverse of [`Currency::to_bytes`], checked.
    pub fn from_bytes(bytes: [u8; 3]) -> Result<Self, MoneyError> {
        let text = std::str::from_utf8(&bytes).map_err(|_| MoneyError::UnknownCurrency)?;
        // Only the canonical bytes: one currency must not have two encodings.
        Self::parse(text).ok().filter(|it| it.0 == bytes).ok_or(MoneyError::UnknownCurrency)
    }

    /// Decimals of the minor unit: 2 for most, 0 for the yen, 3 for the dinar.
    #[must_use]
    pub fn decimals(self) -> u8 {
        if self.0 == *b"XOF" {
            return 0;
        }
        ODD_EXPONENTS.iter().find(|(code, _)| **code == self.0).map_or(2, |(_, decimals)| *decimals)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Money {
    /// The greatest amount of one order, in minor units: a sum of nine million such orders still fits 64 bits.
    pub const MINOR_MAX: i64 = 1_000_000_000_000;

    /// Reads a decimal amount: `12`, `12.5`, `12,50`, `1,234.56`, `1.234,56`, a sign, blanks around. A single comma with exactly three digits
    /// behind it is a grouping mark (`1,234`), unless the currency has three decimals. A single point never is: programs and JSON write
    /// decimals with it, and `5.999` must not become six thousand.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let text = text.trim();
        let (negative, digits) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = split_decimal(digits, currency.decimals())?;
        let lost = i64::from(planted(Bug::LostUnit) && !fraction.is_empty());
        let minor = to_minor(&whole, fraction, currency.decimals())? - lost;
        Ok(Self { minor: if negative { -minor } else { minor }, currency })
    }
}

/// Parts the digits before the decimal mark (grouping removed) from those behind it.
fn split_decimal(digits: &str, decimals: u8) -> Result<(String, &str), MoneyError> {
    if !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b',')
        || !digits.bytes().any(|b| b.is_ascii_digit())
    {
        return Err(MoneyError::NotANumber);
    }
    let Some(last) = digits.rfind(['.', ',']) else { return Ok((digits.to_owned(), "")) };
    let (head, tail) = digits.split_at(last);
    let (mark, tail) = tail.split_at(1);
    let marks_before = head.matches(mark).count();
    let grouped = |text: &str, mark: char| {
        let mut groups = text.split(mark);
        groups.next().is_some_and(|first| (1..=3).contains(&first.len()))
            && groups.all(|group| group.len() == 3)
    };
    let other = if mark == "." { ',' } else { '.' };
    let mark = if mark == "." { '.' } else { ',' };
    let may_group = mark == ',' || marks_before > 0;
    if tail.len() == 3
        && may_group
        && !head.contains(other)
        && decimals != 3
        && head != "0"
        && !head.is_empty()
    {
        // `1,234`, `1,234,567` and `1.234.567`: every mark groups.
        return if grouped(digits, mark) {
            Ok((digits.replace(mark, ""), ""))
        } else {
            Err(MoneyError::NotANumber)
        };
    }
    if marks_before > 0 || (head.contains(other) && !grouped(head, other)) {
        return Err(MoneyError::NotANumber);
    }
    Ok((head.replace(other, ""), tail))
}

fn to_minor(whole: &str, fraction: &str, decimals: u8) -> Result<i64, MoneyError> {
    let kept = fraction.get(..fraction.len().min(decimals.into())).unwrap_or(fraction);
    let dropped = fraction.get(kept.len()..).unwrap_or("");
    if dropped.bytes().any(|b| b != b'0') {
        return Err(MoneyError::TooManyDecimals { allowed: decimals });
    }
    let mut minor: i64 = 0;
    let padding = std::iter::repeat_n(b'0', usize::from(decimals) - kept.len());
    for digit in whole.bytes().chain(kept.bytes()).chain(padding) {
        minor = minor
            .checked_mul(10)
            .and_then(|it| it.checked_add(i64::from(digit - b'0')))
            .ok_or(MoneyError::TooLarge)?;
        if minor > Money::MINOR_MAX {
            return Err(MoneyError::TooLarge);
        }
    }
    Ok(minor)
}

impl fmt::Display for Money {
    /// `12.34 EUR`, with the decimals of the currency.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = u32::from(self.currency.decimals());
        let scale = 10_u64.pow(decimals);
        let (sign, size) = (if self.minor < 0 { "-" } else { "" }, self.minor.unsigned_abs());
        if decimals == 0 {
            return write!(f, "{sign}{size} {}", self.currency);
        }
        write!(
            f,
            "{sign}{}.{:0width$} {}",
            size / scale,
            size % scale,
            self.currency,
            width = decimals as usize
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minor(text: &str, currency: &str) -> Result<i64, MoneyError> {
        Money::parse(text, Currency::parse(currency).unwrap()).map(|it| it.minor)
    }

    #[test]
    fn amounts_as_they_really_arrive() {
        let cases = [
            ("49.95", "EUR", Ok(4_995)),
            (" 12,50 ", "EUR", Ok(1_250)),
            ("1,234.56", "USD", Ok(123_456)),
            ("1.234,56", "EUR", Ok(123_456)),
            ("1,234", "USD", Ok(123_400)),
            ("1,234,567", "USD", Ok(123_456_700)),
            ("1.234.567", "EUR", Ok(123_456_700)),
            ("0.125", "USD", Err(MoneyError::TooManyDecimals { allowed: 2 })),
            ("5.999", "EUR", Err(MoneyError::TooManyDecimals { allowed: 2 })),
            ("-3.005", "EUR", Err(MoneyError::TooManyDecimals { allowed: 2 })),
            ("1.234", "JPY", Err(MoneyError::TooManyDecimals { allowed: 0 })),
            ("49.950", "EUR", Ok(4_995)),
            ("12.500", "KWD", Ok(12_500)),
            ("1200", "JPY", Ok(1_200)),
            ("12.00", "JPY", Ok(12)),
            ("12.5", "JPY", Err(MoneyError::TooManyDecimals { allowed: 0 })),
            ("-5", "EUR", Ok(-500)),
            ("+5", "EUR", Ok(500)),
            ("49.95P", "EUR", Err(MoneyError::NotANumber)),
            ("NaN", "EUR", Err(MoneyError::NotANumber)),
            ("", "EUR", Err(MoneyError::NotANumber)),
            (".", "EUR", Err(MoneyError::NotANumber)),
            ("1.2.3", "EUR", Err(MoneyError::NotANumber)),
            ("1e3", "EUR", Err(MoneyError::NotANumber)),
            ("10000000000.01", "EUR", Err(MoneyError::TooLarge)),
            ("9999999999999999999", "EUR", Err(MoneyError::TooLarge)),
        ];
        for (text, currency, want) in cases {
            assert_eq!(minor(text, currency), want, "{text:?} {currency}");
        }
    }

    #[test]
    fn currencies_are_a_closed_list() {
        assert_eq!(Currency::parse("eur "), Ok(Currency::EUR));
        for bad in ["PES", "EURO", "", "€", "123"] {
            assert_eq!(Currency::parse(bad), Err(MoneyError::UnknownCurrency), "{bad:?}");
        }
        for (code, decimals) in [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("XOF", 0)] {
            assert_eq!(Currency::parse(code).unwrap().decimals(), decimals, "{code}");
        }
        let all: std::collections::BTreeSet<Currency> = Currency::all().collect();
        assert_eq!(all.len(), Currency::all().count(), "each once");
        assert!(all.contains(&Currency::EUR) && all.iter().all(|it| Currency::parse(it.as_str()) == Ok(*it)));
    }

    #[test]
    fn money_prints_with_the_currencys_decimals() {
        let cases = [
            (4_995, "EUR", "49.95 EUR"),
            (-5, "EUR", "-0.05 EUR"),
            (1_200, "JPY", "1200 JPY"),
            (1, "KWD", "0.001 KWD"),
        ];
        for (minor, currency, want) in cases {
            let money = Money { minor, currency: Currency::parse(currency).unwrap() };
            assert_eq!(money.to_string(), want);
        }
    }
}
