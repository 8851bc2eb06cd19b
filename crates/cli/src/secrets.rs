//! Secrets that the first start makes: the passwords of the embedded engine. The keys of click ids and cookies are `edge::keys`'.
//!
//! In: the data folder. Out: the same secret at every later start. A file is made whole, readable by its owner only, and never overwritten.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// Random bytes of a secret: 256 bits.
const SECRET_BYTES: usize = 32;

/// The secret in `data/keys/NAME.key`, made if it is not there: 64 hexadecimal digits.
pub(crate) fn keep(data: &Path, name: &str) -> anyhow::Result<String> {
    let folder = data.join("keys");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join(format!("{name}.key"));
    if let Some(secret) = read(&path)? {
        return Ok(secret);
    }
    make(&path)?;
    // Whoever made it first, this process or another, all read the same file.
    read(&path)?.with_context(|| {
        format!(
            "{} is empty: remove it, and every id signed under it is refused from then on",
            path.display()
        )
    })
}

fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|it| !it.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn make(path: &PathBuf) -> anyhow::Result<()> {
    let mut bytes = [0_u8; SECRET_BYTES];
    getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
    let hex: String = bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|it| char::from_digit(it.into(), 16))
        .collect();
    let temporary = path.with_extension(format!("{}.new", std::process::id()));
    let write = || -> io::Result<()> {
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(hex.as_bytes())?;
        file.sync_all()?;
        match fs::hard_link(&temporary, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => fs::remove_file(&temporary),
        }
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_reads_it() {
        let data = tempfile::tempdir().unwrap();
        let first = keep(data.path(), "click").unwrap();
        assert_eq!(first.len(), 2 * SECRET_BYTES);
        assert_eq!(keep(data.path(), "click").unwrap(), first);
        assert_ne!(keep(data.path(), "other").unwrap(), first);
        let mode = fs::metadata(data.path().join("keys/click.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
