//! A click and an order from HTTP to an exact report, by hand: links followed with curl, postbacks, and the webhooks of shop systems with their
//! signatures, against the real binary and its engine. Every test has a link of its own, so that its rows are all that it may find.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

use std::{fs, path::Path, sync::LazyLock};

mod support;

use self::support::{
    Up, folder,
    shop::{self, SHOPIFY_SECRET, TOKEN, WOOCOMMERCE_SECRET, postback},
    tributary,
    web::{BROWSER, curl, follow},
};

const HOUR_MS: u64 = 3_600_000;

/// Further partners and links beside those of the example, one for each test, and a second shop.
const MORE: &str = r#"
[[advertiser]]
id = 2
name = "Second Shop"
currency = "USD"
tokens = ["the-second-shops-token"]

[[offer]]
id = 20
advertiser = 2
name = "Kettles"
destination = "https://kettles.example.com/?click_id={click_id}"
"#;

static UP: LazyLock<Up> = LazyLock::new(|| {
    let folder = folder("hooks");
    let catalog = folder.join("catalog");
    fs::create_dir_all(&catalog).unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/catalog.toml");
    let example = fs::read_to_string(example).unwrap();
    let example = example.replacen("id = 1\n", "id = 1\npixels = \"report\"\n", 1);
    fs::write(catalog.join("example.toml"), example).unwrap();
    let links = (201..=212).map(|id| {
        let offer = if id == 212 { 20 } else { 10 };
        format!(
            "[[partner]]\nid = {id}\nname = \"Partner {id}\"\ntype = \"content\"\n\n\
             [[link]]\nid = {link}\ncode = \"l{id}\"\npartner = {id}\noffer = {offer}\n\n",
            link = id + 2_000
        )
    });
    fs::write(catalog.join("more.toml"), MORE.to_owned() + &links.collect::<String>()).unwrap();
    // Times by header, so that a test can say that a click is older than an order it arrives behind.
    let flags = ["--catalog", "catalog", "--edge-threads", "2", "--edge-trust-time-header", "true"];
    Up::start(&folder, &flags)
});

fn follow_partner(id: u32, arguments: &[&str]) -> support::web::Followed {
    follow(&UP.edge(&format!("/c/l{id}")), arguments)
}

/// The row of an order as decided now, and its credits.
#[track_caller]
fn order_is(order: &str, wanted: &str, credits: &[&str]) {
    let filter = format!("WHERE order_id = '{order}'");
    UP.shows(
        &format!("SELECT advertiser_id, partner_id, status, amount, refunded, revenue, currency, report_count FROM orders {filter}"),
        &[wanted],
    );
    UP.shows(
        &format!(
            "SELECT partner_id, link_id, status, share, revenue, currency FROM credits {filter} AND share > 0 ORDER BY 1"
        ),
        credits,
    );
}

/// The sums of a partner's cells: clicks, valid, unique; orders, approved, partly and fully refunded; revenue.
#[track_caller]
fn cells_are(partner: u32, wanted: &[&str]) {
    let sums = "sum(clicks), sum(clicks_valid), sum(clicks_unique), sum(orders), sum(orders_approved), sum(orders_partly_refunded), \
                sum(orders_refunded), sum(revenue), currency";
    for table in ["rollup_quarter", "rollup_daily", "partner_daily"] {
        UP.shows(
            &format!("SELECT {sums} FROM {table} WHERE partner_id = {partner} GROUP BY currency"),
            wanted,
        );
    }
}

