//! Follows the catalog's folder and puts each version into force.
//!
//! In: numbered values of `<data>/catalog`. Out: [`Routes`] swapped whole. Runs on a thread of its own, since building a million links takes a
//! while. A version that cannot be read changes nothing and is counted (fault 34); the folder itself is the last snapshot, so that an edge starts
//! without anybody else (fault 35). Start at [`Follower::step`].

use std::{path::PathBuf, sync::Arc};

use catalog::History;
use events::Event;
use journal::versions;
use units::{CatalogVersion, EpochMs};

use crate::{routes::Routes, worker::Shared};

/// Between two looks into the folder.
pub(crate) const POLL_MS: u64 = 200;

/// Reads versions in their order.
#[derive(Debug)]
pub(crate) struct Follower {
    folder: PathBuf,
    history: History,
    /// The last number read, well or not.
    read: u32,
    in_force: Option<CatalogVersion>,
    /// Versions that could not be read.
    pub(crate) broken: u64,
}

/// Why a version is not taken.
#[derive(Debug, thiserror::Error)]
enum VersionError {
    #[error("not a catalog record: {0}")]
    Record(#[from] events::DecodeError),
    #[error("a record of another kind")]
    OtherKind,
    #[error("file {file} holds version {version}")]
    OtherNumber { file: u32, version: u32 },
    #[error("{errors} errors in its text")]
    Text { errors: usize },
}

impl Follower {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, history: History::default(), read: 0, in_force: None, broken: 0 }
    }

    /// Versions read well.
    pub(crate) fn applied(&self) -> u64 {
        self.history.iter().count() as u64
    }

    /// Reads what is new and puts into force what holds at `now`: a version may be logged ahead of its time.
    pub(crate) fn step(&mut self, shared: &Shared, now: EpochMs) {
        match versions::after(&self.folder, self.read) {
            Ok(found) => found.iter().for_each(|(number, bytes)| self.take(*number, bytes)),
            Err(error) => tracing::warn!(%error, "catalog folder not readable"),
        }
        let Some(catalog) = self.history.at(now) else { return };
        if self.in_force != Some(catalog.version) {
            self.in_force = Some(catalog.version);
            tracing::info!(version = catalog.version.0, links = catalog.links.len(), "catalog in force");
            shared.routes.store(Some(Arc::new(Routes::new(Arc::clone(catalog)))));
        }
    }

    fn take(&mut self, number: u32, bytes: &[u8]) {
        self.read = number;
        match parse(number, bytes) {
            Ok(catalog) => {
                self.history.insert(Arc::new(catalog));
            }
            Err(error) => {
                self.broken += 1;
                tracing::error!(number, %error, "catalog version not readable, the one before stays in force");
            }
        }
    }
}

fn parse(number: u32, bytes: &[u8]) -> Result<catalog::Catalog, VersionError> {
    let Event::Catalog(record) = Event::decode(bytes)? else { return Err(VersionError::OtherKind) };
    if record.version.0 != number {
        return Err(VersionError::OtherNumber { file: number, version: record.version.0 });
    }
    catalog::load(&record.text, record.version, record.effective_at)
        .map_err(|errors| VersionError::Text { errors: errors.len() })
}
