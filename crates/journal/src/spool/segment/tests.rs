//! Claims about damaged segments: nothing is invented, neighbours are delivered, the reported range is the damaged one.

use std::ops::Range;

use proptest::{collection::vec, prelude::*};

use super::{
    super::note::{EndState, Ending, Note},
    *,
};

const HEADER: Header =
    Header { writer: WriterId(0x0001_0002), incarnation: 1_700_000_000, boot: [0xB0; 16], first_sequence: 1 };
const RECORDS: u64 = 12;

/// A segment as a closed incarnation leaves it, and where each of its frames lies, with the record it carries.
struct Sample {
    bytes: Vec<u8>,
    frames: Vec<(Range<usize>, Option<u64>)>,
}

fn payload(sequence: u64) -> Vec<u8> {
    (0..sequence * 3).map(|index| u8::try_from(index * 7 % 256).unwrap()).collect()
}

fn sample(header: Header, zeros: usize) -> Sample {
    let mut sample = Sample { bytes: Vec::new(), frames: Vec::new() };
    header.encode(&mut sample.bytes);
    let first = header.first_sequence;
    let ending = Ending { incarnation: 9, last_sequence: 5, state: EndState::ProcessDied };
    push_note(&mut sample, header, first - 1, &Note::Opening(vec![ending]));
    for sequence in first..first + RECORDS {
        push(&mut sample, header, sequence, Kind::Data, &payload(sequence - first + 1));
    }
    push_note(&mut sample, header, first + RECORDS - 1, &Note::Closing);
    sample.bytes.resize(sample.bytes.len() + zeros, 0);
    sample
}

fn push_note(sample: &mut Sample, header: Header, sequence: u64, note: &Note) {
    let mut payload = Vec::new();
    note.encode(&mut payload);
    push(sample, header, sequence, Kind::Control, &payload);
}

fn push(sample: &mut Sample, header: Header, sequence: u64, kind: Kind, payload: &[u8]) {
    let start = sample.bytes.len();
    frame::encode(&mut sample.bytes, header.seed(), sequence, kind, payload).unwrap();
    let record = (kind == Kind::Data).then_some(sequence);
    sample.frames.push((start..sample.bytes.len(), record));
}

/// What a closed scan delivers: records, damaged ranges (in the file) and the torn range.
#[derive(Debug, Default, PartialEq, Eq)]
struct Scanned {
    records: Vec<(u64, Vec<u8>)>,
    damaged: Vec<(Range<usize>, Range<u64>)>,
    torn: Option<Range<usize>>,
}

fn scan(bytes: &[u8], header: Header, limit: Option<u64>) -> Scanned {
    let mut result = Scanned::default();
    let frames = bytes.get(HEADER_BYTES..).unwrap_or_default();
    let shift = |range: Range<usize>| range.start + HEADER_BYTES..range.end + HEADER_BYTES;
    let mut scanner = Scanner::new(frames, header.seed(), header.first_sequence);
    while let Some(step) = scanner.closed(limit) {
        match step {
            Step::Frame(frame) if frame.kind == Kind::Data => {
                result.records.push((frame.sequence, frame.payload.to_vec()));
            }
            Step::Frame(_) => {}
            Step::Damaged { bytes, sequences } => result.damaged.push((shift(bytes), sequences)),
            Step::Torn { bytes } => result.torn = Some(shift(bytes)),
        }
    }
    result
}

fn records(sequences: impl Iterator<Item = u64>) -> Vec<(u64, Vec<u8>)> {
    sequences.map(|sequence| (sequence, payload(sequence))).collect()
}

// fault 47, promise P12 on a small segment
#[test]
fn each_flipped_bit_costs_its_frame_and_is_reported_exactly() {
    let sample = sample(HEADER, 40);
    for bit in 0..(sample.bytes.len() - 40) * 8 {
        let mut bytes = sample.bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let decoded = Header::decode(&bytes).unwrap();
        assert_eq!(decoded.header, HEADER);
        let scanned = scan(&bytes, decoded.header, Some(RECORDS + 1));
        let Some((range, record)) = sample.frames.iter().find(|(range, _)| range.contains(&(bit / 8))) else {
            let copy = bit / 8 / 64 * 64;
            assert_eq!(decoded.damaged, Some(copy..copy + 64), "bit {bit}");
            assert_eq!(scanned, Scanned { records: records(1..=RECORDS), ..Scanned::default() });
            continue;
        };
        let kept = records((1..=RECORDS).filter(|sequence| Some(*sequence) != *record));
        assert_eq!(scanned.records, kept, "bit {bit}");
        let is_last = range.end == sample.bytes.len() - 40;
        let reported = if is_last { scanned.torn } else { scanned.damaged.first().map(|it| it.0.clone()) };
        assert_eq!(reported.as_ref(), Some(range), "bit {bit}");
        let lost: u64 = scanned.damaged.iter().map(|(_, sequences)| sequences.end - sequences.start).sum();
        assert_eq!(lost, u64::from(record.is_some()), "bit {bit}");
    }
}

