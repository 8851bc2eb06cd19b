//! Fates: whatever a role receives meets exactly one of a closed list, and the sums must agree.
//!
//! In: "received" and "met this fate", by one thread each. Out: a [`Balance`], on the page and in tests. While nothing is in flight, received is the sum
//! of fates; if it is not, something was lost or counted twice (design.md 3.7). Start at [`FateCounts`].

use std::{
    marker::PhantomData,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::labels::{Label, labels};

labels! {
    /// What becomes of a request at the edge.
    EdgeFate "fate" {
        /// A click or view of a person, recorded.
        Recorded "recorded",
        /// A person again, recorded.
        Duplicate "duplicate",
        /// A declared robot, recorded.
        Bot "bot",
        /// A preview, recorded.
        Preview "preview",
        /// A speculative load, recorded.
        Prefetch "prefetch",
        /// A HEAD request, recorded.
        Head "head",
        /// Redirected, but the spool took no record.
        Unrecorded "unrecorded",
        /// No such link.
        UnknownLink "unknown_link",
        /// A link, offer or partner that is not active.
        Inactive "inactive",
        /// A report, recorded.
        Report "report",
        /// A report that cannot be understood.
        ReportRefused "report_refused",
        /// A report that is not from whom it says.
        Unauthorised "unauthorised",
        /// A report that the spool did not take: the shop tries again.
        ReportNotKept "report_not_kept",
        /// Not HTTP as we take it, or not for us.
        BadRequest "bad_request",
        /// Answering it panicked: a bug of ours, told with 500.
        Panicked "panicked",
        /// No catalog to answer from.
        Unavailable "unavailable",
        /// Answered, nothing to record: paths of ours that are no event.
        Other "other",
    }

    /// What becomes of a record that the pipeline reads.
    PipelineFate "fate" {
        /// It changed a set.
        Applied "applied",
        /// It was there already.
        Repeated "repeated",
        /// It could not be read; its bytes are kept.
        Quarantined "quarantined",
        /// A claim or another record about the log itself.
        Control "control",
    }
}

/// A closed list of fates.
pub trait Fate: Label {
    /// The role whose fates these are.
    const ROLE: &'static str;
    /// Its place in `ALL`.
    fn index(self) -> usize;
}

impl Fate for EdgeFate {
    const ROLE: &'static str = "edge";

    fn index(self) -> usize {
        self as usize
    }
}

impl Fate for PipelineFate {
    const ROLE: &'static str = "pipeline";

    fn index(self) -> usize {
        self as usize
    }
}

/// The counts of one thread: it alone writes, anyone reads.
#[derive(Debug)]
pub struct FateCounts<F> {
    received: AtomicU64,
    /// In the order of `F::ALL`.
    fates: Box<[AtomicU64]>,
    fate: PhantomData<F>,
}

/// Counts at one moment, of one thread or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// All that came.
    pub received: u64,
    /// `(fate, how many met it)`, every fate once.
    pub fates: Vec<(&'static str, u64)>,
}

impl<F: Fate> Default for FateCounts<F> {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self { received: zero(), fates: F::ALL.iter().map(|_| zero()).collect(), fate: PhantomData }
    }
}

impl<F: Fate> FateCounts<F> {
    /// Counts arrivals, before anything is done with them, and returns how many there are now.
    pub fn received(&self, count: u64) -> u64 {
        add(&self.received, count)
    }

    /// Counts the end of as many.
    pub fn met(&self, fate: F, count: u64) {
        let cell = self.fates.get(fate.index());
        debug_assert!(cell.is_some(), "every fate has its cell");
        if let Some(cell) = cell {
            add(cell, count);
        }
    }

    /// The counts so far. Fates are read before arrivals, so that what is in flight is never negative.
    #[must_use]
    pub fn balance(&self) -> Balance {
        let names = F::ALL.iter().zip(&self.fates);
        let fates = names.map(|(fate, cell)| (word(*fate), cell.load(Ordering::Acquire))).collect();
        Balance { received: self.received.load(Ordering::Acquire), fates }
    }
}

