//! A program's data folder and a database of the real engine, filled with events of the test's choice.

use std::{future::Future, path::Path, process::Command};

use events::{
    Browser, Candidate, CandidateVerdict, Click, ClickHead, ClickKey, ClickMint, Consent, Country, Credit,
    Decision, Device, IpPrefix, LandingChoice, MatchedKey, OrderKey, OrderStatus, Os, Report, ReportedClick,
    Role, SharedBy, Standing, Statement, TouchKind, Trace, VERDICT_VERSION, Verdict,
};
use journal::spool::{Options, Writer};
use units::{
    AdvertiserId, CatalogVersion, Currency, EpochMs, HOUR_MS, LinkId, Money, OfferId, Origin, PPM_WHOLE,
    PartnerId, Stamp, VisitorId, WriterId,
};
use warehouse::{Batch, Roller, RollerOptions, Warehouse};

use crate::{Said, command, said};

/// 2025-11-22 12:00 UTC.
pub(crate) const NOON: EpochMs = EpochMs(1_763_812_800_000);
pub(crate) const WRITER: WriterId = WriterId::new(1, 0);

/// One program.
pub(crate) struct Stage {
    pub(crate) data: tempfile::TempDir,
    pub(crate) warehouse: Warehouse,
    database: String,
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

impl Stage {
    pub(crate) fn new() -> Self {
        let server = chdb::testing::shared();
        let database = server.fresh_database();
        let warehouse = Warehouse::new(warehouse::Options {
            url: server.url.clone(),
            user: server.user.clone(),
            password: server.password.clone(),
            database: database.clone(),
            ..warehouse::Options::default()
        });
        run(warehouse.migrate()).unwrap();
        Self { data: tempfile::tempdir().unwrap(), warehouse, database }
    }

    /// Runs the binary with this program's settings in its environment.
    pub(crate) fn tributary(&self, arguments: &[&str]) -> Said {
        self.tributary_with(arguments, &[])
    }

    /// How to reach its database.
    pub(crate) fn options(&self) -> warehouse::Options {
        let server = chdb::testing::shared();
        warehouse::Options {
            url: server.url.clone(),
            user: server.user.clone(),
            password: server.password.clone(),
            database: self.database.clone(),
            ..warehouse::Options::default()
        }
    }

    /// The same with more settings.
    pub(crate) fn tributary_with(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Said {
        said(&self.command(arguments).envs(settings.iter().copied()).output().unwrap())
    }

    /// The same, to be run by the caller.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let server = chdb::testing::shared();
        let mut command = command(arguments);
        command
            .env("TRIBUTARY_DATA", self.data.path())
            .env("TRIBUTARY_CLICKHOUSE__URL", &server.url)
            .env("TRIBUTARY_CLICKHOUSE__USER", &server.user)
            .env("TRIBUTARY_CLICKHOUSE__PASSWORD", &server.password)
            .env("TRIBUTARY_CLICKHOUSE__DATABASE", &self.database);
        for key in ["EDGE__LISTEN", "EDGE__ADMIN", "PIPELINE__ADMIN", "WAREHOUSE__ADMIN"] {
            command.env(format!("TRIBUTARY_{key}"), "127.0.0.1:0");
        }
        command
    }

