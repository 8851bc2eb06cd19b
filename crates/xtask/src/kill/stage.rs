//! Runs a target's processes: the one that dies, under strace, and the judge afterwards.
//!
//! In: a target and a scratch folder. Out: the calls of a cycle, or the row that a kill hit. A victim's standard output is
//! the file `said` of its folder, which survives it. Not here: which points (`plan`). Start at [`Stage`].

use std::{
    cell::{Cell, RefCell},
    fs::{self, File, OpenOptions},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{
    PATIENCE, copy,
    engine::Engine,
    plan::{Aim, Point, Row},
    target::{Beside, How, Target},
    trace::{self, Call, Names},
};
use crate::{
    host,
    kafka::{Cluster, Options, SHARED_VARIABLE},
};

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
    /// Lives on beside the target; its folder's file is copied into every folder.
    address: Option<(&'static str, String)>,
    _engine: Option<Engine>,
    _kafka: Option<Cluster>,
    /// Cycles so far, so that each has names of its own in what lives on.
    runs: Cell<usize>,
    /// What paths' random parts stand for, as the preparation said.
    names: RefCell<Names>,
}

impl<'a> Stage<'a> {
    /// `broker` is one that runs already.
    pub(super) fn open(target: &'a Target, scratch: &Path, broker: Option<String>) -> Result<Self> {
        // Names in logs are as the kernel sees them.
        let scratch = scratch.canonicalize()?;
        let (mut engine, mut kafka, mut address) = (None, None, None);
        match target.beside {
            Beside::Nothing => {}
            Beside::Engine => {
                let folder = scratch.join("beside");
                fs::create_dir(&folder)?;
                let started = Engine::start(&folder)?;
                address = Some(("url", started.url.clone()));
                engine = Some(started);
            }
            Beside::Kafka => {
                let shared = broker.or_else(|| host::variable(SHARED_VARIABLE));
                if shared.is_none() {
                    kafka = Some(Cluster::start(&Options::default())?);
                }
                let own = kafka.as_ref().map(|it| it.bootstrap().to_owned());
                address = own.or(shared).map(|it| ("kafka", it));
            }
        }
        Ok(Self {
            target,
            scratch,
            address,
            _engine: engine,
            _kafka: kafka,
            runs: Cell::new(0),
            names: RefCell::default(),
        })
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
        let said = self.with_engine(&base, || self.victim("prepare", &base))?;
        *self.names.borrow_mut() = Names::said(&said);
        Ok(())
    }

    /// That state, in a folder of its own. Folders have the same name in every run, since it is part of what is aimed at.
    pub(super) fn fresh(&self, name: &str) -> Result<PathBuf> {
        let folder = self.scratch.join(name);
        ensure!(!folder.exists(), "{} was not taken away", folder.display());
        copy(&self.scratch.join("base"), &folder)?;
        self.runs.set(self.runs.get() + 1);
        fs::write(
            folder.join("run"),
            format!("{}-{}", std::process::id(), self.runs.get()).replace('-', "_"),
        )?;
        if let Some((file, address)) = &self.address {
            fs::write(folder.join(file), address)?;
        }
        Ok(folder)
    }

    /// Runs a cycle, killed at `point`.
    pub(super) fn cycle(&self, folder: &Path, point: Option<&Point>) -> Result<Ended> {
        match self.target.how {
            How::Launched(program, arguments) => self.launched(program, arguments, folder, point),
            How::Engine => self.attached(folder, point),
        }
    }

    /// Restarts what died and has it compared. Returns what the judge says.
    pub(super) fn judge(&self, folder: &Path) -> Result<String> {
        self.with_engine(folder, || self.victim("judge", folder))
    }

    fn launched(
        &self,
        program: &str,
        arguments: &[&str],
        folder: &Path,
        point: Option<&Point>,
    ) -> Result<Ended> {
        let (log, errors) = (self.scratch.join("strace.log"), self.scratch.join("errors.log"));
        let mut command = strace(&log, folder, point);
        command.arg("--").arg(beside_us(program)?);
        command.args(arguments.iter().map(|it| it.replace("{folder}", &folder.display().to_string())));
        command.stdin(Stdio::null()).stdout(said(folder)?).stderr(File::create(&errors)?);
        let mut child = command.spawn().context("cannot run strace")?;
        let status = end(&mut child, self.target.name)?;
        let calls = self.read(&log, folder)?;
        match (status.signal(), point) {
            (Some(KILL), Some(point)) => Ok(Ended::Killed(hit(&calls, point))),
            (None, _) if status.success() => Ok(Ended::Whole(calls)),
            _ => bail!("the cycle ended with {status}\n{}", host::last_lines(&fs::read_to_string(&errors)?)),
        }
    }

    fn attached(&self, folder: &Path, point: Option<&Point>) -> Result<Ended> {
        let (log, errors) = (self.scratch.join("strace.log"), self.scratch.join("errors.log"));
        let mut engine = Engine::start(folder)?;
        let mut command = strace(&log, folder, point);
        command.args(["-p", &engine.child.id().to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&errors)?);
        let mut tracer = command.spawn().context("cannot run strace")?;
        host::wait_for("strace to attach (may you trace your own processes?)", PATIENCE, || {
            let said = fs::read_to_string(&errors)?;
            ensure!(tracer.try_wait()?.is_none(), "strace ends: {said}");
            Ok(said.contains("attached").then_some(()))
        })?;
        let mut client = Command::new(beside_us("victim")?);
        client.args([self.target.name, "cycle"]).arg(folder).stdin(Stdio::null());
        let output = client.stdout(said(folder)?).stderr(Stdio::piped()).output()?;
        let ended = if output.status.success() {
            engine.child.try_wait()?
        } else {
            let why = || String::from_utf8_lossy(&output.stderr).into_owned();
            Some(end(&mut engine.child, "an engine whose client failed").with_context(why)?)
        };
        // Before the log is read: what is killed by us now is not part of it.
        engine.kill()?;
        end(&mut tracer, "strace")?;
        let calls = self.read(&log, folder)?;
        match (ended.map(|it| it.signal()), point) {
            (Some(Some(KILL)), Some(point)) => Ok(Ended::Killed(hit(&calls, point))),
            (None, _) => Ok(Ended::Whole(calls)),
            (Some(_), _) => bail!("the engine ended by itself"),
        }
    }

    fn read(&self, log: &Path, folder: &Path) -> Result<Vec<Call>> {
        let log = fs::read(log)?;
        Ok(trace::read(&String::from_utf8_lossy(&log), folder, &self.names.borrow()))
    }

    /// With the folder's own engine running, for targets that have one.
    fn with_engine<T>(&self, folder: &Path, action: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.target.how != How::Engine {
            return action();
        }
        let engine = Engine::start(folder)?;
        let done = action()?;
        let status = engine.stop()?;
        ensure!(status.success(), "the engine ended with {status}");
        Ok(done)
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

/// What a cycle says goes behind what was said before.
fn said(folder: &Path) -> Result<File> {
    Ok(OpenOptions::new().create(true).append(true).open(folder.join("said"))?)
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
    command.args(["-e", "signal=none", "-e", &format!("trace={}", trace::CALLS.join(","))]);
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
pub(super) fn end(child: &mut Child, name: &str) -> Result<ExitStatus> {
    let ended = host::wait_for(&format!("the end of {name}"), PATIENCE, || Ok(child.try_wait()?));
    if ended.is_err() {
        child.kill()?;
        child.wait()?;
    }
    ended
}

/// A program of this workspace.
pub(super) fn beside_us(program: &str) -> Result<PathBuf> {
    Ok(std::env::current_exe().context("cannot find this program's folder")?.with_file_name(program))
}
