//! From a visitor to the number of his newest touch: one open table of 8 bytes a place.
//!
//! In: visitors and numbers. Out: numbers. A place holds 32 bits of the visitor's hash and the number's lower 32 bits; visitors whose 32 bits
//! are equal share a chain, which its reader sorts out (11,600 pairs of ten million visitors). The place follows from the upper bits of the
//! hash, so a larger table is filled from a smaller one in order. While it grows, old and new table together take 32 bytes a visitor.

use units::VisitorId;

use crate::folding::fold;

/// Places of the smallest table.
const PLACES_MIN_BITS: u32 = 6;

/// By what a visitor is found: 32 bits, never 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct VisitorHash(u32);

impl VisitorHash {
    /// The place in a table of two to `bits` places, by the upper bits; `bits` from 1 to 32.
    pub(crate) const fn place(self, bits: u32) -> usize {
        (self.0 >> (u32::BITS - bits)) as usize
    }
}

/// Newest touches by visitor.
#[derive(Debug)]
pub(super) struct Index {
    /// Hash in the upper half, number in the lower; 0 is empty, since no hash is. Linear probing.
    places: Vec<u64>,
    /// `places.len()` is two to this.
    bits: u32,
    len: usize,
    seed: u64,
}

impl Index {
    pub(super) fn new(seed: u64) -> Self {
        Self { places: vec![0; 1 << PLACES_MIN_BITS], bits: PLACES_MIN_BITS, len: 0, seed }
    }

    pub(super) const fn seed(&self) -> u64 {
        self.seed
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn bytes(&self) -> usize {
        self.places.len() * size_of::<u64>()
    }

    /// Puts `number` in; what was there before. Numbers in the table lie less than 2^32 below `next`.
    pub(super) fn replace(&mut self, hash: VisitorHash, number: u64, next: u64) -> Option<u64> {
        if self.len >= load_max(self.places.len()) {
            self.grow();
        }
        let new = entry(hash, number);
        let place = find(&mut self.places, self.bits, hash);
        let old = std::mem::replace(place, new);
        if old == 0 {
            self.len += 1;
            return None;
        }
        Some(whole(old, next))
    }

    /// The number put in last for `visitor`.
    pub(super) fn newest(&self, hash: VisitorHash, next: u64) -> Option<u64> {
        let mut place = hash.place(self.bits);
        loop {
            match self.places.get(place) {
                None => place = 0,
                Some(0) => return None,
                Some(it) if it >> 32 == u64::from(hash.0) => return Some(whole(*it, next)),
                Some(_) => place += 1,
            }
        }
    }

    /// Reads the places of visitors who are about to be put in. The reads do not wait for one another, as those of [`Index::replace`] do,
    /// so that the processor fetches many lines of memory at a time.
    pub(super) fn warm(&self, hashes: impl Iterator<Item = VisitorHash>) {
        let place = |it: VisitorHash| self.places.get(it.place(self.bits)).copied().unwrap_or(0);
        std::hint::black_box(hashes.map(place).fold(0, u64::wrapping_add));
    }

    /// Forgets numbers below `first`.
    pub(super) fn keep_from(&mut self, first: u64, next: u64) {
        let old = std::mem::take(&mut self.places);
        let kept = old.iter().filter(|it| **it != 0 && whole(**it, next) >= first);
        self.len = kept.clone().count();
        while self.bits > PLACES_MIN_BITS && self.len < load_max(1 << (self.bits - 1)) / 2 {
            self.bits -= 1;
        }
        self.places = vec![0; 1 << self.bits];
        for it in kept {
            insert_new(&mut self.places, self.bits, *it);
        }
    }

    fn grow(&mut self) {
        let bits = self.bits + 1;
        let mut places = vec![0; 1 << bits];
        for it in self.places.iter().filter(|it| **it != 0) {
            insert_new(&mut places, bits, *it);
        }
        (self.places, self.bits) = (places, bits);
    }

    pub(super) fn hash(&self, visitor: VisitorId) -> VisitorHash {
        // The folded product of wyhash, twice: each bit of the visitor and of the seed moves every bit of the result.
        let once = fold(visitor.0 ^ self.seed, 0x9e37_79b9_7f4a_7c15);
        let twice = fold(once ^ self.seed.rotate_left(32), 0xe703_7ed1_a0b4_28db);
        VisitorHash(upper_half(twice).max(1))
    }
}

/// Three quarters: the newest table is then at least three eighths full, so that both tables of a growth take 8 + 16 bytes over 0.75.
const fn load_max(places: usize) -> usize {
    places / 4 * 3
}

const fn upper_half(word: u64) -> u32 {
    (word >> 32) as u32
}

fn entry(hash: VisitorHash, number: u64) -> u64 {
    (u64::from(hash.0) << 32) | (number & u64::from(u32::MAX))
}

/// The number at most 2^32 - 1 below `next` that ends in the entry's lower half.
#[expect(clippy::cast_possible_truncation, reason = "lower halves are compared")]
const fn whole(entry: u64, next: u64) -> u64 {
    next - (next as u32).wrapping_sub(entry as u32) as u64
}

/// The place of `hash`, or the empty one where it belongs. One is always empty.
fn find(places: &mut [u64], bits: u32, hash: VisitorHash) -> &mut u64 {
    let mut place = hash.place(bits);
    loop {
        match places.get(place) {
            None => place = 0,
            Some(it) if *it == 0 || it >> 32 == u64::from(hash.0) => break,
            Some(_) => place += 1,
        }
    }
    places.get_mut(place).expect("the loop ended at a place")
}

/// Puts in an entry whose hash is not there.
fn insert_new(places: &mut [u64], bits: u32, entry: u64) {
    *find(places, bits, VisitorHash(upper_half(entry))) = entry;
}
