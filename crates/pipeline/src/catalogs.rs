//! The catalog's versions as this process learns them from the folder every role of the machine reads.
//!
//! In: a folder and the newest number known. Out: parsed versions, ascending. Not here: deciding by them (`attribution`). Start at [`Catalogs::poll`].

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use catalog::Catalog;
use events::Event;
use journal::versions::{self, VersionsError};

/// Between two looks into the folder.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Why a version cannot be taken in. The partition stops: decisions by an older catalog than the log names would be wrong in silence.
#[derive(Debug, thiserror::Error)]
pub enum CatalogsError {
    /// The folder cannot be read.
    #[error("catalog versions cannot be read")]
    Folder(#[from] VersionsError),
    /// A version is not a catalog record, or its number is another.
    #[error("catalog version {number} is not a catalog: {reason}")]
    Unreadable {
        /// Its number.
        number: u32,
        /// What is wrong with it.
        reason: String,
    },
}

/// The reader of one partition.
#[derive(Debug)]
pub struct Catalogs {
    folder: PathBuf,
    newest: u32,
    looked_at: Option<Instant>,
}

impl Catalogs {
    /// Nothing is known yet.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder, newest: 0, looked_at: None }
    }

    /// The newest number given out.
    #[must_use]
    pub const fn newest(&self) -> u32 {
        self.newest
    }

    /// Versions that appeared since the last look; nothing within 200 ms of it.
    pub fn poll(&mut self) -> Result<Vec<Arc<Catalog>>, CatalogsError> {
        if self.looked_at.is_some_and(|it| it.elapsed() < LOOK_EVERY) {
            return Ok(Vec::new());
        }
        self.looked_at = Some(Instant::now());
        let mut catalogs = Vec::new();
        for (number, bytes) in versions::after(&self.folder, self.newest)? {
            catalogs.push(Arc::new(parse(number, &bytes)?));
            self.newest = number;
        }
        Ok(catalogs)
    }
}

fn parse(number: u32, bytes: &[u8]) -> Result<Catalog, CatalogsError> {
    let unreadable = |reason: String| CatalogsError::Unreadable { number, reason };
    match Event::decode(bytes) {
        Ok(Event::Catalog(record)) if record.version.0 == number => load(&record).map_err(unreadable),
        Ok(Event::Catalog(record)) => Err(unreadable(format!("it calls itself version {}", record.version))),
        Ok(_) => Err(unreadable("it is another kind of record".to_owned())),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

fn load(record: &events::CatalogRecord) -> Result<Catalog, String> {
    let loaded = catalog::load(&record.text, record.version, record.effective_at);
    loaded.map_err(|errors| errors.first().map_or_else(String::new, ToString::to_string))
}
