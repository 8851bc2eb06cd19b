//! What a shop gets who reports an order, and what is recorded of it.

mod support;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use events::{Channel, ReportedClick, ReportedStatus, Statement};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use support::{NOW, mint, start};
use units::AdvertiserId;

const TOKEN: (&str, &str) = ("X-Api-Key", "first-token");
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("Content-Type", "application/json");

type Headers<'a> = &'a [(&'a str, &'a str)];
/// Method, target, headers, body; status and code wanted.
type Case<'a> = (&'a str, &'a str, Headers<'a>, &'a [u8], u16, &'a str);

fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

#[test]
fn a_postback_is_answered_with_its_id_and_what_was_understood() {
    let edge = start();
    let click = mint(NOW, 1000, 5);
    let target = format!(
        "/postback?token=first-token&transaction_id={click}&order_id=A-1&amount=12.50&status=approved&payout=3"
    );
    let answer = edge.get(&target, &[]);
    assert_eq!(answer.status, 200);
    let spooled = edge.spooled();
    let reports = spooled.reports();
    let [report] = reports.as_slice() else { panic!("{reports:?}") };
    let want = json!({
        "report": report.origin.to_string(),
        "understood": {
            "advertiser": 1, "order": "A-1", "event": "sale", "click": click, "amount": "12.50 EUR", "status": "approved",
            "customer": false,
        },
    });
    assert_eq!(answer.json(), want);
    assert_eq!(
        (report.channel, report.status, report.origin.sequence),
        (Channel::Postback, Some(ReportedStatus::Approved), 1)
    );
    assert_eq!(report.click.signed().unwrap().to_string(), click);
}

#[test]
fn query_form_and_json_say_the_same() {
    let edge = start();
    let click = mint(NOW, 1000, 5);
    let form = format!("order_id=A-1&amount=12.50&click_id={click}");
    let as_json =
        json!({ "order_id": "A-1", "amount": 12.5, "click_id": click, "basket": [1, 2], "note": null })
            .to_string();
    let wide = json!({ "sale_amount": "12,50", "orderId": "A-1", "ClickId": click }).to_string();
    assert_eq!(edge.get(&format!("/postback?{form}"), &[TOKEN]).status, 200);
    assert_eq!(edge.send("POST", "/postback", &[TOKEN, FORM], form.as_bytes()).status, 200);
    assert_eq!(edge.send("POST", "/postback", &[TOKEN, JSON], as_json.as_bytes()).status, 200);
    assert_eq!(
        edge.send(
            "POST",
            "/postback?order_id=ignored",
            &[("Authorization", "Bearer first-token"), JSON],
            wide.as_bytes()
        )
        .status,
        200
    );
    assert_eq!(
        edge.send("POST", &format!("/postback?{form}"), &[TOKEN, JSON], b"").status,
        200,
        "an empty body of any type"
    );
    let spooled = edge.spooled();
    let reports = spooled.reports();
    assert_eq!(reports.len(), 5);
    let said = |it: &events::Report| (it.key.clone(), it.statement.clone(), it.click.clone());
    assert!(reports.iter().all(|it| said(it) == said(&reports[0])), "{reports:?}");
}

#[test]
fn a_click_of_ours_alone_names_its_advertiser() {
    let edge = start();
    let open = mint(NOW, 1002, 5);
    assert_eq!(edge.get(&format!("/postback?click_id={open}&goal=lead"), &[]).status, 200);
    let guarded = mint(NOW, 1000, 5);
    let answer = edge.get(&format!("/postback?click_id={guarded}&order_id=1"), &[]);
    assert_eq!((answer.status, answer.json()["error"].as_str()), (401, Some("token_missing")));
    let spooled = edge.spooled();
    assert_eq!(spooled.reports()[0].key.advertiser, AdvertiserId(2));
}

