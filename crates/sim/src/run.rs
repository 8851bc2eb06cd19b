//! One world from its seed: inputs, crashes, zombies, lost state, repeats, and in the end a comparison with the plain answer.
//!
//! In: a seed and perhaps a planted bug. Out: what happened, or the first difference with the story of the run. Everything is one thread and one stream of
//! chance, so that a seed repeats to the last step. Start at [`run`].

use std::{collections::VecDeque, fmt, sync::Arc};

use catalog::Catalog;

use crate::{
    bugs::Bug,
    clickhouse::{Roller, Tables},
    compare::compare,
    edge::{Answered, Edge},
    log::{Log, PARTITIONS, Topic},
    owner::{Checkpoint, Owner, SaidBefore},
    rng::Rng,
    rolls,
    world::{Input, World},
};

/// Steps with faults; after these, everything is let run to its end.
const FAULTY_STEPS: u32 = 1_500;
/// Steps until a world must have come to rest.
const STEPS_MAX: u32 = 200_000;
/// Faults of a run that its story tells, newest last.
const STORY_MAX: usize = 40;
/// Checkpoints of a partition that a new owner may find.
const CHECKPOINTS_MAX: usize = 4;
/// How many times as seldom as the first each roller moves: the others are stale when they wake.
const ROLLERS_SLEEP: [u64; 3] = [1, 4, 12];
/// How readily an owner reads the next version of the catalog; some are cut off from it until the end.
pub(crate) const LEARN_PERCENT: u64 = 50;
/// Rows of one step of the sink.
const SINK_ROWS_MAX: usize = 32;
/// Old owners that are still about.
const ZOMBIES_MAX: usize = 4;

/// What a world had in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Recorded.
    pub clicks: usize,
    /// Recorded.
    pub reports: usize,
    /// Decided.
    pub orders: usize,
    /// Credited to someone.
    pub credited: usize,
    /// Not zero.
    pub cells: usize,
    /// Owners, all partitions.
    pub claims: usize,
    /// Steps until it was at rest.
    pub steps: u32,
}

/// Where a world and the plain answer differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Of the world.
    pub seed: u64,
    /// What differs.
    pub what: String,
    /// The faults before it.
    pub story: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {}", self.seed, self.what)?;
        writeln!(f, "the last faults before it:")?;
        self.story.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

/// Runs one world.
pub fn run(seed: u64, bug: Option<Bug>) -> Result<Summary, Box<Failure>> {
    let mut rng = Rng::new(seed);
    let world = World::new(&mut rng);
    let mut running = Running::new(world, rng, bug);
    let came_to_rest = running.come_to_rest();
    let checked = if came_to_rest { running.checked() } else { Err(running.unrest()) };
    let checked = checked.and_then(|summary| rolls::run(&mut running.rng, bug).map(|()| summary));
    checked.map_err(|what| Box::new(Failure { seed, what, story: running.story.into() }))
}

/// How much goes wrong in this world. Where everything fails all the time, every mistake is soon overwritten and none is seen.
#[derive(Debug, Clone, Copy)]
struct Mood {
    faults_per_mille: u64,
    /// How often a new owner finds an old checkpoint or none.
    state_lost_percent: u64,
    /// How often a roller moves while owners still write.
    awake_percent: u64,
}

impl Mood {
    fn new(rng: &mut Rng) -> Self {
        Self {
            faults_per_mille: rng.of([3, 10, 30]),
            state_lost_percent: rng.of([15, 40, 80]),
            awake_percent: rng.of([5, 20, 60]),
        }
    }
}

struct Zombie {
    owner: Owner,
    steps: u64,
}

struct Running {
    rng: Rng,
    mood: Mood,
    bug: Option<Bug>,
    catalogs: Vec<Arc<Catalog>>,
    /// How many of them anybody can know yet.
    published: usize,
    inputs: VecDeque<Input>,
    answered: Answered,
    edges: Vec<Edge>,
    log: Log,
    owners: Vec<Owner>,
    checkpoints: Vec<VecDeque<Checkpoint>>,
    zombies: Vec<Zombie>,
    tables: Tables,
    rollers: Vec<Roller>,
    claims: usize,
    step: u32,
    story: VecDeque<String>,
}

