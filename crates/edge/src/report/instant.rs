//! When a shop says something happened, as an instant in UTC.
//!
//! In: text as it comes (field.md 5.3) and the advertiser's time zone. Out: an instant. Not here: whether it is believed (`events::Report::order_time`).

use jiff::{Timestamp, civil, tz::TimeZone};
use units::{EpochMs, SECOND_MS};

use super::Refusal;

/// 2000-01-01T00:00:00Z. Before it, a clock was never set.
const EARLIEST_MS: u64 = 946_684_800_000;
/// Whole numbers from here on are milliseconds: as seconds they would be the year 5138.
const MILLISECONDS_FROM: u64 = 100_000_000_000;

/// Reads a Unix time in seconds or milliseconds, ISO 8601 with or without a zone, a date (its first instant), or `NOW`, which is no statement.
pub(crate) fn instant(text: &str, zone: &str) -> Result<Option<EpochMs>, Refusal> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("now") {
        return Ok(None);
    }
    let ms = match unix(text) {
        Some(ms) => ms,
        None => calendar(text, zone).ok_or(Refusal::TimeInvalid)?,
    };
    if !(EARLIEST_MS..=EpochMs::MAX_48_BIT.0).contains(&ms) {
        return Err(Refusal::TimeOutOfRange);
    }
    Ok(Some(EpochMs(ms)))
}

fn unix(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits =
        |it: &str| !it.is_empty() && it.len() <= 15 && it.bytes().all(|byte| byte.is_ascii_digit());
    // Eight digits are a date, 20251122.
    if !is_digits(whole) || !is_digits(fraction) || whole.len() == 8 {
        return None;
    }
    let number: u64 = whole.parse().ok()?;
    Some(if number >= MILLISECONDS_FROM { number } else { number.checked_mul(SECOND_MS)? })
}

fn calendar(text: &str, zone: &str) -> Option<u64> {
    let text = with_plus(text);
    let timestamp = text.parse::<Timestamp>().ok().or_else(|| {
        let zone = TimeZone::get(zone).ok()?;
        let local = text.parse::<civil::DateTime>().ok()?;
        Some(zone.to_ambiguous_zoned(local).compatible().ok()?.timestamp())
    })?;
    u64::try_from(timestamp.as_millisecond()).ok()
}

/// `2026-01-01T10:00:00 02:00`: a raw `+` in a query is a blank once decoded.
fn with_plus(text: &str) -> String {
    match text.rsplit_once(' ') {
        Some((time, offset)) if time.contains(':') && offset.contains(':') && offset.len() <= 6 => {
            format!("{time}+{offset}")
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_come() {
        let cases = [
            ("1763818571", Ok("2025-11-22T13:36:11.000Z")),
            ("1763818571042", Ok("2025-11-22T13:36:11.042Z")),
            ("2025-11-22T13:36:11Z", Ok("2025-11-22T13:36:11.000Z")),
            ("2025-11-22T13:36:11.5+02:00", Ok("2025-11-22T11:36:11.500Z")),
            ("2025-11-22T13:36:11 02:00", Ok("2025-11-22T11:36:11.000Z")),
            ("2025-11-22 13:36:11", Ok("2025-11-22T12:36:11.000Z")),
            ("2025-07-22T13:36:11", Ok("2025-07-22T11:36:11.000Z")),
            ("2025-11-22", Ok("2025-11-21T23:00:00.000Z")),
            ("20251122", Ok("2025-11-21T23:00:00.000Z")),
            ("2025-10-26T02:30:00", Ok("2025-10-26T00:30:00.000Z")),
            ("1999-12-31T00:00:00Z", Err(Refusal::TimeOutOfRange)),
            ("0", Err(Refusal::TimeOutOfRange)),
            ("yesterday", Err(Refusal::TimeInvalid)),
            ("2025-13-01", Err(Refusal::TimeInvalid)),
            ("99999999999999999999", Err(Refusal::TimeInvalid)),
            ("-5", Err(Refusal::TimeInvalid)),
        ];
        for (text, want) in cases {
            let got = instant(text, "Europe/Berlin").map(|it| it.unwrap().to_string());
            assert_eq!(got, want.map(str::to_owned), "{text}");
        }
        assert_eq!(instant("NOW", "UTC"), Ok(None));
    }
}
