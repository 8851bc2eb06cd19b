//! Whether anybody may have asked about a visitor: a bit by the hash that also finds his touches.
//!
//! In: hashes of visitors asked about. Out: no for nearly all others. Every click looks here, and two megabytes lie in the processor's cache where
//! the questions of 300,000 orders do not. Not here: the questions themselves (`asks`), which say for certain.

use crate::touches::VisitorHash;

/// Bits of the smallest table, as a power of two.
const BITS_MIN: u32 = 12;
/// Bits of the largest, as a power of two: 128 MB. Beyond 67 million visitors asked about, more and more clicks look the questions up.
const BITS_MAX: u32 = 30;
/// Bits for each visitor, at least: one look-up in sixteen or fewer is for nothing.
const BITS_PER_VISITOR: usize = 16;

/// A bit for each sixteenth or less of a visitor.
#[derive(Debug)]
pub(super) struct AskedBits {
    words: Vec<u64>,
    /// There are two to this many bits.
    bits: u32,
}

impl AskedBits {
    /// Room for `visitors`.
    pub(super) fn with_room(visitors: usize) -> Self {
        let wanted = visitors.saturating_mul(BITS_PER_VISITOR).max(1).next_power_of_two();
        let bits = wanted.trailing_zeros().clamp(BITS_MIN, BITS_MAX);
        Self { words: vec![0; 1 << (bits - u64::BITS.trailing_zeros())], bits }
    }

    /// Whether one of `visitors` more makes the table too small: it is to be made anew, with room for twice as many.
    pub(super) const fn is_full(&self, visitors: usize) -> bool {
        self.bits < BITS_MAX && visitors.saturating_mul(BITS_PER_VISITOR) > 1 << self.bits
    }

    pub(super) fn insert(&mut self, hash: VisitorHash) {
        let place = hash.place(self.bits);
        if let Some(word) = self.words.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    /// False only where it was never put in.
    pub(super) fn may_hold(&self, hash: VisitorHash) -> bool {
        let place = hash.place(self.bits);
        self.words.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }
}
