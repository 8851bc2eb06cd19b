//! A state that was not wholly made is made anew: a kill in the middle leaves files that fjall refuses for ever.
//!
//! In: the partition's directory. Out: a mark beside the state while it is made, under a lock, since whoever finds the mark
//! deletes. Nothing was committed to a state that has the mark. Start at [`Making::begin`].

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::{StoreError, label::LabelError};

const MARK: &str = "state.making";

/// Held while the state is opened.
pub(super) struct Making {
    directory: PathBuf,
    /// `None` where the state was there, whole.
    mark: Option<PathBuf>,
    /// Released with the file; from then on fjall's own lock keeps others away.
    _lock: File,
}

impl Making {
    /// Clears away what was not wholly made, and sets the mark where there is no state.
    pub(super) fn begin(directory: &Path, state: &Path) -> Result<Self, StoreError> {
        let failed = |source| failed(directory, source);
        let lock = File::open(directory).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { path: state.to_path_buf() }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let mark = directory.join(MARK);
        if mark.exists() {
            match fs::remove_dir_all(state) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
        let is_new = !state.exists();
        if is_new {
            File::create(&mark).and_then(|it| it.sync_all()).map_err(failed)?;
            File::open(directory).and_then(|it| it.sync_all()).map_err(failed)?;
        }
        let mark = is_new.then_some(mark);
        Ok(Self { directory: directory.to_path_buf(), mark, _lock: lock })
    }

    /// The state is whole.
    pub(super) fn end(self) -> Result<(), StoreError> {
        let failed = |source| failed(&self.directory, source);
        let Some(mark) = &self.mark else { return Ok(()) };
        fs::remove_file(mark).map_err(failed)?;
        File::open(&self.directory).and_then(|it| it.sync_all()).map_err(failed)
    }
}

fn failed(directory: &Path, source: io::Error) -> StoreError {
    StoreError::Label(LabelError::Io { path: directory.to_path_buf(), source })
}
