//! One run of the scorer: what is suspicious by the catalog in force now, told to an edge where its orders' newest scores say something else.
//!
//! In: settings, which orders, an instant. Out: scores posted to the edge's admin port, and what was found, by partner. It keeps nothing: whoever is
//! killed in between finds the rest at the next run, and what was posted and is not a fact yet is posted again, which changes nothing.
//! Not here: counting (`warehouse::Scorer`), who runs it when (`roles::warehouse`, `commands::score`). Start at [`Scoring::go`].

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use catalog::{Catalog, History};
use events::{Signal, SignalCode};
use pipeline::catalogs::Catalogs;
use serde_json::json;
use units::{EpochMs, PartnerId};
use warehouse::{BlockScored, ScoreChange, Scorer, Warehouse};

use crate::{
    commands::{BYTES_MAX, Edge, Fate, LINES_MAX, Place},
    settings::Settings,
};

/// A run that is to be done.
pub(crate) struct Scoring<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) warehouse: &'a Warehouse,
    /// Orders from here on are scored.
    pub(crate) from: EpochMs,
    pub(crate) now: EpochMs,
    /// Nothing is posted.
    pub(crate) is_dry: bool,
}

/// What a run found, and what it told or would have told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The version whose limits were compared; 0 where there is none.
    pub(crate) rules: u32,
    /// Orders that are suspicious now.
    pub(crate) suspicious: u64,
    /// Orders that had no signals and have some.
    pub(crate) held: u64,
    /// Orders that had some and have none.
    pub(crate) cleared: u64,
    /// Orders whose signals are others than before.
    pub(crate) changed: u64,
    pub(crate) signals: BTreeMap<(SignalCode, PartnerId), Tally>,
}

/// One signal against one partner.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) orders: u64,
    pub(crate) value_max: u64,
    pub(crate) threshold: u64,
}

impl Scoring<'_> {
    pub(crate) async fn go(&self) -> anyhow::Result<Found> {
        let mut found = Found::default();
        let Some(catalog) = in_force(Place::new(self.settings), self.now)? else { return Ok(found) };
        found.rules = catalog.version.0;
        let scorer = Scorer::look(self.warehouse, &catalog.fraud, self.from, self.now).await;
        let mut scorer = scorer.context("ClickHouse does not say what the orders are")?;
        let mut edge = self.edge()?;
        for block in 0..scorer.blocks() {
            let said = scorer.block(block).await.context("ClickHouse does not say what the orders are")?;
            found.add(&said);
            if !self.is_dry {
                self.post(&mut edge, &catalog, &said.changes).await?;
            }
        }
        Ok(found)
    }

    fn edge(&self) -> anyhow::Result<Edge> {
        let address =
            self.settings.optional("warehouse.score_to").unwrap_or_else(|| self.settings.text("edge.admin"));
        Edge::new(&format!("http://{address}"), true, "/scores", self.settings.optional("edge.scores_token"))
            .context("warehouse.score_to")
    }

    async fn post(&self, edge: &mut Edge, catalog: &Catalog, changes: &[ScoreChange]) -> anyhow::Result<()> {
        let (mut batch, mut lines) = (String::new(), 0);
        for (index, change) in changes.iter().enumerate() {
            batch.push_str(&self.line(catalog, change));
            batch.push('\n');
            lines += 1;
            if lines == LINES_MAX || batch.len() >= BYTES_MAX || index + 1 == changes.len() {
                let fates = edge.send(&Bytes::from(std::mem::take(&mut batch)), lines).await?;
                lines = 0;
                let refused = fates.iter().find(|it| !matches!(it, Fate::Recorded(_)));
                ensure!(refused.is_none(), "the edge does not take a score: {refused:?}");
            }
        }
        Ok(())
    }

    fn line(&self, catalog: &Catalog, change: &ScoreChange) -> String {
        let signal = |it: &Signal| json!({ "code": it.code.as_str(), "partner": it.partner.0, "value": it.value, "threshold": it.threshold });
        json!({
            "advertiser": change.order.advertiser.0,
            "order": &*change.order.order,
            "rules": catalog.version.0,
            "scored_at_ms": self.now.0,
            "signals": change.after.iter().map(signal).collect::<Vec<_>>(),
        })
        .to_string()
    }
}

impl Found {
    fn add(&mut self, scored: &BlockScored) {
        self.suspicious += scored.suspicious.len() as u64;
        for it in scored.suspicious.iter().flat_map(|(_, signals)| signals) {
            let tally = self.signals.entry((it.code, it.partner)).or_default();
            tally.orders += 1;
            tally.value_max = tally.value_max.max(it.value);
            tally.threshold = it.threshold;
        }
        for change in &scored.changes {
            match (change.before.is_empty(), change.after.is_empty()) {
                (true, _) => self.held += 1,
                (false, true) => self.cleared += 1,
                (false, false) => self.changed += 1,
            }
        }
    }
}

/// The version that an order of now is decided by.
fn in_force(place: Place<'_>, now: EpochMs) -> anyhow::Result<Option<std::sync::Arc<Catalog>>> {
    let mut history = History::default();
    for catalog in Catalogs::new(place.catalog()).poll().context("the catalog's versions cannot be read")? {
        history.insert(catalog);
    }
    Ok(history.at(now).cloned())
}
