//! Catalog texts: what a good one becomes, and for each bad one the line and the code.

mod frozen;
#[path = "parse/secrets.rs"]
mod secrets;

use std::collections::BTreeMap;

use catalog::{
    Catalog, ErrorCode, LINKS_MAX, SecretSource, TEXT_BYTES_MAX, diff, load, merge_text, parse,
    resolve_secrets, split_text,
};
use proptest::prelude::*;
use units::{CatalogVersion, EpochMs, OfferId, PartnerId};

const EXAMPLE: &str = include_str!("golden/example.toml");

/// A whole catalog of one row each, to which cases add.
const BASE: &str = "[[advertiser]]
id = 1
name = \"A\"
[[offer]]
id = 1
advertiser = 1
name = \"O\"
destination = \"https://shop.example/\"
[[partner]]
id = 1
name = \"P\"
type = \"content\"
[[link]]
id = 1
code = \"one\"
partner = 1
offer = 1
";
const BASE_LINES: usize = 17;

/// Line, counted from the end of [`BASE`], and code of each error.
fn faults(added: &str) -> Vec<(isize, &'static str)> {
    let text = format!("{BASE}{added}");
    let errors = parse(&[("a.toml", &text)]).err().unwrap_or_default();
    let line = |line: usize| line.checked_signed_diff(BASE_LINES).expect("a short text");
    errors.iter().map(|it| (line(it.line), it.code.as_str())).collect()
}

/// Everything of a catalog in a fixed order.
fn summary(catalog: &Catalog) -> String {
    let mut text = String::new();
    let mut add = |rows: BTreeMap<u32, String>| {
        for row in rows.values() {
            text.extend([row, "\n"]);
        }
    };
    add(BTreeMap::from([(
        0,
        format!("{:?} {:?} {:?}", catalog.effective_at, catalog.fallback_url, catalog.allow_local),
    )]));
    add(catalog.advertisers.iter().map(|(id, it)| (id.0, format!("{it:?}"))).collect());
    add(frozen::offers(catalog));
    add(catalog.partners.iter().map(|(id, it)| (id.0, format!("{it:?}"))).collect());
    add(catalog.links.iter().map(|(id, it)| (id.0, format!("{it:?}"))).collect());
    add(catalog.coupons.values().map(|it| (it.partner.0, format!("{it:?}"))).collect());
    add(frozen::overrides(catalog));
    text
}

#[test]
fn the_example_means_what_it_always_meant() {
    let catalog = parse(&[("example.toml", EXAMPLE)]).unwrap();
    // A key that came later is empty where the text does not give it, and else nothing changed.
    let golden = include_str!("golden/example.txt");
    let templates = catalog.offers.len() + catalog.links.values().filter(|it| it.landing.is_some()).count();
    let later = [
        (", webhook_secrets: []", catalog.advertisers.len()),
        (", may_climb: false", templates),
        (", email: None", catalog.partners.len()),
    ];
    let summary = summary(&catalog);
    assert!(later.iter().all(|(key, count)| summary.matches(key).count() == *count));
    assert_eq!(later.iter().fold(summary, |text, (key, _)| text.replace(key, "")), golden);
    assert_eq!(catalog.link_by_code("BOOKS-1").unwrap().id.0, 1_000);
    let rules = catalog.rules(OfferId(10), PartnerId(101)).unwrap();
    assert_eq!(rules.click_window_ms, 7 * units::DAY_MS);
    let books = &catalog.offers[&OfferId(10)];
    let cases = [
        ("xn--bcher-kva.example", None, true),
        ("www.xn--bcher-kva.example", None, true),
        ("www.xn--bcher-kva.example.", None, true),
        ("evilxn--bcher-kva.example", None, false),
        ("xn--bcher-kva.example.evil.example", None, false),
        ("xn--bcher-kva.example", Some(8443), false),
        ("shop.example", Some(8443), true),
        ("www.shop.example", Some(8443), false),
        ("shop.example", None, false),
    ];
    for (host, port, want) in cases {
        assert_eq!(books.allows_host(host, port), want, "{host} {port:?}");
    }
}

