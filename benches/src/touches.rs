//! What a click costs the touch store, and an order its question, while the window fills: ten times as many clicks, and ten times again.
//!
//! Clicks go into the machine that keeps them, as `pipeline` hands them over, with slices in files. What the second half of each step costs is
//! counted: it holds one growth of the index, and files are written in all of it. The peer is the step before: a flat cost is a ratio near one. The
//! first step is no peer, since it pays for the first pages of everything and memory alone answers its questions. What grows with the
//! window is memory that no cache holds. Out: a line a step as it is done, and the rows.

use anyhow::{Result, ensure};
use attribution::{CLICKS_AT_A_TIME, RECORD_BYTES, SliceOptions, Timelines, TouchStore};
use events::{ClickHead, ClickKey, ClickMint, Country, Device, TouchKind, Verdict};
use units::{CatalogVersion, Currency, EpochMs, LinkId, Origin, PartnerId, Stamp, VisitorId, WriterId};

use crate::{
    attribution::{
        files::FileSlices,
        world::{NEW_VISITORS, OFFER, PARTNERS, Random, SHOP},
    },
    process::cpu_seconds,
    row::{Bound, Row},
};

/// Clicks in the window at the end of each step, at full scale.
const STEPS: [f64; 3] = [1e6, 1e7, 1e8];
/// Clicks made before they are handed over: what making them costs is not counted.
const MADE_AT_A_TIME: u64 = 250_000;
/// Questions after each step.
const QUESTIONS: u64 = 200_000;
/// When the first click was: 2026-01-01. One follows a millisecond after the other.
const START: u64 = 1_767_225_600_000;
/// How much more a click may cost in the fullest window than in one of a tenth.
const APPEND_RATIO_MAX: f64 = 1.5;
/// Of a question, beside the window of a tenth.
const FIND_RATIO_MAX: f64 = 1.5;
/// Bytes of RAM for a visitor, at the worst moment of growth (design.md 10).
const RAM_MAX: f64 = 40.0;

/// One step's figures.
struct Step {
    clicks: u64,
    visitors: usize,
    append_ns: f64,
    find_ns: f64,
    ram_bytes: f64,
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "amounts of work are small positive numbers"
)]
pub(crate) fn run(scale: f64) -> Result<Vec<Row>> {
    let mut window = Window::new()?;
    let mut steps = Vec::with_capacity(STEPS.len());
    for clicks in STEPS {
        let step = window.fill(((clicks * scale) as u64).max(CLICKS_AT_A_TIME as u64))?;
        eprintln!(
            "touches: {} clicks of {} visitors: {:.0} ns a click, {:.0} ns a question, {RECORD_BYTES} bytes of disk a click, {:.1} of RAM a visitor",
            step.clicks, step.visitors, step.append_ns, step.find_ns, step.ram_bytes
        );
        steps.push(step);
    }
    let [_, tenth, last] = steps.as_slice() else { return Ok(Vec::new()) };
    let row = |name, ours, peer, unit, bound| Row { name, ours, peer, unit, bound: Bound::AtMost(bound) };
    Ok(vec![
        row(
            "touch_append_as_the_window_fills",
            last.append_ns,
            tenth.append_ns,
            "ns of CPU a click (peer: a tenth of the window)",
            APPEND_RATIO_MAX,
        ),
        row(
            "touch_question_as_the_window_fills",
            last.find_ns,
            tenth.find_ns,
            "ns of CPU a question (peer: a tenth of the window)",
            FIND_RATIO_MAX,
        ),
        row(
            "touch_ram_per_visitor",
            window.ram_worst,
            RAM_MAX,
            "bytes as the index grows (peer: the limit)",
            1.0,
        ),
    ])
}

/// The store and the traffic that fills it.
struct Window {
    timelines: Timelines<FileSlices>,
    mint: ClickMint,
    random: Random,
    clicks: u64,
    visitors: u64,
    /// After the latest clicks.
    index_bytes: usize,
    /// Bytes a visitor, at the worst of the growths so far.
    ram_worst: f64,
}

