//! The touch store: every click and view within the longest window, on disk, found by visitor in a chain from newest to oldest arrival.
//!
//! In: touches, in any order, with repeats. Out: a visitor's touches within a range of time. Clicks are a hundred times as many as orders and are
//! read only when an order asks, so a touch costs 64 bytes on disk and a visitor at most 32 bytes of RAM. Slices are filled in order of
//! arrival and dropped whole. Not here: files (behind [`Slices`]), repeats (for the reader, to whom touches are a set). Start at
//! [`TouchStore::append`].

mod index;
mod recent;
mod record;
mod slices;

use std::collections::VecDeque;

use events::Touch;
use units::{DAY_MS, EpochMs, VisitorId};

use self::{
    index::Index,
    recent::{BLOCK_BYTES, Recent},
    record::Record,
};

pub(crate) use self::index::VisitorHash;
pub use self::{
    record::RECORD_BYTES,
    slices::{MemorySlices, SliceError, Slices},
};

/// Touches of one visitor that one question looks at, newest arrivals first. A robot's chain of a million would otherwise be read for each
/// order that names it; what lies behind this many later arrivals is not seen, and counted in [`TouchStore::walks_cut`].
pub const WALK_MAX: usize = 65_536;
/// Records whose places in the index are read ahead while it is rebuilt.
const HASHES_AT_A_TIME: usize = 64;
/// Numbers in use at a time; distances between them take 32 bits. At 64 bytes each that is 275 GB of one partition: the oldest slice is
/// dropped early there.
const NUMBERS_MAX: u64 = u32::MAX as u64;

/// When a slice is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceOptions {
    /// Touches in a slice. All slices of a store's life must have the same: a touch's number says its slice.
    pub records_max: u32,
    /// A slice is closed when a touch is this much later than its first one, so that a quiet store forgets in time too. In ms.
    pub span_ms: u64,
}

impl Default for SliceOptions {
    /// Slices of 64 MiB or a day.
    fn default() -> Self {
        Self { records_max: 1 << 20, span_ms: DAY_MS }
    }
}

/// Why the store cannot go on. State is disposable: the driver drops it and rebuilds from the log.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The slices failed.
    #[error(transparent)]
    Slices(#[from] SliceError),
    /// A slice is shorter than the checkpoint says, or is not there.
    #[error("touch slice {slice} has {found_bytes} bytes, the checkpoint wants {wanted_bytes}")]
    CutShort {
        /// Its number.
        slice: u64,
        /// Bytes found.
        found_bytes: u64,
        /// Bytes wanted.
        wanted_bytes: u64,
    },
    /// A record holds a code that no build wrote.
    #[error("touch {number} is damaged")]
    Damaged {
        /// Its number.
        number: u64,
    },
}

/// Touches by visitor.
#[derive(Debug)]
pub struct TouchStore<S> {
    slices: S,
    options: SliceOptions,
    index: Index,
    /// Live slices, oldest first; dense in number from `first_slice` on, a slice without records among them where one is missing.
    live: VecDeque<Slice>,
    first_slice: u64,
    /// Number of the next touch: slice times `records_max` plus place. Numbers behind an early closed slice are left out.
    next: u64,
    recent: Recent,
    walks_cut: std::cell::Cell<u64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slice {
    records: u32,
    first_at: EpochMs,
    /// Of its own touches.
    last_at: EpochMs,
    /// Of its own and all older ones: behind here, a walk finds nothing later.
    last_at_so_far: EpochMs,
}

impl<S: Slices> TouchStore<S> {
    /// Opens what the slices hold below number `next` (0: nothing) and cuts off the rest, which was never committed. `seed` is random and
    /// need not be the same as before: it keeps strangers from choosing visitor ids that fall together.
    ///
    /// # Panics
    /// If a slice may hold no touch at all.
    pub fn open(slices: S, options: SliceOptions, seed: u64, next: u64) -> Result<Self, StoreError> {
        assert!(options.records_max > 0, "a slice must hold a touch");
        let mut store = Self {
            slices,
            options,
            index: Index::new(seed),
            live: VecDeque::new(),
            first_slice: next / u64::from(options.records_max),
            next,
            recent: Recent::new(0),
            walks_cut: std::cell::Cell::new(0),
        };
        store.rebuild()?;
        Ok(store)
    }

    /// Keeps the newest touches in memory as well, in about `bytes_max` of it: orders ask for those most, and a read from a file costs a
    /// system call. For a store that nothing was appended to yet.
    #[must_use]
    pub fn keeping(mut self, bytes_max: usize) -> Self {
        debug_assert!(self.recent.left().is_empty(), "nothing was appended yet");
        self.recent = Recent::new(bytes_max);
        self
    }

    /// Adds a touch. Repeats are added again: they are few and cost a record each.
    pub fn append(&mut self, touch: &Touch) -> Result<(), StoreError> {
        self.append_hashed(touch, self.hash(touch.visitor))
    }

