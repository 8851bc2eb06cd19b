//! A long history: clicks of many visitors over weeks, and what shops report of them.
//!
//! In: how many events, and chance. Out: encoded inputs, and the same as values for the plain answer. Three in a hundred are reports, as where clicks
//! are many. Not here: how it is read (`replay`). Start at [`History::new`].

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use catalog::Catalog;
use events::{
    ClickHead, ClickKey, ClickMint, Country, Device, OrderKey, Report, ReportedClick, ReportedStatus,
    Statement, TouchKind, VERDICT_VERSION, Verdict,
};
use units::{
    AdvertiserId, CatalogVersion, Currency, CustomerId, DAY_MS, EpochMs, HOUR_MS, LinkId, MINUTE_MS, Money,
    Origin, VisitorId, WriterId,
};

use crate::{
    log::Topic,
    rng::Rng,
    world::{LINKS, START, beside, name_someone, record, version_of},
};

/// Clicks for each report.
const CLICKS_PER_REPORT: u64 = 33;
/// Clicks for each visitor.
const CLICKS_PER_VISITOR: u64 = 6;
/// Clicks for each customer: he orders now and then.
const CLICKS_PER_CUSTOMER: u64 = 100;
const SPAN_MS: u64 = 20 * DAY_MS;
const VERSIONS: u64 = 3;
/// Writers of the inputs.
const EDGES: u64 = 4;

/// Everything that was recorded.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) catalogs: Vec<Arc<Catalog>>,
    /// Topic, key and bytes, in the order of being recorded.
    pub(crate) inputs: Vec<(Topic, Bytes, Bytes)>,
    /// How many of them come in three hours.
    recent: usize,
    clicks: Vec<ClickHead>,
    /// Places in `clicks`.
    by_visitor: HashMap<VisitorId, Vec<u32>>,
    reports: Vec<Report>,
}

impl History {
    pub(crate) fn new(events: u64, rng: &mut Rng) -> Self {
        let catalogs: Vec<Arc<Catalog>> =
            (1..=VERSIONS).map(|version| version_of(version, false, rng)).collect();
        let mut history = Self {
            catalogs,
            inputs: Vec::new(),
            recent: 4 + usize::try_from(events * 3 * HOUR_MS / SPAN_MS).unwrap_or(usize::MAX),
            clicks: Vec::new(),
            by_visitor: HashMap::new(),
            reports: Vec::new(),
        };
        let visitors = 1 + events / CLICKS_PER_VISITOR;
        let mut mint = ClickMint::new(ClickKey::new(1, b"the simulation's"), 0);
        for number in 0..events {
            let at = START.forth(number * SPAN_MS / events.max(1));
            let writer = WriterId::new(u16::try_from(number % EDGES).unwrap_or(0), 0);
            let origin = Origin { writer, incarnation: 1, sequence: 1 + number / EDGES };
            if number % (CLICKS_PER_REPORT + 1) == CLICKS_PER_REPORT {
                history.add_report(origin, at, rng);
            } else {
                // Half of them come from few, so that some have many clicks.
                let visitor = if rng.chance(50) { rng.below(visitors) } else { rng.below(1 + visitors / 10) };
                history.add_click(origin, at, VisitorId(1 + visitor), &mut mint, rng);
            }
        }
        history
    }

    pub(crate) const fn events(&self) -> u64 {
        self.inputs.len() as u64
    }

    fn add_click(
        &mut self,
        origin: Origin,
        at: EpochMs,
        visitor: VisitorId,
        mint: &mut ClickMint,
        rng: &mut Rng,
    ) {
        let catalog = rng.pick(&self.catalogs).expect("there is a version");
        let link = (0..8).find_map(|_| {
            let id = LinkId(1 + u32::try_from(rng.below(LINKS.into())).unwrap_or(0));
            catalog.links.get(&id)
        });
        let link = link.or_else(|| catalog.links.get(&LinkId(LINKS)));
        let link = link.expect("every version knows the last link");
        let offer = catalog.offers.get(&link.offer).expect("the catalog is whole");
        let head = ClickHead {
            origin,
            id: mint.mint(at, link.id, visitor),
            kind: if rng.chance(90) { TouchKind::Click } else { TouchKind::View },
            verdict: if rng.chance(90) { Verdict::Valid } else { Verdict::Bot },
            verdict_version: VERDICT_VERSION,
            partner: link.partner,
            offer: link.offer,
            advertiser: offer.advertiser,
            catalog: catalog.version,
            currency: offer.currency,
            country: Country(*b"DE"),
            device: rng.of([Device::Mobile, Device::Desktop]),
        };
        // A click whose edge lost it: its visitor has the id all the same.
        if rng.chance(98) {
            let mut bytes = Vec::new();
            record(head, "").encode(&mut bytes).expect("a click fits its limit");
            let key = Bytes::copy_from_slice(&visitor.0.to_be_bytes());
            self.inputs.push((Topic::Clicks, key, bytes.into()));
            let place = u32::try_from(self.clicks.len()).expect("a history has fewer than four billion");
            self.by_visitor.entry(visitor).or_default().push(place);
        }
        self.clicks.push(head);
    }

