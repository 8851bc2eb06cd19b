//! An engine in a process of its own, on a folder's data: beside a target, or as what dies.
//!
//! In: a folder. Out: its address in the folder's file `url`, its process. Start at [`Engine::start`].

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use super::stage::{beside_us, end};

/// Ends with its standard input, so also with us.
pub(super) struct Engine {
    pub(super) child: Child,
    stdin: Option<ChildStdin>,
    pub(super) url: String,
}

impl Engine {
    /// Opens `folder/engine`, made where it is missing; returns once it answers.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let mut command = Command::new(beside_us("examples/serve")?);
        command.arg(folder.join("engine")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().context("cannot run the engine")?;
        let mut url = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut url)?;
        let stdin = child.stdin.take();
        let engine = Self { child, stdin, url: url.trim().to_owned() };
        ensure!(engine.url.starts_with("http"), "the engine does not start on {}", folder.display());
        fs::write(folder.join("url"), &engine.url)?;
        Ok(engine)
    }

    /// In order, as its parent's end would.
    pub(super) fn stop(mut self) -> Result<ExitStatus> {
        drop(self.stdin.take());
        end(&mut self.child, "the engine")
    }

    /// SIGKILL.
    pub(super) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Gone already unless something failed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
