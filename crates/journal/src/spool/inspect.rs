//! Reads a whole spool and says what is in it: the report behind `tributary spool inspect`.
//!
//! In: a root folder. Out: per incarnation its files, records and end, and all damage. It changes nothing and may run
//! while the spool is written. Not here: how the report is printed (`cli`). Start at [`inspect`].

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use units::WriterId;

use super::{
    damage::Damage, files::io_error, layout, note::EndState, power, reader::Reader, recover::find_end,
};
use crate::{PollError, StreamId};

/// Records read at once.
const RECORDS_MAX: usize = 4096;

/// What a spool holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its streams, by writer and incarnation.
    pub streams: Vec<StreamReport>,
    /// What is not as it was written, at most [`super::DAMAGES_MAX`] entries.
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
    /// The first record's sequence; 0 if there is none.
    pub first_sequence: u64,
    /// The last record's; 0 if there is none.
    pub last_sequence: u64,
    /// How it ended; `None` for the newest one unless it was closed in order: it may still be written.
    pub end: Option<EndState>,
    /// The last record of one that ended, damage passed over. Greater than [`Self::last_sequence`] in the newest one only where it is damaged:
    /// readers wait at an invalid frame until a younger incarnation says that no more will come.
    pub end_sequence: Option<u64>,
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
    loop {
        let records = reader.poll(RECORDS_MAX, Duration::ZERO)?;
        if records.is_empty() {
            break;
        }
        for record in records {
            let StreamId::Spool { writer, incarnation } = record.stream else { continue };
            let Some(report) = streams.get_mut(&(writer, incarnation)) else { continue };
            if report.records == 0 {
                report.first_sequence = record.position;
            }
            report.last_sequence = record.position;
            report.records += 1;
            report.payload_bytes += record.bytes.len() as u64;
        }
    }
    let records_damaged = reader.damages().records();
    Ok(Report { streams: streams.into_values().collect(), damage: reader.take_damage(), records_damaged })
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
    let found = find_end(&dir, incarnation, power::boot_id()).ok().map(|found| found.ending);
    let ended = found.filter(|ending| !is_newest || ending.state == EndState::Clean);
    Ok(StreamReport {
        writer,
        incarnation,
        segments: segments.len(),
        file_bytes,
        records: 0,
        payload_bytes: 0,
        first_sequence: 0,
        last_sequence: 0,
        end: ended.map(|ending| ending.state),
        end_sequence: ended.map(|ending| ending.last_sequence),
    })
}
