//! One run of libFuzzer: what it is told, and what its log says.
//!
//! In: the program, a target, a time. Out: a [`Campaign`]. A crash is made as small as it gets in a minute. Start at [`fuzz`].

use std::{
    ffi::OsString,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, ensure};

use super::{
    program::{Program, Target},
    say,
};

/// A process that grows beyond this is a bomb's victim. The engine's blocks may hold 64 MiB, packed and unpacked.
const MEMORY_MIB_MAX: u32 = 1024;
/// An input that takes longer hangs: most take microseconds, and the build machine is busy.
const INPUT_SECONDS_MAX: u32 = 20;
/// For making a crash small.
const SMALLER_SECONDS: u32 = 60;
/// Between two words of a long run.
const WORD_EVERY: Duration = Duration::from_secs(30);

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Whole,
    Broken,
}

/// An input that broke a promise.
#[derive(Debug)]
pub(super) struct Crash {
    pub(super) input: PathBuf,
    /// What the panic said.
    pub(super) message: String,
}

/// What came of a run.
#[derive(Debug)]
pub(super) struct Campaign {
    pub(super) target: String,
    pub(super) claim: String,
    pub(super) runs: u64,
    /// Branches reached, and features: branches by how often, and comparisons.
    coverage: (u64, u64),
    /// Inputs that reach something no other does: before, and new.
    inputs: (usize, usize),
    seconds: f64,
    pub(super) crash: Option<Crash>,
}

impl Campaign {
    pub(super) fn head() -> String {
        format!(
            "{:16} {:>8} {:>12} {:>9} {:>9} {:>7} {:>6}  {}",
            "target", "s", "runs", "branches", "features", "inputs", "new", "crashes"
        )
    }

    pub(super) fn line(&self) -> String {
        format!(
            "{:16} {:>8.1} {:>12} {:>9} {:>9} {:>7} {:>6}  {}",
            self.target,
            self.seconds,
            self.runs,
            self.coverage.0,
            self.coverage.1,
            self.inputs.0,
            self.inputs.1,
            usize::from(self.crash.is_some())
        )
    }
}

/// Looks for an input that breaks the promise, for so long.
pub(super) fn fuzz(program: &Program, target: &Target, at_most: Duration) -> Result<Campaign> {
    let corpus = program.corpus(target);
    let crashes = program.crashes(target)?;
    let before = fs::read_dir(&corpus)?.count();
    let (begun, begun_at) = (Instant::now(), newest(&crashes)?);
    let mut command = command(program, target, &crashes, at_most);
    command.arg(&corpus);
    let (ended, log) = watch(command, target)?;
    let mut campaign = Campaign {
        target: target.name.clone(),
        claim: target.claim.clone(),
        runs: log.stat("number_of_executed_units"),
        coverage: log.coverage,
        inputs: (before, fs::read_dir(&corpus)?.count().saturating_sub(before)),
        seconds: begun.elapsed().as_secs_f64(),
        crash: None,
    };
    if ended == Ended::Broken {
        let input = newest(&crashes)?.filter(|it| Some(it) != begun_at.as_ref());
        let (_, input) = input.with_context(|| format!("{} failed:\n{}", target.name, log.end.join("\n")))?;
        let input = smaller(program, target, &input)?;
        campaign.crash = Some(Crash { input, message: log.message() });
    }
    Ok(campaign)
}

/// Looks for the planted `bug`; what it leaves is thrown away.
pub(super) fn seek(program: &Program, target: &Target, bug: &str, at_most: Duration) -> Result<Ended> {
    let scratch = program.scratch(bug)?;
    let mut command = command(program, target, &scratch, at_most);
    command.env("TRIBUTARY_PLANTED_BUG", bug).arg(&scratch).arg(program.corpus(target));
    let (ended, _) = watch(command, target)?;
    Ok(ended)
}

/// The fewest inputs that reach all that the corpus reaches.
pub(super) fn merge(program: &Program, target: &Target) -> Result<PathBuf> {
    let kept = program.scratch(&format!("merged-{}", target.name))?;
    let mut command = program.command();
    command.arg(format!("--target={}", target.name)).arg("-set_cover_merge=1");
    // Lines of the tree are for readers: what is longer than this reaches little that a shorter one does not.
    command.arg("-max_len=512").arg(&kept).arg(program.corpus(target));
    let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(kept)
}

