//! Why an order is whose: the stored decision with its trace, its credits, the reports behind it and the touches that were weighed.
//!
//! In: an advertiser and an order id, or an order id alone. Out: rows as they are stored; nothing is decided again here. Start at [`explain`].

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use units::AdvertiserId;

use crate::{client::Warehouse, error::EngineError, schema::READ_SETTINGS};

/// Rows of one kind in an explanation. An order has a handful.
const ROWS_MAX: usize = 1_000;

/// Everything about the orders of one id: one of them, unless several advertisers use it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Decisions in force.
    pub orders: Vec<ExplainedOrder>,
    /// Shares of them; losers have none.
    pub credits: Vec<ExplainedCredit>,
    /// Reports, as they came.
    pub reports: Vec<ExplainedReport>,
    /// The touches that were weighed, where their records are stored.
    pub clicks: Vec<ExplainedClick>,
}

/// A decision in force.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub struct ExplainedOrder {
    /// Whose order.
    pub advertiser_id: u32,
    /// His name.
    pub advertiser_name: String,
    /// Its id.
    pub order_id: String,
    /// Its time, RFC 3339 in UTC, and where that comes from.
    pub at: String,
    /// `received`, `reported` or `click`.
    pub time_source: String,
    /// `sale`, `lead`...
    pub event: String,
    /// What became of it.
    pub status: String,
    /// The credited partner; 0 for none.
    pub partner_id: u32,
    /// His name.
    pub partner_name: String,
    /// The credited offer; 0 for none.
    pub offer_id: u32,
    /// Its name.
    pub offer_name: String,
    /// The amount in the currency's units; empty where no report gave one.
    pub amount: String,
    /// What was given back.
    pub refunded: String,
    /// What is left.
    pub revenue: String,
    /// Of all three.
    pub currency: String,
    /// The key that found the winner.
    pub matched: String,
    /// Why it is nobody's.
    pub unattributed: String,
    /// Distinct reports.
    pub report_count: u32,
    /// From when on it is payable.
    pub payable_at: String,
    /// The catalog in force at its time.
    pub catalog_version: u32,
    /// Version of the snapshot.
    pub ver: u64,
    /// Everything that was weighed, as JSON.
    pub trace: String,
}

/// A share of it.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub struct ExplainedCredit {
    /// Whose.
    pub partner_id: u32,
    /// His name.
    pub partner_name: String,
    /// For what.
    pub offer_id: u32,
    /// By which link.
    pub link_id: u32,
    /// By which touch.
    pub touch_id: String,
    /// When that was.
    pub touched_at: String,
    /// How much of the order.
    pub share_ppm: u32,
    /// What that is worth.
    pub revenue: String,
    /// In which currency.
    pub currency: String,
    /// What the partner did for it.
    pub role: String,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub struct ExplainedReport {
    /// When it came.
    pub received_at: String,
    /// When the shop says it happened; empty where it does not.
    pub reported_at: String,
    /// By which channel.
    pub channel: String,
    /// `sale`, `lead`...
    pub event: String,
    /// The click it names.
    pub click_id: String,
    /// Text that is no click id of ours.
    pub refused_click: String,
    /// Why not.
    pub refused_reason: String,
    /// The visitor whose browser sent it.
    pub visitor_id: String,
    /// `order` or `refund`.
    pub statement: String,
    /// The refund's id.
    pub refund_id: String,
    /// The amount; empty where it gives none.
    pub amount: String,
    /// Its currency.
    pub currency: String,
    /// The status it states; empty where it states none.
    pub status: String,
    /// Its identity: writer, incarnation, sequence.
    pub origin: String,
}

/// A touch.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub struct ExplainedClick {
    /// Its name in the trace.
    pub touch_id: String,
    /// When.
    pub at: String,
    /// The id that travelled to the shop.
    pub click_id: String,
    /// `click` or `view`.
    pub kind: String,
    /// What the edge thought of it.
    pub verdict: String,
    /// Whose link.
    pub partner_id: u32,
    /// His name.
    pub partner_name: String,
    /// For what.
    pub offer_id: u32,
    /// Who.
    pub visitor_id: String,
    /// Where from.
    pub country: String,
    /// On what.
    pub device: String,
    /// The first sub id.
    pub sub1: String,
}

