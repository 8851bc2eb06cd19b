//! The bytes are frozen, every cut and every flip is an error or another event, never a panic.

use units::{
    AdvertiserId, CatalogVersion, Currency, CustomerId, EpochMs, LinkId, Money, OfferId, Origin, PartnerId,
    Ppm, Quarter, Rate, Stamp, VisitorId, WriterId,
};

use super::*;
use crate::*;

fn id() -> ClickId {
    ClickMint::new(ClickKey::new(3, b"a secret of the tests"), 41).mint(
        EpochMs(1_763_818_571_042),
        LinkId(77),
        VisitorId(0x0123_4567_89ab_cdef),
    )
}

fn origin() -> Origin {
    Origin { writer: WriterId::new(1, 2), incarnation: 1_763_818_000, sequence: 42 }
}

fn key() -> OrderKey {
    OrderKey::by_id(AdvertiserId(4), "A-1001")
}

fn stamp() -> Stamp {
    Stamp::new(1, 900).unwrap().with_revision(3)
}

fn head() -> ClickHead {
    ClickHead {
        origin: origin(),
        id: id(),
        kind: TouchKind::Click,
        verdict: Verdict::Valid,
        verdict_version: VERDICT_VERSION,
        partner: PartnerId(12),
        offer: OfferId(300),
        advertiser: AdvertiserId(4),
        catalog: CatalogVersion(2),
        currency: Currency::EUR,
        country: Country(*b"DE"),
        device: Device::Mobile,
    }
}

fn click() -> Click<'static> {
    Click {
        head: head(),
        os: Os::Android,
        browser: Browser::Chrome,
        consent: Consent { gpc: true, dnt: false },
        visitor_is_new: true,
        ip: IpPrefix::V4([203, 0, 113]),
        ip_hash: 0x1122_3344_5566_7788,
        user_agent_hash: 99,
        landing: LandingChoice::Stored,
        deep_link: "",
        referrer_host: "blog.example",
        source: "newsletter",
        partner_click_id: "p-1",
        subs: vec![(1, "spring"), (30, "x")],
        tags: vec![("gclid", "abc")],
    }
}

fn report() -> Report {
    Report {
        received_at: EpochMs(1_763_818_600_000),
        origin: origin(),
        reported_at: Some(EpochMs(1_763_818_590_000)),
        key: key(),
        channel: Channel::Postback,
        event: "sale".into(),
        click: ReportedClick::Signed(id()),
        visitor: Some(VisitorId(5)),
        customer: Some(CustomerId([7; 16])),
        email: Some(CustomerId([8; 16])),
        coupons: vec!["TEA5".into(), "POT".into()],
        partner: None,
        statement: Statement::Order { amount: Some(Money { minor: 4_995, currency: Currency::EUR }) },
        status: Some(ReportedStatus::Pending),
        reason: Some(RejectReason::Test),
        new_customer: Some(true),
        delivery: "".into(),
        catalog: CatalogVersion(2),
        offer: Some(OfferId(300)),
        checkout_at: Some(EpochMs(1_763_818_580_000)),
        items: vec![Item { product: "SKU-1".into(), quantity: 2, minor: 4_995 }],
    }
}

fn decision() -> Decision {
    Decision {
        stamp: stamp(),
        key: key(),
        at: EpochMs(1_763_818_590_000),
        time_source: TimeSource::Reported,
        catalog: CatalogVersion(2),
        event: "sale".into(),
        status: OrderStatus::PartlyRefunded,
        amount: Some(Money { minor: 4_995, currency: Currency::EUR }),
        refunded_minor: 995,
        revenue_minor: 4_000,
        currency: Currency::EUR,
        offer: OfferId(300),
        partner: PartnerId(12),
        matched: Some(MatchedKey::ClickId),
        unattributed: None,
        report_count: 2,
        first_received_at: EpochMs(1_763_818_600_000),
        last_received_at: EpochMs(1_763_818_700_000),
        payable_at: EpochMs(1_763_905_000_000),
        model: Some(SharedBy::Position),
        path_touches: 3,
        reporting: Some(reporting()),
        hold: Some(Hold::RateMissing),
        reason: Some(RejectReason::Fraud),
        void_quarters: vec![Quarter(1_959_800)],
        trace: Trace {
            visitors: vec![VisitorId(5)],
            refused_clicks: vec![("{clickid}".into(), "unexpanded_macro".into())],
            candidates: vec![Candidate {
                touch: id().touch(),
                kind: TouchKind::Click,
                at: id().at(),
                partner: PartnerId(12),
                offer: OfferId(300),
                verdict: CandidateVerdict::Won,
                age_ms: 18_958,
                window_ms: 2_592_000_000,
            }],
            candidates_left_out: 0,
            notes: vec!["clock_differs".into()],
        },
    }
}

