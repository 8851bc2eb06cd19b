//! The steps that can fail because of the code.
//!
//! In: the tree, and what earlier steps prepared. Out: a note for the table, or an error that says what to do.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use super::{World, cargo, demand};
use crate::host;

/// Built into the cache once: it is not part of any toolchain.
const CARGO_DENY: &str = "0.20.2";

/// A clone of the advisories takes seconds; where the network swallows packets it would never end.
const FETCH_MAX: Duration = Duration::from_mins(1);

pub(super) fn format(_: &mut World) -> Result<String> {
    demand(cargo::passes(&["fmt", "--all", "--check"])?, "run `cargo fmt --all`")
}

pub(super) fn tidy(_: &mut World) -> Result<String> {
    let args = ["test", "--locked", "--quiet", "--package", "xtask", "--test", "tidy", "--test", "readme"];
    let (passed, tally) = cargo::tests(&args, &[])?;
    demand(passed, "each broken rule above says what to do")?;
    Ok(format!("{} rules", tally.passed))
}

pub(super) fn clippy(_: &mut World) -> Result<String> {
    let args = ["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "--deny", "warnings"];
    demand(cargo::passes(&args)?, "mend what clippy names above")
}

/// Apart from the tests, so that the table tells the two times apart, and because tests start binaries and examples of
/// other packages, which cargo builds only when asked for everything.
pub(super) fn build(_: &mut World) -> Result<String> {
    let args = ["build", "--workspace", "--all-targets", "--locked", "--quiet"];
    demand(cargo::passes(&args)?, "mend what the compiler names above")
}

pub(super) fn tests(world: &mut World) -> Result<String> {
    let args = ["test", "--workspace", "--locked", "--no-fail-fast"];
    let (passed, tally) = cargo::tests(&args, &world.variables)?;
    ensure!(passed, "{} of {} tests failed, named above", tally.failed, tally.passed + tally.failed);
    ensure!(tally.ignored == 0, "{} tests were not run", tally.ignored);
    Ok(format!("{} passed in {} binaries", tally.passed, tally.binaries))
}

/// Bans, licences and sources always; advisories where their database can be reached, else said to be not run.
pub(super) fn deny(_: &mut World) -> Result<String> {
    let program = cargo_deny()?;
    let run = |args: &[&str]| {
        let mut command = Command::new(&program);
        command.args(["--config", ".deny.toml"]).args(args).current_dir(host::root()).stdin(Stdio::null());
        command
    };
    let check = ["check", "bans", "licenses", "sources"];
    let passed = run(&check).status().context("cannot run cargo-deny")?.success();
    demand(passed, "replace the dependency named above, or allow it in .deny.toml with a reason")?;

    let mut fetch = run(&["fetch", "db"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let fetched = host::wait_for("the advisory database", FETCH_MAX, || Ok(fetch.try_wait()?));
    if !fetched.is_ok_and(|status| status.success()) {
        // Still waiting, or gone: an error here says that it is gone.
        fetch.kill().ok();
        fetch.wait()?;
        return Ok("advisories: not run (database unreachable)".to_owned());
    }
    let passed = run(&["check", "--disable-fetch", "advisories"]).status()?.success();
    demand(passed, "update the dependency named above, or ignore the advisory in .deny.toml with a reason")?;
    Ok("advisories included".to_owned())
}

/// Where cargo-deny is; built on the first call. Without optimisation: it runs for a second and compiles for one minute so.
fn cargo_deny() -> Result<PathBuf> {
    let home = host::cache()?.join(format!("cargo-deny-{CARGO_DENY}"));
    let program = home.join("bin").join("cargo-deny");
    if program.exists() {
        return Ok(program);
    }
    let scratch = tempfile::tempdir()?;
    let target = scratch.path().display().to_string();
    let root = home.display().to_string();
    let what = ["install", "cargo-deny", "--version", CARGO_DENY, "--locked", "--no-default-features"];
    let how = ["--debug", "--quiet", "--root", &root, "--target-dir", &target];
    // Outside the workspace, whose lints and settings are not this crate's.
    let status = cargo::command(&[what.as_slice(), &how].concat()).current_dir(&target).status()?;
    ensure!(status.success(), "cannot install cargo-deny {CARGO_DENY}; it is needed once");
    fs::metadata(&program).with_context(|| format!("cargo install left no {}", program.display()))?;
    Ok(program)
}
