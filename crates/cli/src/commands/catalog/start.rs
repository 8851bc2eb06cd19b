//! Which catalog holds when `up` starts: the versions there are, or the file that it is given.
//!
//! In: the file, the newest version, and what was taken from that file last (`taken`). Out: the file as the next version where only the file changed, the versions as they are
//! where only they did (`catalog apply`, `replay`), and a refusal where both did: which of the two is meant only people know. Not here: how
//! a version is made (`versions`). Start at [`at_start`].

use std::path::{Path, PathBuf};

use anyhow::bail;
use events::CatalogRecord;
use serde_json::{Value, json};

use super::{
    files::{self, Files},
    is_kafka, own_time,
    taken::{Taken, absolute, fingerprint, says_the_same},
    tell,
    versions::Store,
};
use crate::{clock, commands::place::Place, output::Output, settings::Settings};

/// What the operator says counts, beside what is found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct Choice {
    /// Put the file of the setting `catalog` in force, whatever was put in force since it was last taken
    #[arg(long, conflicts_with = "catalog_from_store")]
    catalog_from_file: bool,
    /// Keep the newest version that is in force, whatever the file of the setting `catalog` says now
    #[arg(long)]
    catalog_from_store: bool,
}

/// What is done with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// It becomes the next version.
    Take,
    /// The newest version says the same.
    Same,
    /// The newest version stays: the file said nothing new.
    Keep,
    /// Both say something new.
    Ask,
}

/// The file as it is now.
struct Given {
    path: PathBuf,
    blake3: String,
}

impl Given {
    fn of(path: &Path, files: &Files) -> Self {
        Self { path: absolute(path), blake3: fingerprint(&files.merged()) }
    }

    fn taken(&self, version: u32) -> Taken {
        Taken { path: self.path.clone(), blake3: self.blake3.clone(), version }
    }
}

/// `newest` is its number and fingerprint; `is_known` says whether any version has the file's text.
fn plan(given: &Given, taken: Option<&Taken>, newest: Option<(u32, &str)>, is_known: bool) -> Plan {
    let Some((number, says)) = newest else { return Plan::Take };
    if says == given.blake3 {
        return Plan::Same;
    }
    // A memory of a version that is not there is one of other versions than these.
    match taken.filter(|it| it.version <= number) {
        Some(it) if (&it.path, &it.blake3) == (&given.path, &given.blake3) => Plan::Keep,
        Some(it) if it.version == number => Plan::Take,
        None if is_known => Plan::Keep,
        Some(_) | None => Plan::Ask,
    }
}

impl Choice {
    fn over(self, plan: Plan) -> Plan {
        match plan {
            Plan::Keep | Plan::Ask if self.catalog_from_file => Plan::Take,
            Plan::Take | Plan::Ask if self.catalog_from_store => Plan::Keep,
            plan => plan,
        }
    }
}

/// What `up` does at its start for the setting `catalog`. A catalog with errors is an error here, since a program must not start with another
/// catalog than it was told; a broker that is away is not, since redirects do not wait for it and go on by the versions that are on this machine.
pub(crate) fn at_start(
    settings: &Settings,
    path: &Path,
    choice: Choice,
    output: Output,
) -> anyhow::Result<()> {
    let files = Files::read(path)?;
    if let Err(errors) = files.parse() {
        files::report(&errors, output);
        bail!("the catalog in {} has errors; nothing was changed", path.display());
    }
    match decide(settings, path, &files, choice, output) {
        Err(error) if error.chain().any(is_kafka) => {
            output.say(&format!(
                "warning: the catalog was not compared with the newest version ({error:#}); the versions on this machine hold until Kafka is back"
            ));
            Ok(())
        }
        other => other,
    }
}

