//! The faults that strike a world as steps of their own.
//!
//! In: which one. Out: the world after it. Not here: what goes wrong alongside other steps (`running`). Start at [`Running::strike`].

use journal::{StreamId, spool};

use crate::{
    faults::Hit,
    machine::Machine,
    owner::Owner,
    running::{Running, Zombie},
    store::Kept,
    world::{Body, EDGES},
};

/// Steps that an outage lasts at most.
const AWAY_MAX: u64 = 120;
/// Steps that a zombie lives on at most.
const ZOMBIE_STEPS_MAX: u64 = 200;
/// Old owners that are still about.
const ZOMBIES_MAX: usize = 4;

impl Running {
    pub(crate) fn strike(&mut self, fault: Hit) -> Result<(), String> {
        match fault {
            Hit::EdgeKilled => self.kill_edge(),
            Hit::KilledInWrite => return self.kill_in_write(),
            Hit::PowerCutProcess => return self.cut_power(),
            Hit::DiskFull => self.spoil_disk(fault, Machine::fill),
            Hit::DiskError => self.spoil_disk(fault, Machine::fail),
            Hit::SyncFails => self.spoil_disk(fault, |machine, _| machine.fail_sync()),
            Hit::ShortWrite => self.spoil_disk(fault, Machine::shorten),
            Hit::ShipperRestarts | Hit::CursorLost => {
                if !self.is_embedded {
                    self.shipper.restart(fault == Hit::CursorLost);
                    self.note(fault);
                    self.tell(fault.text());
                }
            }
            Hit::BrokerDown => self.away(0, fault),
            Hit::EngineDown => self.away(1, fault),
            Hit::LogRetention => self.delete_logged(),
            Hit::SpoolBudget => return self.enforce_budget(),
            Hit::OwnerKilled | Hit::MovedWithOldState | Hit::MovedWithoutState => self.replace_owner(fault),
            other => return Err(format!("{other:?} does not strike by itself")),
        }
        Ok(())
    }

    fn kill_edge(&mut self) {
        let (edge, in_order) = (self.rng.index(EDGES), self.rng.chance(30));
        let again = self.machine.stop(edge, in_order);
        self.send_again(again);
        self.note(Hit::EdgeKilled);
        let how = if in_order { "ends in order" } else { "is killed" };
        self.tell(format_args!("edge {edge} {how}"));
    }

    fn kill_in_write(&mut self) -> Result<(), String> {
        let Some(input) = self.inputs.pop_front() else { return Ok(()) };
        let edge = input.edge;
        let again = self.machine.die_writing(input, &mut self.ledger, &mut self.rng)?;
        self.send_again(again);
        self.note(Hit::KilledInWrite);
        self.tell(format_args!("edge {edge} is killed in the middle of a write"));
        Ok(())
    }

    /// The edges' machine. Where the spool is the log, the pipeline is on it too, and what it had read of unsynced records would be gone from its
    /// input but not from its output; that world is not among these.
    fn cut_power(&mut self) -> Result<(), String> {
        if self.is_embedded {
            return Ok(());
        }
        let again = self.machine.cut_power(&mut self.rng).map_err(|error| error.to_string())?;
        self.send_again(again);
        let is_promised = self.machine.durability == spool::Durability::Power;
        if !is_promised {
            let shipped = &self.shipper.shipped;
            self.released += self.ledger.release(|origin| !shipped.contains(&origin));
        }
        self.shipper.restart(false);
        self.note(if is_promised { Hit::PowerCutPower } else { Hit::PowerCutProcess });
        self.tell("the edges' machine loses its power");
        Ok(())
    }

    fn spoil_disk(&mut self, fault: Hit, spoil: impl FnOnce(&Machine, &mut crate::rng::Rng)) {
        spoil(&self.machine, &mut self.rng);
        self.note(fault);
        self.tell(fault.text());
    }

    fn away(&mut self, who: usize, fault: Hit) {
        let until = self.step + 1 + self.rng.below(AWAY_MAX);
        if let Some(away) = self.away_until.get_mut(who) {
            *away = until;
        }
        self.note(fault);
        self.tell(format_args!("{} until step {until}", fault.text()));
    }

    /// Deletes from the log what every owner has committed.
    fn delete_logged(&mut self) {
        let mut records = 0;
        for (stream, next) in self.owners.iter().flat_map(|it| &it.kept.positions) {
            if matches!(stream, StreamId::Topic { .. }) {
                records += self.log.delete_below(stream, *next);
            }
        }
        if records > 0 {
            self.note(Hit::LogRetention);
            self.tell(format_args!("the log forgets {records} records"));
        }
    }

