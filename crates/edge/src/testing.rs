//! A thread of an edge without sockets: bytes of a connection in, bytes of its answers out, on either of the two ways that answer them.
//!
//! In: a catalog's text, a clock, what a client sends at once. Out: what it is told. Ids and visitors come from constants, so that two of these
//! that are asked the same say the same. For fuzzing and tests; the code that answers is the product's. Start at [`Desk`].

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    path::Path,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use bytes::Bytes;
use catalog::Catalog;
use events::ClickKey;
use journal::spool;
use telemetry::{EdgeFate, FateCounts, LatencyMetric, Telemetry};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::watch,
};
use units::{Clock, WriterId};

use crate::{
    counters::{Count, Counters},
    edge::{EdgeError, shared, spool_root},
    lane::{self, Next},
    recorder::{Recorder, Seeds},
    routes::Routes,
    server::{Phase, builder, general},
    settings::{HEAD_BYTES_MAX, Options},
    worker::Worker,
};

/// Who asks.
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// By whom a connection is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The fast lane first, hyper from what it does not take on: as served.
    Lane,
    /// hyper alone.
    General,
}

/// A thread's answers, and its spool below the options' folder.
#[derive(Debug)]
pub struct Desk {
    worker: Arc<Worker>,
    fates: Arc<FateCounts<EdgeFate>>,
    runtime: tokio::runtime::Runtime,
    phase: watch::Sender<Phase>,
}

impl Desk {
    /// Begins with a spool of its own and `catalog` in force.
    ///
    /// # Errors
    ///
    /// As an edge's start.
    pub fn open(options: Options, catalog: Catalog, clock: Clock) -> Result<Self, EdgeError> {
        let telemetry = Telemetry::new("0");
        let shared = Arc::new(shared(options, clock)?);
        shared.routes.store(Some(Arc::new(Routes::new(Arc::new(catalog)))));
        let options = &shared.options;
        let first = options.click_keys.first().ok_or(EdgeError::Keys)?;
        let recorder = Recorder::open(
            &spool_root(&options.data),
            WriterId::new(options.edge, 0),
            clock(),
            ClickKey::new(first.number, &first.secret),
            Seeds { mint: 7, visitors: [3; 32], addresses: [5; 32] },
            spool::Options { segment_bytes: options.segment_bytes, ..spool::Options::default() },
        )?;
        let fates = telemetry.edge_fates();
        let counters = Counters::new(Arc::clone(&fates));
        let latency = telemetry.latency(LatencyMetric::EdgeRequest);
        let worker = Arc::new(Worker::new(Arc::clone(&shared), counters, recorder, None, latency));
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(EdgeError::Thread)?;
        Ok(Self { worker, fates, runtime, phase: watch::Sender::new(Phase::Running) })
    }

    /// What a client is told that sends `bytes` and then nothing more. A request that is not whole stays unanswered.
    #[must_use]
    pub fn answer(&self, bytes: &[u8], way: Way) -> Vec<u8> {
        let _entered = self.runtime.enter();
        let mut said = Vec::new();
        let mut unread = Bytes::copy_from_slice(bytes);
        if way == Way::Lane {
            match self.by_lane(&mut unread, &mut said) {
                Next::Listen | Next::End => return said,
                Next::Other(rest) => unread = [&rest, &unread[..]].concat().into(),
            }
        }
        let wire = Wire { unread, said: Arc::default() };
        let heard = Arc::clone(&wire.said);
        let (builder, mut phase) = (builder(&self.worker), self.phase.subscribe());
        // Its end tells nothing more: a refusal of hyper's is among what was said.
        drop(poll_while_woken(general(&builder, Arc::clone(&self.worker), wire, PEER, &mut phase)));
        said.append(&mut heard.lock().unwrap_or_else(PoisonError::into_inner));
        said
    }

    /// As the lane does it: as much at once as there is room for.
    fn by_lane(&self, unread: &mut Bytes, said: &mut Vec<u8>) -> Next {
        loop {
            let piece = unread.split_to(unread.len().min(HEAD_BYTES_MAX));
            let mut room = self.worker.room();
            if let Some(heard) = room.heard.get_mut(..piece.len()) {
                heard.copy_from_slice(&piece);
            }
            let answering = lane::answer(&self.worker, PEER, said, &mut room, piece.len(), false);
            let next = poll_while_woken(answering).and_then(Result::ok).unwrap_or(Next::End);
            self.worker.give_back(room);
            if !matches!(next, Next::Listen) || unread.is_empty() {
                return next;
            }
        }
    }

    /// Requests whose answering panicked.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.worker.counters.of(Count::Panics)
    }

    /// Requests begun, and fates met: the same, while none is on its way.
    #[must_use]
    pub fn balance(&self) -> (u64, u64) {
        let balance = self.fates.balance();
        (balance.received, balance.fates.iter().map(|(_, count)| count).sum())
    }

    /// Where the spool lies.
    #[must_use]
    pub fn spool(&self) -> std::path::PathBuf {
        spool_root(Path::new(&self.worker.shared.options.data))
    }

    /// Ends the spool in order.
    pub fn close(self) {
        self.worker.close();
    }
}

/// Polls until it is done, or waits for something that only time or a peer could bring.
fn poll_while_woken<T>(future: impl Future<Output = T>) -> Option<T> {
    let flag = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&flag));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(done);
        }
        if !flag.0.swap(false, Ordering::Relaxed) {
            return None;
        }
    }
}

#[derive(Debug, Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A connection whose peer has sent all it will and waits.
#[derive(Debug)]
struct Wire {
    unread: Bytes,
    said: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            return Poll::Pending;
        }
        let bytes = self.unread.len().min(out.remaining());
        out.put_slice(&self.unread.split_to(bytes));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
