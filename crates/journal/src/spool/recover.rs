//! Finds where older incarnations of a writer ended, so that the new one can say so in its first frame.
//!
//! In: a writer's folder, under the writer's lock. Out: the endings nobody has noted yet. Only the last segment of each
//! such incarnation is scanned, so a backlog of any size does not delay a start (fault 52). Safe to be killed anywhere:
//! all it changes is to give back preallocated zeros. Start at [`recover`].

use std::{
    fs::{self, OpenOptions},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{
    frame::{Kind, padded},
    layout,
    note::{ENDINGS_MAX, EndState, Ending, Note},
    segment::{HEADER_BYTES, Header, Scanner, Step},
};

/// Where the incarnations in `writer_dir` ended that no later opening note names, newest first. `boot` is the running
/// kernel's id.
#[must_use]
pub(super) fn recover(writer_dir: &Path, boot: [u8; 16]) -> Vec<Ending> {
    let mut endings = Vec::new();
    let incarnations = layout::incarnations(writer_dir).unwrap_or_default();
    for &incarnation in incarnations.iter().rev().take(ENDINGS_MAX) {
        let dir = writer_dir.join(incarnation.to_string());
        // A file that cannot be read must not keep the edge from starting; its reader will report it.
        if let Ok(found) = find_end(&dir, incarnation, boot) {
            endings.push(found.ending);
            found.segment.iter().for_each(|path| give_back(path, found.used_bytes));
        }
        if opening_note(&dir).is_some() {
            break;
        }
    }
    endings
}

/// The endings that an incarnation's first frame names; `None` while it has no such frame.
#[must_use]
pub(super) fn opening_note(incarnation_dir: &Path) -> Option<Vec<Ending>> {
    let first = *layout::segments(incarnation_dir).ok()?.first()?;
    let bytes = read_front(&layout::segment_path(incarnation_dir, first)).ok()?;
    let header = Header::decode(&bytes).ok()?.header;
    let frames = bytes.get(HEADER_BYTES..)?;
    let frame = Scanner::new(frames, header.seed(), header.first_sequence).prefix().ok()?;
    match Note::decode(frame.payload).filter(|_| frame.kind == Kind::Control)? {
        Note::Opening(endings) => Some(endings),
        Note::Closing => None,
    }
}

fn read_front(path: &Path) -> io::Result<Vec<u8>> {
    let front_bytes = HEADER_BYTES + padded(1 + 16 * ENDINGS_MAX);
    let mut bytes = Vec::with_capacity(front_bytes);
    fs::File::open(path)?.take(front_bytes as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where an incarnation ends, as a scan of its last segment tells.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) ending: Ending,
    /// The last segment, if it has a header.
    segment: Option<PathBuf>,
    /// Length of what was written to it.
    used_bytes: u64,
}

pub(super) fn find_end(dir: &Path, incarnation: u32, boot: [u8; 16]) -> io::Result<Found> {
    let ending = Ending { incarnation, last_sequence: 0, state: EndState::ProcessDied };
    let mut found = Found { ending, segment: None, used_bytes: 0 };
    let Some(&first) = layout::segments(dir)?.last() else { return Ok(found) };
    // A segment is made only when everything before its first sequence is recorded.
    found.ending.last_sequence = first.saturating_sub(1);
    let path = layout::segment_path(dir, first);
    let bytes = fs::read(&path)?;
    let Ok(decoded) = Header::decode(&bytes) else { return Ok(found) };
    let header = decoded.header;
    let frames = bytes.get(HEADER_BYTES..).unwrap_or_default();
    let mut scanner = Scanner::new(frames, header.seed(), header.first_sequence);
    let mut is_clean = false;
    let mut used_bytes = 0;
    while let Some(step) = scanner.closed(None) {
        match step {
            Step::Frame(frame) => {
                let is_note = frame.kind == Kind::Control;
                is_clean = is_note && Note::decode(frame.payload) == Some(Note::Closing);
                used_bytes = scanner.offset();
            }
            Step::Damaged { .. } => {}
            Step::Torn { bytes } => used_bytes = bytes.end,
        }
    }
    found.ending.last_sequence = scanner.next_sequence().saturating_sub(1);
    found.ending.state = match (is_clean, header.boot == boot) {
        (true, _) => EndState::Clean,
        (false, true) => EndState::ProcessDied,
        (false, false) => EndState::MachineDied,
    };
    found.segment = Some(path);
    found.used_bytes = (HEADER_BYTES + used_bytes) as u64;
    Ok(found)
}

/// Frees the preallocated space behind the last byte written. A dozen killed writers would else hold a gigabyte of
/// zeros. Failure costs space only.
fn give_back(path: &Path, used_bytes: u64) {
    if let Ok(file) = OpenOptions::new().write(true).open(path)
        && file.metadata().is_ok_and(|metadata| used_bytes < metadata.len())
    {
        drop(file.set_len(used_bytes));
    }
}
