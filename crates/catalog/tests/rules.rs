//! Rules by level: partner, then partner type, then offer, then built in, each value by itself.

use catalog::{
    Binding, BindingOwner, Catalog, Customers, Key, Model, OverrideFor, Precedence, RuleChanges, RuleKey,
    RuleLevel, Rules, diff, explain, parse,
};
use proptest::prelude::*;
use units::{HOUR_MS, MINUTE_MS, OfferId, PartnerId};

const PROGRAM: &str = "[[advertiser]]\nid = 1\nname = \"A\"\n\
    [[offer]]\nid = 10\nadvertiser = 1\nname = \"O\"\ndestination = \"https://shop.example/\"\nclick_window = \"20d\"\nhold = \"30d\"\n\
    [[partner]]\nid = 100\nname = \"P\"\ntype = \"content\"\n\
    [[partner]]\nid = 101\nname = \"Q\"\ntype = \"coupon\"\n\
    [[partner]]\nid = 102\nname = \"R\"\ntype = \"coupon\"\n\
    [[override]]\noffer = 10\npartner_type = \"coupon\"\nclick_window = \"7d\"\nduplicate_window = \"10m\"\nhijack_window = \"10m\"\n\
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
            row("precedence exclusive_coupon, click, coupon, customer, partner, view", BuiltIn),
            row("hijack_window 0s", BuiltIn),
            row("hijack_after_checkout false", BuiltIn),
            row("binding none", BuiltIn),
            row("customers all", BuiltIn),
            row("model last", BuiltIn),
            row("hold 30d", Offer),
            row("duplicate_window 1h", BuiltIn),
        ]
    );
    assert_eq!(explained(101)[0], row("click_window 7d", PartnerType));
    assert_eq!(explained(101)[10], row("duplicate_window 10m", PartnerType));
    assert_eq!(
        explained(102),
        [
            row("click_window 7d", PartnerType),
            row("view_window 0s", BuiltIn),
            row("minimum_time 0s", BuiltIn),
            row("precedence exclusive_coupon, click, coupon, customer, partner, view", BuiltIn),
            row("hijack_window 10m", PartnerType),
            row("hijack_after_checkout false", BuiltIn),
            row("binding none", BuiltIn),
            row("customers all", BuiltIn),
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
    let model = proptest::option::of(Just(Model::Last));
    let precedence = proptest::option::of(Just(Precedence::default()));
    let binding = proptest::option::of(Just(Binding::None));
    let customers = proptest::option::of(Just(Customers::New));
    (ms(), ms(), ms(), (precedence, ms(), binding, customers, model), ms(), ms()).prop_map(
        |(click, view, minimum, (precedence, hijack, binding, customers, model), hold, duplicate)| {
            RuleChanges {
                click_window_ms: click,
                view_window_ms: view,
                minimum_time_ms: minimum,
                precedence,
                hijack_window_ms: hijack,
                hijack_after_checkout: hijack.map(|it| it > 50),
                binding,
                customers,
                model,
                hold_ms: hold,
                duplicate_window_ms: duplicate,
            }
        },
    )
}

/// What a level says about the rules that have a duration, in the order of [`RuleKey::ALL`] without the others.
fn durations(it: &RuleChanges) -> [Option<u64>; 6] {
    let hijack = it.hijack_window_ms;
    [it.click_window_ms, it.view_window_ms, it.minimum_time_ms, hijack, it.hold_ms, it.duplicate_window_ms]
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
        let is_timed = |key| {
            let of_words = [RuleKey::Precedence, RuleKey::HijackAfterCheckout, RuleKey::Binding, RuleKey::Customers, RuleKey::Model];
            !of_words.contains(&key)
        };
        let timed = lines.iter().filter(|it| is_timed(it.key));
        for (index, line) in timed.enumerate() {
            let said = |(level, changes): &(RuleLevel, Option<RuleChanges>)| Some((*level, durations(changes.as_ref()?)[index]?));
            let (level, value) = levels.iter().find_map(said).unwrap();
            prop_assert_eq!((line.level, found[index]), (level, Some(value)));
            prop_assert_eq!(catalog::duration::parse(&line.value), Some(value));
        }
    }
}

#[test]
fn an_order_of_keys_is_read_whole_or_refused() {
    let with = |line: &str| {
        let text = PROGRAM.replace("hold = \"30d\"", line);
        parse(&[("a.toml", &text)])
    };
    let catalog = with("precedence = [\"coupon\", \"click\"]").unwrap();
    let rules = catalog.rules(OfferId(10), PartnerId(100)).unwrap();
    assert_eq!(rules.precedence.keys().collect::<Vec<_>>(), [Key::Coupon, Key::Click]);
    assert_eq!(
        diff(&program(), &catalog)[0],
        "offer 10: precedence exclusive_coupon, click, coupon, customer, partner, view -> coupon, click"
    );
    for wrong in ["[]", "[\"click\", \"click\"]", "[\"clicks\"]"] {
        let errors = with(&format!("precedence = {wrong}")).unwrap_err();
        assert_eq!(
            errors.iter().map(|it| it.code.as_str()).collect::<Vec<_>>(),
            ["bad_precedence"],
            "{wrong}"
        );
    }
    let errors = with("hijack_window = \"25h\"").unwrap_err();
    assert_eq!(errors[0].code.as_str(), "out_of_range");
}

