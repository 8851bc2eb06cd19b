//! A few inputs, handed to the product's machines one at a time, and after each the plain answer to what is known by then.
//!
//! In: clicks, reports, versions of the catalog, in any order, with repeats; commits in between. Out: nothing, or the first difference. Small enough for
//! millions a minute, for rules that hang on single milliseconds. Not here: which inputs (`windows`, `clocks`). Start at [`Play`].

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use attribution::{Caps, MemorySlices, SliceOptions};
use catalog::{Catalog, load};
use events::{
    ClickHead, ClickId, Country, Device, OrderKey, Report, ReportedClick, Statement, TouchKind,
    VERDICT_VERSION, Verdict,
};
use journal::{Record, StreamId};
use pipeline::{
    partition::{Inner, Message, Outbox, Partition},
    reach::{Reach, look_again},
    store::OrderPlace,
};
use units::{
    AdvertiserId, CatalogVersion, Currency, DAY_MS, EpochMs, LinkId, Money, OfferId, Origin, Stamp, VisitorId,
};

use crate::{
    clickhouse::OrderRow,
    naive::{self, Parts, parts},
    owner::machines,
    store::Kept,
    world::record,
};

/// Where records seem to come from.
const STREAM: StreamId = StreamId::Memory(0);
/// Links of [`plain_catalog`].
pub(crate) const LINKS: u32 = 3;
/// Orders on disk that are decided again at once.
const LOOKED_AT: usize = 8;

/// Something that the machines learn.
#[derive(Debug, Clone)]
pub(crate) enum News {
    Click(ClickHead),
    Report(Box<Report>),
    Catalog(Arc<Catalog>),
    /// States go to disk and leave memory.
    Commit,
}

/// The machines, and what they were told.
pub(crate) struct Play {
    machines: Partition<MemorySlices>,
    reach: Reach,
    kept: Kept,
    out: Outbox,
    position: u64,
    newest: u32,
    clicks: Vec<ClickHead>,
    /// Of each order ascending by (received, origin).
    reports: BTreeMap<OrderKey, Vec<Report>>,
    /// By version.
    catalogs: Vec<Arc<Catalog>>,
    said: BTreeMap<OrderKey, (OrderRow, Parts)>,
}

impl Play {
    /// Machines that know nothing and may speak.
    pub(crate) fn new() -> Self {
        let (kept, claim) = (Kept::default(), Stamp::new(1, 1).expect("a small number"));
        let slices = SliceOptions { records_max: 64, span_ms: 30 * DAY_MS };
        let mut machines = machines((claim, Caps::default()), &kept, slices, Inner::Memory);
        let mut reach = Reach::new(Vec::new(), Vec::new(), 0);
        let mut out = Outbox::default();
        assert!(reach.begins_to_speak(0, |_| true), "nothing was there to be read");
        machines.speak(&kept, &mut out).expect("memory does not fail");
        Self {
            machines,
            reach,
            kept,
            out,
            position: 0,
            newest: 0,
            clicks: Vec::new(),
            reports: BTreeMap::new(),
            catalogs: Vec::new(),
            said: BTreeMap::new(),
        }
    }

    pub(crate) fn orders(&self) -> impl Iterator<Item = (&OrderKey, &[Report], &(OrderRow, Parts))> {
        self.reports.iter().filter_map(|(key, reports)| Some((key, reports.as_slice(), self.said.get(key)?)))
    }

    /// Orders that came back from disk.
    pub(crate) const fn restored(&self) -> u64 {
        let [orders, _] = self.kept.restored.get();
        orders
    }

    pub(crate) fn clicks(&self) -> &[ClickHead] {
        &self.clicks
    }

    pub(crate) fn catalogs(&self) -> &[Arc<Catalog>] {
        &self.catalogs
    }

    /// Takes it in; every order must then be as the plain answer says.
    pub(crate) fn hear(&mut self, news: &News) -> Result<(), String> {
        match news {
            News::Click(click) => {
                if !self.clicks.iter().any(|it| it.origin == click.origin) {
                    self.clicks.push(*click);
                }
                self.read(|bytes| record(*click, "").encode(bytes));
            }
            News::Report(report) => {
                let known = self.reports.entry(report.key.clone()).or_default();
                if !known.iter().any(|it| it.origin == report.origin) {
                    known.push((**report).clone());
                    known.sort_by_key(|it| (it.received_at, it.origin));
                }
                self.read(|bytes| report.clone().encode(bytes));
            }
            News::Catalog(catalog) => self.learn(catalog),
            News::Commit => self.commit(),
        }
        self.out.seal(Inner::Log);
        self.out.batch.clear();
        for message in self.out.messages.drain(..) {
            if let Message::Decided(decision, credits) = message {
                self.said.insert(decision.key.clone(), (OrderRow::of(&decision), parts(&credits)));
            }
        }
        self.check()
    }

