//! State made anew from facts, where it is lost and the log no longer holds all it was made of.
//!
//! In: the reports, questions and touches that `ClickHouse` keeps. Out: the machines as if they had read them in the log, and still silent:
//! the worker then reads what of the log is left, and only speaks behind that. Orders get what their visitors touched from here too,
//! whoever owns those visitors and customers, so that none of them is decided on less than before. Everything is a union, so a rebuild that is cut
//! off is begun again on top of itself. Start at [`Worker::rebuild`].

use std::{
    collections::{BTreeSet, HashMap},
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use attribution::{CUSTOMER_VISITORS_MAX, questions};
use events::{Evidence, Identity, Lookup, OrderKey, Report, Touch};
use journal::partition_of;
use tokio::runtime::Handle;
use units::{CustomerId, EpochMs, Stamp, VisitorId};
use warehouse::{Recall, RecallError};

use super::{Worker, WorkerError, upkeep::LATE_MS_MAX};
use crate::{status::Phase, store::Checkpoint};

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

/// Which keys are this owner's, and what its orders ask.
struct Scope {
    partition: u32,
    partitions: u32,
    /// Touches before this are in no window any more that a report may still come for.
    touches_from: EpochMs,
    /// What this partition's orders asked, by visitor. As large as what a partition that owned all these visitors keeps in memory anyway.
    asked: HashMap<VisitorId, Vec<Asked>>,
    /// Whom orders know to be whose, and who of this partition's orders asked about it.
    customers: HashMap<CustomerId, Customer>,
}

#[derive(Default)]
struct Customer {
    /// One more than are followed, at most.
    visitors: BTreeSet<VisitorId>,
    asked: Vec<Asked>,
}

#[derive(Clone)]
struct Asked {
    order: OrderKey,
    from: EpochMs,
    to: EpochMs,
}

impl Scope {
    fn owns(&self, key: &[u8]) -> bool {
        partition_of(key, self.partitions) == self.partition
    }

    /// Notes what some order asks; `is_ours` if the order is this owner's.
    fn note(&mut self, lookup: &Lookup, is_ours: bool) {
        let asked = || Asked { order: lookup.order.clone(), from: lookup.from, to: lookup.to };
        match lookup.identity {
            Identity::Visitor(visitor) if is_ours => self.asked.entry(visitor).or_default().push(asked()),
            Identity::Visitor(_) => {}
            Identity::Customer(customer) => {
                let known = self.customers.entry(customer).or_default();
                known.visitors.extend(&lookup.visitors);
                while known.visitors.len() > CUSTOMER_VISITORS_MAX + 1 {
                    known.visitors.pop_last();
                }
                known.asked.extend(is_ours.then(asked));
            }
        }
    }
}

impl Worker {
    /// Reads all facts that concern this partition of `partitions`. Stops early when it is asked to; then nothing is said.
    pub(crate) fn rebuild(&mut self, partitions: u32, runtime: &Handle) -> Result<(), RebuildError> {
        let begun = Instant::now();
        self.await_catalogs()?;
        let now = (self.setup.clock)();
        let mut scope = Scope {
            partition: self.setup.partition,
            partitions,
            touches_from: now.back(self.longest_window_ms + LATE_MS_MAX),
            asked: HashMap::new(),
            customers: HashMap::new(),
        };
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
            let rows = reports.len();
            self.recall_orders(&reports, &mut scope)?;
            self.recall_candidates(candidates, &scope)?;
            self.keep(rows, &recall)?;
        }
        self.follow_customers(&mut scope)?;
        for block in &recall.blocks {
            if self.is_stopped() {
                return Ok(());
            }
            let touches = runtime.block_on(warehouse.recalled_touches(*block))?;
            for touch in &touches {
                self.recall_touch(touch, &scope)?;
            }
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

    /// Reports, all of an order together.
    fn recall_orders(&mut self, reports: &[Report], scope: &mut Scope) -> Result<(), WorkerError> {
        for order in reports.chunk_by(|left, right| left.key == right.key) {
            let Some(key) = order.first().map(|it| it.key.clone()) else { continue };
            let is_ours = scope.owns(&key.log_key());
            for lookup in questions(&key, order, &[], self.longest_window_ms) {
                scope.note(&lookup, is_ours);
                if scope.owns(&lookup.identity.log_key()) {
                    self.partition.recall_question(lookup)?;
                }
            }
            for report in order.iter().filter(|_| is_ours) {
                self.partition.recall_report(report.clone(), &self.setup.store)?;
            }
        }
        Ok(())
    }

    /// When all reports are read: tells this partition's orders whom their customers are known by, and notes that they ask about those.
    fn follow_customers(&mut self, scope: &mut Scope) -> Result<(), WorkerError> {
        for (customer, Customer { visitors, asked }) in scope.customers.drain() {
            for Asked { order, .. } in &asked {
                let identity = Identity::Customer(customer);
                let visitors = visitors.iter().copied().collect();
                let known =
                    Evidence { visitors, ..Evidence::bare(Stamp::default(), order.clone(), identity) };
                self.partition.recall_evidence(known, &self.setup.store)?;
            }
            if visitors.len() <= CUSTOMER_VISITORS_MAX {
                for visitor in visitors {
                    scope.asked.entry(visitor).or_default().extend(asked.iter().cloned());
                }
            }
        }
        Ok(())
    }

    fn recall_candidates(
        &mut self,
        candidates: Vec<(OrderKey, Touch)>,
        scope: &Scope,
    ) -> Result<(), WorkerError> {
        for (order, touch) in candidates {
            if scope.owns(&order.log_key()) {
                self.partition.recall_evidence(evidence(order, &touch), &self.setup.store)?;
            }
        }
        Ok(())
    }

    fn recall_touch(&mut self, touch: &Touch, scope: &Scope) -> Result<(), WorkerError> {
        let identity = Identity::Visitor(touch.visitor);
        if scope.touches_from <= touch.at && scope.owns(&identity.log_key()) {
            self.partition.recall_touch(touch)?;
        }
        for asked in scope.asked.get(&touch.visitor).into_iter().flatten() {
            let is_wanted =
                asked.order.advertiser == touch.advertiser && (asked.from..=asked.to).contains(&touch.at);
            if is_wanted {
                let evidence = evidence(asked.order.clone(), touch);
                self.partition.recall_evidence(evidence, &self.setup.store)?;
            }
        }
        Ok(())
    }

    /// Commits what a block said, without positions, so that states may leave memory; and tells how far it is.
    fn keep(&mut self, rows: usize, recall: &Recall) -> Result<(), WorkerError> {
        let dirty = self.partition.take_dirty()?;
        self.setup.store.commit(&Checkpoint {
            positions: Vec::new(),
            orders: dirty.orders,
            order_times: dirty.order_times,
            timelines: dirty.timelines,
            touches_next: None,
            claim: self.setup.claim.claim(),
            nonce: self.setup.nonce,
            catalog: None,
        })?;
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

/// One touch as a timeline would answer it. Without a stamp, so that whatever an owner of the timeline says is newer.
fn evidence(order: OrderKey, touch: &Touch) -> Evidence {
    Evidence {
        touches: vec![*touch],
        partners: vec![touch.partner],
        ..Evidence::bare(Stamp::default(), order, Identity::Visitor(touch.visitor))
    }
}
