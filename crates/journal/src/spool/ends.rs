//! How far a stream reaches now, without handing out its records.
//!
//! In: an incarnation's folder, and what was known of it before. Out: one more than its last whole record. Only what is
//! new in the last segment is looked at. Not here: records (`tail`). Start at [`end`].

use std::{fs::File, path::Path};

use super::{
    files::{io_error, read_at},
    layout,
    recover::opening_note,
    segment::{HEADER_BYTES, Header, Scanner},
    tail::Tail,
};
use crate::PollError;

const CHUNK_BYTES: usize = 512 * 1024;

/// How far a segment is known to be whole, so that looking again costs only what is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Probe {
    incarnation: u32,
    first: u64,
    offset: u64,
    next: u64,
}

/// The end of `incarnation`. `tail` and `probe` save reading again what was read of the same segment.
pub(super) fn end(
    writer_dir: &Path,
    incarnation: u32,
    is_closed: bool,
    tail: Option<&Tail>,
    probe: &mut Option<Probe>,
) -> Result<u64, PollError> {
    let dir = writer_dir.join(incarnation.to_string());
    let segments = layout::segments(&dir).map_err(|source| io_error(&dir, source))?;
    let tail = tail.filter(|tail| tail.incarnation() == incarnation);
    let known = tail.map_or(1, Tail::next);
    let Some(&first) = segments.last() else { return Ok(known) };
    let path = layout::segment_path(&dir, first);
    let Ok(file) = File::open(&path) else { return Ok(known.max(first)) };
    let read =
        |offset, bytes_max| read_at(&file, offset, bytes_max).map_err(|source| io_error(&path, source));
    let Ok(decoded) = Header::decode(&read(0, HEADER_BYTES)?) else { return Ok(known.max(first)) };
    let is_same = |probe: &Probe| (probe.incarnation, probe.first) == (incarnation, first);
    let probed = probe.filter(is_same).map(|probe| (probe.offset, probe.next));
    let read_by_tail = tail.and_then(|tail| tail.known_prefix(first));
    let (mut offset, mut next) = probed.max(read_by_tail).unwrap_or((HEADER_BYTES as u64, first));
    let mut chunk_bytes = CHUNK_BYTES;
    loop {
        let chunk = read(offset, chunk_bytes)?;
        let mut scanner = Scanner::new(&chunk, decoded.header.seed(), next);
        let wanted_bytes = loop {
            if let Err(wanted_bytes) = scanner.prefix() {
                break wanted_bytes;
            }
        };
        offset += scanner.offset() as u64;
        next = scanner.next_sequence();
        if scanner.offset() == 0 {
            if chunk.len() < chunk_bytes || wanted_bytes <= chunk_bytes {
                break;
            }
            chunk_bytes = wanted_bytes;
        }
    }
    *probe = Some(Probe { incarnation, first, offset, next });
    if !is_closed {
        return Ok(known.max(next));
    }
    // Behind damage in a segment that is over there may be more, which the reader will find.
    let rest_bytes = file.metadata().map_or(0, |metadata| metadata.len().saturating_sub(offset));
    let rest = read(offset, usize::try_from(rest_bytes).unwrap_or(usize::MAX))?;
    let mut scanner = Scanner::new(&rest, decoded.header.seed(), next);
    let limit = noted_end(writer_dir, incarnation);
    while scanner.closed(limit).is_some() {}
    Ok(known.max(scanner.next_sequence()))
}

impl Probe {
    /// Where the segment that begins with `first` ends, if this is about it.
    pub(super) fn end_of(&self, incarnation: u32, first: u64) -> Option<u64> {
        ((self.incarnation, self.first) == (incarnation, first)).then_some(self.offset)
    }
}

/// Length of the segments that begin with `from` or later.
pub(super) fn file_bytes(dir: &Path, from: u64) -> u64 {
    let segments = layout::segments(dir).unwrap_or_default();
    let bytes = |first| std::fs::metadata(layout::segment_path(dir, first)).map_or(0, |it| it.len());
    segments.into_iter().filter(|first| from <= *first).map(bytes).sum()
}

/// One more than the last record of `incarnation`, as the first of the later ones that says so noted it.
pub(super) fn noted_end(writer_dir: &Path, incarnation: u32) -> Option<u64> {
    let later = layout::incarnations(writer_dir).ok()?;
    later.into_iter().filter(|later| incarnation < *later).find_map(|later| {
        let endings = opening_note(&writer_dir.join(later.to_string()))?;
        let ending = endings.into_iter().find(|ending| ending.incarnation == incarnation)?;
        Some(ending.last_sequence + 1)
    })
}
