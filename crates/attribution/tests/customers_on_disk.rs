//! Customers who leave memory and come back: what is held of them, and that nobody notices.

mod world;

use std::collections::BTreeMap;

use attribution::{MemorySlices, SliceOptions, Timelines, TouchStore};
use events::{Bound, Evidence, Identity, Lookup};
use units::{CustomerId, EpochMs, OfferId, PartnerId, Stamp, VisitorId};
use world::*;

/// A driver's disk and its cap on customers in memory.
struct Kept {
    machine: Timelines<MemorySlices>,
    disk: BTreeMap<Identity, Vec<u8>>,
    held_max: usize,
    restored: usize,
}

impl Kept {
    fn new(claim: u64, held_max: usize) -> Self {
        let store = TouchStore::open(MemorySlices::default(), SliceOptions::default(), 1, 0);
        let claim = Stamp::new(1, claim).expect("small");
        let machine = Timelines::new(claim, store.expect("memory does not fail"));
        Self { machine, disk: BTreeMap::new(), held_max, restored: 0 }
    }

    fn speaking(held_max: usize) -> Self {
        let mut kept = Self::new(2, held_max);
        assert_eq!(kept.machine.speak(&mut Vec::new()).expect("memory does not fail"), []);
        kept
    }

    fn fetch(&mut self, customer: CustomerId) {
        let identity = Identity::Customer(customer);
        if let Some(state) = self.disk.get(&identity)
            && !self.machine.holds_customer(customer)
        {
            self.machine.restore(identity, state).expect("it was written by this build");
            self.restored += 1;
        }
    }

    fn commit(&mut self) {
        for (identity, state) in self.machine.take_dirty() {
            if state.is_empty() {
                self.disk.remove(&identity)
            } else {
                self.disk.insert(identity, state)
            };
        }
        self.machine.evict_customers(self.held_max);
        assert!(self.machine.held_customers() <= self.held_max);
    }

    fn ask(&mut self, lookup: Lookup) -> Vec<Evidence> {
        let mut out = Vec::new();
        let Identity::Customer(customer) = lookup.identity else { panic!("a visitor's") };
        self.fetch(customer);
        self.machine.on_lookup(lookup, &mut out).expect("memory does not fail");
        out
    }

    fn bind(&mut self, bound: Bound) -> Vec<Evidence> {
        let mut out = Vec::new();
        self.fetch(bound.customer);
        self.machine.on_bound(bound, &mut out);
        out
    }
}

fn customer(number: u64) -> CustomerId {
    CustomerId(u128::from(number).to_be_bytes())
}

fn asked(number: u64, order: &str, at: u64, visitor: u64) -> Lookup {
    Lookup {
        stamp: Stamp::new(1, 1).expect("small"),
        identity: Identity::Customer(customer(number)),
        order: key(order),
        from: EpochMs(at - WINDOW_MS),
        to: EpochMs(at),
        at: EpochMs(at),
        visitors: vec![VisitorId(visitor)],
    }
}

fn bound(number: u64, order: &str, at: u64, partner: u32) -> Bound {
    Bound {
        stamp: Stamp::new(1, 1).expect("small"),
        customer: customer(number),
        order: key(order),
        at: EpochMs(at),
        partner: Some(PartnerId(partner)),
        offer: OfferId(10),
        by_binding: false,
        is_purchase: true,
    }
}

#[test]
fn ten_times_more_customers_than_may_be_held_pass_and_each_is_known_again() {
    const HELD_MAX: usize = 100;
    let mut kept = Kept::speaking(HELD_MAX);
    let customers = 10 * HELD_MAX as u64;
    for number in 0..customers {
        kept.ask(asked(number, &format!("a{number}"), T, number));
        kept.bind(bound(number, &format!("a{number}"), T, 2));
        if number % 10 == 9 {
            kept.commit();
        }
    }
    for number in 0..customers {
        let said = kept.ask(asked(number, &format!("b{number}"), T + 1, 5_000 + number));
        let of_b = said.iter().find(|it| it.order == key(&format!("b{number}"))).expect("it is answered");
        assert_eq!(of_b.visitors, [VisitorId(number), VisitorId(5_000 + number)]);
        assert_eq!(of_b.past.and_then(|it| it.first).map(|it| it.partner), Some(PartnerId(2)));
        if number % 10 == 9 {
            kept.commit();
        }
    }
    assert_eq!(kept.disk.len(), 10 * HELD_MAX);
    assert!(kept.restored >= 9 * HELD_MAX, "{} came back from disk", kept.restored);
}

