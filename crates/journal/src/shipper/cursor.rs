//! The file that remembers up to where each stream is acknowledged.
//!
//! In: acknowledged positions. Out: where to go on after a restart. It is a hint: lost, torn or old, it only causes
//! repeats, which the records' origins make harmless (faults 39, 41). Start at [`Cursor::save`].

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::{Position, StreamId};

/// Positions and the file they are kept in.
#[derive(Debug)]
pub struct Cursor {
    path: PathBuf,
    next: BTreeMap<StreamId, u64>,
    is_saved: bool,
}

impl Cursor {
    /// Lines that cannot be read are passed over; without a file nothing is acknowledged.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        Self { path: path.to_owned(), next: text.lines().filter_map(parse).collect(), is_saved: true }
    }

    /// The next record of each stream.
    #[must_use]
    pub fn next(&self) -> &BTreeMap<StreamId, u64> {
        &self.next
    }

    /// Where a reader goes on.
    #[must_use]
    pub fn positions(&self) -> Vec<Position> {
        self.next.iter().map(|(stream, next)| Position { stream: stream.clone(), next: *next }).collect()
    }

    /// A stream is acknowledged up to `next`.
    pub fn advance(&mut self, stream: &StreamId, next: u64) {
        self.is_saved = false;
        match self.next.get_mut(stream) {
            Some(known) => *known = next,
            None => drop(self.next.insert(stream.clone(), next)),
        }
    }

    /// Forgets streams whose files are gone.
    pub fn retain(&mut self, exists: impl Fn(&StreamId) -> bool) {
        self.next.retain(|stream, _| exists(stream));
    }

    /// Replaces the file: written beside it, synced, renamed, and the folder synced.
    pub fn save(&mut self) -> io::Result<()> {
        if self.is_saved {
            return Ok(());
        }
        let beside = self.path.with_extension("new");
        let mut text = Vec::new();
        for (stream, next) in &self.next {
            writeln!(text, "{stream} {next}")?;
        }
        let mut file = File::create(&beside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        self.is_saved = true;
        Ok(())
    }
}

fn parse(line: &str) -> Option<(StreamId, u64)> {
    let (stream, next) = line.split_once(' ')?;
    Some((stream.parse().ok()?, next.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use units::WriterId;

    use super::*;

    #[test]
    fn a_cursor_is_found_again_and_its_torn_lines_are_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("cursor");
        let stream = |incarnation| StreamId::Spool { writer: WriterId(3), incarnation };
        let mut cursor = Cursor::load(&path);
        cursor.advance(&stream(1), 10);
        cursor.advance(&stream(2), 20);
        cursor.advance(&stream(1), 11);
        cursor.save().unwrap();
        assert_eq!(Cursor::load(&path).next(), cursor.next());
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 4]).unwrap();
        let torn = Cursor::load(&path);
        assert_eq!(torn.next().get(&stream(1)), Some(&11));
        assert_eq!(torn.next().get(&stream(2)), None);
    }
}
