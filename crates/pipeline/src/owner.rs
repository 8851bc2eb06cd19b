//! One partition's ownership on one machine: state, claim, barrier, worker; again from the checkpoint when the worker cannot go on.
//!
//! In: a partition's number. Out: its worker's end. The order matters: state is locked first, then the claim is written, then the inputs'
//! ends are looked at, and only then is anything read. Not here: the worker's turns (`worker`). Start at [`Owner::work`].

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use attribution::{SliceOptions, Timelines, TouchStore};
use events::Claim;
use journal::{Source, spool};
use tokio::runtime::Handle;
use units::{Clock, Stamp};
use warehouse::Warehouse;

use crate::{
    catalogs::Catalogs,
    claims,
    options::Options,
    outlet::Outlet,
    run::RunError,
    slices::FileSlices,
    status::Status,
    store::{Label, Store},
    worker::{End, Setup, Worker},
};

/// What one partition of the embedded log needs.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) options: Arc<Options>,
    pub(crate) clock: Clock,
    pub(crate) warehouse: Warehouse,
    pub(crate) status: Arc<Status>,
    pub(crate) stop: Arc<AtomicBool>,
}

/// The embedded log has one partition.
pub(crate) const PARTITION: u32 = 0;

impl Owner {
    /// Works until told to stop. A claim that is used up is followed by the next one.
    pub(crate) fn work(&self, runtime: &Handle) -> Result<(), RunError> {
        loop {
            match self.begin(runtime)?.run()? {
                End::Stopped => return Ok(()),
                End::ClaimAnew => {}
            }
        }
    }

    fn begin(&self, runtime: &Handle) -> Result<Worker, RunError> {
        let options = &self.options;
        let folder = options.data.join("pipeline").join(PARTITION.to_string());
        let label = Label { log: "spool".to_owned(), partition: PARTITION, partitions: 1 };
        let store = Store::open(&folder, &label, options.durability)?;
        let claim = Claim {
            partition: PARTITION,
            nonce: options.nonce,
            at: (self.clock)(),
            owner: options.owner.as_str().into(),
        };
        let number = claims::claim(&options.data.join("claims"), &claim, store.claim()?)?;
        let claim = Stamp::new(options.generation, number)?;
        let positions = store.positions()?;
        let mut reader = spool::Reader::open(&options.data.join("spool"));
        reader.seek(&positions);
        let mut input = Source::Spool(Box::new(reader));
        let barrier = input.ends().map_err(crate::worker::WorkerError::from)?;
        let timelines = timelines(&folder.join("touches"), claim, &store, options.nonce)?;
        let setup = Setup {
            partition: PARTITION,
            claim,
            barrier,
            input,
            positions,
            store,
            outlet: Outlet::Here,
            catalogs: Catalogs::new(options.data.join("catalog")),
            warehouse: self.warehouse.clone(),
            source_name: "spool".to_owned(),
            limits: options.limits,
            states_max: options.states_max,
            clock: self.clock,
            stop: Arc::clone(&self.stop),
            status: Arc::clone(&self.status),
        };
        Ok(Worker::new(setup, timelines, runtime))
    }
}

/// The timelines over the touches of the last checkpoint, with everybody's questions.
pub(crate) fn timelines(
    folder: &Path,
    claim: Stamp,
    store: &Store,
    seed: u64,
) -> Result<Timelines<FileSlices>, RunError> {
    let slices =
        FileSlices::open(folder).map_err(|source| RunError::Folder { path: folder.to_path_buf(), source })?;
    let touches = TouchStore::open(slices, SliceOptions::default(), seed, store.touches_next()?)?;
    let mut timelines = Timelines::new(claim, touches);
    for (identity, state) in store.timelines()? {
        timelines.restore(identity, &state).map_err(RunError::Timeline)?;
    }
    Ok(timelines)
}
