//! Finds what is suspicious about orders by counting over all of them: floods of clicks, odd ages of clicks, data centres, addresses of many orders.
//!
//! In: facts and cells, the limits of one version of the catalog. Out: the orders whose newest score says something else, in blocks. The same facts
//! and limits give the same signals, and what was scored so before is not scored again. Orders that left the span keep their last score.
//! Not here: who is told (`cli`), signals of one order by itself and what a signal does (`attribution`). Start at [`Scorer::look`].

mod judge;
mod sql;

use std::collections::BTreeMap;

use catalog::Fraud;
use clickhouse::Row;
use events::{OrderKey, Signal};
use serde::Deserialize;
use units::{AdvertiserId, DAY_MS, EpochMs, OfferId, PartnerId, SECOND_MS};

use self::judge::{DELAY_BUCKETS, Delays, Judge, Touched, odd_delays};
use crate::{
    client::Warehouse,
    error::EngineError,
    recall::{RecallError, signals},
};

/// How far back orders are scored, in ms, where nothing else is said: about as long as a credit is on hold anyway.
pub const SCORE_SPAN_MS: u64 = 30 * DAY_MS;

/// Orders of one block, nearly. One takes some 200 bytes here for each credited click.
pub const ORDERS_PER_BLOCK: u64 = 50_000;

/// How much older than the span's first order a click may be, in seconds: hours and addresses of older ones are not known.
const CLICK_REACH_SECONDS: u32 = 30 * 86_400;

/// Hours of too many clicks that are known; of more the worst.
const HOURS_MAX: usize = 100_000;

/// Addresses of too many orders that are known; of more the worst.
const ADDRESSES_MAX: usize = 100_000;

/// Buckets of all partners and offers that are read; the offers behind them are not compared.
const DELAY_ROWS_MAX: usize = 1_000_000;

/// Orders from one second to before another.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: u32,
    to: u32,
}

/// What was found about the orders of one block, each list by order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockScored {
    /// All that are suspicious now.
    pub suspicious: Vec<(OrderKey, Vec<Signal>)>,
    /// Those whose newest score says something else.
    pub changes: Vec<ScoreChange>,
}

/// An order that is to be scored anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreChange {
    /// Which one.
    pub order: OrderKey,
    /// What its newest score says.
    pub before: Vec<Signal>,
    /// What it should say.
    pub after: Vec<Signal>,
}

/// Looked over all orders once, and says of each what follows.
#[derive(Debug)]
pub struct Scorer {
    warehouse: Warehouse,
    span: Span,
    judge: Judge,
    blocks: u64,
}

impl Scorer {
    /// Counts over the orders from `from` to before `to`.
    pub async fn look(
        warehouse: &Warehouse,
        fraud: &Fraud,
        from: EpochMs,
        to: EpochMs,
    ) -> Result<Self, EngineError> {
        let span = Span { from: seconds(from), to: seconds(to) };
        let scores: Vec<Count> = warehouse.rows("SELECT count() AS count FROM scores_log").await?;
        if is_off(fraud) && scores.first().is_none_or(|it| it.count == 0) {
            return Ok(Self { warehouse: warehouse.clone(), span, judge: Judge::default(), blocks: 0 });
        }
        let mut judge = Judge { fraud: fraud.clone(), ..Judge::default() };
        if let Some(clicks_min) = fraud.clicks_per_hour {
            let rows: Vec<HourRow> = warehouse.rows(&sql::hours(span, clicks_min)).await?;
            let hour = |it: &HourRow| (PartnerId(it.partner_id), EpochMs(u64::from(it.hour) * SECOND_MS));
            judge.hours = rows.iter().map(|it| (hour(it), it.valid)).collect();
        }
        if let Some(orders_min) = fraud.orders_per_address {
            let rows: Vec<AddressRow> = warehouse.rows(&sql::addresses(span, orders_min)).await?;
            judge.addresses = rows.iter().map(|it| (it.address, it.orders)).collect();
        }
        if let Some(limit) = fraud.delay {
            let rows: Vec<DelayRow> = warehouse.rows(&sql::delays(span)).await?;
            for (offer, partners) in histograms(&rows) {
                judge.odd.extend(
                    odd_delays(&partners, limit).into_iter().map(|(it, distance)| ((offer, it), distance)),
                );
            }
        }
        let orders: Vec<Count> = warehouse.rows(&sql::orders(span)).await?;
        let blocks = sql::blocks(orders.first().map_or(0, |it| it.count));
        Ok(Self { warehouse: warehouse.clone(), span, judge, blocks })
    }

