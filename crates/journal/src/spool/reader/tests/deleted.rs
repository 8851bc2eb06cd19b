//! Claims about deletion: what went away under a reader is named, and what must stay stays.

use super::*;

// fault 70, while reading
#[test]
fn segments_deleted_under_a_reader_stop_it() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path());
    append(&mut writer, 300);
    let mut reader = Reader::open(root.path());
    assert_eq!(reader.poll(10, Duration::ZERO).unwrap().len(), 10);
    let deleted = delete_below(root.path(), WRITER, 5, 300).unwrap();
    let mut read = 10;
    let deadline = Instant::now() + Duration::from_secs(20);
    let error = loop {
        assert!(Instant::now() < deadline, "it waits for what is gone");
        match reader.poll(10, Duration::from_millis(200)) {
            Ok(records) => read += records.len() as u64,
            Err(error) => break error,
        }
        assert!(read < deleted.records, "it passed over the hole");
    };
    let PollError::OutOfRange { wanted, oldest, .. } = error else { panic!("{error}") };
    assert_eq!((wanted, oldest), (read + 1, deleted.records + 1));
}

// fault 70
#[test]
fn a_position_before_the_oldest_record_stops_the_reader() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path());
    append(&mut writer, 150);
    let deleted = delete_below(root.path(), WRITER, 5, 100).unwrap();
    assert!(0 < deleted.records && deleted.records < 100);
    let oldest = deleted.records + 1;
    let mut reader = Reader::open(root.path());
    assert_eq!(drain(&mut reader), pairs(5, oldest..=150), "without a position, from what there is");
    reader.seek(&[at(5, oldest)]);
    assert_eq!(drain(&mut reader).len() as u64, 150 - deleted.records);
    reader.seek(&[at(5, oldest - 1)]);
    let error = reader.poll(1, Duration::ZERO).unwrap_err();
    let PollError::OutOfRange { wanted, oldest: named, .. } = error else { panic!("{error}") };
    assert_eq!((wanted, named), (oldest - 1, oldest));
}

// fault 70, when the whole stream is gone
#[test]
fn a_position_in_a_deleted_incarnation_stops_the_reader() {
    let root = tempfile::tempdir().unwrap();
    let mut first = open(root.path());
    append(&mut first, 20);
    drop(first);
    let second = open(root.path());
    let deleted = delete_below(root.path(), WRITER, 5, 21).unwrap();
    assert_eq!(deleted.records, 20);
    assert!(!layout::incarnation_dir(root.path(), WRITER, 5).exists());
    let mut reader = Reader::open(root.path());
    reader.seek(&[at(5, 20)]);
    assert!(matches!(reader.poll(1, Duration::ZERO), Err(PollError::OutOfRange { oldest: 21, .. })));
    reader.seek(&[at(5, 21)]);
    assert_eq!(drain(&mut reader), []);
    drop(second);
}

// fault 70, when later deletions follow
#[test]
fn a_deleted_incarnation_is_remembered_when_the_next_one_is_deleted_too() {
    let root = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        append(&mut open(root.path()), 20);
    }
    let last = open(root.path());
    let incarnations = layout::incarnations(&layout::writer_dir(root.path(), WRITER)).unwrap();
    for incarnation in &incarnations[..3] {
        delete_below(root.path(), WRITER, *incarnation, 21).unwrap();
    }
    for incarnation in &incarnations[..3] {
        let mut reader = Reader::open(root.path());
        reader.seek(&[at(*incarnation, 20)]);
        assert!(matches!(reader.poll(1, Duration::ZERO), Err(PollError::OutOfRange { oldest: 21, .. })));
    }
    drop(last);
}

// fault 70, under a reader that had not begun the incarnation
#[test]
fn an_incarnation_deleted_before_it_was_begun_stops_the_reader() {
    let root = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        append(&mut open(root.path()), 20);
    }
    let incarnations = layout::incarnations(&layout::writer_dir(root.path(), WRITER)).unwrap();
    let mut reader = Reader::open(root.path());
    assert_eq!(reader.poll(1, Duration::ZERO).unwrap().len(), 1);
    delete_below(root.path(), WRITER, incarnations[1], 21).unwrap();
    let error = reader.ends().unwrap_err();
    assert!(matches!(error, PollError::OutOfRange { wanted: 1, oldest: 21, .. }), "{error}");
}

