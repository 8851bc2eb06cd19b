//! A world let run to its end without faults, and what its inputs were.
//!
//! In: a world in any state. Out: the same at rest; an error names who still moves. Start at [`Running::settle`].

use bytes::Bytes;
use events::Event;

use crate::{
    faults::{Hit, Swarm},
    log::Topic,
    owner::Owner,
    running::{ROLLERS_SLEEP, Running},
    world::EDGES,
};

/// Rounds until a world must have come to rest.
const ROUNDS_MAX: u64 = 20_000;

impl Running {
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
        // Each is tried once: an edge that waits for a sync takes no more before it.
        for input in std::mem::take(&mut self.inputs) {
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
        if owner.is_rebuilding() {
            self.rebuild_turn(owner, 100);
            return Ok(true);
        }
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
        self.note_beside_facts(owner);
        Ok(moved || looked_at > 0 || !owner.is_live())
    }

    /// The records of all clicks, reports and scores that reached the tables.
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
        for score in recorded.scores {
            let (key, mut bytes) = (score.order.log_key(), Vec::new());
            score.encode(&mut bytes).expect("a score fits its limit");
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