impl Running {
    fn new(world: World, mut rng: Rng, bug: Option<Bug>) -> Self {
        let mood = Mood::new(&mut rng);
        let mut log = Log::default();
        let begin = |it| Owner::claim(it, Checkpoint::default(), &[], &mut log, bug);
        let owners: Vec<Owner> = (0..PARTITIONS).map(begin).collect();
        Self {
            rng,
            mood,
            bug,
            inputs: world.inputs.into(),
            answered: Answered::default(),
            edges: vec![Edge::new(1), Edge::new(2)],
            log,
            claims: owners.len(),
            checkpoints: owners.iter().map(|_| VecDeque::new()).collect(),
            owners,
            catalogs: world.catalogs,
            published: 0,
            zombies: Vec::new(),
            tables: Tables::default(),
            rollers: ROLLERS_SLEEP.iter().map(|_| Roller::default()).collect(),
            step: 0,
            story: VecDeque::new(),
        }
    }

    fn tell(&mut self, what: impl fmt::Display) {
        if self.story.len() == STORY_MAX {
            self.story.pop_front();
        }
        self.story.push_back(format!("step {}: {what}", self.step));
    }

    /// Faults for a while, then everything until nothing moves; false if that does not happen.
    fn come_to_rest(&mut self) -> bool {
        while self.step < FAULTY_STEPS {
            self.step += 1;
            if self.rng.below(1_000) < self.mood.faults_per_mille {
                self.fault();
                continue;
            }
            match self.rng.below(100) {
                0..=2 if self.rng.chance(10) => self.published = self.catalogs.len().min(self.published + 1),
                3..=19 => self.edge_step(),
                20..=29 => self.zombie_step(),
                30..=44 => self.roll_step(),
                _ => self.owner_step(),
            }
        }
        self.zombies.clear();
        self.published = self.catalogs.len();
        self.owners.iter_mut().for_each(|it| it.learn_percent = LEARN_PERCENT);
        while self.step < STEPS_MAX {
            self.step += 1;
            // Rollers sleep now and then until all else is at rest.
            let seems_quiet = !self.settle(self.mood.awake_percent);
            if seems_quiet && !self.settle(100) {
                return true;
            }
        }
        false
    }

    fn fault(&mut self) {
        match self.rng.below(10) {
            0 | 1 => {
                let index = self.rng.index(self.edges.len());
                // The shop that got no answer sends the report again; the visitor whose browser got none clicks again, which is another click.
                let unanswered = if self.rng.chance(50) { self.inputs.front().cloned() } else { None };
                if matches!(unanswered, Some(Input::Click(_))) {
                    self.inputs.pop_front();
                }
                if let Some(edge) = self.edges.get_mut(index) {
                    edge.crash(unanswered, &mut self.rng);
                }
                self.tell(format_args!("edge {index} dies and starts again"));
            }
            2 => {
                for edge in &mut self.edges {
                    edge.forget_cursor(&mut self.rng);
                }
                self.tell("the shippers start again from old cursors");
            }
            _ => self.replace_owner(),
        }
    }

    /// The owner of a partition is gone, or only seems to be; another takes over from some checkpoint or from none.
    fn replace_owner(&mut self) {
        let partition = self.rng.index(self.owners.len());
        let saved = self.checkpoints.get(partition).map_or(0, VecDeque::len);
        let choice = match (self.rng.chance(self.mood.state_lost_percent), self.rng.chance(50)) {
            (true, true) => None,
            (true, false) if saved > 0 => Some(self.rng.index(saved)),
            _ => saved.checked_sub(1),
        };
        let kept = choice.and_then(|it| self.checkpoints.get(partition)?.get(it));
        let (from, number) = (kept.cloned().unwrap_or_default(), u32::try_from(partition).unwrap_or(0));
        let published = self.catalogs.get(..self.published).unwrap_or_default();
        let mut next = Owner::claim(number, from, published, &mut self.log, self.bug);
        self.claims += 1;
        let Some(place) = self.owners.get_mut(partition) else { return };
        next.said_before = SaidBefore::clone(&place.said_before);
        next.learn_percent = self.rng.of([0, 10, 50]);
        let old = std::mem::replace(place, next);
        let lives_on = self.rng.chance(50) && self.zombies.len() < ZOMBIES_MAX;
        if lives_on {
            let steps = 1 + self.rng.below(60);
            self.zombies.push(Zombie { owner: old, steps });
        }
        let fate = if lives_on { "seems dead" } else { "is dead" };
        let state =
            choice.map_or("without state".to_owned(), |it| format!("from checkpoint {} of {saved}", it + 1));
        self.tell(format_args!("the owner of partition {partition} {fate}, another starts {state}"));
    }

