//! `tributary audit` beside a pipeline that runs: no false alarm while records, lives and segments come and go, and a repair that may be killed at any
//! moment and ends in what was there before.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use events::{ClickKey, ClickMint, ReportedClick};
use journal::spool::{OpenError, Options, Writer, delete_below};
use pipeline::{Pipeline, RunError};
use tokio::sync::oneshot;
use units::{LinkId, MINUTE_MS, Origin, VisitorId};
use warehouse::{Roller, RollerOptions};

use super::{
    audit::ALL,
    losses::Chance,
    stage::{NOON, Stage, WRITER, click, report, run},
};
use crate::{Said, write};

pub(super) const CATALOG: &str = "[[advertiser]]\nid = 1\nname = \"Shop\"\ncurrency = \"EUR\"\n\n[[offer]]\nid = 10\nadvertiser = 1\nname = \"Offer\"\n\
    destination = \"https://shop.example/\"\nclick_window = \"30d\"\n\n[[partner]]\nid = 100\nname = \"Partner\"\ntype = \"content\"\n\n\
    [[link]]\nid = 1\ncode = \"tea\"\npartner = 100\noffer = 10\n";
/// Long enough for a machine that is busy with other tests.
pub(super) const PATIENCE: Duration = Duration::from_mins(2);

/// An edge's thread: a click, and for every second one its order.
pub(super) struct Edge {
    writer: Writer,
    made: u64,
}

impl Edge {
    pub(super) fn open(data: &Path) -> Self {
        let options = Options { segment_bytes: 64 * 1024, payload_bytes_max: 2_048, ..Options::default() };
        // Its lock may be held for a moment by a child of another test that has not become its program yet.
        let deadline = Instant::now() + PATIENCE;
        let writer = loop {
            match Writer::open(&data.join("spool"), WRITER, NOON, options.clone()) {
                Err(OpenError::Locked { .. }) if Instant::now() < deadline => thread::yield_now(),
                opened => break opened.unwrap(),
            }
        };
        Self { writer, made: 0 }
    }

    pub(super) fn click_and_order(&mut self) {
        self.click_and_order_of(None);
    }

    /// Both of a version of their layouts that only a later build knows, if one is given.
    pub(super) fn click_and_order_of(&mut self, later: Option<u8>) {
        self.made += 1;
        let (life, number) = (self.writer.incarnation(), self.made);
        let mut id = None;
        self.writer
            .append_with(|sequence, bytes| {
                let mut made = click(Origin { writer: WRITER, incarnation: life, sequence });
                // Everybody clicks once.
                let mut mint = ClickMint::new(ClickKey::new(0, &[7; 32]), u32::try_from(sequence).unwrap());
                made.head.id = mint.mint(made.head.at(), LinkId(1), VisitorId(number));
                id = Some(made.head.id);
                let start = bytes.len();
                made.encode(bytes).unwrap();
                bytes[start + 2] = later.unwrap_or(bytes[start + 2]);
            })
            .unwrap();
        let named = ReportedClick::Signed(id.unwrap());
        let append = |sequence, bytes: &mut Vec<u8>| {
            let mut made = report(&format!("{life}-{number}"), sequence, named);
            made.origin = Origin { writer: WRITER, incarnation: life, sequence };
            made.received_at = NOON.forth(number * MINUTE_MS);
            let start = bytes.len();
            made.encode(bytes).unwrap();
            bytes[start + 2] = later.unwrap_or(bytes[start + 2]);
        };
        self.writer.append_with(append).unwrap();
    }
}

/// The pipeline and the roller, as roles run them.
pub(super) struct Running {
    stop: Option<oneshot::Sender<()>>,
    pipeline: Option<JoinHandle<Result<(), RunError>>>,
}

impl Running {
    pub(super) fn start(stage: &Stage) -> Self {
        let options = pipeline::Options::embedded(stage.data.path().to_owned(), stage.options());
        let warehouse = stage.warehouse.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.spawn(async move {
                let options =
                    RollerOptions { interval: Duration::from_millis(200), ..RollerOptions::default() };
                Roller::new(warehouse, options).run(std::future::pending()).await;
            });
            runtime.block_on(Pipeline::new(options, || NOON).run(async { drop(stopped.await) }))
        };
        Self { stop: Some(stop), pipeline: Some(thread::spawn(work)) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.pipeline.take().unwrap().join();
        assert!(thread::panicking() || matches!(ended, Ok(Ok(()))), "{ended:?}");
    }
}

