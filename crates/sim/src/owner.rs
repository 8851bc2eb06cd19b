//! Drives the real machines of one partition: reads the log, keeps states, writes facts and then marks, commits when all of it is acknowledged.
//!
//! In: records, versions of the catalog. Out: records to the log, rows and marks. It may stop between any two steps for ever, or for a while and go on
//! as a zombie. Not here: `pipeline`'s files and its batches by size. Start at [`Owner::claim`].

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::Arc,
};

use attribution::{MemorySlices, Orders, OrdersOutput, SliceOptions, Timelines, TouchStore};
use catalog::Catalog;
use events::{Claim, Event, Evidence, Identity, OrderKey};
use units::{EpochMs, QUARTER_MS, Quarter, Stamp};

use crate::{
    bugs::Bug,
    clickhouse::{Fact, Tables},
    log::{Log, Topic},
    run::LEARN_PERCENT,
};

/// Touches in a slice: few, so that worlds have several.
const SLICE_RECORDS: u32 = 4;
/// A slice's span: longer than the world.
const SLICE_SPAN_MS: u64 = 30 * units::DAY_MS;

/// What a commit keeps.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checkpoint {
    orders: BTreeMap<OrderKey, Vec<u8>>,
    asks: BTreeMap<Identity, Vec<u8>>,
    slices: MemorySlices,
    next_touch: u64,
    /// The latest time each order could have, to decide again only those that a new version may change.
    times: BTreeMap<OrderKey, EpochMs>,
    positions: BTreeMap<Topic, u64>,
    /// How many versions of the catalog it knew.
    catalogs: usize,
}

/// A record on its way to the log.
#[derive(Debug)]
struct Produced {
    topic: Topic,
    key: Vec<u8>,
    bytes: Vec<u8>,
}

/// Rows on their way to ClickHouse. The same batch again until all of it is there.
#[derive(Debug, Default)]
struct Batch {
    facts: Vec<Fact>,
    inserted: usize,
    marks: Option<BTreeSet<Quarter>>,
}

/// What an order or answer said last, by its key: kept over restarts by a planted bug.
pub(crate) type SaidBefore = BTreeMap<u64, u64>;

/// The owner of a partition, under one claim.
#[derive(Debug)]
pub(crate) struct Owner {
    partition: u32,
    orders: Orders,
    timelines: Timelines<MemorySlices>,
    disk: Checkpoint,
    positions: BTreeMap<Topic, u64>,
    /// The ends of the inputs, seen right after the claim.
    barrier: BTreeMap<Topic, u64>,
    /// The versions of the catalog that were published then. An owner that knows fewer than an earlier one would overwrite what that one said.
    barrier_catalogs: usize,
    is_silent: bool,
    /// Said since the last commit.
    times: BTreeMap<OrderKey, EpochMs>,
    /// Versions it knows.
    pub(crate) catalogs: usize,
    outbox: VecDeque<Produced>,
    /// Rows of what was read since the last batch began.
    rows: Vec<Fact>,
    batch: Batch,
    /// Reads nothing more until it has committed.
    is_closing: bool,
    bug: Option<Bug>,
    pub(crate) said_before: SaidBefore,
    /// How readily it reads the next version of the catalog.
    pub(crate) learn_percent: u64,
}

impl Owner {
    /// Appends a claim and begins from a checkpoint, or from none. `catalogs` are those published so far.
    pub(crate) fn claim(
        partition: u32,
        from: Checkpoint,
        catalogs: &[Arc<Catalog>],
        log: &mut Log,
        bug: Option<Bug>,
    ) -> Self {
        let mut bytes = Vec::new();
        let claim = Claim {
            partition,
            nonce: log.end(Topic::Evidence, partition),
            at: EpochMs(0),
            owner: "sim".into(),
        };
        claim.encode(&mut bytes).expect("a claim fits its limit");
        let offset = log.append_to(Topic::Evidence, partition, bytes);
        let number = if bug == Some(Bug::NoClaim) { 0 } else { offset };
        let stamp = Stamp::new(1, number).expect("a world has few claims");
        let options = SliceOptions { records_max: SLICE_RECORDS, span_ms: SLICE_SPAN_MS };
        let store = TouchStore::open(from.slices.clone(), options, 11, from.next_touch)
            .expect("a checkpoint is whole");
        let mut timelines = Timelines::new(stamp, store);
        for (identity, state) in &from.asks {
            timelines.restore(*identity, state).expect("a checkpoint is whole");
        }
        let mut orders = Orders::new(stamp);
        let known = from.catalogs.min(catalogs.len());
        for catalog in catalogs.iter().take(known) {
            orders.on_catalog(Arc::clone(catalog), &mut Vec::new());
        }
        let barrier = Topic::ALL.into_iter().map(|it| (it, log.end(it, partition))).collect();
        Self {
            partition,
            orders,
            timelines,
            positions: from.positions.clone(),
            disk: from,
            barrier,
            barrier_catalogs: catalogs.len(),
            is_silent: true,
            catalogs: known,
            times: BTreeMap::new(),
            outbox: VecDeque::new(),
            rows: Vec::new(),
            batch: Batch::default(),
            is_closing: false,
            bug,
            said_before: SaidBefore::new(),
            learn_percent: LEARN_PERCENT,
        }
    }

