//! What becomes of a report's values: one row a message, and arbitrary ones.

use catalog::Secret;
use events::{ClickKey, ClickMint};
use proptest::prelude::*;
use units::{Currency, LinkId};

use super::*;
use crate::report::Json;

const NOW: EpochMs = EpochMs(1_763_818_571_042);

const CATALOG: &str = r#"
[[advertiser]]
id = 1
name = "Tea"
time_zone = "Europe/Berlin"
currency = "EUR"
tokens = ["first-token", "second-token"]

[[advertiser]]
id = 2
name = "Open"
order_identity = "event_click"
pixels = "evidence"

[[advertiser]]
id = 3
name = "Gone"
status = "closed"

[[offer]]
id = 10
advertiser = 1
name = "Tea"
destination = "https://shop.example/"

[[offer]]
id = 20
advertiser = 2
name = "Pots"
destination = "https://pots.example/"

[[partner]]
id = 100
name = "Blog"
type = "content"

[[link]]
id = 1002
code = "pots"
partner = 100
offer = 20
"#;

struct World {
    catalog: Catalog,
    keyring: ClickKeyring,
    customers: CustomerHasher,
    mint: ClickMint,
}

impl World {
    fn new() -> Self {
        let key = ClickKey::new(1, b"a secret of the tests");
        Self {
            catalog: catalog::parse(&[("test.toml", CATALOG)]).unwrap(),
            keyring: ClickKeyring::new(vec![key.clone()]),
            customers: CustomerHasher::new(b"a secret of the tests"),
            mint: ClickMint::new(key, 1),
        }
    }

    fn context(&self) -> Context<'_> {
        Context { catalog: &self.catalog, keyring: &self.keyring, customers: &self.customers, now: NOW }
    }

    fn click(&mut self, at: EpochMs) -> String {
        self.mint.mint(at, LinkId(1002), VisitorId(5)).to_string()
    }

    fn owner(&self, query: &str, header: Option<&str>) -> Result<u32, Refusal> {
        let fields = fields(query);
        advertiser_of(&fields, Credentials::Token(header), &self.context()).map(|it| it.id.0)
    }

    fn report_of(&self, advertiser: u32, query: &str, channel: Channel) -> Result<Report, Refusal> {
        let advertiser = self.catalog.advertisers.get(&AdvertiserId(advertiser)).unwrap();
        understand(&fields(query), advertiser, channel, None, &self.context()).map(|it| it.report)
    }

    fn report(&self, query: &str) -> Result<Report, Refusal> {
        self.report_of(1, query, Channel::Postback)
    }
}

fn fields(query: &str) -> Fields {
    let mut fields = Fields::default();
    fields.add_form(query).unwrap();
    fields
}

#[test]
fn the_sender_is_known_by_token_number_offer_or_click() {
    let mut world = World::new();
    let click = world.click(NOW);
    let cases = [
        ("token=first-token", None, Ok(1)),
        ("", Some("second-token"), Ok(1)),
        ("security_token=first-token&advertiser=1", None, Ok(1)),
        ("token=nobody", None, Err(Refusal::TokenWrong)),
        ("token=first-token&advertiser=2", None, Ok(2)),
        ("token=nobody&advertiser=1", None, Err(Refusal::TokenWrong)),
        ("token=", None, Err(Refusal::AdvertiserMissing)),
        ("advertiser=1", None, Err(Refusal::TokenMissing)),
        ("advertiser=2", None, Ok(2)),
        ("offer_id=20", None, Ok(2)),
        ("offer_id=10", None, Err(Refusal::TokenMissing)),
        ("offer_id=99", None, Err(Refusal::OfferUnknown)),
        ("advertiser=99", None, Err(Refusal::AdvertiserUnknown)),
        ("advertiser=3", None, Err(Refusal::AdvertiserInactive)),
        ("order_id=1", None, Err(Refusal::AdvertiserMissing)),
        (&format!("click_id={click}"), None, Ok(2)),
        ("click_id=nonsense", None, Err(Refusal::AdvertiserMissing)),
    ];
    for (query, header, want) in cases {
        assert_eq!(world.owner(query, header), want, "{query} {header:?}");
    }
}

