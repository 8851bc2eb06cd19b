//! `tributary catalog`: check a catalog, compare it, put a version in force, list the versions there are, say what holds between an offer and a partner.
//!
//! In: TOML files. Out: every error in them with its place and what to do; or the next version in the log. A file with an error changes nothing.
//! Not here: what is an error (`catalog`), reading the files (`files`), the log (`versions`, `mirror`),
//! what is explained (`explain`), which catalog holds when `up` starts (`start`). Start at [`CatalogCommand`].

mod diff;
mod explain;
mod files;
mod mirror;
mod start;
mod taken;
mod versions;

pub(super) use self::{
    files::{Files, report},
    start::Restart,
    versions::{Applied, Store},
};
pub(crate) use self::{
    mirror::Mirror,
    start::{Choice, at_start},
};

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use catalog::Catalog;
use clap::Subcommand;
use journal::{
    PollError, SinkError,
    kafka::{KafkaError, topics::TopicError},
};
use serde_json::json;
use units::EpochMs;

use super::{Common, only_where, place::Place};
use crate::{clock, output::Output, settings::Settings};

/// What to do with the catalog.
#[derive(Debug, Subcommand)]
pub(crate) enum CatalogCommand {
    /// Show every error in a catalog, with file, line and what to do; changes nothing
    #[command(
        mut_args(only_where),
        after_help = "Examples:\n  tributary catalog check catalog.toml\n  tributary catalog check catalog.d --json\n  \
        tributary catalog check --config tributary.toml\n\n\
        Without a path, what the setting `catalog` names is checked. Each error is one line: FILE:LINE: CODE: what is wrong; what to do. Exit status 1 if there is any."
    )]
    Check {
        /// A file, or a folder whose *.toml files are read together
        #[arg(value_name = "FILE|DIR", required_unless_present = "config")]
        path: Option<PathBuf>,
        #[command(flatten)]
        common: Common,
    },
    /// Make a catalog the next version in the log; all roles take it up by themselves
    #[command(
        mut_args(only_where),
        after_help = "Examples:\n  tributary catalog apply catalog.toml --dry-run\n  tributary catalog apply catalog.toml --config tributary.toml\n  \
        tributary catalog apply catalog.toml --effective-at 2026-01-01T00:00:00+01:00\n\n\
        An order is decided by the version in force at the order's time. Without --effective-at and without effective_at in the files, the first \
        version holds from the beginning of time and every later one from now on; an earlier time decides the orders since then anew.\n\
        A restart of `tributary up` keeps the version for as long as the file that `up` starts with does not change."
    )]
    Apply {
        /// A file, or a folder whose *.toml files are read together
        #[arg(value_name = "FILE|DIR")]
        path: PathBuf,
        /// From when on it holds (RFC 3339); stands over the time in the files
        #[arg(long, value_name = "TIME", value_parser = instant)]
        effective_at: Option<EpochMs>,
        /// Show what would change and end
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Show what a catalog file would change of the newest version; changes nothing
    #[command(
        mut_args(only_where),
        after_help = "Examples:\n  tributary catalog diff catalog.toml\n  tributary catalog diff --config tributary.toml --json\n\n\
        Without a path, what the setting `catalog` names is compared. `A -> B` is from the newest version to the file; secrets are never shown. \
        Exit status 0 if they say the same, 1 if not."
    )]
    Diff {
        /// A file, or a folder whose *.toml files are read together
        #[arg(value_name = "FILE|DIR", required_unless_present = "config")]
        path: Option<PathBuf>,
        #[command(flatten)]
        common: Common,
    },
    /// List the versions in the log
    #[command(
        mut_args(only_where),
        after_help = "Examples:\n  tributary catalog list --config tributary.toml\n  tributary catalog list --data tributary-data --json"
    )]
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Say what holds between an offer and a partner: each rule and where it comes from, what is weighed, coupons and links
    #[command(
        mut_args(only_where),
        after_help = "Examples:\n  tributary catalog explain 10 102\n  tributary catalog explain 10 102 --config tributary.toml --at 2026-01-31T12:00:00+01:00\n  \
        tributary catalog explain 10 102 --json\n\n\
        Each rule comes from the most specific level that says it: an [[override]] for the partner, one for its type, the [[offer]], built in.\n\
        An order is decided by the version in force at the order's time, so an old order needs --at. Exit status 1 with one of the codes \
        no_version, unreadable_version, unknown_offer, unknown_partner where there is nothing to explain."
    )]
    Explain {
        /// The offer's number
        #[arg(value_name = "OFFER")]
        offer: u32,
        /// The partner's number
        #[arg(value_name = "PARTNER")]
        partner: u32,
        /// By the version in force then (RFC 3339); now, if it is not given
        #[arg(long, value_name = "TIME", value_parser = instant)]
        at: Option<EpochMs>,
        #[command(flatten)]
        common: Common,
    },
}

