//! A report by partner over 30 days of 100 million clicks, in the processor's time of the engine, against a fixed limit.
//!
//! Day cells and their sums by partner are made by the engine, as rolling leaves them (design.md 8: 1.5 million cells), merged, with nothing
//! rolled since; the report is read from the analysts' own view. The peer is the limit, since no other system reads these tables.

use anyhow::{Context, Result, ensure};
use warehouse::Warehouse;

use crate::{
    engine::post,
    process::cpu_seconds,
    row::{Bound, Row},
};

/// Groups of a day: partner, offer and link by country and device.
const GROUPS: f64 = 50_400.0;
/// Clicks of a group and day: with [`GROUPS`], 100 million in 30 days.
const CLICKS: u64 = 67;
/// Times that the report is asked for; the middle one counts.
const ASKED: usize = 15;
/// Milliseconds of processor time, at full scale and below.
const LIMIT_MS: f64 = 50.0;
/// What a partner's day adds up.
const PARTNER_SUMS: &str = "clicks, clicks_valid, clicks_unique, views, pending_ppm, approved_ppm, rejected_ppm, partly_refunded_ppm, refunded_ppm, \
     revenue_minor, revenue_approved_minor";

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
pub(crate) fn run(scale: f64) -> Result<Vec<Row>> {
    let engine = chdb::testing::shared();
    let database = engine.fresh_database();
    let options = warehouse::Options {
        url: engine.url.clone(),
        user: engine.user.clone(),
        password: engine.password.clone(),
        database: database.clone(),
        ..warehouse::Options::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(Warehouse::new(options).migrate())?;
    let groups = ((GROUPS * scale) as u64).max(40);
    for statement in statements(&database, groups) {
        post(engine, &statement, &[])?;
    }
    let report = format!(
        "SELECT partner_id, sum(clicks) AS clicks, sum(clicks_valid), sum(visitors), sum(orders), sum(revenue) FROM {database}.partner_daily \
         WHERE day >= '2026-01-01' AND day < '2026-01-31' GROUP BY partner_id ORDER BY clicks DESC, partner_id FORMAT TabSeparated"
    );
    let mut costs = Vec::with_capacity(ASKED);
    for _ in 0..ASKED {
        let (answer, seconds) = cpu_seconds(|| post(engine, &report, &[]));
        check(&answer?, groups)?;
        costs.push(seconds * 1e3);
    }
    costs.sort_by(f64::total_cmp);
    let shown: Vec<String> = costs.iter().map(|it| format!("{it:.0}")).collect();
    eprintln!("report: {} clicks: {} ms of processor time", groups * 30 * CLICKS, shown.join(" "));
    let median = costs.get(ASKED / 2).copied().context("asked at least once")?;
    Ok(vec![Row {
        name: "report_by_partner_30_days",
        ours: median,
        peer: LIMIT_MS,
        unit: "ms of CPU (peer: the limit)",
        bound: Bound::AtMost(1.0),
    }])
}

fn statements(database: &str, groups: u64) -> [String; 9] {
    let cells = "toDate('2026-01-01') + intDiv(number, GROUPS) AS day, number % GROUPS AS n, n % 40 + 1, n % 12 + 1, n % 120 + 1, \
                 concat(char(65 + intDiv(n, 120) % 20), char(65 + intDiv(n, 2400) % 3)), \
                 ['desktop', 'mobile', 'tablet', 'tv', 'unknown', 'bot', 'other'][intDiv(n, 7200) % 7 + 1]";
    let cells = cells.replace("GROUPS", &groups.to_string());
    let columns = "day, partner_id, offer_id, link_id, country, device, currency, clicks, clicks_valid, clicks_unique, views, visitors, pending_ppm, \
                   approved_ppm, rejected_ppm, partly_refunded_ppm, refunded_ppm, revenue_minor, revenue_approved_minor, is_empty, ver";
    [
        format!(
            "INSERT INTO {database}.cells_day ({columns}) SELECT * EXCEPT n FROM (SELECT {cells}, 'EUR', {CLICKS}, 60, 50, 0, 45, 1000000, 1000000, 0, 0, 0, \
             15000, 7000, false, 96 FROM numbers({}))",
            groups * 30
        ),
        format!(
            "INSERT INTO {database}.cells_partner_day (day, partner_id, currency, {PARTNER_SUMS}, is_empty, ver) \
             SELECT day, partner_id, currency, {}, false, 96 FROM {database}.cells_day GROUP BY day, partner_id, currency",
            PARTNER_SUMS.split(", ").map(|it| format!("sum({it})")).collect::<Vec<_>>().join(", ")
        ),
        format!(
            "INSERT INTO {database}.uniques_day SELECT toDate('2026-01-01') + intDiv(number, 40) % 30 AS day, number % 40 + 1 AS partner_id, 1000, \
             uniqCombined64State(12)(intDiv(number, 1200)), 96 FROM numbers(1200000) GROUP BY day, partner_id"
        ),
        format!(
            "INSERT INTO {database}.rolled SELECT toDateTime('2026-01-01 00:00:00', 'UTC') + 900 * number, 1 FROM numbers(2880)"
        ),
        format!(
            "INSERT INTO {database}.rolled_day SELECT toDate('2026-01-01') + number, 96 FROM numbers(30)"
        ),
        format!("INSERT INTO {database}.rolled_partner_day SELECT day, ver FROM {database}.rolled_day"),
        format!("OPTIMIZE TABLE {database}.cells_day FINAL"),
        format!("OPTIMIZE TABLE {database}.uniques_day FINAL"),
        format!("OPTIMIZE TABLE {database}.rolled FINAL"),
    ]
}

/// The report has every partner and every click.
fn check(answer: &str, groups: u64) -> Result<()> {
    let clicks = answer.lines().filter_map(|line| line.split('\t').nth(1)).map(str::parse::<u64>);
    let sum: u64 = clicks.sum::<Result<_, _>>()?;
    ensure!(answer.lines().count() == 40, "{} partners", answer.lines().count());
    ensure!(sum == groups * 30 * CLICKS, "{sum} clicks in the report");
    Ok(())
}
