//! What a disk may make of the spool: frames, segments, whole folders.
//!
//! In: bytes that say what is damaged and how. Out: nothing, or a panic. Start at [`frame`].

use std::{collections::BTreeMap, fs, path::Path, path::PathBuf, time::Duration};

use journal::{
    StreamId,
    spool::{
        EndState, Ending, Options, Reader, Writer,
        frame::{self, Kind, Parsed, Seed},
        inspect,
        note::Note,
        segment::{HEADER_BYTES, Header, Scanner, Step},
    },
};
use units::WriterId;

use crate::{choices::Choices, world};

const WRITER: WriterId = WriterId(0x0001_0002);
const HEADER: Header =
    Header { writer: WRITER, incarnation: 1_700_000_000, boot: [0xB0; 16], first_sequence: 1 };

pub(super) fn frames() -> Vec<Vec<u8>> {
    let encoded = |sequence, kind, payload: &[u8]| {
        let mut bytes = Vec::new();
        frame::encode(&mut bytes, HEADER.seed(), sequence, kind, payload).expect("it is short");
        bytes
    };
    let mut seeds = vec![
        encoded(1, Kind::Data, b"a click"),
        encoded(u64::MAX, Kind::Data, b""),
        encoded(0, Kind::Control, b"\x02"),
    ];
    // fault 47, fault 48: as they are and with a bit too many, in payload, length and sequence.
    for place in [4, 7, 8, 21, 27] {
        let mut flipped = seeds[0].clone();
        flipped[place] ^= 0x81;
        seeds.push(flipped);
    }
    seeds
}

