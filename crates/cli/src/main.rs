//! `tributary`: reads configuration and clock, wires the roles of a mode, waits for a signal.
//!
//! In: a command line, a TOML file, the environment. Out: exit status 0 done, 1 failed, 2 wrong usage, 78 bad configuration. Not here: anything that
//! decides; see `crates/README.md` for where that lives.

mod admin;
mod clock;
mod commands;
mod demo;
mod flags;
mod load;
mod logs;
mod output;
mod roles;
mod scoring;
mod secrecy;
mod settings;
mod shutdown;
mod supervisor;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{flags::SettingFlags, output::Output, settings::SettingsError};

/// As the measurements have it: a redirect's few short-lived allocations are the cheaper for it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Bad configuration, as `sysexits.h` numbers it.
const EXIT_CONFIG: u8 = 78;

#[derive(Debug, Parser)]
#[command(
    name = "tributary",
    version,
    about = "Click tracking and attribution for partner programs, self-hosted",
    max_term_width = 110
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play a whole program on this machine, live, and check every number of it
    #[command(
        after_help = "Examples:\n  tributary demo\n  tributary demo --seconds 30 --kill-every 3\n  tributary demo --traffic off --data demo-data\n  \
        tributary demo --seconds 30 --kafka 127.0.0.1:9092 --json"
    )]
    Demo(demo::DemoFlags),
    /// Run everything on this machine: edge, pipeline, warehouse and, without clickhouse.url, the engine
    #[command(
        after_help = "Examples:\n  tributary up --config tributary.toml\n  tributary up --config tributary.toml --print-config\n  \
        TRIBUTARY_EDGE__LISTEN=0.0.0.0:80 tributary up --config tributary.toml --edge-threads 4\n\n\
        The file of the setting `catalog` becomes the next version if it changed since `up` last took it. What `catalog apply` or `replay` put in force \
        stays in force while the file does not change; where both changed, `up` ends with catalog_diverged and --catalog-from-file or --catalog-from-store says which counts."
    )]
    Up {
        #[command(flatten)]
        settings: SettingFlags,
        #[command(flatten)]
        choice: commands::Choice,
        /// Show every value with its source and end
        #[arg(long)]
        print_config: bool,
        /// JSON lines instead of sentences
        #[arg(long)]
        json: bool,
    },
    #[command(flatten)]
    Tool(commands::Tool),
    /// One role: answer redirects, take reports, ship the spool to Kafka
    #[command(
        after_help = "Example:\n  tributary edge --kafka-brokers kafka:9092 --edge-listen 0.0.0.0:8080"
    )]
    Edge(SettingFlags),
    /// One role: decide orders and write facts
    #[command(
        after_help = "Example:\n  tributary pipeline --kafka-brokers kafka:9092 --clickhouse-url http://clickhouse:8123"
    )]
    Pipeline(SettingFlags),
    /// One role: set the tables up and keep the rollups
    #[command(after_help = "Example:\n  tributary warehouse --clickhouse-url http://clickhouse:8123")]
    Warehouse(SettingFlags),
    /// One role: the embedded ClickHouse behind its own HTTP protocol
    #[command(
        after_help = "Example:\n  tributary engine --data tributary-data --engine-listen 127.0.0.1:8123"
    )]
    Engine(SettingFlags),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match secrecy::guard().and_then(|()| run(arguments.command)) {
        Ok(status) => status,
        Err(error) => {
            Output::People.say(&format!("error: {error:#}"));
            let bad_config = error.chain().any(<dyn std::error::Error + 'static>::is::<SettingsError>);
            ExitCode::from(if bad_config { EXIT_CONFIG } else { 1 })
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Demo(flags) => {
            return Ok(if demo::run(flags)? { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Tool(tool) => return tool.run(),
        Command::Edge(flags) => roles::run(&flags.settings()?, roles::edge::run)?,
        Command::Pipeline(flags) => roles::run(&flags.settings()?, roles::pipeline::run)?,
        Command::Warehouse(flags) => roles::run(&flags.settings()?, roles::warehouse::run)?,
        Command::Engine(flags) => roles::run(&flags.settings()?, roles::engine::run)?,
        Command::Up { settings, choice, print_config, json } => {
            let (settings, output) = (settings.settings()?, Output::new(json));
            if print_config {
                up::print_config(&settings, output);
            } else {
                up::run(settings, choice, output)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
