//! The proof that nothing is lost in silence: every sequence that a writer spooled is a fact, and every cell is a fold of facts.
//!
//! In: what the spools say was written. Out: each gap by its first and last sequence, each wrong cell, and the same in `audit_log`. The cells
//! are folded here by another statement than the roller's: `argMax` over all rows instead of FINAL, of credits those that no newer row of their
//! order outdates. Not here: reading spools (the caller).
//! Start at [`audit`].

mod cells;
mod complete;
mod orders;

use std::collections::BTreeMap;

pub use complete::{Complete, LifeSeen, complete_up_to};
pub use orders::{ORDERS_MAX, OrderFault, OrdersAudit, REPORTS_COUNTED_MAX};

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use units::{EpochMs, SECOND_MS, WriterId};

use crate::{
    client::Warehouse,
    error::EngineError,
    native::{Column, Columns, Layout},
    schema::READ_SETTINGS,
};

/// Gaps of one writer that are named; their sum is exact.
pub const GAPS_MAX: usize = 100_000;

/// Of those, how many `audit_log` keeps.
const GAPS_LOGGED_MAX: usize = 1_000;

/// Wrong cells that are named; their count is exact.
pub const MISMATCHES_MAX: usize = 1_000;

/// What one life of a writer put into its spool: sequences `first` to `last`, dense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Which spool.
    pub writer: WriterId,
    /// Which life.
    pub incarnation: u32,
    /// Its first sequence that is to be found.
    pub first: u64,
    /// Its last one, inclusive.
    pub last: u64,
}

/// Sequences that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The first one missing.
    pub first: u64,
    /// The last one missing, inclusive.
    pub last: u64,
}

/// One life of a writer, compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WriterAudit {
    /// Which spool.
    pub writer: u32,
    /// Which life.
    pub incarnation: u32,
    /// Sequences that should be there.
    pub expected: u64,
    /// Distinct ones that are, within that range: clicks, reports, scores and quarantined records.
    pub found: u64,
    /// Distinct ones outside of it: not spooled yet when the caller looked, or never.
    pub beyond: u64,
    /// What is missing, at most [`GAPS_MAX`] of them.
    pub gaps: Vec<Gap>,
}

/// A cell that differs from the fold over its facts.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct CellMismatch {
    /// The second its quarter begins in.
    pub quarter: u32,
    /// The other dimensions, as text.
    pub group: String,
    /// The facts' fold, measure by measure.
    pub facts: Vec<i64>,
    /// What the cell says.
    pub cell: Vec<i64>,
    /// How many cells differ in all.
    pub of: u64,
}

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// One per life of a writer that was expected or found.
    pub writers: Vec<WriterAudit>,
    /// Cells compared.
    pub cells: u64,
    /// Those that differ, at most [`MISMATCHES_MAX`] of them.
    pub mismatches: Vec<CellMismatch>,
    /// Quarters left out, because they have marks that are not rolled yet.
    pub quarters_dirty: u64,
}

impl AuditReport {
    /// Sequences that are missing, of all writers.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.writers.iter().map(|it| it.expected - it.found).sum()
    }

    /// Whether nothing is missing and every cell is right.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.missing() == 0 && self.mismatches.is_empty()
    }
}

#[derive(Row, Deserialize)]
struct Found {
    writer: u32,
    incarnation: u32,
    within: u64,
    beyond: u64,
}

#[derive(Row, Deserialize)]
struct Missing {
    first: u64,
    last: u64,
}

#[derive(Row, Deserialize)]
struct Count {
    count: u64,
}

/// The first sequence of each that is not stored, or one more than its last: below it, the spool is no longer needed. `since` is no later than
/// any of the records.
pub async fn stored_before(
    warehouse: &Warehouse,
    of: &[Expected],
    since: EpochMs,
) -> Result<Vec<u64>, EngineError> {
    let writers = writers(warehouse, of, &inputs_since(since)).await?;
    let first_missing = |(it, audit): (&Expected, &WriterAudit)| match audit.gaps.first() {
        Some(gap) => gap.first,
        None if audit.found < audit.expected => it.first,
        None => it.last + 1,
    };
    Ok(of.iter().zip(&writers).map(first_missing).collect())
}

/// What is in quarantine is accounted for. What has been replayed from there is a fact like any other, and must be found as one.
const WAITING: &str =
    "(SELECT place, event_id FROM quarantine_log FINAL WHERE replayed_at = toDateTime(0, 'UTC'))";

