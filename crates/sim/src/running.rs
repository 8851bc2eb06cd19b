//! A world as it runs: everybody's next step, chosen by chance, and the invariants that hold after each.
//!
//! In: a world, a swarm of faults. Out: tables at rest, or the first invariant that broke. Not here: the faults themselves (`mishaps`), the end's
//! comparison (`run`). Start at [`Running::live`].

use std::{collections::VecDeque, fmt, path::PathBuf, sync::Arc};

use bytes::Bytes;
use catalog::Catalog;
use events::Event;
use journal::StreamId;
use units::EpochMs;

use crate::{
    bugs::Bug,
    clickhouse::{Rolled, Roller, Tables},
    faults::{Coverage, Hit, Swarm},
    ledger::Ledger,
    log::{Log, Topic},
    machine::{Machine, origin_of},
    owner::{Committed, Owner},
    rng::Rng,
    shipper::Shipper,
    store::Kept,
    world::{EDGES, Input, OLD_MS, START, World},
};

/// Steps with faults of each part of a world; after these, everything is let run to its end.
const FAULTY_STEPS: u64 = 1_200;
/// Rounds until a world must have come to rest.
const ROUNDS_MAX: u64 = 20_000;
/// How many times as seldom as the first each roller moves: the others are stale when they wake.
const ROLLERS_SLEEP: [u64; 3] = [1, 4, 12];
/// How often a version of the catalog is published, in ten thousand steps.
const PUBLISHED_IN_10_000: u64 = 30;

/// An owner that only seemed dead.
#[derive(Debug)]
pub(crate) struct Zombie {
    pub(crate) owner: Owner,
    pub(crate) steps: u64,
}

/// A world between two steps.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) rng: Rng,
    pub(crate) swarm: Swarm,
    pub(crate) bug: Option<Bug>,
    pub(crate) catalogs: Vec<Arc<Catalog>>,
    /// How many of them anybody can know yet.
    pub(crate) published: usize,
    pub(crate) old: VecDeque<Input>,
    pub(crate) inputs: VecDeque<Input>,
    pub(crate) ledger: Ledger,
    pub(crate) machine: Machine,
    /// The pipeline reads the spool's files itself.
    pub(crate) is_embedded: bool,
    pub(crate) shipper: Shipper,
    pub(crate) log: Log,
    pub(crate) owners: Vec<Owner>,
    /// Older states of each partition that a new owner may find.
    pub(crate) history: Vec<VecDeque<Kept>>,
    pub(crate) zombies: Vec<Zombie>,
    /// Two owners of a partition were at work at once.
    pub(crate) had_zombies: bool,
    pub(crate) tables: Tables,
    rollers: Vec<Roller>,
    pub(crate) claims: u64,
    pub(crate) step: u64,
    /// Until when the log and the engine are away.
    pub(crate) away_until: [u64; 2],
    /// The old part of the world is settled.
    is_old_settled: bool,
    /// Promises that a fault was allowed to break.
    pub(crate) released: u64,
    hits: Coverage,
    pub(crate) story: Vec<String>,
}

impl Running {
    pub(crate) fn new(world: World, swarm: Swarm, mut rng: Rng, bug: Option<Bug>) -> Self {
        let is_embedded = rng.chance(25);
        let partitions = if is_embedded { 1 } else { 1 + u32::try_from(rng.below(3)).unwrap_or(0) };
        let mut running = Self::bare(world.catalogs, partitions, swarm, rng, bug, is_embedded);
        running.old = world.old.into();
        running.inputs = world.inputs.into();
        let [(first, _), (second, _)] = world.clocks;
        running.note_if(first != second, Hit::ClockSkew);
        running.note_if(world.clocks.iter().any(|(before, after)| before != after), Hit::ClockSteps);
        let road = if is_embedded {
            "the spool is the log".to_owned()
        } else {
            format!("a log of {partitions} partitions")
        };
        let mode = running.machine.durability;
        running.tell(format_args!("{road}, spools in mode {mode:?}"));
        running
    }

    /// A world without inputs of its own, in which nothing goes wrong.
    pub(crate) fn calm(catalogs: Vec<Arc<Catalog>>, partitions: u32, rng: Rng) -> Self {
        Self::bare(catalogs, partitions, Swarm::calm(), rng, None, false)
    }

