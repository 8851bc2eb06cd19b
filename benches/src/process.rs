//! The processor's time of a process, by the kernel's accounting: all threads, user and system. And the system's clock, and which core we run on.

use anyhow::{Context, Result};
use rustix::{
    thread::{CpuSet, sched_setaffinity},
    time::{ClockId, clock_gettime},
};
use units::EpochMs;

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

/// Seconds so far of another process. The scheduler counts them to the nanosecond, by thread; a thread that has ended is not in the sum, so
/// differences are true of processes whose threads stay.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of hours fit a double's 53 bits")]
pub(crate) fn cpu_seconds_of(process: u32) -> Result<f64> {
    let mut nanoseconds = 0;
    for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        let on_cpu = text.split(' ').next().context("no time in schedstat")?;
        nanoseconds += on_cpu.parse::<u64>()?;
    }
    Ok(nanoseconds as f64 / 1e9)
}

/// The system's clock, for what we measure.
pub(crate) fn clock() -> EpochMs {
    let now = clock_gettime(ClockId::Realtime);
    let ms = now.tv_sec * 1_000 + now.tv_nsec / 1_000_000;
    EpochMs(u64::try_from(ms).unwrap_or(0))
}

/// Keeps this process, and threads it starts from now on, on one core. On a machine with fewer it may run anywhere.
pub(crate) fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    if let Err(error) = sched_setaffinity(None, &cores) {
        eprintln!("not pinned to core {core}: {error}");
    }
}

/// Does `work` on a thread that stays on one core, and so do the processes that it starts.
pub(crate) fn on_core<T: Send>(core: usize, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let pinned = scope.spawn(move || {
            pin(core);
            work()
        });
        pinned.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
