//! What `tributary audit --repair` would do, worked out from what was found, and what came of it.
//!
//! In: an audit's result. Out: which records go where, whether orders are to be said again, which quarters to be rolled again; tables for people,
//! JSON lines for programs. Not here: doing it (`repair`). Start at [`Plan::of`].

use std::collections::BTreeMap;

use serde_json::json;
use warehouse::Gap;

use super::{
    Life,
    found::{Audited, CLICKHOUSE, TOPICS, differing, length},
};
use crate::output::Output;

/// Records by writer and life; ranges ascend.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    gaps: BTreeMap<Life, Vec<Gap>>,
}

impl Wanted {
    fn push(&mut self, life: Life, gap: Gap) {
        self.gaps.entry(life).or_default().push(gap);
    }

    pub(super) fn contains(&self, life: Life, sequence: u64) -> bool {
        self.gaps.get(&life).is_some_and(|gaps| {
            let behind = gaps.partition_point(|gap| gap.last < sequence);
            gaps.get(behind).is_some_and(|gap| gap.first <= sequence)
        })
    }

    /// The first one of a life.
    pub(super) fn first(&self, life: Life) -> Option<u64> {
        self.gaps.get(&life)?.first().map(|it| it.first)
    }

    pub(super) fn count(&self) -> u64 {
        self.gaps.values().flatten().map(length).sum()
    }
}

/// What is to be done.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// For the topics: the pipeline stores what it finds there.
    pub(super) topics: Wanted,
    /// For `ClickHouse`, whose pipeline has read them or whose log is the spool.
    pub(super) facts: Wanted,
    /// Orders whose rows do not agree.
    pub(super) orders: u64,
    /// Wrong cells of which orders or money are wrong: an order may be the cause that nothing else shows.
    pub(super) hints: u64,
    /// Quarters with wrong cells, by the second they begin in: their clicks are written again, and they are rolled.
    pub(super) quarters: Vec<u32>,
    /// Cells that are wrong.
    pub(super) cells: u64,
    /// All that the log holds is to be read again.
    pub(super) replay: bool,
}

/// What was done.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Done {
    /// Records put into the topics.
    pub(super) shipped: u64,
    /// Records written to `ClickHouse`.
    pub(super) stored: u64,
    /// Every owner has said its orders again; `None` where none was asked.
    pub(super) said: Option<bool>,
}

/// Measures of a cell that are made of clicks alone.
const OF_CLICKS: [&str; 5] = ["clicks", "clicks_valid", "clicks_unique", "views", "visitors"];

impl Plan {
    pub(super) fn of(found: &Audited, replay: bool) -> Self {
        let mut plan = Self { replay, orders: found.orders.wrong(), ..Self::default() };
        for line in &found.lines {
            let life = (line.audit.writer, line.audit.incarnation);
            for placed in &line.placed {
                let misses = |place| placed.places.contains(&place);
                if misses(TOPICS) {
                    plan.topics.push(life, placed.gap);
                } else if misses(CLICKHOUSE) {
                    plan.facts.push(life, placed.gap);
                }
            }
        }
        plan.cells = found.cell_mismatches();
        plan.quarters = found.report.mismatches.iter().map(|it| it.quarter).collect();
        plan.quarters.dedup();
        let is_of_orders =
            |it: &&warehouse::CellMismatch| differing(it).any(|(measure, ..)| !OF_CLICKS.contains(&measure));
        plan.hints = found.report.mismatches.iter().filter(is_of_orders).count() as u64;
        plan
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the owners of the orders have to say them again.
    pub(super) const fn asks_owners(&self) -> bool {
        self.orders > 0 || self.hints > 0 || self.replay
    }

    pub(super) fn show(&self, output: Output) {
        if self.is_empty() {
            output.say("nothing to repair");
        }
        let asked =
            if self.replay { "read the log again, say every order again" } else { "say every order again" };
        // No order is counted as wrong but those that the audit counts; that a cell of orders is wrong is told where cells are.
        let cells = if self.hints > 0 {
            "say every order again, write their clicks again, roll their quarters again"
        } else {
            "write their clicks again, roll their quarters again"
        };
        let rows = [
            ("topics", self.topics.count(), "ship again from the spool"),
            ("clickhouse", self.facts.count(), "write again from spool or topics"),
            ("orders", self.orders, asked),
            ("cells", self.cells, cells),
        ];
        let is_work = |it: &&(&str, u64, &str)| it.1 > 0 || (it.0 == "orders" && self.replay);
        let work: Vec<_> = rows.iter().filter(is_work).collect();
        for (place, wrong, how) in &work {
            output.event(&json!({"event": "repair_plan", "place": place, "wrong": wrong, "how": how}));
        }
        if output == Output::People && !work.is_empty() {
            let row = |it: &&(&str, u64, &str)| vec![it.0.to_owned(), it.1.to_string(), it.2.to_owned()];
            output.table(
                &["place", "wrong", "would be repaired by"],
                &work.iter().map(row).collect::<Vec<_>>(),
            );
        }
    }

    /// After the repair, by another audit's result.
    pub(super) fn show_done(&self, output: Output, done: &Done, after: &Audited) {
        let left_in = |place| {
            let misses = after.lines.iter().flat_map(|it| &it.placed).filter(|it| it.places.contains(&place));
            misses.map(|it| length(&it.gap)).sum::<u64>()
        };
        let not_found = |wanted: &Wanted, put: u64| match wanted.count().saturating_sub(put) {
            0 => "not stored yet; is the pipeline running?".to_owned(),
            lost => format!("{lost} are in no spool or topic that can be read"),
        };
        let owners = match done.said {
            Some(false) => "an owner has not said its orders again yet; is the pipeline running?",
            Some(true) => {
                "its inputs are not all there, or the pipeline lacks them (audit --repair --replay)"
            }
            None => "run it once more",
        };
        let rows = [
            ("topics", self.topics.count(), left_in(TOPICS), not_found(&self.topics, done.shipped)),
            ("clickhouse", self.facts.count(), left_in(CLICKHOUSE), not_found(&self.facts, done.stored)),
            ("orders", self.orders, after.orders.wrong(), owners.to_owned()),
            (
                "cells",
                self.cells,
                after.cell_mismatches(),
                "not rolled yet; is the warehouse running?".to_owned(),
            ),
        ];
        let mut table = Vec::new();
        for (place, wrong, left, why) in rows {
            let why = if left > 0 { why } else { String::new() };
            let repaired = wrong.saturating_sub(left);
            output.event(&json!({
                "event": "repair", "place": place, "wrong": wrong, "repaired": repaired, "left": left, "why": why,
            }));
            if wrong > 0 || left > 0 {
                table.push(vec![
                    place.to_owned(),
                    wrong.to_string(),
                    repaired.to_string(),
                    left.to_string(),
                    why,
                ]);
            }
        }
        if output == Output::People && !table.is_empty() {
            output.table(&["place", "wrong", "repaired", "left", "why"], &table);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_found_by_its_sequence() {
        let mut wanted = Wanted::default();
        wanted.push((1, 7), Gap { first: 3, last: 4 });
        wanted.push((1, 7), Gap { first: 9, last: 9 });
        let found: Vec<u64> = (1..12).filter(|it| wanted.contains((1, 7), *it)).collect();
        assert_eq!((found, wanted.count(), wanted.first((1, 7))), (vec![3, 4, 9], 3, Some(3)));
        assert!(!wanted.contains((1, 8), 3) && wanted.first((1, 8)).is_none());
    }
}
