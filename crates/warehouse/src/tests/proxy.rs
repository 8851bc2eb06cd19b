//! An engine that can be made to refuse, and to take a statement without saying so.
//!
//! In: requests. Out: what a rule says, else the real engine's answer. Start at [`start`].

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The engine answers.
    Forward,
    /// The engine never sees it; the client gets this exception.
    Refuse(u32),
    /// The engine does it; the client sees the connection break.
    LoseAnswer,
}

/// A request, as a rule sees it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The URL's query, still encoded.
    pub(crate) query: String,
    /// Rows of a Native block.
    pub(crate) rows: u64,
    /// The body, where it is text.
    pub(crate) text: String,
}

impl Seen {
    pub(crate) fn is_insert_into(&self, table: &str) -> bool {
        self.query.contains(&format!("INSERT+INTO+{table}+"))
            || self.query.contains(&format!("INSERT%20INTO%20{table}%20"))
    }
}

type Rule = dyn FnMut(&Seen) -> Fate + Send;

/// Serves one address until the runtime ends. Returns its URL.
pub(crate) async fn start(engine: &str, rule: impl FnMut(&Seen) -> Fate + Send + 'static) -> String {
    let engine = engine.trim_start_matches("http://").to_owned();
    let rule: Arc<Mutex<Rule>> = Arc::new(Mutex::new(rule));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (engine, rule) = (engine.clone(), Arc::clone(&rule));
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(engine.clone(), Arc::clone(&rule), request));
                // A lost answer ends the connection with an error; that is what it is for.
                let served = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                served.await.unwrap_or_default();
            });
        }
    });
    format!("http://{address}")
}

async fn answer(
    engine: String,
    rule: Arc<Mutex<Rule>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let text = String::from_utf8(body.to_vec()).unwrap_or_default();
    let seen = Seen { query, rows: rows(&body), text };
    let fate = rule.lock().unwrap_or_else(PoisonError::into_inner)(&seen);
    if let Fate::Refuse(code) = fate {
        let text = format!("Code: {code}. DB::Exception: as the test wants it.");
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return Ok(response);
    }
    let mut request = Request::from_parts(head, Full::new(body));
    request.headers_mut().remove("transfer-encoding");
    let stream = TcpStream::connect(engine).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
    tokio::spawn(async move { connection.await.unwrap_or_default() });
    let response = sender.send_request(request).await.map_err(std::io::Error::other)?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    if fate == Fate::LoseAnswer {
        return Err(std::io::Error::other("lost"));
    }
    let mut response = Response::from_parts(head, Full::new(body));
    response.headers_mut().remove("transfer-encoding");
    Ok(response)
}

/// The second number of a Native block; 0 for a body that is shorter.
fn rows(body: &[u8]) -> u64 {
    let mut numbers = body.split_inclusive(|it| it & 0x80 == 0);
    let second = numbers.nth(1).unwrap_or_default();
    second.iter().rev().fold(0, |value, byte| (value << 7) | u64::from(byte & 0x7f))
}