    fn bare(
        catalogs: Vec<Arc<Catalog>>,
        partitions: u32,
        swarm: Swarm,
        mut rng: Rng,
        bug: Option<Bug>,
        is_embedded: bool,
    ) -> Self {
        let machine = Machine::new(&mut rng).expect("the simulation has a folder to write to");
        let shipper = Shipper::new(machine.root(), machine.cursor());
        let mut running = Self {
            rng,
            swarm,
            bug,
            catalogs,
            published: 0,
            old: VecDeque::new(),
            inputs: VecDeque::new(),
            ledger: Ledger::default(),
            machine,
            is_embedded,
            shipper,
            log: Log::new(partitions),
            owners: Vec::new(),
            history: (0..partitions).map(|_| VecDeque::new()).collect(),
            zombies: Vec::new(),
            had_zombies: false,
            tables: Tables::default(),
            rollers: ROLLERS_SLEEP.iter().map(|_| Roller::default()).collect(),
            claims: 0,
            step: 0,
            away_until: [0, 0],
            is_old_settled: false,
            released: 0,
            hits: Coverage::default(),
            story: Vec::new(),
        };
        for partition in 0..partitions {
            let owner = running.claimed(partition, Kept::default()).expect("nothing was deleted yet");
            running.owners.push(owner);
        }
        running
    }

    /// A new owner of a partition; `None` where its state is older than what is left of the input.
    pub(crate) fn claimed(&mut self, partition: u32, kept: Kept) -> Option<Owner> {
        let root = self.spool_root();
        self.claims += 1;
        let inputs = (&mut self.log, root.as_deref());
        Owner::claim(partition, kept, self.published, self.claims, inputs, self.bug).ok()
    }

    fn spool_root(&self) -> Option<PathBuf> {
        self.is_embedded.then(|| self.machine.root())
    }

    pub(crate) fn tell(&mut self, what: impl fmt::Display) {
        self.story.push(format!("step {}: {what}", self.step));
    }

    pub(crate) fn note(&mut self, hit: Hit) {
        self.hits.note(hit);
    }

    pub(crate) fn note_if(&mut self, happened: bool, hit: Hit) {
        self.hits.note_many(hit, u64::from(happened));
    }

    /// Everything that was met.
    pub(crate) fn coverage(&mut self) -> Coverage {
        let mut hits = self.hits;
        let [orders, credits, groups, sweeps] = self.tables.moved;
        hits.note_many(Hit::OrderMoves, orders);
        hits.note_many(Hit::CreditMoves, credits);
        hits.note_many(Hit::GroupVanishes, groups);
        hits.note_many(Hit::SweepFinds, sweeps);
        hits.note_many(Hit::StaleRowLoses, self.tables.stale_rows);
        hits.note_many(Hit::SegmentRolled, self.machine.rolled_segments());
        hits.note_many(Hit::DamageNamed, self.shipper.damages());
        for owner in &self.owners {
            hits.note_many(Hit::OrderRestored, owner.kept.restored.get());
        }
        hits
    }

    /// Faults for a while, then everything until nothing moves; the old part of the world first.
    pub(crate) fn live(&mut self) -> Result<(), String> {
        if !self.old.is_empty() {
            let new = std::mem::replace(&mut self.inputs, std::mem::take(&mut self.old));
            self.suffer()?;
            self.settle()?;
            self.is_old_settled = true;
            self.inputs = new;
            self.tell("long afterwards");
        }
        self.suffer()?;
        self.zombies.clear();
        self.published = self.catalogs.len();
        self.owners.iter_mut().for_each(|it| it.learn_percent = 50);
        self.settle()
    }

    fn suffer(&mut self) -> Result<(), String> {
        let end = self.step + FAULTY_STEPS;
        while self.step < end {
            self.step += 1;
            let [log, engine] = self.away_until;
            self.log.is_away = self.step < log;
            self.tables.is_away = self.step < engine;
            if let Some(fault) = self.swarm.strikes(&mut self.rng) {
                self.strike(fault)?;
                continue;
            }
            if self.rng.below(10_000) < PUBLISHED_IN_10_000 {
                self.publish();
            }
            match self.rng.below(100) {
                0..=22 => self.edge_step()?,
                23..=29 => self.zombie_step()?,
                30..=44 => self.roll_step()?,
                _ => self.owner_step()?,
            }
        }
        self.machine.heal();
        (self.log.is_away, self.tables.is_away) = (false, false);
        Ok(())
    }

