//! Why an order is whose: the stored decision with its trace, its credits, the reports behind it and the touches that were weighed.
//!
//! In: an advertiser and an order id, or an order id alone. Out: rows as they are stored; nothing is decided again here. Start at [`explain`].

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use units::AdvertiserId;

use crate::{client::Warehouse, error::EngineError, schema::READ_SETTINGS};

/// Rows of one kind in an explanation. An order has a handful.
const ROWS_MAX: usize = 1_000;

/// An amount in the reporting currency, as text; empty where there is none.
const REPORTING: &str =
    "ifNull(toString(reporting), '') AS reporting, toString(reporting_currency) AS reporting_currency";

/// Everything about the orders of one id: one of them, unless several advertisers use it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Decisions in force.
    pub orders: Vec<ExplainedOrder>,
    /// Who has a part of them or did something for them: one row for each partner.
    pub credits: Vec<ExplainedCredit>,
    /// Every touch and key that was weighed for them, credited or not.
    pub touches: Vec<ExplainedTouch>,
    /// What counting found suspicious: the newest score of each order.
    pub scores: Vec<ExplainedScore>,
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
    /// How it was shared; empty for nobody's.
    pub model: String,
    /// Touches on the path, repeats left out.
    pub path_touches: u16,
    /// The revenue in the reporting currency; empty without such a currency, or without a rate.
    pub reporting: String,
    /// That currency; empty without an amount in it.
    pub reporting_currency: String,
    /// Its units for one of the order's currency; empty without.
    pub rate: String,
    /// Why its credits are held back; empty where they are not.
    pub hold: String,
    /// Why it is rejected; empty where it is not.
    pub reason: String,
    /// From when on it is payable.
    pub payable_at: String,
    /// The catalog in force at its time.
    pub catalog_version: u32,
    /// Version of the snapshot.
    pub ver: u64,
    /// Everything that was weighed, as JSON.
    pub trace: String,
}

/// What a partner has of it.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub struct ExplainedCredit {
    /// Whose order.
    pub advertiser_id: u32,
    /// Whose part.
    pub partner_id: u32,
    /// His name.
    pub partner_name: String,
    /// What he did for it.
    pub role: String,
    /// How much of the order; 0 for an assist.
    pub share_ppm: u32,
    /// What that is worth.
    pub revenue: String,
    /// In which currency.
    pub currency: String,
    /// The same in the reporting currency; empty without one, or without a rate.
    pub reporting: String,
    /// That currency.
    pub reporting_currency: String,
    /// Why it is held back; empty where it is not.
    pub hold: String,
    /// The touches it rests on.
    pub touches: u32,
}

/// What became of a touch, or of who was found by a key alone.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub struct ExplainedTouch {
    /// Whose order.
    pub advertiser_id: u32,
    /// Its name in the trace.
    pub touch_id: String,
    /// When it was.
    pub touched_at: String,
    /// Whose; 0 for another advertiser's.
    pub partner_id: u32,
    /// His name.
    pub partner_name: String,
    /// For what.
    pub offer_id: u32,
    /// By which link; 0 for none.
    pub link_id: u32,
    /// The key that found it; empty where the build did not say.
    pub found: String,
    /// What became of it; empty where the build did not say.
    pub verdict: String,
    /// What it did for the order.
    pub role: String,
    /// How much of the order.
    pub share_ppm: u32,
    /// What that is worth.
    pub revenue: String,
    /// In which currency.
    pub currency: String,
}

/// What counting over many orders and clicks found suspicious about an order.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub struct ExplainedScore {
    /// Whose order.
    pub advertiser_id: u32,
    /// When it was counted.
    pub scored_at: String,
    /// The version of the catalog whose limits were compared.
    pub catalog_version: u32,
    /// A JSON list of code, partner, value and threshold; an empty one clears the order.
    pub signals: String,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub struct ExplainedReport {
    /// Whose order.
    pub advertiser_id: u32,
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
    /// Why it rejects the order; empty where it does not.
    pub reason: String,
    /// The coupons it names, as they were kept.
    pub coupons: Vec<String>,
    /// The partner it names; 0 for none.
    pub partner_id: u32,
    /// What it calls a partner and is nobody; empty where it does not.
    pub partner_named: String,
    /// The offer it names; 0 for none.
    pub offer_id: u32,
    /// The customer, hashed; empty where it names none.
    pub customer_id: String,
    /// His address, hashed; empty where it gives none.
    pub email_id: String,
    /// Whether the shop calls him new: `yes`, `no` or nothing.
    pub new_customer: String,
    /// When his checkout began; empty where it does not say.
    pub checkout_at: String,
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
    let weighed = warehouse.rows_with(&weighed(&only), given).await?;
    let scores = warehouse.rows_with(&scores(&only), given).await?;
    let reports = warehouse.rows_with(&reports(&only), given).await?;
    let named: Vec<String> = orders.iter().flat_map(|it| touches(&it.trace)).collect();
    let clicks = if named.is_empty() { Vec::new() } else { warehouse.rows(&clicks(&named)).await? };
    Ok(Explanation { orders, credits, touches: weighed, scores, reports, clicks })
}

