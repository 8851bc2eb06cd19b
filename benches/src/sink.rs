//! The sink: from decoded clicks to stored rows and their marks, beside one plain INSERT of the same rows into an equal table.
//!
//! Ours puts the clicks into the pipeline's batches, sends these one by one, writes marks, and waits for the disk; the peer sends ready bytes of
//! the same rows, sorted and in the engine's fastest format, in one statement with the engine's default settings. The engine runs in this
//! process, so its time, ours and HTTP's are in the sum on both sides. Merges are stopped: they come later and are the same rows.

use anyhow::{Context, Result, ensure};
use events::{
    Browser, Click, ClickHead, ClickKey, ClickMint, Consent, Country, Device, IpPrefix, LandingChoice, Os,
    TouchKind, Verdict,
};
use units::{
    AdvertiserId, CatalogVersion, Currency, EpochMs, HOUR_MS, LinkId, OfferId, Origin, PartnerId, VisitorId,
    WriterId,
};
use warehouse::{Batch, Warehouse};

use crate::{
    engine::{post, post_bytes},
    process::cpu_seconds,
    row::{Bound, Row},
};

/// Rows of the plain INSERT, at full scale.
const ROWS: f64 = 400_000.0;
/// Rows of one batch: what the pipeline hands over at most.
const BATCH_ROWS: usize = 50_000;
/// Turns that the two take.
const ROUNDS: u64 = 3;
/// 2026-01-01; all rows fall into the six hours behind it.
const START: u64 = 1_767_225_600_000;

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "amounts of work are small positive numbers"
)]
pub(crate) fn run(scale: f64) -> Result<Vec<Row>> {
    let rows = ((ROWS * scale) as u64).max(1);
    let engine = chdb::testing::shared();
    let database = engine.fresh_database();
    let options = warehouse::Options {
        url: engine.url.clone(),
        user: engine.user.clone(),
        password: engine.password.clone(),
        database: database.clone(),
        ..warehouse::Options::default()
    };
    let warehouse = Warehouse::new(options);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(warehouse.migrate())?;
    post(engine, &format!("SYSTEM STOP MERGES {database}.clicks_log"), &[])?;
    // Settings and indices too: the same work for the same durability.
    post(engine, &format!("CREATE TABLE {database}.plain AS {database}.clicks_log"), &[])?;
    post(engine, &format!("SYSTEM STOP MERGES {database}.plain"), &[])?;
    let texts: Vec<Texts> = (0..rows).map(Texts::new).collect();
    write(&runtime, &warehouse, &clicks(&texts, 0))?;
    let select = format!("SELECT * FROM {database}.clicks_log FORMAT Native");
    let plain = post_bytes(engine, &select, &[])?;
    let (mut ours, mut peer) = (0.0, 0.0);
    for round in 1..=ROUNDS {
        let clicks = clicks(&texts, round);
        let (written, seconds) = cpu_seconds(|| write(&runtime, &warehouse, &clicks));
        written?;
        let insert = format!("INSERT INTO {database}.plain FORMAT Native");
        let (inserted, plain_seconds) = cpu_seconds(|| post(engine, &insert, &plain));
        inserted.context("the plain INSERT")?;
        eprintln!("sink: {rows} rows: ours {seconds:.2} s, plain {plain_seconds:.2} s of processor time");
        ours += seconds;
        peer += plain_seconds;
    }
    let count = |table: &str| post(engine, &format!("SELECT count() FROM {database}.{table}"), &[]);
    let (in_log, in_plain) = (count("clicks_log")?, count("plain")?);
    ensure!(in_log.trim() == ((ROUNDS + 1) * rows).to_string(), "{in_log} rows in clicks_log");
    ensure!(in_plain.trim() == (ROUNDS * rows).to_string(), "{in_plain} rows in the plain table");
    let all = (ROUNDS * rows) as f64;
    Ok(vec![Row {
        name: "sink_vs_plain_insert",
        ours: all / ours,
        peer: all / peer,
        unit: "rows per CPU second",
        bound: Bound::AtLeast(0.8),
    }])
}

/// From clicks to rows on disk.
fn write(runtime: &tokio::runtime::Runtime, warehouse: &Warehouse, clicks: &[Click<'_>]) -> Result<()> {
    for some in clicks.chunks(BATCH_ROWS) {
        let mut batch = Batch::new();
        for click in some {
            batch.click(click);
        }
        runtime.block_on(warehouse.write("bench", &batch))?;
    }
    Ok(())
}

/// The texts that most clicks have.
struct Texts {
    referrer: String,
    partner_click_id: String,
    sub: String,
    campaign: String,
    gclid: String,
}

impl Texts {
    fn new(n: u64) -> Self {
        Self {
            referrer: format!("blog{}.example", n % 300),
            partner_click_id: format!("{n:016x}"),
            sub: format!("creative-{}", n % 500),
            campaign: format!("spring_sale_{}", n / 7 % 50),
            gclid: format!("EAIaIQobChMI{n:010}"),
        }
    }
}

/// The clicks of a round, in the order of their times.
fn clicks(texts: &[Texts], round: u64) -> Vec<Click<'_>> {
    let mut mint = ClickMint::new(ClickKey::new(0, b"benches"), 1);
    let rows = texts.len() as u64;
    (0..rows).zip(texts).map(|(n, texts)| click(&mut mint, n, round, rows, texts)).collect()
}

fn click<'a>(mint: &mut ClickMint, n: u64, round: u64, rows: u64, texts: &'a Texts) -> Click<'a> {
    let at = EpochMs(START + n * 6 * HOUR_MS / rows);
    let small = |end: u64| u32::try_from(n % end).unwrap_or(0);
    // Golden ratio's bits: visitors in no order, as they come.
    let visitor = VisitorId((n / 2 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let link = 1 + small(120);
    let incarnation = 1 + u32::try_from(round).unwrap_or(0);
    Click {
        head: ClickHead {
            origin: Origin { writer: WriterId(1), incarnation, sequence: n + 1 },
            id: mint.mint(at, LinkId(link), visitor),
            kind: TouchKind::Click,
            verdict: if n.is_multiple_of(10) { Verdict::Bot } else { Verdict::Valid },
            verdict_version: 1,
            partner: PartnerId(1 + small(40)),
            offer: OfferId(1 + small(12)),
            advertiser: AdvertiserId(1),
            catalog: CatalogVersion(1),
            currency: Currency::EUR,
            country: Country(*b"DE"),
            device: Device::Mobile,
        },
        os: Os::Ios,
        browser: Browser::Safari,
        consent: Consent::default(),
        visitor_is_new: n.is_multiple_of(2),
        ip: IpPrefix::V4([192, 0, n.to_be_bytes()[7]]),
        ip_hash: visitor.0.rotate_left(17),
        user_agent_hash: n % 1_000,
        landing: LandingChoice::Stored,
        deep_link: "",
        referrer_host: &texts.referrer,
        source: "newsletter",
        partner_click_id: &texts.partner_click_id,
        subs: [(1, &*texts.sub), (2, "mail")].into_iter().collect(),
        tags: [("utm_source", "newsletter"), ("utm_campaign", &*texts.campaign), ("gclid", &*texts.gclid)]
            .into_iter()
            .collect(),
    }
}
