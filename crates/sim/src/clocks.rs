//! Clocks that are wrong (P25): the same purchases seen by edges whose clocks are right, and by edges whose clocks differ and step.
//!
//! In: a seed and how many cases. Out: how many orders were compared, or the first that is wrong. Always the answer is the plain one by the signed times
//! and the rule of design.md 5. And where nothing hangs on less than two clocks may differ, the same partner is paid as with right clocks; where
//! something does, the cases are counted. Start at [`clocks`].

use std::{collections::BTreeMap, sync::Arc};

use catalog::Catalog;
use events::{ClickKey, ClickMint, OrderKey, TouchKind};
use units::{EpochMs, HOUR_MS, LinkId, MINUTE_MS, Origin, SECOND_MS, VisitorId, WriterId};

use crate::{
    cases::{LINKS, News, Play, click, plain_catalog, report, version},
    rng::Rng,
    world::START,
};

/// How far an edge's clock is off at most, either way, before and after it steps.
const OFF_MS_MAX: u64 = 10 * MINUTE_MS;
const EDGES: usize = 3;
/// A case's length: below the 24 h within which an own click corrects the order's time.
const HOURS: u64 = 22;
/// Reports follow their click by less than this where people buy at once.
const AT_ONCE_MS: u64 = 5 * MINUTE_MS;

/// What was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skewed {
    /// Histories.
    pub cases: u64,
    /// Orders in them.
    pub orders: u64,
    /// Orders of histories in which nothing hangs on the clocks: the same partner each time.
    pub apart: u64,
    /// Of them, those whose report seemed to come before its own click.
    pub corrected: u64,
    /// Orders of other histories.
    pub close: u64,
    /// Of them, those that another partner got, or somebody instead of nobody: a difference of clocks decided.
    pub hung: u64,
}

impl Skewed {
    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        let Self { cases, orders, apart, corrected, close, hung } = other;
        self.cases += cases;
        self.orders += orders;
        self.apart += apart;
        self.corrected += corrected;
        self.close += close;
        self.hung += hung;
    }
}

/// Something that happens at a true time.
#[derive(Debug, Clone, Copy)]
enum Event {
    Click {
        link: u32,
        visitor: u64,
    },
    /// Of the click with this number, if of any, and said to be of this visitor.
    Report {
        order: &'static str,
        click: Option<usize>,
        visitor: Option<u64>,
    },
}

/// A history in true time.
struct Story {
    catalogs: Vec<Arc<Catalog>>,
    events: Vec<(EpochMs, usize, Event)>,
}

/// An edge's clock: so many ms ahead before it steps, and after.
#[derive(Debug, Clone, Copy, Default)]
struct Clock {
    before: i64,
    after: i64,
    steps_at: EpochMs,
}

impl Clock {
    fn shows(self, at: EpochMs) -> EpochMs {
        EpochMs(at.0.saturating_add_signed(if at < self.steps_at { self.before } else { self.after }))
    }
}

/// Order, the partner that is paid, and where its time comes from.
type Paid = BTreeMap<OrderKey, (u32, String)>;

/// Plays so many histories.
pub fn clocks(seed: u64, cases: u64) -> Result<Skewed, String> {
    let (mut rng, plain) = (Rng::new(seed), plain_catalog());
    let mut sum = Skewed { cases, ..Skewed::default() };
    for number in 0..cases {
        let is_apart = rng.chance(50);
        let story = story(&plain, is_apart, &mut rng);
        let wrong = [(); EDGES].map(|()| Clock {
            before: off(&mut rng),
            after: off(&mut rng),
            steps_at: START.forth(rng.below(HOURS * HOUR_MS)),
        });
        let told = |error| format!("seed {seed}, case {number}, clocks {wrong:?}: {error}");
        let right = seen(&story, [Clock::default(); EDGES], &mut rng.fork()).map_err(told)?;
        let skewed = seen(&story, wrong, &mut rng.fork()).map_err(told)?;
        sum.orders += right.len() as u64;
        for (key, (partner, _)) in &right {
            let (found, source) = skewed.get(key).ok_or_else(|| told(format!("order {key} is gone")))?;
            if is_apart {
                sum.apart += 1;
                sum.corrected += u64::from(source == "click");
                if partner != found {
                    return Err(told(format!("order {key} is paid to {found} and not to {partner}")));
                }
            } else {
                sum.close += 1;
                sum.hung += u64::from(partner != found);
            }
        }
    }
    Ok(sum)
}

