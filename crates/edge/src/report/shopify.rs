//! Shopify's order and refund webhooks, as values of a report.
//!
//! In: the topic and the body's JSON. Out: [`Fields`] of one report, or that the message says nothing of an order. The order's id is the number in
//! `id` (a refund names it as `order_id`); its amount is `total_price`, what the customer paid at first, because refunds come by themselves and
//! `current_total_price` would take them off twice. The click id is looked for in `note_attributes`, then in `landing_site`.

use super::{Field, Fields, Json, Refusal, amount::refusal};
use units::{Currency, Money};

/// Refunds' transactions and order lines that are added up; Shopify sends at most a few hundred.
const ITEMS_MAX: usize = 1_000;

/// What the message says; empty for a test order, a topic without an order, a refund without money.
pub(crate) fn shopify_reports(
    topic: &str,
    body: &Json,
    click_names: &[&str],
) -> Result<Vec<Fields>, Refusal> {
    if !matches!(body, Json::Object(_)) {
        return Err(Refusal::JsonShape);
    }
    if body.text("test") == Some("true") {
        return Ok(Vec::new());
    }
    let fields = match topic {
        "orders/create" | "orders/paid" | "orders/updated" => Some(order(body, click_names)?),
        "orders/cancelled" => {
            let mut fields = order(body, click_names)?;
            fields.set(Field::Status, "cancelled");
            Some(fields)
        }
        "refunds/create" => refund(body)?,
        _ => None,
    };
    Ok(fields.into_iter().collect())
}

fn order(body: &Json, click_names: &[&str]) -> Result<Fields, Refusal> {
    let mut fields = Fields::default();
    let mut copy = |name: &str, field: Field| {
        if let Some(text) = body.text(name) {
            fields.set(field, text);
        }
    };
    copy("id", Field::Order);
    copy("total_price", Field::Amount);
    copy("currency", Field::Currency);
    copy("created_at", Field::Time);
    if let Some(status) = status(body) {
        fields.set(Field::Status, status);
    }
    if let Some(click) = click(body, click_names) {
        fields.set(Field::Click, &click);
    }
    let customer = body.get("customer");
    if let Some(id) = customer.and_then(|it| it.text("id")) {
        fields.set(Field::Customer, id);
    }
    if let Some(email) = body.text("email").or_else(|| customer?.text("email")) {
        fields.set(Field::Email, email);
    }
    if let Some(reason) = body.text("cancel_reason") {
        fields.set(Field::Reason, reason);
    }
    fields.add_coupons(body.list("discount_codes").iter().filter_map(|it| it.text("code")));
    fields.set_lines(body.list("line_items"));
    if fields.get(Field::Order).is_none() {
        return Err(Refusal::OrderIdMissing);
    }
    Ok(fields)
}

/// What was refunded in part is still approved; the refund says by itself how much is left.
fn status(body: &Json) -> Option<&'static str> {
    if body.text("cancelled_at").is_some() {
        return Some("rejected");
    }
    match body.text("financial_status")? {
        "paid" | "partially_refunded" | "refunded" => Some("approved"),
        "pending" | "authorized" | "partially_paid" => Some("pending"),
        "voided" => Some("rejected"),
        _ => None,
    }
}

fn click(body: &Json, click_names: &[&str]) -> Option<String> {
    let is_click = |name: &str| click_names.iter().any(|it| it.eq_ignore_ascii_case(name));
    let mut attributes = body.list("note_attributes").iter();
    let noted = attributes.find(|it| it.text("name").is_some_and(is_click)).and_then(|it| it.text("value"));
    if let Some(value) = noted {
        return Some(value.to_owned());
    }
    let (_, query) = body.text("landing_site")?.split_once('?')?;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, value)| is_click(name) && !value.is_empty()).map(|(_, value)| value.into_owned())
}

/// The money of the transactions that gave some back; `None` where there is none (only stock was taken back).
fn refund(body: &Json) -> Result<Option<Fields>, Refusal> {
    let mut fields = Fields::default();
    let order = body.text("order_id").ok_or(Refusal::OrderIdMissing)?;
    fields.set(Field::Order, order);
    fields.set(Field::Refund, body.text("id").ok_or(Refusal::JsonShape)?);
    if let Some(at) = body.text("created_at") {
        fields.set(Field::Time, at);
    }
    let gave =
        |it: &&Json| it.text("kind") == Some("refund") && matches!(it.text("status"), Some("success") | None);
    let (mut total, mut currency) = (0_i64, None);
    for transaction in body.list("transactions").iter().take(ITEMS_MAX).filter(gave) {
        let own = Currency::parse(transaction.text("currency").unwrap_or("")).map_err(|it| refusal(&it))?;
        let amount = transaction.text("amount").ok_or(Refusal::AmountInvalid)?;
        total = total.saturating_add(Money::parse(amount, own).map_err(|it| refusal(&it))?.minor);
        currency = Some(own);
    }
    let Some(currency) = currency.filter(|_| total > 0) else { return Ok(None) };
    fields.set(Field::AmountMinor, &total.to_string());
    fields.set(Field::Currency, currency.as_str());
    Ok(Some(fields))
}

#[cfg(test)]
mod tests;
