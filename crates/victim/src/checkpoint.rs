//! The pipeline killed at its own file calls: state, touches, claims, and the connection to its sink.
//!
//! In: a folder with a spool of 60 orders, each reported twice, and an engine that lives on. Out: clicks, orders and credits
//! as analysts read them. The judge's pipeline goes on from whatever state is left, by other batches, and once more without
//! any state (faults 36, 80). Start at [`cycle`] and [`judge`].

use std::{
    fs,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use journal::{
    spool::{self, Writer},
    versions,
};
use pipeline::{Options, Phase, Pipeline, Status};
use tokio::sync::oneshot;
use units::{EpochMs, MINUTE_MS, Origin, WriterId};
use warehouse::Warehouse;

use crate::{
    catalog_log,
    said::phase,
    verdict::Verdict,
    world::{NOON, click, click_id, lines, report, wait_for, warehouse},
};

const WRITER: WriterId = WriterId(1);
const ORDERS: u64 = 60;
/// For the pipeline to have read and written everything.
const PATIENCE: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(5);

fn order_time(order: u64) -> EpochMs {
    NOON.forth(order * MINUTE_MS)
}

/// The three clicks of an order's visitor: two before it, one after it; with their partners.
fn clicks(order: u64) -> [(u64, EpochMs, u32); 3] {
    let (at, partner) = (order_time(order), u32::try_from(order % 3).expect("0 to 2"));
    [(0, at, partner + 1), (1, at.forth(1_000), partner + 2), (2, at.forth(9_000), 1)]
        .map(|(number, at, partner)| (order * 3 + number + 1, at, partner))
}

/// A spool and a catalog; the databases are made where they are used.
pub(crate) fn prepare(folder: &Path) -> Result<()> {
    versions::append(&folder.join("catalog"), 1, &catalog_log::record(1)?)?;
    let options = spool::Options { segment_bytes: 256 * 1024, ..spool::Options::default() };
    let mut writer = Writer::open(&folder.join("spool"), WRITER, NOON, options)?;
    for order in 0..ORDERS {
        let [first, last, after] = clicks(order);
        append_click(&mut writer, first, order)?;
        append_click(&mut writer, last, order)?;
        append_report(&mut writer, order, 5_000)?;
        append_click(&mut writer, after, order)?;
        append_report(&mut writer, order, 20_000)?;
    }
    Ok(writer.close()?)
}

fn append_click(writer: &mut Writer, (number, at, partner): (u64, EpochMs, u32), visitor: u64) -> Result<()> {
    let incarnation = writer.incarnation();
    let id = click_id(number, at, partner, visitor);
    writer.append_with(|sequence, bytes| {
        let origin = Origin { writer: WRITER, incarnation, sequence };
        click(origin, id, partner).encode(bytes).expect("a click is short");
    })?;
    Ok(())
}

/// Every other order names its click, the others their visitor.
fn append_report(writer: &mut Writer, order: u64, after_ms: u64) -> Result<()> {
    let incarnation = writer.incarnation();
    let (number, at, partner) = clicks(order)[1];
    let id = click_id(number, at, partner, order);
    let click = order.is_multiple_of(2).then_some(id);
    writer.append_with(|sequence, bytes| {
        let origin = Origin { writer: WRITER, incarnation, sequence };
        report(origin, order_time(order).forth(after_ms), &order.to_string(), minor(order), click, order)
            .encode(bytes)
            .expect("a report is short");
    })?;
    Ok(())
}

fn minor(order: u64) -> i64 {
    i64::try_from(order * 100 + 100).expect("small")
}

/// A database that no other run has.
fn database(folder: &Path) -> Result<warehouse::Options> {
    let run = fs::read_to_string(folder.join("run")).context("the run has no number")?;
    warehouse(folder, &format!("run_{}", run.trim()))
}

fn migrated(options: &warehouse::Options) -> Result<()> {
    let server = Warehouse::new(warehouse::Options { database: "default".to_owned(), ..options.clone() });
    wait_for(async {
        let create = format!("CREATE DATABASE IF NOT EXISTS {} ENGINE = Atomic", options.database);
        server.client().query(&create).execute().await?;
        Ok(Warehouse::new(options.clone()).migrate().await?)
    })
}

/// Runs a pipeline until it has nothing left to do, and stops it in order.
fn run(folder: &Path, rows_max: usize) -> Result<()> {
    let mut options = Options::embedded(folder.to_owned(), database(folder)?);
    (options.limits.linger_ms, options.limits.rows_max) = (10, rows_max);
    let pipeline = Pipeline::new(options, || NOON);
    let status = pipeline.status();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        // An error means that the other end is gone, which stops as well.
        runtime.block_on(pipeline.run(async { drop(stopped.await) }))?;
        anyhow::Ok(())
    });
    let deadline = Instant::now() + PATIENCE;
    while !is_done(&status) && !running.is_finished() {
        ensure!(Instant::now() < deadline, "not done: {:#?}", status.partitions());
        thread::sleep(LOOK_EVERY);
    }
    drop(stop);
    match running.join() {
        Ok(ended) => ended,
        Err(_) => bail!("the pipeline panicked"),
    }
}

fn is_done(status: &Arc<Status>) -> bool {
    let partitions = status.partitions();
    let is_quiet = |it: &pipeline::Progress| it.phase == Phase::Live && it.lag() == 0 && it.is_settled;
    !partitions.is_empty() && partitions.values().all(is_quiet)
}

/// One pipeline's life, from its claim to its last checkpoint.
pub(crate) fn cycle(folder: &Path) -> Result<()> {
    migrated(&database(folder)?)?;
    phase("pipeline");
    run(folder, 40)
}

/// The next owner, by other batches, then one whose state is lost.
pub(crate) fn judge(folder: &Path, _: &str) -> Result<String> {
    let options = database(folder)?;
    // The kill may have come before the schema was whole.
    migrated(&options)?;
    run(folder, 17).context("the next owner")?;
    let mut verdict = Verdict::default();
    let warehouse = Warehouse::new(options);
    compare(&warehouse, &mut verdict)?;
    fs::remove_dir_all(folder.join("pipeline"))?;
    run(folder, 1_000).context("an owner without state")?;
    compare(&warehouse, &mut verdict)?;
    verdict.close("clicks, orders and credits compared, with and without state")
}

fn compare(warehouse: &Warehouse, verdict: &mut Verdict) -> Result<()> {
    let mut wanted = Vec::new();
    for order in 0..ORDERS {
        for (number, at, partner) in clicks(order) {
            wanted.push(format!("click {} {partner}", click_id(number, at, partner, order)));
        }
        let (_, _, partner) = clicks(order)[1];
        wanted.push(format!("order {order} {partner} {} 2", minor(order)));
        wanted.push(format!("credit {order} {partner} {}", minor(order)));
    }
    let found = wait_for(async {
        let mut found = lines(
            warehouse,
            "SELECT concat('click ', toString(click_id), ' ', toString(partner_id)) FROM clicks",
        )
        .await?;
        let orders = "SELECT concat('order ', arrayStringConcat([order_id, toString(partner_id), toString(revenue_minor), \
                      toString(report_count)], ' ')) FROM orders";
        found.extend(lines(warehouse, orders).await?);
        let credits = "SELECT concat('credit ', arrayStringConcat([order_id, toString(partner_id), \
                       toString(revenue_minor)], ' ')) FROM credits WHERE share > 0";
        found.extend(lines(warehouse, credits).await?);
        Ok(found)
    })?;
    verdict.compare(&wanted, &found);
    Ok(())
}
