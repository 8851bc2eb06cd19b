//! `tributary warehouse`: tables and views, the start-up self-test, and the roller that keeps the rollups exact.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ::warehouse::{Roller, RollerOptions, RollerStatus, SCORE_SPAN_MS, Warehouse};
use anyhow::Context as _;
use events::SignalCode;
use telemetry::{Counter, Gauge, ScoreResult, SignalLabel, Telemetry};
use tokio::sync::watch;

use super::asked_to_end;
use crate::{
    admin, clock,
    scoring::{Found, Scoring},
    settings::Settings,
};

/// Between tries while ClickHouse does not answer yet.
const RETRY: Duration = Duration::from_millis(300);

/// Between two looks at what the last audit noted.
const COMPLETENESS_EVERY: Duration = Duration::from_secs(30);

/// After a run of the scorer that failed, unless runs are closer together.
const SCORE_RETRY: Duration = Duration::from_mins(1);

/// After the machine went down with us, every quarter of this long is rolled again: marks may be missing that the disk never got.
const ROLL_AFTER_BOOT_MS: u64 = units::DAY_MS;

struct Page {
    is_set_up: AtomicBool,
    status: watch::Receiver<RollerStatus>,
    telemetry: Telemetry,
}

impl admin::Page for Page {
    fn alive(&self) -> Result<(), String> {
        Ok(())
    }

    fn ready(&self) -> (bool, String) {
        let status = self.status.borrow();
        let is_set_up = self.is_set_up.load(Ordering::Acquire);
        let said = status.error.as_deref().unwrap_or("rolls");
        let mark = |is_well: bool| if is_well { '+' } else { '-' };
        let lines =
            format!("[{}] tables\n[{}] roller: {said}\n", mark(is_set_up), mark(status.error.is_none()));
        (is_set_up && status.error.is_none(), lines)
    }

    fn metrics(&self) -> String {
        self.telemetry.upkeep();
        self.telemetry.render(None)
    }
}

/// Sets the tables up, then rolls until asked to end.
pub(crate) async fn run(settings: Settings) -> anyhow::Result<()> {
    let every = catalog::duration::parse(settings.text("warehouse.score_every"));
    let every = every.context("warehouse.score_every: a duration such as 1h or 30m is wanted")?;
    let warehouse = Warehouse::new(super::warehouse_options(&settings)?);
    let options = RollerOptions {
        interval: Duration::from_millis(settings.number("warehouse.roll_ms")),
        ..RollerOptions::default()
    };
    let telemetry = Telemetry::new(env!("CARGO_PKG_VERSION"));
    warehouse.observe(&telemetry);
    let mut roller = Roller::new(warehouse.clone(), options);
    let page = Arc::new(Page { is_set_up: AtomicBool::new(false), status: roller.status(), telemetry });
    let address = settings.text("warehouse.admin").parse().context("warehouse.admin")?;
    let admin = tokio::spawn(admin::serve(address, page.clone()).await?);
    let mut end = std::pin::pin!(asked_to_end());
    loop {
        let tried = tokio::select! {
            () = &mut end => return Ok(()),
            tried = set_up(&warehouse, &settings) => tried,
        };
        match tried {
            Ok(()) => break,
            Err(error) => tracing::info!(error = format!("{error:#}"), "tables are not ready yet"),
        }
        tokio::time::sleep(RETRY).await;
    }
    page.is_set_up.store(true, Ordering::Release);
    tracing::info!("tables are ready");
    let completeness = tokio::spawn(show_completeness(warehouse.clone(), page.telemetry.clone()));
    super::follow_catalog(&settings);
    let scoring = (every > 0).then(|| {
        let every = Duration::from_millis(every);
        tokio::spawn(score(settings, warehouse, page.telemetry.clone(), every))
    });
    roller.run(end).await;
    completeness.abort();
    if let Some(scoring) = scoring {
        scoring.abort();
    }
    admin.abort();
    Ok(())
}

/// What the last audit noted, among the metrics.
async fn show_completeness(warehouse: Warehouse, telemetry: Telemetry) {
    loop {
        // A warehouse that does not answer leaves what was last known; the roller says that it is away.
        if let Ok(Some((complete, _))) = warehouse.noted_complete().await {
            let gauge = telemetry.gauge(Gauge::CompleteUpTo);
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of an epoch are far below 2^53")]
            gauge.set(complete.at.0 as f64 / units::SECOND_MS as f64);
        }
        tokio::time::sleep(COMPLETENESS_EVERY).await;
    }
}

