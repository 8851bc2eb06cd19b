//! `cargo xtask fuzz`: drives every parser of ours with bytes that nobody would think of, by what they reach in the code.
//!
//! In: which targets, for how long. Out: a line as each ends, a table (target, runs, coverage, inputs), an error that names the input that broke a
//! promise and the command that tries it again. The instrumented build has a folder of its own; what was found stays there for the next run, and
//! comes into the tree by `--minimise`. Not here: the targets and what they promise (`crates/fuzz`). Start at [`run`].

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{host, suite::cargo};

mod engine;
mod program;

use engine::{Campaign, Ended};
use program::{Program, Target};

/// Seconds a target gets where nothing else is said.
pub const SECONDS: u64 = 10;

/// Bugs that are planted to show that a target notices, and by which one. Each must be found within [`PLANTED_MAX`].
const PLANTED: [(&str, &str); 3] =
    [("skip-crc", "frame"), ("unsigned-id", "click_id"), ("unsigned-link", "redirect")];
/// The corpus holds what finds them; a build machine may be slow to start the program.
const PLANTED_MAX: Duration = Duration::from_mins(1);

/// What the developer asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// These alone; none is all.
    pub targets: Vec<String>,
    /// For each target.
    pub seconds: u64,
    /// At the same time; `None` is one a core.
    pub jobs: Option<usize>,
    /// Writes what was found into the tree.
    pub minimise: bool,
    /// Tries this one input and nothing else.
    pub repeat: Option<PathBuf>,
    /// Plants bugs instead, and shows that each is found.
    pub planted: bool,
}

/// Does it, and says so.
pub fn run(options: &Options) -> Result<String> {
    are_known(&options.targets)?;
    let program = Program::build()?;
    if options.planted {
        return planted(&program);
    }
    let chosen = chosen(&program.targets()?, &options.targets)?;
    if let Some(input) = &options.repeat {
        let [target] = chosen.as_slice() else { bail!("name the input's target by --target") };
        return repeat(&program, target, input);
    }
    program.unpack()?;
    if options.minimise {
        return minimise(&program, &chosen);
    }
    let campaigns = all(&program, &chosen, options)?;
    say(&table(&campaigns))?;
    let broken: Vec<&Campaign> = campaigns.iter().filter(|it| it.crash.is_some()).collect();
    for campaign in &broken {
        say(&told(campaign))?;
    }
    let names: Vec<&str> = broken.iter().map(|it| it.target.as_str()).collect();
    ensure!(broken.is_empty(), "promises broken by {}", names.join(", "));
    let runs: u64 = campaigns.iter().map(|it| it.runs).sum();
    Ok(format!("{} targets, {runs} runs", campaigns.len()))
}

/// Everything that can be tried whole: every bit of a segment, every small change of an id, every hostile URL in every parameter.
pub fn exhaust(args: &[String]) -> Result<()> {
    let own =
        ["run", "--quiet", "--release", "--package", "fuzz", "--bin", "exhaust", "--"].map(str::to_owned);
    ensure!(cargo::passes(&[own.as_slice(), args].concat())?, "a promise is broken, see above");
    Ok(())
}

/// For the step of `cargo xtask test`: all targets shortly, and the planted bugs.
pub(crate) fn short(seconds: u64) -> Result<String> {
    let found = run(&Options { planted: true, ..Options::default() })?;
    let tried = run(&Options { seconds, ..Options::default() })?;
    Ok(format!("{tried}; {found}"))
}

/// Before anything is built: every target has its file of inputs in the tree.
fn are_known(names: &[String]) -> Result<()> {
    let mut known = Vec::new();
    let folder = host::root().join("crates/fuzz/corpus");
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        known.extend(entry?.path().file_stem().map(|it| it.to_string_lossy().into_owned()));
    }
    known.sort();
    if let Some(unknown) = names.iter().find(|it| !known.contains(it)) {
        bail!("there is no target `{unknown}`; the targets are {}", known.join(", "));
    }
    Ok(())
}

fn chosen(targets: &[Target], names: &[String]) -> Result<Vec<Target>> {
    let known: Vec<&str> = targets.iter().map(|it| it.name.as_str()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("there is no target `{unknown}`; the targets are {}", known.join(", "));
    }
    Ok(targets.iter().filter(|it| names.is_empty() || names.contains(&it.name)).cloned().collect())
}

