//! Latency at the price of two plain stores: log-linear buckets, one recorder per thread.
//!
//! In: nanoseconds, by one thread. Out: a [`LatencySnapshot`], which adds up over threads and is rendered as a Prometheus histogram.
//! A bucket is half an eighth of its value wide at most (12.5 %). Not here: measuring (`edge`). Start at [`Latency`].

use std::sync::atomic::{AtomicU64, Ordering};

/// Durations up to this one share the first bucket.
pub const LATENCY_NS_MIN: u64 = 1 << FIRST_POWER;
/// Durations beyond this one (34 s) share the last bucket.
pub const LATENCY_NS_MAX: u64 = 1 << LAST_POWER;

const FIRST_POWER: u32 = 10;
const LAST_POWER: u32 = 35;
/// Buckets per power of two: 8.
const SUB_BITS: u32 = 3;
/// One for everything below, eight a power, one for everything above.
const BUCKETS: usize = 2 + (((LAST_POWER - FIRST_POWER) as usize) << SUB_BITS);

/// The counts of one thread. Several threads may record too, but would lose counts to one another; each has its own.
#[derive(Debug)]
pub struct Latency {
    buckets: Box<[AtomicU64]>,
    sum_ns: AtomicU64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(), sum_ns: AtomicU64::new(0) }
    }
}

impl Latency {
    /// Counts one duration. Not a read-modify-write: the one writer needs no lock on the bus.
    pub fn record(&self, ns: u64) {
        let add = |cell: &AtomicU64, more: u64| {
            cell.store(cell.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
        };
        if let Some(bucket) = self.buckets.get(bucket_of(ns)) {
            add(bucket, 1);
        }
        add(&self.sum_ns, ns);
    }

    /// The counts so far.
    #[must_use]
    pub fn snapshot(&self) -> LatencySnapshot {
        LatencySnapshot {
            counts: self.buckets.iter().map(|it| it.load(Ordering::Relaxed)).collect(),
            sum_ns: self.sum_ns.load(Ordering::Relaxed),
        }
    }
}

/// Counts at one moment, of one thread or several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LatencySnapshot {
    counts: Vec<u64>,
    sum_ns: u64,
}

impl LatencySnapshot {
    /// Adds another thread's.
    pub fn add(&mut self, other: &Self) {
        self.counts.resize(BUCKETS, 0);
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = mine.wrapping_add(*theirs);
        }
        self.sum_ns = self.sum_ns.wrapping_add(other.sum_ns);
    }

    /// How many were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Together, in ns.
    #[must_use]
    pub const fn sum_ns(&self) -> u64 {
        self.sum_ns
    }

    /// The upper end of the bucket that holds the quantile `per_mille` (990 is p99), in ns; 0 when nothing was recorded.
    #[must_use]
    pub fn quantile_ns(&self, per_mille: u64) -> u64 {
        let wanted = self.count().saturating_mul(per_mille.min(1_000)).div_ceil(1_000);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if *count > 0 && seen >= wanted {
                return upper_end_ns(index);
            }
        }
        0
    }

    /// `(upper end in ns, counts up to it)` at every power of two and halfway between, from 16 us to a little over a second.
    pub(crate) fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut sum = 0;
        let ends = self.counts.iter().enumerate().map(move |(index, count)| {
            sum += count;
            (index, upper_end_ns(index), sum)
        });
        ends.filter(|(index, end, _)| index.is_multiple_of(4) && ((1 << 14)..=(1 << 30)).contains(end))
            .map(|(_, end, sum)| (end, sum))
    }
}

/// Each bucket holds its upper end and not its lower one, as Prometheus' `le` wants it.
fn bucket_of(ns: u64) -> usize {
    if ns <= LATENCY_NS_MIN {
        return 0;
    }
    if ns > LATENCY_NS_MAX {
        return BUCKETS - 1;
    }
    let below = ns - 1;
    let power = below.ilog2();
    let eighth = (below >> (power - SUB_BITS)) & ((1 << SUB_BITS) - 1);
    let whole = u64::from(power - FIRST_POWER) << SUB_BITS;
    usize::try_from(1 + whole + eighth).unwrap_or(BUCKETS - 1)
}

fn upper_end_ns(index: usize) -> u64 {
    let Some(index) = index.checked_sub(1) else { return LATENCY_NS_MIN };
    if index + 2 >= BUCKETS {
        return u64::MAX;
    }
    let (power, eighth) = (index >> SUB_BITS, index & ((1 << SUB_BITS) - 1));
    let base = 1_u64 << (FIRST_POWER as usize + power);
    base + (base >> SUB_BITS) * (eighth as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_in_the_bucket_that_ends_at_or_above_it() {
        let around = |it: u64| [it - 1, it, it + 1];
        let edges = (0..BUCKETS - 1).map(upper_end_ns).flat_map(around);
        for ns in edges.chain([0, 1, LATENCY_NS_MAX + 1, u64::MAX]) {
            let bucket = bucket_of(ns);
            assert!(ns <= upper_end_ns(bucket), "{ns} is beyond bucket {bucket}");
            assert!(bucket == 0 || ns > upper_end_ns(bucket - 1), "{ns} is before bucket {bucket}");
        }
    }

    #[test]
    fn a_bucket_is_at_most_an_eighth_wide() {
        for index in 1..BUCKETS - 1 {
            let (low, high) = (upper_end_ns(index - 1), upper_end_ns(index));
            assert!(low < high && (high - low) * 8 <= high, "{low} to {high}");
        }
    }

    #[test]
    fn counts_of_threads_add_up() {
        let (one, other) = (Latency::default(), Latency::default());
        for ns in 1..=1_000 {
            one.record(ns * 100_000);
        }
        other.record(10_000_000_000);
        let mut sum = LatencySnapshot::default();
        sum.add(&one.snapshot());
        sum.add(&other.snapshot());
        assert_eq!(sum.count(), 1_001);
        assert_eq!(sum.sum_ns(), 500_500 * 100_000 + 10_000_000_000);
        let p99 = sum.quantile_ns(990);
        assert!((99_000_000..=99_000_000 * 9 / 8).contains(&p99), "{p99}");
        assert!(sum.quantile_ns(1_000) >= 10_000_000_000);
        assert_eq!(LatencySnapshot::default().quantile_ns(500), 0);
    }
}
