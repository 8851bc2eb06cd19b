//! What goes wrong between the pipeline and its neighbours: killed processes, a sink that fails or forgets to answer.

mod common;

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
    thread,
};

use common::{Edge, Edges as _, NOON, Running, Who, World, column, content, until, write_day};

/// A pipeline in a process that can be killed.
struct Process(Child);

impl Process {
    fn start(world: &World) -> Self {
        // Tests lie in `deps`, examples beside it.
        let test = std::env::current_exe().expect("a path");
        let folder = test.parent().and_then(|it| it.parent()).expect("a target folder");
        let program: PathBuf = folder.join("examples").join("embedded");
        let it = &world.warehouse;
        let child = Command::new(&program)
            .arg(world.data())
            .args([&it.url, &it.user, &it.password, &it.database])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("cannot start {} (plain `cargo test` builds it): {error}", program.display())
            });
        Self(child)
    }

    fn kill9(&mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("gone");
    }

    /// Stops in order.
    fn end(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().expect("gone").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone unless the test failed.
        drop(self.0.kill());
    }
}

/// Everything by an undisturbed pipeline over the same spool.
fn undisturbed(world: &World) -> Vec<String> {
    let other = World::new();
    let copied = Command::new("cp")
        .arg("-r")
        .arg(world.data().join("spool"))
        .arg(other.data())
        .status()
        .expect("cp runs");
    assert!(copied.success());
    let running = other.start();
    running.caught_up(1);
    running.stop().expect("stops");
    content(&other.warehouse)
}

/// Fails with the lines that differ.
fn same(found: &[String], wanted: &[String]) {
    let missing: Vec<_> = wanted.iter().filter(|it| !found.contains(it)).collect();
    let wrong: Vec<_> = found.iter().filter(|it| !wanted.contains(it)).collect();
    assert!(missing.is_empty() && wrong.is_empty(), "missing {missing:#?}, wrong {wrong:#?}");
    assert_eq!(found.len(), wanted.len());
}

#[test]
fn killed_again_and_again_it_loses_and_doubles_nothing() {
    let world = World::new();
    let mut edge = Edge::open(&world.data(), 0);
    let mut process = Process::start(&world);
    let mut records = 0;
    for round in 0..12_u64 {
        records += write_day(&mut edge, 40);
        let seen = || {
            let count = column(&world.warehouse, "SELECT toString(count()) FROM clicks");
            count.first().and_then(|it| it.parse::<u64>().ok()).unwrap_or(0)
        };
        // Killed after some of it has arrived, each time at another moment of a batch.
        let enough = seen() + round * 7 % 50 + 1;
        until("some more clicks arrive", || (seen() >= enough).then_some(()));
        process.kill9();
        process = Process::start(&world);
    }
    let clicks = (records / 5 * 3).to_string();
    until("all clicks arrive", || {
        (column(&world.warehouse, "SELECT toString(count()) FROM clicks") == [clicks.clone()]).then_some(())
    });
    process.end();
    // It was stopped at some moment, perhaps before the last reports; the next one reads them.
    let last = world.start();
    last.caught_up(0);
    last.stop().expect("stops");
    same(&content(&world.warehouse), &undisturbed(&world));
}

const WORKS: u8 = 0;
/// Connections break before anything is passed on.
const REFUSES: u8 = 1;
/// The engine does what it is asked, and nobody hears of it.
const SWALLOWS_ANSWERS: u8 = 2;

/// Stands between the pipeline and the engine.
struct Proxy {
    url: String,
    mode: Arc<AtomicU8>,
    /// Connections that were spoilt.
    spoilt: Arc<AtomicU32>,
}

impl Proxy {
    fn start(engine: &str) -> Self {
        let engine = engine.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (mode, spoilt) = (Arc::new(AtomicU8::new(WORKS)), Arc::new(AtomicU32::new(0)));
        let (shared_mode, shared_spoilt) = (Arc::clone(&mode), Arc::clone(&spoilt));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (engine, mode, spoilt) =
                    (engine.clone(), Arc::clone(&shared_mode), Arc::clone(&shared_spoilt));
                thread::spawn(move || pass(&client, &engine, &mode, &spoilt));
            }
        });
        Self { url, mode, spoilt }
    }

    /// Spoils some connections in a way, then works again.
    fn spoil(&self, way: u8, connections: u32) {
        let before = self.spoilt.load(Ordering::SeqCst);
        self.mode.store(way, Ordering::SeqCst);
        until("connections are spoilt", || {
            (self.spoilt.load(Ordering::SeqCst) >= before + connections).then_some(())
        });
        self.mode.store(WORKS, Ordering::SeqCst);
    }
}