    /// The spool may have no bytes at all: what was not shipped is lost, counted, and named.
    fn enforce_budget(&mut self) -> Result<(), String> {
        if self.is_embedded {
            return Ok(());
        }
        let deleted = spool::enforce_budget(&self.machine.root(), 0).map_err(|error| error.to_string())?;
        let counted: u64 = deleted.ranges.iter().map(|(_, range)| range.end - range.start).sum();
        if counted != deleted.records {
            return Err(format!("{} records deleted, {counted} named", deleted.records));
        }
        let shipped = &self.shipper.shipped;
        let is_gone = |origin: units::Origin| {
            let stream = StreamId::Spool { writer: origin.writer, incarnation: origin.incarnation };
            let was_deleted = |(of, range): &(StreamId, std::ops::Range<u64>)| {
                *of == stream && range.contains(&origin.sequence)
            };
            !shipped.contains(&origin) && deleted.ranges.iter().any(was_deleted)
        };
        let lost = self.ledger.release(is_gone);
        self.released += lost;
        if deleted.records > 0 {
            self.note_if(lost > 0, Hit::SpoolBudget);
            self.tell(format_args!(
                "the spool's budget deletes {} records, {lost} not shipped yet",
                deleted.records
            ));
        }
        Ok(())
    }

    /// The owner of a partition is gone, or only seems to be; another takes over.
    fn replace_owner(&mut self, how: Hit) {
        let index = self.rng.index(self.owners.len());
        let Some(old) = self.owners.get(index) else { return };
        let (partition, was_rebuilding) = (old.partition, old.is_rebuilding());
        let is_torn = self.swarm.spoils(Hit::TouchesTorn, &mut self.rng);
        let newest = old.killed(is_torn, &mut self.rng);
        let saved = self.history.get(index).map_or(0, std::collections::VecDeque::len);
        let wanted = match how {
            Hit::MovedWithoutState => Some(Kept::default()),
            Hit::MovedWithOldState => {
                let choice = self.rng.index(saved);
                self.history.get(index).and_then(|it| it.get(choice)).cloned()
            }
            _ => None,
        };
        let how = if wanted.is_some() { how } else { Hit::OwnerKilled };
        let restored = newest.restored.get();
        let from_wanted = wanted.and_then(|kept| self.claimed(partition, kept));
        let is_refused = how != Hit::OwnerKilled && from_wanted.is_none();
        self.note_if(is_refused, Hit::StateRefused);
        let how = if is_refused { Hit::OwnerKilled } else { how };
        let next = from_wanted.or_else(|| self.claimed(partition, newest));
        let next = next.expect("what the owner has committed is kept by every retention");
        next.kept.restored.set(restored);
        self.note(how);
        self.note_if(was_rebuilding && next.is_rebuilding(), Hit::RebuildCut);
        self.note_if(is_torn && how == Hit::OwnerKilled, Hit::TouchesTorn);
        self.succeed(index, next, how);
    }

    fn succeed(&mut self, index: usize, mut next: Owner, how: Hit) {
        if self.swarm.spoils(Hit::CatalogLags, &mut self.rng) {
            next.learn_percent = self.rng.of([0, 10]);
            self.note(Hit::CatalogLags);
        }
        let Some(place) = self.owners.get_mut(index) else { return };
        let old = std::mem::replace(place, next);
        let partition = old.partition;
        // On one machine the state's lock keeps a second owner away.
        let may_live = how != Hit::OwnerKilled && !self.is_embedded && self.zombies.len() < ZOMBIES_MAX;
        let lives_on = may_live && self.swarm.spoils(Hit::ZombieWakes, &mut self.rng);
        if lives_on {
            self.had_zombies = true;
            let steps = 1 + self.rng.below(ZOMBIE_STEPS_MAX);
            self.zombies.push(Zombie { owner: old, steps });
            self.note(Hit::ZombieWakes);
        }
        let fate = if lives_on { "seems dead" } else { "is dead" };
        self.tell(format_args!("the owner of partition {partition} {fate}: {}", how.text()));
    }
}

impl Body {
    /// In a line of a story.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Click(it) => format!(
                "{} {} of visitor {} on link {}, partner {}, offer {}: {}",
                it.kind.as_str(),
                it.id,
                it.visitor().0,
                it.link().0,
                it.partner.0,
                it.offer.0,
                it.verdict.as_str()
            ),
            Self::Score(it) => {
                let codes: Vec<_> = it.signals.iter().map(|it| (it.code.as_str(), it.partner.0)).collect();
                format!("score of {} as of {} by version {}: {codes:?}", it.order, it.scored_at, it.rules)
            }
            Self::Report(it) => format!(
                "report on order {} by click {:?} and visitor {:?}, said to be of {:?}: {:?}, {:?}",
                it.key,
                it.click.signed().map(|it| it.to_string()),
                it.visitor.map(|it| it.0),
                it.reported_at,
                it.statement,
                it.status
            ),
        }
    }
}
