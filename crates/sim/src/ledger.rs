//! What the world knows of its inputs: which were answered, which may have been recorded although nobody was, and what became of them.
//!
//! In: inputs as edges take them, and what the disk did. Out: what must be found, and what may be. The judge's own memory: it reads neither
//! spool nor log. Start at [`Ledger`].

use std::collections::{BTreeMap, BTreeSet};

use events::{ClickHead, Report, Score};
use units::{EpochMs, Origin};

use crate::world::Body;

/// An input that was given an origin.
#[derive(Debug, Clone)]
struct Kept {
    body: Body,
    /// Somebody was promised that it is recorded.
    is_certain: bool,
}

/// All inputs that edges took.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    kept: BTreeMap<Origin, Kept>,
}

/// What must have been recorded, and was.
#[derive(Debug, Default, Clone)]
pub(crate) struct Recorded {
    pub(crate) clicks: Vec<ClickHead>,
    pub(crate) reports: Vec<Report>,
    pub(crate) scores: Vec<Score>,
    /// How many of them nobody was promised.
    pub(crate) unanswered: u64,
    /// How many promises went with the power.
    pub(crate) lost: u64,
}

impl Ledger {
    /// An edge begins to write it. An origin that was promised to another is a broken promise.
    pub(crate) fn offer(&mut self, origin: Origin, body: Body) -> Result<(), String> {
        match self.kept.insert(origin, Kept { body, is_certain: false }) {
            Some(Kept { is_certain: true, .. }) => Err(format!("{origin} was given out twice")),
            _ => Ok(()),
        }
    }

    /// It is not recorded, and its origin will be given out again.
    pub(crate) fn withdraw(&mut self, origin: Origin) {
        self.kept.remove(&origin);
    }

    /// It was answered.
    pub(crate) fn answer(&mut self, origin: Origin) {
        if let Some(kept) = self.kept.get_mut(&origin) {
            kept.is_certain = true;
        }
    }

    /// Promises that this fault may break; how many there were.
    pub(crate) fn release(&mut self, wanted: impl Fn(Origin) -> bool) -> u64 {
        let mut count = 0;
        for (_, kept) in self.kept.iter_mut().filter(|(origin, kept)| kept.is_certain && wanted(**origin)) {
            kept.is_certain = false;
            count += 1;
        }
        count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Whether somebody sent it: by its identity and its time.
    pub(crate) fn knows(&self, origin: Origin, at: EpochMs) -> bool {
        self.kept.get(&origin).is_some_and(|it| it.body.at() == at)
    }

    /// Everything that must be found, given what was.
    pub(crate) fn resolve(&self, found: &BTreeSet<Origin>) -> Result<Recorded, String> {
        let mut recorded = Recorded::default();
        for (origin, kept) in &self.kept {
            let is_found = found.contains(origin);
            if kept.is_certain && !is_found {
                return Err(format!("{origin} was answered and is not recorded"));
            }
            recorded.unanswered += u64::from(is_found && !kept.is_certain);
            recorded.lost += u64::from(!is_found);
            match &kept.body {
                _ if !is_found => {}
                Body::Click(head) => recorded.clicks.push(ClickHead { origin: *origin, ..**head }),
                Body::Report(report) => {
                    recorded.reports.push(Report { origin: *origin, ..(**report).clone() });
                }
                Body::Score(score) => {
                    recorded.scores.push(Score { origin: *origin, ..(**score).clone() });
                }
            }
        }
        match found.iter().find(|it| !self.kept.contains_key(it)) {
            Some(invented) => Err(format!("{invented} was sent by nobody")),
            None => Ok(recorded),
        }
    }
}