/// Several at a time, in the table's order.
fn all(program: &Program, targets: &[Target], options: &Options) -> Result<Vec<Campaign>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = options.jobs.unwrap_or(cores).max(1);
    let duration = Duration::from_secs(options.seconds);
    let waiting = Mutex::new(targets.iter().enumerate());
    let done = Mutex::new(Vec::new());
    let work = || -> Result<()> {
        loop {
            let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((place, target)) = next else { return Ok(()) };
            let campaign = engine::fuzz(program, target, duration)?;
            say(&campaign.line())?;
            done.lock().unwrap_or_else(PoisonError::into_inner).push((place, campaign));
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|it| it.join().expect("a worker does not panic"))
    })?;
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(place, _)| *place);
    Ok(done.into_iter().map(|(_, campaign)| campaign).collect())
}

/// Each planted bug is found by its target.
fn planted(program: &Program) -> Result<String> {
    program.unpack()?;
    let targets = program.targets()?;
    for (bug, name) in PLANTED {
        let target = targets.iter().find(|it| it.name == name).context("a target of that name")?;
        let begun = Instant::now();
        let ended = engine::seek(program, target, bug, PLANTED_MAX)?;
        ensure!(ended == Ended::Broken, "the bug {bug} was planted, and {name} did not notice");
        say(&format!("planted {bug:16} found by {name} in {:.1} s", begun.elapsed().as_secs_f64()))?;
    }
    Ok(format!("{} planted bugs found", PLANTED.len()))
}

fn repeat(program: &Program, target: &Target, input: &Path) -> Result<String> {
    let bytes = fs::read(input).with_context(|| input.display().to_string())?;
    say(&format!("{} bytes: {}", bytes.len(), bytes.escape_ascii()))?;
    ensure!(program.passes(target, input)?, "{} breaks its promise: {}", target.name, target.claim);
    Ok(format!("{}: the promise holds", target.name))
}

/// The fewest inputs that reach what all reach, into the tree.
fn minimise(program: &Program, targets: &[Target]) -> Result<String> {
    for target in targets {
        let kept = engine::merge(program, target)?;
        program.pack(target, &kept)?;
        say(&format!("{:16} {} inputs", target.name, fs::read_dir(&kept)?.count()))?;
    }
    Ok(format!("{} corpora written", targets.len()))
}

/// What a crash is told with: the promise, the input, the command.
fn told(campaign: &Campaign) -> String {
    let Some(crash) = &campaign.crash else { return String::new() };
    let bytes = fs::read(&crash.input).unwrap_or_default();
    format!(
        "\n{name}: {claim}\n  {message}\n  input, {length} bytes: {input}\n  again: cargo xtask fuzz --target {name} --repeat {path}",
        name = campaign.target,
        claim = campaign.claim,
        message = crash.message,
        length = bytes.len(),
        input = bytes.escape_ascii(),
        path = crash.input.display(),
    )
}

fn table(campaigns: &[Campaign]) -> String {
    let head = Campaign::head();
    let lines: Vec<String> = campaigns.iter().map(Campaign::line).collect();
    format!("\n{head}\n{}", lines.join("\n"))
}

fn say(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}")?;
    Ok(stdout.flush()?)
}

/// Removes a folder with all it holds, if it is there.
fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    Ok(())
}

/// Below the folder of the build that runs us.
fn target_folder() -> Result<PathBuf> {
    let ours = std::env::current_exe().context("cannot find this program's folder")?;
    let folder = ours.ancestors().nth(2).context("cargo puts programs two folders deep")?;
    Ok(folder.join("fuzz"))
}

/// The triple of this machine: with a target named, flags reach no build script.
fn triple() -> Result<String> {
    let said = host::run_quietly("rustc", &["-vV"], "it comes with cargo")?;
    let triple = said.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names its host")?;
    Ok(triple.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_is_not_there_is_told_before_anything_is_built() {
        are_known(&[]).unwrap();
        are_known(&["redirect".to_owned(), "spool".to_owned()]).unwrap();
        let error = are_known(&["nosuch".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`nosuch`") && error.contains("click_id, destination"), "{error}");
    }
}
