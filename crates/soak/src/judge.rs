//! The verdict: what visitors and the shop noted down against what ClickHouse says.
//!
//! In: the notes and the stage, after the load has ended. Out: [`Verdict`], every difference by name. It shares nothing with the product but HTTP.
//! Start at [`settle`], then [`judge`].

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::{
    notes::{Notes, Numbers},
    role::{PATIENCE, Role},
    stage::{EDGES, Stage},
    world::{PARTNERS, World},
};

/// Between two questions.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// After the load an edge measures its backlog anew within a second.
const BACKLOG_AGE: Duration = Duration::from_millis(1_500);
/// Differences of one kind that are shown.
const SHOWN_MAX: usize = 5;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    pub(crate) recorded: u64,
    /// Answered and not recorded, as the edges counted them.
    pub(crate) unrecorded: u64,
    pub(crate) orders: u64,
    /// Until everything was in `ClickHouse` after the load's end.
    pub(crate) settled_after: Duration,
    pub(crate) differences: Vec<String>,
}

impl Verdict {
    fn differs(&mut self, said: String) {
        self.differences.push(said);
    }
}

/// Waits until everything is delivered, then ends the edges, and waits until everything is stored. How long the edges' ends took.
pub(crate) fn settle(stage: &mut Stage, notes: &Notes, verdict: &mut Verdict) -> Result<Vec<Duration>> {
    let begun = Instant::now();
    stage.hold(BACKLOG_AGE)?;
    let backlog = |stage: &Stage| -> Result<u64> {
        let of = |it: &Role| it.metric("tributary_ship_backlog_records", "");
        stage.edges.iter().try_fold(0, |sum, edge| Ok(sum + of(edge)?))
    };
    until(stage, |stage| Ok((backlog(stage)?, 0)), "the spools' backlog")?;
    for edge in &stage.edges {
        if !edge.is_balanced()? {
            verdict.differs(format!("{}: received is not the sum of fates", edge.name));
        }
    }
    let mut ends = Vec::new();
    for mut edge in std::mem::take(&mut stage.edges) {
        ends.push(edge.terminate()?);
    }
    verdict.unrecorded = stage.unrecorded()?;
    let wanted = notes.clicks.len().saturating_sub(verdict.unrecorded);
    let orders = notes.orders.len();
    let stored = |stage: &Stage| -> Result<(u64, u64)> {
        let clicks = stage.count("SELECT count() FROM clicks")?;
        let orders_stored = stage.count("SELECT count() FROM orders")?;
        let rolled = stage.count("SELECT sum(clicks) FROM rollup_quarter")?;
        let missing = wanted.abs_diff(clicks) + orders.abs_diff(orders_stored) + wanted.abs_diff(rolled);
        Ok((missing, clicks))
    };
    // What never comes is told by the comparison, record by record.
    drop(until(stage, |stage| stored(stage), "ClickHouse"));
    verdict.settled_after = begun.elapsed();
    Ok(ends)
}

/// Asks until `missing` (its first) is 0, for as long as it goes on.
fn until(stage: &mut Stage, mut missing: impl FnMut(&Stage) -> Result<(u64, u64)>, what: &str) -> Result<()> {
    let (mut progress_at, mut last) = (Instant::now(), None);
    loop {
        let found = missing(stage);
        if matches!(found, Ok((0, _))) {
            return Ok(());
        }
        let now = found.as_ref().ok().copied();
        if now != last {
            (progress_at, last) = (Instant::now(), now);
        }
        if PATIENCE < progress_at.elapsed() {
            bail!("{what}: nothing moves, {found:?}");
        }
        stage.hold(ASK_EVERY)?;
    }
}

/// Compares everything.
pub(crate) fn judge(stage: &Stage, world: World, notes: &Notes, verdict: &mut Verdict) -> Result<()> {
    verdict.answered = notes.clicks.len();
    verdict.orders = notes.orders.len();
    for (why, count) in &notes.errors {
        verdict.differs(format!("{count} clicks were not redirected: {why}"));
    }
    if verdict.answered + notes.errors.values().sum::<u64>() != verdict.sent {
        let (answered, sent) = (verdict.answered, verdict.sent);
        verdict
            .differs(format!("{sent} clicks were sent, {answered} answered, and the errors do not add up"));
    }
    if notes.orders_wanted != verdict.orders {
        let (wanted, taken) = (notes.orders_wanted, verdict.orders);
        verdict.differs(format!("{wanted} orders were to be reported, {taken} were taken"));
    }
    clicks(stage, world, notes, verdict)?;
    orders(stage, world, notes, verdict)?;
    for edge in 0..EDGES {
        if let Err(error) = stage.audit(edge) {
            verdict.differs(format!("{error:#}"));
        }
    }
    if let Some(pipeline) = &stage.pipeline
        && !pipeline.is_balanced()?
    {
        verdict.differs("pipeline: received is not the sum of fates".to_owned());
    }
    Ok(())
}

