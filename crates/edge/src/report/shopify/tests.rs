//! Bodies as Shopify's documentation shows them, cut to what is read.

use super::*;

const NAMES: [&str; 2] = ["click_id", "click"];

const ORDER: &str = r#"{
  "id": 820982911946154508, "email": "jon@example.com", "created_at": "2025-11-22T08:36:11-05:00", "currency": "USD",
  "current_total_price": "199.00", "total_price": "409.94", "subtotal_price": "388.00", "financial_status": "paid", "cancelled_at": null,
  "landing_site": "/products/tea?click=FROM_LANDING&utm_source=x", "test": false,
  "note_attributes": [{"name": "gift", "value": "yes"}, {"name": "Click_ID", "value": "FROM_NOTE"}],
  "discount_codes": [{"code": "SAVE", "amount": "30.00", "type": "fixed_amount"}, {"code": "POT"}],
  "customer": {"id": 115310627314723954, "email": "john@example.com"}, "line_items": [{"id": 1, "price": "199.00"}, {"sku": "TEA", "quantity": 2, "price": "105.00", "total_discount": "30.00"}]
}"#;

const REFUND: &str = r#"{
  "id": 890088186047892319, "order_id": 820982911946154508, "created_at": "2025-12-01T12:00:00Z", "note": "broken",
  "transactions": [
    {"id": 1, "kind": "refund", "status": "success", "amount": "41.94", "currency": "USD"},
    {"id": 2, "kind": "refund", "status": "failure", "amount": "10.00", "currency": "USD"},
    {"id": 3, "kind": "refund", "status": "success", "amount": "8.06", "currency": "USD"}]
}"#;

fn read(topic: &str, body: &str) -> Result<Vec<Vec<(Field, String)>>, Refusal> {
    let all = [
        Field::Order,
        Field::Amount,
        Field::AmountMinor,
        Field::Currency,
        Field::Status,
        Field::Click,
        Field::Customer,
        Field::Email,
        Field::Reason,
        Field::Refund,
        Field::Time,
    ];
    let found = shopify_reports(topic, &Json::parse(body.as_bytes())?, &NAMES)?;
    let pairs = |fields: &Fields| {
        all.iter().filter_map(|field| Some((*field, fields.get(*field)?.to_owned()))).collect()
    };
    Ok(found.iter().map(pairs).collect())
}

fn pairs(wanted: &[(Field, &str)]) -> Vec<Vec<(Field, String)>> {
    vec![wanted.iter().map(|(field, text)| (*field, (*text).to_owned())).collect()]
}

#[test]
fn an_order_is_read_with_what_was_paid_at_first() {
    let want = pairs(&[
        (Field::Order, "820982911946154508"),
        (Field::Amount, "409.94"),
        (Field::Currency, "USD"),
        (Field::Status, "approved"),
        (Field::Click, "FROM_NOTE"),
        (Field::Customer, "115310627314723954"),
        (Field::Email, "jon@example.com"),
        (Field::Time, "2025-11-22T08:36:11-05:00"),
    ]);
    for topic in ["orders/paid", "orders/create", "orders/updated"] {
        assert_eq!(read(topic, ORDER).as_ref(), Ok(&want), "{topic}");
    }
}

#[test]
fn every_coupon_and_line_of_an_order_is_read() {
    let found = shopify_reports("orders/paid", &Json::parse(ORDER.as_bytes()).unwrap(), &NAMES).unwrap();
    assert_eq!(found[0].coupons(), ["SAVE".into(), "POT".into()]);
    let lines = crate::report::priced(found[0].lines(), Currency::EUR, false).unwrap();
    let items: Vec<_> = lines.items.iter().map(|it| (&*it.product, it.quantity, it.minor)).collect();
    assert_eq!(items, [("1", 1, 19_900), ("TEA", 2, 18_000)]);
}

#[test]
fn a_cancelled_order_says_why() {
    let body = ORDER.replace(
        "\"cancelled_at\": null",
        "\"cancelled_at\": \"2025-11-23T00:00:00Z\", \"cancel_reason\": \"fraud\"",
    );
    let found = read("orders/cancelled", &body).unwrap();
    assert!(found[0].contains(&(Field::Reason, "fraud".to_owned())));
}

#[test]
fn the_click_is_found_on_the_first_page_where_no_note_has_it() {
    let body = ORDER.replace("Click_ID", "something");
    let found = read("orders/paid", &body).unwrap();
    assert!(found[0].contains(&(Field::Click, "FROM_LANDING".to_owned())));
}

#[test]
fn fates_follow_payment_and_cancellation() {
    let status = |topic: &str, body: &str| {
        let found = read(topic, body).unwrap();
        found[0].iter().find(|(field, _)| *field == Field::Status).map(|(_, text)| text.clone())
    };
    let paid = |word: &str| ORDER.replace("\"paid\"", &format!("\"{word}\""));
    assert_eq!(status("orders/updated", &paid("pending")).as_deref(), Some("pending"));
    assert_eq!(
        status("orders/updated", &paid("refunded")).as_deref(),
        Some("approved"),
        "the refund says what is left"
    );
    assert_eq!(status("orders/updated", &paid("voided")).as_deref(), Some("rejected"));
    assert_eq!(status("orders/cancelled", ORDER).as_deref(), Some("cancelled"));
    let cancelled = ORDER.replace("\"cancelled_at\": null", "\"cancelled_at\": \"2025-11-23T00:00:00Z\"");
    assert_eq!(status("orders/updated", &cancelled).as_deref(), Some("rejected"));
}

#[test]
fn a_refund_is_the_money_that_went_back() {
    let want = pairs(&[
        (Field::Order, "820982911946154508"),
        (Field::AmountMinor, "5000"),
        (Field::Currency, "USD"),
        (Field::Refund, "890088186047892319"),
        (Field::Time, "2025-12-01T12:00:00Z"),
    ]);
    assert_eq!(read("refunds/create", REFUND), Ok(want));
    let restock = r#"{"id": 1, "order_id": 2, "transactions": []}"#;
    assert_eq!(read("refunds/create", restock), Ok(Vec::new()), "only stock was taken back");
}

#[test]
fn tests_and_other_topics_say_nothing_of_an_order() {
    assert_eq!(read("orders/paid", &ORDER.replace("\"test\": false", "\"test\": true")), Ok(Vec::new()));
    assert_eq!(read("products/update", r#"{"id": 1}"#), Ok(Vec::new()));
    assert_eq!(read("orders/paid", "[]"), Err(Refusal::JsonShape));
    assert_eq!(read("orders/paid", "{}"), Err(Refusal::OrderIdMissing));
    assert_eq!(read("refunds/create", "{}"), Err(Refusal::OrderIdMissing));
}
