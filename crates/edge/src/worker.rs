//! What a thread has in hand for each request: the shared tables, and its own pen, counters and snapshot.
//!
//! [`Shared`] is for all threads and read-only but for the catalog's swap, the memory of repeats and counters. [`Worker`] is one thread's. Its
//! parts lie in a `Mutex` that no other thread takes: it is never contended, and lets connection futures be `Send`, so that they run as plain
//! tasks of the thread's runtime, which costs less per request than a `LocalSet`.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use arc_swap::ArcSwapOption;
use events::ClickKeyring;
use hyper::header::HeaderName;
use telemetry::Latency;
use units::{Clock, EpochMs};

use crate::{
    agent::{Agent, Agents},
    counters::{Count, Counters},
    duplicates::Duplicates,
    peers::Peers,
    power::Gate,
    recorder::Recorder,
    reply::{DATE_BYTES, HttpDate},
    report::CustomerHasher,
    routes::Routes,
    settings::{HEAD_BYTES_MAX, Options},
    visitor::VisitorCookies,
};

/// User agents whose classification a thread remembers, as places by hash and user agents to a place: the few hundred in use at a time make
/// nearly all traffic. With one to a place, every eighth click met a hash that had just been put out by another.
const AGENT_PLACES: u64 = 1024;
const AGENTS_EACH: usize = 4;

/// What is remembered at one place, the newest first.
type AgentPlace = [Option<(u64, Agent)>; AGENTS_EACH];

/// Rooms kept for the next connections. In mode `process` a thread needs one; in mode `power` as many as wait for a sync together.
const ROOMS_MAX: usize = 64;
/// A room that said more than this, in bytes, is not kept.
const SAID_BYTES_KEPT: usize = 64 * 1024;

/// What was read from a connection and not understood yet, and what it is to be told.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) heard: [u8; HEAD_BYTES_MAX],
    pub(crate) said: Vec<u8>,
}

impl Default for Room {
    fn default() -> Self {
        Self { heard: [0; HEAD_BYTES_MAX], said: Vec::with_capacity(HEAD_BYTES_MAX) }
    }
}

/// For all threads.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    pub(crate) routes: ArcSwapOption<Routes>,
    pub(crate) keyring: ClickKeyring,
    pub(crate) cookies: VisitorCookies,
    pub(crate) customers: CustomerHasher,
    pub(crate) agents: Agents,
    pub(crate) duplicates: Duplicates,
    /// Of the visitor's country.
    pub(crate) country_header: Option<HeaderName>,
}

/// One thread's.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) counters: Arc<Counters>,
    /// `None` in mode `process`.
    pub(crate) gate: Option<Gate>,
    /// Connections open now.
    pub(crate) open: Arc<AtomicUsize>,
    /// And whose they are.
    pub(crate) peers: Arc<Peers>,
    pub(crate) latency: Arc<Latency>,
    /// `None` once closed.
    recorder: Mutex<Option<Recorder>>,
    agents: Mutex<Vec<AgentPlace>>,
    /// Rooms that no connection is in.
    rooms: Mutex<Vec<Box<Room>>>,
    date: Mutex<HttpDate>,
}

impl Worker {
    pub(crate) fn new(
        shared: Arc<Shared>,
        counters: Arc<Counters>,
        recorder: Recorder,
        gate: Option<Gate>,
        latency: Arc<Latency>,
    ) -> Self {
        let agents = (0..AGENT_PLACES).map(|_| [None; AGENTS_EACH]).collect();
        Self {
            peers: Arc::new(Peers::new(shared.options.connections_per_peer_max)),
            shared,
            counters,
            gate,
            open: Arc::default(),
            latency,
            recorder: Mutex::new(Some(recorder)),
            agents: Mutex::new(agents),
            rooms: Mutex::default(),
            date: Mutex::default(),
        }
    }

    /// A panic in another request must not take the thread down with it: what it left behind is whole, since the spool drops a frame that was not
    /// finished.
    fn recorder(&self) -> MutexGuard<'_, Option<Recorder>> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The catalog's version in force. Held for one request; a swap meanwhile does not change it.
    pub(crate) fn routes(&self) -> Option<Arc<Routes>> {
        self.shared.routes.load_full()
    }

    /// The system's clock.
    pub(crate) fn clock(&self) -> EpochMs {
        (self.shared.clock)()
    }

    /// The instant of a request: the thread's own, or the one the request brings where that is trusted.
    pub(crate) fn now(&self, recorder: &mut Recorder, at: Option<EpochMs>) -> EpochMs {
        at.unwrap_or_else(|| {
            let (now, is_backwards) = recorder.now(self.clock());
            if is_backwards {
                self.counters.add(Count::ClockBackwards, 1);
            }
            now
        })
    }

    /// What a user agent says, remembered by its hash: the list is long, browsers are few.
    pub(crate) fn agent(&self, hash: u64, user_agent: &[u8]) -> Agent {
        let mut kept = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let place = usize::try_from(hash % AGENT_PLACES).ok().and_then(|index| kept.get_mut(index));
        let Some(place) = place else { return self.shared.agents.classify(user_agent) };
        if let Some((_, agent)) = place.iter().flatten().find(|(same, _)| *same == hash) {
            return *agent;
        }
        let agent = self.shared.agents.classify(user_agent);
        place.rotate_right(1);
        if let Some(newest) = place.first_mut() {
            *newest = Some((hash, agent));
        }
        agent
    }

    /// The header that names the visitor's country, in lower case.
    pub(crate) fn country_name(&self) -> Option<&str> {
        self.shared.country_header.as_ref().map(HeaderName::as_str)
    }

    /// Room for what a connection has to read and say now; a connection that waits needs none.
    pub(crate) fn room(&self) -> Box<Room> {
        self.rooms().pop().unwrap_or_default()
    }

    pub(crate) fn give_back(&self, mut room: Box<Room>) {
        room.said.clear();
        let mut rooms = self.rooms();
        if rooms.len() < ROOMS_MAX && room.said.capacity() <= SAID_BYTES_KEPT {
            rooms.push(room);
        }
    }

    fn rooms(&self) -> MutexGuard<'_, Vec<Box<Room>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `at` as a `Date` says it.
    pub(crate) fn date(&self, at: EpochMs) -> [u8; DATE_BYTES] {
        self.date.lock().unwrap_or_else(PoisonError::into_inner).of(at)
    }

    /// Lends the pen. Never held over an await: `with` is not async.
    pub(crate) fn with_recorder<T>(&self, with: impl FnOnce(&mut Recorder) -> T) -> T {
        let mut recorder = self.recorder();
        with(recorder.as_mut().expect("requests end before the recorder is closed"))
    }

    pub(crate) fn open_connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Whether the disk took the last record.
    pub(crate) fn is_writable(&self) -> bool {
        self.recorder().as_ref().is_none_or(Recorder::is_writable)
    }

    /// Ends the spool in order.
    pub(crate) fn close(&self) {
        if let Some(recorder) = self.recorder().take()
            && let Err(error) = recorder.close()
        {
            tracing::warn!(%error, "spool not closed in order");
        }
    }
}
