//! What came of all requests: percentiles, statuses, errors.
//!
//! In: one outcome at a time. Out: sums. Latencies are kept in an HDR histogram to three digits, so that memory does not grow with the run.
//! Start at [`Tally`].

use std::{collections::BTreeMap, time::Instant};

use hdrhistogram::Histogram;

/// Longer latencies count as this: an hour in microseconds.
const LATENCY_US_MAX: u64 = 3_600_000_000;
/// Digits of a latency that are kept.
const DIGITS: u8 = 3;

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ErrorKind {
    /// Nobody listens.
    Connect,
    /// The connection ended before the answer did.
    Closed,
    /// No whole answer in time.
    Timeout,
    /// The answer is not HTTP.
    Protocol,
    /// All connections were busy until long after the schedule's end.
    Unsent,
}

impl ErrorKind {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Unsent => "unsent",
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Connect => "no connection",
            Self::Closed => "connection closed",
            Self::Timeout => "no answer in time",
            Self::Protocol => "answer is not HTTP",
            Self::Unsent => "never sent",
        }
    }
}

/// The sums.
#[derive(Debug)]
pub(super) struct Tally {
    since_due: Histogram<u64>,
    since_sent: Histogram<u64>,
    /// First due instant and last answer.
    span: Option<(Instant, Instant)>,
    pub(super) statuses: BTreeMap<u16, u64>,
    pub(super) errors: BTreeMap<ErrorKind, u64>,
    /// The generator's own lateness.
    pub(super) late_us_max: u64,
}

impl Default for Tally {
    fn default() -> Self {
        let histogram =
            || Histogram::new_with_bounds(1, LATENCY_US_MAX, DIGITS).expect("constants the library accepts");
        Self {
            since_due: histogram(),
            since_sent: histogram(),
            span: None,
            statuses: BTreeMap::new(),
            errors: BTreeMap::new(),
            late_us_max: 0,
        }
    }
}

impl Tally {
    pub(super) fn answered_with(&mut self, status: u16, due_at: Instant, sent_at: Instant) {
        let now = Instant::now();
        self.since_due.saturating_record(micros(due_at, now));
        self.since_sent.saturating_record(micros(sent_at, now));
        let first = self.span.map_or(due_at, |(first, _)| first.min(due_at));
        self.span = Some((first, now));
        *self.statuses.entry(status).or_default() += 1;
    }

    pub(super) fn failed_with(&mut self, kind: ErrorKind) {
        *self.errors.entry(kind).or_default() += 1;
    }

    pub(super) fn answered(&self) -> u64 {
        self.statuses.values().sum()
    }

    pub(super) fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    /// From when the first answered request was due to the last answer.
    pub(super) fn seconds(&self) -> f64 {
        self.span.map_or(0.0, |(first, last)| last.duration_since(first).as_secs_f64())
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub(super) fn rate_achieved(&self) -> f64 {
        if self.seconds() > 0.0 { self.answered() as f64 / self.seconds() } else { 0.0 }
    }

    /// Microseconds since a request was due, at a percentile.
    pub(super) fn due_us(&self, percentile: f64) -> u64 {
        self.since_due.value_at_percentile(percentile)
    }

    /// Microseconds since a request was sent: without the wait for a free connection.
    pub(super) fn sent_us(&self, percentile: f64) -> u64 {
        self.since_sent.value_at_percentile(percentile)
    }
}

fn micros(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(LATENCY_US_MAX)
}

/// Microseconds as milliseconds.
#[expect(clippy::cast_precision_loss, reason = "a latency for people")]
pub(super) fn ms(us: u64) -> f64 {
    us as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_wait_before_sending_counts() {
        let mut tally = Tally::default();
        let sent = Instant::now();
        let due = sent.checked_sub(Duration::from_secs(2)).unwrap();
        tally.answered_with(302, due, sent);
        tally.failed_with(ErrorKind::Timeout);
        assert!(tally.due_us(50.0) >= 1_998_000, "to three digits");
        assert!(tally.sent_us(50.0) < tally.due_us(50.0));
        assert_eq!((tally.answered(), tally.failed()), (1, 1));
        assert!(tally.rate_achieved() <= 0.5);
    }
}
