//! `cargo xtask sim`: runs many worlds and tells the first that went wrong.
//!
//! In: how many seeds, perhaps a planted bug. Out: a line on progress, the story of a failure, exit status 1. Start at [`main`].

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use clap::{Parser, builder::PossibleValuesParser};
use sim::{Bug, Summary, run};

/// Runs simulated worlds, each from one seed, against a plain model of the rules
#[derive(Debug, Parser)]
#[command(name = "cargo xtask sim", max_term_width = 110)]
#[command(after_help = "Examples:
  cargo xtask sim --seeds 10000              ten thousand worlds
  cargo xtask sim --seed 4711                one world again
  cargo xtask sim --bug no-claim             a planted bug: it must be found, or the exit status is 1")]
struct Options {
    /// How many worlds
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// This world alone
    #[arg(long)]
    seed: Option<u64>,
    /// Plants a bug around the machines
    #[arg(long, value_parser = PossibleValuesParser::new(Bug::ALL.iter().map(|it| it.name())))]
    bug: Option<String>,
}

/// A line on progress every so many worlds.
const TELL_EVERY: u64 = 100;

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let bug = options.bug.as_deref().and_then(Bug::parse);
    let seeds = match options.seed {
        Some(seed) => seed..seed.saturating_add(1),
        None => options.from..options.from.saturating_add(options.seeds),
    };
    let mut out = std::io::stdout();
    let (mut worlds, mut sum) = (0_u64, Summary::default());
    for seed in seeds {
        match run(seed, bug) {
            Ok(summary) => add(&mut sum, &summary),
            Err(failure) => {
                writeln!(out, "{failure}")?;
                let planted = bug.map_or(String::new(), |it| format!(", planted bug {} found", it.name()));
                writeln!(out, "{} worlds, the last one wrong{planted}", worlds + 1)?;
                return Ok(if bug.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            }
        }
        worlds += 1;
        if worlds.is_multiple_of(TELL_EVERY) && out.is_terminal() {
            write!(out, "\r{worlds} worlds")?;
            out.flush()?;
        }
    }
    let Summary { clicks, reports, orders, credited, cells, claims, steps: _ } = sum;
    writeln!(
        out,
        "{worlds} worlds, none wrong: {clicks} clicks, {reports} reports, {orders} orders, {credited} credited, {cells} cells, {claims} claims"
    )?;
    Ok(match bug {
        Some(bug) => {
            writeln!(out, "planted bug {} was not found", bug.name())?;
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    })
}

fn add(sum: &mut Summary, one: &Summary) {
    sum.clicks += one.clicks;
    sum.reports += one.reports;
    sum.orders += one.orders;
    sum.credited += one.credited;
    sum.cells += one.cells;
    sum.claims += one.claims;
}
