//! Deletes segments that nobody needs any more, or that the disk has no room for, and remembers that it did.
//!
//! In: sequences the audit has confirmed, or a budget of bytes. Out: what was deleted, per record. The mark is synced
//! before the first file goes, so that a reader never takes a hole for an end, and a file that a power cut brings back
//! is only read twice. Not here: when to call it. Start at [`delete_below`].

use std::{
    fs::{self, File},
    io::{self, Write},
    ops::Range,
    path::{Path, PathBuf},
    time::SystemTime,
};

use units::{EpochMs, WriterId};

use super::{ends, files::io_error, layout};
use crate::{PollError, Position, StreamId};

const MARKS: &str = "deleted";
/// Marks kept of one writer, one for each of its incarnations of which something was deleted: 32 KiB. Beyond it the oldest is forgotten,
/// and a reader that comes back to that incarnation is no longer told what it missed.
pub const MARKS_MAX: usize = 1024;

/// What a deletion removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Records, each of them counted.
    pub records: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Which records, per stream.
    pub ranges: Vec<(StreamId, Range<u64>)>,
}

#[derive(Debug)]
struct Segment {
    path: PathBuf,
    writer: WriterId,
    incarnation: u32,
    sequences: Range<u64>,
    bytes: u64,
    modified: Option<SystemTime>,
}

/// Deletes the whole segments of one stream that hold no record from `sequence` on. The file being written stays.
pub fn delete_below(
    root: &Path,
    writer: WriterId,
    incarnation: u32,
    sequence: u64,
) -> Result<Deleted, PollError> {
    let mut segments = deletable(root, writer)?;
    segments.retain(|it| it.incarnation == incarnation && it.sequences.end <= sequence);
    delete(root, segments)
}

/// A segment that nobody writes any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// Its writer.
    pub writer: WriterId,
    /// Which life.
    pub incarnation: u32,
    /// Its first record.
    pub first: u64,
    /// One more than its last.
    pub end: u64,
    /// When its last record was written, by the clock of its file.
    pub written_at: EpochMs,
}

/// All of them, by writer, life and sequence: what [`delete_below`] may delete.
pub fn closed(root: &Path) -> Result<Vec<Closed>, PollError> {
    let mut found = Vec::new();
    for writer in layout::writers(root).map_err(|source| io_error(root, source))? {
        found.extend(deletable(root, writer)?.into_iter().map(|it| Closed {
            writer,
            incarnation: it.incarnation,
            first: it.sequences.start,
            end: it.sequences.end,
            written_at: it.modified.map_or(EpochMs(u64::MAX), epoch_ms),
        }));
    }
    Ok(found)
}

