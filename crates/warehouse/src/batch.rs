//! The rows of one flush, encoded once: a retry sends the same bytes again.
//!
//! In: events. Out: blocks of at most [`ROWS_PER_INSERT_MAX`] rows and [`PARTITIONS_PER_INSERT_MAX`] partitions, and the quarters they
//! touch. What the engine's calendar cannot hold becomes a row of quarantine instead. Not here: sending (`write`). Start at [`Batch`].

use std::collections::BTreeSet;

use bytes::Bytes;
use events::{Click, Credit, Decision, Quarantined, Report, Score};
use units::{
    DAY_MS, Origin, Quarter,
    planted::{Bug, planted},
};

use crate::{native::Columns, rows, tables::Table, trace};

/// Rows of one insert: one block, which the engine stores whole or not at all.
pub const ROWS_PER_INSERT_MAX: usize = 100_000;

/// Partitions one insert may touch. Each becomes a part of its own, with its own fsync.
pub const PARTITIONS_PER_INSERT_MAX: usize = 100;

/// Bytes of one insert; a block of long traces reaches it before the rows do.
pub const BYTES_PER_INSERT_MAX: usize = 32 * 1024 * 1024;

/// What became of an event that was put into a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is a row of its table.
    Row,
    /// It is a row of `quarantine_log`, with its reason.
    Quarantined,
}

/// Rows of all tables, to be written together. No limit of its own: the caller watches [`Batch::rows`].
#[derive(Debug, Clone)]
pub struct Batch {
    tables: [Blocks; Table::FACTS.len()],
    /// Starts of the quarters whose cells may change, in seconds.
    quarters: BTreeSet<u32>,
}

/// The blocks of one table. The last one is still being filled.
#[derive(Debug, Clone)]
struct Blocks {
    blocks: Vec<Columns>,
    /// Partitions of the last block, by number of the day: a month holds no more partitions than days.
    days: BTreeSet<u64>,
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    /// Without rows.
    #[must_use]
    pub fn new() -> Self {
        let empty =
            |table: Table| Blocks { blocks: vec![Columns::new(table.columns())], days: BTreeSet::new() };
        Self { tables: Table::FACTS.map(empty), quarters: BTreeSet::new() }
    }

    /// A click or view.
    pub fn click(&mut self, click: &Click<'_>) -> Fate {
        let quarter = click.head.at().quarter();
        let Some(seconds) = rows::storable(quarter) else {
            let mut bytes = Vec::new();
            click.clone().encode(&mut bytes).unwrap_or_default();
            return self.out_of_calendar("click", click.head.origin, &bytes);
        };
        rows::click(self.open(Table::Clicks, quarter), click);
        self.quarters.insert(seconds);
        Fate::Row
    }

    /// A shop's message.
    pub fn report(&mut self, report: &Report) -> Fate {
        let quarter = report.received_at.quarter();
        if rows::storable(quarter).is_none() {
            let mut bytes = Vec::new();
            report.clone().encode(&mut bytes).unwrap_or_default();
            return self.out_of_calendar("report", report.origin, &bytes);
        }
        // No mark: cells are made of clicks and credits.
        rows::report(self.open(Table::Reports, quarter), report);
        Fate::Row
    }

    /// What counting found about an order.
    pub fn score(&mut self, score: &Score) -> Fate {
        let quarter = score.received_at.quarter();
        if rows::storable(quarter).is_none() {
            let mut bytes = Vec::new();
            score.clone().encode(&mut bytes).unwrap_or_default();
            return self.out_of_calendar("score", score.origin, &bytes);
        }
        // No mark: cells are made of clicks and credits.
        rows::score(self.open(Table::Scores, quarter), score);
        Fate::Row
    }

