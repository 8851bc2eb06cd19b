//! Facts read back as the inputs they were: what a pipeline that lost its state, and whose log has lost its beginning, rebuilds it from.
//!
//! In: nothing but the tables. Out: reports and touches in bounded blocks, each as it was when it was written, and how far the pipeline had read
//! its inputs when it last noted it. A row keeps every field that a machine's state holds, so no bytes of the log are needed. Not here:
//! what is done with them (`pipeline`). Start at [`Warehouse::recall`].

mod customers;
mod reports;
mod scores;

use clickhouse::Row;
use events::{
    Country, Device, MatchedKey, OrderKey, OrderStatus, Report, Score, Touch, TouchId, TouchKind, Verdict,
};
use serde::Deserialize;
use units::{
    AdvertiserId, EpochMs, HOUR_MS, LinkId, OfferId, Origin, PartnerId, SECOND_MS, Stamp, VisitorId, WriterId,
};

pub(crate) use self::scores::signals;
pub use self::{
    customers::CustomerBlock,
    reports::{ReportRow, report},
    scores::{ScoreRow, score},
};
use crate::{client::Warehouse, error::EngineError, schema::READ_SETTINGS};

/// Reports of one block, nearly: the orders are dealt out to as many blocks as that takes. A report takes some 500 bytes here.
pub const REPORTS_PER_BLOCK: u64 = 100_000;
/// Touches of one block, unless one hour has more. A touch takes some 150 bytes here.
pub const TOUCHES_PER_BLOCK: u64 = 500_000;

/// Why facts cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum RecallError {
    /// The engine says no.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A row holds what this build does not write: a later one did, or a hand.
    #[error("{table} holds {value:?} as {column}, which this build does not know")]
    Row {
        /// Which table.
        table: &'static str,
        /// Which column.
        column: &'static str,
        /// What it holds.
        value: String,
    },
}

/// What there is to be read back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recall {
    /// Rows of reports.
    pub reports: u64,
    /// Rows of reports that name a customer.
    pub named: u64,
    /// Rows of clicks and views.
    pub touches: u64,
    /// Pieces of time that hold all of them, ascending.
    pub blocks: Vec<TouchBlock>,
    /// Clicks before this instant were dropped; what orders were credited by is left of them.
    pub dropped_before: EpochMs,
}

/// Who led an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lead {
    /// Which order.
    pub order: OrderKey,
    /// Version of the snapshot that says so.
    pub stamp: Stamp,
    /// 0 for nobody.
    pub partner: PartnerId,
    /// 0 for none.
    pub offer: OfferId,
    /// His customer was bound to him.
    pub by_binding: bool,
    /// It was not rejected.
    pub stands: bool,
    /// A shop gave it an amount.
    pub has_amount: bool,
}

/// Touches from one instant to before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TouchBlock {
    /// From here on.
    pub from: EpochMs,
    /// To before here.
    pub to: EpochMs,
    /// Rows, as counted.
    pub rows: u64,
}

impl Recall {
    /// Blocks of reports; every order's are in one of them.
    #[must_use]
    pub fn report_blocks(&self) -> u64 {
        self.reports.div_ceil(REPORTS_PER_BLOCK)
    }

    /// Parts of all customers; every customer is in one of them, and an order in the part of each of its own.
    pub fn customer_blocks(&self) -> impl Iterator<Item = CustomerBlock> + use<> {
        CustomerBlock::all(self.named.div_ceil(REPORTS_PER_BLOCK))
    }
}

impl Warehouse {
    /// Looks at what there is.
    pub async fn recall(&self) -> Result<Recall, EngineError> {
        let reports: Vec<Count> = self
            .rows("SELECT count() AS count, countIf(customer_id != '' OR email_id != '') AS named FROM reports_log")
            .await?;
        let reports = reports.first();
        let hours: Vec<Hour> = self
            .rows("SELECT toUnixTimestamp(toStartOfHour(at, 'UTC')) AS hour, count() AS count FROM clicks_log GROUP BY hour ORDER BY hour")
            .await?;
        let dropped_before = EpochMs(u64::from(self.parked_before().await?) * SECOND_MS);
        Ok(Recall {
            reports: reports.map_or(0, |it| it.count),
            named: reports.map_or(0, |it| it.named),
            touches: hours.iter().map(|it| it.count).sum(),
            blocks: blocks(&hours),
            dropped_before,
        })
    }

    /// The reports of one block, all of an order together.
    pub async fn recalled_reports(&self, recall: &Recall, block: u64) -> Result<Vec<Report>, RecallError> {
        let of = recall.report_blocks().max(1);
        let mine = format!("cityHash64(advertiser_id, order_id) % {of} = {block}");
        let rows: Vec<ReportRow> = self.rows(&reports_where(&mine)).await?;
        rows.into_iter().map(report).collect()
    }

