//! Between a worker's thread and the warehouse: one batch in flight while the next one is being filled.
//!
//! In: a batch. Out: the same batch, emptied, once the warehouse has all of it. A transient error is tried again for ever with the
//! identical rows; nothing is ever passed over. Not here: what rows look like (`warehouse`), what an acknowledgement allows
//! (`worker`). Start at [`Sink::start`].

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    time::Duration,
};

use tokio::{runtime::Handle, sync::mpsc, task::JoinHandle};
use warehouse::{Batch, Warehouse};

use crate::batching::backoff_ms;

/// How the warehouse treats us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Health {
    /// Tries that failed and were made again.
    pub(crate) retries: u64,
    /// The last complaint; `None` after a success.
    pub(crate) error: Option<String>,
}

/// The task that writes is gone: it was stopped, or it met what no retry can mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sink has stopped")]
pub struct SinkStopped;

/// A worker's end of the sink.
#[derive(Debug)]
pub(crate) struct Sink {
    /// Capacity one: the batch in flight.
    jobs: mpsc::Sender<Batch>,
    done: Receiver<Batch>,
    health: Arc<Mutex<Health>>,
    task: JoinHandle<()>,
    in_flight: bool,
}

impl Sink {
    /// Starts the writing task on `runtime`. `source` names this partition in the marks.
    #[must_use]
    pub(crate) fn start(runtime: &Handle, warehouse: Warehouse, source: String) -> Self {
        let (jobs, mut wanted) = mpsc::channel::<Batch>(1);
        let (finished, done) = sync_channel(1);
        let health = Arc::new(Mutex::new(Health::default()));
        let noted = Arc::clone(&health);
        let task = runtime.spawn(async move {
            while let Some(mut batch) = wanted.recv().await {
                write(&warehouse, &source, &batch, &noted).await;
                batch.clear();
                if finished.send(batch).is_err() {
                    return;
                }
            }
        });
        Self { jobs, done, health, task, in_flight: false }
    }

    /// How the warehouse treats us.
    #[must_use]
    pub(crate) fn health(&self) -> Health {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives the warehouse a batch. Only after the one before is acknowledged.
    pub(crate) fn write(&mut self, batch: Batch) -> Result<(), SinkStopped> {
        assert!(!self.in_flight, "one batch at a time, or acknowledgements would not name theirs");
        self.jobs.try_send(batch).map_err(|_| SinkStopped)?;
        self.in_flight = true;
        Ok(())
    }

    /// Waits at most `wait` for the batch in flight; the emptied batch when the warehouse has it.
    pub(crate) fn acknowledged(&mut self, wait: Duration) -> Result<Option<Batch>, SinkStopped> {
        if !self.in_flight {
            return Ok(None);
        }
        match self.done.recv_timeout(wait) {
            Ok(batch) => {
                self.in_flight = false;
                Ok(Some(batch))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(SinkStopped),
        }
    }
}

impl Drop for Sink {
    /// A batch that is still being retried is given up: its checkpoint was not committed, so the next owner writes it.
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Writes one batch, for ever.
async fn write(warehouse: &Warehouse, source: &str, batch: &Batch, health: &Mutex<Health>) {
    let note = |error: Option<String>| {
        let mut health = health.lock().unwrap_or_else(PoisonError::into_inner);
        health.retries += u64::from(error.is_some());
        health.error = error;
    };
    let mut tries = 0;
    loop {
        match warehouse.write(source, batch).await {
            Ok(()) => return note(None),
            Err(error) => {
                tries += 1;
                note(Some(with_causes(&error)));
                tracing::warn!(error = with_causes(&error), tries, rows = batch.rows(), "batch not written");
                tokio::time::sleep(Duration::from_millis(backoff_ms(tries))).await;
            }
        }
    }
}

/// An error with what is behind it, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.extend([": ", &error.to_string()]);
        cause = error.source();
    }
    text
}
