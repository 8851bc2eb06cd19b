//! Rolling restarts: an edge that ends under load while another on its port goes on, and neither visitors nor the spool notice.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "whatever fails here fails the test")]

mod support;

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use support::{BROWSER, CATALOG, PATIENCE, Running, apply, read_to_end, start_in, start_with, until};

/// Rounds of one edge ending and another coming.
const ROUNDS: usize = 4;
const VISITORS: usize = 6;
/// Clicks on one connection before the next is made.
const CLICKS_PER_CONNECTION: usize = 7;

/// Reads one answer's head; redirects have no body.
fn head(stream: &mut TcpStream) -> String {
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    while !text.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "closed without an answer");
        text.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8(text).unwrap()
}

/// Clicks until told to stop; how many were answered. Nothing is ever sent twice, and an error is a failure.
fn click(address: SocketAddr, stop: &AtomicBool) -> usize {
    let request = format!("GET /c/tea HTTP/1.1\r\nHost: a\r\nUser-Agent: {BROWSER}\r\n\r\n");
    let mut answered = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        for _ in 0..CLICKS_PER_CONNECTION {
            stream.write_all(request.as_bytes()).unwrap();
            let head = head(&mut stream);
            assert!(head.starts_with("HTTP/1.1 302 "), "{head}");
            answered += 1;
            if head.contains("connection: close") {
                break;
            }
        }
    }
    answered
}

fn on(address: SocketAddr) -> Running {
    let data = tempfile::tempdir().unwrap();
    apply(data.path(), 1, CATALOG);
    start_in(data, |options| options.listen = address)
}

// fault 32
#[test]
fn edges_that_end_under_load_while_others_come_refuse_nobody_and_lose_nothing() {
    let first = start_with(|_| {});
    let address = first.address;
    let stop = Arc::new(AtomicBool::new(false));
    let visitors: Vec<_> = (0..VISITORS)
        .map(|_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || click(address, &stop))
        })
        .collect();
    let mut recorded = 0;
    let mut serving = first;
    for _ in 0..ROUNDS {
        let next = on(address);
        until("the next one is visited", || next.telemetry.edge_balance().received > 20);
        serving.stop();
        recorded += serving.spooled().clicks().len();
        serving = next;
    }
    stop.store(true, Ordering::Relaxed);
    let answered: usize = visitors.into_iter().map(|it| it.join().unwrap()).sum();
    serving.stop();
    recorded += serving.spooled().clicks().len();
    assert_eq!(recorded, answered);
    assert!(answered > ROUNDS * 20);
}

/// Asks again and again, `times` at once without waiting, until an answer says that it is the last; how many were answered.
fn ask_to_the_last(address: SocketAddr, request: &str, times: usize, asked: &AtomicUsize) -> usize {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut answered, mut buffer) = (0, [0; 8192]);
    loop {
        stream.write_all(request.repeat(times).as_bytes()).unwrap();
        let mut text = String::new();
        while text.matches("HTTP/1.1 ").count() < times || !text.ends_with(['\n', '}']) {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "closed after {answered} and {text:?}");
            text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        answered += times;
        asked.fetch_add(1, Ordering::Relaxed);
        match text.to_ascii_lowercase().matches("connection: close").count() {
            0 => {}
            1 => break,
            _ => panic!("the last answer alone is the last: {text}"),
        }
    }
    assert_eq!(read_to_end(&mut stream), "");
    answered
}

#[test]
fn a_connection_of_an_edge_that_ends_is_told_with_its_last_answer() {
    let mut edge = start_with(|_| {});
    let address = edge.address;
    let click = format!("GET /c/tea HTTP/1.1\r\nHost: a\r\nUser-Agent: {BROWSER}\r\n\r\n");
    let report = "GET /postback?token=first-token&order_id=7 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned();
    let asking = [(click, 3), (report, 1)].map(|(request, times)| {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let thread = std::thread::spawn(move || ask_to_the_last(address, &request, times, &counted));
        (thread, asked)
    });
    for (_, asked) in &asking {
        until("it is answered", || asked.load(Ordering::Relaxed) > 0);
    }
    edge.stop();
    let [clicks, reports] = asking.map(|(thread, _)| thread.join().unwrap());
    assert_eq!((edge.spooled().clicks().len(), edge.spooled().reports().len()), (clicks, reports));
}

/// Spools are opened side by side: each thread has its own, and a new incarnation of it in each life.
#[test]
fn each_thread_opens_its_own_spool_at_every_start() {
    let folders = |of: &std::path::Path| {
        let entries = std::fs::read_dir(of).unwrap().map(|it| it.unwrap().path());
        entries.filter(|it| it.is_dir()).collect::<Vec<_>>()
    };
    let mut data = tempfile::tempdir().unwrap();
    support::apply(data.path(), 1, support::CATALOG);
    for life in 1..=2 {
        let edge = support::start_in(data, |it| it.threads = 4);
        assert_eq!(edge.get("/c/tea", &[]).status, 302);
        let writers = folders(&edge.data.path().join("spool"));
        let incarnations: Vec<usize> = writers.iter().map(|it| folders(it).len()).collect();
        assert_eq!(incarnations, [life; 4]);
        data = edge.into_data();
    }
}
