//! The processes that `cargo xtask kill` kills, and the judges of what they leave behind.
//!
//! In: `victim TARGET prepare|cycle|judge FOLDER`. Out: what was promised so far, line by line on standard output (`said`);
//! from a judge, exit status 1 and the reasons if a promise was broken. Each target calls the product's own code and knows
//! what must come out of it by itself. Not here: who kills, and when (`xtask::kill`). Start at [`TARGETS`].

use std::{path::Path, process::ExitCode};

use anyhow::{Context, Result, bail};

mod catalog_log;
mod checkpoint;
mod disk;
mod facts;
mod said;
mod shipper;
mod spool;
mod verdict;
mod world;

/// What a target can be asked.
struct Target {
    name: &'static str,
    /// What every cycle begins with.
    prepare: fn(&Path) -> Result<()>,
    /// One full cycle; killed in the middle of it, or not.
    cycle: fn(&Path) -> Result<()>,
    /// Goes on where the killed one stopped, and compares. Its second argument is what that one said.
    judge: fn(&Path, &str) -> Result<String>,
}

const TARGETS: &[Target] = &[
    Target { name: "spool", prepare: |_| Ok(()), cycle: spool::cycle, judge: spool::judge },
    Target {
        name: "catalog",
        prepare: catalog_log::prepare,
        cycle: catalog_log::cycle,
        judge: catalog_log::judge,
    },
    Target {
        name: "checkpoint",
        prepare: checkpoint::prepare,
        cycle: checkpoint::cycle,
        judge: checkpoint::judge,
    },
    Target { name: "disk", prepare: catalog_log::prepare, cycle: disk::cycle, judge: disk::judge },
    Target { name: "shipper", prepare: shipper::prepare, cycle: shipper::cycle, judge: shipper::judge },
    Target { name: "sink", prepare: facts::sink_prepare, cycle: facts::sink_cycle, judge: facts::judge },
    Target {
        name: "roller",
        prepare: facts::roller_prepare,
        cycle: facts::roller_cycle,
        judge: facts::judge,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(note) => {
            said::say(&note);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<String> {
    let [target, action, folder] = arguments else {
        bail!("usage: victim TARGET prepare|cycle|judge FOLDER")
    };
    let target = TARGETS.iter().find(|it| it.name == target).context("no such target")?;
    let folder = Path::new(folder);
    match action.as_str() {
        "prepare" => (target.prepare)(folder).map(|()| String::new()),
        "cycle" => (target.cycle)(folder).map(|()| "phase end".to_owned()),
        "judge" => {
            let said = std::fs::read_to_string(folder.join("said")).context("nothing was said")?;
            (target.judge)(folder, &said)
        }
        _ => bail!("no such action"),
    }
}
