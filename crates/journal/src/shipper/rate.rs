//! How fast a backlog may be drained, so that the live path does not feel it.
//!
//! In: time that has passed, records that were sent. Out: how many may be sent now. Not here: the clock.

use std::time::Duration;

/// An allowance that grows with time and is worth at most a second.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: u64,
    /// In billionths of a record, so that no time is lost to rounding.
    allowance: u64,
}

const WHOLE: u64 = 1_000_000_000;

impl Rate {
    /// At least one record a second: none at all would be a shipper that is stopped.
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second: u64::from(per_second).max(1), allowance: 0 }
    }

    /// Records that may be sent after `elapsed` more time.
    pub(super) fn earn(&mut self, elapsed: Duration) -> usize {
        let most = self.per_second * WHOLE;
        let elapsed_ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let earned = elapsed_ns.saturating_mul(self.per_second);
        self.allowance = self.allowance.saturating_add(earned).min(most);
        usize::try_from(self.allowance / WHOLE).unwrap_or(usize::MAX)
    }

    /// Notes that `records` were sent.
    pub(super) fn spend(&mut self, records: usize) {
        self.allowance = self.allowance.saturating_sub((records as u64).saturating_mul(WHOLE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_sent_than_the_rate_allows_and_nothing_is_lost_to_rounding() {
        let mut rate = Rate::new(200);
        let mut sent = 0;
        for _ in 0..10_000 {
            let allowed = rate.earn(Duration::from_micros(333));
            rate.spend(allowed);
            sent += allowed;
        }
        assert_eq!(sent, 666);
    }

    #[test]
    fn an_idle_hour_is_worth_one_second() {
        let mut rate = Rate::new(200);
        assert_eq!(rate.earn(Duration::from_hours(1)), 200);
        rate.spend(200);
        assert_eq!(rate.earn(Duration::ZERO), 0);
        assert_eq!(Rate::new(0).earn(Duration::MAX), 1);
    }
}
