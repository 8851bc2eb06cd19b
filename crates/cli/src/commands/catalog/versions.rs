//! The next version of the catalog: compared with the newest one and put into the log.
//!
//! In: a parsed catalog and its text. Out: nothing if the text is that of the newest version, else one version more. Without Kafka the folder is
//! the log, with Kafka the topic is and the folder its copy. Two who apply at once get two versions, one after the other. Start at [`Store::apply`].

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, bail};
use catalog::{Catalog, History, diff};
use events::{CatalogRecord, Event};
use journal::versions::{self, VersionsError};
use units::{CatalogVersion, EpochMs};

use super::mirror::Mirror;
use crate::commands::place::Place;

/// How often somebody else may be faster before it is given up.
const TRIES_MAX: usize = 16;

/// Where versions lie.
#[derive(Debug)]
pub(in crate::commands) struct Store {
    folder: PathBuf,
    mirror: Option<Mirror>,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::commands) enum Applied {
    Unchanged { version: u32 },
    New { version: u32, effective_at: EpochMs, changes: Vec<String> },
}

impl Applied {
    /// The newest version, as it now is or would be.
    pub(in crate::commands) const fn version(&self) -> u32 {
        match self {
            Self::Unchanged { version } | Self::New { version, .. } => *version,
        }
    }
}

impl Store {
    /// Opens the log; with Kafka the folder is brought up to it first.
    pub(in crate::commands) fn open(place: Place<'_>) -> anyhow::Result<Self> {
        let folder = place.catalog();
        let mut mirror = Mirror::open(place)?;
        if let Some(mirror) = &mut mirror {
            mirror.catch_up().context("the topic of catalog versions cannot be read; is Kafka there?")?;
        }
        Ok(Self { folder, mirror })
    }

    /// Every version, ascending.
    pub(in crate::commands) fn all(&self) -> anyhow::Result<Vec<CatalogRecord>> {
        versions::after(&self.folder, 0)?.into_iter().map(|(number, bytes)| record(number, &bytes)).collect()
    }

    /// The newest version, if there is one.
    pub(in crate::commands) fn newest(&self) -> anyhow::Result<Option<CatalogRecord>> {
        let number = versions::newest(&self.folder)?;
        let values = versions::after(&self.folder, number.saturating_sub(1))?;
        values.last().map(|(number, bytes)| record(*number, bytes)).transpose()
    }

    /// Makes `catalog` the next version unless the newest one has the same text (and, where one is `given`, the same time).
    pub(in crate::commands) fn apply(
        &mut self,
        catalog: &Catalog,
        text: &str,
        given: Option<EpochMs>,
        now: EpochMs,
        dry_run: bool,
    ) -> anyhow::Result<Applied> {
        for _ in 0..TRIES_MAX {
            let newest = self.newest()?;
            if let Some(newest) = &newest
                && *newest.text == *text
                && given.is_none_or(|it| it == newest.effective_at)
            {
                return Ok(Applied::Unchanged { version: newest.version.0 });
            }
            let version = newest.as_ref().map_or(0, |it| it.version.0) + 1;
            let effective_at = given.unwrap_or(if newest.is_some() { now } else { EpochMs(0) });
            self.check_reporting(&Catalog { effective_at, ..catalog.clone() })?;
            let changes = changes(newest.as_ref(), catalog, effective_at);
            let next = CatalogRecord {
                version: CatalogVersion(version),
                effective_at,
                applied_at: now,
                text: text.into(),
            };
            if dry_run || self.append(next)? {
                return Ok(Applied::New { version, effective_at, changes });
            }
        }
        bail!("somebody else made {TRIES_MAX} versions meanwhile; try again")
    }

    /// Orders of two reporting currencies would stand in one sum of a rollup.
    fn check_reporting(&self, next: &Catalog) -> anyhow::Result<()> {
        let Some(currency) = next.reporting_currency else { return Ok(()) };
        let mut history = History::default();
        for it in self.all()? {
            // What this build cannot read decides nothing here.
            if let Ok(catalog) = catalog::load(&it.text, it.version, it.effective_at) {
                history.insert(Arc::new(catalog));
            }
        }
        let Some(other) = history.other_reporting(next) else { return Ok(()) };
        let known = other.reporting_currency.map_or_else(String::new, |it| it.to_string());
        bail!(
            "reporting_currency_changed: by version {} orders from {} on are told in {known}, and these would be in {currency}: they do not add up. \
             Keep reporting_currency = \"{known}\", or tell all orders anew with --effective-at 1970-01-01T00:00:00Z and the rates into {currency}",
            other.version,
            other.effective_at,
        );
    }