fn decide(
    settings: &Settings,
    path: &Path,
    files: &Files,
    choice: Choice,
    output: Output,
) -> anyhow::Result<()> {
    let place = Place::new(settings);
    let mut store = Store::open(place)?;
    let (given, taken) = (Given::of(path, files), Taken::read(place.data()));
    let newest = store.newest()?;
    let Some(newest) = newest else {
        // Also where the store counts: its first version has to come from somewhere.
        return take(place, &mut store, path, files, &given, output);
    };
    // Whoever made the file say what holds, by copying it or by hand, has nothing left to decide.
    let own_time = files.parse().ok().as_ref().and_then(own_time);
    let is_same = says_the_same(&files.merged(), own_time, &newest);
    let says = if is_same { given.blake3.clone() } else { fingerprint(&newest.text) };
    // Reading every version is for those who start without a memory.
    let is_known = taken.is_none() && store.all()?.iter().any(|it| fingerprint(&it.text) == given.blake3);
    let number = newest.version.0;
    let planned = plan(&given, taken.as_ref(), Some((number, &says)), is_known);
    match choice.over(planned) {
        Plan::Take => take(place, &mut store, path, files, &given, output),
        Plan::Same => {
            output.say(&format!("catalog version {number} says what {} says", path.display()));
            output.event(&json!({"event": "unchanged", "version": number}));
            given.taken(number).keep(place.data())
        }
        Plan::Keep => {
            tell_kept(path, taken.as_ref(), &newest, planned == Plan::Keep, output);
            // Whoever chose the store has dealt with what the file says now.
            if choice.catalog_from_store { given.taken(number).keep(place.data()) } else { Ok(()) }
        }
        Plan::Ask => refuse(path, taken.as_ref(), &newest, output),
    }
}

fn take(
    place: Place<'_>,
    store: &mut Store,
    path: &Path,
    files: &Files,
    given: &Given,
    output: Output,
) -> anyhow::Result<()> {
    let Ok(catalog) = files.parse() else { bail!("{} has errors", path.display()) };
    let applied = store.apply(&catalog, &files.merged(), own_time(&catalog), clock::now(), false)?;
    tell(&applied, false, None, output);
    given.taken(applied.version()).keep(place.data())
}

/// `is_old`: the file says nothing new; else the operator has set it aside.
fn tell_kept(path: &Path, taken: Option<&Taken>, newest: &CatalogRecord, is_old: bool, output: Output) {
    let (path, number) = (path.display(), newest.version);
    let since = taken.map_or_else(String::new, |it| format!(" since it stood for version {}", it.version));
    let why = if is_old {
        format!("{path} says nothing new{since}")
    } else {
        format!("what {path} says now is set aside by --catalog-from-store")
    };
    output.say(&format!(
        "catalog version {number} stays in force: it was applied at {}, and {why}; `tributary catalog diff {path}` shows \
         how they differ, --catalog-from-file would put the file in force",
        newest.applied_at
    ));
    output.event(&json!({
        "event": "catalog_kept", "version": number.0, "file": path.to_string(), "taken_as": taken.map(|it| it.version),
    }));
}

fn refuse(path: &Path, taken: Option<&Taken>, newest: &CatalogRecord, output: Output) -> anyhow::Result<()> {
    let (path, number) = (path.display(), newest.version);
    let message = taken.map_or_else(
        || format!("no version was ever made of what {path} says, and version {number} holds, applied at {}", newest.applied_at),
        |it| {
            format!(
                "since version {} two things were changed: what holds (version {number}, applied at {}) and what {path} says",
                it.version, newest.applied_at
            )
        },
    );
    let advice = format!(
        "compare them with `tributary catalog diff {path}`, then start with --catalog-from-file to make the file the next version, or with \
         --catalog-from-store to keep version {number}"
    );
    output
        .event(&json!({"event": "error", "code": "catalog_diverged", "message": message, "advice": advice}));
    bail!("catalog_diverged: {message}; {advice}")
}

/// What a restart of `up` will do with the version that a command has just made of `path`; to be said, and for programs.
pub(in crate::commands) struct Restart {
    words: Option<String>,
    pub(in crate::commands) event: Value,
}

