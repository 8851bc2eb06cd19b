//! What happens in one world: a catalog with its versions, visitors' clicks, and what shops report.
//!
//! In: chance. Out: inputs, as people and shops make them, before any machine of ours has seen them. Times are whole minutes of five hours, so that
//! ties, window ends and edges of quarters are hit often; edges' clocks may differ, and a part may lie long before the rest. Not here: what goes wrong on the way (`run`). Start at [`World::new`].

mod keys;
mod scores;

use std::{fmt::Write as _, sync::Arc};

use catalog::{Catalog, load};
use events::{
    Click, ClickHead, ClickId, ClickKey, ClickMint, Consent, Country, Device, IpPrefix, LandingChoice,
    OrderKey, Os, RefundKind, Report, ReportedClick, ReportedStatus, Score, Statement, TouchKind,
    VERDICT_VERSION, Verdict,
};
use units::{
    AdvertiserId, CatalogVersion, Currency, CustomerId, DAY_MS, EpochMs, HOUR_MS, LinkId, MINUTE_MS, Money,
    Origin, VisitorId,
};

pub(crate) use self::keys::{beside, name_someone};
use crate::{
    faults::{Hit, Swarm},
    rng::Rng,
};

/// The first instant of the world: a full hour in October 2025.
pub(crate) const START: EpochMs = EpochMs(1_760_000_400_000 / HOUR_MS * HOUR_MS);
const MINUTES: u64 = 300;
pub(crate) const LINKS: u32 = 6;
const VISITORS: u64 = 4;

/// How far in the past the old part of a world lies.
pub(crate) const OLD_MS: u64 = 200 * DAY_MS;
/// Text that some clicks bring along, so that segments fill up.
const BULK_BYTES: [usize; 4] = [0, 0, 200, 3_000];

/// How offers share.
const MODELS: [&str; 6] = [
    "",
    "model = \"last\"",
    "model = \"first\"",
    "model = \"linear\"",
    "model = \"position\"\nposition_weights = [30, 30, 40]",
    "model = \"time_decay\"\nhalf_life = \"20m\"",
];

/// What somebody sends.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Click(Box<ClickHead>),
    Report(Box<Report>),
    Score(Box<Score>),
}

impl Body {
    /// By the edge's clock.
    pub(crate) fn at(&self) -> EpochMs {
        match self {
            Self::Click(click) => click.at(),
            Self::Report(report) => report.received_at,
            Self::Score(score) => score.received_at,
        }
    }
}

/// A message to an edge.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) body: Body,
    /// Which edge.
    pub(crate) edge: usize,
    /// Bytes of text that a click brings along.
    pub(crate) bulk_bytes: usize,
}

/// Everything that will happen.
#[derive(Debug)]
pub(crate) struct World {
    /// By version.
    pub(crate) catalogs: Vec<Arc<Catalog>>,
    /// What happens long before the rest, and is settled by then.
    pub(crate) old: Vec<Input>,
    /// In the order in which they happen to be sent.
    pub(crate) inputs: Vec<Input>,
    /// How much the edges' clocks are ahead, in ms, before and after they step.
    pub(crate) clocks: [(i64, i64); EDGES],
}

/// Edges of a world.
pub(crate) const EDGES: usize = 2;

impl World {
    pub(crate) fn new(rng: &mut Rng, swarm: &Swarm) -> Self {
        let has_old = swarm.percent(Hit::TouchesExpire) > 0;
        let catalogs: Vec<Arc<Catalog>> =
            (1..=1 + rng.below(3)).map(|version| version_of(version, has_old, rng)).collect();
        let skew = swarm.percent(Hit::ClockSkew) > 0;
        let mut drift = || {
            let minutes = i64::try_from(rng.below(61)).unwrap_or(0) - 30;
            if skew { minutes * 60_000 } else { 0 }
        };
        let clocks = [(); EDGES].map(|()| (drift(), drift()));
        let mut mint = ClickMint::new(ClickKey::new(1, b"the simulation's"), 0);
        let mut era = |names: [&'static str; 3], back_ms, rng: &mut Rng| {
            let mut sent = Sent { mint: &mut mint, clocks, names, back_ms };
            sent.inputs(&catalogs, rng)
        };
        let old = if has_old { era(["p1", "p2", "p3"], OLD_MS, rng) } else { Vec::new() };
        let inputs = era(["o1", "o2", "o3"], 0, rng);
        Self { catalogs, old, inputs, clocks }
    }
}

