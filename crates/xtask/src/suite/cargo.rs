//! Calls of cargo from within cargo.
//!
//! In: arguments. Out: whether it passed; for tests also how many there were. Output goes where ours goes.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use crate::host;

/// Counts from cargo's `test result:` lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) binaries: u64,
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

impl Tally {
    /// `test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; ...`
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        self.binaries += 1;
        for count in counts.split("; ") {
            let Some((number, what)) = count.split_once(' ') else { continue };
            let number: u64 = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// The cargo that runs us, at the workspace's root, without what it told *this* package by variables: build scripts that
/// watch those would run again.
pub(crate) fn command<S: AsRef<OsStr>>(args: &[S]) -> Command {
    let mut command = Command::new(host::variable("CARGO").unwrap_or_else(|| "cargo".to_owned()));
    command.args(args).current_dir(host::root());
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(name);
        }
    }
    command
}

/// Whether it passed.
pub(crate) fn passes<S: AsRef<OsStr>>(args: &[S]) -> Result<bool> {
    let status = command(args).stdin(Stdio::null()).status().context("cannot run cargo")?;
    Ok(status.success())
}

/// Runs tests with their output as it comes, and counts them.
pub(crate) fn tests(args: &[&str], variables: &[(&'static str, String)]) -> Result<(bool, Tally)> {
    let mut child = command(args)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run cargo")?;
    let output = child.stdout.take().expect("it is piped");
    let mut tally = Tally::default();
    let mut stdout = std::io::stdout().lock();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        stdout.write_all(&line)?;
        stdout.write_all(b"\n")?;
        tally.add(&String::from_utf8_lossy(&line));
    }
    Ok((child.wait()?.success(), tally))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_all_binaries_add_up() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ] {
            tally.add(line);
        }
        assert_eq!(tally, Tally { binaries: 2, passed: 4, failed: 2, ignored: 1 });
    }
}
