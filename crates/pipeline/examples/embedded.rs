//! A pipeline over a folder's spool as a process of its own, for tests that kill it: `embedded DATA URL USER PASSWORD DATABASE`.
//!
//! In: what the test says. Out: facts in its engine. It ends when its standard input does, or by SIGKILL. Its clock stands still, since
//! nothing that is decided depends on it.

use std::{env, io::Read as _, process::ExitCode, thread};

use pipeline::{Options, Pipeline};
use tokio::sync::oneshot;
use units::EpochMs;

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let mut next = || arguments.next().unwrap_or_default();
    let data = next().into();
    let warehouse = warehouse::Options {
        url: next(),
        user: next(),
        password: next(),
        database: next(),
        ..warehouse::Options::default()
    };
    let (ended, end) = oneshot::channel::<()>();
    thread::spawn(move || {
        let mut byte = [0];
        while std::io::stdin().read(&mut byte).is_ok_and(|bytes| bytes > 0) {}
        drop(ended);
    });
    let mut options = Options::embedded(data, warehouse);
    options.limits.linger_ms = 20;
    options.limits.rows_max = 50;
    let pipeline = Pipeline::new(options, || EpochMs(1_763_812_800_000));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let Ok(runtime) = runtime else { return ExitCode::FAILURE };
    match runtime.block_on(pipeline.run(async { drop(end.await) })) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "pipeline ended");
            ExitCode::FAILURE
        }
    }
}
