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
mod disk;
mod engine;
mod plan;
mod stage;
mod target;
mod trace;

use target::TARGETS;

/// Broken points after which a target is given up: the first ones tell enough.
const BROKEN_MAX: usize = 3;
/// Rounds over rows that were not hit. Threads do not do the same twice, so one aim may miss.
const ROUNDS_MAX: usize = 3;

/// What to kill, and how often.
#[derive(Debug, Clone)]
pub struct Options {
    /// From [`names`]; all when empty.
    pub targets: Vec<String>,
    /// How many points of each.
    pub points: Points,
    /// Chooses a sample.
    pub seed: u64,
    /// A broker that runs already; one is started where a target needs it and there is none.
    pub kafka: Option<String>,
}

/// How many points of each target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Points {
    /// Every one there is.
    All,
    /// At most so many.
    Sample(usize),
    /// As many as the target can afford in a minute or less.
    Short,
}

/// One point that broke a promise.
struct Broken {
    point: Point,
    error: anyhow::Error,
}

/// What [`Options::targets`] may hold.
#[must_use]
pub fn names() -> Vec<&'static str> {
    TARGETS.iter().map(|target| target.name).chain([disk::NAME]).collect()
}

/// Kills each target at its points; says what was hit.
pub fn run(options: &Options) -> Result<()> {
    suite::build_programs()?;
    run_built(options).map(drop)
}

/// The same with programs that are built already. Returns a note for a table of steps.
pub(crate) fn run_built(options: &Options) -> Result<String> {
    host::run_quietly("strace", &["--version"], "install strace (its name in Debian)")?;
    if let Some(unknown) = options.targets.iter().find(|name| !names().contains(&name.as_str())) {
        bail!("there is no target `{unknown}`; the targets are {}", names().join(", "));
    }
    let is_wanted = |name: &str| options.targets.is_empty() || options.targets.iter().any(|it| it == name);
    let mut kills = 0;
    for target in TARGETS.iter().filter(|it| is_wanted(it.name)) {
        say(&format!("\n{}: {}", target.name, target.claim))?;
        kills += in_scratch(|scratch| {
            let stage = Stage::open(target, scratch, options.kafka.clone())?;
            let most = match options.points {
                Points::All => None,
                Points::Sample(most) => Some(most),
                Points::Short => Some(target.short),
            };
            Ok(attack(&stage, most, options.seed)?.kills())
        })?;
    }
    let mut failed = 0;
    if is_wanted(disk::NAME) {
        say(&format!("\n{}: {}", disk::NAME, disk::CLAIM))?;
        failed = in_scratch(disk::run)?;
    }
    Ok(format!("{kills} kills, {failed} calls failed"))
}

/// In a folder that vanishes, unless somebody must look into it.
fn in_scratch<T>(action: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let scratch = tempfile::Builder::new().prefix("kill-").tempdir()?;
    let done = action(scratch.path());
    if done.is_err() {
        say(&format!("left for you: {}", scratch.keep().display()))?;
    }
    done
}

fn attack(stage: &Stage, most: Option<usize>, seed: u64) -> Result<Coverage> {
    let begun = Instant::now();
    stage.prepare().context("the state before")?;
    let whole = stage.fresh("whole")?;
    let Ended::Whole(calls) = stage.cycle(&whole, None)? else { bail!("a cycle that nobody kills dies") };
    stage.judge(&whole).context("a cycle that nobody killed")?;
    fs::remove_dir_all(&whole)?;

    let mut coverage = Coverage::new(&calls);
    let mut points = plan::points(&calls, stage.aim());
    if let Some(most) = most {
        points = plan::sample(points, most, seed);
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
        points = plan::sample(points, 4 * missed.len(), seed + round as u64);
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
