//! Worlds one after the other on several threads, until there are no more or one goes wrong.
//!
//! In: the command line. Out: progress, the story of a failure, the table of what was hit. Not here: plays in size (`size`). Start at [`run`].

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    io::{IsTerminal, Write},
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use sim::{Bug, Failure, Summary, tell};

use crate::Options;

/// Worlds of a run where nobody says how many.
const SEEDS: u64 = 1_000;
/// A line on progress every so many worlds.
const TELL_EVERY: u64 = 100;
/// Fewer worlds than this may miss a rare fault.
const COVERAGE_SEEDS_MIN: u64 = 300;

/// What all workers share.
struct Shared {
    next: AtomicU64,
    end: u64,
    stop: AtomicBool,
    done: AtomicU64,
    sum: Mutex<Summary>,
    failure: Mutex<Option<Box<Failure>>>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let bug = options.bug.as_deref().and_then(Bug::parse);
    match options.seed {
        Some(seed) => one(seed, bug),
        None => many(options, bug),
    }
}

fn one(seed: u64, bug: Option<Bug>) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout();
    let told = tell(seed, bug);
    for line in &told.story {
        writeln!(out, "{line}")?;
    }
    match told.outcome {
        Ok(summary) => {
            writeln!(out, "{}", line(1, &summary))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            writeln!(out, "seed {seed}: {}", failure.what)?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn many(options: &Options, bug: Option<Bug>) -> anyhow::Result<ExitCode> {
    let (from, end) = if options.forever {
        // Sixteen bits are left, so that the numbers stay short enough to be copied.
        (RandomState::new().build_hasher().finish() >> 16, u64::MAX)
    } else {
        (options.from, options.from.saturating_add(options.seeds.unwrap_or(SEEDS)))
    };
    let shared = Shared {
        next: AtomicU64::new(from),
        end,
        stop: AtomicBool::new(false),
        done: AtomicU64::new(0),
        sum: Mutex::default(),
        failure: Mutex::default(),
    };
    thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| work(&shared, bug));
        }
    });
    let mut out = std::io::stdout();
    let worlds = shared.done.into_inner();
    if let Some(failure) = shared.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        writeln!(out, "{failure}")?;
        let planted = bug.map_or(String::new(), |it| format!(", planted bug {} found", it.name()));
        writeln!(out, "{} worlds, one of them wrong{planted}", worlds + 1)?;
        return Ok(if bug.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let sum = shared.sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(bug) = bug {
        writeln!(out, "{worlds} worlds: planted bug {} was not found", bug.name())?;
        return Ok(ExitCode::FAILURE);
    }
    writeln!(out, "{}{}", sum.coverage, line(worlds, &sum))?;
    let missing = sum.coverage.missing();
    if missing.is_empty() || worlds < COVERAGE_SEEDS_MIN {
        return Ok(ExitCode::SUCCESS);
    }
    for hit in missing {
        writeln!(out, "never hit: {}", hit.text())?;
    }
    Ok(ExitCode::FAILURE)
}

/// Runs worlds until there are no more, or one goes wrong.
fn work(shared: &Shared, bug: Option<Bug>) {
    while !shared.stop.load(Ordering::Relaxed) {
        let seed = shared.next.fetch_add(1, Ordering::Relaxed);
        if shared.end <= seed {
            return;
        }
        match sim::run(seed, bug) {
            Ok(summary) => shared.sum.lock().unwrap_or_else(PoisonError::into_inner).add(&summary),
            Err(failure) => {
                shared.stop.store(true, Ordering::Relaxed);
                let mut first = shared.failure.lock().unwrap_or_else(PoisonError::into_inner);
                // Whichever worker was faster, the smallest seed is told, so that a run repeats.
                if first.as_ref().is_none_or(|it| seed < it.seed) {
                    *first = Some(failure);
                }
                return;
            }
        }
        let worlds = 1 + shared.done.fetch_add(1, Ordering::Relaxed);
        let mut out = std::io::stdout();
        if worlds.is_multiple_of(TELL_EVERY) && out.is_terminal() {
            // A terminal that is gone ends the program by its own signal.
            drop(write!(out, "\r{worlds} worlds").and_then(|()| out.flush()));
        }
    }
}

fn line(worlds: u64, sum: &Summary) -> String {
    let Summary { clicks, reports, orders, credited, cells, claims, steps, coverage: _ } = sum;
    format!(
        "{worlds} worlds, none wrong: {clicks} clicks, {reports} reports, {orders} orders, {credited} credited, {cells} cells, \
         {claims} claims, {steps} steps"
    )
}
