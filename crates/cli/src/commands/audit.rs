//! `tributary audit`: is everything that was answered in `ClickHouse`, and is every rollup the sum of its facts.
//!
//! In: the spools of this machine and `ClickHouse`. Out: each missing record by its sequence, each wrong cell, and how many records at most nobody
//! can know of. Not here: the comparison (`warehouse::audit`). Start at [`AuditFlags`].

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::Args;
use events::ENVELOPE_BYTES;
use journal::{
    StreamId,
    spool::{self, EndState, SEGMENT_BYTES, StreamReport, frame},
};
use serde_json::json;
use units::{DAY_MS, WriterId};
use warehouse::{AuditReport, Expected, Gap, Warehouse, WriterAudit};

use super::{
    Common,
    place::{self, Place},
    spool::end_code,
};
use crate::{clock, output::Output};

/// Between two comparisons while records are on their way.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long quarters may stay unrolled before the audit goes on without them: under traffic the open one always has something new.
const ROLL_WAIT: Duration = Duration::from_secs(5);
/// Wrong cells that are shown.
const CELLS_SHOWN_MAX: usize = 20;
/// Gaps of one writer that are shown in the table; JSON has all that are named.
const GAPS_SHOWN_MAX: usize = 5;
/// Places of unreadable records that are looked at.
const QUARANTINED_MAX: usize = 100_000;

/// How to audit.
#[derive(Debug, Args)]
pub(crate) struct AuditFlags {
    /// How long records may be on their way before they are missing
    #[arg(long, value_name = "S", default_value_t = 20)]
    wait_seconds: u32,
    /// How far back cells are compared with their facts
    #[arg(long, value_name = "N", default_value_t = 31)]
    days: u32,
    #[command(flatten)]
    common: Common,
}

impl AuditFlags {
    /// `false`: something is missing or wrong.
    pub(super) fn run(&self) -> anyhow::Result<bool> {
        let (settings, output) = (self.common.settings()?, self.common.output());
        let place = Place::new(&settings);
        let spool = spool::inspect(&place.spool()).context("the spool cannot be read")?;
        let expected: Vec<Expected> = spool.streams.iter().filter_map(expected).collect();
        if expected.is_empty() {
            output.say(&format!(
                "no spool in {}: only cells are audited here; run this where edges run too",
                place.spool().display()
            ));
        }
        let warehouse = place.warehouse();
        let (report, quarantined) = place::block_on(async {
            let report = self.settled(&warehouse, &expected).await.with_context(|| place.no_answer())?;
            let unreadable =
                if report.missing() > 0 { quarantined(&warehouse).await? } else { BTreeSet::new() };
            Ok((report, unreadable))
        })?;
        let result = Audited::new(&spool, report, &quarantined);
        result.show(output);
        Ok(result.is_clean())
    }

