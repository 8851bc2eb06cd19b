//! The bytes of one spool frame: how a payload is wrapped so that damage is always noticed.
//!
//! In: a payload, its sequence and flags. Out: a frame, and back. A frame is
//! `magic16 | version8 | flags8 | length32 | sequence64 | crc32c | payload | padding`, little endian, a multiple of
//! [`ALIGNMENT`] long. Not here: which sequence may follow which (`segment`). Start at [`parse`].

use units::{
    WriterId,
    planted::{Bug, planted},
};

/// First bytes of every frame. Neither is zero, so that unwritten space never looks like a frame.
pub const MAGIC: [u8; 2] = [0xF7, 0x7B];
/// Version of the frame's layout that this build writes.
pub const VERSION: u8 = 1;
/// Bytes before the payload.
pub const HEADER_BYTES: usize = 20;
/// Frames start at multiples of this many bytes, so that a resynchronising scan has few places to look.
pub const ALIGNMENT: usize = 8;
/// The smallest frame: an empty payload and its padding.
pub const FRAME_BYTES_MIN: usize = padded(0);
/// Longest payload an edge writes, in bytes: a click with all its parameters is far below it.
pub const PAYLOAD_BYTES_MAX: usize = 8 * 1024;
/// Longest payload the format allows, in bytes. A damaged length beyond it is not followed (fault 48).
pub const PAYLOAD_BYTES_LIMIT: usize = 4 * 1024 * 1024;

/// Last byte of every frame. Not zero: a frame of which the last byte was not written can therefore never be
/// mistaken for a whole one in a preallocated file of zeros, so the writer knows exactly what a short write left.
const TRAILER: u8 = 0xE7;
/// Bytes of the header that the checksum covers; the checksum itself follows them.
const CHECKED_BYTES: usize = 16;

/// The frame carries a note from the spool to its readers, not a record.
const FLAG_CONTROL: u8 = 1;

/// Where the checksum starts: from a value only the segment's own incarnation has.
///
/// The boot id is random and never leaves the machine, so that a visitor cannot craft a parameter which a
/// resynchronising scan would take for a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(u32);

impl Seed {
    /// The seed of all frames of one incarnation.
    #[must_use]
    pub fn of(writer: WriterId, incarnation: u32, boot: [u8; 16]) -> Self {
        let crc = crc32c::crc32c(&writer.0.to_le_bytes());
        let crc = crc32c::crc32c_append(crc, &incarnation.to_le_bytes());
        Self(crc32c::crc32c_append(crc, &boot))
    }
}

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A record; its sequence is its own.
    Data,
    /// A note; its sequence is that of the last record before it, or zero.
    Control,
}

/// A frame found whole and undamaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Dense per incarnation, from 1, for [`Kind::Data`].
    pub sequence: u64,
    /// Record or note.
    pub kind: Kind,
    /// What the caller appended.
    pub payload: &'a [u8],
    /// Length of the whole frame with its padding.
    pub frame_bytes: usize,
}

/// What the front of some bytes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// A frame.
    Frame(Frame<'a>),
    /// Possibly a frame, of which only the beginning is here.
    Cut {
        /// Length the input must have before another try can tell.
        wanted_bytes: usize,
    },
    /// Not a frame: never written, half written or damaged.
    Invalid,
}

/// A payload beyond [`PAYLOAD_BYTES_LIMIT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("payload has {payload_bytes} bytes, the limit is {PAYLOAD_BYTES_LIMIT}")]
pub struct TooLong {
    /// Length of the payload.
    pub payload_bytes: usize,
}

/// Length of the frame around a payload of `payload_bytes`.
#[must_use]
pub const fn padded(payload_bytes: usize) -> usize {
    // At least one byte of padding: the trailer.
    (HEADER_BYTES + payload_bytes + 1).next_multiple_of(ALIGNMENT)
}

/// Starts a frame at the end of `out`: the caller pushes the payload, then calls [`finish`].
pub fn begin(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    start
}

/// Completes the frame begun at `start`. On error `out` is as it was before [`begin`].
///
/// # Panics
///
/// If `start` is not what [`begin`] returned for `out`.
pub fn finish(
    out: &mut Vec<u8>,
    start: usize,
    seed: Seed,
    sequence: u64,
    kind: Kind,
) -> Result<usize, TooLong> {
    let payload_bytes = out.len() - start - HEADER_BYTES;
    let Some(length) = u32::try_from(payload_bytes).ok().filter(|_| payload_bytes <= PAYLOAD_BYTES_LIMIT)
    else {
        out.truncate(start);
        return Err(TooLong { payload_bytes });
    };
    let frame_bytes = padded(payload_bytes);
    out.resize(start + frame_bytes - 1, 0);
    out.push(TRAILER);
    let (header, rest) = out
        .get_mut(start..)
        .and_then(<[u8]>::split_first_chunk_mut::<HEADER_BYTES>)
        .expect("begin pushed a header at start");
    let flags = if kind == Kind::Control { FLAG_CONTROL } else { 0 };
    let (checked, crc) =
        header.split_first_chunk_mut::<CHECKED_BYTES>().expect("the header is longer than its checked part");
    *checked = checked_header(flags, length, sequence);
    crc.copy_from_slice(&checksum(seed, checked, rest).to_le_bytes());
    Ok(frame_bytes)
}

