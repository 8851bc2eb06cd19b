//! The content hash by which an owner knows that it has already said something.
//!
//! In: a value whose stamp is not set yet. Out: 128 bits of xxh3 over everything its `Hash` feeds, so that a new field takes part by itself.
//! Lives in memory only and is never compared across builds. Not here: who remembers it (`sent`).

use std::hash::{Hash, Hasher};

use xxhash_rust::xxh3::xxh3_128;

/// Collects the bytes a value feeds, to hash them at one stroke; reused, so that a decision costs no allocation for it.
#[derive(Debug, Default)]
pub(crate) struct Digester {
    bytes: Vec<u8>,
}

impl Digester {
    /// The hash of `value`.
    pub(crate) fn of(&mut self, value: &impl Hash) -> u128 {
        self.bytes.clear();
        value.hash(&mut Feed(&mut self.bytes));
        xxh3_128(&self.bytes)
    }
}

struct Feed<'a>(&'a mut Vec<u8>);

impl Hasher for Feed<'_> {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Which variant of an enum: one byte for all that have few. There are some twenty in a decision and ten in each of its credits.
    fn write_isize(&mut self, variant: isize) {
        if let Some(it) = u8::try_from(variant).ok().filter(|it| *it != u8::MAX) {
            self.0.push(it);
        } else {
            self.0.push(u8::MAX);
            self.0.extend_from_slice(&variant.to_ne_bytes());
        }
    }

    /// Never asked: the collected bytes are hashed by the owner of the buffer.
    fn finish(&self) -> u64 {
        xxhash_rust::xxh3::xxh3_64(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_texts_do_not_run_together() {
        let mut digester = Digester::default();
        assert_ne!(digester.of(&("ab", "c")), digester.of(&("a", "bc")));
        assert_eq!(digester.of(&("ab", 7_u64)), digester.of(&("ab", 7_u64)));
    }

    /// What follows a short number is not taken for the rest of a long one.
    #[test]
    fn variants_are_told_from_what_follows_them() {
        let mut digester = Digester::default();
        let cases = [0_isize, 1, 254, 255, 256, -1, isize::MAX, isize::MIN];
        let digests: std::collections::BTreeSet<u128> = cases.iter().map(|it| digester.of(it)).collect();
        assert_eq!(digests.len(), cases.len());
        assert_ne!(digester.of(&(Some(1_u8), None::<u8>)), digester.of(&(None::<u8>, Some(1_u8))));
    }
}
