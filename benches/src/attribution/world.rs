//! A month of traffic as encoded log bytes, and the same rows as columns for the peer. Repeatable: everything follows from a fixed seed.

use std::{cmp::Reverse, collections::BinaryHeap};

use events::{
    Browser, Click, ClickHead, ClickId, ClickKey, ClickMint, Consent, Country, Device, IpPrefix,
    LandingChoice, OrderKey, Os, Report, ReportedClick, ReportedStatus, Statement, TouchKind, Verdict,
};
use units::{
    AdvertiserId, CatalogVersion, Currency, DAY_MS, EpochMs, LinkId, MINUTE_MS, Money, OfferId, Origin,
    PartnerId, VisitorId, WriterId,
};

/// When the month begins: 2026-01-01.
const START: u64 = 1_767_225_600_000;
const MONTH_MS: u64 = 30 * DAY_MS;
/// A click earns an order for a week, so that some are too old.
pub(crate) const WINDOW_MS: u64 = 7 * DAY_MS;
pub(crate) const PARTNERS: u32 = 40;
pub(crate) const OFFER: OfferId = OfferId(10);
pub(crate) const SHOP: AdvertiserId = AdvertiserId(1);
/// Of five clicks so many are a new visitor's.
pub(crate) const NEW_VISITORS: u64 = 2;
/// The others are of one of the latest so many.
const RECENT_VISITORS: u64 = 1_000_000;

/// The log and its columns.
pub(crate) struct World {
    /// Records, each behind its length in four bytes, by time.
    pub(crate) log: Vec<u8>,
    /// `(visitor, ms, partner, valid)` in `RowBinary`.
    pub(crate) clicks: Vec<u8>,
    /// `(visitor, ms)` in `RowBinary`.
    pub(crate) orders: Vec<u8>,
}

/// Numbers from a seed (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let a = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let b = (a ^ (a >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        b ^ (b >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// The `index`th visitor's id.
fn visitor(index: u64) -> VisitorId {
    VisitorId(Random::new(index).next())
}

/// Of five clicks, `new_visitors` are a new visitor's.
pub(crate) fn make(clicks: u64, orders: u64, new_visitors: u64) -> World {
    let mut random = Random::new(7);
    let mut mint = ClickMint::new(ClickKey::new(0, b"benches"), 1);
    let mut world = World { log: Vec::new(), clicks: Vec::new(), orders: Vec::new() };
    let mut coming: BinaryHeap<Reverse<(u64, u64, ClickId)>> = BinaryHeap::new();
    let (mut visitors, mut sequence) = (0_u64, 0_u64);
    let order_every = (clicks / orders.max(1)).max(1);
    for index in 0..clicks {
        let at = START + index * (MONTH_MS / clicks.max(1)).max(1);
        while let Some(Reverse((due, order, click))) = coming.peek().copied()
            && due <= at
        {
            coming.pop();
            sequence += 1;
            world.order(due, order, click, sequence, &mut random);
        }
        let is_new = visitors == 0 || random.below(5) < new_visitors;
        visitors += u64::from(is_new);
        let who = if is_new { visitors } else { visitors - random.below(visitors.min(RECENT_VISITORS)) };
        let partner = 1 + u32::try_from(random.below(u64::from(PARTNERS))).unwrap_or(0);
        let id = mint.mint(EpochMs(at), LinkId(partner), visitor(who));
        sequence += 1;
        world.click(id, partner, sequence, &mut random);
        if index % order_every == order_every - 1 && index / order_every < orders {
            // From minutes to ten days, most of them soon.
            let most = 1 + random.below(10 * DAY_MS);
            let delay = MINUTE_MS + random.below(most);
            coming.push(Reverse((at + delay, index / order_every, id)));
        }
    }
    while let Some(Reverse((due, order, click))) = coming.pop() {
        sequence += 1;
        world.order(due, order, click, sequence, &mut random);
    }
    world
}

impl World {
    fn click(&mut self, id: ClickId, partner: u32, sequence: u64, random: &mut Random) {
        let verdict = if random.below(10) == 0 { Verdict::Bot } else { Verdict::Valid };
        let head = ClickHead {
            origin: origin(sequence),
            id,
            kind: TouchKind::Click,
            verdict,
            verdict_version: 1,
            partner: PartnerId(partner),
            offer: OFFER,
            advertiser: SHOP,
            catalog: CatalogVersion(1),
            currency: Currency::EUR,
            country: Country(*b"DE"),
            device: Device::Mobile,
        };
        let click = Click {
            head,
            os: Os::Ios,
            browser: Browser::Safari,
            consent: Consent::default(),
            visitor_is_new: false,
            ip: IpPrefix::V4([192, 0, 2]),
            ip_hash: random.next(),
            user_agent_hash: random.below(1_000),
            landing: LandingChoice::Stored,
            deep_link: "",
            referrer_host: "blog.example.com",
            source: "newsletter",
            partner_click_id: "",
            subs: vec![(1, "campaign-spring"), (2, "banner-3")],
            tags: vec![("utm_source", "blog")],
        };
        self.record(|out| click.encode(out));
        self.clicks.extend_from_slice(&id.visitor().0.to_le_bytes());
        self.clicks.extend_from_slice(&id.at().0.to_le_bytes());
        self.clicks.extend_from_slice(&partner.to_le_bytes());
        self.clicks.push(u8::from(verdict.is_valid()));
    }

    fn order(&mut self, at: u64, order: u64, click: ClickId, sequence: u64, random: &mut Random) {
        let by_click = order.is_multiple_of(2);
        let report = Report {
            click: if by_click { ReportedClick::Signed(click) } else { ReportedClick::None },
            visitor: (!by_click).then(|| click.visitor()),
            statement: Statement::Order {
                amount: Some(Money {
                    minor: 1_000 + i64::try_from(random.below(20_000)).unwrap_or(0),
                    currency: Currency::EUR,
                }),
            },
            status: Some(ReportedStatus::Approved),
            catalog: CatalogVersion(1),
            ..Report::bare(OrderKey::by_id(SHOP, &format!("order-{order}")), EpochMs(at), origin(sequence))
        };
        self.record(|out| report.encode(out));
        self.orders.extend_from_slice(&click.visitor().0.to_le_bytes());
        self.orders.extend_from_slice(&at.to_le_bytes());
    }

    fn record(&mut self, encode: impl FnOnce(&mut Vec<u8>) -> Result<(), events::EncodeError>) {
        let start = self.log.len();
        self.log.extend_from_slice(&[0; 4]);
        encode(&mut self.log).expect("a small record");
        let bytes = u32::try_from(self.log.len() - start - 4).expect("a small record");
        if let Some(length) = self.log.get_mut(start..start + 4) {
            length.copy_from_slice(&bytes.to_le_bytes());
        }
    }
}

fn origin(sequence: u64) -> Origin {
    Origin { writer: WriterId(1), incarnation: 1, sequence }
}