fn credit() -> Credit {
    Credit {
        stamp: stamp(),
        quarter: Quarter(1_959_798),
        key: key(),
        touch: id().touch(),
        touched_at: id().at(),
        at: EpochMs(1_763_818_590_000),
        partner: PartnerId(12),
        offer: OfferId(300),
        advertiser: AdvertiserId(4),
        link: LinkId(77),
        country: Country(*b"DE"),
        device: Device::Mobile,
        share: Ppm(1_000_000),
        revenue_minor: 4_000,
        currency: Currency::EUR,
        status: OrderStatus::PartlyRefunded,
        role: Role::Closer,
        standing: Some(Standing {
            kind: TouchKind::View,
            found: MatchedKey::Visitor,
            verdict: CandidateVerdict::NotShared,
        }),
        is_assist: true,
        path_touches: 3,
        reporting: Some(reporting()),
        hold: Some(Hold::RateMissing),
    }
}

fn reporting() -> Reporting {
    let currency = Currency::parse("USD").unwrap();
    Reporting { minor: 4_332, currency, rate: Rate::parse("1.0831").unwrap() }
}

fn lookup() -> Lookup {
    Lookup {
        stamp: stamp(),
        identity: Identity::Customer(CustomerId([9; 16])),
        order: key(),
        from: EpochMs(5),
        to: EpochMs(9),
        at: EpochMs(8),
        visitors: vec![VisitorId(5)],
    }
}

fn evidence() -> Evidence {
    Evidence {
        stamp: stamp(),
        order: key(),
        identity: Identity::Visitor(VisitorId(5)),
        touches: vec![Touch::from(&head())],
        partners: vec![PartnerId(12), PartnerId(13)],
        visitors: vec![],
        bindings: vec![Binding {
            order: key(),
            at: EpochMs(1),
            partner: Some(PartnerId(12)),
            stamp: stamp(),
        }],
    }
}

/// One of each kind: its golden file's name, its bytes, and itself.
fn samples() -> Vec<(&'static str, Vec<u8>, Event<'static>)> {
    let catalog = CatalogRecord {
        version: CatalogVersion(2),
        effective_at: EpochMs(1),
        applied_at: EpochMs(2),
        text: "[[partner]]".into(),
    };
    let claim = Claim { partition: 3, nonce: 77, at: EpochMs(4), owner: "host:1".into() };
    let quarantined =
        Quarantined { reason: "malformed".into(), place: "clicks/3@9".into(), bytes: vec![1, 2, 3] };
    macro_rules! sample {
        ($name:literal, $event:expr, $wrap:expr) => {{
            let mut bytes = Vec::new();
            $event.clone().encode(&mut bytes).unwrap();
            ($name, bytes, $wrap($event))
        }};
    }
    vec![
        sample!("click_v1", click(), Event::Click),
        sample!("report_v2", report(), |it| Event::Report(Box::new(it))),
        sample!("decision_v2", decision(), |it| Event::Decision(Box::new(it))),
        sample!("credit_v2", credit(), |it| Event::Credit(Box::new(it))),
        sample!("lookup_v1", lookup(), Event::Lookup),
        sample!("evidence_v1", evidence(), Event::Evidence),
        sample!("catalog_v1", catalog, Event::Catalog),
        sample!("claim_v1", claim, Event::Claim),
        sample!("quarantined_v1", quarantined, Event::Quarantined),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|it| char::from_digit(it.into(), 16))
        .collect()
}

/// What production wrote yesterday must read today. Never edit a golden file; add a v2 beside it.
#[test]
fn bytes_are_frozen() {
    for (name, bytes, event) in samples() {
        let path = format!("{}/tests/golden/{name}.hex", env!("CARGO_MANIFEST_DIR"));
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(hex(&bytes), golden.trim(), "{path}");
        assert_eq!(Event::decode(&bytes), Ok(event), "{name}");
    }
}

/// What an earlier build wrote is read, whatever this one writes.
#[test]
fn bytes_of_every_version_are_read() {
    for &kind in Kind::ALL {
        for version in 1..=kind.version() {
            let path =
                format!("{}/tests/golden/{}_v{version}.hex", env!("CARGO_MANIFEST_DIR"), kind.as_str());
            let golden = std::fs::read_to_string(&path).unwrap();
            let digits = golden.trim().as_bytes().chunks(2).map(|it| std::str::from_utf8(it).unwrap());
            let bytes: Vec<u8> = digits.map(|it| u8::from_str_radix(it, 16).unwrap()).collect();
            assert_eq!(bytes[..4], [MAGIC, kind.code(), version, 0], "{path}");
            assert!(Event::decode(&bytes).is_ok(), "{path}");
        }
    }
}

/// What it could not say is said by nobody.
#[test]
fn a_report_of_version_1_is_read_without_what_came_later() {
    let golden = include_str!("../../tests/golden/report_v1.hex").trim().as_bytes();
    let digits = golden.chunks(2).map(|it| std::str::from_utf8(it).unwrap());
    let bytes: Vec<u8> = digits.map(|it| u8::from_str_radix(it, 16).unwrap()).collect();
    let then = Report {
        email: None,
        coupons: vec!["TEA5".into()],
        reason: None,
        offer: None,
        checkout_at: None,
        items: Vec::new(),
        ..report()
    };
    assert_eq!(Event::decode(&bytes), Ok(Event::Report(Box::new(then))));
}