    fn publish(&mut self) {
        let Some(catalog) = self.catalogs.get(self.published) else { return };
        let from = catalog.effective_at.0;
        self.published += 1;
        let changes_past = self.tables.orders().any(|(_, order)| from <= order.at);
        self.note_if(changes_past, Hit::CatalogChangesPast);
        let version = self.published;
        self.tell(format_args!("version {version} of the catalog is published"));
    }

    fn edge_step(&mut self) -> Result<(), String> {
        match self.rng.below(20) {
            0..=3 => {
                if let Some(input) = self.inputs.pop_front() {
                    let again = self.machine.take(input, &mut self.ledger)?;
                    self.send_again(again);
                }
            }
            4..=6 => {
                let edge = self.rng.index(EDGES);
                let again = self.machine.sync(edge, &mut self.ledger);
                self.send_again(again);
            }
            7 if self.swarm.spoils(Hit::SpoolRetention, &mut self.rng) => {
                let records = self.delete_spooled()?;
                self.note_if(records > 0, Hit::SpoolRetention);
            }
            _ if self.is_embedded => {}
            _ => {
                let Self { shipper, log, swarm, hits, rng, .. } = self;
                shipper.step(log, swarm, hits, rng)?;
            }
        }
        Ok(())
    }

    /// A shop that got no answer sends again; a visitor clicks again, which is another click, or does not.
    pub(crate) fn send_again(&mut self, unanswered: impl IntoIterator<Item = Input>) {
        for input in unanswered {
            if matches!(input.body, crate::world::Body::Report(_)) && self.rng.chance(80) {
                self.note(Hit::ReportResent);
                self.inputs.push_back(input);
            }
        }
    }

    /// Spooled records that nobody needs any more.
    fn delete_spooled(&mut self) -> Result<u64, String> {
        if !self.is_embedded {
            return self.shipper.delete_shipped();
        }
        let (root, mut records) = (self.machine.root(), 0);
        for (stream, next) in self.owners.iter().flat_map(|it| &it.kept.positions) {
            let StreamId::Spool { writer, incarnation } = stream else { continue };
            let deleted = journal::spool::delete_below(&root, *writer, *incarnation, *next);
            records += deleted.map_err(|error| error.to_string())?.records;
        }
        Ok(records)
    }

    fn zombie_step(&mut self) -> Result<(), String> {
        if self.zombies.is_empty() {
            return Ok(());
        }
        let mut zombie = self.zombies.swap_remove(self.rng.index(self.zombies.len()));
        let partition = usize::try_from(zombie.owner.partition).unwrap_or(0);
        let is_succeeded = self.owners.get(partition).is_some_and(Owner::is_live);
        let before = zombie.owner.is_live();
        zombie.steps -= 1;
        let moved = self.turn(&mut zombie.owner)?;
        self.note_if(moved.wrote && is_succeeded && before, Hit::ZombieWritesLate);
        if zombie.steps > 0 && !moved.is_refused {
            self.zombies.push(zombie);
        }
        Ok(())
    }

    fn owner_step(&mut self) -> Result<(), String> {
        let index = self.rng.index(self.owners.len());
        let mut owner = self.owners.swap_remove(index);
        let turned = self.turn(&mut owner);
        let moved = turned.as_ref().copied().unwrap_or_default();
        if moved.has_committed
            && let Some(history) = self.history.get_mut(usize::try_from(owner.partition).unwrap_or(0))
        {
            history.push_back(owner.kept.clone());
            if history.len() > 4 {
                history.pop_front();
            }
        }
        // In its place again: owners stand in the order of their partitions.
        self.owners.push(owner);
        let last = self.owners.len() - 1;
        self.owners.swap(index, last);
        turned.map(drop)
    }