    /// The touches of one block, in no order.
    pub async fn recalled_touches(&self, block: TouchBlock) -> Result<Vec<Touch>, RecallError> {
        let rows: Vec<TouchRow> = self
            .rows(&format!(
                "SELECT {TOUCH_COLUMNS} FROM clicks_log FINAL WHERE at >= toDateTime64({}, 3, 'UTC') AND at < toDateTime64({}, 3, 'UTC') \
                 SETTINGS {READ_SETTINGS}",
                block.from.0 / SECOND_MS,
                block.to.0 / SECOND_MS,
            ))
            .await?;
        rows.iter().map(touch).collect()
    }

    /// The newest score of each order of one block of reports that has one, in no order.
    pub async fn recalled_scores(&self, recall: &Recall, block: u64) -> Result<Vec<Score>, RecallError> {
        let rows: Vec<ScoreRow> = self
            .rows(&format!(
                "SELECT {} FROM scores_log WHERE cityHash64(advertiser_id, order_id) % {} = {block} \
                 ORDER BY scores_log.scored_at DESC, catalog_version DESC, event_id DESC LIMIT 1 BY advertiser_id, order_id SETTINGS {READ_SETTINGS}",
                scores::COLUMNS,
                recall.report_blocks().max(1),
            ))
            .await?;
        rows.into_iter().map(score).collect()
    }

    /// Touches that orders of one block of reports were weighed by and whose clicks were dropped since: what is left of them in the
    /// orders' own facts, which is enough to decide the same again. Rows that a newer snapshot of their order no longer names do not count.
    pub async fn recalled_candidates(
        &self,
        recall: &Recall,
        block: u64,
    ) -> Result<Vec<(OrderKey, Touch)>, RecallError> {
        if recall.dropped_before == EpochMs(0) {
            return Ok(Vec::new());
        }
        let (of, before) = (recall.report_blocks().max(1), recall.dropped_before.0 / SECOND_MS);
        let mine = format!("cityHash64(advertiser_id, order_id) % {of} = {block}");
        let rows: Vec<CandidateRow> = self
            .rows(&format!(
                "SELECT advertiser_id, order_id, c.touch_id AS touch_id, any(c.partner_id) AS partner_id, any(c.offer_id) AS offer_id, \
                 any(c.link_id) AS link_id, toString(any(c.country)) AS country, toString(any(c.device)) AS device, \
                 any(v.view) = 1 AS is_view FROM credits_log AS c LEFT JOIN (\
                 SELECT advertiser_id, order_id, toFixedString(unhex(it.1), 16) AS touch_id, 1 AS view FROM (\
                 SELECT advertiser_id, order_id, arrayJoin(JSONExtract(trace, 'candidates', 'Array(Tuple(touch String, kind String))')) AS it \
                 FROM orders_log WHERE trace != '' AND {mine}) WHERE it.2 = 'view' AND length(it.1) = 32\
                 ) AS v USING (advertiser_id, order_id, touch_id) LEFT JOIN (\
                 SELECT advertiser_id, order_id, max(ver) AS newest FROM orders_log WHERE {mine} GROUP BY advertiser_id, order_id\
                 ) AS o USING (advertiser_id, order_id) \
                 WHERE c.touched_at < toDateTime64({before}, 3, 'UTC') AND NOT startsWith(c.touch_id, unhex('000000000000')) AND c.ver >= o.newest \
                 AND {mine} GROUP BY advertiser_id, order_id, touch_id \
                 SETTINGS {READ_SETTINGS}",
            ))
            .await?;
        rows.into_iter().map(candidate).collect()
    }
}

/// The reports of some orders, all of an order together.
fn reports_where(orders: &str) -> String {
    format!(
        "SELECT {} FROM reports_log WHERE {orders} \
         ORDER BY advertiser_id, order_id, reports_log.received_at, event_id SETTINGS {READ_SETTINGS}",
        reports::COLUMNS,
    )
}

/// Who led some orders, each by its newest snapshot.
fn leads_where(orders: &str) -> String {
    format!(
        "SELECT advertiser_id, order_id, newest AS ver, partner_id, offer_id, toString(matched) AS matched, toString(status) AS status, \
         has_amount FROM (SELECT advertiser_id, order_id, max(l.ver) AS newest, argMax(l.partner_id, l.ver) AS partner_id, \
         argMax(l.offer_id, l.ver) AS offer_id, argMax(l.matched, l.ver) AS matched, argMax(l.status, l.ver) AS status, \
         argMax(l.has_amount, l.ver) AS has_amount FROM orders_log AS l \
         WHERE NOT void AND {orders} GROUP BY advertiser_id, order_id) SETTINGS {READ_SETTINGS}"
    )
}

/// Whole hours, gathered up to [`TOUCHES_PER_BLOCK`].
fn blocks(hours: &[Hour]) -> Vec<TouchBlock> {
    let mut blocks = Vec::<TouchBlock>::new();
    for hour in hours {
        let from = EpochMs(u64::from(hour.hour) * SECOND_MS);
        let to = from.forth(HOUR_MS);
        match blocks.last_mut() {
            Some(last) if last.rows + hour.count <= TOUCHES_PER_BLOCK => {
                last.to = to;
                last.rows += hour.count;
            }
            _ => blocks.push(TouchBlock { from, to, rows: hour.count }),
        }
    }
    blocks
}

