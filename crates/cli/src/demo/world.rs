//! The visitors of the demo: what each of them does, when, from one seed.
//!
//! In: a program, a seed, a stretch of event time and how long it may take on the wall. Out: one [`Visitor`] each, with steps in the order in which
//! he makes them. Several clicks per visitor, robots, previews, double clicks; orders minutes to days later, by customers on two devices, with coupons, by nobody's
//! link; repeated and late messages; refunds.
//! Not here: HTTP (`traffic`), what should come of it (`judge`). Start at [`World::play`].

use serde::{Deserialize, Serialize};

use super::{
    chance::Chance,
    program::{Link, Program, is_shared},
};

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;

const BROWSERS: [&str; 5] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
];
const ROBOTS: [&str; 3] = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "python-requests/2.32.3",
];
const PREVIEWS: [&str; 3] = [
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "WhatsApp/2.24.20.76 A",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
];

/// How a link is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// By a person.
    Person,
    /// By a robot that says so.
    Robot,
    /// By a messenger that wants a picture of the page.
    Preview,
    /// By a browser that guesses.
    Prefetch,
    /// Only the headers.
    Head,
}

/// By which door a shop reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// `GET /postback` with the click id.
    Postback,
    /// `POST /v1/reports`, one line.
    Batch,
    /// The pixel in the customer's browser, with our cookie.
    Pixel,
}

/// What a report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Says {
    /// The order and its amount.
    Order,
    /// It stands.
    Approved,
    /// It does not.
    Rejected,
    /// Some of it, in minor units, went back.
    Refund(i64),
}

/// One thing that somebody does.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// When, on the demo's wall: milliseconds from its start.
    pub(crate) due_ms: u64,
    /// When, in event time: milliseconds since the Unix epoch.
    pub(crate) at_ms: u64,
    pub(crate) act: Act,
}

#[derive(Debug, Clone)]
pub(crate) enum Act {
    Click {
        tag: String,
        link: Link,
        how: How,
        /// By which of his devices.
        device: usize,
    },
    /// `repeats` more times the same message, as shops do.
    Report { order: usize, says: Says, door: Door, repeats: u8 },
}

/// An order somebody makes.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) shop: u32,
    pub(crate) amount_minor: i64,
    pub(crate) currency: &'static str,
    /// When he paid, in event time. The shop's report says so.
    pub(crate) at_ms: u64,
    /// By which of his devices.
    pub(crate) device: usize,
    /// The shop's word for him, where he has an account.
    pub(crate) customer: Option<String>,
    /// What he typed at the till.
    pub(crate) coupon: Option<String>,
    /// Whom the shop says that it owes the order to.
    pub(crate) partner: Option<u32>,
}

/// What somebody browses with.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) address: String,
    pub(crate) agent: &'static str,
}

/// Somebody, or something, with one or two browsers.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    /// Nobody else's, in any stretch or run.
    pub(crate) label: String,
    /// At least one.
    pub(crate) devices: Vec<Device>,
    /// `Sec-GPC: 1`: no id of his is kept.
    pub(crate) private: bool,
    pub(crate) orders: Vec<Order>,
    /// Ascending by `due_ms`.
    pub(crate) steps: Vec<Step>,
}

/// A stretch of time to play.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    /// Event time, from here...
    pub(crate) from_ms: u64,
    /// ...to before here.
    pub(crate) to_ms: u64,
    /// How long that takes on the wall.
    pub(crate) wall_ms: u64,
    /// Requests of links wanted in it, about.
    pub(crate) clicks: u64,
}

/// Makes visitors.
#[derive(Debug)]
pub(crate) struct World<'a> {
    program: &'a Program,
    seed: u64,
    /// In every tag and order id, so that stretches and runs never share one.
    label: String,
}

impl<'a> World<'a> {
    pub(crate) fn new(program: &'a Program, seed: u64, label: &str) -> Self {
        Self { program, seed, label: label.to_owned() }
    }

    /// The visitors of a stretch.
    pub(crate) fn play(&self, stretch: Stretch) -> Vec<Visitor> {
        let mut visitors = Vec::new();
        let mut clicks = 0;
        let mut number = 0;
        while clicks < stretch.clicks {
            number += 1;
            let mut chance = Chance::new(self.seed).fork(number);
            let mut life = Life {
                world: self,
                stretch,
                chance: &mut chance,
                number,
                made: Vec::new(),
                orders: Vec::new(),
                tags: 0,
            };
            let agents = life.live();
            let mut steps = life.made;
            let orders = life.orders;
            steps.retain(|it| it.at_ms < stretch.to_ms && it.due_ms < stretch.wall_ms);
            steps.sort_by_key(|it| it.due_ms);
            clicks += steps.iter().filter(|it| matches!(it.act, Act::Click { .. })).count() as u64;
            let is_person = agents.iter().all(|it| BROWSERS.contains(it));
            let private = is_person && chance.happens(40);
            let addresses = (0..).map(|device| address(self.seed, number, device));
            let devices = addresses.zip(agents).map(|(address, agent)| Device { address, agent });
            visitors.push(Visitor {
                label: format!("{}-{number}", self.label),
                devices: devices.collect(),
                private,
                orders,
                steps,
            });
        }
        visitors
    }
}

