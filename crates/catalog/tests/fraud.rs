//! `[fraud]`: what a text means, what is off, and each way to be wrong.

use catalog::{Catalog, EmailHash, Fraud, diff, hints, parse};
use units::PartnerId;

const EXAMPLE: &str = include_str!("golden/fraud.toml");

fn of(text: &str) -> Catalog {
    parse(&[("fraud.toml", text)]).unwrap_or_else(|errors| panic!("{errors:?}"))
}

#[test]
fn thresholds_mean_what_they_always_meant() {
    let Fraud { clicks_per_hour, visitor, orders_per_address, delay, data_centres, self_purchase } =
        of(EXAMPLE).fraud;
    let networks: Vec<String> = data_centres.iter().map(ToString::to_string).collect();
    let lines = [
        format!("{clicks_per_hour:?}"),
        format!("{visitor:?}"),
        format!("{orders_per_address:?}"),
        format!("{delay:?}"),
        networks.join(" "),
        format!("{self_purchase}"),
    ];
    assert_eq!(lines.join("\n") + "\n", include_str!("golden/fraud.txt"));
}

#[test]
fn what_is_not_said_is_off_and_what_belongs_to_it_has_a_default() {
    assert!(of("").fraud.is_off() && of("[fraud]").fraud.is_off());
    let fraud = of("[fraud]\nvisitor_partners = 3\ndelay_distance = 100\n").fraud;
    assert_eq!(fraud.visitor.map(|it| (it.partners, it.within_ms)), Some((3, 10_000)));
    assert_eq!(fraud.delay.map(|it| (it.distance.0, it.orders_min)), Some((1_000_000, 50)));
}

#[test]
fn each_bad_threshold_is_refused_at_its_line_with_its_code() {
    let cases = [
        ("clicks_per_hour = 0", "out_of_range"),
        ("clicks_per_hour = -1", "out_of_range"),
        ("clicks_per_hour = \"9\"", "wrong_type"),
        ("visitor_partners = 1", "out_of_range"),
        ("visitor_within = \"5s\"", "idle_rule"),
        ("orders_per_address = 1", "out_of_range"),
        ("delay_distance = 101", "out_of_range"),
        ("delay_orders_min = 9", "idle_rule"),
        ("data_centres = [\"192.0.2.0/25\"]", "bad_network"),
        ("data_centres = \"192.0.2.0/24\"", "wrong_type"),
        ("self_purchase = 1", "wrong_type"),
        ("click_per_hour = 1", "unknown_key"),
    ];
    for (line, want) in cases {
        let errors = parse(&[("a.toml", &format!("[fraud]\n{line}\n"))]).err().unwrap_or_default();
        let found: Vec<_> = errors.iter().map(|it| (it.line, it.code.as_str())).collect();
        assert_eq!(found, [(2, want)], "{line}");
    }
    let twice = parse(&[("a.toml", "[fraud]\n"), ("b.toml", "[fraud]\n")]).err().unwrap_or_default();
    assert_eq!(twice.iter().map(|it| it.code.as_str()).collect::<Vec<_>>(), ["two_values"]);
}

#[test]
fn a_changed_threshold_is_told() {
    let off = of("");
    assert_eq!(
        diff(&off, &of(EXAMPLE)),
        [
            "fraud: clicks per hour off -> 5000",
            "fraud: visitor off -> 4 partners in 5s",
            "fraud: orders per address off -> 20",
            "fraud: delay off -> 60% over 100 orders",
            "fraud: self purchase off -> on",
            "data centre 192.0.2.0/24: new",
            "data centre 2001:db8::/32: new",
        ]
    );
    assert_eq!(diff(&of(EXAMPLE), &of(EXAMPLE)), [""; 0]);
}

const HASH: &str = "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789ABCDEF";

fn partner(id: u32, email: &str) -> String {
    format!("[[partner]]\nid = {id}\nname = \"P\"\nemail_sha256 = \"{email}\"\n")
}

#[test]
fn partners_of_one_address_are_one_person_and_the_lowest_is_found() {
    let other = partner(5, &HASH.replace('0', "1"));
    let nobody = "[[partner]]\nid = 6\nname = \"P\"\n[[partner]]\nid = 7\nname = \"P\"\n";
    let text = [partner(9, HASH), partner(3, &HASH.to_lowercase()), other, nobody.to_owned()].concat();
    let catalog = of(&text);
    let hash = EmailHash::parse(HASH).unwrap();
    assert_eq!(catalog.partners_by_email.get(&hash), Some(&PartnerId(3)));
    assert_eq!(catalog.partners_by_email.len(), 2);
    let same = |one, other| catalog.is_same_person(PartnerId(one), PartnerId(other));
    assert!(same(3, 9) && same(9, 3) && same(6, 6) && same(77, 77));
    assert!(!same(3, 5) && !same(6, 7) && !same(77, 78), "who told none is himself alone");
}

#[test]
fn an_address_that_is_no_hash_is_refused_and_none_is_ever_shown() {
    for text in ["", "ann@example.com", &HASH[1..], &format!("{HASH}0")] {
        let errors = parse(&[("a.toml", &partner(1, text))]).err().unwrap_or_default();
        let found: Vec<_> = errors.iter().map(|it| (it.line, it.code.as_str())).collect();
        assert_eq!(found, [(4, "bad_email_hash")], "{text}");
        assert!(text.is_empty() || !errors[0].to_string().contains(text), "{}", errors[0]);
    }
    let (none, one) = (of("[[partner]]\nid = 1\nname = \"P\"\n"), of(&partner(1, HASH)));
    assert_eq!(diff(&none, &one), ["partner 1: e-mail address changed"]);
    assert_eq!(diff(&one, &of(&partner(1, &HASH.to_lowercase()))), [""; 0]);
    assert!(!format!("{one:?}").to_lowercase().contains(&HASH[..8]));
}

#[test]
fn a_search_for_own_orders_without_any_address_is_hinted_at() {
    let on = "[fraud]\nself_purchase = true\n";
    let said = |text: &str| hints(&of(text)).iter().map(|it| it.code.as_str()).collect::<Vec<_>>();
    assert_eq!(said(on), ["self_purchase"]);
    assert_eq!(said(&format!("{on}{}", partner(1, HASH))), [""; 0]);
    assert_eq!(said(""), [""; 0]);
}
