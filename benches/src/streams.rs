//! Attribution on one core against Kafka Streams' join of the same clicks and orders, the way its users write it.
//!
//! The peer (`benches/streams/Join.java`) reads small typed rows from a broker, keeps the window in `RocksDB` and joins; it knows no models, traces or
//! restarts, and its changelogs are off. What is counted is the processor's time of its process, from the start of its topology to the last row, the
//! compiling of its hot code included, the broker's not. Ours is what `attribution` measures, on as many clicks and orders. Both must credit the
//! same orders. Needs a broker (`cargo xtask kafka --port 9092`), a JDK and Maven, so it runs only when it is asked for. Start at [`run`].

use std::{collections::BTreeMap, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{
    attribution::{ours, world},
    process::cpu_seconds,
    row::{Bound, Row},
};

/// How much, and through which broker.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The broker, such as `cargo xtask kafka` starts
    #[arg(long, default_value = "127.0.0.1:9092")]
    bootstrap: String,
    /// Clicks in the log
    #[arg(long, default_value_t = 2_000_000)]
    clicks: u64,
    /// Orders among them
    #[arg(long, default_value_t = 60_000)]
    orders: u64,
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
    let (machines, ours_seconds) = cpu_seconds(|| ours::attribute(&world));
    let credited = machines?.outcome.credited;
    eprintln!("streams: {clicks} clicks, {orders} orders; ours {ours_seconds:.2} s of processor time");
    let (theirs, peer_seconds) = peer(&world, &options.bootstrap)?;
    eprintln!("Kafka Streams: {peer_seconds:.2} s of processor time");
    ensure!(credited == theirs, "credited by partner: ours {credited:?}, Kafka Streams {theirs:?}");
    let records = (clicks + orders) as f64;
    Ok(vec![Row {
        name: "attribution_vs_kafka_streams",
        ours: records / ours_seconds,
        peer: records / peer_seconds,
        unit: "records per CPU second",
        bound: Bound::AtLeast(1.0),
    }])
}

/// Orders by credited partner, and the processor's seconds of the peer.
fn peer(world: &world::World, bootstrap: &str) -> Result<(BTreeMap<u32, u64>, f64)> {
    let home = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/streams"));
    let folder = tempfile::tempdir()?;
    let (clicks, orders) = (folder.path().join("clicks"), folder.path().join("orders"));
    std::fs::write(&clicks, &world.clicks)?;
    std::fs::write(&orders, &world.orders)?;
    let jars = folder.path().join("jars");
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime", "-f"]);
    maven.arg(home.join("pom.xml")).arg(format!("-DoutputDirectory={}", jars.display()));
    let fetched = maven.status().context("cannot run mvn: install Maven and a JDK 17 or newer")?;
    ensure!(fetched.success(), "Maven could not fetch Kafka Streams");
    let mut java = Command::new("java");
    java.arg("-cp").arg(jars.join("*")).arg(home.join("Join.java")).arg(bootstrap).arg(clicks).arg(orders);
    let answer = java.arg(world::WINDOW_MS.to_string()).output().context("cannot run java")?;
    let text = String::from_utf8_lossy(&answer.stdout);
    ensure!(
        answer.status.success(),
        "Kafka Streams failed; is a broker at {bootstrap} (`cargo xtask kafka --port 9092`)?\n{}",
        String::from_utf8_lossy(&answer.stderr)
    );
    let (seconds, partners) = text.split_once('\n').context("Kafka Streams said nothing")?;
    let number = |line: &str| {
        let (partner, count) = line.split_once('\t').context("two columns")?;
        Ok((partner.parse::<u32>()?, count.parse::<u64>()?))
    };
    Ok((partners.lines().map(number).collect::<Result<_>>()?, seconds.trim().parse()?))
}
