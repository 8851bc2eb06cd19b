//! Claims about appending: sequences are dense, an error leaves nothing half visible, the disk may be as bad as it likes.

mod failing;

use std::{sync::Arc, time::Duration};

use rustix::io::Errno;

use super::{
    super::{Call, Disk, EndState, Fault, Reader, Script, inspect},
    *,
};

const WRITER: WriterId = WriterId(7);

fn options() -> Options {
    Options { segment_bytes: 16 * 1024, payload_bytes_max: 512, boot: Some([1; 16]), ..Options::default() }
}

fn open(root: &Path, options: Options) -> Writer {
    Writer::open(root, WRITER, EpochMs(5_000), options).unwrap()
}

/// Everything a new reader finds, in its order.
fn read_all(root: &Path) -> Vec<(u32, u64, Vec<u8>)> {
    let mut reader = Reader::open(root);
    let mut found = Vec::new();
    loop {
        let records = reader.poll(7, Duration::ZERO).unwrap();
        if records.is_empty() {
            return found;
        }
        for record in records {
            let crate::StreamId::Spool { incarnation, .. } = record.stream else { panic!("not a spool") };
            found.push((incarnation, record.position, record.bytes.to_vec()));
        }
    }
}

fn payload(number: u64) -> Vec<u8> {
    format!("record {number} {}", "x".repeat(usize::try_from(number % 300).unwrap())).into_bytes()
}

#[test]
fn records_are_read_back_over_many_segments() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path(), options());
    for number in 1..=500 {
        assert_eq!(writer.append(&payload(number)).unwrap(), number);
    }
    let expected: Vec<_> = (1..=500).map(|number| (5, number, payload(number))).collect();
    assert_eq!(read_all(root.path()), expected, "while the writer is open");
    writer.close().unwrap();
    assert_eq!(read_all(root.path()), expected, "after it was closed");
    let report = inspect(root.path()).unwrap();
    assert_eq!(report.damage, []);
    let stream = &report.streams[0];
    assert_eq!((stream.records, stream.last_sequence, stream.end), (500, 500, Some(EndState::Clean)));
    assert!(3 < stream.segments);
}

#[test]
fn a_batch_is_one_write_and_in_sequence() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path(), options());
    for number in 1..=20 {
        let staged = writer.stage_with(|sequence, out| out.extend(payload(sequence))).unwrap();
        assert_eq!(staged, number);
    }
    assert_eq!(read_all(root.path()), [], "staged is not recorded");
    assert_eq!(writer.commit().unwrap(), 20);
    assert_eq!(read_all(root.path()).len(), 20);
}

// fault 54
#[test]
fn an_oversized_record_is_refused_and_costs_no_sequence() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path(), options());
    let error = writer.append(&[0; 513]).unwrap_err();
    assert!(matches!(error, AppendError::TooLong { payload_bytes: 513, payload_bytes_max: 512 }));
    assert_eq!(writer.append(&[0; 512]).unwrap(), 1);
    assert_eq!(read_all(root.path()).len(), 1);
}

#[test]
fn a_full_batch_asks_for_a_commit() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path(), options());
    let mut staged = 0;
    while writer.stage_with(|_, out| out.extend([9; 500])).is_ok() {
        staged += 1;
    }
    assert_eq!(staged, 16 * 1024 / 4 / frame::padded(500));
    assert_eq!(writer.commit().unwrap(), staged as u64);
    assert_eq!(writer.append(b"next").unwrap(), staged as u64 + 1);
}

// fault 50
#[test]
fn a_second_writer_is_refused_while_the_first_lives() {
    let root = tempfile::tempdir().unwrap();
    let first = open(root.path(), options());
    let error = Writer::open(root.path(), WRITER, EpochMs(9_000), options()).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    drop(first);
    open(root.path(), options());
}

// fault 55
#[test]
fn incarnations_rise_even_when_the_clock_falls() {
    let root = tempfile::tempdir().unwrap();
    let numbers: Vec<u32> = [9_000, 3_000, 3_000, 20_999]
        .map(|ms| Writer::open(root.path(), WRITER, EpochMs(ms), options()).unwrap().incarnation())
        .into();
    assert_eq!(numbers, [9, 10, 11, 20]);
}