impl Restart {
    /// Where it is the file that `up` starts with, this is noted, so that its next change is taken.
    pub(in crate::commands) fn noted(
        settings: &Settings,
        path: &Path,
        files: &Files,
        version: u32,
    ) -> anyhow::Result<Self> {
        let data = Place::new(settings).data();
        let given = Given::of(path, files);
        let of_settings = || settings.optional("catalog").map(|it| absolute(Path::new(it)));
        let Some(file) = Taken::read(data).map(|it| it.path).or_else(of_settings) else {
            return Ok(Self { words: None, event: Value::Null });
        };
        if file == given.path {
            given.taken(version).keep(data)?;
            let words = "a restart of `tributary up` keeps it: this is the file it starts with".to_owned();
            return Ok(Self { words: Some(words), event: json!("keeps") });
        }
        let file = file.display();
        let words = format!(
            "a restart of `tributary up` keeps it for as long as {file} does not change; once it does, `up` asks which of the two counts, so say the same there"
        );
        Ok(Self { words: Some(words), event: json!("keeps_until_file_changes") })
    }

    pub(in crate::commands) fn say(&self, output: Output) {
        if let Some(words) = &self.words {
            output.say(words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Versions are numbered from 1 and told by one letter, as the file is.
    fn planned(file: &str, taken: Option<(&str, &str, u32)>, versions: &str) -> Plan {
        let given = Given { path: "c.toml".into(), blake3: file.to_owned() };
        let taken =
            taken.map(|(path, says, version)| Taken { path: path.into(), blake3: says.to_owned(), version });
        let says: Vec<String> = versions.chars().map(String::from).collect();
        let number = u32::try_from(says.len()).unwrap();
        let newest = says.last().map(|it| (number, it.as_str()));
        plan(&given, taken.as_ref(), newest, says.iter().any(|it| it == file))
    }

    #[test]
    fn the_one_that_changed_counts_and_where_both_did_nobody_guesses() {
        let c = "c.toml";
        let cases = [
            ("the first version", "a", None, "", Plan::Take),
            ("nothing changed", "a", Some((c, "a", 1)), "a", Plan::Same),
            ("only the file", "b", Some((c, "a", 1)), "a", Plan::Take),
            ("only the versions", "a", Some((c, "a", 1)), "ab", Plan::Keep),
            ("both", "c", Some((c, "a", 1)), "ab", Plan::Ask),
            ("both, to the same", "b", Some((c, "a", 1)), "ab", Plan::Same),
            ("the file, back to an older text", "a", Some((c, "b", 2)), "ab", Plan::Take),
            ("both, the file to an older text", "a", Some((c, "b", 2)), "abc", Plan::Ask),
            ("a kill before it was noted", "b", Some((c, "a", 1)), "ab", Plan::Same),
            ("the store was chosen before", "c", Some((c, "c", 2)), "ab", Plan::Keep),
            ("and the file changed after that", "d", Some((c, "c", 2)), "ab", Plan::Take),
            ("another file", "b", Some(("d.toml", "a", 1)), "a", Plan::Take),
            ("another file with the old text", "a", Some(("d.toml", "a", 1)), "ab", Plan::Ask),
            ("no memory, an old text", "a", None, "ab", Plan::Keep),
            ("no memory, a new text", "c", None, "ab", Plan::Ask),
            ("no memory, the newest text", "b", None, "ab", Plan::Same),
            ("a memory of other versions", "a", Some((c, "a", 9)), "bc", Plan::Ask),
        ];
        for (name, file, taken, versions, want) in cases {
            assert_eq!(planned(file, taken, versions), want, "{name}");
        }
    }

    #[test]
    fn a_choice_settles_what_is_open_and_repeats_nothing() {
        let file = Choice { catalog_from_file: true, catalog_from_store: false };
        let store = Choice { catalog_from_file: false, catalog_from_store: true };
        let all = [Plan::Take, Plan::Same, Plan::Keep, Plan::Ask];
        assert_eq!(all.map(|it| file.over(it)), [Plan::Take, Plan::Same, Plan::Take, Plan::Take]);
        assert_eq!(all.map(|it| store.over(it)), [Plan::Keep, Plan::Same, Plan::Keep, Plan::Keep]);
        assert_eq!(all.map(|it| Choice::default().over(it)), all);
    }
}
