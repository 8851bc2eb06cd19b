//! Drives the product's partition under a claim: reads, cuts batches, writes facts and then marks, commits when all of it is acknowledged.
//!
//! In: records of the log or of the spool, versions of the catalog. Out: records to the log, inserts. It may stop between any two steps for ever,
//! or for a while and go on as a zombie. What it may say and commit is `pipeline::reach`'s; here is only the order of its turns, which may be any.
//! Not here: threads, fjall, HTTP. Start at [`Owner::claim`].

use std::{collections::VecDeque, path::Path, sync::Arc};

use attribution::{Caps, MemorySlices, Orders, SliceOptions, Slices, Timelines, TouchStore};
use bytes::Bytes;
use catalog::Catalog;
use events::Identity;
use journal::{Position, Record, StreamId, spool};
use pipeline::{
    partition::{Inner, Outbox, Partition},
    reach::{Pending, Reach, look_again},
    resume::Resume,
    store::OrderPlace,
};
use units::{EpochMs, Stamp};
use warehouse::Table;

use crate::{
    bugs::Bug,
    clickhouse::{Note, Tables},
    log::{Gone, Log, Topic},
    rng::Rng,
    store::Kept,
};

mod logs;
mod messages;
mod rebuilding;
mod spools;

use logs::begin_log;
pub(crate) use logs::claim_in;
use messages::Addressed;
pub(crate) use messages::addressed;
use rebuilding::Rebuilding;
use spools::{begin_spool, read_spool};

/// Touches in a slice: few, so that worlds have several.
const SLICE_RECORDS: u32 = 4;
/// A slice's span: longer than either part of a world, shorter than what lies between them.
const SLICE_SPAN_MS: u64 = 30 * units::DAY_MS;
/// Orders on disk that one step decides again.
const LOOKED_AT: usize = 2;

/// Where the inputs are.
#[derive(Debug)]
pub(crate) enum Road {
    /// In the log's topics; messages between the machines travel there too.
    Log,
    /// In the spool's files; both machines are in one process.
    Spool(Box<spool::Reader>),
}

/// Why an owner cannot go on: its state is older than what is left of its input.
#[derive(Debug)]
pub(crate) struct Refused;

/// What an owner begins by.
struct Begun {
    road: Road,
    /// Of its claim.
    number: u64,
    barrier: Vec<Position>,
    resume: Resume,
}

/// The owner of a partition, under one claim.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) partition: u32,
    /// Names its marks.
    pub(crate) source: u64,
    claim: Stamp,
    machines: Partition<MemorySlices>,
    pub(crate) kept: Kept,
    reach: Reach,
    road: Road,
    redecide_from: Option<OrderPlace>,
    /// Facts that are still to be read before anything else.
    rebuilding: Option<Rebuilding>,
    /// Everything before is in the facts.
    committed: Note,
    is_note_due: bool,
    /// The newest version it knows.
    pub(crate) catalog: u32,
    /// Over all versions that it knows.
    longest_window_ms: u64,
    out: Outbox,
    outbox: VecDeque<Addressed>,
    pending: Option<Pending>,
    /// What is left to be inserted of the batch in flight, and all of it.
    inserts: (usize, Vec<(Table, Bytes)>),
    /// Records read since the last cut, or something said.
    has_news: bool,
    records: u64,
    bug: Option<Bug>,
    /// How readily it reads the next version of the catalog.
    pub(crate) learn_percent: u64,
}

/// What a commit covered, for the invariants.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) positions: Vec<Position>,
    pub(crate) is_silent: bool,
}

impl Owner {
    /// Appends a claim and begins from what is kept, which may be nothing. `published` is the newest version of the catalog there is, `source` the
    /// number of this claim among all.
    pub(crate) fn claim(
        partition: u32,
        kept: Kept,
        published: usize,
        source: u64,
        (log, spool, noted): (&mut Log, Option<&Path>, Note),
        (caps, bug): (Caps, Option<Bug>),
    ) -> Result<Self, Refused> {
        let partitions = log.partitions();
        let Begun { road, number, barrier, resume } = match spool {
            None => begin_log(partition, &kept, source, noted, log)?,
            Some(root) => begin_spool(root, &kept, source, noted)?,
        };
        let number = if bug == Some(Bug::NoClaim) { 0 } else { number };
        let claim = Stamp::new(1, number).expect("a world has few claims");
        let options = SliceOptions { records_max: SLICE_RECORDS, span_ms: SLICE_SPAN_MS };
        let inner = if spool.is_some() { Inner::Memory } else { Inner::Log };
        let published = u32::try_from(published).unwrap_or(u32::MAX);
        let committed = resume.positions.iter().map(|it| (it.stream.clone(), it.next)).collect();
        Ok(Self {
            partition,
            source,
            claim,
            machines: machines((claim, caps), &kept, options, inner),
            reach: Reach::new(resume.positions, barrier, published),
            kept,
            road,
            redecide_from: None,
            rebuilding: resume.is_rebuild.then(|| Rebuilding::new(partitions, published)),
            committed,
            is_note_due: false,
            catalog: 0,
            longest_window_ms: 0,
            out: Outbox::default(),
            outbox: VecDeque::new(),
            pending: None,
            inserts: (0, Vec::new()),
            has_news: false,
            records: 0,
            bug,
            learn_percent: 50,
        })
    }