    /// How many blocks the orders make.
    #[must_use]
    pub const fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Scores the orders of one block.
    pub async fn block(&mut self, block: u64) -> Result<BlockScored, RecallError> {
        let block = (block, self.blocks.max(1));
        let scored: Vec<ScoredRow> = self.warehouse.rows(&sql::scored(self.span, block)).await?;
        let mut before = BTreeMap::new();
        for it in scored {
            before.insert(key(it.advertiser_id, it.order_id), signals(&it.signals)?);
        }
        let mut touches = Vec::<TouchRow>::new();
        if !is_off(&self.judge.fraud) {
            touches = self.warehouse.rows(&sql::touches(self.span, block)).await?;
        }
        let mut found = BlockScored::default();
        for of_order in touches.chunk_by(TouchRow::is_of_order_of) {
            let Some(first) = of_order.first() else { continue };
            let order = key(first.advertiser_id, first.order_id.clone());
            let credited: Vec<Touched> = of_order.iter().map(Touched::from).collect();
            let after = self.judge.signals(&credited);
            found.changed(&order, before.remove(&order).unwrap_or_default(), &after);
            if !after.is_empty() {
                found.suspicious.push((order, after));
            }
        }
        // Nobody is credited by a click there any more.
        for (order, before) in before {
            found.changed(&order, before, &[]);
        }
        found.changes.sort_unstable_by(|a, b| a.order.cmp(&b.order));
        Ok(found)
    }
}

impl BlockScored {
    /// A value that grows while it stays above its limit is nothing new: the order would be decided again every hour.
    fn changed(&mut self, order: &OrderKey, before: Vec<Signal>, after: &[Signal]) {
        let said = |it: &Signal| (it.code, it.partner, it.threshold);
        if !before.iter().map(said).eq(after.iter().map(said)) {
            self.changes.push(ScoreChange { order: order.clone(), before, after: after.to_vec() });
        }
    }
}

/// Whether nothing that is counted here has a limit.
fn is_off(fraud: &Fraud) -> bool {
    let Fraud { clicks_per_hour, visitor: _, orders_per_address, delay, data_centres, self_purchase: _ } =
        fraud;
    clicks_per_hour.is_none() && orders_per_address.is_none() && delay.is_none() && data_centres.is_empty()
}

#[derive(Row, Deserialize)]
struct HourRow {
    partner_id: u32,
    hour: u32,
    valid: u64,
}

#[derive(Row, Deserialize)]
struct AddressRow {
    address: u64,
    orders: u64,
}

#[derive(Row, Deserialize)]
struct DelayRow {
    offer_id: u32,
    partner_id: u32,
    bucket: u8,
    orders: u64,
}

#[derive(Row, Deserialize)]
struct Count {
    count: u64,
}

#[derive(Row, Deserialize)]
struct ScoredRow {
    advertiser_id: u32,
    order_id: String,
    signals: String,
}

#[derive(Row, Deserialize)]
struct TouchRow {
    advertiser_id: u32,
    order_id: String,
    partner_id: u32,
    offer_id: u32,
    touched: i64,
    ip_prefix: String,
    ip_hash: u64,
}

impl TouchRow {
    fn is_of_order_of(&self, other: &Self) -> bool {
        (self.advertiser_id, &self.order_id) == (other.advertiser_id, &other.order_id)
    }
}

impl From<&TouchRow> for Touched {
    fn from(it: &TouchRow) -> Self {
        Self {
            partner: PartnerId(it.partner_id),
            offer: OfferId(it.offer_id),
            at: EpochMs(u64::try_from(it.touched).unwrap_or(0)),
            prefix: it.ip_prefix.clone(),
            address: it.ip_hash,
        }
    }
}

fn key(advertiser: u32, order: String) -> OrderKey {
    OrderKey { advertiser: AdvertiserId(advertiser), order: order.into() }
}

fn seconds(at: EpochMs) -> u32 {
    u32::try_from(at.0 / SECOND_MS).unwrap_or(u32::MAX)
}

/// Rows by offer, partner and bucket, gathered by offer.
fn histograms(rows: &[DelayRow]) -> BTreeMap<OfferId, Vec<(PartnerId, Delays)>> {
    let mut offers = BTreeMap::<OfferId, BTreeMap<PartnerId, Delays>>::new();
    for it in rows {
        let partners = offers.entry(OfferId(it.offer_id)).or_default();
        let delays = partners.entry(PartnerId(it.partner_id)).or_insert([0; DELAY_BUCKETS]);
        if let Some(orders) = delays.get_mut(usize::from(it.bucket)) {
            *orders += it.orders;
        }
    }
    // Rows come by offer: only the last one's may be cut short.
    if rows.len() >= DELAY_ROWS_MAX {
        offers.pop_last();
    }
    offers.into_iter().map(|(offer, partners)| (offer, partners.into_iter().collect())).collect()
}

#[cfg(test)]
mod tests;
