//! One event of every kind, whose bytes are frozen.

use units::{
    AdvertiserId, CatalogVersion, Currency, CustomerId, EpochMs, LinkId, Money, OfferId, Origin, PartnerId,
    Ppm, Quarter, Rate, Stamp, VisitorId, WriterId,
};

use super::*;
use crate::*;

pub(super) fn id() -> ClickId {
    ClickMint::new(ClickKey::new(3, b"a secret of the tests"), 41).mint(
        EpochMs(1_763_818_571_042),
        LinkId(77),
        VisitorId(0x0123_4567_89ab_cdef),
    )
}

pub(super) fn origin() -> Origin {
    Origin { writer: WriterId::new(1, 2), incarnation: 1_763_818_000, sequence: 42 }
}

pub(super) fn key() -> OrderKey {
    OrderKey::by_id(AdvertiserId(4), "A-1001")
}

pub(super) fn stamp() -> Stamp {
    Stamp::new(1, 900).unwrap().with_revision(3)
}

pub(super) fn head() -> ClickHead {
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

pub(super) fn click() -> Click<'static> {
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

pub(super) fn report() -> Report {
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
        self_partner: Some(PartnerId(12)),
        partner_named: "old-7".into(),
    }
}

pub(super) fn decision() -> Decision {
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
        is_approved: true,
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
                found: Some(MatchedKey::Visitor),
                role: Role::Influencer,
                share: Ppm(400_000),
                rank: Some(1),
                short_ms: -7,
                beaten_by: Some(TouchId::of_key(MatchedKey::Coupon, PartnerId(13), OfferId(300))),
            }],
            candidates_left_out: 0,
            notes: vec!["clock_differs".into()],
            touches: TriedTouches {
                click_id: KeyOutcome::Decided,
                visitor: KeyOutcome::NoCandidate,
                customer_visitor: KeyOutcome::NotNamed,
            },
            keys: vec![TriedKey {
                key: MatchedKey::Coupon,
                named: "TEA5".into(),
                outcome: KeyOutcome::Lost,
                partner: Some(PartnerId(13)),
            }],
            keys_left_out: 2,
            decided_by: Some(DecidedBy {
                key: EarningKey::Click,
                model: Some(SharedBy::Position),
                partner: PartnerId(12),
                offer: OfferId(300),
                level: Level::PartnerType,
            }),
            clock_gap_ms: 5_000,
            checkout_at: Some(EpochMs(1_763_818_580_000)),
            signals: vec![TracedSignal { signal: score().signals[0], rules: CatalogVersion(2) }],
        },
    }
}

pub(super) fn credit() -> Credit {
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
        is_approved: true,
        refunded_minor: 995,
    }
}

pub(super) fn reporting() -> Reporting {
    let currency = Currency::parse("USD").unwrap();
    Reporting { minor: 4_332, currency, rate: Rate::parse("1.0831").unwrap() }
}

pub(super) fn lookup() -> Lookup {
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

pub(super) fn evidence() -> Evidence {
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
        past: None,
    }
}

pub(super) fn past() -> Evidence {
    let by = |at, since| BoundTo { at: EpochMs(at), partner: PartnerId(12), offer: OfferId(300), since };
    let past = Past { first: Some(by(3, 4)), last: Some(by(5, 1)), orders: 6 };
    let identity = Identity::Customer(CustomerId([9; 16]));
    Evidence { visitors: vec![VisitorId(5)], past: Some(past), ..Evidence::bare(stamp(), key(), identity) }
}

pub(super) fn bound() -> Bound {
    Bound {
        stamp: stamp(),
        customer: CustomerId([9; 16]),
        order: key(),
        at: EpochMs(8),
        partner: Some(PartnerId(12)),
        offer: OfferId(300),
        by_binding: false,
        is_purchase: true,
    }
}

pub(super) fn score() -> Score {
    let signal = |code, partner| Signal { code, partner: PartnerId(partner), value: 1_201, threshold: 1_000 };
    Score {
        origin: origin(),
        received_at: EpochMs(1_763_822_200_000),
        order: key(),
        rules: CatalogVersion(2),
        scored_at: EpochMs(1_763_822_100_000),
        signals: vec![signal(SignalCode::ClickFlood, 12), signal(SignalCode::ManyOrders, 0)],
    }
}

/// One of each kind: its golden file's name, its bytes, and itself.
pub(super) fn samples() -> Vec<(&'static str, Vec<u8>, Event<'static>)> {
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
        sample!("evidence_v2", past(), Event::Evidence),
        sample!("bound_v1", bound(), Event::Bound),
        sample!("score_v1", score(), |it| Event::Score(Box::new(it))),
    ]
}
