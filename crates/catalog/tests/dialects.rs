//! Dialects and aliases: what the built-in ones are, what a user's own becomes, and the error of each that cannot be meant.

use catalog::{AliasOf, ClickField, Dialect, ErrorCode, ReportField, built_in_dialects, diff, parse};

const BASE: &str = "[[advertiser]]
id = 1
name = \"A\"
[[offer]]
id = 10
advertiser = 1
name = \"O\"
destination = \"https://shop.example/\"
[[partner]]
id = 100
name = \"P\"
[[link]]
id = 1000
code = \"tea\"
partner = 100
offer = 10
";

fn with(added: &str) -> catalog::Catalog {
    let text = format!("{BASE}{added}");
    parse(&[("a.toml", &text)]).unwrap_or_else(|errors| panic!("{added}: {errors:?}"))
}

fn codes(added: &str) -> Vec<ErrorCode> {
    let text = format!("{BASE}{added}");
    parse(&[("a.toml", &text)]).err().unwrap_or_default().iter().map(|it| it.code).collect()
}

fn shown(dialects: &[Dialect]) -> String {
    let mut text = String::new();
    for dialect in dialects {
        text.extend([&*dialect.name, "\n"]);
        for (key, value) in dialect.lines() {
            text.extend(["  ", key, ": ", &value, "\n"]);
        }
    }
    text
}

/// Links and shops of before are written against these. Succeed the file, never edit it.
#[test]
fn the_built_in_dialects_are_frozen() {
    assert_eq!(shown(built_in_dialects()), include_str!("golden/dialects_v1.txt"));
}

#[test]
fn every_built_in_dialect_can_be_switched_on_by_its_name_and_a_host() {
    let names: Vec<&str> = built_in_dialects().iter().map(|it| &*it.name).collect();
    assert_eq!(names.len(), 13);
    assert!(names.is_sorted());
    let row = |name: &&str| {
        format!("[[dialect]]\nname = \"{name}\"\nhosts = [\"{}.example\"]\n", name.replace('_', "-"))
    };
    let text = names.iter().map(row).collect::<Vec<_>>().concat();
    let catalog = with(&text);
    assert_eq!(catalog.dialects.len(), 13);
    for (found, built_in) in catalog.dialects.values().zip(built_in_dialects()) {
        assert_eq!((&found.click, &found.report), (&built_in.click, &built_in.report));
    }
    // Their names alone, where their paths are nobody else's.
    let alone =
        ["tune", "impact", "partnerize", "post_affiliate_pro", "everflow", "keitaro", "binom", "cake"];
    with(&alone.map(|name| format!("[[dialect]]\nname = \"{name}\"\n")).concat());
}

#[test]
fn a_row_replaces_key_by_key_what_stands_built_in() {
    let catalog = with(
        "[[dialect]]\nname = \"tune\"\nreport_paths = \"/old/lsr\"\n[dialect.click]\nsource = [\"src\", \"Source\"]\n[dialect.reply]\nok = \"yes\"\n",
    );
    let tune = &catalog.dialects["tune"];
    let built_in = built_in_dialects().iter().find(|it| &*it.name == "tune").unwrap();
    assert_eq!(tune.report_paths[0].as_str(), "/old/lsr");
    assert_eq!(tune.click_paths, built_in.click_paths);
    let names = |field| tune.click.iter().find(|(it, _)| *it == field).map(|(_, names)| names.join(" "));
    assert_eq!(names(ClickField::Source).as_deref(), Some("src source"));
    assert_eq!(names(ClickField::Partner).as_deref(), Some("aff_id"));
    assert_eq!(names(ClickField::Sub(1)).as_deref(), Some("aff_sub aff_sub1"));
    assert_eq!((tune.reply.ok.as_deref(), tune.reply.error_status), (Some("yes"), Some(200)));
    assert_eq!(tune.report, built_in.report);
}

#[test]
fn a_dialect_of_ones_own_is_read_whole() {
    let catalog = with(
        "[[dialect]]\nname = \"own\"\nhosts = [\"T.Old.Example\"]\nclick_paths = [\"/go/{partner}\"]\nreport_paths = [\"/{token}/sale\"]\namounts = \"minor\"\n[dialect.click]\nsubs = [\"x#\", \"y#\"]\n[dialect.report]\norder_id = [\"No\", \"id\"]\n[dialect.status]\nOK = \"approved\"\n\"*\" = \"pending\"\n[dialect.reply]\nerror_status = 202\n",
    );
    let own = &catalog.dialects["own"];
    assert_eq!(own.hosts, ["t.old.example".into()]);
    assert_eq!(own.click.len(), 30);
    assert_eq!(own.click[29], (ClickField::Sub(30), vec!["x30".into(), "y30".into()]));
    assert_eq!(own.report, [(ReportField::OrderId, vec!["no".into(), "id".into()])]);
    assert_eq!(own.status("ok").map(catalog::DialectStatus::as_str), Some("approved"));
}