/// An address of his own in public space, so that nobody is taken for another.
fn address(seed: u64, number: u64, device: u64) -> String {
    let n = number.wrapping_add(seed.wrapping_mul(7_919)) % (200 * 65_536);
    format!("{}.{}.{}.{}", 20 + n / 65_536 % 70, n / 256 % 256, n % 256, 7 + device)
}

/// One visitor's life while it is being made up.
struct Life<'a> {
    world: &'a World<'a>,
    stretch: Stretch,
    chance: &'a mut Chance,
    number: u64,
    made: Vec<Step>,
    orders: Vec<Order>,
    tags: u32,
}

impl Life<'_> {
    /// The agents of his devices.
    fn live(&mut self) -> Vec<&'static str> {
        let start = self.chance.between(self.stretch.from_ms, self.stretch.to_ms);
        match self.chance.below(100) {
            0..8 => {
                self.strange(start, How::Robot);
                vec![self.chance.pick::<&str>(&ROBOTS)]
            }
            8..11 => {
                self.strange(start, How::Preview);
                vec![self.chance.pick::<&str>(&PREVIEWS)]
            }
            _ => {
                let devices = self.person(start);
                (0..devices).map(|_| *self.chance.pick::<&str>(&BROWSERS)).collect()
            }
        }
    }

    fn strange(&mut self, start: u64, how: How) {
        for n in 0..self.chance.between(1, 5) {
            let link = self.any_link();
            self.click(start + n * 2 * SECOND_MS, 0, (link, 0), how);
        }
    }

    /// How many devices he has.
    fn person(&mut self, start: u64) -> usize {
        let shop = 1 + u32::try_from(self.chance.below(4)).unwrap_or_default();
        let customer = self.chance.happens(350).then(|| format!("c-{}-{}", self.world.label, self.number));
        // Without an account nobody could tell that two devices are one person's.
        let devices = if customer.is_some() && self.chance.happens(400) { 2 } else { 1 };
        let mut at = start;
        // Some come by no link at all.
        let visits = if self.chance.happens(40) { 0 } else { 1 + self.chance.zipf(7) };
        for _ in 0..visits {
            at = self.visit_somewhere(at, shop, devices);
        }
        let orders = match (&customer, self.chance.below(100)) {
            (Some(_), 0..40) => 1 + self.chance.below(3),
            (_, 0..30) => 1,
            _ => u64::from(visits == 0),
        };
        for _ in 0..orders {
            let device = self.device(devices);
            at = self.order(at, (shop, device), customer.as_deref());
            if self.chance.happens(400) {
                at = self.visit_somewhere(at, shop, devices);
            }
        }
        devices
    }

    fn device(&mut self, devices: usize) -> usize {
        usize::try_from(self.chance.below(devices as u64)).unwrap_or_default()
    }

    /// Until when.
    fn visit_somewhere(&mut self, at: u64, shop: u32, devices: usize) -> u64 {
        let link = if self.chance.happens(850) { self.link_of(shop) } else { self.any_link() };
        let device = self.device(devices);
        self.visit(at, link, device);
        at + self.pause()
    }

    /// A click, now and then a browser's guess before it, a look at the headers, a second click at once, or a message that comes late.
    fn visit(&mut self, at: u64, link: Link, device: usize) {
        if self.chance.happens(20) {
            self.click(at.saturating_sub(SECOND_MS), 0, (link.clone(), device), How::Prefetch);
        }
        if self.chance.happens(10) {
            self.click(at.saturating_sub(2 * SECOND_MS), 0, (link.clone(), device), How::Head);
        }
        let late = if self.chance.happens(40) { self.chance.below(self.stretch.wall_ms / 10) } else { 0 };
        self.click(at, late, (link.clone(), device), How::Person);
        if !is_shared(link.shop) && self.chance.happens(200) {
            let gap = self.chance.between(80, 900);
            self.click(at + gap, late, (link, device), How::Person);
        }
    }

    /// Minutes mostly, sometimes days.
    fn pause(&mut self) -> u64 {
        match self.chance.below(10) {
            0..5 => self.chance.between(MINUTE_MS, HOUR_MS),
            5..8 => self.chance.between(HOUR_MS, 20 * HOUR_MS),
            _ => self.chance.between(20 * HOUR_MS, 80 * HOUR_MS),
        }
    }

    /// Until when.
    fn order(&mut self, at: u64, (shop, device): (u32, usize), customer: Option<&str>) -> u64 {
        let Some(known) = self.world.program.shops.iter().find(|it| it.id == shop) else { return at };
        let currency = known.currency;
        let amount_minor = i64::try_from(self.chance.between(500, 20_000)).unwrap_or_default();
        let order = self.orders.len();
        let id = format!("{}-{}-{order}", self.world.label, self.number);
        let coupons: Vec<_> = self.world.program.coupons.iter().filter(|it| it.shop == shop).collect();
        let coupon = (!coupons.is_empty() && self.chance.happens(120))
            .then(|| self.chance.pick(&coupons).code.clone());
        let partner = self.chance.happens(40).then(|| self.link_of(shop).partner);
        let customer = customer.map(str::to_owned);
        self.orders.push(Order {
            id,
            shop,
            amount_minor,
            currency,
            at_ms: at,
            device,
            customer,
            coupon,
            partner,
        });

        let door =
            *self.chance.pick(&[Door::Postback, Door::Postback, Door::Postback, Door::Batch, Door::Pixel]);
        let delay = self.chance.between(200, 90 * SECOND_MS);
        let repeats = if self.chance.happens(200) { 2 } else { 0 };
        self.report(at + delay, order, Says::Order, door, repeats);
        // A shop that reports by pixel has a server for what comes later.
        let door = if door == Door::Pixel { Door::Postback } else { door };
        let settled = at + delay + self.pause();
        match self.chance.below(10) {
            0..6 => self.report(settled, order, Says::Approved, door, repeats),
            6 => self.report(settled, order, Says::Rejected, door, 0),
            7 => self.report(settled, order, Says::Refund(amount_minor / 3), door, repeats),
            8 => self.report(settled, order, Says::Refund(amount_minor), door, 1),
            _ => {}
        }
        settled + self.pause()
    }

    fn click(&mut self, at_ms: u64, late_ms: u64, (link, device): (Link, usize), how: How) {
        self.tags += 1;
        let tag = format!("{}-{}-{}", self.world.label, self.number, self.tags);
        self.step(at_ms, late_ms, Act::Click { tag, link, how, device });
    }

    fn report(&mut self, at_ms: u64, order: usize, says: Says, door: Door, repeats: u8) {
        self.step(at_ms, 0, Act::Report { order, says, door, repeats });
    }

    fn step(&mut self, at_ms: u64, late_ms: u64, act: Act) {
        let Stretch { from_ms, to_ms, wall_ms, .. } = self.stretch;
        let due_ms =
            at_ms.saturating_sub(from_ms).saturating_mul(wall_ms) / (to_ms - from_ms).max(1) + late_ms;
        self.made.push(Step { due_ms, at_ms, act });
    }

    fn any_link(&mut self) -> Link {
        let links = &self.world.program.links;
        let index = usize::try_from(self.chance.zipf(links.len() as u64)).unwrap_or_default();
        links.get(index).expect("a rank below the length").clone()
    }

    fn link_of(&mut self, shop: u32) -> Link {
        let links: Vec<&Link> = self.world.program.links.iter().filter(|it| it.shop == shop).collect();
        let index = usize::try_from(self.chance.zipf(links.len() as u64)).unwrap_or_default();
        (*links.get(index).expect("every shop has links")).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const STRETCH: Stretch =
        Stretch { from_ms: 1_000_000_000, to_ms: 1_604_800_000, wall_ms: 30_000, clicks: 3_000 };

    #[test]
    fn a_seed_plays_the_same_visitors_and_every_kind_of_step() {
        let program = Program::new(5);
        let visitors = World::new(&program, 5, "r1").play(STRETCH);
        assert_eq!(format!("{visitors:?}"), format!("{:?}", World::new(&program, 5, "r1").play(STRETCH)));

        let steps: Vec<&Step> = visitors.iter().flat_map(|it| &it.steps).collect();
        let hows: BTreeSet<String> = steps
            .iter()
            .map(|it| match &it.act {
                Act::Click { how, .. } => format!("{how:?}"),
                Act::Report { says: Says::Refund(_), .. } => "Refund".to_owned(),
                Act::Report { says, door, .. } => format!("{says:?} by {door:?}"),
            })
            .collect();
        assert!(hows.len() >= 12, "{hows:?}");
        assert!(steps.iter().all(|it| it.due_ms < STRETCH.wall_ms && it.at_ms < STRETCH.to_ms));
        let tags: BTreeSet<&str> = steps
            .iter()
            .filter_map(|it| match &it.act {
                Act::Click { tag, .. } => Some(tag.as_str()),
                Act::Report { .. } => None,
            })
            .collect();
        assert!(tags.len() >= 3_000, "every request has a tag of its own");
        assert!(visitors.iter().any(|it| it.private) && visitors.iter().any(|it| it.devices.len() == 2));
        let orders: Vec<&Order> = visitors.iter().flat_map(|it| &it.orders).collect();
        let has = |of: fn(&Order) -> bool| orders.iter().any(|it| of(it));
        assert!(has(|it| it.coupon.is_some()) && has(|it| it.partner.is_some()) && has(|it| it.device == 1));
        assert!(visitors.iter().any(|it| it.orders.len() > 1), "somebody comes back");
    }
}
