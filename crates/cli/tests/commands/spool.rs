//! `tributary spool inspect`.

use std::{fs, path::Path};

use journal::spool::{Options, Writer};
use units::WriterId;

use crate::{path, tributary};

/// Three whole records of one closed incarnation.
fn spool(data: &Path) {
    let now = units::EpochMs(1_763_812_800_000);
    let mut writer = Writer::open(&data.join("spool"), WriterId::new(3, 1), now, Options::default()).unwrap();
    for number in 0..3_u8 {
        writer.append(&[0xC7, 99, 1, 0, number]).unwrap();
    }
    writer.close().unwrap();
}

fn segment(data: &Path) -> std::path::PathBuf {
    let mut folder = data.join("spool");
    while folder.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().path()).collect();
        entries.retain(|it| it.is_dir() || it.extension().is_some_and(|it| it == "seg"));
        folder = entries.pop().unwrap();
    }
    folder
}

#[test]
fn streams_and_their_last_records_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    spool(folder.path());
    let said = tributary(&["spool", "inspect", path(folder.path()), "--records", "2", "--json"]).expect(0);
    let stream = &said.events("stream")[0];
    assert_eq!(
        (stream["edge"].as_u64(), stream["records"].as_u64(), stream["last"].as_u64()),
        (Some(3), Some(3), Some(3))
    );
    assert_eq!(stream["end"], "clean");
    let records = said.events("record");
    assert_eq!(records.iter().map(|it| it["sequence"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(records[0]["kind"], "unreadable", "{records:?}");
    let table = tributary(&["spool", "inspect", path(&folder.path().join("spool"))]).expect(0);
    assert!(table.out.contains("in order") && table.err.contains("3 records"), "{}{}", table.out, table.err);
}

/// Flips a bit in the second record.
fn damage(data: &Path) {
    let file = segment(data);
    let mut bytes = fs::read(&file).expect("the segment");
    let at = bytes.windows(5).position(|it| it == [0xC7, 99, 1, 0, 1]).expect("the second record") + 4;
    bytes[at] ^= 1;
    fs::write(&file, bytes).expect("the segment takes bytes");
}

#[test]
fn damage_is_named_exactly_and_is_exit_status_1() {
    let folder = tempfile::tempdir().expect("a folder");
    spool(folder.path());
    damage(folder.path());
    let closed = tributary(&["spool", "inspect", path(folder.path()), "--json"]).expect(1);
    assert_eq!(closed.events("spool")[0]["records_unread"], 2, "nobody can read on before the edge is back");

    // The next incarnation says that no more will come.
    spool(folder.path());
    let said = tributary(&["spool", "inspect", path(folder.path()), "--json"]).expect(1);
    let damage = &said.events("damage")[0];
    let sequences = (damage["from_sequence"].as_u64(), damage["to_sequence"].as_u64());
    assert_eq!(sequences, (Some(2), Some(3)), "{damage}");
    let sum = &said.events("spool")[0];
    assert_eq!((sum["records_damaged"].as_u64(), sum["records_unread"].as_u64()), (Some(1), Some(0)));
}

#[test]
fn a_place_without_a_spool_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let said = tributary(&["spool", "inspect", path(folder.path())]).expect(0);
    assert!(said.err.contains("holds no spool"), "{}", said.err);
    let said = tributary(&["spool", "inspect", "/no/such/folder"]).expect(1);
    assert!(said.err.contains("is not a folder"), "{}", said.err);
}
