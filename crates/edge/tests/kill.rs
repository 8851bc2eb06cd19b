//! An edge that is killed: what it answered is in its spool once, whatever it was doing.
//!
//! In: an edge in a process of its own, killed at a chosen call of its spool or at any moment. Out: every tag that was answered exactly once, no
//! tag twice, sequences dense, and no incarnation used again.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "whatever fails here fails the test")]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use journal::spool::inspect;
use support::{
    CATALOG, PATIENCE, apply,
    child::{Child, Start, serve_if_child},
    spooled, start_in,
};

const CHILD: Start<'static> = Start { test: "an_edge_to_kill", armed: "", files: "" };
/// Longer than a click: a write of so many bytes is whole.
const WHOLE: usize = 1 << 20;

#[test]
fn an_edge_to_kill() {
    serve_if_child();
}

/// A visitor with a connection kept open.
struct Visitor(TcpStream);

impl Visitor {
    fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// Whether a click was answered whole.
    fn click(&mut self, tag: &str) -> bool {
        // Long, so that segments are full soon.
        let pad = "p".repeat(250);
        let more: String = (2..12).map(|n| format!("&sub{n}={pad}")).collect::<Vec<_>>().concat();
        let request = format!("GET /c/tea?sub1={tag}{more} HTTP/1.1\r\nHost: a\r\n\r\n");
        if self.0.write_all(request.as_bytes()).is_err() {
            return false;
        }
        let (mut answer, mut buffer) = (Vec::new(), [0; 8192]);
        while !answer.ends_with(b"\r\n\r\n") {
            match self.0.read(&mut buffer) {
                Ok(read @ 1..) => answer.extend_from_slice(&buffer[..read]),
                _ => return false,
            }
        }
        assert!(answer.starts_with(b"HTTP/1.1 302 "), "{}", String::from_utf8_lossy(&answer));
        true
    }
}

/// What visitors know.
#[derive(Debug, Default)]
struct Known {
    answered: BTreeSet<String>,
    /// By the tag: whether the record must be there all the same.
    unanswered: BTreeMap<String, Option<bool>>,
}

/// Tags by incarnation, each incarnation's in its order.
fn recorded(data: &Path) -> BTreeMap<u32, Vec<String>> {
    let mut found: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    let spooled = spooled(data);
    for click in spooled.clicks() {
        let tags = found.entry(click.head.origin.incarnation).or_default();
        tags.push(click.subs[0].1.to_owned());
        assert_eq!(click.head.origin.sequence, tags.len() as u64, "dense");
    }
    found
}

fn judge(data: &Path, known: &Known) {
    let found = recorded(data);
    let tags: Vec<&String> = found.values().flatten().collect();
    let set: BTreeSet<&String> = tags.iter().copied().collect();
    assert_eq!(set.len(), tags.len(), "no click is recorded twice");
    for tag in &known.answered {
        assert!(set.contains(tag), "{tag} was answered and is not recorded");
    }
    for tag in &set {
        assert!(known.answered.contains(*tag) || known.unanswered.contains_key(*tag), "{tag} was never sent");
    }
    for (tag, wanted) in &known.unanswered {
        assert!(wanted.is_none_or(|it| it == set.contains(tag)), "{tag}: recorded is wanted {wanted:?}");
    }
    let report = inspect(&data.join("spool")).unwrap();
    assert_eq!(report.records_damaged, 0, "{:?}", report.damage);
}

fn new_data() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    apply(data.path(), 1, CATALOG);
    data
}

