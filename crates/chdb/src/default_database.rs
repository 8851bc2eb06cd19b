//! Makes the database `default` a plain one.
//!
//! The embedded engine's own `default` is an overlay that shows every readable file of the machine as a table
//! (``SELECT * FROM `/etc/passwd` ``), to every user and past `readonly`. It cannot be switched off, so it is replaced at each
//! start; its tables stay where they are. In: the data directory, before and after the first connection. Start at [`replace`].

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{error::EngineError, ffi::Connection};

/// The file that says which database `default` is; written by [`replace`] at the first start.
fn definition(data: &Path) -> PathBuf {
    data.join("metadata").join("default.sql")
}

/// The link to the folder of its tables' definitions; the engine makes it with the first table.
fn link(data: &Path) -> PathBuf {
    data.join("metadata").join("default")
}

/// Before the first connection: lets the overlay find the identity of the plain database even if that has no table yet.
/// Without the link the overlay takes a new identity, and attaching the old one fails (26.7.3).
pub(crate) fn prepare(data: &Path) -> io::Result<()> {
    let definition = match fs::read_to_string(definition(data)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read?,
    };
    if fs::symlink_metadata(link(data)).is_ok() {
        return Ok(());
    }
    let uuid = definition.split('\'').nth(1).unwrap_or_default();
    let Some(prefix) = uuid.get(..3) else { return Ok(()) };
    std::os::unix::fs::symlink(Path::new("../store").join(prefix).join(uuid), link(data))
}

/// After the first connection: puts the plain database in the overlay's place.
pub(crate) fn replace(connection: &mut Connection, data: &Path) -> Result<(), EngineError> {
    let known = definition(data).exists();
    // Tables without a definition: written by an engine that nobody has ever done this to.
    let orphan = fs::read_link(link(data)).ok();
    let uuid = orphan.as_ref().and_then(|target| target.file_name()).and_then(|name| name.to_str());
    let again = match uuid {
        _ if known => "ATTACH DATABASE default".to_owned(),
        Some(uuid) => format!("ATTACH DATABASE default UUID '{uuid}' ENGINE = Atomic"),
        None => "CREATE DATABASE default ENGINE = Atomic".to_owned(),
    };
    for statement in ["DETACH DATABASE default", again.as_str(), "USE default"] {
        connection.query(statement.as_bytes(), "Null", &[])?;
    }
    Ok(())
}
