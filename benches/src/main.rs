//! Measurements: each row sets what we built beside a peer that does the same work in the same run, and holds the ratio to a bound.
//!
//! In: what to measure and how much of it. Out: one table, or a JSON line a row. Every measurement lives in a module of its own that returns
//! rows; [`BENCHES`] lists them. Times are the processor's, by the kernel's accounting, so that a busy machine does not change a
//! ratio much. Not here: tests of behaviour.

mod attribution;
mod engine;
mod freshness;
mod process;
mod redirect;
mod report;
mod restart;
mod row;
mod sink;
mod streams;
mod touches;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use self::row::Row;

/// The product's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures against peers, side by side
#[derive(Debug, Parser)]
#[command(
    name = "benches",
    after_help = "Examples:\n  cargo xtask bench\n  cargo xtask bench --scale 0.1 --json\n  \
    cargo xtask bench attribution --clicks 10000000 --orders 300000"
)]
struct Cli {
    /// Prints a JSON line a row: name, ours, peer, unit, ratio, bound, holds
    #[arg(long, global = true)]
    json: bool,
    /// Multiplies every amount of work; ratios of small runs say little
    #[arg(long, global = true, default_value_t = 1.0, value_parser = scale)]
    scale: f64,
    /// What to measure; everything but `streams` when left out
    #[command(subcommand)]
    bench: Option<Bench>,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Clicks and orders, from encoded log bytes to decisions, against ClickHouse's hash ASOF JOIN
    Attribution(attribution::Options),
    /// A click's redirect, against bare hyper and nginx with a log
    Redirect(redirect::Options),
    /// Clicks into ClickHouse, against one plain INSERT of the same rows
    Sink,
    /// From a click's answer to its showing in `clicks` and in the rollups, under load
    Freshness,
    /// A report by partner over 30 days of 100 million clicks
    Report,
    /// A pipeline's restart with 10 M visitors, from its checkpoint and from the log
    Restart,
    /// A click's cost and a question's while the window fills to 100 million clicks: 6.4 GB in the folder for temporary files
    Touches,
    /// Clicks and orders against Kafka Streams' join: only when asked for, needs a broker (`cargo xtask kafka --port 9092`)
    Streams(streams::Options),
    /// A server of a measurement
    #[command(subcommand, hide = true)]
    Serve(redirect::Serve),
}

/// Runs a measurement at a scale.
type Run = fn(f64) -> Result<Vec<Row>>;

/// What `cargo xtask bench` measures.
const BENCHES: [Run; 7] = [
    |scale| redirect::run(&redirect::Options::default(), scale),
    |scale| attribution::run(&attribution::Options::default(), scale),
    sink::run,
    freshness::run,
    report::run,
    restart::run,
    touches::run,
];

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let mut rows = Vec::new();
    match &cli.bench {
        Some(Bench::Attribution(options)) => rows = attribution::run(options, cli.scale)?,
        Some(Bench::Redirect(options)) => rows = redirect::run(options, cli.scale)?,
        Some(Bench::Sink) => rows = sink::run(cli.scale)?,
        Some(Bench::Freshness) => rows = freshness::run(cli.scale)?,
        Some(Bench::Report) => rows = report::run(cli.scale)?,
        Some(Bench::Restart) => rows = restart::run(cli.scale)?,
        Some(Bench::Touches) => rows = touches::run(cli.scale)?,
        Some(Bench::Streams(options)) => rows = streams::run(options, cli.scale)?,
        Some(Bench::Serve(what)) => {
            redirect::serve(what)?;
            return Ok(ExitCode::SUCCESS);
        }
        None => {
            for run in BENCHES {
                rows.extend(run(cli.scale)?);
            }
        }
    }
    row::print(&rows, cli.json)?;
    Ok(if rows.iter().all(Row::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn scale(text: &str) -> Result<f64, String> {
    let scale: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if scale > 0.0 && scale <= 100.0 { Ok(scale) } else { Err("must be above 0 and at most 100".to_owned()) }
}
