//! Links and postbacks of other systems, as they stand in mails and shops of before: each is followed, read and answered as written down in a golden file.

mod support;

use std::sync::Arc;

use catalog::built_in_dialects;
use events::{Click, Report, Statement};
use journal::spool::{Call, Disk, Fault, Script};
use support::{Answer, BROWSER, CATALOG, NOW, Running, apply, mint, start_in};

/// Who asks, how, with which header and body; `CLICK` is an id of ours, `POTS` one of the shop that asks for no token.
type Row = (&'static str, &'static str, &'static str, &'static str);

const KEY: &str = "X-Api-Key: first-token";

/// A click and a report of each, as field.md 5.1 has them.
const ROWS: [Row; 30] = [
    ("affise", "GET /click?pid=2002&offer_id=1001&sub1=a&sub30=z&ref_id=P&x=1", "", ""),
    (
        "affise",
        "GET /postback?clickid=CLICK&action_id=O1&sum=12.50&status=2&goal=2&secure=first-token",
        "",
        "",
    ),
    ("binom", "GET /click.php?camp_id=10&key=spring&t1=a&externalid=E", "", ""),
    ("binom", "GET /click.php?cnv_id=POTS&payout=5&cnv_status=sale&cnv_currency=USD", "", ""),
    ("cake", "GET /?a=2002&c=1001&p=c&s1=x&s2=y", "", ""),
    ("cake", "GET /p.ashx?a=77&o=1001&e=6&f=pb&r=CLICK&t=O2&p=9.99", KEY, ""),
    ("dub", "GET /tea?utm_source=mail", "", ""),
    ("dub", "GET /?via=2002", "", ""),
    (
        "dub",
        "POST /track/sale",
        "Authorization: Bearer first-token\r\nContent-Type: application/json",
        r#"{"clickId":"CLICK","amount":1250,"currency":"eur","eventName":"Purchase","invoiceId":"INV1","customerExternalId":"c1"}"#,
    ),
    ("everflow", "GET /2CTPL/8DLXK/?sub1=a&source_id=s", "", ""),
    ("everflow", "GET /click?aff_id=2CTPL&offer_id=8DLXK", "", ""),
    (
        "everflow",
        "GET /?nid=1&transaction_id=CLICK&amount=3&order_id=E1&verification_token=first-token",
        "",
        "",
    ),
    ("impact", "GET /c/2002/55/1001?subId1=a&sharedid=s&u=https%3A%2F%2Fshop.example%2Fx", "", ""),
    (
        "impact",
        "POST /Advertisers/IR1/Conversions",
        "Authorization: Basic SVIxOmZpcnN0LXRva2Vu",
        "OrderId=I1&ItemSubTotal1=10.00&ItemSubTotal2=2.50&CurrencyCode=EUR&EventDate=NOW&ClickId=CLICK&CustomerStatus=New",
    ),
    ("keitaro", "GET /spring?sub_id_1=a&sub_id_30=z&external_id=K", "", ""),
    ("keitaro", "GET /first-token/postback?subid=CLICK&status=lead&payout=4&currency=EUR&tid=K1", "", ""),
    (
        "partnerize",
        "GET /click/camref:spring/pubref:newcastle/ar:london/destination:https://shop.example/p?q=1",
        "",
        "",
    ),
    (
        "partnerize",
        "GET /conversion/tracking_mode:api/campaign:77/clickref:CLICK/conversionref:P1/currency:EUR/voucher:SAVE/customertype:new/[category:a,value:2.50,quantity:2][value:1.00]",
        KEY,
        "",
    ),
    (
        "post_affiliate_pro",
        "GET /scripts/click.php?a_aid=testaff&a_bid=1001&chan=code2&data1=x&desturl=https%3A%2F%2Fevil.example%2F",
        "",
        "",
    ),
    (
        "post_affiliate_pro",
        "GET /scripts/sale.php?TotalCost=20&OrderID=PAP1&PStatus=P&AffiliateID=testaff&CampaignID=1001",
        "",
        "",
    ),
    ("redtrack", "GET /spring?sub1=a&ref_id=R", "", ""),
    ("redtrack", "GET /postback?clickid=CLICK&sum=7&type=Upsell&rdtk_event_id=R1", KEY, ""),
    ("tapfiliate", "GET /?ref=spring", "", ""),
    (
        "tapfiliate",
        "POST /1.7/pb/con/c/?external_id=ORD005&amount=100&currency=EUR&coupon=SAVE&click_id=CLICK&referral_code=testaff",
        KEY,
        "",
    ),
    (
        "tune",
        "GET /aff_c?offer_id=1001&aff_id=2002&aff_sub=a&aff_sub2=b&source=s&aff_click_id=p&google_aid=g",
        "",
        "",
    ),
    (
        "tune",
        "GET /aff_lsr?transaction_id=CLICK&offer_id=1001&amount=9&adv_unique1=T1&security_token=first-token",
        "",
        "",
    ),
    (
        "tune",
        "GET /aff_lsr?transaction_id=CLICK&offer_id=1001&amount=9&adv_unique1=T1&security_token=wrong",
        "",
        "",
    ),
    ("tune", "GET /aff_l?transaction_id=CLICK&offer_id=1001&amount=9&adv_unique1=T2", "", ""),
    ("voluum", "GET /spring?var1=a&external_id=V", "", ""),
    ("voluum", "GET /postback?cid=CLICK&payout=6&txid=V1&currency=EUR&et=sale", KEY, ""),
];

