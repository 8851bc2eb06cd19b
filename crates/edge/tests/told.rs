//! What a pixel may do, and what a sender is told of a report that was taken.

mod support;

use events::{Report, ReportedStatus, Statement};
use serde_json::{Value, json};
use support::{Answer, CATALOG, Running, apply, start, start_in, start_with};

const TOKEN: &str = "token=first-token";

/// An edge whose first advertiser says of pixels what `line` says.
fn with_pixels(line: &str) -> Running {
    let data = tempfile::tempdir().expect("a temporary folder");
    apply(data.path(), 1, &CATALOG.replace("pixels = \"report\"\n", line));
    start_in(data, |_| {})
}

fn pixel(edge: &Running, query: &str) -> Answer {
    edge.get(&format!("/p.gif?order_id=A&{query}"), &[])
}

/// Status, error and notes of a pixel's answer.
fn said(answer: &Answer) -> (u16, Option<&str>, Option<&str>) {
    (answer.status, answer.header("x-tributary-error"), answer.header("x-tributary-notes"))
}

fn states_nothing(report: &Report) -> bool {
    report.statement == Statement::Order { amount: None }
        && report.status.is_none()
        && report.items.is_empty()
}

const HARM: [&str; 5] = [
    "advertiser=1&amount=-100&refund_id=z",
    "advertiser=1&refund_id=z",
    "advertiser=1&status=rejected",
    "advertiser=1&status=chargeback",
    "advertiser=1&status=refunded&amount=5",
];

#[test]
fn where_the_shop_has_tokens_a_pixel_tells_who_was_there_and_nothing_of_money() {
    let edge = with_pixels("");
    let harmless = ["advertiser=1&amount=99&status=approved", "offer_id=10&amount=99"];
    for query in harmless.iter().chain(&HARM) {
        assert_eq!(said(&pixel(&edge, query)), (200, None, Some("pixel_evidence")), "{query}");
    }
    let spooled = edge.spooled();
    assert_eq!(spooled.reports().len(), HARM.len() + harmless.len(), "never a lost order");
    assert!(spooled.reports().iter().all(states_nothing));
}

#[test]
fn a_pixel_that_may_report_refunds_and_rejects_only_with_the_shops_token() {
    let edge = with_pixels("pixels = \"report\"\n");
    assert_eq!(said(&pixel(&edge, "advertiser=1&amount=99&status=approved")), (200, None, None));
    for query in HARM {
        let answer = pixel(&edge, query);
        assert_eq!(said(&answer), (401, Some("pixel_token_missing"), None), "{query}");
        let answer = pixel(&edge, &format!("{query}&token=guessed"));
        assert_eq!(said(&answer), (401, Some("pixel_token_missing"), None), "{query}");
    }
    assert_eq!(edge.spooled().reports().len(), 1);
    for query in HARM {
        assert_eq!(pixel(&edge, &format!("{query}&{TOKEN}")).status, 200, "{query}");
    }
    let reports = edge.spooled().reports();
    let rejected = |it: &&Report| it.status == Some(ReportedStatus::Rejected);
    let refunds = |it: &&Report| matches!(it.statement, Statement::Refund { .. });
    assert_eq!((reports.iter().filter(rejected).count(), reports.iter().filter(refunds).count()), (1, 4));
}

#[test]
fn without_tokens_a_pixel_makes_orders_and_takes_nothing_away() {
    let edge = start();
    assert_eq!(said(&pixel(&edge, "advertiser=2&amount=99")), (200, None, None));
    for query in HARM {
        let query = query.replace("advertiser=1", "advertiser=2");
        assert_eq!(pixel(&edge, &query).header("x-tributary-error"), Some("pixel_token_missing"), "{query}");
    }
    assert_eq!(edge.spooled().reports().len(), 1);
}

fn postback(edge: &Running, query: &str) -> Value {
    let answer = edge.get(&format!("/postback?{TOKEN}&order_id=A&{query}"), &[]);
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    answer.json()
}

