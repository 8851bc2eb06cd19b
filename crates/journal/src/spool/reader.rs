//! Reads all writers below a spool's root while other processes write there.
//!
//! In: positions to start at. Out: records in sequence per stream, and the damage met on the way. A writer's
//! incarnations are read one after the other; the older is over when the younger exists, since a writer's lock outlives
//! its last write. Not here: one incarnation's files (`tail`). Start at [`Reader::poll`].

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use units::WriterId;

use super::{
    damage::{Damage, Damages},
    ends,
    files::io_error,
    layout, retention,
    tail::{Progress, Tail},
};
use crate::{PollError, Position, Record, StreamId};

/// Least time between two looks for new writers, incarnations and segments.
const RESCAN_EVERY: Duration = Duration::from_millis(100);
/// Pauses between two looks for new records: short at first, since a click should be seen soon.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(8);

/// Reads a spool. Many may read the same one.
#[derive(Debug)]
pub struct Reader {
    root: PathBuf,
    /// Where to start in streams not begun yet.
    wanted: BTreeMap<StreamId, u64>,
    writers: BTreeMap<WriterId, Follower>,
    damages: Damages,
    scanned_at: Option<Instant>,
    /// Writer that is read first in the next round, so that none starves.
    turn: usize,
}

/// One writer's incarnations.
#[derive(Debug, Default)]
struct Follower {
    /// The one being read.
    tail: Option<Tail>,
    /// The last one that was begun.
    begun: Option<u32>,
    /// Those not yet begun, ascending.
    waiting: Vec<u32>,
    /// Ends of those read to the end.
    finished: BTreeMap<u32, u64>,
    /// Ends of those that are over and not read yet, found by [`Reader::ends`].
    closed_ends: BTreeMap<u32, u64>,
    /// What [`Reader::ends`] last saw of the one that is still written.
    probe: Option<ends::Probe>,
}

