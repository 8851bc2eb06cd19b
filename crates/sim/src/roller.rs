//! A roller, which may sleep between any two of its steps for as long as it likes.
//!
//! In: the tables. Out: cells under the version that was read before the facts were. Not here: SQL (`warehouse`). Start at [`Roller::step`].

use std::collections::BTreeMap;

use units::Quarter;

use crate::{
    bugs::Bug,
    clickhouse::{Cell, CellKey, Tables},
};

/// A roller between two of its steps. It may sleep there for as long as it likes.
#[derive(Debug, Default)]
pub(crate) enum Roller {
    #[default]
    Idle,
    /// It knows the version, and has not read the facts.
    Versioned(Quarter, u64),
    /// It has read the facts, and not written the cells.
    Folded(Quarter, u64, BTreeMap<CellKey, Cell>),
    /// It has written the cells, and not noted that it did.
    Written(Quarter, u64),
}

/// What a step of a roller came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rolled {
    /// There was nothing to do.
    Nothing,
    /// It moved.
    Moved,
    /// This quarter is rolled now.
    Done(Quarter),
    /// The same, and somebody had rolled it to a newer version meanwhile.
    Stale(Quarter),
}

impl Roller {
    /// One step; `choice` picks among dirty quarters.
    pub(crate) fn step(&mut self, tables: &mut Tables, choice: usize, bug: Option<Bug>) -> Rolled {
        if tables.is_away {
            return Rolled::Moved;
        }
        match std::mem::take(self) {
            Self::Idle => {
                let dirty = tables.dirty();
                let Some(quarter) = dirty.get(choice % dirty.len().max(1)) else {
                    let swept = bug != Some(Bug::NoSweep) && tables.sweep() > 0;
                    return if swept { Rolled::Moved } else { Rolled::Nothing };
                };
                *self = Self::Versioned(*quarter, tables.version(*quarter));
            }
            Self::Versioned(quarter, version) => {
                *self = Self::Folded(quarter, version, tables.fold(quarter, bug));
            }
            Self::Folded(quarter, version, groups) => {
                let version = if bug == Some(Bug::VersionLate) { tables.version(quarter) } else { version };
                tables.write_cells(quarter, version, groups);
                *self = Self::Written(quarter, version);
            }
            Self::Written(quarter, version) => {
                let is_stale = tables.note_rolled(quarter, version);
                return if is_stale { Rolled::Stale(quarter) } else { Rolled::Done(quarter) };
            }
        }
        Rolled::Moved
    }
}
