//! The reporting currency and the rates into it: what a text means, and each way to be wrong.

use catalog::{Catalog, diff, parse};
use units::{Currency, Rate};

const EXAMPLE: &str = include_str!("golden/rates.toml");

fn of(text: &str) -> Catalog {
    parse(&[("rates.toml", text)]).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn currency(code: &str) -> Currency {
    Currency::parse(code).expect("a currency")
}

#[test]
fn rates_mean_what_they_always_meant() {
    let catalog = of(EXAMPLE);
    let mut text = format!("{:?}\n", catalog.reporting_currency);
    for (currency, rate) in &catalog.rates {
        let parts = rate.parts().to_string();
        text.extend([currency.as_str(), " ", &rate.to_string(), " ", &parts, "\n"]);
    }
    assert_eq!(text, include_str!("golden/rates.txt"));
}

#[test]
fn the_reporting_currency_is_worth_itself_and_others_what_their_rate_says() {
    let catalog = of(EXAMPLE);
    let cases = [("EUR", Some("1")), ("USD", Some("0.9213")), ("JPY", Some("0.006115")), ("GBP", None)];
    for (code, rate) in cases {
        assert_eq!(catalog.reporting_rate(currency(code)), rate.and_then(Rate::parse), "{code}");
    }
    assert_eq!(of("").reporting_rate(Currency::EUR), None, "no reporting currency, no rate");
}

#[test]
fn each_bad_rate_is_refused_at_its_line_with_its_code() {
    let rate =
        |rate: &str| format!("reporting_currency = \"EUR\"\n[[rate]]\ncurrency = \"USD\"\nrate = {rate}\n");
    let cases = [
        (rate("\"0\""), vec![(4, "bad_rate")]),
        (rate("\"-1\""), vec![(4, "bad_rate")]),
        (rate("\"0,92\""), vec![(4, "bad_rate")]),
        (rate("\"0.0000000000001\""), vec![(4, "bad_rate")]),
        (rate("\"1000000\""), vec![(4, "bad_rate")]),
        (rate("0.92"), vec![(4, "wrong_type")]),
        (rate("\"1\"\nrates = 2"), vec![(5, "unknown_key")]),
        (
            format!("{}[[rate]]\ncurrency = \"USD\"\nrate = \"1\"\n", rate("\"1\"")),
            vec![(5, "duplicate_rate")],
        ),
        (rate("\"1\"").replace("USD", "EUR"), vec![(2, "bad_rate")]),
        (rate("\"1\"").replace("USD", "DOL"), vec![(3, "unknown_currency")]),
        ("reporting_currency = \"EURO\"\n".to_owned(), vec![(1, "unknown_currency")]),
        (rate("\"1\"").lines().skip(1).collect::<Vec<_>>().join("\n"), vec![(1, "idle_rule")]),
        ("reporting_currency = \"EUR\"\n[[rate]]\n".to_owned(), vec![(2, "missing_key"), (2, "missing_key")]),
    ];
    for (text, want) in cases {
        let errors = parse(&[("a.toml", &text)]).err().unwrap_or_default();
        let found: Vec<_> = errors.iter().map(|it| (it.line, it.code.as_str())).collect();
        assert_eq!(found, want, "{text}");
    }
}

#[test]
fn a_changed_rate_is_told() {
    let (old, new) = (of(EXAMPLE), of(&EXAMPLE.replace("0.9213", "0.9100").replace("JPY", "CHF")));
    assert_eq!(
        diff(&old, &new),
        ["rate of CHF: new", "rate of JPY: removed", "rate of USD: is 0.9213 -> 0.91"]
    );
    assert_eq!(
        diff(&of(""), &of("reporting_currency = \"EUR\"")),
        ["catalog: reporting currency none -> EUR"]
    );
}
