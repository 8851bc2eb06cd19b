//! Chance from one seed: the same on every machine and build, so that a seed in a report is the whole story.
//!
//! In: a seed. Out: numbers (`SplitMix64`). Start at [`Rng`].

/// A stream of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A stream of its own, so that what is drawn there moves nothing here.
    pub(crate) const fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// A stream beside this one, which does not notice: what is drawn there leaves every world of a seed as it was.
    pub(crate) const fn beside(&self, what: u64) -> Self {
        Self(self.0 ^ what)
    }

    /// From 0 to one less than `end`; 0 where that is 0. The slight bias does not matter here.
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.next() % end }
    }

    /// An index of a list of that length.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// True this often in a hundred.
    pub(crate) const fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of them.
    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.index(list.len()))
    }

    /// One of a few, which are never none.
    pub(crate) fn of<T: Copy, const N: usize>(&mut self, list: [T; N]) -> T {
        *self.pick(&list).expect("the list is not empty")
    }

    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let other = self.index(last + 1);
            list.swap(last, other);
        }
    }
}
