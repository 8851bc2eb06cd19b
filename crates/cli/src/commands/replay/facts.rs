//! The facts, decided by the catalogs there are, and again with one more.
//!
//! In: what `ClickHouse` keeps of reports, scores and touches. Out: each order's outcome before and after. One partition of the pipeline's machines holds all of it:
//! touches in files of a folder that is removed afterwards, orders in memory. Orders that are over before the date and name no customer can neither
//! change nor change another, and are left out. Not here: what is compared (`compare`). Start at [`Facts::decide_twice`].

use std::{
    collections::HashMap,
    convert::Infallible,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use attribution::{SliceOptions, Timelines, TouchStore};
use catalog::Catalog;
use events::{Evidence, Identity, OrderKey, Report, Touch};
use indicatif::ProgressBar;
use pipeline::{
    partition::{Inner, Outbox, Partition, States},
    slices::FileSlices,
};
use units::{CustomerId, DAY_MS, EpochMs, Stamp};
use warehouse::{Recall, TouchBlock, Warehouse};

use super::compare::Compared;
use crate::{
    commands::place::{self, Place},
    output::Output,
    settings::Settings,
};

const BAR: &str = "{elapsed} {bar:30} {pos} of {len} facts read {msg}";
/// Reports of orders that may change, held in memory with all that is decided of them: some 3 KiB each (measured with
/// 20,000 orders of one report).
const REPORTS_MAX: u64 = 300_000;
/// Touches that such orders may be credited by: 64 bytes each on disk, 40 in memory for each visitor.
const TOUCHES_MAX: u64 = 50_000_000;
/// An order's own click may be later than the order by so much and still give it its time.
const CLOCK_MS_MAX: u64 = DAY_MS;

type Machines = Partition<FileSlices>;

/// Every state is in memory.
struct InMemory;

impl States for InMemory {
    type Error = Infallible;

    fn order(&self, _: &OrderKey) -> Result<Option<impl AsRef<[u8]>>, Infallible> {
        Ok(None::<Vec<u8>>)
    }

    fn customer(&self, _: CustomerId) -> Result<Option<impl AsRef<[u8]>>, Infallible> {
        Ok(None::<Vec<u8>>)
    }
}

/// Where facts come from.
pub(super) struct Facts<'a> {
    place: Place<'a>,
    warehouse: Warehouse,
    output: Output,
    from: EpochMs,
}

/// A folder that is gone afterwards.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is told apart by the process's number, and does no harm.
        drop(fs::remove_dir_all(&self.0));
    }
}

impl<'a> Facts<'a> {
    pub(super) fn new(settings: &'a Settings, output: Output, from: EpochMs) -> Self {
        let place = Place::new(settings);
        Self { place, warehouse: place.warehouse(), output, from }
    }