    /// Reads the next version of the catalog and decides again every order, also those on disk.
    pub(crate) fn learn(&mut self, catalogs: &[Arc<Catalog>]) -> bool {
        let Some(catalog) = catalogs.get(self.catalogs) else { return false };
        self.catalogs += 1;
        let mut out = Vec::new();
        self.orders.on_catalog(Arc::clone(catalog), &mut out);
        if self.bug != Some(Bug::CatalogMemoryOnly) {
            let from = catalog.effective_at;
            let later = self.disk.times.iter().filter(|(_, at)| **at >= from).map(|(key, _)| key.clone());
            for key in later.collect::<Vec<_>>() {
                self.bring_back(&key);
                self.orders.redecide(&key, &mut out);
            }
        }
        self.say(out);
        self.speak_if_due();
        true
    }

    /// Reads one record of a topic; false when there is none.
    pub(crate) fn read(&mut self, topic: Topic, log: &Log) -> bool {
        if self.is_closing {
            return false;
        }
        let position = self.positions.get(&topic).copied().unwrap_or(0);
        let Some(bytes) = log.read(topic, self.partition, position) else { return false };
        self.apply(Event::decode(bytes).expect("the log holds what was appended"));
        self.positions.insert(topic, position + 1);
        self.speak_if_due();
        true
    }

    fn apply(&mut self, event: Event<'_>) {
        let (mut decided, mut evidence) = (Vec::new(), Vec::new());
        match event {
            Event::Click(click) => {
                self.timelines.on_click(&click.head, &mut evidence).expect("memory does not fail");
                self.rows.push(Fact::Click(Box::new(click.head)));
            }
            Event::Report(report) => {
                self.bring_back(&report.key);
                self.rows.push(Fact::Report(report.clone()));
                self.orders.on_report(*report, &mut decided);
            }
            Event::Lookup(lookup) => {
                self.timelines.on_lookup(lookup, &mut evidence).expect("memory does not fail");
            }
            Event::Evidence(evidence) => {
                self.bring_back(&evidence.order);
                self.orders.on_evidence(evidence, &mut decided);
            }
            _ => {}
        }
        self.say(decided);
        self.answer(evidence);
    }

    /// An evicted order's state is taken from disk before anything is added to it.
    fn bring_back(&mut self, key: &OrderKey) {
        if self.bug == Some(Bug::ForgetDisk) || self.orders.holds(key) {
            return;
        }
        if let Some(state) = self.disk.orders.get(key) {
            self.orders.restore(key, state).expect("a checkpoint is whole");
        }
    }

    fn speak_if_due(&mut self) {
        let reached = |(topic, end): (&Topic, &u64)| self.positions.get(topic).copied().unwrap_or(0) >= *end;
        let has_catalogs = self.catalogs >= self.barrier_catalogs || self.bug == Some(Bug::CatalogLag);
        let is_due = self.bug == Some(Bug::EarlySend) || (self.barrier.iter().all(reached) && has_catalogs);
        if !self.is_silent || !is_due {
            return;
        }
        self.is_silent = false;
        let (mut decided, mut evidence) = (Vec::new(), Vec::new());
        for key in self.orders.speak(&mut decided) {
            self.bring_back(&key);
            self.orders.redecide(&key, &mut decided);
        }
        self.timelines.speak(&mut evidence).expect("memory does not fail");
        self.say(decided);
        self.answer(evidence);
    }

    fn say(&mut self, outputs: Vec<OrdersOutput>) {
        for output in outputs {
            match output {
                OrdersOutput::Lookup(lookup) => {
                    let name = ('l', lookup.identity, &lookup.order);
                    if self.was_said(&name, &(lookup.from, lookup.to)) {
                        continue;
                    }
                    let (key, mut bytes) = (lookup.identity.log_key(), Vec::new());
                    lookup.encode(&mut bytes).expect("a question fits its limit");
                    self.outbox.push_back(Produced { topic: Topic::Lookups, key, bytes });
                }
                OrdersOutput::Decided { decision, credits } => {
                    let possible = decision.void_quarters.iter().map(|it| it.start().forth(QUARTER_MS)).max();
                    let possible = possible.filter(|_| self.bug != Some(Bug::CatalogOrderTime));
                    self.times.insert(decision.key.clone(), decision.at.max(possible.unwrap_or_default()));
                    let content = (decision.partner, decision.at, decision.revenue_minor, decision.status);
                    if !self.was_said(&('d', &decision.key), &content) {
                        self.rows.extend(Fact::of_decided(&decision, credits, self.bug));
                    }
                }
            }
        }
    }