#[test]
fn each_note_has_its_code_and_a_line_for_people() {
    let edge = start();
    // The clock of the tests stands at 2025-11-22T13:36:11Z.
    let rows: [(&str, &[&str]); 16] = [
        ("amount=5", &[]),
        ("time=2025-11-22T13:40:00Z", &[]),
        ("time=2027-01-01T00:00:00Z", &["time_ahead"]),
        ("time=2024-11-22T13:36:12Z", &[]),
        ("time=2024-11-21T00:00:00Z", &["time_long_past"]),
        ("partner_id=100", &[]),
        ("partner_id=999", &["partner_unknown"]),
        ("partner_id=abc", &["partner_unknown"]),
        ("partner_id=%7Bpartner%7D", &[]),
        ("customer_id=26", &[]),
        ("customer_id=0", &["customer_nobody"]),
        ("customer_id=26&email=none%40none", &[]),
        ("status=refunded&amount=5", &["refund_only"]),
        ("status=chargeback", &["refund_only"]),
        ("status=refunded&amount=5&refund_id=R1", &[]),
        ("customer_id=guest&time=2027-01-01&amount=-1", &["time_ahead", "refund_only", "customer_nobody"]),
    ];
    for (query, want) in rows {
        let answer = postback(&edge, query);
        let notes = answer["understood"]["notes"].as_array().cloned().unwrap_or_default();
        assert_eq!(notes, want.iter().map(|it| json!(it)).collect::<Vec<_>>(), "{query}");
        assert_eq!(answer["note"].is_string(), !want.is_empty(), "{query}: {answer}");
    }
    let page = edge.admin("/metrics").body;
    assert!(page.contains("\ntributary_edge_partners_unknown_total 2\n"), "{page}");
}

#[test]
fn a_line_of_a_batch_is_told_its_notes_too() {
    let edge = start();
    let body = b"{\"order_id\":\"A\",\"partner_id\":\"abc\"}\n{\"order_id\":\"B\"}\n";
    let answer = edge.send("POST", "/v1/reports", &[("X-Api-Key", "first-token")], body).json();
    assert_eq!(answer["lines"][0]["notes"], json!(["partner_unknown"]));
    assert!(answer["lines"][0]["note"].is_string() && answer["lines"][1].get("note").is_none(), "{answer}");
    let answer = edge.send("POST", "/v1/reports/check", &[("X-Api-Key", "first-token")], body).json();
    assert_eq!(answer["lines"][0]["understood"]["notes"], json!(["partner_unknown"]));
}

/// A name written wrongly changes what an order is worth, or whose it is.
#[test]
fn a_line_of_a_batch_is_told_what_of_it_nobody_reads() {
    let edge = start();
    let body = b"{\"order_id\":\"A\",\"cupon\":\"K\",\"items\":[{\"sku\":\"T\",\"price\":\"1\",\"qnt\":2}]}\n{\"order_id\":\"B\"}\n";
    for path in ["/v1/reports", "/v1/reports/check"] {
        let answer = edge.send("POST", path, &[("X-Api-Key", "first-token")], body).json();
        assert_eq!(answer["lines"][0]["ignored"], json!(["cupon", "items.qnt"]), "{path}: {answer}");
        assert!(answer["lines"][1].get("ignored").is_none(), "{path}: {answer}");
    }
}

/// A shop that sends a word for its guests would make one customer of them, and lead each one's orders to what the others clicked.
#[test]
fn guests_are_no_customer() {
    let edge = start_with(|_| {});
    let words = [
        "0",
        "-1",
        "guest",
        "GUEST",
        "anonymous",
        "n%2Fa",
        "null",
        "none",
        "undefined",
        "%7Bcustomer.id%7D",
        "00000000-0000-0000-0000-000000000000",
        "d41d8cd98f00b204e9800998ecf8427e",
    ];
    for word in words {
        for name in ["customer_id", "email"] {
            postback(&edge, &format!("{name}={word}"));
        }
    }
    let reports = edge.spooled().reports();
    assert_eq!(reports.len(), 2 * words.len());
    for report in reports {
        assert_eq!(report.customers().count(), 0, "{report:?}");
    }
}