fn time(column: &str) -> String {
    format!("concat(replaceOne(toString({column}), ' ', 'T'), 'Z') AS {column}")
}

fn orders(only: &str) -> String {
    format!(
        "SELECT advertiser_id, advertiser_name, order_id, {at}, toString(time_source) AS time_source, toString(event) AS event, \
         toString(status) AS status, partner_id, partner_name, offer_id, offer_name, ifNull(toString(amount), '') AS amount, \
         toString(refunded) AS refunded, toString(revenue) AS revenue, toString(currency) AS currency, toString(matched) AS matched, \
         toString(unattributed) AS unattributed, report_count, toString(model) AS model, path_touches, {REPORTING}, \
         ifNull(toString(rate), '') AS rate, toString(hold) AS hold, toString(reason) AS reason, {payable}, catalog_version, ver, trace \
         FROM orders WHERE {only} ORDER BY advertiser_id LIMIT {ROWS_MAX} SETTINGS {READ_SETTINGS}",
        at = time("at"),
        payable = time("payable_at"),
    )
}

fn credits(only: &str) -> String {
    format!(
        "SELECT advertiser_id, partner_id, partner_name, toString(role) AS role, share_ppm, toString(revenue) AS revenue, \
         toString(currency) AS currency, {REPORTING}, toString(hold) AS hold, touches \
         FROM credits WHERE {only} ORDER BY advertiser_id, share_ppm DESC, partner_id LIMIT {ROWS_MAX} SETTINGS {READ_SETTINGS}"
    )
}

fn weighed(only: &str) -> String {
    format!(
        "SELECT advertiser_id, touch_id, {touched}, partner_id, partner_name, offer_id, link_id, toString(found) AS found, \
         toString(verdict) AS verdict, toString(role) AS role, share_ppm, toString(revenue) AS revenue, toString(currency) AS currency \
         FROM touches WHERE {only} ORDER BY advertiser_id, touches.touched_at DESC, touch_id LIMIT {ROWS_MAX} SETTINGS {READ_SETTINGS}",
        touched = time("touched_at"),
    )
}

fn scores(only: &str) -> String {
    format!(
        "SELECT advertiser_id, {at}, catalog_version, signals FROM scores_log FINAL WHERE {only} \
         ORDER BY advertiser_id, scores_log.scored_at DESC, catalog_version DESC, event_id DESC LIMIT 1 BY advertiser_id \
         SETTINGS {READ_SETTINGS}",
        at = time("scored_at"),
    )
}

fn reports(only: &str) -> String {
    format!(
        "SELECT advertiser_id, {received}, ifNull({reported}, '') AS reported_at, toString(channel) AS channel, toString(event) AS event, click_id, refused_click, \
         toString(refused_reason) AS refused_reason, visitor_id, toString(statement) AS statement, refund_id, ifNull(toString(amount), '') AS amount, \
         toString(currency) AS currency, toString(status) AS status, toString(reason) AS reason, coupons, partner_id, partner_named, offer_id, \
         customer_id, email_id, toString(new_customer) AS new_customer, ifNull({checkout}, '') AS checkout_at, concat(toString(writer), '-', toString(incarnation), '-', toString(sequence)) AS origin \
         FROM reports WHERE {only} ORDER BY reports.received_at, event_id LIMIT {ROWS_MAX} SETTINGS {READ_SETTINGS}",
        received = time("received_at"),
        reported = time("reported_at").replace(" AS reported_at", ""),
        checkout = time("checkout_at").replace(" AS checkout_at", ""),
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
