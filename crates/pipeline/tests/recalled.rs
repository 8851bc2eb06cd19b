//! What one partition of several is told by facts: also what orders of others have asked long ago and will not ask again.

mod common;

use std::{convert::Infallible, sync::Arc};

use attribution::{MemorySlices, SliceOptions, Timelines, TouchStore};
use common::{NOON, Who, catalog, click, report};
use events::{ClickId, ClickKey, ClickMint, Identity, OrderKey};
use journal::{Record, StreamId, partition_of};
use pipeline::{
    partition::{Inner, Message, Outbox, Partition, States},
    rebuild::Rebuild,
};
use units::{AdvertiserId, CustomerId, DAY_MS, EpochMs, LinkId, Origin, Stamp, VisitorId, WriterId};
use warehouse::CustomerBlock;

const PARTITIONS: u32 = 2;
/// Of the two, the one that lost its state.
const HERE: u32 = 0;
const ELSEWHERE: u32 = 1;
const WINDOW_MS: u64 = 30 * DAY_MS;

/// Nothing is on disk.
struct Nothing;

impl States for Nothing {
    type Error = Infallible;

    fn order(&self, _: &OrderKey) -> Result<Option<impl AsRef<[u8]>>, Infallible> {
        Ok(None::<Vec<u8>>)
    }

    fn customer(&self, _: CustomerId) -> Result<Option<impl AsRef<[u8]>>, Infallible> {
        Ok(None::<Vec<u8>>)
    }
}

fn origin(sequence: u64) -> Origin {
    Origin { writer: WriterId::new(1, 0), incarnation: 1, sequence }
}

/// The first ids from `from` on that are that partition's.
fn visitors(of: u32, from: u64) -> impl Iterator<Item = u64> {
    let is_theirs =
        move |it: &u64| partition_of(&Identity::Visitor(VisitorId(*it)).log_key(), PARTITIONS) == of;
    (from..).filter(is_theirs)
}

/// The first names of this beginning that are that partition's.
fn orders(of: u32, name: &str) -> impl Iterator<Item = String> {
    let is_theirs =
        move |it: &String| partition_of(&OrderKey::by_id(AdvertiserId(1), it).log_key(), PARTITIONS) == of;
    (0..).map(move |it| format!("{name}-{it}")).filter(is_theirs)
}

fn machines() -> Partition<MemorySlices> {
    let claim = Stamp::new(1, 9).expect("small");
    let store = TouchStore::open(MemorySlices::default(), SliceOptions::default(), 1, 0);
    let timelines = Timelines::new(claim, store.expect("memory does not fail"));
    let mut machines = Partition::new(claim, timelines, Inner::Log);
    let parsed = catalog::parse(&[("catalog.toml", &catalog("30d"))]).expect("a catalog");
    machines.on_catalog(Arc::new(parsed), &Nothing, &mut Outbox::default()).expect("memory does not fail");
    machines
}

/// The orders that an owner tells of a late click, after it was told of `reports` by facts.
fn told_of_a_late_click(reports: &[events::Report], visitor: u64, touches_from: EpochMs) -> Vec<OrderKey> {
    let mut machines = machines();
    let mut rebuild = Rebuild::new(HERE, PARTITIONS, touches_from, WINDOW_MS);
    rebuild.reports(reports, &mut machines, &Nothing).expect("memory does not fail");
    for block in CustomerBlock::all(3) {
        let all = (reports, Vec::new());
        rebuild.customers(block, all, &mut machines, &Nothing).expect("memory does not fail");
    }
    let mut out = Outbox::default();
    machines.speak(&Nothing, &mut out).expect("memory does not fail");
    out.messages.clear();

    let late: ClickId =
        ClickMint::new(ClickKey::new(0, &[7; 32]), 0).mint(NOON.back(DAY_MS), LinkId(3), VisitorId(visitor));
    let mut bytes = Vec::new();
    click(origin(99), late, 3).encode(&mut bytes).expect("encodes");
    let record = Record { stream: StreamId::Memory(0), position: 0, bytes: bytes.into() };
    machines.apply(&[record], &Nothing, &mut out).expect("memory does not fail");
    let told = out.messages.iter().filter_map(|it| match it {
        Message::Evidence(it) if it.touches.iter().any(|it| it.visitor == VisitorId(visitor)) => {
            Some(it.order.clone())
        }
        _ => None,
    });
    told.collect()
}

fn key(name: &str) -> OrderKey {
    OrderKey::by_id(AdvertiserId(1), name)
}

/// One order knows the visitor, the other one only his customer: its owner asked about the visitor when it was told of him, and sees no reason to
/// ask again.
#[test]
fn orders_elsewhere_that_a_customer_led_to_a_visitor_are_told_of_his_late_clicks() {
    let visitor = visitors(HERE, 1).next().expect("half of them");
    let names: Vec<String> = orders(ELSEWHERE, "order").take(2).collect();
    let [knows, follows] = &names[..] else { panic!("two were taken") };
    let reports = [
        report(origin(1), NOON, knows, 500, Who::Customer(7, Some(visitor))),
        report(origin(2), NOON, follows, 600, Who::Customer(7, None)),
    ];
    let told = told_of_a_late_click(&reports, visitor, NOON.back(2 * DAY_MS));
    assert_eq!(told, [key(knows), key(follows)]);
}

#[test]
fn nobody_is_followed_by_a_till_or_beyond_all_windows_after_a_rebuild() {
    let mut known = visitors(HERE, 1);
    let visitor = known.next().expect("half of them");
    let names: Vec<String> = orders(ELSEWHERE, "order").take(20).collect();
    let follows = names.first().expect("twenty were taken");
    let mut reports = vec![report(origin(1), NOON, follows, 600, Who::Customer(7, None))];
    for (sequence, (name, of)) in (2..).zip(names.iter().skip(1).zip([visitor].into_iter().chain(known))) {
        reports.push(report(origin(sequence), NOON, name, 500, Who::Customer(7, Some(of))));
    }
    let own = names.get(1).expect("twenty were taken");
    assert_eq!(told_of_a_late_click(&reports, visitor, NOON.back(2 * DAY_MS)), [key(own)]);
    reports.truncate(2);
    assert_eq!(told_of_a_late_click(&reports, visitor, NOON.back(2 * DAY_MS)), [key(follows), key(own)]);
    // Touches before this are not kept any more, and nobody is told of them.
    assert_eq!(told_of_a_late_click(&reports, visitor, NOON.forth(9 * DAY_MS)), [key(own)]);
}
