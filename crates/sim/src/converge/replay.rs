//! One reading of a history: the product's partitions, under claims, in batches of any size, while owners are killed, moved and woken again.
//!
//! In: a history, and how it is read. Out: of each order the snapshot of the newest stamp. Only what decides is here: no spool, no tables, no faults of
//! theirs. Start at [`Replay::run`].

use std::{fmt, sync::Arc};

use attribution::{Caps, MemorySlices, SliceOptions};
use journal::Position;
use pipeline::{
    partition::{Inner, Outbox, Partition},
    reach::{Reach, look_again},
    store::OrderPlace,
};
use units::{DAY_MS, Stamp};

use super::{Snapshots, history::History};
use crate::{
    log::{Log, Topic},
    owner::{addressed, claim_in, machines},
    rng::Rng,
    store::Kept,
};

/// Small enough that a history fills several.
const SLICES: SliceOptions = SliceOptions { records_max: 1 << 14, span_ms: 30 * DAY_MS };
/// Orders on disk that one step decides again.
const LOOKED_AT: usize = 500;
/// Steps until a reading must have come to its end, for each input.
const STEPS_PER_EVENT: u64 = 40;
/// Steps that an owner which only seemed dead lives on at most.
const ZOMBIE_STEPS_MAX: u64 = 60;

/// How a history is read.
#[derive(Debug, Clone)]
pub(crate) struct Regime {
    partitions: u32,
    /// Records read at once.
    read_max: usize,
    /// Reads from one commit to the next, in the mean.
    reads_per_commit: u64,
    /// Orders' states kept in memory.
    states_max: usize,
    is_shuffled: bool,
    repeats_percent: u64,
    /// Owners that are replaced: by one that goes on from the last commit, by one with an older state, by one with none.
    moves: [u64; 3],
}

impl Regime {
    /// In order, at once, by one owner.
    pub(crate) const fn plain() -> Self {
        Self {
            partitions: 1,
            read_max: 10_000,
            reads_per_commit: 4,
            states_max: usize::MAX,
            is_shuffled: false,
            repeats_percent: 0,
            moves: [0, 0, 0],
        }
    }

    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self {
            partitions: 2 + u32::try_from(rng.below(7)).unwrap_or(0),
            read_max: rng.of([1, 7, 60, 500, 4_000]),
            reads_per_commit: rng.of([2, 10, 50]),
            states_max: rng.of([0, 10, 1_000, usize::MAX]),
            is_shuffled: rng.chance(70),
            repeats_percent: rng.of([0, 5, 30]),
            moves: [10 + rng.below(30), rng.below(12), rng.below(4)],
        }
    }
}

impl fmt::Display for Regime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partitions, read_max, reads_per_commit, is_shuffled, repeats_percent, .. } = self;
        let order = if *is_shuffled { "in any order" } else { "in order" };
        write!(
            f,
            "{partitions} partitions, {order}, {repeats_percent} % twice, up to {read_max} records a read, {reads_per_commit} reads a commit"
        )
    }
}

/// What went on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Happened {
    claims: u64,
    restarts: u64,
    moved_with_old_state: u64,
    moved_without_state: u64,
    zombies: u64,
    commits: u64,
}

impl fmt::Display for Happened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { claims, restarts, moved_with_old_state, moved_without_state, zombies, commits } = self;
        write!(
            f,
            "{commits} commits, {claims} claims, {restarts} restarts, moved {moved_with_old_state} times with an older state and \
             {moved_without_state} without, {zombies} zombies"
        )
    }
}

/// What was read.
pub(crate) struct Read {
    pub(crate) snapshots: Snapshots,
    pub(crate) happened: Happened,
}

/// A reading under way.
pub(crate) struct Replay<'a> {
    history: &'a History,
    regime: Regime,
    rng: Rng,
    log: Log,
    /// Versions of the catalog that anybody can know yet.
    published: usize,
    owners: Vec<Owner>,
    zombies: Vec<(Owner, u64)>,
    /// An older state of each partition.
    older: Vec<Kept>,
    snapshots: Snapshots,
    happened: Happened,
}

