//! The table: which calls of a cycle were hit, on which kind of file, in which part.
//!
//! In: the calls of a whole cycle, then hits. Out: a table for people, and the rows without a hit. Start at [`Coverage`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::Duration,
};

use super::{
    plan::{Point, Row},
    trace::Call,
};

/// Counts of one row.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    calls: usize,
    hits: usize,
    /// A row that the sample leaves out is not missed.
    is_expected: bool,
}

/// What was hit.
#[derive(Debug)]
pub(super) struct Coverage {
    rows: BTreeMap<Row, Counts>,
    /// Kills that came too late: the cycle ended before.
    misses: usize,
}

impl Coverage {
    pub(super) fn new(calls: &[Call]) -> Self {
        let mut rows: BTreeMap<Row, Counts> = BTreeMap::new();
        for call in calls {
            let counts = rows.entry(Row::of(call)).or_default();
            counts.calls += 1;
            counts.is_expected = true;
        }
        Self { rows, misses: 0 }
    }

    /// Only the rows of these points are to be hit.
    pub(super) fn expect(&mut self, points: &[Point]) {
        let chosen: BTreeSet<&Row> = points.iter().map(|it| &it.row).collect();
        for (row, counts) in &mut self.rows {
            counts.is_expected = chosen.contains(row);
        }
    }

    pub(super) fn hit(&mut self, row: Row) {
        self.rows.entry(row).or_default().hits += 1;
    }

    pub(super) fn miss(&mut self) {
        self.misses += 1;
    }

    pub(super) fn kills(&self) -> usize {
        self.rows.values().map(|it| it.hits).sum()
    }

    /// Rows that should have been hit and were not.
    pub(super) fn missed(&self) -> BTreeSet<Row> {
        let missed = self.rows.iter().filter(|(_, it)| it.is_expected && it.hits == 0);
        missed.map(|(row, _)| row.clone()).collect()
    }

    pub(super) fn table(&self, name: &str, took: Duration) -> String {
        let width = |of: fn(&Row) -> &str, least: usize| {
            self.rows.keys().map(|row| of(row).len()).max().unwrap_or(0).max(least)
        };
        let (call, kind) = (width(|it| &it.call, 4), width(|it| &it.kind, 4));
        let phase = width(|it| &it.phase, 5);
        let mut text = format!("{:call$}  {:kind$}  {:phase$}  calls   hits\n", "call", "file", "phase");
        for (row, counts) in &self.rows {
            let note = match (counts.hits, counts.is_expected) {
                (0, true) => "  MISSED",
                (0, false) => "  not in the sample",
                _ => "",
            };
            let Row { call: called, kind: file, phase: part } = row;
            writeln!(
                text,
                "{called:call$}  {file:kind$}  {part:phase$}  {:>5}  {:>5}{note}",
                counts.calls, counts.hits
            )
            .expect("a String takes any text");
        }
        let (rows, kills, misses) = (self.rows.len(), self.kills(), self.misses);
        let hit = self.rows.values().filter(|it| 0 < it.hits).count();
        write!(
            text,
            "{name}: {kills} kills in {hit} of {rows} rows, {misses} came after the end, {:.0} s",
            took.as_secs_f64()
        )
        .expect("a String takes any text");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_a_hit_is_missed_unless_the_sample_leaves_it_out() {
        let call = |name: &str| Call {
            name: name.into(),
            count: 1,
            count_on_path: 1,
            path: "a".into(),
            kind: "a".into(),
            phase: "p".into(),
        };
        let calls = [call("fsync"), call("rename"), call("write")];
        let mut coverage = Coverage::new(&calls);
        coverage.hit(Row::of(&calls[0]));
        assert_eq!(coverage.missed(), BTreeSet::from([Row::of(&calls[1]), Row::of(&calls[2])]));
        let point = Point { call: "rename".into(), when: 1, path: None, row: Row::of(&calls[1]) };
        coverage.expect(&[point]);
        assert_eq!(coverage.missed(), BTreeSet::from([Row::of(&calls[1])]));
        let table = coverage.table("t", Duration::ZERO);
        assert!(table.contains("MISSED") && table.contains("not in the sample"), "{table}");
    }
}
