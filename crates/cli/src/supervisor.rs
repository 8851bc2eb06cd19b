//! Keeps the roles of one machine alive as child processes of the same binary.
//!
//! In: which roles, and the settings they get by the environment. Out: one process each, restarted with back-off when it ends; a crash of the
//! engine never stops a redirect. Children end when their standard input closes, so nothing outlives a killed supervisor. Not here: what a
//! role does (`roles`).

use std::{
    io::IsTerminal as _,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;

use crate::{
    output::Output,
    settings::{Settings, variable_of_key},
};

/// Wait before the first restart; doubled by each one that follows at once.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// The longest wait between restarts.
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// A child that lived this long starts its back-off anew.
const HEALTHY_AFTER: Duration = Duration::from_secs(10);
/// How long children may take to drain after their input closed, before they are killed. The edge drains within 10 s.
const DRAIN_MAX: Duration = Duration::from_secs(12);
/// How often children are looked at.
const TICK: Duration = Duration::from_millis(20);

/// The role whose standard error goes through us: on a terminal libchdb paints messages about its own threads there, by the dozen, that say
/// nothing about the data (measured with 26.7.3); into a pipe it does not.
const ENGINE: &str = "engine";

/// A role's process.
#[derive(Debug)]
struct Role {
    name: &'static str,
    child: Option<Child>,
    started: Instant,
    backoff: Duration,
    start_at: Instant,
}

/// The processes of one machine.
#[derive(Debug)]
pub(crate) struct Supervisor {
    roles: Vec<Role>,
    environment: Vec<(String, String)>,
    output: Output,
}

impl Supervisor {
    /// Starts `names` in their order.
    pub(crate) fn start(names: &[&'static str], settings: &Settings, output: Output) -> anyhow::Result<Self> {
        let now = Instant::now();
        let role = |name| Role { name, child: None, started: now, backoff: BACKOFF_FIRST, start_at: now };
        let mut supervisor = Self {
            roles: names.iter().copied().map(role).collect(),
            environment: settings.to_environment(),
            output,
        };
        supervisor.tick()?;
        Ok(supervisor)
    }

    /// Looks at every child once, restarting what ended.
    pub(crate) fn tick(&mut self) -> anyhow::Result<()> {
        for role in &mut self.roles {
            if let Some(status) = role.ended()? {
                let wait = role.schedule_restart();
                self.output.child_ended(role.name, status, wait);
            }
            if role.child.is_none() && role.start_at <= Instant::now() {
                let child = spawn(role.name, &self.environment)?;
                self.output.child_started(role.name, child.id());
                role.started = Instant::now();
                role.child = Some(child);
            }
        }
        Ok(())
    }

    /// Runs until `stop` says so, then drains.
    pub(crate) fn run(mut self, stop: impl Fn() -> bool) -> anyhow::Result<()> {
        while !stop() {
            self.tick()?;
            std::thread::park_timeout(TICK);
        }
        self.drain()
    }

    /// Closes the children's inputs, first the edge's, so that what it took is still carried on, and waits for them.
    pub(crate) fn drain(mut self) -> anyhow::Result<()> {
        for role in &mut self.roles {
            let Some(child) = &mut role.child else { continue };
            drop(child.stdin.take());
            let deadline = Instant::now() + DRAIN_MAX;
            while child.try_wait().context("cannot look at a child")?.is_none() {
                if deadline <= Instant::now() {
                    self.output.say(&format!(
                        "{} did not end within {} s and is killed",
                        role.name,
                        DRAIN_MAX.as_secs()
                    ));
                    child.kill().context("cannot kill a child")?;
                    child.wait().context("cannot wait for a child")?;
                    break;
                }
                std::thread::park_timeout(TICK);
            }
        }
        Ok(())
    }
}

impl Role {
    fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else { return Ok(None) };
        let status = child.try_wait().with_context(|| format!("cannot look at {}", self.name))?;
        if status.is_some() {
            self.child = None;
        }
        Ok(status)
    }

    fn schedule_restart(&mut self) -> Duration {
        if HEALTHY_AFTER <= self.started.elapsed() {
            self.backoff = BACKOFF_FIRST;
        }
        let wait = self.backoff;
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
        self.start_at = Instant::now() + wait;
        wait
    }
}

fn spawn(role: &str, environment: &[(String, String)]) -> anyhow::Result<Child> {
    let binary = std::env::current_exe().context("cannot find this program's own file")?;
    let mut command = Command::new(binary);
    command
        .arg(role)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .env("TRIBUTARY_CHILD", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let is_engine = role == ENGINE;
    if is_engine {
        command.stderr(Stdio::piped());
        let format = variable_of_key("log.format");
        let is_auto = environment.iter().any(|(name, value)| *name == format && value == "auto");
        if is_auto && std::io::stderr().is_terminal() {
            command.env(format, "text");
        }
    }
    let mut child = command.spawn().with_context(|| format!("cannot start {role}"))?;
    if let Some(mut said) = child.stderr.take() {
        std::thread::spawn(move || {
            // It ends with the child; a terminal that went away is no reason to stop reading.
            while std::io::copy(&mut said, &mut std::io::stderr()).is_err() {}
        });
    }
    Ok(child)
}
