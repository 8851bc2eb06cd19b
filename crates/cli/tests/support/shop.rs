//! The shops' side: bodies of webhooks as their senders write them, signed as their senders sign.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    Up,
    web::{Seen, curl},
};

/// The secrets of `deploy/examples/catalog.toml`.
pub(crate) const SHOPIFY_SECRET: &str = "change-this-shopify-secret";
pub(crate) const WOOCOMMERCE_SECRET: &str = "change-this-woocommerce-secret";
pub(crate) const TOKEN: &str = "change-this-postback-token";

/// base64(HMAC-SHA256(secret, body)), which both systems use.
pub(crate) fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Delivers a Shopify webhook for advertiser 1.
pub(crate) fn shopify(up: &Up, topic: &str, body: &Value, secret: &str) -> Seen {
    let body = body.to_string();
    let headers = [
        "Content-Type: application/json".to_owned(),
        format!("X-Shopify-Topic: {topic}"),
        format!("X-Shopify-Hmac-Sha256: {}", signature(secret, &body)),
        "X-Shopify-Shop-Domain: example-tea.myshopify.com".to_owned(),
        "X-Shopify-API-Version: 2026-07".to_owned(),
        "X-Shopify-Webhook-Id: b54557e4-bdd9-4b37-8a5f-bf7d70bcd043".to_owned(),
    ];
    deliver(&up.edge("/hooks/shopify/1"), &headers, &body)
}

/// Delivers a WooCommerce webhook for advertiser 1.
pub(crate) fn woocommerce(up: &Up, topic: &str, body: &Value, secret: &str) -> Seen {
    let body = body.to_string();
    let (resource, event) = topic.split_once('.').unwrap();
    let headers = [
        "Content-Type: application/json".to_owned(),
        "X-WC-Webhook-Source: https://shop.example.com/".to_owned(),
        format!("X-WC-Webhook-Topic: {topic}"),
        format!("X-WC-Webhook-Resource: {resource}"),
        format!("X-WC-Webhook-Event: {event}"),
        format!("X-WC-Webhook-Signature: {}", signature(secret, &body)),
        "X-WC-Webhook-ID: 3".to_owned(),
        "X-WC-Webhook-Delivery-ID: 9c1f0d2a".to_owned(),
    ];
    deliver(&up.edge("/hooks/woocommerce/1"), &headers, &body)
}

fn deliver(url: &str, headers: &[String], body: &str) -> Seen {
    let mut arguments: Vec<&str> = headers.iter().flat_map(|it| ["--header", it.as_str()]).collect();
    arguments.push(url);
    curl(&arguments, Some(body.as_bytes()))
}

/// Sends a postback with the advertiser's token and these parameters.
pub(crate) fn postback(up: &Up, parameters: &str) -> Seen {
    curl(&[&up.edge(&format!("/postback?token={TOKEN}&{parameters}"))], None)
}

fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// `orders/paid`, cut to what Shopify always sends.
pub(crate) fn shopify_paid(order: u64, total: &str, click_id: &str) -> Value {
    let at = now().to_string();
    json!({
        "id": order,
        "admin_graphql_api_id": format!("gid://shopify/Order/{order}"),
        "confirmed": true,
        "created_at": at,
        "currency": "EUR",
        "current_total_price": total,
        "email": "jon@example.com",
        "financial_status": "paid",
        "landing_site": "/",
        "name": "#9999",
        "note_attributes": [{"name": "gift", "value": "yes"}, {"name": "click_id", "value": click_id}],
        "order_number": 1234,
        "processed_at": at,
        "test": false,
        "total_price": total,
        "total_price_set": {"shop_money": {"amount": total, "currency_code": "EUR"}},
        "customer": {"id": 115_310_627, "email": "jon@example.com"},
        "discount_codes": [],
        "line_items": [{"id": 866_550_311, "price": total, "quantity": 1, "title": "Darjeeling"}],
        "refunds": []
    })
}

/// `refunds/create`, cut likewise.
pub(crate) fn shopify_refund(order: u64, refund: u64, amount: &str) -> Value {
    json!({
        "id": refund,
        "order_id": order,
        "created_at": now().to_string(),
        "note": "wrong tea",
        "processed_at": now().to_string(),
        "restock": true,
        "refund_line_items": [],
        "transactions": [{
            "id": 179_259_969, "order_id": order, "kind": "refund", "gateway": "bogus", "status": "success",
            "amount": amount, "currency": "EUR", "parent_id": 801_038_806, "test": false
        }],
        "order_adjustments": []
    })
}

/// `order.updated`, with `refunds` as (id, amount).
pub(crate) fn woocommerce_order(
    order: u64,
    status: &str,
    total: &str,
    click_id: &str,
    refunds: &[(u64, &str)],
) -> Value {
    let refunds: Vec<Value> =
        refunds.iter().map(|(id, it)| json!({"id": id, "reason": "", "total": format!("-{it}")})).collect();
    let created = now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
    json!({
        "id": order,
        "parent_id": 0,
        "number": order.to_string(),
        "order_key": "wc_order_58d2d042d1d",
        "status": status,
        "currency": "EUR",
        "date_created": created,
        "date_created_gmt": created,
        "total": total,
        "customer_id": 26,
        "billing": {"first_name": "John", "last_name": "Doe", "email": "john.doe@example.com"},
        "payment_method": "bacs",
        "meta_data": [{"id": 13_106, "key": "_wc_order_attribution_source_type", "value": "utm"}, {"id": 13_107, "key": "click_id", "value": click_id}],
        "line_items": [{"id": 315, "name": "Tea pot", "product_id": 93, "quantity": 1, "total": total}],
        "coupon_lines": [],
        "refunds": refunds
    })
}
