//! The engine's process: killed, started twice, restarted, ended by its parent.

mod common;

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use common::{Seen, curl};

/// Longest wait for a process to do what it must.
const PATIENCE: Duration = Duration::from_mins(1);

struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    url: String,
}

/// The example `serve`, which cargo builds with the tests and puts beside their folder.
fn serve() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.parent().and_then(Path::parent).expect("target/PROFILE/deps/TEST");
    folder.join("examples").join("serve")
}

impl Process {
    fn start(data: &Path) -> Self {
        let mut command = Command::new(serve());
        command.arg(data).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("cargo builds the example serve");
        let mut url = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut url).expect("a line");
        assert!(url.starts_with("http://"), "the engine did not start");
        let stdin = child.stdin.take();
        Self { child, stdin, url: url.trim().to_owned() }
    }

    fn post(&self, keys: &str, body: &[u8]) -> Seen {
        let url = format!("{}/?user=tributary&password=tributary-secret&{keys}", self.url);
        curl(&[&url], Some(body))
    }

    fn run(&self, statement: &str) -> String {
        let seen = self.post("", statement.as_bytes());
        assert_eq!(seen.status, 200, "{statement}: {}", seen.text());
        seen.text()
    }

    /// Ends it as a parent does: by closing its standard input.
    fn end(mut self) -> std::process::ExitStatus {
        drop(self.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < deadline, "the engine outlives its parent's pipe");
            std::thread::yield_now();
        }
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.child.kill().expect("a child");
        self.child.wait().expect("a child");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

const CREATE: &str = "CREATE TABLE t (id UInt64, text String) ENGINE = MergeTree ORDER BY id";

// fault 92, and the half of 79 that is the engine's: what was acknowledged is there, what was not is whole or absent
#[test]
fn acknowledged_rows_survive_sigkill_during_an_insert() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let first = Process::start(folder.path());
    first.run(CREATE);
    first.kill();
    let batch: Vec<String> = (0..1_000).map(|id| format!("{id}\tx")).collect();
    let batch = batch.join("\n");
    let mut acknowledged = 0;
    for _ in 0..4 {
        let process = Process::start(folder.path());
        let count: u64 = process.run("SELECT count() FROM t").trim().parse().expect("a number");
        assert!(count >= acknowledged * 1_000, "{count} rows of {acknowledged} acknowledged batches");
        assert_eq!(count % 1_000, 0, "a batch was torn");
        acknowledged = count / 1_000;
        for _ in 0..5 {
            let seen = process.post("query=INSERT%20INTO%20t%20FORMAT%20TSV", batch.as_bytes());
            acknowledged += u64::from(seen.status == 200);
        }
        // Killed while more batches are on their way.
        let url = format!(
            "{}/?user=tributary&password=tributary-secret&query=INSERT%20INTO%20t%20FORMAT%20TSV",
            process.url
        );
        let writer = std::thread::spawn({
            let batch = batch.clone();
            move || (0..50).take_while(|_| curl(&[&url], Some(batch.as_bytes())).status == 200).count() as u64
        });
        let enough = Instant::now() + PATIENCE;
        while process.run("SELECT count() FROM t").trim().parse::<u64>().unwrap_or(0)
            < (acknowledged + 2) * 1_000
        {
            assert!(Instant::now() < enough, "the writer writes nothing");
        }
        process.kill();
        acknowledged += writer.join().expect("a thread");
    }
}

// fault 91
#[test]
fn a_second_process_on_the_directory_is_told_who_holds_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let first = Process::start(folder.path());
    let mut second = Command::new(serve());
    let ended = second.arg(folder.path()).stdin(Stdio::null()).output().expect("it starts");
    assert!(!ended.status.success());
    let text = String::from_utf8_lossy(&ended.stderr);
    assert!(text.contains("in use") || text.contains("InUse"), "{text}");
    assert!(text.contains(&first.child.id().to_string()), "{text}");
    assert_eq!(first.run("SELECT 1"), "1\n");
    first.kill();
    // A killed holder holds nothing.
    assert_eq!(Process::start(folder.path()).run("SELECT 1"), "1\n");
}

#[test]
fn the_engine_ends_cleanly_when_its_parent_is_gone_and_keeps_its_tables() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let process = Process::start(folder.path());
    process.run(CREATE);
    process.run("INSERT INTO t SELECT number, 'x' FROM numbers(1000)");
    process.run("CREATE DATABASE other");
    process.run("CREATE TABLE other.u ENGINE = MergeTree ORDER BY id AS SELECT * FROM default.t");
    assert!(process.end().success());
    let again = Process::start(folder.path());
    assert_eq!(again.run("SELECT count() FROM default.t"), "1000\n");
    assert_eq!(again.run("SELECT count() FROM other.u"), "1000\n");
    assert!(again.end().success());
}

#[test]
fn a_statement_that_never_ends_does_not_hold_up_the_end() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let process = Process::start(folder.path());
    let url = format!("{}/?user=tributary&password=tributary-secret", process.url);
    let caller = std::thread::spawn(move || {
        curl(&[&url], Some(b"SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))"))
    });
    let deadline = Instant::now() + PATIENCE;
    while process.run("SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%'") == "1\n" {
        assert!(Instant::now() < deadline, "the long statement does not start");
    }
    assert!(process.end().success());
    assert_ne!(caller.join().expect("a thread").status, 200);
}

// reliability 2.6: the engine must leave our signal handlers alone
#[test]
fn signals_keep_their_meaning() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut process = Process::start(folder.path());
    let mut status = String::new();
    let path = format!("/proc/{}/status", process.child.id());
    std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut status)).expect("a live process");
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("Linux tells");
    let caught = u64::from_str_radix(caught.trim(), 16).expect("hexadecimal");
    for signal in [1, 2, 4, 5, 6, 8, 15] {
        assert_eq!(caught >> (signal - 1) & 1, 0, "the engine catches signal {signal}");
    }
    let kill = Command::new("kill").args(["-TERM", &process.child.id().to_string()]).status();
    assert!(kill.expect("kill exists").success());
    assert!(!process.child.wait().expect("a child").success());
}
