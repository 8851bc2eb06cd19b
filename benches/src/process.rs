//! The processor's time of this process, by the kernel's accounting: all threads, user and system.

use rustix::time::{ClockId, clock_gettime};

/// Runs `work`; its result and the seconds of processor time that the process spent meanwhile.
pub(crate) fn cpu_seconds<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let before = now();
    let result = work();
    (result, now() - before)
}

/// Seconds so far.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of hours fit a double's 53 bits")]
fn now() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
