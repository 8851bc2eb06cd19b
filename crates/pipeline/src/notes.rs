//! How far a partition has read, noted in the warehouse beside its facts; and whether the warehouse still has the last note.
//!
//! In: positions that a checkpoint covers. Out: one row of the warehouse's `program`, at most every [`NOTE_EVERY`]: where a later owner without
//! state reads on. A note that is late is smaller than the truth, which only makes the later owner read more. One whose number is
//! smaller than the last that was acknowledged says that the warehouse has gone back, and facts with it (faults 90, 93); the owner
//! begins again from there. Not here: beginning again (`owner`). Start at [`Notes::look`].

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use journal::{Position, StreamId};
use tokio::{runtime::Handle, task::JoinHandle};
use warehouse::{EngineError, Note, Warehouse};

/// Between two notes. The log has to be kept for this much longer than it is read.
const NOTE_EVERY: Duration = Duration::from_secs(30);
/// Between two looks at the last note: one small query.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long a stopping worker waits for its last note.
const LAST_WAIT: Duration = Duration::from_secs(5);
/// Streams that are noted: the newest of them. An edge's thread begins one at each start.
const STREAMS_MAX: usize = 4_096;

/// Who notes.
#[derive(Debug, Clone)]
pub(crate) struct Noter {
    pub(crate) warehouse: Warehouse,
    /// The partition's name there.
    pub(crate) source: String,
    pub(crate) generation: u8,
    pub(crate) claim: u64,
    pub(crate) nonce: u64,
}

/// The notes of one partition.
#[derive(Debug)]
pub(crate) struct Notes {
    runtime: Handle,
    noter: Noter,
    committed: BTreeMap<StreamId, u64>,
    seen: Arc<Seen>,
    /// The last acknowledged number that the caller knows of.
    told: u64,
    looked_at: Option<Instant>,
    noted_at: Option<Instant>,
    /// Something was committed since the last note began.
    is_due: bool,
    debt: Debt,
    task: Option<JoinHandle<()>>,
}

/// What an owner that has begun again still has to do about what the warehouse lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Debt {
    None,
    /// To say it again; until then it shall look lost to whoever comes after us.
    Say,
    /// To note that it has.
    Note,
}

/// What the task last saw.
#[derive(Debug)]
struct Seen {
    /// The highest number that the warehouse acknowledged, to this owner or one before it.
    acknowledged: AtomicU64,
    went_back: AtomicBool,
}

impl Notes {
    /// `acknowledged` is the last number that this partition's state knows of; `owes` if the owner has begun again for what the warehouse lost.
    pub(crate) fn new(
        runtime: Handle,
        noter: Noter,
        committed: BTreeMap<StreamId, u64>,
        acknowledged: u64,
        owes: bool,
    ) -> Self {
        let seen = Seen { acknowledged: AtomicU64::new(acknowledged), went_back: AtomicBool::new(false) };
        Self {
            runtime,
            noter,
            committed,
            seen: Arc::new(seen),
            told: acknowledged,
            looked_at: None,
            noted_at: None,
            is_due: false,
            debt: if owes { Debt::Say } else { Debt::None },
            task: None,
        }
    }

    /// Takes what was committed.
    pub(crate) fn note(&mut self, committed: &[Position]) {
        for position in committed {
            self.committed.insert(position.stream.clone(), position.next);
            self.is_due = true;
        }
    }

    /// Looks at the last note, or writes the next, if it is time. Waits for nothing.
    pub(crate) fn look(&mut self) {
        let is_early = |at: Option<Instant>, every| at.is_some_and(|at| at.elapsed() < every);
        let is_busy = self.task.as_ref().is_some_and(|it| !it.is_finished());
        if self.debt == Debt::Say || is_busy || is_early(self.looked_at, LOOK_EVERY) {
            return;
        }
        self.looked_at = Some(Instant::now());
        let writes = self.debt == Debt::Note || self.is_due && !is_early(self.noted_at, NOTE_EVERY);
        if writes {
            self.noted_at = Some(Instant::now());
            self.is_due = false;
        }
        let task = self.task(writes);
        self.task = Some(self.runtime.spawn(task));
    }

    /// Whether the warehouse no longer has what it acknowledged.
    pub(crate) fn went_back(&self) -> bool {
        self.seen.went_back.load(Ordering::Acquire)
    }

    /// Whether what the warehouse lost is still to be said again.
    pub(crate) fn owes(&self) -> bool {
        self.debt == Debt::Say
    }

    /// It has been said, and is committed: noted at once.
    pub(crate) fn pay(&mut self) {
        self.debt = Debt::Note;
        self.looked_at = None;
    }

    /// The number of a note that was acknowledged since the last call, for the state.
    pub(crate) fn take_acknowledged(&mut self) -> Option<u64> {
        let acknowledged = self.seen.acknowledged.load(Ordering::Acquire);
        let is_new = self.told < acknowledged;
        self.told = acknowledged;
        if is_new && self.debt == Debt::Note {
            self.debt = Debt::None;
        }
        is_new.then_some(acknowledged)
    }

