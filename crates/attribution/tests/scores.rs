//! What suspicions do to an order: its credits wait, and lose nothing. Scores come in any order, and the newest counts.

mod world;

use std::sync::Arc;

use attribution::{Orders, OrdersOutput};
use catalog::{Catalog, EmailHash, Fraud, Model, VisitorLimit};
use events::{Credit, Decision, Evidence, Hold, Identity, Report, Score, Signal, SignalCode, Touch};
use units::{CatalogVersion, EpochMs, PartnerId, Stamp, VisitorId};
use world::{deciding::*, *};

const WITHIN_MS: u64 = 5_000;

fn signal(code: SignalCode, partner: u32) -> Signal {
    Signal { code, partner: PartnerId(partner), value: 1_200, threshold: 1_000 }
}

fn score(scored_at: u64, sequence: u64, signals: Vec<Signal>) -> Score {
    Score {
        origin: origin(sequence),
        received_at: EpochMs(T + scored_at),
        order: key("o"),
        rules: CatalogVersion(1),
        scored_at: EpochMs(T + scored_at),
        signals,
    }
}

/// Half to each of two partners, whose clicks lie an hour apart.
fn linear() -> Catalog {
    let mut catalog = catalog(1, 0, WINDOW_MS);
    catalog.offers.values_mut().for_each(|it| it.rules.model = Some(Model::Linear));
    catalog
}

fn watching(partners: u32) -> Catalog {
    let visitor = Some(VisitorLimit { partners, within_ms: WITHIN_MS });
    Catalog { fraud: Fraud { visitor, ..Fraud::default() }, ..linear() }
}

fn speaking() -> Orders {
    let mut orders = Orders::new(Stamp::new(1, 9).expect("a small number"));
    orders.on_catalog(Arc::new(linear()), &mut Vec::new());
    orders.speak(&mut Vec::new());
    orders
}

fn touched(orders: &mut Orders, out: &mut Vec<OrdersOutput>) {
    orders.on_report(report("o", T, 1).of(7), out);
    let stamp = Stamp::new(1, 3).expect("a small number");
    let touches = vec![touch(T - 700_000, 1, 7, 2), touch(T - 10, 2, 7, 3)];
    let answer = Evidence::bare(stamp, key("o"), Identity::Visitor(VisitorId(7)));
    orders.on_evidence(Evidence { touches, ..answer }, out);
}

fn last(out: &[OrdersOutput]) -> (Decision, Vec<Credit>) {
    let decided = out.iter().rev().find_map(|it| match it {
        OrdersOutput::Decided { decision, credits } => Some(((**decision).clone(), credits.clone())),
        OrdersOutput::Lookup(_) | OrdersOutput::Bound(_) => None,
    });
    decided.expect("the order was decided")
}

/// Partner, share, money and hold of those who have a share.
fn paid(credits: &[Credit]) -> Vec<(u32, u32, i64, Option<Hold>)> {
    let paid = credits.iter().filter(|it| it.share.0 > 0);
    paid.map(|it| (it.partner.0, it.share.0, it.revenue_minor, it.hold)).collect()
}

#[test]
fn a_suspicion_holds_credits_and_takes_nothing_from_them() {
    let held = Some(Hold::Fraud);
    let cases = [
        ("the order", 0, held, held, held),
        ("one partner", 2, held, None, held),
        ("the other", 1, held, held, None),
        ("one who earns nothing", 3, None, None, None),
    ];
    for (name, partner, order, first, second) in cases {
        let (mut orders, mut out) = (speaking(), Vec::new());
        touched(&mut orders, &mut out);
        orders.on_score(score(1, 5, vec![signal(SignalCode::ClickFlood, partner)]), &mut out);
        let (decision, credits) = last(&out);
        assert_eq!(decision.hold, order, "{name}");
        assert_eq!(paid(&credits), [(1, 500_000, 5_000, first), (2, 500_000, 5_000, second)], "{name}");
    }
}

#[test]
fn an_empty_score_lifts_the_hold_by_a_newer_snapshot() {
    let (mut orders, mut out) = (speaking(), Vec::new());
    touched(&mut orders, &mut out);
    let before = last(&out);
    orders.on_score(score(1, 5, vec![signal(SignalCode::ManyOrders, 0)]), &mut out);
    let held = last(&out).0;
    orders.on_score(score(2, 6, Vec::new()), &mut out);
    let (cleared, credits) = last(&out);
    let told = held.trace.signals.first().map(|it| (it.signal, it.rules.0));
    assert_eq!(
        told,
        Some((signal(SignalCode::ManyOrders, 0), 1)),
        "with what was compared, and by which version"
    );
    assert!(cleared.trace.signals.is_empty());
    assert!(before.0.stamp < held.stamp && held.stamp < cleared.stamp);
    assert_eq!((held.hold, cleared.hold), (Some(Hold::Fraud), None));
    assert_eq!(paid(&credits), paid(&before.1));
}