#[test]
fn a_refund_keeps_its_kind() {
    for &kind in RefundKind::ALL {
        let statement = Statement::Refund { refund: "r".into(), amount: None, kind };
        let report = Report { statement, ..report() };
        let mut bytes = Vec::new();
        report.clone().encode(&mut bytes).unwrap();
        assert_eq!(Event::decode(&bytes), Ok(Event::Report(Box::new(report))));
    }
}

/// What version 1 did not say is told from what there was none of.
#[test]
fn what_the_first_version_did_not_say_is_absent() {
    let read = |golden: &str| -> Vec<u8> {
        let digits = golden.trim().as_bytes().chunks(2).map(|it| std::str::from_utf8(it).unwrap());
        digits.map(|it| u8::from_str_radix(it, 16).unwrap()).collect()
    };
    let bytes = read(include_str!("../../tests/golden/credit_v1.hex"));
    let Ok(Event::Credit(credit)) = Event::decode(&bytes) else { panic!("a credit") };
    let told = (credit.standing, credit.is_assist, credit.path_touches, credit.reporting, credit.hold);
    assert_eq!(told, (None, false, 0, None, None));
    let bytes = read(include_str!("../../tests/golden/decision_v1.hex"));
    let Ok(Event::Decision(decision)) = Event::decode(&bytes) else { panic!("a decision") };
    let told = (decision.model, decision.path_touches, decision.reporting, decision.hold);
    assert_eq!(told, (None, 0, None, None));
}

#[test]
fn no_version_beyond_those_written_is_read() {
    for &kind in Kind::ALL {
        for version in [0, kind.version() + 1, u8::MAX] {
            let error = Event::decode(&[MAGIC, kind.code(), version, 0, 0]).map(|_| ()).unwrap_err();
            assert_eq!(error, DecodeError::UnknownVersion { kind: kind.code(), version });
        }
    }
}

#[test]
fn the_front_of_a_click_is_read_without_its_tail() {
    let mut bytes = Vec::new();
    click().encode(&mut bytes).unwrap();
    assert_eq!(ClickHead::peek(&bytes), Ok(head()));
    assert_eq!(ClickHead::peek(&bytes[..80]), Ok(head()));
    assert_eq!(ClickHead::peek(&bytes[..50]), Err(DecodeError::Malformed));
}

#[test]
fn every_cut_is_an_error_and_no_flip_panics() {
    for (name, bytes, event) in samples() {
        for cut in 0..bytes.len() {
            assert!(Event::decode(&bytes[..cut]).is_err(), "{name} cut at {cut}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(Event::decode(&flipped).ok(), Some(event.clone()), "{name} bit {bit}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(Event::decode(&longer), Err(DecodeError::Trailing { left: 1 }), "{name}");
    }
}

#[test]
fn what_a_later_build_wrote_is_named_not_guessed() {
    let mut bytes = Vec::new();
    click().encode(&mut bytes).unwrap();
    let with = |index: usize, byte: u8| {
        let mut other = bytes.clone();
        other[index] = byte;
        Event::decode(&other).map(|_| ()).unwrap_err()
    };
    assert_eq!(with(0, 0), DecodeError::NoEnvelope);
    assert_eq!(with(1, 200), DecodeError::UnknownKind { kind: 200 });
    assert_eq!(with(2, 2), DecodeError::UnknownVersion { kind: 1, version: 2 });
    assert_eq!(with(3, 1), DecodeError::UnknownFlags { flags: 1 });
    assert_eq!(Event::decode(&[]), Err(DecodeError::NoEnvelope));
}

#[test]
fn what_is_too_large_is_refused_and_leaves_nothing_behind() {
    let long = "x".repeat(INPUT_BYTES_MAX);
    let mut out = vec![1, 2, 3];
    let error = Click { deep_link: &long, ..click() }.encode(&mut out).unwrap_err();
    assert!(matches!(error, EncodeError::TooLarge { kind: Kind::Click, max: INPUT_BYTES_MAX, .. }));
    assert_eq!(out, [1, 2, 3]);
    let huge =
        vec![MAGIC, 1, 1, 0].into_iter().chain(std::iter::repeat_n(0, INPUT_BYTES_MAX)).collect::<Vec<_>>();
    assert!(matches!(Event::decode(&huge), Err(DecodeError::TooLarge { .. })));
}

#[test]
fn a_hostile_length_allocates_nothing() {
    // A quarantined record whose text claims 2^60 bytes.
    let bytes = [MAGIC, 9, 1, 0, 253, 0, 0, 0, 0, 0, 0, 0, 16];
    assert_eq!(Event::decode(&bytes), Err(DecodeError::Malformed));
}