pub(super) fn stage() -> Stage {
    let stage = Stage::new();
    let file = write(stage.data.path(), "catalog.toml", CATALOG);
    stage.tributary(&["catalog", "apply", &file, "--effective-at", "2020-01-01T00:00:00Z"]).expect(0);
    stage
}

fn audit(stage: &Stage, more: &[&str]) -> Said {
    stage.tributary(&[ALL.as_slice(), more].concat())
}

pub(super) fn clean(stage: &Stage) {
    audit(stage, &["--wait-seconds", "60"]).expect(0);
}

fn until_rolled(stage: &Stage) {
    let deadline = Instant::now() + PATIENCE;
    while audit(stage, &["--wait-seconds", "60"]).events("audit")[0]["quarters_not_rolled"] != 0 {
        assert!(Instant::now() < deadline, "quarters stay dirty");
    }
}

pub(super) fn column(stage: &Stage, select: &str) -> Vec<String> {
    run(stage.warehouse.client().query(select).fetch_all::<String>()).unwrap()
}

/// All that facts and cells say, stamps and versions left aside, and rows that only say that an order is not there.
pub(super) fn content(stage: &Stage) -> Vec<String> {
    [
        "SELECT hex(toString(tuple(* EXCEPT ver))) AS it FROM clicks_log FINAL ORDER BY it",
        "SELECT hex(toString(tuple(* EXCEPT ver))) AS it FROM reports_log FINAL ORDER BY it",
        "SELECT hex(toString(tuple(* EXCEPT ver))) AS it FROM orders_log FINAL WHERE NOT void ORDER BY it",
        "SELECT hex(toString(tuple(* EXCEPT ver))) AS it FROM credits_log FINAL WHERE share_ppm > 0 ORDER BY it",
        "SELECT hex(toString(tuple(* EXCEPT ver))) AS it FROM cells FINAL WHERE NOT is_empty ORDER BY it",
    ]
    .iter()
    .flat_map(|select| column(stage, select))
    .collect()
}

/// Waits until facts and rolled cells are these.
pub(super) fn shows(stage: &Stage, wanted: &[String]) {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = content(stage);
    while seen != wanted && Instant::now() < deadline {
        thread::park_timeout(Duration::from_millis(200));
        seen = content(stage);
    }
    if seen == wanted {
        return;
    }
    let missing: Vec<_> = wanted.iter().filter(|it| !seen.contains(it)).take(3).collect();
    let surplus: Vec<_> = seen.iter().filter(|it| !wanted.contains(it)).take(3).collect();
    panic!("missing {missing:?}, surplus {surplus:?}");
}

pub(super) fn execute(stage: &Stage, statement: &str) {
    run(stage.warehouse.client().query_raw(statement).execute()).unwrap();
}

/// A share of each table's rows, chosen by a seed, is deleted by hand.
fn lose(stage: &Stage, seed: u64, of: u64) {
    for (table, key) in [
        ("clicks_log", "event_id"),
        ("reports_log", "event_id"),
        ("orders_log", "order_id"),
        ("credits_log", "order_id"),
    ] {
        execute(
            stage,
            &format!(
                "ALTER TABLE {table} DELETE WHERE sipHash64({key}, '{table}', {seed}) % {of} = 0 SETTINGS mutations_sync = 2"
            ),
        );
    }
}

#[test]
fn a_program_that_runs_well_raises_no_alarm() {
    let stage = stage();
    let _running = Running::start(&stage);
    let (stop, lives) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let mut edge = Edge::open(stage.data.path());
        let (stop, lives) = (&stop, &lives);
        let data = stage.data.path();
        scope.spawn(move || {
            let mut done = 0;
            // Segments are closed all the time; every life but the last ends as a killed process leaves it.
            while !stop.load(Ordering::Relaxed) {
                if done == lives.load(Ordering::Relaxed) {
                    thread::park_timeout(Duration::from_millis(10));
                    continue;
                }
                for _ in 0..400 {
                    edge.click_and_order();
                    thread::park_timeout(Duration::from_millis(1));
                }
                drop(edge);
                edge = Edge::open(data);
                done += 1;
            }
        });
        let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..4 {
                // As much as a busy machine's pipeline keeps up with.
                lives.fetch_add(6, Ordering::Relaxed);
                clean(&stage);
            }
        }));
        stop.store(true, Ordering::Relaxed);
        looked.unwrap();
    });
    clean(&stage);
    let closed = journal::spool::closed(&stage.data.path().join("spool")).unwrap();
    assert!(closed.len() > 3, "segments were closed meanwhile: {closed:?}");
    for it in &closed {
        delete_below(&stage.data.path().join("spool"), it.writer, it.incarnation, it.end).unwrap();
    }
    clean(&stage);
}

