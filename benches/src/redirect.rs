//! The processor's time of a redirect, everything on, beside servers that only send the same answers.
//!
//! Ours is the edge as it ships: catalog, signed ids, cookies, duplicates, robots, one append to the spool per click. The peers are a bare hyper
//! server, with the same settings, runtime and allocator, and nginx with its access log, where it is installed. Each is a process of its own with one
//! serving thread, meets the same requests from the same client, and takes turns with the others, so that a busy machine is busy for all. Start
//! at [`run`].

mod answers;
mod bare;
pub(crate) mod client;
mod nginx;
mod ours;
mod requests;
mod server;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use self::server::Server;
use crate::{
    process,
    row::{Bound, Row},
};

/// Requests before anything is measured, for each server: caches, lists and the kernel's buffers are as they will be.
const WARM_UP: u64 = 4_000;
/// Answers that are recorded and sent again by the peers.
const RECORDED: u64 = 512;

/// How much.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Requests to each server, over all rounds
    #[arg(long, default_value_t = 200_000)]
    requests: u64,
    /// Turns that the servers take
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// Connections, all kept
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    connections: u16,
    /// Leaves the peers out, for a profiler
    #[arg(long)]
    ours_only: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { requests: 200_000, rounds: 7, connections: 16, ours_only: false }
    }
}

/// A server that the measurement starts as a process of its own.
#[derive(Debug, Subcommand)]
pub(crate) enum Serve {
    /// The edge
    Edge {
        /// Its data folder
        data: PathBuf,
    },
    /// Bare hyper
    Bare {
        /// The answers to send, in turn
        answers: PathBuf,
    },
}

/// Serves until standard input closes.
pub(crate) fn serve(what: &Serve) -> Result<()> {
    process::pin(0);
    match what {
        Serve::Edge { data } => ours::serve(data),
        Serve::Bare { answers } => bare::serve(answers),
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "amounts of work are small positive numbers"
)]
pub(crate) fn run(options: &Options, scale: f64) -> Result<Vec<Row>> {
    let a_round = ((options.requests as f64 * scale) as u64 / u64::from(options.rounds)).max(1);
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("edge");
    ours::prepare(&data)?;
    let edge = Server::start("edge", &["edge".as_ref(), data.as_os_str()])?;
    let cookies = answers::cookies(edge.address)?;
    let recorded = answers::record(edge.address, RECORDED, &cookies)?;
    let mut servers = vec![edge];
    if !options.ours_only {
        let file = folder.path().join("answers.json");
        std::fs::write(&file, serde_json::to_vec(&recorded)?)?;
        servers.push(Server::start("bare hyper", &["bare".as_ref(), file.as_os_str()])?);
        servers.extend(nginx::start(folder.path(), &recorded).context("nginx does not start")?);
    }
    let mut rounds: Vec<Vec<f64>> = vec![Vec::new(); servers.len()];
    // On a core of its own, where there are two: a client that shares the servers' core takes it from them in the middle of their work.
    process::on_core(1, || -> Result<()> {
        let mut load = client::Load::new(options.connections, cookies);
        for server in &servers {
            load.send(server.address, WARM_UP)?;
        }
        for _ in 0..options.rounds {
            for (server, costs) in servers.iter().zip(&mut rounds) {
                let before = server.cpu_seconds()?;
                load.send(server.address, a_round)?;
                costs.push((server.cpu_seconds()? - before) * 1e6 / a_round as f64);
            }
        }
        Ok(())
    })?;
    for (server, costs) in servers.iter().zip(&rounds) {
        let costs: Vec<String> = costs.iter().map(|it| format!("{it:.2}")).collect();
        eprintln!("redirect: {}: {} us of processor time a request, by round", server.name, costs.join(" "));
    }
    Ok(rows(&servers, &rounds))
}

/// A row per peer: the median round's costs, and so that a round disturbed by others moves nothing.
fn rows(servers: &[Server], rounds: &[Vec<f64>]) -> Vec<Row> {
    let Some((ours, peers)) = rounds.split_first() else { return Vec::new() };
    let names = servers.iter().skip(1).map(|it| it.name);
    let row = |(name, costs): (&str, &Vec<f64>)| {
        let (name, bound) = match name {
            "nginx" => ("redirect_vs_nginx_with_log", 1.0),
            _ => ("redirect_vs_bare_hyper", 1.25),
        };
        Row {
            name,
            ours: median(ours),
            peer: median(costs),
            unit: "us of CPU per request",
            bound: Bound::AtMost(bound),
        }
    };
    names.zip(peers).map(row).collect()
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
