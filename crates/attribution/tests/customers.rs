//! What orders learn from their customers: one step, from a customer to the visitors of his other orders.

mod world;

use std::{collections::BTreeSet, sync::Arc};

use attribution::{
    CUSTOMER_VISITORS_MAX, CUSTOMERS_MAX, MemorySlices, Orders, OrdersOutput, SliceOptions, StateError,
    Timelines, TouchStore,
};
use catalog::{Binding, BindingOwner, Customers};
use events::{
    Bound, CandidateVerdict, Decision, Evidence, Identity, Lookup, MatchedKey, Report, ReportedStatus,
    Statement,
};
use units::{CustomerId, EpochMs, OfferId, PartnerId, Stamp, VisitorId};
use world::*;

const CUSTOMER: Identity = Identity::Customer(CustomerId([1; 16]));

fn orders() -> Orders {
    let mut orders = Orders::new(Stamp::new(1, 1).expect("small"));
    orders.on_catalog(Arc::new(catalog(1, 0, WINDOW_MS)), &mut Vec::new());
    assert!(orders.speak(&mut Vec::new()).is_empty());
    orders
}

fn timelines() -> Timelines<MemorySlices> {
    let store = TouchStore::open(MemorySlices::default(), SliceOptions::default(), 1, 0);
    Timelines::new(Stamp::new(1, 2).expect("small"), store.expect("memory does not fail"))
}

/// Both machines, one beside the other.
struct Machines {
    orders: Orders,
    timelines: Timelines<MemorySlices>,
    asked: Vec<Lookup>,
    decided: Vec<Decision>,
}

impl Machines {
    fn new() -> Self {
        let mut timelines = timelines();
        timelines.speak(&mut Vec::new()).expect("memory does not fail");
        Self { orders: orders(), timelines, asked: Vec::new(), decided: Vec::new() }
    }

    fn click(&mut self, at: u64, partner: u32, visitor: u64, sequence: u64) {
        let mut evidence = Vec::new();
        self.timelines
            .on_click(&click(at, partner, visitor, sequence), &mut evidence)
            .expect("memory does not fail");
        self.settle(evidence, Vec::new());
    }

    fn report(&mut self, report: Report) {
        let mut out = Vec::new();
        self.orders.on_report(report, &mut out);
        self.settle(Vec::new(), out);
    }

    fn settle(&mut self, mut evidence: Vec<Evidence>, mut said: Vec<OrdersOutput>) {
        for _ in 0..100 {
            for it in evidence.drain(..) {
                self.orders.on_evidence(it, &mut said);
            }
            for it in said.drain(..) {
                match it {
                    OrdersOutput::Lookup(lookup) => {
                        self.asked.push(lookup.clone());
                        self.timelines.on_lookup(lookup, &mut evidence).expect("memory does not fail");
                    }
                    OrdersOutput::Bound(bound) => self.timelines.on_bound(bound, &mut evidence),
                    OrdersOutput::Decided { decision, .. } => self.decided.push(*decision),
                }
            }
            if evidence.is_empty() && said.is_empty() {
                return;
            }
        }
        panic!("the machines do not come to an end");
    }

    fn last(&self, order: &str) -> &Decision {
        self.decided.iter().rev().find(|it| it.key == key(order)).expect("it was decided")
    }
}

fn asked_of(machines: &Machines, order: &str) -> BTreeSet<Identity> {
    machines.asked.iter().filter(|it| it.order == key(order)).map(|it| it.identity).collect()
}

// fault 112
#[test]
fn an_order_finds_the_clicks_of_every_visitor_that_its_customer_is_known_by() {
    for telephone_first in [true, false] {
        let mut machines = Machines::new();
        machines.click(T - 50, 2, 7, 1);
        // One order on the telephone that clicked, one at the desk that did not.
        let mut reports =
            vec![report("phone", T, 2).of(7).of_customer(1), report("desk", T + 10, 3).of(8).of_customer(1)];
        if !telephone_first {
            reports.reverse();
        }
        for it in reports {
            machines.report(it);
        }
        let (phone, desk) = (machines.last("phone"), machines.last("desk"));
        assert_eq!((phone.partner.0, phone.matched), (2, Some(MatchedKey::Visitor)));
        assert_eq!((desk.partner.0, desk.matched), (2, Some(MatchedKey::CustomerVisitor)));
        assert_eq!(desk.trace.visitors, [VisitorId(7), VisitorId(8)]);

        // And what the telephone clicks later on, too.
        machines.click(T - 20, 3, 7, 4);
        assert_eq!(machines.last("desk").partner.0, 3);
    }
}

