//! Claims about reading: order per stream, exact damage in files, positions, ends and deletions.

mod deleted;

use std::fs;

use super::{
    super::{Closed, DamageKind, Options, Writer, closed, delete_below, enforce_budget, frame, segment},
    *,
};
use units::EpochMs;

const WRITER: WriterId = WriterId(7);

fn options() -> Options {
    Options { segment_bytes: 16 * 1024, payload_bytes_max: 512, ..Options::default() }
}

fn open(root: &Path) -> Writer {
    Writer::open(root, WRITER, EpochMs(5_000), options()).unwrap()
}

fn payload(number: u64) -> Vec<u8> {
    format!("{number:0>200}").into_bytes()
}

fn append(writer: &mut Writer, count: u64) {
    for _ in 0..count {
        let number = writer.last_sequence() + 1;
        writer.append(&payload(number)).unwrap();
    }
}

fn stream(incarnation: u32) -> StreamId {
    StreamId::Spool { writer: WRITER, incarnation }
}

fn at(incarnation: u32, next: u64) -> Position {
    Position { stream: stream(incarnation), next }
}

/// Reads what is there now: incarnation and sequence of each record, whose payload is checked.
fn drain(reader: &mut Reader) -> Vec<(u32, u64)> {
    let mut found = Vec::new();
    loop {
        let records = reader.poll(50, Duration::ZERO).unwrap();
        if records.is_empty() {
            return found;
        }
        for record in records {
            let StreamId::Spool { incarnation, .. } = record.stream else { panic!("not a spool") };
            assert_eq!(record.bytes, payload(record.position));
            found.push((incarnation, record.position));
        }
    }
}

fn segments(root: &Path, incarnation: u32) -> Vec<PathBuf> {
    let dir = layout::incarnation_dir(root, WRITER, incarnation);
    layout::segments(&dir).unwrap().into_iter().map(|first| layout::segment_path(&dir, first)).collect()
}

fn pairs(incarnation: u32, sequences: impl Iterator<Item = u64>) -> Vec<(u32, u64)> {
    sequences.map(|sequence| (incarnation, sequence)).collect()
}

#[test]
fn a_reader_follows_writers_through_rolls_and_restarts() {
    let root = tempfile::tempdir().unwrap();
    let mut reader = Reader::open(&root.path().join("not yet"));
    assert_eq!(drain(&mut reader), []);
    let mut reader = Reader::open(root.path());
    let mut expected = Vec::new();
    let mut found = Vec::new();
    for incarnation in 5..9 {
        let mut writer = open(root.path());
        for _ in 0..3 {
            append(&mut writer, 60);
            found.extend(drain(&mut reader));
        }
        expected.extend(pairs(incarnation, 1..=180));
        if incarnation % 2 == 0 {
            writer.close().unwrap();
        }
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while found.len() < expected.len() && Instant::now() < deadline {
        let more = reader.poll(1000, Duration::from_millis(50)).unwrap();
        found.extend(more.iter().map(|record| match record.stream {
            StreamId::Spool { incarnation, .. } => (incarnation, record.position),
            _ => panic!("not a spool"),
        }));
    }
    assert_eq!(found, expected);
    assert_eq!(reader.take_damage(), []);
    assert!(reader.closed(&stream(5)) && reader.closed(&stream(7)) && !reader.closed(&stream(8)));
}

#[test]
fn a_record_written_while_a_poll_waits_ends_the_wait() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path());
    let mut reader = Reader::open(root.path());
    thread::scope(|scope| {
        let waiting = scope.spawn(move || reader.poll(10, Duration::from_mins(1)).unwrap().len());
        append(&mut writer, 1);
        assert_eq!(waiting.join().unwrap(), 1);
    });
}

#[test]
fn reading_goes_on_at_a_position() {
    let root = tempfile::tempdir().unwrap();
    let mut first = open(root.path());
    append(&mut first, 200);
    drop(first);
    let mut second = open(root.path());
    append(&mut second, 100);
    let mut reader = Reader::open(root.path());
    for next in [1, 2, 60, 61, 62, 63, 199, 200, 201] {
        reader.seek(&[at(5, next), at(6, 90)]);
        let mut expected = pairs(5, next..=200);
        expected.extend(pairs(6, 90..=100));
        assert_eq!(drain(&mut reader), expected, "from {next}");
    }
    reader.seek(&[]);
    assert_eq!(drain(&mut reader).len(), 300);
}

