//! What a cut of power leaves of a folder: what was synced, and of everything else whatever the disk happened to have written by then.
//!
//! In: syncs as they happen, then a folder and chance. Out: the folder as the next boot finds it. For tests and `sim`, on a folder of their
//! own. Not here: calls that fail (`disk`). Start at [`Synced::cut`].

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs::{self, File},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

/// A disk writes this much at once: a write that is longer may be there in part.
const SECTOR_BYTES: usize = 512;

/// Written by the retention, which syncs by itself.
const SYNCED_ELSEWHERE: &str = "deleted";

/// What is safe on the disk.
#[derive(Debug, Default)]
pub(super) struct Synced {
    /// Content by inode, as of its last sync.
    files: BTreeMap<u64, Vec<u8>>,
    /// Names by folder, as of its last sync.
    folders: BTreeMap<PathBuf, BTreeSet<OsString>>,
}

impl Synced {
    pub(super) fn file(&mut self, file: &File) -> io::Result<()> {
        let metadata = file.metadata()?;
        let mut content = vec![0; usize::try_from(metadata.len()).unwrap_or(0)];
        file.read_exact_at(&mut content, 0)?;
        self.files.insert(metadata.ino(), content);
        Ok(())
    }

    pub(super) fn folder(&mut self, folder: &Path) -> io::Result<()> {
        self.folders.insert(folder.to_owned(), names(folder)?);
        Ok(())
    }

    /// Leaves below `folder` what was synced, and of the rest what `survives`: asked for each name, each length and each sector.
    pub(super) fn cut(&self, folder: &Path, survives: &mut dyn FnMut() -> bool) -> io::Result<()> {
        let safe = self.folders.get(folder);
        for name in names(folder)? {
            let path = folder.join(&name);
            let is_safe = name == SYNCED_ELSEWHERE || safe.is_some_and(|it| it.contains(&name));
            let is_folder = path.is_dir();
            match (is_safe || survives(), is_folder) {
                (false, true) => fs::remove_dir_all(&path)?,
                (false, false) => fs::remove_file(&path)?,
                (true, true) => self.cut(&path, survives)?,
                (true, false) if name != SYNCED_ELSEWHERE => self.cut_file(&path, survives)?,
                (true, false) => {}
            }
        }
        Ok(())
    }

    fn cut_file(&self, path: &Path, survives: &mut dyn FnMut() -> bool) -> io::Result<()> {
        let inode = fs::metadata(path)?.ino();
        let (now, safe) = (fs::read(path)?, self.files.get(&inode));
        if safe == Some(&now) {
            return Ok(());
        }
        let safe = safe.map_or(&[][..], Vec::as_slice);
        let mut left = safe.to_vec();
        if survives() {
            left.resize(now.len(), 0);
        }
        for (sector, written) in left.chunks_mut(SECTOR_BYTES).zip(now.chunks(SECTOR_BYTES)) {
            let length = sector.len().min(written.len());
            if let (Some(sector), Some(written)) = (sector.get_mut(..length), written.get(..length))
                && sector != written
                && survives()
            {
                sector.copy_from_slice(written);
            }
        }
        fs::write(path, left)
    }
}

fn names(folder: &Path) -> io::Result<BTreeSet<OsString>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_is_left_and_nothing_else_where_nothing_survives() {
        let root = tempfile::tempdir().unwrap();
        let (kept, lost) = (root.path().join("kept"), root.path().join("lost"));
        fs::write(&kept, [1; 700]).unwrap();
        let mut synced = Synced::default();
        synced.file(&File::open(&kept).unwrap()).unwrap();
        synced.folder(root.path()).unwrap();
        fs::write(&kept, [2; 2_000]).unwrap();
        fs::write(&lost, [3; 10]).unwrap();
        let mut asked = 0;
        let mut every_other = || {
            asked += 1;
            asked % 2 == 0
        };
        synced.cut(root.path(), &mut every_other).unwrap();
        assert!(!lost.exists() || asked > 1);
        synced.cut(root.path(), &mut || false).unwrap();
        assert_eq!(fs::read(&kept).unwrap(), [1; 700]);
        assert!(!lost.exists());
    }
}
