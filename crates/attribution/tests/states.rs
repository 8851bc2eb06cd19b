//! What the machines keep: states' bytes, memory that is dropped, limits, and when something is said.

#[path = "states/answers.rs"]
mod answers;
#[path = "states/left_out.rs"]
mod left_out;
mod world;

use std::sync::Arc;

use attribution::{
    Caps, EVIDENCE_TOUCHES_MAX, MemorySlices, Orders, OrdersOutput, QUARTERS_LEFT_MAX, REPORTS_MAX,
    SliceOptions, StateError, Timelines, TouchStore, VISITORS_MAX, cap_touches,
};
use events::{Decision, Evidence, Identity, Lookup, Report, Touch};
use left_out::{forgetful, scattered};
use proptest::{collection::vec, prelude::*};
use units::{EpochMs, QUARTER_MS, Quarter, Stamp, VisitorId};
use world::*;

fn stamp(claim: u64) -> Stamp {
    Stamp::new(1, claim).expect("a small number")
}

fn orders(claim: u64) -> Orders {
    let mut orders = Orders::new(stamp(claim));
    orders.on_catalog(Arc::new(catalog(1, 0, WINDOW_MS)), &mut Vec::new());
    orders
}

fn speaking(claim: u64) -> Orders {
    let mut orders = orders(claim);
    assert!(orders.speak(&mut Vec::new()).is_empty());
    orders
}

fn timelines(claim: u64) -> Timelines<MemorySlices> {
    let store = TouchStore::open(MemorySlices::default(), SliceOptions::default(), 1, 0);
    Timelines::new(stamp(claim), store.expect("memory does not fail"))
}

fn evidence(order: &str, claim: u64, visitor: u64, touches: Vec<Touch>) -> Evidence {
    Evidence {
        partners: touches.iter().map(|it| it.partner).collect(),
        touches,
        ..Evidence::bare(stamp(claim), key(order), Identity::Visitor(VisitorId(visitor)))
    }
}

fn lookup(order: &str, visitor: u64, from: u64, to: u64) -> Lookup {
    Lookup {
        stamp: stamp(1),
        identity: Identity::Visitor(VisitorId(visitor)),
        order: key(order),
        from: EpochMs(from),
        to: EpochMs(to),
        at: EpochMs(to),
        visitors: Vec::new(),
    }
}

fn decisions(out: &[OrdersOutput]) -> Vec<&Decision> {
    let mut found = Vec::new();
    for it in out {
        if let OrdersOutput::Decided { decision, .. } = it {
            found.push(&**decision);
        }
    }
    found
}

fn lookups(out: &[OrdersOutput]) -> Vec<&Lookup> {
    let mut found = Vec::new();
    for it in out {
        if let OrdersOutput::Lookup(lookup) = it {
            found.push(lookup);
        }
    }
    found
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.split_whitespace().flat_map(str::chars).collect();
    digits.chunks(2).map(|it| u8::from_str_radix(&String::from_iter(it), 16).expect("two digits")).collect()
}

#[test]
fn only_changes_are_said_and_each_is_a_newer_revision() {
    let mut orders = speaking(9);
    let mut out = Vec::new();
    orders.on_report(report("o", T, 1).of(7), &mut out);
    assert_eq!((lookups(&out).len(), decisions(&out).len()), (1, 1));
    let asked = lookups(&out)[0];
    assert_eq!((asked.from, asked.to, asked.stamp), (EpochMs(T - WINDOW_MS), EpochMs(T), stamp(9)));

    out.clear();
    orders.on_report(report("o", T, 1).of(7), &mut out);
    orders.on_evidence(evidence("o", 3, 7, vec![]), &mut out);
    assert_eq!(out, [], "nothing new");

    orders.on_evidence(evidence("o", 3, 7, vec![touch(T - 5, 2, 7, 8)]), &mut out);
    let said = decisions(&out);
    assert_eq!((said.len(), said[0].partner.0, said[0].stamp), (1, 2, stamp(9).with_revision(1)));
    assert!(lookups(&out).is_empty());
}

