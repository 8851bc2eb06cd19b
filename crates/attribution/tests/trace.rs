//! What a decision tells of itself, by examples: by how much each candidate was off, who came before it, and what came of each key.

mod world;

use attribution::{CLOCK_DIFFERENCE_MAX_MS, NAMED_MAX, Orders, OrdersOutput};
use catalog::{
    Binding, BindingOwner, Catalog, Customers, Key, Model, OverrideFor, Precedence, RuleChanges, Status,
};
use events::{
    BoundTo, Candidate, CandidateVerdict as V, Decision, EarningKey, Evidence, Identity, KeyOutcome as K,
    Level, MatchedKey as M, Past, Report, ReportedClick, Role, SharedBy, Touch, TouchKind, Trace, Verdict,
};
use std::sync::Arc;
use units::{CustomerId, EpochMs, OfferId, PPM_WHOLE, PartnerId, Stamp};
use world::{deciding::*, *};

fn overriding(mut catalog: Catalog, partner: u32, changes: RuleChanges) -> Catalog {
    let whom = OverrideFor::Partner(PartnerId(partner));
    catalog.overrides.entry(OfferId(10)).or_default().insert(whom, changes);
    catalog
}

fn view(touch: Touch) -> Touch {
    Touch { kind: TouchKind::View, ..touch }
}

fn of_partner(decision: &Decision, partner: u32) -> &Candidate {
    let found = decision.trace.candidates.iter().find(|it| it.partner == PartnerId(partner));
    found.expect("he is told of")
}

/// Partner 1's clicks are guarded for 100 ms and from checkout on, partner 2 pays for new customers alone, partner 3's clicks come last,
/// partner 4 is paused; coupon `PLAIN` is partner 2's.
fn strict() -> Catalog {
    let guard = RuleChanges {
        hijack_window_ms: Some(100),
        hijack_after_checkout: Some(true),
        minimum_time_ms: Some(20),
        ..RuleChanges::default()
    };
    let new = RuleChanges { customers: Some(Customers::New), ..RuleChanges::default() };
    let last = Precedence::of(&[
        Key::ExclusiveCoupon,
        Key::Coupon,
        Key::Customer,
        Key::Partner,
        Key::View,
        Key::Click,
    ]);
    let last = RuleChanges { precedence: last, ..RuleChanges::default() };
    let mut catalog = overriding(overriding(overriding(catalog(1, 0, WINDOW_MS), 1, guard), 2, new), 3, last);
    catalog.partners.entry(PartnerId(4)).and_modify(|it| it.status = Status::Paused);
    with_coupon(catalog, "PLAIN", 2, false)
}