#[test]
fn a_followed_link_is_one_row_with_all_that_the_link_said() {
    let first = follow(&UP.edge("/c/l201?sub1=hello&sub30=last&utm_source=news"), &[]);
    assert!(first.location.starts_with("https://shop.example.com/tea?click_id="), "{first:?}");
    let is_plain = |it: &str| it.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    assert!(
        !first.click_id.is_empty() && first.click_id.len() <= 50 && is_plain(&first.click_id),
        "{first:?}"
    );
    assert!(!first.cookie.is_empty(), "{first:?}");
    let again = follow_partner(201, &["--cookie", &first.cookie]);
    assert_ne!(again.click_id, first.click_id);
    let seen = curl(&[&UP.edge("/c/l201")], None);
    assert_eq!(seen.status, 302, "a robot is sent on too");

    UP.shows(
        "SELECT sub1, sub30, utm_source, verdict, partner_name, offer_name, link_code, is_valid, click_id != '' FROM clicks WHERE partner_id = 201 ORDER BY at",
        &[
            "hello last news valid Partner 201 Loose tea l201 1 1",
            "   duplicate Partner 201 Loose tea l201 1 1",
            "   bot Partner 201 Loose tea l201 0 1",
        ],
    );
    let by_id =
        |id: &str| format!("SELECT visitor_id, count() FROM clicks WHERE click_id = '{id}' GROUP BY 1");
    let visitors = [&first, &again].map(|it| UP.rows(&by_id(&it.click_id)).unwrap());
    assert!(visitors[0].len() == 1 && visitors[0] == visitors[1], "the cookie is one visitor: {visitors:?}");
    cells_are(201, &["3 2 1 0 0 0 0 0 EUR"]);
}

#[test]
fn a_postback_repeated_is_one_order() {
    let click = follow_partner(202, &[]);
    let parameters = format!("click_id={}&order_id=PB-1&amount=49.95&currency=EUR", click.click_id);
    for _ in 0..3 {
        let answer = postback(&UP, &parameters);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let said = answer.json();
        assert_eq!(said["understood"]["order"], "PB-1", "{said}");
        assert_eq!(said["understood"]["amount"], "49.95 EUR", "{said}");
        assert_eq!(said["understood"]["click"], click.click_id.as_str(), "{said}");
    }
    order_is("PB-1", "1 202 pending 49.95 0 49.95 EUR 3", &["202 2202 pending 1 49.95 EUR"]);
    let confirmed = postback(&UP, "order_id=PB-1&status=approved");
    assert_eq!(confirmed.status, 200, "{}", confirmed.text());
    order_is("PB-1", "1 202 approved 49.95 0 49.95 EUR 4", &["202 2202 approved 1 49.95 EUR"]);
    cells_are(202, &["1 1 1 1 1 0 0 49.95 EUR"]);
}

// fault 111
#[test]
fn shopify_deliveries_sent_twice_refund_an_order_once() {
    let click = follow_partner(203, &[]);
    let paid = shop::shopify_paid(820_982_911_946_154_508, "409.94", &click.click_id);
    let refund = shop::shopify_refund(820_982_911_946_154_508, 890_088_186_047_892_319, "9.94");
    // The refund may overtake its order.
    for (topic, body) in [
        ("refunds/create", &refund),
        ("orders/paid", &paid),
        ("orders/paid", &paid),
        ("refunds/create", &refund),
    ] {
        let answer = shop::shopify(&UP, topic, body, SHOPIFY_SECRET);
        assert_eq!(answer.status, 200, "{topic}: {}", answer.text());
        assert_eq!(answer.json()["understood"]["order"], "820982911946154508", "{}", answer.text());
    }
    order_is(
        "820982911946154508",
        "1 203 partly_refunded 409.94 9.94 400 EUR 4",
        &["203 2203 partly_refunded 1 400 EUR"],
    );
    cells_are(203, &["1 1 1 1 1 1 0 400 EUR"]);
}

