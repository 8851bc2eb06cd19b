//! A small world for the pipeline's tests: a catalog, an edge that writes a real spool, a pipeline against the real engine.
//!
//! In: clicks and reports by few numbers. Out: what analysts read, as text, so that two runs are compared by one line.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use events::{
    Browser, CatalogRecord, Click, ClickHead, ClickId, ClickKey, ClickMint, Consent, Country, Device,
    IpPrefix, LandingChoice, OrderKey, Os, Report, ReportedClick, ReportedStatus, Statement, TouchKind,
    VERDICT_VERSION, Verdict,
};
use journal::{spool, versions};
use pipeline::{Options, Pipeline, RunError, Status};
use tokio::sync::oneshot;
use units::{
    AdvertiserId, CatalogVersion, Clock, Currency, CustomerId, EpochMs, LinkId, MINUTE_MS, Money, OfferId,
    Origin, PartnerId, VisitorId, WriterId,
};
use warehouse::Warehouse;

/// 2025-11-22 12:00 UTC: the beginning of a quarter.
pub(crate) const NOON: EpochMs = EpochMs(1_763_812_800_000);
/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// Catalog: offer 1 of advertiser 1 with links 1 to 4 of partners 1 to 4.
pub(crate) fn catalog(window: &str) -> String {
    let mut text = format!(
        "[[advertiser]]\nid = 1\nname = \"Shop\"\ncurrency = \"EUR\"\n\n[[offer]]\nid = 1\nadvertiser = 1\nname = \"Offer\"\n\
         destination = \"https://shop.example/\"\nclick_window = \"{window}\"\nbinding = \"lifetime\"\n"
    );
    for id in 1..=4 {
        text += format!(
            "\n[[partner]]\nid = {id}\nname = \"Partner {id}\"\ntype = \"content\"\n\n\
             [[link]]\nid = {id}\ncode = \"link-{id}\"\npartner = {id}\noffer = 1\n"
        )
        .as_str();
    }
    text
}

/// Logs a catalog version as `catalog apply` does.
pub(crate) fn apply_catalog(data: &Path, version: u32, effective_at: EpochMs, window: &str) {
    let bytes = catalog_record(version, effective_at, window);
    versions::append(&data.join("catalog"), version, &bytes).expect("appended");
}

/// The same of any text.
pub(crate) fn apply_text(data: &Path, version: u32, effective_at: EpochMs, text: &str) {
    let bytes = text_record(version, effective_at, text);
    versions::append(&data.join("catalog"), version, &bytes).expect("appended");
}

/// A catalog version as it lies in the log.
pub(crate) fn catalog_record(version: u32, effective_at: EpochMs, window: &str) -> Vec<u8> {
    text_record(version, effective_at, &catalog(window))
}

fn text_record(version: u32, effective_at: EpochMs, text: &str) -> Vec<u8> {
    let text = catalog::merge_text(&[("catalog.toml", text)]);
    let record =
        CatalogRecord { version: CatalogVersion(version), effective_at, applied_at: NOON, text: text.into() };
    let mut bytes = Vec::new();
    record.encode(&mut bytes).expect("encodes");
    bytes
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

/// A report of order `name`, worth `minor` cents, by click or visitor.
pub(crate) fn report(origin: Origin, at: EpochMs, name: &str, minor: i64, who: Who) -> Report {
    Report {
        click: match who {
            Who::Click(id) => ReportedClick::Signed(id),
            Who::Visitor(_) | Who::Customer(..) => ReportedClick::None,
        },
        visitor: match who {
            Who::Visitor(visitor) => Some(VisitorId(visitor)),
            Who::Customer(_, visitor) => visitor.map(VisitorId),
            Who::Click(_) => None,
        },
        customer: match who {
            Who::Customer(customer, _) => Some(CustomerId([customer; 16])),
            Who::Click(_) | Who::Visitor(_) => None,
        },
        statement: Statement::Order { amount: Some(Money { minor, currency: Currency::EUR }) },
        status: Some(ReportedStatus::Approved),
        catalog: CatalogVersion(1),
        ..Report::bare(OrderKey::by_id(AdvertiserId(1), name), at, origin)
    }
}

/// What a report names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Who {
    Click(ClickId),
    Visitor(u64),
    /// A customer, and the visitor he was at that moment, if that is known.
    Customer(u8, Option<u64>),
}