#[test]
fn ends_are_where_a_reader_arrives() {
    let root = tempfile::tempdir().unwrap();
    let mut reader = Reader::open(root.path());
    assert_eq!(reader.ends().unwrap(), []);
    let mut first = open(root.path());
    assert_eq!(reader.ends().unwrap(), [at(5, 1)]);
    append(&mut first, 150);
    assert_eq!(reader.ends().unwrap(), [at(5, 151)]);
    drain(&mut reader);
    append(&mut first, 10);
    assert_eq!(reader.ends().unwrap(), [at(5, 161)]);
    drop(first);
    let mut second = open(root.path());
    append(&mut second, 3);
    for mut reader in [reader, Reader::open(root.path())] {
        assert_eq!(reader.ends().unwrap(), [at(5, 161), at(6, 4)]);
        drain(&mut reader);
        assert_eq!(reader.ends().unwrap(), [at(5, 161), at(6, 4)]);
    }
}

// fault 47
#[test]
fn damage_in_a_closed_segment_is_reported_exactly_and_neighbours_are_delivered() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path());
    append(&mut writer, 150);
    let frame_bytes = frame::padded(200);
    let front = segment::HEADER_BYTES + frame::padded(1);
    let path = segments(root.path(), 5)[0].clone();
    let mut bytes = fs::read(&path).unwrap();
    bytes[front + 10 * frame_bytes + 30] ^= 1;
    bytes[front + 11 * frame_bytes] = 0;
    fs::write(&path, bytes).unwrap();

    let mut reader = Reader::open(root.path());
    assert_eq!(drain(&mut reader), pairs(5, (1..=10).chain(13..=150)));
    let damage = reader.take_damage();
    assert_eq!(damage.len(), 1);
    let start = (front + 10 * frame_bytes) as u64;
    assert_eq!(damage[0].bytes, start..start + 2 * frame_bytes as u64);
    assert_eq!((damage[0].sequences.clone(), damage[0].kind), (11..13, DamageKind::Frames));
    assert_eq!(reader.damages().records(), 2);
    assert_eq!(reader.ends().unwrap(), [at(5, 151)]);
}

// fault 47, measured: a reader of a growing file saw zeros followed by newer data.
#[test]
fn in_an_open_segment_a_hole_means_not_yet() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path());
    append(&mut writer, 20);
    let path = segments(root.path(), 5)[0].clone();
    let whole = fs::read(&path).unwrap();
    let hole = segment::HEADER_BYTES + frame::padded(1) + 7 * frame::padded(200);
    let mut holed = whole.clone();
    holed[hole..hole + 100].fill(0);
    overwrite(&path, &holed);
    let mut reader = Reader::open(root.path());
    assert_eq!(drain(&mut reader), pairs(5, 1..=7));
    overwrite(&path, &whole);
    assert_eq!(drain(&mut reader), pairs(5, 8..=20));
    assert_eq!(reader.take_damage(), []);
}

/// Writes into the same file, as a writer does; `fs::write` would cut it to nothing first.
fn overwrite(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::FileExt;
    fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, 0).unwrap();
}

#[test]
fn the_last_record_of_a_dead_incarnation_is_missed_when_it_is_damaged() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path());
    append(&mut writer, 9);
    drop(writer);
    let second = open(root.path());
    let path = segments(root.path(), 5)[0].clone();
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 50;
    bytes[last] ^= 4;
    fs::write(&path, bytes).unwrap();
    let mut reader = Reader::open(root.path());
    assert_eq!(drain(&mut reader), pairs(5, 1..=8));
    let damage = reader.take_damage();
    assert_eq!(damage.len(), 1);
    assert_eq!((damage[0].sequences.clone(), damage[0].kind), (9..10, DamageKind::Frames));
    assert_eq!(reader.ends().unwrap(), [at(5, 10), at(6, 1)]);
    drop(second);
}