    fn add_report(&mut self, origin: Origin, received_at: EpochMs, rng: &mut Rng) {
        // Mostly of a click of the last hours, as long as windows are; now and then of any.
        let recent = self.clicks.len().saturating_sub(self.recent);
        let among = if rng.chance(85) { self.clicks.get(recent..) } else { Some(self.clicks.as_slice()) };
        let named = rng.pick(among.unwrap_or_default()).filter(|_| rng.chance(90)).copied();
        // One order in three is told of more than once.
        let before = rng.pick(&self.reports).map(|it| it.key.clone()).filter(|_| rng.chance(33));
        let advertiser = named.map_or(AdvertiserId(1), |it| it.advertiser);
        let key = before.unwrap_or_else(|| OrderKey::by_id(advertiser, &format!("o{}", self.reports.len())));
        let minor = i64::try_from(100 + rng.below(10_000)).unwrap_or(100);
        let amount = Some(Money { minor, currency: Currency::EUR });
        let mut report = Report {
            reported_at: rng.chance(40).then(|| match rng.below(8) {
                0 => received_at.back(rng.below(26) * HOUR_MS),
                1 => received_at.forth(rng.below(60) * MINUTE_MS),
                _ => received_at.back(rng.below(60) * MINUTE_MS),
            }),
            click: named
                .filter(|_| rng.chance(80))
                .map_or(ReportedClick::None, |it| ReportedClick::Signed(it.id)),
            visitor: named.filter(|_| rng.chance(40)).map(|it| it.visitor()),
            statement: if rng.chance(90) {
                Statement::Order { amount }
            } else {
                Statement::refund(rng.of(["r1", "r2"]), amount)
            },
            status: rng.chance(40).then(|| {
                rng.of([ReportedStatus::Pending, ReportedStatus::Approved, ReportedStatus::Rejected])
            }),
            catalog: CatalogVersion(1),
            ..Report::bare(key, received_at, origin)
        };
        let mut beside = beside(rng);
        name_someone(&mut report, &mut beside);
        // Some are the customers of many orders, and of many visitors.
        let customers = 1 + self.inputs.len() as u64 / CLICKS_PER_CUSTOMER;
        report.customer = beside.chance(40).then(|| {
            let number = if beside.chance(90) { beside.below(customers) } else { beside.below(3) };
            CustomerId(u128::from(number).to_be_bytes())
        });
        let mut bytes = Vec::new();
        report.clone().encode(&mut bytes).expect("a report fits its limit");
        self.inputs.push((Topic::Reports, report.key.log_key().into(), bytes.into()));
        self.reports.push(report);
    }

    pub(crate) fn reports_by_order(&self) -> BTreeMap<OrderKey, Vec<Report>> {
        let mut orders: BTreeMap<OrderKey, Vec<Report>> = BTreeMap::new();
        for report in &self.reports {
            orders.entry(report.key.clone()).or_default().push(report.clone());
        }
        for reports in orders.values_mut() {
            reports.sort_by_key(|it| (it.received_at, it.origin));
        }
        orders
    }

    /// The recorded clicks of these visitors.
    pub(crate) fn clicks_of(&self, visitors: &BTreeSet<VisitorId>) -> Vec<ClickHead> {
        let places = visitors.iter().filter_map(|it| self.by_visitor.get(it)).flatten();
        places.filter_map(|it| self.clicks.get(usize::try_from(*it).ok()?)).copied().collect()
    }
}
