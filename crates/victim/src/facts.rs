//! Sink and roller against an engine that is killed at its file calls: late clicks, orders that move, rolls over two days.
//!
//! In: a folder that names the engine. Out: rows as analysts read them, compared with a plain fold over what was written.
//! The one that is killed is the engine; sink and roller then see its connection break (faults 79, 80, 82). Start at
//! [`sink_cycle`] and [`judge`].

use std::{collections::BTreeMap, ops::Range, path::Path};

use anyhow::{Context as _, Result};
use events::Click;
use units::{EpochMs, MINUTE_MS, Origin, WriterId};
use warehouse::{Batch, Fate, Roller, RollerOptions, Warehouse};

use crate::{
    said::{numbers, phase, say},
    verdict::Verdict,
    world::{NOON, click, click_id, lines, order, wait_for, warehouse},
};

const DATABASE: &str = "kill";
/// 22:00 UTC, so that the clicks of four hours lie in two days.
const EVENING: EpochMs = EpochMs(NOON.0 + 600 * MINUTE_MS);
const CLICKS: u64 = 45;
const ORDERS: u64 = 5;
/// The first items, which every cycle begins with: 30 clicks and every order's first snapshot.
const BASE: u64 = 35;
/// All of them: then come 15 late clicks and every order's second snapshot, an hour later.
const ITEMS: u64 = CLICKS + 2 * ORDERS;
/// Passes of the roller until nothing is left to do.
const PASSES_MAX: usize = 10;

fn nth_click(number: u64) -> Click<'static> {
    // Late ones go into quarters that were rolled.
    let minutes = if 30 < number { (number - 30) * 14 + 1 } else { number * 7 };
    let (at, visitor) = (EVENING.forth(minutes * MINUTE_MS), number % 7);
    let partner = u32::try_from(1 + number % 3).expect("1 to 3");
    let origin = Origin { writer: WriterId(1), incarnation: 1, sequence: number };
    click(origin, click_id(number, at, partner, visitor), partner)
}

/// When order `number` is by its snapshot of `claim`.
fn order_at(number: u64, claim: u64) -> EpochMs {
    EVENING.forth((number * 20 + (claim - 1) * 60) * MINUTE_MS)
}

fn minor(number: u64) -> i64 {
    i64::try_from(number * 1_001).expect("small")
}

/// Adds item `index`, counted from 0, to a batch.
fn add(batch: &mut Batch, index: u64) {
    let fate = match index {
        0..30 => batch.click(&nth_click(index + 1)),
        30..35 => add_order(batch, index - 29, 1),
        35..50 => batch.click(&nth_click(index - 4)),
        _ => add_order(batch, index - 49, 2),
    };
    assert_eq!(fate, Fate::Row, "item {index} is a good one");
}

fn add_order(batch: &mut Batch, number: u64, claim: u64) -> Fate {
    let left = (claim == 2).then(|| order_at(number, 1).quarter());
    let winner = nth_click(number * 3);
    let (decision, credits) =
        order(&number.to_string(), claim, order_at(number, claim), minor(number), &winner, left);
    batch.decided(&decision, &credits)
}

async fn deliver(warehouse: &Warehouse, items: Range<u64>, at_once: u64) -> Result<()> {
    let mut from = items.start;
    while from < items.end {
        let to = items.end.min(from + at_once);
        let mut batch = Batch::new();
        (from..to).for_each(|index| add(&mut batch, index));
        warehouse.write("sink", &batch).await?;
        // Only now may the sink's own position move.
        say(&format!("position {to}"));
        from = to;
    }
    Ok(())
}

async fn roll(warehouse: &Warehouse) -> Result<()> {
    let mut roller = Roller::new(warehouse.clone(), RollerOptions::default());
    for _ in 0..PASSES_MAX {
        let report = roller.roll_once().await?;
        if report.quarters + report.days + report.swept == 0 {
            return Ok(());
        }
    }
    anyhow::bail!("after {PASSES_MAX} passes there is still something to roll")
}

async fn statement(warehouse: &Warehouse, sql: &str) -> Result<()> {
    warehouse.client().query(sql).execute().await.with_context(|| sql.to_owned())
}

fn open(folder: &Path) -> Result<Warehouse> {
    Ok(Warehouse::new(warehouse(folder, DATABASE)?))
}

/// Names the tables' folders for whoever reads paths.
async fn name_tables(warehouse: &Warehouse) -> Result<()> {
    let select = format!(
        "SELECT concat('table ', toString(uuid), ' ', name) FROM system.tables WHERE database = '{DATABASE}'"
    );
    lines(warehouse, &select).await?.iter().for_each(|line| say(line));
    Ok(())
}

async fn prepared(folder: &Path, items: u64) -> Result<()> {
    let server = Warehouse::new(warehouse(folder, "default")?);
    statement(&server, &format!("CREATE DATABASE {DATABASE} ENGINE = Atomic")).await?;
    let warehouse = open(folder)?;
    warehouse.migrate().await?;
    deliver(&warehouse, 0..BASE, BASE).await?;
    roll(&warehouse).await?;
    deliver(&warehouse, BASE..items, ITEMS).await?;
    name_tables(&warehouse).await
}

/// Some facts, rolled.
pub(crate) fn sink_prepare(folder: &Path) -> Result<()> {
    wait_for(prepared(folder, BASE))
}