/// One thread of an edge, writing a real spool.
pub(crate) struct Edge {
    writer: spool::Writer,
    id: WriterId,
    mint: ClickMint,
}

impl Edge {
    pub(crate) fn open(data: &Path, thread: u16) -> Self {
        let id = WriterId::new(1, thread);
        let options = spool::Options { segment_bytes: 256 * 1024, ..spool::Options::default() };
        let writer = spool::Writer::open(&data.join("spool"), id, NOON, options).expect("a spool");
        Self { writer, id, mint: ClickMint::new(ClickKey::new(0, &[7; 32]), u32::from(thread) << 20) }
    }

    pub(crate) fn bytes(&mut self, payload: &[u8]) {
        self.writer.append(payload).expect("appended");
    }

    fn append(&mut self, fill: impl FnOnce(Origin, &mut Vec<u8>)) {
        let (writer, incarnation) = (self.id, self.writer.incarnation());
        let fill = |sequence, bytes: &mut Vec<u8>| fill(Origin { writer, incarnation, sequence }, bytes);
        self.writer.append_with(fill).expect("appended");
    }
}

impl Edges for Edge {
    fn click(&mut self, at: EpochMs, visitor: u64, partner: u32) -> ClickId {
        let id = self.mint.mint(at, LinkId(partner), VisitorId(visitor));
        self.append(|origin, bytes| click(origin, id, partner).encode(bytes).expect("encodes"));
        id
    }

    fn report(&mut self, at: EpochMs, name: &str, minor: i64, who: Who) {
        self.append(|origin, bytes| {
            report(origin, at, name, minor, who).encode(bytes).expect("encodes");
        });
    }
}

/// A fresh database of the test's engine, migrated.
pub(crate) fn database() -> warehouse::Options {
    let server = chdb::testing::shared();
    let options = warehouse::Options {
        url: server.url.clone(),
        user: server.user.clone(),
        password: server.password.clone(),
        database: server.fresh_database(),
        ..warehouse::Options::default()
    };
    wait_for(Warehouse::new(options.clone()).migrate()).expect("migrated");
    options
}

/// Runs a future of the warehouse.
pub(crate) fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

/// A pipeline on a thread of its own.
pub(crate) struct Running {
    pub(crate) status: Arc<Status>,
    stop: Option<oneshot::Sender<()>>,
    thread: JoinHandle<Result<(), RunError>>,
}

impl Running {
    pub(crate) fn start(options: Options) -> Self {
        Self::start_at(options, || NOON)
    }

