//! Puts back what an audit found missing, from where it still is.
//!
//! In: a plan. Out: records in the topics, facts in `ClickHouse`, and owners that say their orders again. Nothing here needs a claim. A record put into
//! the topics again has the origin it was born with, so that a repeat counts once; a fact of an input is a function of its record and kept
//! under its origin, so anyone may write it, at any time, as often as he likes. What an order comes to is its owner's alone to say: it is
//! asked to, by its note (`warehouse::notes`), and does it under a new claim, in steps between its live records. So this may be killed
//! anywhere and begun again, beside a pipeline that runs. Not here: what is wrong (`plan`). Start at [`Repair::carry_out`].

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use events::{Event, INPUT_BYTES_MAX, Quarantined};
use indicatif::ProgressBar;
use journal::{Position, StreamId, spool::Reader};
use units::EpochMs;
use warehouse::{Again, Batch, Warehouse};

use super::{
    Life, Look,
    plan::{Done, Plan},
};
use crate::{
    clock,
    commands::{
        facts,
        log::Shipping,
        owners::Asked,
        place::{self, Place},
    },
    output::Output,
    settings::Settings,
};

const BAR: &str = "{elapsed} {bar:30} {pos} of {len} records looked at {msg}";
/// Records read at once.
const RECORDS_MAX: usize = 4_096;
/// Rows written at once.
const ROWS_MAX: usize = 50_000;
/// What marks name this by.
const SOURCE: &str = "repair";

/// Does what a plan says.
pub(super) struct Repair<'a> {
    settings: &'a Settings,
    warehouse: Warehouse,
    wait: Duration,
    /// Orders are compared from here on.
    from: EpochMs,
    batch: Batch,
    done: Done,
}

impl<'a> Repair<'a> {
    pub(super) fn new(settings: &'a Settings, wait: Duration, from: EpochMs) -> Self {
        let warehouse = Place::new(settings).warehouse();
        Self { settings, warehouse, wait, from, batch: Batch::new(), done: Done::default() }
    }

    /// First what the log lacks, then facts of inputs, and only then what follows from them.
    pub(super) fn carry_out(mut self, plan: &Plan, look: &mut Look, output: Output) -> anyhow::Result<Done> {
        let total = look.spool.streams.iter().map(|it| it.records).sum::<u64>()
            + look.topics.as_ref().map_or(0, |it| it.records);
        let bar = output.bar(total, BAR);
        let wants_records = plan.topics.count() > 0 || plan.facts.count() > 0 || !plan.quarters.is_empty();
        if wants_records {
            self.take_from_spool(plan, look, &bar)?;
        }
        if wants_records && (self.done.stored < plan.facts.count() || !plan.quarters.is_empty()) {
            self.take_from_topics(plan, look, &bar)?;
        }
        self.write()?;
        let quarters = plan.quarters.clone();
        place::block_on(async { Ok(self.warehouse.mark_quarters(&quarters).await?) })
            .context("quarters cannot be marked")?;
        // With its reports only back now, an order may be found without its decision.
        let found = async { Ok(self.warehouse.audit_orders(self.from, clock::now()).await?.wrong()) };
        if plan.asks_owners() || (wants_records && place::block_on(found)? > 0) {
            bar.set_message("orders are being said again");
            let again = if plan.replay { Again::ReadLog } else { Again::Say };
            self.done.said = Some(Asked::ask(self.settings, again)?.wait(self.wait)?);
        }
        bar.finish_and_clear();
        Ok(self.done)
    }

