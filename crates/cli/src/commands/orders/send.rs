//! The way to the edge: batches of lines over one connection, sent again while the edge cannot take them.
//!
//! In: JSON lines, of reports or of scores. Out: what became of each. Sending a batch again is harmless: a repeat is one more record that says the same. Not here: what a line
//! says (`columns`), what is told of it (`orders`). Start at [`Edge::send`].

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, StatusCode,
    client::conn::http1::SendRequest,
    header::{CONTENT_TYPE, HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

use crate::load::Apart;

/// Lines of a batch. The edge takes a thousand; fewer keep the visitors on its thread from waiting longer than a redirect takes anyway.
pub(crate) const LINES_MAX: usize = 200;
/// Bytes of a batch that more lines are added to. With one row of `table::ROW_BYTES_MAX`, escaped, it stays below the edge's 256 KiB.
pub(crate) const BYTES_MAX: usize = 96 * 1024;
/// How often a batch is sent, before the import ends.
const TRIES_MAX: u32 = 5;
/// Before the second try; twice as long before each further one, 3 s in all.
const WAIT: Duration = Duration::from_millis(200);
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Longest answer: a line of it is below 1 KiB but for the values it repeats.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Where batches go, and as whose.
pub(crate) struct Edge {
    address: SocketAddr,
    host: HeaderValue,
    target: String,
    token: Option<HeaderValue>,
    connection: Option<SendRequest<Full<Bytes>>>,
}

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The report's or score's id.
    Recorded(String),
    /// What it would be.
    Understood(Value),
    /// Code and words of the edge.
    Refused(String, String),
}

impl Edge {
    /// `path` and query of the endpoint behind the URL's own path.
    pub(crate) fn new(
        url: &str,
        allow_remote: bool,
        path: &str,
        token: Option<&str>,
    ) -> anyhow::Result<Self> {
        let apart = Apart::new(url, allow_remote).with_context(|| format!("--url {url}"))?;
        let token = token.map(HeaderValue::from_str).transpose();
        let mut token = token.context("the token has characters that no token has")?;
        if let Some(token) = &mut token {
            token.set_sensitive(true);
        }
        Ok(Self {
            address: apart.address,
            host: HeaderValue::from_str(&apart.host).context("the host is not one")?,
            target: format!("{}{path}", apart.path.trim_end_matches('/')),
            token,
            connection: None,
        })
    }

    /// The fates of all lines of a batch, in their order.
    pub(crate) async fn send(&mut self, batch: &Bytes, lines: usize) -> anyhow::Result<Vec<Fate>> {
        let mut wait = WAIT;
        for attempt in 1.. {
            let answer = timeout(ANSWER_MAX, self.exchange(batch.clone())).await;
            let error = match answer.unwrap_or_else(|_| bail!("no answer in {} s", ANSWER_MAX.as_secs())) {
                Ok((StatusCode::SERVICE_UNAVAILABLE, answer)) => {
                    anyhow::anyhow!("it says {}", words(&answer))
                }
                Ok((status, answer)) => return fates(status, &answer, lines),
                Err(error) => error,
            };
            self.connection = None;
            if attempt == TRIES_MAX {
                return Err(error.context(format!("the edge at {} does not take them", self.address)));
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        bail!("never sent")
    }

    async fn exchange(&mut self, batch: Bytes) -> anyhow::Result<(StatusCode, Value)> {
        let open = self.connection.take().filter(|it| !it.is_closed());
        let mut sender = match open {
            Some(open) => open,
            None => connect(self.address).await?,
        };
        let mut request = Request::post(&self.target).body(Full::new(batch))?;
        request.headers_mut().insert(HOST, self.host.clone());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        if let Some(token) = &self.token {
            request.headers_mut().insert("x-api-key", token.clone());
        }
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("its answer was cut: {error}"))?.to_bytes();
        self.connection = Some(sender);
        Ok((
            status,
            serde_json::from_slice(&body)
                .with_context(|| format!("it answers {status}, not as an edge does"))?,
        ))
    }
}

async fn connect(address: SocketAddr) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Its end, good or bad, is seen by the sender.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

fn fates(status: StatusCode, answer: &Value, lines: usize) -> anyhow::Result<Vec<Fate>> {
    let Some(entries) = answer.get("lines").and_then(Value::as_array) else {
        bail!("the edge refuses the batch with {status}: {}", words(answer));
    };
    let fates: Option<Vec<Fate>> = entries.iter().map(fate).collect();
    let fates = fates.context("the edge's answer is not of this version")?;
    ensure!(fates.len() == lines, "the edge answered {} lines of {lines}", fates.len());
    Ok(fates)
}

fn fate(entry: &Value) -> Option<Fate> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(said) = entry.get("understood") {
        return Some(Fate::Understood(said.clone()));
    }
    text("report")
        .or_else(|| text("score"))
        .map(Fate::Recorded)
        .or_else(|| Some(Fate::Refused(text("error")?, text("message")?)))
}

/// Code and message of a refusal of all.
fn words(answer: &Value) -> String {
    let first = answer.get("lines").and_then(|it| it.get(0)).unwrap_or(answer);
    let text = |name: &str| first.get(name).and_then(Value::as_str).unwrap_or("nothing known").to_owned();
    format!("{}: {}", text("error"), text("message"))
}