// fault 98
#[test]
fn another_shops_click_does_not_take_an_order_from_the_owner_of_the_token() {
    let mut world = World::new();
    let foreign = world.click(NOW);
    assert_eq!(world.owner(&format!("token=first-token&click_id={foreign}"), None), Ok(1));
    assert_eq!(
        world.owner(&format!("click_id={foreign}"), None),
        Ok(2),
        "a shop without tokens is named by it"
    );
}

#[test]
fn a_token_is_secret_to_its_last_byte() {
    let world = World::new();
    let owner = world.catalog.advertisers.get(&AdvertiserId(1)).unwrap();
    assert!(owner.tokens.contains(&Secret("first-token".into())));
    for token in ["first-toke", "first-tokem", "first-token2", "FIRST-TOKEN"] {
        assert_eq!(world.owner("", Some(token)), Err(Refusal::TokenWrong), "{token}");
    }
}

#[test]
fn an_order_is_read_whole() {
    let mut world = World::new();
    let click = world.click(NOW.back(1000));
    let query = format!(
        "transaction_id={click}&txid=A-17&sum=1.234,50&currency=usd&goal=Lead&status=2&coupon_code=SAVE&email=Ann@Example.com&aff_id=100&customertype=new&ts=2025-11-22T13:36:11"
    );
    let report = world.report(&query).unwrap();
    assert_eq!(&*report.key.order, "A-17");
    assert_eq!(report.click.signed().map(|it| it.to_string()), Some(click));
    let amount = Money { minor: 123_450, currency: Currency::parse("USD").unwrap() };
    assert_eq!(report.statement, Statement::Order { amount: Some(amount) });
    assert_eq!((&*report.event, report.status), ("lead", Some(ReportedStatus::Pending)));
    assert_eq!(
        (report.coupons.first().map(|it| &**it), report.partner),
        (Some("SAVE"), Some(PartnerId(100)))
    );
    assert_eq!(
        report.reported_at.unwrap().to_string(),
        "2025-11-22T12:36:11.000Z",
        "in the advertiser's zone"
    );
    assert_eq!((report.new_customer, report.received_at), (Some(true), NOW));
    let ann = world.customers.hash(AdvertiserId(1), "ann@example.com");
    assert_eq!((report.customer, report.email), (None, Some(ann)));
}

#[test]
fn a_customer_is_known_by_number_and_address() {
    let world = World::new();
    let hash = |text| world.customers.hash(AdvertiserId(1), text);
    let both = world.report("order_id=1&customer_id=26&email=Ann@Example.com").unwrap();
    assert_eq!(both.customers().collect::<Vec<_>>(), [hash("26"), hash("ann@example.com")]);
    let once = world.report("order_id=1&customer_id=ann@example.com&email=Ann@Example.com").unwrap();
    assert_eq!(once.customers().count(), 1, "the same name twice is one name");
}

#[test]
fn an_order_says_all_that_it_knows() {
    let world = World::new();
    let rows = [
        ("coupon=A&coupons=B,A,C,D,E", "coupons A B C D"),
        ("coupons=%7Bcoupon%7D,%20b%20", "coupons b"),
        ("offer_id=10", "offer 10"),
        ("offer_id=20", ""),
        ("checkout_at=2025-11-22T13:36:11", "checkout 2025-11-22T12:36:11.000Z"),
        ("status=cancelled", "reason cancelled"),
        ("status=rejected&reason=Test%20order", "reason test"),
        ("status=rejected&reason=whatever", "reason other"),
        ("status=rejected", ""),
        ("status=approved&reason=fraud", ""),
    ];
    for (query, want) in rows {
        let it = world.report(&format!("order_id=1&{query}")).unwrap();
        let said = [
            (!it.coupons.is_empty()).then(|| format!("coupons {}", it.coupons.join(" "))),
            it.offer.map(|it| format!("offer {it}")),
            it.checkout_at.map(|it| format!("checkout {it}")),
            it.reason.map(|it| format!("reason {}", it.as_str())),
        ];
        assert_eq!(said.into_iter().flatten().collect::<Vec<_>>().join(", "), want, "{query}");
    }
    assert_eq!(world.report("order_id=1&checkout_at=soon"), Err(Refusal::TimeInvalid));
}

