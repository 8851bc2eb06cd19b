//! Random worlds from a seed: two rollers, sinks that die between facts and marks, repeats, late writes. The cells equal a naive fold.

use std::collections::{BTreeMap, BTreeSet};

use clickhouse::Row;
use events::{Click, Device, TouchKind, Verdict};
use serde::Deserialize;
use units::{EpochMs, PartnerId};

use super::*;
use crate::tests::world::reporting;

mod zombies;

/// Quarters that the random worlds live in; they lie in two days.
const QUARTERS: u64 = 4;

/// 2025-11-22 23:30 UTC.
const EVENING: EpochMs = EpochMs(NOON.0 + 46 * units::QUARTER_MS);

/// A row of `rollup_quarter`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Row, Deserialize)]
struct Cell {
    quarter: u32,
    partner: u32,
    device: String,
    clicks: u64,
    valid: u64,
    unique: u64,
    views: u64,
    visitors: u64,
    orders_ppm: u64,
    revenue: i64,
    assisted: u64,
    closed: u64,
    path: u64,
    /// In ten-thousandths.
    reporting: i64,
}

const WORLD: &str = "SELECT toUInt32(quarter) AS quarter, partner_id AS partner, toString(device) AS device, toUInt64(clicks) AS clicks, \
     toUInt64(clicks_valid) AS valid, toUInt64(clicks_unique) AS unique, toUInt64(views) AS views, toUInt64(visitors) AS visitors, \
     toUInt64(orders * 1000000) AS orders_ppm, revenue_minor AS revenue, assisted_orders AS assisted, closed_orders AS closed, \
     path_touches AS path, toInt64(revenue_reporting * 10000) AS reporting FROM rollup_quarter ORDER BY quarter, partner, device";

/// What the cells must be, from the facts alone.
fn naive(clicks: &[Click<'_>], orders: &[Order]) -> Vec<Cell> {
    let mut cells: BTreeMap<(u32, u32, &str), (Cell, BTreeSet<u64>)> = BTreeMap::new();
    let mut cell = |at: EpochMs, of: &Click<'_>, change: &mut dyn FnMut(&mut Cell, &mut BTreeSet<u64>)| {
        let key = (at.quarter().start_seconds().unwrap(), of.head.partner.0, of.head.device.as_str());
        let (cell, visitors) = cells.entry(key).or_default();
        change(cell, visitors);
    };
    for it in clicks {
        let (kind, verdict) = (it.head.kind, it.head.verdict);
        cell(it.head.at(), it, &mut |cell, visitors| {
            cell.views += u64::from(kind == TouchKind::View);
            if kind == TouchKind::Click && verdict.is_click() {
                cell.clicks += 1;
                cell.valid += u64::from(verdict.is_valid());
                cell.unique += u64::from(verdict == Verdict::Valid);
                if verdict.is_valid() {
                    visitors.insert(it.head.visitor().0);
                }
            }
        });
    }
    for it in orders {
        cell(it.at, &it.winner, &mut |cell, _| {
            cell.orders_ppm += 1_000_000;
            cell.revenue += 4_995;
            cell.closed += 1;
            cell.path += u64::from(it.path);
            // Yen have no parts.
            cell.reporting += reporting(4_995).minor * 10_000;
        });
        if let Some(assist) = &it.assist {
            cell(it.at, assist, &mut |cell, _| cell.assisted += 1);
        }
    }
    let seen = cells.into_iter().filter(|(_, (it, _))| *it != Cell::default());
    let named = seen.map(|((quarter, partner, device), (it, visitors))| Cell {
        quarter,
        partner,
        device: device.to_owned(),
        visitors: visitors.len() as u64,
        ..it
    });
    named.collect()
}

/// The newest snapshot of an order.
#[derive(Clone)]
struct Order {
    at: EpochMs,
    winner: Click<'static>,
    /// A touch of another partner, who got nothing.
    assist: Option<Click<'static>>,
    path: u16,
}

