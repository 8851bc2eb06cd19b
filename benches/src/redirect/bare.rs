//! The peer: hyper with the edge's settings, runtime and allocator, sending recorded answers and doing nothing else.

use std::{cell::Cell, convert::Infallible, net::TcpListener, path::Path, rc::Rc, time::Duration};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};

use super::{answers::Recorded, server};

/// A head's fields, made once: a copy of a value is a count of its bytes.
type Head = Vec<(HeaderName, HeaderValue)>;

pub(super) fn serve(answers: &Path) -> Result<()> {
    let recorded: Vec<Recorded> = serde_json::from_slice(&std::fs::read(answers)?)?;
    let heads = recorded.iter().map(head).collect::<Result<Vec<_>>>()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    // As at the edge: the runtime has a thread of its own, and this one waits for the end.
    std::thread::Builder::new().name("bare".to_owned()).spawn(move || accept(listener, heads))?;
    server::serve_until_closed(address)
}

fn head(recorded: &Recorded) -> Result<Head> {
    let field = |(name, value): &(String, String)| anyhow::Ok((name.parse()?, HeaderValue::from_str(value)?));
    recorded.iter().map(field).collect()
}

fn accept(listener: TcpListener, heads: Vec<Head>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    let turns = Rc::new((heads, Cell::new(0)));
    local.block_on(&runtime, async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await.context("a connection")?;
            stream.set_nodelay(true)?;
            tokio::task::spawn_local(connection(stream, Rc::clone(&turns)));
        }
    })
}

async fn connection(stream: tokio::net::TcpStream, turns: Rc<(Vec<Head>, Cell<usize>)>) {
    let service = service_fn(move |_: Request<Incoming>| {
        let turns = Rc::clone(&turns);
        async move { Ok::<_, Infallible>(answer(&turns.0, &turns.1)) }
    });
    let mut builder = http1::Builder::new();
    // The edge's own values.
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(5))
        .max_header_size(16 * 1024)
        .max_buf_size(32 * 1024)
        .half_close(false)
        .keep_alive(true);
    // A connection ends when the client is done with it.
    drop(builder.serve_connection(TokioIo::new(stream), service).await);
}

fn answer(heads: &[Head], turn: &Cell<usize>) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::FOUND;
    turn.set((turn.get() + 1) % heads.len());
    for (name, value) in heads.get(turn.get()).into_iter().flatten() {
        answer.headers_mut().append(name.clone(), value.clone());
    }
    answer
}
