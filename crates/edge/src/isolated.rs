//! Around each request: a wall that keeps a panic inside it, and a sample of how long requests take.
//!
//! In: a request's work. Out: its answer; 500 where answering it panicked, counted, and its connection is closed. The thread, its other connections and
//! its spool go on: what a panic leaves behind is whole (see `worker`). Start at [`isolated`].

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
    time::Instant,
};

use crate::{
    counters::{Count, Outcome},
    reply::{self, Reply},
    worker::Worker,
};

/// One request in this many is timed: reading the clock twice costs 90 ns on a virtual machine, which is more than all the other counting.
const SAMPLED_EACH: u64 = 8;

/// Does the `work` of answering one request, whatever happens in it; `failed` takes the answer where it panicked.
pub(crate) async fn isolated<T>(
    worker: &Worker,
    work: impl Future<Output = T>,
    failed: impl FnOnce(Reply) -> T,
) -> T {
    let begun = worker.counters.received().is_multiple_of(SAMPLED_EACH).then(Instant::now);
    let answer = walled(work).await.unwrap_or_else(|| {
        worker.counters.count(Outcome::Panicked);
        worker.counters.add(Count::Panics, 1);
        failed(reply::failed())
    });
    if let Some(begun) = begun {
        worker.latency.record(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
    answer
}

/// `None` where it panicked; it is not polled again.
async fn walled<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        polled.map_or(Poll::Ready(None), |poll| poll.map(Some))
    })
    .await
}
