//! The demo as a script runs it: a whole program played, killed and judged, and each planted error found. One after the other, since each is
//! a product of its own.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

use std::{
    process::Output,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

mod support;

use self::support::tributary;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What `ready` promises to programs.
const READY_FIELDS: [&str; 6] = ["edge", "admin", "clickhouse", "reader", "links", "postback"];
/// What `verdict` promises.
const VERDICT_FIELDS: [&str; 12] = [
    "clicks_sent",
    "clicks_recorded",
    "clicks_in_clickhouse",
    "orders_sent",
    "orders_decided",
    "orders_credited",
    "revenue",
    "cells",
    "cell_mismatches",
    "credit_mismatches",
    "gaps",
    "kills",
];

struct Played {
    status: i32,
    ready: Value,
    verdict: Value,
    /// Everything it said, for a failure.
    said: String,
}

fn play(flags: &[&str]) -> Played {
    // A failed test before this one is no reason to fail.
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut demo = tributary(&["demo", "--json"]);
    let Output { status, stdout, stderr } = demo.args(flags).output().unwrap();
    let (out, error) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    let said = format!("{out}\n{error}");
    let mut lines = out.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    let ready = lines.next().unwrap_or_else(|| panic!("it said nothing\n{said}"));
    let verdict = lines.next_back().unwrap_or_default();
    Played { status: status.code().unwrap_or(-1), ready, verdict, said }
}

fn count(verdict: &Value, field: &str) -> u64 {
    verdict.get(field).and_then(Value::as_u64).unwrap_or_else(|| panic!("{field} in {verdict}"))
}

#[test]
fn a_played_program_ends_without_a_difference() {
    let played = play(&["--seconds", "6", "--rate", "60", "--seed", "101"]);
    assert_eq!(played.status, 0, "{}", played.said);
    let Played { ready, verdict, .. } = &played;
    assert_eq!((&ready["event"], &verdict["event"]), (&"ready".into(), &"verdict".into()), "{}", played.said);
    for field in READY_FIELDS {
        assert!(!ready[field].is_null(), "{field} in {ready}");
    }
    for field in ["url", "user", "password"] {
        assert!(ready["clickhouse"][field].is_string(), "{field} in {ready}");
    }
    for field in ["url", "partner", "offer"] {
        assert!(!ready["links"][0][field].is_null(), "{field} in {ready}");
    }
    for field in VERDICT_FIELDS {
        assert!(!verdict[field].is_null(), "{field} in {verdict}");
    }
    assert!(count(verdict, "clicks_in_clickhouse") > 100, "something was played: {verdict}");
    assert!(count(verdict, "orders_credited") > 0 && count(verdict, "cells") > 0, "{verdict}");
    assert_eq!(count(verdict, "clicks_recorded"), count(verdict, "clicks_in_clickhouse"), "{verdict}");
    assert_eq!(count(verdict, "orders_sent"), count(verdict, "orders_decided"), "{verdict}");
}

#[test]
fn kills_of_every_role_and_of_all_lose_and_double_nothing() {
    let played =
        play(&["--seconds", "8", "--rate", "60", "--seed", "102", "--kill-every", "2", "--kill-all"]);
    assert_eq!(played.status, 0, "{}", played.said);
    assert!(count(&played.verdict, "kills") >= 2, "{}", played.verdict);
    for field in ["cell_mismatches", "credit_mismatches", "gaps"] {
        assert_eq!(count(&played.verdict, field), 0, "{field} in {}", played.said);
    }
}

/// Plays with one planted error; the columns named must show it.
#[track_caller]
fn sabotage_shows(kind: &str, seed: &str, columns: &[&str]) {
    let played = play(&["--seconds", "5", "--rate", "60", "--seed", seed, "--sabotage", kind]);
    assert_eq!(played.status, 1, "{kind}: {}", played.said);
    let found: u64 = columns.iter().map(|it| count(&played.verdict, it)).sum();
    assert!(found > 0, "{kind} in {columns:?}: {}", played.said);
}

#[test]
fn a_dropped_click_is_found() {
    sabotage_shows("drop", "103", &["cell_mismatches"]);
}

#[test]
fn a_doubled_click_is_found() {
    sabotage_shows("double", "104", &["cell_mismatches"]);
}

#[test]
fn a_click_in_another_quarter_is_found() {
    sabotage_shows("shift", "105", &["cell_mismatches"]);
}

#[test]
fn an_overpaid_credit_is_found() {
    sabotage_shows("overpay", "106", &["credit_mismatches"]);
}
