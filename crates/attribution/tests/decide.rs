//! The decision by examples: one row, one sentence. What an order is worth stands in `decide_money`.

mod world;

use attribution::{CANDIDATES_MAX, CLOCK_DIFFERENCE_MAX_MS, decide};
use catalog::{OverrideFor, Status};
use events::{
    CandidateVerdict as V, MatchedKey, Report, ReportedClick, TimeSource, Touch, TouchKind, Trace,
    Unattributed, Verdict,
};
use units::{CatalogVersion, EpochMs, OfferId, Origin, PartnerId, QUARTER_MS};
use world::{deciding::*, *};

#[test]
fn an_order_without_reports_is_none() {
    assert_eq!(decide(&key("o"), &[], &[touch(T, 1, 7, 1)], &history([])), None);
}

/// Fault 96: half-open, exact to the millisecond; fault 99: from the future, and older than every window.
#[test]
fn the_window_is_half_open_and_exact() {
    let cases = [
        ("at the order's own millisecond", T, V::Won),
        ("one ms before it", T - 1, V::Won),
        ("one ms after it", T + 1, V::AfterOrder),
        ("one ms inside the window's end", T - WINDOW_MS + 1, V::Won),
        ("at the window's end", T - WINDOW_MS, V::OutOfWindow),
        ("one ms beyond", T - WINDOW_MS - 1, V::OutOfWindow),
        ("at the beginning of time", 0, V::OutOfWindow),
        ("in the year 10889", EpochMs::MAX_48_BIT.0, V::AfterOrder),
    ];
    for (name, at, want) in cases {
        let decided = decided(&[report("o", T, 1).of(7)], &[touch(at, 1, 7, 1)]);
        assert_eq!(verdicts(&decided), [want], "{name}");
        assert_eq!(partner(&decided), u32::from(want == V::Won), "{name}");
        let candidate = &decided.decision.trace.candidates[0];
        assert_eq!(candidate.age_ms, i64::try_from(T).unwrap() - i64::try_from(at).unwrap(), "{name}");
        assert_eq!(candidate.window_ms, WINDOW_MS, "{name}");
    }
}

/// Fault 97: (time, writer, sequence), in any order of arrival.
#[test]
fn ties_are_broken_by_writer_and_sequence() {
    let mut a = touch(T - 5, 1, 7, 2);
    let b = touch(T - 5, 2, 7, 3);
    assert_eq!(partner(&decided(&[report("o", T, 1).of(7)], &[a, b])), 2);
    assert_eq!(partner(&decided(&[report("o", T, 1).of(7)], &[b, a])), 2);
    a.origin = Origin { writer: units::WriterId(2), ..a.origin };
    assert_eq!(partner(&decided(&[report("o", T, 1).of(7)], &[a, b])), 1);
    assert_eq!(partner(&decided(&[report("o", T, 1).of(7)], &[b, a])), 1);
}

#[test]
fn the_newest_eligible_click_wins_and_views_only_where_there_is_none() {
    let bot = Touch { verdict: Verdict::Bot, ..touch(T - 1, 3, 7, 9) };
    let duplicate = Touch { verdict: Verdict::Duplicate, ..touch(T - 2, 2, 7, 8) };
    let view = |at, sequence| Touch { kind: TouchKind::View, ..touch(at, 3, 7, sequence) };
    let cases: [(&str, Vec<Touch>, u32, Vec<V>); 6] = [
        ("the newest", vec![touch(T - 9, 1, 7, 1), touch(T - 3, 2, 7, 2)], 2, vec![V::Won, V::Older]),
        ("a robot's never", vec![touch(T - 9, 1, 7, 1), bot], 1, vec![V::NotValid, V::Won]),
        ("a person's second too", vec![touch(T - 9, 1, 7, 1), duplicate], 2, vec![V::Won, V::Older]),
        (
            "a view behind a click",
            vec![touch(T - 9, 1, 7, 1), view(T - 1, 2)],
            1,
            vec![V::ViewBehindClick, V::Won],
        ),
        ("a view alone, in its own window", vec![view(T - WINDOW_MS / 10 + 1, 2)], 3, vec![V::Won]),
        ("a view beyond it", vec![view(T - WINDOW_MS / 10, 2)], 0, vec![V::OutOfWindow]),
    ];
    for (name, touches, want, want_verdicts) in cases {
        let decided = decided(&[report("o", T, 1).of(7)], &touches);
        assert_eq!((partner(&decided), verdicts(&decided)), (want, want_verdicts), "{name}");
    }
}

