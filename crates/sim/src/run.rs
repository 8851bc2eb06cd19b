//! One world from its seed: what goes wrong in it, how it ends, and whether the plain answer and another order of the same inputs agree.
//!
//! In: a seed and perhaps a planted bug. Out: what happened, or the first difference with the story of the run. Everything is one thread and one
//! stream of chance, so that a seed repeats to the last step. Not here: the steps (`running`, `mishaps`). Start at [`run`].

use std::fmt;

use attribution::Caps;

use crate::{
    bugs::Bug,
    compare::{Content, content},
    faults::{Coverage, Hit, Swarm},
    log::Topic,
    naive::answer,
    rng::Rng,
    rolls,
    running::Running,
    world::World,
};

/// What a world had in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Recorded.
    pub clicks: u64,
    /// Recorded.
    pub reports: u64,
    /// Decided.
    pub orders: u64,
    /// Credited to someone.
    pub credited: u64,
    /// Not zero.
    pub cells: u64,
    /// Owners, all partitions.
    pub claims: u64,
    /// Steps until it was at rest.
    pub steps: u64,
    /// Faults and states that it met.
    pub coverage: Coverage,
}

impl Summary {
    /// Adds another world's.
    pub fn add(&mut self, other: &Self) {
        self.clicks += other.clicks;
        self.reports += other.reports;
        self.orders += other.orders;
        self.credited += other.credited;
        self.cells += other.cells;
        self.claims += other.claims;
        self.steps += other.steps;
        self.coverage.add(&other.coverage);
    }
}

/// Where a world and the plain answer differ, or what it broke on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Of the world.
    pub seed: u64,
    /// What differs.
    pub what: String,
    /// What happened before it.
    pub story: Vec<String>,
}

/// One world in so many has machines that keep and weigh next to nothing, so that what a limit pushes out is seen.
const CAPPED_ONE_IN: u64 = 8;
/// Their limits.
const SMALL: Caps = Caps { reports: 2, candidates: 2 };

/// In one world in so many the log forgets, and an owner its state, between what is decided and what comes late: rare where only chance leads to it.
const FORGETFUL_ONE_IN: u64 = 4;

/// Lines of a story that a failure tells by itself; `--seed` tells all.
const LAST_LINES: usize = 40;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {}", self.seed, self.what)?;
        writeln!(
            f,
            "before it (cargo xtask sim --seed {} tells all, with the same --bug if there was one):",
            self.seed
        )?;
        let skipped = self.story.len().saturating_sub(LAST_LINES);
        self.story.iter().skip(skipped).try_for_each(|line| writeln!(f, "  {line}"))
    }
}

/// A world, told: its story, and how it ended.
#[derive(Debug)]
pub struct Told {
    /// What was sent and what went wrong, step by step.
    pub story: Vec<String>,
    /// How it ended.
    pub outcome: Result<Summary, Box<Failure>>,
}

/// Runs one world.
pub fn run(seed: u64, bug: Option<Bug>) -> Result<Summary, Box<Failure>> {
    tell(seed, bug).outcome
}

/// Runs one world and tells everything that happened in it.
#[must_use]
pub fn tell(seed: u64, bug: Option<Bug>) -> Told {
    let mut rng = Rng::new(seed);
    let swarm = Swarm::new(&mut rng);
    let world = World::new(&mut rng, &swarm);
    let opening = world.told(&swarm);
    // Not drawn, so that the other worlds are what they were.
    let is_capped = seed % CAPPED_ONE_IN == CAPPED_ONE_IN - 2;
    let caps = if is_capped { SMALL } else { Caps::default() };
    let is_forgetful = seed % FORGETFUL_ONE_IN == 1;
    let mut running = Running::new(world, swarm, rng, (caps, bug));
    running.story.splice(0..0, opening);
    let ended = running.live(is_forgetful);
    let ended = ended.and_then(|()| judged(&mut running));
    let ended = ended.and_then(|mut summary| {
        let swept = rolls::run(&mut running.rng, bug)?;
        summary.coverage.note_many(Hit::SweepFinds, swept);
        Ok(summary)
    });
    let story = running.story;
    let failed = |what| Box::new(Failure { seed, what, story: story.clone() });
    Told { outcome: ended.map_err(failed), story }
}

/// The plain answer, and the same inputs once more in another order. The plain answer knows no limits: where they are small, the tables only have to
/// agree with themselves.
fn judged(running: &mut Running) -> Result<Summary, String> {
    let recorded = running.ledger.resolve(&running.tables.inputs())?;
    let found = content(&running.tables);
    if running.caps == Caps::default() {
        let want = answer(&recorded.clicks, (&recorded.reports, &recorded.scores), &running.catalogs);
        found.differs(&Content::of(want), "the plain answer")?;
        let again = converged(running)?;
        found.differs(&again, "the same inputs in another order")?;
    } else {
        let named = recorded.reports.iter().map(|it| (it.key.advertiser.0, it.key.order.to_string()));
        running.tables.agree(&named.collect())?;
    }
    running.note_late_news();
    let mut coverage = running.coverage();
    coverage.note_many(Hit::UnansweredRecorded, recorded.unanswered);
    coverage.note_many(Hit::AnsweredLostWithPower, recorded.lost.min(running.released));
    Ok(Summary {
        clicks: recorded.clicks.len() as u64,
        reports: recorded.reports.len() as u64,
        orders: found.orders.len() as u64,
        credited: found.credits.len() as u64,
        cells: found.cells.len() as u64,
        claims: running.claims,
        steps: running.step,
        coverage,
    })
}

/// What the same recorded inputs lead to where nothing goes wrong, in another order, with repeats, over another number of partitions (P7).
fn converged(running: &mut Running) -> Result<Content, String> {
    let mut inputs = running.inputs_on_record();
    let repeated: Vec<_> = inputs.iter().filter(|_| running.rng.chance(30)).cloned().collect();
    inputs.extend(repeated);
    running.rng.shuffle(&mut inputs);
    let partitions = 1 + u32::try_from(running.rng.below(3)).unwrap_or(0);
    let mut again = Running::calm(running.catalogs.clone(), partitions, running.rng.fork());
    for (topic, key, bytes) in inputs {
        debug_assert!(matches!(topic, Topic::Clicks | Topic::Reports));
        again.log.append(topic, &key, bytes);
    }
    again.published = usize::try_from(again.rng.below(again.catalogs.len() as u64)).unwrap_or(0);
    again.settle()?;
    again.published = again.catalogs.len();
    again.settle()?;
    Ok(content(&again.tables))
}
