//! `tributary demo`: the load side and the judge of a whole program on one machine.
//!
//! The product runs as another process and is spoken to over HTTP only. What it should have done is worked out here, from the requests made and the
//! answers received, by a naive model; then ClickHouse is read as an analyst reads it, and compared cell by cell. Start at [`run::run`].

mod browser;
mod chance;
mod compare;
mod judge;
#[path = "../../attribution/tests/naive/mod.rs"]
#[expect(dead_code, reason = "the demo's program finds nothing suspicious")]
mod naive;
mod product;
mod program;
mod reader;
mod run;
mod show;
mod traffic;
mod world;

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use crate::output::Output;

/// `--traffic`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Traffic {
    /// Visitors are played.
    On,
    /// Only serves, until interrupted.
    Off,
}

/// The flags of `tributary demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoFlags {
    /// End after this many seconds with a verdict, if traffic was played; exit status 1 on any difference
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// JSON lines: first "ready", last "verdict"
    #[arg(long)]
    json: bool,
    /// Plays the same visitors again
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Keep the data here and go on with it next time
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// SIGKILL a random child every so many seconds
    #[arg(long, value_name = "SECONDS")]
    kill_every: Option<f64>,
    /// Now and then SIGKILL the supervisor and all its children at once
    #[arg(long, requires = "kill_every")]
    kill_all: bool,
    /// Play visitors, or only serve until interrupted
    #[arg(long, value_enum, default_value = "on")]
    traffic: Traffic,
    /// Clicks per second
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=20_000))]
    rate: u64,
    /// Use this Kafka broker as the log
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// Plant one error on the product's side: drop, double, shift or overpay; the verdict must find it
    #[arg(long, value_name = "KIND", value_parser = ["drop", "double", "shift", "overpay"])]
    sabotage: Option<String>,
    /// What the product's processes log
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log_level: String,
}

/// What a demo is asked to do.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    seconds: Option<Duration>,
    seed: u64,
    data: Option<PathBuf>,
    kill_every: Option<Duration>,
    kill_all: bool,
    traffic: bool,
    rate: u64,
    kafka: Option<String>,
    sabotage: Option<String>,
    log_level: String,
}

/// Runs it; `true` where nothing differed.
pub(crate) fn run(flags: DemoFlags) -> anyhow::Result<bool> {
    let output = Output::new(flags.json);
    let options = Options {
        seconds: flags.seconds.map(Duration::from_secs),
        seed: flags.seed,
        data: flags.data,
        kill_every: flags.kill_every.map(Duration::try_from_secs_f64).transpose()?,
        kill_all: flags.kill_all,
        traffic: flags.traffic == Traffic::On,
        rate: flags.rate,
        kafka: flags.kafka,
        sabotage: flags.sabotage,
        log_level: flags.log_level,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run::run(options, output))
}