#[test]
fn the_catalog_to_start_from_is_right() {
    let text = include_str!("../../../deploy/examples/catalog.toml");
    let catalog = parse(&[("catalog.toml", text)]).unwrap();
    assert!(catalog.link_by_code("tea").is_some());
}

#[test]
fn each_bad_text_is_refused_at_its_line_with_its_code() {
    let cases: &[(&str, &[(isize, &str)])] = &[
        ("", &[]),
        ("[[partner]]\nid = 1\nname = \"Q\"", &[(2, "duplicate_id")]),
        (
            "[[link]]\nid = 1\ncode = \"one\"\npartner = 1\noffer = 1",
            &[(2, "duplicate_id"), (3, "duplicate_code")],
        ),
        (
            "[[link]]\nid = 2\ncode = \"two\"\npartner = 9\noffer = 8",
            &[(4, "unknown_reference"), (5, "unknown_reference")],
        ),
        ("[[link]]\nid = 2\ncode = \"Two\"\npartner = 1\noffer = 1", &[(3, "bad_code")]),
        ("[[link]]\nid = 2\ncode = \"two.\"\npartner = 1\noffer = 1", &[(3, "bad_code")]),
        ("[[link]]\nid = 2\ncode = \"\"\npartner = 1\noffer = 1", &[(3, "bad_text")]),
        ("[[link]]\nid = 2\npartner = 1\noffer = 1", &[(1, "missing_key")]),
        ("[[link]]\nid = 0\ncode = \"b\"\npartner = 1\noffer = 1", &[(2, "out_of_range")]),
        ("[[link]]\nid = 4294967296\ncode = \"b\"\npartner = 1\noffer = 1", &[(2, "out_of_range")]),
        ("[[link]]\nid = \"2\"\ncode = \"b\"\npartner = 1\noffer = 1", &[(2, "wrong_type")]),
        ("[link2]\nid = 2", &[(1, "unknown_key")]),
        ("[[partner]]\nid = 2\nname = \"Q\"\nstate = \"active\"", &[(4, "unknown_key")]),
        ("[[partner]]\nid = 2\nname = \"Q\"\nstatus = \"activ\"", &[(4, "unknown_value")]),
        ("[[partner]]\nid = 2\nname = \"\"", &[(3, "bad_text")]),
        ("[[partner]]\nid = 2\nname = \"a\\u0007\"", &[(3, "bad_text")]),
        ("[[partner]]\nid = 2\nid = 3\nname = \"Q\"", &[(3, "syntax")]),
        ("[[partner]\nid = 2\nname = \"Q\"", &[(1, "syntax")]),
        ("[[advertiser]]\nid = 2\nname = \"B\"\ntime_zone = \"Europe/Madird\"", &[(4, "unknown_zone")]),
        ("[[advertiser]]\nid = 2\nname = \"B\"\ncurrency = \"PES\"", &[(4, "unknown_currency")]),
        ("[[advertiser]]\nid = 2\nname = \"B\"\ntoken = \"short\"", &[(4, "bad_secret")]),
        (
            "[[advertiser]]\nid = 2\nname = \"B\"\ntokens = [\"12345678\",\n\"12345678\",\n\"12345678\"]",
            &[(4, "bad_secret")],
        ),
        (
            "[[advertiser]]\nid = 2\nname = \"B\"\ntoken = \"12345678\"\ntokens = [\"12345678\"]",
            &[(5, "two_values")],
        ),
        ("[[advertiser]]\nid = 2\nname = \"B\"\ntoken_file = \"t\"", &[(4, "unresolved_secret")]),
        (
            "[[advertiser]]\nid = 2\nname = \"B\"\nwebhook_secret = \"change-this-secret\"",
            &[(4, "bad_secret")],
        ),
        (&offer("destination = \"shop.example\""), &[(5, "bad_url")]),
        (&offer("destination = \"ftp://shop.example\""), &[(5, "bad_url")]),
        (&offer("destination = \"https://a@shop.example\""), &[(5, "userinfo_in_url")]),
        (&offer("destination = \"https://{sub1}.example\""), &[(5, "macro_in_host")]),
        (&offer("destination = \"https://shop.example/{cid}\""), &[(5, "unknown_macro")]),
        (&offer("destination = \"http://10.1.2.3/\""), &[(5, "local_host")]),
        (&offer(""), &[(1, "missing_key")]),
        (&good_offer("allowed_hosts = [\n\"a.example\",\n\"https://b.example\"]"), &[(8, "bad_host")]),
        (&good_offer("allowed_hosts = \"a.example\""), &[(6, "wrong_type")]),
        (&good_offer("click_window = \"30\""), &[(6, "bad_duration")]),
        (&good_offer("click_window = 30"), &[(6, "wrong_type")]),
        (&good_offer("click_window = \"366d\""), &[(6, "out_of_range")]),
        (&good_offer("minimum_time = \"25h\""), &[(6, "out_of_range")]),
        (&good_offer("click_window = \"10s\"\nminimum_time = \"10s\""), &[(1, "empty_window")]),
        (&good_offer("model = \"liner\""), &[(6, "unknown_value")]),
        (&good_offer("model = \"positon\"\nposition_weights = [40, 20, 40]"), &[(6, "unknown_value")]),
        (&good_offer("model = 7\nhalf_life = \"7d\""), &[(6, "wrong_type")]),
        (&good_offer("binding = 7\nbinding_orders = 5"), &[(6, "wrong_type")]),
        (&good_offer("model = \"linear\""), &[]),
        (&good_offer("model = \"position\""), &[]),
        (&good_offer("model = \"position\"\nposition_weights = [30, 30, 40]"), &[]),
        (&good_offer("model = \"position\"\nposition_weights = [30, 30, 41]"), &[(7, "bad_weights")]),
        (&good_offer("model = \"position\"\nposition_weights = [50, 50]"), &[(7, "bad_weights")]),
        (&good_offer("model = \"position\"\nposition_weights = [50, \"a\", 50]"), &[(7, "wrong_type")]),
        (&good_offer("model = \"position\"\nposition_weights = [-1, 51, 50]"), &[(7, "wrong_type")]),
        (&good_offer("position_weights = [40, 20, 40]"), &[(6, "idle_rule")]),
        (&good_offer("model = \"time_decay\"\nhalf_life = \"7d\""), &[]),
        (&good_offer("model = \"time_decay\"\nhalf_life = \"999ms\""), &[(7, "out_of_range")]),
        (&good_offer("model = \"time_decay\"\nhalf_life = \"366d\""), &[(7, "out_of_range")]),
        (&good_offer("model = \"linear\"\nhalf_life = \"7d\""), &[(7, "idle_rule")]),
        (
            "[[coupon]]\ncode = \"x\"\npartner = 1\noffer = 1\n[[coupon]]\ncode = \" X \"\npartner = 1\noffer = 1",
            &[(5, "duplicate_coupon")],
        ),
        ("[[override]]\noffer = 1\npartner = 1", &[(1, "bad_override")]),
        ("[[override]]\noffer = 1\npartner = 1\nhold = 1", &[(4, "wrong_type")]),
        ("[[override]]\noffer = 1\npartner = 1\nduplicate_window = \"25h\"", &[(4, "out_of_range")]),
        ("[[override]]\noffer = 1\npartner = 1\nmodel = \"linear\"", &[]),
        ("[[override]]\noffer = 1\npartner = 1\nhold = \"1d\"\nhalf_life = \"1d\"", &[(5, "idle_rule")]),
        ("[[override]]\noffer = 1\npartner = 1\nmodel = \"last\"", &[]),
        ("[[override]]\noffer = 1\nhold = \"1d\"", &[(1, "bad_override")]),
        (
            "[[override]]\noffer = 1\npartner = 1\npartner_type = \"content\"\nhold = \"1d\"",
            &[(1, "bad_override")],
        ),
        ("[[override]]\noffer = 1\npartner_type = \"contend\"\nhold = \"1d\"", &[(1, "unknown_reference")]),
        (
            "[[override]]\noffer = 1\npartner = 1\nhold = \"1d\"\n[[override]]\noffer = 1\npartner = 1\nhold = \"2d\"",
            &[(5, "duplicate_override")],
        ),
        (
            "[[override]]\noffer = 1\npartner = 1\nminimum_time = \"1h\"\nclick_window = \"1h\"",
            &[(1, "empty_window")],
        ),
    ];
    for (added, want) in cases {
        assert_eq!(faults(added), *want, "{added}");
    }
}

