//! Hostile and broken requests over raw sockets, clocks and disks that misbehave, an orderly end.

#[path = "faults/clock.rs"]
mod clock;
mod support;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use edge::{Edge, EdgeError};
use journal::spool::{Call, Disk, Durability, Fault, Script};
use proptest::prelude::*;
use support::{Answer, BROWSER, NOW, PATIENCE, mint, options, read_to_end, start, start_with, until};
use telemetry::{EdgeFate, Telemetry};
use units::EpochMs;

const NO_SPACE: i32 = 28;
const INPUT_OUTPUT: i32 = 5;
const READ_ONLY: i32 = 30;

fn status(answer: &str) -> u16 {
    if answer.is_empty() { 0 } else { Answer::parse(answer).status }
}

// faults 15, 16, 19, 20, 21
#[test]
fn what_is_not_http_as_we_take_it_is_refused_and_the_connection_closed() {
    let edge = start_with(|options| options.hosts = vec!["go.example".to_owned()]);
    let long = "x".repeat(9 * 1024);
    let many: String = (0..65).map(|n| format!("X-{n}: 1\r\n")).collect::<Vec<_>>().concat();
    let heavy = format!("X-Heavy: {}\r\n", "y".repeat(17 * 1024));
    let host = "Host: go.example\r\n";
    let cases = [
        ("a long request line", format!("GET /c/tea?{long} HTTP/1.1\r\n{host}\r\n"), 414),
        ("65 headers", format!("GET /c/tea HTTP/1.1\r\n{many}\r\n"), 431),
        ("101 headers", format!("GET /c/tea HTTP/1.1\r\n{many}{many}\r\n"), 431),
        ("17 KiB of headers", format!("GET /c/tea HTTP/1.1\r\n{host}{heavy}\r\n"), 431),
        ("a body on GET", format!("GET /c/tea HTTP/1.1\r\n{host}Content-Length: 5\r\n\r\nhello"), 400),
        (
            "a chunked body on GET",
            format!("GET /c/tea HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            400,
        ),
        ("a signed length", format!("GET /c/tea HTTP/1.1\r\n{host}Content-Length: +5\r\n\r\nhello"), 400),
        (
            "two lengths",
            format!("GET /c/tea HTTP/1.1\r\n{host}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
            400,
        ),
        (
            "two equal lengths",
            format!("GET /c/tea HTTP/1.1\r\n{host}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
            400,
        ),
        (
            "length and chunks",
            format!(
                "GET /c/tea HTTP/1.1\r\n{host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
            400,
        ),
        (
            "an unknown coding",
            format!("GET /c/tea HTTP/1.1\r\n{host}Transfer-Encoding: xchunked\r\n\r\n"),
            400,
        ),
        ("HTTP/0.9", "GET /c/tea\r\n\r\n".to_owned(), 400),
        ("an absolute target", format!("GET http://go.example/c/tea HTTP/1.1\r\n{host}\r\n"), 400),
        ("CONNECT", format!("CONNECT go.example:443 HTTP/1.1\r\n{host}\r\n"), 405),
        ("TRACE", format!("TRACE /c/tea HTTP/1.1\r\n{host}\r\n"), 405),
        ("OPTIONS", format!("OPTIONS /c/tea HTTP/1.1\r\n{host}\r\n"), 405),
        ("POST to a link", format!("POST /c/tea HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n"), 405),
        ("no host", "GET /c/tea HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("two hosts", format!("GET /c/tea HTTP/1.1\r\n{host}{host}\r\n"), 400),
        ("an empty host", "GET /c/tea HTTP/1.1\r\nHost:\r\n\r\n".to_owned(), 400),
        ("another's host", "GET /c/tea HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(), 421),
        ("garbage", "\u{0}\u{1}\u{2}\r\n\r\n".to_owned(), 400),
    ];
    // What follows on the connection must not be read as a request (fault 19).
    let pipelined = format!("GET /c/tea HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
    for (name, request, want) in cases {
        let answer = edge.raw(format!("{request}{pipelined}").as_bytes());
        assert_eq!(status(&answer), want, "{name}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{name}: {answer}");
    }
    assert!(edge.spooled().clicks().is_empty(), "no click came of any of them");
    assert_eq!(status(&edge.raw(pipelined.as_bytes())), 302, "and the edge serves on");
}

// fault 17
#[test]
fn a_connection_that_sends_no_whole_head_is_closed_and_others_are_served() {
    let edge = start_with(|options| options.header_timeout = Duration::from_millis(300));
    let mut slow: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(edge.address).unwrap()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /c/tea HT").unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    assert_eq!(edge.get("/c/tea", &[]).status, 302);
    for stream in &mut slow {
        // Closed, with or without a word.
        read_to_end(stream);
    }
    assert_eq!(edge.spooled().clicks().len(), 1);
}

/// TLS ends at a proxy. Who speaks it to the plain port, whole, half or not at all, is not waited for longer than for a head.
// fault 18
#[test]
fn a_client_that_speaks_tls_or_says_nothing_is_closed_and_others_are_served() {
    let edge = start_with(|options| options.header_timeout = Duration::from_millis(300));
    // A record of the handshake that announces 512 bytes of ClientHello.
    let hello: Vec<u8> = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]
        .into_iter()
        .chain((0..505).map(|it: u32| it.to_le_bytes()[0]))
        .collect();
    for said in [hello.as_slice(), &hello[..5], &hello[..1], b""] {
        let mut streams: Vec<TcpStream> =
            (0..20).map(|_| TcpStream::connect(edge.address).unwrap()).collect();
        for stream in &mut streams {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(said).unwrap();
        }
        assert_eq!(edge.get("/c/tea", &[]).status, 302);
        for stream in &mut streams {
            let answer = read_to_end(stream);
            assert!(answer.is_empty() || (400..500).contains(&status(&answer)), "{answer}");
        }
    }
    assert_eq!(edge.spooled().clicks().len(), 4);
}

#[test]
fn one_connection_too_many_is_closed_at_once() {
    let edge = start_with(|options| options.connections_max = 2);
    let mut held: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(edge.address).unwrap()).collect();
    for stream in &mut held {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"GET /.well-known/traffic-advice HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert!(0 < stream.read(&mut [0; 64]).unwrap());
    }
    let mut third = TcpStream::connect(edge.address).unwrap();
    third.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(read_to_end(&mut third), "");
    drop(held);
    until("a free place is used", || !edge.raw(b"GET /c/tea HTTP/1.0\r\nHost: a\r\n\r\n").is_empty());
}

// fault 32
#[test]
fn the_end_waits_for_requests_under_way_and_closes_idle_connections() {
    let mut edge = start_with(|options| options.header_timeout = Duration::from_mins(1));
    let mut idle = TcpStream::connect(edge.address).unwrap();
    idle.set_read_timeout(Some(PATIENCE)).unwrap();
    idle.write_all(b"GET /c/tea HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(0 < idle.read(&mut [0; 4096]).unwrap());
    let mut posting = TcpStream::connect(edge.address).unwrap();
    posting.set_read_timeout(Some(PATIENCE)).unwrap();
    posting
        .write_all(b"POST /postback?token=first-token HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\norder")
        .unwrap();
    until("the post is under way", || edge.telemetry.edge_balance().in_flight() == 1);
    let ending = std::thread::spawn(move || {
        edge.stop();
        edge
    });
    assert_eq!(read_to_end(&mut idle), "");
    posting.write_all(b"_id=77").unwrap();
    assert_eq!(status(&read_to_end(&mut posting)), 200, "what was under way is answered");
    let edge = ending.join().unwrap();
    assert!(TcpStream::connect(edge.address).is_err(), "no more connections");
    assert_eq!((edge.spooled().clicks().len(), edge.spooled().reports().len()), (1, 1));
}

// faults 44, 45, 46
#[test]
fn a_disk_that_refuses_stops_no_redirect_and_every_lost_click_is_counted() {
    let script = Arc::new(Script::default());
    let edge = start_with(|options| options.disk = Disk::scripted(&script));
    let report = || edge.get("/postback?token=first-token&order_id=1", &[]).status;
    assert_eq!((edge.get("/c/tea", &[]).status, report()), (302, 200));

    for (call, errno) in [(Call::Write, NO_SPACE), (Call::Write, READ_ONLY), (Call::Write, INPUT_OUTPUT)] {
        script.push(call, Fault::Fail(errno));
        let answer = edge.get("/c/tea", &[]);
        assert!(answer.location().starts_with("https://shop.example/tea?"), "{errno}");
        assert_eq!(script.remaining(), 0);
    }
    script.push(Call::Write, Fault::Fail(NO_SPACE));
    assert_eq!(report(), 503, "a report that is not in the spool is not accepted");
    // While the disk stays full, so does the next segment's reservation, whatever size it asks for.
    for _ in 0..200 {
        script.push(Call::Allocate, Fault::Fail(NO_SPACE));
    }
    assert_eq!((edge.get("/c/tea", &[]).status, edge.get("/c/tea", &[]).status, report()), (302, 302, 503));
    assert!(edge.admin("/readyz?verbose").body.contains("[!] spool: the disk refuses"));
    script.clear();
    script.push(Call::Write, Fault::Short(10));
    assert_eq!(
        (edge.get("/c/tea", &[]).status, report()),
        (302, 200),
        "a short write is completed, the disk is well"
    );

    let ready = edge.admin("/readyz?verbose");
    assert_eq!(ready.status, 200);
    assert!(
        ready.body.contains("[!] unrecorded: 5 clicks so far, 2 reports since the start"),
        "{}",
        ready.body
    );
    let page = edge.admin("/metrics").body;
    assert!(page.contains("tributary_edge_unrecorded_total{reason=\"disk_full\"} 3"), "{page}");
    let spooled = edge.spooled();
    assert_eq!((spooled.clicks().len(), spooled.reports().len()), (2, 2));
    let sequences: Vec<u64> = spooled.clicks().iter().map(|it| it.head.origin.sequence).collect();
    assert_eq!(sequences, [1, 3], "dense: no number is spent on what was lost");

    let data = edge.into_data();
    let again = support::start_in(data, |_| {});
    assert!(
        again.admin("/readyz?verbose").body.contains("unrecorded: 5 clicks"),
        "the count outlives the process"
    );
}

// fault 43
#[test]
fn mode_power_answers_after_the_sync_and_tells_when_it_failed() {
    let script = Arc::new(Script::default());
    let edge = start_with(|options| {
        options.durability = Durability::Power;
        options.disk = Disk::scripted(&script);
    });
    let report = |order: u32| edge.get(&format!("/postback?token=first-token&order_id={order}"), &[]).status;
    assert_eq!((edge.get("/c/tea", &[]).status, report(1)), (302, 200));
    assert!(edge.admin("/readyz?verbose").body.contains("durability: power"));
    // The file's sync and that of the one its tail is written to.
    script.push(Call::SyncData, Fault::Fail(INPUT_OUTPUT));
    script.push(Call::SyncData, Fault::Fail(INPUT_OUTPUT));
    assert_eq!(report(2), 503);
    assert_eq!(report(3), 200);
    let answers = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8).map(|n| scope.spawn(move || report(100 + n))).collect();
        asked.into_iter().map(|it| it.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(answers, [200; 8]);
}

// fault 56 at the edge: what no broker answers does not keep a visitor waiting
#[test]
fn a_dead_broker_changes_nothing_for_visitors_and_shops() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let kafka = edge::KafkaOptions {
        brokers: unused.to_string(),
        properties: std::collections::BTreeMap::new(),
        prefix: "tributary".to_owned(),
        records_per_second_max: None,
    };
    let edge = start_with(|options| options.kafka = Some(kafka));
    for _ in 0..20 {
        assert_eq!(edge.get("/c/tea", &[]).status, 302);
    }
    assert_eq!(edge.get("/postback?token=first-token&order_id=1", &[]).status, 200);
    assert_eq!(edge.admin("/readyz").status, 200);
    assert_eq!(edge.spooled().records.len(), 21);
}

#[test]
fn settings_that_would_let_strangers_choose_times_or_forge_ids_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let start = |change: &dyn Fn(&mut edge::Options)| {
        let mut options = options(data.path());
        change(&mut options);
        Edge::start(options, support::clock, Telemetry::new("test")).map(Edge::stop)
    };
    let public = start(&|options| {
        options.listen = "0.0.0.0:0".parse().unwrap();
        options.trust_time_header = true;
    });
    assert!(matches!(public, Err(EdgeError::TimeHeader { .. })));
    assert!(matches!(start(&|options| options.click_keys.clear()), Err(EdgeError::Keys)));
    assert!(matches!(start(&|options| options.identity_secret.0.clear()), Err(EdgeError::Keys)));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    assert!(matches!(start(&|options| options.admin = address), Err(EdgeError::Listen { .. })));
}

#[test]
fn two_edges_on_one_spool_do_not_mix() {
    let edge = start();
    let second = Edge::start(options(edge.data.path()), support::clock, Telemetry::new("test"));
    assert!(matches!(second, Err(EdgeError::Spool(_))), "{second:?}");
}

// design.md 3.7: received is the sum of fates
#[test]
fn every_request_meets_one_fate() {
    let edge = start();
    for target in [
        "/c/tea",
        "/c/nothing",
        "/c/gone",
        "/c/tea?no-track",
        "/p.gif?link=tea",
        "/nowhere",
        "/v1/reports",
        "/",
    ] {
        edge.get(target, &[]);
    }
    edge.raw(b"GET http://a/c/tea HTTP/1.1\r\nHost: a\r\n\r\n");
    edge.get("/postback?order_id=1", &[]);
    edge.get("/postback?token=wrong&order_id=1", &[]);
    edge.get(&format!("/postback?token=first-token&order_id=1&click_id={}", mint(NOW, 1000, 5)), &[]);
    edge.send("POST", "/v1/reports", &[("X-Api-Key", "first-token")], b"{\"order_id\":1}\n{\"order_id\":2}");
    let balance = edge.telemetry.edge_balance();
    assert!(balance.holds(), "{balance:?}");
    assert_eq!((balance.received, balance.settled(), balance.in_flight()), (13, 13, 0));
    assert_eq!((balance.count(EdgeFate::Report), balance.count(EdgeFate::Unauthorised)), (2, 1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    // One edge for all cases would hide which bytes did it; the connection is new each time, and so is the claim.
    #[test]
    fn arbitrary_bytes_get_at_most_one_location_and_never_a_foreign_one(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        path in "[ -~]{0,80}",
        value in "[a-zA-Z0-9%:/\\\\@.?&=#\u{e9}\\[\\]{}-]{0,120}",
    ) {
        static EDGE: std::sync::OnceLock<support::Running> = std::sync::OnceLock::new();
        let edge = EDGE.get_or_init(start);
        let mut raw = bytes;
        raw.extend_from_slice(b"\r\n\r\n");
        for request in [
            raw,
            format!("GET /{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").into_bytes(),
            format!("GET /c/tea?url={value}&sub1={value} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").into_bytes(),
        ] {
            let mut stream = TcpStream::connect(edge.address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            drop(stream.write_all(&request));
            drop(stream.shutdown(std::net::Shutdown::Write));
            let answer = read_to_end(&mut stream);
            let head = answer.split("\r\n\r\n").next().unwrap_or("").to_ascii_lowercase();
            let locations: Vec<&str> = head.split("\r\n").filter_map(|line| line.strip_prefix("location: ")).collect();
            prop_assert!(locations.len() <= 1, "{answer}");
            for location in locations {
                let url = url::Url::parse(location).unwrap();
                let host = url.host_str().unwrap();
                prop_assert!(host == "shop.example" || host.ends_with(".wide.example"), "{location}");
            }
        }
        prop_assert_eq!(edge.get("/c/tea", &[]).status, 302);
    }
}
