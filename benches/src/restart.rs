//! A pipeline's restart with ten million visitors and 300,000 orders: from its checkpoint, and from the log where the state is lost.
//!
//! The peers are design.md 10's times. From the checkpoint: state and touches are opened, the index is made, all questions are taken back, and
//! the first record behind is read. From the log: every record is read from the spool, taken in, made into rows and committed; bringing the
//! rows to the warehouse is the sink's measurement. Both in the processor's time, so that a busy machine changes them little.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use journal::{Position, Source, StreamId, spool};
use pipeline::{
    RECENT_BYTES_MAX, STATES_MAX,
    batching::Limits,
    open_timelines,
    partition::{Inner, Outbox, Partition},
    store::{Checkpoint, Durability, Label, Store},
};
use units::{EpochMs, Stamp, WriterId};

use crate::{
    attribution::{ours, world},
    process::cpu_seconds,
    row::{Bound, Row},
};

/// Clicks at full scale, each of a visitor of its own.
const CLICKS: f64 = 10_000_000.0;
/// Clicks for one order.
const CLICKS_PER_ORDER: u64 = 33;
/// Seconds for all of them.
const FROM_CHECKPOINT_MAX: f64 = 5.0;
const FROM_LOG_MAX: f64 = 60.0;

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "amounts of work are small positive numbers"
)]
pub(crate) fn run(scale: f64) -> Result<Vec<Row>> {
    let clicks = ((CLICKS * scale) as u64).max(CLICKS_PER_ORDER);
    let folder = tempfile::tempdir()?;
    let (data, spool_root) = (folder.path().join("state"), folder.path().join("spool"));
    let records = write_spool(&spool_root, clicks)?;
    let (read, from_log) = cpu_seconds(|| replay(&data, &spool_root));
    ensure!(read? == records, "the log holds {records} records");
    let (visitors, from_checkpoint) = cpu_seconds(|| reopen(&data, &spool_root));
    let visitors = visitors? as f64;
    // Visitors whose hashes are equal count once.
    ensure!(visitors > clicks as f64 * 0.99, "{visitors} visitors of {clicks}");
    eprintln!(
        "restart: {records} records: {from_log:.2} s from the log, {from_checkpoint:.2} s from the checkpoint"
    );
    let share = clicks as f64 / CLICKS;
    let row = |name, ours: f64, peer| Row {
        name,
        ours: ours / share,
        peer,
        unit: "CPU seconds for 10 M visitors",
        bound: Bound::AtMost(1.0),
    };
    Ok(vec![
        row("restart_from_checkpoint", from_checkpoint, FROM_CHECKPOINT_MAX),
        row("restart_from_log", from_log, FROM_LOG_MAX),
    ])
}

/// Number of records.
fn write_spool(root: &Path, clicks: u64) -> Result<u64> {
    let world = world::make(clicks, clicks / CLICKS_PER_ORDER, 5);
    let mut writer = spool::Writer::open(root, WriterId::new(1, 0), EpochMs(1), spool::Options::default())?;
    let (mut rest, mut records) = (world.log.as_slice(), 0);
    while let Some((length, behind)) = rest.split_first_chunk() {
        let (record, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
        writer.append(record)?;
        (rest, records) = (behind, records + 1);
    }
    Ok(records)
}

fn open_store(data: &Path) -> Result<Store> {
    let label = Label { log: "spool".to_owned(), partition: 0, partitions: 1 };
    Ok(Store::open(data, &label, Durability::default())?)
}

/// Reads the whole log as a new owner without state does; how many records there were.
fn replay(data: &Path, spool_root: &Path) -> Result<u64> {
    let store = open_store(data)?;
    let claim = Stamp::new(1, 1)?;
    let timelines = open_timelines(&data.join("touches"), claim, &store, 1, RECENT_BYTES_MAX)?;
    let mut partition = Partition::new(claim, timelines, Inner::Memory);
    let (limits, mut out, mut records) = (Limits::default(), Outbox::default(), 0);
    partition.on_catalog(Arc::new(ours::catalog()), &store, &mut out)?;
    let mut input = Source::Spool(Box::new(spool::Reader::open(spool_root)));
    let ends = input.ends()?;
    let mut next: Option<Position> = None;
    while !ends.iter().all(|end| next.as_ref().is_some_and(|it| it.next >= end.next)) {
        let read = input.poll(limits.poll_records_max, Duration::ZERO)?;
        partition.apply(&read, &store, &mut out)?;
        records += read.len() as u64;
        next = read.last().map(|it| Position { stream: it.stream.clone(), next: it.position + 1 }).or(next);
        if out.rows() >= limits.rows_max {
            commit(&store, &mut partition, &mut out, None)?;
        }
    }
    partition.speak(&store, &mut out)?;
    commit(&store, &mut partition, &mut out, next)?;
    Ok(records)
}

/// As the worker does once the warehouse has the rows; a silent owner keeps no positions.
fn commit(
    store: &Store,
    partition: &mut Partition<pipeline::slices::FileSlices>,
    out: &mut Outbox,
    next: Option<Position>,
) -> Result<()> {
    out.seal(Inner::Memory);
    out.batch.clear();
    let dirty = partition.take_dirty()?;
    let checkpoint = Checkpoint {
        touches_next: next.is_some().then_some(dirty.touches_next),
        positions: next.into_iter().collect(),
        orders: dirty.orders,
        order_times: dirty.order_times,
        timelines: dirty.timelines,
        claim: 1,
        nonce: 1,
        catalog: Some(1),
    };
    store.commit(&checkpoint)?;
    partition.evict(STATES_MAX);
    Ok(())
}

/// Opens everything up to the first poll; how many visitors there are.
fn reopen(data: &Path, spool_root: &Path) -> Result<usize> {
    let store = open_store(data)?;
    let claim = Stamp::new(1, 2)?;
    let timelines = open_timelines(&data.join("touches"), claim, &store, 2, RECENT_BYTES_MAX)?;
    let partition = Partition::new(claim, timelines, Inner::Memory);
    let positions = store.positions()?;
    let position = positions.first().context("the checkpoint has a position")?;
    ensure!(matches!(position.stream, StreamId::Spool { .. }), "of the spool");
    let mut reader = spool::Reader::open(spool_root);
    reader.seek(&positions);
    let behind = Source::Spool(Box::new(reader)).poll(1, Duration::ZERO)?;
    ensure!(behind.is_empty(), "all of the log is in the checkpoint");
    Ok(partition.touches().visitors())
}