    /// [`TouchStore::append`] with `hash` of the touch's visitor.
    pub(crate) fn append_hashed(&mut self, touch: &Touch, hash: VisitorHash) -> Result<(), StoreError> {
        self.make_room(touch.at)?;
        let number = self.next;
        let older = self.index.replace(hash, number, number);
        let back = older.and_then(|it| u32::try_from(number - it).ok()).unwrap_or(0);
        self.recent.push(number, &Record { touch: *touch, back }.encode());
        self.next += 1;
        if let Some(slice) = self.live.back_mut() {
            slice.note(touch.at);
        }
        if self.recent.is_full() {
            self.hand_over()?;
        }
        Ok(())
    }

    /// By what a visitor is found.
    pub(crate) fn hash(&self, visitor: VisitorId) -> VisitorHash {
        self.index.hash(visitor)
    }

    /// Tells that touches of visitors with `hashes` are about to be appended: a hint, worth it for many at a time,
    /// since the index's cache misses then overlap (the share of the index in a sampled profile fell by more than half).
    pub(crate) fn warm(&self, hashes: &[VisitorHash]) {
        self.index.warm(hashes.iter().copied());
    }

    /// Adds to `found` every touch of `visitor` from `from` to `to`, both inclusive: in no order, with repeats.
    pub fn find(
        &self,
        visitor: VisitorId,
        from: EpochMs,
        to: EpochMs,
        found: &mut Vec<Touch>,
    ) -> Result<(), StoreError> {
        let Some(mut number) = self.index.newest(self.hash(visitor), self.next) else { return Ok(()) };
        for _ in 0..WALK_MAX {
            let Some(slice) = self.slice_of(number) else { return Ok(()) };
            if slice.last_at_so_far < from {
                return Ok(());
            }
            let Record { touch, back } = self.read(number)?;
            // Visitors whose hashes are equal share a chain.
            if touch.visitor == visitor && (from..=to).contains(&touch.at) {
                found.push(touch);
            }
            if back == 0 {
                return Ok(());
            }
            number -= u64::from(back);
        }
        self.walks_cut.set(self.walks_cut.get() + 1);
        Ok(())
    }

    /// Hands everything to the slices; the number of the next touch, for [`TouchStore::open`].
    pub fn flush(&mut self) -> Result<u64, StoreError> {
        self.hand_over()?;
        Ok(self.next)
    }

    /// Drops the oldest slices while all their touches are before `before`. The newest slice stays.
    pub fn expire(&mut self, before: EpochMs) -> Result<(), StoreError> {
        let is_over = |it: &Slice| it.records == 0 || it.last_at < before;
        let mut dropped = false;
        while self.live.len() > 1 && self.live.front().is_some_and(is_over) {
            self.drop_oldest()?;
            dropped = true;
        }
        if dropped {
            self.index.keep_from(self.first_slice * u64::from(self.options.records_max), self.next);
        }
        Ok(())
    }

    /// What strangers do not know.
    pub(crate) const fn seed(&self) -> u64 {
        self.index.seed()
    }

    /// Touches held, repeats included.
    #[must_use]
    pub fn touches(&self) -> u64 {
        self.live.iter().map(|it| u64::from(it.records)).sum()
    }

    /// Visitors held; those whose hashes are equal count once.
    #[must_use]
    pub const fn visitors(&self) -> usize {
        self.index.len()
    }

    /// RAM of the index in bytes: what a visitor costs.
    #[must_use]
    pub const fn index_bytes(&self) -> usize {
        self.index.bytes()
    }

    /// Questions that looked at [`WALK_MAX`] touches and stopped there.
    #[must_use]
    pub const fn walks_cut(&self) -> u64 {
        self.walks_cut.get()
    }

    /// The slices, for those who count bytes.
    #[must_use]
    pub const fn slices(&self) -> &S {
        &self.slices
    }

    fn rebuild(&mut self) -> Result<(), StoreError> {
        let per_slice = u64::from(self.options.records_max);
        let end_slice = self.next.div_ceil(per_slice);
        let listed = self.slices.list()?;
        for slice in listed.iter().filter(|it| **it >= end_slice) {
            self.slices.remove(*slice)?;
        }
        self.first_slice = listed.first().map_or(end_slice, |it| *it.min(&end_slice));
        for slice in self.first_slice..end_slice {
            let wanted = if slice == self.next / per_slice { Some(self.next % per_slice) } else { None };
            self.rebuild_slice(slice, listed.contains(&slice), wanted)?;
        }
        Ok(())
    }

