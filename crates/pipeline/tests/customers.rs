//! Customers whom the driver gives back from its disk: a few stay in memory, and every order finds what became known of its own.

mod common;

use std::{cell::Cell, collections::BTreeMap, convert::Infallible, sync::Arc};

use attribution::{MemorySlices, SliceOptions, Timelines, TouchStore};
use common::{NOON, Who, catalog, click, report};
use events::{ClickKey, ClickMint, Identity, MatchedKey, OrderKey};
use journal::{Record, StreamId};
use pipeline::partition::{Inner, Outbox, Partition, States};
use units::{CustomerId, LinkId, MINUTE_MS, Origin, Stamp, VisitorId, WriterId};

/// States of each machine that stay in memory.
const STATES_MAX: usize = 2;
const CUSTOMERS: u8 = 20;

#[derive(Default)]
struct Disk {
    orders: BTreeMap<OrderKey, Vec<u8>>,
    timelines: BTreeMap<Identity, Vec<u8>>,
    customers_read: Cell<usize>,
}

impl States for Disk {
    type Error = Infallible;

    fn order(&self, key: &OrderKey) -> Result<Option<impl AsRef<[u8]>>, Infallible> {
        Ok(self.orders.get(key))
    }

    fn customer(&self, customer: CustomerId) -> Result<Option<impl AsRef<[u8]>>, Infallible> {
        let found = self.timelines.get(&Identity::Customer(customer));
        self.customers_read.set(self.customers_read.get() + usize::from(found.is_some()));
        Ok(found)
    }
}

/// One owner, which commits after every record.
struct Owner {
    machines: Partition<MemorySlices>,
    disk: Disk,
    out: Outbox,
    sequence: u64,
}

impl Owner {
    fn new() -> Self {
        let claim = Stamp::new(1, 9).expect("small");
        let store = TouchStore::open(MemorySlices::default(), SliceOptions::default(), 1, 0);
        let timelines = Timelines::new(claim, store.expect("memory does not fail"));
        let mut machines = Partition::new(claim, timelines, Inner::Memory);
        let (disk, mut out) = (Disk::default(), Outbox::default());
        let parsed = catalog::parse(&[("catalog.toml", &catalog("30d"))]).expect("a catalog");
        machines.on_catalog(Arc::new(parsed), &disk, &mut out).expect("memory does not fail");
        machines.speak(&disk, &mut out).expect("memory does not fail");
        Self { machines, disk, out, sequence: 0 }
    }

    fn origin(&mut self) -> Origin {
        self.sequence += 1;
        Origin { writer: WriterId::new(1, 0), incarnation: 1, sequence: self.sequence }
    }

    fn read(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        encode(&mut bytes);
        let record = Record { stream: StreamId::Memory(0), position: self.sequence, bytes: bytes.into() };
        self.machines.apply(&[record], &self.disk, &mut self.out).expect("memory does not fail");
        let dirty = self.machines.take_dirty().expect("memory does not fail");
        self.disk.orders.extend(dirty.orders);
        self.disk.timelines.extend(dirty.timelines);
        self.machines.evict(STATES_MAX);
        assert!(self.machines.held_customers() <= STATES_MAX);
    }

    fn order(&mut self, name: &str, minutes: u64, who: Who) {
        let report = report(self.origin(), NOON.forth(minutes * MINUTE_MS), name, 100, who);
        self.read(|bytes| report.encode(bytes).expect("encodes"));
    }
}

#[test]
fn ten_times_more_customers_than_are_held_are_each_found_by_their_next_order() {
    let mut owner = Owner::new();
    let mut mint = ClickMint::new(ClickKey::new(0, &[7; 32]), 0);
    for customer in 1..=CUSTOMERS {
        let id = mint.mint(NOON, LinkId(1 + u32::from(customer % 4)), VisitorId(customer.into()));
        let origin = owner.origin();
        owner.read(|bytes| click(origin, id, 1 + u32::from(customer % 4)).encode(bytes).expect("encodes"));
        owner.order(&format!("first-{customer}"), 1, Who::Customer(customer, Some(customer.into())));
    }
    owner.out.take_decided().for_each(drop);
    for customer in 1..=CUSTOMERS {
        owner.order(&format!("next-{customer}"), 2, Who::Customer(customer, None));
    }
    let found: BTreeMap<String, _> = owner
        .out
        .take_decided()
        .map(|(it, _)| (it.key.order.to_string(), (it.partner.0, it.matched)))
        .collect();
    for customer in 1..=CUSTOMERS {
        let want = (1 + u32::from(customer % 4), Some(MatchedKey::CustomerVisitor));
        assert_eq!(found.get(&format!("next-{customer}")), Some(&want));
    }
    assert!(owner.disk.customers_read.get() >= usize::from(CUSTOMERS) - STATES_MAX);
}