    /// One step of an owner, whichever, and what must hold after it.
    fn turn(&mut self, owner: &mut Owner) -> Result<Turned, String> {
        let mut turned = Turned::default();
        match self.rng.below(20) {
            0..=8 => turned.is_refused = owner.read(&self.log, &mut self.rng).is_err(),
            9..=12 => {
                let twice = self.swarm.spoils(Hit::RecordRepeated, &mut self.rng);
                turned.wrote = owner.produce(&mut self.log, twice);
            }
            13..=15 => turned.wrote = self.sink(owner)?,
            16 => turned.wrote = self.rng.chance(40) && owner.cut(),
            17 => {
                let published = self.catalogs.get(..self.published).unwrap_or_default();
                turned.has_learnt = self.rng.chance(owner.learn_percent) && owner.learn(published);
            }
            18 => {
                let count = owner.look_again();
                self.hits.note_many(Hit::OrderLookedAtAgain, count);
            }
            _ if self.is_old_settled && self.swarm.spoils(Hit::TouchesExpire, &mut self.rng) => {
                let expired = owner.expire(START.back(OLD_MS / 2));
                self.note_if(expired, Hit::TouchesExpire);
            }
            _ => {}
        }
        turned.has_committed = self.commit(owner)?;
        if owner.fates_add_up() { Ok(turned) } else { Err("records met no fate, or two".to_owned()) }
    }

    fn sink(&mut self, owner: &mut Owner) -> Result<bool, String> {
        let is_lost = self.swarm.spoils(Hit::AnswerLost, &mut self.rng);
        let wrote = owner.sink(&mut self.tables, is_lost)?;
        self.note_if(wrote && is_lost, Hit::AnswerLost);
        for (origin, at) in self.tables.take_fresh() {
            if !self.ledger.knows(origin, EpochMs(at)) && !self.ledger.is_empty() {
                return Err(format!("{origin} at {at} was sent by nobody"));
            }
        }
        match self.tables.credited_twice() {
            // While two owners are at work, their rows may stand side by side until the newer one has read on.
            Some(order) if !self.had_zombies => Err(format!("order {order:?} is credited whole twice")),
            _ => Ok(wrote),
        }
    }

    fn commit(&mut self, owner: &mut Owner) -> Result<bool, String> {
        let before = owner.kept.positions.clone();
        let keep_max = self.rng.index(3);
        let Some(Committed { positions, is_silent }) = owner.commit(keep_max) else { return Ok(false) };
        self.note_if(is_silent, Hit::SilentCommit);
        if let Some(quarter) = self.tables.unmarked(owner.source) {
            return Err(format!(
                "owner {} commits while {quarter:?} has facts without a mark behind them",
                owner.source
            ));
        }
        for position in positions {
            let from = before.get(&position.stream).copied().unwrap_or(0);
            let missing = self.log.between(&position.stream, from, position.next).find_map(|bytes| {
                let (origin, _) = origin_of(bytes)?;
                (!self.tables.has(origin)).then_some(origin)
            });
            if let Some(origin) = missing {
                return Err(format!(
                    "owner {} commits {} beyond {origin}, which has no fact",
                    owner.source, position.stream
                ));
            }
        }
        Ok(true)
    }

    fn roll_step(&mut self) -> Result<(), String> {
        let index = self.rng.index(self.rollers.len());
        let sleep = ROLLERS_SLEEP.get(index).copied().unwrap_or(1);
        let (is_awake, choice) =
            (self.rng.below(100 * sleep) < 2 * self.swarm.awake_percent, self.rng.index(8));
        if is_awake { self.roll(index, choice).map(drop) } else { Ok(()) }
    }

    fn roll(&mut self, index: usize, choice: usize) -> Result<bool, String> {
        let Some(roller) = self.rollers.get_mut(index) else { return Ok(false) };
        let rolled = roller.step(&mut self.tables, choice, self.bug);
        self.note_if(matches!(rolled, Rolled::Stale(_)), Hit::StaleRoller);
        match rolled {
            Rolled::Nothing => Ok(false),
            Rolled::Moved => Ok(true),
            Rolled::Done(quarter) | Rolled::Stale(quarter) => {
                self.tables.wrong_cell(quarter).map_or(Ok(true), Err)
            }
        }
    }

