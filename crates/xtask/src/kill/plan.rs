//! Where to kill: one point for every call of a whole cycle, or a sample in which every row of the table has its share.
//!
//! In: the calls of a cycle that nobody killed. Out: [`Point`]s as strace takes them. A point counts a thread's calls of one
//! name: all of them, or those on one path only. Start at [`points`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::trace::{Call, SOCKET};

/// A row of the table: calls that are alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) call: String,
    pub(super) kind: String,
    pub(super) phase: String,
}

impl Row {
    pub(super) fn of(call: &Call) -> Self {
        Self { call: call.name.clone(), kind: call.kind.clone(), phase: call.phase.clone() }
    }
}

/// What a count counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// All of a thread's calls of the name: right for one thread, whatever its files are called.
    Count,
    /// Those on one path: right for many threads, where names are the same in every run.
    Path,
}

impl Aim {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Count => Self::Path,
            Self::Path => Self::Count,
        }
    }
}

/// Where to kill.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Point {
    pub(super) call: String,
    pub(super) when: usize,
    /// From the folder on; `None` counts calls on any file.
    pub(super) path: Option<String>,
    /// What it should hit.
    pub(super) row: Row,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} number {}", self.call, self.when)?;
        if let Some(path) = &self.path {
            write!(f, " on {path}")?;
        }
        write!(f, " ({}: {})", self.row.phase, self.row.kind)
    }
}

/// Every point of a cycle, each once.
pub(super) fn points(calls: &[Call], aim: Aim) -> Vec<Point> {
    let points = calls.iter().map(|call| match aim {
        // A socket has no name to aim at.
        Aim::Path if call.path == SOCKET => {
            Point { call: call.name.clone(), when: call.count, path: None, row: Row::of(call) }
        }
        Aim::Count => Point { call: call.name.clone(), when: call.count, path: None, row: Row::of(call) },
        Aim::Path => Point {
            call: call.name.clone(),
            when: call.count_on_path,
            path: Some(call.path.clone()),
            row: Row::of(call),
        },
    });
    let mut seen = BTreeSet::new();
    points.filter(|it| seen.insert((it.call.clone(), it.when, it.path.clone()))).collect()
}

/// At most `most` points: one of each row in turn, until enough.
pub(super) fn sample(points: Vec<Point>, most: usize, seed: u64) -> Vec<Point> {
    let mut rows: BTreeMap<Row, Vec<Point>> = BTreeMap::new();
    for point in points {
        rows.entry(point.row.clone()).or_default().push(point);
    }
    let mut dice = Dice(seed);
    let mut rows: Vec<Vec<Point>> = rows.into_values().collect();
    dice.shuffle(&mut rows);
    for row in &mut rows {
        dice.shuffle(row);
    }
    let mut chosen = Vec::new();
    while chosen.len() < most && rows.iter().any(|row| !row.is_empty()) {
        for row in &mut rows {
            if chosen.len() < most {
                chosen.extend(row.pop());
            }
        }
    }
    chosen
}

/// splitmix64: enough to choose by, and the same from the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let wide = (mixed ^ (mixed >> 31)) % (end.max(1) as u64);
        usize::try_from(wide).unwrap_or_default()
    }

    fn shuffle<T>(&mut self, of: &mut [T]) {
        for index in (1..of.len()).rev() {
            of.swap(index, self.below(index + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, count: usize, path: &str) -> Call {
        Call {
            name: name.into(),
            count,
            count_on_path: 1,
            path: path.into(),
            kind: path.into(),
            phase: "p".into(),
        }
    }

    #[test]
    fn a_sample_takes_one_of_each_row_first() {
        let mut calls: Vec<Call> = (1..=50).map(|count| call("write", count, "a")).collect();
        calls.extend([call("fsync", 1, "a"), call("write", 51, "b")]);
        let all = points(&calls, Aim::Count);
        assert_eq!(all.len(), 52);
        for seed in 0..20 {
            let chosen = sample(all.clone(), 3, seed);
            let rows: BTreeSet<&Row> = chosen.iter().map(|it| &it.row).collect();
            assert_eq!((chosen.len(), rows.len()), (3, 3), "seed {seed}");
        }
        assert_eq!(sample(all.clone(), 1_000, 1).len(), 52);
    }

    #[test]
    fn threads_that_count_the_same_are_one_point_unless_their_files_differ() {
        let calls = [call("write", 1, "a"), call("write", 1, "b")];
        assert_eq!(points(&calls, Aim::Count).len(), 1);
        assert_eq!(points(&calls, Aim::Path).len(), 2);
    }
}
