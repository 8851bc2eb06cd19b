//! Runs a target's processes: the one that dies, under strace, and the judge afterwards.
//!
//! In: a target and a scratch folder. Out: the calls of a cycle, or the row that a kill hit. A victim's standard output is
//! the file `said` of its folder, which survives it. Not here: which points (`plan`). Start at [`Stage`].

use std::{
    fs::{self, File, OpenOptions},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{
    PATIENCE, copy,
    plan::{Aim, Point, Row},
    target::{How, Target},
    trace::{self, Call},
};
use crate::host;

/// SIGKILL's number.
const KILL: i32 = 9;

/// How a cycle ended.
pub(super) enum Ended {
    /// By itself, with these calls.
    Whole(Vec<Call>),
    /// By the kill, in this row.
    Killed(Row),
}

/// One target and what it needs.
pub(super) struct Stage<'a> {
    target: &'a Target,
    scratch: PathBuf,
}

impl<'a> Stage<'a> {
    pub(super) fn open(target: &'a Target, scratch: &Path) -> Result<Self> {
        // Names in logs are as the kernel sees them.
        Ok(Self { target, scratch: scratch.canonicalize()? })
    }

    pub(super) fn name(&self) -> &'static str {
        self.target.name
    }

    pub(super) fn aim(&self) -> Aim {
        self.target.aim
    }

    /// Makes the state that every cycle begins with.
    pub(super) fn prepare(&self) -> Result<()> {
        let base = self.scratch.join("base");
        fs::create_dir(&base)?;
        self.victim("prepare", &base).map(drop)
    }

    /// That state, in a folder of its own. Folders have the same name in every run, since it is part of what is aimed at.
    pub(super) fn fresh(&self, name: &str) -> Result<PathBuf> {
        let folder = self.scratch.join(name);
        ensure!(!folder.exists(), "{} was not taken away", folder.display());
        copy(&self.scratch.join("base"), &folder)?;
        Ok(folder)
    }

    /// Runs a cycle, killed at `point`.
    pub(super) fn cycle(&self, folder: &Path, point: Option<&Point>) -> Result<Ended> {
        let log = self.scratch.join("strace.log");
        let How::Launched(program, arguments) = self.target.how;
        let mut command = strace(&log, folder, point);
        command.arg("--").arg(beside_us(program)?);
        command.args(arguments.iter().map(|it| it.replace("{folder}", &folder.display().to_string())));
        let said = OpenOptions::new().create(true).append(true).open(folder.join("said"))?;
        let errors = self.scratch.join("errors.log");
        command.stdin(Stdio::null()).stdout(said).stderr(File::create(&errors)?);
        let mut child = command.spawn().context("cannot run strace")?;
        let status = end(&mut child, self.target.name)?;
        let calls = trace::read(&fs::read_to_string(&log)?, folder);
        match (status.signal(), point) {
            (Some(KILL), Some(point)) => Ok(Ended::Killed(hit(&calls, point))),
            (None, _) if status.success() => Ok(Ended::Whole(calls)),
            _ => bail!("the cycle ended with {status}\n{}", host::last_lines(&fs::read_to_string(&errors)?)),
        }
    }

    /// Restarts what died and has it compared. Returns what the judge says.
    pub(super) fn judge(&self, folder: &Path) -> Result<String> {
        self.victim("judge", folder)
    }

    fn victim(&self, action: &str, folder: &Path) -> Result<String> {
        let mut command = Command::new(beside_us("victim")?);
        command.args([self.target.name, action]).arg(folder).stdin(Stdio::null());
        let output = command.output().context("cannot run the victim")?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The row of the call that a point fell on.
fn hit(calls: &[Call], point: &Point) -> Row {
    let is_it = |call: &&Call| call.name == point.call && call.count == point.when;
    calls.iter().find(is_it).map_or_else(
        || Row { call: point.call.clone(), kind: "elsewhere".to_owned(), phase: String::new() },
        Row::of,
    )
}

/// strace with all that is asked of it, but for the program.
///
/// Its faster way (`--seccomp-bpf`) is left alone: a signal injected there is not delivered (tried with 6.1).
fn strace(log: &Path, folder: &Path, point: Option<&Point>) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-s", "128", "-o"]).arg(log);
    command.args(["-e", "signal=none", "-e", &format!("trace={},{}", trace::CALLS.join(","), trace::SAYS)]);
    if let Some(Point { call, when, path, .. }) = point {
        command.args(["-e", &format!("inject={call}:signal=KILL:when={when}")]);
        if let Some(path) = path {
            // With a path strace counts, and logs, calls on it alone; what is said must be logged too.
            command.arg("-P").arg(folder.join(path)).arg("-P").arg(folder.join("said"));
        }
    }
    command
}

/// Waits for a process of ours; one that does not end is ended.
fn end(child: &mut Child, name: &str) -> Result<ExitStatus> {
    let ended = host::wait_for(&format!("the end of {name}"), PATIENCE, || Ok(child.try_wait()?));
    if ended.is_err() {
        child.kill()?;
        child.wait()?;
    }
    ended
}

fn beside_us(program: &str) -> Result<PathBuf> {
    Ok(std::env::current_exe().context("cannot find this program's folder")?.with_file_name(program))
}
