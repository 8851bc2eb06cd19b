//! When each request is due: a fixed schedule that waits for nobody, for whoever measures latencies.
//!
//! In: a rate and a time. Out: permits, one for each request at its instant. A thread of its own keeps the time, since the runtime's timers are
//! only good to a millisecond and stop while it is busy. Not here: sending, and what came of it (`cli`'s `load`, `soak`). Start at [`start`].

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
pub struct Schedule {
    begin: Instant,
    rate: u32,
    /// Requests in all; fewer once it was stopped.
    total: AtomicU64,
    due: Semaphore,
    taken: AtomicU64,
}

/// A request to send.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// From 0 on.
    pub number: u64,
    /// Its instant, from which latencies count.
    pub at: Instant,
    /// It waited so long that it is given up.
    pub is_given_up: bool,
}

impl Schedule {
    /// `rate` requests a second for `seconds`.
    #[must_use]
    pub fn new(rate: u32, seconds: u32) -> Self {
        let total = AtomicU64::new(u64::from(rate) * u64::from(seconds));
        Self { begin: Instant::now() + LEAD, rate, total, due: Semaphore::new(0), taken: AtomicU64::new(0) }
    }

    /// Requests in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Acquire)
    }

    /// When a request is due.
    #[must_use]
    pub fn at(&self, number: u64) -> Instant {
        let nanos = u128::from(number) * 1_000_000_000 / u128::from(self.rate);
        self.begin + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Waits for the next request that is due; `None` when there will be no more.
    pub async fn next(&self) -> Option<Due> {
        self.due.acquire().await.ok()?.forget();
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        let total = self.total();
        let is_given_up = self.at(total) + DRAIN_MAX < Instant::now();
        (number < total).then(|| Due { number, at: self.at(number), is_given_up })
    }

    /// Nothing more becomes due. What was, is still sent.
    pub fn stop(&self) {
        let nanos = self.begin.elapsed().as_nanos() * u128::from(self.rate) / 1_000_000_000;
        let due = u64::try_from(nanos).unwrap_or(u64::MAX).saturating_add(1);
        self.total.fetch_min(due, Ordering::AcqRel);
    }
}

/// Keeps the time until the last request was due, then lets each of `workers` see the end. The answer is the longest that a permit was late,
/// in microseconds: what the generator itself adds to a latency.
pub fn start(schedule: Arc<Schedule>, workers: u32) -> std::io::Result<JoinHandle<u64>> {
    thread::Builder::new().name("pace".to_owned()).spawn(move || {
        let mut late_max = Duration::ZERO;
        let mut number = 0;
        while number < schedule.total() {
            let at = schedule.at(number);
            let left = at.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                thread::sleep(left);
            }
            late_max = late_max.max(at.elapsed());
            schedule.due.add_permits(1);
            number += 1;
        }
        schedule.due.add_permits(workers as usize);
        u64::try_from(late_max.as_micros()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(schedule: &Arc<Schedule>) -> Vec<u64> {
        let pacer = start(Arc::clone(schedule), 1).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let numbers = runtime.block_on(async {
            let mut numbers = Vec::new();
            while let Some(due) = schedule.next().await {
                assert!(due.at <= Instant::now(), "nothing is sent before it is due");
                numbers.push(due.number);
            }
            numbers
        });
        pacer.join().unwrap();
        numbers
    }

    #[test]
    fn requests_are_due_evenly_and_each_once() {
        let schedule = Schedule::new(1_000, 1);
        assert_eq!(schedule.at(500) - schedule.at(0), Duration::from_millis(500));
        let short = Arc::new(Schedule { total: AtomicU64::new(20), ..Schedule::new(10_000, 1) });
        assert_eq!(numbers(&short), (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn a_stopped_schedule_has_no_gap_and_as_many_requests_as_it_says() {
        let schedule = Arc::new(Schedule::new(2_000, 3_600));
        let stopping = Arc::clone(&schedule);
        let stopper = thread::spawn(move || {
            while stopping.taken.load(Ordering::Relaxed) < 50 {
                thread::yield_now();
            }
            stopping.stop();
        });
        let numbers = numbers(&schedule);
        stopper.join().unwrap();
        assert!(numbers.len() >= 50);
        assert_eq!(numbers, (0..schedule.total()).collect::<Vec<_>>());
    }
}