/// xorshift64*: a world is its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }

    fn time(&mut self) -> EpochMs {
        EVENING.forth(self.below(QUARTERS * units::QUARTER_MS))
    }

    fn click(&mut self, sequence: u64) -> Click<'static> {
        let at = self.time();
        let mut it = click_of(self.below(5), sequence, at);
        it.head.partner = PartnerId(1 + u32::try_from(self.below(2)).unwrap());
        it.head.device = [Device::Desktop, Device::Mobile][usize::try_from(self.below(2)).unwrap()];
        it.head.verdict = Verdict::ALL[usize::try_from(self.below(6)).unwrap()];
        it.head.kind = if self.below(5) == 0 { TouchKind::View } else { TouchKind::Click };
        it
    }
}

/// Everything that ever existed in a world, and which part of it sinks may still have to write again.
#[derive(Default)]
struct Truth {
    clicks: Vec<Click<'static>>,
    orders: BTreeMap<u64, Order>,
    /// Batches written, or half written by a sink that died before the marks.
    batches: Vec<Batch>,
    half_written: Vec<Batch>,
    claims: u64,
}

impl Truth {
    fn grow(&mut self, dice: &mut Dice) -> Batch {
        let mut batch = Batch::new();
        for _ in 0..=dice.below(4) {
            let click = dice.click(self.clicks.len() as u64 + 1);
            batch.click(&click);
            self.clicks.push(click);
        }
        let (name, at) = (dice.below(3), dice.time());
        let winner = alone(&self.clicks[usize::try_from(dice.below(self.clicks.len() as u64)).unwrap()]);
        self.claims += 1;
        let everywhere: Vec<EpochMs> =
            (0..QUARTERS).map(|it| EVENING.forth(it * units::QUARTER_MS)).collect();
        let (decision, mut credits) = order(&name.to_string(), self.claims, at, &winner, &everywhere);
        let path = 1 + u16::try_from(dice.below(5)).unwrap();
        credits.iter_mut().filter(|it| it.path_touches > 0).for_each(|it| it.path_touches = path);
        // Every earlier candidate gets its zero, as the machine does.
        let losers: Vec<_> =
            self.clicks.iter().filter(|it| it.head.id != winner.head.id).map(alone).collect();
        let helpers: Vec<_> = losers.iter().filter(|it| it.head.partner != winner.head.partner).collect();
        let helper = usize::try_from(dice.below(1 + helpers.len() as u64)).unwrap();
        let assist = helpers.get(helper).map(|it| (*it).clone());
        for loser in &losers {
            let (_, mut zeros) = order(&name.to_string(), self.claims, at, loser, &everywhere);
            let is_assist = assist.as_ref().is_some_and(|it| it.head.id == loser.head.id);
            for it in &mut zeros {
                (it.share, it.revenue_minor, it.path_touches) = (units::Ppm(0), 0, 0);
                it.reporting = Some(reporting(0));
                it.is_assist = is_assist && it.quarter == at.quarter();
            }
            credits.extend(zeros);
        }
        credits
            .retain(|it| it.share.0 > 0 || it.quarter != at.quarter() || it.touch != winner.head.id.touch());
        batch.decided(&decision, &credits);
        self.orders.insert(name, Order { at, winner, assist, path });
        batch
    }
}