#[test]
fn lost_facts_of_every_kind_come_back_while_the_pipeline_runs() {
    let stage = stage();
    let running = Running::start(&stage);
    let mut edge = Edge::open(stage.data.path());
    (0..1_500).for_each(|_| edge.click_and_order());
    clean(&stage);
    until_rolled(&stage);
    let before = content(&stage);
    assert!(before.len() > 6_000, "{}", before.len());
    for (seed, of) in [(1, 1_000), (2, 200), (3, 3)] {
        lose(&stage, seed, of);
        assert_ne!(content(&stage), before);
        let said = audit(&stage, &["--repair", "--wait-seconds", "60"]).expect(0);
        assert!(said.events("repair").iter().all(|it| it["left"] == 0), "{}", said.out);
        audit(&stage, &[]).expect(0);
        shows(&stage, &before);
    }
    drop(running);

    // Nobody is there to say the orders again: the audit says so, and it is done when the pipeline is back.
    execute(&stage, "ALTER TABLE orders_log DELETE WHERE 1 SETTINGS mutations_sync = 2");
    let said = audit(&stage, &["--repair", "--wait-seconds", "1"]).expect(1);
    let orders = said.events("repair").into_iter().find(|it| it["place"] == "orders").unwrap();
    assert!(orders["why"].as_str().unwrap().contains("is the pipeline running"), "{orders}");
    let _running = Running::start(&stage);
    clean(&stage);
    shows(&stage, &before);
}

#[test]
fn a_repair_that_is_killed_again_and_again_doubles_nothing() {
    let stage = stage();
    let _running = Running::start(&stage);
    let mut edge = Edge::open(stage.data.path());
    (0..1_500).for_each(|_| edge.click_and_order());
    clean(&stage);
    until_rolled(&stage);
    let before = content(&stage);
    lose(&stage, 9, 3);
    let mut chance = Chance::new(9);
    for _ in 0..6 {
        let mut child =
            stage.command(&[ALL.as_slice(), &["--repair", "--wait-seconds", "60"]].concat()).spawn().unwrap();
        thread::park_timeout(Duration::from_millis(chance.below(2_500)));
        drop(child.kill());
        child.wait().unwrap();
    }
    audit(&stage, &["--repair", "--wait-seconds", "60"]).expect(0);
    audit(&stage, &["--wait-seconds", "60"]).expect(0);
    shows(&stage, &before);
}

/// A file of the spool that was away while the pipeline passed its place.
#[test]
fn what_the_pipeline_could_not_read_at_its_time_is_read_by_a_replay() {
    let stage = stage();
    let mut edge = Edge::open(stage.data.path());
    (0..1_500).for_each(|_| edge.click_and_order());
    drop(edge);
    Edge::open(stage.data.path()).writer.close().unwrap();
    let folder = stage.data.path().join("spool").join(WRITER.0.to_string());
    let segment = journal::spool::closed(&stage.data.path().join("spool")).unwrap()[3];
    let file = folder.join(segment.incarnation.to_string()).join(format!("{:020}.seg", segment.first));
    let away = stage.data.path().join("away");
    std::fs::rename(&file, &away).unwrap();
    let _running = Running::start(&stage);
    let deadline = Instant::now() + PATIENCE;
    // Read to its end, as far as it is there.
    while audit(&stage, &["--wait-seconds", "1"]).events("audit")[0]["gaps"] != segment.end - segment.first {
        assert!(Instant::now() < deadline, "{}", audit(&stage, &["--wait-seconds", "1"]).out);
    }
    std::fs::rename(&away, &file).unwrap();
    // Its facts come back at once; its orders only when the pipeline has read them.
    let said = audit(&stage, &["--repair", "--wait-seconds", "30"]).expect(1);
    assert_eq!(said.events("audit")[0]["gaps"], 0);
    assert!(said.out.contains("--replay"), "{}", said.out);
    audit(&stage, &["--repair", "--replay", "--wait-seconds", "60"]).expect(0);
    clean(&stage);
    assert_eq!(column(&stage, "SELECT toString(count()) FROM orders"), ["1500"]);
}
