//! Which sequences of one writer's life were seen, a bit each; and gaps of several places laid over one another.
//!
//! In: sequences, in any order, with repeats. Out: what is missing, as ranges, and for each range every place it is missing from. Not here:
//! where they were seen. Start at [`Sequences`] and [`overlaid`].

use std::collections::BTreeSet;

use warehouse::{GAPS_MAX, Gap};

/// Sequences that are remembered: half a gigabyte of bits. No life of a writer comes near; a number beyond is no sequence of ours.
const SEQUENCE_MAX: u64 = u32::MAX as u64;
const WORD_BITS: u64 = u64::BITS as u64;

/// Sequences seen.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Sequences {
    words: Vec<u64>,
}

impl Sequences {
    pub(super) fn insert(&mut self, sequence: u64) {
        let Some(word) = usize::try_from(sequence / WORD_BITS).ok().filter(|_| sequence <= SEQUENCE_MAX)
        else {
            return;
        };
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        if let Some(bits) = self.words.get_mut(word) {
            *bits |= 1 << (sequence % WORD_BITS);
        }
    }

    pub(super) fn contains(&self, sequence: u64) -> bool {
        let word = usize::try_from(sequence / WORD_BITS).unwrap_or(usize::MAX);
        self.words.get(word).is_some_and(|bits| bits >> (sequence % WORD_BITS) & 1 == 1)
    }

    /// The first one; 0 for none.
    pub(super) fn first(&self) -> u64 {
        let word = self.words.iter().position(|bits| *bits != 0);
        word.map_or(0, |word| {
            let bits = self.words.get(word).copied().unwrap_or(0);
            word as u64 * WORD_BITS + u64::from(bits.trailing_zeros())
        })
    }

    /// The last one; 0 for none.
    pub(super) fn last(&self) -> u64 {
        let word = self.words.iter().rposition(|bits| *bits != 0);
        word.map_or(0, |word| {
            let bits = self.words.get(word).copied().unwrap_or(0);
            word as u64 * WORD_BITS + (WORD_BITS - 1 - u64::from(bits.leading_zeros()))
        })
    }

    pub(super) fn count(&self) -> u64 {
        self.words.iter().map(|bits| u64::from(bits.count_ones())).sum()
    }

    /// What is missing from `first` to `last`, the first [`GAPS_MAX`] ranges of it.
    pub(super) fn missing(&self, first: u64, last: u64) -> Vec<Gap> {
        let mut gaps = Vec::<Gap>::new();
        for sequence in (first..=last).filter(|it| !self.contains(*it)) {
            let is_full = gaps.len() == GAPS_MAX;
            match gaps.last_mut() {
                Some(gap) if gap.last + 1 == sequence => gap.last = sequence,
                _ if is_full => break,
                _ => gaps.push(Gap { first: sequence, last: sequence }),
            }
        }
        gaps
    }
}

/// What is missing in one place.
#[derive(Debug, Clone)]
pub(super) struct Missing {
    /// The place's name.
    pub(super) place: &'static str,
    /// Ascending.
    pub(super) gaps: Vec<Gap>,
    /// By itself worth a word. Else it may rightly be gone there, and is only said of what another place misses too.
    pub(super) is_fault: bool,
}

/// A gap with every place it is missing from, in the order of the places given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) gap: Gap,
    pub(super) places: Vec<&'static str>,
}

/// Lays the places' gaps over one another: each range with those that miss all of it.
pub(super) fn overlaid(all: &[Missing]) -> Vec<Placed> {
    let gaps = || all.iter().flat_map(|it| &it.gaps);
    let ends: BTreeSet<u64> = gaps().flat_map(|it| [it.first, it.last + 1]).collect();
    let ends: Vec<u64> = ends.into_iter().collect();
    let mut found = Vec::<Placed>::new();
    for pair in ends.windows(2) {
        let [first, next] = *pair else { continue };
        let misses = |it: &&Missing| {
            let behind = it.gaps.partition_point(|gap| gap.last < first);
            it.gaps.get(behind).is_some_and(|gap| gap.first <= first)
        };
        let missing: Vec<&Missing> = all.iter().filter(misses).collect();
        if !missing.iter().any(|it| it.is_fault) {
            continue;
        }
        let mut places: Vec<&'static str> = missing.iter().map(|it| it.place).collect();
        places.dedup();
        match found.last_mut() {
            Some(last) if last.gap.last + 1 == first && last.places == places => last.gap.last = next - 1,
            _ => found.push(Placed { gap: Gap { first, last: next - 1 }, places }),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(first: u64, last: u64) -> Gap {
        Gap { first, last }
    }

    #[test]
    fn missing_sequences_are_named_exactly() {
        let mut seen = Sequences::default();
        assert_eq!((seen.last(), seen.missing(1, 2)), (0, vec![gap(1, 2)]));
        for sequence in [1, 2, 64, 65, 200, 65] {
            seen.insert(sequence);
        }
        assert_eq!((seen.first(), seen.last(), seen.count()), (1, 200, 5));
        assert_eq!(seen.missing(1, 201), [gap(3, 63), gap(66, 199), gap(201, 201)]);
        seen.insert(u64::MAX);
        assert_eq!(seen.last(), 200, "no sequence of ours, and no memory for it");
    }

    #[test]
    fn each_range_has_all_places_that_miss_it() {
        let missing = |place, is_fault, gaps: &[Gap]| Missing { place, gaps: gaps.to_vec(), is_fault };
        let placed = overlaid(&[
            missing("spool", false, &[gap(1, 100)]),
            missing("topics", true, &[gap(90, 120)]),
            missing("clickhouse", true, &[gap(95, 110), gap(200, 200)]),
        ]);
        let got: Vec<_> = placed.iter().map(|it| (it.gap.first, it.gap.last, it.places.join("+"))).collect();
        let want = [
            (90, 94, "spool+topics"),
            (95, 100, "spool+topics+clickhouse"),
            (101, 110, "topics+clickhouse"),
            (111, 120, "topics"),
            (200, 200, "clickhouse"),
        ];
        assert_eq!(got, want.map(|(first, last, places)| (first, last, places.to_owned())));
        assert!(overlaid(&[]).is_empty());
    }
}
