//! A visitor's browser and a shop's server: HTTP/1.1 over one kept connection, headers in and out, nothing hidden.
//!
//! In: a request. Out: the answer, or that there was none: a refused or broken connection, or [`ANSWER_MAX`] of silence. Never repeats by itself.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How long an answer is waited for.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Bytes of a body that are read.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) cookie: Option<String>,
    pub(crate) body: String,
}

/// One connection at a time.
#[derive(Debug)]
pub(crate) struct Browser {
    to: SocketAddr,
    open: Option<SendRequest<Full<Bytes>>>,
}

impl Browser {
    pub(crate) fn new(to: SocketAddr) -> Self {
        Self { to, open: None }
    }

    /// `None` where there was no whole answer; whether the server did something is then unknown.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, String)],
        body: &str,
    ) -> Option<Answer> {
        let answer = tokio::time::timeout(ANSWER_MAX, self.exchange(method, target, headers, body))
            .await
            .ok()
            .flatten();
        if answer.is_none() {
            self.open = None;
        }
        answer
    }

    async fn exchange(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, String)],
        body: &str,
    ) -> Option<Answer> {
        let mut request = Request::builder().method(method).uri(target).header("host", self.to.to_string());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).ok()?;
        if self.open.as_ref().is_none_or(SendRequest::is_closed) {
            self.open = Some(connect(self.to).await?);
        }
        let connection = self.open.as_mut()?;
        connection.ready().await.ok()?;
        let answer = connection.send_request(request).await.ok()?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await.ok()?.to_bytes();
        let header = |name: &str| head.headers.get(name).and_then(|it| it.to_str().ok()).map(str::to_owned);
        Some(Answer {
            status: head.status.as_u16(),
            location: header("location"),
            // Name and value alone are sent back.
            cookie: header("set-cookie").and_then(|it| it.split(';').next().map(str::to_owned)),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

async fn connect(to: SocketAddr) -> Option<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(to).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(async move {
        // The sender hears of an end by itself.
        drop(connection.await);
    });
    Some(sender)
}
