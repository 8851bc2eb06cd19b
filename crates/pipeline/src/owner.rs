//! One partition's ownership: state, claim, barrier, worker; again from the checkpoint when the worker cannot go on.
//!
//! In: a partition's number. Out: its worker's end. The order matters: state is locked first, then the claim is written, then the inputs'
//! ends are looked at, and only then is anything read. Not here: the worker's turns (`worker`), which partitions are ours (`group`).
//! Start at [`Owner::work`].

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use attribution::{SliceOptions, Timelines, TouchStore};
use events::Claim;
use journal::{Position, Source, spool};
use tokio::runtime::Handle;
use units::{Clock, Stamp};
use warehouse::Warehouse;

use crate::{
    batching::backoff_ms,
    catalogs::{Catalogs, CatalogsError},
    claims, kafka,
    options::{Log, Options},
    outlet::Outlet,
    resume::{Beginning, Noted, Resume, resume},
    run::RunError,
    sink::with_causes,
    slices::FileSlices,
    status::Status,
    store::{Label, Store},
    worker::{End, Setup, Worker},
};

/// How long a worker must have lived for its failure to count as the first one again.
const CALM: Duration = Duration::from_mins(1);
/// The newest touches, kept in memory as well as on disk, in bytes of one process that owns every partition: a million touches, of which most
/// orders' clicks are. What is older is read from files, which the system keeps in memory as far as it has any.
pub const RECENT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Between two looks at the stop flag while waiting to begin again.
const STOP_LOOK: Duration = Duration::from_millis(50);

/// What one partition needs.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) partition: u32,
    pub(crate) options: Arc<Options>,
    pub(crate) clock: Clock,
    pub(crate) warehouse: Warehouse,
    pub(crate) status: Arc<Status>,
    pub(crate) stop: Arc<AtomicBool>,
}

/// A log, claimed, and the place to read on.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) claim: u64,
    /// How far each input reached right after the claim was in the log.
    pub(crate) barrier: Vec<Position>,
    /// The newest version of the catalog there was right after the claim.
    pub(crate) catalog: u32,
    pub(crate) input: Source,
    /// Where the input stands.
    pub(crate) positions: Vec<Position>,
    /// The state knows less than what lies before: facts come first.
    pub(crate) is_rebuild: bool,
    pub(crate) outlet: Outlet,
}

