//! How far one owner has read, what that lets it say, and what a commit may cover: plain values, so that `sim` keeps the same rules.
//!
//! In: the claim's barrier, records as they are read, acknowledgements. Out: the moment to speak, and checkpoints that cover only what was
//! said and stored. Not here: reading, writing and committing (`worker`). Start at [`Reach`].

use std::collections::BTreeMap;

use catalog::Catalog;
use journal::{Position, StreamId};
use units::planted::{Bug, planted};

use crate::{
    partition::Dirty,
    store::{Checkpoint, OrderPlace},
};

/// What one owner has read under its claim.
#[derive(Debug)]
pub struct Reach {
    /// How far each input was read.
    positions: BTreeMap<StreamId, u64>,
    /// Inputs that moved since the last checkpoint was cut.
    moved: BTreeMap<StreamId, u64>,
    /// The inputs' ends right after the claim, as far as they are not reached yet.
    barrier: Vec<Position>,
    /// The newest version of the catalog there was right after the claim.
    catalog: u32,
    live: bool,
}

impl Reach {
    /// Stands at `positions`, silent until it has read to `barrier` and knows version `catalog`.
    #[must_use]
    pub fn new(positions: Vec<Position>, barrier: Vec<Position>, catalog: u32) -> Self {
        let positions = positions.into_iter().map(|it| (it.stream, it.next)).collect();
        Self { positions, moved: BTreeMap::new(), barrier, catalog, live: false }
    }

    /// A stream was read up to `next`.
    pub fn read(&mut self, stream: &StreamId, next: u64) {
        self.positions.insert(stream.clone(), next);
        self.moved.insert(stream.clone(), next);
    }

    /// The next record of a stream.
    #[must_use]
    pub fn next(&self, stream: &StreamId) -> u64 {
        self.positions.get(stream).copied().unwrap_or_else(|| first(stream))
    }

    /// How far each input was read.
    #[must_use]
    pub fn positions(&self) -> Vec<Position> {
        self.positions.iter().map(|(stream, next)| Position { stream: stream.clone(), next: *next }).collect()
    }

    /// The next commit covers every input, also those in which nothing new came.
    pub fn commit_all(&mut self) {
        self.moved = self.positions.clone();
    }

    /// Whether it speaks.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.live
    }

    /// True once: when everything that an earlier owner could know is read. `catalog` is the newest version known, `is_over` tells streams that
    /// are read to their end: one may end in damage, whose sequences no record will show.
    pub fn begins_to_speak(&mut self, catalog: u32, is_over: impl Fn(&StreamId) -> bool) -> bool {
        if self.live {
            return false;
        }
        let positions = &self.positions;
        let reached =
            |end: &Position| end.next <= positions.get(&end.stream).copied().unwrap_or(first(&end.stream));
        self.barrier.retain(|end| !reached(end) && !is_over(&end.stream));
        let is_read = self.barrier.is_empty() || planted(Bug::EarlySpeech);
        self.live = is_read && (self.catalog <= catalog || planted(Bug::CatalogLag));
        self.live
    }

    /// Whether old touches may be forgotten now. What was decided by them must be committed before: the next owner reads what is not committed
    /// again, and would find less and decide otherwise. A silent owner keeps them: its positions may lie before them.
    #[must_use]
    pub fn may_forget(&self, is_all_committed: bool) -> bool {
        self.live && (is_all_committed || planted(Bug::ForgetUncommitted))
    }

    /// What changed up to now. A silent owner keeps states, so that they may leave memory, but no positions: what it will say of these
    /// inputs is not said yet. `catalog` is the version that every order on disk has been looked at by, if that is not under way.
    pub fn checkpoint(&mut self, dirty: Dirty, claim: u64, nonce: u64, catalog: Option<u32>) -> Checkpoint {
        let moved = if self.live || planted(Bug::CommitSilent) {
            std::mem::take(&mut self.moved)
        } else {
            BTreeMap::new()
        };
        Checkpoint {
            positions: moved.into_iter().map(|(stream, next)| Position { stream, next }).collect(),
            orders: dirty.orders,
            order_times: dirty.order_times,
            timelines: dirty.timelines,
            touches_next: self.live.then_some(dirty.touches_next),
            claim,
            nonce,
            catalog: catalog.filter(|_| self.live),
        }
    }
}

/// A checkpoint on its way: it may be committed when what it covers is stored and said.
#[derive(Debug)]
pub struct Pending {
    /// What changed.
    pub checkpoint: Checkpoint,
    is_written: bool,
}

impl Pending {
    /// `rows` are those of the batch that goes to the warehouse with it.
    #[must_use]
    pub const fn new(checkpoint: Checkpoint, rows: usize) -> Self {
        Self { checkpoint, is_written: rows == 0 }
    }

    /// The warehouse has the batch, its marks too.
    pub const fn acknowledge(&mut self) {
        self.is_written = true;
    }

    /// Whether the warehouse has all of it. What was said must be in the log as well before a commit.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.is_written || planted(Bug::CommitEarly)
    }
}

/// Where to begin deciding orders on disk again, now that `catalog` came. `known` is the version that all of them were decided by, `under_way`
/// what an earlier version has left to do.
#[must_use]
pub fn look_again(known: u32, catalog: &Catalog, under_way: Option<OrderPlace>) -> Option<OrderPlace> {
    if catalog.version.0 <= known || planted(Bug::CatalogMemoryOnly) {
        return under_way;
    }
    let from = OrderPlace::first_at(catalog.effective_at);
    Some(under_way.filter(|place| *place < from).unwrap_or(from))
}

/// Spools count from one, everything else from zero.
pub(crate) const fn first(stream: &StreamId) -> u64 {
    match stream {
        StreamId::Spool { .. } => 1,
        StreamId::Topic { .. } | StreamId::Memory(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: StreamId = StreamId::Memory(1);

    fn reach() -> Reach {
        Reach::new(Vec::new(), vec![Position { stream: STREAM, next: 2 }], 3)
    }

    #[test]
    fn an_owner_speaks_once_when_it_has_read_to_the_barrier_and_knows_the_catalog() {
        let mut reach = reach();
        let (over, open) = (|_: &StreamId| true, |_: &StreamId| false);
        reach.read(&STREAM, 1);
        assert!(!reach.begins_to_speak(3, open), "a record is missing");
        reach.read(&STREAM, 2);
        assert!(!reach.begins_to_speak(2, open), "a version is missing");
        assert!(reach.begins_to_speak(3, open) && reach.is_live());
        assert!(!reach.begins_to_speak(3, over), "it has begun already");
        assert!(self::reach().begins_to_speak(3, over), "the stream ended in damage");
    }

    #[test]
    fn touches_are_forgotten_only_when_all_that_was_decided_by_them_is_committed() {
        let mut reach = reach();
        assert!(!reach.may_forget(true), "it is silent");
        reach.read(&STREAM, 2);
        assert!(reach.begins_to_speak(3, |_| false));
        assert!(!reach.may_forget(false) && reach.may_forget(true));
    }

    #[test]
    fn a_silent_owner_commits_no_positions() {
        let mut reach = reach();
        reach.read(&STREAM, 2);
        let silent = reach.checkpoint(Dirty::default(), 1, 1, Some(3));
        assert!(silent.positions.is_empty() && silent.touches_next.is_none() && silent.catalog.is_none());
        assert!(reach.begins_to_speak(3, |_| false));
        let live = reach.checkpoint(Dirty::default(), 1, 1, Some(3));
        assert_eq!(live.positions, [Position { stream: STREAM, next: 2 }]);
        assert!(live.touches_next.is_some() && live.catalog == Some(3));
    }
}
