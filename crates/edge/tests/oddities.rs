//! What is stated of values as they really come: macros nobody filled in, signs lost on the way, values encoded twice, names twice and in
//! capitals, other alphabets, and what was pasted along. One row a behaviour, by postback and by pixel alike.

mod support;

use std::collections::BTreeMap;

use events::{Report, ReportedClick, Statement};
use serde_json::{Value, json};
use support::{Answer, NOW, Running, mint, start};

/// What is wrong with it, the query, and what is read of it or the refusal.
type Row<'a> = (&'a str, &'a str, &'a str);

/// `CLICK` stands for an id of ours, `TWICE` for the same one with a letter encoded twice over. Values are as they stand in the raw query.
const ROWS: [Row<'static>; 49] = [
    ("all is well", "order_id=A-1&amount=12.50&click_id=CLICK&coupon=SAVE", "A-1 12.50 click coupon=SAVE"),
    // Macros.
    ("a macro as order id", "order_id={order_id}", "422 order_id_unfilled"),
    ("another network's macro as order id", "order_id=%23s2%23", "422 order_id_unfilled"),
    ("a macro in an order id, encoded twice", "order_id=%257Border%257D", "422 order_id_unfilled"),
    ("a template's word as order id", "order_id=TRANSACTION_ID", "422 order_id_unfilled"),
    ("a macro as click id", "order_id=A&click_id={clickid}", "A unexpanded_macro"),
    ("the same, encoded twice", "order_id=A&click_id=%257Bclickid%257D", "A unexpanded_macro"),
    ("another sign's, encoded twice", "order_id=A&click_id=%2523clickid%2523", "A unexpanded_macro"),
    ("a macro as coupon", "order_id=A&coupon={promo}", "A"),
    ("the same, encoded twice", "order_id=A&coupon=%2523promo%2523", "A"),
    ("a macro as customer", "order_id=A&customer_id=[CUSTOMER]", "A"),
    ("a macro as amount", "order_id=A&amount={sum}", "422 amount_invalid"),
    ("a macro as status", "order_id=A&status={status}", "422 status_unknown"),
    ("a macro as event is a sale", "order_id=A&event={goal}", "A"),
    // Encoded twice.
    ("a click id", "order_id=A&click_id=TWICE", "A click"),
    ("a coupon", "order_id=A&coupon=10%252525", "A coupon=10%25"),
    ("a coupon with a slash", "order_id=A&coupon=A%252F1", "A coupon=A/1"),
    ("a coupon of another alphabet", "order_id=A&coupon=%25D0%25A7%25D0%2590%25D0%2599", "A coupon=ЧАЙ"),
    ("a coupon with a percent sign", "order_id=A&coupon=50%25DEAL", "A coupon=50%DEAL"),
    ("a coupon with a bare percent sign", "order_id=A&coupon=100%", "A coupon=100%"),
    ("an order id is kept, and told", "order_id=A%252F1", "A%2F1 order_id_encoded"),
    ("the same order id, encoded once", "order_id=A%2F1", "A/1"),
    // A plus is a blank.
    ("a raw plus in an amount", "order_id=A&amount=+5", "A 5.00"),
    ("a raw plus as blank in an amount", "order_id=A&amount=12+50", "422 amount_invalid"),
    ("a raw plus in a time", "order_id=A&time=2025-11-22T10:00:00+02:00", "A 2025-11-22T08:00:00.000Z"),
    ("a raw plus in a coupon", "order_id=A&coupon=TEA+TIME", "A coupon=TEA TIME"),
    ("an encoded plus in a coupon", "order_id=A&coupon=TEA%2BTIME", "A coupon=TEA+TIME"),
    ("a raw plus in an order id", "order_id=A+1", "A 1"),
    // A comma.
    ("a comma before cents", "order_id=A&amount=12,50", "A 12.50"),
    ("a comma between thousands", "order_id=A&amount=1,234.56", "A 1234.56"),
    ("a point between thousands", "order_id=A&amount=1.234,56", "A 1234.56"),
    ("a comma before three digits", "order_id=A&amount=1,234", "A 1234.00"),
    ("the same in a currency of three decimals", "order_id=A&amount=1,234&currency=KWD", "A 1.234"),
    ("a point before three digits", "order_id=A&amount=5.999", "422 amount_decimals"),
    ("a point before three digits that end in nothing", "order_id=A&amount=49.950", "A 49.95"),
    ("blanks between thousands", "order_id=A&amount=1%20234.56", "422 amount_invalid"),
    ("cents twice", "order_id=A&amount=12,50,70", "422 amount_invalid"),
    // Names.
    ("a name twice: the first", "order_id=A&order_id=B&amount=1&amount=2", "A 1.00"),
    ("a name twice: the first that says something", "order_id=&order_id=B", "B"),
    ("two names of one value: the earlier in the table", "tid=B&order_id=A", "A"),
    ("names in capitals", "ORDER_ID=A&AMOUNT=12.50&ClickID=CLICK", "A 12.50 click"),
    ("an editor's ampersand", "order_id=A&amp;amount=5", "A 5.00"),
    // Other alphabets.
    ("a Cyrillic coupon", "order_id=A&coupon=%D0%A7%D0%B0%D0%B9", "A coupon=Чай"),
    ("the same in Windows' bytes", "order_id=A&coupon=%D7%E0%E9", "A coupon=\u{fffd}\u{fffd}\u{fffd}"),
    ("an order id in Windows' bytes", "order_id=%D7-1", "\u{fffd}-1"),
    // Pasted along.
    ("a point behind a click id", "order_id=A&click_id=CLICK.", "A click_id_length"),
    ("a sentence behind a click id", "order_id=A&click_id=CLICK+thanks+for+buying", "A click_id_length"),
    ("blanks around", "order_id=%20A%20&coupon=%20SAVE%09", "A coupon=SAVE"),
    ("a line break behind a coupon", "order_id=A&coupon=SAVE%0D%0A", "A coupon=SAVE"),
];

