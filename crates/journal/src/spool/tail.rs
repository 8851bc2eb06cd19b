//! Follows one incarnation through its segments, in sequence, while it may still be written.
//!
//! In: which segments exist and whether the incarnation is over, both looked up before the bytes are read. Out: records,
//! and damage once a segment is closed. Memory is bounded by a chunk, or by one segment while damage is passed over.
//! Not here: which incarnations there are (`reader`). Start at [`Tail::read`].

use std::{
    collections::VecDeque,
    fs::File,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use units::{
    WriterId,
    planted::{Bug, planted},
};

use super::{
    damage::{Damage, DamageKind, Damages},
    ends::{self, Probe},
    files::{io_error, read_at, read_to_end},
    frame::{Kind, PAYLOAD_BYTES_LIMIT, Seed, padded},
    layout,
    segment::{HEADER_BYTES, Header, HeaderError, Scanner, Step},
};
use crate::{PollError, Record, StreamId};

/// Bytes read at once from a stream that has just grown.
const CHUNK_BYTES_MIN: usize = 16 * 1024;
/// Bytes read at once from a stream with a backlog.
const CHUNK_BYTES_MAX: usize = 512 * 1024;

/// Where a tail is after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// There may be more at once.
    More,
    /// Everything written so far is read.
    NotYet,
    /// The incarnation is over and read to its end.
    Finished,
}

#[derive(Debug)]
pub(super) struct Tail {
    writer: WriterId,
    incarnation: u32,
    dir: PathBuf,
    /// Next record to hand out; `None` until the oldest segment is known.
    next: Option<u64>,
    /// First sequences of the segments, ascending.
    listing: Vec<u64>,
    /// A later incarnation exists: nothing more will be written.
    closed: bool,
    /// One more than the last record, as the next incarnation noted it.
    limit: Option<u64>,
    segment: Option<Segment>,
    /// Sequences up to this segment's first are done with.
    done: Option<u64>,
    /// Records found behind damage.
    queue: VecDeque<Record>,
}

/// What became of the attempt to open the next segment.
enum Opened {
    Yes,
    /// None of the segments listed is left.
    NoneLeft,
    /// It has no header yet, or the listing is out of date.
    Later,
}

#[derive(Debug)]
struct Segment {
    path: PathBuf,
    file: File,
    inode: u64,
    first: u64,
    /// `None`: the file is not readable as a segment of this stream.
    seed: Option<Seed>,
    /// What to report when it is passed over unread.
    refused: Option<DamageKind>,
    offset: u64,
    next_sequence: u64,
    /// Bytes from `offset` on, read earlier.
    chunk: Bytes,
    chunk_bytes: usize,
}

impl Tail {
    pub(super) fn new(writer: WriterId, incarnation: u32, writer_dir: &Path, next: Option<u64>) -> Self {
        Self {
            writer,
            incarnation,
            dir: writer_dir.join(incarnation.to_string()),
            next,
            listing: Vec::new(),
            closed: false,
            limit: None,
            segment: None,
            done: None,
            queue: VecDeque::new(),
        }
    }

    pub(super) fn incarnation(&self) -> u32 {
        self.incarnation
    }

    pub(super) fn stream(&self) -> StreamId {
        StreamId::Spool { writer: self.writer, incarnation: self.incarnation }
    }

    /// The next record, if one was wanted or found.
    pub(super) fn position(&self) -> Option<u64> {
        self.next
    }

    /// The next record, 1 if none is known.
    pub(super) fn next(&self) -> u64 {
        self.next.unwrap_or(1)
    }

    /// Offset and sequence up to which the segment that begins with `first` is known to be whole.
    pub(super) fn known_prefix(&self, first: u64) -> Option<(u64, u64)> {
        let segment = self.segment.as_ref().filter(|segment| segment.first == first)?;
        Some((segment.offset, segment.next_sequence))
    }

    /// Length of what is not read yet; `probe` knows how much of a file being written is in use.
    pub(super) fn unread_bytes(&self, probe: Option<Probe>) -> u64 {
        let current = self.segment.as_ref();
        let read = current.map_or(0, |segment| segment.offset);
        let from =
            current.map(|segment| segment.first).or(self.done.map(|done| done + 1)).unwrap_or_default();
        let files = ends::file_bytes(&self.dir, from);
        let last = self.listing.last().copied();
        let unused = last.and_then(|first| {
            let end = probe?.end_of(self.incarnation, first)?;
            Some(ends::file_bytes(&self.dir, first).saturating_sub(end))
        });
        files.saturating_sub(unused.unwrap_or_default()).saturating_sub(read)
    }

    /// Takes note of the files. `closed` must have been looked up before this is called.
    pub(super) fn refresh(&mut self, closed: bool, limit: Option<u64>) -> Result<(), PollError> {
        self.closed = closed;
        self.limit = limit;
        self.listing = layout::segments(&self.dir).map_err(|source| io_error(&self.dir, source))?;
        // A file abandoned before its first whole record is replaced by another of the same name.
        if let Some(segment) = &self.segment
            && let Ok(metadata) = std::fs::metadata(&segment.path)
            && metadata.ino() != segment.inode
        {
            self.segment = None;
        }
        Ok(())
    }

