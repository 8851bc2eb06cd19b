//! Sample events and a fresh database for each test.

use std::future::Future;

use clickhouse::{Row, RowOwned, RowRead};
use events::{
    Browser, CandidateVerdict, Click, ClickHead, ClickKey, ClickMint, Consent, Country, Credit, DecidedBy,
    Decision, Device, EarningKey, IpPrefix, LandingChoice, Level, MatchedKey, OrderKey, OrderStatus, Os,
    Reporting, Role, SharedBy, Standing, TouchKind, Trace, VERDICT_VERSION, Verdict,
};
use serde::Deserialize;
use units::{
    AdvertiserId, CatalogVersion, Currency, EpochMs, LinkId, Money, OfferId, Origin, PPM_WHOLE, PartnerId,
    Ppm, QUARTER_MS, Quarter, Rate, Stamp, VisitorId, WriterId,
};

use crate::{Options, Warehouse};

/// 2025-11-22 12:00 UTC: the beginning of a quarter.
pub(crate) const NOON: EpochMs = EpochMs(1_763_812_800_000);

/// Runs a test that talks to the engine.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

/// An empty database of the test's own, as [`Options`] name it.
pub(crate) fn options() -> Options {
    let server = chdb::testing::shared();
    Options {
        url: server.url.clone(),
        user: server.user.clone(),
        password: server.password.clone(),
        database: server.fresh_database(),
        ..Options::default()
    }
}

/// The same, migrated.
pub(crate) async fn warehouse() -> Warehouse {
    let warehouse = Warehouse::new(options());
    warehouse.migrate().await.unwrap();
    warehouse
}

/// A click of writer 1: valid, of visitor 1, at link 1 of partner 1 and offer 1.
pub(crate) fn click(sequence: u64, at: EpochMs) -> Click<'static> {
    let key = ClickKey::new(0, &[7; 32]);
    let seed = u32::try_from(sequence).unwrap();
    let id = ClickMint::new(key, seed).mint(at, LinkId(1), VisitorId(1));
    let head = ClickHead {
        origin: Origin { writer: WriterId(1), incarnation: 1, sequence },
        id,
        kind: TouchKind::Click,
        verdict: Verdict::Valid,
        verdict_version: VERDICT_VERSION,
        partner: PartnerId(1),
        offer: OfferId(1),
        advertiser: AdvertiserId(1),
        catalog: CatalogVersion(1),
        currency: Currency::EUR,
        country: Country(*b"DE"),
        device: Device::Mobile,
    };
    Click {
        head,
        os: Os::Ios,
        browser: Browser::Safari,
        consent: Consent::default(),
        visitor_is_new: true,
        ip: IpPrefix::V4([192, 0, 2]),
        ip_hash: 0,
        user_agent_hash: 17,
        landing: LandingChoice::Stored,
        deep_link: "",
        referrer_host: "blog.example",
        source: "news",
        partner_click_id: "",
        subs: vec![(1, "summer"), (3, "a; DROP TABLE x\n\n'\\")],
        tags: vec![("utm_source", "mail"), ("gclid", "g1")],
    }
}

/// The same click by another visitor.
pub(crate) fn click_of(visitor: u64, sequence: u64, at: EpochMs) -> Click<'static> {
    let mut it = click(sequence, at);
    let key = ClickKey::new(0, &[7; 32]);
    let seed = u32::try_from(sequence).unwrap();
    it.head.id = ClickMint::new(key, seed).mint(at, LinkId(1), VisitorId(visitor));
    it
}