#[test]
fn lines_say_what_an_order_is_worth_where_it_gives_no_sum() {
    let world = World::new();
    let lines = "items=%5B%7B%22sku%22:%22A%22,%22quantity%22:2,%22price%22:%221.50%22%7D,%7B%22sku%22:%22B%22,%22amount%22:%222%22%7D%5D";
    let rows =
        [("", 500, "EUR"), ("&currency=USD", 500, "USD"), ("&amount=6", 600, "EUR"), ("&amount=0", 0, "EUR")];
    for (query, minor, code) in rows {
        let report = world.report(&format!("order_id=1&{lines}{query}")).unwrap();
        let Statement::Order { amount } = report.statement else { panic!("{query}") };
        let want = Money { minor, currency: Currency::parse(code).unwrap() };
        assert_eq!((amount, report.items.len()), (Some(want), 2), "{query}");
    }
    let back = world.report(&format!("order_id=1&refund_id=r&{lines}")).unwrap();
    assert_eq!(back.statement, Statement::refund("r", None), "lines of a refund are not its sum");
    let mut fields = Fields::default();
    assert_eq!(fields.add_form("order_id=1&items=%5B1%5D"), Err(Refusal::ItemsInvalid));
}

#[test]
fn the_longest_report_fits_its_frame() {
    let world = World::new();
    let long = |n: usize| "\u{44d}".repeat(n / 2);
    let query = format!("order_id={}&goal={}&refund_id={}&amount=-1", long(126), long(64), long(128));
    let mut fields = fields(&query);
    fields.add("delivery_id", &long(128)).unwrap();
    fields.add("click_id", &long(200)).unwrap();
    let codes: Vec<String> = (0..9).map(|it| format!("{it}{}", long(62))).collect();
    fields.add_coupons(codes.iter().map(|it| &**it));
    let line = Json::Object(vec![
        ("sku".to_owned(), Json::Text(long(500))),
        ("quantity".to_owned(), Json::Text(u32::MAX.to_string())),
        ("amount_minor".to_owned(), Json::Text("900000000".to_owned())),
    ]);
    fields.set_lines(&vec![line; 1_000]);
    let advertiser = world.catalog.advertisers.get(&AdvertiserId(1)).unwrap();
    let report = understand(&fields, advertiser, Channel::Batch, None, &world.context()).unwrap().report;
    assert_eq!((report.items.len(), report.coupons.len()), (Report::ITEMS_MAX, Report::COUPONS_MAX));
    let mut bytes = Vec::new();
    assert!(report.encode(&mut bytes).is_ok());
    assert!(bytes.len() < events::INPUT_BYTES_MAX, "{}", bytes.len());
}

// faults 88, 99
#[test]
fn what_cannot_be_an_order_is_refused_and_a_strange_click_is_not() {
    let mut world = World::new();
    let long = "x".repeat(128);
    let cases = [
        ("amount=1", Err(Refusal::OrderIdMissing)),
        ("order_id=%7Border_id%7D", Err(Refusal::OrderIdUnfilled)),
        ("order_id=undefined", Err(Refusal::OrderIdUnfilled)),
        ("order_id=a%0Db", Err(Refusal::OrderIdCharacters)),
        (&*format!("order_id={long}"), Err(Refusal::OrderIdTooLong)),
        ("order_id=1&status=maybe", Err(Refusal::StatusUnknown)),
        ("order_id=1&amount=NaN", Err(Refusal::AmountInvalid)),
        ("order_id=1&amount=1&currency=XYZ", Err(Refusal::CurrencyUnknown)),
        ("order_id=1&ts=soon", Err(Refusal::TimeInvalid)),
        (&*format!("order_id=1&coupon={long}"), Err(Refusal::ValueTooLong)),
        ("order_id=1&click_id=%7Bclickid%7D", Ok("unexpanded_macro")),
        ("order_id=1&click_id=17", Ok("click_id_length")),
    ];
    let reason = |report: Report| match report.click {
        ReportedClick::Refused { reason, .. } => reason,
        other => panic!("{other:?}"),
    };
    for (query, want) in cases {
        assert_eq!(world.report(query).map(reason), want.map(Box::from), "{query}");
    }
    let future = format!("order_id=1&click_id={}", world.click(NOW.forth(FUTURE_MAX_MS + 1)));
    assert_eq!(world.report(&future).map(reason), Ok("click_id_future".into()));
    let tomorrow = format!("order_id=1&click_id={}", world.click(NOW.forth(FUTURE_MAX_MS)));
    assert!(world.report(&tomorrow).unwrap().click.signed().is_some());
}