    /// Notes what is left, if the warehouse takes it soon.
    pub(crate) fn finish(&mut self) {
        let before = self.task.take();
        let is_wanted = match self.debt {
            Debt::None => self.is_due && !self.went_back(),
            Debt::Say => false,
            Debt::Note => true,
        };
        let last = is_wanted.then(|| self.task(true));
        let all = async move {
            // Not at the same time: the later one must count.
            if let Some(task) = before {
                drop(task.await);
            }
            if let Some(last) = last {
                last.await;
            }
        };
        // Not in time is as good as not noted: the next owner reads more of the log.
        drop(self.runtime.block_on(async { tokio::time::timeout(LAST_WAIT, all).await }));
    }

    fn task(&self, writes: bool) -> impl Future<Output = ()> + Send + use<> {
        let (noter, seen, debt) = (self.noter.clone(), Arc::clone(&self.seen), self.debt);
        let positions = writes.then(|| self.positions());
        async move {
            if let Err(error) = look_and_note(&noter, &seen, debt, positions).await {
                tracing::debug!(%error, "positions not noted");
            }
        }
    }

    fn positions(&self) -> Vec<(String, u64)> {
        let age = |it: &StreamId| match it {
            StreamId::Spool { incarnation, .. } => *incarnation,
            StreamId::Topic { .. } | StreamId::Memory(_) => u32::MAX,
        };
        let mut streams: Vec<_> = self.committed.iter().collect();
        streams.sort_by_key(|(stream, _)| age(stream));
        let surplus = streams.len().saturating_sub(STREAMS_MAX);
        streams.iter().skip(surplus).map(|(stream, next)| (stream.to_string(), **next)).collect()
    }
}

/// What to do about the last note.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// The warehouse lost what it had acknowledged. A note that would hide the loss is not written.
    WentBack,
    Leave,
    Write(Note),
}

/// `by` is who would note `positions`, without a number. A note of somebody who claimed the partition later is left: an owner that only seemed dead
/// must not put its older positions in the place of newer ones, or the log may have lost what lies between when the next state is lost.
fn step(last: &Note, acknowledged: u64, debt: Debt, by: Option<Note>) -> Step {
    if last.number < acknowledged && debt == Debt::None {
        return Step::WentBack;
    }
    match by {
        Some(by) if (last.generation, last.claim) <= (by.generation, by.claim) => {
            Step::Write(Note { number: last.number.max(acknowledged) + 1, ..by })
        }
        Some(_) | None => Step::Leave,
    }
}

async fn look_and_note(
    noter: &Noter,
    seen: &Seen,
    debt: Debt,
    positions: Option<Vec<(String, u64)>>,
) -> Result<(), EngineError> {
    let acknowledged = seen.acknowledged.load(Ordering::Acquire);
    let last = noter.warehouse.note(&noter.source).await?.unwrap_or_default();
    let Noter { generation, claim, nonce, .. } = *noter;
    let by = positions.map(|positions| Note {
        number: 0,
        generation,
        claim,
        nonce,
        positions,
        reads_facts: false,
    });
    match step(&last, acknowledged, debt, by) {
        Step::WentBack => seen.went_back.store(true, Ordering::Release),
        Step::Leave => {}
        Step::Write(note) => {
            noter.warehouse.set_note(&noter.source, &note).await?;
            seen.acknowledged.store(note.number, Ordering::Release);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(generation: u8, claim: u64) -> Note {
        Note { generation, claim, nonce: 5, positions: vec![("clicks/0".into(), 40)], ..Note::default() }
    }

    #[test]
    fn an_owner_that_only_seemed_dead_replaces_no_note_of_its_successor() {
        let last = Note { number: 9, positions: vec![("clicks/0".into(), 70)], ..by(2, 7) };
        let written = |generation, claim| Step::Write(Note { number: 10, ..by(generation, claim) });
        let cases = [
            ("of the claim before", by(2, 6), Step::Leave),
            ("its own", by(2, 7), written(2, 7)),
            ("of a later claim", by(2, 8), written(2, 8)),
            ("of a later generation", by(3, 1), written(3, 1)),
            ("of a generation before", by(1, 9), Step::Leave),
        ];
        for (name, by, want) in cases {
            assert_eq!(step(&last, 9, Debt::None, Some(by)), want, "{name}");
        }
        let first = Step::Write(Note { number: 1, ..by(1, 0) });
        assert_eq!(step(&Note::default(), 0, Debt::None, Some(by(1, 0))), first, "nothing was noted yet");
    }

    #[test]
    fn a_note_does_not_hide_that_the_warehouse_went_back() {
        let last = Note { number: 3, ..by(2, 7) };
        for note in [Some(by(2, 7)), None] {
            assert_eq!(step(&last, 4, Debt::None, note), Step::WentBack);
        }
        let again = Step::Write(Note { number: 5, ..by(2, 7) });
        assert_eq!(step(&last, 4, Debt::Note, Some(by(2, 7))), again, "it was said again");
        assert_eq!(step(&last, 3, Debt::None, None), Step::Leave, "it is only looked at");
    }
}