/// faults 47, 48, 54, 129
pub(super) fn frame(input: &[u8]) {
    let seed = HEADER.seed();
    parsed(seed, input);
    let mut choices = Choices::new(input);
    let (bit, sequence) = (usize::from(choices.word()), u64::from(choices.word()));
    let payload = choices.rest();
    let mut bytes = Vec::new();
    let frame_bytes = frame::encode(&mut bytes, seed, sequence, Kind::Data, payload).expect("it is short");
    assert_eq!(frame_bytes, bytes.len());
    let whole = frame::Frame { sequence, kind: Kind::Data, payload, frame_bytes };
    assert_eq!(frame::parse(seed, &bytes), Parsed::Frame(whole), "what was written is read");
    let bit = bit % (bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    assert!(
        !matches!(frame::parse(seed, &bytes), Parsed::Frame(_)),
        "bit {bit} was flipped and nobody noticed"
    );
}

/// What is a frame at all is one that we would write. Who knows the seed may sum up other padding than ours: then one bit more is noticed.
fn parsed(seed: Seed, input: &[u8]) {
    match frame::parse(seed, input) {
        Parsed::Frame(found) => {
            let mut again = Vec::new();
            frame::encode(&mut again, seed, found.sequence, found.kind, found.payload).expect("it was one");
            let whole = &input[..found.frame_bytes];
            let padding = frame::HEADER_BYTES + found.payload.len()..found.frame_bytes;
            if again[padding.clone()] == whole[padding] {
                assert_eq!(again, whole, "a frame that nobody wrote");
            } else {
                let mut flipped = whole.to_vec();
                flipped[frame::HEADER_BYTES] ^= 1;
                assert!(!matches!(frame::parse(seed, &flipped), Parsed::Frame(_)), "nobody looks at the sum");
            }
            drop(Note::decode(found.payload));
        }
        Parsed::Cut { wanted_bytes } => {
            assert!(input.len() < wanted_bytes, "bytes that are there are wanted");
        }
        Parsed::Invalid => {}
    }
}

pub(super) fn damages() -> Vec<Vec<u8>> {
    // One of each kind of damage, at two places.
    (0..8)
        .flat_map(|kind| [vec![12, kind, 100, 0, 9, 0], vec![9, kind, 200, 1, 64, 0, 4, 50, 0, 1, 0]])
        .collect()
}

fn payload(sequence: u64) -> Vec<u8> {
    (0..sequence * 5 % 47).map(|index| u8::try_from((index * 7 + sequence) % 256).unwrap_or(0)).collect()
}

/// A segment as a closed incarnation leaves it.
fn sample(records: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    HEADER.encode(&mut bytes);
    let mut push = |sequence, kind, payload: &[u8]| {
        frame::encode(&mut bytes, HEADER.seed(), sequence, kind, payload).expect("it is short");
    };
    let ending = Ending { incarnation: 9, last_sequence: 5, state: EndState::ProcessDied };
    let note = |note: &Note| {
        let mut bytes = Vec::new();
        note.encode(&mut bytes);
        bytes
    };
    push(0, Kind::Control, &note(&Note::Opening(vec![ending])));
    (1..=records).for_each(|sequence| push(sequence, Kind::Data, &payload(sequence)));
    push(records, Kind::Control, &note(&Note::Closing));
    bytes.resize(bytes.len() + 64, 0);
    bytes
}

/// Does to `bytes` what the choices say.
fn damage(bytes: &mut Vec<u8>, choices: &mut Choices<'_>) {
    let kind = choices.byte() % 8;
    let at = choices.below(bytes.len().max(1));
    let length = choices.below(128).min(bytes.len() - at.min(bytes.len()));
    let from = at.min(bytes.len());
    match kind {
        0 if from < bytes.len() => bytes[from] ^= 1 << (length % 8),
        1 => bytes[from..from + length].fill(0),
        2 => bytes.truncate(from),
        3 => bytes[from..from + length].fill(0xFF),
        4 => {
            let copied = bytes[from..from + length].to_vec();
            let to = choices.below(bytes.len().max(1)) / 8 * 8;
            let copied = &copied[..copied.len().min(bytes.len() - to.min(bytes.len()))];
            bytes[to..to + copied.len()].copy_from_slice(copied);
        }
        5 => drop(bytes.drain(from..from + length)),
        6 => {
            let twice = bytes[from..from + length].to_vec();
            drop(bytes.splice(from..from, twice));
        }
        _ => {
            // Not the chosen bytes themselves: libFuzzer reads from a comparison which sum would be right and puts it there, which no disk does.
            let (mut mixed, length) = (0_u32, choices.below(32).min(bytes.len() - from));
            for byte in &mut bytes[from..from + length] {
                mixed = (mixed ^ u32::from(choices.byte())).wrapping_mul(0x9E37_79B1).rotate_left(13);
                *byte = mixed.to_le_bytes()[1];
            }
        }
    }
}

/// A number of records, and damages. faults 37, 44, 47, 48
pub(super) fn segment(input: &[u8]) {
    let mut choices = Choices::new(input);
    let records = 1 + u64::from(choices.byte() % 24);
    let mut bytes = sample(records);
    while !choices.is_empty() {
        damage(&mut bytes, &mut choices);
    }
    match Header::decode(&bytes) {
        Ok(decoded) => assert_eq!(decoded.header, HEADER, "a header that nobody wrote"),
        Err(error) => drop(error.to_string()),
    }
    for limit in [None, Some(records + 1)] {
        scanned(bytes.get(HEADER_BYTES..).unwrap_or_default(), limit);
    }
}

fn scanned(bytes: &[u8], limit: Option<u64>) {
    let mut scanner = Scanner::new(bytes, HEADER.seed(), 1);
    let (mut next, mut place) = (1, 0);
    while let Some(step) = scanner.closed(limit) {
        match step {
            Step::Frame(found) => {
                if found.kind == Kind::Data {
                    assert_eq!(
                        found.sequence, next,
                        "records come in their order, without a gap that is not named"
                    );
                    assert_eq!(found.payload, payload(found.sequence), "a record that nobody wrote");
                    next += 1;
                }
                place += found.frame_bytes;
            }
            Step::Damaged { bytes: range, sequences } => {
                assert_eq!(
                    (range.start, sequences.start),
                    (place, next),
                    "damage begins where the last frame ends"
                );
                assert!(range.end <= bytes.len() && sequences.start <= sequences.end);
                (place, next) = (range.end, sequences.end);
            }
            Step::Torn { bytes: range } => {
                assert!(place <= range.start && range.end <= bytes.len());
                place = range.end;
            }
        }
    }
    if let Some(limit) = limit {
        assert_eq!(next, limit, "every record is delivered or named as lost");
    }
}

/// What was written to a stream.
type Written = BTreeMap<(u32, u64), Vec<u8>>;

fn options() -> Options {
    Options { segment_bytes: 9 * 1024, payload_bytes_max: 64, boot: Some([0xB0; 16]), ..Options::default() }
}

/// A number of records, how the writer ended, and what happens to its files. faults 38, 41, 42, 47 to 49
pub(crate) fn folder(input: &[u8]) {
    let root = tempfile::tempdir().expect("a temporary folder can be made");
    let mut choices = Choices::new(input);
    let mut written = Written::new();
    for run in 0..2 {
        let records = u64::from(choices.byte()) * 2;
        write(root.path(), run, records, choices.byte() & 1 == 0, &mut written);
    }
    while !choices.is_empty() {
        harm(root.path(), &mut choices);
    }
    // Recovery first, as at an edge's start; then readers, who find what it left.
    let mut third = Writer::open(root.path(), WRITER, world::NOW, options())
        .expect("a damaged spool keeps nobody from starting");
    let sequence = third.append(b"after").expect("a new segment takes a record");
    written.insert((third.incarnation(), sequence), b"after".to_vec());
    drop(inspect(root.path()));
    read(root.path(), &written);
}

fn write(root: &Path, run: u32, records: u64, is_closed: bool, written: &mut Written) {
    let now = world::NOW.back(u64::from(10 - run) * 100_000);
    let mut writer = Writer::open(root, WRITER, now, options()).expect("an empty spool opens");
    for _ in 0..records {
        let bytes = payload(writer.last_sequence() + 1 + u64::from(run));
        let sequence = writer.append(&bytes).expect("it is short");
        written.insert((writer.incarnation(), sequence), bytes);
    }
    if is_closed {
        writer.close().expect("the disk is there");
    }
}

/// One thing that happens to a file.
fn harm(root: &Path, choices: &mut Choices<'_>) {
    let files = segments(root);
    let kind = choices.byte();
    let (Some(one), Some(other)) =
        (files.get(choices.below(files.len().max(1))), files.get(choices.below(files.len().max(1))))
    else {
        return;
    };
    let was = match kind % 6 {
        0 => fs::remove_file(one),
        // fault 49: copied in from elsewhere.
        1 => fs::copy(one, other).map(drop),
        2 => fs::rename(one, other),
        3 => fs::rename(one, one.with_file_name("00000000000000000007.seg")),
        _ => fs::read(one).and_then(|mut bytes| {
            damage(&mut bytes, choices);
            fs::write(one, bytes)
        }),
    };
    was.expect("the files are ours");
}

fn segments(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of ours").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "seg") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Every record that is delivered is one that was written, in order; a reader that stops says why.
fn read(root: &Path, written: &Written) {
    let mut reader = Reader::open(root);
    let mut last = (0, 0);
    // As many polls as there are records and files, and some.
    for _ in 0..written.len() + 64 {
        let Ok(records) = reader.poll(1024, Duration::ZERO) else { return };
        if records.is_empty() {
            break;
        }
        for record in records {
            let StreamId::Spool { incarnation, .. } = record.stream else { panic!("{:?}", record.stream) };
            let place = (incarnation, record.position);
            assert!(last < place, "{place:?} after {last:?}");
            assert_eq!(
                written.get(&place).map(Vec::as_slice),
                Some(&*record.bytes),
                "{place:?} was never written"
            );
            last = place;
        }
    }
    drop(reader.take_damage());
}
