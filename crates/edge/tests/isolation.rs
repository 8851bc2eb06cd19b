//! One request's harm stays its own: a panic, a greedy peer. And what the edge tells of both.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers fail by panicking")]

mod support;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
};

use edge::{Edge, EdgeError};
use support::{PATIENCE, Running, options, raw, read_to_end, start_with, until};
use telemetry::{EdgeFate, Telemetry};
use units::EpochMs;

const CLICK: &[u8] = b"GET /c/tea HTTP/1.1\r\nHost: a\r\n\r\n";

static ARMED: AtomicBool = AtomicBool::new(false);

/// The clock is asked while a request holds its thread's spool: the worst place to panic.
fn exploding() -> EpochMs {
    let is_request = std::thread::current().name() == Some("edge-0");
    assert!(!(is_request && ARMED.swap(false, Ordering::Relaxed)), "planted");
    support::clock()
}

fn connect(edge: &Running) -> TcpStream {
    let stream = TcpStream::connect(edge.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(CLICK).unwrap();
    let mut buffer = [0; 4096];
    let read = stream.read(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

#[track_caller]
fn page_says(edge: &Running, line: &str) {
    let page = edge.admin("/metrics").body;
    assert!(page.lines().any(|it| it == line), "{line} is not on\n{page}");
}

#[test]
fn a_panic_costs_one_request_and_is_counted() {
    let data = tempfile::tempdir().unwrap();
    support::apply(data.path(), 1, support::CATALOG);
    let telemetry = Telemetry::new("test");
    let edge = Edge::start(options(data.path()), exploding, telemetry.clone()).unwrap();
    let edge = Running::of(edge, data, telemetry);

    let mut other = connect(&edge);
    assert!(ask(&mut other).starts_with("HTTP/1.1 302"));
    ARMED.store(true, Ordering::Relaxed);
    let answer = edge.raw(CLICK);
    assert!(answer.starts_with("HTTP/1.1 500 ") && answer.ends_with("internal error\n"), "{answer}");
    assert!(!ARMED.load(Ordering::Relaxed), "it did panic");
    assert!(ask(&mut other).starts_with("HTTP/1.1 302"), "a connection of the same thread lives on");
    assert_eq!(edge.get("/c/tea", &[]).status, 302);

    page_says(&edge, "tributary_edge_panics_total 1");
    page_says(&edge, "tributary_edge_requests_total{outcome=\"failed\"} 1");
    let balance = edge.telemetry.edge_balance();
    assert!(balance.holds(), "{balance:?}");
    assert_eq!((balance.received, balance.count(EdgeFate::Panicked)), (4, 1));
    let spooled = edge.spooled();
    let sequences: Vec<u64> = spooled.clicks().iter().map(|it| it.head.origin.sequence).collect();
    assert_eq!(sequences, [1, 2, 3], "the spool goes on behind it");
}

#[test]
fn one_peer_cannot_take_every_connection() {
    let edge = start_with(|options| options.connections_per_peer_max = 2);
    let mut held = [connect(&edge), connect(&edge)];
    for stream in &mut held {
        assert!(ask(stream).starts_with("HTTP/1.1 302"));
    }
    assert_eq!(read_to_end(&mut connect(&edge)), "");
    page_says(&edge, "tributary_edge_connections_refused_total{reason=\"peer_full\"} 1");
    page_says(&edge, "tributary_edge_connections_refused_total{reason=\"thread_full\"} 0");
    drop(held);
    until("a place given back is taken again", || {
        !raw(edge.address, b"GET /c/tea HTTP/1.0\r\nHost: a\r\n\r\n").is_empty()
    });
}

#[test]
fn visitors_behind_a_trusted_proxy_are_not_one_peer() {
    let edge = start_with(|options| {
        options.connections_per_peer_max = 2;
        options.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    });
    let mut held: Vec<TcpStream> = (0..10).map(|_| connect(&edge)).collect();
    for stream in &mut held {
        assert!(ask(stream).starts_with("HTTP/1.1 302"));
    }
    page_says(&edge, "tributary_edge_connections_refused_total{reason=\"peer_full\"} 0");
    page_says(&edge, "tributary_edge_connections 10");
}

#[test]
fn a_country_is_believed_from_a_trusted_proxy_only() {
    let header = Some("CF-IPCountry".to_owned());
    let trusting = start_with(|options| {
        options.country_header.clone_from(&header);
        options.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    });
    let wary = start_with(|options| options.country_header.clone_from(&header));
    let deaf = start_with(|options| options.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    for edge in [&trusting, &wary, &deaf] {
        for said in ["de", "T1", "Germany"] {
            assert_eq!(edge.get("/c/tea", &[("cf-ipcountry", said)]).status, 302);
        }
        assert_eq!(edge.get("/c/tea", &[]).status, 302);
    }
    let countries = |edge: &Running| {
        let spooled = edge.spooled();
        let countries = spooled.clicks().into_iter().map(|it| it.head.country.as_str().to_owned());
        countries.collect::<Vec<_>>()
    };
    assert_eq!(countries(&trusting), ["DE", "ZZ", "ZZ", "ZZ"]);
    assert_eq!((countries(&wary), countries(&deaf)), (vec!["ZZ".to_owned(); 4], vec!["ZZ".to_owned(); 4]));

    let data = tempfile::tempdir().unwrap();
    let mut options = options(data.path());
    options.country_header = Some("no header".to_owned());
    let refused = Edge::start(options, support::clock, Telemetry::new("test"));
    assert!(matches!(refused, Err(EdgeError::CountryHeader { .. })), "{refused:?}");
}

#[test]
fn every_eighth_request_is_timed() {
    let edge = start_with(|_| {});
    for _ in 0..17 {
        assert_eq!(edge.get("/c/tea", &[]).status, 302);
    }
    page_says(&edge, "tributary_edge_request_duration_seconds_count 2");
}
