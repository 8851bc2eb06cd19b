//! The commands that look at a program or change it, beside the roles that run it: one file each below `commands`.
//!
//! In: a command's flags, settings by file, environment and flag. Out: tables for people, JSON lines for programs, an exit status: 0 fine,
//! 1 something is wrong with what was looked at. Not here: roles, `up` and the demo. Start at [`Tool`].

mod audit;
mod catalog;
mod doctor;
mod explain;
mod facts;
mod log;
mod orders;
mod owners;
mod place;
mod quarantine;
mod replay;
mod score;
mod spool;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::{
    flags::SettingFlags,
    load::{self, LoadFlags},
    output::Output,
    settings::Settings,
};

use self::replay::date;
pub(crate) use self::{
    catalog::{Choice, Mirror, at_start},
    orders::{BYTES_MAX, Edge, Fate, LINES_MAX},
    place::{Place, block_on},
};

/// A command beside the roles.
#[derive(Debug, Subcommand)]
pub(crate) enum Tool {
    /// Check a catalog, compare it, put a new version in force, list the versions, explain what holds for a partner
    #[command(
        subcommand,
        after_help = "Examples:\n  tributary catalog check catalog.toml\n  tributary catalog diff catalog.toml\n  tributary catalog apply catalog.toml\n  \
        tributary catalog explain 10 102"
    )]
    Catalog(catalog::CatalogCommand),
    /// Bring orders of before
    #[command(
        subcommand,
        after_help = "Examples:\n  tributary orders import history.csv --token-file token --dry-run\n  tributary orders import conversions.csv --token-file token --dialect tune"
    )]
    Orders(orders::OrdersCommand),
    /// List what could not be understood or stored, show it, and replay it after the cause is mended
    #[command(
        subcommand,
        after_help = "Examples, in this order:\n  tributary quarantine list\n  tributary quarantine list --reason unknown_version\n  \
        tributary quarantine show spool:65536:1763812800@17\n  tributary quarantine replay --dry-run\n  tributary quarantine replay"
    )]
    Quarantine(quarantine::QuarantineCommand),
    /// Show what another catalog would have made of the orders since some date, partner by partner, and put it in force
    #[command(
        mut_args(only_where_and_catalog),
        after_help = "Examples:\n  tributary replay --from 2026-01-01 --catalog new.toml --dry-run\n  \
        tributary replay --from 2026-01-01T00:00:00+01:00 --catalog new.toml --config tributary.toml\n  tributary replay --from 2026-01-01 --catalog catalog.d --dry-run --json\n\n\
        The real facts are decided twice, beside whatever runs: by the versions there are, and with this catalog in force from that date on. \
        Without --dry-run it is then made the next version, effective at that date, and the pipelines decide these orders anew. \
        Orders before the date stay as they are. Limits: 300,000 reports (some 3 KiB of memory each) and \
        50 million clicks and views that could matter; beyond them it ends with replay_too_large, and `catalog apply --effective-at` does it without a comparison."
    )]
    Replay(replay::ReplayFlags),
    /// Look for suspicious orders now: floods of clicks, odd ages of clicks, data centres, addresses of many orders
    #[command(
        mut_args(only_where_and_scores),
        after_help = "Examples:\n  tributary score --dry-run\n  tributary score --config tributary.toml --from 2026-01-01\n  tributary score --json\n\n\
        The limits are those of [fraud] in the catalog in force. What is suspicious is told to the edge's admin port, and the credits of such orders are on hold: \
        share and money stay as they are. `tributary up` and the warehouse role do the same every warehouse.score_every."
    )]
    Score(score::ScoreFlags),
    /// Look into a spool
    #[command(subcommand)]
    Spool(spool::SpoolCommand),
    /// Say why an order is whose: its money, its time, every touch that was weighed, every report
    #[command(
        mut_args(only_where),
        after_help = "Examples:\n  tributary explain 4711\n  tributary explain 4711 --advertiser 2 --json\n  tributary explain 4711 --for 100\n\n\
        What is shown is what was decided and stored; nothing is decided again. --for leaves out every name, number, link and touch of other partners. Exit status 1 where nothing is known of the order."
    )]
    Explain(explain::ExplainFlags),
    /// Compare what the edges spooled with what the topics and ClickHouse hold, orders with their reports, and every rollup cell with its facts
    #[command(
        mut_args(only_where),
        after_help = "Examples:\n  tributary audit\n  tributary audit --config tributary.toml --days 7 --json\n  tributary audit --retire 65536\n  tributary audit --repair --dry-run\n  tributary audit --repair\n\n\
        Every missing record is named by its sequence and by the places it is missing from: spool, topics, clickhouse; every order whose decision or credits are lost or differ, and every wrong cell. \
        --repair puts back what is still somewhere, while everything runs, as often as you like. \
        Exit status 0 if all is well, 1 if something is missing or wrong, 2 if that cannot be said. The view `audit` shows the result too."
    )]
    Audit(audit::AuditFlags),
    /// Look over this machine and what it is connected to, and say what to do about it
    #[command(
        mut_args(only_where),
        after_help = "Examples:\n  tributary doctor\n  tributary doctor --config tributary.toml --json\n\nExit status 1 if something fails."
    )]
    Doctor(doctor::DoctorFlags),
    /// Send requests at a fixed rate and measure how long they take from the instant they were due
    #[command(
        after_help = "Examples:\n  tributary load http://127.0.0.1:8080/c/tea --rate 500 --seconds 10\n  \
        tributary load 'http://127.0.0.1:8080/c/tea?sub1={number}' http://127.0.0.1:8080/c/pots --rate 2000 --connections 64 --json\n\n\
        Latency counts from the instant a request was due by the schedule, not from when it could be sent: a server that stalls cannot hide it."
    )]
    Load(LoadFlags),
}

