//! When each request is due: a fixed schedule that waits for nobody.
//!
//! In: a rate and a time. Out: permits, one for each request at its instant. A thread of its own keeps the time, since the runtime's timers are
//! only good to a millisecond and stop while it is busy. Not here: sending (`client`). Start at [`start`].

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

/// Before the first request: connections are made meanwhile.
const LEAD: Duration = Duration::from_millis(100);
/// How long requests that were due may still wait for a connection when the schedule is over. The rest is given up and counted.
const DRAIN_MAX: Duration = Duration::from_secs(15);

/// The schedule and how far it is.
#[derive(Debug)]
pub(super) struct Schedule {
    start: Instant,
    rate: u32,
    total: u64,
    due: Semaphore,
    taken: AtomicU64,
}

/// A request to send.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub(super) number: u64,
    pub(super) at: Instant,
    /// It waited so long that it is given up.
    pub(super) is_given_up: bool,
}

impl Schedule {
    pub(super) fn new(rate: u32, seconds: u32) -> Self {
        let total = u64::from(rate) * u64::from(seconds);
        let start = Instant::now() + LEAD;
        Self { start, rate, total, due: Semaphore::new(0), taken: AtomicU64::new(0) }
    }

    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// When a request is due.
    fn at(&self, number: u64) -> Instant {
        let nanos = u128::from(number) * 1_000_000_000 / u128::from(self.rate);
        self.start + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Waits for the next request that is due; `None` when there will be no more.
    pub(super) async fn next(&self) -> Option<Due> {
        self.due.acquire().await.ok()?.forget();
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        let at = self.at(number);
        let is_given_up = self.at(self.total) + DRAIN_MAX < Instant::now();
        (number < self.total).then_some(Due { number, at, is_given_up })
    }
}

/// Keeps the time until the last request was due, then lets each of `workers` see the end. The answer is the longest that a permit was late,
/// in microseconds: what the generator itself adds to a latency.
pub(super) fn start(schedule: Arc<Schedule>, workers: u32) -> std::io::Result<JoinHandle<u64>> {
    thread::Builder::new().name("load-pace".to_owned()).spawn(move || {
        let mut late_max = Duration::ZERO;
        for number in 0..schedule.total {
            let at = schedule.at(number);
            let left = at.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                thread::sleep(left);
            }
            late_max = late_max.max(at.elapsed());
            schedule.due.add_permits(1);
        }
        schedule.due.add_permits(workers as usize);
        u64::try_from(late_max.as_micros()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_evenly_and_each_once() {
        let schedule = Arc::new(Schedule::new(1_000, 1));
        assert_eq!(schedule.at(500) - schedule.at(0), Duration::from_millis(500));
        let short = Arc::new(Schedule { total: 20, ..Schedule::new(10_000, 1) });
        let pacer = start(Arc::clone(&short), 1).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let numbers = runtime.block_on(async {
            let mut numbers = Vec::new();
            while let Some(due) = short.next().await {
                assert!(due.at <= Instant::now(), "nothing is sent before it is due");
                numbers.push(due.number);
            }
            numbers
        });
        pacer.join().unwrap();
        assert_eq!(numbers, (0..20).collect::<Vec<_>>());
    }
}