#[test]
fn a_longer_window_of_any_version_asks_further_back() {
    let mut orders = speaking(9);
    orders.on_report(report("o", T, 1).of(7), &mut Vec::new());
    let mut out = Vec::new();
    orders.on_catalog(Arc::new(catalog(2, T + 1, 2 * WINDOW_MS)), &mut out);
    assert_eq!(lookups(&out).iter().map(|it| it.from.0).collect::<Vec<_>>(), [T - 2 * WINDOW_MS]);
    assert!(decisions(&out).is_empty(), "it is not in force at the order's time");
    out.clear();
    orders.on_catalog(Arc::new(catalog(3, T, 2 * WINDOW_MS)), &mut out);
    assert_eq!(decisions(&out).iter().map(|it| it.catalog.0).collect::<Vec<_>>(), [3]);
}

#[test]
fn a_silent_owner_says_everything_it_touched_when_it_may() {
    let mut orders = orders(9);
    let mut out = Vec::new();
    orders.on_report(report("b", T, 1), &mut out);
    orders.on_report(report("a", T, 2), &mut out);
    assert!(out.is_empty() && orders.is_silent());
    let states = orders.take_dirty();
    orders.evict(0);
    assert!(!orders.holds(&key("a")));
    orders.on_report(report("c", T, 3), &mut out);
    let elsewhere = orders.speak(&mut out);
    assert_eq!(elsewhere, [key("a"), key("b")]);
    for (key, state) in states {
        orders.restore(&key, &state).unwrap();
        orders.redecide(&key, &mut out);
    }
    let said: Vec<_> = decisions(&out).iter().map(|it| it.key.clone()).collect();
    assert_eq!(said, [key("c"), key("a"), key("b")]);
}

#[test]
fn what_was_sent_is_remembered_beyond_the_memory_of_the_order() {
    let mut orders = speaking(9);
    let mut out = Vec::new();
    orders.on_report(report("o", T, 1), &mut out);
    let states = orders.take_dirty();
    assert!(orders.take_dirty().is_empty());
    orders.evict(0);
    orders.restore(&key("o"), &states[0].1).unwrap();
    out.clear();
    orders.on_report(report("o", T, 1), &mut out);
    assert_eq!(out, []);
    orders.on_report(report("o", T - 1, 2), &mut out);
    assert_eq!(decisions(&out)[0].stamp, stamp(9).with_revision(1));
}

#[test]
fn eviction_drops_the_longest_unused_clean_states() {
    let mut orders = speaking(9);
    for (sequence, order) in (1..).zip(["a", "b", "c"]) {
        orders.on_report(report(order, T, sequence), &mut Vec::new());
    }
    orders.evict(0);
    assert!(["a", "b", "c"].iter().all(|it| orders.holds(&key(it))), "dirty states stay");
    orders.take_dirty();
    orders.on_evidence(evidence("a", 1, 7, vec![]), &mut Vec::new());
    orders.take_dirty();
    orders.evict(2);
    assert_eq!(["a", "b", "c"].map(|it| orders.holds(&key(it))), [true, false, true]);
}

/// Found by the simulation: decided in silence's end, evicted, and a version of the catalog came before its place in time was committed.
#[test]
fn a_decided_order_stays_in_memory_until_its_place_in_time_is_committed() {
    let mut orders = orders(9);
    orders.on_report(report("a", T, 1), &mut Vec::new());
    orders.take_dirty();
    let mut out = Vec::new();
    orders.speak(&mut out);
    assert_eq!(decisions(&out).len(), 1);
    orders.evict(0);
    assert!(orders.holds(&key("a")), "nobody else knows that it was decided");
    assert_eq!(orders.take_dirty().len(), 1);
    orders.evict(0);
    assert!(!orders.holds(&key("a")));
}

#[test]
fn what_was_said_of_an_order_outlives_its_state_in_memory() {
    let mut orders = speaking(9);
    let mut out = Vec::new();
    orders.on_report(report("o", T, 1).of(7), &mut out);
    let kept = orders.take_dirty();
    orders.evict(0);
    assert!(!orders.holds(&key("o")));
    out.clear();
    orders.restore(&key("o"), &kept[0].1).unwrap();
    orders.on_report(report("o", T, 1).of(7), &mut out);
    assert_eq!(out, [], "neither the question nor the decision is said again");
    orders.on_evidence(evidence("o", 3, 7, vec![touch(T - 5, 2, 7, 8)]), &mut out);
    assert_eq!(decisions(&out)[0].stamp, stamp(9).with_revision(1));
}