    /// Takes in the next version of the catalog; false when there is none. `catalogs` are those that are published.
    pub(crate) fn learn(&mut self, catalogs: &[Arc<Catalog>]) -> bool {
        let Some(catalog) = catalogs.get(self.catalog as usize) else { return false };
        self.catalog += 1;
        self.longest_window_ms = self.longest_window_ms.max(catalog.longest_window_ms());
        self.redecide_from = look_again(self.kept.catalog, catalog, self.redecide_from.take());
        self.has_news = true;
        self.machines
            .on_catalog(Arc::clone(catalog), &self.kept, &mut self.out)
            .expect("memory does not fail");
        self.speak_if_due();
        true
    }

    /// Decides some orders on disk again; how many.
    pub(crate) fn look_again(&mut self) -> u64 {
        let Some(from) = self.redecide_from.take() else { return 0 };
        let places = self.kept.orders_from(&from, LOOKED_AT);
        for key in places.iter().filter_map(OrderPlace::order) {
            self.machines.redecide(&key, &self.kept, &mut self.out).expect("memory does not fail");
        }
        let count = places.len() as u64;
        self.redecide_from = places.into_iter().last().map(OrderPlace::behind);
        self.has_news = true;
        self.post();
        count
    }

    /// Reads a few records; how many.
    pub(crate) fn read(&mut self, log: &Log, rng: &mut Rng) -> Result<usize, Refused> {
        let records = match &mut self.road {
            Road::Log if log.is_away => Vec::new(),
            Road::Log => {
                let topic = rng.of(Topic::ALL);
                let next = self.reach.next(&Log::stream(topic, self.partition));
                log.read(topic, self.partition, next).map_err(|Gone| Refused)?.into_iter().collect()
            }
            Road::Spool(reader) => read_spool(reader, 1 + rng.index(3))?,
        };
        self.apply(&records);
        self.post();
        self.speak_if_due();
        Ok(records.len())
    }

    fn apply(&mut self, records: &[Record]) {
        self.machines.apply(records, &self.kept, &mut self.out).expect("memory does not fail");
        for record in records {
            self.reach.read(&record.stream, record.position + 1);
        }
        self.records += records.len() as u64;
        self.has_news |= !records.is_empty();
    }

    fn speak_if_due(&mut self) {
        if self.is_rebuilding() {
            return;
        }
        let road = &self.road;
        let is_over = |stream: &StreamId| match road {
            Road::Log => false,
            Road::Spool(reader) => reader.closed(stream),
        };
        if self.reach.begins_to_speak(self.catalog, is_over) {
            self.machines.speak(&self.kept, &mut self.out).expect("memory does not fail");
            self.has_news = true;
            self.post();
        }
    }

    pub(crate) const fn is_live(&self) -> bool {
        self.reach.is_live()
    }

    /// What the machines said goes on its way.
    fn post(&mut self) {
        // Decisions are for whoever wants to follow; nobody in this world does.
        self.outbox.extend(self.out.messages.drain(..).filter_map(|it| addressed(it).ok()));
    }

    /// Hands one record to the log, now and then twice; false when there is none.
    pub(crate) fn produce(&mut self, log: &mut Log, twice: bool) -> bool {
        if log.is_away {
            return false;
        }
        let Some((topic, key, bytes)) = self.outbox.pop_front() else { return false };
        if twice {
            log.append(topic, &key, bytes.clone());
        }
        log.append(topic, &key, bytes);
        true
    }

    /// Cuts what is gathered into a batch, while none is in flight.
    pub(crate) fn cut(&mut self) -> bool {
        if self.pending.is_some() || !self.has_news {
            return false;
        }
        self.has_news = false;
        let inner = if matches!(self.road, Road::Log) { Inner::Log } else { Inner::Memory };
        self.out.seal(inner);
        self.post();
        let dirty = self.machines.take_dirty().expect("memory does not fail");
        let catalog = self.redecide_from.is_none().then_some(self.catalog);
        let checkpoint = self.reach.checkpoint(dirty, self.claim.claim(), self.source, catalog);
        self.pending = Some(Pending::new(checkpoint, self.out.batch.rows()));
        let mut inserts = self.out.batch.inserts(&self.source.to_string(), self.source);
        if self.bug == Some(Bug::MarksFirst) {
            inserts.reverse();
        }
        self.inserts = (0, inserts);
        self.out.batch.clear();
        true
    }

