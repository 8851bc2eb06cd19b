//! How an order is shared, by examples: one path, one model, one row.

mod world;

use attribution::{Decided, PATH_MAX};
use catalog::{Catalog, Model, OverrideFor, PositionWeights, RuleChanges};
use events::{CandidateVerdict as V, Role as R, Touch, TouchKind, Trace, Verdict};
use units::{OfferId, PartnerId};
use world::{deciding::*, *};

/// A half-life, in ms.
const HALF_MS: u64 = 1_000;

fn by(model: Model) -> Catalog {
    let mut catalog = catalog(1, 0, WINDOW_MS);
    catalog.offers.values_mut().for_each(|it| it.rules.model = Some(model));
    catalog
}

fn position(weights: [u32; 3]) -> Model {
    Model::Position(PositionWeights::of_percent(weights).expect("a hundred"))
}

fn duplicate(touch: Touch) -> Touch {
    Touch { verdict: Verdict::Duplicate, ..touch }
}

fn view(touch: Touch) -> Touch {
    Touch { kind: TouchKind::View, ..touch }
}

/// Those that are credited, oldest first: partner, parts per million, cents of 100.00 EUR, role.
fn credited(decided: &Decided) -> Vec<(u32, u32, i64, R)> {
    let mut rows: Vec<_> = decided.credits.iter().filter(|it| it.share.0 > 0).collect();
    rows.sort_by_key(|it| (it.touched_at, it.touch));
    rows.into_iter().map(|it| (it.partner.0, it.share.0, it.revenue_minor, it.role)).collect()
}

fn shared(model: Model, touches: &[Touch]) -> Decided {
    decided_by([by(model)], &[report("o", T, 1).of(7)], touches)
}

#[test]
fn each_model_shares_along_the_path() {
    let path = [touch(T - 2 * HALF_MS, 1, 7, 1), touch(T - HALF_MS, 2, 7, 2), touch(T, 3, 7, 3)];
    let cases = [
        (Model::Last, vec![(3, 1_000_000, 10_000, R::Closer)]),
        (Model::First, vec![(1, 1_000_000, 10_000, R::Introducer)]),
        (
            Model::Linear,
            vec![
                (1, 333_333, 3_333, R::Introducer),
                (2, 333_333, 3_333, R::Influencer),
                (3, 333_334, 3_334, R::Closer),
            ],
        ),
        (
            position([40, 20, 40]),
            vec![
                (1, 400_000, 4_000, R::Introducer),
                (2, 200_000, 2_000, R::Influencer),
                (3, 400_000, 4_000, R::Closer),
            ],
        ),
        (position([100, 0, 0]), vec![(1, 1_000_000, 10_000, R::Introducer)]),
        (
            Model::TimeDecay { half_life_ms: HALF_MS },
            vec![
                (1, 142_857, 1_429, R::Introducer),
                (2, 285_714, 2_857, R::Influencer),
                (3, 571_429, 5_714, R::Closer),
            ],
        ),
    ];
    for (model, want) in cases {
        assert_eq!(credited(&shared(model, &path)), want, "{model}");
        let alone = shared(model, &path[1..2]);
        assert_eq!(credited(&alone), [(2, 1_000_000, 10_000, R::Closer)], "{model}: alone");
    }
}

#[test]
fn the_order_is_spoken_for_by_the_greatest_share_and_of_equals_by_the_newest() {
    let path = [touch(T - 3, 1, 7, 1), touch(T - 2, 2, 7, 2), touch(T - 1, 3, 7, 3)];
    for (weights, want) in [([40, 20, 40], 3), ([41, 19, 40], 1), ([20, 60, 20], 2)] {
        assert_eq!(partner(&shared(position(weights), &path)), want, "{weights:?}");
    }
}

#[test]
fn who_gets_nothing_is_told_why() {
    let path = [touch(T - 3, 1, 7, 1), touch(T - 2, 2, 7, 2), touch(T - 1, 3, 7, 3)];
    let cases = [
        (Model::Last, vec![V::Won, V::Older, V::Older], vec![]),
        (Model::First, vec![V::Newer, V::Newer, V::Won], vec!["model_first"]),
        (position([0, 100, 0]), vec![V::NotShared, V::Won, V::NotShared], vec!["model_position"]),
        (Model::Linear, vec![V::Won, V::Won, V::Won], vec!["model_linear"]),
        (Model::TimeDecay { half_life_ms: 1_000 }, vec![V::Won, V::Won, V::Won], vec!["model_time_decay"]),
    ];
    for (model, want, words) in cases {
        let decided = shared(model, &path);
        assert_eq!((verdicts(&decided), notes(&decided)), (want, words), "{model}");
    }
}