/// Appends a whole frame to `out` and returns its length.
pub fn encode(
    out: &mut Vec<u8>,
    seed: Seed,
    sequence: u64,
    kind: Kind,
    payload: &[u8],
) -> Result<usize, TooLong> {
    let start = begin(out);
    out.extend_from_slice(payload);
    finish(out, start, seed, sequence, kind)
}

/// Reads the frame at the front of `input`.
#[must_use]
pub fn parse(seed: Seed, input: &[u8]) -> Parsed<'_> {
    let Some((header, _)) = input.split_first_chunk::<HEADER_BYTES>() else {
        return Parsed::Cut { wanted_bytes: HEADER_BYTES };
    };
    let [m0, m1, version, flags, l0, l1, l2, l3, s0, s1, s2, s3, s4, s5, s6, s7, c0, c1, c2, c3] = *header;
    let payload_bytes = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
    let known = [m0, m1] == MAGIC && version == VERSION && flags & !FLAG_CONTROL == 0;
    if !known || PAYLOAD_BYTES_LIMIT < payload_bytes {
        return Parsed::Invalid;
    }
    let frame_bytes = padded(payload_bytes);
    let Some((checked, rest)) = input.get(..frame_bytes).and_then(<[u8]>::split_first_chunk::<CHECKED_BYTES>)
    else {
        return Parsed::Cut { wanted_bytes: frame_bytes };
    };
    let body = rest.get(HEADER_BYTES - CHECKED_BYTES..).unwrap_or_default();
    let Some(payload) = body.get(..payload_bytes) else { return Parsed::Invalid };
    let is_whole = checksum(seed, checked, body) == u32::from_le_bytes([c0, c1, c2, c3]);
    if body.last() != Some(&TRAILER) || !(is_whole || planted(Bug::SkipCrc)) {
        return Parsed::Invalid;
    }
    let kind = if flags & FLAG_CONTROL == 0 { Kind::Data } else { Kind::Control };
    let sequence = u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
    Parsed::Frame(Frame { sequence, kind, payload, frame_bytes })
}

fn checked_header(flags: u8, length: u32, sequence: u64) -> [u8; CHECKED_BYTES] {
    let [m0, m1] = MAGIC;
    let [l0, l1, l2, l3] = length.to_le_bytes();
    let [s0, s1, s2, s3, s4, s5, s6, s7] = sequence.to_le_bytes();
    [m0, m1, VERSION, flags, l0, l1, l2, l3, s0, s1, s2, s3, s4, s5, s6, s7]
}

/// Covers the padding too, so that no bit of a frame can change unnoticed.
fn checksum(seed: Seed, checked: &[u8; CHECKED_BYTES], body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(seed.0, checked), body)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const SEED: Seed = Seed(0x5EED);

    fn encoded(sequence: u64, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out, SEED, sequence, Kind::Data, payload).unwrap();
        out
    }

    proptest! {
        #[test]
        fn parse_undoes_encode(sequence: u64, payload in vec(any::<u8>(), 0..70), tail in vec(any::<u8>(), 0..9)) {
            let mut bytes = encoded(sequence, &payload);
            let frame_bytes = bytes.len();
            prop_assert_eq!(frame_bytes % ALIGNMENT, 0);
            bytes.extend(&tail);
            let frame = Frame { sequence, kind: Kind::Data, payload: &payload, frame_bytes };
            prop_assert_eq!(parse(SEED, &bytes), Parsed::Frame(frame));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..64)) {
            let mut framed = MAGIC.to_vec();
            framed.push(VERSION);
            framed.extend(bytes);
            let is_frame = matches!(parse(SEED, &framed), Parsed::Frame(_));
            prop_assert!(!is_frame);
        }
    }

    // fault 47
    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = encoded(77, b"a click");
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(parse(SEED, &flipped), Parsed::Frame(_)), "bit {bit}");
        }
    }

    // fault 44: the rest of a preallocated file is zeros, and a short write leaves exactly those.
    #[test]
    fn a_frame_short_of_its_last_bytes_is_never_whole() {
        for payload in [b"".as_slice(), b"\0\0\0\0", b"1234567", b"12345678"] {
            let bytes = encoded(1, payload);
            for written in 0..bytes.len() {
                let mut cut = bytes.clone();
                cut[written..].fill(0);
                assert!(!matches!(parse(SEED, &cut), Parsed::Frame(_)), "{written} of {}", bytes.len());
                let short = parse(SEED, &bytes[..written]);
                assert!(matches!(short, Parsed::Cut { wanted_bytes } if written < wanted_bytes));
            }
        }
    }

    // fault 48
    #[test]
    fn a_huge_length_is_not_followed() {
        let mut bytes = encoded(1, b"x");
        bytes[4..8].fill(0xFF);
        assert_eq!(parse(SEED, &bytes), Parsed::Invalid);
    }

    #[test]
    fn a_frame_of_another_incarnation_is_not_ours() {
        let bytes = encoded(1, b"x");
        assert_eq!(parse(Seed::of(WriterId(1), 2, [3; 16]), &bytes), Parsed::Invalid);
    }

    #[test]
    fn a_payload_beyond_the_limit_leaves_nothing_behind() {
        let mut out = vec![1, 2, 3];
        let payload = vec![0; PAYLOAD_BYTES_LIMIT + 1];
        let error = encode(&mut out, SEED, 1, Kind::Data, &payload);
        assert_eq!(error, Err(TooLong { payload_bytes: PAYLOAD_BYTES_LIMIT + 1 }));
        assert_eq!(out, [1, 2, 3]);
    }
}
