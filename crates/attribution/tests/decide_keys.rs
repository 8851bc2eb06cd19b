//! Which key decides, by examples: coupons, partners named outright, the places of keys, the hijack guard.

mod world;

use attribution::NAMED_MAX;
use catalog::{Catalog, Key, OverrideFor, Precedence, RuleChanges, Status};
use events::{
    CandidateVerdict as V, MatchedKey as M, Report, Role, Touch, TouchId, TouchKind, Unattributed as U,
};
use units::{EpochMs, OfferId, PartnerId, QUARTER_MS};
use world::{deciding::*, *};

/// Coupon `ONLY` of partner 1 wins over clicks; `PLAIN` of partner 2 does not.
fn coupons() -> Catalog {
    with_coupon(with_coupon(catalog(1, 0, WINDOW_MS), "ONLY", 1, true), "PLAIN", 2, false)
}

fn precedence(keys: &[Key]) -> RuleChanges {
    RuleChanges { precedence: Precedence::of(keys), ..RuleChanges::default() }
}

fn overriding(mut catalog: Catalog, whom: OverrideFor, changes: RuleChanges) -> Catalog {
    catalog.overrides.entry(OfferId(10)).or_default().insert(whom, changes);
    catalog
}

fn of_partner(partner: u32) -> OverrideFor {
    OverrideFor::Partner(PartnerId(partner))
}

fn view(touch: Touch) -> Touch {
    Touch { kind: TouchKind::View, ..touch }
}

/// Who is credited, by which key, and what became of the candidates as the trace shows them: the named first, then the newest.
fn told(decided: &attribution::Decided) -> (u32, Option<M>, Vec<(u32, V)>) {
    let candidates = &decided.decision.trace.candidates;
    let verdicts = candidates.iter().map(|it| (it.partner.0, it.verdict)).collect();
    (partner(decided), decided.decision.matched, verdicts)
}