fn host(dialect: &str) -> String {
    format!("{}.example", dialect.replace('_', "-"))
}

fn aliases(dialect: &str) -> String {
    let ids = [
        ("partner", "2002", 100),
        ("partner", "2CTPL", 100),
        ("partner", "testaff", 100),
        ("offer", "1001", 10),
        ("offer", "8DLXK", 10),
        ("link", "spring", 1000),
        ("advertiser", "77", 1),
    ];
    let row = |(what, old, id): (&str, &str, u32)| {
        format!("[[alias]]\ndialect = \"{dialect}\"\nold = \"{old}\"\n{what} = {id}\n")
    };
    ids.map(row).concat()
}

fn start_with_catalog(added: &str) -> Running {
    let data = tempfile::tempdir().expect("a folder for the edge");
    apply(data.path(), 1, &format!("{CATALOG}{added}"));
    start_in(data, |_| {})
}

fn ask(edge: &Running, host: &str, row: (&str, &str, &str)) -> Answer {
    let (request, header, body) = row;
    let filled = |text: &str| text.replace("CLICK", &mint(NOW, 1000, 5)).replace("POTS", &mint(NOW, 1002, 5));
    let (request, body) = (filled(request), filled(body));
    let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!(
        "{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nUser-Agent: {BROWSER}\r\n{header}{length}\r\n{body}"
    );
    Answer::parse(&edge.raw(head.as_bytes()))
}

fn of_click(click: &Click<'_>) -> String {
    let head = &click.head;
    let subs: Vec<String> = click.subs.iter().map(|(number, value)| format!("{number}={value}")).collect();
    format!(
        "link {} partner {} offer {} source={:?} id={:?} subs {:?} landing {:?} {:?}",
        head.id.link(),
        head.partner,
        head.offer,
        click.source,
        click.partner_click_id,
        subs.join(" "),
        click.landing,
        click.deep_link
    )
}

fn of_report(report: &Report) -> String {
    let Statement::Order { amount } = &report.statement else { panic!("no refunds here") };
    format!(
        "advertiser {} order {:?} {:?} {:?} click {} status {:?} coupon {:?} partner {:?} customer {} new {:?} time {:?}",
        report.key.advertiser,
        report.key.order,
        report.event,
        amount.map(|it| it.to_string()),
        report.click.signed().is_some(),
        report.status.map(events::ReportedStatus::as_str),
        report.coupons.first(),
        report.partner.map(|it| it.0),
        report.customer.is_some(),
        report.new_customer,
        report.reported_at
    )
}

