//! The pipeline as a role: which partitions this process owns, and a worker for each, begun anew where it may be.
//!
//! In: options, a clock, the moment to stop. Out: nothing but facts in the warehouse and a [`Status`]. A worker that fails is begun again
//! from its checkpoint under a new claim, which is always right; what no new beginning can mend ends the role with the reason.
//! Not here: one partition's work (`worker`). Start at [`Pipeline::run`].

use std::{
    future::Future,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tokio::runtime::Handle;
use units::{Clock, StampError};
use warehouse::Warehouse;

use crate::{
    claims::ClaimError,
    names,
    options::Options,
    owner::{Owner, PARTITION},
    status::Status,
    store::StoreError,
    worker::WorkerError,
};

/// Why the role ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// State is in use, foreign, of a later build or damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No claim could be made.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The claim's number does not fit a stamp.
    #[error(transparent)]
    Stamp(#[from] StampError),
    /// The touch store cannot be opened.
    #[error(transparent)]
    Touches(#[from] attribution::StoreError),
    /// A timeline's state is not what this build writes.
    #[error("state of a timeline cannot be understood")]
    Timeline(#[source] attribution::StateError),
    /// The folder of touches cannot be used.
    #[error("folder {path} cannot be used")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A worker cannot go on.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// A worker's thread panicked: a bug.
    #[error("the worker of partition {partition} panicked")]
    Panicked {
        /// Whose.
        partition: u32,
    },
    /// The system gives no thread.
    #[error("no thread for partition {partition}")]
    Thread {
        /// For which.
        partition: u32,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// The role. Make it, take its [`Pipeline::status`], and run it.
#[derive(Debug)]
pub struct Pipeline {
    options: Arc<Options>,
    clock: Clock,
    warehouse: Warehouse,
    status: Arc<Status>,
}

impl Pipeline {
    /// Nothing happens yet.
    #[must_use]
    pub fn new(options: Options, clock: Clock) -> Self {
        let warehouse = Warehouse::new(options.warehouse.clone());
        Self { options: Arc::new(options), clock, warehouse, status: Arc::default() }
    }

    /// How it is doing; to be kept while it runs.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// Works until `shutdown`, then brings what is in flight into the warehouse and ends.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
        let stop = Arc::new(AtomicBool::new(false));
        let owner = Owner {
            options: self.options,
            clock: self.clock,
            warehouse: self.warehouse,
            status: Arc::clone(&self.status),
            stop: Arc::clone(&stop),
        };
        let runtime = Handle::current();
        let names = names::keep(owner.warehouse.clone(), owner.options.data.join("catalog"));
        let names = runtime.spawn(names);
        let (ended, end) = tokio::sync::oneshot::channel::<()>();
        let thread = thread::Builder::new()
            .name("pipeline-0".to_owned())
            .spawn(move || {
                let result = owner.work(&runtime);
                // The other end sees that this one is gone.
                drop(ended);
                result
            })
            .map_err(|source| RunError::Thread { partition: PARTITION, source })?;
        tokio::pin!(end);
        tokio::select! {
            () = shutdown => {
                stop.store(true, Ordering::Relaxed);
                // Always an error, since nothing is ever sent: the thread is over.
                drop(end.await);
            }
            _ = &mut end => {}
        }
        names.abort();
        let result = thread.join().unwrap_or(Err(RunError::Panicked { partition: PARTITION }));
        if let Err(error) = &result {
            self.status.fail(error.to_string());
        }
        result
    }
}
