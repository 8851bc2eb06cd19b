//! `tributary replay`: what another catalog would have made of the orders since some date, partner by partner, and, without `--dry-run`, that catalog in force.
//!
//! In: a catalog, a date, the facts in `ClickHouse`. Out: a table of who would have won and lost what; then the version, as `catalog apply` makes it.
//! The orders are decided by the machines of the pipeline themselves, beside it, in one folder that is thrown away. Not here: feeding them
//! (`facts`), the sums (`compare`). Start at [`ReplayFlags`].

mod compare;
mod facts;
mod outcome;

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde_json::json;
use units::{CatalogVersion, EpochMs};

use self::{compare::Compared, facts::Facts};
use super::{
    Common,
    catalog::{self as command, Applied, Files, Restart, Store},
    place::Place,
};
use crate::{clock, output::Output, settings::Settings};

/// From when on, and how. The catalog is the setting of that name.
#[derive(Debug, Args)]
pub(crate) struct ReplayFlags {
    /// From when on the catalog would hold: a day in UTC, or a time with its zone
    #[arg(long, value_name = "DATE", value_parser = date)]
    from: EpochMs,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    common: Common,
}

impl ReplayFlags {
    /// `false`: the catalog has errors.
    pub(super) fn run(&self) -> anyhow::Result<bool> {
        let (settings, output) = (self.common.settings()?, self.common.output());
        let path = settings.optional("catalog").map(Path::new);
        let path = path.context("which catalog? give --catalog FILE, or the setting `catalog`")?;
        let files = Files::read(path)?;
        if let Err(errors) = files.parse() {
            command::report(&errors, output);
            return Ok(false);
        }
        let mut store = Store::open(Place::new(&settings))?;
        self.compare(&settings, &store, &files, output)?;
        if self.dry_run {
            output.say("nothing was changed: this was a dry run");
            return Ok(true);
        }
        let Ok(catalog) = files.parse() else { bail!("{} was changed meanwhile", path.display()) };
        let applied = store.apply(&catalog, &files.merged(), Some(self.from), clock::now(), false)?;
        let restart = Restart::noted(&settings, path, &files, applied.version())?;
        match applied {
            Applied::Unchanged { version } => {
                output.say(&format!("version {version} says the same from the same time: nothing to do"));
                output.event(&json!({"event": "unchanged", "version": version}));
            }
            Applied::New { version, effective_at, changes } => {
                output.say(&format!(
                    "version {version} holds from {effective_at}; running pipelines decide these orders anew"
                ));
                output.event(&json!({
                    "event": "applied", "version": version, "effective_at": effective_at.to_string(), "changes": changes,
                    "restart": restart.event,
                }));
            }
        }
        restart.say(output);
        Ok(true)
    }

    fn compare(
        &self,
        settings: &Settings,
        store: &Store,
        files: &Files,
        output: Output,
    ) -> anyhow::Result<()> {
        let mut versions = Vec::new();
        for it in store.all()? {
            let loaded = catalog::load(&it.text, it.version, it.effective_at);
            let Ok(catalog) = loaded else {
                bail!("version {} of the catalog cannot be read by this build", it.version);
            };
            versions.push(catalog);
        }
        ensure!(
            !versions.is_empty(),
            "no version of the catalog is in force yet: tributary catalog apply FILE puts the first one in force"
        );
        let number = CatalogVersion(versions.last().map_or(0, |it| it.version.0) + 1);
        let Ok(next) = catalog::load(&files.merged(), number, self.from) else {
            bail!("the catalog cannot be read back from the text that would be logged");
        };
        let mut compared = Compared::new(self.from);
        Facts::new(settings, output, self.from).decide_twice(versions, next.clone(), &mut compared)?;
        compared.show(&next, output);
        Ok(())
    }
}

/// A day begins in UTC, as days of a program without a zone do.
pub(super) fn date(text: &str) -> anyhow::Result<EpochMs> {
    let day = text.parse::<jiff::civil::Date>();
    let is_day = text.len() == "2026-01-31".len();
    let Some(day) = day.ok().filter(|_| is_day) else { return command::instant(text) };
    let at = day.to_zoned(jiff::tz::TimeZone::UTC).context("a day such as 2026-01-31 is wanted")?;
    let ms = u64::try_from(at.timestamp().as_millisecond()).context("days begin in 1970")?;
    Ok(EpochMs(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_in_utc_and_a_time_needs_its_zone() {
        assert_eq!(date("2026-01-31").unwrap(), EpochMs(1_769_817_600_000));
        assert_eq!(date("2026-01-31T01:00:00+01:00").unwrap(), EpochMs(1_769_817_600_000));
        for wrong in ["2026-01-31T01:00:00", "2026-02-30", "yesterday", "1969-12-31", ""] {
            assert!(date(wrong).is_err(), "{wrong}");
        }
    }
}
