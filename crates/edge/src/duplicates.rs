//! Which clicks a person has made before, shortly: the memory behind the verdict "duplicate".
//!
//! In: who (visitor, or network and user agent where there is no cookie), which link, when, and the offer's window. Out: whether the last click
//! that counted is less than a window away. Bounded by [`ENTRIES_MAX`] and [`AGE_MAX_MS`]: the older half is forgotten at once, and then a
//! repeat counts as unique; the verdict is never wrong the other way. It is not kept over a restart. Start at [`Duplicates::is_repeat`].

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use arc_swap::ArcSwap;
use dashmap::{DashMap, Entry};
use units::{DAY_MS, EpochMs, LinkId};

/// Clicks remembered, both halves together. At about 40 bytes each some 40 MB at the most.
pub(crate) const ENTRIES_MAX: usize = 1_000_000;
/// After this a half is forgotten even if it is not full: windows are not longer, and hashes of people are not kept without need.
pub(crate) const AGE_MAX_MS: u64 = DAY_MS;
/// Without a cookie two clicks are one person's only within this: a double click, not two people behind one address.
pub(crate) const NETWORK_WINDOW_MS: u64 = 10_000;

/// Clicks remembered, with their number: a map's own length takes the locks of all its shards.
#[derive(Debug)]
struct Half {
    clicks: DashMap<(u64, LinkId), EpochMs, Keys>,
    len: AtomicUsize,
}

impl Half {
    fn new(keys: Keys) -> Arc<Self> {
        Arc::new(Self { clicks: DashMap::with_hasher(keys), len: AtomicUsize::new(0) })
    }

    fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct Halves {
    current: Arc<Half>,
    previous: Arc<Half>,
    /// The latest instant that may still be added to `current`.
    until: EpochMs,
}

/// Hashes keys whose first part is a random id or a keyed hash already: one multiplication folds in a number nobody outside knows, where the
/// standard hasher would guard against chosen keys at several times the cost.
#[derive(Debug, Clone, Copy)]
struct Keys {
    seed: u64,
}

impl BuildHasher for Keys {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded(self.seed)
    }
}

#[derive(Debug)]
struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        // The golden ratio's bits; both halves of the product depend on all of the value's.
        let (low, high) = (self.0 ^ value).carrying_mul(0x9e37_79b9_7f4a_7c15, 0);
        self.0 = low ^ high;
    }
}

/// Shared by the threads of an edge; a look-up locks one shard of a map for some ten nanoseconds.
#[derive(Debug)]
pub(crate) struct Duplicates {
    halves: ArcSwap<Halves>,
    half_max: usize,
    turning: Mutex<()>,
    keys: Keys,
}

impl Duplicates {
    pub(crate) fn new() -> Self {
        Self::with_max(ENTRIES_MAX)
    }

    fn with_max(entries_max: usize) -> Self {
        let keys = Keys { seed: RandomState::new().hash_one(0) };
        let halves = Halves { current: Half::new(keys), previous: Half::new(keys), until: EpochMs(0) };
        Self {
            halves: ArcSwap::from_pointee(halves),
            half_max: (entries_max / 2).max(1),
            turning: Mutex::new(()),
            keys,
        }
    }

    /// Whether `who` followed `link` less than `window_ms` from `at`. If not, this click is the one that later ones are measured from: a window
    /// is not prolonged by clicks within it, or a daily visitor would never count again.
    pub(crate) fn is_repeat(&self, who: u64, link: LinkId, at: EpochMs, window_ms: u64) -> bool {
        let key = (who, link);
        // Replayed logs may run backwards, so the distance counts, not the order.
        let is_near = |last: EpochMs| last.0.abs_diff(at.0) < window_ms;
        let mut halves = self.halves.load();
        if halves.until < at {
            drop(halves);
            self.turn(at);
            halves = self.halves.load();
        }
        let was_before = || {
            let previous = &halves.previous;
            previous.len() > 0 && previous.clicks.get(&key).is_some_and(|last| is_near(*last))
        };
        let is_repeat = match halves.current.clicks.entry(key) {
            Entry::Occupied(last) if is_near(*last.get()) => true,
            Entry::Occupied(mut last) => {
                last.insert(at);
                false
            }
            Entry::Vacant(_) if was_before() => true,
            Entry::Vacant(free) => {
                free.insert(at);
                halves.current.len.fetch_add(1, Ordering::Relaxed);
                false
            }
        };
        if !is_repeat && halves.current.len() > self.half_max {
            drop(halves);
            self.turn(at);
        }
        is_repeat
    }

    /// Clicks remembered now.
    pub(crate) fn len(&self) -> usize {
        let halves = self.halves.load();
        halves.current.len() + halves.previous.len()
    }

    /// The current half becomes the previous one, unless another thread has just done it.
    fn turn(&self, at: EpochMs) {
        let Ok(_turning) = self.turning.try_lock() else { return };
        let halves = self.halves.load();
        if halves.until < at || halves.current.len() > self.half_max {
            self.halves.store(Arc::new(Halves {
                current: Half::new(self.keys),
                previous: Arc::clone(&halves.current),
                until: at.forth(AGE_MAX_MS),
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn a_window_runs_from_the_click_that_counted() {
        let memory = Duplicates::new();
        let repeat = |who, link, at| memory.is_repeat(who, LinkId(link), EpochMs(at), 100);
        let cases = [
            ("the first", 1, 1, 1000, false),
            ("a double click", 1, 1, 1001, true),
            ("another link", 1, 2, 1002, false),
            ("another person", 2, 1, 1003, false),
            ("the window's last millisecond", 1, 1, 1099, true),
            ("its end", 1, 1, 1100, false),
            ("measured from the one before", 1, 1, 1199, true),
            ("a replay that runs backwards", 1, 1, 1050, true),
        ];
        for (name, who, link, at, want) in cases {
            assert_eq!(repeat(who, link, at), want, "{name}");
        }
    }

    #[test]
    fn memory_is_bounded_and_forgets_the_older_half() {
        let memory = Duplicates::with_max(100);
        for who in 0..1000 {
            assert!(!memory.is_repeat(who, LinkId(1), EpochMs(1), 100));
            let halves = memory.halves.load();
            assert!(halves.current.len() + halves.previous.len() <= 102);
        }
        assert!(memory.is_repeat(999, LinkId(1), EpochMs(1), 100), "the newest is remembered");
        assert!(!memory.is_repeat(0, LinkId(1), EpochMs(1), 100), "the oldest counts as unique again");
    }

    #[test]
    fn hashes_of_people_are_dropped_with_time() {
        let memory = Duplicates::new();
        memory.is_repeat(1, LinkId(1), EpochMs(1), 100);
        memory.is_repeat(2, LinkId(1), EpochMs(2 + AGE_MAX_MS), 100);
        memory.is_repeat(3, LinkId(1), EpochMs(4 + 2 * AGE_MAX_MS), 100);
        let halves = memory.halves.load();
        assert_eq!((halves.previous.len(), halves.current.len()), (1, 1));
    }

    proptest! {
        #[test]
        fn agrees_with_a_naive_memory(clicks in vec((0..3_u64, 0..2_u32, 0..400_u64), 0..60)) {
            let memory = Duplicates::new();
            let mut naive = std::collections::HashMap::new();
            for (who, link, at) in clicks {
                let last = naive.get(&(who, link)).copied();
                let want = last.is_some_and(|last: u64| last.abs_diff(at) < 100);
                if !want {
                    naive.insert((who, link), at);
                }
                prop_assert_eq!(memory.is_repeat(who, LinkId(link), EpochMs(at), 100), want);
            }
        }
    }
}