#[derive(Row, Deserialize)]
struct Count {
    count: u64,
    named: u64,
}

#[derive(Row, Deserialize)]
struct Hour {
    hour: u32,
    count: u64,
}

const TOUCH_COLUMNS: &str = "event_id, touch_id, visitor_id, toString(kind) AS kind, toString(verdict) AS verdict, partner_id, offer_id, \
    advertiser_id, link_id, toString(country) AS country, toString(device) AS device";

/// A row of `clicks_log`, read by the names of its columns: as much of it as its touch needs.
#[derive(Debug, Row, Deserialize)]
pub struct TouchRow {
    event_id: [u8; 16],
    touch_id: [u8; 16],
    visitor_id: u64,
    kind: String,
    verdict: String,
    partner_id: u32,
    offer_id: u32,
    advertiser_id: u32,
    link_id: u32,
    country: String,
    device: String,
}

/// What `Touch::from` makes of the click that this row was written from.
pub fn touch(row: &TouchRow) -> Result<Touch, RecallError> {
    let bad = |column, value: &str| RecallError::Row { table: "clicks_log", column, value: value.to_owned() };
    let id = TouchId(row.touch_id);
    Ok(Touch {
        at: time_of(id),
        origin: Origin::from_bytes(row.event_id),
        id,
        visitor: VisitorId(row.visitor_id),
        kind: TouchKind::from_text(&row.kind).ok_or_else(|| bad("kind", &row.kind))?,
        verdict: Verdict::from_text(&row.verdict).ok_or_else(|| bad("verdict", &row.verdict))?,
        partner: PartnerId(row.partner_id),
        offer: OfferId(row.offer_id),
        advertiser: AdvertiserId(row.advertiser_id),
        link: LinkId(row.link_id),
        country: country(&row.country),
        device: Device::from_text(&row.device).ok_or_else(|| bad("device", &row.device))?,
    })
}

/// An order's newest row in `orders_log`, read by the names of its columns: as much of it as its customers' other orders need.
#[derive(Debug, Row, Deserialize)]
pub struct LeadRow {
    advertiser_id: u32,
    order_id: String,
    ver: u64,
    partner_id: u32,
    offer_id: u32,
    matched: String,
    status: String,
    has_amount: bool,
}

/// What this row says of its order.
#[must_use]
pub fn lead(row: LeadRow) -> Lead {
    Lead {
        order: OrderKey { advertiser: AdvertiserId(row.advertiser_id), order: row.order_id.into() },
        stamp: Stamp::from_u64(row.ver),
        partner: PartnerId(row.partner_id),
        offer: OfferId(row.offer_id),
        by_binding: row.matched == MatchedKey::Customer.as_str(),
        stands: row.status != OrderStatus::Rejected.as_str(),
        has_amount: row.has_amount,
    }
}

#[derive(Row, Deserialize)]
struct CandidateRow {
    advertiser_id: u32,
    order_id: String,
    touch_id: [u8; 16],
    partner_id: u32,
    offer_id: u32,
    link_id: u32,
    country: String,
    device: String,
    is_view: bool,
}

/// The record's own origin is gone with it. One that is not all zeros keeps the touch before the one that a signed id alone vouches for.
const DROPPED: Origin = Origin { writer: WriterId(0), incarnation: 0, sequence: 1 };

fn candidate(row: CandidateRow) -> Result<(OrderKey, Touch), RecallError> {
    let bad =
        |column, value: &str| RecallError::Row { table: "credits_log", column, value: value.to_owned() };
    let id = TouchId(row.touch_id);
    let touch = Touch {
        at: time_of(id),
        origin: DROPPED,
        id,
        visitor: VisitorId(0),
        kind: if row.is_view { TouchKind::View } else { TouchKind::Click },
        // Others have no row of credits, unless a report names them, whose zero this would be as well.
        verdict: Verdict::Valid,
        partner: PartnerId(row.partner_id),
        offer: OfferId(row.offer_id),
        advertiser: AdvertiserId(row.advertiser_id),
        link: LinkId(row.link_id),
        country: country(&row.country),
        device: Device::from_text(&row.device).ok_or_else(|| bad("device", &row.device))?,
    };
    let key = OrderKey { advertiser: AdvertiserId(row.advertiser_id), order: row.order_id.into() };
    Ok((key, touch))
}

fn time_of(id: TouchId) -> EpochMs {
    let mut bytes = [0; 8];
    bytes[2..].copy_from_slice(&id.0[..6]);
    EpochMs(u64::from_be_bytes(bytes))
}

fn country(text: &str) -> Country {
    text.as_bytes().try_into().map_or(Country::UNKNOWN, Country)
}

fn instant(ms: i64) -> EpochMs {
    EpochMs(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests;
