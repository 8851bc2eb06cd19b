//! The steps that get ready what tests need: programs, the engine, a broker.
//!
//! In: this machine. Out: variables for the tests, or an error that says what to install.
//! Not here: anything that fails because of the code.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::World;
use crate::{
    host,
    kafka::{Cluster, Options, SHARED_VARIABLE},
};

/// A program that tests call: how to see that it is there, and the Debian package that brings it.
struct Tool {
    probe: &'static [&'static str],
    package: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool { probe: &["cc", "--version"], package: "gcc" },
    Tool { probe: &["c++", "--version"], package: "g++" },
    Tool { probe: &["make", "--version"], package: "make" },
    Tool { probe: &["git", "--version"], package: "git" },
    Tool { probe: &["npm", "--version"], package: "npm" },
    Tool { probe: &["java", "-version"], package: "default-jdk-headless" },
    Tool { probe: &["mvn", "--version"], package: "maven" },
    Tool { probe: &["curl", "--version"], package: "curl" },
    Tool { probe: &["python3", "--version"], package: "python3" },
    Tool { probe: &["strace", "--version"], package: "strace" },
    Tool { probe: &["valgrind", "--version"], package: "valgrind" },
    // The interpreter may come without the two modules that make a virtual environment.
    Tool { probe: &["python3", "-c", "import ensurepip, venv"], package: "python3-venv" },
];

/// Installs what is missing when this is root; else names it.
pub(super) fn tools(_: &mut World) -> Result<String> {
    let missing: Vec<&str> = TOOLS.iter().filter(|it| !runs(it.probe)).map(|it| it.package).collect();
    if missing.is_empty() {
        return Ok(format!("{} found", TOOLS.len()));
    }
    let packages = missing.join(" ");
    if host::run_quietly("id", &["-u"], "it is part of every Unix")?.trim() != "0" {
        bail!("install {packages} (names as in Debian), or run this as root");
    }
    let install = [&["install", "--yes", "--no-install-recommends"], missing.as_slice()].concat();
    let hint = format!("install {packages} by hand (names as in Debian)");
    host::run_quietly("apt-get", &["update"], &hint)?;
    host::run_quietly("apt-get", &install, &hint)?;
    Ok(format!("installed {packages}"))
}

fn runs(probe: &[&str]) -> bool {
    let Some((program, args)) = probe.split_first() else { return false };
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// By the product's own code, but as a program of its own: chores must not wait for the engine's crate to compile. The
/// step `build` leaves it beside us.
pub(super) fn engine(world: &mut World) -> Result<String> {
    let ours = std::env::current_exe().context("cannot find this program's folder")?;
    let fetch = ours.with_file_name("examples").join("fetch");
    let cache = host::cache()?;
    let library = host::run_quietly(&fetch.display().to_string(), &[cache], "run the step `build` before")?;
    let library = library.trim().to_owned();
    world.variables.push(("TRIBUTARY_CHDB_LIB", library.clone()));
    Ok(library)
}

/// One broker for the whole run. Tests that kill brokers start their own.
pub(super) fn kafka(world: &mut World) -> Result<String> {
    let cluster = Cluster::start(&Options::default())?;
    let bootstrap = cluster.bootstrap().to_owned();
    world.variables.push((SHARED_VARIABLE, bootstrap.clone()));
    world.kafka = Some(cluster);
    Ok(bootstrap)
}
