//! Where to read on in each input, and whether the state must be made anew from facts before.
//!
//! In: how far the state has read, what the log still holds, and how far the warehouse says its facts reach. Out: positions. A log that has
//! lost what neither the state nor the facts have is refused in words: reading on would lose orders in silence (faults 70, 71). Where
//! facts have it, the state is rebuilt (fault 76). Where the facts have gone back behind the state (faults 90, 93), reading goes on from
//! where they end, as far as the log still has it. Asking the warehouse is one function; what follows from its answer is plain values, so that
//! `sim` follows the same rules. Not here: the rebuild (`worker`). Start at [`reads_on`] and [`from_facts`].

use std::collections::BTreeMap;

use journal::{Position, StreamId};
use tokio::runtime::Handle;
use warehouse::{Note, Warehouse};

use crate::{reach::first, run::RunError};

/// What the warehouse says of the owners before.
#[derive(Debug)]
pub(crate) struct Noted<'a> {
    pub(crate) warehouse: &'a Warehouse,
    /// This partition's name there.
    pub(crate) source: String,
    pub(crate) generation: u8,
    /// Facts have been lost that the state knows of: what was noted beside those that are left says where to read on.
    pub(crate) is_truth: bool,
    pub(crate) runtime: &'a Handle,
}

impl Noted<'_> {
    /// The last note, of whatever generation.
    pub(crate) fn note(&self) -> Result<Option<Note>, RunError> {
        Ok(self.runtime.block_on(self.warehouse.note(&self.source))?)
    }

    /// Where the facts end, and whether somebody asked for the facts to be read. Notes of another generation speak of other positions. Earlier
    /// builds did not say.
    fn facts(&self) -> Result<(BTreeMap<StreamId, u64>, bool), RunError> {
        let note = self.note()?.filter(|it| it.generation == self.generation || it.generation == 0);
        let Note { positions, reads_facts, .. } = note.unwrap_or_default();
        let positions = positions.into_iter().filter_map(|(stream, next)| Some((stream.parse().ok()?, next)));
        Ok((positions.collect(), reads_facts))
    }

    /// The highest claim that any output bears.
    pub(crate) fn newest_claim(&self) -> Result<u64, RunError> {
        Ok(self.runtime.block_on(self.warehouse.newest_claim(self.generation))?)
    }
}

/// One input's beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    /// Which.
    pub stream: StreamId,
    /// Its oldest record.
    pub oldest: u64,
    /// Where a reader without state begins.
    pub first: u64,
    /// It holds only what facts imply: questions and answers. What of it is left is read again from its beginning.
    pub is_inner: bool,
}

/// Where to read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// Streams that are not named are read from their beginning.
    pub positions: Vec<Position>,
    /// The state knows less than what lies before.
    pub is_rebuild: bool,
}

/// `known` are the state's positions. The warehouse is asked only where they do not do.
pub(crate) fn resume(
    known: Vec<Position>,
    beginnings: &[Beginning],
    noted: &Noted<'_>,
) -> Result<Resume, RunError> {
    let known: BTreeMap<StreamId, u64> = known.into_iter().map(|it| (it.stream, it.next)).collect();
    let reads_on = reads_on(&known, beginnings);
    if reads_on && !noted.is_truth {
        return Ok(read_on(known, false));
    }
    let (noted, is_asked) = noted.facts()?;
    if reads_on {
        Ok(read_on(back_to(known, beginnings, &noted), is_asked))
    } else {
        from_facts(known, beginnings, noted)
    }
}

/// Whether the log still holds everything that a state at the positions `known` has not read.
#[must_use]
pub fn reads_on(known: &BTreeMap<StreamId, u64>, beginnings: &[Beginning]) -> bool {
    let is_left =
        |it: &Beginning| it.oldest <= known.get(&it.stream).copied().unwrap_or(it.first).max(it.first);
    beginnings.iter().all(is_left)
}

fn read_on(known: BTreeMap<StreamId, u64>, is_rebuild: bool) -> Resume {
    Resume { positions: positions(known), is_rebuild }
}

