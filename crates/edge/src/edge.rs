//! An edge from start to end: threads, catalog, admin port, an orderly shutdown.
//!
//! In: [`Options`], the clock, a future that ends it. Out: `Ok` after an orderly end. The order of the end: `/readyz` says no, connections are still
//! taken for `drain_delay`, then no more, open ones finish, spools are closed, the shipper flushes. Start at [`serve`] or [`Edge::start`].

use std::{
    io,
    net::SocketAddr,
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use events::{ClickKey, ClickKeyring};
use hyper::header::HeaderName;
use journal::spool::{self, Durability, OpenError};
use telemetry::{LatencyMetric, Telemetry};
use tokio::sync::watch;
use units::{Clock, WriterId};

use crate::{
    admin,
    agent::Agents,
    counters::{Count, Counters, Outcome},
    duplicates::Duplicates,
    keys::{self, KeysError},
    power::Gate,
    recorder::{Recorder, Seeds},
    report::CustomerHasher,
    scores::Scores,
    server::{self, Phase},
    settings::{Options, THREADS_MAX},
    shipping::{self, Shipping, Snapshot},
    snapshots::{Follower, POLL_MS},
    unrecorded::UnrecordedFile,
    visitor::VisitorCookies,
    worker::{Shared, Worker},
};

/// Why an edge does not start.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// Neither 1 nor 2 click keys, or one without secret.
    #[error("an edge needs one or two click keys with a secret, and an identity secret")]
    Keys,
    /// Not the name of a header.
    #[error("edge.country_header = {name:?} is not the name of a header")]
    CountryHeader {
        /// As configured.
        name: String,
    },
    /// More than [`THREADS_MAX`].
    #[error("at most {THREADS_MAX} threads")]
    Threads,
    /// Anybody could forge the time of his clicks.
    #[error("X-Tributary-At may be trusted on a loopback listener only, not on {listen}")]
    TimeHeader {
        /// As configured.
        listen: SocketAddr,
    },
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The spool is in use or its folder cannot be made.
    #[error("cannot open the spool")]
    Spool(#[from] OpenError),
    /// No randomness.
    #[error("no randomness")]
    Random(#[source] KeysError),
    /// A thread or its runtime could not be made.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

/// What the admin port shows.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) shared: Arc<Shared>,
    pub(crate) telemetry: Telemetry,
    pub(crate) phase: watch::Receiver<Phase>,
    workers: Vec<Arc<Worker>>,
    follower: FollowerCounts,
    unrecorded: UnrecordedFile,
    shipping: Option<Shipping>,
    pub(crate) scores: Scores,
}

#[derive(Debug, Default)]
struct FollowerCounts {
    broken: AtomicU64,
    applied: AtomicU64,
}

impl State {
    pub(crate) fn outcome(&self, outcome: Outcome) -> u64 {
        self.workers.iter().map(|it| it.counters.outcome(outcome)).sum()
    }

    pub(crate) fn count(&self, count: Count) -> u64 {
        self.workers.iter().map(|it| it.counters.of(count)).sum()
    }

    /// Connections open now.
    pub(crate) fn connections(&self) -> usize {
        self.workers.iter().map(|it| it.open_connections()).sum()
    }

    /// Clicks that were answered and not recorded, in this life and all before it.
    pub(crate) fn unrecorded(&self) -> u64 {
        self.unrecorded.before() + self.outcome(Outcome::Unrecorded)
    }

    pub(crate) fn broken_versions(&self) -> u64 {
        self.follower.broken.load(Ordering::Relaxed)
    }

    pub(crate) fn applied_versions(&self) -> u64 {
        self.follower.applied.load(Ordering::Relaxed)
    }

    /// What the shipper has done, where there is one.
    pub(crate) fn shipped(&self) -> Option<Snapshot> {
        self.shipping.as_ref().map(Shipping::counters)
    }

    /// Whether the disk took the last record of every thread.
    pub(crate) fn is_writable(&self) -> bool {
        self.workers.iter().all(|it| it.is_writable())
    }
}

/// A running edge.
#[derive(Debug)]
pub struct Edge {
    phase: watch::Sender<Phase>,
    threads: Vec<JoinHandle<()>>,
    follower: JoinHandle<()>,
    admin: JoinHandle<()>,
    stop: Arc<AtomicBool>,
    state: Arc<State>,
    listen: SocketAddr,
    admin_address: SocketAddr,
}

/// Serves until `shutdown` completes, then ends in order.
pub async fn serve(
    options: Options,
    clock: Clock,
    telemetry: Telemetry,
    shutdown: impl Future<Output = ()>,
) -> Result<(), EdgeError> {
    let edge = Edge::start(options, clock, telemetry)?;
    shutdown.await;
    // Joining threads blocks; the caller's runtime may have others to serve.
    let ended = tokio::task::spawn_blocking(move || edge.stop()).await;
    debug_assert!(ended.is_ok(), "stop does not panic");
    Ok(())
}

impl Edge {
    /// Starts all threads. When it returns, both ports take connections.
    pub fn start(mut options: Options, clock: Clock, telemetry: Telemetry) -> Result<Self, EdgeError> {
        check(&options)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if options.threads == 0 {
            options.threads = u16::try_from(cores).unwrap_or(THREADS_MAX).min(THREADS_MAX);
        }
        let listeners = listeners(&mut options.listen, options.threads)?;
        let admin_listener = listeners_of(&mut options.admin, 1)?;
        let (listen, admin_address) = (options.listen, options.admin);
        let shared = Arc::new(shared(options, clock)?);
        let workers = workers(&shared, &telemetry)?;
        let shipping = shipping::start(&shared.options).map_err(EdgeError::Thread)?;
        let (phase, running) = watch::channel(Phase::Running);
        let state = Arc::new(State {
            unrecorded: UnrecordedFile::open(&shared.options.data, shared.options.edge),
            shared: Arc::clone(&shared),
            telemetry,
            phase: running.clone(),
            workers: workers.clone(),
            follower: FollowerCounts::default(),
            shipping,
            scores: Scores::default(),
        });
        // The catalog is read once before the first request, so that an edge with one is ready at once.
        let mut catalog = Follower::new(shared.options.data.join("catalog"));
        follow(&state, &mut catalog);
        let stop = Arc::new(AtomicBool::new(false));
        let follower = spawn_plain("catalog", {
            let (state, stop) = (Arc::clone(&state), Arc::clone(&stop));
            move || housekeep(&state, &mut catalog, &stop)
        })?;
        let mut threads = Vec::new();
        for (worker, listener) in workers.into_iter().zip(listeners) {
            let running = running.clone();
            threads.push(spawn(&format!("edge-{}", threads.len()), async move {
                server::run(Arc::clone(&worker), listener, running).await;
                worker
            })?);
        }
        let admin = spawn_admin(Arc::clone(&state), admin_listener, running)?;
        Ok(Self { phase, threads, follower, admin, stop, state, listen, admin_address })
    }

    /// Where visitors and shops reach it.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.listen
    }

    /// Where health and metrics are.
    #[must_use]
    pub const fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Ends in order. Takes at most `drain_delay`, six seconds for open connections and three for the shipper's flush.
    pub fn stop(self) {
        self.phase.send_replace(Phase::Leaving);
        std::thread::sleep(self.state.shared.options.drain_delay);
        self.phase.send_replace(Phase::Draining);
        for thread in self.threads {
            // A thread that panicked has said so; the others end in order all the same.
            drop(thread.join());
        }
        self.stop.store(true, Ordering::Relaxed);
        drop(self.follower.join());
        drop(self.admin.join());
        // Last, so that it sees the ends of the spools; whoever else held the state has ended.
        if let Some(shipping) = Arc::into_inner(self.state).and_then(|it| it.shipping) {
            shipping.stop();
        }
    }
}

pub(crate) fn check(options: &Options) -> Result<(), EdgeError> {
    let has_keys = (1..=ClickKeyring::KEYS_MAX).contains(&options.click_keys.len())
        && options.click_keys.iter().all(|it| !it.secret.is_empty())
        && !options.identity_secret.0.is_empty();
    if !has_keys {
        return Err(EdgeError::Keys);
    }
    if options.threads > THREADS_MAX {
        return Err(EdgeError::Threads);
    }
    if options.trust_time_header && !options.listen.ip().is_loopback() {
        return Err(EdgeError::TimeHeader { listen: options.listen });
    }
    Ok(())
}

fn listeners(address: &mut SocketAddr, count: u16) -> Result<Vec<std::net::TcpListener>, EdgeError> {
    (0..count).map(|_| listeners_of(address, count)).collect()
}

/// One listener; the first on port 0 settles the port for the others.
fn listeners_of(address: &mut SocketAddr, _count: u16) -> Result<std::net::TcpListener, EdgeError> {
    let failed = |address: SocketAddr| move |source| EdgeError::Listen { address, source };
    let listener = server::listen(*address).map_err(failed(*address))?;
    *address = listener.local_addr().map_err(failed(*address))?;
    Ok(listener)
}

pub(crate) fn shared(options: Options, clock: Clock) -> Result<Shared, EdgeError> {
    let keys = options.click_keys.iter().map(|it| ClickKey::new(it.number, &it.secret)).collect();
    let country_header = options.country_header.as_deref().map(|name| {
        HeaderName::try_from(name).map_err(|_| EdgeError::CountryHeader { name: name.to_owned() })
    });
    Ok(Shared {
        clock,
        routes: arc_swap::ArcSwapOption::empty(),
        keyring: ClickKeyring::new(keys),
        cookies: VisitorCookies::new(&options.identity_secret.0),
        customers: CustomerHasher::new(&options.identity_secret.0),
        agents: Agents::new(),
        duplicates: Duplicates::new(),
        country_header: country_header.transpose()?,
        options,
    })
}

/// All threads' workers. Their spools are opened side by side: each reads its own last segment whole, and after a kill the last one would wait for all
/// others.
fn workers(shared: &Arc<Shared>, telemetry: &Telemetry) -> Result<Vec<Arc<Worker>>, EdgeError> {
    let addresses = keys::random().map_err(EdgeError::Random)?;
    let open = |thread| {
        let seeds = Seeds {
            mint: u32::from_be_bytes(keys::random().map_err(EdgeError::Random)?),
            visitors: keys::random().map_err(EdgeError::Random)?,
            addresses,
        };
        worker(shared, telemetry, thread, seeds)
    };
    let open = &open;
    std::thread::scope(|scope| {
        let opening: Vec<_> =
            (0..shared.options.threads).map(|thread| scope.spawn(move || open(thread))).collect();
        // An error leaves the others to end by themselves: the scope waits for them.
        opening.into_iter().map(|it| it.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

/// What one thread has in hand.
pub(crate) fn worker(
    shared: &Arc<Shared>,
    telemetry: &Telemetry,
    thread: u16,
    seeds: Seeds,
) -> Result<Arc<Worker>, EdgeError> {
    let options = &shared.options;
    let spool_options = spool::Options {
        durability: options.durability,
        segment_bytes: options.segment_bytes,
        disk: options.disk.clone(),
        ..spool::Options::default()
    };
    let first = options.click_keys.first().ok_or(EdgeError::Keys)?;
    let key = ClickKey::new(first.number, &first.secret);
    let writer = WriterId::new(options.edge, thread);
    let now = (shared.clock)();
    let recorder = Recorder::open(&spool_root(&options.data), writer, now, key, seeds, spool_options)?;
    let gate = (options.durability == Durability::Power).then(Gate::new);
    let counters = Counters::new(telemetry.edge_fates());
    let latency = telemetry.latency(LatencyMetric::EdgeRequest);
    Ok(Arc::new(Worker::new(Arc::clone(shared), counters, recorder, gate, latency)))
}

pub(crate) fn spool_root(data: &Path) -> PathBuf {
    data.join("spool")
}

/// A thread with a runtime of its own, and the worker's spool closed at its end.
fn spawn(
    name: &str,
    future: impl Future<Output = Arc<Worker>> + Send + 'static,
) -> Result<JoinHandle<()>, EdgeError> {
    let runtime = runtime()?;
    spawn_plain(name, move || {
        let worker = runtime.block_on(future);
        // Ends what is left of connections before the spool.
        drop(runtime);
        worker.close();
    })
}

fn spawn_admin(
    state: Arc<State>,
    listener: std::net::TcpListener,
    phase: watch::Receiver<Phase>,
) -> Result<JoinHandle<()>, EdgeError> {
    let runtime = runtime()?;
    spawn_plain("edge-admin", move || runtime.block_on(admin::run(state, listener, phase)))
}

fn runtime() -> Result<tokio::runtime::Runtime, EdgeError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(EdgeError::Thread)
}

fn spawn_plain(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, EdgeError> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(EdgeError::Thread)
}

fn follow(state: &State, catalog: &mut Follower) {
    catalog.step(&state.shared, (state.shared.clock)());
    state.follower.broken.store(catalog.broken, Ordering::Relaxed);
    state.follower.applied.store(catalog.applied(), Ordering::Relaxed);
}

/// Follows the catalog and keeps the count of unrecorded clicks on disk, until told to stop.
fn housekeep(state: &State, catalog: &mut Follower, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(POLL_MS));
        follow(state, catalog);
        state.unrecorded.keep(state.unrecorded());
    }
    state.unrecorded.keep(state.unrecorded());
}
