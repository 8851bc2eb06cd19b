//! `[fraud]`: what a text means, what is off, and each way to be wrong.

use catalog::{Catalog, Fraud, diff, parse};

const EXAMPLE: &str = include_str!("golden/fraud.toml");

fn of(text: &str) -> Catalog {
    parse(&[("fraud.toml", text)]).unwrap_or_else(|errors| panic!("{errors:?}"))
}

#[test]
fn thresholds_mean_what_they_always_meant() {
    let Fraud { clicks_per_hour, visitor, orders_per_address, delay, data_centres } = of(EXAMPLE).fraud;
    let networks: Vec<String> = data_centres.iter().map(ToString::to_string).collect();
    let lines = [
        format!("{clicks_per_hour:?}"),
        format!("{visitor:?}"),
        format!("{orders_per_address:?}"),
        format!("{delay:?}"),
        networks.join(" "),
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
            "data centre 192.0.2.0/24: new",
            "data centre 2001:db8::/32: new",
        ]
    );
    assert_eq!(diff(&of(EXAMPLE), &of(EXAMPLE)), [""; 0]);
}