    /// Reads records until `out` holds `max` of them or nothing more is there.
    pub(super) fn read(
        &mut self,
        out: &mut Vec<Record>,
        max: usize,
        damages: &mut Damages,
    ) -> Result<Progress, PollError> {
        loop {
            while out.len() < max
                && let Some(record) = self.queue.pop_front()
            {
                out.push(record);
            }
            if max <= out.len() {
                return Ok(Progress::More);
            }
            if self.segment.is_none() {
                match self.open_next(damages)? {
                    Opened::Yes => {}
                    Opened::NoneLeft if self.closed => return Ok(Progress::Finished),
                    Opened::NoneLeft | Opened::Later => return Ok(Progress::NotYet),
                }
            }
            if self.read_prefix(out, max)? {
                return Ok(Progress::More);
            }
            let limit = self.successor().or(self.limit);
            if self.successor().is_none() && !self.closed && !planted(Bug::TrustZeros) {
                return Ok(Progress::NotYet);
            }
            self.finish_segment(limit, damages)?;
        }
    }

    fn successor(&self) -> Option<u64> {
        let current = self.segment.as_ref().map(|segment| segment.first).or(self.done)?;
        self.listing.iter().copied().find(|first| current < *first)
    }

    fn open_next(&mut self, damages: &mut Damages) -> Result<Opened, PollError> {
        let Some(first) = self.choose()? else { return Ok(Opened::NoneLeft) };
        let path = layout::segment_path(&self.dir, first);
        let file = match File::open(&path) {
            Ok(file) => file,
            // Deleted since it was listed; the next listing tells what is left.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Opened::Later),
            Err(source) => return Err(io_error(&path, source)),
        };
        let inode = file.metadata().map_err(|source| io_error(&path, source))?.ino();
        let front = read_at(&file, 0, HEADER_BYTES).map_err(|source| io_error(&path, source))?;
        let is_over = self.closed || self.listing.last() != Some(&first);
        let mut segment = Segment {
            path,
            file,
            inode,
            first,
            seed: None,
            refused: None,
            offset: HEADER_BYTES as u64,
            next_sequence: first,
            chunk: Bytes::new(),
            chunk_bytes: CHUNK_BYTES_MIN,
        };
        match Header::decode(&front) {
            Ok(decoded) if !self.owns(&decoded.header, first) => segment.refused = Some(DamageKind::Foreign),
            Ok(decoded) => {
                segment.seed = Some(decoded.header.seed());
                let bytes = decoded.damaged.map(|bytes| bytes.start as u64..bytes.end as u64);
                let report = |bytes| self.damage(&segment.path, bytes, 0..0, DamageKind::HeaderCopy);
                bytes.map(report).into_iter().for_each(|damage| damages.push(damage));
            }
            // Headers are written once, so there is hope only while the file is young.
            Err(HeaderError::Blank | HeaderError::Damaged) if !is_over => return Ok(Opened::Later),
            Err(HeaderError::Blank) => segment.seed = self.sibling_seed(first),
            Err(HeaderError::Damaged) => {
                segment.refused = Some(DamageKind::Header);
                segment.seed = self.sibling_seed(first);
            }
            Err(HeaderError::UnknownVersion { version }) => {
                return Err(PollError::UnknownVersion { path: segment.path, version });
            }
        }
        self.next = self.next.or(Some(first));
        self.segment = Some(segment);
        Ok(Opened::Yes)
    }

    /// The segment to open: after the one that is done, or the one that holds the wanted record.
    fn choose(&self) -> Result<Option<u64>, PollError> {
        if let Some(done) = self.done {
            let successor = self.listing.iter().copied().find(|first| done < *first);
            return match (successor, self.next) {
                (Some(oldest), Some(next)) if next < oldest => Err(self.gone(next, oldest)),
                _ => Ok(successor),
            };
        }
        let Some(next) = self.next else { return Ok(self.listing.first().copied()) };
        let holding = self.listing.iter().copied().rfind(|first| *first <= next);
        match (holding, self.listing.first()) {
            (None, Some(&oldest)) => Err(self.gone(next, oldest)),
            (holding, _) => Ok(holding),
        }
    }

    fn gone(&self, wanted: u64, oldest: u64) -> PollError {
        PollError::OutOfRange { stream: self.stream(), wanted, oldest }
    }

    fn owns(&self, header: &Header, first: u64) -> bool {
        (header.writer, header.incarnation, header.first_sequence) == (self.writer, self.incarnation, first)
    }