/// Fault 95: a signed id is enough, and the record changes only what the id cannot know.
#[test]
fn a_signed_click_decides_before_its_record_arrives() {
    let click = click(T - 10, 1, 7, 5);
    let reports = [report("o", T, 1).by(click.id)];
    let early = decided(&reports, &[]);
    assert_eq!((partner(&early), early.decision.matched), (1, Some(MatchedKey::ClickId)));
    let late = decided(&reports, &[Touch::from(&click), Touch::from(&click)]);
    assert_eq!(early.decision, late.decision);
    assert_eq!(late.credits.len(), 1);
    assert_eq!((late.credits[0].touch, late.credits[0].country), (early.credits[0].touch, click.country));

    let newer = touch(T - 5, 2, 7, 6);
    let with_newer = decided(&reports, &[newer]);
    assert_eq!((partner(&with_newer), with_newer.decision.matched), (2, Some(MatchedKey::Visitor)));

    let bot = Touch { verdict: Verdict::Bot, ..Touch::from(&click) };
    let exposed = decided(&reports, &[bot]);
    assert_eq!(verdicts(&exposed), [V::NotValid]);
    assert_eq!(exposed.credits.len(), 1, "what the id alone had earned is written over with zero");
}

/// Fault 98: never credited, and the other shop's names are not told.
#[test]
fn a_click_of_another_shop_is_refused_by_name() {
    let foreign = click_on(T - 10, 1, 20, 7, 5);
    let refused = decided(&[report("o", T, 1).by(foreign.id)], &[]);
    assert_eq!((partner(&refused), verdicts(&refused)), (0, vec![V::CrossTenant]));
    assert_eq!(refused.decision.unattributed, Some(Unattributed::NoneEligible));
    let candidate = &refused.decision.trace.candidates[0];
    assert_eq!((candidate.partner, candidate.offer), (PartnerId(0), OfferId(0)));
    assert!(refused.credits.iter().all(|it| it.partner.0 == 0 && it.link.0 == 0 && it.advertiser == SHOP));
    let own = decided(&[report("o", T, 1).by(foreign.id)], &[touch(T - 20, 2, 7, 6)]);
    assert_eq!((partner(&own), verdicts(&own)), (2, vec![V::CrossTenant, V::Won]));
    // Nor does it move the order's time.
    let later = click_on(T + 10, 1, 20, 7, 5);
    assert_eq!(decided(&[report("o", T, 1).by(later.id)], &[]).decision.at, EpochMs(T));
}

#[test]
fn nobodys_order_says_why() {
    let refused = ReportedClick::Refused { text: "{clickid}".into(), reason: "unexpanded_macro".into() };
    let named = Report { click: refused, ..report("o", T, 1) };
    let cases = [
        ("no catalog", vec![], report("o", T, 1).of(7), Unattributed::NoCatalog),
        ("not in force yet", vec![catalog(1, T + 1, 9)], report("o", T, 1).of(7), Unattributed::NoCatalog),
        ("no key", vec![catalog(1, 0, 9)], report("o", T, 1), Unattributed::NoKey),
        ("a refused id is no key", vec![catalog(1, 0, 9)], named.clone(), Unattributed::NoKey),
        ("no touch", vec![catalog(1, 0, 9)], report("o", T, 1).of(7), Unattributed::NoTouch),
    ];
    for (name, catalogs, report, want) in cases {
        assert_eq!(decided_by(catalogs, &[report], &[]).decision.unattributed, Some(want), "{name}");
    }
    let trace = decided(&[named], &[]).decision.trace;
    assert_eq!(trace.refused_clicks, [("{clickid}".into(), "unexpanded_macro".into())]);
    let unknown = decided(&[report("o", T, 1).by(click_id(T - 1, 77, 10, 7, 1))], &[]);
    assert_eq!(verdicts(&unknown), [V::UnknownOffer]);
}