    /// Compares until nothing is on its way any more, or the wait is over.
    async fn settled(&self, warehouse: &Warehouse, expected: &[Expected]) -> anyhow::Result<AuditReport> {
        let begun = Instant::now();
        loop {
            let now = clock::now();
            let (from, to) = (now.back(u64::from(self.days) * DAY_MS), now.forth(DAY_MS));
            let report = warehouse::audit(warehouse, expected, from, to, now).await?;
            let waited = begun.elapsed();
            let is_settled = report.is_clean() && (report.quarters_dirty == 0 || ROLL_WAIT <= waited);
            if is_settled || Duration::from_secs(self.wait_seconds.into()) <= waited {
                return Ok(report);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// What one incarnation answered: everything from its first record, also what retention has removed from the spool since.
fn expected(it: &StreamReport) -> Option<Expected> {
    let last = it.last_sequence.max(it.end_sequence.unwrap_or(0));
    (last > 0).then_some(Expected { writer: it.writer, incarnation: it.incarnation, first: 1, last })
}

/// Records nobody can know of: after a machine went down, those that were in memory only. All lie behind the last one in the last segment,
/// whose folder entry was synced when it was made.
fn unknown_at_most(it: &StreamReport) -> u64 {
    if it.end != Some(EndState::MachineDied) {
        return 0;
    }
    let room_bytes = (it.segments.max(1) as u64 * SEGMENT_BYTES).saturating_sub(it.file_bytes);
    room_bytes / frame::padded(ENVELOPE_BYTES) as u64
}

/// Records that could not be read: they have no identity in `ClickHouse`, but their place is kept there.
async fn quarantined(warehouse: &Warehouse) -> anyhow::Result<BTreeSet<(u32, u32, u64)>> {
    let places = warehouse
        .client()
        .query("SELECT DISTINCT place FROM quarantine_log WHERE startsWith(place, 'spool:') LIMIT ?")
        .bind(QUARANTINED_MAX)
        .fetch_all::<String>()
        .await?;
    Ok(places.iter().filter_map(|it| sequence_of(it)).collect())
}

/// `spool:WRITER:INCARNATION@SEQUENCE`, as the pipeline notes it.
fn sequence_of(place: &str) -> Option<(u32, u32, u64)> {
    let (stream, sequence) = place.split_once('@')?;
    match stream.parse().ok()? {
        StreamId::Spool { writer, incarnation } => Some((writer.0, incarnation, sequence.parse().ok()?)),
        StreamId::Topic { .. } | StreamId::Memory(_) => None,
    }
}

/// One writer's life, with its end.
#[derive(Debug)]
struct Line {
    audit: WriterAudit,
    end: &'static str,
    unknown_at_most: u64,
    /// Records that are in quarantine instead.
    quarantined: u64,
    gaps: Vec<Gap>,
}

/// Everything that was found.
#[derive(Debug)]
struct Audited {
    lines: Vec<Line>,
    report: AuditReport,
    damaged: u64,
}

impl Audited {
    fn new(spool: &spool::Report, report: AuditReport, quarantined: &BTreeSet<(u32, u32, u64)>) -> Self {
        let line = |audit: &WriterAudit| {
            let of = (WriterId(audit.writer), audit.incarnation);
            let stream = spool.streams.iter().find(|it| (it.writer, it.incarnation) == of);
            let place = |sequence| (audit.writer, audit.incarnation, sequence);
            let within = |gap: &Gap| quarantined.range(place(gap.first)..=place(gap.last)).map(|it| it.2);
            let gaps: Vec<Gap> = audit.gaps.iter().flat_map(|gap| without(*gap, within(gap))).collect();
            let named = |gaps: &[Gap]| gaps.iter().map(|it| it.last - it.first + 1).sum::<u64>();
            Line {
                audit: audit.clone(),
                end: stream.map_or("elsewhere", |it| end_code(it.end)),
                unknown_at_most: stream.map_or(0, unknown_at_most),
                quarantined: named(&audit.gaps) - named(&gaps),
                gaps,
            }
        };
        Self { lines: report.writers.iter().map(line).collect(), damaged: spool.records_damaged, report }
    }

    fn gaps(&self) -> u64 {
        self.lines.iter().map(Line::missing).sum()
    }

    fn cell_mismatches(&self) -> u64 {
        self.report.mismatches.first().map_or(0, |it| it.of)
    }

    fn is_clean(&self) -> bool {
        self.gaps() == 0 && self.cell_mismatches() == 0
    }

    fn show(&self, output: Output) {
        let unknown: u64 = self.lines.iter().map(|it| it.unknown_at_most).sum();
        if output == Output::People {
            let heads = [
                "writer",
                "edge",
                "incarnation",
                "end",
                "spooled",
                "in ClickHouse",
                "quarantined",
                "later",
                "missing",
                "gaps",
            ];
            output.table(&heads, &self.lines.iter().map(Line::row).collect::<Vec<_>>());
        }
        for it in &self.lines {
            output.event(&it.json());
        }
        self.show_cells(output);
        output.say(&self.sentence(unknown));
        let sum = |of: fn(&WriterAudit) -> u64| self.lines.iter().map(|it| of(&it.audit)).sum::<u64>();
        output.event(&json!({
            "event": "audit", "gaps": self.gaps(), "unknown_at_most": unknown, "cells": self.report.cells,
            "cell_mismatches": self.cell_mismatches(), "quarters_not_rolled": self.report.quarters_dirty,
            "spooled": sum(|it| it.expected), "stored": sum(|it| it.found), "damaged": self.damaged,
        }));
    }

    fn show_cells(&self, output: Output) {
        for it in &self.report.mismatches {
            output.event(&json!({
                "event": "cell", "quarter": it.quarter, "group": it.group, "facts": it.facts, "cell": it.cell,
            }));
        }
        let numbers = |list: &[i64]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let quarter = |seconds: u32| units::EpochMs(u64::from(seconds) * units::SECOND_MS).to_string();
        let shown = self.report.mismatches.iter().take(CELLS_SHOWN_MAX);
        let rows: Vec<_> = shown
            .map(|it| vec![quarter(it.quarter), it.group.clone(), numbers(&it.facts), numbers(&it.cell)])
            .collect();
        if output == Output::People && !rows.is_empty() {
            output
                .table(&["quarter", "partner offer link country device currency", "by facts", "cell"], &rows);
        }
    }

    fn sentence(&self, unknown: u64) -> String {
        let mut parts = vec![
            format!("{} records missing", self.gaps()),
            format!("{} of {} cells wrong", self.cell_mismatches(), self.report.cells),
        ];
        if unknown > 0 {
            parts.push(format!(
                "at most {unknown} records that nobody can know of, since the machine went down"
            ));
        }
        if self.damaged > 0 {
            parts.push(format!(
                "{} records damaged in the spool (tributary spool inspect names them)",
                self.damaged
            ));
        }
        if self.report.quarters_dirty > 0 {
            parts.push(format!("{} quarters are being rolled and were left out", self.report.quarters_dirty));
        }
        parts.join(", ")
    }
}

impl Line {
    fn missing(&self) -> u64 {
        (self.audit.expected - self.audit.found).saturating_sub(self.quarantined)
    }

    fn row(&self) -> Vec<String> {
        let it = &self.audit;
        let shown = self.gaps.iter().take(GAPS_SHOWN_MAX).map(|gap| {
            if gap.first == gap.last { gap.first.to_string() } else { format!("{}-{}", gap.first, gap.last) }
        });
        let mut gaps: Vec<String> = shown.collect();
        if self.gaps.len() > GAPS_SHOWN_MAX {
            gaps.push("...".to_owned());
        }
        let writer = WriterId(it.writer);
        vec![
            writer.to_string(),
            writer.edge().to_string(),
            it.incarnation.to_string(),
            self.end.to_owned(),
            it.expected.to_string(),
            it.found.to_string(),
            self.quarantined.to_string(),
            it.beyond.to_string(),
            self.missing().to_string(),
            gaps.join(" "),
        ]
    }

    fn json(&self) -> serde_json::Value {
        let it = &self.audit;
        json!({
            "event": "writer", "writer": it.writer, "incarnation": it.incarnation, "end": self.end, "spooled": it.expected,
            "stored": it.found, "quarantined": self.quarantined, "later": it.beyond, "missing": self.missing(), "gaps": self.gaps,
            "unknown_at_most": self.unknown_at_most,
        })
    }
}

/// A gap without the sequences that are accounted for, which come ascending.
fn without(gap: Gap, accounted_for: impl Iterator<Item = u64>) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut first = gap.first;
    for sequence in accounted_for {
        if first < sequence {
            gaps.push(Gap { first, last: sequence - 1 });
        }
        first = sequence + 1;
    }
    if first <= gap.last {
        gaps.push(Gap { first, last: gap.last });
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(end: Option<EndState>, last_sequence: u64) -> StreamReport {
        StreamReport {
            writer: WriterId(65_536),
            incarnation: 7,
            segments: 1,
            file_bytes: SEGMENT_BYTES - 3_200,
            records: last_sequence,
            payload_bytes: 0,
            first_sequence: 1,
            last_sequence,
            end,
            end_sequence: None,
        }
    }

    #[test]
    fn only_a_lost_machine_leaves_something_unknown() {
        assert_eq!(unknown_at_most(&stream(Some(EndState::ProcessDied), 9)), 0);
        assert_eq!(unknown_at_most(&stream(None, 9)), 0);
        assert_eq!(
            unknown_at_most(&stream(Some(EndState::MachineDied), 9)),
            100,
            "3,200 bytes of 32-byte frames"
        );
    }

    #[test]
    fn records_at_damage_are_expected_although_nobody_can_read_them() {
        let damaged = StreamReport { end_sequence: Some(12), ..stream(Some(EndState::Clean), 9) };
        assert_eq!(expected(&damaged).map(|it| (it.first, it.last)), Some((1, 12)));
        assert_eq!(expected(&stream(None, 0)), None, "a stream that was only opened has answered nothing");
    }

    #[test]
    fn what_is_in_quarantine_is_no_gap() {
        assert_eq!(sequence_of("spool:65536:7@3"), Some((65_536, 7, 3)));
        assert_eq!(sequence_of("topic:tributary.clicks.v1:2@3"), None);
        let gaps = without(Gap { first: 1, last: 5 }, [3].into_iter());
        assert_eq!(gaps, [Gap { first: 1, last: 2 }, Gap { first: 4, last: 5 }]);
        assert!(without(Gap { first: 3, last: 4 }, [3, 4].into_iter()).is_empty());
    }
}
