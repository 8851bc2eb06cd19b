//! Turns of owners that are rebuilt from facts, notes beside the facts, and what became of news that needed what only facts had.
//!
//! In: whose turn it is. Out: the world after it. Not here: what a rebuild does (`owner`). Start at [`Running::rebuild_turn`].

use std::collections::BTreeSet;

use journal::partition_of;
use units::EpochMs;

use crate::{
    clickhouse::OrderName,
    faults::Hit,
    owner::Owner,
    running::Running,
    world::{Body, Input, OLD_MS, START},
};

/// Keys of a partition whose owner knew them by facts alone when it had read them.
#[derive(Debug)]
pub(crate) struct Rebuilt {
    orders: BTreeSet<OrderName>,
    touches: BTreeSet<[u8; 16]>,
}

/// Turns of all owners before one is killed that may be in the middle of its rebuild.
const TURNS_MAX: u64 = 20;
/// A note is written in every so many steps: it may be behind what is committed.
const NOTED_EVERY: u64 = 4;

impl Running {
    /// Clicks are settled and noted, or reports are, the log forgets them, and an owner loses its state: whatever the others are about, only facts
    /// tell of. A spool keeps the file that is written, so there is no such moment where it is the log.
    pub(crate) fn lose_what_the_log_forgets(&mut self) -> Result<(), String> {
        if self.is_embedded {
            return Ok(());
        }
        if self.published == 0 {
            // Nobody asks for a touch before knowing a window.
            self.publish();
        }
        let clicks_are_late = self.rng.chance(50);
        let is_late = |it: &Input| matches!(it.body, Body::Click(_)) == clicks_are_late;
        let (late, inputs) = std::mem::take(&mut self.inputs).into_iter().partition(is_late);
        self.inputs = inputs;
        self.settle()?;
        for owner in &mut self.owners {
            if let Some(note) = owner.take_note() {
                self.tables.set_note(owner.partition, owner.source, note);
            }
        }
        self.strike(Hit::LogRetention)?;
        self.strike(Hit::MovedWithoutState)?;
        // Whoever is killed asks all of his questions again, which would hide that somebody else forgot them.
        if self.rng.chance(50) {
            for _ in 0..self.rng.below(TURNS_MAX) {
                self.owner_step()?;
            }
            self.strike(Hit::OwnerKilled)?;
        }
        self.inputs = late;
        Ok(())
    }

    /// A block, or a version of the catalog, of whoever needs it first.
    pub(crate) fn rebuild_turn(&mut self, owner: &mut Owner, learn_percent: u64) {
        if owner.waits_for_catalog() {
            let published = self.catalogs.get(..self.published).unwrap_or_default();
            if self.rng.chance(learn_percent) {
                owner.learn(published);
            }
            return;
        }
        let keep_max = self.rng.index(3);
        let touches_from = if self.is_old_settled { START.back(OLD_MS / 2) } else { EpochMs(0) };
        if owner.rebuild_step(&self.tables, touches_from, keep_max) {
            let rebuilt = self.told_by_facts(owner.partition);
            self.rebuilt.push(rebuilt);
            self.note(Hit::RebuiltFromFacts);
            self.tell(format_args!("the owner of partition {} is rebuilt from facts", owner.partition));
        }
    }

    fn told_by_facts(&self, partition: u32) -> Rebuilt {
        let owns = |key: &[u8]| partition_of(key, self.log.partitions()) == partition;
        let reports = self.tables.reports().filter(|it| owns(&it.key.log_key()));
        let touches = self.tables.touches().filter(|it| owns(&it.visitor.0.to_be_bytes()));
        Rebuilt {
            orders: reports.map(|it| (it.key.advertiser.0, it.key.order.to_string())).collect(),
            touches: touches.map(|it| it.id.0).collect(),
        }
    }

    /// How far an owner has committed, once in a while.
    pub(crate) fn note_beside_facts(&mut self, owner: &mut Owner) {
        if self.tables.is_away || !self.step.is_multiple_of(NOTED_EVERY) {
            return;
        }
        if let Some(note) = owner.take_note() {
            self.tables.set_note(owner.partition, owner.source, note);
        }
    }

    /// Credits of orders and touches of which one came after a rebuild and the other was known by facts alone.
    pub(crate) fn note_late_news(&mut self) {
        let recorded: BTreeSet<[u8; 16]> = self.tables.touches().map(|it| it.id.0).collect();
        for ((_, order, touch), _) in self.tables.credits() {
            let is_new_order = |it: &Rebuilt| it.touches.contains(touch) && !it.orders.contains(order);
            let is_new_touch = |it: &Rebuilt| it.orders.contains(order) && !it.touches.contains(touch);
            let is_recorded = recorded.contains(touch);
            self.hits.note_many(Hit::OrderAfterRebuild, u64::from(self.rebuilt.iter().any(is_new_order)));
            self.hits.note_many(
                Hit::TouchAfterRebuild,
                u64::from(is_recorded && self.rebuilt.iter().any(is_new_touch)),
            );
        }
    }
}