/// Reads all there is about an order id. Empty lists where nothing was ever reported.
pub async fn explain(
    warehouse: &Warehouse,
    advertiser: Option<AdvertiserId>,
    order: &str,
) -> Result<Explanation, EngineError> {
    let of = advertiser.map_or_else(String::new, |it| format!(" AND advertiser_id = {it}"));
    // What people give goes beside the statement, with its type, and never into it (fault 122).
    let only = format!("order_id = {{order:String}}{of}");
    let given = ("order", order);
    let orders: Vec<ExplainedOrder> = warehouse.rows_with(&orders(&only), given).await?;
    let credits = warehouse.rows_with(&credits(&only), given).await?;
    let reports = warehouse.rows_with(&reports(&only), given).await?;
    let touches: Vec<String> = orders.iter().flat_map(|it| touches(&it.trace)).collect();
    let clicks = if touches.is_empty() { Vec::new() } else { warehouse.rows(&clicks(&touches)).await? };
    Ok(Explanation { orders, credits, reports, clicks })
}

fn time(column: &str) -> String {
    format!("concat(replaceOne(toString({column}), ' ', 'T'), 'Z') AS {column}")
}

fn orders(only: &str) -> String {
    format!(
        "SELECT advertiser_id, advertiser_name, order_id, {at}, toString(time_source) AS time_source, toString(event) AS event, \
         toString(status) AS status, partner_id, partner_name, offer_id, offer_name, ifNull(toString(amount), '') AS amount, \
         toString(refunded) AS refunded, toString(revenue) AS revenue, toString(currency) AS currency, toString(matched) AS matched, \
         toString(unattributed) AS unattributed, report_count, {payable}, catalog_version, ver, trace \
         FROM orders WHERE {only} ORDER BY advertiser_id LIMIT {ROWS_MAX} SETTINGS {READ_SETTINGS}",
        at = time("at"),
        payable = time("payable_at"),
    )
}

fn credits(only: &str) -> String {
    format!(
        "SELECT partner_id, partner_name, offer_id, link_id, touch_id, {touched}, share_ppm, toString(revenue) AS revenue, \
         toString(currency) AS currency, toString(role) AS role \
         FROM touches WHERE {only} AND share_ppm > 0 ORDER BY touched_at, touch_id LIMIT {ROWS_MAX} SETTINGS {READ_SETTINGS}",
        touched = time("touched_at"),
    )
}

fn reports(only: &str) -> String {
    format!(
        "SELECT {received}, ifNull({reported}, '') AS reported_at, toString(channel) AS channel, toString(event) AS event, click_id, refused_click, \
         toString(refused_reason) AS refused_reason, visitor_id, toString(statement) AS statement, refund_id, ifNull(toString(amount), '') AS amount, \
         toString(currency) AS currency, toString(status) AS status, concat(toString(writer), '-', toString(incarnation), '-', toString(sequence)) AS origin \
         FROM reports WHERE {only} ORDER BY reports.received_at, event_id LIMIT {ROWS_MAX} SETTINGS {READ_SETTINGS}",
        received = time("received_at"),
        reported = time("reported_at").replace(" AS reported_at", ""),
    )
}

fn clicks(touches: &[String]) -> String {
    let list: Vec<String> = touches.iter().map(|it| format!("unhex('{it}')")).collect();
    format!(
        "SELECT touch_id, {at}, click_id, toString(kind) AS kind, toString(verdict) AS verdict, partner_id, partner_name, offer_id, visitor_id, \
         toString(country) AS country, toString(device) AS device, sub1 \
         FROM clicks WHERE unhex(touch_id) IN ({}) ORDER BY clicks.at, touch_id LIMIT {ROWS_MAX} SETTINGS {READ_SETTINGS}",
        list.join(", "),
        at = time("at"),
    )
}

/// The touches that a trace names, as hexadecimal digits.
fn touches(trace: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Trace {
        candidates: Vec<Candidate>,
    }
    #[derive(Deserialize)]
    struct Candidate {
        touch: String,
    }
    let named = serde_json::from_str::<Trace>(trace).map(|it| it.candidates).unwrap_or_default();
    let is_hex = |it: &String| it.bytes().all(|it| it.is_ascii_hexdigit());
    named.into_iter().map(|it| it.touch).filter(is_hex).collect()
}