    /// One insert of the batch in flight. An insert whose answer is lost is made again, with all before it. False when all is there.
    pub(crate) fn sink(&mut self, tables: &mut Tables, is_answer_lost: bool) -> Result<bool, String> {
        if tables.is_away {
            return Ok(false);
        }
        let (done, inserts) = &mut self.inserts;
        let Some((table, bytes)) = inserts.get(*done) else { return Ok(false) };
        tables.insert(self.source, *table, bytes)?;
        *done = if is_answer_lost { 0 } else { *done + 1 };
        if *done == inserts.len() {
            self.inserts = (0, Vec::new());
            self.pending.iter_mut().for_each(Pending::acknowledge);
        }
        Ok(true)
    }

    /// Commits, if everything it covers is acknowledged and said.
    pub(crate) fn commit(&mut self, keep_max: usize) -> Option<Committed> {
        let is_flushed = self.outbox.is_empty() || self.bug == Some(Bug::CommitEarly);
        let pending = self.pending.take_if(|it| it.is_written() && is_flushed)?;
        let positions = pending.checkpoint.positions.clone();
        self.committed.extend(positions.iter().map(|it| (it.stream.clone(), it.next)));
        self.is_note_due |= !positions.is_empty();
        self.kept.commit(pending.checkpoint);
        self.kept.slices = self.machines.touches().slices().clone();
        self.machines.evict(keep_max);
        Some(Committed { positions, is_silent: !self.reach.is_live() })
    }

    /// Forgets touches before `before`; whether there were any.
    pub(crate) fn expire(&mut self, before: EpochMs) -> bool {
        let is_all_committed = self.pending.is_none() && self.outbox.is_empty() && !self.has_news;
        if !self.reach.is_live() || !is_all_committed {
            return false;
        }
        let slices = |it: &Self| it.machines.touches().slices().list().map_or(0, |it| it.len());
        let count = slices(self);
        self.machines.expire(before).expect("memory does not fail");
        slices(self) < count
    }

    /// What a process that is killed leaves on its disk: of touches perhaps more than was committed, and not all of the rest.
    pub(crate) fn killed(&self, is_torn: bool, rng: &mut Rng) -> Kept {
        let mut kept = self.kept.clone();
        let mut slices = self.machines.touches().slices().clone();
        for slice in slices.list().expect("memory does not fail") {
            let safe = self.kept.slices.len(slice).unwrap_or(0);
            let written = slices.len(slice).expect("it is listed");
            if is_torn && safe < written {
                let left = safe + rng.below(written - safe);
                slices.truncate(slice, left).expect("it is listed");
            }
        }
        kept.slices = slices;
        kept
    }

    /// Whether every record met one fate.
    pub(crate) fn fates_add_up(&self) -> bool {
        let fates = self.machines.fates();
        fates.add_up() && fates.consumed == self.records
    }

    /// What it still has to do, for the story of a world that does not end.
    pub(crate) fn unrest(&self, log: &Log) -> String {
        let unread: Vec<u64> = log
            .ends(self.partition)
            .iter()
            .map(|it| it.next.saturating_sub(self.reach.next(&it.stream)))
            .collect();
        let (unsent, in_flight) = (self.outbox.len(), self.pending.is_some());
        let Self { partition, catalog, .. } = self;
        format!(
            "partition {partition}, live {}, catalog {catalog}, unread {unread:?}, unsent {unsent}, in flight {in_flight}",
            self.is_live()
        )
    }

    /// Everything read, said, stored and committed.
    pub(crate) fn is_done(&self, log: &Log, published: usize) -> bool {
        let at_end = |end: &Position| self.reach.next(&end.stream) >= end.next;
        let is_read = !matches!(self.road, Road::Log) || log.ends(self.partition).iter().all(at_end);
        let is_idle = self.outbox.is_empty() && self.pending.is_none() && !self.has_news;
        is_read
            && is_idle
            && self.redecide_from.is_none()
            && self.is_live()
            && self.catalog as usize == published
    }
}

/// The machines of an owner that begins from `kept`.
pub(crate) fn machines(
    (claim, caps): (Stamp, Caps),
    kept: &Kept,
    options: SliceOptions,
    inner: Inner,
) -> Partition<MemorySlices> {
    let store = TouchStore::open(kept.slices.clone(), options, 11, kept.touches_next)
        .expect("what was committed is there");
    let mut timelines = Timelines::new(claim, store);
    for (identity, state) in kept.timelines.iter().filter(|it| matches!(it.0, Identity::Visitor(_))) {
        timelines.restore(*identity, state).expect("a state is whole");
    }
    Partition::of(Orders::with_caps(claim, caps), timelines, inner)
}
