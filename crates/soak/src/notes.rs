//! What the visitors and the shop noted down themselves: who was answered, after how long, in which phase of the run.
//!
//! In: one outcome at a time. Out: latencies by phase and by column of time, the numbers of all clicks and orders that were answered. Latencies
//! count from the instant a request was due; beside them stands what a closed loop would have seen, from the instant it was sent. Start at
//! [`Notes`].

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

/// Longer latencies count as this: ten minutes in microseconds.
const LATENCY_US_MAX: u64 = 600_000_000;
/// Digits of a latency that are kept for a phase, and for a column of the picture.
const PHASE_DIGITS: u8 = 3;
const COLUMN_DIGITS: u8 = 2;
/// Columns of the picture; a longer run has several seconds in each.
const COLUMNS_MAX: u64 = 600;

/// Numbers from 0 on, a bit each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Numbers(Vec<u64>);

impl Numbers {
    /// `false` where it was there already.
    pub(crate) fn insert(&mut self, number: u64) -> bool {
        let (word, bit) = Self::place(number);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let word = self.0.get_mut(word).expect("it was made long enough");
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    pub(crate) fn contains(&self, number: u64) -> bool {
        let (word, bit) = Self::place(number);
        self.0.get(word).is_some_and(|it| it & bit != 0)
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.iter().map(|it| u64::from(it.count_ones())).sum()
    }

    /// Those of `self` that `other` lacks.
    pub(crate) fn without(&self, other: &Self) -> impl Iterator<Item = u64> {
        let words = self.0.iter().enumerate();
        words.flat_map(move |(place, word)| {
            let left = word & !other.0.get(place).copied().unwrap_or(0);
            (0..64).filter(move |bit| left >> bit & 1 == 1).map(move |bit| place as u64 * 64 + bit)
        })
    }

    fn place(number: u64) -> (usize, u64) {
        (usize::try_from(number / 64).unwrap_or(usize::MAX), 1 << (number % 64))
    }
}

fn histogram(digits: u8) -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_US_MAX, digits).expect("constants the library accepts")
}

/// A part of the run.
#[derive(Debug)]
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    /// Whether something is broken in it.
    pub(crate) is_fault: bool,
    /// Since the first request was due.
    pub(crate) from: Duration,
    /// Microseconds since requests were due.
    pub(crate) due: Histogram<u64>,
    /// Microseconds since they were sent.
    pub(crate) sent: Histogram<u64>,
    pub(crate) errors: u64,
}

/// A column of the picture, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) max: u64,
}

/// Everything that was noted.
#[derive(Debug)]
pub(crate) struct Notes {
    begin: Instant,
    phases: Vec<Phase>,
    column_seconds: u64,
    columns: Vec<Option<Histogram<u64>>>,
    /// Clicks that were redirected.
    pub(crate) clicks: Numbers,
    /// Orders that the edge took.
    pub(crate) orders: Numbers,
    /// Orders to be reported.
    pub(crate) orders_wanted: u64,
    /// Reports that were refused because the disk was full, or not answered, and sent again.
    pub(crate) repeats: u64,
    pub(crate) errors: BTreeMap<String, u64>,
}

impl Notes {
    /// `begin` is when the first request is due; `seconds` the planned length.
    pub(crate) fn new(begin: Instant, seconds: u64) -> Self {
        Self {
            begin,
            phases: Vec::new(),
            column_seconds: seconds.div_ceil(COLUMNS_MAX).max(1),
            columns: Vec::new(),
            clicks: Numbers::default(),
            orders: Numbers::default(),
            orders_wanted: 0,
            repeats: 0,
            errors: BTreeMap::new(),
        }
    }

    /// The next phase begins at `now`.
    pub(crate) fn phase(&mut self, name: &'static str, is_fault: bool, now: Instant) {
        let from = now.saturating_duration_since(self.begin);
        let (due, sent) = (histogram(PHASE_DIGITS), histogram(PHASE_DIGITS));
        self.phases.push(Phase { name, is_fault, from, due, sent, errors: 0 });
    }

