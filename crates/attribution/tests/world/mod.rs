//! What the tests share: a small catalog, clicks and reports in few words.

#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod deciding;

use std::{collections::HashMap, sync::Arc};

use catalog::{
    Catalog, Coupon, History, Link, Offer, OverrideFor, Partner, RuleChanges, Rules, Status, Template,
};
use events::{
    ClickHead, ClickId, ClickKey, ClickMint, Country, Device, OrderKey, Report, ReportedClick,
    ReportedStatus, Statement, Touch, TouchKind, Verdict,
};
use units::{
    AdvertiserId, CatalogVersion, Currency, CustomerId, EpochMs, LinkId, Money, OfferId, Origin, PartnerId,
    VisitorId, WriterId,
};

/// The window of offers 10 and 20 in the first version, in ms.
pub(crate) const WINDOW_MS: u64 = 1_000_000;
/// A time well above every window.
pub(crate) const T: u64 = 100_000_000;

pub(crate) const SHOP: AdvertiserId = AdvertiserId(1);
pub(crate) const OTHER_SHOP: AdvertiserId = AdvertiserId(2);

pub(crate) fn offer(id: u32, advertiser: AdvertiserId, rules: Rules) -> Offer {
    Offer {
        id: OfferId(id),
        advertiser,
        name: "offer".into(),
        status: Status::Active,
        destination: "https://shop.example/".into(),
        landing: Template::default(),
        allowed_hosts: Vec::new(),
        click_id_parameter: "click_id".into(),
        currency: Currency::parse("USD").expect("a known code"),
        rules: rules.into(),
    }
}

pub(crate) fn rules(click_window_ms: u64) -> Rules {
    Rules {
        click_window_ms,
        view_window_ms: click_window_ms / 10,
        minimum_time_ms: 0,
        hold_ms: 500,
        duplicate_window_ms: 0,
        ..Rules::default()
    }
}

/// Partners 1 to 4; offer 10 of the shop and 20 of the other one; link `partner * 100 + offer`.
pub(crate) fn catalog(version: u32, effective_at: u64, window_ms: u64) -> Catalog {
    let partner = |id: u32| Partner {
        id: PartnerId(id),
        name: "partner".into(),
        kind: if id == 4 { "coupon" } else { "content" }.into(),
        status: Status::Active,
        email: None,
    };
    let link = |partner: u32, offer: u32| Link {
        id: LinkId(partner * 100 + offer),
        code: format!("l{partner}{offer}").into(),
        partner: PartnerId(partner),
        offer: OfferId(offer),
        status: Status::Active,
        destination: None,
        landing: None,
    };
    let offers = [offer(10, SHOP, rules(window_ms)), offer(20, OTHER_SHOP, rules(window_ms))];
    Catalog {
        version: CatalogVersion(version),
        effective_at: EpochMs(effective_at),
        offers: offers.into_iter().map(|it| (it.id, it)).collect(),
        partners: (1..=4).map(|it| (PartnerId(it), partner(it))).collect(),
        links: (1..=4)
            .flat_map(|it| [link(it, 10), link(it, 20)])
            .map(|it| (it.id, it))
            .collect::<HashMap<_, _>>(),
        ..Catalog::default()
    }
    .with_programs()
}

/// The same with a coupon of the shop's, for offer 10.
pub(crate) fn with_coupon(mut catalog: Catalog, code: &str, partner: u32, exclusive: bool) -> Catalog {
    let coupon = Coupon { code: code.into(), partner: PartnerId(partner), offer: OfferId(10), exclusive };
    catalog.coupons.insert((SHOP, code.into()), coupon);
    catalog
}

pub(crate) fn override_of(whom: OverrideFor, click_window_ms: u64) -> (OverrideFor, RuleChanges) {
    (whom, RuleChanges { click_window_ms: Some(click_window_ms), ..RuleChanges::default() })
}

pub(crate) fn history(catalogs: impl IntoIterator<Item = Catalog>) -> History {
    let mut history = History::default();
    for catalog in catalogs {
        history.insert(Arc::new(catalog));
    }
    history
}

pub(crate) fn origin(sequence: u64) -> Origin {
    Origin { writer: WriterId(1), incarnation: 1, sequence }
}

pub(crate) fn key(order: &str) -> OrderKey {
    OrderKey::by_id(SHOP, order)
}

/// A click id; `unique` tells those of one millisecond apart.
pub(crate) fn click_id(at: u64, partner: u32, offer: u32, visitor: u64, unique: u32) -> ClickId {
    let mut mint = ClickMint::new(ClickKey::new(0, b"secret"), unique);
    mint.mint(EpochMs(at), LinkId(partner * 100 + offer), VisitorId(visitor))
}

/// A valid click of partner `partner` on the shop's offer.
pub(crate) fn click(at: u64, partner: u32, visitor: u64, sequence: u64) -> ClickHead {
    click_on(at, partner, 10, visitor, sequence)
}

pub(crate) fn click_on(at: u64, partner: u32, offer: u32, visitor: u64, sequence: u64) -> ClickHead {
    ClickHead {
        origin: origin(sequence),
        id: click_id(at, partner, offer, visitor, u32::try_from(sequence).expect("a small number")),
        kind: TouchKind::Click,
        verdict: Verdict::Valid,
        verdict_version: 1,
        partner: PartnerId(partner),
        offer: OfferId(offer),
        advertiser: if offer == 10 { SHOP } else { OTHER_SHOP },
        catalog: CatalogVersion(1),
        currency: Currency::EUR,
        country: Country(*b"DE"),
        device: Device::Mobile,
    }
}

pub(crate) fn touch(at: u64, partner: u32, visitor: u64, sequence: u64) -> Touch {
    Touch::from(&click(at, partner, visitor, sequence))
}

/// An approved sale of 100.00 EUR, reported and received at `at`.
pub(crate) fn report(order: &str, at: u64, sequence: u64) -> Report {
    Report {
        statement: Statement::Order { amount: Some(euros(10_000)) },
        status: Some(ReportedStatus::Approved),
        catalog: CatalogVersion(1),
        ..Report::bare(key(order), EpochMs(at), origin(sequence))
    }
}

pub(crate) fn refund(order: &str, at: u64, sequence: u64, id: &str, amount: Option<Money>) -> Report {
    let statement = Statement::refund(id, amount);
    Report { statement, status: None, event: "refund".into(), ..report(order, at, sequence) }
}

pub(crate) fn euros(minor: i64) -> Money {
    Money { minor, currency: Currency::EUR }
}

pub(crate) trait ReportWords {
    fn by(self, click: ClickId) -> Self;
    fn of(self, visitor: u64) -> Self;
    fn said_at(self, at: u64) -> Self;
    fn of_customer(self, customer: u8) -> Self;
    fn with(self, coupon: &str) -> Self;
    fn declaring(self, partner: u32) -> Self;
}

impl ReportWords for Report {
    fn by(self, click: ClickId) -> Self {
        Self { click: ReportedClick::Signed(click), ..self }
    }

    fn of(self, visitor: u64) -> Self {
        Self { visitor: Some(VisitorId(visitor)), ..self }
    }

    fn said_at(self, at: u64) -> Self {
        Self { reported_at: Some(EpochMs(at)), ..self }
    }

    fn of_customer(self, customer: u8) -> Self {
        Self { customer: Some(CustomerId([customer; 16])), ..self }
    }

    fn with(self, coupon: &str) -> Self {
        Self { coupons: vec![coupon.into()], ..self }
    }

    fn declaring(self, partner: u32) -> Self {
        Self { partner: Some(PartnerId(partner)), ..self }
    }
}