/// A name, partner 1's touch, and what is told of it: verdict, how far it was off, and whether partner 2's click came before it.
type Case = (&'static str, Touch, V, i64, bool);

/// Partner 2's click is 500 ms older than the order and newer than partner 3's; the order is by the same visitor and went to checkout 90 ms before
/// its time.
#[test]
fn each_verdict_says_how_far_it_was_off_and_who_came_before() {
    let at = |ms: u64| touch(T - ms, 1, 7, 9);
    let window = i64::try_from(WINDOW_MS).unwrap();
    let cases: [Case; 14] = [
        ("it won", at(101), V::Won, 0, false),
        ("older than what won", at(600), V::Older, 0, true),
        ("the last ms of the window", at(WINDOW_MS - 1), V::Older, 0, true),
        ("one ms beyond", at(WINDOW_MS), V::OutOfWindow, 1, false),
        ("five seconds beyond", at(WINDOW_MS + 4_999), V::OutOfWindow, 5_000, false),
        (
            "at the beginning of time",
            touch(0, 1, 7, 9),
            V::OutOfWindow,
            i64::try_from(T).unwrap() - window + 1,
            false,
        ),
        ("one ms nearer than the minimum time", at(19), V::TooSoon, -1, false),
        ("at the order", at(0), V::TooSoon, -20, false),
        ("after the order", touch(T + 7, 1, 7, 9), V::AfterOrder, -27, false),
        ("in checkout, and one ms inside the guard", at(89), V::HijackGuarded, -11, true),
        ("deep inside the guard", at(20), V::HijackGuarded, -80, true),
        ("a view behind clicks", view(at(30)), V::ViewBehindClick, 0, true),
        ("a view beyond its own window", view(at(WINDOW_MS / 10 + 2)), V::OutOfWindow, 3, false),
        ("a robot's", Touch { verdict: Verdict::Bot, ..at(WINDOW_MS + 4) }, V::NotValid, 0, false),
    ];
    let report = Report { checkout_at: Some(EpochMs(T - 90)), ..report("o", T, 1).of(7) };
    let (before, other) = (touch(T - 700, 3, 7, 3), touch(T - 500, 2, 7, 2));
    for (name, touch, verdict, short_ms, is_beaten) in cases {
        let decided = decided_by([strict()], std::slice::from_ref(&report), &[touch, before, other]);
        let told = of_partner(&decided.decision, 1);
        assert_eq!((told.verdict, told.short_ms), (verdict, short_ms), "{name}");
        assert_eq!(told.beaten_by, is_beaten.then_some(other.id), "{name}");
        assert_eq!(told.share, if verdict == V::Won { PPM_WHOLE } else { units::Ppm(0) }, "{name}");
        assert_eq!(told.found, Some(M::Visitor), "{name}");
    }
}

/// After checkout a click is guarded by its own time alone: it would have had to come before.
#[test]
fn a_click_in_checkout_is_off_by_the_time_since_it_began() {
    for (checkout_ago, ago, short_ms) in [(900, 800, -101), (900, 900, -1), (150, 60, -91), (150, 20, -131)] {
        let report = Report { checkout_at: Some(EpochMs(T - checkout_ago)), ..report("o", T, 1).of(7) };
        let decided = decided_by([strict()], &[report], &[touch(T - 950, 2, 7, 2), touch(T - ago, 1, 7, 9)]);
        let told = of_partner(&decided.decision, 1);
        assert_eq!((told.verdict, told.short_ms), (V::HijackGuarded, short_ms), "{checkout_ago} {ago}");
        assert_eq!(decided.decision.trace.checkout_at, Some(EpochMs(T - checkout_ago)));
    }
}

/// Nothing is said of a time where none would have helped.
#[test]
fn where_no_time_would_do_none_is_told() {
    let rules = |changes| overriding(strict(), 1, changes);
    let never = rules(RuleChanges { view_window_ms: Some(0), ..RuleChanges::default() });
    let decided = decided_by([never], &[report("o", T, 1).of(7)], &[view(touch(T - 5, 1, 7, 1))]);
    let told = of_partner(&decided.decision, 1);
    assert_eq!((told.verdict, told.short_ms, told.window_ms), (V::OutOfWindow, 0, 0), "views are off");
    let within = RuleChanges { hijack_window_ms: Some(WINDOW_MS), ..RuleChanges::default() };
    let touches = [touch(T - 500, 2, 7, 1), touch(T - 5, 1, 7, 2)];
    let decided = decided_by([rules(within)], &[report("o", T, 1).of(7)], &touches);
    let told = of_partner(&decided.decision, 1);
    assert_eq!((told.verdict, told.short_ms), (V::HijackGuarded, 0), "the guard outlasts the window");
}

#[test]
fn what_is_no_matter_of_time_says_so_by_a_zero() {
    let former = with_coupon(catalog(1, 0, WINDOW_MS), "X", 3, false);
    let now = Catalog { version: units::CatalogVersion(2), effective_at: EpochMs(1), ..strict() };
    let moved = with_coupon(now, "X", 2, false);
    let order = Report { new_customer: Some(false), ..report("o", T, 1).of(7).with("x") };
    let foreign = Touch { advertiser: OTHER_SHOP, ..Touch::from(&click_on(T - 9, 1, 20, 7, 6)) };
    let signed = click_on(T - 9, 1, 20, 7, 6);
    let touches = [touch(T - 5, 2, 7, 1), touch(T - 6, 3, 7, 2), touch(T - 7, 4, 7, 3), foreign];
    let decided = decided_by([former, moved], &[order.by(signed.id)], &touches);
    let candidates = &decided.decision.trace.candidates;
    let told: Vec<_> = candidates
        .iter()
        .map(|it| (it.partner.0, it.verdict, it.role, it.found.unwrap(), it.rank, it.short_ms, it.beaten_by))
        .collect();
    let none = Role::None;
    assert_eq!(
        told,
        [
            (2, V::ExistingCustomer, none, M::Coupon, Some(2), 0, None),
            (3, V::FormerHolder, none, M::Coupon, Some(1), 0, None),
            (2, V::ExistingCustomer, none, M::Visitor, Some(1), 0, None),
            (3, V::Won, Role::Closer, M::Visitor, Some(5), 0, None),
            (4, V::PartnerInactive, none, M::Visitor, Some(1), 0, None),
            (0, V::CrossTenant, none, M::ClickId, None, 0, None),
        ]
    );
    let by = decided.decision.trace.decided_by.unwrap();
    assert_eq!((by.key, by.partner.0, by.offer.0, by.level), (EarningKey::Click, 3, 10, Level::Offer));
}

#[test]
fn a_path_tells_shares_places_and_repeats() {
    let mut catalog = catalog(1, 0, WINDOW_MS);
    catalog.offers.values_mut().for_each(|it| it.rules.model = Some(Model::Linear));
    let again = Touch { verdict: Verdict::Duplicate, ..touch(T - 20, 1, 7, 3) };
    let touches = [touch(T - 30, 1, 7, 1), again, touch(T - 10, 2, 7, 4)];
    let decided = decided_by([catalog], &[report("o", T, 1).of(7)], &touches);
    let told: Vec<_> = decided.decision.trace.candidates.iter().collect();
    let parts: Vec<_> = told.iter().map(|it| (it.share.0, it.role, it.verdict)).collect();
    let parts_wanted =
        [(500_000, Role::Closer, V::Won), (0, Role::None, V::Duplicate), (500_000, Role::Introducer, V::Won)];
    assert_eq!(parts, parts_wanted);
    assert_eq!(told[1].beaten_by, Some(touches[0].id));
    let by = decided.decision.trace.decided_by.unwrap();
    assert_eq!((by.key, by.model, by.partner.0), (EarningKey::Click, Some(SharedBy::Linear), 2));
}

/// The key, its text, what came of it, and whose it is.
fn keys(trace: &Trace) -> Vec<(M, &str, K, u32)> {
    trace.keys.iter().map(|it| (it.key, &*it.named, it.outcome, it.partner.map_or(0, |it| it.0))).collect()
}

#[test]
fn keys_tell_whose_they_are_and_what_came_of_them() {
    let before = with_coupon(catalog(1, 0, WINDOW_MS), "GONE", 3, true);
    let mut now = with_coupon(strict(), "PAUSED", 4, true);
    (now.version, now.effective_at) = (units::CatalogVersion(2), EpochMs(1));
    let order = |coupons: &[&str]| Report {
        coupons: coupons.iter().map(|it| (*it).into()).collect(),
        ..report("o", T, 1).of(7)
    };
    let of = |order: Report, touches: &[Touch]| {
        decided_by([before.clone(), now.clone()], &[order], touches).decision.trace
    };
    let click = [touch(T - 200, 1, 7, 1)];
    let lost = of(order(&["plain", "PAUSED", "gone", "what?"]).declaring(77), &click);
    let plain = (M::Coupon, "plain", K::Lost, 2);
    let paused = (M::ExclusiveCoupon, "PAUSED", K::Refused, 4);
    let unknown = [(M::Coupon, "gone", K::Nobodys, 0), (M::Coupon, "what?", K::Unknown, 0)];
    assert_eq!(
        keys(&lost),
        [plain, paused, unknown[0], unknown[1], (M::Partner, "", K::Unknown, 77)],
        "in the order in which they were named"
    );
    assert_eq!((lost.touches.click_id, lost.touches.visitor), (K::NotNamed, K::Decided));
    assert_eq!(lost.touches.customer_visitor, K::NotNamed);

    let won = of(order(&["what?", "plain"]).of_customer(1), &[]);
    let wanted = [(M::Coupon, "plain", K::Decided, 2), unknown[1], (M::Customer, "", K::NoCandidate, 0)];
    assert_eq!(keys(&won), wanted, "what decided comes first, the customer last");
    assert_eq!(won.touches.visitor, K::NoCandidate);
    let by = won.decided_by.unwrap();
    assert_eq!((by.key, by.model, by.partner.0, by.level), (EarningKey::Coupon, None, 2, Level::Offer));

    let refused = ReportedClick::Refused { text: "{clickid}".into(), reason: "unexpanded_macro".into() };
    let refused = of(Report { click: refused, visitor: None, ..order(&[]) }, &[]);
    assert_eq!((refused.touches.click_id, refused.touches.visitor), (K::Refused, K::NotNamed));
    assert_eq!(refused.decided_by, None);
}

#[test]
fn touches_that_a_key_finds_make_its_outcome() {
    let off = RuleChanges { precedence: Precedence::of(&[Key::View]), ..RuleChanges::default() };
    let catalog = overriding(strict(), 2, off);
    let outcome = |partner, ago: u64| {
        let id = click(T - ago, partner, 8, 5);
        let trace =
            decided_by([catalog.clone()], &[report("o", T, 1).by(id.id).of(7)], &[touch(T - 1, 3, 7, 1)]);
        let touches = trace.decision.trace.touches;
        (touches.click_id, touches.visitor)
    };
    assert_eq!(outcome(1, 200), (K::Decided, K::Lost), "of partner 1, whose clicks come first");
    assert_eq!(outcome(1, WINDOW_MS), (K::Refused, K::Decided), "out of its window");
    assert_eq!(outcome(2, 200), (K::Off, K::Decided), "clicks are off for partner 2");
    assert_eq!(outcome(4, 200), (K::Refused, K::Decided), "partner 4 is paused");
}

#[test]
fn clocks_that_differ_are_told_up_to_the_millisecond_and_beyond() {
    let max = CLOCK_DIFFERENCE_MAX_MS;
    let none = "";
    for (name, clicks, gap_ms, note) in [
        ("no click is later", vec![T, T - 5], 0, none),
        ("one ms later", vec![T + 1, T - 5], 1, "clock_differs"),
        ("a day later", vec![T + max], max, "clock_differs"),
        ("one ms more", vec![T + max + 1], max + 1, "clock_gap_too_large"),
        (
            "the nearest of those that are not used",
            vec![T + 3 * max, T + 2 * max],
            2 * max,
            "clock_gap_too_large",
        ),
        ("the one that is used", vec![T + 2 * max, T + 9, T + 8], 9, "clock_differs"),
    ] {
        let reports: Vec<Report> = clicks
            .iter()
            .zip(1..)
            .map(|(at, number)| report("o", T, number).by(click(*at, 1, 7, number).id))
            .collect();
        let decided = decided(&reports, &[]);
        assert_eq!(decided.decision.trace.clock_gap_ms, gap_ms, "{name}");
        assert_eq!(notes(&decided).first().copied().unwrap_or(none), note, "{name}");
    }
}

#[test]
fn another_offer_than_the_clicked_one_is_noted_and_does_not_count() {
    for (named, note) in [(None, vec![]), (Some(10), vec![]), (Some(20), vec!["offer_differs"])] {
        let order = Report { offer: named.map(OfferId), ..report("o", T, 1).of(7) };
        let told = decided(std::slice::from_ref(&order), &[touch(T - 5, 1, 7, 1)]);
        assert_eq!((told.decision.offer, notes(&told)), (OfferId(10), note), "{named:?}");
        assert_eq!(notes(&decided(&[order], &[])), [""; 0], "nobody earns");
    }
}

/// Levels of the rule that let the winner in: a window by partner, type, offer, or built in.
#[test]
fn the_level_of_the_deciding_rule_is_told() {
    let window = RuleChanges { click_window_ms: Some(500), ..RuleChanges::default() };
    let mut by_type = catalog(1, 0, WINDOW_MS);
    let whom = OverrideFor::PartnerKind("content".into());
    by_type.overrides.entry(OfferId(10)).or_default().insert(whom, window);
    let mut built_in = catalog(1, 0, WINDOW_MS);
    built_in.offers.values_mut().for_each(|it| it.rules = RuleChanges::default());
    let level = |catalog: Catalog| {
        let decided = decided_by([catalog], &[report("o", T, 1).of(7)], &[touch(T - 5, 1, 7, 1)]);
        decided.decision.trace.decided_by.map(|it| it.level)
    };
    assert_eq!(level(built_in), Some(Level::BuiltIn));
    assert_eq!(level(catalog(1, 0, WINDOW_MS)), Some(Level::Offer));
    assert_eq!(level(by_type.clone()), Some(Level::PartnerType));
    assert_eq!(level(overriding(by_type, 1, window)), Some(Level::Partner));
}

/// An order at `T` of a customer whom partner 2 brought `ago` ms before it, `since` purchases ago, bound for 1,000 ms and three orders.
fn bound(ago: u64, since: u32) -> Decision {
    let binding = Binding::Bound { for_ms: Some(1_000), orders: Some(3), owner: BindingOwner::First };
    let mut catalog = catalog(1, 0, WINDOW_MS);
    catalog.offers.values_mut().for_each(|it| it.rules.binding = Some(binding));
    let mut orders = Orders::new(Stamp::new(1, 1).expect("small"));
    let mut said = Vec::new();
    orders.on_catalog(Arc::new(catalog), &mut said);
    orders.speak(&mut said);
    orders.on_report(report("o", T, 1).of_customer(1), &mut said);
    let to = BoundTo { at: EpochMs(T - ago), partner: PartnerId(2), offer: OfferId(10), since };
    let past = Past { first: Some(to), last: Some(to), orders: since + 1 };
    let answer = Evidence::bare(Stamp::default(), key("o"), Identity::Customer(CustomerId([1; 16])));
    orders.on_evidence(Evidence { past: Some(past), ..answer }, &mut said);
    let mut decided = said.into_iter().filter_map(|it| match it {
        OrdersOutput::Decided { decision, .. } => Some(*decision),
        OrdersOutput::Lookup(_) | OrdersOutput::Bound(_) => None,
    });
    decided.next_back().expect("it was decided")
}

#[test]
fn a_binding_tells_its_age_its_term_and_by_how_much_it_was_over() {
    for (name, ago, since, verdict, short_ms, outcome) in [
        ("its last ms", 999, 2, V::Won, 0, K::Decided),
        ("one ms too late", 1_000, 2, V::BindingEnded, 1, K::Refused),
        ("a second too late", 1_999, 0, V::BindingEnded, 1_000, K::Refused),
        ("used up", 10, 3, V::BindingEnded, 0, K::Refused),
        ("used up, and too late: no time would do", 1_999, 3, V::BindingEnded, 0, K::Refused),
    ] {
        let decision = bound(ago, since);
        let told = of_partner(&decision, 2);
        assert_eq!((told.verdict, told.short_ms), (verdict, short_ms), "{name}");
        assert_eq!((told.age_ms, told.window_ms), (i64::try_from(ago).unwrap(), 1_000), "{name}");
        assert_eq!(keys(&decision.trace), [(M::Customer, "", outcome, 2)], "{name}");
        let by = decision.trace.decided_by.map(|it| (it.key, it.model, it.level));
        let wanted = (verdict == V::Won).then_some((EarningKey::Customer, None, Level::Offer));
        assert_eq!(by, wanted, "{name}");
    }
}

#[test]
fn keys_beyond_the_limit_are_counted_and_the_one_that_decided_is_told() {
    let named = |number: u64| report("o", T + number, number + 1).with(&format!("unknown{number}"));
    let mut reports: Vec<Report> = (0..20).map(named).collect();
    reports.push(report("o", T + 30, 30).with("PLAIN").of_customer(1));
    let trace = decided_by([strict()], &reports, &[]).decision.trace;
    assert_eq!((trace.keys.len(), trace.keys_left_out), (Trace::KEYS_MAX, 6));
    let told = keys(&trace);
    assert_eq!(
        (told[0], told[1]),
        ((M::Coupon, "PLAIN", K::Decided, 2), (M::Coupon, "unknown0", K::Unknown, 0))
    );
    assert_eq!(told.last().map(|it| it.0), Some(M::Customer));
    assert_eq!(NAMED_MAX, Trace::KEYS_MAX, "who is told of has his candidate");
}
