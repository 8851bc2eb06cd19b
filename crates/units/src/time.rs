//! Instants and the quarter of an hour that every rollup is made of.

use std::fmt;

/// Milliseconds in a second.
pub const SECOND_MS: u64 = 1_000;
/// Milliseconds in a minute.
pub const MINUTE_MS: u64 = 60 * SECOND_MS;
/// Milliseconds in an hour.
pub const HOUR_MS: u64 = 60 * MINUTE_MS;
/// Milliseconds in a day of 24 hours.
pub const DAY_MS: u64 = 24 * HOUR_MS;
/// Milliseconds in a quarter of an hour. Every time zone's hours and days are made of quarters.
pub const QUARTER_MS: u64 = 15 * MINUTE_MS;

/// Reads the present instant. Handed down from `cli`, the one crate that may look at the system's clock.
pub type Clock = fn() -> EpochMs;

/// Milliseconds since the Unix epoch, UTC: the only instant that crosses a crate boundary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpochMs(pub u64);

impl EpochMs {
    /// The greatest instant that fits the 48 bits of a click id: the year 10889.
    pub const MAX_48_BIT: Self = Self((1 << 48) - 1);

    /// `None` when `earlier` is in fact later; an age is never negative.
    #[must_use]
    pub const fn ms_since(self, earlier: Self) -> Option<u64> {
        self.0.checked_sub(earlier.0)
    }

    /// This instant moved back by `ms`, stopping at the epoch.
    #[must_use]
    pub const fn back(self, ms: u64) -> Self {
        Self(self.0.saturating_sub(ms))
    }

    /// This instant moved on by `ms`, stopping at the end of time.
    #[must_use]
    pub const fn forth(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// The quarter of an hour that holds this instant.
    #[must_use]
    pub const fn quarter(self) -> Quarter {
        Quarter::of(self)
    }
}

impl fmt::Display for EpochMs {
    /// RFC 3339 in UTC with milliseconds, as people and logs read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, ms_of_day) = (self.0 / DAY_MS, self.0 % DAY_MS);
        let (year, month, day) = civil_from_days(days);
        let (hour, minute) = (ms_of_day / HOUR_MS, ms_of_day / MINUTE_MS % 60);
        let (second, ms) = (ms_of_day / SECOND_MS % 60, ms_of_day % SECOND_MS);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }
}

/// The civil date of a day number, by Howard Hinnant's published algorithm for the proleptic Gregorian calendar.
const fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + (month <= 2) as u64;
    (year, month, day)
}

/// A quarter of an hour, counted from the Unix epoch. Facts, marks and cells are kept by quarter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quarter(pub u32);

impl Quarter {
    /// The quarter that holds `at`. Instants past the 32-bit count of quarters (the year 124 000) share the last one.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the type's range on the line before")]
    pub const fn of(at: EpochMs) -> Self {
        let index = at.0 / QUARTER_MS;
        Self(if index > u32::MAX as u64 { u32::MAX } else { index as u32 })
    }

    /// Its first instant.
    #[must_use]
    pub const fn start(self) -> EpochMs {
        EpochMs(self.0 as u64 * QUARTER_MS)
    }

    /// Its first second since the Unix epoch, as `ClickHouse`'s `DateTime` holds it; `None` from the year 2106 on.
    #[must_use]
    pub const fn start_seconds(self) -> Option<u32> {
        self.0.checked_mul(900)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_print_as_rfc_3339() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_763_818_571_042, "2025-11-22T13:36:11.042Z"),
            (4_102_444_799_999, "2099-12-31T23:59:59.999Z"),
        ];
        for (ms, want) in cases {
            assert_eq!(EpochMs(ms).to_string(), want);
        }
    }

    #[test]
    fn quarters_are_half_open() {
        let cases = [(0, 0), (QUARTER_MS - 1, 0), (QUARTER_MS, 1), (10 * QUARTER_MS + 1, 10)];
        for (ms, want) in cases {
            assert_eq!(EpochMs(ms).quarter(), Quarter(want), "{ms} ms");
        }
        assert_eq!(Quarter(3).start(), EpochMs(3 * QUARTER_MS));
        assert_eq!(Quarter(u32::MAX).start_seconds(), None);
    }

    #[test]
    fn an_age_is_never_negative() {
        assert_eq!(EpochMs(5).ms_since(EpochMs(6)), None);
        assert_eq!(EpochMs(6).ms_since(EpochMs(5)), Some(1));
        assert_eq!(EpochMs(5).back(6), EpochMs(0));
    }
}
