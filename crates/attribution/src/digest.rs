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
}
