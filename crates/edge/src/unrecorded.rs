//! How many clicks were answered and never recorded, over all lives of this edge.
//!
//! In: the total so far. Out: a small file that says it, best effort: a disk that takes no clicks may take no counts either, and then the next look
//! tries again. One line, decimal, in `<data>/edge/unrecorded.<edge number>`.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

#[derive(Debug)]
pub(crate) struct UnrecordedFile {
    path: PathBuf,
    /// Of earlier lives.
    before: u64,
    /// What the file says.
    kept: AtomicU64,
}

impl UnrecordedFile {
    pub(crate) fn open(data: &Path, edge: u16) -> Self {
        let path = data.join("edge").join(format!("unrecorded.{edge}"));
        let before = fs::read_to_string(&path).ok().and_then(|it| it.trim().parse().ok()).unwrap_or(0);
        Self { path, before, kept: AtomicU64::new(before) }
    }

    pub(crate) const fn before(&self) -> u64 {
        self.before
    }

    /// Writes the total if it has changed. Called by one thread.
    pub(crate) fn keep(&self, total: u64) {
        if self.kept.load(Ordering::Relaxed) == total {
            return;
        }
        let temporary = self.path.with_extension("new");
        let kept = self
            .path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&temporary, format!("{total}\n")))
            .and_then(|()| fs::rename(&temporary, &self.path));
        match kept {
            Ok(()) => self.kept.store(total, Ordering::Relaxed),
            Err(error) => tracing::debug!(%error, "count of unrecorded clicks not kept"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_outlives_the_process_and_a_disk_that_refuses() {
        let folder = tempfile::tempdir().unwrap();
        let file = UnrecordedFile::open(folder.path(), 7);
        file.keep(3);
        assert_eq!(UnrecordedFile::open(folder.path(), 7).before(), 3);
        assert_eq!(UnrecordedFile::open(folder.path(), 8).before(), 0);

        let refusing = tempfile::NamedTempFile::new().unwrap();
        UnrecordedFile::open(refusing.path(), 7).keep(4);
        assert_eq!(UnrecordedFile::open(refusing.path(), 7).before(), 0);
    }
}
