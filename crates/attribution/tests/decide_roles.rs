//! What each touch did for its order, by examples: the same under every model.

mod world;

use attribution::Decided;
use catalog::{Catalog, Model};
use events::{Role as R, Touch, TouchKind, Verdict};
use world::{deciding::*, *};

fn by(model: Model) -> Catalog {
    let mut catalog = catalog(1, 0, WINDOW_MS);
    catalog.offers.values_mut().for_each(|it| it.rules.model = Some(model));
    catalog
}

/// Partner and role of each touch in the order's quarter, oldest first.
fn roles(decided: &Decided) -> Vec<(u32, R)> {
    let home = decided.decision.at.quarter();
    let mut rows: Vec<_> = decided.credits.iter().filter(|it| it.quarter == home).collect();
    rows.sort_by_key(|it| (it.touched_at, it.touch));
    rows.into_iter().map(|it| (it.partner.0, it.role)).collect()
}

fn decided_under(model: Model, touches: &[Touch]) -> Decided {
    decided_by([by(model)], &[report("o", T, 1).of(7)], touches)
}

/// Partners whose assist is counted, and the lengths of the path as rows tell them, of the order's quarter and of all others.
fn counted(decided: &Decided) -> (Vec<u32>, Vec<u16>) {
    let mut assists: Vec<u32> =
        decided.credits.iter().filter(|it| it.is_assist).map(|it| it.partner.0).collect();
    assists.sort_unstable();
    let lengths = decided.credits.iter().map(|it| it.path_touches).filter(|it| *it > 0).collect();
    (assists, lengths)
}

const MODELS: [Model; 4] =
    [Model::Last, Model::First, Model::Linear, Model::TimeDecay { half_life_ms: 1_000 }];

#[test]
fn the_path_has_an_introducer_influencers_and_a_closer_whoever_is_credited() {
    let path = [touch(T - 3, 1, 7, 1), touch(T - 2, 2, 7, 2), touch(T - 1, 3, 7, 3)];
    for model in MODELS {
        let found = roles(&decided_under(model, &path));
        assert_eq!(found, [(1, R::Introducer), (2, R::Influencer), (3, R::Closer)], "{model}");
        assert_eq!(roles(&decided_under(model, &path[..1])), [(1, R::Closer)], "{model}");
    }
}

#[test]
fn a_repeat_has_no_role_unless_it_is_credited() {
    let again = Touch { verdict: Verdict::Duplicate, ..touch(T - 1, 1, 7, 3) };
    let path = [touch(T - 3, 1, 7, 1), touch(T - 2, 2, 7, 2), again];
    let shared = [(1, R::Introducer), (2, R::Closer), (1, R::None)];
    assert_eq!(roles(&decided_under(Model::Linear, &path)), shared);
    let last = [(1, R::Introducer), (2, R::Influencer), (1, R::Closer)];
    assert_eq!(roles(&decided_under(Model::Last, &path)), last);
}

#[test]
fn who_could_have_earned_beside_the_path_assisted_and_who_could_not_did_nothing() {
    let view = Touch { kind: TouchKind::View, ..touch(T - 1, 3, 7, 3) };
    let touches = [touch(T - WINDOW_MS, 1, 7, 1), touch(T - 2, 2, 7, 2), view];
    for model in MODELS {
        let found = roles(&decided_under(model, &touches));
        assert_eq!(found, [(1, R::None), (2, R::Closer), (3, R::Assist)], "{model}");
    }
}

/// However many touches and quarters an order has, it is closed once, and assisted once by each partner without a share.
#[test]
fn assists_and_the_path_are_on_one_row_each() {
    let early = |it: Touch| Touch { verdict: Verdict::Duplicate, ..it };
    let path = [
        touch(T - 6, 1, 7, 1),
        touch(T - 5, 2, 7, 2),
        touch(T - 4, 1, 7, 3),
        early(touch(T - 3, 1, 7, 4)),
        touch(T - 2, 3, 7, 5),
        Touch { kind: TouchKind::View, ..touch(T - 1, 2, 7, 6) },
    ];
    // The second report places the order in another quarter too: its rows there are zero.
    let moved = [report("o", T, 1).of(7), report("o", T + 3 * units::QUARTER_MS, 2).of(7)];
    let cases = [
        (Model::Last, vec![1, 2], vec![4]),
        (Model::First, vec![2, 3], vec![4]),
        (Model::Linear, vec![], vec![4]),
    ];
    for (model, assists, lengths) in cases {
        let decided = decided_by([by(model)], &moved, &path);
        assert!(decided.credits.iter().any(|it| it.quarter != decided.decision.at.quarter()));
        assert_eq!(counted(&decided), (assists, lengths), "{model}");
        assert_eq!(decided.decision.path_touches, 4, "{model}");
    }
    let nobody = decided_by([by(Model::Last)], &[report("o", T, 1).of(7)], &[]);
    assert_eq!((counted(&nobody), nobody.decision.path_touches), ((vec![], vec![]), 0));
}