#[test]
fn an_order_that_names_its_customer_alone_is_credited_by_his_visitors() {
    let mut machines = Machines::new();
    machines.click(T - 50, 2, 7, 1);
    machines.report(report("alone", T, 2).of_customer(1));
    assert_eq!(machines.last("alone").partner.0, 0, "nobody knows yet who he is");
    machines.report(report("other", T + 5 * WINDOW_MS, 3).of(7).of_customer(1));
    let alone = machines.last("alone");
    assert_eq!((alone.partner.0, alone.matched), (2, Some(MatchedKey::CustomerVisitor)));
    assert_eq!(machines.last("other").partner.0, 0, "it has the same visitors and its own window");
}

#[test]
fn one_step_is_followed_and_no_second_one() {
    let mut machines = Machines::new();
    machines.report(report("a", T, 1).of(7).of_customer(1));
    // Visitor 7 is also what customer 2 is known by, whose other visitor is 8.
    machines.report(report("b", T, 2).of(7).of_customer(2));
    machines.report(report("c", T, 3).of(8).of_customer(2));
    machines.click(T - 5, 3, 8, 4);
    let visitor = |it| Identity::Visitor(VisitorId(it));
    assert_eq!(asked_of(&machines, "a"), BTreeSet::from([visitor(7), CUSTOMER]));
    assert_eq!(machines.last("a").partner.0, 0);
    assert_eq!(machines.last("b").partner.0, 3);
}

#[test]
fn the_visitors_of_a_till_are_not_followed() {
    let mut machines = Machines::new();
    machines.click(T - 50, 2, 1, 1);
    machines.report(report("o", T, 2).of(100).of_customer(1));
    for visitor in 1..=CUSTOMER_VISITORS_MAX as u64 {
        let followed = machines.decided.iter().rev().find(|it| it.key == key("o"));
        assert_eq!(followed.map(|it| it.partner.0), Some(if visitor == 1 { 0 } else { 2 }));
        machines.report(report("till", T + visitor, 10 + visitor).of(visitor).of_customer(1));
    }
    let decided = machines.last("o");
    assert_eq!((decided.partner.0, decided.matched), (0, None), "what was known of him counts no more");
    assert_eq!(decided.trace.notes, ["customer_shared".into()]);
    assert_eq!(decided.trace.visitors, [VisitorId(100)]);
    assert_eq!(decided.trace.candidates, []);
    let till = machines.last("till");
    assert_eq!((till.partner.0, till.matched), (2, Some(MatchedKey::Visitor)), "its own are its own");
}

#[test]
fn customers_beyond_the_limit_of_one_order_are_not_asked() {
    let mut machines = Machines::new();
    for customer in 1..=u8::try_from(CUSTOMERS_MAX + 2).unwrap() {
        machines.report(report("o", T, u64::from(customer)).of_customer(customer));
    }
    let first = (1..=u8::try_from(CUSTOMERS_MAX).unwrap()).map(|it| Identity::Customer(CustomerId([it; 16])));
    assert_eq!(asked_of(&machines, "o"), first.collect());
}

fn bound_by(binding: Binding, customers: Customers) -> catalog::Catalog {
    let mut catalog = catalog(2, 0, WINDOW_MS);
    for offer in catalog.offers.values_mut() {
        (offer.rules.binding, offer.rules.customers) = (Some(binding), Some(customers));
    }
    catalog
}

fn machines_under(binding: Binding, customers: Customers) -> Machines {
    let mut machines = Machines::new();
    machines.orders.on_catalog(Arc::new(bound_by(binding, customers)), &mut Vec::new());
    machines
}

fn lifetime(owner: BindingOwner) -> Binding {
    Binding::Bound { for_ms: None, orders: None, owner }
}

/// A sale of customer 1, long after his last click.
fn later(order: &str, windows: u64, sequence: u64) -> Report {
    let report = report(order, T + windows * WINDOW_MS, sequence).of_customer(1);
    let amount = Some(euros(100));
    Report { statement: Statement::Order { amount }, ..report }
}

fn led(machines: &Machines, order: &str) -> (u32, Option<MatchedKey>) {
    let decision = machines.last(order);
    (decision.partner.0, decision.matched)
}

#[test]
fn a_customer_stays_with_who_led_his_first_or_last_order_in_any_order_of_arrival() {
    for (owner, want) in [(BindingOwner::First, 2), (BindingOwner::Last, 3)] {
        let reports = [later("a", 0, 1).of(7), later("b", 2, 2).of(7), later("c", 4, 3)];
        for arrival in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let mut machines = machines_under(lifetime(owner), Customers::All);
            machines.click(T - 50, 2, 7, 11);
            machines.click(T + 2 * WINDOW_MS - 50, 3, 7, 12);
            for index in arrival {
                machines.report(reports[index].clone());
            }
            assert_eq!(led(&machines, "a"), (2, Some(MatchedKey::Visitor)));
            assert_eq!(led(&machines, "b"), (3, Some(MatchedKey::Visitor)), "a click outranks a binding");
            assert_eq!(led(&machines, "c"), (want, Some(MatchedKey::Customer)));
        }
    }
}