#[test]
fn truncation_at_any_byte_keeps_what_is_whole() {
    let sample = sample(HEADER, 0);
    for length in 0..sample.bytes.len() {
        let bytes = &sample.bytes[..length];
        let whole = sample.frames.iter().filter(|(range, _)| range.end <= length);
        let kept: Vec<u64> = whole.filter_map(|(_, record)| *record).collect();
        let last = kept.last().copied().unwrap_or_default();

        let scanned = scan(bytes, HEADER, None);
        assert_eq!(scanned.records, records(1..=last), "cut at {length}");
        assert_eq!(scanned.damaged, []);

        let limited = scan(bytes, HEADER, Some(RECORDS + 1));
        assert_eq!(limited.records, records(1..=last), "cut at {length}");
        let ranges: Vec<Range<u64>> = limited.damaged.into_iter().map(|(_, sequences)| sequences).collect();
        let missing = last + 1..RECORDS + 1;
        let expected = if missing.is_empty() || length < HEADER_BYTES { Vec::new() } else { vec![missing] };
        if HEADER_BYTES <= length {
            assert_eq!(ranges, expected, "cut at {length}");
        }
    }
}

#[test]
fn in_an_open_segment_the_prefix_ends_at_the_first_bad_frame() {
    let sample = sample(HEADER, 64);
    let (range, _) = sample.frames[5].clone();
    let mut bytes = sample.bytes.clone();
    bytes[range.start + 3] ^= 0x80;
    let mut scanner = Scanner::new(&bytes[HEADER_BYTES..], HEADER.seed(), 1);
    while scanner.prefix().is_ok() {}
    assert_eq!(scanner.next_sequence(), 5);
    assert_eq!(scanner.offset() + HEADER_BYTES, range.start);
}

#[test]
fn a_frame_inside_a_payload_is_not_taken_for_one_after_damage() {
    let forged_seed = Seed::of(HEADER.writer, HEADER.incarnation, [0; 16]);
    let mut inner = vec![0; 4];
    frame::encode(&mut inner, forged_seed, 2, Kind::Data, b"not mine").unwrap();
    let mut bytes = Vec::new();
    HEADER.encode(&mut bytes);
    for (sequence, payload) in [(1, b"one".as_slice()), (2, &inner), (3, b"three")] {
        frame::encode(&mut bytes, HEADER.seed(), sequence, Kind::Data, payload).unwrap();
    }
    let damaged = bytes.len() - frame::padded(5) - frame::padded(inner.len()) + 1;
    bytes[damaged] ^= 1;
    let scanned = scan(&bytes, HEADER, Some(4));
    assert_eq!(scanned.records, [(1, b"one".to_vec()), (3, b"three".to_vec())]);
    assert_eq!(scanned.damaged.len(), 1);
    assert_eq!(scanned.damaged[0].1, 2..3);
}

// fault 53
#[test]
fn sequences_near_the_borders_of_their_types_are_ordinary() {
    for border in [u64::from(u16::MAX), u64::from(u32::MAX), i64::MAX.unsigned_abs(), u64::MAX - RECORDS] {
        let header = Header { first_sequence: border - 10, incarnation: u32::MAX - 1, ..HEADER };
        let sample = sample(header, 16);
        let scanned = scan(&sample.bytes, header, Some(border - 10 + RECORDS));
        let sequences: Vec<u64> = scanned.records.iter().map(|(sequence, _)| *sequence).collect();
        assert!(sequences.into_iter().eq(border - 10..border - 10 + RECORDS));
        assert_eq!((scanned.damaged, scanned.torn), (Vec::new(), None));
    }
}

#[test]
fn a_blank_file_is_not_called_damaged() {
    for bytes in [&[][..], &[0; 10], &[0; HEADER_BYTES], &[0; 500]] {
        assert_eq!(Header::decode(bytes), Err(HeaderError::Blank));
    }
    assert_eq!(Header::decode(&[1; HEADER_BYTES]), Err(HeaderError::Damaged));
}

#[test]
fn a_newer_version_is_named_not_guessed() {
    let mut bytes = Vec::new();
    HEADER.encode(&mut bytes);
    for copy in bytes.chunks_mut(COPY_BYTES) {
        copy[8] = VERSION + 1;
        let crc = crc32c::crc32c(&copy[..CHECKED_BYTES]).to_le_bytes();
        copy[CHECKED_BYTES..].copy_from_slice(&crc);
    }
    assert_eq!(Header::decode(&bytes), Err(HeaderError::UnknownVersion { version: VERSION + 1 }));
}

proptest! {
    #[test]
    fn any_damage_invents_nothing(
        hits in vec((0..2000_usize, any::<u8>()), 1..20),
        swap in any::<prop::sample::Index>(),
        limit in prop::option::of(1..RECORDS + 2),
    ) {
        let sample = sample(HEADER, 64);
        let mut bytes = sample.bytes.clone();
        let (range, _) = sample.frames[swap.index(sample.frames.len())].clone();
        let moved = bytes[range.clone()].to_vec();
        for (at, byte) in hits {
            if let Some(hit) = bytes.get_mut(HEADER_BYTES + at) {
                *hit = byte;
            }
        }
        // A copy of some frame in a wrong place as well.
        let end = bytes.len() - moved.len();
        bytes[end..].copy_from_slice(&moved);
        let scanned = scan(&bytes, HEADER, limit);
        let mut last = 0;
        for (sequence, found) in scanned.records {
            prop_assert!(last < sequence, "in sequence, each once");
            prop_assert_eq!(found, payload(sequence));
            prop_assert!(limit.is_none_or(|limit| sequence < limit));
            last = sequence;
        }
    }
}