// fault 111
#[test]
fn woocommerce_updates_sent_twice_end_in_the_last_state() {
    let click = follow_partner(204, &[]);
    let states = [
        shop::woocommerce_order(727, "on-hold", "30.00", &click.click_id, &[]),
        shop::woocommerce_order(727, "processing", "30.00", &click.click_id, &[]),
    ];
    for body in states.iter().flat_map(|it| [it, it]) {
        let answer = shop::woocommerce(&UP, "order.updated", body, WOOCOMMERCE_SECRET);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    order_is("727", "1 204 approved 30 0 30 EUR 4", &["204 2204 approved 1 30 EUR"]);
    let refunded =
        shop::woocommerce_order(727, "refunded", "30.00", &click.click_id, &[(726, "10.00"), (728, "20.00")]);
    for _ in 0..2 {
        let answer = shop::woocommerce(&UP, "order.updated", &refunded, WOOCOMMERCE_SECRET);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    order_is("727", "1 204 refunded 30 30 0 EUR 10", &["204 2204 refunded 1 0 EUR"]);
    cells_are(204, &["1 1 1 1 1 0 1 0 EUR"]);
}

// fault 108
#[test]
fn a_wrong_signature_or_token_is_401_and_leaves_no_report() {
    let click = follow_partner(205, &[]);
    let paid = shop::shopify_paid(501, "10.00", &click.click_id);
    let updated = shop::woocommerce_order(502, "processing", "10.00", &click.click_id, &[]);
    let url = UP.edge("/postback?token=guessed&order_id=503&amount=10");
    let token = curl(&[&url], None);
    let refused = [
        (shop::shopify(&UP, "orders/paid", &paid, WOOCOMMERCE_SECRET), "signature_wrong"),
        (shop::woocommerce(&UP, "order.updated", &updated, SHOPIFY_SECRET), "signature_wrong"),
        (token, "token_wrong"),
    ];
    for (answer, code) in refused {
        assert_eq!((answer.status, answer.json()["error"].as_str()), (401, Some(code)), "{}", answer.text());
    }
    // A report that came after them is there, so they are not merely late.
    let answer =
        shop::shopify(&UP, "orders/paid", &shop::shopify_paid(504, "10.00", &click.click_id), SHOPIFY_SECRET);
    assert_eq!(answer.status, 200, "{}", answer.text());
    order_is("504", "1 205 approved 10 0 10 EUR 1", &["205 2205 approved 1 10 EUR"]);
    UP.shows("SELECT count() FROM reports WHERE order_id IN ('501', '502', '503')", &["0"]);
    UP.shows("SELECT count() FROM orders WHERE order_id IN ('501', '502', '503')", &["0"]);
}

/// Orders of a file are decided by their own time, and importing it again changes nothing of them.
#[test]
fn history_imported_twice_is_one_order_each_at_its_own_time() {
    let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap();
    let at = format!("X-Tributary-At: {}", now - 5 * HOUR_MS);
    let click = follow_partner(211, &["--header", &at]);
    let text = format!(
        "order_id,click_id,time,amount,note\nIMP-1,{id},{after},30,\"a\nb\"\nIMP-2,{id},{before},20,\nIMP-3,,2019-03-04 12:00:00,\"7,50\",\nIMP-4,,soon,1,\n",
        id = click.click_id,
        after = now - 4 * HOUR_MS,
        before = now - 40 * 24 * HOUR_MS,
    );
    let file = folder("hooks").join("history");
    fs::write(&file, text).unwrap();
    for reports in 1..=2 {
        let import = |more: &[&str]| {
            let mut command = tributary(&["orders", "import"]);
            command.arg(&file).args(["--url", &UP.edge(""), "--token", TOKEN]).args(more);
            let output = command.output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        import(&["--dry-run"]);
        let out = import(&[]);
        assert!(out.contains("history:6: time_invalid: "), "{out}");
        order_is("IMP-1", &format!("1 211 pending 30 0 30 EUR {reports}"), &["211 2211 pending 1 30 EUR"]);
    }
    UP.shows(
        "SELECT order_id, partner_id, revenue, report_count, formatDateTime(at, '%F %T') FROM orders WHERE order_id = 'IMP-3'",
        &["IMP-3 0 7.5 2 2019-03-04 11:00:00"],
    );
    // Its click is far younger than it: no clock is that wrong.
    UP.shows("SELECT partner_id, report_count FROM orders WHERE order_id = 'IMP-2'", &["0 2"]);
    UP.shows("SELECT count() FROM orders WHERE order_id LIKE 'IMP-%'", &["3"]);
    cells_are(211, &["1 1 1 1 0 0 0 30 EUR"]);
}

// faults 75, 95
#[test]
fn an_order_moves_to_a_click_that_arrives_behind_it() {
    let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap();
    let at = |ms_ago: u64| format!("X-Tributary-At: {}", now - ms_ago);
    let first = follow_partner(206, &["--header", &at(5 * HOUR_MS)]);
    let answer = curl(
        &[
            "--header",
            &at(HOUR_MS),
            &UP.edge(&format!(
                "/postback?token={TOKEN}&click_id={}&order_id=LATE-1&amount=80&currency=EUR",
                first.click_id
            )),
        ],
        None,
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    order_is("LATE-1", "1 206 pending 80 0 80 EUR 1", &["206 2206 pending 1 80 EUR"]);
    cells_are(206, &["1 1 1 1 0 0 0 80 EUR"]);

    let second = follow_partner(207, &["--cookie", &first.cookie, "--header", &at(3 * HOUR_MS)]);
    assert_eq!(second.cookie, "", "the visitor is known: {second:?}");
    order_is("LATE-1", "1 207 pending 80 0 80 EUR 1", &["207 2207 pending 1 80 EUR"]);
    // Nothing stays behind at the partner who had it.
    cells_are(206, &["1 1 1 0 0 0 0 0 EUR"]);
    cells_are(207, &["1 1 1 1 0 0 0 80 EUR"]);
}

#[test]
fn a_pixel_credits_the_visitors_last_click() {
    let click = follow_partner(208, &[]);
    let pixel = UP.edge("/p.gif?advertiser=1&order_id=PX-1&amount=12.50&currency=EUR");
    let seen = curl(&["--user-agent", BROWSER, "--cookie", &click.cookie, &pixel], None);
    assert_eq!((seen.status, seen.header("content-type")), (200, vec!["image/gif".to_owned()]), "{seen:?}");
    order_is("PX-1", "1 208 pending 12.5 0 12.5 EUR 1", &["208 2208 pending 1 12.5 EUR"]);
    cells_are(208, &["1 1 1 1 0 0 0 12.5 EUR"]);
}

#[test]
fn an_order_of_nobody_says_why() {
    let bot = curl(&[&UP.edge("/c/l209")], None);
    let location = bot.header("location").remove(0);
    let (_, bots_click) = location.split_once("click_id=").unwrap();
    let sent = [
        "order_id=NO-1&amount=20&currency=EUR".to_owned(),
        "order_id=NO-2&amount=20&currency=EUR&click_id=nonsense".to_owned(),
        format!("order_id=NO-3&amount=20&currency=EUR&click_id={bots_click}"),
    ];
    for parameters in &sent {
        let answer = postback(&UP, parameters);
        assert_eq!(answer.status, 200, "{parameters}: {}", answer.text());
    }
    UP.shows(
        "SELECT order_id, partner_id, unattributed, revenue, JSONExtractArrayRaw(trace, 'refused_clicks') != [], \
         JSONExtractString(trace, 'candidates', 1, 'verdict') FROM orders WHERE order_id LIKE 'NO-%' ORDER BY 1",
        &["NO-1 0 no_key 20 0 ", "NO-2 0 no_key 20 1 ", "NO-3 0 none_eligible 20 0 not_valid"],
    );
    UP.shows("SELECT count() FROM credits WHERE order_id LIKE 'NO-%'", &["0"]);
    cells_are(209, &["1 0 0 0 0 0 0 0 EUR"]);
    let url = UP.clickhouse();
    let password = UP.password("reader");
    let flags = ["--clickhouse-url", &url, "--clickhouse-user", "reader", "--clickhouse-password", &password];
    let told = tributary(&["explain", "NO-3", "--json"]).args(flags).output().unwrap();
    let (out, error) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(told.status.success() && out.contains("not_valid"), "{out}\n{error}");
}

// fault 98
#[test]
fn the_click_of_another_shop_is_never_credited() {
    let foreign = follow_partner(212, &[]);
    let answer =
        postback(&UP, &format!("order_id=FOREIGN-1&amount=20&currency=EUR&click_id={}", foreign.click_id));
    assert_eq!(answer.status, 200, "{}", answer.text());
    UP.shows(
        "SELECT partner_id, unattributed, JSONExtractString(trace, 'candidates', 1, 'verdict') FROM orders WHERE order_id = 'FOREIGN-1'",
        &["0 none_eligible cross_tenant"],
    );
    cells_are(212, &["1 1 1 0 0 0 0 0 USD"]);
}