/// A name, what is known, and what is told of it.
type Case = (&'static str, Report, Vec<Touch>, u32, M, Vec<(u32, V)>);

#[test]
fn keys_are_weighed_in_their_built_in_order() {
    let click = touch(T - 5, 3, 7, 1);
    let seen = view(touch(T - 4, 4, 7, 2));
    let order = report("o", T, 1).of(7);
    let cases: [Case; 7] = [
        (
            "an exclusive coupon before a click",
            order.clone().with("ONLY"),
            vec![click],
            1,
            M::ExclusiveCoupon,
            vec![(1, V::Won), (3, V::LowerKey)],
        ),
        (
            "a click before another coupon",
            order.clone().with("PLAIN"),
            vec![click, seen],
            3,
            M::Visitor,
            vec![(2, V::LowerKey), (4, V::ViewBehindClick), (3, V::Won)],
        ),
        ("a coupon alone", order.clone().with("plain "), vec![], 2, M::Coupon, vec![(2, V::Won)]),
        (
            "a coupon before a partner and a view",
            order.clone().with("PLAIN").declaring(4),
            vec![seen],
            2,
            M::Coupon,
            vec![(2, V::Won), (4, V::LowerKey), (4, V::LowerKey)],
        ),
        (
            "a partner before a view",
            order.clone().declaring(1),
            vec![seen],
            1,
            M::Partner,
            vec![(1, V::Won), (4, V::LowerKey)],
        ),
        ("a view where nothing else is", order.clone(), vec![seen], 4, M::Visitor, vec![(4, V::Won)]),
        (
            "a click before a partner",
            order.declaring(1),
            vec![click],
            3,
            M::Visitor,
            vec![(1, V::LowerKey), (3, V::Won)],
        ),
    ];
    for (name, order, touches, want, matched, verdicts) in cases {
        let decided = decided_by([coupons()], &[order], &touches);
        assert_eq!(told(&decided), (want, Some(matched), verdicts), "{name}");
        let assists = decided.credits.iter().filter(|it| it.role == Role::Assist).count();
        assert_eq!(assists + 1, decided.credits.len(), "{name}: whoever could have earned assisted");
    }
}

/// Its row is about a key, a partner and an offer, for ever.
#[test]
fn who_earns_without_a_touch_has_a_name_of_his_own() {
    let decided = decided_by([coupons()], &[report("o", T, 1).with("PLAIN")], &[]);
    let [credit] = decided.credits.as_slice() else { panic!("{:?}", decided.credits) };
    assert_eq!(credit.touch, TouchId::of_key(M::Coupon, PartnerId(2), OfferId(10)));
    assert!(!credit.touch.is_touch() && touch(T, 1, 7, 1).id.is_touch());
    assert_eq!((credit.link.0, credit.touched_at, credit.role), (0, EpochMs(T), Role::Closer));
    assert_eq!((credit.country.as_str(), credit.device), ("ZZ", events::Device::Unknown));
    let candidate = &decided.decision.trace.candidates[0];
    assert_eq!((candidate.age_ms, candidate.window_ms), (0, 0), "no window applies to it");
    assert_eq!(decided.decision.payable_at, EpochMs(T + 500));
    assert_eq!(notes(&decided), [""; 0]);
}

#[test]
fn a_coupon_is_his_who_had_it_at_the_orders_time() {
    let first = with_coupon(catalog(1, 0, WINDOW_MS), "X", 1, true);
    let moved = with_coupon(catalog(2, T, WINDOW_MS), "X", 2, true);
    let gone = catalog(3, T + 10, WINDOW_MS);
    let at = |at| {
        let versions = [first.clone(), moved.clone(), gone.clone()];
        decided_by(versions, &[report("o", at, 1).with("x")], &[])
    };
    assert_eq!(told(&at(T - 1)), (1, Some(M::ExclusiveCoupon), vec![(1, V::Won)]));
    assert_eq!(told(&at(T)), (2, Some(M::ExclusiveCoupon), vec![(2, V::Won), (1, V::FormerHolder)]));
    let nobodys = at(T + 10);
    assert_eq!(told(&nobodys), (0, None, vec![(1, V::FormerHolder), (2, V::FormerHolder)]));
    assert_eq!(nobodys.decision.unattributed, Some(U::NoneEligible));
    assert_eq!(notes(&nobodys), ["unknown_coupon"]);
    assert_eq!(nobodys.credits.len(), 2, "whoever may have had it has his zero");
}

/// Orders are not decided again for such a version, so it may say nothing of them.
#[test]
fn a_version_after_the_latest_time_changes_no_byte() {
    let before = coupons();
    let reports =
        [report("o", T, 1).with("ONLY").declaring(3), report("o", T + 5, 2).by(click_id(T + 9, 1, 10, 7, 1))];
    let after = with_coupon(with_coupon(catalog(2, T + 10, 5), "ONLY", 3, false), "PLAIN", 4, true);
    let one = decided_by([before.clone()], &reports, &[]);
    assert_eq!(one, decided_by([before.clone(), after.clone()], &reports, &[]));
    let at_the_latest = Catalog { effective_at: EpochMs(T + 9), ..after };
    assert_ne!(one, decided_by([before, at_the_latest], &reports, &[]));
}

#[test]
fn of_several_coupons_the_first_known_one_counts_and_exclusive_ones_before_others() {
    let catalog = || with_coupon(with_coupon(coupons(), "MORE", 3, false), "ONLY2", 4, true);
    let named = |codes: &[&str]| {
        let reports = codes.iter().zip(1..).map(|(code, number)| report("o", T + number, number).with(code));
        told(&decided_by([catalog()], &reports.collect::<Vec<_>>(), &[]))
    };
    let coupon = |partner, verdicts| (partner, Some(M::Coupon), verdicts);
    assert_eq!(named(&["PLAIN", "MORE"]), coupon(2, vec![(2, V::Won), (3, V::NamedLater)]));
    assert_eq!(named(&["MORE", "PLAIN", "MORE"]), coupon(3, vec![(3, V::Won), (2, V::NamedLater)]));
    assert_eq!(named(&["NOBODYS", "PLAIN"]), coupon(2, vec![(2, V::Won)]));
    let exclusive = named(&["PLAIN", "ONLY2", "ONLY"]);
    let verdicts = vec![(4, V::Won), (1, V::NamedLater), (2, V::LowerKey)];
    assert_eq!(exclusive, (4, Some(M::ExclusiveCoupon), verdicts));
}

#[test]
fn a_key_that_is_left_out_earns_nothing_and_moves_no_other() {
    let touches = [touch(T - 5, 3, 7, 1), view(touch(T - 4, 4, 7, 2))];
    let order = [report("o", T, 1).of(7).with("PLAIN")];
    let only = |keys: &[Key]| {
        let mut catalog = coupons();
        catalog.offers.values_mut().for_each(|it| it.rules.precedence = Precedence::of(keys));
        told(&decided_by([catalog], &order, &touches))
    };
    let off = |partner| (partner, V::KeyOff);
    assert_eq!(only(&[Key::View]), (4, Some(M::Visitor), vec![off(2), (4, V::Won), off(3)]));
    assert_eq!(only(&[Key::Coupon]), (2, Some(M::Coupon), vec![(2, V::Won), off(4), off(3)]));
    assert_eq!(only(&[Key::Partner]), (0, None, vec![off(2), off(4), off(3)]));
    let swapped = only(&[Key::Coupon, Key::Click]);
    assert_eq!(swapped, (2, Some(M::Coupon), vec![(2, V::Won), off(4), (3, V::LowerKey)]));
}

/// Partners' own orders of keys are compared by their places: one override puts the clicks of a type last.
#[test]
fn a_type_of_partners_can_come_after_all_others() {
    let last = precedence(&[Key::ExclusiveCoupon, Key::Coupon, Key::Partner, Key::View, Key::Click]);
    let catalog = overriding(coupons(), OverrideFor::PartnerKind("coupon".into()), last);
    let by = |touches: &[Touch]| told(&decided_by([catalog.clone()], &[report("o", T, 1).of(7)], touches));
    let (theirs, ours) = (touch(T - 1, 4, 7, 2), touch(T - 9, 3, 7, 1));
    assert_eq!(by(&[theirs]), (4, Some(M::Visitor), vec![(4, V::Won)]));
    assert_eq!(by(&[theirs, ours]), (3, Some(M::Visitor), vec![(4, V::LowerKey), (3, V::Won)]));
    let seen = view(touch(T - 2, 3, 7, 3));
    // Of one place the built-in order decides: their click has the place that others' views have.
    assert_eq!(by(&[theirs, seen]), (4, Some(M::Visitor), vec![(4, V::Won), (3, V::ViewBehindClick)]));
}

/// Fault 98, by every key: what is another advertiser's earns nothing here, and its names are not told.
#[test]
fn another_shops_coupon_and_partner_earn_nothing() {
    let mut catalog = coupons();
    let foreign =
        catalog::Coupon { code: "THEIRS".into(), partner: PartnerId(3), offer: OfferId(20), exclusive: true };
    catalog.coupons.insert((OTHER_SHOP, "THEIRS".into()), foreign);
    catalog.links.retain(|_, it| it.partner != PartnerId(4) || it.offer == OfferId(20));
    catalog.programs.clear();
    let catalog = catalog.with_programs();
    for (name, order, unattributed, note) in [
        ("coupon", report("o", T, 1).with("THEIRS"), U::UnknownCoupon, "unknown_coupon"),
        ("partner", report("o", T, 1).declaring(4), U::UnknownPartner, "unknown_partner"),
        ("nobody", report("o", T, 1).declaring(77), U::UnknownPartner, "unknown_partner"),
    ] {
        let decided = decided_by([catalog.clone()], &[order], &[]);
        assert_eq!(told(&decided), (0, None, vec![]), "{name}");
        assert_eq!(
            (decided.decision.unattributed, notes(&decided)),
            (Some(unattributed), vec![note]),
            "{name}"
        );
        assert!(decided.credits.is_empty(), "{name}");
    }
}

#[test]
fn a_paused_partner_leaves_the_order_to_the_next_key() {
    let mut catalog = coupons();
    catalog.partners.entry(PartnerId(1)).and_modify(|it| it.status = Status::Paused);
    let order = report("o", T, 1).of(7).with("ONLY").declaring(1);
    let decided = decided_by([catalog], &[order], &[view(touch(T - 5, 3, 7, 1))]);
    let inactive = (1, V::PartnerInactive);
    assert_eq!(told(&decided), (3, Some(M::Visitor), vec![inactive, inactive, (3, V::Won)]));
}

/// Half-open, to the millisecond; the guard counts from the click to the order.
#[test]
fn a_guarded_partner_takes_no_order_from_a_live_click() {
    let guard = |ms| RuleChanges { hijack_window_ms: Some(ms), ..RuleChanges::default() };
    let guarded = overriding(catalog(1, 0, WINDOW_MS), OverrideFor::PartnerKind("coupon".into()), guard(100));
    let by = |touches: &[Touch]| decided_by([guarded.clone()], &[report("o", T, 1).of(7)], touches);
    let ours = touch(T - 500, 3, 7, 1);
    let cases = [
        ("at the order", T, 3, V::HijackGuarded),
        ("one ms inside", T - 99, 3, V::HijackGuarded),
        ("at the window's end", T - 100, 4, V::Won),
        ("one ms beyond", T - 101, 4, V::Won),
    ];
    for (name, at, want, verdict) in cases {
        let decided = by(&[ours, touch(at, 4, 7, 2)]);
        let other = if want == 3 { V::Won } else { V::Older };
        assert_eq!(told(&decided), (want, Some(M::Visitor), vec![(4, verdict), (3, other)]), "{name}");
        let role = decided.credits.iter().find(|it| it.partner.0 == 4).unwrap().role;
        assert_eq!(role, if want == 3 { Role::Assist } else { Role::Closer }, "{name}");
    }
    let theirs = touch(T - 5, 4, 7, 2);
    assert_eq!(partner(&by(&[theirs])), 4, "nobody was there before");
    assert_eq!(partner(&by(&[theirs, touch(T - 1, 3, 7, 3)])), 3, "who comes after takes it anyhow");
    let dead = touch(T - WINDOW_MS, 3, 7, 1);
    assert_eq!(partner(&by(&[dead, theirs])), 4, "a click out of its window is not live");
    assert_eq!(partner(&by(&[view(ours), theirs])), 4, "a view brings nobody");
    assert_eq!(partner(&by(&[touch(T - 9, 4, 7, 1), theirs])), 4, "nor is he guarded against himself");
    let both = overriding(guarded.clone(), of_partner(3), guard(100));
    let decided = decided_by([both], &[report("o", T, 1).of(7)], &[ours, theirs]);
    assert_eq!(partner(&decided), 4, "two who wait at the checkout are alike");
}

/// From the very millisecond on in which the earliest checkout began.
#[test]
fn a_guarded_partner_takes_nothing_once_checkout_began() {
    let guard = RuleChanges { hijack_after_checkout: Some(true), ..RuleChanges::default() };
    let guarded = overriding(catalog(1, 0, WINDOW_MS), of_partner(4), guard);
    let by = |checkout_at: &[u64], at| {
        let began = checkout_at
            .iter()
            .zip(1..)
            .map(|(ms, number)| Report { checkout_at: Some(EpochMs(*ms)), ..report("o", T, number).of(7) });
        let reports: Vec<Report> = began.chain([report("o", T, 9).of(7)]).collect();
        partner(&decided_by([guarded.clone()], &reports, &[touch(T - 500, 3, 7, 1), touch(at, 4, 7, 2)]))
    };
    assert_eq!(by(&[T - 100], T - 101), 4, "before it");
    assert_eq!(by(&[T - 100], T - 100), 3, "in its millisecond");
    assert_eq!(by(&[T - 50, T - 100], T - 99), 3, "the earliest counts");
    assert_eq!(by(&[], T), 4, "nobody says when it began");
}

/// A coupon is a word of the customer's: the guard is about clicks.
#[test]
fn an_exclusive_coupon_is_not_guarded() {
    let guard = RuleChanges { hijack_window_ms: Some(100), ..RuleChanges::default() };
    let catalog = overriding(coupons(), of_partner(1), guard);
    let touches = [touch(T - 500, 3, 7, 1), touch(T - 5, 1, 7, 2)];
    let order = [report("o", T, 1).of(7).with("ONLY")];
    let verdicts = vec![(1, V::Won), (1, V::HijackGuarded), (3, V::LowerKey)];
    assert_eq!(told(&decided_by([catalog], &order, &touches)), (1, Some(M::ExclusiveCoupon), verdicts));
}

/// Fault 101, by coupon: wherever its reports could have placed it, it is void or at home, and so are its credits.
#[test]
fn an_order_by_coupon_moves_between_quarters_and_leaves_zeros() {
    let reports = [
        report("o", T + 2 * QUARTER_MS, 1).with("PLAIN"),
        refund("o", T + 3 * QUARTER_MS, 2, "r", None).said_at(T),
    ];
    let decided = decided_by([coupons()], &reports, &[]);
    assert_eq!(decided.decision.at, EpochMs(T));
    let rows: Vec<_> = decided.credits.iter().map(|it| (it.quarter, it.share.0)).collect();
    let home = EpochMs(T).quarter();
    assert_eq!(rows, [(home, 1_000_000), (EpochMs(T + 2 * QUARTER_MS).quarter(), 0)]);
}

#[test]
fn who_is_named_beyond_the_limit_is_counted() {
    let mut catalog = catalog(1, 0, WINDOW_MS);
    for number in 0..NAMED_MAX + 3 {
        let partner = u32::try_from(number % 4).unwrap() + 1;
        let offer = u32::try_from(100 + number).unwrap();
        catalog.offers.insert(OfferId(offer), world::offer(offer, SHOP, rules(WINDOW_MS)));
        let code: Box<str> = format!("C{number}").into();
        let (partner, offer) = (PartnerId(partner), OfferId(offer));
        let coupon =
            catalog::Coupon { code: code.clone(), partner, offer, exclusive: number == NAMED_MAX + 2 };
        catalog.coupons.insert((SHOP, code), coupon);
    }
    let named = |number| report("o", T + number, number + 1).with(&format!("c{number}"));
    let reports: Vec<Report> = (0..NAMED_MAX as u64 + 3).map(named).collect();
    let decided = decided_by([catalog], &reports, &[]);
    assert_eq!(decided.credits.len(), NAMED_MAX);
    assert_eq!(decided.decision.trace.candidates_left_out, 3);
    assert_eq!(decided.decision.matched, Some(M::ExclusiveCoupon), "the best key has its place");
}