fn epoch_ms(at: SystemTime) -> EpochMs {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    EpochMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Deletes the oldest segments below `root` until all together have at most `bytes_max` bytes. The files being written
/// stay, so that the budget should allow for one segment per writer.
pub fn enforce_budget(root: &Path, bytes_max: u64) -> Result<Deleted, PollError> {
    let mut total_bytes = 0;
    let mut segments = Vec::new();
    for writer in layout::writers(root).map_err(|source| io_error(root, source))? {
        let dir = layout::writer_dir(root, writer);
        for incarnation in layout::incarnations(&dir).map_err(|source| io_error(&dir, source))? {
            let dir = layout::incarnation_dir(root, writer, incarnation);
            for first in layout::segments(&dir).map_err(|source| io_error(&dir, source))? {
                total_bytes += fs::metadata(layout::segment_path(&dir, first)).map_or(0, |it| it.len());
            }
        }
        segments.extend(deletable(root, writer)?);
    }
    // The order of files is only a choice of victims; what is a stream's oldest is decided by sequence below.
    segments.sort_by_key(|it| (it.modified, it.writer, it.incarnation, it.sequences.start));
    let is_over = |it: &Segment| {
        let is_over = bytes_max < total_bytes;
        total_bytes = total_bytes.saturating_sub(it.bytes);
        is_over
    };
    let mut is_over = is_over;
    let victims = segments.into_iter().take_while(|it| is_over(it)).collect();
    delete(root, victims)
}

/// The oldest record that is left of each stream below `root` of which something was deleted: a reader that needs more must not begin.
pub fn beginnings(root: &Path) -> Result<Vec<Position>, PollError> {
    let mut beginnings = Vec::new();
    for writer in layout::writers(root).map_err(|source| io_error(root, source))? {
        let dir = layout::writer_dir(root, writer);
        for (incarnation, kept_from) in marks(&dir).map_err(|source| io_error(&dir, source))? {
            let dir = layout::incarnation_dir(root, writer, incarnation);
            // The mark comes before the deletion, so the files may still be there: then they tell better.
            let segments = layout::segments(&dir).map_err(|source| io_error(&dir, source))?;
            let next = segments.first().copied().unwrap_or(kept_from);
            beginnings.push(Position { stream: StreamId::Spool { writer, incarnation }, next });
        }
    }
    Ok(beginnings)
}

/// Sequences from which on each incarnation is kept, as far as something of it was deleted.
pub(super) fn marks(writer_dir: &Path) -> io::Result<Vec<(u32, u64)>> {
    match fs::read_to_string(writer_dir.join(MARKS)) {
        Ok(text) => Ok(text.lines().filter_map(parse_mark).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn parse_mark(line: &str) -> Option<(u32, u64)> {
    let (incarnation, sequence) = line.split_once(' ')?;
    Some((incarnation.parse().ok()?, sequence.parse().ok()?))
}

/// The segments of a writer that nobody writes any more, in sequence.
fn deletable(root: &Path, writer: WriterId) -> Result<Vec<Segment>, PollError> {
    let writer_dir = layout::writer_dir(root, writer);
    let incarnations = layout::incarnations(&writer_dir).map_err(|source| io_error(&writer_dir, source))?;
    let mut found = Vec::new();
    for &incarnation in &incarnations {
        let is_closed = incarnations.last() != Some(&incarnation);
        let dir = layout::incarnation_dir(root, writer, incarnation);
        let firsts = layout::segments(&dir).map_err(|source| io_error(&dir, source))?;
        for (index, &first) in firsts.iter().enumerate() {
            let end = match firsts.get(index + 1) {
                Some(next) => *next,
                None if is_closed => ends::end(&writer_dir, incarnation, true, None, &mut None)?,
                None => break,
            };
            let path = layout::segment_path(&dir, first);
            let Ok(metadata) = fs::metadata(&path) else { continue };
            let modified = metadata.modified().ok();
            let bytes = metadata.len();
            found.push(Segment { path, writer, incarnation, sequences: first..end, bytes, modified });
        }
    }
    Ok(found)
}

fn delete(root: &Path, mut segments: Vec<Segment>) -> Result<Deleted, PollError> {
    segments.sort_by_key(|it| (it.writer, it.incarnation, it.sequences.start));
    let mut deleted = Deleted::default();
    for group in
        segments.chunk_by(|one, other| (one.writer, one.incarnation) == (other.writer, other.incarnation))
    {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let writer_dir = layout::writer_dir(root, first.writer);
        let dir = writer_dir.join(first.incarnation.to_string());
        mark(&writer_dir, first.incarnation, last.sequences.end)
            .map_err(|source| io_error(&writer_dir, source))?;
        for segment in group {
            fs::remove_file(&segment.path).map_err(|source| io_error(&segment.path, source))?;
            deleted.bytes += segment.bytes;
        }
        let sequences = first.sequences.start..last.sequences.end;
        deleted.records += sequences.end - sequences.start;
        let stream = StreamId::Spool { writer: first.writer, incarnation: first.incarnation };
        deleted.ranges.push((stream, sequences));
        remove_if_empty(&writer_dir, &dir).map_err(|source| io_error(&dir, source))?;
    }
    Ok(deleted)
}

/// The newest incarnation's folder always stays: its number must not be given out again.
fn remove_if_empty(writer_dir: &Path, dir: &Path) -> io::Result<()> {
    let newest = layout::incarnations(writer_dir)?.last().map(|newest| writer_dir.join(newest.to_string()));
    if layout::segments(dir)?.is_empty() && newest.as_deref() != Some(dir) {
        fs::remove_dir_all(dir)?;
        return File::open(writer_dir)?.sync_all();
    }
    File::open(dir)?.sync_all()
}

/// Replaces the marks' file: written beside it, synced, renamed, and the folder synced.
fn mark(writer_dir: &Path, incarnation: u32, kept_from: u64) -> io::Result<()> {
    let mut marks = marks(writer_dir)?;
    // An incarnation whose folder is gone keeps its mark: whoever had not read it to its end must hear of it.
    marks.retain(|(marked, _)| *marked != incarnation);
    marks.push((incarnation, kept_from));
    marks.sort_unstable();
    marks.drain(..marks.len().saturating_sub(MARKS_MAX));
    let beside = writer_dir.join("deleted.new");
    let mut file = File::create(&beside)?;
    for (incarnation, from) in marks {
        writeln!(file, "{incarnation} {from}")?;
    }
    file.sync_all()?;
    fs::rename(&beside, writer_dir.join(MARKS))?;
    File::open(writer_dir)?.sync_all()
}