/// The facts may end before what the state has read. What lies between and is not in the log any more cannot be made again: the audit names it.
fn back_to(
    mut known: BTreeMap<StreamId, u64>,
    beginnings: &[Beginning],
    noted: &BTreeMap<StreamId, u64>,
) -> BTreeMap<StreamId, u64> {
    for (stream, next) in &mut known {
        // A spool of which nothing was deleted is not among them.
        let oldest = beginnings.iter().find(|it| it.stream == *stream).map(|it| it.oldest);
        let noted = noted.get(stream).copied().unwrap_or(0);
        *next = noted.max(oldest.unwrap_or(first(stream))).min(*next);
    }
    known
}

/// Where to read on behind a rebuild, of a log that no longer holds all that a state at `known` has not read. The facts hold everything before
/// the `noted` positions, whatever the state has read.
pub fn from_facts(
    known: BTreeMap<StreamId, u64>,
    beginnings: &[Beginning],
    noted: BTreeMap<StreamId, u64>,
) -> Result<Resume, RunError> {
    let mut next = known;
    for (stream, noted) in noted {
        let known = next.entry(stream).or_default();
        *known = noted.max(*known);
    }
    for Beginning { stream, oldest, first, is_inner } in beginnings {
        let reached = next.entry(stream.clone()).or_insert(*first);
        if *is_inner {
            *reached = *oldest;
        } else if *reached < *oldest {
            return Err(RunError::LogIncomplete { stream: stream.clone(), oldest: *oldest, noted: *reached });
        }
    }
    Ok(Resume { positions: positions(next), is_rebuild: true })
}

fn positions(next: BTreeMap<StreamId, u64>) -> Vec<Position> {
    next.into_iter().map(|(stream, next)| Position { stream, next }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stream and next record.
    type At = &'static [(u32, u64)];

    fn at(entries: &[(u32, u64)]) -> BTreeMap<StreamId, u64> {
        entries.iter().map(|(number, next)| (StreamId::Memory(*number), *next)).collect()
    }

    fn beginning(number: u32, oldest: u64, is_inner: bool) -> Beginning {
        Beginning { stream: StreamId::Memory(number), oldest, first: 0, is_inner }
    }

    #[test]
    fn facts_that_went_back_are_made_again_as_far_as_the_log_reaches() {
        let input = [beginning(0, 10, false), beginning(1, 5, true), beginning(2, 0, false)];
        let known = [(0, 30), (1, 31), (2, 32), (9, 33)];
        let cases: [(&str, At, At); 4] = [
            ("to where they end", &[(0, 20), (1, 21), (2, 22), (9, 1)], &[(0, 20), (1, 21), (2, 22), (9, 1)]),
            ("not behind the log's beginning", &[(0, 3), (1, 4)], &[(0, 10), (1, 5), (2, 0), (9, 0)]),
            ("never forward", &[(0, 40), (1, 31), (2, 99), (9, 34)], &[(0, 30), (1, 31), (2, 32), (9, 33)]),
            ("all of it where nothing was noted", &[], &[(0, 10), (1, 5), (2, 0), (9, 0)]),
        ];
        for (name, noted, want) in cases {
            assert_eq!(back_to(at(&known), &input, &at(noted)), at(want), "{name}");
        }
    }

    /// State's positions, notes, and where reading goes on; `None` for a refusal.
    #[test]
    fn facts_make_up_for_what_the_log_has_lost_and_nothing_else_does() {
        let input = [beginning(0, 10, false), beginning(1, 5, true)];
        let cases: [(&str, At, At, Option<At>); 5] = [
            ("lost state is behind the notes", &[], &[(0, 12), (1, 9)], Some(&[(0, 12), (1, 5)])),
            ("old state is behind the notes", &[(0, 3)], &[(0, 10)], Some(&[(0, 10), (1, 5)])),
            ("state is ahead of a late note", &[(0, 11)], &[(0, 4)], Some(&[(0, 11), (1, 5)])),
            ("a record is neither in facts nor in the log", &[(0, 3)], &[(0, 9)], None),
            ("nothing was noted", &[], &[], None),
        ];
        for (name, known, noted, want) in cases {
            let got = from_facts(at(known), &input, at(noted)).ok().map(|it| it.positions);
            assert_eq!(got, want.map(|it| positions(at(it))), "{name}");
        }
    }
}