fn off(rng: &mut Rng) -> i64 {
    let ms = rng.below(2 * OFF_MS_MAX + 1);
    ms.cast_signed() - OFF_MS_MAX.cast_signed()
}

/// Apart: clicks at full hours, each at its own, reports at once behind one or at half an hour's distance of all; ends of windows and beginnings of
/// versions where no two clocks reach. Else anything at any minute.
fn story(plain: &Catalog, is_apart: bool, rng: &mut Rng) -> Story {
    let mut hours: Vec<u64> = (1..HOURS).collect();
    rng.shuffle(&mut hours);
    let somewhen = |hour: u64, rng: &mut Rng| {
        let inside = if is_apart { 0 } else { rng.below(HOUR_MS) };
        START.forth(hour * HOUR_MS + inside)
    };
    let half = HOUR_MS / 2;
    let mut window = || [rng.below(HOURS) * HOUR_MS + half, 0, 0];
    let mut catalogs = vec![Arc::new(version(plain, 1, EpochMs(0), window()))];
    let later = window();
    if rng.chance(40) {
        let at = START.forth(rng.below(HOURS) * HOUR_MS + half);
        catalogs.push(Arc::new(version(plain, 2, at, later)));
    }
    let mut events = Vec::new();
    for hour in hours.iter().take(1 + rng.index(4)) {
        let link = 1 + u32::try_from(rng.below(LINKS.into())).unwrap_or(0);
        let event = Event::Click { link, visitor: 1 + rng.below(2) };
        events.push((somewhen(*hour, rng), rng.index(EDGES), event));
    }
    let clicks: Vec<EpochMs> = events.iter().map(|(at, ..)| *at).collect();
    for order in ["o", "p"] {
        let number = rng.index(clicks.len());
        let clicked = clicks.get(number).copied().unwrap_or(START);
        let (at, click, visitor) = if rng.chance(50) {
            (clicked.forth(SECOND_MS + rng.below(AT_ONCE_MS)), Some(number), None)
        } else {
            // At an hour of nobody's click.
            let free = hours.get(clicks.len() + rng.index(8)).copied().unwrap_or(HOURS);
            (somewhen(free, rng), rng.chance(50).then_some(number), Some(1 + rng.below(2)))
        };
        events.push((at, rng.index(EDGES), Event::Report { order, click, visitor }));
    }
    Story { catalogs, events }
}

/// What is decided where the edges have these clocks; it arrives in any order.
fn seen(story: &Story, clocks: [Clock; EDGES], rng: &mut Rng) -> Result<Paid, String> {
    let mut mint = ClickMint::new(ClickKey::new(1, b"the simulation's"), 0);
    let (mut news, mut ids) = (Vec::new(), Vec::new());
    for (sequence, (at, edge, event)) in (1..).zip(&story.events) {
        let shown = clocks.get(*edge).copied().unwrap_or_default().shows(*at);
        let writer = WriterId::new(u16::try_from(*edge).unwrap_or(0), 0);
        let origin = Origin { writer, incarnation: 1, sequence };
        match event {
            Event::Click { link, visitor } => {
                let id = mint.mint(shown, LinkId(*link), VisitorId(*visitor));
                ids.push(id);
                news.push(News::Click(click(id, origin, TouchKind::Click)));
            }
            Event::Report { order, click, visitor } => {
                let id = click.and_then(|it| ids.get(it)).copied();
                let mut it = report(order, shown, origin, id);
                it.visitor = visitor.map(VisitorId);
                news.push(News::Report(Box::new(it)));
            }
        }
    }
    rng.shuffle(&mut news);
    for catalog in story.catalogs.iter().rev() {
        // Each before any newer one, and all among the rest.
        let end = news.iter().position(|it| matches!(it, News::Catalog(_))).unwrap_or(news.len());
        news.insert(rng.index(end + 1), News::Catalog(Arc::clone(catalog)));
    }
    let mut play = Play::new();
    news.iter().try_for_each(|it| play.hear(it))?;
    Ok(play
        .orders()
        .map(|(key, _, (row, _))| (key.clone(), (row.partner, row.time_source.clone())))
        .collect())
}
