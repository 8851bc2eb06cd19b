//! What a worker does besides reading: takes in new catalogs, decides orders on disk again, forgets old touches.
//!
//! In: the worker, once a turn. Out: the same worker; each step is short, so that live records are not held up. Not here: the turn itself
//! (`worker`). Start at [`Worker::take_catalogs`].

use std::time::{Duration, Instant};

use units::{DAY_MS, EpochMs};

use super::{AWAIT_SINK, Worker, WorkerError};
use crate::{reach::look_again, store::OrderPlace};

/// Orders on disk that one turn decides again after a catalog version, so that live records are not held up.
const REDECIDED_PER_TURN: usize = 1_000;
/// Between two looks for touches to forget.
const EXPIRE_EVERY: Duration = Duration::from_hours(1);
/// How long after its own time an order may still be reported, in ms: touches are kept for the longest window and this. A report that is
/// later still, and a window that is made longer than that afterwards, find only what is left.
pub(super) const LATE_MS_MAX: u64 = 60 * DAY_MS;

impl Worker {
    /// Takes in new versions of the catalog; notes which orders on disk they concern.
    pub(super) fn take_catalogs(&mut self) -> Result<(), WorkerError> {
        let catalogs = self.setup.catalogs.poll()?;
        if catalogs.is_empty() {
            return Ok(());
        }
        let known = self.setup.store.catalog()?;
        for catalog in catalogs {
            self.progress.catalog = catalog.version.0;
            self.longest_window_ms = self.longest_window_ms.max(catalog.longest_window_ms());
            self.redecide_from = look_again(known, &catalog, self.redecide_from.take());
            self.first_at.get_or_insert_with(Instant::now);
            self.gathered.records += 1;
            self.partition.on_catalog(catalog, &self.setup.store, &mut self.out)?;
        }
        Ok(())
    }

    /// Orders on disk at or after a new version's beginning are decided again, some at a time.
    pub(super) fn redecide_some(&mut self) -> Result<(), WorkerError> {
        let Some(from) = self.redecide_from.take() else { return Ok(()) };
        let places = self.setup.store.orders_from(&from, REDECIDED_PER_TURN)?;
        for place in &places {
            if let Some(key) = place.order() {
                self.partition.redecide(&key, &self.setup.store, &mut self.out)?;
            }
        }
        self.redecide_from = places.into_iter().last().map(OrderPlace::behind);
        self.first_at.get_or_insert_with(Instant::now);
        self.gathered.records += 1;
        self.send_messages()
    }

    /// After the warehouse went back: every order on disk is decided again, and said, since this claim has said nothing of them yet. Only
    /// once the owner speaks, so that it is done in steps.
    pub(super) fn say_all_again(&mut self) {
        if self.notes.owes() && !self.says_again && self.reach.is_live() {
            self.says_again = true;
            self.redecide_from = Some(OrderPlace::first_at(EpochMs(0)));
        }
    }

    /// Notes how far this partition has read, and keeps the number of what was acknowledged.
    pub(super) fn keep_notes(&mut self) -> Result<(), WorkerError> {
        self.notes.look();
        self.keep_noted()
    }

    pub(super) fn keep_noted(&mut self) -> Result<(), WorkerError> {
        match self.notes.take_acknowledged() {
            Some(number) => Ok(self.setup.store.set_noted(number)?),
            None => Ok(()),
        }
    }

    /// Whether touches are to be forgotten before anything else is read.
    pub(super) fn is_expiry_due(&self) -> bool {
        let is_due = self.expired_at.is_none_or(|at| at.elapsed() >= EXPIRE_EVERY);
        is_due && self.reach.is_live() && self.longest_window_ms > 0
    }

    /// A step towards forgetting touches that no report may name any more: what is gathered is brought into the warehouse and committed first.
    pub(super) fn expire(&mut self) -> Result<(), WorkerError> {
        let is_all_committed = self.pending.is_none() && self.gathered.records == 0;
        if self.reach.may_forget(is_all_committed) {
            self.expired_at = Some(Instant::now());
            let before = (self.setup.clock)().back(self.longest_window_ms + LATE_MS_MAX);
            return Ok(self.partition.expire(before)?);
        }
        if self.pending.is_some() { self.acknowledge(AWAIT_SINK) } else { self.cut() }
    }
}