#[test]
fn a_repeat_counts_with_the_touch_that_it_repeats() {
    let again = |at, sequence| duplicate(touch(at, 1, 7, sequence));
    let path = [touch(T - 9, 1, 7, 1), touch(T - 5, 2, 7, 2), again(T - 3, 3)];
    let decided = shared(Model::Linear, &path);
    assert_eq!(verdicts(&decided), [V::Duplicate, V::Won, V::Won]);
    assert_eq!(credited(&decided).len(), 2);

    let outside = [touch(T - WINDOW_MS, 1, 7, 1), again(T - 3, 3), again(T - 2, 4)];
    let decided = shared(Model::Linear, &outside);
    assert_eq!(
        verdicts(&decided),
        [V::Duplicate, V::Won, V::OutOfWindow],
        "the first one on the path stands for it"
    );

    let others = [touch(T - 9, 1, 7, 1), duplicate(touch(T - 5, 2, 7, 2))];
    assert_eq!(credited(&shared(Model::Linear, &others)).len(), 2, "another link's is no repeat of it");
    assert_eq!(partner(&shared(Model::Last, &path)), 1, "the newest takes all, a repeat or not");
}

#[test]
fn views_are_shared_among_only_where_no_click_is() {
    let views = [view(touch(T - 3, 1, 7, 1)), view(touch(T - 2, 2, 7, 2))];
    assert_eq!(credited(&shared(Model::Linear, &views)).len(), 2);
    let with_click = [views[0], touch(T - 2, 2, 7, 2), view(touch(T - 1, 3, 7, 3))];
    let decided = shared(Model::Linear, &with_click);
    assert_eq!(verdicts(&decided), [V::ViewBehindClick, V::Won, V::ViewBehindClick]);
}

/// An order with touches of partners under several rules is shared by those of the newest one.
#[test]
fn the_newest_touch_brings_the_rules() {
    let mut catalog = by(Model::Linear);
    let changes = RuleChanges { model: Some(Model::Last), hold_ms: Some(9_000), ..RuleChanges::default() };
    catalog.overrides.entry(OfferId(10)).or_default().insert(OverrideFor::Partner(PartnerId(2)), changes);
    let of = |touches: &[Touch]| decided_by([catalog.clone()], &[report("o", T, 1).of(7)], touches);
    assert_eq!(credited(&of(&[touch(T - 3, 1, 7, 1), touch(T - 2, 2, 7, 2)])).len(), 1);
    let both = of(&[touch(T - 3, 2, 7, 1), touch(T - 2, 1, 7, 2)]);
    assert_eq!(credited(&both).len(), 2);
    assert_eq!(both.decision.payable_at.0, T + 9_000, "the longest hold of those with a share");
}

#[test]
fn of_a_long_path_the_first_and_the_latest_share_and_a_trace_shows_them_all() {
    let count = PATH_MAX as u64 + 40;
    let path: Vec<Touch> =
        (0..count).map(|it| touch(T - 1_000 + it, 1 + u32::from(it == 0), 7, it + 1)).collect();
    let decided = shared(Model::Linear, &path);
    let rows = credited(&decided);
    assert_eq!((rows.len(), rows[0].0), (PATH_MAX, 2));
    let candidates = &decided.decision.trace.candidates;
    assert_eq!(candidates.len(), Trace::CANDIDATES_MAX);
    assert_eq!(candidates.iter().filter(|it| it.verdict == V::Won).count(), PATH_MAX);
    assert_eq!(u64::from(decided.decision.trace.candidates_left_out), count - PATH_MAX as u64);
    let beyond = decided.credits.iter().filter(|it| it.share.0 == 0).count();
    assert_eq!(beyond as u64, count - PATH_MAX as u64, "the others have their zero rows");
}

/// A version of the catalog that changes the model overwrites every row of the old split.
#[test]
fn a_changed_model_leaves_nothing_of_the_old_split() {
    let path = [touch(T - 3, 1, 7, 1), touch(T - 2, 2, 7, 2), touch(T - 1, 3, 7, 3)];
    let rows = |decided: &Decided| {
        let mut keys: Vec<_> = decided.credits.iter().map(|it| (it.touch, it.quarter)).collect();
        keys.sort();
        keys
    };
    let before = shared(Model::Linear, &path);
    for model in [Model::Last, Model::First, position([0, 100, 0])] {
        assert_eq!(rows(&shared(model, &path)), rows(&before), "{model}");
    }
}

/// What was refunded is taken from each by his share, to the cent.
#[test]
fn a_refund_is_shared_like_the_order() {
    let path = [touch(T - 3, 1, 7, 1), touch(T - 2, 2, 7, 2), touch(T - 1, 3, 7, 3)];
    let reports = [report("o", T, 1).of(7), refund("o", T + 5, 2, "r", Some(euros(1)))];
    let decided = decided_by([by(Model::Linear)], &reports, &path);
    let money: Vec<i64> = credited(&decided).iter().map(|it| it.2).collect();
    assert_eq!(money, [3_333, 3_333, 3_333]);
    let refunded: Vec<i64> =
        decided.credits.iter().map(|it| it.refunded_minor).filter(|it| *it > 0).collect();
    assert_eq!(refunded, [1], "once");
}