#[test]
fn the_smallest_time_holds_unless_the_own_click_is_a_little_later() {
    let by = |at| click_id(at, 1, 10, 7, 1);
    let last = T + CLOCK_DIFFERENCE_MAX_MS;
    let cases = [
        ("received", vec![report("o", T, 1)], T, TimeSource::Received),
        ("said earlier", vec![report("o", T, 1).said_at(T - 5)], T - 5, TimeSource::Reported),
        ("said to be in the future", vec![report("o", T, 1).said_at(T + 5)], T, TimeSource::Received),
        ("said at that very time", vec![report("o", T, 1).said_at(T)], T, TimeSource::Reported),
        (
            "the smallest of all",
            vec![report("o", T, 1), report("o", T + 9, 2).said_at(T - 9)],
            T - 9,
            TimeSource::Reported,
        ),
        ("an earlier click changes nothing", vec![report("o", T, 1).by(by(T - 1))], T, TimeSource::Received),
        ("a click of that time neither", vec![report("o", T, 1).by(by(T))], T, TimeSource::Received),
        ("a click just later", vec![report("o", T, 1).by(by(T + 1))], T + 1, TimeSource::Click),
        ("a click a day later", vec![report("o", T, 1).by(by(last))], last, TimeSource::Click),
        ("a click more than a day later", vec![report("o", T, 1).by(by(last + 1))], T, TimeSource::Received),
    ];
    for (name, reports, at, source) in cases {
        let decided = decided(&reports, &[]);
        assert_eq!((decided.decision.at, decided.decision.time_source), (EpochMs(at), source), "{name}");
        assert_eq!(notes(&decided).contains(&"clock_differs"), source == TimeSource::Click, "{name}");
    }
}

#[test]
fn a_time_far_ahead_or_long_past_is_noted() {
    // Late enough for a time long before it.
    let came = T + 2 * Report::LONG_PAST_MS;
    let rows = [
        ("a clock that is ahead", came + Report::AHEAD_MS, ""),
        ("a time to come", came + Report::AHEAD_MS + 1, "time_ahead"),
        ("a year ago", came - Report::LONG_PAST_MS, ""),
        ("longer ago", came - Report::LONG_PAST_MS - 1, "time_long_past"),
    ];
    for (name, said_at, want) in rows {
        let decided = decided(&[report("o", came, 1).said_at(said_at)], &[]);
        let told: Vec<&str> = notes(&decided).into_iter().filter(|it| it.starts_with("time_")).collect();
        assert_eq!(told.join(","), want, "{name}");
        assert_eq!(decided.decision.at, EpochMs(said_at.min(came)), "{name}");
    }
}

#[test]
fn every_quarter_an_order_could_have_been_in_gets_rows() {
    let click = click_id(T + 2 * QUARTER_MS, 1, 10, 7, 1);
    let early_click = click_id(T - 5 * QUARTER_MS, 1, 10, 7, 2);
    let reports = [
        report("o", T, 1).by(click),
        report("o", T + QUARTER_MS, 2).by(early_click),
        report("o", T + QUARTER_MS, 3).of(7),
    ];
    let decided = decided(&reports, &[touch(T - 10, 2, 7, 4)]);
    let quarter = |quarters: u64| EpochMs(T + quarters * QUARTER_MS).quarter();
    assert_eq!(decided.decision.at.quarter(), quarter(2));
    // The early click could never have been the order's time: clicks move an order only forth.
    assert_eq!(decided.decision.void_quarters, [quarter(0), quarter(1)]);
    assert_eq!(decided.credits.len(), 3 * 3);
    assert_eq!(decided.credits.iter().filter(|it| it.share.0 > 0).count(), 1);
}

#[test]
fn the_catalog_of_the_orders_time_rules() {
    let long = catalog(1, 0, WINDOW_MS);
    let short = catalog(2, T - 10, 50);
    let touches = [touch(T - 60, 1, 7, 1)];
    let at = |at| decided_by([long.clone(), short.clone()], &[report("o", at, 1).of(7)], &touches);
    assert_eq!((partner(&at(T - 11)), at(T - 11).decision.catalog), (1, CatalogVersion(1)));
    assert_eq!((partner(&at(T - 10)), at(T - 10).decision.catalog), (0, CatalogVersion(2)));
    let mut paused = catalog(2, T - 10, WINDOW_MS);
    paused.partners.get_mut(&PartnerId(1)).unwrap().status = Status::Paused;
    let order = decided_by([long.clone(), paused], &[report("o", T, 1).of(7)], &touches);
    assert_eq!(verdicts(&order), [V::PartnerInactive]);
    let mut gone = catalog(2, T - 10, WINDOW_MS);
    gone.offers.remove(&OfferId(10));
    let order = decided_by([long, gone], &[report("o", T, 1).of(7)], &touches);
    assert_eq!(verdicts(&order), [V::UnknownOffer]);
}