    /// `false`: somebody else has made this version.
    fn append(&mut self, next: CatalogRecord) -> anyhow::Result<bool> {
        let number = next.version.0;
        let mut bytes = Vec::new();
        next.encode(&mut bytes).context("the catalog is too large")?;
        if let Some(mirror) = &mut self.mirror {
            mirror.publish(number, &bytes)?;
            mirror.catch_up()?;
            // The first record of a number counts; which one that is, the topic says.
            let kept = versions::after(&self.folder, number - 1)?;
            return Ok(kept.first().is_some_and(|(_, kept)| *kept == bytes));
        }
        match versions::append(&self.folder, number, &bytes) {
            Ok(()) => Ok(true),
            Err(VersionsError::Exists { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// What `catalog` changes of `newest`, a line each.
pub(super) fn changes(
    newest: Option<&CatalogRecord>,
    catalog: &Catalog,
    effective_at: EpochMs,
) -> Vec<String> {
    let catalog = Catalog { effective_at, ..catalog.clone() };
    let Some(newest) = newest else {
        return diff(&Catalog { effective_at, ..Catalog::default() }, &catalog);
    };
    let old = catalog::load(&newest.text, newest.version, newest.effective_at);
    match old {
        Ok(old) => {
            let lines = diff(&old, &catalog);
            // Comments and order may differ without any row doing so.
            let only_time = lines.iter().all(|it| it.starts_with("catalog: effective at"));
            let text = only_time.then(|| "catalog: comments, order or time only".to_owned());
            lines.into_iter().chain(text).collect()
        }
        Err(_) => vec![format!("version {} cannot be read by this build: everything is new", newest.version)],
    }
}

fn record(number: u32, bytes: &[u8]) -> anyhow::Result<CatalogRecord> {
    match Event::decode(bytes) {
        Ok(Event::Catalog(record)) => Ok(record),
        Ok(_) => bail!("catalog version {number} is another kind of record"),
        Err(error) => Err(error).with_context(|| format!("catalog version {number} cannot be read")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(text: &str) -> Catalog {
        catalog::parse(&[("c.toml", text)]).unwrap()
    }

    const SHOP: &str = "[[advertiser]]\nid = 1\nname = \"Tea\"\n";

    #[test]
    fn the_same_text_makes_no_version_and_another_makes_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store { folder: folder.path().join("catalog"), mirror: None };
        let mut apply =
            |text: &str, given, now| store.apply(&catalog(text), text, given, EpochMs(now), false).unwrap();
        let Applied::New { version: 1, effective_at: EpochMs(0), changes } = apply(SHOP, None, 500) else {
            panic!("the first version holds from the beginning");
        };
        assert!(changes.iter().any(|it| it == "advertiser 1: new"), "{changes:?}");
        assert_eq!(apply(SHOP, None, 600), Applied::Unchanged { version: 1 });

        let coffee = SHOP.replace("Tea", "Coffee");
        let Applied::New { version: 2, effective_at: EpochMs(700), changes } = apply(&coffee, None, 700)
        else {
            panic!("a later version holds from now on");
        };
        assert!(changes.iter().any(|it| it == "advertiser 1: name Tea -> Coffee"), "{changes:?}");
        let earlier = apply(&coffee, Some(EpochMs(100)), 800);
        assert!(
            matches!(earlier, Applied::New { version: 3, effective_at: EpochMs(100), .. }),
            "{earlier:?}"
        );
    }

    #[test]
    fn another_reporting_currency_is_refused_unless_all_orders_are_told_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store { folder: folder.path().join("catalog"), mirror: None };
        let told = |code: &str| format!("reporting_currency = \"{code}\"\n{SHOP}");
        let mut apply = |text: &str, given, is_dry| {
            store.apply(&catalog(text), text, given, EpochMs(700), is_dry).map_err(|it| it.to_string())
        };
        assert!(apply(&told("EUR"), None, false).is_ok());
        for is_dry in [true, false] {
            let error = apply(&told("USD"), None, is_dry).unwrap_err();
            assert!(error.starts_with("reporting_currency_changed: by version 1"), "{error}");
        }
        assert!(apply(SHOP, None, false).is_ok(), "none is no other one");
        assert!(apply(&told("USD"), None, false).is_err(), "version 1 still told orders in euros");
        assert!(apply(&told("USD"), Some(EpochMs(0)), false).is_ok());
        assert!(apply(&told("USD").replace("Tea", "Coffee"), None, false).is_ok());
    }

    #[test]
    fn whoever_comes_second_gets_the_version_behind() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store { folder: folder.path().join("catalog"), mirror: None };
        let made = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..4)
                .map(|who| {
                    let mut store = Store { folder: store.folder.clone(), mirror: None };
                    scope.spawn(move || {
                        let text = SHOP.replace("Tea", &format!("Tea {who}"));
                        store.apply(&catalog(&text), &text, None, EpochMs(9), false).unwrap()
                    })
                })
                .collect();
            tries.into_iter().map(|it| it.join().unwrap()).collect::<Vec<_>>()
        });
        let mut numbers: Vec<u32> = made
            .iter()
            .map(|it| match it {
                Applied::New { version, .. } | Applied::Unchanged { version } => *version,
            })
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2, 3, 4]);
        assert_eq!(store.all().unwrap().len(), 4);
        let dry = store.apply(&catalog(SHOP), SHOP, None, EpochMs(10), true).unwrap();
        assert!(matches!(dry, Applied::New { version: 5, .. }));
        assert_eq!(store.all().unwrap().len(), 4, "a dry run changes nothing");
    }
}
