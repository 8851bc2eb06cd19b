//! `WooCommerce`'s order webhooks, as values of reports.
//!
//! In: the topic and the body's JSON. Out: [`Fields`] of the order, and of each refund it lists, since a refund has no webhook of its own. `total` is
//! what the customer paid at first. The click id is looked for in `meta_data`: under a name of a click id, or in the address that the shop's own
//! order attribution kept.

use super::{Field, Fields, Json, Refusal};

/// Refunds of one order that are read.
const REFUNDS_MAX: usize = 100;
/// Where `WooCommerce`'s own attribution keeps the first page of the visit.
const ENTRY_KEY: &str = "_wc_order_attribution_session_entry";

/// What the message says: the order first, then its refunds; empty for a topic without an order.
pub(crate) fn woocommerce_reports(
    topic: &str,
    body: &Json,
    click_names: &[&str],
) -> Result<Vec<Fields>, Refusal> {
    if !matches!(body, Json::Object(_)) {
        return Err(Refusal::JsonShape);
    }
    let order = match topic {
        "order.created" | "order.updated" | "order.restored" => order(body, click_names)?,
        "order.deleted" => {
            let mut fields = identified(body)?;
            fields.set(Field::Status, "rejected");
            fields
        }
        _ => return Ok(Vec::new()),
    };
    let refunds = body.list("refunds").iter().take(REFUNDS_MAX).filter_map(|it| refund(body, it));
    Ok(std::iter::once(order).chain(refunds).collect())
}

fn identified(body: &Json) -> Result<Fields, Refusal> {
    let mut fields = Fields::default();
    fields.set(Field::Order, body.text("id").ok_or(Refusal::OrderIdMissing)?);
    Ok(fields)
}

fn order(body: &Json, click_names: &[&str]) -> Result<Fields, Refusal> {
    let mut fields = identified(body)?;
    let mut copy = |name: &str, field: Field| {
        if let Some(text) = body.text(name) {
            fields.set(field, text);
        }
    };
    copy("total", Field::Amount);
    copy("currency", Field::Currency);
    let status = body.text("status").and_then(status);
    if let Some(status) = status {
        fields.set(Field::Status, status);
    }
    if let Some(at) = time(body) {
        fields.set(Field::Time, &at);
    }
    if let Some(click) = click(body, click_names) {
        fields.set(Field::Click, &click);
    }
    let email = body.get("billing").and_then(|it| it.text("email"));
    // Customer 0 is every guest.
    if let Some(customer) = body.text("customer_id").filter(|it| *it != "0") {
        fields.set(Field::Customer, customer);
    }
    if let Some(email) = email {
        fields.set(Field::Email, email);
    }
    if status == Some("rejected")
        && let Some(word) = body.text("status")
    {
        fields.set(Field::Reason, word);
    }
    fields.add_coupons(body.list("coupon_lines").iter().filter_map(|it| it.text("code")));
    fields.set_lines(body.list("line_items"));
    Ok(fields)
}

/// A fully refunded order was approved; its list of refunds says that nothing is left.
fn status(word: &str) -> Option<&'static str> {
    match word {
        "processing" | "completed" | "refunded" => Some("approved"),
        "pending" | "on-hold" | "checkout-draft" => Some("pending"),
        "cancelled" | "failed" | "trash" => Some("rejected"),
        _ => None,
    }
}

/// `date_created_gmt` has no zone and is UTC; `date_created` is the shop's own time.
fn time(body: &Json) -> Option<String> {
    let utc = body.text("date_created_gmt").map(|it| format!("{it}Z"));
    utc.or_else(|| body.text("date_created").map(str::to_owned))
}

fn click(body: &Json, click_names: &[&str]) -> Option<String> {
    let is_click = |name: &str| {
        let name = name.trim_start_matches('_');
        let name = name.strip_prefix("tributary_").unwrap_or(name);
        click_names.iter().any(|it| it.eq_ignore_ascii_case(name))
    };
    let meta = body.list("meta_data");
    let noted = meta.iter().find(|it| it.text("key").is_some_and(is_click)).and_then(|it| it.text("value"));
    if let Some(value) = noted {
        return Some(value.to_owned());
    }
    let entry = meta.iter().find(|it| it.text("key") == Some(ENTRY_KEY))?.text("value")?;
    let (_, query) = entry.split_once('?')?;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, value)| is_click(name) && !value.is_empty()).map(|(_, value)| value.into_owned())
}

/// `{"id": 726, "reason": "", "total": "-10.00"}`
fn refund(body: &Json, refund: &Json) -> Option<Fields> {
    let mut fields = Fields::default();
    fields.set(Field::Order, body.text("id")?);
    fields.set(Field::Refund, refund.text("id")?);
    let total = refund.text("total")?;
    fields.set(Field::Amount, total.strip_prefix('-').unwrap_or(total));
    if let Some(currency) = body.text("currency") {
        fields.set(Field::Currency, currency);
    }
    if let Some(at) = time(body) {
        fields.set(Field::Time, &at);
    }
    Some(fields)
}

#[cfg(test)]
mod tests;
