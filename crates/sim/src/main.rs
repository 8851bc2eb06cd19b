//! `cargo xtask sim`: runs many worlds, tells the first that went wrong, and shows what was hit.
//!
//! In: how many seeds, perhaps a planted bug. Out: progress, the story of a failure, a table of faults and states; exit status 1 for a wrong
//! world and for a row of that table that nothing hit. Start at [`main`].

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

use clap::{Parser, builder::PossibleValuesParser};
use sim::{Bug, Failure, Summary, run, tell};

/// Runs simulated worlds, each from one seed, against a plain model of the rules
#[derive(Debug, Parser)]
#[command(name = "cargo xtask sim", max_term_width = 110)]
#[command(after_help = "Examples:
  cargo xtask sim --seeds 10000              ten thousand worlds
  cargo xtask sim --seed 4711                one world again, with its whole story
  cargo xtask sim --forever                  new worlds until one goes wrong
  cargo xtask sim --bug no-claim             a planted bug: it must be found, or the exit status is 1")]
struct Options {
    /// How many worlds
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// This world alone, told from its beginning
    #[arg(long, conflicts_with_all = ["seeds", "from", "forever"])]
    seed: Option<u64>,
    /// Until a world goes wrong, from a seed that nobody chose
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    forever: bool,
    /// Worlds at a time
    #[arg(long, default_value_t = thread::available_parallelism().map_or(1, usize::from))]
    jobs: usize,
    /// Plants a bug in what the simulation does itself
    #[arg(long, value_parser = PossibleValuesParser::new(Bug::ALL.iter().map(|it| it.name())))]
    bug: Option<String>,
}

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

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let bug = options.bug.as_deref().and_then(Bug::parse);
    match options.seed {
        Some(seed) => one(seed, bug),
        None => many(&options, bug),
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
        (options.from, options.from.saturating_add(options.seeds))
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
        match run(seed, bug) {
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