/// A coupon is found in any case and between blanks, of its own advertiser alone, and letters that look alike are others.
#[test]
fn a_coupon_is_found_as_customers_type_it() {
    let text = format!("{PROGRAM}[[coupon]]\ncode = \"Sommer-\u{e4}\u{441}\"\npartner = 100\noffer = 10\n");
    let catalog = parse(&[("a.toml", &text)]).unwrap();
    let of =
        |advertiser, named| catalog.coupon(units::AdvertiserId(advertiser), named).map(|it| it.partner.0);
    assert_eq!(of(1, "SOMMER-\u{c4}\u{421}"), Some(100));
    assert_eq!(of(1, "  sommer-\u{e4}\u{441}\u{a0}"), Some(100));
    assert_eq!(of(1, "SOMMER-\u{c4}C"), None, "a Latin letter is not a Cyrillic one");
    assert_eq!(of(2, "SOMMER-\u{c4}\u{421}"), None);
}

/// Who has a link to or a coupon for an offer promotes its advertiser; of several offers the lowest speaks.
#[test]
fn a_partner_promotes_whom_he_has_a_link_or_a_coupon_for() {
    let more = "[[advertiser]]\nid = 2\nname = \"B\"\n\
        [[offer]]\nid = 9\nadvertiser = 1\nname = \"O\"\ndestination = \"https://shop.example/\"\n\
        [[offer]]\nid = 20\nadvertiser = 2\nname = \"O\"\ndestination = \"https://shop.example/\"\n\
        [[link]]\nid = 1\ncode = \"a\"\npartner = 100\noffer = 10\n\
        [[coupon]]\ncode = \"x\"\npartner = 100\noffer = 9\n\
        [[coupon]]\ncode = \"x\"\npartner = 101\noffer = 20\n";
    let catalog = parse(&[("a.toml", &format!("{PROGRAM}{more}"))]).unwrap();
    let mut programs: Vec<_> = catalog
        .programs
        .iter()
        .map(|((advertiser, partner), offer)| (advertiser.0, partner.0, offer.0))
        .collect();
    programs.sort_unstable();
    assert_eq!(programs, [(1, 100, 9), (2, 101, 20)]);
}

/// The table that people read says what the code does.
#[test]
fn the_map_lists_every_key_at_its_place() {
    let map = include_str!("../../README.md");
    let rows: Vec<&str> = map.lines().filter(|it| Key::ALL.iter().any(|key| is_row_of(it, *key))).collect();
    let built_in = Precedence::default();
    let want = Key::ALL.map(|key| {
        let place = built_in.rank(key).map_or_else(|| "-".to_owned(), |it| (it + 1).to_string());
        let takes = if key.finds_touches() { "by model" } else { "all" };
        let takes = if place == "-" { "" } else { takes };
        format!("| {place} | `{}` | {} | {} | {takes} |", key.as_str(), key.found_by(), key.candidates())
    });
    assert_eq!(rows, want);
}

fn is_row_of(line: &str, key: Key) -> bool {
    line.split('|').nth(2).is_some_and(|cell| cell.trim() == format!("`{}`", key.as_str()))
}

#[test]
fn a_binding_is_read_whole_or_refused() {
    let with = |lines: &str| parse(&[("a.toml", &PROGRAM.replace("hold = \"30d\"", lines))]);
    let rules = |lines: &str| with(lines).unwrap().rules(OfferId(10), PartnerId(100)).unwrap();
    let bound = |for_ms, orders, owner| Binding::Bound { for_ms, orders, owner };
    let cases = [
        ("binding = \"none\"", Binding::None),
        ("binding = \"lifetime\"", bound(None, None, BindingOwner::First)),
        ("binding = \"2h\"\nbinding_owner = \"last\"", bound(Some(2 * HOUR_MS), None, BindingOwner::Last)),
        ("binding = \"lifetime\"\nbinding_orders = 3", bound(None, Some(3), BindingOwner::First)),
    ];
    for (lines, want) in cases {
        assert_eq!(rules(lines).binding, want, "{lines}");
    }
    assert_eq!(rules("customers = \"new\"").customers, Customers::New);
    assert_eq!(rules("customers = \"existing\"").customers, Customers::Existing);
    let wrong = [
        ("binding = \"forever\"", "out_of_range"),
        ("binding = \"0s\"", "out_of_range"),
        ("binding = \"3651d\"", "out_of_range"),
        ("binding_orders = 3", "idle_rule"),
        ("binding = \"none\"\nbinding_owner = \"last\"", "idle_rule"),
        ("binding = \"lifetime\"\nbinding_orders = 1001", "out_of_range"),
        ("binding = \"lifetime\"\nbinding_owner = \"both\"", "unknown_value"),
        ("customers = \"old\"", "unknown_value"),
    ];
    for (lines, want) in wrong {
        let codes: Vec<_> = with(lines).unwrap_err().iter().map(|it| it.code.as_str()).collect();
        assert_eq!(codes, [want], "{lines}");
    }
    let changed =
        with("hold = \"30d\"\nbinding = \"365d\"\nbinding_orders = 5\ncustomers = \"new\"").unwrap();
    assert_eq!(
        diff(&program(), &changed),
        ["offer 10: binding none -> 365d, first order, 5 more", "offer 10: customers all -> new"]
    );
}
