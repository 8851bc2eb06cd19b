//! `cargo xtask kill`: a process dies at each of its file calls in turn, starts again, and a judge compares what is left.
//!
//! In: which targets, and how many points of each. Out: a table of what was hit, or an error that names the first point that
//! broke a promise, with the folder it left. A kill falls right before the call, so that what lies between two calls is
//! tried too. Not here: what must come out (`victim`), the calls (`trace`), how a process is run (`stage`). Start at [`run`].

use std::{
    fs,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use self::{
    coverage::Coverage,
    plan::Point,
    stage::{Ended, Stage},
};
use crate::{host, suite};

mod coverage;
mod engine;
mod plan;
mod stage;
mod target;
mod trace;

pub use target::TARGETS;

/// Broken points after which a target is given up: the first ones tell enough.
const BROKEN_MAX: usize = 3;
/// Rounds over rows that were not hit. Threads do not do the same twice, so one aim may miss.
const ROUNDS_MAX: usize = 3;

/// What to kill, and how often.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names from [`TARGETS`]; all when empty.
    pub targets: Vec<String>,
    /// Points per target; every one there is when absent.
    pub sample: Option<usize>,
    /// Chooses the sample.
    pub seed: u64,
}

/// One point that broke a promise.
struct Broken {
    point: Point,
    error: anyhow::Error,
}

/// Kills each target at its points; says what was hit.
pub fn run(options: &Options) -> Result<()> {
    suite::build_programs()?;
    run_built(options).map(drop)
}

/// The same with programs that are built already. Returns a note for a table of steps.
pub(crate) fn run_built(options: &Options) -> Result<String> {
    host::run_quietly("strace", &["--version"], "install strace (its name in Debian)")?;
    let unknown =
        options.targets.iter().find(|name| !TARGETS.iter().any(|target| target.name == name.as_str()));
    if let Some(unknown) = unknown {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        bail!("there is no target `{unknown}`; the targets are {}", names.join(", "));
    }
    let is_wanted = |name: &str| options.targets.is_empty() || options.targets.iter().any(|it| it == name);
    let mut kills = 0;
    for target in TARGETS.iter().filter(|it| is_wanted(it.name)) {
        say(&format!("\n{}: {}", target.name, target.claim))?;
        let scratch = tempfile::Builder::new().prefix("kill-").tempdir()?;
        let stage = Stage::open(target, scratch.path())?;
        let coverage = attack(&stage, options);
        if coverage.is_err() {
            // Whoever looks into it needs what it left.
            say(&format!("left for you: {}", scratch.keep().display()))?;
        }
        kills += coverage?.kills();
    }
    Ok(format!("{kills} kills"))
}

fn attack(stage: &Stage, options: &Options) -> Result<Coverage> {
    let begun = Instant::now();
    stage.prepare().context("the state before")?;
    let whole = stage.fresh("whole")?;
    let Ended::Whole(calls) = stage.cycle(&whole, None)? else { bail!("a cycle that nobody kills dies") };
    stage.judge(&whole).context("a cycle that nobody killed")?;
    fs::remove_dir_all(&whole)?;

    let mut coverage = Coverage::new(&calls);
    let mut points = plan::points(&calls, stage.aim());
    if let Some(most) = options.sample {
        points = plan::sample(points, most, options.seed);
        coverage.expect(&points);
    }
    let mut broken = Vec::new();
    for round in 0..ROUNDS_MAX {
        for point in &points {
            shoot(stage, point, &mut coverage, &mut broken)?;
            if BROKEN_MAX <= broken.len() {
                break;
            }
        }
        let missed = coverage.missed();
        if missed.is_empty() || BROKEN_MAX <= broken.len() || round + 1 == ROUNDS_MAX {
            break;
        }
        // By the other aim: a name may differ from run to run, and so may the order of threads.
        points = plan::points(&calls, stage.aim().other());
        points.retain(|point| missed.contains(&point.row));
        points = plan::sample(points, 4 * missed.len(), options.seed + round as u64);
    }
    say(&coverage.table(stage.name(), begun.elapsed()))?;
    if let Some(Broken { point, error }) = broken.into_iter().next() {
        return Err(error.context(format!("{}: killed at {point}", stage.name())));
    }
    let missed = coverage.missed();
    ensure!(missed.is_empty(), "{}: {} rows were not hit, the table says which", stage.name(), missed.len());
    Ok(coverage)
}

/// One kill, one restart, one verdict.
fn shoot(stage: &Stage, point: &Point, coverage: &mut Coverage, broken: &mut Vec<Broken>) -> Result<()> {
    let folder = stage.fresh("killed")?;
    match stage.cycle(&folder, Some(point))? {
        Ended::Killed(row) => coverage.hit(row),
        Ended::Whole(_) => coverage.miss(),
    }
    match stage.judge(&folder) {
        Ok(_) => fs::remove_dir_all(&folder)?,
        Err(error) => {
            let kept = folder.with_file_name(format!("broken-{}", broken.len()));
            fs::rename(&folder, &kept)?;
            say(&format!("BROKEN at {point}: {error:#}\n  see {}", kept.display()))?;
            broken.push(Broken { point: point.clone(), error });
        }
    }
    Ok(())
}

fn say(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}")?;
    Ok(stdout.flush()?)
}

/// Copies a folder with all it holds.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let paths = [from.display().to_string(), to.display().to_string()];
    host::run_quietly("cp", &["-a", &paths[0], &paths[1]], "it is part of every Unix").map(drop)
}

/// Longest time one process of a target may take, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(3);