/// A report, in as few words as the rows.
fn words(report: &Report, notes: &Value) -> String {
    let click = match &report.click {
        ReportedClick::None => None,
        ReportedClick::Signed(_) => Some("click".to_owned()),
        ReportedClick::Refused { reason, .. } => Some(reason.to_string()),
    };
    let amount = match &report.statement {
        Statement::Order { amount } | Statement::Refund { amount, .. } => *amount,
    };
    let amount = amount.map(|it| it.to_string().split(' ').next().map(str::to_owned).unwrap_or_default());
    let told = notes.as_array().map(|it| it.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "));
    let parts = [
        Some(report.key.order.to_string()),
        amount,
        click,
        report.coupons.first().map(|it| format!("coupon={it}")),
        report.reported_at.map(|it| it.to_string()),
        report.customer.map(|_| "customer".to_owned()),
        Some(report.event.to_string()).filter(|it| it != "sale"),
        told,
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn by(edge: &Running, path: &str, query: &str) -> Answer {
    let click = mint(NOW, 1000, 5);
    let (head, tail) = click.split_at(5);
    let letter = tail.as_bytes().first().copied().map(|it| format!("%25{it:02X}")).unwrap_or_default();
    let twice = format!("{head}{letter}{}", tail.get(1..).unwrap_or_default());
    let query = query.replace("CLICK", &click).replace("TWICE", &twice);
    edge.get(&format!("{path}{query}"), &[])
}

#[test]
fn each_oddity_is_read_or_refused_as_stated_by_every_channel() {
    let edge = start();
    let (mut notes, mut wanted) = (Vec::new(), Vec::new());
    for (name, query, want) in ROWS {
        let postback = by(&edge, "/postback?token=first-token&", query);
        let pixel = by(&edge, "/p.gif?advertiser=1&", query);
        assert_eq!(pixel.status, postback.status, "{name}: {pixel:?}");
        if postback.status == 200 {
            notes.push(postback.json()["understood"]["notes"].clone());
            wanted.push((name, want));
            continue;
        }
        let code = postback.json()["error"].as_str().map(str::to_owned);
        assert_eq!(
            Some(format!("{} {}", postback.status, code.as_deref().unwrap_or_default())).as_deref(),
            Some(want),
            "{name}"
        );
        assert_eq!(pixel.header("x-tributary-error"), code.as_deref(), "{name}");
    }
    let spooled = edge.spooled();
    let reports = spooled.reports();
    assert_eq!(reports.len(), wanted.len() * 2, "a refusal records nothing, and every other row twice");
    for ((pair, (name, want)), notes) in reports.chunks(2).zip(wanted).zip(notes) {
        for report in pair {
            assert_eq!(words(report, &notes), want, "{name} by {:?}", report.channel);
        }
    }
    let page = edge.admin("/metrics").body;
    assert!(page.contains("\ntributary_edge_order_ids_encoded_total 2\n"), "{page}");
}

#[test]
fn a_json_object_with_one_name_twice_is_refused() {
    let edge = start();
    let headers = [("X-Api-Key", "first-token"), ("Content-Type", "application/json")];
    let answer = edge.send("POST", "/postback", &headers, br#"{"order_id":"A","order_id":"B"}"#);
    assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some("json_duplicate_key")));
    let answer = edge.send("POST", "/postback", &headers, br#"{"order_id":"A","ORDER_ID":"B"}"#);
    assert_eq!(answer.json()["understood"]["order"], "A", "names that differ in case are two names");
}

/// The link's own parameters: a click is answered whatever they say.
#[test]
fn each_oddity_of_a_click_is_recorded_as_stated() {
    let rows: [Row<'_>; 9] = [
        ("all is well", "sub1=a&click_id=K", "K 1=a"),
        ("a macro as the partner's click id", "click_id={clickid}&sub1={sub}", " 1={sub}"),
        ("a name twice: the first", "sub1=a&sub1=b&click_id=K&click_id=L", "K 1=a"),
        ("a name twice: the first that says something", "sub1=&sub1=b", " 1=b"),
        ("names in capitals", "SUB1=a&CLICKID=K", "K 1=a"),
        ("a raw plus is a blank", "sub1=a+b", " 1=a b"),
        ("encoded twice is decoded once", "sub1=a%252Fb", " 1=a%2Fb"),
        ("another alphabet", "sub1=%D0%A7%D0%B0%D0%B9", " 1=Чай"),
        ("Windows' bytes", "sub1=%D7", " 1=\u{fffd}"),
    ];
    let edge = start();
    for (name, query, _) in rows {
        assert_eq!(edge.get(&format!("/c/tea?{query}"), &[]).status, 302, "{name}");
    }
    let spooled = edge.spooled();
    let clicks = spooled.clicks();
    assert_eq!(clicks.len(), rows.len());
    for (click, (name, _, want)) in clicks.iter().zip(rows) {
        let subs: BTreeMap<_, _> = click.subs.iter().copied().collect();
        let subs: Vec<String> = subs.iter().map(|(number, value)| format!("{number}={value}")).collect();
        assert_eq!(format!("{} {}", click.partner_click_id, subs.join(" ")), want, "{name}");
    }
}

#[test]
fn a_batch_that_is_only_checked_says_what_it_would_be_and_records_nothing() {
    let edge = start();
    let body = "{\"order_id\":\"A-1\",\"amount\":\"12,50\"}\n{\"order_id\":\"{order}\"}\n";
    let token = ("X-Api-Key", "first-token");
    let answer = edge.send("POST", "/v1/reports/check", &[token], body.as_bytes());
    let want = json!({"recorded": 0, "refused": 1, "lines": [
        {"line": 1, "understood": {"advertiser": 1, "order": "A-1", "event": "sale", "click": null, "amount": "12.50 EUR", "customer": false}},
        {"line": 2, "error": "order_id_unfilled", "message": "order_id is a macro or a word of a template that was not filled in"},
    ]});
    assert_eq!((answer.status, answer.json()), (200, want));
    let refused = edge.send("POST", "/v1/reports/check", &[("X-Api-Key", "wrong")], body.as_bytes());
    assert_eq!((refused.status, refused.json()["recorded"].as_u64()), (401, Some(0)));
    assert_eq!(edge.get("/v1/reports/check", &[token]).status, 405);
    assert_eq!(edge.spooled().records.len(), 0);
    let page = edge.admin("/metrics").body;
    assert!(page.contains("tributary_edge_reports_total{result=\"accepted\"} 0\n"), "{page}");
}