/// Revisions go on where they were: else an order would keep what it was answered before its customer left memory.
#[test]
fn a_customer_who_comes_back_is_told_of_under_the_next_revision_and_never_twice_the_same() {
    let mut stamps = Vec::new();
    for held_max in [1, 0] {
        let mut kept = Kept::speaking(held_max);
        let mut said = kept.ask(asked(1, "o", T, 7));
        kept.commit();
        said.extend(kept.ask(asked(1, "o", T, 7)));
        kept.commit();
        assert_eq!(said.len(), 1, "the same is said once");
        said.extend(kept.bind(bound(1, "earlier", T - 1, 3)));
        kept.commit();
        said.extend(kept.ask(asked(1, "p", T + 1, 8)));
        assert_eq!(kept.restored, if held_max == 0 { 3 } else { 0 });
        stamps.push(said);
    }
    assert_eq!(stamps[0], stamps[1], "whether he was held or not");
    let revisions: Vec<u16> =
        stamps[0].iter().filter(|it| it.order == key("o")).map(|it| it.stamp.revision()).collect();
    assert_eq!(revisions, [0, 1, 2]);
}

#[test]
fn what_is_not_on_disk_yet_does_not_leave() {
    let mut kept = Kept::speaking(0);
    kept.ask(asked(1, "o", T, 7));
    kept.machine.evict_customers(0);
    assert_eq!(kept.machine.held_customers(), 1);
    kept.commit();
    kept.ask(asked(1, "o", T, 8));
    kept.machine.evict_customers(0);
    assert_eq!(kept.machine.held_customers(), 1, "he knows another visitor now");
    kept.commit();
    kept.ask(asked(1, "o", T, 8));
    kept.machine.evict_customers(0);
    assert_eq!(kept.machine.held_customers(), 0, "nothing changed");
}

#[test]
fn a_customer_touched_in_silence_is_told_of_also_if_he_left_meanwhile() {
    let mut kept = Kept::new(3, 0);
    assert_eq!(kept.ask(asked(1, "o", T, 7)), []);
    kept.commit();
    let mut out = Vec::new();
    let elsewhere = kept.machine.speak(&mut out).expect("memory does not fail");
    assert_eq!((elsewhere.as_slice(), out.len()), (&[customer(1)][..], 0));
    kept.fetch(customer(1));
    kept.machine.tell(customer(1), &mut out);
    assert_eq!(out.iter().map(|it| &it.visitors).collect::<Vec<_>>(), [&vec![VisitorId(7)]]);
    kept.machine.release(customer(1));
    assert_eq!(kept.machine.held_customers(), 0);
    kept.ask(asked(1, "o", T, 8));
    kept.machine.release(customer(1));
    assert_eq!(kept.machine.held_customers(), 1, "disk does not have all of him");
}

#[test]
fn questions_about_a_customer_on_disk_are_forgotten_when_he_comes_back() {
    let mut kept = Kept::speaking(0);
    kept.ask(asked(1, "old", T, 7));
    kept.commit();
    kept.machine.expire(EpochMs(T + 1)).expect("memory does not fail");
    let said = kept.ask(asked(1, "new", T + WINDOW_MS, 8));
    assert_eq!(said.iter().map(|it| it.order.clone()).collect::<Vec<_>>(), [key("new")]);
    assert_eq!(said[0].visitors, [VisitorId(7), VisitorId(8)], "he himself is not");
}
