//! `tributary load`.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use crate::tributary;

/// Answers every request with 302 and notes its path; closes the connection on `/close`.
fn server() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let paths = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let paths = Arc::clone(&paths);
            std::thread::spawn(move || answer(stream.unwrap(), &paths));
        }
    });
    (url, seen)
}

fn answer(mut stream: TcpStream, paths: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let path = line.split(' ').nth(1).unwrap().to_owned();
        while line.trim() != "" {
            line.clear();
            reader.read_line(&mut line).unwrap();
        }
        let is_refused = path.starts_with("/close");
        paths.lock().unwrap().push(path);
        if is_refused {
            return;
        }
        drop(stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 2\r\n\r\nok"));
    }
}

#[test]
fn every_request_of_the_schedule_is_sent_once_and_counted() {
    let (url, seen) = server();
    let (first, second) = (format!("{url}/c/a?n={{number}}"), format!("{url}/c/b?n={{number}}"));
    let said = tributary(&[
        "load",
        &first,
        &second,
        "--rate",
        "200",
        "--seconds",
        "1",
        "--connections",
        "4",
        "--json",
    ])
    .expect(0);
    let load = &said.events("load")[0];
    assert_eq!((load["answered"].as_u64(), load["failed"].as_u64()), (Some(200), Some(0)), "{load}");
    assert_eq!(load["statuses"]["302"], 200);
    let ms = |name: &str| load["latency_ms"][name].as_f64().unwrap();
    assert!(
        ms("p50") > 0.0 && ms("p50") <= ms("p99") && ms("p99") <= ms("p99_9") && ms("p99_9") <= ms("max"),
        "{load}"
    );
    let seen = seen.lock().unwrap();
    let want: BTreeSet<String> =
        (0..200).map(|n| format!("/c/{}?n={n}", if n % 2 == 0 { "a" } else { "b" })).collect();
    assert_eq!((seen.len(), seen.iter().cloned().collect::<BTreeSet<_>>()), (200, want));
}

#[test]
fn unanswered_requests_are_counted_by_kind_and_are_exit_status_1() {
    let (url, _) = server();
    let said =
        tributary(&["load", &format!("{url}/close"), "--rate", "20", "--seconds", "1", "--json"]).expect(1);
    assert_eq!(said.events("load")[0]["errors"]["closed"], 20, "{}", said.out);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = tributary(&["load", &format!("http://{free}/"), "--rate", "20", "--seconds", "1"]).expect(1);
    assert!(
        said.out.contains("no connection") && said.err.contains("in no percentile"),
        "{}{}",
        said.out,
        said.err
    );
}

#[test]
fn other_machines_are_left_alone() {
    let said = tributary(&["load", "http://192.0.2.1/c/x"]).expect(1);
    assert!(said.err.contains("--allow-remote"), "{}", said.err);
}
