//! Where a spool's files lie: `<root>/<writer>/<incarnation>/<first sequence>.seg`.
//!
//! In: a folder. Out: the numbers its entries' names stand for, ascending; everything else in it is passed over.
//! Names are sequences, never times, so a clock that steps cannot reorder them (fault 55). Not here: what the files
//! hold (`segment`).

use std::{
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use units::{
    EpochMs, SECOND_MS, WriterId,
    planted::{Bug, planted},
};

const SEGMENT_SUFFIX: &str = ".seg";

/// The folder of one writer.
#[must_use]
pub(super) fn writer_dir(root: &Path, writer: WriterId) -> PathBuf {
    root.join(writer.0.to_string())
}

/// The folder of one incarnation.
#[must_use]
pub(super) fn incarnation_dir(root: &Path, writer: WriterId, incarnation: u32) -> PathBuf {
    writer_dir(root, writer).join(incarnation.to_string())
}

/// The file whose first record is `first_sequence`.
#[must_use]
pub(super) fn segment_path(dir: &Path, first_sequence: u64) -> PathBuf {
    // Padded, so that a plain `ls` shows them in order.
    dir.join(format!("{first_sequence:020}{SEGMENT_SUFFIX}"))
}

/// The writers below a spool's root. A root that does not exist yet has none.
pub(super) fn writers(root: &Path) -> io::Result<Vec<WriterId>> {
    Ok(numbers(root, "")?.into_iter().map(WriterId).collect())
}

/// The incarnations of a writer.
pub(super) fn incarnations(writer_dir: &Path) -> io::Result<Vec<u32>> {
    numbers(writer_dir, "")
}

/// The first sequences of an incarnation's segments.
pub(super) fn segments(incarnation_dir: &Path) -> io::Result<Vec<u64>> {
    numbers(incarnation_dir, SEGMENT_SUFFIX)
}

fn numbers<N: FromStr + Ord>(dir: &Path, suffix: &str) -> io::Result<Vec<N>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        // Readers come before the first writer and stay after the last segment.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_suffix(suffix)).and_then(|name| name.parse().ok());
        found.extend(number);
    }
    found.sort_unstable();
    Ok(found)
}

/// At least the wall clock, so that a folder restored from an old copy does not reuse numbers; above the last one, so
/// that a clock that steps back does not either.
pub(super) fn next_incarnation(last: Option<u32>, now: EpochMs) -> Option<u32> {
    let seconds = u32::try_from(now.0 / SECOND_MS).ok()?;
    let step = u32::from(!planted(Bug::ReuseIncarnation));
    last.map_or(Some(seconds), |last| Some(last.checked_add(step)?.max(seconds)))
}
