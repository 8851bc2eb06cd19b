//! `tributary score`: looks for suspicious orders now instead of at the next hour, and shows what it found.
//!
//! In: a date to begin at. Out: a table of signals by partner, and how many orders are held or cleared by it; with `--dry-run` nobody is told.
//! Not here: the run itself (`scoring`). Start at [`ScoreFlags`].

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use units::EpochMs;
use warehouse::SCORE_SPAN_MS;

use super::{Common, catalog::Mirror, date, place::Place};
use crate::{
    clock,
    output::Output,
    scoring::{Found, Scoring},
};

/// Which orders, and how.
#[derive(Debug, Args)]
pub(crate) struct ScoreFlags {
    /// Score orders from then on: a day in UTC, or a time with its zone; the last 30 days where nothing is said
    #[arg(long, value_name = "DATE", value_parser = date)]
    from: Option<EpochMs>,
    /// Only show what is suspicious
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    common: Common,
}

impl ScoreFlags {
    pub(super) fn run(&self) -> anyhow::Result<bool> {
        let (settings, output) = (self.common.settings()?, self.common.output());
        let place = Place::new(&settings);
        if let Some(mut mirror) = Mirror::open(place)? {
            mirror.catch_up().context("the topic of catalog versions cannot be read; is Kafka there?")?;
        }
        let (now, warehouse) = (clock::now(), place.warehouse());
        let from = self.from.unwrap_or_else(|| now.back(SCORE_SPAN_MS));
        let scoring = Scoring { settings: &settings, warehouse: &warehouse, from, now, is_dry: self.dry_run };
        show(&super::block_on(scoring.go())?, self.dry_run, output);
        Ok(true)
    }
}

fn show(found: &Found, dry_run: bool, output: Output) {
    let rows: Vec<Vec<String>> = found
        .signals
        .iter()
        .map(|((code, partner), tally)| {
            let partner = if partner.0 == 0 { "any".to_owned() } else { partner.to_string() };
            let numbers = [tally.orders, tally.value_max, tally.threshold].map(|it| it.to_string());
            [vec![code.as_str().to_owned(), partner], numbers.to_vec()].concat()
        })
        .collect();
    for ((code, partner), tally) in &found.signals {
        output.event(&json!({
            "event": "signal", "code": code.as_str(), "partner": partner.0, "orders": tally.orders,
            "value_max": tally.value_max, "threshold": tally.threshold,
        }));
    }
    let Found { rules, suspicious, held, cleared, changed, .. } = found;
    output.event(&json!({
        "event": "scored", "rules": rules, "suspicious": suspicious, "held": held, "cleared": cleared, "changed": changed,
        "told": !dry_run,
    }));
    if !rows.is_empty() && output == Output::People {
        output.table(&["signal", "partner", "orders", "highest", "limit"], &rows);
    }
    let verb = if dry_run { "would be" } else { "are" };
    output.say(&format!(
        "{suspicious} orders are suspicious by version {rules} of the catalog; {held} {verb} held, {cleared} {verb} cleared, \
         of {changed} the signals {verb} others"
    ));
}