impl Window {
    fn new() -> Result<Self> {
        let claim = Stamp::new(1, 1)?;
        let store = TouchStore::open(FileSlices::new()?, SliceOptions::default(), 1, 0)?
            .keeping(pipeline::RECENT_BYTES_MAX);
        let mut timelines = Timelines::new(claim, store);
        timelines.speak(&mut Vec::new())?;
        let mint = ClickMint::new(ClickKey::new(0, b"benches"), 1);
        Ok(Self {
            timelines,
            mint,
            random: Random::new(11),
            clicks: 0,
            visitors: 0,
            index_bytes: 0,
            ram_worst: 0.0,
        })
    }

    /// Goes on until the window holds `clicks`.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    fn fill(&mut self, clicks: u64) -> Result<Step> {
        let mut seconds = 0.0;
        while self.clicks < clicks {
            let is_counted = self.clicks >= clicks / 2;
            let end = if is_counted { clicks } else { clicks / 2 };
            let count = MADE_AT_A_TIME.min(end - self.clicks);
            let made: Vec<ClickHead> = (0..count).map(|_| self.click()).collect();
            let (done, spent) = cpu_seconds(|| {
                let mut evidence = Vec::new();
                made.chunks(CLICKS_AT_A_TIME).try_for_each(|it| self.timelines.on_clicks(it, &mut evidence))
            });
            done?;
            seconds += if is_counted { spent } else { 0.0 };
            self.note_growth();
        }
        let find_ns = self.ask()?;
        let store = self.timelines.store();
        ensure!(store.touches() == clicks, "{} touches of {clicks} clicks", store.touches());
        Ok(Step {
            clicks,
            visitors: store.visitors(),
            append_ns: seconds * 1e9 / (clicks - clicks / 2).max(1) as f64,
            find_ns,
            ram_bytes: store.index_bytes() as f64 / store.visitors().max(1) as f64,
        })
    }

    /// While the index grows, its old and its new table are both there.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    fn note_growth(&mut self) {
        let (bytes, visitors) = (self.timelines.store().index_bytes(), self.timelines.store().visitors());
        if bytes > self.index_bytes && self.index_bytes > 0 {
            let both = (bytes + bytes / 2) as f64;
            self.ram_worst = self.ram_worst.max(both / visitors.max(1) as f64);
        }
        self.index_bytes = bytes;
    }

    /// Nanoseconds for all touches of one visitor, anybody that ever clicked.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    fn ask(&mut self) -> Result<f64> {
        let who: Vec<VisitorId> =
            (0..QUESTIONS).map(|_| visitor(1 + self.random.next() % self.visitors)).collect();
        let (found, seconds) = cpu_seconds(|| {
            let mut touches = Vec::new();
            let mut found = 0;
            for visitor in &who {
                touches.clear();
                self.timelines.store().find(*visitor, EpochMs(0), EpochMs(u64::MAX), &mut touches)?;
                found += u64::from(!touches.is_empty());
            }
            anyhow::Ok(found)
        });
        ensure!(found? == QUESTIONS, "every visitor has a click");
        Ok(seconds * 1e9 / QUESTIONS as f64)
    }

    fn click(&mut self) -> ClickHead {
        let is_new = self.visitors == 0 || self.random.next() % 5 < NEW_VISITORS;
        self.visitors += u64::from(is_new);
        let who = if is_new { self.visitors } else { 1 + self.random.next() % self.visitors };
        let partner = 1 + u32::try_from(self.random.next() % u64::from(PARTNERS)).unwrap_or(0);
        self.clicks += 1;
        ClickHead {
            origin: Origin { writer: WriterId(1), incarnation: 1, sequence: self.clicks },
            id: self.mint.mint(EpochMs(START + self.clicks), LinkId(partner), visitor(who)),
            kind: TouchKind::Click,
            verdict: Verdict::Valid,
            verdict_version: 1,
            partner: PartnerId(partner),
            offer: OFFER,
            advertiser: SHOP,
            catalog: CatalogVersion(1),
            currency: Currency::EUR,
            country: Country(*b"DE"),
            device: Device::Mobile,
        }
    }
}

/// The `index`th visitor's id.
fn visitor(index: u64) -> VisitorId {
    VisitorId(Random::new(index).next())
}
