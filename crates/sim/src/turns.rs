//! One step of an owner or a roller, and what must hold after it: the production's invariants, judged by the world's own memory.
//!
//! In: whose step. Out: what it came to, or the invariant that broke. Not here: whose turn it is (`running`). Start at [`Running::turn`].

use attribution::Caps;
use units::EpochMs;

use crate::{
    faults::Hit,
    machine::origin_of,
    owner::{Committed, Owner},
    roller::Rolled,
    running::{ROLLERS_SLEEP, Running},
    world::{OLD_MS, START},
};

/// What a turn came to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Turned {
    pub(crate) wrote: bool,
    pub(crate) has_committed: bool,
    /// It cannot go on.
    pub(crate) is_refused: bool,
}

/// What an owner does next.
#[derive(Debug, Clone, Copy)]
enum Choice {
    Read,
    Send,
    Insert,
    Cut,
    Learn,
    LookAgain,
    Expire,
}

impl Running {
    /// By the world's pace; what is left over is done in every world alike.
    fn chosen(&mut self) -> Choice {
        let [read, send, insert, cut] = self.swarm.pace;
        let weights = [
            (Choice::Read, read),
            (Choice::Send, send),
            (Choice::Insert, insert),
            (Choice::Cut, cut),
            (Choice::Learn, 1),
            (Choice::LookAgain, 1),
            (Choice::Expire, 1),
        ];
        let mut place = self.rng.below(weights.iter().map(|(_, weight)| weight).sum());
        let found = weights.into_iter().find(|(_, weight)| {
            let is_here = place < *weight;
            place = place.saturating_sub(*weight);
            is_here
        });
        found.map_or(Choice::Read, |(choice, _)| choice)
    }

    /// One step of an owner, whichever, and what must hold after it.
    pub(crate) fn turn(&mut self, owner: &mut Owner) -> Result<Turned, String> {
        let mut turned = Turned::default();
        if owner.is_rebuilding() {
            self.rebuild_turn(owner, owner.learn_percent);
            return Ok(turned);
        }
        match self.chosen() {
            Choice::Read => turned.is_refused = owner.read(&self.log, &mut self.rng).is_err(),
            Choice::Send => {
                let twice = self.swarm.spoils(Hit::RecordRepeated, &mut self.rng);
                turned.wrote = owner.produce(&mut self.log, twice);
            }
            Choice::Insert => turned.wrote = self.sink(owner)?,
            Choice::Cut => turned.wrote = owner.cut(),
            Choice::Learn => {
                let published = self.catalogs.get(..self.published).unwrap_or_default();
                if self.rng.chance(owner.learn_percent) {
                    owner.learn(published);
                }
            }
            Choice::LookAgain => {
                let count = owner.look_again();
                self.hits.note_many(Hit::OrderLookedAtAgain, count);
            }
            Choice::Expire if self.is_old_settled && self.swarm.spoils(Hit::TouchesExpire, &mut self.rng) => {
                let expired = owner.expire(START.back(OLD_MS / 2));
                if expired {
                    self.note(Hit::TouchesExpire);
                    self.tell(format_args!("the owner of partition {} forgets old touches", owner.partition));
                }
            }
            Choice::Expire => {}
        }
        turned.has_committed = self.commit(owner)?;
        self.note_beside_facts(owner);
        if owner.fates_add_up() { Ok(turned) } else { Err("records met no fate, or two".to_owned()) }
    }

    pub(crate) fn sink(&mut self, owner: &mut Owner) -> Result<bool, String> {
        let is_lost = self.swarm.spoils(Hit::AnswerLost, &mut self.rng);
        let wrote = owner.sink(&mut self.tables, is_lost)?;
        self.note_if(wrote && is_lost, Hit::AnswerLost);
        for (origin, at) in self.tables.take_fresh() {
            if !self.ledger.knows(origin, EpochMs(at)) && !self.ledger.is_empty() {
                return Err(format!("{origin} at {at} was sent by nobody"));
            }
        }
        match self.tables.credited_twice() {
            // While two owners are at work, their rows may stand side by side until the newer one has read on; where a touch was pushed out of a
            // limit, until the order's own row is there.
            Some(order) if !self.had_zombies && self.caps == Caps::default() => {
                Err(format!("order {order:?} is credited whole twice"))
            }
            _ => Ok(wrote),
        }
    }

    pub(crate) fn commit(&mut self, owner: &mut Owner) -> Result<bool, String> {
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

    pub(crate) fn roll_step(&mut self) -> Result<(), String> {
        let index = self.rng.index(self.rollers.len());
        let sleep = ROLLERS_SLEEP.get(index).copied().unwrap_or(1);
        let (is_awake, choice) =
            (self.rng.below(100 * sleep) < 2 * self.swarm.awake_percent, self.rng.index(8));
        if is_awake { self.roll(index, choice).map(drop) } else { Ok(()) }
    }

    pub(crate) fn roll(&mut self, index: usize, choice: usize) -> Result<bool, String> {
        let Some(sleeper) = self.rollers.get_mut(index) else { return Ok(false) };
        let rolled = sleeper.step(&mut self.tables, choice, self.bug);
        self.note_if(matches!(rolled, Rolled::Stale(_)), Hit::StaleRoller);
        match rolled {
            Rolled::Nothing => Ok(false),
            Rolled::Moved => Ok(true),
            Rolled::Done(quarter) | Rolled::Stale(quarter) => {
                self.tables.wrong_cell(quarter).map_or(Ok(true), Err)
            }
        }
    }
}