#[test]
fn the_newest_score_counts_in_whatever_order_scores_reports_and_touches_come() {
    let suspicious = |at, sequence| score(at, sequence, vec![signal(SignalCode::OddDelay, 2)]);
    let sets = [
        (vec![suspicious(1, 5), score(2, 6, Vec::new())], None),
        (vec![score(1, 5, Vec::new()), suspicious(2, 6)], Some(Hold::Fraud)),
        // Of one instant, that of the later version of the catalog, and then the later record.
        (vec![suspicious(1, 5), Score { rules: CatalogVersion(2), ..score(1, 4, Vec::new()) }], None),
        (vec![score(1, 5, Vec::new()), suspicious(1, 6)], Some(Hold::Fraud)),
    ];
    for (scores, want) in sets {
        for is_reversed in [false, true] {
            for is_first in [false, true] {
                let mut scores = scores.clone();
                if is_reversed {
                    scores.reverse();
                }
                let (mut orders, mut out) = (speaking(), Vec::new());
                if !is_first {
                    touched(&mut orders, &mut out);
                }
                for it in scores.iter().chain(scores.iter().take(1)) {
                    orders.on_score(it.clone(), &mut out);
                }
                if is_first {
                    assert_eq!(out, [], "there is no order yet");
                    touched(&mut orders, &mut out);
                }
                assert_eq!(last(&out).0.hold, want, "reversed {is_reversed}, first {is_first}");
            }
        }
    }
}

#[test]
fn a_score_comes_back_from_disk_and_a_repeated_one_says_nothing() {
    let (mut orders, mut out) = (speaking(), Vec::new());
    touched(&mut orders, &mut out);
    let held = score(1, 5, vec![signal(SignalCode::DataCentre, 0)]);
    orders.on_score(held.clone(), &mut out);
    let states = orders.take_dirty();
    orders.evict(0);
    let [(key, state)] = states.as_slice() else { panic!("one order") };
    // States outlive the build that wrote them.
    assert_eq!(*state, unhex(include_str!("golden/order_state_v3.hex")));
    out.clear();
    orders.restore(key, state).expect("this build wrote it");
    orders.on_score(held, &mut out);
    assert_eq!(out, []);

    let mut other = speaking();
    other.restore(key, state).expect("this build wrote it");
    other.redecide(key, &mut out);
    assert_eq!(last(&out).0.hold, Some(Hold::Fraud));
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.trim().as_bytes().chunks(2).map(|it| std::str::from_utf8(it).expect("digits"));
    digits.map(|it| u8::from_str_radix(it, 16).expect("two digits")).collect()
}

/// Its name; how long before the order, by which partner and by whom each click was; and what becomes of it.
type Burst<'a> = (&'a str, &'a [(u64, u32, u64)], Option<Hold>);

fn clicks(times: &[(u64, u32, u64)]) -> Vec<Touch> {
    (2_u64..)
        .zip(times)
        .map(|(sequence, (back, partner, who))| touch(T - back, *partner, *who, sequence))
        .collect()
}