impl World {
    /// What will happen, for its story.
    pub(crate) fn told(&self, swarm: &Swarm) -> Vec<String> {
        let mut lines = vec![
            format!("what may go wrong: {swarm}"),
            format!("edges' clocks are ahead by {:?} ms", self.clocks),
        ];
        for catalog in &self.catalogs {
            lines.push(format!("catalog version {} from {}", catalog.version.0, catalog.effective_at));
        }
        for input in self.old.iter().chain(&self.inputs) {
            lines.push(format!("{} at edge {}: {}", input.body.at(), input.edge, input.body.told()));
        }
        lines
    }
}

/// What is sent in one part of a world.
struct Sent<'a> {
    mint: &'a mut ClickMint,
    clocks: [(i64, i64); EDGES],
    names: [&'static str; 3],
    back_ms: u64,
}

impl Sent<'_> {
    fn inputs(&mut self, catalogs: &[Arc<Catalog>], rng: &mut Rng) -> Vec<Input> {
        let clicks: Vec<(usize, ClickHead)> = (0..rng.below(16)).map(|_| self.click(catalogs, rng)).collect();
        let heads: Vec<ClickHead> = clicks.iter().map(|(_, it)| *it).collect();
        let reports: Vec<(usize, Report)> = (0..=rng.below(12)).map(|_| self.report(&heads, rng)).collect();
        let click = |(edge, it)| Input { body: Body::Click(Box::new(it)), edge, bulk_bytes: 0 };
        // A click that was never recorded: its visitor got the id, the edge's disk refused.
        let mut inputs: Vec<Input> = clicks.into_iter().filter(|_| !rng.chance(20)).map(click).collect();
        for it in &mut inputs {
            it.bulk_bytes = rng.of(BULK_BYTES);
        }
        let report = |(edge, it)| Input { body: Body::Report(Box::new(it)), edge, bulk_bytes: 0 };
        inputs.extend(reports.into_iter().map(report));
        rng.shuffle(&mut inputs);
        let mut beside = scores::beside(rng);
        for mut score in scores::scores(self.names, &mut beside) {
            let edge = beside.index(EDGES);
            score.received_at = self.shown(minute(&mut beside), edge);
            let body = Body::Score(Box::new(score));
            inputs.insert(beside.index(inputs.len() + 1), Input { body, edge, bulk_bytes: 0 });
        }
        inputs
    }

    /// An instant as the edge's clock shows it.
    fn shown(&self, at: EpochMs, edge: usize) -> EpochMs {
        let (before, after) = self.clocks.get(edge).copied().unwrap_or_default();
        // Clocks step in the middle of the world.
        let ahead = if at < START.forth(MINUTES / 2 * MINUTE_MS) { before } else { after };
        EpochMs(at.0.saturating_add_signed(ahead)).back(self.back_ms)
    }

    fn click(&mut self, catalogs: &[Arc<Catalog>], rng: &mut Rng) -> (usize, ClickHead) {
        let edge = rng.index(EDGES);
        let at = self.shown(minute(rng), edge);
        // An edge may be behind with the catalog.
        let catalog = rng.pick(catalogs).expect("there is a version");
        let known: Vec<u32> = (1..=LINKS).filter(|id| catalog.links.contains_key(&LinkId(*id))).collect();
        let link = rng.pick(&known).and_then(|id| catalog.links.get(&LinkId(*id)));
        let link = link.expect("every version knows the last link");
        let offer = catalog.offers.get(&link.offer).expect("the catalog is whole");
        let verdict = rng.of([
            Verdict::Valid,
            Verdict::Valid,
            Verdict::Valid,
            Verdict::Valid,
            Verdict::Duplicate,
            Verdict::Bot,
            Verdict::Prefetch,
        ]);
        let head = ClickHead {
            origin: Origin::default(),
            id: self.mint.mint(at, link.id, VisitorId(1 + rng.below(VISITORS))),
            kind: if rng.chance(85) { TouchKind::Click } else { TouchKind::View },
            verdict,
            verdict_version: VERDICT_VERSION,
            partner: link.partner,
            offer: link.offer,
            advertiser: offer.advertiser,
            catalog: catalog.version,
            currency: offer.currency,
            country: rng.of([Country(*b"DE"), Country(*b"FR")]),
            device: rng.of([Device::Mobile, Device::Desktop]),
        };
        (edge, head)
    }

    fn report(&self, clicks: &[ClickHead], rng: &mut Rng) -> (usize, Report) {
        let edge = rng.index(EDGES);
        let named = if rng.chance(65) { rng.pick(clicks) } else { None };
        let advertiser = match named {
            // Now and then, somebody sends another shop's click id.
            Some(click) if !rng.chance(10) => click.advertiser,
            _ => AdvertiserId(rng.of([1, 1, 2])),
        };
        let received_at = match named {
            Some(click) if rng.chance(70) => click.at().forth(rng.below(100) * MINUTE_MS),
            _ => self.shown(minute(rng).forth(rng.of([0, 0, 0, HOUR_MS])), edge),
        };
        let reported_at = rng.chance(50).then(|| match rng.below(6) {
            // A clock that is days behind, and one that is ahead.
            0 => received_at.back(rng.of([23, 24, 25, 26]) * HOUR_MS),
            1 => received_at.forth(rng.below(60) * MINUTE_MS),
            _ => received_at.back(rng.below(60) * MINUTE_MS),
        });
        let key = OrderKey::by_id(advertiser, rng.of(self.names));
        let mut report = Report {
            reported_at,
            event: rng.of(["sale", "sale", "lead"]).into(),
            click: named.map_or(ReportedClick::None, |it| ReportedClick::Signed(it.id)),
            visitor: rng.chance(30).then(|| VisitorId(1 + rng.below(VISITORS))),
            customer: customer(advertiser, received_at),
            statement: statement(rng),
            status: rng.chance(40).then(|| {
                rng.of([
                    ReportedStatus::Pending,
                    ReportedStatus::Approved,
                    ReportedStatus::Approved,
                    ReportedStatus::Rejected,
                ])
            }),
            catalog: CatalogVersion(1),
            ..Report::bare(key, received_at, Origin::default())
        };
        keys::name_someone(&mut report, &mut keys::beside(rng));
        report.self_partner = scores::own_order(&mut scores::beside(rng));
        (edge, report)
    }
}

