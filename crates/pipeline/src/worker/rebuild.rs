//! State made anew from facts, where it is lost and the log no longer holds all it was made of.
//!
//! In: the reports, scores, touches and orders' leads that `ClickHouse` keeps, read block by block. Out: the machines as if they had read them in the log, and still
//! silent: the worker then reads what of the log is left, and only speaks behind that. Not here: what a block tells whom
//! (`crate::rebuild`). Start at [`Worker::rebuild`].

use std::{
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::Handle;
use warehouse::{Recall, RecallError};

use super::{Worker, WorkerError, upkeep::LATE_MS_MAX};
use crate::{
    rebuild::{Rebuild, half_way},
    status::Phase,
};

/// Between two looks for catalog versions that are not here yet.
const CATALOG_WAIT: Duration = Duration::from_millis(50);

/// Why state cannot be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// Facts cannot be read back.
    #[error("state cannot be rebuilt from ClickHouse")]
    Facts(#[from] RecallError),
    /// What they say cannot be kept.
    #[error(transparent)]
    Worker(#[from] WorkerError),
}

impl Worker {
    /// Reads all facts that concern this partition of `partitions`. Stops early when it is asked to; then nothing is said.
    pub(crate) fn rebuild(&mut self, partitions: u32, runtime: &Handle) -> Result<(), RebuildError> {
        let begun = Instant::now();
        self.await_catalogs()?;
        let now = (self.setup.clock)();
        let touches_from = now.back(self.longest_window_ms + LATE_MS_MAX);
        let mut rebuild =
            Rebuild::new(self.setup.partition, partitions, touches_from, self.longest_window_ms);
        let warehouse = self.setup.warehouse.clone();
        let recall = runtime.block_on(warehouse.recall()).map_err(RecallError::from)?;
        self.progress.phase = Phase::Rebuilding;
        self.progress.rebuilt_rows = (0, recall.reports + recall.touches);
        self.show();
        for block in 0..recall.report_blocks() {
            if self.is_stopped() {
                return Ok(());
            }
            let reports = runtime.block_on(warehouse.recalled_reports(&recall, block))?;
            let candidates = runtime.block_on(warehouse.recalled_candidates(&recall, block))?;
            rebuild.reports(&reports, &mut self.partition, &self.setup.store).map_err(WorkerError::from)?;
            let scores = runtime.block_on(warehouse.recalled_scores(&recall, block))?;
            rebuild.scores(scores, &mut self.partition, &self.setup.store).map_err(WorkerError::from)?;
            rebuild
                .candidates(candidates, &mut self.partition, &self.setup.store)
                .map_err(WorkerError::from)?;
            self.keep(reports.len(), &recall)?;
        }
        for block in recall.customer_blocks() {
            if self.is_stopped() {
                return Ok(());
            }
            let (reports, leads) = runtime.block_on(warehouse.recalled_customers(block))?;
            rebuild
                .customers(block, (&reports, leads), &mut self.partition, &self.setup.store)
                .map_err(WorkerError::from)?;
            self.keep(0, &recall)?;
        }
        for block in &recall.blocks {
            if self.is_stopped() {
                return Ok(());
            }
            let touches = runtime.block_on(warehouse.recalled_touches(*block))?;
            rebuild.touches(&touches, &mut self.partition, &self.setup.store).map_err(WorkerError::from)?;
            self.keep(touches.len(), &recall)?;
        }
        self.progress.phase = Phase::CatchingUp;
        // Also of inputs in which nothing new comes: the next owner must not have to rebuild again.
        self.reach.commit_all();
        let partition = self.setup.partition;
        let (reports, touches, took_ms) = (recall.reports, recall.touches, begun.elapsed().as_millis());
        tracing::info!(partition, reports, touches, took_ms, "state rebuilt from ClickHouse");
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.setup.stop.load(Ordering::Relaxed)
    }

    /// How far an order asks back is the catalogs' to say, all of them.
    fn await_catalogs(&mut self) -> Result<(), WorkerError> {
        loop {
            self.take_catalogs()?;
            if self.setup.catalogs.newest() >= self.setup.catalog || self.is_stopped() {
                return Ok(());
            }
            self.show();
            thread::sleep(CATALOG_WAIT);
        }
    }

    /// Commits what a block said, without positions, so that states may leave memory; and tells how far it is.
    fn keep(&mut self, rows: usize, recall: &Recall) -> Result<(), WorkerError> {
        let dirty = self.partition.take_dirty()?;
        let checkpoint = half_way(&mut self.reach, dirty, self.setup.claim.claim(), self.setup.nonce);
        self.setup.store.commit(&checkpoint)?;
        self.partition.evict(self.setup.states_max);
        let (done, of) = &mut self.progress.rebuilt_rows;
        *done += rows as u64;
        let (done, of, partition) = (*done, *of, self.setup.partition);
        let dropped_before = recall.dropped_before.to_string();
        tracing::info!(partition, done, of, dropped_before, "state is being rebuilt from ClickHouse");
        self.shown_at = None;
        self.show();
        Ok(())
    }
}