/// Each request, its answer and its record, in words.
fn told(edge: &Running, rows: &[(String, Row)]) -> String {
    let answers: Vec<Answer> =
        rows.iter().map(|(host, row)| ask(edge, host, (row.1, row.2, row.3))).collect();
    let spooled = edge.spooled();
    let (clicks, reports) = (spooled.clicks(), spooled.reports());
    let (mut clicks, mut reports) = (clicks.iter(), reports.iter());
    let mut lines = Vec::new();
    for ((_, row), answer) in rows.iter().zip(answers) {
        lines.push(format!("{} {}\n", row.0, row.1));
        if answer.status == 302 {
            let click = clicks.next().expect("a redirect is recorded");
            let location = answer.location().replace(&click.head.id.to_string(), "ID");
            lines.push(format!("  302 {location}\n  {}\n", of_click(click)));
            continue;
        }
        let is_pixel = answer.header("content-type") == Some("image/gif");
        let body = if is_pixel { "a pixel" } else { answer.body.trim_end() };
        let taken = answer.status == 200 && !body.starts_with("success=false");
        // Ids of records and derived orders are of this run.
        let shown = if body.starts_with('{') { "ours" } else { body };
        lines.push(format!("  {} {shown}\n", answer.status));
        if taken {
            lines.push(format!(
                "  {}\n",
                of_report(reports.next().expect("a report that was taken is recorded"))
            ));
        }
    }
    assert!(clicks.next().is_none() && reports.next().is_none(), "{lines:?}");
    lines.concat()
}

#[test]
fn links_and_postbacks_of_each_system_do_what_is_written_down() {
    let names: Vec<&str> = built_in_dialects().iter().map(|it| &*it.name).collect();
    let row = |name: &&str| {
        format!("[[dialect]]\nname = \"{name}\"\nhosts = [\"{}\"]\n{}", host(name), aliases(name))
    };
    let edge = start_with_catalog(&names.iter().map(row).collect::<Vec<_>>().concat());
    assert!(names.iter().all(|name| ROWS.iter().filter(|row| row.0 == *name).count() >= 2));
    let rows: Vec<(String, Row)> = ROWS.iter().map(|row| (host(row.0), *row)).collect();
    assert_eq!(told(&edge, &rows), include_str!("golden/dialects_v1.txt"));
    let page = edge.admin("/metrics").body;
    for line in ["{result=\"click\"} 15\n", "{result=\"report\"} 15\n", "{result=\"no_link\"} 0\n"] {
        assert!(page.contains(&format!("tributary_edge_dialects_total{line}")), "{page}");
    }
}

#[test]
fn a_dialect_of_ones_own_does_the_same_as_a_built_in_one() {
    const OWN: &str = r#"
[[dialect]]
name = "mine"
hosts = ["mine.example"]
click_paths = ["/aff_c"]
report_paths = ["/aff_lsr", "/aff_goal"]
pixel_paths = ["/aff_l"]
[dialect.click]
partner = ["aff_id"]
offer = ["offer_id"]
source = ["source"]
partner_click_id = ["aff_click_id"]
deep_link = ["url"]
sub1 = ["aff_sub"]
subs = ["aff_sub#"]
[dialect.report]
click_id = ["transaction_id"]
order_id = ["conversion_unique_id", "adv_unique1", "adv_sub"]
amount = ["amount"]
offer = ["offer_id"]
token = ["security_token"]
[dialect.reply]
ok = "success=true;"
error = "success=false; err_msg={code};"
error_status = 200
"#;
    let built_in = "[[dialect]]\nname = \"tune\"\n";
    let edge = start_with_catalog(&[built_in, &aliases("tune"), OWN, &aliases("mine")].concat());
    let tune: Vec<Row> = ROWS.iter().filter(|row| row.0 == "tune").copied().collect();
    let at = |host: &str| -> Vec<(String, Row)> { tune.iter().map(|row| (host.to_owned(), *row)).collect() };
    let first = told(&edge, &at("any.example"));
    let edge = start_with_catalog(&[OWN, &aliases("mine")].concat());
    assert_eq!(told(&edge, &at("mine.example")), first);
    // Nobody speaks it elsewhere.
    assert_eq!(ask(&edge, "any.example", (tune[0].1, "", "")).status, 404);
}

