//! A report's row, read back as the report it was.
//!
//! In: a row of `reports_log`. Out: the report. The inverse of `rows::report`; not here: which rows (`recall`).

use clickhouse::Row;
use events::{
    Channel, ClickId, Item, OrderKey, RefundKind, RejectReason, Report, ReportedClick, ReportedStatus,
    Statement,
};
use serde::Deserialize;
use units::{
    AdvertiserId, CatalogVersion, Currency, CustomerId, Money, OfferId, Origin, PartnerId, VisitorId,
};

use super::{RecallError, instant};
use crate::rows::ItemJson;

/// What [`ReportRow`] is read from.
pub(super) const COLUMNS: &str = "event_id, toUnixTimestamp64Milli(reports_log.received_at) AS received_at, \
    toUnixTimestamp64Milli(reports_log.reported_at) AS reported_at, advertiser_id, order_id, toString(channel) AS channel, toString(event) AS event, \
    click_id, refused_click, toString(refused_reason) AS refused_reason, visitor_id, customer_id, partner_id, \
    toString(statement) AS statement, refund_id, has_amount, amount_minor, toString(currency) AS currency, toString(status) AS status, \
    toString(new_customer) AS new_customer, delivery, catalog_version, email_id, coupons, offer_id, \
    toUnixTimestamp64Milli(reports_log.checkout_at) AS checkout_at, items, toString(reason) AS reason, toString(refund_kind) AS refund_kind, \
    self_partner_id, partner_named";

/// A row of `reports_log`, read by the names of its columns.
#[derive(Debug, Row, Deserialize)]
pub struct ReportRow {
    event_id: [u8; 16],
    received_at: i64,
    reported_at: i64,
    advertiser_id: u32,
    order_id: String,
    channel: String,
    event: String,
    click_id: String,
    refused_click: String,
    refused_reason: String,
    visitor_id: u64,
    customer_id: String,
    partner_id: u32,
    statement: String,
    refund_id: String,
    has_amount: bool,
    amount_minor: i64,
    currency: String,
    status: String,
    new_customer: String,
    delivery: String,
    catalog_version: u32,
    email_id: String,
    coupons: Vec<String>,
    offer_id: u32,
    checkout_at: i64,
    items: String,
    reason: String,
    refund_kind: String,
    self_partner_id: u32,
    partner_named: String,
}

/// The report that this row was written from: the inverse of what a [`crate::Batch`] does.
pub fn report(row: ReportRow) -> Result<Report, RecallError> {
    let bad =
        |column, value: &str| RecallError::Row { table: "reports_log", column, value: value.to_owned() };
    let click = if !row.click_id.is_empty() {
        let id = ClickId::from_stored_text(&row.click_id).ok_or_else(|| bad("click_id", &row.click_id))?;
        ReportedClick::Signed(id)
    } else if row.refused_reason.is_empty() {
        ReportedClick::None
    } else {
        ReportedClick::Refused { text: row.refused_click.into(), reason: row.refused_reason.into() }
    };
    let amount = if row.has_amount {
        let currency = Currency::parse(&row.currency).map_err(|_| bad("currency", &row.currency))?;
        Some(Money { minor: row.amount_minor, currency })
    } else {
        None
    };
    let statement = match row.statement.as_str() {
        "order" => Statement::Order { amount },
        "refund" => {
            let kind = RefundKind::from_text(&row.refund_kind)
                .ok_or_else(|| bad("refund_kind", &row.refund_kind))?;
            Statement::Refund { refund: row.refund_id.into(), amount, kind }
        }
        other => return Err(bad("statement", other)),
    };
    let status = match row.status.as_str() {
        "" => None,
        text => Some(ReportedStatus::from_text(text).ok_or_else(|| bad("status", text))?),
    };
    let reason = match row.reason.as_str() {
        "" => None,
        text => Some(RejectReason::from_text(text).ok_or_else(|| bad("reason", text))?),
    };
    Ok(Report {
        received_at: instant(row.received_at),
        origin: Origin::from_bytes(row.event_id),
        reported_at: (row.reported_at != 0).then(|| instant(row.reported_at)),
        key: OrderKey { advertiser: AdvertiserId(row.advertiser_id), order: row.order_id.into() },
        channel: Channel::from_text(&row.channel).ok_or_else(|| bad("channel", &row.channel))?,
        event: row.event.into(),
        click,
        visitor: (row.visitor_id != 0).then_some(VisitorId(row.visitor_id)),
        customer: customer("customer_id", &row.customer_id)?,
        email: customer("email_id", &row.email_id)?,
        coupons: row.coupons.into_iter().map(Into::into).collect(),
        partner: (row.partner_id != 0).then_some(PartnerId(row.partner_id)),
        statement,
        status,
        reason,
        new_customer: match row.new_customer.as_str() {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        },
        delivery: row.delivery.into(),
        catalog: CatalogVersion(row.catalog_version),
        offer: (row.offer_id != 0).then_some(OfferId(row.offer_id)),
        checkout_at: (row.checkout_at != 0).then(|| instant(row.checkout_at)),
        items: items(&row.items)?,
        self_partner: (row.self_partner_id != 0).then_some(PartnerId(row.self_partner_id)),
        partner_named: row.partner_named.into(),
    })
}

fn customer(column: &'static str, text: &str) -> Result<Option<CustomerId>, RecallError> {
    if text.is_empty() {
        return Ok(None);
    }
    let number = u128::from_str_radix(text, 16);
    let number =
        number.map_err(|_| RecallError::Row { table: "reports_log", column, value: text.to_owned() })?;
    Ok(Some(CustomerId(number.to_be_bytes())))
}

/// The inverse of `rows::items_json`.
fn items(text: &str) -> Result<Vec<Item>, RecallError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let items: Vec<ItemJson<'_>> = serde_json::from_str(text).map_err(|_| RecallError::Row {
        table: "reports_log",
        column: "items",
        value: text.to_owned(),
    })?;
    let item = |it: ItemJson<'_>| Item { product: it.product.into(), quantity: it.quantity, minor: it.minor };
    Ok(items.into_iter().map(item).collect())
}
