//! Slices in files of a temporary folder, read and written by position as the pipeline's are.

use std::{fs::File, os::unix::fs::FileExt};

use attribution::{SliceError, Slices};
use tempfile::TempDir;

/// The slices in order; none is ever dropped here.
#[derive(Debug)]
pub(crate) struct FileSlices {
    folder: TempDir,
    files: Vec<(File, u64)>,
}

impl FileSlices {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self { folder: tempfile::tempdir()?, files: Vec::new() })
    }

    fn file(&self, slice: u64, action: &'static str) -> Result<&(File, u64), SliceError> {
        let index = usize::try_from(slice).unwrap_or(usize::MAX);
        self.files.get(index).ok_or_else(|| failed(slice, action)(std::io::ErrorKind::NotFound.into()))
    }
}

fn failed(slice: u64, action: &'static str) -> impl FnOnce(std::io::Error) -> SliceError {
    move |source| SliceError { slice, action, source: source.into() }
}

impl Slices for FileSlices {
    fn list(&self) -> Result<Vec<u64>, SliceError> {
        Ok((0..self.files.len() as u64).collect())
    }

    fn create(&mut self, slice: u64) -> Result<(), SliceError> {
        let mut options = File::options();
        let options = options.read(true).write(true).create(true).truncate(true);
        let file =
            options.open(self.folder.path().join(slice.to_string())).map_err(failed(slice, "create"))?;
        self.files.push((file, 0));
        Ok(())
    }

    fn append(&mut self, slice: u64, bytes: &[u8]) -> Result<(), SliceError> {
        let (file, end) = self.file(slice, "append")?;
        file.write_all_at(bytes, *end).map_err(failed(slice, "append"))?;
        if let Some((_, end)) = self.files.last_mut() {
            *end += bytes.len() as u64;
        }
        Ok(())
    }

    fn read_at(&self, slice: u64, offset: u64, into: &mut [u8]) -> Result<(), SliceError> {
        self.file(slice, "read")?.0.read_exact_at(into, offset).map_err(failed(slice, "read"))
    }

    fn len(&self, slice: u64) -> Result<u64, SliceError> {
        Ok(self.file(slice, "length")?.1)
    }

    fn truncate(&mut self, slice: u64, bytes: u64) -> Result<(), SliceError> {
        self.file(slice, "truncate")?.0.set_len(bytes).map_err(failed(slice, "truncate"))
    }

    fn remove(&mut self, _: u64) -> Result<(), SliceError> {
        Ok(())
    }
}