// faults 39 and 70: killed behind the last file, before its folder
#[test]
fn an_emptied_folder_stops_the_reader_as_a_missing_one_does() {
    let root = tempfile::tempdir().unwrap();
    append(&mut open(root.path()), 20);
    let second = open(root.path());
    let mut begun = Reader::open(root.path());
    assert_eq!(begun.poll(5, Duration::ZERO).unwrap().len(), 5);
    delete_below(root.path(), WRITER, 5, 21).unwrap();
    fs::create_dir(layout::incarnation_dir(root.path(), WRITER, 5)).unwrap();
    let mut reader = Reader::open(root.path());
    reader.seek(&[at(5, 20)]);
    assert!(matches!(reader.poll(1, Duration::ZERO), Err(PollError::OutOfRange { oldest: 21, .. })));
    reader.seek(&[at(5, 21)]);
    assert_eq!(drain(&mut reader), []);
    // The file it has open is whole; what it did not open is not passed over.
    assert_eq!(drain(&mut begun), pairs(5, 6..=20));
    drop(second);
}

// fault 70, under a reader in the middle of the incarnation
#[test]
fn segments_deleted_with_their_folder_under_a_reader_are_named() {
    let root = tempfile::tempdir().unwrap();
    append(&mut open(root.path()), 300);
    let second = open(root.path());
    let mut reader = Reader::open(root.path());
    assert_eq!(reader.poll(5, Duration::ZERO).unwrap().len(), 5);
    delete_below(root.path(), WRITER, 5, 301).unwrap();
    reader.ends().unwrap();
    let read = 5 + drain(&mut reader).len() as u64;
    assert!(read < 300, "more than the open file had");
    let named: Vec<_> = reader.take_damage().into_iter().map(|it| it.sequences).collect();
    let [named] = named.as_slice() else { panic!("{named:?}") };
    assert_eq!(*named, read + 1..301);
    drop(second);
}

#[test]
fn closed_segments_are_all_but_the_one_being_written() {
    let root = tempfile::tempdir().unwrap();
    append(&mut open(root.path()), 100);
    let mut second = open(root.path());
    append(&mut second, 300);
    let found = closed(root.path()).unwrap();
    let of = |incarnation| found.iter().filter(move |it| it.incarnation == incarnation);
    let is_dense = |all: Vec<_>| all.windows(2).all(|pair: &[&Closed]| pair[0].end == pair[1].first);
    assert_eq!((of(5).next().unwrap().first, of(5).next_back().unwrap().end), (1, 101), "it is over");
    assert!(of(6).count() > 1 && of(6).next_back().unwrap().end <= 300, "its last one is written");
    assert!(is_dense(of(5).collect()) && is_dense(of(6).collect()));
    let age_ms = |it: &Closed| it.written_at.0;
    assert!(found.iter().all(|it| age_ms(it) > 1_600_000_000_000), "by the clock of the files");
}

#[test]
fn a_budget_deletes_the_oldest_and_counts_every_record() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = open(root.path());
    append(&mut writer, 300);
    let before = segments(root.path(), 5).len();
    let deleted = enforce_budget(root.path(), 3 * 16 * 1024).unwrap();
    let after = segments(root.path(), 5).len();
    assert!(after <= 3 && after < before, "{after} of {before}");
    assert_eq!(deleted.ranges, [(stream(5), 1..deleted.records + 1)]);
    let mut reader = Reader::open(root.path());
    assert_eq!(drain(&mut reader), pairs(5, deleted.records + 1..=300));
    enforce_budget(root.path(), 0).unwrap();
    assert_eq!(segments(root.path(), 5).len(), 1, "the file being written stays");
    append(&mut writer, 5);
    assert_eq!(drain(&mut reader), pairs(5, 301..=305));
}

// faults 39 and 40: killed behind the mark, or files that a power cut brought back.
#[test]
fn files_that_outlive_their_deletion_are_read_again_and_deleted_later() {
    let root = tempfile::tempdir().unwrap();
    let mut first = open(root.path());
    append(&mut first, 150);
    drop(first);
    let second = open(root.path());
    let files: Vec<_> = segments(root.path(), 5).into_iter().map(|it| (fs::read(&it).unwrap(), it)).collect();
    let restore = || {
        fs::create_dir_all(layout::incarnation_dir(root.path(), WRITER, 5)).unwrap();
        for (bytes, path) in &files {
            fs::write(path, bytes).unwrap();
        }
    };
    for below in [100, 151] {
        let deleted = delete_below(root.path(), WRITER, 5, below).unwrap();
        assert!(0 < deleted.records && deleted.records < below);
        restore();
        let mut reader = Reader::open(root.path());
        reader.seek(&[at(5, 2)]);
        assert_eq!(drain(&mut reader), pairs(5, 2..=150), "below {below}");
        assert_eq!(delete_below(root.path(), WRITER, 5, below).unwrap(), deleted);
        restore();
    }
    drop(second);
}