// fault 47, before anybody noted where the incarnation ended.
#[test]
fn damage_amid_the_last_segment_hides_neither_its_end_nor_what_follows() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path());
    append(&mut writer, 9);
    drop(writer);
    let path = segments(root.path(), 5)[0].clone();
    let mut bytes = fs::read(&path).unwrap();
    bytes[segment::HEADER_BYTES + frame::padded(1) + 3 * frame::padded(200) + 40] ^= 1;
    fs::write(&path, bytes).unwrap();
    let second = open(root.path());
    assert_eq!(second.endings()[0].last_sequence, 9);
    let mut reader = Reader::open(root.path());
    assert_eq!(reader.ends().unwrap(), [at(5, 10), at(6, 1)]);
    assert_eq!(drain(&mut reader), pairs(5, (1..=3).chain(5..=9)));
    assert_eq!(reader.ends().unwrap(), [at(5, 10), at(6, 1)]);
}

#[test]
fn a_segment_without_a_header_is_read_by_its_siblings_seed() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path());
    append(&mut writer, 150);
    let path = segments(root.path(), 5)[1].clone();
    for fill in [0, 0xAA] {
        let mut bytes = fs::read(&path).unwrap();
        bytes[..segment::HEADER_BYTES].fill(fill);
        fs::write(&path, bytes).unwrap();
        let mut reader = Reader::open(root.path());
        assert_eq!(drain(&mut reader), pairs(5, 1..=150), "header of {fill}");
    }
    // A whole page gone: only the frames in it are lost.
    let mut bytes = fs::read(&path).unwrap();
    bytes[..4096].fill(0);
    fs::write(&path, bytes).unwrap();
    let mut reader = Reader::open(root.path());
    let found = drain(&mut reader).len() as u64;
    let lost = (4096 - segment::HEADER_BYTES).div_ceil(frame::padded(200)) as u64;
    assert_eq!((found, reader.damages().records()), (150 - lost, lost));
}

// fault 49
#[test]
fn a_segment_copied_from_elsewhere_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path());
    append(&mut writer, 150);
    let files = segments(root.path(), 5);
    let aside = root.path().join("aside");
    fs::rename(&files[0], &aside).unwrap();
    fs::rename(&files[1], &files[0]).unwrap();
    fs::rename(&aside, &files[1]).unwrap();
    let dir = files[0].parent().unwrap();
    let third = layout::segments(dir).unwrap()[2];
    let mut reader = Reader::open(root.path());
    assert_eq!(drain(&mut reader), pairs(5, third..=150));
    let kinds: Vec<_> = reader.take_damage().into_iter().map(|it| (it.kind, it.sequences)).collect();
    let second = layout::segments(dir).unwrap()[1];
    assert_eq!(kinds, [(DamageKind::Foreign, 1..second), (DamageKind::Foreign, second..third)]);
}

// fault 48
#[test]
fn a_huge_length_in_a_closed_segment_costs_one_frame() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path());
    append(&mut writer, 150);
    let path = segments(root.path(), 5)[0].clone();
    let mut bytes = fs::read(&path).unwrap();
    let frame = segment::HEADER_BYTES + frame::padded(1) + 3 * frame::padded(200);
    for length in [u32::MAX, 4 * 1024 * 1024, 1_000_000] {
        bytes[frame + 4..frame + 8].copy_from_slice(&length.to_le_bytes());
        fs::write(&path, &bytes).unwrap();
        let mut reader = Reader::open(root.path());
        assert_eq!(drain(&mut reader), pairs(5, (1..=3).chain(5..=150)));
        assert_eq!(reader.damages().records(), 1);
    }
}

#[test]
fn what_is_unread_is_measured_in_bytes() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path());
    append(&mut writer, 150);
    let mut reader = Reader::open(root.path());
    reader.ends().unwrap();
    let at_least = 150 * frame::padded(200) as u64;
    let overhead = 16 * 1024;
    let unread = reader.unread_bytes();
    assert!(at_least <= unread && unread <= at_least + overhead, "{unread} for {at_least}");
    drain(&mut reader);
    assert_eq!(reader.unread_bytes(), 0);
    append(&mut writer, 2);
    reader.ends().unwrap();
    assert_eq!(reader.unread_bytes(), 2 * frame::padded(200) as u64);
}