    fn take_from_spool(&mut self, plan: &Plan, look: &Look, bar: &ProgressBar) -> anyhow::Result<()> {
        let place = Place::new(self.settings);
        let is_shipped = look.topics.is_some() && plan.topics.count() > 0;
        let mut shipping = if is_shipped { Shipping::open(self.settings, "tributary-repair")? } else { None };
        let mut reader = Reader::open(&place.spool());
        reader.seek(&beginnings(plan, look));
        let ends: BTreeMap<Life, u64> =
            look.spool.streams.iter().map(|it| ((it.writer.0, it.incarnation), it.last_sequence)).collect();
        loop {
            let records = reader.poll(RECORDS_MAX, Duration::ZERO).context("the spool cannot be read")?;
            // What came since the audit looked is none of its business, and under traffic there is always more.
            let is_over = records.iter().all(|it| match life_of(&it.stream) {
                Some(life) => ends.get(&life).is_none_or(|end| *end < it.position),
                None => true,
            });
            for record in &records {
                let Some(life) = life_of(&record.stream) else { continue };
                if let Some(shipping) =
                    shipping.as_mut().filter(|_| plan.topics.contains(life, record.position))
                {
                    shipping.ship(&record.stream, record.position, &record.bytes)?;
                    self.done.shipped += 1;
                }
                let place = (&record.stream, record.position);
                self.store(plan, life, record.position, &record.bytes, Some(place))?;
            }
            bar.inc(records.len() as u64);
            if is_over {
                break;
            }
        }
        match &mut shipping {
            Some(shipping) => shipping.flush(),
            None => Ok(()),
        }
    }

    fn take_from_topics(&mut self, plan: &Plan, look: &mut Look, bar: &ProgressBar) -> anyhow::Result<()> {
        let Some(topics) = &mut look.topics else { return Ok(()) };
        topics.read_again(|life, sequence, bytes| {
            bar.inc(1);
            self.store(plan, life, sequence, bytes, None)
        })
    }

    /// Puts a record among the facts to be written, if it is wanted there.
    fn store(
        &mut self,
        plan: &Plan,
        life: Life,
        sequence: u64,
        bytes: &[u8],
        spooled: Option<(&StreamId, u64)>,
    ) -> anyhow::Result<()> {
        let is_wanted = plan.facts.contains(life, sequence);
        if !is_wanted && plan.quarters.is_empty() {
            return Ok(());
        }
        match (Event::decode(bytes), spooled) {
            (Ok(Event::Click(click)), _) => {
                let quarter = click.head.at().quarter().start().0 / units::SECOND_MS;
                let is_in_quarter = u32::try_from(quarter).is_ok_and(|it| plan.quarters.contains(&it));
                if is_wanted || is_in_quarter {
                    let _: warehouse::Fate = self.batch.click(&click);
                }
            }
            (Ok(Event::Report(report)), _) if is_wanted => {
                let _: warehouse::Fate = self.batch.report(&report);
            }
            (Ok(Event::Score(score)), _) if is_wanted => {
                let _: warehouse::Fate = self.batch.score(&score);
            }
            (Err(error), Some((stream, position))) if is_wanted => {
                // As the pipeline does.
                let kept = bytes.get(..INPUT_BYTES_MAX).unwrap_or(bytes).to_vec();
                let (reason, place) = (error.code().into(), format!("{stream}@{position}").into());
                self.batch.quarantined(&Quarantined { reason, place, bytes: kept });
            }
            _ => return Ok(()),
        }
        self.done.stored += u64::from(is_wanted);
        if self.batch.rows() >= ROWS_MAX { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> anyhow::Result<()> {
        facts::write(&self.warehouse, SOURCE, &mut self.batch)
    }
}

fn life_of(stream: &StreamId) -> Option<Life> {
    match stream {
        StreamId::Spool { writer, incarnation } => Some((writer.0, *incarnation)),
        StreamId::Topic { .. } | StreamId::Memory(_) => None,
    }
}

/// Where each stream's first wanted record lies; streams without one are not read, unless every click may be wanted.
fn beginnings(plan: &Plan, look: &Look) -> Vec<Position> {
    let position = |it: &journal::spool::StreamReport| {
        let life = (it.writer.0, it.incarnation);
        let firsts = [plan.topics.first(life), plan.facts.first(life)];
        let wanted = firsts.into_iter().flatten().min().unwrap_or(it.last_sequence + 1);
        let next = if plan.quarters.is_empty() { wanted.max(it.kept_from) } else { it.kept_from };
        Position { stream: StreamId::Spool { writer: it.writer, incarnation: it.incarnation }, next }
    };
    look.spool.streams.iter().map(position).collect()
}
