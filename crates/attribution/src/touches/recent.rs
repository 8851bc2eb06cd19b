//! The newest touches' bytes in memory: what is not handed to the slices yet, and behind it, as far as room was given, what orders ask for most.
//!
//! In: records in the order of their numbers. Out: their bytes, without a system call, which costs as much as the rest of a look at a touch. Not
//! here: what a number means (`touches`). Start at [`Recent::push`].

use std::collections::VecDeque;

use super::record::RECORD_BYTES;

/// Bytes of one block: gathered before they are handed to the slices, and read at a time when the index is rebuilt.
pub(super) const BLOCK_BYTES: usize = 256 * 1024;

/// Blocks of consecutive records.
#[derive(Debug)]
pub(super) struct Recent {
    /// Oldest first, ascending by number; never empty.
    blocks: VecDeque<Block>,
    blocks_max: usize,
    /// Bytes of the newest block that the slices have.
    handed_over: usize,
}

/// Records of one slice with numbers from `first` on, without gaps.
#[derive(Debug)]
struct Block {
    first: u64,
    bytes: Vec<u8>,
}

impl Recent {
    /// Keeps what is not handed over, and about `bytes_max` in all.
    pub(super) fn new(bytes_max: usize) -> Self {
        let newest = Block { first: 0, bytes: Vec::with_capacity(BLOCK_BYTES) };
        Self { blocks: [newest].into(), blocks_max: (bytes_max / BLOCK_BYTES).max(1), handed_over: 0 }
    }

    /// Adds a record. `number` follows the one before, or everything was handed over.
    pub(super) fn push(&mut self, number: u64, record: &[u8; RECORD_BYTES]) {
        let newest = self.newest();
        let follows = number == newest.first + (newest.bytes.len() / RECORD_BYTES) as u64;
        if !follows || newest.bytes.len() + RECORD_BYTES > BLOCK_BYTES {
            debug_assert!(self.left().is_empty(), "a block is left when it is handed over");
            self.begin(number);
        }
        self.newest_mut().bytes.extend_from_slice(record);
    }

    /// Whether the newest block is full: its bytes should be handed over now.
    pub(super) fn is_full(&self) -> bool {
        self.newest().bytes.len() + RECORD_BYTES > BLOCK_BYTES
    }

    /// What the slices do not have yet: bytes up to the newest.
    pub(super) fn left(&self) -> &[u8] {
        self.newest().bytes.get(self.handed_over..).unwrap_or_default()
    }

    /// The slices have everything.
    pub(super) fn note_handed_over(&mut self) {
        self.handed_over = self.newest().bytes.len();
    }

    /// The bytes of record `number`, if they are here.
    pub(super) fn get(&self, number: u64) -> Option<&[u8]> {
        let place = self.blocks.partition_point(|it| it.first <= number).checked_sub(1)?;
        let block = self.blocks.get(place)?;
        let start = usize::try_from(number - block.first).ok()?.checked_mul(RECORD_BYTES)?;
        block.bytes.get(start..start + RECORD_BYTES)
    }

    fn begin(&mut self, first: u64) {
        let is_unused = self.newest().bytes.is_empty();
        let mut bytes = if is_unused {
            self.blocks.pop_back().map(|it| it.bytes)
        } else if self.blocks.len() >= self.blocks_max {
            self.blocks.pop_front().map(|it| it.bytes)
        } else {
            None
        }
        .unwrap_or_else(|| Vec::with_capacity(BLOCK_BYTES));
        bytes.clear();
        self.blocks.push_back(Block { first, bytes });
        self.handed_over = 0;
    }

    fn newest(&self) -> &Block {
        self.blocks.back().expect("there is always a newest block")
    }

    fn newest_mut(&mut self) -> &mut Block {
        self.blocks.back_mut().expect("there is always a newest block")
    }
}