// fault 53
#[test]
fn the_last_incarnation_number_is_not_given_out_twice() {
    let root = tempfile::tempdir().unwrap();
    let late = EpochMs(u64::from(u32::MAX) * 1000);
    let writer = Writer::open(root.path(), WRITER, late, options()).unwrap();
    assert_eq!(writer.incarnation(), u32::MAX);
    drop(writer);
    let error = Writer::open(root.path(), WRITER, late, options()).unwrap_err();
    assert!(matches!(error, OpenError::Exhausted { .. }), "{error}");
}

// faults 36 and 37
#[test]
fn an_incarnation_notes_how_the_one_before_ended() {
    let root = tempfile::tempdir().unwrap();
    let mut clean = open(root.path(), options());
    clean.append(b"1").unwrap();
    clean.close().unwrap();
    let mut killed = open(root.path(), options());
    killed.append(b"1").unwrap();
    killed.append(b"2").unwrap();
    drop(killed);
    let after_boot = Options { boot: Some([2; 16]), ..options() };
    let mut third = open(root.path(), after_boot.clone());
    third.append(b"1").unwrap();
    let ended = |incarnation, last_sequence, state| Ending { incarnation, last_sequence, state };
    assert_eq!(third.endings(), [ended(6, 2, EndState::MachineDied)]);
    drop(third);
    let fourth = open(root.path(), after_boot);
    assert_eq!(fourth.endings(), [ended(7, 1, EndState::ProcessDied)]);
    let ends: Vec<_> = inspect(root.path()).unwrap().streams.iter().map(|stream| stream.end).collect();
    let died = Some(EndState::ProcessDied);
    // `inspect` compares with the running kernel's boot, which neither of these is.
    assert_eq!(ends.len(), 4);
    assert_eq!((ends[0], ends[3]), (Some(EndState::Clean), None));
    assert_ne!((ends[1], ends[2]), (died, died));
}

// faults 37 and 38: whatever a kill leaves of the last segment, the next run starts and nothing answered is lost.
#[test]
fn a_torn_tail_is_cut() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path(), options());
    writer.append(b"first").unwrap();
    writer.append(b"second").unwrap();
    drop(writer);
    let path = layout::segment_path(&layout::incarnation_dir(root.path(), WRITER, 5), 1);
    let whole = fs::read(&path).unwrap();
    let opening = frame::padded(1);
    let second = segment::HEADER_BYTES + opening + frame::padded(5);
    for length in 0..second + frame::padded(6) {
        fs::remove_dir_all(root.path()).unwrap();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &whole[..length]).unwrap();
        let mut next = open(root.path(), options());
        next.append(b"after").unwrap();
        let mut expected: Vec<(u32, u64, Vec<u8>)> = Vec::new();
        if second <= length {
            expected.push((5, 1, b"first".to_vec()));
        }
        expected.push((6, 1, b"after".to_vec()));
        assert_eq!(read_all(root.path()), expected, "cut at {length}");
    }
}

// fault 52: however much lies there unshipped, a start looks at one segment.
#[test]
fn recovery_looks_at_the_last_segment_only() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path(), options());
    append_through(&mut writer, 500);
    drop(writer);
    let dir = layout::incarnation_dir(root.path(), WRITER, 5);
    let segments = layout::segments(&dir).unwrap();
    for first in &segments[..segments.len() - 1] {
        fs::write(layout::segment_path(&dir, *first), b"not what a scan would like").unwrap();
    }
    let next = open(root.path(), options());
    assert_eq!(next.endings(), [Ending { incarnation: 5, last_sequence: 500, state: EndState::ProcessDied }]);
}

/// Appends numbered records until `count` are recorded, counting refusals.
fn append_through(writer: &mut Writer, count: u64) -> u64 {
    let mut refused = 0;
    while writer.last_sequence() < count {
        let number = writer.last_sequence() + 1;
        refused += u64::from(writer.append(&payload(number)).is_err());
        assert!(refused < 100, "the disk is well again by now");
    }
    refused
}

fn assert_exact(root: &Path, count: u64) {
    let expected: Vec<_> = (1..=count).map(|number| (5, number, payload(number))).collect();
    assert_eq!(read_all(root), expected);
    let report = inspect(root).unwrap();
    assert_eq!(report.records_damaged, 0);
}

