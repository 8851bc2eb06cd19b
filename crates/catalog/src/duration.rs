//! Durations as people write them in a catalog: `30d`, `12h`, `90m`, `45s`, `300ms`.
//!
//! In and out: text and milliseconds. A day has 24 hours, whatever the zone. Start at [`parse`].

use units::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

/// Largest first, so that [`show`] takes the largest that fits without a rest. `ms` is tried before `m` and `s` when reading.
const UNITS: [(&str, u64); 5] =
    [("d", DAY_MS), ("h", HOUR_MS), ("m", MINUTE_MS), ("s", SECOND_MS), ("ms", 1)];

/// Milliseconds of a whole number with its unit; `None` for anything else.
#[must_use]
pub fn parse(text: &str) -> Option<u64> {
    let digits_end = text.find(|it: char| !it.is_ascii_digit())?;
    let (digits, unit) = text.split_at(digits_end);
    let (_, unit_ms) = UNITS.iter().find(|(name, _)| *name == unit)?;
    digits.parse::<u64>().ok()?.checked_mul(*unit_ms)
}

/// The shortest text that [`parse`] reads as this many milliseconds.
#[must_use]
pub fn show(ms: u64) -> String {
    let fits = |(_, unit_ms): &&(&str, u64)| ms != 0 && ms.is_multiple_of(*unit_ms);
    let (name, unit_ms) = UNITS.iter().find(fits).unwrap_or(&("s", SECOND_MS));
    format!("{}{name}", ms / unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_whole_number_and_a_unit() {
        let cases = [
            ("30d", Some(30 * DAY_MS)),
            ("12h", Some(12 * HOUR_MS)),
            ("90m", Some(90 * MINUTE_MS)),
            ("45s", Some(45_000)),
            ("300ms", Some(300)),
            ("0s", Some(0)),
            ("30", None),
            ("d", None),
            ("", None),
            ("1.5h", None),
            ("-1d", None),
            ("1 d", None),
            ("1w", None),
            ("99999999999999999999d", None),
            ("999999999999999999d", None),
        ];
        for (text, want) in cases {
            assert_eq!(parse(text), want, "{text:?}");
        }
    }

    #[test]
    fn what_is_shown_is_read_back() {
        for (ms, text) in
            [(0, "0s"), (300, "300ms"), (90_000, "90s"), (3_600_000, "1h"), (30 * DAY_MS, "30d")]
        {
            assert_eq!(show(ms), text);
            assert_eq!(parse(text), Some(ms));
        }
    }
}
