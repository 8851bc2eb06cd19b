//! Reads a whole spool and says what is in it: the report behind `tributary spool inspect`.
//!
//! In: a root folder. Out: per incarnation its files, records and end, and all damage. It changes nothing and may run
//! while the spool is written. Not here: how the report is printed (`cli`). Start at [`inspect`].

use std::{collections::BTreeMap, fs, ops::Range, path::Path, time::Duration};

use units::WriterId;

use super::{
    damage::Damage, ends, files::io_error, layout, note::EndState, power, reader::Reader, recover::find_end,
    retention,
};
use crate::{PollError, StreamId};

/// Records read at once.
const RECORDS_MAX: usize = 4096;
/// Findings of one report.
pub const DAMAGES_REPORTED_MAX: usize = 100_000;

/// What a spool holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its streams, by writer and incarnation.
    pub streams: Vec<StreamReport>,
    /// What is not as it was written, at most [`DAMAGES_REPORTED_MAX`] entries.
    pub damage: Vec<Damage>,
    /// Records lost to damage.
    pub records_damaged: u64,
}

/// What one incarnation holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamReport {
    /// Its writer.
    pub writer: WriterId,
    /// Its number: the second since the epoch at which it began, or later.
    pub incarnation: u32,
    /// Segment files.
    pub segments: usize,
    /// Length of the files.
    pub file_bytes: u64,
    /// Whole records.
    pub records: u64,
    /// Length of their payloads.
    pub payload_bytes: u64,
    /// Records before this one were deleted in order; 1 where none was.
    pub kept_from: u64,
    /// The first record's sequence; 0 if there is none.
    pub first_sequence: u64,
    /// The last record's; 0 if there is none.
    pub last_sequence: u64,
    /// How it ended; `None` for the newest one unless it was closed in order: it may still be written.
    pub end: Option<EndState>,
    /// The last record of one that ended, damage passed over. Greater than [`Self::last_sequence`] in the newest one only where it is damaged:
    /// readers wait at an invalid frame until a younger incarnation says that no more will come.
    pub end_sequence: Option<u64>,
    /// Sequences that should be there and are not, ascending: damaged, or gone with their file. At most [`DAMAGES_REPORTED_MAX`] ranges.
    pub missing: Vec<Range<u64>>,
}

impl StreamReport {
    /// Notes what lies between what was seen last and `position`, which is there or one beyond the end.
    fn seen(&mut self, position: u64) {
        let next = self.kept_from.max(self.last_sequence + 1);
        if next < position && self.missing.len() < DAMAGES_REPORTED_MAX {
            self.missing.push(next..position);
        }
    }
}

/// Reads everything below `root`.
pub fn inspect(root: &Path) -> Result<Report, PollError> {
    let mut streams = BTreeMap::new();
    for writer in layout::writers(root).map_err(|source| io_error(root, source))? {
        let dir = layout::writer_dir(root, writer);
        let incarnations = layout::incarnations(&dir).map_err(|source| io_error(&dir, source))?;
        for &incarnation in &incarnations {
            let is_newest = incarnations.last() == Some(&incarnation);
            let report = files(&dir, writer, incarnation, is_newest)?;
            streams.insert((writer, incarnation), report);
        }
    }
    let mut reader = Reader::open(root);
    let mut damage = Vec::new();
    loop {
        let records = reader.poll(RECORDS_MAX, Duration::ZERO)?;
        damage.append(&mut reader.take_damage());
        damage.truncate(DAMAGES_REPORTED_MAX);
        if records.is_empty() {
            break;
        }
        for record in records {
            let StreamId::Spool { writer, incarnation } = record.stream else { continue };
            let Some(report) = streams.get_mut(&(writer, incarnation)) else { continue };
            report.seen(record.position);
            if report.records == 0 {
                report.first_sequence = record.position;
            }
            report.last_sequence = record.position;
            report.records += 1;
            report.payload_bytes += record.bytes.len() as u64;
        }
    }
    for report in streams.values_mut() {
        report.seen(report.end_sequence.map_or(0, |end| end + 1));
    }
    let records_damaged = reader.damages().records();
    Ok(Report { streams: streams.into_values().collect(), damage, records_damaged })
}

fn files(
    writer_dir: &Path,
    writer: WriterId,
    incarnation: u32,
    is_newest: bool,
) -> Result<StreamReport, PollError> {
    let dir = writer_dir.join(incarnation.to_string());
    let segments = layout::segments(&dir).map_err(|source| io_error(&dir, source))?;
    let lengths = segments.iter().map(|first| fs::metadata(layout::segment_path(&dir, *first)));
    let file_bytes = lengths.map(|metadata| metadata.map_or(0, |metadata| metadata.len())).sum();
    let marks = retention::marks(writer_dir).map_err(|source| io_error(writer_dir, source))?;
    let mark = marks.iter().find(|(marked, _)| *marked == incarnation);
    let found = find_end(&dir, incarnation, power::boot_id()).ok().map(|found| found.ending);
    let ended = found.filter(|ending| !is_newest || ending.state == EndState::Clean);
    // What was cut off since tells nothing; the next incarnation has noted where this one ended.
    let noted = ends::noted_end(writer_dir, incarnation).map(|end| end.saturating_sub(1));
    Ok(StreamReport {
        writer,
        incarnation,
        segments: segments.len(),
        file_bytes,
        records: 0,
        payload_bytes: 0,
        kept_from: mark.map_or(1, |(_, kept_from)| *kept_from),
        first_sequence: 0,
        last_sequence: 0,
        end: ended.map(|ending| ending.state),
        end_sequence: ended.map(|ending| ending.last_sequence).max(noted),
        missing: Vec::new(),
    })
}