    /// First by `versions`, then with `next` beside them.
    pub(super) fn decide_twice(
        &self,
        versions: Vec<Catalog>,
        next: Catalog,
        compared: &mut Compared,
    ) -> anyhow::Result<()> {
        let scratch = Scratch(self.place.data().join(format!("replay-{}", std::process::id())));
        let window_ms = versions.iter().chain([&next]).map(Catalog::longest_window_ms).max().unwrap_or(0);
        let mut machines = machines(&scratch.0)?;
        let mut out = Outbox::default();
        for version in versions {
            machines.on_catalog(Arc::new(version), &InMemory, &mut out)?;
        }
        machines.speak(&InMemory, &mut out)?;
        let recall = place::block_on(async { Ok(self.warehouse.recall().await?) })
            .with_context(|| self.place.no_answer())?;
        let bar = self.output.bar(recall.reports + recall.touches, BAR);
        self.touches(&recall, window_ms, &mut machines, &bar)?;
        self.orders(&recall, &mut machines, compared, &bar)?;
        bar.set_message("deciding again");
        machines.on_catalog(Arc::new(next), &InMemory, &mut out)?;
        for (decision, credits) in out.take_decided() {
            compared.after(&decision, &credits);
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Those that an order since the date may be credited by.
    fn touches(
        &self,
        recall: &Recall,
        window_ms: u64,
        machines: &mut Machines,
        bar: &ProgressBar,
    ) -> anyhow::Result<()> {
        let from = self.from.back(window_ms + CLOCK_MS_MAX);
        let (wanted, others): (Vec<TouchBlock>, Vec<_>) =
            recall.blocks.iter().copied().partition(|it| from < it.to);
        let count: u64 = wanted.iter().map(|it| it.rows).sum();
        within(count, TOUCHES_MAX, "clicks and views")?;
        bar.inc(others.iter().map(|it| it.rows).sum());
        for block in wanted {
            let touches = place::block_on(async { Ok(self.warehouse.recalled_touches(block).await?) })?;
            for touch in &touches {
                machines.relive_touch(touch)?;
            }
            bar.inc(touches.len() as u64);
        }
        Ok(())
    }

    fn orders(
        &self,
        recall: &Recall,
        machines: &mut Machines,
        compared: &mut Compared,
        bar: &ProgressBar,
    ) -> anyhow::Result<()> {
        let mut out = Outbox::default();
        let mut taken = 0_u64;
        for block in 0..recall.report_blocks() {
            let (reports, scores, gone) = place::block_on(async {
                let reports = self.warehouse.recalled_reports(recall, block).await?;
                let scores = self.warehouse.recalled_scores(recall, block).await?;
                Ok((reports, scores, self.warehouse.recalled_candidates(recall, block).await?))
            })?;
            let mut scores: HashMap<_, _> = scores.into_iter().map(|it| (it.order.clone(), it)).collect();
            let mut gone = by_order(gone);
            for order in reports.chunk_by(|left, right| left.key == right.key) {
                let Some(first) = order.first().filter(|_| self.may_matter(order)) else { continue };
                taken += order.len() as u64;
                within(taken, REPORTS_MAX, "reports")?;
                let answers = gone.remove(&first.key).unwrap_or_default();
                let score = scores.remove(&first.key);
                machines.relive_order(order.iter().cloned(), score, answers, &InMemory, &mut out)?;
                for (decision, credits) in out.take_decided() {
                    compared.before(&decision, &credits);
                }
            }
            bar.inc(reports.len() as u64);
        }
        Ok(())
    }

    fn may_matter(&self, order: &[Report]) -> bool {
        let since = self.from.back(CLOCK_MS_MAX);
        order.iter().any(|it| since <= it.received_at || it.customers().next().is_some())
    }
}

/// Memory is bounded by what may be taken: beyond it nothing is compared and nothing changed.
fn within(count: u64, max: u64, what: &str) -> anyhow::Result<()> {
    ensure!(
        count <= max,
        "replay_too_large: {count} {what} or more could matter, and a replay takes {max} of them; nothing was changed. Give a later --from, or put the \
         catalog in force without a comparison: tributary catalog apply FILE --effective-at DATE (the pipelines decide as many orders as there are)"
    );
    Ok(())
}

fn machines(folder: &Path) -> anyhow::Result<Machines> {
    let slices = FileSlices::open(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    // Alone: nobody else's claim is compared with this one.
    let claim = Stamp::new(0, 1)?;
    let touches = TouchStore::open(slices, SliceOptions::default(), u64::from(std::process::id()), 0)?;
    Ok(Partition::new(claim, Timelines::new(claim, touches), Inner::Memory))
}

/// What is left of touches that were dropped, as their timelines would answer.
fn by_order(gone: Vec<(OrderKey, Touch)>) -> HashMap<OrderKey, Vec<Evidence>> {
    let mut answers = HashMap::<_, Vec<_>>::new();
    for (order, touch) in gone {
        let evidence = Evidence {
            touches: vec![touch],
            partners: vec![touch.partner],
            ..Evidence::bare(Stamp::default(), order.clone(), Identity::Visitor(touch.visitor))
        };
        answers.entry(order).or_default().push(evidence);
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_fits_in_memory_is_refused_with_the_way_around() {
        assert!(within(REPORTS_MAX, REPORTS_MAX, "reports").is_ok());
        let error = within(REPORTS_MAX + 1, REPORTS_MAX, "reports").unwrap_err().to_string();
        assert!(error.starts_with("replay_too_large: 300001 reports or more could matter"), "{error}");
        assert!(error.contains("catalog apply FILE --effective-at"), "{error}");
    }
}
