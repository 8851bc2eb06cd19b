//! The sink: from gathered batches to stored rows and their marks, beside one plain INSERT of the same rows into an equal table.
//!
//! Ours sends the pipeline's batches one by one, writes marks, and waits for the disk; the peer sends ready bytes of the same rows in the
//! engine's fastest format, in one statement. The engine runs in this process, so its time, ours and HTTP's are in
//! the sum on both sides. Merges are stopped: they come later and are the same rows.

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
const BATCH_ROWS: u64 = 50_000;
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
    write(&runtime, &warehouse, &batches(rows, 0))?;
    let select = format!("SELECT * FROM {database}.clicks_log FORMAT Native");
    let plain = post_bytes(engine, &select, &[])?;
    let (mut ours, mut peer) = (0.0, 0.0);
    for round in 1..=ROUNDS {
        let batches = batches(rows, round);
        let (written, seconds) = cpu_seconds(|| write(&runtime, &warehouse, &batches));
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

/// The rows of a round, in the pipeline's batches.
fn batches(rows: u64, round: u64) -> Vec<Batch> {
    let mut mint = ClickMint::new(ClickKey::new(0, b"benches"), 1);
    let mut batches = vec![Batch::new()];
    for n in 0..rows {
        if n > 0 && n.is_multiple_of(BATCH_ROWS) {
            batches.push(Batch::new());
        }
        if let Some(batch) = batches.last_mut() {
            push(batch, &mut mint, n, round, rows);
        }
    }
    batches
}

fn write(runtime: &tokio::runtime::Runtime, warehouse: &Warehouse, batches: &[Batch]) -> Result<()> {
    for batch in batches {
        runtime.block_on(warehouse.write("bench", batch))?;
    }
    Ok(())
}

/// A click with the texts that most have.
fn push(batch: &mut Batch, mint: &mut ClickMint, n: u64, round: u64, rows: u64) {
    let at = EpochMs(START + n * 6 * HOUR_MS / rows);
    let small = |end: u64| u32::try_from(n % end).unwrap_or(0);
    // Golden ratio's bits: visitors in no order, as they come.
    let visitor = VisitorId((n / 2 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let link = 1 + small(120);
    let (sub, campaign) = (format!("creative-{}", n % 500), format!("spring_sale_{}", n / 7 % 50));
    let referrer = format!("blog{}.example", n % 300);
    let partner_click_id = format!("{n:016x}");
    let gclid = format!("EAIaIQobChMI{n:010}");
    batch.click(&Click {
        head: ClickHead {
            origin: Origin {
                writer: WriterId(1),
                incarnation: 1 + u32::try_from(round).unwrap_or(0),
                sequence: n + 1,
            },
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
        referrer_host: &referrer,
        source: "newsletter",
        partner_click_id: &partner_click_id,
        subs: [(1, &*sub), (2, "mail")].into_iter().collect(),
        tags: [("utm_source", "newsletter"), ("utm_campaign", &*campaign), ("gclid", &*gclid)]
            .into_iter()
            .collect(),
    });
}