#[test]
fn each_dialect_that_cannot_be_meant_is_refused_by_its_code() {
    use ErrorCode as Code;
    let own = |keys: &str| format!("[[dialect]]\nname = \"own\"\n{keys}\n");
    let cases: [(&str, String, &[Code]); 25] = [
        (
            "a number where there are no lines",
            own("report_paths = \"/r\"\n[dialect.report]\norder_id = \"o#\""),
            &[Code::BadDialect],
        ),
        ("no name", "[[dialect]]\n".into(), &[Code::MissingKey]),
        ("not built in", "[[dialect]]\nname = \"tunes\"\n".into(), &[Code::BadDialect]),
        ("a name in capitals", "[[dialect]]\nname = \"TUNE\"\n".into(), &[Code::BadDialect]),
        ("twice", "[[dialect]]\nname = \"tune\"\n".repeat(2), &[Code::DuplicateDialect]),
        ("a path of ours", "[[dialect]]\nname = \"voluum\"\n".into(), &[Code::BadDialect]),
        (
            "a path of another",
            "[[dialect]]\nname = \"cake\"\n[[dialect]]\nname = \"tapfiliate\"\n".into(),
            &[Code::BadDialect],
        ),
        ("an unknown key", own("path = \"/x\"\nclick_paths = \"/{link}\""), &[Code::UnknownKey]),
        (
            "an unknown value of a click",
            own("click_paths = \"/{link}\"\n[dialect.click]\nbanner = \"b\""),
            &[Code::UnknownKey],
        ),
        ("an unknown place in a path", own("click_paths = \"/{link}/{banner}\""), &[Code::BadDialect]),
        ("a path without a slash", own("click_paths = \"x/{link}\""), &[Code::BadDialect]),
        (
            "clicks of nobody",
            own("click_paths = \"/x\"\n[dialect.click]\noffer = \"o\""),
            &[Code::BadDialect],
        ),
        ("names without a path", own("[dialect.click]\npartner = \"a\""), &[Code::BadDialect]),
        (
            "reports of no order",
            own("report_paths = \"/r\"\n[dialect.report]\namount = \"a\""),
            &[Code::BadDialect],
        ),
        (
            "words without reports",
            own("click_paths = \"/{link}\"\n[dialect.status]\na = \"approved\""),
            &[Code::BadDialect],
        ),
        (
            "replies without reports",
            own("click_paths = \"/{link}\"\n[dialect.reply]\nok = \"1\""),
            &[Code::BadDialect],
        ),
        (
            "one name for two values",
            own("click_paths = \"/x\"\n[dialect.click]\npartner = \"a\"\noffer = \"A\""),
            &[Code::BadDialect],
        ),
        (
            "subs without a number",
            own("click_paths = \"/{link}\"\n[dialect.click]\nsubs = \"s\""),
            &[Code::BadDialect],
        ),
        (
            "an unknown status",
            own("report_paths = \"/r\"\n[dialect.report]\norder_id = \"o\"\n[dialect.status]\na = \"fine\""),
            &[Code::UnknownValue],
        ),
        (
            "no status of HTTP",
            own(
                "report_paths = \"/r\"\n[dialect.report]\norder_id = \"o\"\n[dialect.reply]\nerror_status = 99",
            ),
            &[Code::BadDialect],
        ),
        (
            "a host with a scheme",
            own("hosts = [\"https://x\"]\nclick_paths = \"/{link}\""),
            &[Code::BadDialect],
        ),
        (
            "an alias of no dialect",
            "[[alias]]\ndialect = \"tune\"\nold = \"1\"\npartner = 100\n".into(),
            &[Code::UnknownReference],
        ),
        ("an alias of nothing", "[[alias]]\ndialect = \"tune\"\nold = \"1\"\n".into(), &[Code::MissingKey]),
        (
            "an alias of nobody",
            "[[dialect]]\nname = \"tune\"\n[[alias]]\ndialect = \"tune\"\nold = \"1\"\npartner = 7\n".into(),
            &[Code::UnknownReference],
        ),
        (
            "an alias twice",
            format!(
                "[[dialect]]\nname = \"tune\"\n{}",
                "[[alias]]\ndialect = \"tune\"\nold = \"1\"\npartner = 100\n".repeat(2)
            ),
            &[Code::DuplicateAlias],
        ),
    ];
    for (name, text, want) in cases {
        assert_eq!(codes(&text), want, "{name}");
    }
}

#[test]
fn dialects_are_at_most_thirty_two() {
    let own =
        |number: usize| format!("[[dialect]]\nname = \"d{number}\"\nclick_paths = \"/{number}/{{link}}\"\n");
    assert_eq!(with(&(0..32).map(own).collect::<Vec<_>>().concat()).dialects.len(), catalog::DIALECTS_MAX);
    assert_eq!(codes(&(0..33).map(own).collect::<Vec<_>>().concat()), [ErrorCode::TooManyRows]);
}

#[test]
fn a_change_of_dialects_and_aliases_is_shown() {
    let old =
        with("[[dialect]]\nname = \"tune\"\n[[alias]]\ndialect = \"tune\"\nold = \"2002\"\npartner = 100\n");
    let new = with(
        "[[dialect]]\nname = \"tune\"\nclick_paths = \"/aff_k\"\n[[dialect]]\nname = \"cake\"\n[[alias]]\ndialect = \"tune\"\nold = \"7\"\nlink = 1000\n",
    );
    assert_eq!(
        diff(&old, &new),
        [
            "dialect cake: new",
            "dialect tune: click paths /aff_c -> /aff_k",
            "alias tune/link 7: new",
            "alias tune/partner 2002: removed",
        ]
    );
    let aliases: Vec<_> = new.dialects["tune"].aliases.iter().collect();
    assert_eq!(aliases, [(AliasOf::Link, "7", 1000)]);
}
