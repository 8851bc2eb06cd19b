//! `tributary catalog diff FILE`: what a file would change of the newest version.
//!
//! In: a file, the newest version. Out: a line for each difference, as `catalog apply` tells them. Not here: how rows are compared (`catalog::diff`).
//! Start at [`run`].

use std::path::Path;

use anyhow::Context as _;
use serde_json::json;

use super::{
    files::{self, Files},
    own_time,
    taken::says_the_same,
    versions::{Store, changes},
};
use crate::{commands::place::Place, output::Output, settings::Settings};

/// `false`: they differ, or the file has errors.
pub(super) fn run(settings: &Settings, path: &Path, output: Output) -> anyhow::Result<bool> {
    let files = Files::read(path)?;
    let catalog = match files.parse() {
        Ok(catalog) => catalog,
        Err(errors) => {
            files::report(&errors, output);
            return Ok(false);
        }
    };
    let newest = Store::open(Place::new(settings))?.newest()?;
    let newest = newest.context(
        "there is no version yet to compare with; `tributary catalog apply FILE` makes the first one",
    )?;
    let number = newest.version.0;
    let same = says_the_same(&files.merged(), own_time(&catalog), &newest);
    // A file without a time of its own says nothing of when it holds.
    let effective_at = own_time(&catalog).unwrap_or(newest.effective_at);
    let lines = if same { Vec::new() } else { changes(Some(&newest), &catalog, effective_at) };
    for line in &lines {
        output.text(line);
    }
    output.say(&match lines.len() {
        0 => format!("{} says what version {number} says", path.display()),
        1 => format!("1 difference between version {number} and {}", path.display()),
        many => format!("{many} differences between version {number} and {}", path.display()),
    });
    output.event(&json!({"event": "diff", "version": number, "same": same, "changes": lines}));
    Ok(same)
}
