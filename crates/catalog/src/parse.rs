//! From TOML to a catalog, and to the one text that is logged.
//!
//! In: files as (name, text). Out: a [`Catalog`], or every error in them. What was read together is logged together: [`merge_text`] puts the files
//! one behind the other, each under a line with its name and length, and [`load`] reads that text again, so that line numbers stay what they were.
//! Not here: reading files (`cli`), the log (`journal`). Start at [`parse`].

mod binding;
mod build;
mod dialects;
mod error;
mod fraud;
mod precedence;
mod reader;
mod rows;
mod secrets;
mod sharing;
mod values;

use units::{CatalogVersion, EpochMs};

pub use dialects::built_in_dialects;
pub use error::{CatalogError, ERRORS_MAX, ErrorCode};
pub use rows::LINKS_MAX;
pub use secrets::{SecretSource, resolve_secrets, webhook_key};
pub use values::{DUPLICATE_WINDOW_MS_MAX, HIJACK_WINDOW_MS_MAX, MINIMUM_TIME_MS_MAX, WINDOW_MS_MAX};

use self::{
    error::{Errors, Spot},
    rows::Draft,
};
use crate::model::Catalog;

/// Text of one version: a record of the log takes 16 MiB, and its envelope a few bytes of that.
pub const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024 - 64 * 1024;

/// What the line before each file of a merged text begins with.
const FILE_LINE: &str = "# file: ";
/// The name of a text that was not merged.
const UNNAMED: &str = "catalog.toml";

/// Reads files as one catalog: version 0, effective from their `effective_at` or, without one, from the beginning of time.
pub fn parse(files: &[(&str, &str)]) -> Result<Catalog, Vec<CatalogError>> {
    let mut errors = Errors::default();
    let bytes: usize = files.iter().map(|(name, text)| name.len() + text.len()).sum();
    if let (Some((file, _)), true) = (files.last(), bytes > TEXT_BYTES_MAX) {
        let message = format!("{bytes} bytes of text, at most {TEXT_BYTES_MAX} are allowed");
        errors.add(
            Spot { file, line: 1 },
            ErrorCode::TextTooLarge,
            message,
            "remove what is closed for good",
        );
        return Err(errors.finish(files));
    }
    let mut draft = Draft::default();
    for (name, text) in files {
        draft.read(name, text, &mut errors);
    }
    let catalog = build::build(draft, &mut errors);
    errors.syntax_first();
    if errors.is_empty() { Ok(catalog) } else { Err(errors.finish(files)) }
}

/// The one text that is logged. Secrets are to be in it already ([`resolve_secrets`]).
#[must_use]
pub fn merge_text(files: &[(&str, &str)]) -> String {
    let mut merged = String::new();
    for (name, text) in files {
        // A name with a line break would end the line that names it.
        let name = name.replace(|it: char| it.is_control(), " ");
        let length = text.len().to_string();
        merged.extend([FILE_LINE, &name, " (", &length, " bytes)\n", text, "\n"]);
    }
    merged
}

/// The inverse of [`merge_text`]. A text without such lines is one file; `None` when the lengths do not add up.
#[must_use]
pub fn split_text(merged: &str) -> Option<Vec<(&str, &str)>> {
    if !merged.starts_with(FILE_LINE) {
        return Some(vec![(UNNAMED, merged)]);
    }
    let (mut files, mut rest) = (Vec::new(), merged);
    while !rest.is_empty() {
        let (head, behind) = rest.strip_prefix(FILE_LINE)?.split_once('\n')?;
        let (name, length) = head.strip_suffix(" bytes)")?.rsplit_once(" (")?;
        let (text, behind) = behind.split_at_checked(length.parse().ok()?)?;
        files.push((name, text));
        rest = behind.strip_prefix('\n')?;
    }
    Some(files)
}

/// Reads a logged version. The record's number and time are what count; those in the text are what its author asked for.
pub fn load(
    text: &str,
    version: CatalogVersion,
    effective_at: EpochMs,
) -> Result<Catalog, Vec<CatalogError>> {
    let Some(files) = split_text(text) else {
        let mut errors = Errors::default();
        let advice = "apply the catalog again";
        let spot = Spot { file: UNNAMED, line: 1 };
        errors.add(spot, ErrorCode::DamagedText, "the parts of the logged text do not add up", advice);
        return Err(errors.finish(&[]));
    };
    parse(&files).map(|catalog| Catalog { version, effective_at, ..catalog })
}