    pub(crate) fn phases(&self) -> &[Phase] {
        &self.phases
    }

    /// The phase in which a request was due.
    fn phase_of(&mut self, due: Instant) -> Option<&mut Phase> {
        let offset = due.saturating_duration_since(self.begin);
        let place = self.phases.partition_point(|it| it.from <= offset).saturating_sub(1);
        self.phases.get_mut(place)
    }

    /// A redirect.
    pub(crate) fn answered(&mut self, number: u64, due: Instant, sent: Instant, now: Instant) {
        let since = |from: Instant| {
            u64::try_from(now.saturating_duration_since(from).as_micros()).unwrap_or(LATENCY_US_MAX)
        };
        if let Some(phase) = self.phase_of(due) {
            phase.due.saturating_record(since(due));
            phase.sent.saturating_record(since(sent));
        }
        let place = due.saturating_duration_since(self.begin).as_secs() / self.column_seconds;
        let place = usize::try_from(place).unwrap_or(usize::MAX).min(self.columns.len() + 3_600);
        if self.columns.len() <= place {
            self.columns.resize(place + 1, None);
        }
        if let Some(column) = self.columns.get_mut(place) {
            column.get_or_insert_with(|| histogram(COLUMN_DIGITS)).saturating_record(since(due));
        }
        if !self.clicks.insert(number) {
            self.failed(due, "a number was used twice".to_owned());
        }
    }

    /// No redirect.
    pub(crate) fn failed(&mut self, due: Instant, why: String) {
        if let Some(phase) = self.phase_of(due) {
            phase.errors += 1;
        }
        *self.errors.entry(why).or_default() += 1;
    }

    pub(crate) const fn column_seconds(&self) -> u64 {
        self.column_seconds
    }

    /// In the order of time; `None` where nothing was due.
    pub(crate) fn columns(&self) -> impl Iterator<Item = Option<Column>> {
        self.columns.iter().map(|it| {
            it.as_ref().map(|it| Column {
                p50: it.value_at_percentile(50.0),
                p99: it.value_at_percentile(99.0),
                max: it.max(),
            })
        })
    }

    /// Records that the edges have taken: clicks and reports.
    pub(crate) fn taken(&self) -> u64 {
        self.clicks.len() + self.orders.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted_once_and_those_missing_are_named() {
        let (mut all, mut some) = (Numbers::default(), Numbers::default());
        for number in [0, 63, 64, 200] {
            assert!(all.insert(number));
        }
        assert!(!all.insert(64) && some.insert(63) && some.insert(0));
        assert_eq!((all.len(), all.contains(200), all.contains(199)), (4, true, false));
        assert_eq!(all.without(&some).collect::<Vec<_>>(), [64, 200]);
        assert_eq!(some.without(&all).count(), 0);
    }

    #[test]
    fn a_request_belongs_to_the_phase_in_which_it_was_due() {
        let begin = Instant::now();
        let at = |ms: u64| begin + Duration::from_millis(ms);
        let mut notes = Notes::new(begin, 2);
        notes.phase("healthy", false, begin);
        notes.phase("stall", true, at(1_000));
        notes.answered(0, at(999), at(1_500), at(2_000));
        notes.answered(1, at(1_001), at(1_001), at(1_002));
        notes.failed(at(1_001), "x".to_owned());
        let [healthy, stall] = notes.phases() else { panic!("two phases") };
        assert!(healthy.due.max() > 1_000_000 && healthy.sent.max() < 510_000, "its wait counts");
        assert!(stall.due.max() < 2_000);
        assert_eq!((healthy.errors, stall.errors), (0, 1));
        let columns: Vec<u64> = notes.columns().flatten().map(|it| it.max / 10_000).collect();
        assert_eq!(columns, [100, 0], "to two digits");
    }
}
