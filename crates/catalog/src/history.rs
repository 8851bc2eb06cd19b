//! All versions of the catalog, and which one is in force at an instant.

use std::sync::Arc;

use units::{CatalogVersion, EpochMs};

use crate::model::Catalog;

/// Every version read so far: a set that only grows. A later version with an earlier `effective_at` changes the past.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Invariant: ascending by version, each version once.
    versions: Vec<Arc<Catalog>>,
}

impl History {
    /// Adds a version; `false` when it was there already.
    pub fn insert(&mut self, catalog: Arc<Catalog>) -> bool {
        match self.versions.binary_search_by_key(&catalog.version, |it| it.version) {
            Ok(_) => false,
            Err(index) => {
                self.versions.insert(index, catalog);
                debug_assert!(self.versions.is_sorted_by_key(|it| it.version));
                true
            }
        }
    }

    /// The highest version among those effective at `at`.
    #[must_use]
    pub fn at(&self, at: EpochMs) -> Option<&Arc<Catalog>> {
        self.versions.iter().rev().find(|it| it.effective_at <= at)
    }

    /// One version by its number.
    #[must_use]
    pub fn version(&self, version: CatalogVersion) -> Option<&Arc<Catalog>> {
        let index = self.versions.binary_search_by_key(&version, |it| it.version).ok()?;
        self.versions.get(index)
    }

    /// The newest version, in force or not.
    #[must_use]
    pub fn newest(&self) -> Option<&Arc<Catalog>> {
        self.versions.last()
    }

    /// Ascending by version.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Catalog>> {
        self.versions.iter()
    }

    /// The longest window of any version: how far back a timeline is asked.
    #[must_use]
    pub fn longest_window_ms(&self) -> u64 {
        self.versions.iter().map(|it| it.longest_window_ms()).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(version: u32, effective_at: u64) -> Arc<Catalog> {
        Arc::new(Catalog {
            version: CatalogVersion(version),
            effective_at: EpochMs(effective_at),
            ..Catalog::default()
        })
    }

    #[test]
    fn the_highest_version_in_force_answers_in_any_order_of_arrival() {
        let mut history = History::default();
        for (number, effective_at) in [(3, 50), (1, 10), (2, 100), (3, 50)] {
            history.insert(version(number, effective_at));
        }
        let at = |ms| history.at(EpochMs(ms)).map(|it| it.version.0);
        assert_eq!(
            [at(9), at(10), at(49), at(50), at(100), at(u64::MAX)],
            [None, Some(1), Some(1), Some(3), Some(3), Some(3)]
        );
        assert_eq!(history.iter().count(), 3);
    }
}