    /// All segments of an incarnation share their seed, so one whole header reads them all.
    fn sibling_seed(&self, but: u64) -> Option<Seed> {
        let seed = |first: u64| {
            let file = File::open(layout::segment_path(&self.dir, first)).ok()?;
            let header = Header::decode(&read_at(&file, 0, HEADER_BYTES).ok()?).ok()?.header;
            self.owns(&header, first).then(|| header.seed())
        };
        self.listing.iter().copied().filter(|first| *first != but).find_map(seed)
    }

    /// Reads what is whole. `true` if `out` became full.
    fn read_prefix(&mut self, out: &mut Vec<Record>, max: usize) -> Result<bool, PollError> {
        let stream = self.stream();
        let (Some(segment), Some(next)) = (self.segment.as_mut(), self.next.as_mut()) else {
            return Ok(false);
        };
        let Some(seed) = segment.seed.filter(|_| segment.refused.is_none()) else { return Ok(false) };
        loop {
            let is_fresh = segment.chunk.is_empty();
            if is_fresh {
                let bytes = read_at(&segment.file, segment.offset, segment.chunk_bytes);
                segment.chunk = Bytes::from(bytes.map_err(|source| io_error(&segment.path, source))?);
            }
            let chunk = std::mem::take(&mut segment.chunk);
            let mut scanner = Scanner::new(&chunk, seed, segment.next_sequence);
            let stop = loop {
                if max <= out.len() {
                    break None;
                }
                match scanner.prefix() {
                    Ok(frame) if frame.kind == Kind::Data && *next <= frame.sequence => {
                        *next = frame.sequence + 1;
                        let bytes = chunk.slice_ref(frame.payload);
                        out.push(Record { stream: stream.clone(), position: frame.sequence, bytes });
                    }
                    Ok(_) => {}
                    Err(wanted_bytes) => break Some(wanted_bytes),
                }
            };
            let read_bytes = scanner.offset();
            segment.offset += read_bytes as u64;
            segment.next_sequence = scanner.next_sequence();
            let Some(wanted_bytes) = stop else {
                segment.chunk = chunk.slice(read_bytes..);
                return Ok(true);
            };
            // What stopped the scan may have been written since it was read, so it is always read again.
            if read_bytes == 0 && is_fresh {
                if chunk.len() < segment.chunk_bytes || wanted_bytes <= segment.chunk_bytes {
                    segment.chunk_bytes = CHUNK_BYTES_MIN;
                    return Ok(false);
                }
                segment.chunk_bytes = wanted_bytes.min(padded(PAYLOAD_BYTES_LIMIT));
            } else if segment.chunk_bytes / 2 < read_bytes {
                segment.chunk_bytes = (segment.chunk_bytes * 2).min(CHUNK_BYTES_MAX.max(segment.chunk_bytes));
            }
        }
    }

    /// Passes from a segment that will not change any more to the next one. Records behind damage are queued.
    fn finish_segment(&mut self, limit: Option<u64>, damages: &mut Damages) -> Result<(), PollError> {
        let Some(segment) = self.segment.take() else { return Ok(()) };
        self.done = Some(segment.first);
        let next = self.next();
        let Some(seed) = segment.seed else {
            let file_bytes = segment.file.metadata().map_or(0, |metadata| metadata.len());
            let lost = next..limit.unwrap_or(next).max(next);
            self.next = Some(lost.end);
            if segment.refused.is_some() || !lost.is_empty() {
                let kind = segment.refused.unwrap_or(DamageKind::Header);
                damages.push(self.damage(&segment.path, 0..file_bytes, lost, kind));
            }
            return Ok(());
        };
        if segment.refused.is_some() {
            damages.push(self.damage(&segment.path, 0..HEADER_BYTES as u64, 0..0, DamageKind::Header));
        }
        let rest =
            read_to_end(&segment.file, segment.offset).map_err(|source| io_error(&segment.path, source))?;
        let rest = Bytes::from(rest);
        let mut scanner = Scanner::new(&rest, seed, segment.next_sequence);
        while let Some(step) = scanner.closed(limit) {
            let (bytes, sequences, kind) = match step {
                Step::Frame(frame) => {
                    if frame.kind == Kind::Data && next <= frame.sequence {
                        let bytes = rest.slice_ref(frame.payload);
                        self.queue.push_back(Record {
                            stream: self.stream(),
                            position: frame.sequence,
                            bytes,
                        });
                    }
                    continue;
                }
                Step::Damaged { bytes, sequences } => (bytes, sequences, DamageKind::Frames),
                Step::Torn { bytes } => (bytes, 0..0, DamageKind::TornTail),
            };
            let bytes = segment.offset + bytes.start as u64..segment.offset + bytes.end as u64;
            damages.push(self.damage(&segment.path, bytes, sequences, kind));
        }
        self.next = Some(next.max(scanner.next_sequence()));
        Ok(())
    }

    fn damage(
        &self,
        path: &Path,
        bytes: std::ops::Range<u64>,
        sequences: std::ops::Range<u64>,
        kind: DamageKind,
    ) -> Damage {
        Damage { stream: self.stream(), path: path.to_owned(), bytes, sequences, kind }
    }
}
