//! The frame of the programs whose instructions `cargo xtask instructions` counts: one hot path at a time, on one thread, from fixed inputs.
//!
//! In: nothing, and the paths are listed with their turns; or a path and a number of turns, and it is run. What is prepared does not
//! depend on the number, so that the difference of two runs is the turns' alone. Not here: who counts. Start at [`run`].

use std::{
    io::Write as _,
    process::{ExitCode, Termination as _},
};

use anyhow::{Context as _, Result};

/// When the first event is: 2026-01-01.
pub(crate) const START: u64 = 1_767_225_600_000;

/// A hot path.
pub(crate) struct Path {
    /// For the table.
    pub(crate) name: &'static str,
    /// What is run once, and twice for the difference.
    pub(crate) turns: usize,
    /// Prepares for `2 * turns` and does as many turns as it is told.
    pub(crate) work: fn(usize) -> Result<()>,
}

/// The main function.
pub(crate) fn run(paths: &[Path]) -> Result<ExitCode> {
    let mut args = std::env::args().skip(1);
    let Some(name) = args.next() else {
        let mut out = std::io::stdout().lock();
        for path in paths {
            writeln!(out, "{} {}", path.name, path.turns)?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let turns = args.next().context("how many turns?")?.parse()?;
    let path = paths.iter().find(|it| it.name == name).with_context(|| format!("no path {name}"))?;
    (path.work)(turns)?;
    Ok(().report())
}