impl CatalogCommand {
    /// `false`: there are errors.
    pub(super) fn run(self) -> anyhow::Result<bool> {
        match self {
            Self::Check { path, common } => {
                let settings = common.settings()?;
                let path = path.or_else(|| settings.optional("catalog").map(PathBuf::from));
                check(&path.context("the settings name no `catalog`: give its path")?, common.output())
            }
            Self::Apply { path, effective_at, dry_run, common } => {
                let (settings, output) = (common.settings()?, common.output());
                apply(&settings, &path, effective_at, dry_run, output)
            }
            Self::Diff { path, common } => {
                let settings = common.settings()?;
                let path = path.or_else(|| settings.optional("catalog").map(PathBuf::from));
                let path = path.context("the settings name no `catalog`: give its path")?;
                diff::run(&settings, &path, common.output())
            }
            Self::List { common } => list(&common.settings()?, common.output()),
            Self::Explain { offer, partner, at, common } => {
                let (settings, output) = (common.settings()?, common.output());
                explain::run(&settings, [offer, partner], at.unwrap_or_else(clock::now), output)
            }
        }
    }
}

fn is_kafka(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<KafkaError>() || error.is::<TopicError>() || error.is::<SinkError>() || error.is::<PollError>()
}

fn check(path: &Path, output: Output) -> anyhow::Result<bool> {
    let files = Files::read(path)?;
    let catalog = match files.parse() {
        Ok(catalog) => catalog,
        Err(errors) => {
            files::report(&errors, output);
            return Ok(false);
        }
    };
    let counts = [
        ("advertisers", catalog.advertisers.len()),
        ("offers", catalog.offers.len()),
        ("partners", catalog.partners.len()),
        ("links", catalog.links.len()),
        ("coupons", catalog.coupons.len()),
        ("overrides", catalog.overrides.values().map(catalog::Overrides::len).sum()),
        ("dialects", catalog.dialects.len()),
        ("aliases", catalog.dialects.values().map(|it| it.aliases.iter().count()).sum()),
    ];
    output.say(&format!("{}: no errors", path.display()));
    if output == Output::People {
        output
            .table(&["what", "rows"], &counts.map(|(name, count)| vec![name.to_owned(), count.to_string()]));
    }
    let counts: serde_json::Map<_, _> =
        counts.into_iter().map(|(name, count)| (name.to_owned(), json!(count))).collect();
    let hints = catalog::hints(&catalog);
    for hint in &hints {
        output.say(&format!("hint: {hint}"));
        output.event(&json!({
            "event": "hint", "code": hint.code.as_str(), "subject": hint.subject, "message": hint.message, "advice": hint.advice,
        }));
    }
    output.event(&json!({"event": "checked", "errors": 0, "hints": hints.len(), "rows": counts}));
    Ok(true)
}

