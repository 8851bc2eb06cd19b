//! What became of every record that was read: consumed = applied + repeated + quarantined, per kind, always.
//!
//! In: one call per record. Out: counts that add up. Not here: verdicts on clicks and orders (those are rows in ClickHouse).
//! Start at [`Fates::note`].

use std::collections::BTreeMap;

use journal::StreamId;
use telemetry::{Balance, PipelineFate};
use units::{Origin, WriterId};

/// Writers' runs remembered to tell repeats, per partition: 65,536 runs of 32 bytes, clicks and reports apart. Beyond it the lowest are forgotten, and their
/// repeats count as applied; the counts still add up and nothing else depends on them.
pub const RUNS_MAX: usize = 65_536;

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// A click or view.
    Click,
    /// A shop's message.
    Report,
    /// What counting found about an order.
    Score,
    /// A question to a timeline.
    Lookup,
    /// What became of a customer's order.
    Bound,
    /// Its answer.
    Evidence,
    /// An owner's claim.
    Claim,
    /// Nothing this build can read.
    Unreadable,
}

impl Input {
    /// The word in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Click => "click",
            Self::Report => "report",
            Self::Score => "score",
            Self::Lookup => "lookup",
            Self::Bound => "bound",
            Self::Evidence => "evidence",
            Self::Claim => "claim",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What became of it. A closed set: whatever is read meets exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// A machine took it, for the first time in this process's life.
    Applied,
    /// A machine took it again, which changes nothing.
    Repeated,
    /// It went to quarantine, with the reason.
    Quarantined,
}

impl Fate {
    /// The word in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Repeated => "repeated",
            Self::Quarantined => "quarantined",
        }
    }
}

/// The counts of one partition since its owner began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fates {
    /// Records read.
    pub consumed: u64,
    /// By kind and fate. Invariant: the values add up to `consumed`.
    pub by_fate: BTreeMap<(Input, Fate), u64>,
    /// Of the quarantined, by stable code. Invariant: the values add up to the quarantined.
    pub by_reason: BTreeMap<&'static str, u64>,
    /// Highest sequence seen of each kind in each writer's run. A shipper repeats a run's tail in order, never its middle alone; clicks and reports
    /// of one run come by topics of their own, which are not read in step.
    highest: BTreeMap<(Input, WriterId, u32), u64>,
}

impl Fates {
    /// Counts a record that a machine took.
    pub fn note(&mut self, input: Input, origin: Option<Origin>) {
        let fate = match origin {
            Some(origin) if self.is_repeat(input, origin) => Fate::Repeated,
            _ => Fate::Applied,
        };
        self.count(input, fate);
    }

    /// Counts a record that nobody could read.
    pub fn note_quarantined(&mut self, input: Input, reason: &'static str) {
        *self.by_reason.entry(reason).or_default() += 1;
        self.count(input, Fate::Quarantined);
    }

    /// Whether every record met one fate.
    #[must_use]
    pub fn add_up(&self) -> bool {
        let quarantined: u64 =
            self.by_fate.iter().filter(|((_, fate), _)| *fate == Fate::Quarantined).map(|(_, n)| n).sum();
        self.by_fate.values().sum::<u64>() == self.consumed
            && self.by_reason.values().sum::<u64>() == quarantined
    }

    /// In the words of all roles: what was received, and what became of it.
    #[must_use]
    pub fn balance(&self) -> Balance {
        let mut balance = Balance::empty::<PipelineFate>();
        balance.received = self.consumed;
        for ((input, fate), count) in &self.by_fate {
            let met = match (input, fate) {
                (_, Fate::Quarantined) => PipelineFate::Quarantined,
                (Input::Claim, _) => PipelineFate::Control,
                (_, Fate::Applied) => PipelineFate::Applied,
                (_, Fate::Repeated) => PipelineFate::Repeated,
            };
            balance.met(met, *count);
        }
        balance
    }

    /// Records of one fate.
    #[must_use]
    pub fn of(&self, fate: Fate) -> u64 {
        self.by_fate.iter().filter(|((_, it), _)| *it == fate).map(|(_, count)| count).sum()
    }

    fn count(&mut self, input: Input, fate: Fate) {
        self.consumed += 1;
        *self.by_fate.entry((input, fate)).or_default() += 1;
        debug_assert!(self.add_up());
    }

    fn is_repeat(&mut self, input: Input, origin: Origin) -> bool {
        let highest = self.highest.entry((input, origin.writer, origin.incarnation)).or_default();
        let repeat = origin.sequence <= *highest;
        *highest = origin.sequence.max(*highest);
        if self.highest.len() > RUNS_MAX {
            self.highest.pop_first();
        }
        repeat
    }
}

/// Where a record stood, for people and for quarantine.
#[must_use]
pub fn place(stream: &StreamId, position: u64) -> String {
    format!("{stream}@{position}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(sequence: u64) -> Origin {
        Origin { writer: WriterId(1), incarnation: 9, sequence }
    }

    #[test]
    fn every_record_meets_one_fate() {
        let mut fates = Fates::default();
        for sequence in [1, 2, 3, 2, 3, 4] {
            fates.note(Input::Click, Some(origin(sequence)));
        }
        fates.note(Input::Claim, None);
        fates.note_quarantined(Input::Unreadable, "no_envelope");
        assert!(fates.add_up());
        let balance = fates.balance();
        assert!(balance.holds(), "{balance:?}");
        assert_eq!(balance.fates, [("applied", 4), ("repeated", 2), ("quarantined", 1), ("control", 1)]);
        let counts = [fates.of(Fate::Applied), fates.of(Fate::Repeated), fates.of(Fate::Quarantined)];
        assert_eq!(counts, [5, 2, 1]);
        assert_eq!(fates.consumed, 8);
    }

    #[test]
    fn a_click_behind_a_later_report_of_its_run_is_no_repeat() {
        let mut fates = Fates::default();
        fates.note(Input::Report, Some(origin(9)));
        fates.note(Input::Click, Some(origin(7)));
        fates.note(Input::Click, Some(origin(7)));
        assert_eq!([fates.of(Fate::Applied), fates.of(Fate::Repeated)], [2, 1]);
    }

    #[test]
    fn the_memory_of_runs_is_bounded() {
        let mut fates = Fates::default();
        for incarnation in (0..).take(RUNS_MAX + 10) {
            fates.note(Input::Report, Some(Origin { writer: WriterId(1), incarnation, sequence: 1 }));
        }
        assert_eq!(fates.highest.len(), RUNS_MAX);
        assert!(fates.add_up());
    }
}