/// Fates are enums of words, which are borrowed for ever.
fn word<F: Fate>(fate: F) -> &'static str {
    match fate.value() {
        std::borrow::Cow::Borrowed(text) => text,
        std::borrow::Cow::Owned(_) => "",
    }
}

/// One writer: no lock on the bus. `Release` keeps the order between an arrival and its end.
fn add(cell: &AtomicU64, count: u64) -> u64 {
    let sum = cell.load(Ordering::Relaxed).wrapping_add(count);
    cell.store(sum, Ordering::Release);
    sum
}

impl Balance {
    /// Nothing received.
    #[must_use]
    pub fn empty<F: Fate>() -> Self {
        FateCounts::<F>::default().balance()
    }

    /// Adds another thread's.
    pub fn add(&mut self, other: &Self) {
        self.received += other.received;
        for ((_, mine), (_, theirs)) in self.fates.iter_mut().zip(&other.fates) {
            *mine += theirs;
        }
    }

    /// Adds that so many met `fate`. Not to what was received, which is counted apart, or the sum would prove nothing.
    pub fn met(&mut self, fate: impl Fate, count: u64) {
        let name = word(fate);
        let cell = self.fates.iter_mut().find(|(it, _)| *it == name);
        debug_assert!(cell.is_some(), "a balance is of one role's fates");
        if let Some((_, sum)) = cell {
            *sum += count;
        }
    }

    /// How many met a fate.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.fates.iter().map(|(_, count)| count).sum()
    }

    /// Received and not yet settled; negative when something was counted twice.
    #[must_use]
    pub fn in_flight(&self) -> i64 {
        self.received.wrapping_sub(self.settled()).cast_signed()
    }

    /// How many met this one.
    #[must_use]
    pub fn count(&self, fate: impl Fate) -> u64 {
        let name = word(fate);
        self.fates.iter().find(|(it, _)| *it == name).map_or(0, |(_, count)| *count)
    }

    /// Received is the sum of fates: true whenever nothing is in flight.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.in_flight() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fate_has_its_own_cell() {
        fn check<F: Fate + PartialEq + std::fmt::Debug>() {
            for (index, fate) in F::ALL.iter().enumerate() {
                assert_eq!(fate.index(), index, "{fate:?}");
            }
        }
        check::<EdgeFate>();
        check::<PipelineFate>();
    }

    #[test]
    fn received_is_the_sum_of_fates_when_nothing_is_in_flight() {
        let counts = FateCounts::<EdgeFate>::default();
        assert!(counts.balance().holds());
        counts.received(3);
        counts.met(EdgeFate::Recorded, 1);
        assert_eq!(counts.balance().in_flight(), 2);
        assert!(!counts.balance().holds());
        counts.met(EdgeFate::Bot, 2);
        assert!(counts.balance().holds());
        assert_eq!(counts.balance().count(EdgeFate::Bot), 2);
        counts.met(EdgeFate::Bot, 1);
        assert_eq!(counts.balance().in_flight(), -1);
    }

    #[test]
    fn balances_of_threads_add_up() {
        let (one, other) = (FateCounts::<PipelineFate>::default(), FateCounts::<PipelineFate>::default());
        one.received(5);
        one.met(PipelineFate::Applied, 5);
        other.received(1);
        other.met(PipelineFate::Quarantined, 1);
        let mut sum = Balance::empty::<PipelineFate>();
        sum.add(&one.balance());
        sum.add(&other.balance());
        assert!(sum.holds());
        assert_eq!((sum.received, sum.settled()), (6, 6));
        assert_eq!(sum.fates, [("applied", 5), ("repeated", 0), ("quarantined", 1), ("control", 0)]);
    }

    #[test]
    fn a_reader_never_sees_more_fates_than_arrivals() {
        let counts = FateCounts::<PipelineFate>::default();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for _ in 0..100_000 {
                    counts.received(1);
                    counts.met(PipelineFate::Applied, 1);
                }
            });
            while !writer.is_finished() {
                assert!(counts.balance().in_flight() >= 0);
            }
        });
        assert!(counts.balance().holds());
    }
}
