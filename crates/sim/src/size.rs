//! Plays in size: long histories, and millions of small cases.
//!
//! In: the command line. Out: a line for each history, or a table; exit status 1 for the first that is wrong and for a boundary that was never met.
//! Start at [`converge`].

use std::{
    fmt::Write as _,
    io::Write,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use sim::{Converged, Skewed, Tally};

use crate::Options;

/// Histories of a run where nobody says how many.
const HISTORIES: u64 = 10;
/// Small cases of one seed.
const CASES_PER_SEED: u64 = 10_000;

/// Plays `from..end` on some threads; what they came to, or the first error.
fn each<T: Send>(
    jobs: usize,
    (from, end): (u64, u64),
    play: impl Fn(u64) -> Result<T, String> + Sync,
) -> Result<Vec<T>, String> {
    let next = AtomicU64::new(from);
    let ended: Mutex<Result<Vec<T>, String>> = Mutex::new(Ok(Vec::new()));
    let locked = || ended.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while locked().is_ok() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if end <= seed {
                        return;
                    }
                    let played = play(seed);
                    match (&mut *locked(), played) {
                        (Ok(all), Ok(one)) => all.push(one),
                        (ended @ Ok(_), Err(error)) => *ended = Err(error),
                        (Err(_), _) => {}
                    }
                }
            });
        }
    });
    ended.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Prints what they came to, or what was wrong.
fn told<T>(ended: Result<T, String>, tell: impl FnOnce(T) -> (String, ExitCode)) -> anyhow::Result<ExitCode> {
    let (text, code) = ended.map_or_else(|error| (error, ExitCode::FAILURE), tell);
    writeln!(std::io::stdout(), "{text}")?;
    Ok(code)
}

/// Histories, some at a time.
pub(crate) fn converge(options: &Options) -> anyhow::Result<ExitCode> {
    let end = options.from.saturating_add(options.seeds.unwrap_or(HISTORIES));
    let ended = each(options.jobs, (options.from, end), |seed| {
        let converged = sim::converge(seed, options.events, options.replays)?;
        // A terminal that is gone ends the program by its own signal.
        drop(std::io::stdout().write_all(line(&converged).as_bytes()));
        Ok(converged.events)
    });
    told(ended, |all| {
        let (histories, events, replays) = (all.len(), all.iter().sum::<u64>(), options.replays.max(1));
        let text = format!(
            "{histories} histories of {events} events, each read {replays} times with the same decisions"
        );
        (text, ExitCode::SUCCESS)
    })
}

fn line(it: &Converged) -> String {
    let Converged { seed, events, orders, credited, digest, readings } = it;
    let mut text =
        format!("seed {seed}: {events} events, {orders} orders, {credited} credited, SHA-256 {digest}\n");
    for reading in readings {
        writeln!(text, "  {reading}").expect("a String takes any text");
    }
    text
}

/// Small cases, so many of each seed.
fn small<T: Send>(options: &Options, play: fn(u64, u64) -> Result<T, String>) -> Result<Vec<T>, String> {
    let seeds = options.cases.div_ceil(CASES_PER_SEED);
    each(options.jobs, (options.from, options.from.saturating_add(seeds)), |seed| {
        let done = (seed - options.from) * CASES_PER_SEED;
        play(seed, CASES_PER_SEED.min(options.cases - done))
    })
}

pub(crate) fn windows(options: &Options) -> anyhow::Result<ExitCode> {
    told(small(options, sim::windows), |all| {
        let mut sum = Tally::default();
        for it in &all {
            sum.add(it);
        }
        let missing = sum.missing();
        let is_whole = missing.is_empty() || options.cases < CASES_PER_SEED;
        let mut text = format!("{sum}{} sequences, {} answers compared, none wrong", sum.cases, sum.checks);
        for it in missing.iter().filter(|_| !is_whole) {
            write!(text, "\nnever met: {it}").expect("a String takes any text");
        }
        (text, if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

pub(crate) fn clocks(options: &Options) -> anyhow::Result<ExitCode> {
    told(small(options, sim::clocks), |all| {
        let mut sum = Skewed::default();
        for it in &all {
            sum.add(it);
        }
        let Skewed { cases, orders, apart, corrected, close, hung } = sum;
        let text = format!(
            "{cases} histories, {orders} orders, each as the signed times and the rule say\n\
             {apart} orders that hang on no clock: the same partner is paid with right and wrong clocks; {corrected} seemed to come before their click\n\
             {close} orders with times closer than the clocks: {hung} are paid to another"
        );
        (text, ExitCode::SUCCESS)
    })
}
