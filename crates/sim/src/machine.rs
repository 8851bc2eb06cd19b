//! The edges' machine: real spool writers on a folder whose disk may refuse, tear, forget and lose its power.
//!
//! In: inputs and faults. Out: frames in files, answers in the ledger. Writers, recovery and formats are the journal's own. Not here: HTTP
//! (`edge`), and who reads the spool (`shipper`, `owner`). Start at [`Machine::take`].

use std::{fs, io, path::PathBuf, sync::Arc};

use events::{ClickHead, Report};
use journal::spool::{Call, Disk, Durability, Fault, Options, Script, Writer};
use tempfile::TempDir;
use units::{EpochMs, Origin, WriterId};

use crate::{
    ledger::Ledger,
    rng::Rng,
    world::{Body, EDGES, Input, START, record},
};

/// Segments hold four of the longest payloads, so that a world fills some.
const PAYLOAD_BYTES_MAX: usize = 4 * 1024;
const SEGMENT_BYTES: u64 = 25 * 1024;
/// Files are written and synced by the thousand, so they lie in memory where there is such a file system.
const MEMORY: &str = "/dev/shm";
/// Numbers of errors.
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// One machine, some edges.
#[derive(Debug)]
pub(crate) struct Machine {
    folder: TempDir,
    script: Arc<Script>,
    pub(crate) durability: Durability,
    boot: u8,
    edges: Vec<Edge>,
}

/// One thread of an edge.
#[derive(Debug)]
struct Edge {
    id: WriterId,
    writer: Option<Writer>,
    /// Written and not synced: nobody is answered yet.
    waiting: Vec<(Origin, Input)>,
}

impl Machine {
    pub(crate) fn new(rng: &mut Rng) -> io::Result<Self> {
        let folder = tempfile::tempdir_in(MEMORY).or_else(|_| tempfile::tempdir())?;
        let edge = |number| Edge { id: WriterId::new(number, 0), writer: None, waiting: Vec::new() };
        Ok(Self {
            folder,
            script: Arc::new(Script::with_power_to_cut()),
            durability: rng.of([Durability::Process, Durability::Power]),
            boot: 1,
            edges: (1..=u16::try_from(EDGES).unwrap_or(1)).map(edge).collect(),
        })
    }

