//! Facts read back as the inputs they were, by the product's own inverse of its rows; and what owners note beside them.
//!
//! In: the tables. Out: reports, who led their orders, and touches in blocks; notes. Not here: who rebuilds what from them (`owner`). Start at [`Tables::reports_of`].

use std::collections::{BTreeMap, BTreeSet};

use events::{OrderKey, Report, Score, Touch};
use journal::{StreamId, partition_of};
use units::HOUR_MS;
use warehouse::{
    CustomerBlock, Lead,
    recall::{self, LeadRow, ReportRow, ScoreRow, TouchRow},
};

use super::{Row, Tables};

/// How far an owner has read: everything before is in the facts.
pub(crate) type Note = BTreeMap<StreamId, u64>;

pub(super) fn report(row: &Row) -> Report {
    let row = row.read::<ReportRow>().expect("the row has the columns of its table");
    recall::report(row).expect("this build wrote it")
}

pub(super) fn score(row: &Row) -> Score {
    let row = row.read::<ScoreRow>().expect("the row has the columns of its table");
    recall::score(row).expect("this build wrote it")
}

pub(super) fn touch(row: &Row) -> Touch {
    let row = row.read::<TouchRow>().expect("the row has the columns of its table");
    recall::touch(&row).expect("this build wrote it")
}

pub(super) fn lead(row: &Row) -> Lead {
    recall::lead(row.read::<LeadRow>().expect("the row has the columns of its table"))
}

impl Tables {
    /// The reports of one of so many blocks, all of an order together.
    pub(crate) fn reports_of(&self, block: u32, blocks: u32) -> Vec<Report> {
        self.reports_where(|key| partition_of(&key.log_key(), blocks) == block)
    }

    /// The reports of all orders that name a customer of one part, all of an order together, and who led each of these orders.
    pub(crate) fn customers_of(&self, block: CustomerBlock) -> (Vec<Report>, Vec<Lead>) {
        let names = |it: &&Report| it.customers().any(|customer| block.holds(customer));
        let orders: BTreeSet<&OrderKey> = self.reports().filter(names).map(|it| &it.key).collect();
        let leads = self.leads.values().filter(|it| orders.contains(&it.order));
        (self.reports_where(|key| orders.contains(key)), leads.cloned().collect())
    }

    fn reports_where(&self, is_wanted: impl Fn(&OrderKey) -> bool) -> Vec<Report> {
        let mut found: Vec<Report> = self.reports().filter(|it| is_wanted(&it.key)).cloned().collect();
        found.sort_by(|left, right| {
            let of = |it: &Report| (it.received_at, it.origin);
            left.key.cmp(&right.key).then_with(|| of(left).cmp(&of(right)))
        });
        found
    }

    /// The newest score of each order of one of so many blocks.
    pub(crate) fn scores_of(&self, block: u32, blocks: u32) -> Vec<Score> {
        let mut newest: BTreeMap<OrderKey, &Score> = BTreeMap::new();
        for (_, it) in
            self.scores.values().filter(|(_, it)| partition_of(&it.order.log_key(), blocks) == block)
        {
            let kept = newest.entry(it.order.clone()).or_insert(it);
            if (kept.scored_at, kept.rules, kept.origin) < (it.scored_at, it.rules, it.origin) {
                *kept = it;
            }
        }
        newest.into_values().cloned().collect()
    }

    /// The hours in which there are touches.
    pub(crate) fn hours(&self) -> BTreeSet<u64> {
        self.clicks.values().map(|(_, it)| it.touch.at.0 / HOUR_MS).collect()
    }

    /// The touches of one hour.
    pub(crate) fn touches_of(&self, hour: u64) -> Vec<Touch> {
        self.touches().filter(|it| it.at.0 / HOUR_MS == hour).copied().collect()
    }

    /// All touches.
    pub(crate) fn touches(&self) -> impl Iterator<Item = &Touch> {
        self.clicks.values().map(|(_, it)| &it.touch)
    }

    /// All reports.
    pub(crate) fn reports(&self) -> impl Iterator<Item = &Report> {
        self.reports.values().map(|(_, it)| it)
    }

    /// The last note of a partition's owner.
    pub(crate) fn note_of(&self, partition: u32) -> Note {
        self.notes.get(&partition).map(|(_, it)| it.clone()).unwrap_or_default()
    }

    /// Replaces it, unless it is of a later claim: an owner that only seemed dead has older positions.
    pub(crate) fn set_note(&mut self, partition: u32, claim: u64, note: Note) {
        let kept = self.notes.entry(partition).or_default();
        if kept.0 <= claim {
            *kept = (claim, note);
        }
    }
}