// faults 36, 37, 38
#[test]
fn a_kill_at_any_call_of_the_spool_loses_and_invents_nothing() {
    let data = new_data();
    let mut known = Known::default();
    // What is armed, and whether the click that meets it is recorded.
    let cases = [
        ("write 0", false),
        ("write 1", false),
        ("write 40", false),
        ("write 2000", false),
        (&*format!("write {WHOLE}"), true),
        // In the roll to the next segment.
        ("create 0", false),
        ("allocate 0", false),
        ("syncdir 0", false),
    ];
    let mut incarnations = 0;
    for (round, (fault, is_recorded)) in cases.into_iter().enumerate() {
        let mut child = Child::start(data.path(), &CHILD).unwrap();
        let mut visitor = Visitor::new(child.address);
        for n in 0.. {
            if n == 3 {
                child.arm(fault);
            }
            let tag = format!("{round}-{n:03}");
            if visitor.click(&tag) {
                known.answered.insert(tag);
                assert!(n < 500, "{fault} never came");
            } else {
                assert!(3 <= n);
                known.unanswered.insert(tag, Some(is_recorded));
                break;
            }
        }
        assert_eq!(child.wait().signal(), Some(9), "{fault}");
        judge(data.path(), &known);
        let now = recorded(data.path()).len();
        assert_eq!(now, incarnations + 1, "{fault}: a number is never used for two lives");
        incarnations = now;
    }
    for armed in ["makedir 0", "create 0", "allocate 0", "syncdir 0", "write 0", "write 30"] {
        let died =
            Child::start(data.path(), &Start { armed, ..CHILD }).err().expect("it dies before it serves");
        assert_eq!(died.signal(), Some(9), "{armed}");
        judge(data.path(), &known);
    }
    let edge = start_in(data, |_| {});
    assert_eq!(edge.get("/c/tea?sub1=after", &[]).status, 302);
    assert_eq!(edge.admin("/readyz").status, 200);
    known.answered.insert("after".to_owned());
    judge(edge.data.path(), &known);
}

/// Kills in a usual run; `TRIBUTARY_TEST_KILLS=10000` for a long one.
const KILLS: u32 = 30;
/// Lives in one folder, each with what the ones before left.
const LIVES: u32 = 20;
/// Lives between two looks at all that is there.
const JUDGED_EVERY: u32 = 5;

#[expect(clippy::disallowed_methods, reason = "how long this takes is the caller's to say")]
fn kills_wanted() -> u32 {
    std::env::var("TRIBUTARY_TEST_KILLS").ok().map_or(KILLS, |it| it.parse().unwrap())
}

/// Four visitors click until the edge is killed, some time after it has answered `answers` of them.
fn live_under_load(data: &Path, round: u32, answers: u32, known: &mut Known) {
    let mut child = Child::start(data, &CHILD).unwrap();
    let answered = AtomicU32::new(0);
    let connected: Vec<Visitor> = (0..4).map(|_| Visitor::new(child.address)).collect();
    let seen = std::thread::scope(|scope| {
        let visitors: Vec<_> = (0..)
            .zip(connected)
            .map(|(number, mut visitor): (u32, Visitor)| {
                let answered = &answered;
                scope.spawn(move || {
                    let mut tags = Vec::new();
                    for n in 0.. {
                        let tag = format!("{round}-{number}-{n:04}");
                        if !visitor.click(&tag) {
                            return (tags, tag);
                        }
                        tags.push(tag);
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    unreachable!("it is killed before")
                })
            })
            .collect();
        while answered.load(Ordering::Relaxed) < answers {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill();
        visitors.into_iter().map(|it| it.join().unwrap()).collect::<Vec<_>>()
    });
    child.wait();
    for (answered, last) in seen {
        known.answered.extend(answered);
        known.unanswered.insert(last, None);
    }
}

// faults 36, 37, 38, under load
#[test]
fn kills_at_any_moment_lose_no_answered_click() {
    let kills = kills_wanted();
    let (mut data, mut known) = (new_data(), Known::default());
    let mut answered = 0;
    for round in 0..kills {
        // Some of these fall into a roll: a segment holds some fifty.
        live_under_load(data.path(), round, 20 + round * 37 % 400, &mut known);
        let is_last = round + 1 == kills || round % LIVES == LIVES - 1;
        if is_last || round % JUDGED_EVERY == JUDGED_EVERY - 1 {
            judge(data.path(), &known);
        }
        if is_last {
            answered += known.answered.len();
            (data, known) = (new_data(), Known::default());
        }
    }
    println!("{kills} kills, {answered} answered clicks, none lost, doubled or invented");
    assert!(answered > 100 * usize::try_from(kills).unwrap());
}
