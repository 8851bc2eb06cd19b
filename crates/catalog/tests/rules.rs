//! Rules by level: partner, then partner type, then offer, then built in, each value by itself.

use catalog::{Catalog, Model, OverrideFor, RuleChanges, RuleKey, RuleLevel, Rules, diff, explain, parse};
use proptest::prelude::*;
use units::{HOUR_MS, MINUTE_MS, OfferId, PartnerId};

const PROGRAM: &str = "[[advertiser]]\nid = 1\nname = \"A\"\n\
    [[offer]]\nid = 10\nadvertiser = 1\nname = \"O\"\ndestination = \"https://shop.example/\"\nclick_window = \"20d\"\nhold = \"30d\"\n\
    [[partner]]\nid = 100\nname = \"P\"\ntype = \"content\"\n\
    [[partner]]\nid = 101\nname = \"Q\"\ntype = \"coupon\"\n\
    [[partner]]\nid = 102\nname = \"R\"\ntype = \"coupon\"\n\
    [[override]]\noffer = 10\npartner_type = \"coupon\"\nclick_window = \"7d\"\nduplicate_window = \"10m\"\n\
    [[override]]\noffer = 10\npartner = 102\nduplicate_window = \"0s\"\nmodel = \"last\"\n";

fn program() -> Catalog {
    parse(&[("a.toml", PROGRAM)]).unwrap_or_else(|errors| panic!("{errors:?}"))
}

#[test]
fn each_rule_is_explained_with_its_value_and_its_level() {
    use RuleLevel::{BuiltIn, Offer, Partner, PartnerType};
    let explained = |partner: u32| -> Vec<(String, RuleLevel)> {
        let lines = explain(&program(), OfferId(10), PartnerId(partner)).unwrap();
        lines.into_iter().map(|it| (format!("{} {}", it.key.as_str(), it.value), it.level)).collect()
    };
    let row = |text: &str, level| (text.to_owned(), level);
    // The offer says thirty days of hold itself, as is built in: it would stay if the built-in value changed.
    assert_eq!(
        explained(100),
        [
            row("click_window 20d", Offer),
            row("view_window 0s", BuiltIn),
            row("minimum_time 0s", BuiltIn),
            row("model last", BuiltIn),
            row("hold 30d", Offer),
            row("duplicate_window 1h", BuiltIn),
        ]
    );
    assert_eq!(explained(101)[0], row("click_window 7d", PartnerType));
    assert_eq!(explained(101)[5], row("duplicate_window 10m", PartnerType));
    assert_eq!(
        explained(102),
        [
            row("click_window 7d", PartnerType),
            row("view_window 0s", BuiltIn),
            row("minimum_time 0s", BuiltIn),
            row("model last", Partner),
            row("hold 30d", Offer),
            row("duplicate_window 0s", Partner),
        ]
    );
    assert_eq!(explained(999)[0], row("click_window 20d", Offer), "who is not known has no type");
    assert_eq!(explain(&program(), OfferId(11), PartnerId(100)), None);
}

#[test]
fn the_duplicate_window_is_overridden_by_type_and_then_by_partner() {
    let catalog = program();
    let window = |partner| catalog.rules(OfferId(10), PartnerId(partner)).unwrap().duplicate_window_ms;
    assert_eq!([window(100), window(101), window(102)], [HOUR_MS, 10 * MINUTE_MS, 0]);
    let longer = PROGRAM.replace("duplicate_window = \"10m\"", "duplicate_window = \"25h\"");
    let errors = parse(&[("a.toml", &longer)]).unwrap_err();
    assert_eq!(errors.iter().map(|it| it.code.as_str()).collect::<Vec<_>>(), ["out_of_range"]);
}

#[test]
fn a_changed_override_is_told_by_its_rules() {
    let text = PROGRAM.replace("duplicate_window = \"10m\"", "hold = \"1d\"");
    assert_eq!(
        diff(&program(), &parse(&[("a.toml", &text)]).unwrap()),
        [
            "override of offer 10 for type coupon: hold the offer's -> 1d",
            "override of offer 10 for type coupon: duplicate window 10m -> the offer's",
        ]
    );
}

fn changes() -> impl Strategy<Value = RuleChanges> {
    let ms = || proptest::option::of(1..100_u64);
    (ms(), ms(), ms(), proptest::option::of(Just(Model::Last)), ms(), ms()).prop_map(
        |(click, view, minimum, model, hold, duplicate)| RuleChanges {
            click_window_ms: click,
            view_window_ms: view,
            minimum_time_ms: minimum,
            model,
            hold_ms: hold,
            duplicate_window_ms: duplicate,
        },
    )
}

/// What a level says about the rules that have a duration, in the order of [`RuleKey::ALL`] without the model.
fn durations(it: &RuleChanges) -> [Option<u64>; 5] {
    [it.click_window_ms, it.view_window_ms, it.minimum_time_ms, it.hold_ms, it.duplicate_window_ms]
}

proptest! {
    #[test]
    fn the_most_specific_level_that_says_a_rule_wins(
        offer in changes(), kind in proptest::option::of(changes()), partner in proptest::option::of(changes()), other in changes(),
    ) {
        let mut catalog = program();
        catalog.offers.get_mut(&OfferId(10)).unwrap().rules = offer;
        let rows = [
            (OverrideFor::PartnerKind("content".into()), Some(other)),
            (OverrideFor::Partner(PartnerId(101)), Some(other)),
            (OverrideFor::PartnerKind("coupon".into()), kind),
            (OverrideFor::Partner(PartnerId(102)), partner),
        ];
        let overrides = rows.into_iter().filter_map(|(whom, changes)| Some((whom, changes?))).collect();
        catalog.overrides.insert(OfferId(10), overrides);

        let built_in = RuleChanges::from(Rules::default());
        let levels = [
            (RuleLevel::Partner, partner), (RuleLevel::PartnerType, kind), (RuleLevel::Offer, Some(offer)),
            (RuleLevel::BuiltIn, Some(built_in)),
        ];
        let rules = catalog.rules(OfferId(10), PartnerId(102)).unwrap();
        let found = durations(&RuleChanges::from(rules));
        let lines = explain(&catalog, OfferId(10), PartnerId(102)).unwrap();
        let timed = lines.iter().filter(|it| it.key != RuleKey::Model);
        for (index, line) in timed.enumerate() {
            let said = |(level, changes): &(RuleLevel, Option<RuleChanges>)| Some((*level, durations(changes.as_ref()?)[index]?));
            let (level, value) = levels.iter().find_map(said).unwrap();
            prop_assert_eq!((line.level, found[index]), (level, Some(value)));
            prop_assert_eq!(catalog::duration::parse(&line.value), Some(value));
        }
    }
}
