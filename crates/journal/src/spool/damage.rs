//! What a reader found that is not as it was written, named exactly.
//!
//! In: findings of a scan. Out: a bounded list of them and totals that stay exact beyond it. Not here: the scan
//! (`segment`).

use std::{ops::Range, path::PathBuf};

use crate::StreamId;

/// Findings kept until they are taken. Further ones are counted only.
pub const DAMAGES_MAX: usize = 1024;

/// One range of bytes that should hold something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The stream it belongs to.
    pub stream: StreamId,
    /// The file.
    pub path: PathBuf,
    /// Offsets in the file.
    pub bytes: Range<u64>,
    /// Sequences of the records lost with it; empty if none is.
    pub sequences: Range<u64>,
    /// What is wrong.
    pub kind: DamageKind,
}

/// Kinds of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DamageKind {
    /// One copy of a segment's header is not whole; nothing is lost.
    HeaderCopy,
    /// Both copies are, and no other segment of the incarnation tells how to read this one.
    Header,
    /// Frames.
    Frames,
    /// Half a frame behind the last one, of a record that was never answered.
    TornTail,
    /// The file's header belongs to another writer, incarnation or place: somebody copied it here (fault 49).
    Foreign,
}

/// Findings and their totals.
#[derive(Debug, Default)]
pub struct Damages {
    found: Vec<Damage>,
    records: u64,
    findings: u64,
}

impl Damages {
    pub(super) fn push(&mut self, damage: Damage) {
        self.findings += 1;
        self.records += damage.sequences.end.saturating_sub(damage.sequences.start);
        if self.found.len() < DAMAGES_MAX {
            self.found.push(damage);
        }
    }

    /// Hands over the findings since the last call, at most [`DAMAGES_MAX`].
    pub fn take(&mut self) -> Vec<Damage> {
        std::mem::take(&mut self.found)
    }

    /// Records lost to damage so far.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Findings so far, torn tails included.
    #[must_use]
    pub fn findings(&self) -> u64 {
        self.findings
    }
}
