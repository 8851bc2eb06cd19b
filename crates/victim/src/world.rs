//! Clicks, reports and orders by few numbers, the same in every run, and the engine they are written to.
//!
//! Not here: what becomes of them (`facts`, `checkpoint`).

use std::{fs, future::Future, path::Path};

use anyhow::{Context as _, Result};
use events::{
    Browser, CandidateVerdict, Click, ClickHead, ClickId, ClickKey, ClickMint, Consent, Country, Credit,
    Decision, Device, IpPrefix, LandingChoice, MatchedKey, OrderKey, OrderStatus, Os, Report, ReportedClick,
    ReportedStatus, Reporting, Role, SharedBy, Standing, Statement, TouchKind, VERDICT_VERSION, Verdict,
};
use units::{
    AdvertiserId, CatalogVersion, Currency, DAY_MS, EpochMs, LinkId, Money, OfferId, Origin, PPM_WHOLE,
    PartnerId, Ppm, Quarter, Rate, Stamp, VisitorId,
};
use warehouse::Warehouse;

/// 2025-11-22 12:00 UTC.
pub(crate) const NOON: EpochMs = EpochMs(1_763_812_800_000);

/// The warehouse that the harness named in the folder, in a database of its own.
pub(crate) fn warehouse(folder: &Path, database: &str) -> Result<warehouse::Options> {
    let url = fs::read_to_string(folder.join("url")).context("no engine was named")?;
    Ok(warehouse::Options {
        url: url.trim().to_owned(),
        user: "tributary".to_owned(),
        password: "tributary-secret".to_owned(),
        database: database.to_owned(),
        ..warehouse::Options::default()
    })
}

/// Runs a future of the warehouse.
pub(crate) fn wait_for<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}

/// The lines of an answer of one column.
pub(crate) async fn lines(warehouse: &Warehouse, select: &str) -> Result<Vec<String>> {
    warehouse.client().query(select).fetch_all::<String>().await.with_context(|| select.to_owned())
}

/// A click id, the same whenever it is asked for.
pub(crate) fn click_id(number: u64, at: EpochMs, partner: u32, visitor: u64) -> ClickId {
    let seed = u32::try_from(number).unwrap_or_default();
    ClickMint::new(ClickKey::new(0, &[7; 32]), seed).mint(at, LinkId(partner), VisitorId(visitor))
}

/// A click that an edge would answer.
pub(crate) fn click(origin: Origin, id: ClickId, partner: u32) -> Click<'static> {
    Click {
        head: ClickHead {
            origin,
            id,
            kind: TouchKind::Click,
            verdict: Verdict::Valid,
            verdict_version: VERDICT_VERSION,
            partner: PartnerId(partner),
            offer: OfferId(1),
            advertiser: AdvertiserId(1),
            catalog: CatalogVersion(1),
            currency: Currency::EUR,
            country: Country(*b"DE"),
            device: Device::Mobile,
        },
        os: Os::Ios,
        browser: Browser::Safari,
        consent: Consent::default(),
        visitor_is_new: true,
        ip: IpPrefix::None,
        ip_hash: 0,
        user_agent_hash: 17,
        landing: LandingChoice::Stored,
        deep_link: "",
        referrer_host: "",
        source: "",
        partner_click_id: "",
        subs: Vec::new(),
        tags: Vec::new(),
    }
}

/// A shop's message on order `name`, worth `minor` cents, by click or, without one, by visitor.
pub(crate) fn report(
    origin: Origin,
    at: EpochMs,
    name: &str,
    minor: i64,
    click: Option<ClickId>,
    visitor: u64,
) -> Report {
    Report {
        visitor: click.is_none().then_some(VisitorId(visitor)),
        click: click.map_or(ReportedClick::None, ReportedClick::Signed),
        statement: Statement::Order { amount: Some(Money { minor, currency: Currency::EUR }) },
        status: Some(ReportedStatus::Approved),
        catalog: CatalogVersion(1),
        ..Report::bare(OrderKey::by_id(AdvertiserId(1), name), at, origin)
    }
}

/// A snapshot of an order, credited to `click` alone; `left` is a quarter it is not in any more.
pub(crate) fn order(
    name: &str,
    claim: u64,
    at: EpochMs,
    minor: i64,
    click: &Click<'_>,
    left: Option<Quarter>,
) -> (Decision, Vec<Credit>) {
    let stamp = Stamp::new(0, claim).expect("claims are small");
    let key = OrderKey::by_id(AdvertiserId(1), name);
    let decision = Decision {
        stamp,
        catalog: CatalogVersion(1),
        status: OrderStatus::Approved,
        amount: Some(Money { minor, currency: Currency::EUR }),
        revenue_minor: minor,
        offer: click.head.offer,
        partner: click.head.partner,
        matched: Some(MatchedKey::ClickId),
        payable_at: at.forth(30 * DAY_MS),
        model: Some(SharedBy::Last),
        path_touches: 1,
        reporting: Some(in_dollars(minor)),
        is_approved: true,
        void_quarters: left.into_iter().collect(),
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
        status: OrderStatus::Approved,
        role: if share == PPM_WHOLE { Role::Closer } else { Role::None },
        standing: Some(Standing {
            kind: TouchKind::Click,
            found: MatchedKey::ClickId,
            verdict: CandidateVerdict::Won,
        }),
        path_touches: u16::from(share == PPM_WHOLE),
        reporting: Some(in_dollars(revenue_minor)),
        is_approved: true,
        ..Credit::bare(key.clone(), at)
    };
    let mut credits = vec![credit(at.quarter(), PPM_WHOLE, minor)];
    credits.extend(left.map(|it| credit(it, Ppm(0), 0)));
    (decision, credits)
}

/// Euros in dollars, two for one.
fn in_dollars(minor: i64) -> Reporting {
    let currency = Currency::parse("USD").expect("a known code");
    Reporting { minor: 2 * minor, currency, rate: Rate::parse("2").expect("a rate") }
}
