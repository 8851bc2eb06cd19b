//! How far a partition has read, noted in the warehouse beside its facts: where a later owner without state reads on.
//!
//! In: positions that a checkpoint covers. Out: one row of the warehouse's `program`, at most every [`NOTE_EVERY`]. A note that is late or lost
//! is smaller than the truth, which only makes the later owner read more. Not here: reading it (`owner`). Start at [`Notes::note`].

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use journal::{Position, StreamId};
use tokio::{runtime::Handle, task::JoinHandle};
use warehouse::Warehouse;

/// Between two notes. The log has to be kept for this much longer than it is read.
const NOTE_EVERY: Duration = Duration::from_secs(30);
/// How long a stopping worker waits for its last note.
const LAST_WAIT: Duration = Duration::from_secs(5);
/// Streams that are noted: the newest of them. An edge's thread begins one at each start.
const STREAMS_MAX: usize = 4_096;

/// The notes of one partition.
#[derive(Debug)]
pub(crate) struct Notes {
    runtime: Handle,
    warehouse: Warehouse,
    source: String,
    committed: BTreeMap<StreamId, u64>,
    noted_at: Option<Instant>,
    /// Something was committed since the last note began.
    is_due: bool,
    task: Option<JoinHandle<()>>,
}

impl Notes {
    pub(crate) fn new(
        runtime: Handle,
        warehouse: Warehouse,
        source: String,
        committed: BTreeMap<StreamId, u64>,
    ) -> Self {
        Self { runtime, warehouse, source, committed, noted_at: None, is_due: false, task: None }
    }

    /// Takes what was committed; notes it if that was long enough ago.
    pub(crate) fn note(&mut self, committed: &[Position]) {
        for position in committed {
            self.committed.insert(position.stream.clone(), position.next);
            self.is_due = true;
        }
        let is_early = self.noted_at.is_some_and(|at| at.elapsed() < NOTE_EVERY);
        let is_busy = self.task.as_ref().is_some_and(|it| !it.is_finished());
        if !self.is_due || is_early || is_busy {
            return;
        }
        self.noted_at = Some(Instant::now());
        self.is_due = false;
        let note = self.written();
        self.task = Some(self.runtime.spawn(note));
    }

    /// Notes what is left, if the warehouse takes it soon.
    pub(crate) fn finish(&mut self) {
        let before = self.task.take();
        let last = self.is_due.then(|| self.written());
        let all = async move {
            // Not at the same time: the later one must count.
            if let Some(task) = before {
                drop(task.await);
            }
            if let Some(last) = last {
                last.await;
            }
        };
        // Not in time is as good as not noted: the next owner reads more of the log.
        drop(self.runtime.block_on(async { tokio::time::timeout(LAST_WAIT, all).await }));
    }

    fn written(&self) -> impl Future<Output = ()> + Send + use<> {
        let (warehouse, source) = (self.warehouse.clone(), self.source.clone());
        let surplus = self.committed.len().saturating_sub(STREAMS_MAX);
        let mut newest: Vec<(String, u64)> =
            self.committed.iter().map(|(stream, next)| (stream.to_string(), *next)).collect();
        if surplus > 0 {
            let age = |it: &StreamId| match it {
                StreamId::Spool { incarnation, .. } => *incarnation,
                StreamId::Topic { .. } | StreamId::Memory(_) => u32::MAX,
            };
            let mut streams: Vec<_> = self.committed.keys().collect();
            streams.sort_by_key(|it| age(it));
            let gone: Vec<String> = streams.iter().take(surplus).map(ToString::to_string).collect();
            newest.retain(|(stream, _)| !gone.contains(stream));
        }
        async move {
            if let Err(error) = warehouse.note_positions(&source, newest.into_iter()).await {
                tracing::debug!(%error, "positions not noted");
            }
        }
    }
}