#[test]
fn one_visitor_of_many_partners_within_seconds_is_suspicious_to_the_millisecond() {
    let cases: [Burst<'_>; 7] = [
        ("three at the edge", &[(9_000, 1, 7), (6_000, 2, 7), (4_000, 3, 7)], Some(Hold::Fraud)),
        ("a millisecond beyond it", &[(9_001, 1, 7), (6_000, 2, 7), (4_000, 3, 7)], None),
        ("one of them again and again", &[(9_000, 1, 7), (8_000, 1, 7), (4_000, 2, 7)], None),
        ("by two people", &[(9_000, 1, 7), (6_000, 2, 8), (4_000, 3, 7)], None),
        ("after others", &[(90_000, 1, 7), (3, 1, 7), (2, 2, 7), (1, 3, 7)], Some(Hold::Fraud)),
        ("before others", &[(90_002, 1, 7), (90_001, 2, 7), (90_000, 3, 7), (3, 1, 7)], Some(Hold::Fraud)),
        ("two", &[(9_000, 1, 7), (8_999, 2, 7)], None),
    ];
    for (name, times, want) in cases {
        let decided = decided_by([watching(3)], &[report("o", T, 1).of(7).of(8)], &clicks(times));
        assert_eq!(decided.decision.hold, want, "{name}");
        let told = decided.decision.trace.signals.first();
        let told = told.map(|it| (it.signal.code, it.signal.value, it.signal.threshold, it.rules.0));
        assert_eq!(told, want.map(|_| (SignalCode::ManyPartners, 3, 3, 1)), "{name}");
        let calm = decided_by([linear()], &[report("o", T, 1).of(7).of(8)], &clicks(times));
        assert_eq!(calm.decision.hold, None, "{name}: nothing is looked at");
        let without_hold =
            |credits: &[Credit]| paid(credits).iter().map(|it| (it.0, it.1, it.2)).collect::<Vec<_>>();
        assert_eq!(without_hold(&decided.credits), without_hold(&calm.credits), "{name}: nobody loses");
    }
}

#[test]
fn a_partners_own_order_holds_what_he_earns_by_it_under_any_of_his_names() {
    let held = Some(Hold::Fraud);
    // Half is partner 1's, half partner 2's; 2 and 3 are one person.
    let cases = [
        ("nobody's", &[None][..], None, None, &[][..]),
        ("the first one's", &[Some(1)], held, None, &[1]),
        ("the second one's", &[Some(2)], None, held, &[2]),
        ("by his other name", &[Some(3)], None, held, &[2]),
        ("of one who earns nothing", &[Some(4)], None, None, &[]),
        ("of one whom the catalog forgot", &[Some(77)], None, None, &[]),
        ("both say so", &[Some(1), Some(3)], held, held, &[1, 2]),
        ("one says it twice", &[Some(2), Some(2), None], None, held, &[2]),
    ];
    for is_on in [true, false] {
        let mut catalog = linear();
        catalog.fraud.self_purchase = is_on;
        for id in [2, 3] {
            catalog.partners.get_mut(&PartnerId(id)).expect("is there").email = Some(EmailHash::new([7; 32]));
        }
        for (name, buyers, first, second, signals) in cases {
            let of = |(number, buyer): (u64, &Option<u32>)| Report {
                self_partner: buyer.map(PartnerId),
                ..report("o", T, number).of(7)
            };
            let reports: Vec<Report> = (1..).zip(buyers).map(of).collect();
            let touches = [touch(T - 700_000, 1, 7, 12), touch(T - 10, 2, 7, 13)];
            let decided = decided_by([catalog.clone()], &reports, &touches);
            let if_on = |it: Option<Hold>| it.filter(|_| is_on);
            let want = [(1, 500_000, 5_000, if_on(first)), (2, 500_000, 5_000, if_on(second))];
            assert_eq!(paid(&decided.credits), want, "{name}: {is_on}");
            assert_eq!(decided.decision.hold, if_on(first.or(second)), "{name}: {is_on}");
            let told = decided.decision.trace.signals.iter();
            let told: Vec<_> =
                told.map(|it| (it.signal.code, it.signal.partner.0, it.signal.value, it.rules.0)).collect();
            let signals = signals.iter().filter(|_| is_on);
            let signals: Vec<_> = signals.map(|it| (SignalCode::SelfPurchase, *it, 1, 1)).collect();
            assert_eq!(told, signals, "{name}: {is_on}");
        }
    }
}

#[test]
fn what_robots_viewed_or_clicked_after_the_order_is_not_counted() {
    use events::{TouchKind, Verdict};
    let base = clicks(&[(9, 1, 7), (8, 2, 7), (7, 3, 7)]);
    let changed = |change: fn(&mut Touch)| {
        let mut touches = base.clone();
        touches.iter_mut().skip(2).for_each(change);
        decided_by([watching(3)], &[report("o", T, 1).of(7)], &touches).decision.hold
    };
    assert_eq!(changed(|_| {}), Some(Hold::Fraud));
    assert_eq!(changed(|it| it.kind = TouchKind::View), None);
    assert_eq!(changed(|it| it.verdict = Verdict::Bot), None);
    assert_eq!(changed(|it| it.at = EpochMs(T + 1)), None);
    assert_eq!(changed(|it| it.visitor = VisitorId(0)), None, "whose record is gone");
}
