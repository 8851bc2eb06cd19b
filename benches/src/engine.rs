//! Statements to the engine in this process, over HTTP and without a client that would cost something itself.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use anyhow::{Context, Result, ensure};
use chdb::testing::Shared;

/// Where an engine is, and who asks it.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    /// `http://HOST:PORT`.
    pub(crate) url: String,
    pub(crate) user: String,
    pub(crate) password: String,
}

impl From<&Shared> for Login {
    fn from(engine: &Shared) -> Self {
        let Shared { url, user, password, .. } = engine;
        Self { url: url.clone(), user: user.clone(), password: password.clone() }
    }
}

/// One statement to an engine of another process; the body of the answer as text.
pub(crate) fn post_to(engine: &Login, statement: &str, body: &[u8]) -> Result<String> {
    Ok(String::from_utf8(answer(engine, statement, body)?)?)
}

/// One statement; the body of the answer as text.
pub(crate) fn post(engine: &Shared, statement: &str, body: &[u8]) -> Result<String> {
    Ok(String::from_utf8(post_bytes(engine, statement, body)?)?)
}

/// The same, for formats that are no text.
pub(crate) fn post_bytes(engine: &Shared, statement: &str, body: &[u8]) -> Result<Vec<u8>> {
    answer(&engine.into(), statement, body)
}

fn answer(engine: &Login, statement: &str, body: &[u8]) -> Result<Vec<u8>> {
    let address = engine.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "POST /?query={} HTTP/1.1\r\nHost: {address}\r\nX-ClickHouse-User: {}\r\nX-ClickHouse-Key: {}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        encoded(statement),
        engine.user,
        engine.password,
        body.len()
    )?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let head_bytes = answer.windows(4).position(|it| it == b"\r\n\r\n").context("an HTTP answer")? + 4;
    let (head, text) = answer.split_at(head_bytes);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    ensure!(head.starts_with("http/1.1 200"), "ClickHouse refused: {}", String::from_utf8_lossy(&answer));
    Ok(if head.contains("transfer-encoding: chunked") { unchunked(text) } else { text.to_vec() })
}

fn encoded(statement: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    statement.bytes().map(one).collect()
}

fn unchunked(mut text: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(line_bytes) = text.windows(2).position(|it| it == b"\r\n") {
        let (line, rest) = text.split_at(line_bytes + 2);
        let size = std::str::from_utf8(line).ok().and_then(|it| usize::from_str_radix(it.trim(), 16).ok());
        let Some(part) = size.and_then(|size| rest.get(..size)).filter(|it| !it.is_empty()) else { break };
        whole.extend_from_slice(part);
        text = rest.get(part.len() + 2..).unwrap_or_default();
    }
    whole
}
