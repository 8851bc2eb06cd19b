//! A judge that cannot find anything is no judge: each is shown a loss, an invention, a damage, and must say so.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "whatever fails here fails the test")]

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// Runs an action of a target; the reasons if it fails.
fn victim(target: &str, action: &str, folder: &Path) -> Result<(), String> {
    let said = File::options().create(true).append(true).open(folder.join("said")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_victim"));
    command.args([target, action]).arg(folder).stdout(said);
    let output = command.output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// A spool after a whole cycle.
fn spool(folder: &Path) {
    victim("spool", "prepare", folder).unwrap();
    victim("spool", "cycle", folder).unwrap();
}

/// The last segment of a cycle's second run, which is left over.
fn segment(folder: &Path) -> PathBuf {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder.join("spool/1/1763812801")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.pop().unwrap()
}

/// Changes what a killed victim seems to have said.
fn rewrite(folder: &Path, change: impl FnOnce(String) -> String) {
    let path = folder.join("said");
    fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
}

#[test]
fn the_spools_judge_finds_each_broken_promise() {
    type Breaks = fn(&Path);
    let cases: [(&str, Breaks, &str); 5] = [
        ("nothing is broken", |_| {}, ""),
        (
            "an answer without a record",
            |folder| {
                rewrite(folder, |it| {
                    it.replace("answered 1763812801 60", "answered 1763812801 70")
                        .replace("deleting 1763812801", "kept")
                });
            },
            "lost: 1763812801:61 to 70",
        ),
        (
            "a deletion that nobody announced",
            |folder| rewrite(folder, |it| it.replace("deleting", "kept")),
            "lost",
        ),
        (
            "records that nobody answered",
            |folder| rewrite(folder, |it| it.replace("answered 1763812801", "whispered")),
            "invented 1",
        ),
        (
            "a damaged record",
            |folder| {
                let path = segment(folder);
                let mut bytes = fs::read(&path).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(&path, bytes).unwrap();
            },
            "wrong",
        ),
    ];
    for (name, breaks, want) in cases {
        let folder = tempfile::tempdir().unwrap();
        spool(folder.path());
        breaks(folder.path());
        match victim("spool", "judge", folder.path()) {
            Ok(()) => assert!(want.is_empty(), "{name}: the judge saw nothing"),
            Err(said) => assert!(!want.is_empty() && said.contains(want), "{name}: {said}"),
        }
    }
}

#[test]
fn the_catalogs_judge_finds_each_broken_promise() {
    type Breaks = fn(&Path);
    let cases: [(&str, Breaks, bool); 4] = [
        ("nothing is there, nothing was said", |folder| fs::write(folder.join("said"), "").unwrap(), true),
        (
            "a version was said and is not there",
            |folder| fs::write(folder.join("said"), "{\"event\":\"applied\"}").unwrap(),
            false,
        ),
        (
            "half a version",
            |folder| {
                fs::create_dir_all(folder.join("data/catalog")).unwrap();
                fs::write(folder.join("data/catalog/v0000000001"), "hal").unwrap();
            },
            false,
        ),
        (
            "a version beyond a gap",
            |folder| {
                fs::create_dir_all(folder.join("data/catalog")).unwrap();
                fs::write(folder.join("data/catalog/v0000000003"), "hal").unwrap();
            },
            false,
        ),
    ];
    for (name, breaks, is_fine) in cases {
        let folder = tempfile::tempdir().unwrap();
        victim("catalog", "prepare", folder.path()).unwrap();
        breaks(folder.path());
        let judged = victim("catalog", "judge", folder.path());
        assert_eq!(judged.is_ok(), is_fine, "{name}: {judged:?}");
    }
}
