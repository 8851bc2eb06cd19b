//! Numbered values in a folder: the catalog's versions on one machine.
//!
//! In: a number and its bytes. Out: all values after a number, ascending. A value appears whole or not at all, is never replaced, and numbers
//! are dense from 1, so that every process of the machine (edges, pipeline, warehouse) reads the same versions. Not here: what a value means.
//! With Kafka the topic is the truth and this folder its local copy, so that an edge starts while the broker is down.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

/// The largest value: the catalog's 16 MiB and its envelope.
pub const VALUE_BYTES_MAX: u64 = 17 * 1024 * 1024;

static CALLS: AtomicU32 = AtomicU32::new(0);

/// Why a value was not stored or read.
#[derive(Debug, thiserror::Error)]
pub enum VersionsError {
    /// Somebody else stored this number first: read it and try the next.
    #[error("version {number} exists already")]
    Exists {
        /// The number.
        number: u32,
    },
    /// Numbers are dense: the one before it is missing.
    #[error("version {number} would leave a gap behind version {newest}")]
    Gap {
        /// The number.
        number: u32,
        /// The newest there is.
        newest: u32,
    },
    /// Longer than [`VALUE_BYTES_MAX`].
    #[error("version {number} has {bytes} bytes, at most {VALUE_BYTES_MAX} are allowed")]
    TooLarge {
        /// The number.
        number: u32,
        /// Its size.
        bytes: u64,
    },
    /// The file system said no.
    #[error("cannot use {path}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> VersionsError {
    let path = path.to_owned();
    move |source| VersionsError::Io { path, source }
}

fn file_name(number: u32) -> String {
    format!("v{number:010}")
}

fn number_of(name: &str) -> Option<u32> {
    let digits = name.strip_prefix('v')?;
    if digits.len() == 10 { digits.parse().ok() } else { None }
}

/// The newest number stored; 0 for none, also where the folder does not exist yet.
pub fn newest(folder: &Path) -> Result<u32, VersionsError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(failed(folder)(error)),
    };
    let mut newest = 0;
    for entry in entries {
        let name = entry.map_err(failed(folder))?.file_name();
        newest = newest.max(name.to_str().and_then(number_of).unwrap_or(0));
    }
    Ok(newest)
}

/// Stores a value under the next number. Durable when it returns; a kill in between leaves nothing, or the whole value.
pub fn append(folder: &Path, number: u32, value: &[u8]) -> Result<(), VersionsError> {
    let bytes = value.len() as u64;
    if bytes > VALUE_BYTES_MAX {
        return Err(VersionsError::TooLarge { number, bytes });
    }
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let newest = newest(folder)?;
    if number <= newest {
        return Err(VersionsError::Exists { number });
    }
    if number != newest + 1 {
        return Err(VersionsError::Gap { number, newest });
    }
    // The name of the temporary file is this call's own, so that two writers never share one.
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!(".{}.{}.{call}", file_name(number), std::process::id()));
    let path = folder.join(file_name(number));
    // A catalog holds the shops' secrets: nobody but its owner reads it.
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(failed(&temporary))?;
    file.write_all(value).and_then(|()| file.sync_all()).map_err(failed(&temporary))?;
    // A hard link refuses an existing name; a rename would replace it.
    let linked = fs::hard_link(&temporary, &path);
    fs::remove_file(&temporary).map_err(failed(&temporary))?;
    match linked {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(VersionsError::Exists { number });
        }
        Err(error) => return Err(failed(&path)(error)),
    }
    fs::File::open(folder).and_then(|it| it.sync_all()).map_err(failed(folder))
}

/// Every value with a number above `after`, ascending. Cheap when there is none: one look into the folder.
pub fn after(folder: &Path, after: u32) -> Result<Vec<(u32, Vec<u8>)>, VersionsError> {
    let newest = newest(folder)?;
    let mut values = Vec::new();
    for number in after.saturating_add(1)..=newest {
        let path = folder.join(file_name(number));
        let bytes = fs::metadata(&path).map_err(failed(&path))?.len();
        if bytes > VALUE_BYTES_MAX {
            return Err(VersionsError::TooLarge { number, bytes });
        }
        values.push((number, fs::read(&path).map_err(failed(&path))?));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn values_are_numbered_whole_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("catalog");
        assert_eq!(newest(&folder).unwrap(), 0);
        assert!(after(&folder, 0).unwrap().is_empty());

        append(&folder, 1, b"one").unwrap();
        append(&folder, 2, b"two").unwrap();
        assert!(matches!(append(&folder, 2, b"other"), Err(VersionsError::Exists { number: 2 })));
        assert!(matches!(append(&folder, 4, b"four"), Err(VersionsError::Gap { number: 4, newest: 2 })));
        assert_eq!(after(&folder, 0).unwrap(), [(1, b"one".to_vec()), (2, b"two".to_vec())]);
        assert_eq!(after(&folder, 1).unwrap(), [(2, b"two".to_vec())]);
        assert!(after(&folder, 2).unwrap().is_empty());
        let mode = fs::metadata(folder.join("v0000000001")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "a catalog holds secrets");
    }

    #[test]
    fn what_a_killed_writer_left_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".v0000000001.77"), b"hal").unwrap();
        fs::write(folder.path().join("notes.txt"), b"").unwrap();
        assert_eq!(newest(folder.path()).unwrap(), 0);
        append(folder.path(), 1, b"whole").unwrap();
        assert_eq!(after(folder.path(), 0).unwrap(), [(1, b"whole".to_vec())]);
    }

    #[test]
    fn two_writers_of_one_number_do_not_both_succeed() {
        let folder = tempfile::tempdir().unwrap();
        let stored: usize = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..4)
                .map(|who| {
                    let path = folder.path();
                    scope.spawn(move || append(path, 1, format!("writer {who}").as_bytes()).is_ok())
                })
                .collect();
            tries.into_iter().map(|it| usize::from(it.join().unwrap())).sum()
        });
        assert_eq!(stored, 1);
    }
}