#[test]
fn a_link_that_cannot_be_told_is_not_found_by_its_code_and_counted() {
    let edge = start_with_catalog(&["[[dialect]]\nname = \"tune\"\n", &aliases("tune")].concat());
    let cases = [
        ("/aff_c?offer_id=1001&aff_id=100", "dialect_unknown_partner"),
        ("/aff_c?offer_id=1001", "dialect_unknown_partner"),
        ("/aff_c?offer_id=10&aff_id=2002", "dialect_unknown_offer"),
        ("/aff_c?offer_id=1001&aff_id={aff_id}", "dialect_unknown_partner"),
    ];
    for (target, code) in cases {
        let answer = edge.get(target, &[]);
        assert_eq!((answer.status, answer.body.trim_end()), (404, code), "{target}");
    }
    let page = edge.admin("/metrics").body;
    for line in ["{result=\"unknown_partner\"} 3\n", "{result=\"unknown_offer\"} 1\n"] {
        assert!(page.contains(&format!("tributary_edge_dialects_total{line}")), "{page}");
    }
    assert!(edge.spooled().records.is_empty());
}

#[test]
fn a_partner_without_an_active_link_to_the_offer_has_none() {
    let added = "[[dialect]]\nname = \"tune\"\n[[link]]\nid = 900\ncode = \"low\"\npartner = 100\noffer = 10\nstatus = \"paused\"\n[[link]]\nid = 1500\ncode = \"high\"\npartner = 100\noffer = 10\n";
    let edge = start_with_catalog(added);
    // Without aliases the numbers are ours. The paused link is lower, and not followed; 101 is paused whole.
    assert_eq!(edge.get("/aff_c?offer_id=10&aff_id=100", &[]).status, 302);
    assert_eq!(edge.spooled().clicks()[0].head.id.link().0, 1000);
    let answer = edge.get("/aff_c?offer_id=10&aff_id=101", &[]);
    assert_eq!((answer.status, answer.body.trim_end()), (404, "dialect_no_link"));
}

#[test]
fn our_own_paths_stay_ours_but_at_the_hosts_of_a_dialect() {
    let voluum = "[[dialect]]\nname = \"voluum\"\nhosts = [\"old.example\"]\n";
    let edge = start_with_catalog(voluum);
    let ours = "/postback?token=first-token&order_id=A&txid=B&amount=1&payout=2";
    let (here, there) = (format!("GET {ours}"), "GET /postback?order_id=A&txid=B&amount=1&payout=2");
    assert_eq!(ask(&edge, "new.example", (&here, "", "")).json()["understood"]["order"], "A");
    assert_eq!(ask(&edge, "OLD.example:80", (there, KEY, "")).json()["understood"]["order"], "B");
    assert_eq!(ask(&edge, "old.example", (there, KEY, "")).json()["understood"]["amount"], "2.00 EUR");
    // A form with places takes none of ours, at any host.
    assert_eq!(ask(&edge, "old.example", ("GET /p.gif?link=tea", "", "")).status, 200);
    assert_eq!(ask(&edge, "old.example", ("GET /hooks/shopify/1", "", "")).status, 405);
    assert_eq!(ask(&edge, "old.example", ("GET /tea", "", "")).status, 302);
    assert_eq!(ask(&edge, "new.example", ("GET /tea", "", "")).status, 404);
}

#[test]
fn a_deep_link_of_a_dialect_goes_only_where_the_offer_allows() {
    let edge = start_with_catalog("[[dialect]]\nname = \"tune\"\n[[dialect]]\nname = \"partnerize\"\n");
    let links = [
        "/aff_c?offer_id=10&aff_id=100&url=https%3A%2F%2Fevil.example%2F",
        "/aff_c?offer_id=10&aff_id=100&url=https%3A%2F%2Fshop.example%40evil.example%2F",
        "/click/camref:tea/destination:https://evil.example/?x=1",
        "/click/camref:tea/destination:https%3A%2F%2Fevil.example%2F",
        "/click/camref:tea/destination:javascript:alert(1)",
    ];
    for link in links {
        let answer = edge.get(link, &[]);
        assert!(answer.location().starts_with("https://shop.example/tea?"), "{link}: {answer:?}");
    }
}

