//! What an audit found, put together by writer, and how it is shown.
//!
//! In: what the spool, the topics and `ClickHouse` hold. Out: a table and sentences, or JSON lines. Start at [`Audited`].

use std::collections::{BTreeMap, BTreeSet};

use journal::spool::{self, StreamReport};
use serde_json::json;
use units::WriterId;
use warehouse::{AuditReport, Complete, Gap, OrdersAudit, WriterAudit};

use super::{
    Life,
    sequences::{Missing, Placed, overlaid},
    topics::Topics,
    unknown_at_most,
};
use crate::{commands::spool::end_code, output::Output};

/// Wrong cells that are shown.
const CELLS_SHOWN_MAX: usize = 20;
/// Gaps of one writer that are shown in the table; JSON has all that are named.
const GAPS_SHOWN_MAX: usize = 5;

/// Names of the places, in the order records go through them.
pub(super) const SPOOL: &str = "spool";
pub(super) const TOPICS: &str = "topics";
pub(super) const CLICKHOUSE: &str = "clickhouse";
/// Wrong orders that are shown; JSON has all that are named.
const ORDERS_SHOWN_MAX: usize = 20;

/// One writer's life, with its end.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) audit: WriterAudit,
    end: &'static str,
    unknown_at_most: u64,
    /// Records that are in quarantine instead.
    pub(super) quarantined: u64,
    /// What is missing from ClickHouse, quarantine left aside.
    pub(super) gaps: Vec<Gap>,
    /// Records in the topics; `None` where the log is the spool.
    in_topics: Option<u64>,
    /// What is missing anywhere, with the places.
    pub(super) placed: Vec<Placed>,
    /// The places that were looked at for it.
    known: Vec<&'static str>,
    /// Its spool is on this machine.
    pub(super) is_here: bool,
}

/// Everything that was found.
#[derive(Debug)]
pub(super) struct Audited {
    pub(super) lines: Vec<Line>,
    pub(super) report: AuditReport,
    /// Orders whose rows do not agree.
    pub(super) orders: OrdersAudit,
    damaged: u64,
    /// Records in the topics; `None` where the log is the spool.
    in_topics: Option<u64>,
    /// Up to when everything is here.
    pub(super) complete: Option<Complete>,
}