#[test]
fn a_binding_ends_by_time_to_the_millisecond_and_by_purchases() {
    let term = |for_ms, orders| Binding::Bound { for_ms, orders, owner: BindingOwner::First };
    let cases = [
        (term(Some(2 * WINDOW_MS), None), [(2, None), (0, Some(CandidateVerdict::BindingEnded))]),
        (term(Some(2 * WINDOW_MS + 1), None), [(2, None), (2, None)]),
        (term(None, Some(1)), [(2, None), (0, Some(CandidateVerdict::BindingEnded))]),
        (term(None, Some(2)), [(2, None), (2, None)]),
        (Binding::None, [(0, None), (0, None)]),
    ];
    for (binding, want) in cases {
        let mut machines = machines_under(binding, Customers::All);
        machines.click(T - 50, 2, 7, 11);
        machines.report(later("a", 0, 1).of(7));
        machines.report(later("b", 1, 2));
        machines.report(later("c", 2, 3));
        for (order, (partner, verdict)) in ["b", "c"].into_iter().zip(want) {
            let decision = machines.last(order);
            let verdicts = || decision.trace.candidates.iter().map(|it| it.verdict);
            assert_eq!(decision.partner.0, partner, "{order} under {binding}");
            assert!(verdict.is_none_or(|it| verdicts().any(|other| other == it)), "{order} under {binding}");
        }
    }
}

// fault 101
#[test]
fn a_rejected_order_binds_nobody_and_a_refunded_one_does() {
    let mut machines = machines_under(lifetime(BindingOwner::First), Customers::All);
    machines.click(T - 50, 2, 7, 11);
    // The refund comes before its sale.
    machines.report(refund("a", T + 9, 4, "r", None).of_customer(1));
    machines.report(later("a", 0, 1).of(7));
    machines.report(later("b", 4, 2));
    assert_eq!(led(&machines, "b"), (2, Some(MatchedKey::Customer)));
    machines.report(Report { status: Some(ReportedStatus::Rejected), ..later("a", 0, 5) });
    assert_eq!(led(&machines, "b"), (0, None));
}

#[test]
fn a_partner_who_has_a_customer_by_binding_alone_binds_nobody_anew() {
    let mut machines = machines_under(lifetime(BindingOwner::Last), Customers::All);
    machines.click(T - 50, 2, 7, 11);
    machines.report(later("a", 0, 1).of(7));
    machines.report(later("b", 2, 2));
    machines.report(later("c", 4, 3));
    assert_eq!(led(&machines, "c"), (2, Some(MatchedKey::Customer)));
    // What bound him is rejected: nobody is bound by what followed from it.
    machines.report(Report { status: Some(ReportedStatus::Rejected), ..later("a", 0, 5) });
    assert_eq!((led(&machines, "b"), led(&machines, "c")), ((0, None), (0, None)));
}

#[test]
fn who_has_bought_before_is_an_existing_customer_unless_the_shop_says_otherwise() {
    for (customers, first, second, verdict) in [
        (Customers::New, 2, 0, CandidateVerdict::ExistingCustomer),
        (Customers::Existing, 0, 2, CandidateVerdict::NewCustomer),
    ] {
        let mut machines = machines_under(Binding::None, customers);
        machines.click(T - 50, 2, 7, 11);
        machines.report(later("a", 0, 1).of(7));
        let second_order = || Report { received_at: EpochMs(T + 10), ..later("b", 0, 2).of(7) };
        machines.report(second_order());
        assert_eq!((led(&machines, "a").0, led(&machines, "b").0), (first, second), "{customers}");
        let refused = if first == 0 { "a" } else { "b" };
        assert_eq!(machines.last(refused).trace.candidates[0].verdict, verdict);
        let says = customers == Customers::New;
        machines.report(Report { new_customer: Some(says), received_at: EpochMs(T + 11), ..second_order() });
        assert_eq!(led(&machines, "b").0, 2, "the shop knows better");
    }
}

fn told(order: &str, claim: u64, partner: u32) -> Bound {
    Bound {
        stamp: Stamp::new(1, claim).expect("small"),
        customer: CustomerId([1; 16]),
        order: key(order),
        at: EpochMs(T),
        partner: Some(PartnerId(partner)),
        offer: OfferId(10),
        by_binding: false,
        is_purchase: true,
    }
}