fn command(program: &Program, target: &Target, crashes: &Path, at_most: Duration) -> Command {
    let mut command = program.command();
    command.arg(format!("--target={}", target.name));
    command.arg(format!("-max_total_time={}", at_most.as_secs().max(1)));
    command.arg(format!("-max_len={}", target.bytes_max));
    command.arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}")).arg(format!("-timeout={INPUT_SECONDS_MAX}"));
    let mut prefix = OsString::from("-artifact_prefix=");
    prefix.push(crashes);
    prefix.push("/");
    command.args(["-print_final_stats=1", "-use_value_profile=0"]).arg(prefix);
    command
}

/// Half of it, and half of that, while it still breaks the promise.
fn smaller(program: &Program, target: &Target, input: &Path) -> Result<PathBuf> {
    let exact = input.with_extension("small");
    let mut command = program.command();
    command.arg(format!("--target={}", target.name)).args(["-minimize_crash=1", "-runs=100000"]);
    command.arg(format!("-max_total_time={SMALLER_SECONDS}"));
    let mut artifact = OsString::from("-exact_artifact_path=");
    artifact.push(&exact);
    command.arg(artifact).arg(input).stdout(Stdio::null()).stderr(Stdio::null());
    // It fails where it finds nothing smaller.
    let has_ended = command.status().is_ok();
    let is_smaller = has_ended && exact.exists() && !program.passes_quietly(target, &exact)?;
    Ok(if is_smaller { exact } else { input.to_owned() })
}

/// The file changed last, and when.
fn newest(folder: &Path) -> Result<Option<(SystemTime, PathBuf)>> {
    let mut found = None;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let one = (entry.metadata()?.modified()?, entry.path());
        found = found.max(Some(one));
    }
    Ok(found)
}

/// What is kept of libFuzzer's log.
#[derive(Debug, Default)]
struct Log {
    coverage: (u64, u64),
    stats: Vec<(String, u64)>,
    /// The last lines.
    end: Vec<String>,
    panicked: Option<String>,
}

/// Lines that an error quotes.
const END_LINES_MAX: usize = 40;

impl Log {
    /// `#4096 pulse cov: 12 ft: 34 corp: 5/67b ...` and `stat::new_units_added: 5`.
    fn take(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |name: &str| {
            let place = words.iter().position(|it| *it == name)?;
            words.get(place + 1)?.parse().ok()
        };
        if let (Some(branches), Some(features)) = (after("cov:"), after("ft:")) {
            self.coverage = (branches, features);
        }
        if let Some((name, value)) = line.strip_prefix("stat::").and_then(|it| it.split_once(':'))
            && let Ok(value) = value.trim().parse()
        {
            self.stats.push((name.to_owned(), value));
        }
        if self.panicked.as_deref() == Some("") {
            self.panicked = Some(line.to_owned());
        } else if self.panicked.is_none() && line.starts_with("thread '") && line.contains("panicked at") {
            self.panicked = Some(String::new());
        }
        if self.end.len() == END_LINES_MAX {
            self.end.remove(0);
        }
        self.end.push(line.to_owned());
    }

    fn stat(&self, name: &str) -> u64 {
        self.stats.iter().find(|(it, _)| it == name).map_or(0, |(_, value)| *value)
    }

    fn message(&self) -> String {
        let alarm = || self.end.iter().find(|it| it.contains("ERROR: libFuzzer")).cloned();
        self.panicked.clone().or_else(alarm).unwrap_or_default()
    }
}

/// Runs it to its end, with a word now and then.
fn watch(mut command: Command, target: &Target) -> Result<(Ended, Log)> {
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child: Child = command.spawn().context("cannot run the fuzzer")?;
    let stderr = child.stderr.take().context("it is piped")?;
    let (mut log, mut said) = (Log::default(), Instant::now());
    for line in BufReader::new(stderr).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        log.take(&line);
        if line.starts_with('#') && said.elapsed() > WORD_EVERY {
            said = Instant::now();
            say(&format!("{:16} {line}", target.name))?;
        }
    }
    let status = child.wait()?;
    Ok((if status.success() { Ended::Whole } else { Ended::Broken }, log))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read_for_coverage_runs_and_the_panic() {
        let mut log = Log::default();
        for line in [
            "#2\tINITED cov: 10 ft: 20 corp: 1/1b exec/s: 0 rss: 40Mb",
            "#4096\tpulse  cov: 12 ft: 34 corp: 5/67b lim: 43 exec/s: 2048 rss: 41Mb",
            "thread '<unnamed>' (1) panicked at crates/fuzz/src/targets/spool.rs:1:1:",
            "a frame that nobody wrote",
            "stack backtrace:",
            "stat::number_of_executed_units: 4096",
        ] {
            log.take(line);
        }
        assert_eq!((log.coverage, log.stat("number_of_executed_units")), ((12, 34), 4096));
        assert_eq!(log.message(), "a frame that nobody wrote");
    }
}