fn offer(line: &str) -> String {
    format!("[[offer]]\nid = 2\nadvertiser = 1\nname = \"O\"\n{line}\n")
}

fn good_offer(line: &str) -> String {
    offer(&format!("destination = \"https://shop.example/\"\n{line}"))
}

#[test]
fn the_top_level_is_checked_too() {
    let cases = [
        ("fallback_url = \"javascript:alert(1)\"", Some("bad_url")),
        ("fallback_url = \"https://a.example/{click_id}\"", Some("unknown_macro")),
        ("effective_at = \"yesterday\"", Some("bad_time")),
        ("effective_at = 2026-01-01T00:00:00", Some("bad_time")),
        ("effective_at = 1960-01-01T00:00:00Z", Some("bad_time")),
        ("effective_at = 7", Some("wrong_type")),
        ("allow_local = \"yes\"", Some("wrong_type")),
        ("fallback = \"https://a.example/\"", Some("unknown_key")),
        ("offer = 3", Some("wrong_type")),
        // One cause, one error.
        (
            "reporting_currency = \"EURO\"\n[[rate]]\ncurrency = \"USD\"\nrate = \"0.9\"",
            Some("unknown_currency"),
        ),
        ("[[rate]]\ncurrency = \"USD\"\nrate = \"0.9\"", Some("idle_rule")),
        ("offer = [3]", Some("wrong_type")),
        ("effective_at = \"2026-01-01T01:00:00+01:00\"", None),
        ("", None),
    ];
    for (text, want) in cases {
        let errors = parse(&[("a.toml", text)]).err().unwrap_or_default();
        assert_eq!(
            errors.iter().map(|it| it.code.as_str()).collect::<Vec<_>>(),
            Vec::from_iter(want),
            "{text}"
        );
    }
}

