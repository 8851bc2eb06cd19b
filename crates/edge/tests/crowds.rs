//! Crowds: ten thousand connections that never finish a request, thousands open at the end, more than there are descriptors.
//!
//! The edge is a process of its own, so that each side has all descriptors a process may have.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "whatever fails here fails the test")]

mod support;

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::{
    Answer, CATALOG, PATIENCE, apply,
    child::{Child, Start, serve_if_child},
    read_to_end, spooled, until,
};

const CHILD: Start<'static> = Start { test: "an_edge_for_a_crowd", armed: "", files: "" };
const CLICK: &[u8] = b"GET /c/tea HTTP/1.1\r\nHost: a\r\n\r\n";
/// Descriptors of this process that are not a crowd's.
const OTHER_FILES: usize = 200;

/// Crowds share this process's descriptors, so one comes after the other.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn an_edge_for_a_crowd() {
    serve_if_child();
}

fn new_data() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    apply(data.path(), 1, CATALOG);
    data
}

/// As many as wanted, or as this machine lets a process have; the child gets the same limit.
fn crowd_of(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let files = limit.maximum.map_or(usize::MAX, |it| usize::try_from(it).unwrap_or(usize::MAX));
    let count = wanted.min(files - OTHER_FILES);
    assert!(1_000 <= count, "a process may have {files} files: no crowd");
    count
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// One request on a connection that is kept.
fn ask(stream: &mut TcpStream, request: &[u8]) -> Answer {
    stream.write_all(request).unwrap();
    let (mut text, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "closed after {}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&buffer[..read]);
        let so_far = String::from_utf8_lossy(&text);
        if so_far.contains("\r\n\r\n") {
            let answer = Answer::parse(&so_far);
            let length = answer.header("content-length").map_or(0, |it| it.parse().unwrap());
            if answer.body.len() >= length {
                return answer;
            }
        }
    }
}

/// The edge waits 5 s for a head; a byte now and then is no reason to wait longer.
// fault 17
#[test]
fn ten_thousand_connections_that_send_a_byte_at_a_time_are_closed_and_others_are_served() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let count = crowd_of(10_000);
    let data = new_data();
    let child = Child::start(data.path(), &CHILD).unwrap();
    let head =
        b"GET /c/tea HTTP/1.1\r\nHost: a\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let mut slow: Vec<TcpStream> = Vec::new();
    for _ in 0..count {
        let stream = TcpStream::connect(child.address).unwrap();
        stream.set_nonblocking(true).unwrap();
        slow.push(stream);
    }
    let mut visitor = connect(child.address);
    let (begun, mut clicks, mut round) = (Instant::now(), 0, 0);
    while !slow.is_empty() {
        assert!(begun.elapsed() < Duration::from_mins(2), "{} are still open", slow.len());
        let byte = head[round % head.len()];
        slow.retain_mut(|stream| {
            let is_taken = match stream.write(&[byte]) {
                Ok(_) => true,
                Err(error) => error.kind() == ErrorKind::WouldBlock,
            };
            is_taken
                && matches!(stream.read(&mut [0; 512]), Err(error) if error.kind() == ErrorKind::WouldBlock)
        });
        round += 1;
        // A second or so between two bytes, in which a visitor is served.
        for _ in 0..20 {
            assert_eq!(ask(&mut visitor, CLICK).status, 302);
            clicks += 1;
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    assert!(round > 1, "they were open for a while");
    drop(visitor);
    child.wait();
    assert_eq!(spooled(data.path()).clicks().len(), clicks);
}

// fault 32
#[test]
fn five_thousand_idle_connections_end_while_the_last_request_is_answered() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let count = crowd_of(5_000);
    let data = new_data();
    let child = Child::start(data.path(), &CHILD).unwrap();
    let mut idle: Vec<TcpStream> = (0..count).map(|_| connect(child.address)).collect();
    for stream in &mut idle {
        assert_eq!(ask(stream, CLICK).status, 302);
    }
    let mut posting = connect(child.address);
    posting
        .write_all(b"POST /postback?token=first-token HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\norder")
        .unwrap();
    let mut admin = connect(child.admin);
    until("the post is under way", || {
        let page = ask(&mut admin, b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").body;
        let received = format!("tributary_received_total{{role=\"edge\"}} {}", count + 1);
        page.lines().any(|it| it == received)
    });
    let ending = std::thread::spawn(move || child.wait());
    for stream in &mut idle {
        assert_eq!(read_to_end(stream), "", "closed without a word");
    }
    posting.write_all(b"_id=77").unwrap();
    let answer = Answer::parse(&read_to_end(&mut posting));
    assert_eq!(answer.status, 200, "what was under way is answered, after all the idle ones were closed");
    assert!(ending.join().unwrap().success());
    let spooled = spooled(data.path());
    assert_eq!((spooled.clicks().len(), spooled.reports().len()), (count, 1));
}

// fault 31
#[test]
fn without_descriptors_open_connections_are_served_and_new_ones_wait() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let data = new_data();
    let child = Child::start(data.path(), &Start { files: "80", ..CHILD }).unwrap();
    let (mut visitor, mut admin) = (connect(child.address), connect(child.admin));
    let mut metric = |name: &str| -> u64 {
        let page = ask(&mut admin, b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").body;
        let line = page.lines().find(|it| it.starts_with(name)).unwrap().to_owned();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let mut clicks = 0;
    let mut click = || {
        assert_eq!(ask(&mut visitor, CLICK).status, 302);
        clicks += 1;
    };
    click();
    let crowd: Vec<TcpStream> = (0..150).map(|_| connect(child.address)).collect();
    // A connection that asks nothing for five seconds is closed.
    until("descriptors run out and it is counted", || {
        click();
        metric("tributary_edge_accept_errors_total ") > 0
    });
    (0..20).for_each(|_| click());
    assert_eq!(metric("tributary_edge_unrecorded_total{reason=\"spool_error\"} "), 0);
    drop(crowd);
    let mut next = connect(child.address);
    assert_eq!(ask(&mut next, CLICK).status, 302, "it accepts again once some have closed");
    drop((visitor, next, admin));
    child.wait();
    assert_eq!(spooled(data.path()).clicks().len(), clicks + 1);
}
