//! The secrets of an installation: made once, kept in files only their owner reads.
//!
//! In: the `keys` folder. Out: [`Keys`]. `click.key` signs click ids; `click.previous.key`, where there is one, is accepted still, under the other
//! number; `identity.key` is behind cookies and customers' hashes. Passwords of an installation are kept in the same way. To rotate: stop, move `click.key` to `click.previous.key`, start.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::settings::ClickSecret;

const SECRET_BYTES: usize = 32;
/// The largest key file: the first byte is the number, the rest the secret.
const FILE_BYTES_MAX: usize = 1 + 1024;

/// The secrets.
#[derive(Clone)]
pub struct Keys {
    /// The one in use, then the one before it.
    pub click: Vec<ClickSecret>,
    /// Of cookies and customers.
    pub identity: Vec<u8>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("click", &self.click).finish_non_exhaustive()
    }
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file system said no.
    #[error("cannot use key file {path}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// Cut short, or not ours.
    #[error("{path} is not a key file")]
    Malformed {
        /// Which.
        path: PathBuf,
    },
    /// The kernel has no randomness.
    #[error("no randomness: {0}")]
    Random(String),
}

impl Keys {
    /// Reads the keys in `folder`, making what is missing.
    pub fn load_or_create(folder: &Path) -> Result<Self, KeysError> {
        fs::create_dir_all(folder).map_err(|source| KeysError::Io { path: folder.to_owned(), source })?;
        let previous = read(&folder.join("click.previous.key"))?;
        let other = |number: u8| (number + 1) % 16;
        let fresh_number = previous.as_ref().map_or(0, |it| other(it.number));
        let current = load_or_make(&folder.join("click.key"), fresh_number)?;
        let identity = load_or_make(&folder.join("identity.key"), 0)?.secret;
        Ok(Self { click: std::iter::once(current).chain(previous).collect(), identity })
    }
}

fn load_or_make(path: &Path, number: u8) -> Result<ClickSecret, KeysError> {
    if let Some(found) = read(path)? {
        return Ok(found);
    }
    let mut bytes = vec![number];
    bytes.extend_from_slice(&random::<SECRET_BYTES>()?);
    make(path, &bytes)?;
    // Another process may have been faster: what is in the file counts.
    read(path)?.ok_or_else(|| KeysError::Malformed { path: path.to_owned() })
}

/// A password as text: 64 hexadecimal digits, from the file at `path`, which is made if it is not there. For secrets
/// that people type, beside the keys of an edge.
pub fn load_or_create_password(path: &Path) -> Result<String, KeysError> {
    let read = || match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|it| !it.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(KeysError::Io { path: path.to_owned(), source }),
    };
    if let Some(found) = read()? {
        return Ok(found);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|source| KeysError::Io { path: folder.to_owned(), source })?;
    let digits = random::<SECRET_BYTES>()?.into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let text: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
    make(path, text.as_bytes())?;
    read()?.ok_or_else(|| KeysError::Malformed { path: path.to_owned() })
}

/// Writes the whole file under another name and links it into place, so that a kill leaves a key or none.
fn make(path: &Path, bytes: &[u8]) -> Result<(), KeysError> {
    let failed = |source| KeysError::Io { path: path.to_owned(), source };
    let temporary = path.with_extension(format!("new.{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary).map_err(failed)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
        _ => Ok(()),
    }
}

fn read(path: &Path) -> Result<Option<ClickSecret>, KeysError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(KeysError::Io { path: path.to_owned(), source }),
    };
    match bytes.as_slice() {
        [number @ 0..=15, secret @ ..] if (SECRET_BYTES..FILE_BYTES_MAX).contains(&secret.len()) => {
            Ok(Some(ClickSecret { number: *number, secret: secret.to_vec() }))
        }
        _ => Err(KeysError::Malformed { path: path.to_owned() }),
    }
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], KeysError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| KeysError::Random(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_are_made_once_and_read_only_by_their_owner() {
        let folder = tempfile::tempdir().unwrap();
        let made = Keys::load_or_create(folder.path()).unwrap();
        let read = Keys::load_or_create(folder.path()).unwrap();
        assert_eq!(made.identity, read.identity);
        assert_eq!(made.click[0].secret, read.click[0].secret);
        for entry in fs::read_dir(folder.path()).unwrap() {
            assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_password_is_made_once_and_read_only_by_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys").join("reader.key");
        let made = load_or_create_password(&path).unwrap();
        assert_eq!(made.len(), 2 * SECRET_BYTES);
        assert_eq!(load_or_create_password(&path).unwrap(), made);
        assert_ne!(load_or_create_password(&path.with_file_name("other.key")).unwrap(), made);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, " \n").unwrap();
        assert!(
            matches!(load_or_create_password(&path), Err(KeysError::Malformed { .. })),
            "never overwritten"
        );
    }

    #[test]
    fn a_rotated_key_is_accepted_under_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let before = Keys::load_or_create(folder.path()).unwrap();
        fs::rename(folder.path().join("click.key"), folder.path().join("click.previous.key")).unwrap();
        let after = Keys::load_or_create(folder.path()).unwrap();
        assert_eq!(after.click.iter().map(|it| it.number).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(after.click[1].secret, before.click[0].secret);
        assert_ne!(after.click[0].secret, before.click[0].secret);
    }

    #[test]
    fn a_damaged_key_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("click.key"), b"short").unwrap();
        assert!(matches!(Keys::load_or_create(folder.path()), Err(KeysError::Malformed { .. })));
    }
}
