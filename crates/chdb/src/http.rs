//! ClickHouse's HTTP interface over the embedded engine.
//!
//! In: connections on a local port. Out: answers that curl, the `clickhouse` crate, clickhouse-connect and Grafana take for a
//! ClickHouse server's. Not here: statements (`call`), users' rights (`access`), what a request says (`request`), headers
//! of answers (`respond`). Start at [`bind`] and [`Server::run`].

mod flush;
pub(crate) mod request;
mod respond;

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http_body_util::BodyExt;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, oneshot, watch},
    task::JoinSet,
    time::timeout,
};

use crate::{
    access::{Role, Users},
    call::{Answer, Body, Call},
    engine::{Engine, Lane},
    error::{EngineError, code},
    sql,
};
use flush::{Flushes, Watched};
use request::Head;
use respond::{AnswerBody, Context};

/// Connections served at once; further ones wait to be accepted.
pub const CONNECTIONS_MAX: usize = 512;
/// Bytes of a request's line and headers, a long statement in the URL included, as ClickHouse's `http_max_uri_size`.
pub const HEAD_BYTES_MAX: usize = 1 << 20;
/// How long a client may take to send a request's head, and how long an idle connection is kept.
pub const HEAD_WAIT: Duration = Duration::from_secs(30);
/// How long a sender may pause inside a body, or a receiver inside an answer, before the statement is cancelled. As
/// ClickHouse's `http_receive_timeout`, so that a sink that waits between batches is no fault.
pub const STALL_WAIT: Duration = Duration::from_secs(30);
/// Pieces of a body waiting for the engine; then the sender is held back.
const PIECES_WAITING_MAX: usize = 4;
/// How long requests may go on after shutdown was asked for, and once more after their statements were killed.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// A bound port, not yet serving.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    engine: Engine,
    users: Users,
}

/// Binds `127.0.0.1:port`; port 0 takes a free one, see [`Server::address`].
pub async fn bind(engine: Engine, users: Users, port: u16) -> io::Result<Server> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    Ok(Server { listener, address, shared: Arc::new(Shared { engine, users }) })
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is ready, then lets requests finish and closes the engine. `false` if a statement did not
    /// stop in time. The caller exits the process afterwards: the engine cannot be opened again in it.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> bool {
        let (closing, _) = watch::channel(false);
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = accept(&self.listener, &places) => accepted,
            };
            while connections.try_join_next().is_some() {}
            if let Some((stream, place)) = accepted {
                let serving = serve(stream, Arc::clone(&self.shared), closing.subscribe());
                connections.spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
        }
        drop(self.listener);
        closing.send_replace(true);
        let (done, closed) = oneshot::channel();
        // Closing waits for threads, so it must not run on the reactor, which their answers need.
        let close = std::thread::Builder::new().name("chdb-close".to_owned());
        let started = close.spawn(move || done.send(Engine::close(SHUTDOWN_GRACE)).is_ok());
        let in_time = started.is_ok() && closed.await.unwrap_or(false);
        let finish = async { while connections.join_next().await.is_some() {} };
        drop(timeout(SHUTDOWN_GRACE, finish).await);
        in_time
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            // Out of descriptors: trying again at once would spin.
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>, mut closing: watch::Receiver<bool>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot switch off Nagle's algorithm");
    }
    let flushes = Arc::new(Flushes::default());
    let io = Watched { inner: TokioIo::new(stream), flushes: Arc::clone(&flushes) };
    let service = service_fn(move |request| {
        let (shared, flushes) = (Arc::clone(&shared), Arc::clone(&flushes));
        async move { Ok::<_, Infallible>(answer(&shared, request, flushes).await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_buf_size(HEAD_BYTES_MAX)
        .half_close(false);
    let mut connection = std::pin::pin!(builder.serve_connection(io, service));
    let asked = async { drop(closing.wait_for(|closing| *closing).await) };
    let early = tokio::select! {
        ended = &mut connection => Some(ended),
        () = asked => None,
    };
    let ended = if let Some(ended) = early {
        ended
    } else {
        connection.as_mut().graceful_shutdown();
        connection.await
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

async fn answer(shared: &Shared, request: Request<Incoming>, flushes: Arc<Flushes>) -> Response<AnswerBody> {
    let (parts, body) = request.into_parts();
    if let Some(fixed) = respond::fixed(&parts) {
        return fixed;
    }
    let mut context = Context::new(&shared.engine.core().time_zone);
    let head = match request::read(&parts) {
        Ok(head) => head,
        Err(error) => return respond::failed(&context, &error),
    };
    context.take(&head);
    let role = match shared.users.role(&head.user, &head.password) {
        Ok(role) => role,
        Err(error) => return respond::failed(&context, &error),
    };
    match carry_out(role, head, body, &context).await {
        Answer::Failed(error) => respond::failed(&context, &error),
        Answer::Whole { format, bytes, progress } => respond::whole(&context, &format, bytes, progress),
        Answer::Streaming { format, first, rest, progress } => {
            respond::streaming(&context, &format, first, rest, progress, flushes)
        }
    }
}

/// Sends the request to the engine and its body after it.
async fn carry_out(role: Role, head: Head, body: Incoming, context: &Context) -> Answer {
    let (pieces, receiver) = mpsc::channel(PIECES_WAITING_MAX);
    let (reply, answer) = oneshot::channel();
    let lane = match role {
        Role::Reader => Lane::Reader,
        Role::Admin if sql::first_word(head.statement.as_bytes()) == "insert" => Lane::Insert,
        Role::Admin => Lane::Query,
    };
    let call = Call {
        role,
        get: head.get,
        statement: head.statement,
        body: Body::new(receiver),
        boundary: head.boundary,
        body_encodings: head.body_encodings,
        format: head.format,
        database: head.database,
        settings: head.settings,
        params: head.params,
        answer_encodings: head.answer_encodings,
        exception_tag: context.exception_tag.clone(),
        reply,
    };
    if Engine::submit(lane, call).is_err() {
        let text = "Too many simultaneous queries. (TOO_MANY_SIMULTANEOUS_QUERIES)";
        return Answer::Failed(EngineError::new(code::TOO_MANY_SIMULTANEOUS_QUERIES, text));
    }
    let mut answer = answer;
    let feed = feed(body, &pieces);
    // An answer may come before the body has ended: a refusal. The rest of the body is then left unread.
    let early = tokio::select! {
        early = &mut answer => Some(early),
        () = feed => None,
    };
    drop(pieces);
    let ended = match early {
        Some(early) => early,
        None => answer.await,
    };
    ended.unwrap_or_else(|_| {
        Answer::Failed(EngineError::new(code::LOGICAL_ERROR, "the engine thread died. (LOGICAL_ERROR)"))
    })
}

/// Passes a body on, piece by piece, as fast as the engine takes it. A body that is cut or stalls is passed on as an error,
/// so that its rows are not taken for all rows.
async fn feed(mut body: Incoming, pieces: &mpsc::Sender<io::Result<bytes::Bytes>>) {
    loop {
        let piece = match timeout(STALL_WAIT, body.frame()).await {
            Ok(None) => return,
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => Ok(data),
                Err(_trailers) => continue,
            },
            Ok(Some(Err(error))) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, error)),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the request's body stalled")),
        };
        let failed = piece.is_err();
        if pieces.send(piece).await.is_err() || failed {
            return;
        }
    }
}