    fn edge_step(&mut self) {
        let index = self.rng.index(self.edges.len());
        let Some(edge) = self.edges.get_mut(index) else { return };
        if self.rng.chance(20)
            && let Some(input) = self.inputs.pop_front()
        {
            edge.take(input, &mut self.answered);
        } else {
            let is_lost = self.rng.chance(10);
            edge.ship(&mut self.log, is_lost, self.bug);
        }
    }

    fn zombie_step(&mut self) {
        let index = self.rng.index(self.zombies.len());
        let Some(zombie) = self.zombies.get_mut(index) else { return };
        let published = self.catalogs.get(..self.published).unwrap_or_default();
        step(&mut zombie.owner, &mut self.log, &mut self.tables, published, &mut self.rng);
        zombie.steps -= 1;
        if zombie.steps == 0 {
            self.zombies.swap_remove(index);
        }
    }

    fn roll_step(&mut self) {
        let index = self.rng.index(self.rollers.len());
        let sleep = ROLLERS_SLEEP.get(index).copied().unwrap_or(1);
        let (is_awake, choice) =
            (self.rng.below(100 * sleep) < 2 * self.mood.awake_percent, self.rng.index(8));
        if let Some(roller) = self.rollers.get_mut(index).filter(|_| is_awake) {
            roller.step(&mut self.tables, choice, self.bug);
        }
    }

    fn owner_step(&mut self) {
        let partition = self.rng.index(self.owners.len());
        let Some(owner) = self.owners.get_mut(partition) else { return };
        let published = self.catalogs.get(..self.published).unwrap_or_default();
        if let Some(saved) = step(owner, &mut self.log, &mut self.tables, published, &mut self.rng)
            && let Some(kept) = self.checkpoints.get_mut(partition)
        {
            if kept.len() == CHECKPOINTS_MAX {
                kept.pop_front();
            }
            kept.push_back(saved);
        }
    }

    /// One round without faults; false when nothing moved.
    fn settle(&mut self, awake_percent: u64) -> bool {
        let mut moved = false;
        while let Some(input) = self.inputs.pop_front() {
            let index = self.rng.index(self.edges.len());
            if let Some(edge) = self.edges.get_mut(index) {
                edge.take(input, &mut self.answered);
            }
            moved = true;
        }
        for edge in &mut self.edges {
            moved |= edge.ship(&mut self.log, false, self.bug);
        }
        for owner in &mut self.owners {
            if !owner.is_done(&self.log, self.catalogs.len()) {
                step(owner, &mut self.log, &mut self.tables, &self.catalogs, &mut self.rng);
                moved = true;
            }
        }
        for (roller, sleep) in self.rollers.iter_mut().zip(ROLLERS_SLEEP) {
            let is_awake = awake_percent == 100 || self.rng.below(100 * sleep) < awake_percent;
            moved |= is_awake && roller.step(&mut self.tables, 0, self.bug);
        }
        moved
    }

    fn checked(&self) -> Result<Summary, String> {
        let summary = compare(&self.tables, &self.answered, &self.catalogs)?;
        Ok(Summary { claims: self.claims, steps: self.step, ..summary })
    }

    /// What still moves after [`STEPS_MAX`].
    fn unrest(&self) -> String {
        let busy = self.owners.iter().filter(|it| !it.is_done(&self.log, self.catalogs.len()));
        let owners: Vec<String> = busy.map(|it| it.unrest(&self.log)).collect();
        format!("it never comes to rest; owners: {owners:?}, rollers: {:?}", self.rollers)
    }
}

/// One step of an owner, whichever; a checkpoint if it made one.
fn step(
    owner: &mut Owner,
    log: &mut Log,
    tables: &mut Tables,
    catalogs: &[Arc<Catalog>],
    rng: &mut Rng,
) -> Option<Checkpoint> {
    // One that is about to commit reads nothing, and has the more time to write.
    let begin = if owner.is_closing() { 9 } else { 0 };
    match begin + rng.below(20 - begin) {
        0..=8 => drop(owner.read(rng.of(Topic::ALL), log)),
        9..=12 => drop(owner.produce(log, rng.chance(10))),
        13..=17 => drop(owner.sink(tables, 1 + rng.index(SINK_ROWS_MAX), rng.chance(5))),
        18 => drop(rng.chance(owner.learn_percent) && owner.learn(catalogs)),
        _ if rng.chance(40) => owner.close(),
        _ => {}
    }
    owner.commit(rng.index(3))
}
