//! A writing process is killed again and again while others read: nothing answered is lost, nothing is invented.
//!
//! In: this test's own program as the process to kill. Out: every acknowledged record exactly once, in dense sequence, for
//! a reader that was there all the time and for one that comes afterwards (faults 36, 37, 38, 50).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "whatever fails here fails the test")]

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use journal::{
    StreamId,
    spool::{Options, Reader, Writer, inspect},
};
use units::{EpochMs, WriterId};

/// Names the spool to the process that is to be killed.
const ROOT: &str = "JOURNAL_KILL_ROOT";
/// Kills; each falls somewhere else between two appends, in a write, or in a roll.
const ROUNDS: u32 = 25;
const PATIENCE: Duration = Duration::from_mins(1);

fn payload(incarnation: u32, sequence: u64) -> Vec<u8> {
    let length = usize::try_from(sequence * 37 % 900).unwrap();
    format!("{incarnation} {sequence} {}", "k".repeat(length)).into_bytes()
}

#[expect(clippy::disallowed_methods, reason = "the parent names the spool in the environment")]
fn root_given_by_parent() -> Option<String> {
    env::var(ROOT).ok()
}

fn append_until_killed(root: &Path) {
    let options = Options { segment_bytes: 32 * 1024, payload_bytes_max: 1024, ..Options::default() };
    let mut writer = Writer::open(root, WriterId(1), EpochMs(1_000), options).unwrap();
    let incarnation = writer.incarnation();
    let mut answers = std::io::stdout();
    loop {
        let sequence =
            writer.append_with(|sequence, out| out.extend(payload(incarnation, sequence))).unwrap();
        writeln!(answers, "answered {incarnation} {sequence}").unwrap();
        answers.flush().unwrap();
    }
}

/// Starts the writer, kills it after `answers` answers, and returns the last one.
fn run_and_kill(root: &Path, answers: u32) -> (u32, u64) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "what_was_answered_before_a_kill_is_there_after_it", "--nocapture"])
        .env(ROOT, root)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut last = None;
    let mut seen = 0;
    while let Some(line) = lines.next() {
        let Some(answer) = parse(&line) else { continue };
        last = Some(answer);
        seen += 1;
        if seen == answers {
            child.kill().unwrap();
            // What it had answered before it died is still in the pipe.
            last = lines.by_ref().filter_map(|line| parse(&line)).last().or(last);
        }
    }
    child.wait().unwrap();
    last.unwrap()
}

/// A line may be cut, so it must be exactly what a whole answer is.
fn parse(line: &str) -> Option<(u32, u64)> {
    let (incarnation, sequence) = line.split_once("answered ")?.1.split_once(' ')?;
    Some((incarnation.parse().ok()?, sequence.parse().ok()?))
}

/// Takes what is there; every record must be the next of its stream and hold what was written.
fn collect(reader: &mut Reader, found: &mut BTreeMap<u32, u64>) -> usize {
    let records = reader.poll(500, Duration::ZERO).unwrap();
    for record in &records {
        let StreamId::Spool { incarnation, .. } = record.stream else { panic!("not a spool") };
        let last = found.entry(incarnation).or_default();
        assert_eq!(record.position, *last + 1, "incarnation {incarnation}");
        assert_eq!(record.bytes, payload(incarnation, record.position));
        *last += 1;
    }
    records.len()
}

#[test]
fn what_was_answered_before_a_kill_is_there_after_it() {
    if let Some(root) = root_given_by_parent() {
        return append_until_killed(Path::new(&root));
    }
    let root = tempfile::tempdir().unwrap();
    let mut answered = BTreeMap::new();
    let mut live = Reader::open(root.path());
    let mut live_found = BTreeMap::new();
    for round in 0..ROUNDS {
        let (incarnation, sequence) = run_and_kill(root.path(), 1 + round * 13 % 200);
        assert!(answered.insert(incarnation, sequence).is_none(), "an incarnation is never used twice");
        while 0 < collect(&mut live, &mut live_found) {}
    }
    let mut found = BTreeMap::new();
    let mut late = Reader::open(root.path());
    while 0 < collect(&mut late, &mut found) {}
    for (incarnation, sequence) in &answered {
        let last = found[incarnation];
        // The kernel may cut the last answer, and the last record may have none.
        assert!(*sequence <= last && last <= sequence + 2, "{incarnation}: {last} for {sequence}");
    }
    let deadline = Instant::now() + PATIENCE;
    while live_found != found {
        assert!(Instant::now() < deadline, "the live reader found {live_found:?}, the late one {found:?}");
        collect(&mut live, &mut live_found);
    }
    let report = inspect(root.path()).unwrap();
    assert_eq!(report.records_damaged, 0);
    assert_eq!(report.streams.len(), ROUNDS as usize);
}
