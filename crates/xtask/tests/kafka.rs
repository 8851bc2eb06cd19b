//! A real broker, as other crates' tests get it: it answers, it dies when told, it comes back, it leaves nothing behind.
//!
//! Not here: records and groups; `journal`'s tests do that against the same broker.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use xtask::kafka::{Broker, Cluster, Options};

const PATIENCE: Duration = Duration::from_mins(1);

fn accepts(address: &str) -> bool {
    TcpStream::connect(address).is_ok()
}

fn until(claim: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "in vain: {claim}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `cargo xtask kafka` as a child, with its address and its data's folder.
fn run_chore(temporary: &std::path::Path) -> (Child, String) {
    let mut chore = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("kafka")
        .env("TMPDIR", temporary)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("xtask is built with its tests");
    let mut first = String::new();
    let stdout = chore.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut first).expect("the chore writes text");
    let address =
        first.trim_end().strip_prefix("bootstrap ").unwrap_or_else(|| panic!("{first:?}")).to_owned();
    (chore, address)
}

fn entries(folder: &std::path::Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is the test's own");
    entries.map(|entry| entry.expect("it can be listed").path()).collect()
}

#[test]
fn a_killed_broker_comes_back_on_its_port_with_its_data() {
    let mut broker = Broker::start().unwrap();
    assert!(accepts(&broker.bootstrap));
    broker.kill9();
    assert!(!accepts(&broker.bootstrap));
    broker.restart().unwrap();
    assert!(accepts(&broker.bootstrap), "restart returns once it answers, on the same port");
    let address = broker.bootstrap.clone();
    drop(broker);
    assert!(!accepts(&address));
}

#[test]
fn data_that_is_kept_is_gone_on_with() {
    let data = tempfile::tempdir().unwrap();
    let options = Options { data: Some(data.path().to_owned()), ..Options::default() };
    drop(Cluster::start(&options).unwrap());
    let formatted = data.path().join("broker-1/log/meta.properties");
    let first = fs::read_to_string(&formatted).unwrap();
    drop(Cluster::start(&options).unwrap());
    assert_eq!(fs::read_to_string(&formatted).unwrap(), first, "the second start formats nothing");
}

#[test]
fn three_brokers_list_one_another_and_outlive_one() {
    let mut cluster = Cluster::start(&Options { brokers: 3, ..Options::default() }).unwrap();
    let addresses: Vec<String> = cluster.bootstrap().split(',').map(str::to_owned).collect();
    assert_eq!(addresses.len(), 3);
    cluster.kill9(1);
    assert_eq!(addresses.iter().map(|it| accepts(it)).collect::<Vec<_>>(), [true, false, true]);
    cluster.restart(1).unwrap();
    assert!(addresses.iter().all(|it| accepts(it)));
}

#[test]
fn two_brokers_are_refused() {
    let error = Cluster::start(&Options { brokers: 2, ..Options::default() }).unwrap_err();
    assert!(error.to_string().contains("1 or 3"), "{error}");
}

#[test]
fn the_broker_ends_with_a_chore_that_was_killed() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut chore, address) = run_chore(temporary.path());
    assert!(accepts(&address));
    chore.kill().unwrap();
    chore.wait().unwrap();
    until("the broker ends", || !accepts(&address));
    until("its folder goes", || entries(temporary.path()).is_empty());
}

#[test]
fn the_chore_ends_when_its_standard_input_closes() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut chore, address) = run_chore(temporary.path());
    drop(chore.stdin.take());
    assert!(chore.wait().unwrap().success());
    assert!(!accepts(&address));
    assert_eq!(entries(temporary.path()), Vec::<PathBuf>::new());
}