/// What could not be read counts as well, where quarantine knows its place in a spool.
fn inputs_since(since: EpochMs) -> String {
    let since = seconds(since);
    format!(
        "SELECT writer, incarnation, sequence FROM clicks_log WHERE at >= toDateTime64({since}, 3, 'UTC') \
         UNION ALL SELECT writer, incarnation, sequence FROM reports_log WHERE received_at >= toDateTime64({since}, 3, 'UTC') \
         UNION ALL SELECT writer, incarnation, sequence FROM scores_log WHERE received_at >= toDateTime64({since}, 3, 'UTC') \
         UNION ALL SELECT toUInt32OrZero(it[1]) AS writer, toUInt32OrZero(it[2]) AS incarnation, toUInt64OrZero(it[3]) AS sequence FROM (\
         SELECT extractGroups(place, '^spool:(\\\\d+):(\\\\d+)@(\\\\d+)$') AS it FROM {WAITING} WHERE startsWith(place, 'spool:')) WHERE length(it) = 3 \
         UNION ALL SELECT reinterpretAsUInt32(reverse(substring(event_id, 1, 4))) AS writer, \
         reinterpretAsUInt32(reverse(substring(event_id, 5, 4))) AS incarnation, \
         reinterpretAsUInt64(reverse(substring(event_id, 9, 8))) AS sequence FROM {WAITING} WHERE sequence > 0"
    )
}

/// Compares sequences, and the cells of the quarters from `from` up to, not including, `to`. `now` is when, for the log.
pub async fn audit(
    warehouse: &Warehouse,
    expected: &[Expected],
    from: EpochMs,
    to: EpochMs,
    now: EpochMs,
) -> Result<AuditReport, EngineError> {
    let mut report =
        AuditReport { writers: writers(warehouse, expected, INPUTS).await?, ..AuditReport::default() };
    let (from, to) = (seconds(from), seconds(to));
    let count: Vec<Count> = warehouse
        .rows(&format!("{} SETTINGS {READ_SETTINGS}", dirty_in(from, to, "count() AS count")))
        .await?;
    report.quarters_dirty = count.first().map_or(0, |it| it.count);
    let count: Vec<Count> = warehouse
        .rows(&format!(
            "SELECT count() AS count FROM cells FINAL WHERE quarter >= toDateTime({from}, 'UTC') AND quarter < toDateTime({to}, 'UTC') \
             SETTINGS {READ_SETTINGS}"
        ))
        .await?;
    report.cells = count.first().map_or(0, |it| it.count);
    report.mismatches = warehouse.rows(&cells::mismatches(from, to)).await?;
    note(warehouse, &report, now).await?;
    Ok(report)
}

fn seconds(at: EpochMs) -> u32 {
    u32::try_from(at.0 / SECOND_MS).unwrap_or(u32::MAX)
}

/// Every row of an input, with the parts of its identity.
const INPUTS: &str = "SELECT writer, incarnation, sequence FROM clicks_log UNION ALL SELECT writer, incarnation, sequence FROM reports_log \
     UNION ALL SELECT writer, incarnation, sequence FROM scores_log \
     UNION ALL SELECT reinterpretAsUInt32(reverse(substring(event_id, 1, 4))) AS writer, \
     reinterpretAsUInt32(reverse(substring(event_id, 5, 4))) AS incarnation, \
     reinterpretAsUInt64(reverse(substring(event_id, 9, 8))) AS sequence FROM \
     (SELECT event_id FROM quarantine_log FINAL WHERE replayed_at = toDateTime(0, 'UTC')) WHERE sequence > 0";

/// The same without those in quarantine, whose times are none.
const INPUTS_WITH_TIMES: &str = "SELECT writer, incarnation, sequence, at AS made_at FROM clicks_log \
     UNION ALL SELECT writer, incarnation, sequence, received_at AS made_at FROM reports_log \
     UNION ALL SELECT writer, incarnation, sequence, received_at AS made_at FROM scores_log";

async fn writers(
    warehouse: &Warehouse,
    expected: &[Expected],
    inputs: &str,
) -> Result<Vec<WriterAudit>, EngineError> {
    let found: Vec<Found> = warehouse.rows(&counts(expected, inputs)).await?;
    let found: BTreeMap<(u32, u32), Found> =
        found.into_iter().map(|it| ((it.writer, it.incarnation), it)).collect();
    let mut writers = Vec::new();
    for it in expected {
        let (within, beyond) =
            found.get(&(it.writer.0, it.incarnation)).map_or((0, 0), |it| (it.within, it.beyond));
        let count = (it.last + 1).saturating_sub(it.first);
        let gaps = if within < count { gaps(warehouse, it, inputs).await? } else { Vec::new() };
        writers.push(WriterAudit {
            writer: it.writer.0,
            incarnation: it.incarnation,
            expected: count,
            found: within,
            beyond,
            gaps,
        });
    }
    let strangers = found.into_values().filter(|found| {
        !expected.iter().any(|it| (it.writer.0, it.incarnation) == (found.writer, found.incarnation))
    });
    writers.extend(strangers.map(|it| WriterAudit {
        writer: it.writer,
        incarnation: it.incarnation,
        expected: 0,
        found: 0,
        beyond: it.beyond,
        gaps: Vec::new(),
    }));
    Ok(writers)
}

