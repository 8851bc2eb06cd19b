//! `tributary audit`: is everything that was answered in the log and in `ClickHouse`, is every order decided and credited, and is every rollup the
//! sum of its facts; and `--repair`, which makes it so as far as anything is left to make it from.
//!
//! In: the spools of this machine, Kafka's topics where they are the log, and `ClickHouse`. Out: each missing record by its sequence and by the places
//! it is missing from, each wrong order and cell, how many records at most nobody can know of, and up to which instant everything is here. Not
//! here: the comparison (`warehouse::audit`), what it looks like (`found`), mending (`repair`). Start at [`AuditFlags`].

mod completeness;
mod found;
mod plan;
mod repair;
mod sequences;
mod topics;

use std::{
    collections::BTreeSet,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::Args;
use events::ENVELOPE_BYTES;
use journal::{
    StreamId,
    spool::{self, EndState, SEGMENT_BYTES, StreamReport, frame},
};
use units::{DAY_MS, EpochMs, WriterId};
use warehouse::{AuditReport, Expected, OrdersAudit, Warehouse};

use self::{found::Audited, plan::Plan, topics::Topics};
use super::{
    Common,
    place::{self, Place},
};
use crate::{
    clock,
    output::Output,
    settings::{Settings, SettingsError},
};

/// A writer and its incarnation.
type Life = (u32, u32);

/// Between two comparisons while records are on their way.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long quarters may stay unrolled before the audit goes on without them: under traffic the open one always has something new.
const ROLL_WAIT: Duration = Duration::from_secs(5);
/// Places of unreadable records that are looked at.
const QUARANTINED_MAX: usize = 100_000;
/// The exit status where nothing can be said: a place does not answer.
const CANNOT_AUDIT: u8 = 2;

/// How to audit.
#[derive(Debug, Args)]
pub(crate) struct AuditFlags {
    /// How long records may be on their way before they are missing
    #[arg(long, value_name = "S", default_value_t = 20)]
    wait_seconds: u32,
    /// How far back cells and orders are compared with their facts
    #[arg(long, value_name = "N", default_value_t = 31)]
    days: u32,
    /// Put back what is missing: into the topics from the spool, into ClickHouse from spool or topics, orders and cells from what is there
    #[arg(long)]
    repair: bool,
    /// With --repair: only say what would be done
    #[arg(long, requires = "repair")]
    dry_run: bool,
    /// With --repair: have the pipeline read all that the log still holds again, and say every order again
    #[arg(long, requires = "repair")]
    replay: bool,
    /// Wait for nothing more of a writer, up to the life of it that is known now
    #[arg(long, value_name = "WRITER")]
    retire: Option<u32>,
    /// Hours of silence after which a writer that has no spool here is retired by itself
    #[arg(long, value_name = "N", default_value_t = 24)]
    retire_after_hours: u32,
    #[command(flatten)]
    common: Common,
}

/// Everything that was looked at.
struct Look {
    result: Audited,
    spool: spool::Report,
    topics: Option<Topics>,
}

impl AuditFlags {
    /// 0: all is well; 1: something is missing or wrong; 2: nothing can be said.
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        match self.is_well() {
            Ok(true) => Ok(ExitCode::SUCCESS),
            Ok(false) => Ok(ExitCode::FAILURE),
            Err(error) if error.chain().any(<dyn std::error::Error + 'static>::is::<SettingsError>) => {
                Err(error)
            }
            Err(error) => {
                Output::People.say(&format!("error: {error:#}"));
                Ok(ExitCode::from(CANNOT_AUDIT))
            }
        }
    }

    fn is_well(&self) -> anyhow::Result<bool> {
        let (settings, output) = (self.common.settings()?, self.common.output());
        let mut look = self.look(&settings, output)?;
        let plan = Plan::of(&look.result, self.replay);
        if !self.repair {
            look.result.show(output);
            return Ok(look.result.is_clean());
        }
        if self.dry_run || plan.is_empty() {
            look.result.show(output);
            plan.show(output);
            return Ok(look.result.is_clean());
        }
        let repair = repair::Repair::new(&settings, self.wait(), self.from(clock::now()));
        let done = repair.carry_out(&plan, &mut look, output)?;
        let after = self.look(&settings, output)?;
        after.result.show(output);
        plan.show_done(output, &done, &after.result);
        Ok(after.result.is_clean())
    }

    fn wait(&self) -> Duration {
        Duration::from_secs(self.wait_seconds.into())
    }

    fn from(&self, now: EpochMs) -> EpochMs {
        now.back(u64::from(self.days) * DAY_MS)
    }

    fn look(&self, settings: &Settings, output: Output) -> anyhow::Result<Look> {
        let place = Place::new(settings);
        let looked_at = clock::now();
        let spool = spool::inspect(&place.spool()).context("the spool cannot be read")?;
        let mut expected: Vec<Expected> = spool.streams.iter().filter_map(expected).collect();
        let mut topics = Topics::open(settings)?;
        if let Some(topics) = &mut topics {
            topics.read()?;
            expected.extend(elsewhere(topics, &expected));
        } else if expected.is_empty() {
            output.say(&format!(
                "no spool in {}: only orders and cells are audited here; run this where edges run too",
                place.spool().display()
            ));
        }
        let warehouse = place.warehouse();
        let (now, reports, mut quarantined) = place::block_on(async {
            let (now, report, orders) =
                self.settled(&warehouse, &expected).await.with_context(|| place.no_answer())?;
            let unreadable =
                if report.missing() > 0 { quarantined(&warehouse).await? } else { BTreeSet::new() };
            Ok((now, (report, orders), unreadable))
        })?;
        if let Some(topics) = &mut topics {
            // What was on its way to them when they were first read.
            topics.read()?;
            let replayed = place::block_on(async { Ok(warehouse.replayed_places("spool:").await?) })?;
            let replayed: BTreeSet<_> = replayed.iter().filter_map(|it| sequence_of(it)).collect();
            quarantined.extend(topics.quarantined.difference(&replayed));
        }
        let ends = expected.iter().map(|it| ((it.writer.0, it.incarnation), it.last)).collect();
        let mut result = Audited::new(&spool, topics.as_ref(), reports, &ends, &quarantined);
        result.complete = Some(place::block_on(self.complete(&warehouse, &result, output, looked_at, now))?);
        Ok(Look { result, spool, topics })
    }

    /// Compares until nothing is on its way any more, or the wait is over.
    async fn settled(
        &self,
        warehouse: &Warehouse,
        expected: &[Expected],
    ) -> anyhow::Result<(EpochMs, AuditReport, OrdersAudit)> {
        let begun = Instant::now();
        let mut before = None::<OrdersAudit>;
        loop {
            let now = clock::now();
            let (from, to) = (self.from(now), now.forth(DAY_MS));
            let report = warehouse::audit(warehouse, expected, from, to, now).await?;
            let mut orders = warehouse.audit_orders(from, now).await?;
            if let Some(before) = &before {
                orders = orders.still(before);
            }
            let waited = begun.elapsed();
            let is_settled = report.is_clean()
                && orders.wrong() == 0
                && (report.quarters_dirty == 0 || ROLL_WAIT <= waited);
            if is_settled || self.wait() <= waited {
                return Ok((now, report, orders));
            }
            before = Some(orders);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// What one incarnation answered: everything from its first record, also what retention has removed from the spool since.
fn expected(it: &StreamReport) -> Option<Expected> {
    let last = it.last_sequence.max(it.end_sequence.unwrap_or(0));
    (last > 0).then_some(Expected { writer: it.writer, incarnation: it.incarnation, first: 1, last })
}

/// What writers without a spool here have put into the topics: all from the first record on, or, where retention has passed, from the oldest that is
/// left.
fn elsewhere(topics: &Topics, here: &[Expected]) -> Vec<Expected> {
    let is_here = |life: &Life| here.iter().any(|it| (it.writer.0, it.incarnation) == *life);
    let others = topics.seen.iter().filter(|(life, _)| !is_here(life));
    let expected = others.map(|((writer, incarnation), seen)| Expected {
        writer: WriterId(*writer),
        incarnation: *incarnation,
        first: if topics.expired == 0 { 1 } else { seen.first() },
        last: seen.last(),
    });
    expected.filter(|it| it.last > 0).collect()
}

/// Records nobody can know of: after a machine went down, those that were in memory only. All lie behind the last one in the last segment,
/// whose folder entry was synced when it was made.
fn unknown_at_most(it: &StreamReport) -> u64 {
    if it.end != Some(EndState::MachineDied) {
        return 0;
    }
    let room_bytes = (it.segments.max(1) as u64 * SEGMENT_BYTES).saturating_sub(it.file_bytes);
    room_bytes / frame::padded(ENVELOPE_BYTES) as u64
}

/// Records that could not be read: they have no identity in `ClickHouse`, but their place is kept there. One that was replayed since has one.
async fn quarantined(warehouse: &Warehouse) -> anyhow::Result<BTreeSet<(u32, u32, u64)>> {
    let places = warehouse
        .client()
        .query("SELECT DISTINCT place FROM quarantine_log FINAL WHERE startsWith(place, 'spool:') AND replayed_at = toDateTime(0, 'UTC') LIMIT ?")
        .bind(QUARANTINED_MAX)
        .fetch_all::<String>()
        .await?;
    Ok(places.iter().filter_map(|it| sequence_of(it)).collect())
}

/// `spool:WRITER:INCARNATION@SEQUENCE`, as the pipeline notes it, or with a colon, as the shipper does.
fn sequence_of(place: &str) -> Option<(u32, u32, u64)> {
    let (stream, sequence) = place.split_once('@').or_else(|| place.rsplit_once(':'))?;
    match stream.parse().ok()? {
        StreamId::Spool { writer, incarnation } => Some((writer.0, incarnation, sequence.parse().ok()?)),
        StreamId::Topic { .. } | StreamId::Memory(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(end: Option<EndState>, last_sequence: u64) -> StreamReport {
        StreamReport {
            writer: WriterId(65_536),
            incarnation: 7,
            segments: 1,
            file_bytes: SEGMENT_BYTES - 3_200,
            records: last_sequence,
            payload_bytes: 0,
            kept_from: 1,
            missing: Vec::new(),
            first_sequence: 1,
            last_sequence,
            end,
            end_sequence: None,
        }
    }

    #[test]
    fn only_a_lost_machine_leaves_something_unknown() {
        assert_eq!(unknown_at_most(&stream(Some(EndState::ProcessDied), 9)), 0);
        assert_eq!(unknown_at_most(&stream(None, 9)), 0);
        assert_eq!(
            unknown_at_most(&stream(Some(EndState::MachineDied), 9)),
            100,
            "3,200 bytes of 32-byte frames"
        );
    }

    #[test]
    fn records_at_damage_are_expected_although_nobody_can_read_them() {
        let damaged = StreamReport { end_sequence: Some(12), ..stream(Some(EndState::Clean), 9) };
        assert_eq!(expected(&damaged).map(|it| (it.first, it.last)), Some((1, 12)));
        assert_eq!(expected(&stream(None, 0)), None, "a stream that was only opened has answered nothing");
    }

    /// The warehouse cannot ask the machine that counts them.
    #[test]
    fn an_order_of_very_many_reports_is_compared_with_what_decisions_count() {
        assert_eq!(warehouse::REPORTS_COUNTED_MAX, attribution::REPORTS_MAX);
    }

    #[test]
    fn what_is_in_quarantine_is_no_gap() {
        assert_eq!(sequence_of("spool:65536:7@3"), Some((65_536, 7, 3)));
        assert_eq!(sequence_of("spool:65536:7:3"), Some((65_536, 7, 3)));
        assert_eq!(sequence_of("topic:tributary.clicks.v1:2@3"), None);
    }
}