#[test]
fn a_report_and_its_evidence_taken_in_together_make_one_decision() {
    let mut orders = speaking(9);
    let mut out = Vec::new();
    orders.add_report(report("o", T, 1).of(7), &mut out);
    orders.add_evidence(evidence("o", 3, 7, vec![touch(T - 5, 2, 7, 8)]), &mut out);
    assert_eq!((lookups(&out).len(), decisions(&out).len()), (1, 0), "nobody waits to ask");
    orders.decide_due(&mut out);
    orders.decide_due(&mut out);
    let said = decisions(&out);
    assert_eq!((said.len(), said[0].partner.0, said[0].stamp), (1, 2, stamp(9)));
}

#[test]
fn another_visitor_of_an_order_is_asked_too() {
    let mut orders = speaking(9);
    let mut out = Vec::new();
    orders.on_report(report("o", T, 1).of(7), &mut out);
    out.clear();
    orders.on_report(report("o", T, 2).of(8), &mut out);
    let asked: Vec<_> = lookups(&out).iter().map(|it| (it.identity, it.stamp.revision())).collect();
    let visitor = |it| Identity::Visitor(VisitorId(it));
    assert_eq!(asked, [(visitor(7), 1), (visitor(8), 1)]);
}

#[test]
fn an_order_asks_about_so_many_visitors_and_no_more() {
    let mut orders = speaking(9);
    let mut out = Vec::new();
    for it in 1..=u64::try_from(VISITORS_MAX).unwrap() + 3 {
        orders.on_report(report("o", T + it, it).of(1_000 - it), &mut out);
    }
    let mut asked: Vec<Identity> = lookups(&out).iter().map(|it| it.identity).collect();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), VISITORS_MAX);
    assert_eq!(decisions(&out).last().unwrap().trace.visitors.len(), VISITORS_MAX);
}

fn after_reports(reports: &[Report]) -> Vec<(events::OrderKey, Vec<u8>)> {
    let mut orders = orders(1);
    for report in reports {
        orders.on_report(report.clone(), &mut Vec::new());
    }
    orders.take_dirty()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Also beyond its limit, an order's state does not depend on the order of arrival.
    #[test]
    fn a_state_is_a_set(times in vec(0..400_u64, 0..2 * REPORTS_MAX), turn in 0..600_usize) {
        let mut reports: Vec<Report> = (1..).zip(&times).map(|(sequence, at)| report("o", T + at, sequence)).collect();
        let one = after_reports(&reports);
        let count = reports.len().max(1);
        reports.rotate_left(turn % count);
        reports.reverse();
        reports.extend(reports.clone());
        prop_assert_eq!(one, after_reports(&reports));
    }

    /// The cap of a union of capped sets is the cap of the union.
    #[test]
    fn capping_commutes_with_union(a in vec(0..3_000_u64, 0..1_500), b in vec(0..3_000_u64, 0..1_500)) {
        let set = |times: &[u64]| times.iter().map(|it| touch(T + it, 1, 7, *it)).collect::<Vec<_>>();
        let capped = |mut touches: Vec<Touch>| { cap_touches(&mut touches); touches };
        let parts = [capped(set(&a)), capped(set(&b))].concat();
        prop_assert_eq!(capped(parts), capped([set(&a), set(&b)].concat()));
    }
}

/// States outlive the build that wrote them.
#[test]
fn states_are_golden() {
    let mut orders = orders(1);
    let id = click_id(T - 5, 1, 10, 7, 3);
    orders.on_report(report("o", T, 1).by(id).said_at(T - 1), &mut Vec::new());
    orders.on_evidence(evidence("o", 3, 7, vec![touch(T - 5, 2, 7, 8)]), &mut Vec::new());
    let bytes = orders.take_dirty().remove(0).1;
    assert_eq!(bytes, unhex(include_str!("golden/order_state_v1_reports_v2.hex")));

    // Where not all reports are kept, where the others could have placed the order is kept as well.
    let mut orders = forgetful(1);
    for it in scattered().into_iter().take(3) {
        orders.on_report(it, &mut Vec::new());
    }
    let bytes = orders.take_dirty().remove(0).1;
    assert_eq!(bytes, unhex(include_str!("golden/order_state_v2_reports_v2.hex")));

    let mut timelines = timelines(1);
    timelines.on_lookup(lookup("o", 7, T - 10, T), &mut Vec::new()).unwrap();
    timelines.on_lookup(lookup("p", 7, T - 20, T + 1), &mut Vec::new()).unwrap();
    let bytes = timelines.take_dirty().remove(0).1;
    assert_eq!(bytes, unhex(include_str!("golden/asks_v1.hex")));
}