/// Every third report names one of two customers of its shop. By the minute: another draw would make every seed another world. The old part of a
/// world has its own, or its orders would ask for touches that are forgotten when a customer comes back with another browser.
fn customer(advertiser: AdvertiserId, received_at: EpochMs) -> Option<CustomerId> {
    let which = u8::try_from(received_at.0 / MINUTE_MS % 6).ok().filter(|it| *it < 2)?;
    let era = u8::from(received_at < START.back(OLD_MS / 2));
    let shop = u8::try_from(advertiser.0).ok()?;
    Some(CustomerId([shop << 4 | era << 1 | which; 16]))
}

fn minute(rng: &mut Rng) -> EpochMs {
    START.forth(rng.below(MINUTES) * MINUTE_MS)
}

fn model_of(drawn: u64) -> &'static str {
    let index = usize::try_from(drawn).unwrap_or(0) % MODELS.len();
    MODELS.get(index).copied().unwrap_or_default()
}

/// What a version reports in: yen by a rate for the euro alone, euros by rates for all, nothing.
const fn reporting_of(version: u64) -> &'static str {
    match version % 3 {
        1 => "reporting_currency = \"JPY\"\n[[rate]]\ncurrency = \"EUR\"\nrate = \"160.255\"\n",
        2 => {
            "reporting_currency = \"EUR\"\n[[rate]]\ncurrency = \"USD\"\nrate = \"0.9213\"\n\
             [[rate]]\ncurrency = \"JPY\"\nrate = \"0.00624\"\n"
        }
        _ => "",
    }
}