/// Passes bytes both ways until either end is done, looking at the mode at every piece.
fn pass(client: &TcpStream, engine: &str, mode: &Arc<AtomicU8>, spoilt: &AtomicU32) {
    let Ok(server) = TcpStream::connect(engine) else { return };
    let ends = (client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
    let forward_mode = Arc::clone(mode);
    let forward = thread::spawn(move || {
        let (mut client, mut server) = ends;
        let done = copy(&mut client, &mut server, || forward_mode.load(Ordering::SeqCst) != REFUSES);
        drop((client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Write)));
        done
    });
    let (mut from, mut to) = (server.try_clone().expect("a handle"), client.try_clone().expect("a handle"));
    let answered = copy(&mut from, &mut to, || mode.load(Ordering::SeqCst) == WORKS);
    drop((client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both)));
    let asked = forward.join().expect("no panic");
    if !answered || !asked {
        spoilt.fetch_add(1, Ordering::SeqCst);
    }
}

/// `false` when `may_pass` said no.
fn copy(from: &mut impl Read, to: &mut impl Write, may_pass: impl Fn() -> bool) -> bool {
    let mut buffer = [0; 4096];
    loop {
        let read: io::Result<usize> = from.read(&mut buffer);
        let Ok(bytes @ 1..) = read else { return true };
        if !may_pass() {
            return false;
        }
        let Some(piece) = buffer.get(..bytes) else { return true };
        if to.write_all(piece).is_err() {
            return true;
        }
    }
}

// faults 79 and 80: an insert whose answer is lost is made again; nothing counts twice.
#[test]
fn a_sink_that_fails_or_keeps_silent_costs_nothing() {
    let world = World::new();
    let proxy = Proxy::start(&world.warehouse.url);
    let mut options = world.options();
    options.warehouse.url.clone_from(&proxy.url);
    options.limits.linger_ms = 20;
    let running = Running::start(options);
    let mut edge = Edge::open(&world.data(), 0);
    let mut records = 0;
    for way in [REFUSES, SWALLOWS_ANSWERS, REFUSES, SWALLOWS_ANSWERS] {
        records += write_day(&mut edge, 15);
        running.caught_up(records);
        records += write_day(&mut edge, 15);
        proxy.spoil(way, 3);
        running.caught_up(records);
    }
    let progress = running.status.partitions().remove(&0).expect("a partition");
    assert!(progress.retries > 0 && progress.sink_error.is_none());
    running.stop().expect("stops");
    same(&content(&world.warehouse), &undisturbed(&world));
    let raw = "SELECT toString(count() > uniqExact(event_id)) FROM clicks_log";
    assert_eq!(column(&world.warehouse, raw), ["1"], "some rows were in fact written twice");
}

/// While the sink is away the pipeline reads on to its limits, waits, and stops when told to.
#[test]
fn a_sink_that_is_away_holds_positions_and_not_the_stop() {
    let world = World::new();
    let mut options = world.options();
    // A port nobody listens on.
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    options.warehouse.url = format!("http://127.0.0.1:{port}");
    options.limits.rows_max = 10;
    let mut edge = Edge::open(&world.data(), 0);
    let id = edge.click(NOON, 1, 1);
    for order in 0..200 {
        edge.report(NOON.forth(order), &format!("o-{order}"), 100, Who::Click(id));
    }
    let running = Running::start(options);
    let progress = until("the sink's refusal is seen", || {
        let progress = running.status.partitions().remove(&0)?;
        (progress.retries > 1).then_some(progress)
    });
    assert_eq!((progress.batches, progress.checkpoints), (0, 0));
    assert!(running.status.ready(NOON).is_err());
    running.stop().expect("stops");

    let running = world.start();
    running.caught_up(201);
    running.stop().expect("stops");
    assert_eq!(column(&world.warehouse, "SELECT toString(count()) FROM orders"), ["200"]);
}
