//! Damage to a segment of 64 KiB: each bit of it, each place to cut it, and files where others belong (P12).

use std::ops::Range;

use journal::spool::{
    frame::{self, Kind},
    segment::{HEADER_BYTES, Header, Scanner, Step},
};
use units::WriterId;

use super::Scale;
use crate::targets::spool_folder;

const SEGMENT_BYTES: usize = 64 * 1024;
const HEADER: Header =
    Header { writer: WriterId(0x0001_0002), incarnation: 1_700_000_000, boot: [0xB0; 16], first_sequence: 1 };

/// A closed segment, and where each record's frame lies behind the header.
struct Sample {
    bytes: Vec<u8>,
    frames: Vec<Range<usize>>,
}

/// Records of the sizes that clicks have, up to the last byte but for what is no whole frame.
fn sample() -> Sample {
    let mut sample = Sample { bytes: Vec::new(), frames: Vec::new() };
    HEADER.encode(&mut sample.bytes);
    for sequence in 1.. {
        let start = sample.bytes.len() - HEADER_BYTES;
        let whole = sample.bytes.len();
        frame::encode(&mut sample.bytes, HEADER.seed(), sequence, Kind::Data, &payload(sequence))
            .expect("it is short");
        if sample.bytes.len() > SEGMENT_BYTES {
            sample.bytes.truncate(whole);
            break;
        }
        sample.frames.push(start..sample.bytes.len() - HEADER_BYTES);
    }
    sample.bytes.resize(SEGMENT_BYTES, 0);
    sample
}

fn payload(sequence: u64) -> Vec<u8> {
    (0..90 + sequence * 31 % 211).map(|index| (index * 7 + sequence * 13).to_le_bytes()[0]).collect()
}

/// What a scan gives up: the records by sequence, and damage as (bytes, sequences).
#[derive(Default)]
struct Scanned {
    records: u64,
    damaged: Vec<(Range<usize>, Range<u64>)>,
    torn: Option<Range<usize>>,
}

/// Every record is the one that was written; those between are named.
fn scan(bytes: &[u8], payloads: &[Vec<u8>], limit: u64) -> Scanned {
    let mut walk = Scanner::new(bytes, HEADER.seed(), 1);
    let (mut scanned, mut next) = (Scanned::default(), 1);
    while let Some(step) = walk.closed(Some(limit)) {
        match step {
            Step::Frame(found) => {
                assert_eq!(found.sequence, next);
                let written = usize::try_from(next - 1).ok().and_then(|index| payloads.get(index));
                assert_eq!(Some(found.payload), written.map(Vec::as_slice), "a record that nobody wrote");
                scanned.records += 1;
                next += 1;
            }
            Step::Damaged { bytes, sequences } => {
                assert_eq!(sequences.start, next);
                next = sequences.end;
                scanned.damaged.push((bytes, sequences));
            }
            Step::Torn { bytes } => scanned.torn = Some(bytes),
        }
    }
    scanned
}

/// fault 47: 524,288 cases.
pub(super) fn bits(scale: Scale) -> u64 {
    let Sample { mut bytes, frames } = sample();
    let records = frames.len() as u64;
    let payloads: Vec<Vec<u8>> = (1..=records).map(payload).collect();
    let mut tried = 0;
    for bit in (0..bytes.len() * 8).step_by(scale.each) {
        bytes[bit / 8] ^= 1 << (bit % 8);
        let scanned = scan(&bytes[HEADER_BYTES..], &payloads, records + 1);
        match (bit / 8).checked_sub(HEADER_BYTES) {
            None => header_with_a_flipped_bit(&bytes, bit / 8, &scanned, records),
            Some(place) => one_frame_lost(&frames, place, &scanned),
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
        tried += 1;
    }
    tried
}

fn header_with_a_flipped_bit(bytes: &[u8], place: usize, scanned: &Scanned, records: u64) {
    let decoded = Header::decode(bytes).unwrap_or_else(|error| panic!("byte {place}: {error}"));
    assert_eq!(decoded.header, HEADER, "byte {place}: another header");
    assert!(decoded.damaged.is_some_and(|it| it.contains(&place)), "byte {place}: the copy is not named");
    assert_eq!((scanned.records, scanned.damaged.len()), (records, 0));
}

/// `place` is behind the header.
fn one_frame_lost(frames: &[Range<usize>], place: usize, scanned: &Scanned) {
    let records = frames.len() as u64;
    let Some(index) = frames.iter().position(|it| it.contains(&place)) else {
        assert_eq!((scanned.records, scanned.damaged.len()), (records, 0), "byte {place}");
        assert!(scanned.torn.as_ref().is_some_and(|it| it.contains(&place)), "byte {place} is not named");
        return;
    };
    let sequence = index as u64 + 1;
    let named = (frames[index].clone(), sequence..sequence + 1);
    assert_eq!(scanned.damaged, [named], "byte {place}: the range is its frame's");
    assert_eq!((scanned.records, &scanned.torn), (records - 1, &None));
}

/// fault 37: 65,537 cases.
pub(super) fn cuts(scale: Scale) -> u64 {
    let Sample { bytes, frames } = sample();
    let records = frames.len() as u64;
    let payloads: Vec<Vec<u8>> = (1..=records).map(payload).collect();
    let mut tried = 0;
    for length in (0..=bytes.len()).step_by(scale.each) {
        let cut = &bytes[..length];
        let header = Header::decode(cut).map(|it| it.header);
        // One copy is enough; of less, nothing is left but zeros or damage.
        match header {
            Ok(header) => assert_eq!(header, HEADER),
            Err(error) => {
                assert!(length < HEADER_BYTES, "cut at {length}: {error}");
            }
        }
        let behind = cut.get(HEADER_BYTES..).unwrap_or_default();
        let whole = frames.iter().take_while(|it| it.end <= behind.len()).count() as u64;
        let scanned = scan(behind, &payloads, records + 1);
        assert_eq!(scanned.records, whole, "cut at {length}");
        let named: u64 = scanned.damaged.iter().map(|(_, it)| it.end - it.start).sum();
        assert_eq!(whole + named, records, "cut at {length}: what is missing is named");
        tried += 1;
    }
    tried
}

/// Runs that leave some ten files, and each pair of them deleted, copied, moved: faults 38, 41, 42, 49.
pub(super) fn files(scale: Scale) -> u64 {
    const FILES: u8 = 12;
    let cases = (0..4_u8)
        .flat_map(|kind| (0..FILES).flat_map(move |one| (0..FILES).map(move |other| (kind, one, other))));
    let mut tried = 0;
    for (kind, one, other) in cases.step_by(scale.each) {
        for (first_ended, second_ended) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            spool_folder(&[255, first_ended, 200, second_ended, kind, one, 0, other, 0]);
            tried += 1;
        }
    }
    tried
}