/// Each recorded click once, with its link, none that nobody made; cells that add up to them.
fn clicks(stage: &Stage, world: World, notes: &Notes, verdict: &mut Verdict) -> Result<()> {
    let mut stored = Numbers::default();
    let mut by_partner = vec![0_u64; usize::try_from(PARTNERS)? + 1];
    let mut wrong = Vec::new();
    stage.query("SELECT sub1, link_id, verdict FROM clicks", |line| {
        let mut fields = line.split('\t');
        let number: u64 = fields.next().unwrap_or_default().parse().context("a click's number")?;
        let link: u64 = fields.next().unwrap_or_default().parse().context("a click's link")?;
        let is_valid = fields.next() == Some("valid");
        if !stored.insert(number) {
            wrong.push(format!("click {number} is stored twice"));
        } else if !notes.clicks.contains(number) {
            wrong.push(format!("click {number} was never answered"));
        } else if link != world.link(number) || !is_valid {
            wrong.push(format!("click {number} is stored as {line:?}"));
        }
        if let Some(count) = usize::try_from(link).ok().and_then(|it| by_partner.get_mut(it)) {
            *count += 1;
        }
        Ok(())
    })?;
    show(wrong, verdict);
    verdict.recorded = stored.len();
    let lost = notes.clicks.without(&stored).count() as u64;
    if lost != verdict.unrecorded {
        let first: Vec<u64> = notes.clicks.without(&stored).take(SHOWN_MAX).collect();
        let counted = verdict.unrecorded;
        verdict.differs(format!(
            "{lost} answered clicks are not stored (the first: {first:?}), {counted} were counted as unrecorded"
        ));
    }
    let mut wrong = Vec::new();
    let mut seen = 0;
    stage.query("SELECT partner_id, sum(clicks) FROM rollup_quarter GROUP BY 1 HAVING 2 > 0", |line| {
        let mut fields = line.split('\t').map(str::parse::<u64>);
        let (Some(Ok(partner)), Some(Ok(clicks))) = (fields.next(), fields.next()) else {
            bail!("cells: {line:?}")
        };
        seen += clicks;
        let wanted = usize::try_from(partner).ok().and_then(|it| by_partner.get(it)).copied();
        if wanted != Some(clicks) {
            wrong.push(format!("the cells of partner {partner} have {clicks} clicks, the facts {wanted:?}"));
        }
        Ok(())
    })?;
    if seen != stored.len() {
        wrong.push(format!("all cells have {seen} clicks, the facts {}", stored.len()));
    }
    show(wrong, verdict);
    Ok(())
}

/// Each order once, for the partner whose link its click followed, with one whole credit.
fn orders(stage: &Stage, world: World, notes: &Notes, verdict: &mut Verdict) -> Result<()> {
    let statements = [
        ("order", "SELECT order_id, partner_id, revenue FROM orders"),
        ("credit", "SELECT order_id, partner_id, revenue FROM credits WHERE share = 1"),
        ("part of a credit", "SELECT order_id, partner_id, revenue FROM credits WHERE share > 0"),
    ];
    for (what, sql) in statements {
        let mut stored = Numbers::default();
        let mut wrong = Vec::new();
        stage.query(sql, |line| {
            let mut fields = line.split('\t');
            let number = fields.next().and_then(|it| it.strip_prefix('o')).and_then(|it| it.parse().ok());
            let number: u64 = number.with_context(|| format!("{what}: {line:?}"))?;
            let (partner, revenue) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            if !stored.insert(number) {
                wrong.push(format!("{what} {number} is stored twice"));
            } else if !notes.orders.contains(number) {
                wrong.push(format!("{what} {number} was never reported"));
            } else if partner != world.link(number).to_string() || revenue != "10.25" {
                wrong.push(format!("{what} {number} is stored as {line:?}"));
            }
            Ok(())
        })?;
        wrong.extend(notes.orders.without(&stored).map(|it| format!("{what} {it} is not stored")));
        show(wrong, verdict);
    }
    Ok(())
}

fn show(wrong: Vec<String>, verdict: &mut Verdict) {
    let more = wrong.len().saturating_sub(SHOWN_MAX);
    verdict.differences.extend(wrong.into_iter().take(SHOWN_MAX));
    if more > 0 {
        verdict.differs(format!("and {more} more of this kind"));
    }
}