/// A snapshot of an order of advertiser 1: 49.95 EUR, approved, credited to `click` alone; `also` are quarters it is not in.
pub(crate) fn order(
    name: &str,
    claim: u64,
    at: EpochMs,
    click: &Click<'_>,
    also: &[EpochMs],
) -> (Decision, Vec<Credit>) {
    let stamp = Stamp::new(0, claim).unwrap();
    let key = OrderKey::by_id(AdvertiserId(1), name);
    let void_quarters: Vec<Quarter> = also.iter().map(|it| it.quarter()).collect();
    let amount = Money { minor: 4_995, currency: Currency::EUR };
    let decision = Decision {
        stamp,
        catalog: CatalogVersion(1),
        status: OrderStatus::Approved,
        amount: Some(amount),
        revenue_minor: amount.minor,
        currency: amount.currency,
        offer: click.head.offer,
        partner: click.head.partner,
        matched: Some(MatchedKey::ClickId),
        payable_at: at.forth(30 * units::DAY_MS),
        model: Some(SharedBy::Last),
        path_touches: 1,
        reporting: Some(reporting(amount.minor)),
        is_approved: true,
        void_quarters: void_quarters.clone(),
        trace: Trace {
            notes: vec!["clock_differs".into()],
            decided_by: Some(decided_by(EarningKey::Click, click)),
            ..Trace::default()
        },
        ..Decision::bare(key.clone(), at)
    };
    let credit = |quarter: Quarter, share: Ppm, revenue_minor: i64| Credit {
        stamp,
        quarter,
        touch: click.head.id.touch(),
        touched_at: click.head.at(),
        partner: click.head.partner,
        offer: click.head.offer,
        link: click.head.link(),
        country: click.head.country,
        device: click.head.device,
        share,
        revenue_minor,
        currency: amount.currency,
        status: OrderStatus::Approved,
        role: if share == PPM_WHOLE { Role::Closer } else { Role::None },
        standing: Some(Standing {
            kind: TouchKind::Click,
            found: MatchedKey::ClickId,
            verdict: CandidateVerdict::Won,
        }),
        path_touches: u16::from(share == PPM_WHOLE),
        reporting: Some(reporting(revenue_minor)),
        is_approved: true,
        ..Credit::bare(key.clone(), at)
    };
    let mut credits = vec![credit(at.quarter(), PPM_WHOLE, amount.minor)];
    credits.extend(void_quarters.into_iter().map(|it| credit(it, Ppm(0), 0)));
    (decision, credits)
}

/// By the rules of this click.
pub(crate) fn decided_by(key: EarningKey, click: &Click<'_>) -> DecidedBy {
    let (partner, offer) = (click.head.partner, click.head.offer);
    DecidedBy { key, model: Some(SharedBy::Last), partner, offer, level: Level::Offer }
}

/// Euros in yen, at 160.5.
pub(crate) fn reporting(minor: i64) -> Reporting {
    let (currency, rate) = (Currency::parse("JPY").unwrap(), Rate::parse("160.5").unwrap());
    let euros = Money { minor, currency: Currency::EUR };
    Reporting { minor: rate.convert(euros, currency).unwrap().minor, currency, rate }
}

/// `quarters` quarters of an hour later.
pub(crate) fn later(quarters: u64) -> EpochMs {
    NOON.forth(quarters * QUARTER_MS)
}

#[derive(Row, Deserialize)]
struct Cell {
    value: String,
}

/// One value of an answer, as text.
pub(crate) async fn value(warehouse: &Warehouse, select: &str) -> String {
    let first = format!("SELECT toString(tupleElement(tuple(*), 1)) AS value FROM ({select})");
    let rows: Vec<Cell> = all(warehouse, &first).await;
    rows.into_iter().map(|it| it.value).collect::<Vec<_>>().join("\n")
}

/// A column of an answer, as texts.
pub(crate) async fn column(warehouse: &Warehouse, select: &str) -> Vec<String> {
    let rows: Vec<Cell> =
        all(warehouse, &format!("SELECT toString(tuple(*)) AS value FROM ({select})")).await;
    rows.into_iter().map(|it| it.value).collect()
}

async fn all<T: RowOwned + RowRead>(warehouse: &Warehouse, statement: &str) -> Vec<T> {
    warehouse.rows(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"))
}