    /// Without faults, until nothing moves.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        let calm = std::mem::replace(&mut self.swarm, Swarm::calm());
        let ended = self.rest(calm.awake_percent);
        self.swarm = calm;
        ended
    }

    fn rest(&mut self, awake_percent: u64) -> Result<(), String> {
        for _ in 0..ROUNDS_MAX {
            self.step += 1;
            // Rollers sleep now and then until all else is at rest.
            if !self.round(awake_percent)? && !self.round(100)? {
                return Ok(());
            }
        }
        Err(self.unrest())
    }

    /// One round of everybody; false when nothing moved.
    fn round(&mut self, awake_percent: u64) -> Result<bool, String> {
        let mut moved = false;
        while let Some(input) = self.inputs.pop_front() {
            let again = self.machine.take(input, &mut self.ledger)?;
            self.inputs.extend(again);
            moved = true;
        }
        for edge in 0..EDGES {
            if self.machine.is_waited_for() {
                let again = self.machine.sync(edge, &mut self.ledger);
                self.inputs.extend(again);
            }
        }
        if !self.is_embedded {
            moved |= self.shipper.drain(&mut self.log, &mut self.hits, &mut self.rng)?;
        }
        for index in 0..self.owners.len() {
            moved |= self.drain(index)?;
        }
        for (index, sleep) in ROLLERS_SLEEP.into_iter().enumerate() {
            let is_awake = awake_percent == 100 || self.rng.below(100 * sleep) < awake_percent;
            moved |= is_awake && self.roll(index, 0)?;
        }
        Ok(moved)
    }

    /// An owner does what there is to do, in order.
    fn drain(&mut self, index: usize) -> Result<bool, String> {
        let Some(owner) = self.owners.get(index) else { return Ok(false) };
        if !self.is_embedded && owner.is_done(&self.log, self.published) {
            return Ok(false);
        }
        let mut owner = self.owners.swap_remove(index);
        let drained = self.drain_owner(&mut owner);
        self.owners.push(owner);
        let last = self.owners.len() - 1;
        self.owners.swap(index, last);
        drained
    }

    fn drain_owner(&mut self, owner: &mut Owner) -> Result<bool, String> {
        let mut moved = false;
        // Topics are chosen by chance, so that none is known to be at its end before some tries.
        for _ in 0..16 {
            match owner.read(&self.log, &mut self.rng) {
                Ok(records) => moved |= records > 0,
                Err(_) => return Err("an owner's state is older than its input".to_owned()),
            }
        }
        moved |= owner.learn(self.catalogs.get(..self.published).unwrap_or_default());
        let looked_at = owner.look_again();
        self.hits.note_many(Hit::OrderLookedAtAgain, looked_at);
        while owner.produce(&mut self.log, false) {
            moved = true;
        }
        moved |= owner.cut();
        while self.sink(owner)? {}
        while owner.produce(&mut self.log, false) {}
        self.commit(owner)?;
        Ok(moved || looked_at > 0 || !owner.is_live())
    }

    /// The records of all clicks and reports that reached the tables.
    pub(crate) fn inputs_on_record(&self) -> Vec<(Topic, Vec<u8>, Bytes)> {
        let recorded = self.ledger.resolve(&self.tables.inputs()).unwrap_or_default();
        let mut inputs = Vec::new();
        for head in recorded.clicks {
            let mut bytes = Vec::new();
            crate::world::record(head, "").encode(&mut bytes).expect("a click fits its limit");
            inputs.push((Topic::Clicks, head.visitor().0.to_be_bytes().to_vec(), bytes.into()));
        }
        for report in recorded.reports {
            let (key, mut bytes) = (report.key.log_key(), Vec::new());
            report.encode(&mut bytes).expect("a report fits its limit");
            debug_assert!(Event::decode(&bytes).is_ok());
            inputs.push((Topic::Reports, key, bytes.into()));
        }
        inputs
    }

    /// What still moves after [`ROUNDS_MAX`].
    fn unrest(&self) -> String {
        let busy = self.owners.iter().filter(|it| !it.is_done(&self.log, self.published));
        let owners: Vec<String> = busy.map(|it| it.unrest(&self.log)).collect();
        format!("it never comes to rest; owners: {owners:?}, rollers: {:?}", self.rollers)
    }
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, Default)]
struct Turned {
    wrote: bool,
    has_committed: bool,
    has_learnt: bool,
    /// It cannot go on.
    is_refused: bool,
}
