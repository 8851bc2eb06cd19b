//! The broker's jars: fetched once by Maven into the user's cache, used offline from there.
//!
//! In: `deploy/kafka-dev/pom.xml`. Out: a folder of jars. A kill at any moment leaves no half folder: it is renamed into place.
//! Not here: starting anything (`node`).

use std::{
    fs::{self, File},
    path::PathBuf,
};

use anyhow::{Context, Result};

use crate::host;

/// Compiled in, so that the cache is compared with what this build was tested with.
const POM: &str = include_str!("../../../../deploy/kafka-dev/pom.xml");

/// The folder with the jars of the version that the pom names.
pub(super) fn prepare() -> Result<PathBuf> {
    let cache = host::cache()?;
    let jars = cache.join(format!("kafka-{}", version()?));
    // Two test processes must not fetch at once; the lock ends with the process.
    let lock = File::create(cache.join("kafka.lock")).context("cannot create the cache's lock")?;
    lock.lock().context("cannot lock the cache")?;
    // A pom changed under the same version (one jar more) is a different set of jars.
    let is_current = fs::read_to_string(jars.join("pom.xml")).is_ok_and(|kept| kept == POM);
    if !is_current {
        fetch(&cache, &jars)?;
    }
    Ok(jars)
}

fn fetch(cache: &std::path::Path, jars: &std::path::Path) -> Result<()> {
    let fresh = tempfile::Builder::new().prefix("kafka-").tempdir_in(cache)?;
    let pom = fresh.path().join("pom.xml");
    fs::write(&pom, POM)?;
    let args = [
        "-q".to_owned(),
        "-B".to_owned(),
        "-f".to_owned(),
        pom.display().to_string(),
        "dependency:copy-dependencies".to_owned(),
        "-DincludeScope=runtime".to_owned(),
        format!("-DoutputDirectory={}", fresh.path().display()),
    ];
    host::run_quietly(
        "mvn",
        &args,
        "Kafka comes from its Maven artifacts, install Maven and a JDK 17 or newer",
    )
    .context("cannot fetch Kafka; it is needed once, later starts work offline")?;
    if jars.exists() {
        fs::remove_dir_all(jars)?;
    }
    fs::rename(fresh.keep(), jars).context("cannot move the jars into the cache")
}

fn version() -> Result<&'static str> {
    let (_, rest) =
        POM.split_once("<kafka.version>").context("deploy/kafka-dev/pom.xml names no kafka.version")?;
    let (version, _) = rest.split_once("</kafka.version>").context("kafka.version does not end")?;
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pom_names_a_current_major_version() {
        assert!(version().unwrap().starts_with("4."), "{:?}", version());
    }
}
