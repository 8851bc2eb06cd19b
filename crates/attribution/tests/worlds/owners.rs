//! Drivers of the machines, as `pipeline` has them: positions, states on a disk made of maps, memory that is dropped now and then.

use std::{collections::BTreeMap, sync::Arc};

use attribution::{MemorySlices, Orders, OrdersOutput, SliceOptions, Timelines, TouchStore};
use catalog::Catalog;
use events::{Identity, OrderKey};
use units::{CustomerId, Stamp};

use super::{Bug, Message, Random, Said, Saved};

#[derive(Debug, Clone, Default)]
pub(crate) struct OrdersSaved {
    states: BTreeMap<OrderKey, Vec<u8>>,
    catalogs: Vec<Arc<Catalog>>,
    position: usize,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct TimelinesSaved {
    asks: BTreeMap<Identity, Vec<u8>>,
    slices: MemorySlices,
    next: u64,
    position: usize,
}

#[derive(Debug)]
pub(crate) enum Owner {
    Orders(OrdersOwner),
    Timelines(TimelinesOwner),
}

#[derive(Debug)]
pub(crate) struct OrdersOwner {
    machine: Orders,
    disk: OrdersSaved,
    claim: u64,
}

#[derive(Debug)]
pub(crate) struct TimelinesOwner {
    machine: Timelines<MemorySlices>,
    asks: BTreeMap<Identity, Vec<u8>>,
    position: usize,
    claim: u64,
    /// When customers leave memory, which nobody is to notice: by numbers of its own, so that a world is the same without it.
    leaving: Random,
}

impl Owner {
    /// Reads the next record; `None` at the log's end.
    pub(crate) fn read(&mut self, log: &[Message], bug: Bug, random: &mut Random) -> Option<Vec<Said>> {
        let position = match self {
            Self::Orders(it) => &mut it.disk.position,
            Self::Timelines(it) => &mut it.position,
        };
        let message = log.get(*position)?.clone();
        *position += 1;
        let said = match self {
            Self::Orders(it) => it.take(message, random),
            Self::Timelines(it) => it.take(message),
        };
        let is_own_claim =
            matches!(log.get(self.position() - 1), Some(Message::Claim(it)) if *it == self.claim());
        if is_own_claim && bug != Bug::NoSilence {
            let said = self.speak();
            return Some(if bug == Bug::ForgetTouched { Vec::new() } else { said });
        }
        Some(said)
    }

    pub(crate) fn speak(&mut self) -> Vec<Said> {
        match self {
            Self::Orders(it) => {
                let mut out = Vec::new();
                for key in it.machine.speak(&mut out) {
                    it.fetch(&key);
                    it.machine.redecide(&key, &mut out);
                }
                said(out)
            }
            Self::Timelines(it) => {
                let mut out = Vec::new();
                for customer in it.machine.speak(&mut out).expect("memory does not fail") {
                    it.fetch(customer);
                    it.machine.tell(customer, &mut out);
                }
                out.into_iter().map(|it| Said::Message(Box::new(Message::Evidence(it)))).collect()
            }
        }
    }

    /// A checkpoint. In silence states may be kept, but not the position.
    pub(crate) fn save(&mut self, saved: &mut Saved, random: &mut Random) {
        match (self, saved) {
            (Self::Orders(it), Saved::Orders(saved)) => {
                it.keep(random);
                if it.machine.is_silent() {
                    saved.states.clone_from(&it.disk.states);
                } else {
                    saved.clone_from(&it.disk);
                }
            }
            (Self::Timelines(it), Saved::Timelines(saved)) if !it.machine.is_silent() => {
                it.keep();
                let next = it.machine.flush().expect("memory does not fail");
                let slices = it.machine.store().slices().clone();
                *saved = TimelinesSaved { asks: it.asks.clone(), slices, next, position: it.position };
            }
            _ => {}
        }
    }

    pub(crate) fn is_at_end(&self, log: &[Message]) -> bool {
        self.position() == log.len()
    }

    fn position(&self) -> usize {
        match self {
            Self::Orders(it) => it.disk.position,
            Self::Timelines(it) => it.position,
        }
    }