#[test]
fn errors_say_where_what_and_what_to_do() {
    let texts: Vec<String> = parse(&[("a.toml", BASE), ("b.toml", "[[partner]]\nid = 1\nnam = \"Q\"")])
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        texts,
        [
            "b.toml:1: [[partner]] has no `name` [missing_key]; add `name = ...` to it",
            "b.toml:2: partner 1 is there twice, first at a.toml:10 [duplicate_id]; give one of them another id",
            "b.toml:3: [[partner]] has no key `nam` [unknown_key]; did you mean `name`?",
        ]
    );
}

#[test]
fn a_broken_row_does_not_make_others_look_broken() {
    let errors =
        faults("[[offer]]\nid = 2\nadvertiser = 1\n[[link]]\nid = 2\ncode = \"two\"\npartner = 1\noffer = 2");
    assert_eq!(errors, [(1, "missing_key"), (1, "missing_key")]);
}

#[test]
fn files_are_read_as_one_catalog() {
    let (head, tail) = BASE.split_at(BASE.find("[[partner]]").unwrap());
    let local = "allow_local = true\n";
    let remote = head.replace("https://shop.example/", "http://127.0.0.1:9/");
    assert!(parse(&[("tail.toml", tail), ("head.toml", head)]).is_ok());
    assert!(parse(&[("head.toml", &remote), ("tail.toml", tail)]).is_err());
    assert!(parse(&[("head.toml", &remote), ("tail.toml", tail), ("local.toml", local)]).is_ok());
    let errors = parse(&[("head.toml", local), ("tail.toml", local)]).unwrap_err();
    assert_eq!((errors[0].code, &*errors[0].file), (ErrorCode::TwoValues, "tail.toml"));
}

#[test]
fn the_logged_text_is_read_back_with_its_lines() {
    let files = [
        ("head.toml", "allow_local = true\n# file: not one (3 bytes)\n"),
        ("tail.toml", BASE),
        ("empty", ""),
    ];
    let text = merge_text(&files);
    assert_eq!(split_text(&text).unwrap(), files);
    let catalog = load(&text, CatalogVersion(3), EpochMs(9)).unwrap();
    assert_eq!((catalog.version, catalog.effective_at), (CatalogVersion(3), EpochMs(9)));
    assert!(catalog.allow_local && catalog.links.len() == 1);

    let broken = merge_text(&[("head.toml", "\n\nx = 1"), ("tail.toml", BASE)]);
    let errors = load(&broken, CatalogVersion(1), EpochMs(0)).unwrap_err();
    assert_eq!((&*errors[0].file, errors[0].line), ("head.toml", 3));
    let damaged = load(&text[..text.len() - 3], CatalogVersion(1), EpochMs(0)).unwrap_err();
    assert_eq!(damaged[0].code, ErrorCode::DamagedText);
}