#[test]
fn refusals_have_stable_codes_and_record_nothing() {
    let edge = start();
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100), "]".repeat(100));
    let large = vec![b'x'; 300 * 1024];
    let long_number = format!("{{\"order_id\":1,\"amount\":{}}}", "9".repeat(100_000));
    let cases: [Case<'_>; 14] = [
        ("GET", "/postback?order_id=1&token=wrong", &[], b"", 401, "token_wrong"),
        ("GET", "/postback?order_id=1", &[], b"", 400, "advertiser_missing"),
        ("GET", "/postback?amount=5", &[TOKEN], b"", 422, "order_id_missing"),
        ("GET", "/postback?order_id=%7Border%7D", &[TOKEN], b"", 422, "order_id_unfilled"),
        ("GET", "/postback?order_id=1&amount=abc", &[TOKEN], b"", 422, "amount_invalid"),
        ("GET", "/postback?order_id=1&status=odd", &[TOKEN], b"", 422, "status_unknown"),
        ("POST", "/postback", &[TOKEN, JSON], deep.as_bytes(), 400, "json_too_deep"),
        ("POST", "/postback", &[TOKEN, JSON], b"{\"order_id\":1,\"order_id\":2}", 400, "json_duplicate_key"),
        ("POST", "/postback", &[TOKEN, JSON], b"{\"order_id\":\"\xff\"}", 400, "not_utf8"),
        ("POST", "/postback", &[TOKEN, JSON], long_number.as_bytes(), 400, "json_invalid"),
        (
            "POST",
            "/postback",
            &[TOKEN, JSON, ("Content-Encoding", "gzip")],
            b"\x1f\x8b",
            415,
            "content_type_unsupported",
        ),
        (
            "POST",
            "/postback",
            &[TOKEN, ("Content-Type", "multipart/form-data; boundary=x")],
            b"--x",
            415,
            "content_type_unsupported",
        ),
        ("POST", "/postback", &[TOKEN, FORM], &large, 413, "body_too_large"),
        ("POST", "/v1/reports", &[TOKEN], b"\n\n", 400, "empty_batch"),
    ];
    for (method, target, headers, body, status, code) in cases {
        let answer = edge.send(method, target, headers, body);
        assert_eq!((answer.status, answer.json()["error"].as_str()), (status, Some(code)), "{target}");
    }
    assert!(edge.spooled().records.is_empty());
}

/// Monitors and link checkers ask for the head of any URL that they come by.
#[test]
fn who_asks_for_the_head_alone_reports_nothing() {
    let edge = start();
    for target in ["/postback?order_id=1&amount=5", "/p.gif?advertiser=1&order_id=A-1&amount=5"] {
        let answer = edge.send("HEAD", target, &[TOKEN], b"");
        assert_eq!((answer.status, answer.body.as_str()), (405, ""), "{target}");
    }
    assert!(edge.spooled().records.is_empty());
}

#[test]
fn a_short_answer_is_given_where_it_is_asked_for() {
    let edge = start();
    assert_eq!(edge.get("/postback?order_id=1&format=text", &[TOKEN]).body, "OK");
    let refused = edge.get("/postback?amount=1&format=text", &[TOKEN]);
    assert_eq!((refused.status, refused.body.as_str()), (422, "ERROR order_id_missing"));
}

