//! Where a store's slices lie: numbered strings of bytes that are only appended to, cut at the end after a crash, and dropped whole.
//!
//! In: bytes. Out: bytes. Here: the trait, and one in memory for tests and `sim`. Not here: files (`pipeline`).

use std::{collections::BTreeMap, error::Error};

/// A slice could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("touch slice {slice}: {action} failed")]
pub struct SliceError {
    /// Its number.
    pub slice: u64,
    /// What was tried: `append`, `read`...
    pub action: &'static str,
    /// Why.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// Numbered strings of bytes.
pub trait Slices {
    /// The numbers of all slices, ascending.
    fn list(&self) -> Result<Vec<u64>, SliceError>;
    /// Begins an empty slice; one of the same number that a crash left behind is emptied.
    fn create(&mut self, slice: u64) -> Result<(), SliceError>;
    /// Adds bytes at its end.
    fn append(&mut self, slice: u64, bytes: &[u8]) -> Result<(), SliceError>;
    /// Fills `into` from `offset` on; an error where there is less.
    fn read_at(&self, slice: u64, offset: u64, into: &mut [u8]) -> Result<(), SliceError>;
    /// Its length in bytes.
    fn len(&self, slice: u64) -> Result<u64, SliceError>;
    /// Cuts it to `bytes`.
    fn truncate(&mut self, slice: u64, bytes: u64) -> Result<(), SliceError>;
    /// Drops it; one that is not there is dropped already.
    fn remove(&mut self, slice: u64) -> Result<(), SliceError>;
}

/// Slices in memory.
#[derive(Debug, Clone, Default)]
pub struct MemorySlices {
    slices: BTreeMap<u64, Vec<u8>>,
}

impl MemorySlices {
    fn slice(&self, slice: u64, action: &'static str) -> Result<&Vec<u8>, SliceError> {
        self.slices.get(&slice).ok_or_else(|| failure(slice, action, "there is none of that number"))
    }

    fn slice_mut(&mut self, slice: u64, action: &'static str) -> Result<&mut Vec<u8>, SliceError> {
        self.slices.get_mut(&slice).ok_or_else(|| failure(slice, action, "there is none of that number"))
    }
}

fn failure(slice: u64, action: &'static str, why: &str) -> SliceError {
    SliceError { slice, action, source: why.into() }
}

impl Slices for MemorySlices {
    fn list(&self) -> Result<Vec<u64>, SliceError> {
        Ok(self.slices.keys().copied().collect())
    }

    fn create(&mut self, slice: u64) -> Result<(), SliceError> {
        self.slices.insert(slice, Vec::new());
        Ok(())
    }

    fn append(&mut self, slice: u64, bytes: &[u8]) -> Result<(), SliceError> {
        self.slice_mut(slice, "append")?.extend_from_slice(bytes);
        Ok(())
    }

    fn read_at(&self, slice: u64, offset: u64, into: &mut [u8]) -> Result<(), SliceError> {
        let kept = self.slice(slice, "read")?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let part = start.checked_add(into.len()).and_then(|end| kept.get(start..end));
        into.copy_from_slice(part.ok_or_else(|| failure(slice, "read", "it is shorter than that"))?);
        Ok(())
    }

    fn len(&self, slice: u64) -> Result<u64, SliceError> {
        Ok(self.slice(slice, "length")?.len() as u64)
    }

    fn truncate(&mut self, slice: u64, bytes: u64) -> Result<(), SliceError> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.slice_mut(slice, "truncate")?.truncate(bytes);
        Ok(())
    }

    fn remove(&mut self, slice: u64) -> Result<(), SliceError> {
        self.slices.remove(&slice);
        Ok(())
    }
}
