//! Attribution on one core, from encoded log bytes to decisions, against ClickHouse's hash ASOF JOIN on one thread over the same rows.
//!
//! Ours decodes every record, keeps the touches, asks, answers and decides each order when the records of a poll are taken in, with its trace
//! and its rows. The peer starts from columns in memory, decoded and typed, and finds each order's latest valid
//! click and whether it is within the window: less work, and what people do without us. Both must credit the same orders.

pub(crate) mod files;
pub(crate) mod ours;
mod peer;
pub(crate) mod world;

use anyhow::{Result, ensure};
use clap::Args;

use crate::row::{Bound, Row};

/// How much.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Clicks in the log
    #[arg(long, default_value_t = 10_000_000)]
    clicks: u64,
    /// Orders among them
    #[arg(long, default_value_t = 300_000)]
    orders: u64,
    /// Leaves ClickHouse out and prints only our own seconds, for a profiler
    #[arg(long)]
    ours_only: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { clicks: 10_000_000, orders: 300_000, ours_only: false }
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "amounts of work are small positive numbers"
)]
pub(crate) fn run(options: &Options, scale: f64) -> Result<Vec<Row>> {
    let scaled = |count: u64| ((count as f64 * scale) as u64).max(1);
    let (clicks, orders) = (scaled(options.clicks), scaled(options.orders));
    let world = world::make(clicks, orders, world::NEW_VISITORS);
    // What the machines hold at the end is dropped after the measurement: a pipeline goes on with it.
    let (machines, ours_seconds) = crate::process::cpu_seconds(|| ours::attribute(&world));
    let ours = machines?.outcome;
    eprintln!(
        "attribution: {clicks} clicks, {orders} orders, {} MB of log; {ours_seconds:.2} s of processor time, {} decisions, {} orders credited",
        world.log.len() / 1_000_000,
        ours.decisions,
        ours.credited.values().sum::<u64>()
    );
    let records = (clicks + orders) as f64;
    let peer_seconds = if options.ours_only {
        ours_seconds
    } else {
        let (credited, seconds) = peer::attribute(&world)?;
        eprintln!("ClickHouse: {seconds:.2} s of processor time");
        ensure!(
            credited == ours.credited,
            "credited by partner: ours {:?}, ClickHouse {credited:?}",
            ours.credited
        );
        seconds
    };
    Ok(vec![Row {
        name: "attribution_vs_asof_join",
        ours: records / ours_seconds,
        peer: records / peer_seconds,
        unit: "records per CPU second",
        bound: Bound::AtLeast(2.0),
    }])
}