    pub(crate) fn start_at(options: Options, clock: Clock) -> Self {
        let pipeline = Pipeline::new(options, clock);
        let status = pipeline.status();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(pipeline.run(async {
                // An error means that the test dropped its end, which stops as well.
                drop(stopped.await);
            }))
        });
        Self { status, stop: Some(stop), thread }
    }

    /// Stops in order.
    pub(crate) fn stop(mut self) -> Result<(), RunError> {
        drop(self.stop.take());
        self.thread.join().expect("no panic")
    }

    /// Waits for the role to end by itself.
    pub(crate) fn ended(self) -> Result<(), RunError> {
        until("the role ends", || self.thread.is_finished().then_some(()));
        self.thread.join().expect("no panic")
    }

    /// Waits until `records` are read and covered by a checkpoint.
    pub(crate) fn caught_up(&self, records: u64) {
        until("the pipeline catches up", || (self.consumed() >= records && self.is_quiet()).then_some(()));
    }

    /// Waits until every partition is [`Running::is_quiet`] and `records` are read.
    pub(crate) fn until_quiet(&self, records: u64) {
        let deadline = Instant::now() + PATIENCE;
        while !(self.is_quiet() && self.consumed() >= records) {
            let ready = self.status.ready(NOON);
            assert!(!self.thread.is_finished(), "the role ended: {ready:?}");
            assert!(Instant::now() < deadline, "not quiet: {ready:?} {:#?}", self.status.partitions());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Records read by the owners that this process has now.
    pub(crate) fn consumed(&self) -> u64 {
        self.status.partitions().values().map(|it| it.fates.consumed).sum()
    }

    /// Whether every partition speaks, has nothing left to read, and all of it is covered by a checkpoint.
    pub(crate) fn is_quiet(&self) -> bool {
        let partitions = self.status.partitions();
        let is_quiet =
            |it: &pipeline::Progress| it.phase == pipeline::Phase::Live && it.lag() == 0 && it.is_settled;
        !partitions.is_empty() && partitions.values().all(is_quiet)
    }
}

/// Polls until there is something, with a deadline.
pub(crate) fn until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < deadline, "gave up waiting: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The first column of an answer, line by line.
pub(crate) fn column(options: &warehouse::Options, query: &str) -> Vec<String> {
    let client = Warehouse::new(options.clone()).client().clone();
    wait_for(client.query(query).fetch_all::<String>()).expect("an answer")
}

/// Everything analysts can see of clicks, orders and credits, stamps left aside.
pub(crate) fn content(options: &warehouse::Options) -> Vec<String> {
    let mut lines = column(
        options,
        "SELECT concat('click ', click_id, ' ', toString(partner_id)) FROM clicks ORDER BY click_id",
    );
    lines.extend(column(
        options,
        "SELECT concat('order ', toString(tuple(order_id, at, status, partner_id, revenue_minor, matched, unattributed, report_count))) \
         FROM orders ORDER BY order_id",
    ));
    lines.extend(column(
        options,
        "SELECT concat('credit ', toString(tuple(order_id, quarter, partner_id, link_id, share, revenue_minor, status))) \
         FROM credits WHERE share > 0 ORDER BY order_id, quarter, partner_id",
    ));
    lines
}

/// What clicks and reports are written through.
pub(crate) trait Edges {
    fn click(&mut self, at: EpochMs, visitor: u64, partner: u32) -> ClickId;
    fn report(&mut self, at: EpochMs, name: &str, minor: i64, who: Who);
}

/// A folder with a spool, a catalog and whatever the pipeline keeps.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) warehouse: warehouse::Options,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        apply_catalog(folder.path(), 1, EpochMs(0), "30d");
        Self { folder, warehouse: database() }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().to_path_buf()
    }

    pub(crate) fn options(&self) -> Options {
        Options::embedded(self.data(), self.warehouse.clone())
    }

    pub(crate) fn start(&self) -> Running {
        Running::start(self.options())
    }
}

/// Writes a day's clicks and orders; the number of records. Half of the orders name their click, the others their visitor; each is
/// reported twice; the visitor clicked on two partners' links before, and on a third one's after the order.
pub(crate) fn write_day(edge: &mut impl Edges, orders: u64) -> u64 {
    let mut records = 0;
    for order in 0..orders {
        let at = NOON.forth(order * MINUTE_MS);
        let partner = u32::try_from(order % 3).expect("small") + 1;
        edge.click(at, order, partner);
        let last = edge.click(at.forth(1_000), order, partner + 1);
        let who = if order % 2 == 0 { Who::Click(last) } else { Who::Visitor(order) };
        let minor = i64::try_from(order).expect("small") * 100 + 100;
        edge.report(at.forth(5_000), &format!("order-{order}"), minor, who);
        edge.click(at.forth(9_000), order, 1);
        edge.report(at.forth(20_000), &format!("order-{order}"), minor, who);
        records += 5;
    }
    records
}