#[test]
fn refunds_are_told_by_sign_by_word_and_by_id() {
    let world = World::new();
    let refund = |query: &str| match world.report(query).unwrap() {
        Report { statement: Statement::Refund { refund, amount, .. }, status, .. } => {
            (refund, amount.map(|it| it.minor), status)
        }
        other => panic!("{query}: {other:?}"),
    };
    let by_sign = refund("order_id=1&amount=-5");
    assert_eq!((by_sign.1, by_sign.2), (Some(500), None));
    assert_eq!(refund("order_id=1&amount=-5.00&ts=1763818571"), by_sign, "a repeated refund is one refund");
    assert_ne!(refund("order_id=1&amount=-6").0, by_sign.0);
    assert_ne!(refund("order_id=2&amount=-5").0, by_sign.0);
    assert_eq!(refund("order_id=1&status=chargeback").1, None, "all of it");
    let kind = |query: &str| match world.report(query).unwrap().statement {
        Statement::Refund { kind, .. } => kind,
        other @ Statement::Order { .. } => panic!("{query}: {other:?}"),
    };
    assert_eq!(kind("order_id=1&status=chargeback"), RefundKind::Chargeback);
    assert_eq!(kind("order_id=1&status=refunded"), RefundKind::Refund);
    assert_eq!(kind("order_id=1&amount=-5"), RefundKind::Refund);
    assert_eq!(refund("order_id=1&status=refunded&amount=0").1, None);
    assert_eq!(
        refund("order_id=1&refund_id=R7&amount=3&status=approved"),
        ("R7".into(), Some(300), Some(ReportedStatus::Approved))
    );
}

#[test]
fn orders_without_a_number_are_known_by_the_advertisers_rule() {
    let mut world = World::new();
    let click = world.click(NOW);
    let by_click = world.report_of(2, &format!("click_id={click}&goal=lead"), Channel::Postback).unwrap();
    assert_eq!(&*by_click.key.order, format!("~lead~click~{click}"));
    assert_eq!(world.report_of(2, "click_id=17", Channel::Postback), Err(Refusal::OrderIdMissing));
    let mail = world.report("order_id=Ann@Example.com").unwrap().key.order;
    assert!(mail.starts_with("mail-") && !mail.contains('@'), "{mail}");
    assert_eq!(world.report("order_id=ann@example.com").unwrap().key.order, mail);
    assert_eq!(&*world.report("order_id=~1").unwrap().key.order, "~~1", "nobody takes a derived key's place");
}

#[test]
fn a_pixel_that_is_evidence_only_states_no_money() {
    let mut world = World::new();
    let click = world.click(NOW);
    let query = format!("click_id={click}&order_id=5&amount=99&status=approved");
    let pixel = world.report_of(2, &query, Channel::Pixel).unwrap();
    assert_eq!((pixel.statement, pixel.status), (Statement::Order { amount: None }, None));
    let postback = world.report_of(2, &query, Channel::Postback).unwrap();
    assert_eq!(postback.status, Some(ReportedStatus::Approved));
}

proptest! {
    #[test]
    fn any_report_fits_a_frame_or_is_refused(pairs in proptest::collection::vec(("(order_id|click_id|coupon|coupons|items|goal|refund_id|amount|currency|ts|checkout_at|status|reason|delivery_id|email|offer_id)", "\\PC{0,140}"), 0..12)) {
        let world = World::new();
        let mut fields = Fields::default();
        for (name, value) in &pairs {
            prop_assert!(matches!(fields.add(name, value), Ok(()) | Err(Refusal::ItemsInvalid)));
        }
        let advertiser = world.catalog.advertisers.get(&AdvertiserId(1)).unwrap();
        if let Ok(Understood { report, .. }) = understand(&fields, advertiser, Channel::Batch, None, &world.context()) {
            let mut bytes = Vec::new();
            prop_assert!(report.encode(&mut bytes).is_ok());
        }
    }
}