fn counts(expected: &[Expected], inputs: &str) -> String {
    let within = expected.iter().map(|it| {
        format!(
            "(writer = {} AND incarnation = {} AND sequence BETWEEN {} AND {})",
            it.writer, it.incarnation, it.first, it.last
        )
    });
    let within: Vec<String> = within.collect();
    let within = if within.is_empty() { "0".to_owned() } else { within.join(" OR ") };
    format!(
        "SELECT writer, incarnation, countIf(is_within) AS within, countIf(NOT is_within) AS beyond \
         FROM (SELECT DISTINCT writer, incarnation, sequence, ({within}) AS is_within FROM ({inputs})) \
         GROUP BY writer, incarnation ORDER BY writer, incarnation"
    )
}

/// Where a sequence is followed by one that is not the next. The range's own ends stand at both sides.
async fn gaps(warehouse: &Warehouse, of: &Expected, inputs: &str) -> Result<Vec<Gap>, EngineError> {
    let Expected { writer, incarnation, first, last } = of;
    let missing: Vec<Missing> = warehouse
        .rows(&format!(
            "SELECT sequence + 1 AS first, toUInt64(next - 1) AS last FROM (\
             SELECT sequence, leadInFrame(sequence) OVER (ORDER BY sequence ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS next \
             FROM (SELECT DISTINCT sequence FROM (\
             SELECT toUInt64(arrayJoin([{before}, {after}])) AS sequence UNION ALL \
             SELECT sequence FROM ({inputs}) WHERE writer = {writer} AND incarnation = {incarnation} AND sequence BETWEEN {first} AND {last}))) \
             WHERE next > sequence + 1 ORDER BY first LIMIT {GAPS_MAX}",
            before = first.saturating_sub(1),
            after = last + 1,
        ))
        .await?;
    Ok(missing.into_iter().map(|it| Gap { first: it.first, last: it.last }).collect())
}

fn dirty_in(from: u32, to: u32, select: &str) -> String {
    format!(
        "SELECT {select} FROM (SELECT quarter, sum(n) AS v FROM marks WHERE quarter >= toDateTime({from}, 'UTC') AND quarter < toDateTime({to}, 'UTC') \
         GROUP BY quarter) AS m LEFT JOIN (SELECT quarter, ver FROM rolled FINAL) AS r USING (quarter) WHERE v > r.ver"
    )
}

const AUDIT_LOG: &[Column] = &[
    Column { name: "at", kind: "DateTime64(3, 'UTC')", layout: Layout::Fixed(8) },
    Column { name: "what", kind: "String", layout: Layout::Text },
    Column { name: "subject", kind: "String", layout: Layout::Text },
    Column { name: "expected", kind: "UInt64", layout: Layout::Fixed(8) },
    Column { name: "found", kind: "UInt64", layout: Layout::Fixed(8) },
    Column { name: "detail", kind: "String", layout: Layout::Text },
];

/// The view `audit` shows the last one.
async fn note(warehouse: &Warehouse, report: &AuditReport, now: EpochMs) -> Result<(), EngineError> {
    let mut block = Columns::new(AUDIT_LOG);
    let mut row = |what: &str, subject: &str, expected: u64, found: u64, detail: &str| {
        block.u64(now.0);
        block.text(what);
        block.text(subject);
        block.u64(expected);
        block.u64(found);
        block.text(detail);
        block.end_row();
    };
    for it in &report.writers {
        let gaps = it.gaps.iter().take(GAPS_LOGGED_MAX).map(|gap| format!("{}-{}", gap.first, gap.last));
        let gaps = gaps.collect::<Vec<_>>().join(" ");
        row("sequences", &format!("{}-{}", it.writer, it.incarnation), it.expected, it.found, &gaps);
    }
    let wrong = report.mismatches.first().map_or(0, |it| it.of);
    let groups = report.mismatches.iter().take(10).map(|it| format!("{} {}", it.quarter, it.group));
    row(
        "cells",
        "",
        report.cells,
        report.cells.saturating_sub(wrong),
        &groups.collect::<Vec<_>>().join("; "),
    );
    let names = AUDIT_LOG.iter().map(|it| it.name).collect::<Vec<_>>().join(", ");
    warehouse.insert("audit_log", names, &block).await
}
