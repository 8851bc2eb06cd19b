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

use journal::{
    PollError, StreamId,
    kafka::{KafkaError, topics::TopicError},
};
use tokio::runtime::Handle;
use units::{Clock, StampError};
use warehouse::{EngineError, RecallError, Warehouse};

use crate::{
    catalogs::CatalogsError,
    claims::ClaimError,
    group::Group,
    names,
    options::{Log, Options},
    outlet::OutletError,
    owner::Owner,
    status::Status,
    store::StoreError,
    worker::{RebuildError, WorkerError},
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
    /// The folder of catalog versions cannot be read.
    #[error(transparent)]
    Catalogs(#[from] CatalogsError),
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
    /// An input cannot be read.
    #[error("input cannot be read")]
    Input(#[from] PollError),
    /// The log does not take the claim.
    #[error(transparent)]
    Outlet(#[from] OutletError),
    /// Kafka refuses: also when another member of the group has our name.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The topics are not as they must be.
    #[error(transparent)]
    Topics(#[from] TopicError),
    /// What was not read yet is gone, and was never made a fact.
    #[error(
        "{stream} begins at {oldest}, but facts are noted only up to {noted}: what lies between was never read, or nothing was noted yet; \
         give the state of its last owner back, or raise the log's retention and generation"
    )]
    LogIncomplete {
        /// The input.
        stream: StreamId,
        /// Its oldest record.
        oldest: u64,
        /// Where reading would go on.
        noted: u64,
    },
    /// The log was made anew since the checkpoint, or since what the facts say.
    #[error(
        "{stream} no longer holds our claim {claim}: it was made anew; raise `pipeline.generation` and move the state away, \
         so that state is rebuilt from facts and newer claims win"
    )]
    LogReplaced {
        /// The input.
        stream: StreamId,
        /// Our last claim there.
        claim: u64,
    },
    /// The broker is there but keeps silent.
    #[error("the broker does not show {what}")]
    Unanswered {
        /// What was asked for.
        what: &'static str,
    },
    /// A worker cannot go on.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// Lost state cannot be rebuilt.
    #[error(transparent)]
    Rebuild(Box<RebuildError>),
    /// The warehouse does not say how far its facts reach.
    #[error("ClickHouse does not say how far its facts reach")]
    Warehouse(#[from] EngineError),
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

impl RunError {
    /// Whether a new beginning may mend it: the broker or the warehouse was away.
    pub(crate) fn is_passing(&self) -> bool {
        if let Self::Rebuild(error) = self {
            return matches!(**error, RebuildError::Facts(RecallError::Engine(_)));
        }
        matches!(
            self,
            Self::Input(PollError::Kafka(_))
                | Self::Outlet(OutletError::Sink(_))
                | Self::Unanswered { .. }
                | Self::Warehouse(_)
                // Missing: just made, and not yet known to every broker.
                | Self::Topics(TopicError::Kafka(_) | TopicError::Missing { .. })
                | Self::Worker(
                    WorkerError::Input(PollError::Kafka(_)) | WorkerError::Outlet(OutletError::Sink(_))
                )
        )
    }
}

impl From<RebuildError> for RunError {
    fn from(error: RebuildError) -> Self {
        Self::Rebuild(Box::new(error))
    }
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
            partition: 0,
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
            .name("pipeline".to_owned())
            .spawn(move || {
                let result = match &owner.options.log {
                    Log::Spool => owner.work(&runtime),
                    Log::Kafka(options) => {
                        Group { options: (**options).clone(), pattern: owner.clone() }.work(&runtime)
                    }
                };
                // The other end sees that this one is gone.
                drop(ended);
                result
            })
            .map_err(|source| RunError::Thread { partition: 0, source })?;
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
        let result = thread.join().unwrap_or(Err(RunError::Panicked { partition: 0 }));
        if let Err(error) = &result {
            self.status.fail(error.to_string());
        }
        result
    }
}