/// Promise P23: what an earlier build saved is taken up whole, and goes on as if this build had seen all of it.
#[test]
fn states_of_every_earlier_version_are_restored() {
    let id = click_id(T - 5, 1, 10, 7, 3);
    let first = || report("o", T, 1).by(id).said_at(T - 1);
    let asked = || evidence("o", 3, 7, vec![touch(T - 5, 2, 7, 8)]);
    let all =
        [include_str!("golden/order_state_v1.hex"), include_str!("golden/order_state_v1_reports_v2.hex")];
    for golden in all.map(unhex) {
        let mut restored = orders(1);
        restored.restore(&key("o"), &golden).unwrap();
        let mut whole = orders(1);
        whole.on_report(first(), &mut Vec::new());
        whole.on_evidence(asked(), &mut Vec::new());
        let mut said = [Vec::new(), Vec::new()];
        for (orders, said) in [&mut restored, &mut whole].into_iter().zip(&mut said) {
            orders.on_report(report("o", T + 1, 2), said);
        }
        assert_eq!(restored.take_dirty().pop(), whole.take_dirty().pop());
    }

    let all =
        [include_str!("golden/order_state_v2.hex"), include_str!("golden/order_state_v2_reports_v2.hex")];
    for golden in all.map(unhex) {
        let mut restored = forgetful(1);
        restored.restore(&key("o"), &golden).unwrap();
        let mut whole = forgetful(1);
        let mut reports = scattered();
        let last = reports.pop().unwrap();
        for it in reports {
            whole.on_report(it, &mut Vec::new());
        }
        let mut said = [Vec::new(), Vec::new()];
        for (orders, said) in [&mut restored, &mut whole].into_iter().zip(&mut said) {
            orders.on_report(last.clone(), said);
        }
        assert_eq!(restored.take_dirty().pop(), whole.take_dirty().pop());
        assert_eq!(decisions(&said[0])[0].void_quarters, decisions(&said[1])[0].void_quarters);
    }

    let visitor = Identity::Visitor(VisitorId(7));
    let mut restored = timelines(1);
    restored.restore(visitor, &unhex(include_str!("golden/asks_v1.hex"))).unwrap();
    let mut whole = timelines(1);
    for (order, from, to) in [("o", T - 10, T), ("p", T - 20, T + 1)] {
        whole.on_lookup(lookup(order, 7, from, to), &mut Vec::new()).unwrap();
    }
    for timelines in [&mut restored, &mut whole] {
        timelines.on_lookup(lookup("q", 7, T - 30, T + 2), &mut Vec::new()).unwrap();
    }
    assert_eq!(restored.take_dirty().pop(), whole.take_dirty().pop());
}

#[test]
fn damaged_states_are_refused_by_name() {
    let mut target = orders(1);
    let good = after_reports(&[report("o", T, 1)]).remove(0).1;
    assert_eq!(target.restore(&key("o"), &[]), Err(StateError::UnknownVersion { version: 0 }));
    assert_eq!(target.restore(&key("o"), &[9, 0]), Err(StateError::UnknownVersion { version: 9 }));
    for end in 1..good.len() {
        assert!(target.restore(&key("o"), &good[..end]).is_err(), "cut to {end} bytes");
    }
    let mut long = good.clone();
    long.push(0);
    assert_eq!(target.restore(&key("o"), &long), Err(StateError::Malformed));
    assert!(!target.holds(&key("o")));
    assert_eq!(target.restore(&key("o"), &good), Ok(()));
    let visitor = Identity::Visitor(VisitorId(7));
    assert_eq!(timelines(1).restore(visitor, &[7]), Err(StateError::UnknownVersion { version: 7 }));
    assert_eq!(timelines(1).restore(visitor, &[1, 3]), Err(StateError::Malformed));
}