    /// Reads one slice into the index. `wanted` are the records of the newest slice; older ones are as long as they are.
    fn rebuild_slice(&mut self, slice: u64, is_there: bool, wanted: Option<u64>) -> Result<(), StoreError> {
        let found_bytes = if is_there { self.slices.len(slice)? } else { 0 };
        let wanted_bytes = wanted.map_or(found_bytes, |it| it * RECORD_BYTES as u64);
        let is_whole = found_bytes % RECORD_BYTES as u64 == 0 || wanted.is_some();
        if !is_there || !is_whole || found_bytes < wanted_bytes {
            return Err(StoreError::CutShort { slice, found_bytes, wanted_bytes });
        }
        if found_bytes > wanted_bytes {
            self.slices.truncate(slice, wanted_bytes)?;
        }
        let so_far = self.live.back().map_or(EpochMs(0), |it| it.last_at_so_far);
        let mut rebuilt = Slice { last_at_so_far: so_far, ..Slice::default() };
        let first = slice * u64::from(self.options.records_max);
        let mut buffer = vec![0; BLOCK_BYTES];
        let mut offset = 0;
        while offset < wanted_bytes {
            let size = usize::try_from(wanted_bytes - offset).map_or(BLOCK_BYTES, |it| it.min(BLOCK_BYTES));
            let part = buffer.get_mut(..size).unwrap_or_default();
            self.slices.read_at(slice, offset, part)?;
            for some in part.chunks(HASHES_AT_A_TIME * RECORD_BYTES) {
                self.index_records(some, first, &mut rebuilt)?;
            }
            offset += size as u64;
        }
        self.live.push_back(rebuilt);
        Ok(())
    }

    /// Puts at most [`HASHES_AT_A_TIME`] records into the index. `first` is the number of the slice's first record.
    fn index_records(&mut self, bytes: &[u8], first: u64, slice: &mut Slice) -> Result<(), StoreError> {
        let mut found = [(VisitorHash::default(), EpochMs(0)); HASHES_AT_A_TIME];
        let mut count = 0;
        for (place, bytes) in found.iter_mut().zip(bytes.chunks_exact(RECORD_BYTES)) {
            let number = first + u64::from(slice.records) + count;
            let Record { touch, .. } = Record::decode(bytes).ok_or(StoreError::Damaged { number })?;
            *place = (self.index.hash(touch.visitor), touch.at);
            count += 1;
        }
        let found = found.iter().zip(0..count).map(|(it, _)| *it);
        self.index.warm(found.clone().map(|(hash, _)| hash));
        for (hash, at) in found {
            let number = first + u64::from(slice.records);
            self.index.replace(hash, number, number);
            slice.note(at);
        }
        Ok(())
    }

    /// Begins a new slice where the newest is full or too old.
    fn make_room(&mut self, at: EpochMs) -> Result<(), StoreError> {
        let per_slice = u64::from(self.options.records_max);
        let is_closed = |it: &Slice| {
            it.records == self.options.records_max
                || it.records > 0 && at.ms_since(it.first_at).is_some_and(|ms| ms >= self.options.span_ms)
        };
        if let Some(newest) = self.live.back()
            && !is_closed(newest)
        {
            return Ok(());
        }
        self.hand_over()?;
        let so_far = self.live.back().map_or(EpochMs(0), |it| it.last_at_so_far);
        let slice = self.first_slice + self.live.len() as u64;
        self.slices.create(slice)?;
        self.next = slice * per_slice;
        self.live.push_back(Slice { last_at_so_far: so_far, ..Slice::default() });
        let mut dropped = false;
        while self.next + per_slice - self.first_slice * per_slice > NUMBERS_MAX && self.live.len() > 1 {
            self.drop_oldest()?;
            dropped = true;
        }
        if dropped {
            self.index.keep_from(self.first_slice * per_slice, self.next);
        }
        Ok(())
    }

    fn drop_oldest(&mut self) -> Result<(), StoreError> {
        if self.live.pop_front().is_some() {
            self.slices.remove(self.first_slice)?;
            self.first_slice += 1;
        }
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), StoreError> {
        if !self.recent.left().is_empty() {
            self.slices.append(self.newest_slice(), self.recent.left())?;
            self.recent.note_handed_over();
        }
        Ok(())
    }

    const fn newest_slice(&self) -> u64 {
        (self.next - 1) / self.options.records_max as u64
    }

    fn slice_of(&self, number: u64) -> Option<&Slice> {
        let place = (number / u64::from(self.options.records_max)).checked_sub(self.first_slice)?;
        self.live.get(usize::try_from(place).ok()?)
    }

    fn read(&self, number: u64) -> Result<Record, StoreError> {
        if let Some(bytes) = self.recent.get(number) {
            return Record::decode(bytes).ok_or(StoreError::Damaged { number });
        }
        let mut bytes = [0; RECORD_BYTES];
        let per_slice = u64::from(self.options.records_max);
        let offset = number % per_slice * RECORD_BYTES as u64;
        self.slices.read_at(number / per_slice, offset, &mut bytes)?;
        Record::decode(&bytes).ok_or(StoreError::Damaged { number })
    }
}

impl Slice {
    fn note(&mut self, at: EpochMs) {
        if self.records == 0 {
            self.first_at = at;
        }
        self.records += 1;
        self.last_at = self.last_at.max(at);
        self.last_at_so_far = self.last_at_so_far.max(at);
    }
}

#[cfg(test)]
mod tests;