/// All facts, the late ones not rolled yet.
pub(crate) fn roller_prepare(folder: &Path) -> Result<()> {
    wait_for(prepared(folder, ITEMS))
}

/// Late facts and their marks, then the merges they cause, in that order: in the background they would come at any time.
pub(crate) fn sink_cycle(folder: &Path) -> Result<()> {
    let warehouse = open(folder)?;
    wait_for(async {
        statement(&warehouse, "SYSTEM STOP MERGES").await?;
        phase("facts and marks");
        deliver(&warehouse, BASE..ITEMS, 10).await?;
        merge(&warehouse, &["clicks_log", "credits_log", "marks"]).await
    })
}

/// Everything rolled: cells, their notes, days, unique visitors; then the merges.
pub(crate) fn roller_cycle(folder: &Path) -> Result<()> {
    let warehouse = open(folder)?;
    wait_for(async {
        statement(&warehouse, "SYSTEM STOP MERGES").await?;
        phase("roll");
        roll(&warehouse).await?;
        merge(&warehouse, &["cells", "rolled", "cells_day"]).await
    })
}

async fn merge(warehouse: &Warehouse, tables: &[&str]) -> Result<()> {
    phase("merge");
    statement(warehouse, "SYSTEM START MERGES").await?;
    for table in tables {
        statement(warehouse, &format!("OPTIMIZE TABLE {table} FINAL")).await?;
    }
    Ok(())
}

/// Delivers again what is not known to be written, and a little before it, by other batches; rolls; compares.
pub(crate) fn judge(folder: &Path, said: &str) -> Result<String> {
    let warehouse = open(folder)?;
    let position = numbers::<1>(said, "position").last().map_or(BASE, |[it]| *it);
    wait_for(async {
        warehouse.self_test().await?;
        deliver(&warehouse, position.saturating_sub(3)..ITEMS, 4).await?;
        roll(&warehouse).await?;
        let mut verdict = Verdict::default();
        compare_rows(&warehouse, &mut verdict).await?;
        compare_sums(&warehouse, &mut verdict).await?;
        verdict.close("clicks, orders, cells and days compared")
    })
}

/// Each click and each order is there once, as it was last said.
async fn compare_rows(warehouse: &Warehouse, verdict: &mut Verdict) -> Result<()> {
    let mut wanted: Vec<String> = (1..=CLICKS).map(|it| nth_click(it).head.id.to_string()).collect();
    let mut found = lines(warehouse, "SELECT toString(click_id) FROM clicks").await?;
    let orders = "SELECT concat('order ', order_id, ' ', toString(partner_id), ' ', toString(revenue_minor)) FROM orders";
    found.extend(lines(warehouse, orders).await?);
    wanted.extend(
        (1..=ORDERS).map(|it| format!("order {it} {} {}", nth_click(it * 3).head.partner.0, minor(it))),
    );
    verdict.compare(&wanted, &found);
    Ok(())
}

/// Clicks, orders and revenue by quarter and by day are the fold over what was written.
async fn compare_sums(warehouse: &Warehouse, verdict: &mut Verdict) -> Result<()> {
    let mut cells: BTreeMap<(u64, u32), (u64, u64, i64)> = BTreeMap::new();
    for it in (1..=CLICKS).map(nth_click) {
        cells.entry((it.head.at().0 / 900_000 * 900, it.head.partner.0)).or_default().0 += 1;
    }
    for it in 1..=ORDERS {
        let partner = nth_click(it * 3).head.partner.0;
        let cell = cells.entry((order_at(it, 2).0 / 900_000 * 900, partner)).or_default();
        (cell.1, cell.2) = (cell.1 + 1, cell.2 + minor(it));
    }
    let mut days: BTreeMap<(u64, u32), (u64, u64)> = BTreeMap::new();
    for ((quarter, partner), (clicks, orders, _)) in &cells {
        let day = days.entry((quarter / 86_400, *partner)).or_default();
        (day.0, day.1) = (day.0 + clicks, day.1 + orders);
    }
    let mut wanted: Vec<String> = Vec::new();
    wanted.extend(cells.iter().map(|((quarter, partner), (clicks, orders, revenue))| {
        let shared = format!("{orders} {orders} {orders} {}", 2 * revenue);
        format!("quarter {quarter} {partner} {clicks} {orders} {revenue} {shared}")
    }));
    wanted.extend(
        days.iter()
            .map(|((day, partner), (clicks, orders))| format!("day {day} {partner} {clicks} {orders}")),
    );
    let quarters = "SELECT concat('quarter ', arrayStringConcat([toString(toUInt32(quarter)), toString(partner_id), \
                    toString(sum(clicks)), toString(toUInt64(sum(orders))), toString(sum(revenue_minor)), \
                    toString(toUInt64(sum(orders_approved))), toString(sum(closed_orders)), toString(sum(path_touches)), \
                    toString(toInt64(100 * sum(revenue_reporting)))], ' ')) \
                    FROM rollup_quarter GROUP BY quarter, partner_id";
    let mut found = lines(warehouse, quarters).await?;
    let days = "SELECT concat('day ', arrayStringConcat([toString(toUInt32(toUInt16(toDate(day)))), toString(partner_id), \
                toString(sum(clicks)), toString(toUInt64(sum(orders)))], ' ')) FROM partner_daily GROUP BY day, partner_id";
    found.extend(lines(warehouse, days).await?);
    verdict.compare(&wanted, &found);
    Ok(())
}
