//! What happens when: a healthy stretch, then one fault after the other while the load goes on.
//!
//! In: the stage and the load. Out: [`Measured`], what only the one who breaks things can measure. Whether all of it was survived is the judge's
//! to say. Start at [`play`].

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use rustix::process::Signal;

use crate::{
    load::Load,
    role::{LOOK_EVERY, PATIENCE},
    stage::{EDGES, Stage},
};

/// How long the edges stand still for the check of ourselves.
const STALL: Duration = Duration::from_secs(2);

/// What a full disk leaves the engine: less than inserts want, and room for merges that have begun, which nobody else takes from under them where
/// `ClickHouse` has a disk of its own.
const ENGINE_SPARE_BYTES: u64 = 192 << 20;

/// Phases by name, with their share of the run in percent. The stall is longer than its check needs in any run.
const HEALTHY: (&str, u64) = ("healthy", 16);
const KAFKA: (&str, u64) = ("kafka hangs", 20);
const DRAIN: (&str, u64) = ("backlog drains", 8);
const STOPPED: (&str, u64) = ("clickhouse hangs", 10);
const KILLED: (&str, u64) = ("clickhouse killed", 8);
const FULL: (&str, u64) = ("disks full", 14);
const FREED: (&str, u64) = ("disks freed", 6);
const ROLLING: (&str, u64) = ("rolling restarts", 12);
const STALLED: (&str, u64) = ("stall of 2 s", 6);
/// The name of the phase that the check of ourselves looks at.
pub(crate) const STALL_PHASE: &str = STALLED.0;
/// And the one that others are compared with.
pub(crate) const HEALTHY_PHASE: &str = HEALTHY.0;
/// A drain is over when so many seconds of load are left.
const DRAINED_SECONDS: f64 = 0.5;

/// How long the parts take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) seconds: u64,
    /// For which the broker hangs, instead of its share.
    pub(crate) kafka_seconds: Option<u64>,
}

impl Plan {
    fn share(self, phase: (&str, u64)) -> Duration {
        Duration::from_millis(self.seconds * 10 * phase.1)
    }
}

/// What was measured on the way.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Records a second while all was well.
    pub(crate) live_rate: f64,
    /// Records that waited when the broker was back.
    pub(crate) backlog: u64,
    /// Until the first of them was acknowledged.
    pub(crate) first_after: Duration,
    /// Records a second from then on, until only what was live waited.
    pub(crate) drain_rate: f64,
    /// Ends of edges by SIGTERM while the broker hung.
    pub(crate) ends_without_kafka: Vec<Duration>,
    /// Ends of edges by SIGTERM in the rolling restarts.
    pub(crate) ends: Vec<Duration>,
    /// Inserts that failed while the disks were full.
    pub(crate) inserts_failed: u64,
    /// From free space until clicks were recorded again.
    pub(crate) recorded_after: Duration,
}

impl Measured {
    pub(crate) fn drain_ratio(&self) -> f64 {
        if self.live_rate > 0.0 { self.drain_rate / self.live_rate } else { 0.0 }
    }
}

/// Plays the whole run.
pub(crate) fn play(stage: &mut Stage, load: &Load, plan: Plan) -> Result<Measured> {
    let mut measured = Measured::default();
    load.phase(HEALTHY.0, false);
    let begun = Instant::now();
    stage.hold(plan.share(HEALTHY))?;
    measured.live_rate = per_second(load.notes().taken(), begun.elapsed());
    kafka(stage, load, plan, &mut measured)?;
    clickhouse(stage, load, plan)?;
    disks(stage, load, plan, &mut measured)?;
    restarts(stage, load, plan, &mut measured)?;
    load.phase(STALLED.0, true);
    stage.hold(plan.share(STALLED) / 4)?;
    // fault 130
    stage.signal_edges(Signal::STOP)?;
    std::thread::sleep(STALL);
    stage.signal_edges(Signal::CONT)?;
    stage.hold(plan.share(STALLED) / 2)?;
    Ok(measured)
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-3)
}

/// The broker hangs, an edge is restarted meanwhile, the broker goes on, and what waited is delivered beside the live traffic.
// faults 32 and 56
fn kafka(stage: &mut Stage, load: &Load, plan: Plan, measured: &mut Measured) -> Result<()> {
    load.phase(KAFKA.0, true);
    let time = plan.kafka_seconds.map_or_else(|| plan.share(KAFKA), Duration::from_secs);
    stage.kafka.suspend(0)?;
    stage.hold(time / 2)?;
    // Nothing is acknowledged now, so what was counted so far counts for the life that ends.
    let ended = stage.delivered(0)?;
    measured.ends_without_kafka.push(restart(stage, 0)?);
    stage.hold(time / 2)?;
    load.phase(DRAIN.0, false);
    let delivered = |stage: &Stage| -> Result<u64> {
        (0..EDGES).try_fold(ended, |sum, edge| Ok(sum + stage.delivered(edge)?))
    };
    let before = delivered(stage)?;
    measured.backlog = load.notes().taken().saturating_sub(before);
    stage.kafka.resume(0)?;
    let resumed = Instant::now();
    let (mut last, mut first) = ((resumed, before), None);
    loop {
        ensure!(resumed.elapsed() < PATIENCE.max(time), "the backlog of {} does not drain", measured.backlog);
        stage.hold(LOOK_EVERY)?;
        let now = (Instant::now(), delivered(stage)?);
        if first.is_none() && before < now.1 {
            first = Some(last);
            measured.first_after = last.0 - resumed;
        }
        last = now;
        let waiting = load.notes().taken().saturating_sub(now.1);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        if waiting as f64 <= measured.live_rate * DRAINED_SECONDS {
            break;
        }
    }
    let first = first.unwrap_or((resumed, before));
    measured.drain_rate = per_second(last.1 - first.1, last.0 - first.0);
    stage.hold(plan.share(DRAIN).saturating_sub(resumed.elapsed()))
}

