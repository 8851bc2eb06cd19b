//! One partition's owner: reads, applies, writes, commits, on a thread of its own.
//!
//! In: a claim, an input, the state on disk, a sink. Out: facts acknowledged, then the checkpoint that covers them; never the other way
//! round. Not here: which partitions are owned (`run`), what a record does (`partition`). Start at [`Worker::run`].

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use attribution::Timelines;
use events::OrderKey;
use journal::{PollError, Position, Record, Source};
use units::{Clock, CustomerId, Stamp};
use warehouse::{Batch, Warehouse};

use crate::{
    batching::{Gathered, Limits, Turn},
    catalogs::{Catalogs, CatalogsError},
    notes::{Noter, Notes},
    outlet::{Outlet, OutletError},
    partition::{Outbox, Partition, PartitionError, States},
    reach::{Pending, Reach},
    sink::{Sink, SinkStopped},
    slices::FileSlices,
    status::{Freshness, Phase, Progress, Status},
    store::{Checkpoint, Durability, OrderPlace, Store, StoreError},
};

mod progress;
mod rebuild;
mod upkeep;

use self::progress::is_over;
pub use self::rebuild::RebuildError;

/// The longest wait for the sink before a stop, an acknowledgement or the clock is looked at again.
const AWAIT_SINK: Duration = Duration::from_millis(50);
/// How long a stopping worker waits for what is in flight. Beyond it the batch is given up and written by the next owner.
const STOP_WAIT: Duration = Duration::from_secs(10);

/// Why a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It was asked to; everything acknowledged is committed.
    Stopped,
    /// A key's revisions under this claim came to their end: start over with a new claim.
    ClaimAnew,
    /// The warehouse no longer has what it acknowledged: start over from where its facts end, and say every order again.
    WentBack,
}

