//! Scores at the admin port: who may post them, what is understood, where they are kept.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "whatever fails here fails the test")]

mod support;

use edge::Hidden;
use events::{Event, Score, Signal, SignalCode};
use journal::spool::{Call, Disk, Durability, Fault, Script};
use serde_json::Value;
use support::{Answer, NOW, Running, start, start_with};
use units::{CatalogVersion, PartnerId, WriterId};

const LINES: (&str, &str) = ("Content-Type", "application/x-ndjson");
const FLOOD: &str = r#"{"advertiser":1,"order":"A-1","rules":3,"scored_at_ms":1763812800000,"signals":[{"code":"click_flood","partner":7,"value":1201,"threshold":1000},{"code":"many_orders","partner":0,"value":4,"threshold":3}]}"#;
const CLEAR: &str = r#"{"advertiser":1,"order":"A-1","rules":4,"scored_at_ms":1763812800001,"signals":[]}"#;

fn post_as(running: &Running, host: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let headers = headers.concat();
    let head = format!(
        "POST /scores HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    Answer::parse(&support::raw(running.admin, format!("{head}{body}").as_bytes()))
}

fn post(running: &Running, body: &str) -> Answer {
    post_as(running, &running.admin.to_string(), &[LINES], body)
}

fn scores(running: &Running) -> Vec<Score> {
    let records = running.spooled().records;
    let score = |bytes: &Vec<u8>| match Event::decode(bytes) {
        Ok(Event::Score(score)) => Some(*score),
        _ => None,
    };
    records.iter().filter_map(score).collect()
}

fn counted(running: &Running, result: &str) -> bool {
    let page = running.admin("/metrics").body;
    page.contains(&format!("tributary_edge_scores_total{{result=\"{result}\"}} 1\n"))
}

#[test]
fn a_score_is_in_a_spool_of_its_own_before_it_is_answered() {
    let running = start();
    let answer = post(&running, &format!("{FLOOD}\n\n{CLEAR}\r\n"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let kept = scores(&running);
    let writer = WriterId::new(1, 1024);
    assert!(kept.iter().all(|it| it.origin.writer == writer), "{kept:?}");
    let lines: Vec<Value> = kept
        .iter()
        .zip([1, 3])
        .map(|(it, line)| serde_json::json!({ "line": line, "score": it.origin.to_string() }))
        .collect();
    assert_eq!(answer.json(), serde_json::json!({ "recorded": 2, "refused": 0, "lines": lines }));
    let signal =
        |code, partner, value, threshold| Signal { code, partner: PartnerId(partner), value, threshold };
    assert_eq!(
        kept[0].signals,
        [signal(SignalCode::ClickFlood, 7, 1_201, 1_000), signal(SignalCode::ManyOrders, 0, 4, 3)]
    );
    assert_eq!(
        (&*kept[0].order.order, kept[0].rules, kept[0].scored_at.0),
        ("A-1", CatalogVersion(3), 1_763_812_800_000)
    );
    assert!(kept[1].signals.is_empty() && kept[1].received_at >= NOW);
}

#[test]
fn an_edge_that_nobody_scores_by_has_no_spool_for_it() {
    let running = start();
    assert_eq!(post(&running, "{}").status, 422);
    assert!(!running.data.path().join("spool").join("66560").exists());
    assert!(counted(&running, "malformed"));
}

#[test]
fn a_clock_that_runs_ahead_does_not_make_a_score_the_newest_for_ever() {
    let running = start();
    post(&running, &FLOOD.replace("1763812800000", "9999999999999"));
    let kept = scores(&running);
    assert_eq!(kept[0].scored_at, kept[0].received_at);
}

#[test]
fn each_line_that_is_not_understood_has_its_code() {
    let running = start();
    let cases = [
        ("{", "json_invalid"),
        ("[]", "order_id_missing"),
        (r#"{"order":""}"#, "order_id_missing"),
        (&FLOOD.replace("\"A-1\"", &format!("\"{}\"", "x".repeat(129))), "order_id_too_long"),
        (&FLOOD.replace("\"advertiser\":1,", ""), "advertiser_missing"),
        (&FLOOD.replace("\"advertiser\":1", "\"advertiser\":-1"), "advertiser_unknown"),
        (&FLOOD.replace("1763812800000", "\"noon\""), "time_invalid"),
        (&FLOOD.replace("\"rules\":3", "\"rules\":3.5"), "json_shape"),
        (&FLOOD.replace("click_flood", "flood"), "signals_invalid"),
        (&FLOOD.replace("click_flood", "many_orders"), "signals_invalid"),
        (&FLOOD.replace("\"partner\":7", "\"partner\":-7"), "signals_invalid"),
        (&CLEAR.replace("[]", "{}"), "signals_invalid"),
        (&CLEAR.replace(",\"signals\":[]", ""), "signals_invalid"),
    ];
    for (line, code) in cases {
        let answer = post(&running, &format!("{line}\n{CLEAR}"));
        assert_eq!(answer.status, 200, "{line}");
        let said = answer.json();
        assert_eq!(
            (&said["lines"][0]["error"], &said["recorded"]),
            (&Value::from(code), &Value::from(1)),
            "{line}"
        );
        assert_eq!(post(&running, line).json()["lines"][0]["error"], code);
    }
    for (body, code) in [("\n \n", "empty_batch"), (&*format!("{CLEAR}\n").repeat(1001), "too_many_lines")] {
        assert_eq!(post(&running, body).json()["error"], code);
    }
}

#[test]
fn only_this_machine_may_score_and_no_page_in_its_browser() {
    let running = start();
    let here = running.admin.to_string();
    let cases = [
        (here.as_str(), ("Accept", "*/*"), 415, "lines_wanted"),
        (&here, ("Content-Type", "text/plain"), 415, "lines_wanted"),
        ("evil.example", LINES, 403, "not_from_here"),
        ("localhost.evil.example:80", LINES, 403, "not_from_here"),
    ];
    for (host, header, status, code) in cases {
        let answer = post_as(&running, host, &[header], FLOOD);
        assert_eq!((answer.status, answer.json()["error"].as_str()), (status, Some(code)), "{host}");
    }
    assert_eq!(scores(&running), []);
    assert_eq!(post_as(&running, "localhost:8081", &[LINES], FLOOD).status, 200);
}

#[test]
fn who_knows_the_token_may_score_by_any_name_and_nobody_else() {
    let running = start_with(|it| it.scores_token = Hidden(b"a token of the scorer".to_vec()));
    let asked = |headers: &[(&str, &str)]| {
        let mut headers = headers.to_vec();
        headers.push(LINES);
        post_as(&running, "edge.internal:8081", &headers, FLOOD).status
    };
    assert_eq!(asked(&[]), 401);
    assert_eq!(asked(&[("X-Api-Key", "a token of the scores")]), 401);
    assert_eq!(scores(&running), []);
    assert_eq!(asked(&[("X-Api-Key", "a token of the scorer")]), 200);
    assert_eq!(asked(&[("Authorization", "Bearer a token of the scorer")]), 200);
    assert_eq!(scores(&running).len(), 2);
}

#[test]
fn a_disk_that_refuses_is_told_and_scores_go_on_when_it_is_well() {
    let script = std::sync::Arc::new(Script::default());
    let running = start_with(|it| {
        it.disk = Disk::scripted(&script);
        it.durability = Durability::Process;
    });
    assert_eq!(post(&running, FLOOD).status, 200);
    script.push(Call::Write, Fault::Fail(28));
    let refused = post(&running, CLEAR);
    assert_eq!((refused.status, refused.json()["lines"][0]["error"].as_str()), (503, Some("not_recorded")));
    assert!(counted(&running, "not_kept"));
    assert_eq!(post(&running, CLEAR).status, 200);
    assert_eq!(scores(&running).len(), 2);
}
