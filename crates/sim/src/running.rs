//! A world as it runs: everybody's next step, chosen by chance.
//!
//! In: a world, a swarm of faults. Out: tables at rest, or the first invariant that broke. Not here: the faults themselves (`mishaps`), what holds
//! after each step (`turns`), the end (`settling`, `run`). Start at [`Running::live`].

use std::{collections::VecDeque, fmt, path::PathBuf, sync::Arc};

use attribution::Caps;
use catalog::Catalog;
use journal::StreamId;

use crate::{
    bugs::Bug,
    clickhouse::Tables,
    faults::{Coverage, Hit, Swarm},
    ledger::Ledger,
    log::Log,
    machine::Machine,
    owner::Owner,
    rebuilds::Rebuilt,
    rng::Rng,
    roller::Roller,
    shipper::Shipper,
    store::Kept,
    world::{Body, EDGES, Input, World},
};

/// Steps with faults of each part of a world; after these, everything is let run to its end.
const FAULTY_STEPS: u64 = 1_200;
/// How many times as seldom as the first each roller moves: the others are stale when they wake.
pub(crate) const ROLLERS_SLEEP: [u64; 3] = [1, 4, 12];
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
    /// How much of an order its machines keep and weigh.
    pub(crate) caps: Caps,
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
    pub(crate) rollers: Vec<Roller>,
    pub(crate) claims: u64,
    pub(crate) step: u64,
    /// Until when the log and the engine are away.
    pub(crate) away_until: [u64; 2],
    /// What facts had told when a rebuild was done.
    pub(crate) rebuilt: Vec<Rebuilt>,
    /// The old part of the world is settled.
    pub(crate) is_old_settled: bool,
    /// Promises that a fault was allowed to break.
    pub(crate) released: u64,
    pub(crate) hits: Coverage,
    pub(crate) story: Vec<String>,
}

impl Running {
    pub(crate) fn new(world: World, swarm: Swarm, mut rng: Rng, bug: (Caps, Option<Bug>)) -> Self {
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
        Self::bare(catalogs, partitions, Swarm::calm(), rng, (Caps::default(), None), false)
    }

    fn bare(
        catalogs: Vec<Arc<Catalog>>,
        partitions: u32,
        swarm: Swarm,
        mut rng: Rng,
        (caps, bug): (Caps, Option<Bug>),
        is_embedded: bool,
    ) -> Self {
        let machine = Machine::new(&mut rng).expect("the simulation has a folder to write to");
        let shipper = Shipper::new(machine.root(), machine.cursor());
        let mut running = Self {
            rng,
            swarm,
            bug,
            caps,
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
            rebuilt: Vec::new(),
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
        let inputs = (&mut self.log, root.as_deref(), self.tables.note_of(partition));
        Owner::claim(partition, kept, self.published, self.claims, inputs, (self.caps, self.bug)).ok()
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
            let [orders, customers] = owner.kept.restored.get();
            hits.note_many(Hit::OrderRestored, orders);
            hits.note_many(Hit::CustomerRestored, customers);
        }
        hits
    }

    /// Faults for a while, then everything until nothing moves; the old part of the world first. Where the log `forgets`, a part of
    /// the rest is only in facts when the other part comes.
    pub(crate) fn live(&mut self, forgets: bool) -> Result<(), String> {
        if !self.old.is_empty() {
            let new = std::mem::replace(&mut self.inputs, std::mem::take(&mut self.old));
            self.suffer()?;
            if self.published == 0 {
                // Nobody forgets a touch before knowing a window, and whoever asks for one by then has known it.
                self.publish();
            }
            self.settle()?;
            self.is_old_settled = true;
            self.inputs = new;
            self.tell("long afterwards");
        }
        if forgets {
            self.lose_what_the_log_forgets()?;
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

    pub(crate) fn publish(&mut self) {
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
            if !matches!(input.body, Body::Click(_)) && self.rng.chance(80) {
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

    pub(crate) fn owner_step(&mut self) -> Result<(), String> {
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
}