impl Owner {
    /// Works until told to stop. A claim that is used up, and a log that is away, are followed by a new beginning.
    pub(crate) fn work(&self, runtime: &Handle) -> Result<(), RunError> {
        let mut tries = 0;
        let mut says_again = false;
        while !self.stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            let ended = self.begin(says_again, runtime).and_then(|worker| Ok(worker.run()?));
            match ended {
                Ok(End::Stopped) => return Ok(()),
                // Whoever still has to say something again is told so by the warehouse's last note.
                Ok(End::ClaimAnew) => (tries, says_again) = (0, false),
                Ok(End::WentBack) => {
                    (tries, says_again) = (0, true);
                    let partition = self.partition;
                    tracing::warn!(
                        code = "warehouse_went_back",
                        partition,
                        "ClickHouse has gone back behind what it acknowledged: its facts are made again from there"
                    );
                }
                Err(error) if error.is_passing() => {
                    tries = if began.elapsed() > CALM { 1 } else { tries + 1 };
                    let error = with_causes(&error);
                    tracing::warn!(partition = self.partition, error, tries, "partition begins again");
                    self.status.begins_again(self.partition, &error);
                    self.wait(Duration::from_millis(backoff_ms(tries)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn begin(&self, says_again: bool, runtime: &Handle) -> Result<Worker, RunError> {
        let options = &self.options;
        let folder = options.data.join("pipeline").join(self.partition.to_string());
        let store = Store::open(&folder, &self.label(), options.durability)?;
        let record = Claim {
            partition: self.partition,
            nonce: options.nonce,
            at: (self.clock)(),
            owner: options.owner.as_str().into(),
        };
        let noted = Noted {
            warehouse: &self.warehouse,
            source: self.source_name(),
            generation: options.generation,
            is_truth: says_again,
            runtime,
        };
        let opened = match &options.log {
            Log::Spool => open_spool(options, record, &store, &noted)?,
            Log::Kafka(options) => kafka::open(options, self.partition, record, &store, &noted)?,
        };
        let claim = Stamp::new(options.generation, opened.claim)?;
        let timelines =
            open_timelines(&folder.join("touches"), claim, &store, options.nonce, self.recent_bytes())?;
        let noted = store.noted()?;
        let setup = Setup {
            partition: self.partition,
            claim,
            nonce: options.nonce,
            generation: options.generation,
            barrier: opened.barrier,
            catalog: opened.catalog,
            input: opened.input,
            positions: opened.positions,
            store,
            outlet: opened.outlet,
            catalogs: Catalogs::new(options.data.join("catalog")),
            warehouse: self.warehouse.clone(),
            source_name: self.source_name(),
            says_again,
            noted,
            limits: options.limits,
            states_max: options.states_max,
            clock: self.clock,
            stop: Arc::clone(&self.stop),
            status: Arc::clone(&self.status),
        };
        let mut worker = Worker::new(setup, timelines, runtime);
        if opened.is_rebuild {
            worker.rebuild(self.label().partitions, runtime)?;
        }
        Ok(worker)
    }

    /// The partition's part of [`RECENT_BYTES_MAX`].
    fn recent_bytes(&self) -> usize {
        let partitions = self.label().partitions;
        usize::try_from(partitions).map_or(0, |it| RECENT_BYTES_MAX / it.max(1))
    }

    fn label(&self) -> Label {
        match &self.options.log {
            Log::Spool => Label { log: "spool".to_owned(), partition: self.partition, partitions: 1 },
            Log::Kafka(options) => Label {
                log: format!("kafka:{}", options.topics.evidence),
                partition: self.partition,
                partitions: options.partitions,
            },
        }
    }

    fn source_name(&self) -> String {
        let is_topic = matches!(self.options.log, Log::Kafka(_));
        source_name(is_topic.then_some(self.partition))
    }

    /// Waits, but not for a stop.
    pub(crate) fn wait(&self, wait: Duration) {
        let deadline = Instant::now() + wait;
        while !self.stop.load(Ordering::Relaxed) && Instant::now() < deadline {
            thread::sleep(STOP_LOOK);
        }
    }
}

/// What a partition is called in marks and notes: one of the topics', or the spool's only one.
#[must_use]
pub fn source_name(topics_partition: Option<u32>) -> String {
    topics_partition.map_or_else(|| "spool".to_owned(), |it| format!("kafka-{it}"))
}

fn open_spool(
    options: &Options,
    record: Claim,
    store: &Store,
    noted: &Noted<'_>,
) -> Result<Opened, RunError> {
    let root = options.data.join("spool");
    // Also streams that came and went while nobody was here, and all of them where the state is lost.
    let beginnings = spool::beginnings(&root)?.into_iter().map(|it| Beginning {
        stream: it.stream,
        oldest: it.next,
        first: 1,
        is_inner: false,
    });
    let Resume { positions, is_rebuild } =
        resume(store.positions()?, &beginnings.collect::<Vec<_>>(), noted)?;
    let seen = if is_rebuild { noted.newest_claim()? } else { 0 };
    let claim = claims::claim(&options.data.join("claims"), record, store.claim()?.max(seen))?;
    let mut reader = spool::Reader::open(&root);
    reader.seek(&positions);
    let mut input = Source::Spool(Box::new(reader));
    let barrier = input.ends()?;
    let catalog = journal::versions::newest(&options.data.join("catalog")).map_err(CatalogsError::from)?;
    Ok(Opened { claim, barrier, catalog, input, positions, is_rebuild, outlet: Outlet::Here })
}

/// The timelines over the touches of the last checkpoint, with everybody's questions. `seed` is random; `recent_bytes` is what the newest
/// touches may take in memory. For the role itself and for those who measure it.
pub fn open_timelines(
    folder: &Path,
    claim: Stamp,
    store: &Store,
    seed: u64,
    recent_bytes: usize,
) -> Result<Timelines<FileSlices>, RunError> {
    let slices =
        FileSlices::open(folder).map_err(|source| RunError::Folder { path: folder.to_path_buf(), source })?;
    let touches = TouchStore::open(slices, SliceOptions::default(), seed, store.touches_next()?)?;
    let touches = touches.keeping(recent_bytes);
    let mut timelines = Timelines::new(claim, touches);
    for (identity, state) in store.timelines()? {
        timelines.restore(identity, &state).map_err(RunError::Timeline)?;
    }
    Ok(timelines)
}