#[test]
fn a_batch_answers_line_by_line() {
    let edge = start();
    let body = b"{\"order_id\":\"1\",\"amount\":\"5\"}\n\n{\"amount\":1}\nnot json\n{\"order_id\":\"2\",\"status\":\"refunded\"}\n";
    let answer = edge.send("POST", "/v1/reports", &[TOKEN], body);
    assert_eq!(answer.status, 200);
    let said = answer.json();
    assert_eq!((said["recorded"].as_u64(), said["refused"].as_u64()), (Some(2), Some(2)));
    let codes: Vec<_> = said["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["line"].as_u64(), it["error"].as_str()))
        .collect();
    let want = [
        (Some(1), None),
        (Some(3), Some("order_id_missing")),
        (Some(4), Some("json_invalid")),
        (Some(5), None),
    ];
    assert_eq!(codes, want);
    let spooled = edge.spooled();
    assert!(spooled.reports().iter().all(|it| it.channel == Channel::Batch));
    assert!(matches!(spooled.reports()[1].statement, Statement::Refund { amount: None, .. }));
    assert_eq!(
        edge.send("POST", "/v1/reports", &[], body).status,
        400,
        "without a token every line is refused"
    );
    let many = b"{\"order_id\":1}\n".repeat(1001);
    assert_eq!(edge.send("POST", "/v1/reports", &[TOKEN], &many).status, 413);
}

const SHOPIFY_ORDER: &str = r#"{"id":820982911946154508,"total_price":"409.94","currency":"EUR","financial_status":"paid","created_at":"2025-11-22T08:36:11-05:00"}"#;

// faults 108, 109, 111, 114
#[test]
fn shopifys_webhooks_are_believed_by_signature_and_repeats_are_one_order() {
    let edge = start();
    let body = SHOPIFY_ORDER.as_bytes();
    let send = |signature: &str, topic: &str, body: &[u8]| {
        let headers = [
            ("X-Shopify-Hmac-Sha256", signature),
            ("X-Shopify-Topic", topic),
            ("X-Shopify-Webhook-Id", "d-1"),
            JSON,
        ];
        edge.send("POST", "/hooks/shopify/1", &headers, body)
    };
    for _ in 0..8 {
        assert_eq!(send(&signature("hush-hush", body), "orders/paid", body).status, 200);
    }
    assert_eq!(
        send(&signature("old-secret", body), "orders/paid", body).status,
        200,
        "two secrets are active"
    );
    let refund = br#"{"id":7,"order_id":820982911946154508,"transactions":[{"kind":"refund","status":"success","amount":"9.94","currency":"EUR"}]}"#;
    assert_eq!(send(&signature("hush-hush", refund), "refunds/create", refund).status, 200);
    assert_eq!(
        send(&signature("hush-hush", body), "products/update", body).json()["ignored"].as_bool(),
        Some(true)
    );

    let changed = SHOPIFY_ORDER.replace("409", "509");
    assert_eq!(send(&signature("hush-hush", body), "orders/paid", changed.as_bytes()).status, 401);
    assert_eq!(send(&signature("revoked-secret", body), "orders/paid", body).status, 401);
    assert_eq!(send("", "orders/paid", body).status, 401);
    assert_eq!(edge.send("POST", "/hooks/shopify/99", &[], body).status, 404);
    assert_eq!(edge.send("POST", "/hooks/shopify/2", &[], body).status, 401, "no secret, no trust");
    assert_eq!(edge.send("GET", "/hooks/shopify/1", &[], b"").status, 405);
    assert_eq!(edge.send("POST", "/hooks/magento/1", &[], body).status, 404);

    let spooled = edge.spooled();
    let reports = spooled.reports();
    assert_eq!(reports.len(), 10);
    let keys: std::collections::BTreeSet<_> = reports.iter().map(|it| it.key.clone()).collect();
    assert_eq!(keys.len(), 1, "one order, whatever is repeated");
    assert!(reports.iter().all(|it| it.channel == Channel::Shopify && &*it.delivery == "d-1"));
    assert!(
        matches!(&reports[9].statement, Statement::Refund { refund, amount: Some(amount), .. } if &**refund == "7" && amount.minor == 994)
    );
}

// fault 112
#[test]
fn woocommerces_webhooks_are_believed_by_the_decoded_secret_and_its_ping_is_answered() {
    let edge = start();
    let body = br#"{"id":727,"status":"completed","currency":"EUR","total":"29.35","date_created_gmt":"2025-11-22T13:36:11","refunds":[{"id":726,"total":"-10.00"}]}"#;
    let headers = |signature: &str| {
        [
            ("X-WC-Webhook-Signature", signature.to_owned()),
            ("X-WC-Webhook-Topic", "order.updated".to_owned()),
            ("X-WC-Webhook-Delivery-ID", "w-1".to_owned()),
        ]
    };
    let send = |signature: &str| {
        let headers = headers(signature);
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        edge.send("POST", "/hooks/woocommerce/1", &headers, body)
    };
    let answer = send(&signature("a&b\"c<d", body));
    assert_eq!((answer.status, answer.json()["reports"].as_array().map(Vec::len)), (200, Some(2)));
    assert_eq!(send(&signature("a&amp;b&quot;c&lt;d", body)).status, 401);
    assert_eq!(edge.send("POST", "/hooks/woocommerce/1", &[FORM], b"webhook_id=5").status, 200);
    assert_eq!(edge.spooled().reports().len(), 2);
}

#[test]
fn a_conversion_pixel_names_the_visitor() {
    let edge = start();
    let visit = edge.get("/c/tea", &[]);
    let cookie = visit.cookie().unwrap().to_owned();
    let answer = edge.get("/p.gif?advertiser=1&order_id=A-1&amount=5", &[("Cookie", &cookie)]);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/gif")));
    let refused = edge.get("/p.gif?advertiser=1", &[]);
    assert_eq!((refused.status, refused.header("x-tributary-error")), (422, Some("order_id_missing")));
    let spooled = edge.spooled();
    let (clicks, reports) = (spooled.clicks(), spooled.reports());
    assert_eq!((reports[0].channel, reports[0].visitor), (Channel::Pixel, Some(clicks[0].head.visitor())));
}

#[test]
fn a_click_that_is_not_ours_is_kept_with_its_reason_and_the_report_taken() {
    let edge = start();
    for (click, reason) in [("%7Bclickid%7D", "unexpanded_macro"), ("9a0216", "click_id_length")] {
        let answer = edge.get(&format!("/postback?order_id=1&click_id={click}"), &[TOKEN]);
        assert_eq!(
            (answer.status, answer.json()["understood"]["click"]["refused"].as_str()),
            (200, Some(reason))
        );
    }
    let spooled = edge.spooled();
    assert!(spooled.reports().iter().all(|it| matches!(it.click, ReportedClick::Refused { .. })));
}
