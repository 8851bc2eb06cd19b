//! The bytes of one segment file: its header, and which frames in it count.
//!
//! In: the file's bytes, and what is known about its neighbours. Out: frames in sequence, and for everything else the
//! exact range of bytes and sequences that is damaged. In an open segment the first invalid frame means "not yet";
//! looking beyond it is for closed ones. Not here: files (`reader`, `writer`). Start at [`Scanner`].

use std::ops::Range;

use units::WriterId;

use super::frame::{self, ALIGNMENT, Frame, Kind, MAGIC, Parsed, Seed};

/// Version of the segment's layout that this build writes.
pub const VERSION: u8 = 1;
/// Bytes before the first frame: the header twice, so that damage to one copy costs no frame.
pub const HEADER_BYTES: usize = 2 * COPY_BYTES;

const SEGMENT_MAGIC: [u8; 8] = *b"TRIBSPL\n";
const COPY_BYTES: usize = 64;
const CHECKED_BYTES: usize = COPY_BYTES - 4;

/// Whose frames a segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The edge thread that writes it.
    pub writer: WriterId,
    /// The run of that thread, in seconds since the epoch or later.
    pub incarnation: u32,
    /// The kernel's boot id: after an unclean end it tells a killed process from a lost machine.
    pub boot: [u8; 16],
    /// Sequence of its first record.
    pub first_sequence: u64,
}

/// Why a file's first bytes are not a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Created, but nothing written yet (fault 38).
    #[error("segment has no header yet")]
    Blank,
    /// Neither copy is whole.
    #[error("both copies of the segment's header are damaged")]
    Damaged,
    /// Written by a newer build.
    #[error("segment version {version} is unknown to this build")]
    UnknownVersion {
        /// The version found.
        version: u8,
    },
}

/// A header and which of its two copies were damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// What the whole copy says.
    pub header: Header,
    /// Bytes of the copy that is not whole.
    pub damaged: Option<Range<usize>>,
}

impl Header {
    /// The checksum seed of the segment's frames; the same in all segments of the incarnation.
    #[must_use]
    pub fn seed(&self) -> Seed {
        Seed::of(self.writer, self.incarnation, self.boot)
    }

    /// Appends both copies to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for _ in 0..2 {
            let start = out.len();
            out.extend_from_slice(&SEGMENT_MAGIC);
            out.extend_from_slice(&[VERSION, 0, 0, 0]);
            out.extend_from_slice(&self.writer.0.to_le_bytes());
            out.extend_from_slice(&self.incarnation.to_le_bytes());
            out.extend_from_slice(&[0; 4]);
            out.extend_from_slice(&self.boot);
            out.extend_from_slice(&self.first_sequence.to_le_bytes());
            out.resize(start + CHECKED_BYTES, 0);
            let crc = crc32c::crc32c(out.get(start..).unwrap_or_default());
            out.extend_from_slice(&crc.to_le_bytes());
        }
    }

    /// Reads the header at the front of a segment.
    pub fn decode(segment: &[u8]) -> Result<Decoded, HeaderError> {
        let first = segment.get(..COPY_BYTES).and_then(decode_copy);
        let second = segment.get(COPY_BYTES..HEADER_BYTES).and_then(decode_copy);
        let (copy, damaged) = match (first, second) {
            (Some(copy), Some(other)) if copy == other => (copy, None),
            (Some(copy), _) => (copy, Some(COPY_BYTES..HEADER_BYTES)),
            (None, Some(copy)) => (copy, Some(0..COPY_BYTES)),
            (None, None) => {
                let mut front = segment.iter().take(HEADER_BYTES);
                let is_blank = front.all(|&byte| byte == 0);
                return Err(if is_blank { HeaderError::Blank } else { HeaderError::Damaged });
            }
        };
        let (version, header) = copy;
        if version != VERSION {
            return Err(HeaderError::UnknownVersion { version });
        }
        Ok(Decoded { header, damaged })
    }
}

fn decode_copy(copy: &[u8]) -> Option<(u8, Header)> {
    let (checked, crc) = copy.split_at_checked(CHECKED_BYTES)?;
    if crc != crc32c::crc32c(checked).to_le_bytes() {
        return None;
    }
    let (magic, rest) = checked.split_first_chunk::<8>()?;
    let ([version, ..], rest) = rest.split_first_chunk::<4>()?;
    let (writer, rest) = rest.split_first_chunk::<4>()?;
    let (incarnation, rest) = rest.split_first_chunk::<4>()?;
    let (_, rest) = rest.split_first_chunk::<4>()?;
    let (boot, rest) = rest.split_first_chunk::<16>()?;
    let (first_sequence, _) = rest.split_first_chunk::<8>()?;
    let header = Header {
        writer: WriterId(u32::from_le_bytes(*writer)),
        incarnation: u32::from_le_bytes(*incarnation),
        boot: *boot,
        first_sequence: u64::from_le_bytes(*first_sequence),
    };
    (*magic == SEGMENT_MAGIC).then_some((*version, header))
}