    /// Where the spools lie.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("spool")
    }

    /// Where the shippers remember how far they are.
    pub(crate) fn cursor(&self) -> PathBuf {
        self.folder.path().join("cursor")
    }

    /// An edge gets an input. It is given back where the sender got no answer and will send it again.
    pub(crate) fn take(&mut self, input: Input, ledger: &mut Ledger) -> Result<Option<Input>, String> {
        let (root, options) = (self.root(), self.options());
        let durability = self.durability;
        let Some(edge) = self.edges.get_mut(input.edge) else { return Ok(None) };
        let now = input.body.at().forth(1);
        if edge.writer.is_none() {
            drop(fs::create_dir_all(&root));
            edge.writer = Writer::open(&root, edge.id, now.max(START), options).ok();
        }
        let Some(writer) = &mut edge.writer else { return Ok(Some(input)) };
        let mut origin = Origin { writer: edge.id, incarnation: writer.incarnation(), sequence: 0 };
        let appended = writer.append_with(|sequence, out| {
            origin.sequence = sequence;
            encode(&input, origin, out);
        });
        ledger.offer(origin, input.body.clone())?;
        match (appended, durability) {
            (Ok(_), Durability::Process) => ledger.answer(origin),
            (Ok(_), Durability::Power) => edge.waiting.push((origin, input)),
            (Err(_), _) => {
                if writer.last_sequence() < origin.sequence {
                    ledger.withdraw(origin);
                }
                return Ok(Some(input));
            }
        }
        Ok(None)
    }

    /// Mode power: everybody who waits is answered, or gives up where the disk refuses; those who will send again are given back.
    pub(crate) fn sync(&mut self, index: usize, ledger: &mut Ledger) -> Vec<Input> {
        let Some(edge) = self.edges.get_mut(index) else { return Vec::new() };
        let Some(writer) = edge.writer.as_mut().filter(|_| !edge.waiting.is_empty()) else {
            return Vec::new();
        };
        if writer.sync().is_err() {
            return edge.give_up();
        }
        for (origin, _) in edge.waiting.drain(..) {
            ledger.answer(origin);
        }
        Vec::new()
    }

    /// Whether somebody waits for a sync.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.edges.iter().any(|it| !it.waiting.is_empty())
    }

    /// The process dies between two requests, or ends in order; those who wait send again.
    pub(crate) fn stop(&mut self, index: usize, in_order: bool) -> Vec<Input> {
        let Some(edge) = self.edges.get_mut(index) else { return Vec::new() };
        if let Some(writer) = edge.writer.take()
            && in_order
        {
            drop(writer.close());
        }
        edge.give_up()
    }

    /// The process dies in the middle of a write of `input`.
    pub(crate) fn die_writing(
        &mut self,
        input: Input,
        ledger: &mut Ledger,
        rng: &mut Rng,
    ) -> Result<Vec<Input>, String> {
        self.script.clear();
        self.script.push(Call::Write, Fault::Short(rng.index(300)));
        self.script.push(Call::Write, Fault::Fail(EIO));
        let edge = input.edge;
        let mut again: Vec<Input> = self.take(input, ledger)?.into_iter().collect();
        again.extend(self.stop(edge, false));
        self.script.clear();
        Ok(again)
    }

    /// All processes die, and what was not synced is there in parts.
    pub(crate) fn cut_power(&mut self, rng: &mut Rng) -> io::Result<Vec<Input>> {
        let again = (0..EDGES).flat_map(|edge| self.stop(edge, false)).collect();
        self.boot = self.boot.wrapping_add(1);
        let (root, survive_percent) = (self.root(), rng.of([0, 50, 90]));
        if root.exists() {
            self.script.cut_power(&root, || rng.chance(survive_percent))?;
        }
        Ok(again)
    }

    /// The disk will refuse for lack of space.
    pub(crate) fn fill(&self, rng: &mut Rng) {
        self.script.push(Call::Write, Fault::Short(rng.index(200)));
        for call in [Call::Write, Call::Allocate, Call::Create, Call::Allocate] {
            self.script.push(call, Fault::Fail(ENOSPC));
        }
    }

    /// The disk will fail.
    pub(crate) fn fail(&self, rng: &mut Rng) {
        let calls = [
            Call::Write,
            Call::Write,
            Call::Create,
            Call::Allocate,
            Call::SyncDir,
            Call::MakeDir,
            Call::Rename,
        ];
        self.script.push(rng.of(calls), Fault::Fail(EIO));
    }

    /// A sync will fail.
    pub(crate) fn fail_sync(&self) {
        self.script.push(Call::SyncData, Fault::Fail(EIO));
    }

    /// A write will take a part of its bytes, and fail then or not.
    pub(crate) fn shorten(&self, rng: &mut Rng) {
        self.script.push(Call::Write, Fault::Short(rng.index(200)));
        if rng.chance(50) {
            self.script.push(Call::Write, Fault::Fail(EIO));
        }
    }

    /// The disk is well again.
    pub(crate) fn heal(&self) {
        self.script.clear();
    }

    /// Segments beyond the first of each run.
    pub(crate) fn rolled_segments(&self) -> u64 {
        let entries = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten().map(|it| it.path());
        let runs = entries(self.root()).flat_map(entries).filter(|it| it.is_dir());
        runs.map(|it| (entries(it).count() as u64).saturating_sub(1)).sum()
    }

    fn options(&self) -> Options {
        Options {
            durability: self.durability,
            segment_bytes: SEGMENT_BYTES,
            payload_bytes_max: PAYLOAD_BYTES_MAX,
            disk: Disk::scripted(&self.script),
            boot: Some([self.boot; 16]),
        }
    }
}

impl Edge {
    fn give_up(&mut self) -> Vec<Input> {
        self.waiting.drain(..).map(|(_, input)| input).collect()
    }
}

fn encode(input: &Input, origin: Origin, out: &mut Vec<u8>) {
    match &input.body {
        Body::Click(head) => {
            let bulk = "x".repeat(input.bulk_bytes);
            record(ClickHead { origin, ..**head }, &bulk).encode(out).expect("a click fits its limit");
        }
        Body::Report(report) => {
            let report = Report { origin, ..(**report).clone() };
            report.encode(out).expect("a report fits its limit");
        }
        Body::Score(score) => {
            let score = events::Score { origin, ..(**score).clone() };
            score.encode(out).expect("a score fits its limit");
        }
    }
}

/// Where a record comes from; `None` for what no edge writes.
pub(crate) fn origin_of(bytes: &[u8]) -> Option<(Origin, EpochMs)> {
    match events::Event::decode(bytes).ok()? {
        events::Event::Click(click) => Some((click.head.origin, click.head.at())),
        events::Event::Report(report) => Some((report.origin, report.received_at)),
        events::Event::Score(score) => Some((score.origin, score.received_at)),
        _ => None,
    }
}
