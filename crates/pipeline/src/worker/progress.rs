//! What a worker shows of itself, and how far its inputs are from their ends.
//!
//! In: the worker, once a turn. Out: its [`Progress`] in the shared status, at most ten times a second. Not here: what probes make of it
//! (`status`). Start at [`Worker::show`].

use std::time::{Duration, Instant};

use journal::{Blocked, Position, Source, StreamId};

use super::Worker;
use crate::status::Phase;

/// Between two looks at how far the inputs reach.
const LAG_EVERY: Duration = Duration::from_secs(1);
/// How long a look at the lag may hold the worker up, where the brokers do not answer.
const LAG_WAIT: Duration = Duration::from_secs(1);
/// Between two reports of progress.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

impl Worker {
    /// Puts the worker's progress where others see it.
    pub(super) fn show(&mut self) {
        if self.shown_at.is_some_and(|at| at.elapsed() < PROGRESS_EVERY) {
            return;
        }
        self.shown_at = Some(Instant::now());
        if self.lag_at.is_none_or(|at| at.elapsed() >= LAG_EVERY) {
            self.lag_at = Some(Instant::now());
            self.show_blocked();
            // A failure to look is a failure to read, which the next poll reports.
            if let Ok(ends) = self.setup.input.ends_within(LAG_WAIT) {
                let behind = |end: &Position| end.next.saturating_sub(self.reach.next(&end.stream));
                let held = |stream: &StreamId| self.progress.held(stream);
                let lag = ends.into_iter().map(|end| (end.stream.clone(), behind(&end) + held(&end.stream)));
                self.progress.lag_records = lag.collect();
            }
        }
        if self.reach.is_live() && self.progress.phase == Phase::CatchingUp {
            self.progress.phase = Phase::Live;
        }
        let health = self.sink.health();
        self.progress.retries = health.retries;
        self.progress.sink_error = health.error;
        self.progress.fates = self.partition.fates().clone();
        self.progress.turned_at = (self.setup.clock)();
        self.progress.is_settled = self.pending.is_none() && self.gathered.records == 0 && !self.notes.owes();
        self.progress.says_again = self.notes.owes();
        self.setup.status.set(self.setup.partition, self.progress.clone());
    }
}

impl Worker {
    /// Which inputs wait although they have records, and what for; said once when that changes.
    fn show_blocked(&mut self) {
        let blocked = self.setup.input.blocked();
        let before = &self.progress.blocked;
        let is_known = |it: &Blocked| before.iter().any(|old| (&old.stream, old.why) == (&it.stream, it.why));
        for Blocked { stream, at, records, why } in blocked.iter().filter(|it| !is_known(it)) {
            let (partition, why) = (self.setup.partition, why.as_str());
            tracing::error!(partition, %stream, at, records, why, "input waits");
        }
        self.progress.blocked = blocked;
    }
}

/// Whether the stream is over and read to its end.
pub(super) fn is_over(input: &Source, stream: &StreamId) -> bool {
    match input {
        Source::Spool(reader) => reader.closed(stream),
        Source::Memory(_) | Source::Kafka(_) => false,
    }
}