struct Owner {
    partition: u32,
    claim: Stamp,
    source: u64,
    machines: Partition<MemorySlices>,
    kept: Kept,
    reach: Reach,
    out: Outbox,
    catalog: u32,
    redecide_from: Option<OrderPlace>,
    has_news: bool,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(history: &'a History, regime: Regime, mut rng: Rng) -> Self {
        let mut log = Log::new(regime.partitions);
        let mut order: Vec<usize> = (0..history.inputs.len()).collect();
        let repeats = order.iter().copied().filter(|_| rng.chance(regime.repeats_percent));
        let repeats: Vec<usize> = repeats.collect();
        order.extend(repeats);
        if regime.is_shuffled {
            rng.shuffle(&mut order);
        }
        for (topic, key, bytes) in order.iter().filter_map(|it| history.inputs.get(*it)) {
            log.append(*topic, key, bytes.clone());
        }
        let mut replay = Self {
            history,
            rng,
            log,
            published: 1,
            owners: Vec::new(),
            zombies: Vec::new(),
            older: (0..regime.partitions).map(|_| Kept::default()).collect(),
            snapshots: Snapshots::new(),
            happened: Happened::default(),
            regime,
        };
        for partition in 0..replay.regime.partitions {
            let owner = replay.claimed(partition, Kept::default());
            replay.owners.push(owner);
        }
        replay
    }

    fn claimed(&mut self, partition: u32, kept: Kept) -> Owner {
        self.happened.claims += 1;
        Owner::new(partition, kept, self.happened.claims, self.published, &mut self.log)
    }

    /// Until everything is read and said.
    pub(crate) fn run(mut self) -> Result<Read, String> {
        let reads = 1 + self.history.events() / self.regime.read_max as u64;
        let mut moves = self.regime.moves;
        let end = 10_000 + STEPS_PER_EVENT * self.history.events();
        for _ in 0..end {
            for (kind, left) in moves.iter_mut().enumerate() {
                if *left > 0 && self.rng.below(2 * reads) < *left {
                    *left -= 1;
                    self.replace(kind);
                }
            }
            if self.published < self.history.catalogs.len() && self.rng.below(reads) == 0 {
                self.published += 1;
            }
            if self.step()? {
                continue;
            }
            if moves.iter().all(|it| *it == 0) && self.published == self.history.catalogs.len() {
                return Ok(Read { snapshots: self.snapshots, happened: self.happened });
            }
            // What is left to go wrong goes wrong after the last record too.
            self.published = self.history.catalogs.len();
        }
        Err(format!("it has not come to its end after {end} steps"))
    }

    /// One step of somebody; false when nobody has anything to do.
    fn step(&mut self) -> Result<bool, String> {
        if !self.zombies.is_empty() && self.rng.chance(10) {
            let index = self.rng.index(self.zombies.len());
            let (mut zombie, left) = self.zombies.swap_remove(index);
            self.turn(&mut zombie)?;
            if left > 0 {
                self.zombies.push((zombie, left - 1));
            }
            return Ok(true);
        }
        let index = self.rng.index(self.owners.len());
        let mut owner = self.owners.swap_remove(index);
        let moved = self.turn(&mut owner);
        self.owners.push(owner);
        let last = self.owners.len() - 1;
        self.owners.swap(index, last);
        Ok(moved? || self.owners.iter().any(|it| !it.is_done(&self.log, self.published)))
    }

    fn turn(&mut self, owner: &mut Owner) -> Result<bool, String> {
        let mut moved = owner.learn(&self.history.catalogs, self.published);
        moved |= owner.look_again();
        moved |= owner.read(&self.log, self.regime.read_max, &mut self.rng);
        owner.speak_if_due();
        owner.post(&mut self.log, &mut self.snapshots);
        let is_full = self.rng.below(self.regime.reads_per_commit) == 0;
        if owner.has_news && (is_full || !moved) {
            owner.commit(self.regime.states_max, &mut self.log, &mut self.snapshots);
            self.happened.commits += 1;
            if self.regime.moves != [0, 0, 0] && self.rng.below(400) == 0 {
                let slot = usize::try_from(owner.partition).ok().and_then(|it| self.older.get_mut(it));
                if let Some(slot) = slot {
                    *slot = owner.on_disk();
                }
            }
        }
        if owner.machines.fates().add_up() {
            Ok(moved)
        } else {
            Err("records met no fate, or two".to_owned())
        }
    }

    fn replace(&mut self, kind: usize) {
        let index = self.rng.index(self.owners.len());
        let Some(old) = self.owners.get(index) else { return };
        let partition = old.partition;
        let kept = match kind {
            0 => old.on_disk(),
            1 => self.older.get(index).cloned().unwrap_or_default(),
            _ => Kept::default(),
        };
        let counts = &mut self.happened;
        match kind {
            0 => counts.restarts += 1,
            1 => counts.moved_with_old_state += 1,
            _ => counts.moved_without_state += 1,
        }
        let next = self.claimed(partition, kept);
        let Some(place) = self.owners.get_mut(index) else { return };
        let old = std::mem::replace(place, next);
        if kind > 0 && self.rng.chance(50) {
            self.happened.zombies += 1;
            let left = self.rng.below(ZOMBIE_STEPS_MAX);
            self.zombies.push((old, left));
        }
    }
}