/// The engine hangs, is killed, is started again.
// fault 92
fn clickhouse(stage: &mut Stage, load: &Load, plan: Plan) -> Result<()> {
    load.phase(STOPPED.0, true);
    let Some(engine) = &stage.engine else { bail!("the engine was started") };
    engine.signal(Signal::STOP)?;
    stage.hold(plan.share(STOPPED))?;
    load.phase(KILLED.0, true);
    let begun = Instant::now();
    if let Some(engine) = &mut stage.engine {
        engine.kill()?;
    }
    stage.start_engine()?;
    stage.hold(plan.share(KILLED).saturating_sub(begun.elapsed()))
}

/// The disks of the spools and of the engine are filled, and freed.
// faults 45 and 94
fn disks(stage: &mut Stage, load: &Load, plan: Plan, measured: &mut Measured) -> Result<()> {
    load.phase(FULL.0, true);
    let failures = "tributary_pipeline_sink_retries_total";
    let failed_before = in_pipeline(stage, failures)?;
    stage.is_spare = false;
    let begun = Instant::now();
    let unrecorded = |stage: &Stage| -> Result<u64> {
        let of = |it: &crate::role::Role| it.metric("tributary_edge_unrecorded_total", "");
        stage.edges.iter().try_fold(0, |sum, edge| Ok(sum + of(edge)?))
    };
    // As long as it takes until both have felt it, and the phase's time at least.
    loop {
        for spool in &mut stage.spools {
            spool.leave(0)?;
        }
        stage.engine_disk.leave(ENGINE_SPARE_BYTES)?;
        stage.hold(LOOK_EVERY)?;
        measured.inserts_failed = in_pipeline(stage, failures)?.saturating_sub(failed_before);
        let (inserts, clicks) = (measured.inserts_failed, unrecorded(stage)?);
        if inserts > 0 && clicks > 0 && plan.share(FULL) <= begun.elapsed() {
            break;
        }
        ensure!(
            begun.elapsed() < plan.share(FULL) + PATIENCE,
            "the disks are full, and {inserts} inserts failed, {clicks} clicks were not recorded"
        );
    }
    load.phase(FREED.0, false);
    let freed = Instant::now();
    stage.engine_disk.release()?;
    stage.is_spare = true;
    stage.tick()?;
    let recorded = |stage: &Stage| -> Result<Vec<u64>> {
        stage.edges.iter().map(|it| it.metric("tributary_edge_touches_total", "")).collect()
    };
    let before = recorded(stage)?;
    while recorded(stage)?.iter().zip(&before).any(|(now, before)| now <= before) {
        ensure!(freed.elapsed() < PATIENCE, "space is free again and nothing is recorded");
        stage.hold(LOOK_EVERY / 4)?;
    }
    measured.recorded_after = freed.elapsed();
    stage.hold(plan.share(FREED).saturating_sub(freed.elapsed()))
}

/// Of the pipeline, which may be starting anew.
fn in_pipeline(stage: &Stage, metric: &str) -> Result<u64> {
    stage.pipeline.as_ref().map_or(Ok(0), |it| it.metric(metric, ""))
}

/// SIGTERM for one edge after the other, each started again before the next ends.
// fault 32
fn restarts(stage: &mut Stage, load: &Load, plan: Plan, measured: &mut Measured) -> Result<()> {
    load.phase(ROLLING.0, true);
    let begun = Instant::now();
    while measured.ends.len() < EDGES || begun.elapsed() < plan.share(ROLLING) {
        let ended = restart(stage, measured.ends.len() % EDGES)?;
        measured.ends.push(ended);
        stage.hold(LOOK_EVERY)?;
    }
    Ok(())
}

/// Ends an edge as an operator would, and starts it again; the time its end took.
fn restart(stage: &mut Stage, edge: usize) -> Result<Duration> {
    let Some(role) = stage.edges.get_mut(edge) else { bail!("such an edge") };
    let ended = role.terminate()?;
    let started = stage.start_edge(edge)?;
    if let Some(role) = stage.edges.get_mut(edge) {
        *role = started;
    }
    Ok(ended)
}