#[test]
fn the_newest_claims_binding_counts_in_any_order() {
    for claims in [[(1, 2), (2, 3)], [(2, 3), (1, 2)]] {
        let mut timelines = timelines();
        timelines.speak(&mut Vec::new()).unwrap();
        let mut said = Vec::new();
        for (claim, partner) in claims {
            timelines.on_bound(told("o", claim, partner), &mut said);
        }
        timelines.on_lookup(question("p", T + 1, &[7]), &mut said).unwrap();
        timelines.on_lookup(question("o", T, &[7]), &mut said).unwrap();
        let past = |order: &str| said.iter().rev().find(|it| it.order == key(order)).unwrap().past;
        let first = past("p").and_then(|it| it.first).map(|it| it.partner);
        assert_eq!(first, Some(PartnerId(3)), "{claims:?}");
        assert_eq!(past("o"), None, "no order is before itself");
    }
}

fn question(order: &str, to: u64, visitors: &[u64]) -> Lookup {
    Lookup {
        stamp: Stamp::new(1, 1).expect("small"),
        identity: CUSTOMER,
        order: key(order),
        from: EpochMs(to - WINDOW_MS),
        to: EpochMs(to),
        at: EpochMs(to),
        visitors: visitors.iter().copied().map(VisitorId).collect(),
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.split_whitespace().flat_map(str::chars).collect();
    digits.chunks(2).map(|it| u8::from_str_radix(&String::from_iter(it), 16).expect("two digits")).collect()
}

/// What an owner kept of a customer is what the next one goes on with.
#[test]
fn a_customers_state_is_golden_and_restored() {
    let mut whole = timelines();
    whole.on_lookup(question("o", T, &[8, 7]), &mut Vec::new()).unwrap();
    whole.on_lookup(question("p", T + 1, &[]), &mut Vec::new()).unwrap();
    let without = unhex(include_str!("golden/customer_v1.hex"));
    assert_eq!(whole.take_dirty(), [(CUSTOMER, without.clone())]);
    whole.on_bound(told("o", 3, 2), &mut Vec::new());
    let (identity, bytes) = whole.take_dirty().remove(0);
    assert_eq!((identity, &bytes), (CUSTOMER, &unhex(include_str!("golden/customer_v2.hex"))));
    // On top of what version 1 kept.
    let mut earlier = timelines();
    earlier.restore(CUSTOMER, &without).unwrap();
    earlier.on_bound(told("o", 3, 2), &mut Vec::new());
    assert_eq!(earlier.take_dirty(), [(CUSTOMER, bytes.clone())]);

    let mut restored = timelines();
    restored.restore(CUSTOMER, &bytes).unwrap();
    assert!(restored.take_dirty().is_empty(), "it is on disk already");
    for timelines in [&mut restored, &mut whole] {
        timelines.on_lookup(question("q", T + 2, &[9]), &mut Vec::new()).unwrap();
    }
    assert_eq!(restored.take_dirty(), whole.take_dirty());
    let mut said = [Vec::new(), Vec::new()];
    restored.on_lookup(question("o", T, &[]), &mut said[0]).unwrap();
    restored.on_lookup(question("p", T + 1, &[]), &mut said[0]).unwrap();
    restored.speak(&mut said[0]).unwrap();
    whole.speak(&mut said[1]).unwrap();
    assert_eq!(said[0], said[1]);
    assert_eq!(said[0].len(), 3, "all who asked are told");

    for damaged in [&bytes[..0], &bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat()] {
        assert!(timelines().restore(CUSTOMER, damaged).is_err());
    }
    let asks = unhex(include_str!("golden/asks_v1.hex"));
    assert_eq!(timelines().restore(CUSTOMER, &asks), Err(StateError::UnknownVersion { version: 1 }));
}

#[test]
fn a_customer_is_known_when_the_questions_about_him_are_forgotten() {
    let mut timelines = timelines();
    timelines.speak(&mut Vec::new()).unwrap();
    timelines.on_lookup(question("o", T, &[7]), &mut Vec::new()).unwrap();
    timelines.take_dirty();
    timelines.expire(EpochMs(T + 1)).unwrap();
    let kept = timelines.take_dirty();
    assert_eq!(kept.iter().map(|it| (it.0, it.1.is_empty())).collect::<Vec<_>>(), [(CUSTOMER, false)]);
    let mut said = Vec::new();
    timelines.on_lookup(question("p", T + WINDOW_MS, &[]), &mut said).unwrap();
    let told: Vec<_> = said.iter().map(|it| (it.order.clone(), it.visitors.clone())).collect();
    assert_eq!(told, [(key("p"), vec![VisitorId(7)])]);
    assert_eq!(timelines.asked_identities(), 1);
}