/// Scores orders until the role ends. An edge or a warehouse that is away is tried again soon.
async fn score(settings: Settings, warehouse: Warehouse, telemetry: Telemetry, every: Duration) {
    loop {
        let (started, now) = (Instant::now(), clock::now());
        let from = now.back(SCORE_SPAN_MS);
        let scoring = Scoring { settings: &settings, warehouse: &warehouse, from, now, is_dry: false };
        let wait = match scoring.go().await {
            Ok(found) => {
                note_scores(&telemetry, &found);
                every
            }
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "orders not scored");
                telemetry.counter(Counter::ScorerFailures).increment(1);
                every.min(SCORE_RETRY)
            }
        };
        telemetry.gauge(Gauge::ScorerSeconds).set(started.elapsed().as_secs_f64());
        tokio::time::sleep(wait).await;
    }
}

fn note_scores(telemetry: &Telemetry, found: &Found) {
    let results = [
        (ScoreResult::Held, found.held),
        (ScoreResult::Cleared, found.cleared),
        (ScoreResult::Changed, found.changed),
    ];
    for (result, count) in results {
        telemetry.counter(Counter::Scored(result)).increment(count);
    }
    let signals = [
        (SignalLabel::ClickFlood, SignalCode::ClickFlood),
        (SignalLabel::OddDelay, SignalCode::OddDelay),
        (SignalLabel::DataCentre, SignalCode::DataCentre),
        (SignalLabel::ManyOrders, SignalCode::ManyOrders),
    ];
    for (label, code) in signals {
        let of_it = found.signals.iter().filter(|((it, _), _)| *it == code);
        let orders: u64 = of_it.map(|(_, tally)| tally.orders).sum();
        telemetry
            .gauge(Gauge::SuspiciousOrders(label))
            .set(f64::from(u32::try_from(orders).unwrap_or(u32::MAX)));
    }
}

async fn set_up(warehouse: &Warehouse, settings: &Settings) -> anyhow::Result<()> {
    warehouse.ping().await.context("ClickHouse does not answer")?;
    warehouse.migrate().await.context("the tables cannot be set up")?;
    warehouse.set_zone(settings.text("warehouse.time_zone")).await.context("warehouse.time_zone")?;
    warehouse.self_test().await.context("ClickHouse does not behave as the sink relies on")?;
    mark_after_boot(warehouse, settings).await
}

/// Compares the machine's boot with the one that the last start of this role saw.
async fn mark_after_boot(warehouse: &Warehouse, settings: &Settings) -> anyhow::Result<()> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .context("cannot read the machine's boot id")?;
    let path = super::data(settings).join("warehouse.boot");
    let seen = std::fs::read_to_string(&path).unwrap_or_default();
    if seen == boot {
        return Ok(());
    }
    if !seen.is_empty() {
        let from = clock::now().back(ROLL_AFTER_BOOT_MS);
        let quarters =
            warehouse.mark_from(from).await.context("cannot mark quarters after the machine's boot")?;
        tracing::info!(quarters, "machine was booted: quarters are rolled again");
    }
    // Written after the marks, so that a kill in between marks once more, which is harmless.
    std::fs::write(&path, boot).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use ::warehouse::{Complete, Options};
    use units::EpochMs;

    use super::*;

    #[tokio::test]
    async fn what_the_last_audit_found_complete_is_among_the_metrics() {
        let server = chdb::testing::shared();
        let warehouse = Warehouse::new(Options {
            url: server.url.clone(),
            user: server.user.clone(),
            password: server.password.clone(),
            database: server.fresh_database(),
            ..Options::default()
        });
        warehouse.migrate().await.expect("migrated");
        let complete = Complete { at: EpochMs(1_763_812_800_500), held_by: None };
        warehouse.note_complete(complete, EpochMs(1_763_812_900_000)).await.expect("noted");
        let telemetry = Telemetry::new("1");
        let task = tokio::spawn(show_completeness(warehouse, telemetry.clone()));
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        let line = "tributary_pipeline_complete_up_to_timestamp_seconds 1763812800.5";
        while !telemetry.render(None).contains(line) {
            assert!(std::time::Instant::now() < deadline, "{}", telemetry.render(None));
            tokio::task::yield_now().await;
        }
        task.abort();
    }
}