impl Reader {
    /// Reads what lies below `root`, each stream from its oldest record. The root need not exist yet.
    #[must_use]
    pub fn open(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            wanted: BTreeMap::new(),
            writers: BTreeMap::new(),
            damages: Damages::default(),
            scanned_at: None,
            turn: 0,
        }
    }

    /// Starts again: the streams named at their positions, all others at their oldest record.
    pub fn seek(&mut self, positions: &[Position]) {
        self.wanted = positions.iter().map(|position| (position.stream.clone(), position.next)).collect();
        self.writers.clear();
        self.scanned_at = None;
    }

    /// Up to `max_records` records; none if there is no new one within `max_wait`.
    pub fn poll(&mut self, max_records: usize, max_wait: Duration) -> Result<Vec<Record>, PollError> {
        let deadline = Instant::now() + max_wait;
        let mut pause = PAUSE_MIN;
        let mut out = Vec::new();
        loop {
            if self.scanned_at.is_none_or(|at| RESCAN_EVERY <= at.elapsed()) {
                self.rescan()?;
            }
            self.read(&mut out, max_records)?;
            let left = deadline.saturating_duration_since(Instant::now());
            if !out.is_empty() || left.is_zero() {
                return Ok(out);
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// One more than the last whole record of each stream that exists now. What is appended later lies beyond it.
    pub fn ends(&mut self) -> Result<Vec<Position>, PollError> {
        self.rescan()?;
        let mut positions = Vec::new();
        for (&writer, follower) in &mut self.writers {
            let dir = layout::writer_dir(&self.root, writer);
            let mut push = |incarnation, next| {
                positions.push(Position { stream: StreamId::Spool { writer, incarnation }, next });
            };
            follower.finished.iter().for_each(|(incarnation, next)| push(*incarnation, *next));
            let tail = follower.tail.as_ref();
            let unread = tail.map(Tail::incarnation).into_iter().chain(follower.waiting.iter().copied());
            let unread: Vec<u32> = unread.collect();
            for &incarnation in &unread {
                let is_closed = unread.last() != Some(&incarnation);
                let next = match follower.closed_ends.get(&incarnation) {
                    Some(next) => *next,
                    None => ends::end(&dir, incarnation, is_closed, tail, &mut follower.probe)?,
                };
                if is_closed {
                    follower.closed_ends.insert(incarnation, next);
                }
                push(incarnation, next);
            }
        }
        Ok(positions)
    }

    /// Length of what is not read yet, as of the last look at the folders; the file being written counts as far as
    /// [`Self::ends`] has seen it.
    #[must_use]
    pub fn unread_bytes(&self) -> u64 {
        let unread = |(writer, follower): (&WriterId, &Follower)| {
            let dir = layout::writer_dir(&self.root, *writer);
            let tail = follower.tail.as_ref().map_or(0, |tail| tail.unread_bytes(follower.probe));
            let waiting = follower.waiting.iter().map(|it| ends::file_bytes(&dir.join(it.to_string()), 0));
            tail + waiting.sum::<u64>()
        };
        self.writers.iter().map(unread).sum()
    }

    /// Whether the stream is over and read to its end.
    #[must_use]
    pub fn closed(&self, stream: &StreamId) -> bool {
        let StreamId::Spool { writer, incarnation } = stream else { return false };
        self.writers.get(writer).is_some_and(|follower| follower.finished.contains_key(incarnation))
    }

    /// The damage found since the last call.
    pub fn take_damage(&mut self) -> Vec<Damage> {
        self.damages.take()
    }

    /// Totals of the damage found.
    #[must_use]
    pub fn damages(&self) -> &Damages {
        &self.damages
    }

    fn rescan(&mut self) -> Result<(), PollError> {
        self.scanned_at = Some(Instant::now());
        for writer in layout::writers(&self.root).map_err(|source| io_error(&self.root, source))? {
            let dir = layout::writer_dir(&self.root, writer);
            let incarnations = layout::incarnations(&dir).map_err(|source| io_error(&dir, source))?;
            let is_new = !self.writers.contains_key(&writer);
            if is_new && !self.wanted.is_empty() {
                check_deleted(&self.wanted, writer, &dir)?;
            }
            let follower = self.writers.entry(writer).or_default();
            let mut gone = follower.waiting.iter().filter(|it| !incarnations.contains(it)).peekable();
            if gone.peek().is_some() {
                // Deleted before they were begun: to pass over them would lose them in silence.
                let stream = |incarnation| StreamId::Spool { writer, incarnation };
                let next = |it: &StreamId| self.wanted.get(it).copied().unwrap_or(1);
                let unread = gone.map(|it| (stream(*it), next(&stream(*it)))).collect();
                check_deleted(&unread, writer, &dir)?;
            }
            follower.note(&incarnations);
            follower.refresh(&dir, writer, &self.wanted)?;
        }
        Ok(())
    }

    fn read(&mut self, out: &mut Vec<Record>, max_records: usize) -> Result<(), PollError> {
        let writers = self.writers.len();
        self.turn = self.turn.wrapping_add(1) % writers.max(1);
        for round in 0..writers {
            let index = (self.turn + round) % writers;
            let Some((&writer, follower)) = self.writers.iter_mut().nth(index) else { continue };
            // An equal share of what is left; the last in the round may use all that others did not.
            let share = out.len() + (max_records - out.len()).div_ceil(writers - round);
            let dir = layout::writer_dir(&self.root, writer);
            while let Some(tail) = follower.tail.as_mut() {
                match tail.read(out, share, &mut self.damages)? {
                    Progress::More | Progress::NotYet => break,
                    Progress::Finished => {
                        // What it had begun may have been deleted under it.
                        let begun = tail.position().map(|next| (tail.stream(), next));
                        check_deleted(&begun.into_iter().collect(), writer, &dir)?;
                        follower.finished.insert(tail.incarnation(), tail.next());
                        follower.tail = None;
                        follower.refresh(&dir, writer, &self.wanted)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Follower {
    fn note(&mut self, incarnations: &[u32]) {
        let begun = self.begun;
        let is_new = |incarnation: &u32| begun.is_none_or(|begun| begun < *incarnation);
        self.waiting = incarnations.iter().copied().filter(is_new).collect();
        // Folders that are gone need no memory of their end.
        self.finished.retain(|incarnation, _| incarnations.contains(incarnation));
        self.closed_ends.retain(|incarnation, _| self.waiting.contains(incarnation));
    }

    fn refresh(
        &mut self,
        dir: &Path,
        writer: WriterId,
        wanted: &BTreeMap<StreamId, u64>,
    ) -> Result<(), PollError> {
        if self.tail.is_none() && !self.waiting.is_empty() {
            let incarnation = self.waiting.remove(0);
            let next = wanted.get(&StreamId::Spool { writer, incarnation }).copied();
            self.begun = Some(incarnation);
            self.tail = Some(Tail::new(writer, incarnation, dir, next));
        }
        let Some(tail) = &mut self.tail else { return Ok(()) };
        let is_closed = !self.waiting.is_empty();
        let limit = if is_closed { ends::noted_end(dir, tail.incarnation()) } else { None };
        tail.refresh(is_closed, limit)
    }
}

/// A stream may be gone with its folder; only the retention's mark then tells that records are missing.
fn check_deleted(wanted: &BTreeMap<StreamId, u64>, writer: WriterId, dir: &Path) -> Result<(), PollError> {
    for (incarnation, oldest) in retention::marks(dir).map_err(|source| io_error(dir, source))? {
        let stream = StreamId::Spool { writer, incarnation };
        // The mark comes before the deletion, so the files may still be there (faults 39, 40): then they tell better. The folder may be
        // there without them, when the deletion was killed between the two.
        let folder = dir.join(incarnation.to_string());
        let is_gone = layout::segments(&folder).is_ok_and(|left| left.is_empty());
        match wanted.get(&stream) {
            Some(&wanted) if is_gone && wanted < oldest => {
                return Err(PollError::OutOfRange { stream, wanted, oldest });
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
