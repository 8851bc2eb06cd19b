//! Bodies as WooCommerce's documentation shows them, cut to what is read.

use super::*;

const ORDER: &str = r#"{
  "id": 727, "status": "completed", "currency": "USD", "date_created": "2025-11-22T10:36:11", "date_created_gmt": "2025-11-22T13:36:11",
  "total": "29.35", "discount_total": "0.00", "customer_id": 0, "billing": {"email": "john.doe@example.com"},
  "meta_data": [{"id": 13106, "key": "_tributary_click_id", "value": "FROM_META"},
    {"id": 13107, "key": "_wc_order_attribution_session_entry", "value": "https://shop.example/?click_id=FROM_ENTRY&a=b"}],
  "coupon_lines": [{"id": 1, "code": "save"}, {"id": 2, "code": "pot"}],
  "line_items": [{"id": 315, "name": "Tea", "product_id": 93, "quantity": 2, "sku": "", "price": 3, "total": "6.00"}],
  "refunds": [{"id": 726, "reason": "", "total": "-10.00"}, {"id": 724, "reason": "", "total": "-9.00"}]
}"#;

fn read(topic: &str, body: &str) -> Result<Vec<Fields>, Refusal> {
    woocommerce_reports(topic, &Json::parse(body.as_bytes())?, &["click_id"])
}

fn texts(fields: &Fields, wanted: &[Field]) -> Vec<String> {
    wanted.iter().map(|field| fields.get(*field).unwrap_or("-").to_owned()).collect()
}

#[test]
fn an_order_and_each_of_its_refunds_are_read() {
    let found = read("order.updated", ORDER).unwrap();
    assert_eq!(found.len(), 3);
    let order = [
        Field::Order,
        Field::Amount,
        Field::Currency,
        Field::Status,
        Field::Click,
        Field::Customer,
        Field::Email,
        Field::Time,
    ];
    let want =
        ["727", "29.35", "USD", "approved", "FROM_META", "-", "john.doe@example.com", "2025-11-22T13:36:11Z"];
    assert_eq!(texts(&found[0], &order), want);
    assert_eq!(found[0].coupons(), ["save".into(), "pot".into()]);
    let lines = crate::report::priced(found[0].lines(), units::Currency::EUR, false).unwrap();
    let items: Vec<_> = lines.items.iter().map(|it| (&*it.product, it.quantity, it.minor)).collect();
    assert_eq!(items, [("93", 2, 600)]);
    let refund = [Field::Order, Field::Refund, Field::Amount, Field::Currency, Field::Status];
    assert_eq!(texts(&found[1], &refund), ["727", "726", "10.00", "USD", "-"]);
    assert_eq!(texts(&found[2], &refund), ["727", "724", "9.00", "USD", "-"]);
}

#[test]
fn a_member_is_known_by_number_and_address() {
    let found = read("order.created", &ORDER.replace("\"customer_id\": 0", "\"customer_id\": 26")).unwrap();
    assert_eq!(texts(&found[0], &[Field::Customer, Field::Email]), ["26", "john.doe@example.com"]);
}

#[test]
fn a_cancelled_order_says_why() {
    let found = read("order.updated", &ORDER.replace("\"completed\"", "\"failed\"")).unwrap();
    assert_eq!(texts(&found[0], &[Field::Status, Field::Reason]), ["rejected", "failed"]);
}

#[test]
fn the_click_is_found_in_the_shops_own_attribution() {
    let found = read("order.created", &ORDER.replace("_tributary_click_id", "_other")).unwrap();
    assert_eq!(found[0].get(Field::Click), Some("FROM_ENTRY"));
}

#[test]
fn words_of_woocommerce_are_read_and_others_left_open() {
    let status = |word: &str| {
        let found = read("order.updated", &ORDER.replace("\"completed\"", &format!("\"{word}\""))).unwrap();
        found[0].get(Field::Status).map(str::to_owned)
    };
    let cases = [
        ("processing", Some("approved")),
        ("refunded", Some("approved")),
        ("on-hold", Some("pending")),
        ("cancelled", Some("rejected")),
        ("shipped-by-plugin", None),
    ];
    for (word, want) in cases {
        assert_eq!(status(word).as_deref(), want, "{word}");
    }
}

#[test]
fn a_deleted_order_is_rejected_and_other_topics_say_nothing() {
    let deleted = read("order.deleted", r#"{"id": 727}"#).unwrap();
    assert_eq!(texts(&deleted[0], &[Field::Order, Field::Status]), ["727", "rejected"]);
    assert!(read("product.updated", r#"{"id": 1}"#).unwrap().is_empty());
    assert_eq!(read("order.updated", "[]").unwrap_err(), Refusal::JsonShape);
    assert_eq!(read("order.updated", "{}").unwrap_err(), Refusal::OrderIdMissing);
}