impl Owner {
    fn new(partition: u32, kept: Kept, source: u64, published: usize, log: &mut Log) -> Self {
        let (number, barrier) = claim_in(log, partition, source);
        let claim = Stamp::new(1, number).expect("a history has few claims");
        let positions =
            kept.positions.iter().map(|(stream, next)| Position { stream: stream.clone(), next: *next });
        let published = u32::try_from(published).unwrap_or(u32::MAX);
        Self {
            partition,
            claim,
            source,
            machines: machines((claim, Caps::default()), &kept, SLICES, Inner::Log),
            reach: Reach::new(positions.collect(), barrier, published),
            kept,
            out: Outbox::default(),
            catalog: 0,
            redecide_from: None,
            has_news: false,
        }
    }

    fn learn(&mut self, catalogs: &[Arc<catalog::Catalog>], published: usize) -> bool {
        let known = catalogs.get(..published).unwrap_or_default();
        let Some(catalog) = known.get(self.catalog as usize) else { return false };
        self.catalog += 1;
        self.redecide_from = look_again(self.kept.catalog, catalog, self.redecide_from.take());
        self.machines
            .on_catalog(Arc::clone(catalog), &self.kept, &mut self.out)
            .expect("memory does not fail");
        self.has_news = true;
        true
    }

    fn look_again(&mut self) -> bool {
        let Some(from) = self.redecide_from.take() else { return false };
        let places = self.kept.orders_from(&from, LOOKED_AT);
        for key in places.iter().filter_map(OrderPlace::order) {
            self.machines.redecide(&key, &self.kept, &mut self.out).expect("memory does not fail");
        }
        self.redecide_from = places.into_iter().last().map(OrderPlace::behind);
        self.has_news = true;
        true
    }

    /// Records of one topic, whichever has any.
    fn read(&mut self, log: &Log, records_max: usize, rng: &mut Rng) -> bool {
        let first = rng.index(Topic::ALL.len());
        for topic in Topic::ALL.into_iter().cycle().skip(first).take(Topic::ALL.len()) {
            let stream = Log::stream(topic, self.partition);
            let room = 1 + rng.index(records_max);
            let records = log.read_some(topic, self.partition, self.reach.next(&stream), room);
            let Some(last) = records.last() else { continue };
            self.machines.apply(&records, &self.kept, &mut self.out).expect("memory does not fail");
            self.reach.read(&stream, last.position + 1);
            self.has_news = true;
            return true;
        }
        false
    }

    fn speak_if_due(&mut self) {
        if self.reach.begins_to_speak(self.catalog, |_| false) {
            self.machines.speak(&self.kept, &mut self.out).expect("memory does not fail");
            self.has_news = true;
        }
    }

    /// What was said goes to the log; the newest snapshot of each order is kept.
    fn post(&mut self, log: &mut Log, snapshots: &mut Snapshots) {
        for message in self.out.messages.drain(..) {
            match addressed(message) {
                Ok((topic, key, bytes)) => log.append(topic, &key, bytes),
                Err((decision, credits)) => {
                    let is_newest =
                        snapshots.get(&decision.key).is_none_or(|(stamp, ..)| *stamp <= decision.stamp);
                    if is_newest {
                        snapshots.insert(decision.key.clone(), (decision.stamp, decision, credits));
                    }
                }
            }
        }
    }

    fn commit(&mut self, states_max: usize, log: &mut Log, snapshots: &mut Snapshots) {
        self.has_news = false;
        self.out.seal(Inner::Log);
        self.post(log, snapshots);
        self.out.batch.clear();
        let dirty = self.machines.take_dirty().expect("memory does not fail");
        let catalog = self.redecide_from.is_none().then_some(self.catalog);
        self.kept.commit(self.reach.checkpoint(dirty, self.claim.claim(), self.source, catalog));
        self.machines.evict(states_max);
    }

    /// What a process that is killed leaves: its last commit, and all touches that were written, also later ones.
    fn on_disk(&self) -> Kept {
        let mut kept = self.kept.clone();
        kept.slices = self.machines.touches().slices().clone();
        kept
    }

    fn is_done(&self, log: &Log, published: usize) -> bool {
        let at_end = |end: &Position| self.reach.next(&end.stream) >= end.next;
        log.ends(self.partition).iter().all(at_end)
            && !self.has_news
            && self.redecide_from.is_none()
            && self.reach.is_live()
            && self.catalog as usize == published
    }
}
