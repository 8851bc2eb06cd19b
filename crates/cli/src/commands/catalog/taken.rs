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
use events::CatalogRecord;
use serde::{Deserialize, Serialize};
use units::EpochMs;

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

/// Whether a file's text says what `newest` says, whatever the files are called and however rows and comments stand in them. A time in the file has to
/// be the version's; a file without one says nothing of it.
pub(super) fn says_the_same(text: &str, own_time: Option<EpochMs>, newest: &CatalogRecord) -> bool {
    *newest.text == *text
        || (own_time.is_none_or(|it| it == newest.effective_at)
            && rows(text).is_some_and(|it| Some(it) == rows(&newest.text)))
}

/// Every row and value of a catalog's files, in an order that does not depend on theirs; `None` where they cannot be read.
fn rows(text: &str) -> Option<Vec<(String, String)>> {
    let mut rows = Vec::new();
    for (_, text) in catalog::split_text(text)? {
        for (name, value) in text.parse::<toml::Table>().ok()? {
            match value {
                toml::Value::Array(values) => {
                    rows.extend(values.iter().map(|it| (name.clone(), it.to_string())));
                }
                value if name != "effective_at" => rows.push((name, value.to_string())),
                _ => {}
            }
        }
    }
    rows.sort_unstable();
    Some(rows)
}

/// One file by one name, wherever somebody stands.
pub(super) fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_comments_order_and_the_versions_own_time_make_no_difference() {
        let newest = CatalogRecord {
            version: units::CatalogVersion(2),
            effective_at: EpochMs(7_000),
            applied_at: EpochMs(9_000),
            text: catalog::merge_text(&[("v2.toml", "[[offer]]\nid = 1\n[[offer]]\nid = 2\nname = \"A\"\n")])
                .into(),
        };
        let rows = [
            ("another name", "[[offer]]\nid = 1\n[[offer]]\nid = 2\nname = \"A\"\n", None, true),
            (
                "a comment, another order",
                "[[offer]]\nname = \"A\"\nid = 2 # two\n[[offer]]\nid = 1\n",
                None,
                true,
            ),
            (
                "its time",
                "effective_at = 1970-01-01T00:00:07Z\n[[offer]]\nid = 1\n[[offer]]\nid = 2\nname = \"A\"\n",
                Some(7_000),
                true,
            ),
            ("another time", "[[offer]]\nid = 1\n[[offer]]\nid = 2\nname = \"A\"\n", Some(8_000), false),
            ("another value", "[[offer]]\nid = 1\n[[offer]]\nid = 2\nname = \"B\"\n", None, false),
            ("a row less", "[[offer]]\nid = 1\n", None, false),
        ];
        for (name, text, own, want) in rows {
            let text = catalog::merge_text(&[("catalog.toml", text)]);
            assert_eq!(says_the_same(&text, own.map(EpochMs), &newest), want, "{name}");
        }
    }

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