/// What a scan of a closed segment comes across, in the file's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// A frame, the next in sequence or the first after a damaged range.
    Frame(Frame<'a>),
    /// Bytes that are no frames although frames must have been there.
    Damaged {
        /// Offsets in the scanned bytes.
        bytes: Range<usize>,
        /// Sequences of the records that were there; empty if only a note was lost.
        sequences: Range<u64>,
    },
    /// Bytes behind the last frame which hold something, but nothing that anybody was promised.
    Torn {
        /// Offsets in the scanned bytes.
        bytes: Range<usize>,
    },
}

/// Walks over the frames of one segment, or of a part of it that starts at a frame.
#[derive(Debug, Clone)]
pub struct Scanner<'a> {
    bytes: &'a [u8],
    offset: usize,
    seed: Seed,
    next_sequence: u64,
}

impl<'a> Scanner<'a> {
    /// Starts at the front of `bytes`, where the record `next_sequence` is expected.
    #[must_use]
    pub fn new(bytes: &'a [u8], seed: Seed, next_sequence: u64) -> Self {
        Self { bytes, offset: 0, seed, next_sequence }
    }

    /// Offset of the first byte not yet accounted for.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Sequence of the next record.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// The next frame of the valid prefix. `Err` names the bytes wanted from [`Self::offset`] on before another
    /// try can succeed, zero if what is there is no frame.
    pub fn prefix(&mut self) -> Result<Frame<'a>, usize> {
        match frame::parse(self.seed, self.bytes.get(self.offset..).unwrap_or_default()) {
            Parsed::Frame(frame) if self.follows(&frame) => Ok(self.accept(frame)),
            Parsed::Cut { wanted_bytes } => Err(wanted_bytes),
            Parsed::Frame(_) | Parsed::Invalid => Err(0),
        }
    }

    /// The next thing in a closed segment whose records end before `limit`, if that is known.
    pub fn closed(&mut self, limit: Option<u64>) -> Option<Step<'a>> {
        match frame::parse(self.seed, self.bytes.get(self.offset..)?) {
            Parsed::Frame(frame) if self.follows(&frame) => {
                let beyond = frame.kind == Kind::Data && limit.is_some_and(|limit| limit <= frame.sequence);
                // Behind the limit lie only bytes that were written again elsewhere.
                (!beyond).then(|| Step::Frame(self.accept(frame)))
            }
            _ => self.skip(limit),
        }
    }

    fn follows(&self, frame: &Frame<'_>) -> bool {
        match frame.kind {
            Kind::Data => frame.sequence == self.next_sequence,
            Kind::Control => frame.sequence.checked_add(1) == Some(self.next_sequence),
        }
    }

    fn accept(&mut self, frame: Frame<'a>) -> Frame<'a> {
        self.offset += frame.frame_bytes;
        self.next_sequence = frame.sequence.saturating_add(1);
        frame
    }

    /// Passes over what is no frame, up to the next one or to the end.
    fn skip(&mut self, limit: Option<u64>) -> Option<Step<'a>> {
        let start = self.offset;
        if let Some((offset, resumes_at)) = self.find_frame(limit) {
            let sequences = self.next_sequence..resumes_at;
            self.offset = offset;
            self.next_sequence = resumes_at;
            return Some(Step::Damaged { bytes: start..offset, sequences });
        }
        let written = self.bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let end = written.next_multiple_of(ALIGNMENT).min(self.bytes.len()).max(start);
        self.offset = self.bytes.len() + 1;
        let missing = limit.filter(|&limit| self.next_sequence < limit);
        if let Some(limit) = missing {
            let sequences = self.next_sequence..limit;
            self.next_sequence = limit;
            return Some(Step::Damaged { bytes: start..end, sequences });
        }
        (start < end).then_some(Step::Torn { bytes: start..end })
    }

    /// The next place at which a later frame of this segment starts, and the sequence expected there.
    fn find_frame(&self, limit: Option<u64>) -> Option<(usize, u64)> {
        let mut offset = self.offset;
        loop {
            let rest = self.bytes.get(offset..)?;
            if rest.starts_with(&MAGIC)
                && let Parsed::Frame(frame) = frame::parse(self.seed, rest)
            {
                let expected = match frame.kind {
                    Kind::Data => frame.sequence,
                    Kind::Control => frame.sequence.saturating_add(1),
                };
                let is_inside = match frame.kind {
                    Kind::Data => limit.is_none_or(|limit| expected < limit),
                    Kind::Control => limit.is_none_or(|limit| expected <= limit),
                };
                if self.next_sequence <= expected && is_inside {
                    return Some((offset, expected));
                }
            }
            offset += ALIGNMENT;
        }
    }
}

#[cfg(test)]
mod tests;
