//! Pipelines that come, go, stand still and quarrel about a name, under traffic all the time: orders, credits and cells stay exact.
//!
//! In: the real binary for every role, a real broker, the real engine. Out: what visitors and the shop noted down themselves. The long forms of the
//! first test: `TRIBUTARY_TEST_ORDERS=100000` is how many orders there must be at least, `TRIBUTARY_TEST_SECONDS=600` how long it must last at least.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod support;

#[path = "support/program.rs"]
mod program;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use self::{
    program::{Http, Notes, Program, Role, all_shared, balanced, ready},
    support::eventually,
};

const MEMBERS: [&str; 4] = ["one", "two", "three", "four"];
/// Between two changes of the group: shorter than the session that the group waits for a dead member.
const CHANGE_EVERY: Duration = Duration::from_secs(3);
/// Senders of orders at the same time.
const SHOPS: u32 = 3;
/// Of 100 orders so many are reported twice or three times, and so many long after the next ones.
const REPEATED: u32 = 30;
const LATE: u32 = 5;
/// Orders that a late report is overtaken by.
const OVERTAKEN_BY: usize = 500;

/// Each program wants the machine for itself.
static ALONE: Mutex<()> = Mutex::new(());

/// How long the first test is.
#[expect(clippy::disallowed_methods, reason = "how long this takes is the caller's to say")]
fn at_least(name: &str, otherwise: u32) -> u32 {
    std::env::var(name).ok().map_or(otherwise, |it| it.parse().unwrap())
}

/// Orders until told to stop: some are reported again, some late.
fn order_until(is_over: &AtomicBool, count: &AtomicU32, edge: SocketAddr, shop: u32) -> Notes {
    let mut notes = Notes { shop, ..Notes::default() };
    let mut late = VecDeque::new();
    let mut http = Http::new(edge);
    while !is_over.load(Ordering::Relaxed) {
        let report = notes.click_and_order(&mut http);
        // Not by chance: every run has the same share.
        let of_100 = notes.visitors * 37 % 100;
        if of_100 < LATE {
            late.push_back(report);
        } else {
            let times = if of_100 < LATE + REPEATED { 2 + of_100 % 2 } else { 1 };
            notes.post(&mut http, &report, times);
        }
        if late.len() * 100 > OVERTAKEN_BY * LATE as usize {
            let report = late.pop_front().expect("there are some");
            notes.post(&mut http, &report, 1);
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
    for report in &late {
        notes.post(&mut http, report, 1);
    }
    notes
}

fn signal(role: &Role, signal: Signal) {
    let pid = i32::try_from(role.child.id()).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, signal).unwrap();
}

// fault 67; fault 68: the same names come back within their session and after it
#[test]
fn a_group_that_never_rests_decides_every_order_once() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (orders_min, seconds_min) =
        (at_least("TRIBUTARY_TEST_ORDERS", 1_000), at_least("TRIBUTARY_TEST_SECONDS", 30));
    let program = Program::new("restless");
    let ([_warehouse, edge], visited) = program.serve();
    let mut members: Vec<Option<Role>> = MEMBERS.iter().map(|it| Some(program.pipeline(it))).collect();
    let (stop, count) = (AtomicBool::new(false), AtomicU32::new(0));
    let mut changes = 0_usize;
    let notes = thread::scope(|scope| {
        let (stop, count) = (&stop, &count);
        let orders = |shop| scope.spawn(move || order_until(stop, count, visited, shop));
        let shops: Vec<_> = (0..SHOPS).map(orders).collect();
        let begun = Instant::now();
        let is_enough = || {
            let seconds = u64::from(seconds_min);
            count.load(Ordering::Relaxed) >= orders_min && begun.elapsed() >= Duration::from_secs(seconds)
        };
        while !is_enough() && !shops.iter().any(thread::ScopedJoinHandle::is_finished) {
            thread::sleep(CHANGE_EVERY);
            let index = changes % MEMBERS.len();
            match members[index].take() {
                // Every second one is killed, the others are told to end.
                Some(member) if changes.is_multiple_of(2) => drop(member),
                Some(mut member) => {
                    signal(&member, Signal::TERM);
                    member.child.wait().unwrap();
                }
                None => {}
            }
            // It is back at once, or when the others have had its partitions for a while.
            let back = if changes.is_multiple_of(3) { index } else { (index + 2) % MEMBERS.len() };
            for index in [index, back] {
                if members[index].is_none() && (index == back || changes % 3 != 1) {
                    members[index] = Some(program.pipeline(MEMBERS[index]));
                }
            }
            changes += 1;
        }
        stop.store(true, Ordering::Relaxed);
        let notes = shops.into_iter().map(|it| it.join().unwrap());
        notes.reduce(Notes::with).expect("there are some")
    });
    assert!(changes >= 5, "{changes}");
    program.is_exact(&notes);
    let posts: u32 = notes.orders.values().map(|it| it.1).sum();
    println!("{} orders, {posts} postbacks, {changes} changes of the group", notes.orders.len());
    balanced(&edge);
    drop(edge);
    program.audit();
}

// fault 69
#[test]
fn a_member_that_stood_still_for_longer_than_its_session_changes_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let program = Program::new("still");
    let ([_warehouse, edge], visited) = program.serve();
    let mut notes = Notes::default();
    let (one, mut two) = (program.pipeline("one"), program.pipeline("two"));
    all_shared(&program, &[("one", &one), ("two", &two)]);
    (0..30).for_each(|_| notes.visit(visited));
    signal(&two, Signal::STOP);
    (0..30).for_each(|_| notes.visit(visited));
    all_shared(&program, &[("one", &one)]);
    (0..30).for_each(|_| notes.visit(visited));
    program.is_exact(&notes);
    signal(&two, Signal::CONT);
    (0..30).for_each(|_| notes.visit(visited));
    // It has learnt that it was away, and takes part again, by itself.
    all_shared(&program, &[("one", &one), ("two", &two)]);
    (0..30).for_each(|_| notes.visit(visited));
    program.is_exact(&notes);
    assert!(two.child.try_wait().unwrap().is_none(), "{}", program.log("two"));
    [&edge, &one, &two].into_iter().for_each(balanced);
    drop(edge);
    program.audit();
}

// fault 68
#[test]
fn a_second_member_of_one_name_ends_the_first_one_cleanly() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let program = Program::new("named");
    let ([_warehouse, edge], visited) = program.serve();
    let mut notes = Notes::default();
    let mut first = program.pipeline("one");
    all_shared(&program, &[("one", &first)]);
    (0..20).for_each(|_| notes.visit(visited));
    // Another machine, by mistake or because the first one is held to be dead.
    let second = program.role("pipeline", "other", &["--pipeline-instance", "one"]);
    let status = eventually("the first one ends", || match first.child.try_wait().unwrap() {
        Some(status) => Ok(status),
        None => Err(program.log("one")),
    });
    assert_eq!(status.code(), Some(1), "by itself, and not with success");
    assert!(program.log("one").contains("fenced"), "{}", program.log("one"));
    all_shared(&program, &[("other", &second)]);
    ready(&program, "other", &second);
    (0..20).for_each(|_| notes.visit(visited));
    program.is_exact(&notes);
    balanced(&second);
    drop(edge);
    program.audit();
}
