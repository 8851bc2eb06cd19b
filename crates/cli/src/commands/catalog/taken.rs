//! Which file `up` last took the catalog from: what it said then, and the version it stands for.
//!
//! In: the data folder. Out: one small file beside the versions' folder, replaced whole. Who starts next compares with it, so that a file which did not
//! change does not undo what was put in force otherwise. It is a memory of this machine, not a version: without it nothing is lost, and `start` asks
//! where it cannot know. Start at [`Taken`].

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

const NAME: &str = "catalog-taken.json";

/// A file and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Taken {
    /// Absolute where it could be resolved.
    pub(super) path: PathBuf,
    /// Of its text with secrets, as [`fingerprint`] makes it.
    pub(super) blake3: String,
    /// The version in force when the file was taken, or chosen over it.
    pub(super) version: u32,
}

impl Taken {
    /// `None` where nothing was taken yet, and where what is there cannot be read: it is only a memory.
    pub(super) fn read(data: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(data.join(NAME)).ok()?).ok()
    }

    /// Durable when it returns; a kill in between leaves the one before.
    pub(super) fn keep(&self, data: &Path) -> anyhow::Result<()> {
        let path = data.join(NAME);
        let temporary = data.join(format!(".{NAME}.{}", std::process::id()));
        let write = || -> io::Result<()> {
            let mut file = fs::File::create(&temporary)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }
}

/// The same for the same text only.
pub(super) fn fingerprint(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// One file by one name, wherever somebody stands.
pub(super) fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an earlier build wrote must read today.
    #[test]
    fn its_layout_is_frozen() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Taken::read(folder.path()), None);
        let taken = Taken { path: "/etc/catalog.toml".into(), blake3: "ab".to_owned(), version: 7 };
        taken.keep(folder.path()).unwrap();
        let text = fs::read_to_string(folder.path().join(NAME)).unwrap();
        assert_eq!(text, r#"{"path":"/etc/catalog.toml","blake3":"ab","version":7}"#);
        assert_eq!(Taken::read(folder.path()), Some(taken));
        fs::write(folder.path().join(NAME), "{\"path\":").unwrap();
        assert_eq!(Taken::read(folder.path()), None, "a damaged memory is none");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    }
}