/// An order is decided again only for versions that take effect by the latest time it could have, so later ones must not matter to it.
#[test]
fn a_version_that_takes_effect_after_the_order_does_not_name_its_click() {
    let without_link = || {
        let mut first = catalog(1, 0, WINDOW_MS);
        first.links.clear();
        first
    };
    let cases = [
        ("known at the click's time", T - 10, T - 10, 1),
        ("known at the order's time", T - 10, T, 1),
        ("known one ms too late", T - 10, T + 1, 0),
        ("the click is a little later and gives the order its time", T + 10, T + 10, 1),
        ("but not yet then", T + 10, T + 11, 0),
    ];
    for (name, click_at, effective_at, want) in cases {
        let reports = [report("o", T, 1).by(click(click_at, 1, 7, 5).id)];
        let catalogs = [without_link(), catalog(2, effective_at, WINDOW_MS)];
        assert_eq!(partner(&decided_by(catalogs, &reports, &[])), want, "{name}");
    }
}

#[test]
fn windows_are_overridden_by_type_and_then_by_partner() {
    let mut catalog = catalog(1, 0, 100);
    let overrides = [
        override_of(OverrideFor::Partner(PartnerId(4)), 300),
        override_of(OverrideFor::PartnerKind("coupon".into()), 200),
        override_of(OverrideFor::PartnerKind("content".into()), 50),
    ];
    catalog.overrides.insert(OfferId(10), overrides.into_iter().collect());
    for (partner_id, window) in [(1, 50), (4, 300)] {
        for (age, want) in [(window - 1, partner_id), (window, 0)] {
            let touches = [touch(T - age, partner_id, 7, 1)];
            let order = decided_by([catalog.clone()], &[report("o", T, 1).of(7)], &touches);
            assert_eq!(partner(&order), want, "partner {partner_id} at age {age}");
        }
    }
}

#[test]
fn a_click_nearer_than_the_minimum_time_is_too_soon() {
    let mut catalog = catalog(1, 0, WINDOW_MS);
    catalog.offers.get_mut(&OfferId(10)).unwrap().rules.minimum_time_ms = Some(10);
    for (age, want) in [(9, V::TooSoon), (10, V::Won)] {
        let touches = [touch(T - age, 1, 7, 1)];
        let order = decided_by([catalog.clone()], &[report("o", T, 1).of(7)], &touches);
        assert_eq!(verdicts(&order), [want], "age {age}");
    }
}

#[test]
fn payable_when_the_hold_of_the_winner_has_passed() {
    let won = decided(&[report("o", T, 1).of(7)], &[touch(T - 1, 1, 7, 1)]);
    assert_eq!(won.decision.payable_at, EpochMs(T + 500));
    assert_eq!(decided(&[report("o", T, 1)], &[]).decision.payable_at, EpochMs(T));
}

#[test]
fn the_event_is_the_first_sales_even_where_a_refund_came_first() {
    let reports = [refund("o", T - 9, 1, "r", None), report("o", T, 2)];
    assert_eq!(&*decided(&reports, &[]).decision.event, "sale");
    assert_eq!(&*decided(&reports[..1], &[]).decision.event, "refund");
}

#[test]
fn a_long_trace_is_cut_and_still_shows_the_winner() {
    let count = u64::try_from(Trace::CANDIDATES_MAX).unwrap() + 8;
    let bots = (0..count).map(|it| Touch { verdict: Verdict::Bot, ..touch(T - it, 2, 7, 10 + it) });
    let mut touches: Vec<Touch> = bots.collect();
    touches.push(touch(T - count, 1, 7, 1));
    let trace = decided(&[report("o", T, 1).of(7)], &touches).decision.trace;
    assert_eq!(trace.candidates.len(), Trace::CANDIDATES_MAX);
    assert_eq!(trace.candidates_left_out, 9);
    assert_eq!(trace.candidates.last().map(|it| it.verdict), Some(V::Won));
    assert!(trace.candidates.is_sorted_by_key(|it| std::cmp::Reverse(it.at)));
}

#[test]
fn beyond_the_cap_the_oldest_are_not_weighed() {
    let count = u64::try_from(CANDIDATES_MAX).unwrap();
    let touches: Vec<Touch> = (0..=count).map(|it| touch(T - it, 1, 7, 1 + it)).collect();
    let order = decided(&[report("o", T, 1).of(7)], &touches);
    assert_eq!(order.credits.len(), CANDIDATES_MAX);
    let shown = u32::try_from(CANDIDATES_MAX + 1 - Trace::CANDIDATES_MAX).unwrap();
    assert_eq!(order.decision.trace.candidates_left_out, shown);
}
