//! One connection to the edge: a request out, its answer in, nothing repeated in secret.
//!
//! In: a request's bytes. Out: the answer, or why there is none. Raw HTTP/1.1 over one kept connection, since a general client takes more of the
//! machine than the edge does. Start at [`Connection::ask`].

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// How long an answer may take, connecting included.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// A connection that was idle for longer is not used again, as browsers do: the edge may be closing it.
const IDLE_MAX: Duration = Duration::from_millis(500);
/// Requests of one connection. Visitors come and go, so that both edges have some soon after one of them was away.
const REQUESTS_MAX: u32 = 20;
/// Longest answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Headers of an answer.
const HEADERS_MAX: usize = 32;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    is_last: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Failure {
    Refused,
    Closed,
    Timeout,
    Protocol,
    Unsent,
}

impl Failure {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Refused => "no connection",
            Self::Closed => "connection closed",
            Self::Timeout => "no answer in time",
            Self::Protocol => "answer is not HTTP",
            Self::Unsent => "never sent",
        }
    }
}

#[derive(Debug)]
struct Open {
    stream: TcpStream,
    requests: u32,
    used_at: Instant,
}

/// A connection that is made when it is needed.
#[derive(Debug)]
pub(crate) struct Connection {
    to: SocketAddr,
    open: Option<Open>,
    heard: Vec<u8>,
}

impl Connection {
    pub(crate) const fn new(to: SocketAddr) -> Self {
        Self { to, open: None, heard: Vec::new() }
    }

    /// Sends once.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Answer, Failure> {
        let is_fit = |it: &Open| it.used_at.elapsed() < IDLE_MAX && it.requests < REQUESTS_MAX;
        let open = self.open.take().filter(is_fit);
        let exchange = async {
            let (mut stream, requests) = match open {
                Some(open) => (open.stream, open.requests),
                None => (connect(self.to).await?, 0),
            };
            let answer = exchange(&mut stream, &mut self.heard, request).await?;
            Ok((Open { stream, requests: requests + 1, used_at: Instant::now() }, answer))
        };
        let (open, answer) = timeout(ANSWER_MAX, exchange).await.map_err(|_| Failure::Timeout)??;
        if !answer.is_last {
            self.open = Some(open);
        }
        Ok(answer)
    }
}

async fn connect(to: SocketAddr) -> Result<TcpStream, Failure> {
    let stream = TcpStream::connect(to).await.map_err(|_| Failure::Refused)?;
    stream.set_nodelay(true).map_err(|_| Failure::Refused)?;
    Ok(stream)
}

async fn exchange(stream: &mut TcpStream, heard: &mut Vec<u8>, request: &[u8]) -> Result<Answer, Failure> {
    stream.write_all(request).await.map_err(|_| Failure::Closed)?;
    heard.clear();
    loop {
        let read = stream.read_buf(heard).await.map_err(|_| Failure::Closed)?;
        if read == 0 {
            return Err(Failure::Closed);
        }
        if let Some(answer) = parse(heard)? {
            return Ok(answer);
        }
        if ANSWER_BYTES_MAX < heard.len() {
            return Err(Failure::Protocol);
        }
    }
}

/// `None` while it is not whole.
fn parse(heard: &[u8]) -> Result<Option<Answer>, Failure> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(heard).map_err(|_| Failure::Protocol)?;
    let (httparse::Status::Complete(head_bytes), Some(status)) = (parsed, response.code) else {
        return Ok(None);
    };
    let value = |name: &str| {
        let header = response.headers.iter().find(|it| it.name.eq_ignore_ascii_case(name));
        header.and_then(|it| std::str::from_utf8(it.value).ok())
    };
    let body_bytes =
        value("content-length").map_or(Ok(0), str::parse::<usize>).map_err(|_| Failure::Protocol)?;
    if heard.len() < head_bytes + body_bytes {
        return Ok(None);
    }
    let is_last = value("connection").is_some_and(|it| it.eq_ignore_ascii_case("close"));
    Ok(Some(Answer { status, location: value("location").map(str::to_owned), is_last }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_body_and_says_whether_it_is_the_last() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
        for cut in 0..text.len() {
            assert_eq!(parse(&text[..cut]), Ok(None), "{cut}");
        }
        assert_eq!(parse(text), Ok(Some(Answer { status: 200, location: None, is_last: true })));
        let redirect = b"HTTP/1.1 302 Found\r\nlocation: https://a/\r\ncontent-length: 0\r\n\r\n";
        let wanted = Answer { status: 302, location: Some("https://a/".to_owned()), is_last: false };
        assert_eq!(parse(redirect), Ok(Some(wanted)));
        assert_eq!(parse(b"SSH-2.0-x\r\n\r\n"), Err(Failure::Protocol));
    }
}
