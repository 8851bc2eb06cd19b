//! The sockets: one listener and one runtime per thread, connections with limits, an orderly end.
//!
//! In: [`Options`], a clock, a future that ends the edge. Out: answered requests until then. Threads share a port by `SO_REUSEPORT`, so that no
//! connection crosses a core. Not here: what a request means (`http`), who holds how many (`peers`). Start at [`serve`].

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, SockFilter, SockRef, Socket, Type};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    counters::Count,
    http,
    isolated::isolated,
    lane,
    peers::Place,
    power::Gate,
    reply,
    settings::{CONNECTION_BYTES_MAX, DRAIN_IDLE, DRAIN_MAX, HEAD_BYTES_MAX},
    worker::Worker,
};

/// Connections the kernel holds for us while we are busy.
const BACKLOG: i32 = 4096;
/// After the kernel refused a connection (no descriptors left, fault 31): time for some to close.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// When the end has begun, for handshakes under way to come to their end: a round trip around the world. Only then the listener goes.
const LAST_CALL: Duration = Duration::from_millis(250);
/// A peer that takes no bytes for this long is gone.
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// A listener that shares its address with the other threads'.
pub(crate) fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    // Accepted connections inherit both.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What the shutdown has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Serving.
    Running,
    /// Serving still, while load balancers learn that we end.
    Leaving,
    /// No new connections; open ones end after their request.
    Draining,
}

/// Serves until [`Phase::Draining`], then until all connections have ended or [`DRAIN_MAX`] has passed.
pub(crate) async fn run(worker: Arc<Worker>, listener: std::net::TcpListener, phase: watch::Receiver<Phase>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "listener not usable");
            return;
        }
    };
    let sync = tokio::spawn(Gate::run(Arc::clone(&worker)));
    let open = Arc::clone(&worker.open);
    let mut ending = phase.clone();
    tokio::select! {
        () = accept(&worker, &listener, &phase, &open) => {}
        () = draining(&mut ending) => {}
    }
    turn_away(&listener);
    // What the kernel has taken for us already is served; closing at once would reset it.
    drop(tokio::time::timeout(LAST_CALL, accept(&worker, &listener, &phase, &open)).await);
    drop(listener);
    let drained = async {
        while open.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(DRAIN_MAX, drained).await.is_err() {
        tracing::warn!(open = open.load(Ordering::Relaxed), "connections cut at the end of the drain");
    }
    // Connections that are left end with the runtime.
    sync.abort();
}

/// Has the kernel pass over requests for new connections: their senders ask again a second later, and by then another listener of this address
/// answers them, of another process or of our successor. Without it those who call while the listener closes are told that nobody is there.
fn turn_away(listener: &TcpListener) {
    // Classic BPF over the TCP header: nothing (return 0) of what has SYN without ACK among its flags (byte 13), all of the rest.
    let filter = [
        SockFilter::new(0x30, 0, 0, 13),
        SockFilter::new(0x54, 0, 0, 0x12),
        SockFilter::new(0x15, 0, 1, 0x02),
        SockFilter::new(0x06, 0, 0, 0),
        SockFilter::new(0x06, 0, 0, 0x7fff_ffff),
    ];
    if let Err(error) = SockRef::from(listener).attach_filter(&filter) {
        tracing::debug!(%error, "new connections are not turned away before the listener closes");
    }
}

/// Completes when no more connections are to be taken, also when the edge itself is gone.
pub(crate) async fn draining(phase: &mut watch::Receiver<Phase>) {
    drop(phase.wait_for(|it| *it == Phase::Draining).await);
}

async fn accept(
    worker: &Arc<Worker>,
    listener: &TcpListener,
    phase: &watch::Receiver<Phase>,
    open: &Arc<AtomicUsize>,
) {
    let builder = builder(worker);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) if open.load(Ordering::Relaxed) < worker.shared.options.connections_max => {
                let Some(place) = worker.peers.take(peer.ip(), &worker.shared.options.trusted_proxies) else {
                    worker.counters.add(Count::PeerRefused, 1);
                    continue;
                };
                worker.counters.add(Count::Accepted, 1);
                let guard = (Open::new(open), place);
                tokio::spawn(connection(
                    builder.clone(),
                    Arc::clone(worker),
                    stream,
                    peer.ip(),
                    phase.clone(),
                    guard,
                ));
            }
            // Closed at once: a queue of connections nobody answers is worse.
            Ok(_) => worker.counters.add(Count::AcceptRefused, 1),
            Err(error) => {
                worker.counters.add(Count::AcceptFailed, 1);
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Counts a connection while it lives.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Completes when a connection that says nothing is to be closed: a client whose request and our close cross hears no answer, so each has a moment
/// for a last request, whose answer tells him.
async fn idle_at_the_end(phase: &mut watch::Receiver<Phase>) {
    draining(phase).await;
    tokio::time::sleep(DRAIN_IDLE).await;
}

pub(crate) fn builder(worker: &Worker) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // Without a timer hyper's timeouts do nothing.
        .timer(TokioTimer::new())
        // Also the time an idle connection is kept.
        .header_read_timeout(worker.shared.options.header_timeout)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(CONNECTION_BYTES_MAX)
        .half_close(false)
        .keep_alive(true);
    builder
}

async fn connection(
    builder: http1::Builder,
    worker: Arc<Worker>,
    stream: TcpStream,
    peer: IpAddr,
    mut phase: watch::Receiver<Phase>,
    _open: (Open, Place),
) {
    let counters = Arc::clone(&worker.counters);
    // Plain clicks first, without hyper; a connection that asks for anything else stays with hyper from there on.
    let stream = match lane::clicks(&worker, peer, stream, &mut phase).await {
        Ok(Some(rest)) => rest,
        Ok(None) => return,
        Err(_) => {
            counters.add(Count::ConnectionErrors, 1);
            return;
        }
    };
    if general(&builder, worker, stream, peer, &mut phase).await.is_err() {
        counters.add(Count::ConnectionErrors, 1);
    }
}

/// Answers whatever comes, by hyper, until the connection ends.
pub(crate) async fn general(
    builder: &http1::Builder,
    worker: Arc<Worker>,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: IpAddr,
    phase: &mut watch::Receiver<Phase>,
) -> hyper::Result<()> {
    let ending = phase.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (worker, ending) = (Arc::clone(&worker), ending.clone());
        async move {
            let work = http::handle(&worker, peer, request);
            let reply = isolated(&worker, work, |failed| failed).await;
            let is_last = *ending.borrow() == Phase::Draining;
            Ok::<_, Infallible>(if is_last { reply::closing(reply) } else { reply })
        }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        result = connection.as_mut() => result,
        () = idle_at_the_end(phase) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}
