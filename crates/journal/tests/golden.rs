//! Bytes that leave the process: what production wrote must be read for ever, and written the same.
//!
//! In: hex files in `golden/`. Out: equality. Never edit a fixture: a changed format gets a new version beside it.
#![allow(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use std::fmt::Write;

use journal::spool::{
    EndState, Ending,
    frame::{self, Kind, Parsed, Seed},
    note::Note,
    segment::{HEADER_BYTES, Header, Scanner},
};
use units::WriterId;

const HEADER: Header = Header {
    writer: WriterId(0x0002_0001),
    incarnation: 1_700_000_000,
    boot: [0, 17, 34, 51, 68, 85, 102, 119, 136, 153, 170, 187, 204, 221, 238, 255],
    first_sequence: 1,
};

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(32) {
        for byte in line {
            write!(text, "{byte:02x}").unwrap();
        }
        text.push('\n');
    }
    text
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().filter_map(|it| it.to_digit(16)).map(|it| it.try_into().unwrap()).collect();
    digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect()
}

fn notes() -> (Note, Note) {
    let ending = |incarnation, last_sequence, state| Ending { incarnation, last_sequence, state };
    let endings = vec![
        ending(1_699_999_000, 77, EndState::Clean),
        ending(1_699_998_000, 0, EndState::ProcessDied),
        ending(1_699_997_000, u64::MAX, EndState::MachineDied),
    ];
    (Note::Opening(endings), Note::Closing)
}

/// A whole segment: both copies of the header, an opening note, two records, a closing note.
fn segment() -> Vec<u8> {
    let mut bytes = Vec::new();
    HEADER.encode(&mut bytes);
    let (opening, closing) = notes();
    for (sequence, kind, payload) in [
        (0, Kind::Control, encoded(&opening)),
        (1, Kind::Data, b"\xc7\x01\x01\x00 a click".to_vec()),
        (2, Kind::Data, Vec::new()),
        (2, Kind::Control, encoded(&closing)),
    ] {
        frame::encode(&mut bytes, HEADER.seed(), sequence, kind, &payload).unwrap();
    }
    bytes
}

fn encoded(note: &Note) -> Vec<u8> {
    let mut bytes = Vec::new();
    note.encode(&mut bytes);
    bytes
}

#[test]
fn segment_v1_is_written_as_it_was() {
    assert_eq!(hex(&segment()), include_str!("golden/segment_v1.hex"));
}

#[test]
fn segment_v1_is_read() {
    let bytes = bytes(include_str!("golden/segment_v1.hex"));
    let decoded = Header::decode(&bytes).unwrap();
    assert_eq!((decoded.header, decoded.damaged), (HEADER, None));
    let frames = bytes.get(HEADER_BYTES..).unwrap();
    let mut scanner = Scanner::new(frames, decoded.header.seed(), 1);
    let (opening, closing) = notes();
    assert_eq!(Note::decode(scanner.prefix().unwrap().payload), Some(opening));
    assert_eq!(scanner.prefix().unwrap().payload, b"\xc7\x01\x01\x00 a click");
    assert_eq!(scanner.prefix().unwrap().sequence, 2);
    assert_eq!(Note::decode(scanner.prefix().unwrap().payload), Some(closing));
    assert_eq!(scanner.offset(), frames.len());
}

#[test]
fn frame_v1_is_as_it_was() {
    let seed = Seed::of(WriterId(7), 8, [9; 16]);
    let mut written = Vec::new();
    frame::encode(&mut written, seed, 0x0102_0304_0506_0708, Kind::Data, b"payload").unwrap();
    assert_eq!(hex(&written), include_str!("golden/frame_v1.hex"));
    let read = bytes(include_str!("golden/frame_v1.hex"));
    let Parsed::Frame(frame) = frame::parse(seed, &read) else { panic!("not a frame") };
    assert_eq!(
        (frame.sequence, frame.kind, frame.payload),
        (0x0102_0304_0506_0708, Kind::Data, &b"payload"[..])
    );
}
