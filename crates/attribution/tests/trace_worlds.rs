//! What a trace tells over many orders: whoever is not credited has a reason, a time that is told would have done, and the plain decision finds the
//! same keys, roles and shares. And the largest trace fits its message.

#[path = "naive/customers.rs"]
mod customers;
#[path = "naive/keys.rs"]
mod keys;
#[path = "naive/sharing.rs"]
mod sharing;
mod world;

use attribution::{CANDIDATES_MAX, REPORTS_MAX, VISITORS_MAX};
use catalog::{
    Catalog, Customers, Key, Model, OverrideFor, PositionWeights, Precedence, RuleChanges, Status,
};
use events::{
    Candidate, CandidateVerdict as V, ClickHead, INNER_BYTES_MAX, MatchedKey as M, OrderKey, Report,
    ReportedClick, Role, Touch, TouchId, TouchKind, Trace, Verdict,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use units::{AdvertiserId, EpochMs, PPM_WHOLE, PartnerId, QUARTER_MS, VisitorId};
use world::{deciding::decided_by, *};

const VISITOR: u64 = 7;
const MINIMUM_MS: u64 = 20;
const GUARD_MS: u64 = 100;

/// What an order is made of, drawn near every edge.
#[derive(Debug, Clone)]
struct Drawn {
    catalog: Catalog,
    report: Report,
    /// And whether the report names it.
    clicks: Vec<(ClickHead, bool)>,
}

impl Drawn {
    fn reports(&self) -> Vec<Report> {
        let named = self.clicks.iter().filter(|(_, is_named)| *is_named).zip(2..);
        let named = named.map(|((it, _), number)| report("o", T + number, number).by(it.id));
        named.chain([self.report.clone()]).collect()
    }

    fn touches(&self) -> Vec<Touch> {
        self.clicks.iter().map(|(it, _)| Touch::from(it)).collect()
    }

    fn candidates(&self, touches: &[Touch]) -> Vec<Candidate> {
        let trace = decided_by([self.catalog.clone()], &self.reports(), touches).decision.trace;
        assert_eq!(trace.candidates_left_out, 0);
        trace.candidates
    }
}

fn ago() -> impl Strategy<Value = u64> {
    let edges = [3, MINIMUM_MS, GUARD_MS, 300, WINDOW_MS / 10, WINDOW_MS];
    (select(edges.to_vec()), 0..5_u64).prop_map(|(edge, off)| edge + off - 2)
}

fn click_near_an_edge(sequence: u64) -> impl Strategy<Value = (ClickHead, bool)> {
    let kinds = select(vec![TouchKind::Click, TouchKind::Click, TouchKind::View]);
    let verdicts = select(vec![Verdict::Valid, Verdict::Valid, Verdict::Duplicate, Verdict::Bot]);
    let offers = select(vec![10, 10, 10, 20]);
    (ago(), any::<bool>(), 1..5_u32, offers, kinds, verdicts, 0..6_u8).prop_map(
        move |(ago, is_after, partner, offer, kind, verdict, named)| {
            let at = if is_after && ago < 9 { T + ago } else { T - ago };
            let head = click_on(at, partner, offer, VISITOR, sequence);
            // A click after the order that a report names would move the order.
            (ClickHead { kind, verdict, ..head }, named == 0 && at <= T)
        },
    )
}

fn rules() -> impl Strategy<Value = RuleChanges> {
    let precedence = select(vec![
        None,
        Precedence::of(&[Key::Coupon, Key::Click, Key::Partner, Key::View]),
        Precedence::of(&[Key::View, Key::ExclusiveCoupon, Key::Partner]),
    ]);
    let guard = option::of(select(vec![0, GUARD_MS, WINDOW_MS]));
    let customers = option::of(select(vec![Customers::All, Customers::New, Customers::Existing]));
    let minimum = option::of(select(vec![0, MINIMUM_MS, WINDOW_MS]));
    let view = option::of(select(vec![0, WINDOW_MS / 10]));
    (precedence, guard, any::<bool>(), customers, minimum, view).prop_map(
        |(precedence, hijack_window_ms, after, customers, minimum_time_ms, view_window_ms)| RuleChanges {
            precedence,
            hijack_window_ms,
            hijack_after_checkout: after.then_some(true),
            customers,
            minimum_time_ms,
            view_window_ms,
            ..RuleChanges::default()
        },
    )
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let weights = PositionWeights::of_percent([40, 0, 60]).expect("a hundred");
    let models = vec![Model::Last, Model::First, Model::Linear, Model::Position(weights)];
    let catalogs = (rules(), rules(), select(models), option::of(1..5_u32)).prop_map(
        |(of_type, of_partner, model, paused)| {
            let mut catalog = catalog(1, 0, WINDOW_MS);
            catalog.offers.values_mut().for_each(|it| it.rules.model = Some(model));
            let overrides = catalog.overrides.entry(units::OfferId(10)).or_default();
            overrides.insert(OverrideFor::PartnerKind("coupon".into()), of_type);
            overrides.insert(OverrideFor::Partner(PartnerId(2)), of_partner);
            if let Some(it) = paused.and_then(|it| catalog.partners.get_mut(&PartnerId(it))) {
                it.status = Status::Paused;
            }
            with_coupon(with_coupon(catalog, "ONLY", 1, true), "PLAIN", 2, false)
        },
    );
    let coupons = vec(select(vec!["ONLY", "PLAIN", "NOBODYS"]), 0..3);
    let reports = (coupons, option::of(1..6_u32), option::of(any::<bool>()), option::of(ago())).prop_map(
        |(mut coupons, partner, new_customer, checkout)| {
            coupons.sort_unstable();
            coupons.dedup();
            Report {
                coupons: coupons.into_iter().map(Into::into).collect(),
                partner: partner.map(PartnerId),
                new_customer,
                checkout_at: checkout.map(|ago| EpochMs(T - ago)),
                ..report("o", T, 1).of(VISITOR)
            }
        },
    );
    let clicks: Vec<_> = (10..17).map(click_near_an_edge).collect();
    (catalogs, reports, clicks, 0..8_usize).prop_map(|(catalog, report, mut clicks, count)| {
        clicks.truncate(count);
        Drawn { catalog, report, clicks }
    })
}

const fn is_about_time(verdict: V) -> bool {
    matches!(verdict, V::OutOfWindow | V::AfterOrder | V::TooSoon | V::HijackGuarded)
}

/// The verdict on a touch, had it been `by_ms` later.
fn verdict_when(drawn: &Drawn, touch: TouchId, by_ms: i64) -> V {
    let mut touches = drawn.touches();
    let moved = touches.iter_mut().find(|it| it.id == touch).expect("it has a record");
    moved.at = EpochMs(moved.at.0.checked_add_signed(by_ms).expect("a time"));
    let candidates = drawn.candidates(&touches);
    candidates.iter().find(|it| it.touch == touch).expect("it is told of").verdict
}

/// Whether any time at all is within the rules about time.
fn some_time_would_do(drawn: &Drawn, it: &Candidate) -> bool {
    let rules = drawn.catalog.rules(it.offer, it.partner).expect("its offer is known");
    let window_ms = match it.kind {
        TouchKind::Click => rules.click_window_ms,
        TouchKind::View => rules.view_window_ms,
    };
    let least_ms = match it.verdict {
        V::HijackGuarded => rules.minimum_time_ms.max(rules.hijack_window_ms),
        _ => rules.minimum_time_ms,
    };
    least_ms < window_ms && (it.verdict != V::HijackGuarded || !rules.hijack_after_checkout)
}

/// Of a touch, or of who is named, by the decision as one would say it aloud.
fn told_plainly(drawn: &Drawn) -> impl Fn(&TouchId) -> (Role, u32) {
    let reports = drawn.reports();
    let mut reports: Vec<&Report> = reports.iter().collect();
    reports.sort();
    let catalog = &drawn.catalog;
    let rules = |offer, partner| catalog.rules(offer, partner);
    let may_earn = |it: &Touch| {
        let Some(rules) = rules(it.offer, it.partner) else { return false };
        let window_ms =
            if it.kind == TouchKind::Click { rules.click_window_ms } else { rules.view_window_ms };
        let is_active = catalog.partners.get(&it.partner).is_some_and(|it| it.status == Status::Active);
        let age = EpochMs(T).ms_since(it.at);
        it.advertiser == SHOP
            && it.verdict.is_valid()
            && is_active
            && age.is_some_and(|ms| rules.minimum_time_ms <= ms && ms < window_ms)
    };
    let mut touches: Vec<Touch> = drawn.touches().into_iter().filter(may_earn).collect();
    touches.sort();
    let buyer = customers::Buyer { reported: EpochMs(T), earlier: Vec::new() };
    let order: (AdvertiserId, EpochMs) = (SHOP, EpochMs(T));
    let found = keys::shared(order, (&reports, &buyer), &touches, catalog, rules);
    let steps = sharing::steps(&found.path);
    move |id| {
        let share = found.credited.iter().find(|(it, _)| it.id == *id).map_or(0, |(_, share)| *share);
        let counts = |it: &&Touch| steps.contains(it) || found.credited.iter().any(|(of, _)| of == *it);
        let closer = found.path.iter().rev().find(counts);
        let role = if closer.is_some_and(|it| it.id == *id) {
            Role::Closer
        } else if steps.first().is_some_and(|it| it.id == *id) {
            Role::Introducer
        } else if steps.iter().any(|it| it.id == *id) {
            Role::Influencer
        } else if found.beside.iter().any(|it| it.id == *id) {
            Role::Assist
        } else {
            Role::None
        };
        (role, share)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn whoever_is_not_credited_has_a_reason(drawn in drawn()) {
        let candidates = drawn.candidates(&drawn.touches());
        for it in &candidates {
            prop_assert_eq!(it.share.0 > 0, it.verdict == V::Won, "{:?}", it);
            prop_assert!(it.share <= PPM_WHOLE);
            let is_passed_over = it.verdict.is_eligible() && it.verdict != V::Won;
            let by_nobody = matches!(it.verdict, V::NotShared | V::BeyondCap);
            prop_assert_eq!(it.beaten_by.is_some(), is_passed_over && !by_nobody, "{:?}", it);
            let better = candidates.iter().find(|other| Some(other.touch) == it.beaten_by);
            prop_assert!(better.is_none_or(|other| other.touch != it.touch && other.verdict.is_eligible()));
            prop_assert_eq!(better.is_some(), it.beaten_by.is_some(), "he is told of too");
            let repeats = drawn.touches().iter().any(|click| click.id == it.touch && click.verdict == Verdict::Duplicate);
            prop_assert!(it.role == Role::None || it.verdict.is_eligible(), "{:?}", it);
            prop_assert!(it.role != Role::None || !it.verdict.is_eligible() || repeats, "{:?}", it);
        }
    }

    /// Half-open, to the millisecond: a time that is told would have done, and none nearer to its own.
    #[test]
    fn moved_by_what_it_was_short_of_it_is_not_late_or_early(drawn in drawn()) {
        for it in drawn.candidates(&drawn.touches()).iter().filter(|it| it.touch.is_touch()) {
            if it.short_ms == 0 {
                prop_assert!(!is_about_time(it.verdict) || !some_time_would_do(&drawn, it), "{:?}", it);
                continue;
            }
            prop_assert!(is_about_time(it.verdict), "{:?}", it);
            let moved = verdict_when(&drawn, it.touch, it.short_ms);
            prop_assert!(!is_about_time(moved) || (it.verdict != V::HijackGuarded && moved == V::HijackGuarded), "{:?}: {:?}", it, moved);
            if it.verdict != V::HijackGuarded {
                let nearer = verdict_when(&drawn, it.touch, it.short_ms - it.short_ms.signum());
                prop_assert!(is_about_time(nearer) && nearer != V::HijackGuarded, "{:?}: {:?}", it, nearer);
            }
        }
    }

    #[test]
    fn the_plain_decision_finds_the_same(drawn in drawn()) {
        let plainly = told_plainly(&drawn);
        for it in drawn.candidates(&drawn.touches()) {
            prop_assert_eq!((it.role, it.share.0), plainly(&it.touch), "{:?}", it);
            let found = match it.touch.0 {
                [0, 0, 0, 0, 0, 0, 3, ..] => M::ExclusiveCoupon,
                [0, 0, 0, 0, 0, 0, 4, ..] => M::Coupon,
                [0, 0, 0, 0, 0, 0, 6, ..] => M::Partner,
                _ if drawn.clicks.iter().any(|(click, is_named)| *is_named && click.id.touch() == it.touch) => M::ClickId,
                _ => M::Visitor,
            };
            prop_assert_eq!(it.found, Some(found));
        }
    }
}

/// Every list of a decision at its limit, every text at its longest.
#[test]
fn a_decision_at_every_limit_fits_its_message() {
    let mut catalog = catalog(1, 0, WINDOW_MS);
    catalog.offers.values_mut().for_each(|it| it.rules.model = Some(Model::Linear));
    let of_length = |number: u64| -> Box<str> { format!("{number:0>64}").into() };
    let order = OrderKey::by_id(SHOP, &"o".repeat(OrderKey::ORDER_BYTES_MAX));
    let reports: Vec<Report> = (0..REPORTS_MAX as u64)
        .map(|number| {
            let refused = ReportedClick::Refused { text: of_length(number), reason: of_length(number) };
            let later = EpochMs(T + number * QUARTER_MS);
            Report {
                key: order.clone(),
                click: refused,
                visitor: Some(VisitorId(u64::MAX - number)),
                coupons: (0..4).map(|it| of_length(4 * number + it)).collect(),
                partner: Some(PartnerId(u32::MAX)),
                reported_at: Some(later),
                event: of_length(number),
                ..report("o", later.0, number + 1).of_customer(1)
            }
        })
        .collect();
    let touches: Vec<Touch> = (0..=CANDIDATES_MAX as u64)
        .map(|it| Touch { visitor: VisitorId(u64::MAX), ..touch(T - it, 1, VISITOR, 1 + it) })
        .collect();
    let decided = attribution::decide(&order, &reports, &touches, &history([catalog])).expect("reported");
    let decision = &decided.decision;
    let trace = &decision.trace;
    assert_eq!((trace.candidates.len(), trace.keys.len()), (Trace::CANDIDATES_MAX, Trace::KEYS_MAX));
    assert_eq!((trace.refused_clicks.len(), trace.visitors.len()), (Trace::REFUSED_MAX, VISITORS_MAX));
    assert!(trace.candidates.iter().all(|it| it.share.0 > 0), "those with a share have the places");
    assert_eq!(decision.void_quarters.len(), REPORTS_MAX - 1);
    let mut bytes = Vec::new();
    decided.decision.encode(&mut bytes).expect("it fits");
    assert!(bytes.len() * 16 < INNER_BYTES_MAX, "{} bytes: far from the limit of a message", bytes.len());
}