    fn claim(&self) -> u64 {
        match self {
            Self::Orders(it) => it.claim,
            Self::Timelines(it) => it.claim,
        }
    }
}

fn said(out: Vec<OrdersOutput>) -> Vec<Said> {
    let one = |it| match it {
        OrdersOutput::Lookup(it) => Said::Message(Box::new(Message::Lookup(it))),
        OrdersOutput::Bound(it) => Said::Message(Box::new(Message::Bound(it))),
        OrdersOutput::Decided { decision, credits } => Said::Decided(decision, credits),
    };
    out.into_iter().map(one).collect()
}

impl OrdersOwner {
    pub(crate) fn new(saved: &OrdersSaved, claim: u64, stamp: Stamp) -> Self {
        let mut machine = Orders::new(stamp);
        for catalog in &saved.catalogs {
            machine.on_catalog(Arc::clone(catalog), &mut Vec::new());
        }
        Self { machine, disk: saved.clone(), claim }
    }

    fn take(&mut self, message: Message, random: &mut Random) -> Vec<Said> {
        let mut out = Vec::new();
        match message {
            Message::Catalog(catalog) => {
                self.disk.catalogs.push(Arc::clone(&catalog));
                self.machine.on_catalog(catalog, &mut out);
                let elsewhere: Vec<OrderKey> =
                    self.disk.states.keys().filter(|it| !self.machine.holds(it)).cloned().collect();
                for key in elsewhere {
                    self.fetch(&key);
                    self.machine.redecide(&key, &mut out);
                }
            }
            Message::Report(report) => {
                self.fetch(&report.key);
                self.machine.on_report(report, &mut out);
            }
            Message::Score(score) => {
                self.fetch(&score.order);
                self.machine.on_score(score, &mut out);
            }
            Message::Evidence(evidence) => {
                self.fetch(&evidence.order);
                self.machine.on_evidence(evidence, &mut out);
            }
            Message::Claim(_) | Message::Click(_) | Message::Lookup(_) | Message::Bound(_) => {}
        }
        if random.one_in(8) {
            self.keep(random);
        }
        said(out)
    }

    fn fetch(&mut self, key: &OrderKey) {
        if let Some(state) = self.disk.states.get(key)
            && !self.machine.holds(key)
        {
            self.machine.restore(key, state).expect("it was written by this build");
        }
    }

    fn keep(&mut self, random: &mut Random) {
        self.disk.states.extend(self.machine.take_dirty());
        self.machine.evict(super::usize_below(random, 3));
    }
}

impl TimelinesOwner {
    pub(crate) fn new(saved: &TimelinesSaved, claim: u64, stamp: Stamp) -> Self {
        let options = SliceOptions { records_max: 3, span_ms: u64::MAX };
        let store =
            TouchStore::open(saved.slices.clone(), options, claim, saved.next).expect("memory does not fail");
        let mut machine = Timelines::new(stamp, store);
        for (identity, asks) in saved.asks.iter().filter(|it| matches!(it.0, Identity::Visitor(_))) {
            machine.restore(*identity, asks).expect("they were written by this build");
        }
        let leaving = Random(claim ^ 0x6c65_6176);
        Self { machine, asks: saved.asks.clone(), position: saved.position, claim, leaving }
    }

    fn take(&mut self, message: Message) -> Vec<Said> {
        let mut out = Vec::new();
        match message {
            Message::Click(click) => {
                self.machine.on_click(&click, &mut out).expect("memory does not fail");
            }
            Message::Lookup(lookup) => {
                if let Identity::Customer(customer) = lookup.identity {
                    self.fetch(customer);
                }
                self.machine.on_lookup(lookup, &mut out).expect("memory does not fail");
            }
            Message::Bound(bound) => {
                self.fetch(bound.customer);
                self.machine.on_bound(bound, &mut out);
            }
            Message::Claim(_)
            | Message::Catalog(_)
            | Message::Report(_)
            | Message::Score(_)
            | Message::Evidence(_) => {}
        }
        if self.leaving.one_in(2) {
            self.keep();
        }
        out.into_iter().map(|it| Said::Message(Box::new(Message::Evidence(it)))).collect()
    }

    fn fetch(&mut self, customer: CustomerId) {
        if let Some(state) = self.asks.get(&Identity::Customer(customer))
            && !self.machine.holds_customer(customer)
        {
            let restored = self.machine.restore(Identity::Customer(customer), state);
            restored.expect("it was written by this build");
        }
    }

    fn keep(&mut self) {
        self.asks.extend(self.machine.take_dirty());
        self.machine.evict_customers(super::usize_below(&mut self.leaving, 3));
    }
}
