//! What the edge answers, recorded once, for the peers to send.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use super::requests::request;

/// Fields of a head, without the two that every server adds itself.
pub(super) type Recorded = Vec<(String, String)>;

/// Visitors who come back.
const COOKIES: u64 = 64;
/// For an answer to arrive.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Cookies of visitors whom the edge has met.
pub(super) fn cookies(edge: SocketAddr) -> Result<Vec<String>> {
    let cookie = |recorded: &Recorded| {
        let (_, value) = recorded.iter().find(|(name, _)| name == "set-cookie").context("a new visitor")?;
        Ok(value.split(';').next().unwrap_or_default().to_owned())
    };
    record(edge, COOKIES, &[])?.iter().map(cookie).collect()
}

/// The answers to the first `count` requests.
pub(super) fn record(edge: SocketAddr, count: u64, cookies: &[String]) -> Result<Vec<Recorded>> {
    let mut stream = TcpStream::connect(edge)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    (0..count).map(|n| exchange(&mut stream, &request(n, cookies))).collect()
}

fn exchange(stream: &mut TcpStream, request: &[u8]) -> Result<Recorded> {
    stream.write_all(request)?;
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    while !text.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut buffer)?;
        ensure!(read > 0, "the edge closed the connection");
        text.extend_from_slice(buffer.get(..read).unwrap_or_default());
    }
    let text = String::from_utf8(text)?;
    let (status, fields) = text.split_once("\r\n").context("a status line")?;
    ensure!(status.starts_with("HTTP/1.1 302"), "not a redirect: {text}");
    let pairs = fields.lines().filter_map(|line| line.split_once(": "));
    let is_kept = |(name, _): &(&str, &str)| !matches!(*name, "date" | "content-length");
    Ok(pairs.filter(is_kept).map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}