#[test]
fn a_difference_is_told_in_lines() {
    let old = parse(&[("a.toml", EXAMPLE)]).unwrap();
    let text = EXAMPLE
        .replace("click_window = \"30d\"", "click_window = \"10d\"")
        .replace("[[coupon]]\ncode = \"read10\"", "[[coupon]]\ncode = \"read20\"")
        .replace("partner = 100\nhold = \"0s\"", "partner = 101\nhold = \"0s\"");
    let new = parse(&[("a.toml", &text)]).unwrap();
    assert_eq!(
        diff(&old, &new),
        [
            "offer 10: click window 30d -> 10d",
            "coupon 1/READ10: removed",
            "coupon 1/READ20: new",
            "override of offer 10 for partner 100: removed",
            "override of offer 10 for partner 101: new",
        ]
    );
    assert!(diff(&old, &old).is_empty());
}

#[test]
fn limits_hold() {
    let rows = format!("link = [{}]", "{},".repeat(LINKS_MAX + 1));
    let errors = parse(&[("a.toml", &rows)]).unwrap_err();
    assert_eq!(errors.iter().map(|it| it.code).collect::<Vec<_>>(), [ErrorCode::TooManyRows]);
    let long = "#".repeat(TEXT_BYTES_MAX);
    assert_eq!(parse(&[("a.toml", &long)]).unwrap_err()[0].code, ErrorCode::TextTooLarge);
    let many = "[[partner]]\n".repeat(2_000);
    let errors = parse(&[("a.toml", &many)]).unwrap_err();
    assert_eq!(errors.len(), catalog::ERRORS_MAX + 1);
    assert_eq!(errors.last().unwrap().code, ErrorCode::TooManyErrors);
}

#[test]
fn codes_are_distinct_words() {
    let codes: std::collections::BTreeSet<&str> = ErrorCode::ALL.iter().map(|it| it.as_str()).collect();
    assert_eq!(codes.len(), ErrorCode::ALL.len());
}

/// Lines that are near to a catalog, in any order.
fn lines() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("[[advertiser]]".to_owned()),
        Just("[[offer]]".to_owned()),
        Just("[[partner]]".to_owned()),
        Just("[[link]]".to_owned()),
        Just("[[override]]".to_owned()),
        (0..4_u32).prop_map(|id| format!("id = {id}")),
        (0..4_u32).prop_map(|id| format!("partner = {id}")),
        (0..4_u32).prop_map(|id| format!("offer = {id}")),
        "(name|code|destination|time_zone|click_window|allow_local|token_file|tokens) = .{0,20}",
        any::<String>(),
    ];
    proptest::collection::vec(line, 0..30).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in any::<String>(), near in lines()) {
        for text in [&text, &near] {
            if let Err(errors) = parse(&[("a.toml", text)]) {
                prop_assert!(errors.iter().all(|it| (1..=text.lines().count().max(1) + 1).contains(&it.line)), "{:?}", errors);
            }
            drop(load(text, CatalogVersion(1), EpochMs(0)));
            drop(resolve_secrets("a.toml", text, &mut |_| Ok("a secret of tests".to_owned())));
        }
    }

    #[test]
    fn merging_is_undone_by_splitting(texts in proptest::collection::vec((".{0,12}", any::<String>()), 1..4)) {
        let names: Vec<String> = texts.iter().map(|(name, _)| name.replace(|it: char| it.is_control(), " ")).collect();
        let files: Vec<(&str, &str)> = names.iter().zip(&texts).map(|(name, (_, text))| (name.as_str(), text.as_str())).collect();
        let merged = merge_text(&files);
        prop_assert_eq!(split_text(&merged).unwrap(), files);
    }
}