    fn read(&mut self, encode: impl FnOnce(&mut Vec<u8>) -> Result<(), events::EncodeError>) {
        let mut bytes = Vec::new();
        encode(&mut bytes).expect("it fits its limit");
        let record = Record { stream: STREAM, position: self.position, bytes: bytes.into() };
        self.position += 1;
        self.machines.apply(&[record], &self.kept, &mut self.out).expect("memory does not fail");
        self.reach.read(&STREAM, self.position);
    }

    fn learn(&mut self, catalog: &Arc<Catalog>) {
        self.catalogs.push(Arc::clone(catalog));
        self.newest = self.newest.max(catalog.version.0);
        let mut from = look_again(self.kept.catalog, catalog, None);
        self.machines
            .on_catalog(Arc::clone(catalog), &self.kept, &mut self.out)
            .expect("memory does not fail");
        while let Some(place) = from {
            let places = self.kept.orders_from(&place, LOOKED_AT);
            for key in places.iter().filter_map(OrderPlace::order) {
                self.machines.redecide(&key, &self.kept, &mut self.out).expect("memory does not fail");
            }
            from = places.into_iter().last().map(OrderPlace::behind);
        }
    }

    fn commit(&mut self) {
        let dirty = self.machines.take_dirty().expect("memory does not fail");
        self.kept.commit(self.reach.checkpoint(dirty, 1, 1, Some(self.newest)));
        self.machines.evict(0);
    }

    fn check(&self) -> Result<(), String> {
        let all = |_: &BTreeSet<VisitorId>| Cow::Borrowed(self.clicks.as_slice());
        for (key, want) in naive::orders(self.reports.clone(), all, &self.catalogs) {
            let found = self.said.get(&key);
            if found != Some(&want) {
                return Err(format!(
                    "order {key}\n  the plain answer: {want:?}\n  found: {found:?}\n  reports: {:?}\n  clicks: {:?}",
                    self.reports, self.clicks
                ));
            }
        }
        Ok(())
    }
}

/// A catalog with an offer, some partners and a link of each, to be changed as a case wants it.
pub(crate) fn plain_catalog() -> Catalog {
    let text = "[[advertiser]]\nid = 1\nname = \"A\"\n\
        [[offer]]\nid = 1\nadvertiser = 1\nname = \"O\"\ndestination = \"https://shop.example/\"\n\
        [[partner]]\nid = 1\nname = \"P1\"\n[[partner]]\nid = 2\nname = \"P2\"\n[[partner]]\nid = 3\nname = \"P3\"\n\
        [[link]]\nid = 1\ncode = \"a\"\npartner = 1\noffer = 1\n\
        [[link]]\nid = 2\ncode = \"b\"\npartner = 2\noffer = 1\n\
        [[link]]\nid = 3\ncode = \"c\"\npartner = 3\noffer = 1\n";
    load(text, CatalogVersion(1), EpochMs(0)).expect("the text is good")
}

/// A version with these rules for the offer, in force from `effective_at` on.
pub(crate) fn version(
    plain: &Catalog,
    number: u32,
    effective_at: EpochMs,
    [click_window_ms, view_window_ms, minimum_time_ms]: [u64; 3],
) -> Catalog {
    let mut catalog = plain.clone();
    (catalog.version, catalog.effective_at) = (CatalogVersion(number), effective_at);
    if let Some(offer) = catalog.offers.get_mut(&OfferId(1)) {
        let rules = &mut offer.rules;
        (rules.click_window_ms, rules.view_window_ms) = (Some(click_window_ms), Some(view_window_ms));
        rules.minimum_time_ms = Some(minimum_time_ms);
    }
    catalog
}

/// A click on the link of that partner.
pub(crate) fn click(id: ClickId, origin: Origin, kind: TouchKind) -> ClickHead {
    let LinkId(link) = id.link();
    ClickHead {
        origin,
        id,
        kind,
        verdict: Verdict::Valid,
        verdict_version: VERDICT_VERSION,
        partner: units::PartnerId(link),
        offer: OfferId(1),
        advertiser: AdvertiserId(1),
        catalog: CatalogVersion(1),
        currency: Currency::EUR,
        country: Country::UNKNOWN,
        device: Device::Desktop,
    }
}

/// An order reported by click id, by visitor, or both.
pub(crate) fn report(order: &str, received_at: EpochMs, origin: Origin, click: Option<ClickId>) -> Report {
    Report {
        click: click.map_or(ReportedClick::None, ReportedClick::Signed),
        statement: Statement::Order { amount: Some(Money { minor: 100, currency: Currency::EUR }) },
        catalog: CatalogVersion(1),
        ..Report::bare(OrderKey::by_id(AdvertiserId(1), order), received_at, origin)
    }
}
