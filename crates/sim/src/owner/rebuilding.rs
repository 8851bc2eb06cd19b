//! An owner that is told by facts what the log no longer has, block by block, as the product's worker is; it may be killed between any two.
//!
//! In: the tables. Out: the machines as if they had read it all, still silent. What a block tells whom, and what of it may be kept, is
//! `pipeline::rebuild`'s. Start at [`Owner::rebuild_step`].

use std::collections::VecDeque;

use pipeline::rebuild::{Rebuild, half_way};
use units::EpochMs;
use warehouse::CustomerBlock;

use super::Owner;
use crate::clickhouse::{Note, Tables};

/// Blocks that the orders are dealt out to.
const REPORT_BLOCKS: u32 = 2;
/// Parts that customers are dealt out to.
const CUSTOMER_BLOCKS: u64 = 2;

/// How far it is.
#[derive(Debug)]
pub(crate) struct Rebuilding {
    partitions: u32,
    /// The newest version of the catalog there was at the claim.
    catalog: u32,
    /// What is told, once those versions are known.
    rebuild: Option<Rebuild>,
    /// What is left to be read.
    blocks: VecDeque<Block>,
}

#[derive(Debug)]
enum Block {
    Reports(u32),
    /// What all reports together say of a part of the customers.
    Customers(CustomerBlock),
    /// Those of an hour.
    Touches(u64),
}

impl Rebuilding {
    pub(super) const fn new(partitions: u32, catalog: u32) -> Self {
        Self { partitions, catalog, rebuild: None, blocks: VecDeque::new() }
    }
}

impl Owner {
    pub(crate) const fn is_rebuilding(&self) -> bool {
        self.rebuilding.is_some()
    }

    /// Whether a rebuild waits for versions of the catalog; it takes in no others.
    pub(crate) fn waits_for_catalog(&self) -> bool {
        self.rebuilding.as_ref().is_some_and(|it| self.catalog < it.catalog)
    }

    /// Reads the next block, if there is one; true when that was all. Touches before `touches_from` are forgotten by everybody.
    pub(crate) fn rebuild_step(&mut self, tables: &Tables, touches_from: EpochMs, keep_max: usize) -> bool {
        if tables.is_away || self.waits_for_catalog() {
            return false;
        }
        let Some(Rebuilding { partitions, rebuild, blocks, .. }) = &mut self.rebuilding else { return false };
        let Some(rebuild) = rebuild else {
            blocks.extend((0..REPORT_BLOCKS).map(Block::Reports));
            blocks.extend(CustomerBlock::all(CUSTOMER_BLOCKS).map(Block::Customers));
            blocks.extend(tables.hours().into_iter().map(Block::Touches));
            *rebuild = Some(Rebuild::new(self.partition, *partitions, touches_from, self.longest_window_ms));
            return false;
        };
        let told = match blocks.pop_front() {
            Some(Block::Reports(block)) => {
                let reports = tables.reports_of(block, REPORT_BLOCKS);
                let told = rebuild.reports(&reports, &mut self.machines, &self.kept);
                let scores = tables.scores_of(block, REPORT_BLOCKS);
                told.and_then(|()| rebuild.scores(scores, &mut self.machines, &self.kept))
            }
            Some(Block::Customers(block)) => {
                let (reports, leads) = tables.customers_of(block);
                rebuild.customers(block, (&reports, leads), &mut self.machines, &self.kept)
            }
            Some(Block::Touches(hour)) => {
                rebuild.touches(&tables.touches_of(hour), &mut self.machines, &self.kept)
            }
            None => {
                self.rebuilding = None;
                self.reach.commit_all();
                self.speak_if_due();
                return true;
            }
        };
        told.expect("memory does not fail");
        let dirty = self.machines.take_dirty().expect("memory does not fail");
        self.kept.commit(half_way(&mut self.reach, dirty, self.claim.claim(), self.source));
        self.kept.slices = self.machines.touches().slices().clone();
        self.machines.evict(keep_max);
        false
    }

    /// What is to be noted beside the facts, if something was committed since the last note.
    pub(crate) fn take_note(&mut self) -> Option<Note> {
        std::mem::take(&mut self.is_note_due).then(|| self.committed.clone())
    }
}