#[test]
fn a_code_with_a_tail_is_followed_and_counted_and_a_guess_is_not_made() {
    let edge = start_with_catalog("[[dialect]]\nname = \"keitaro\"\n");
    for target in ["/c/tea.", "/c/tea%29", "/c/TEA%20", "/c/tea%E2%80%9D.", "/tea,", "/c/tea)?sub1=a"] {
        assert_eq!(edge.get(target, &[]).status, 302, "{target}");
    }
    for target in ["/c/te", "/c/tea%20now", "/c/.", "/c/", "/c/tea.x"] {
        assert_eq!(edge.get(target, &[]).status, 404, "{target}");
    }
    assert_eq!(edge.get("/c/tea", &[]).status, 302);
    let page = edge.admin("/metrics").body;
    assert!(page.contains("\ntributary_edge_near_misses_total 6\n"), "{page}");
}

#[test]
fn a_dialect_is_switched_on_while_it_runs() {
    let data = tempfile::tempdir().expect("a folder for the edge");
    let edge = start_in(data, |_| {});
    let target = "/aff_lsr?adv_sub=1&security_token=no";
    assert_eq!(edge.get(target, &[]).status, 404, "no catalog, no dialect");
    apply(edge.data.path(), 1, &format!("{CATALOG}[[dialect]]\nname = \"tune\"\n"));
    support::until("the dialect is switched on", || edge.get(target, &[]).status == 200);
    assert_eq!(edge.get(target, &[]).body, "success=false; err_msg=token_wrong;");
}

#[test]
fn what_was_not_recorded_is_503_in_every_dialect() {
    let data = tempfile::tempdir().expect("a folder for the edge");
    apply(data.path(), 1, &format!("{CATALOG}[[dialect]]\nname = \"tune\"\n"));
    let script = Arc::new(Script::default());
    let edge = start_in(data, |options| options.disk = Disk::scripted(&script));
    let target = "/aff_lsr?adv_sub=1&security_token=first-token";
    // ENOSPC
    script.push(Call::Write, Fault::Fail(28));
    let answer = edge.get(target, &[]);
    assert_eq!((answer.status, &*answer.body), (503, "success=false; err_msg=not_recorded;"));
    assert_eq!(edge.get(target, &[]).body, "success=true;");
}

#[test]
fn a_reply_in_json_stays_json_whatever_the_order_is_called() {
    let own = "[[dialect]]\nname = \"own\"\nreport_paths = \"/own\"\n[dialect.report]\norder_id = \"o\"\nadvertiser = \"a\"\namount = \"m\"\n[dialect.reply]\nok = '{\"done\": \"{order}\"}'\nerror = '[\"{code}\", \"{order}\"]'\n";
    let edge = start_with_catalog(own);
    let key = [("X-Api-Key", "first-token")];
    let taken = edge.get("/own?a=1&o=%22%7Bcode%7D%5C%22", &key);
    assert_eq!(taken.status, 422, "an order id with a macro in it is none: {taken:?}");
    assert_eq!(taken.json(), serde_json::json!(["order_id_unfilled", "\"{code}\\\""]));
    let taken = edge.get("/own?a=1&o=%22x%5C%22", &key);
    assert_eq!((taken.status, taken.json()), (200, serde_json::json!({"done": "\"x\\\""})));
    assert_eq!(taken.header("content-type"), Some("application/json"));
}

#[test]
fn a_pixel_of_a_dialect_that_is_only_prefetched_reports_nothing() {
    let edge = start_with_catalog("[[dialect]]\nname = \"post_affiliate_pro\"\n");
    let target = "/scripts/sale.php?TotalCost=20&OrderID=1&CampaignID=10";
    assert_eq!(edge.get(target, &[("Sec-Purpose", "prefetch")]).status, 503);
    assert_eq!(edge.get(target, &[]).status, 200);
    assert_eq!(edge.spooled().reports().len(), 1);
}