    fn answer(&mut self, answers: Vec<Evidence>) {
        for evidence in answers {
            if self.was_said(&('e', evidence.identity, &evidence.order), &evidence.touches.len()) {
                continue;
            }
            let (key, mut bytes) = (evidence.order.log_key(), Vec::new());
            evidence.encode(&mut bytes).expect("a capped answer fits its limit");
            self.outbox.push_back(Produced { topic: Topic::Evidence, key, bytes });
        }
    }

    /// A planted bug: what was said before a restart is taken for known.
    fn was_said(&mut self, name: &impl Hash, content: &impl Hash) -> bool {
        let content = hash(content);
        self.bug == Some(Bug::RememberSent) && self.said_before.insert(hash(name), content) == Some(content)
    }

    /// Hands one record to the log, now and then twice; false when there is none.
    pub(crate) fn produce(&mut self, log: &mut Log, twice: bool) -> bool {
        let Some(Produced { topic, key, bytes }) = self.outbox.pop_front() else { return false };
        if twice {
            log.append(topic, &key, bytes.clone());
        }
        log.append(topic, &key, bytes);
        true
    }

    /// One step of the sink: a part of the batch's facts, or its marks. An insert whose answer was lost is made again. False when all is there.
    pub(crate) fn sink(&mut self, tables: &mut Tables, rows: usize, again: bool) -> bool {
        if self.batch.facts.is_empty() && self.batch.marks.is_none() {
            if self.rows.is_empty() {
                return false;
            }
            let facts = std::mem::take(&mut self.rows);
            let marked = |it: &&Fact| !(self.bug == Some(Bug::NoVoidMarks) && it.is_void());
            let marks: BTreeSet<Quarter> = facts.iter().filter(marked).filter_map(Fact::quarter).collect();
            if self.bug == Some(Bug::MarksFirst) {
                for quarter in &marks {
                    tables.mark(*quarter);
                }
                self.batch = Batch { facts, inserted: 0, marks: Some(BTreeSet::new()) };
            } else {
                self.batch = Batch { facts, inserted: 0, marks: Some(marks) };
            }
            return true;
        }
        if again {
            self.batch.inserted = 0;
        }
        let next = self.batch.facts.iter().skip(self.batch.inserted).take(rows.max(1));
        let inserted = next.map(|it| tables.insert(it)).count();
        self.batch.inserted += inserted;
        if inserted == 0 {
            for quarter in self.batch.marks.take().unwrap_or_default() {
                tables.mark(quarter);
            }
            self.batch = Batch::default();
        }
        true
    }

    /// Reads nothing more until the next commit.
    pub(crate) fn close(&mut self) {
        self.is_closing = true;
    }

    pub(crate) const fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Commits states and positions together, if everything they cover is acknowledged and said.
    pub(crate) fn commit(&mut self, keep_max: usize) -> Option<Checkpoint> {
        let is_idle = self.outbox.is_empty() && self.rows.is_empty() && self.batch.facts.is_empty();
        let may = (is_idle || self.bug == Some(Bug::CommitEarly)) && self.is_closing;
        if !may {
            return None;
        }
        self.is_closing = false;
        self.disk.orders.extend(self.orders.take_dirty());
        for (identity, state) in self.timelines.take_dirty() {
            if state.is_empty() {
                self.disk.asks.remove(&identity);
            } else {
                self.disk.asks.insert(identity, state);
            }
        }
        self.disk.times.append(&mut self.times);
        self.orders.evict(keep_max);
        // What a silent owner has read is not said yet: its states may leave memory, its positions stay where they were.
        if self.is_silent && self.bug != Some(Bug::CommitSilent) {
            return Some(self.disk.clone());
        }
        self.disk.next_touch = self.timelines.flush().expect("memory does not fail");
        self.disk.slices = self.timelines.store().slices().clone();
        self.disk.positions.clone_from(&self.positions);
        self.disk.catalogs = self.catalogs;
        Some(self.disk.clone())
    }

    /// What it still has to do, for the story of a world that does not end.
    pub(crate) fn unrest(&self, log: &Log) -> String {
        let left =
            |topic: Topic| log.end(topic, self.partition) - self.positions.get(&topic).copied().unwrap_or(0);
        let unread = Topic::ALL.map(left);
        let Self { partition, is_silent, catalogs, is_closing, .. } = self;
        let (unsent, rows, facts) = (self.outbox.len(), self.rows.len(), self.batch.facts.len());
        format!(
            "partition {partition}, silent {is_silent}, closing {is_closing}, catalogs {catalogs}, unread {unread:?}, unsent {unsent}, rows {rows}, batch {facts}"
        )
    }

    /// Everything read, said and acknowledged.
    pub(crate) fn is_done(&self, log: &Log, catalogs: usize) -> bool {
        let at_end = |topic: &Topic| {
            self.positions.get(topic).copied().unwrap_or(0) >= log.end(*topic, self.partition)
        };
        let is_idle = self.outbox.is_empty() && self.rows.is_empty() && self.batch.facts.is_empty();
        Topic::ALL.iter().all(at_end) && is_idle && !self.is_silent && self.catalogs == catalogs
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