/// The measures of a wrong cell that are wrong: by the facts, and as the cell has them.
pub(super) fn differing(
    it: &warehouse::CellMismatch,
) -> impl Iterator<Item = (&'static str, i64, i64)> + use<'_> {
    let measures = warehouse::cell_measures().into_iter().zip(it.facts.iter().zip(&it.cell));
    measures.filter(|(_, (fact, cell))| fact != cell).map(|(measure, (fact, cell))| (measure, *fact, *cell))
}

impl Audited {
    pub(super) fn new(
        spool: &spool::Report,
        topics: Option<&Topics>,
        (report, orders): (AuditReport, OrdersAudit),
        ends: &BTreeMap<Life, u64>,
        quarantined: &BTreeSet<(u32, u32, u64)>,
    ) -> Self {
        let line = |audit: &WriterAudit| {
            let last = ends.get(&(audit.writer, audit.incarnation)).copied().unwrap_or(0);
            Line::new(audit, last, spool, topics, quarantined)
        };
        Self {
            orders,
            lines: report.writers.iter().map(line).collect(),
            damaged: spool.records_damaged,
            in_topics: topics.map(|it| it.records),
            report,
            complete: None,
        }
    }

    /// Records that the topics should still hold and do not, although ClickHouse does.
    pub(super) fn topic_gaps(&self) -> u64 {
        let alone = |it: &&Placed| it.places.contains(&TOPICS) && !it.places.contains(&CLICKHOUSE);
        self.lines.iter().flat_map(|it| it.placed.iter().filter(alone)).map(|it| length(&it.gap)).sum()
    }

    /// Records that lie damaged in a spool, or whose file is gone, and are whole everywhere else.
    fn spool_gaps(&self) -> u64 {
        let alone = |it: &&Placed| it.places == [SPOOL];
        self.lines.iter().flat_map(|it| it.placed.iter().filter(alone)).map(|it| length(&it.gap)).sum()
    }

    pub(super) fn gaps(&self) -> u64 {
        self.lines.iter().map(Line::missing).sum()
    }

    pub(super) fn cell_mismatches(&self) -> u64 {
        self.report.mismatches.first().map_or(0, |it| it.of)
    }

    pub(super) fn is_clean(&self) -> bool {
        self.gaps() == 0 && self.topic_gaps() == 0 && self.cell_mismatches() == 0 && self.orders.wrong() == 0
    }

    pub(super) fn show(&self, output: Output) {
        let unknown: u64 = self.lines.iter().map(|it| it.unknown_at_most).sum();
        if output == Output::People {
            let heads = [
                "writer",
                "edge",
                "incarnation",
                "end",
                "spooled",
                "in topics",
                "in ClickHouse",
                "quarantined",
                "later",
                "missing",
                "gaps (missing from)",
            ];
            output.table(&heads, &self.lines.iter().map(Line::row).collect::<Vec<_>>());
        }
        for it in &self.lines {
            output.event(&it.json());
        }
        self.show_orders(output);
        self.show_cells(output);
        output.say(&self.sentence(unknown));
        let sum = |of: fn(&WriterAudit) -> u64| self.lines.iter().map(|it| of(&it.audit)).sum::<u64>();
        output.event(&json!({
            "event": "audit", "gaps": self.gaps(), "unknown_at_most": unknown, "cells": self.report.cells,
            "cell_mismatches": self.cell_mismatches(), "quarters_not_rolled": self.report.quarters_dirty,
            "spooled": sum(|it| it.expected), "stored": sum(|it| it.found), "damaged": self.damaged,
            "in_topics": self.in_topics, "topic_gaps": self.topic_gaps(), "spool_gaps": self.spool_gaps(),
            "orders": self.orders.orders, "order_faults": self.orders.wrong(),
            "complete_up_to": self.complete.map(|it| it.at.to_string()),
            "held_by": self.complete.and_then(|it| it.held_by).map(|(writer, _)| writer.0),
        }));
    }

    fn show_orders(&self, output: Output) {
        for it in &self.orders.faults {
            output.event(&json!({
                "event": "order", "advertiser": it.advertiser_id, "order": it.order_id, "fault": it.fault,
            }));
        }
        let row = |it: &warehouse::OrderFault| {
            vec![it.advertiser_id.to_string(), it.order_id.clone(), it.fault.replace('_', " ")]
        };
        let rows: Vec<_> = self.orders.faults.iter().take(ORDERS_SHOWN_MAX).map(row).collect();
        if output == Output::People && !rows.is_empty() {
            output.table(&["advertiser", "order", "what is wrong"], &rows);
        }
    }

    fn show_cells(&self, output: Output) {
        for it in &self.report.mismatches {
            let differs: serde_json::Map<_, _> = differing(it)
                .map(|(measure, fact, cell)| (measure.to_owned(), json!({"facts": fact, "cell": cell})))
                .collect();
            output.event(&json!({
                "event": "cell", "quarter": it.quarter, "group": it.group, "facts": it.facts, "cell": it.cell, "differs": differs,
            }));
        }
        let quarter = |seconds: u32| units::EpochMs(u64::from(seconds) * units::SECOND_MS).to_string();
        let row = |it: &warehouse::CellMismatch| {
            let said = differing(it).map(|(measure, fact, cell)| format!("{measure} {fact}, not {cell}"));
            vec![quarter(it.quarter), it.group.clone(), said.collect::<Vec<_>>().join("; ")]
        };
        let rows: Vec<_> = self.report.mismatches.iter().take(CELLS_SHOWN_MAX).map(row).collect();
        if output == Output::People && !rows.is_empty() {
            output.table(
                &[
                    "quarter",
                    "partner offer link country device currency",
                    "by facts, not as the cell has it",
                ],
                &rows,
            );
        }
    }

    fn sentence(&self, unknown: u64) -> String {
        let mut parts = vec![
            format!("{} records missing", self.gaps()),
            format!("{} of {} cells wrong", self.cell_mismatches(), self.report.cells),
        ];
        if self.orders.wrong() > 0 {
            parts.push(format!("{} of {} orders wrong", self.orders.wrong(), self.orders.orders));
        }
        if self.spool_gaps() > 0 {
            parts.push(format!("{} damaged or gone in the spool alone", self.spool_gaps()));
        }
        if self.topic_gaps() > 0 {
            parts.push(format!("{} more missing from the topics alone", self.topic_gaps()));
        }
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
        let complete = self.complete.map_or_else(String::new, |it| {
            let held = it.held_by.map_or_else(String::new, |(writer, incarnation)| {
                format!(", held back by writer {writer}-{incarnation} (audit --retire {writer} gives it up for good)")
            });
            format!("; complete up to {}{held}", it.at)
        });
        let advice = if self.is_clean() { "" } else { "; audit --repair puts back what is still somewhere" };
        parts.join(", ") + advice + &complete
    }
}

impl Line {
    fn new(
        audit: &WriterAudit,
        last: u64,
        spool: &spool::Report,
        topics: Option<&Topics>,
        quarantined: &BTreeSet<(u32, u32, u64)>,
    ) -> Self {
        let life = (audit.writer, audit.incarnation);
        let stream = spool.streams.iter().find(|it| (it.writer.0, it.incarnation) == life);
        let place = |sequence| (audit.writer, audit.incarnation, sequence);
        let within = |gap: &Gap| quarantined.range(place(gap.first)..=place(gap.last)).map(|it| it.2);
        let gaps: Vec<Gap> = audit.gaps.iter().flat_map(|gap| without(*gap, within(gap))).collect();
        let named = |gaps: &[Gap]| gaps.iter().map(length).sum::<u64>();
        let seen = topics.map(|it| it.of(life));
        let mut places = stream.map_or_else(Vec::new, in_spool);
        let mut known = Vec::from_iter(stream.map(|_| SPOOL));
        if let (Some(topics), Some(seen)) = (topics, &seen) {
            // From its first record on, as long as nothing has gone by itself.
            let first = if topics.expired == 0 { 1 } else { seen.first() };
            // Not beyond what was known when the audit began: of what came since, some may still be on its way.
            let missing = seen.missing(first, last);
            known.push(TOPICS);
            places.push(Missing { place: TOPICS, gaps: missing, is_fault: topics.expired == 0 });
        }
        known.push(CLICKHOUSE);
        places.push(Missing { place: CLICKHOUSE, gaps: gaps.clone(), is_fault: true });
        Self {
            audit: audit.clone(),
            end: stream.map_or("elsewhere", |it| end_code(it.end)),
            unknown_at_most: stream.map_or(0, unknown_at_most),
            quarantined: named(&audit.gaps) - named(&gaps),
            gaps,
            in_topics: seen.map(|it| it.count()),
            placed: overlaid(&places),
            known,
            is_here: stream.is_some(),
        }
    }

    pub(super) fn missing(&self) -> u64 {
        (self.audit.expected - self.audit.found).saturating_sub(self.quarantined)
    }

    fn row(&self) -> Vec<String> {
        let it = &self.audit;
        let shown = self.placed.iter().take(GAPS_SHOWN_MAX).map(|it| {
            let Gap { first, last } = it.gap;
            let range = if first == last { first.to_string() } else { format!("{first}-{last}") };
            format!("{range} ({})", it.places.join(", "))
        });
        let mut gaps: Vec<String> = shown.collect();
        if self.placed.len() > GAPS_SHOWN_MAX {
            gaps.push("...".to_owned());
        }
        let writer = WriterId(it.writer);
        vec![
            writer.to_string(),
            writer.edge().to_string(),
            it.incarnation.to_string(),
            self.end.to_owned(),
            it.expected.to_string(),
            self.in_topics.map_or_else(|| "-".to_owned(), |it| it.to_string()),
            it.found.to_string(),
            self.quarantined.to_string(),
            it.beyond.to_string(),
            self.missing().to_string(),
            gaps.join(" "),
        ]
    }

    fn json(&self) -> serde_json::Value {
        let it = &self.audit;
        let gap = |it: &Placed| {
            let still: Vec<_> = self.known.iter().filter(|place| !it.places.contains(place)).collect();
            json!({"first": it.gap.first, "last": it.gap.last, "missing_in": it.places, "still_in": still})
        };
        let gaps: Vec<_> = self.placed.iter().map(gap).collect();
        json!({
            "event": "writer", "writer": it.writer, "incarnation": it.incarnation, "end": self.end, "spooled": it.expected,
            "stored": it.found, "quarantined": self.quarantined, "later": it.beyond, "missing": self.missing(), "gaps": gaps, "in_topics": self.in_topics,
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

pub(super) const fn length(gap: &Gap) -> u64 {
    gap.last - gap.first + 1
}

/// What a spool does not hold of a stream: what was deleted in order, which is no fault, and what is damaged or gone with its file.
fn in_spool(stream: &StreamReport) -> Vec<Missing> {
    let deleted = (stream.kept_from > 1).then(|| Gap { first: 1, last: stream.kept_from - 1 });
    let missing = stream.missing.iter().map(|it| Gap { first: it.start, last: it.end - 1 });
    vec![
        Missing { place: SPOOL, gaps: deleted.into_iter().collect(), is_fault: false },
        Missing { place: SPOOL, gaps: missing.collect(), is_fault: true },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_cut_at_what_is_accounted_for() {
        let gaps = without(Gap { first: 1, last: 5 }, [3].into_iter());
        assert_eq!(gaps, [Gap { first: 1, last: 2 }, Gap { first: 4, last: 5 }]);
        assert!(without(Gap { first: 3, last: 4 }, [3, 4].into_iter()).is_empty());
    }
}
