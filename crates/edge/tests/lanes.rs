//! A click may be answered with or without hyper: nobody can tell which, by the answer or by the record.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod support;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use events::{Click, ClickId};
use support::{BROWSER, PATIENCE, Running, read_to_end, start_with, until};

/// Two wishes for the same end; the second is none that the fast lane takes.
const WISHES: [&str; 2] = ["close", "close, x"];

fn edge() -> Running {
    start_with(|options| {
        options.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        options.country_header = Some("cf-ipcountry".to_owned());
        options.trust_time_header = true;
        options.hosts = vec!["go.example".to_owned()];
    })
}

/// What differs between any two clicks: ids and the date.
fn same_for_all(answer: &str) -> String {
    let mut text = String::new();
    for line in answer.split("\r\n") {
        let ids = ["click=", "tvid="].map(|name| line.find(name).map(|at| at + name.len()));
        match ids.into_iter().flatten().next() {
            _ if line.starts_with("date: ") => text.push_str("date: "),
            Some(at) => {
                let end =
                    line[at..].find(|it: char| !it.is_ascii_alphanumeric()).map_or(line.len(), |it| at + it);
                text.push_str(&line[..at]);
                text.push_str(&line[end..]);
            }
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

fn without_identity(mut click: Click<'_>) -> String {
    click.head.origin = units::Origin::default();
    click.head.id = ClickId::from_bytes([0; 31]);
    format!("{click:?}")
}

#[test]
fn both_ways_answer_and_record_alike() {
    let edge = edge();
    let agent = format!("User-Agent: {BROWSER}\r\n");
    let cases = [
        ("/c/tea", String::new()),
        ("/c/tea?", agent.clone()),
        ("/c/TEA/?sub1=a%20b&sub2=%C3%A9&utm_source=mail&x=1+2&&=&empty", agent.clone()),
        ("/c/tea?sub1=a", format!("{agent}Referer: https://u@Blog.example:8/x?y\r\nDNT: 1\r\n")),
        ("/c/tea?sub1=b", format!("{agent}Sec-GPC: 1\r\nCookie: a=b\r\ncookie: tvid=no\r\n")),
        (
            "/c/tea?sub1=c",
            format!("{agent}X-Forwarded-For: 203.0.113.7, 10.0.0.1\r\nx-forwarded-for: 127.0.0.1\r\n"),
        ),
        ("/c/tea?sub1=d", format!("{agent}X-Forwarded-Proto: https\r\nCF-IPCountry: DE\r\n")),
        (
            "/c/tea?sub1=e",
            "User-Agent: first\r\nUser-Agent: second\r\nX-Tributary-At: 1763818000000\r\n".to_owned(),
        ),
        ("/c/tea?sub1=f", "User-Agent: Googlebot/2.1 (+http://www.google.com/bot.html)\r\n".to_owned()),
        ("/c/tea?url=https://shop.example/deep?a=b&sub1=g", agent.clone()),
        ("/c/tea?url=https://evil.example/&sub1=h", agent.clone()),
        ("/c/tea?no-track=1", agent.clone()),
        ("/c/nothing?sub1=i", agent.clone()),
        ("/c/", agent.clone()),
        ("/c/tea?sub1=j", format!("{agent}Referer: caf\u{e9}\r\nX-Empty:\r\n")),
    ];
    let mut recorded = 0;
    for (target, lines) in cases {
        let answers = WISHES.map(|wish| {
            let head =
                format!("GET {target} HTTP/1.1\r\nHost: go.example\r\n{lines}Connection: {wish}\r\n\r\n");
            same_for_all(&edge.raw(head.as_bytes()))
        });
        let [fast, general] = &answers;
        assert!(fast.starts_with("HTTP/1.1 "), "{target}: {fast}");
        // A network's second click is a repeat, and the answer does not show it.
        assert_eq!(fast, general, "{target}");
        let spooled = edge.spooled();
        let clicks = spooled.clicks();
        let new: Vec<String> = clicks.into_iter().skip(recorded).map(without_identity).collect();
        recorded += new.len();
        match new.as_slice() {
            [] => {}
            [fast, general] => assert_eq!(
                fast.replace("verdict: Valid", ""),
                general.replace("verdict: Duplicate", "").replace("verdict: Valid", ""),
                "{target}"
            ),
            other => panic!("{target}: {other:?}"),
        }
    }
    assert_eq!(recorded, 24, "of each but those that do not count");
}

#[test]
fn requests_sent_together_are_answered_in_their_order_whoever_answers_them() {
    let edge = edge();
    let host = "Host: go.example\r\n";
    let click = |sub: u32| format!("GET /c/tea?sub1={sub} HTTP/1.1\r\n{host}\r\n");
    let body = "order_id=77";
    let post = format!(
        "POST /postback?token=first-token HTTP/1.1\r\n{host}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let last = format!("GET /c/tea?sub1=4 HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
    let answer = edge.raw([click(1), click(2), post, click(3), last, click(5)].concat().as_bytes());
    let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).filter_map(|it| it.get(..3)).collect();
    assert_eq!(statuses, ["302", "302", "200", "302", "302"], "{answer}");
    let spooled = edge.spooled();
    let subs: Vec<_> = spooled.clicks().into_iter().map(|it| it.subs[0].1.to_owned()).collect();
    assert_eq!(subs, ["1", "2", "3", "4"], "nothing behind the last is read");
    assert_eq!(spooled.reports().len(), 1);
}

#[test]
fn a_hundred_clicks_in_one_piece_are_all_answered() {
    let edge = edge();
    let click = "GET /c/tea HTTP/1.1\r\nHost: go.example\r\n\r\n";
    let last = "GET /c/tea HTTP/1.1\r\nHost: go.example\r\nConnection: close\r\n\r\n";
    let answer = edge.raw(format!("{}{last}", click.repeat(500)).as_bytes());
    assert_eq!(answer.matches("HTTP/1.1 302 Found\r\n").count(), 501);
    assert_eq!(edge.spooled().clicks().len(), 501);
}

#[test]
fn a_head_in_pieces_is_read() {
    let edge = edge();
    let mut stream = TcpStream::connect(edge.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in b"GET /c/tea HTTP/1.1\r\nHost: go.example\r\nConnection: close\r\n\r\n" {
        stream.write_all(&[*byte]).unwrap();
    }
    assert!(read_to_end(&mut stream).starts_with("HTTP/1.1 302"));
}

#[test]
fn a_connection_that_has_said_something_and_falls_silent_is_closed() {
    let edge = start_with(|options| options.header_timeout = Duration::from_millis(200));
    let mut stream = TcpStream::connect(edge.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    for _ in 0..2 {
        stream.write_all(b"GET /c/tea HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert!(0 < stream.read(&mut [0; 4096]).unwrap());
    }
    assert_eq!(read_to_end(&mut stream), "");
    let mut silent = TcpStream::connect(edge.address).unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(read_to_end(&mut silent), "");
    until("their places are free", || edge.admin("/metrics").body.contains("tributary_edge_connections 0"));
}