/// A version as a user would write it, read by the real parser. Links may move to another partner, partners pause, windows change.
pub(crate) fn version_of(version: u64, has_old: bool, rng: &mut Rng) -> Arc<Catalog> {
    let mut text = reporting_of(version).to_owned();
    let mut keyed = keys::beside(rng);
    text.push_str(&scores::watched(&mut scores::beside(rng)));
    for id in 1..=2 {
        add(&mut text, format_args!("[[advertiser]]\nid = {id}\nname = \"A{id}\""));
    }
    for (id, advertiser) in [(1, 1), (2, 1), (3, 2)] {
        // Touches that are forgotten must not be asked for later on, so no version may have a longer window than the first.
        let window = if has_old && id == 1 { 240 } else { rng.of([15, 40, 90, 240]) };
        let view = rng.of([0, 0, 30]);
        let (minimum, currency) = (rng.of([0, 0, 1, 5]), rng.of(["EUR", "EUR", "JPY"]));
        add(
            &mut text,
            format_args!(
                "[[offer]]\nid = {id}\nadvertiser = {advertiser}\nname = \"O{id}\"\ndestination = \"https://shop.example/\"\ncurrency = \"{currency}\"\n\
                 click_window = \"{window}m\"\nview_window = \"{view}m\"\nminimum_time = \"{minimum}m\"\nhold = \"{}d\"\n{}\n{}",
                rng.of([0, 30]),
                // By what was drawn already: another draw would make every seed another world.
                model_of(window + view + minimum + version + id),
                keys::of_offer(&mut keyed)
            ),
        );
    }
    for id in 1..=3 {
        let status = if rng.chance(15) { "paused" } else { "active" };
        let kind = rng.of(["content", "coupon"]);
        add(
            &mut text,
            format_args!(
                "[[partner]]\nid = {id}\nname = \"P{id}\"\ntype = \"{kind}\"\nstatus = \"{status}\"\n{}",
                scores::email_of(id)
            ),
        );
    }
    // A type that an override names must exist.
    add(&mut text, format_args!("[[partner]]\nid = 9\nname = \"P9\"\ntype = \"coupon\""));
    for id in 1..=LINKS {
        // The offer of a link is for ever; later versions may know more links. All know the last one.
        if version > 1 || id == LINKS || rng.chance(50) {
            let partner =
                if rng.chance(80) { 1 + id % 3 } else { 1 + u32::try_from(rng.below(3)).unwrap_or(0) };
            let offer = 1 + id / 2 % 3;
            add(
                &mut text,
                format_args!("[[link]]\nid = {id}\ncode = \"l{id}\"\npartner = {partner}\noffer = {offer}"),
            );
        }
    }
    for whom in ["partner = 1", "partner_type = \"coupon\""] {
        if rng.chance(40) {
            let window = rng.of([10, 20, 120]);
            let keys = keys::of_override(&mut keyed);
            add(
                &mut text,
                format_args!("[[override]]\noffer = 1\n{whom}\nclick_window = \"{window}m\"\n{keys}"),
            );
        }
    }
    keys::add_coupons(&mut text, &mut keyed);
    let effective_at = match (version, rng.below(4)) {
        (1, 0) | (2.., 1..) => minute(rng),
        (_, _) => EpochMs(0),
    };
    let number = CatalogVersion(u32::try_from(version).unwrap_or(u32::MAX));
    Arc::new(load(&text, number, effective_at).expect("the world writes good catalogs"))
}

fn add(text: &mut String, rows: std::fmt::Arguments<'_>) {
    writeln!(text, "{rows}").expect("a String takes any text");
}

fn statement(rng: &mut Rng) -> Statement {
    let currency =
        if rng.chance(90) { Currency::EUR } else { Currency::parse("USD").unwrap_or(Currency::EUR) };
    let minor = i64::try_from(rng.below(5) * 100).unwrap_or(0);
    let money = |minor| Money { minor, currency };
    if rng.chance(75) {
        Statement::Order { amount: rng.chance(85).then_some(money(minor)) }
    } else {
        let amount = rng.chance(80).then_some(money(minor / 2 + 50));
        // Of two statements of one refund the later one says who took the money.
        let kind = if minor >= 300 { RefundKind::Chargeback } else { RefundKind::Refund };
        Statement::Refund { refund: rng.of(["r1", "r2"]).into(), amount, kind }
    }
}

/// A click's whole record, as an edge writes it, with some text that its link brought along.
pub(crate) fn record(head: ClickHead, bulk: &str) -> Click<'_> {
    Click {
        head,
        os: Os::Unknown,
        browser: events::Browser::Unknown,
        consent: Consent::default(),
        visitor_is_new: false,
        ip: IpPrefix::None,
        ip_hash: 0,
        user_agent_hash: 0,
        landing: LandingChoice::Stored,
        deep_link: bulk,
        referrer_host: "",
        source: "",
        partner_click_id: "",
        subs: Vec::new(),
        tags: Vec::new(),
    }
}

/// The signed ids that reports of an order name.
pub(crate) fn signed(reports: &[Report]) -> Vec<ClickId> {
    reports.iter().filter_map(|it| it.click.signed()).collect()
}
