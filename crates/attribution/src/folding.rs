//! A fast keyed hash for the machines' tables: the folded product of wyhash.
//!
//! In: a seed, and keys of some tens of bytes. Out: places in a table; nothing that is stored or compared elsewhere. Visitors' ids come from
//! strangers, so their tables' seed is random; orders' ids come from shops, who could only slow their own tracker down.

use std::hash::{BuildHasher, Hasher};

/// Makes hashers from a seed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Folding {
    seed: u64,
}

/// The state so far.
#[derive(Debug)]
pub(crate) struct FoldingHasher(u64);

impl Folding {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed }
    }
}

impl BuildHasher for Folding {
    type Hasher = FoldingHasher;

    fn build_hasher(&self) -> FoldingHasher {
        FoldingHasher(self.seed)
    }
}

impl Hasher for FoldingHasher {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = fold(self.0 ^ value, 0x9e37_79b9_7f4a_7c15);
    }

    /// The discriminant of an enum: known to everybody, so it only moves the state.
    fn write_isize(&mut self, value: isize) {
        self.0 = self.0.rotate_left(5).wrapping_add(value.unsigned_abs() as u64);
    }

    fn finish(&self) -> u64 {
        fold(self.0, 0xe703_7ed1_a0b4_28db)
    }
}

/// Both halves of the product, one over the other: each bit of both factors reaches the middle.
#[expect(clippy::cast_possible_truncation, reason = "the halves of a product are wanted")]
pub(crate) const fn fold(a: u64, b: u64) -> u64 {
    let product = (a as u128) * (b as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn neighbouring_keys_and_seeds_spread() {
        let hashes: HashSet<u64> = (0..1_000_u64).map(|it| Folding::new(1).hash_one(it) >> 44).collect();
        assert!(hashes.len() > 990, "{} of 1000 in a million places", hashes.len());
        assert_ne!(Folding::new(1).hash_one(7_u64), Folding::new(2).hash_one(7_u64));
        assert_ne!(Folding::new(1).hash_one([1_u8; 9]), Folding::new(1).hash_one([1_u8; 10]));
    }
}