fn apply(
    settings: &Settings,
    path: &Path,
    effective_at: Option<EpochMs>,
    dry_run: bool,
    output: Output,
) -> anyhow::Result<bool> {
    let files = Files::read(path)?;
    let catalog = match files.parse() {
        Ok(catalog) => catalog,
        Err(errors) => {
            files::report(&errors, output);
            return Ok(false);
        }
    };
    let mut store = Store::open(Place::new(settings))?;
    let given = effective_at.or_else(|| own_time(&catalog));
    let applied = store.apply(&catalog, &files.merged(), given, clock::now(), dry_run)?;
    let restart =
        if dry_run { None } else { Some(Restart::noted(settings, path, &files, applied.version())?) };
    tell(&applied, dry_run, restart.as_ref(), output);
    Ok(true)
}

/// A text without a time of its own says "from the beginning", which only a first version can mean.
fn own_time(catalog: &Catalog) -> Option<EpochMs> {
    Some(catalog.effective_at).filter(|it| *it != EpochMs(0))
}

fn tell(applied: &Applied, dry_run: bool, restart: Option<&Restart>, output: Output) {
    match applied {
        Applied::Unchanged { version } => {
            output.say(&format!("version {version} says the same: nothing to do"));
            output.event(&json!({"event": "unchanged", "version": version}));
        }
        Applied::New { version, effective_at, changes } => {
            for line in changes {
                output.text(line);
            }
            // They look for a new version several times a second (`edge::snapshots`, `pipeline::catalogs`).
            let (verb, taken) = if dry_run {
                ("would hold", "")
            } else {
                ("holds", "; running edges and pipelines take it within a second")
            };
            let (since, count) = (since(*effective_at), changes.len());
            output.say(&format!("version {version} {verb} {since}, {count} changes{taken}"));
            output.event(&json!({
                "event": if dry_run { "would_apply" } else { "applied" }, "version": version,
                "effective_at": effective_at.to_string(), "changes": changes, "restart": restart.map(|it| &it.event),
            }));
        }
    }
    if let Some(restart) = restart {
        restart.say(output);
    }
}

fn list(settings: &Settings, output: Output) -> anyhow::Result<bool> {
    let place = Place::new(settings);
    let records = Store::open(place)?.all()?;
    if records.is_empty() {
        output.say(&format!(
            "no version in {}; put the first one in force with `tributary catalog apply FILE`",
            place.catalog().display()
        ));
    }
    let mut rows = Vec::new();
    for record in &records {
        let version = record.version.0;
        let catalog = catalog::load(&record.text, record.version, record.effective_at).ok();
        let count = |of: fn(&catalog::Catalog) -> usize| catalog.as_ref().map(of);
        let counts = [
            count(|it| it.advertisers.len()),
            count(|it| it.offers.len()),
            count(|it| it.partners.len()),
            count(|it| it.links.len()),
        ];
        output.event(&json!({
            "event": "version", "version": version, "effective_at": record.effective_at.to_string(),
            "applied_at": record.applied_at.to_string(), "readable": catalog.is_some(),
            "advertisers": counts[0], "offers": counts[1], "partners": counts[2], "links": counts[3], "bytes": record.text.len(),
        }));
        let times =
            [version.to_string(), since(record.effective_at), record.applied_at.to_string()].into_iter();
        let counts = counts.map(|it| it.map_or_else(|| "unreadable".to_owned(), |it| it.to_string()));
        rows.push(times.chain(counts).collect());
    }
    if output == Output::People && !rows.is_empty() {
        let heads = ["version", "in force", "applied at", "advertisers", "offers", "partners", "links"];
        output.table(&heads, &rows);
    }
    Ok(true)
}

fn since(at: EpochMs) -> String {
    if at == EpochMs(0) { "from the beginning".to_owned() } else { format!("from {at}") }
}

pub(super) fn instant(text: &str) -> anyhow::Result<EpochMs> {
    let at: jiff::Timestamp =
        text.parse().context("a time with its zone is wanted, such as 2026-01-31T00:00:00+01:00")?;
    let ms = u64::try_from(at.as_millisecond()).context("times begin in 1970")?;
    Ok(EpochMs(ms))
}