    /// A snapshot of an order with all its credits. Every quarter that has a row of the order is marked, also without credits: the row takes
    /// away what an older snapshot credited there.
    pub fn decided(&mut self, decision: &Decision, credits: &[Credit]) -> Fate {
        let home = decision.at.quarter();
        let trace = trace::json(&decision.trace);
        let voids = decision.void_quarters.iter().filter(|it| **it != home).map(|it| (*it, true));
        for (quarter, void) in voids.chain([(home, false)]) {
            if let Some(seconds) = rows::storable(quarter) {
                let trace = if void { "" } else { &trace };
                rows::order(self.open(Table::Orders, quarter), seconds, void, decision, trace);
                if !void || !planted(Bug::ForgetMark) {
                    self.quarters.insert(seconds);
                }
            }
        }
        for credit in credits {
            if let Some(seconds) = rows::storable(credit.quarter) {
                rows::credit(self.open(Table::Credits, credit.quarter), seconds, credit);
                if credit.share.0 > 0 || !planted(Bug::ForgetMark) {
                    self.quarters.insert(seconds);
                }
            }
        }
        if rows::storable(home).is_some() {
            return Fate::Row;
        }
        let mut bytes = Vec::new();
        decision.clone().encode(&mut bytes).unwrap_or_default();
        let place = format!("order {}", decision.key);
        self.quarantine(&place, OUT_OF_CALENDAR, Origin::default(), &bytes);
        Fate::Quarantined
    }

    /// What could not be read.
    pub fn quarantined(&mut self, record: &Quarantined) {
        self.quarantine(&record.place, &record.reason, Origin::default(), &record.bytes);
    }

    /// Rows of all tables, marks left aside.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.blocks().map(|(_, block)| block.rows()).sum()
    }

    /// Rows of one table.
    #[must_use]
    pub fn rows_of(&self, table: Table) -> usize {
        self.blocks().filter(|(it, _)| *it == table).map(|(_, block)| block.rows()).sum()
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.blocks().map(|(_, block)| block.bytes()).sum()
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows() == 0
    }

    /// Takes all rows out.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// What is sent for this batch, in its order, the marks last: for a simulated engine. [`crate::Warehouse::write`] sends the same blocks.
    #[must_use]
    pub fn inserts(&self, source: &str, nonce: u64) -> Vec<(Table, Bytes)> {
        let facts = self.blocks().map(|(table, block)| (table, block.encode()));
        let marks = self.marks(source, nonce);
        facts.chain((marks.rows() > 0).then(|| (Table::Marks, marks.encode()))).collect()
    }

    /// Blocks with rows, in the order they are written in.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = (Table, &Columns)> {
        let tables = Table::FACTS.into_iter().zip(&self.tables);
        let blocks = tables.flat_map(|(table, it)| it.blocks.iter().map(move |block| (table, block)));
        blocks.filter(|(_, block)| block.rows() > 0)
    }

    /// The marks of this batch: one per quarter touched. `nonce` tells two batches apart.
    pub(crate) fn marks(&self, source: &str, nonce: u64) -> Columns {
        let mut marks = Columns::new(Table::Marks.columns());
        for quarter in &self.quarters {
            rows::mark(&mut marks, *quarter, source, nonce);
        }
        marks
    }

    pub(crate) fn quarters(&self) -> &BTreeSet<u32> {
        &self.quarters
    }

    fn out_of_calendar(&mut self, kind: &str, origin: Origin, bytes: &[u8]) -> Fate {
        self.quarantine(&format!("{kind} {origin}"), OUT_OF_CALENDAR, origin, bytes);
        Fate::Quarantined
    }

    fn quarantine(&mut self, place: &str, reason: &str, origin: Origin, bytes: &[u8]) {
        // The table has one partition, so any day does.
        rows::quarantine(self.open(Table::Quarantine, Quarter(0)), place, reason, origin, bytes);
    }

    /// The block that a row of `quarter` goes to.
    fn open(&mut self, table: Table, quarter: Quarter) -> &mut Columns {
        let index = Table::FACTS.iter().position(|it| *it == table).expect("marks are not put by rows");
        let blocks = self.tables.get_mut(index).expect("as many as tables");
        let day = quarter.start().0 / DAY_MS;
        let is_full = blocks.blocks.last().is_none_or(|it| {
            it.rows() >= ROWS_PER_INSERT_MAX
                || it.bytes() >= BYTES_PER_INSERT_MAX
                || (blocks.days.len() >= PARTITIONS_PER_INSERT_MAX && !blocks.days.contains(&day))
        });
        if is_full {
            blocks.blocks.push(Columns::new(table.columns()));
            blocks.days.clear();
        }
        blocks.days.insert(day);
        blocks.blocks.last_mut().expect("never empty")
    }
}

/// A time that the engine's calendar does not hold: 1970, or 2106 and later.
const OUT_OF_CALENDAR: &str = "time_out_of_range";