/// The touch of an order, on a device that no click counts for: when the order moves, its group vanishes as a whole.
fn alone(click: &Click<'static>) -> Click<'static> {
    let mut it = click.clone();
    it.head.device = if it.head.origin.sequence.is_multiple_of(2) { Device::Tablet } else { Device::Tv };
    it
}

#[test]
fn cells_equal_a_naive_fold_in_random_worlds() {
    for seed in 1..=5 {
        run(async { world(seed).await });
    }
}

async fn world(seed: u64) {
    let warehouse = warehouse().await;
    let mut dice = Dice(seed);
    let mut truth = Truth::default();
    let mut rollers = [roller(&warehouse), roller(&warehouse)];
    // What each roller has read and not yet written, and written and not yet noted.
    let mut held: [(Vec<Dirty>, Vec<Dirty>); 2] = Default::default();
    for _ in 0..30 {
        let who = usize::try_from(dice.below(2)).unwrap();
        match dice.below(8) {
            0 | 1 => {
                let batch = truth.grow(&mut dice);
                warehouse.write("a", &batch).await.unwrap();
                truth.batches.push(batch);
            }
            2 => {
                // Killed between facts and marks.
                let batch = truth.grow(&mut dice);
                warehouse.write_facts(&batch).await.unwrap();
                truth.half_written.push(batch);
            }
            3 => {
                let again = truth.half_written.pop().or_else(|| truth.batches.first().cloned());
                if let Some(batch) = again {
                    warehouse.write("b", &batch).await.unwrap();
                }
            }
            4 => held[who].0 = rollers[who].dirty_quarters().await.unwrap(),
            5 => {
                let dirty = std::mem::take(&mut held[who].0);
                rollers[who].write_cells(&dirty).await.unwrap();
                held[who].1 = dirty;
            }
            6 => {
                let cells = std::mem::take(&mut held[who].1);
                if !cells.is_empty() {
                    rollers[who].note_rolled(&cells).await.unwrap();
                }
            }
            _ => {
                rollers[who].roll_once().await.unwrap();
            }
        }
    }
    for batch in std::mem::take(&mut truth.half_written) {
        warehouse.write("b", &batch).await.unwrap();
    }
    // What the other roller held all the time comes last of all.
    for ((dirty, _), roller) in held.iter().zip(&rollers) {
        roller.write_cells(dirty).await.unwrap();
    }
    rollers[0].roll_once().await.unwrap();
    rollers[0].roll_once().await.unwrap();
    let orders: Vec<Order> = truth.orders.values().cloned().collect();
    let want = naive(&truth.clicks, &orders);
    let found: Vec<Cell> = warehouse.rows(WORLD).await.unwrap();
    assert_eq!(found, want, "seed {seed}");
    days_add_up(&warehouse, &truth, &want, seed).await;
}

/// Days are sums of quarters, and their visitors are distinct over the whole day.
async fn days_add_up(warehouse: &Warehouse, truth: &Truth, cells: &[Cell], seed: u64) {
    let mut want: BTreeMap<(u32, u32), Cell> = BTreeMap::new();
    for it in cells {
        let day = want.entry((it.quarter / 86_400, it.partner)).or_default();
        day.clicks += it.clicks;
        day.orders_ppm += it.orders_ppm;
        day.revenue += it.revenue;
        day.assisted += it.assisted;
        day.closed += it.closed;
        day.path += it.path;
        day.reporting += it.reporting;
    }
    let visitors = |day: u32, partner: u32| {
        let of_day = truth.clicks.iter().filter(|it| it.head.at().0 / units::DAY_MS == u64::from(day));
        let valid = of_day.filter(|it| it.head.verdict.is_valid() && it.head.kind == TouchKind::Click);
        let of_partner = valid.filter(|it| it.head.partner.0 == partner);
        of_partner.map(|it| it.head.visitor().0).collect::<BTreeSet<_>>().len()
    };
    let rows = want.iter().map(|((day, partner), it)| {
        let Cell { clicks, revenue, assisted, closed, path, reporting, .. } = it;
        let orders = it.orders_ppm / 1_000_000;
        let visitors = visitors(*day, *partner);
        format!(
            "({day},{partner},{clicks},{orders},{revenue},{assisted},{closed},{path},{reporting},{visitors})"
        )
    });
    let rows: Vec<String> = rows.collect();
    let daily = "SELECT toUInt16(day), partner_id, clicks, orders, revenue_minor, assisted_orders, closed_orders, path_touches, \
         toInt64(revenue_reporting * 10000), visitors FROM partner_daily ORDER BY day, partner_id";
    assert_eq!(column(warehouse, daily).await, rows, "seed {seed}");
    let daily = "SELECT toUInt16(day), partner_id, sum(clicks), sum(orders), sum(revenue_minor), sum(assisted_orders), sum(closed_orders), \
         sum(path_touches), toInt64(sum(revenue_reporting) * 10000) FROM rollup_daily \
         GROUP BY day, partner_id ORDER BY day, partner_id";
    let sums: Vec<String> = rows.iter().map(|it| it.rsplit_once(',').unwrap().0.to_owned() + ")").collect();
    assert_eq!(column(warehouse, daily).await, sums, "seed {seed}");
}