impl Tool {
    /// Does it; the answer is the process's exit status.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let fine = match self {
            Self::Catalog(command) => command.run()?,
            Self::Orders(command) => command.run()?,
            Self::Quarantine(command) => command.run()?,
            Self::Replay(flags) => flags.run()?,
            Self::Score(flags) => flags.run()?,
            Self::Spool(command) => command.run()?,
            Self::Explain(flags) => flags.run()?,
            Self::Audit(flags) => return flags.run(),
            Self::Doctor(flags) => flags.run()?,
            Self::Load(flags) => load::run(&flags)?,
        };
        Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// What every command takes besides its own flags.
#[derive(Debug, Args)]
pub(crate) struct Common {
    #[command(flatten)]
    settings: SettingFlags,
    /// JSON lines instead of tables and sentences
    #[arg(long)]
    json: bool,
}

impl Common {
    fn output(&self) -> Output {
        Output::new(self.json)
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        Ok(self.settings.settings()?)
    }
}

/// Leaves only those settings in a command's help that it uses; the others are still understood, so that one file and environment fit all.
fn only_where(arg: clap::Arg) -> clap::Arg {
    only(&["data", "clickhouse.", "kafka.brokers", "kafka.prefix"], arg)
}

/// For commands that try the catalog of that setting.
fn only_where_and_catalog(arg: clap::Arg) -> clap::Arg {
    let arg = only(&["data", "catalog", "clickhouse.", "kafka.brokers", "kafka.prefix"], arg);
    if arg.get_id() == "catalog" {
        arg.help("the catalog to try: a file, or a folder whose *.toml files are read together")
    } else {
        arg
    }
}

fn only_where_and_scores(arg: clap::Arg) -> clap::Arg {
    only(&["data", "clickhouse.", "kafka.", "edge.admin", "edge.scores_token", "warehouse.score_to"], arg)
}

/// Those whose names are, or begin as, the given ones.
fn only(shown: &[&str], arg: clap::Arg) -> clap::Arg {
    let id = arg.get_id().as_str();
    let is_setting = arg.get_help_heading().is_some();
    let is_shown = shown.iter().any(|it| id == *it || (it.ends_with('.') && id.starts_with(it)));
    if is_setting && !is_shown { arg.hide(true) } else { arg }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Everything {
        #[command(subcommand)]
        tool: Tool,
    }

    #[test]
    fn every_command_and_its_flags_are_well_formed() {
        <Everything as clap::CommandFactory>::command().debug_assert();
    }
}
