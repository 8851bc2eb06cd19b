//! Puts what is understood by now where it belongs.
//!
//! In: what waits in quarantine. Out: facts of inputs, written; the records in their topics, or, where the spool is the log, owners that read the facts,
//! for the log may have lost them long ago; and then, last, the note that each was replayed. So a replay that is killed anywhere is begun
//! again and changes nothing twice: an input has the identity it was born with. Not here: what belongs where (`belongs`).
//! Start at [`Replay::run`].

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use serde_json::json;
use warehouse::{Again, Batch, QuarantineKey, QuarantinedRow};

use super::{ask, belongs::Belongs, held::Held, words};
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

const BAR: &str = "{elapsed} {bar:30} {pos} of {len} records looked at";
/// Records of one replay; the next one takes the others.
const RECORDS_MAX: usize = 200_000;
/// What marks name this by.
const SOURCE: &str = "quarantine";

/// A replay.
pub(super) struct Replay<'a> {
    settings: &'a Settings,
    output: Output,
    wait: Duration,
}

/// What became of the records of one reason.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    replayed: u64,
    /// By why.
    stayed: BTreeMap<String, u64>,
}

/// What has been done so far.
#[derive(Debug, Default)]
struct Done {
    tallies: BTreeMap<String, Tally>,
    /// What is to be noted as replayed.
    keys: BTreeSet<QuarantineKey>,
    /// What the owners of orders are asked to.
    again: Option<Again>,
}

/// The ways records go.
struct Ways<'a> {
    held: &'a Held<'a>,
    shipping: Option<Shipping>,
    batch: Batch,
}

impl<'a> Replay<'a> {
    pub(super) fn new(settings: &'a Settings, output: Output, wait_seconds: u32) -> Self {
        Self { settings, output, wait: Duration::from_secs(wait_seconds.into()) }
    }

    /// `false`: it is done, but the owners of orders were not heard of.
    pub(super) fn run(&self, reason: Option<&str>, dry_run: bool) -> anyhow::Result<bool> {
        let held = Held::open(self.settings, self.output)?;
        let total: u64 = held.sums(reason)?.iter().map(|it| it.waiting).sum();
        let bar = self.output.bar(total, BAR);
        let mut done = Done::default();
        let shipping = if dry_run { None } else { Shipping::open(self.settings, "tributary-quarantine")? };
        let is_embedded = Place::new(self.settings).kafka("tributary-quarantine").is_none();
        let mut ways = Ways { held: &held, shipping, batch: Batch::new() };
        held.each_waiting(reason, |page| {
            for row in page {
                let fate = if dry_run { Ok(plan(row)) } else { ways.put(row) }?;
                done.note(row, fate, is_embedded);
            }
            ways.write()?;
            bar.inc(page.len() as u64);
            Ok(done.keys.len() < RECORDS_MAX)
        })?;
        if dry_run {
            bar.finish_and_clear();
            self.show(&done, "would_replay", None);
            return Ok(true);
        }
        let heard = self.settle(&held, reason, &done)?;
        bar.finish_and_clear();
        self.show(&done, "replayed", heard);
        Ok(heard.unwrap_or(true))
    }

    /// Asks the owners, notes what is done, and waits for them, in this order: the asking outlives us, so what is noted as replayed is known to
    /// whoever decides its order next.
    fn settle(&self, held: &Held<'_>, reason: Option<&str>, done: &Done) -> anyhow::Result<Option<bool>> {
        let asked = done.again.map(|again| Asked::ask(self.settings, again)).transpose()?;
        if asked.as_ref().is_some_and(Asked::is_nobody) {
            bail!(
                "the facts are written, but no pipeline has noted anything in ClickHouse yet that could take them up: \
                 start it, and replay again"
            );
        }
        let place = Place::new(self.settings);
        held.each_waiting(reason, |page| {
            let ours: Vec<QuarantinedRow> =
                page.iter().filter(|it| done.keys.contains(&it.key)).cloned().collect();
            ask(place, async { Ok(held.warehouse.set_replayed(&ours, clock::now()).await?) })?;
            Ok(true)
        })?;
        asked.map(|it| it.wait(self.wait)).transpose()
    }