// fault 43
#[test]
fn after_a_failed_sync_the_tail_is_written_elsewhere() {
    for (synced, failures) in [(0, 1), (0, 2), (4, 1), (4, 2)] {
        let root = tempfile::tempdir().unwrap();
        let script = Arc::new(Script::default());
        let disk = Disk::scripted(&script);
        let mut writer = open(root.path(), Options { disk, durability: Durability::Power, ..options() });
        append_through(&mut writer, synced);
        writer.sync().unwrap();
        append_through(&mut writer, 10);
        for _ in 0..failures {
            script.push(Call::SyncData, Fault::Fail(Errno::IO.raw_os_error()));
        }
        // The first failure is repaired at once, the second leaves it to the next call.
        assert_eq!(writer.sync().is_ok(), failures == 1);
        append_through(&mut writer, 12);
        writer.sync().unwrap();
        lose_what_was_not_synced(root.path(), synced);
        assert_exact(root.path(), 12);
    }
}

// fault 45
#[test]
fn what_readers_saw_stays_while_its_file_cannot_be_replaced() {
    for call in [Call::Create, Call::Allocate, Call::Write, Call::SyncData, Call::Rename, Call::SyncDir] {
        let root = tempfile::tempdir().unwrap();
        let script = Arc::new(Script::default());
        let disk = Disk::scripted(&script);
        let mut writer = open(root.path(), Options { disk, durability: Durability::Power, ..options() });
        append_through(&mut writer, 2);
        script.push(Call::Write, Fault::Short(5));
        script.push(Call::Write, Fault::Fail(Errno::IO.raw_os_error()));
        writer.append(b"refused").unwrap_err();
        // Now the file of both records has the name of the one to come.
        script.push(call, Fault::Fail(Errno::IO.raw_os_error()));
        writer.append(b"refused").unwrap_err();
        assert_eq!(script.remaining(), 0, "{call:?}");
        assert_exact(root.path(), 2);
        append_through(&mut writer, 4);
        writer.sync().unwrap();
        assert_exact(root.path(), 4);
    }
}

/// Leaves of the first file only what its one good sync covered; its successor has taken the place of one without any.
fn lose_what_was_not_synced(root: &Path, synced: u64) {
    let first = layout::segment_path(&layout::incarnation_dir(root, WRITER, 5), 1);
    if synced == 0 {
        return;
    }
    let front = segment::HEADER_BYTES + frame::padded(1);
    let kept: usize = (1..=synced).map(|number| frame::padded(payload(number).len())).sum();
    fs::OpenOptions::new().write(true).open(first).unwrap().set_len((front + kept) as u64).unwrap();
}

#[test]
fn in_mode_power_appends_ask_for_a_sync_before_memory_grows_without_bound() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path(), Options { durability: Durability::Power, ..options() });
    let mut appended = 0;
    let error = loop {
        match writer.append(&[1; 500]) {
            Ok(_) => appended += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, AppendError::Unsynced { .. }), "{error}");
    assert!(appended < 16 * 1024 / 500);
    writer.sync().unwrap();
    writer.append(b"again").unwrap();
}

// fault 51
#[test]
fn a_file_system_in_memory_is_refused_in_mode_power() {
    let root = tempfile::tempdir_in("/dev/shm")
        .expect("every Linux that tests run on mounts a file system in memory there");
    let power = Options { durability: Durability::Power, ..options() };
    let error = Writer::open(root.path(), WRITER, EpochMs(5_000), power).unwrap_err();
    assert!(matches!(error, OpenError::CannotSync { name: "tmpfs", .. }), "{error}");
    open(root.path(), options());
}

#[test]
fn sizes_that_cannot_work_are_refused() {
    let root = tempfile::tempdir().unwrap();
    for (segment_bytes, payload_bytes_max) in [(1000, 10), (64 * 1024, 16 * 1024), (u64::MAX, usize::MAX)] {
        let bad = Options { segment_bytes, payload_bytes_max, ..options() };
        let error = Writer::open(root.path(), WRITER, EpochMs(0), bad).unwrap_err();
        assert!(matches!(error, OpenError::SegmentTooSmall { .. }), "{error}");
    }
}

#[test]
fn a_payload_that_panics_half_way_leaves_nothing_behind() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path(), options());
    writer.append(b"before").unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        writer.append_with(|_, out| {
            out.extend_from_slice(b"half of a");
            panic!("planted");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(writer.append(b"behind").unwrap(), 2);
    writer.close().unwrap();
    let expected = [(5, 1, b"before".to_vec()), (5, 2, b"behind".to_vec())];
    assert_eq!(read_all(root.path()), expected);
    assert_eq!(inspect(root.path()).unwrap().damage, []);
}