/// Why a worker cannot go on by itself.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// An input cannot be read on.
    #[error("input cannot be read on")]
    Input(#[from] PollError),
    /// State cannot be read or committed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A machine cannot take a record.
    #[error(transparent)]
    Partition(#[from] PartitionError<StoreError>),
    /// A catalog version cannot be taken in.
    #[error(transparent)]
    Catalogs(#[from] CatalogsError),
    /// The log does not take what the machines say.
    #[error(transparent)]
    Outlet(#[from] OutletError),
    /// The touch store cannot be used.
    #[error(transparent)]
    Touches(#[from] attribution::StoreError),
    /// The sink's task is gone.
    #[error(transparent)]
    Sink(#[from] SinkStopped),
}

impl States for Store {
    type Error = StoreError;

    fn order(&self, key: &OrderKey) -> Result<Option<impl AsRef<[u8]>>, StoreError> {
        self.order_state(key)
    }

    fn customer(&self, customer: CustomerId) -> Result<Option<impl AsRef<[u8]>>, StoreError> {
        self.customer_state(customer)
    }
}

/// What a worker is made of.
#[derive(Debug)]
pub(crate) struct Setup {
    /// The log's partition.
    pub(crate) partition: u32,
    /// The owner's claim, already in the log.
    pub(crate) claim: Stamp,
    /// The random number in its record.
    pub(crate) nonce: u64,
    /// The generation of the log.
    pub(crate) generation: u8,
    /// How far each input reached right after the claim was in the log.
    pub(crate) barrier: Vec<Position>,
    /// The newest version of the catalog there was right after the claim.
    pub(crate) catalog: u32,
    /// The inputs.
    pub(crate) input: Source,
    /// Where to read on in them.
    pub(crate) positions: Vec<Position>,
    /// The state on disk.
    pub(crate) store: Store,
    /// Where look-ups, evidence and decisions go.
    pub(crate) outlet: Outlet,
    /// The folder of catalog versions.
    pub(crate) catalogs: Catalogs,
    /// Writes facts; also the catalog's names.
    pub(crate) warehouse: Warehouse,
    /// Names this partition in the marks.
    pub(crate) source_name: String,
    /// The warehouse went back behind what the owner before was told: every order is said again.
    pub(crate) says_again: bool,
    /// The last note that the warehouse acknowledged to this partition, as far as its state knows.
    pub(crate) noted: u64,
    /// When a batch is full.
    pub(crate) limits: Limits,
    /// States of each machine kept in memory.
    pub(crate) states_max: usize,
    /// The present.
    pub(crate) clock: Clock,
    /// Set to end.
    pub(crate) stop: Arc<AtomicBool>,
    /// Where progress is shown.
    pub(crate) status: Arc<Status>,
}

/// One partition at work.
#[derive(Debug)]
pub(crate) struct Worker {
    setup: Setup,
    partition: Partition<FileSlices>,
    sink: Sink,
    notes: Notes,
    out: Outbox,
    /// The emptied batch that came back, to be filled next.
    spare: Option<Batch>,
    /// What is gathered since the last cut.
    gathered: Gathered,
    first_at: Option<Instant>,
    reach: Reach,
    /// To be committed when the batch in flight is acknowledged.
    pending: Option<InFlight>,
    /// Where to go on deciding orders on disk again; `None` when there is nothing to do.
    redecide_from: Option<OrderPlace>,
    /// Every order was put among those to be decided again, for what the warehouse lost.
    says_again: bool,
    /// Over all versions of the catalog, in ms.
    longest_window_ms: u64,
    expired_at: Option<Instant>,
    progress: Progress,
    lag_at: Option<Instant>,
    shown_at: Option<Instant>,
}

/// What the batch in flight stands for.
#[derive(Debug)]
struct InFlight {
    pending: Pending,
    rows: usize,
    inputs_at: Option<(units::EpochMs, units::EpochMs)>,
    /// With it, all orders have been said again.
    is_all_said: bool,
}

impl Worker {
    /// The owner of a partition, silent until it has read to the barrier. Its input stands at its positions.
    #[must_use]
    pub(crate) fn new(
        mut setup: Setup,
        timelines: Timelines<FileSlices>,
        runtime: &tokio::runtime::Handle,
    ) -> Self {
        let inner = setup.outlet.inner();
        let (positions, barrier) = (std::mem::take(&mut setup.positions), std::mem::take(&mut setup.barrier));
        let (warehouse, source) = (setup.warehouse.clone(), setup.source_name.clone());
        let sink = Sink::start(runtime, warehouse.clone(), source.clone());
        let read = positions.iter().map(|it| (it.stream.clone(), it.next)).collect();
        let (claim, nonce, generation) = (setup.claim.claim(), setup.nonce, setup.generation);
        let writer = Noter { warehouse, source, generation, claim, nonce };
        let notes = Notes::new(runtime.clone(), writer, read, setup.noted, setup.says_again);
        Self {
            partition: Partition::new(setup.claim, timelines, inner),
            sink,
            notes,
            out: Outbox::default(),
            spare: None,
            gathered: Gathered::default(),
            first_at: None,
            reach: Reach::new(positions, barrier, setup.catalog),
            pending: None,
            redecide_from: None,
            says_again: false,
            longest_window_ms: 0,
            expired_at: None,
            progress: Progress { claim: setup.claim.claim(), ..Progress::default() },
            lag_at: None,
            shown_at: None,
            setup,
        }
    }

    /// Works until it is asked to stop, needs a new claim, or cannot go on.
    pub(crate) fn run(mut self) -> Result<End, WorkerError> {
        loop {
            if self.setup.stop.load(Ordering::Relaxed) {
                self.finish()?;
                return Ok(End::Stopped);
            }
            if self.partition.needs_claim() {
                self.finish()?;
                return Ok(End::ClaimAnew);
            }
            if self.notes.went_back() {
                self.finish()?;
                return Ok(End::WentBack);
            }
            self.turn()?;
        }
    }

    fn turn(&mut self) -> Result<(), WorkerError> {
        self.keep_notes()?;
        if self.is_expiry_due() {
            self.expire()?;
            self.show();
            return Ok(());
        }
        self.take_catalogs()?;
        self.say_all_again();
        self.redecide_some()?;
        self.acknowledge(Duration::ZERO)?;
        self.gathered.rows = self.out.rows();
        self.gathered.age_ms =
            self.first_at.map_or(0, |at| u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX));
        match self.setup.limits.next(self.gathered, self.pending.is_some()) {
            Turn::AwaitSink => self.acknowledge(AWAIT_SINK)?,
            Turn::Cut => self.cut()?,
            Turn::Read { wait_ms } => self.read(Duration::from_millis(wait_ms))?,
        }
        self.show();
        Ok(())
    }

    fn read(&mut self, wait: Duration) -> Result<(), WorkerError> {
        let records = self.setup.input.poll(self.setup.limits.poll_records_max, wait)?;
        if !records.is_empty() {
            self.first_at.get_or_insert_with(Instant::now);
        }
        self.apply(&records)?;
        for passed in self.setup.input.take_passed() {
            self.reach.read(&passed.stream, passed.next);
        }
        self.send_messages()?;
        self.speak_if_due()
    }

    /// Records of any streams, each stream's ascending.
    fn apply(&mut self, records: &[Record]) -> Result<(), WorkerError> {
        self.partition.apply(records, &self.setup.store, &mut self.out)?;
        self.gathered.records += records.len();
        self.gathered.input_bytes += records.iter().map(|it| it.bytes.len()).sum::<usize>();
        for run in records.chunk_by(|left, right| left.stream == right.stream) {
            if let Some(last) = run.last() {
                self.reach.read(&last.stream, last.position + 1);
            }
        }
        Ok(())
    }

    fn speak_if_due(&mut self) -> Result<(), WorkerError> {
        let Setup { catalogs, input, .. } = &self.setup;
        if !self.reach.begins_to_speak(catalogs.newest(), |stream| is_over(input, stream)) {
            return Ok(());
        }
        self.first_at.get_or_insert_with(Instant::now);
        // Counts as gathered, so that what is said now is cut even when no record follows.
        self.gathered.records += 1;
        self.partition.speak(&self.setup.store, &mut self.out)?;
        self.send_messages()
    }

    /// Gives the sink what is gathered. Only while it is idle.
    fn cut(&mut self) -> Result<(), WorkerError> {
        self.out.seal(self.setup.outlet.inner());
        self.send_messages()?;
        let checkpoint = self.checkpoint()?;
        let rows = self.out.batch.rows();
        let pending = Pending::new(checkpoint, rows);
        let is_all_said = self.says_again && self.redecide_from.is_none();
        self.pending = Some(InFlight { pending, rows, inputs_at: self.out.inputs_at.take(), is_all_said });
        self.gathered = Gathered::default();
        self.first_at = None;
        if rows == 0 {
            return self.commit();
        }
        let next = self.spare.take().unwrap_or_default();
        Ok(self.sink.write(std::mem::replace(&mut self.out.batch, next))?)
    }

    /// What changed up to this cut; the machines go on while the batch is being written.
    fn checkpoint(&mut self) -> Result<Checkpoint, WorkerError> {
        let dirty = self.partition.take_dirty()?;
        // A version counts as taken in when every order on disk has been looked at again, and said.
        let catalog = self.redecide_from.is_none().then(|| self.setup.catalogs.newest());
        Ok(self.reach.checkpoint(dirty, self.setup.claim.claim(), self.setup.nonce, catalog))
    }

    fn acknowledge(&mut self, wait: Duration) -> Result<(), WorkerError> {
        if let Some(batch) = self.sink.acknowledged(wait)? {
            self.spare = Some(batch);
            if let Some(it) = &mut self.pending {
                it.pending.acknowledge();
            }
        }
        self.commit()
    }

    /// The facts are in the warehouse: with what was said in the log too, their inputs need never be read again.
    fn commit(&mut self) -> Result<(), WorkerError> {
        if !self.pending.as_ref().is_some_and(|it| it.pending.is_written())
            || !self.setup.outlet.is_flushed()?
        {
            return Ok(());
        }
        let Some(InFlight { pending, rows, inputs_at, is_all_said }) = self.pending.take() else {
            return Ok(());
        };
        if self.setup.store.durability() == Durability::Power {
            self.partition.touches().slices().sync().map_err(attribution::StoreError::from)?;
        }
        self.setup.store.commit(&pending.checkpoint)?;
        self.notes.note(&pending.checkpoint.positions);
        if is_all_said && self.notes.owes() {
            self.notes.pay();
        }
        // Only now is every clean state on disk.
        self.partition.evict(self.setup.states_max);
        self.progress.checkpoints += u64::from(self.reach.is_live());
        self.progress.batches += u64::from(rows > 0);
        self.progress.rows += rows as u64;
        let now = (self.setup.clock)();
        self.progress.freshness_ms = inputs_at.map(|(oldest, newest)| Freshness {
            oldest_ms: now.ms_since(oldest).unwrap_or(0),
            newest_ms: now.ms_since(newest).unwrap_or(0),
        });
        Ok(())
    }

    fn send_messages(&mut self) -> Result<(), WorkerError> {
        Ok(self.setup.outlet.send(&mut self.out.messages)?)
    }

    /// Brings what is gathered into the warehouse and commits it, as far as that goes in [`STOP_WAIT`].
    fn finish(&mut self) -> Result<(), WorkerError> {
        let deadline = Instant::now() + STOP_WAIT;
        self.settle(deadline)?;
        if self.pending.is_none() && self.reach.is_live() {
            self.cut()?;
            self.settle(deadline)?;
        }
        self.notes.finish();
        self.keep_noted()?;
        self.progress.phase = Phase::Released;
        self.shown_at = None;
        self.show();
        Ok(())
    }

    fn settle(&mut self, deadline: Instant) -> Result<(), WorkerError> {
        while self.pending.is_some() && Instant::now() < deadline {
            self.acknowledge(AWAIT_SINK)?;
        }
        Ok(())
    }
}