    fn show(&self, done: &Done, verb: &str, heard: Option<bool>) {
        let mut rows = Vec::new();
        for (reason, tally) in &done.tallies {
            let stayed: u64 = tally.stayed.values().sum();
            self.output.event(&json!({
                "event": "quarantine_replay", "reason": reason, verb: tally.replayed, "stayed": stayed, "why": tally.stayed,
            }));
            let why = tally.stayed.iter().map(|(code, count)| format!("{count} {}", words::meaning(code)));
            rows.push(vec![
                reason.clone(),
                tally.replayed.to_string(),
                stayed.to_string(),
                why.collect::<Vec<_>>().join("; "),
            ]);
        }
        let replayed = done.keys.len();
        self.output.event(&json!({
            "event": "quarantine_replayed", verb: replayed, "orders": match heard { None => "live", Some(true) => "said", Some(false) => "waiting" },
        }));
        if rows.is_empty() {
            self.output.say("nothing waits in quarantine");
            return;
        }
        if self.output == Output::People {
            self.output.table(&["reason", &verb.replace('_', " "), "stayed", "why it stays"], &rows);
        }
        if RECORDS_MAX <= replayed {
            self.output.say(&format!("{RECORDS_MAX} records are the most of one replay: run it again"));
        }
        if heard == Some(false) {
            self.output
                .say("the pipeline has not decided the orders anew yet; is it running? It does when it runs");
        }
    }
}

impl Ways<'_> {
    /// Where it goes. Facts are written by [`Ways::write`].
    fn put(&mut self, row: &QuarantinedRow) -> anyhow::Result<Fate> {
        let belongs = Belongs::of(row);
        match &belongs {
            Belongs::Click(click) => {
                self.batch.click(click);
            }
            Belongs::Report(report) => {
                self.batch.report(report);
            }
            Belongs::Score(score) => {
                self.batch.score(score);
            }
            Belongs::Row(table) => {
                let sent = place::block_on(async {
                    Ok(self.held.warehouse.put_refused_row(*table, &row.bytes).await)
                })?;
                return Ok(match sent.map_err(|it| it.code()) {
                    Ok(()) => Fate::Put(None),
                    Err(Some(code)) => Fate::Stays(format!("refused_{code}")),
                    Err(None) => bail!(self.held.place().no_answer()),
                });
            }
            Belongs::Owners | Belongs::Stays(_) => return Ok(plan(row)),
        }
        if let Some(shipping) = &mut self.shipping {
            ensure!(shipping.ship_understood(&row.bytes)?, "{} has no topic", row.key.place);
        }
        Ok(plan(row))
    }

    fn write(&mut self) -> anyhow::Result<()> {
        facts::write(&self.held.warehouse, SOURCE, &mut self.batch)?;
        match &mut self.shipping {
            Some(shipping) => shipping
                .flush()
                .context("nothing of this is noted as replayed; --reason leaves out what a broker refuses"),
            None => Ok(()),
        }
    }
}

/// What becomes of a record.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It is where it belongs. Where the spool is the log, owners are asked this.
    Put(Option<Again>),
    /// The owners are to say their orders again, whatever the log.
    Said,
    Stays(String),
}

fn plan(row: &QuarantinedRow) -> Fate {
    match Belongs::of(row) {
        Belongs::Click(_) | Belongs::Report(_) | Belongs::Score(_) => Fate::Put(Some(Again::ReadFacts)),
        Belongs::Row(_) => Fate::Put(None),
        Belongs::Owners => Fate::Said,
        Belongs::Stays(code) => Fate::Stays(code.to_owned()),
    }
}

impl Done {
    fn note(&mut self, row: &QuarantinedRow, fate: Fate, is_embedded: bool) {
        let tally = self.tallies.entry(row.key.reason.clone()).or_default();
        match fate {
            Fate::Stays(code) => {
                *tally.stayed.entry(code).or_default() += 1;
                return;
            }
            Fate::Put(again) => {
                if is_embedded && again.is_some() {
                    self.again = again;
                }
            }
            Fate::Said => self.again = self.again.or(Some(Again::Say)),
        }
        tally.replayed += 1;
        self.keys.insert(row.key.clone());
    }
}