    /// Stores a batch and rolls its quarters.
    pub(crate) fn store(&self, fill: impl FnOnce(&mut Batch)) {
        let mut batch = Batch::new();
        fill(&mut batch);
        run(async {
            self.warehouse.write("test", &batch).await.unwrap();
            Roller::new(self.warehouse.clone(), RollerOptions::default()).roll_once().await.unwrap();
        });
    }
}

/// Spools records and closes in order; the incarnation's number is the answer.
pub(crate) fn spool(data: &Path, records: impl Fn(Origin) -> Vec<u8>, count: u64) -> u32 {
    let mut writer = Writer::open(&data.join("spool"), WRITER, NOON, Options::default()).unwrap();
    let incarnation = writer.incarnation();
    for sequence in 1..=count {
        writer.append(&records(Origin { writer: WRITER, incarnation, sequence })).unwrap();
    }
    writer.close().unwrap();
    incarnation
}

/// A click on link 1 of partner 100 and offer 10, an hour before noon and a second later with each sequence.
pub(crate) fn click(origin: Origin) -> Click<'static> {
    let at = NOON.back(HOUR_MS).forth(origin.sequence * 1_000);
    let seed = u32::try_from(origin.sequence).unwrap();
    let id = ClickMint::new(ClickKey::new(0, &[7; 32]), seed).mint(at, LinkId(1), VisitorId(5));
    let head = ClickHead {
        origin,
        id,
        kind: TouchKind::Click,
        verdict: Verdict::Valid,
        verdict_version: VERDICT_VERSION,
        partner: PartnerId(100),
        offer: OfferId(10),
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
        referrer_host: "",
        source: "",
        partner_click_id: "",
        subs: Vec::new(),
        tags: Vec::new(),
    }
}

pub(crate) fn encoded_click(origin: Origin) -> Vec<u8> {
    let mut bytes = Vec::new();
    click(origin).encode(&mut bytes).unwrap();
    bytes
}

/// A report of an order at noon that names a click.
pub(crate) fn report(order: &str, sequence: u64, click: ReportedClick) -> Report {
    Report {
        click,
        statement: Statement::Order { amount: Some(Money { minor: 4_995, currency: Currency::EUR }) },
        catalog: CatalogVersion(1),
        ..Report::bare(
            OrderKey::by_id(AdvertiserId(1), order),
            NOON,
            Origin { writer: WRITER, incarnation: 9, sequence },
        )
    }
}

/// An order at noon, credited to the newer of two clicks; the older one is out of its window.
pub(crate) fn decided(name: &str, clicks: [&Click<'_>; 2]) -> (Decision, Vec<Credit>) {
    let stamp = Stamp::new(0, 1).unwrap();
    let key = OrderKey::by_id(AdvertiserId(1), name);
    let [older, newer] = clicks;
    let candidate = |click: &Click<'_>, verdict| Candidate {
        partner: click.head.partner,
        offer: click.head.offer,
        verdict,
        age_ms: i64::try_from(NOON.0 - click.head.at().0).unwrap(),
        window_ms: HOUR_MS,
        ..Candidate::bare(click.head.id.touch(), click.head.at())
    };
    let trace = Trace {
        visitors: vec![newer.head.visitor()],
        refused_clicks: vec![("{click_id}".into(), "unexpanded_macro".into())],
        candidates: vec![
            candidate(newer, CandidateVerdict::Won),
            candidate(older, CandidateVerdict::OutOfWindow),
        ],
        notes: vec!["clock_differs".into()],
        ..Trace::default()
    };
    let decision = Decision {
        stamp,
        catalog: CatalogVersion(1),
        status: OrderStatus::Approved,
        amount: Some(Money { minor: 4_995, currency: Currency::EUR }),
        revenue_minor: 4_995,
        offer: OfferId(10),
        partner: PartnerId(100),
        matched: Some(MatchedKey::ClickId),
        payable_at: NOON.forth(24 * HOUR_MS),
        model: Some(SharedBy::Last),
        path_touches: 1,
        is_approved: true,
        trace,
        ..Decision::bare(key.clone(), NOON)
    };
    let credit = Credit {
        stamp,
        quarter: NOON.quarter(),
        touch: newer.head.id.touch(),
        touched_at: newer.head.at(),
        partner: PartnerId(100),
        offer: OfferId(10),
        link: LinkId(1),
        country: newer.head.country,
        device: newer.head.device,
        share: PPM_WHOLE,
        revenue_minor: 4_995,
        status: OrderStatus::Approved,
        role: Role::Closer,
        standing: Some(Standing {
            kind: TouchKind::Click,
            found: MatchedKey::ClickId,
            verdict: CandidateVerdict::Won,
        }),
        path_touches: 1,
        is_approved: true,
        ..Credit::bare(key, NOON)
    };
    (decision, vec![credit])
}
