//! Mode `power`: requests of a moment wait together for one `fdatasync`.
//!
//! In: the sequence a request wrote. Out: whether it is safe from the loss of power. The sync blocks its thread, which has nothing to answer before
//! it anyway; requests that arrive meanwhile share the next one. Start at [`Gate::passed`].

use std::sync::Arc;

use tokio::sync::{Notify, watch};

use crate::worker::Worker;

/// Of one thread.
#[derive(Debug)]
pub(crate) struct Gate {
    wanted: Notify,
    synced: watch::Sender<Synced>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Synced {
    /// Syncs were tried up to here.
    tried: u64,
    /// And succeeded up to here.
    safe: u64,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { wanted: Notify::new(), synced: watch::Sender::new(Synced::default()) }
    }

    /// Waits for the sync that covers `sequence`; `false` if it failed.
    pub(crate) async fn passed(&self, sequence: u64) -> bool {
        let mut synced = self.synced.subscribe();
        self.wanted.notify_one();
        loop {
            let Synced { tried, safe } = *synced.borrow_and_update();
            if sequence <= safe {
                return true;
            }
            if sequence <= tried || synced.changed().await.is_err() {
                return false;
            }
        }
    }

    /// Syncs whenever somebody waits, until its task is dropped.
    pub(crate) async fn run(worker: Arc<Worker>) {
        let Some(gate) = &worker.gate else { return };
        loop {
            gate.wanted.notified().await;
            // Requests that are ready to run write first and are covered too.
            tokio::task::yield_now().await;
            let (sequence, result) = worker.with_recorder(|it| (it.last_sequence(), it.sync()));
            if let Err(error) = &result {
                tracing::warn!(%error, "spool not synced");
            }
            gate.synced.send_modify(|synced| {
                synced.tried = sequence;
                if result.is_ok() {
                    synced.safe = sequence;
                }
            });
        }
    }
}
