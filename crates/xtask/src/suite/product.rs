//! The steps that run the product as its users do, with the binaries that the step `build` left beside us.
//!
//! In: the engine and the broker of earlier steps. Out: a note for the table. The programs judge themselves and say so by their exit status;
//! the demo's judge shares nothing with the product but HTTP.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::World;
use crate::{fuzz, host, instructions, kafka::SHARED_VARIABLE, kill, mutants};

/// Simulated worlds: some seconds of an unoptimised build.
const SIM_SEEDS: &str = "1000";
/// For each of seventeen targets, two at a time: half a minute.
const FUZZ_SECONDS: u64 = 4;

pub(super) fn sim(world: &mut World) -> Result<String> {
    pass(world, "sim", &["--seeds", SIM_SEEDS])?;
    Ok(format!("{SIM_SEEDS} worlds"))
}

pub(super) fn mutants(world: &mut World) -> Result<String> {
    mutants::run(&[], &world.variables)
}

pub(super) fn instructions(_: &mut World) -> Result<String> {
    instructions::run(&instructions::Options::default())
}

/// A few seconds for each parser; hours by `cargo xtask fuzz`.
pub(super) fn fuzz(_: &mut World) -> Result<String> {
    fuzz::short(FUZZ_SECONDS)
}

pub(super) fn demo(world: &mut World) -> Result<String> {
    pass(
        world,
        "tributary",
        &["demo", "--seconds", "30", "--kill-every", "3", "--kill-all", "--rate", "100"],
    )?;
    Ok("30 s, a kill every 3 s".to_owned())
}

pub(super) fn demo_kafka(world: &mut World) -> Result<String> {
    let broker =
        world.variables.iter().find(|(name, _)| *name == SHARED_VARIABLE).map(|(_, value)| value.clone());
    let broker = broker.context("run the step `kafka` before")?;
    let kills = ["--kill-every", "5", "--kill-all", "--rate", "60"];
    pass(world, "tributary", &[["demo", "--seconds", "30", "--kafka", &broker].as_slice(), &kills].concat())?;
    Ok("30 s, a kill every 5 s".to_owned())
}

/// Every fault once; `cargo xtask soak --help` says the long forms.
pub(super) fn soak(world: &mut World) -> Result<String> {
    pass(world, "soak", &["--seconds", "40", "--rate", "200"])?;
    Ok("40 s of load, eight faults".to_owned())
}

/// A few points of each target; all of them take hours.
pub(super) fn kill(world: &mut World) -> Result<String> {
    let kafka = world.variables.iter().find(|(name, _)| *name == SHARED_VARIABLE);
    kill::run_built(&kill::Options {
        targets: Vec::new(),
        points: kill::Points::Short,
        seed: 0,
        kafka: kafka.map(|(_, address)| address.clone()),
    })
}

fn pass(world: &World, program: &str, args: &[&str]) -> Result<()> {
    let path = beside_us(program)?;
    let mut command = Command::new(&path);
    command.args(args).stdin(Stdio::null()).current_dir(host::root());
    command.envs(world.variables.iter().map(|(name, value)| (*name, value.as_str())));
    let status = command
        .status()
        .with_context(|| format!("{} is missing; run the step `build` before", path.display()))?;
    ensure!(
        status.success(),
        "`{program} {}` ended with {status}; what it said stands above",
        args.join(" ")
    );
    Ok(())
}

fn beside_us(program: &str) -> Result<PathBuf> {
    Ok(std::env::current_exe().context("cannot find this program's folder")?.with_file_name(program))
}
