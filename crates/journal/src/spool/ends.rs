//! How far a stream reaches now, without handing out its records.
//!
//! In: an incarnation's folder, and what a tail already knows of it. Out: one more than its last whole record. Only the
//! last segment is looked at. Not here: records (`tail`). Start at [`end`].

use std::{fs::File, path::Path};

use super::{
    layout,
    recover::opening_note,
    segment::{HEADER_BYTES, Header, Scanner},
    tail::{Tail, io_error, read_at},
};
use crate::PollError;

const CHUNK_BYTES: usize = 512 * 1024;

/// The end of `incarnation`. `tail` saves reading again what it has read of the same segment.
pub(super) fn end(
    writer_dir: &Path,
    incarnation: u32,
    is_closed: bool,
    tail: Option<&Tail>,
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
    let prefix = tail.and_then(|tail| tail.known_prefix(first));
    let (mut offset, mut next) = prefix.unwrap_or((HEADER_BYTES as u64, first));
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

/// One more than the last record of `incarnation`, as the first of the later ones that says so noted it.
pub(super) fn noted_end(writer_dir: &Path, incarnation: u32) -> Option<u64> {
    let later = layout::incarnations(writer_dir).ok()?;
    later.into_iter().filter(|later| incarnation < *later).find_map(|later| {
        let endings = opening_note(&writer_dir.join(later.to_string()))?;
        let ending = endings.into_iter().find(|ending| ending.incarnation == incarnation)?;
        Some(ending.last_sequence + 1)
    })
}
