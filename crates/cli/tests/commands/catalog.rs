//! `tributary catalog`.

use std::fs;

use crate::{Said, command, path, said, tributary, write};

const GOOD: &str = "[[advertiser]]\nid = 1\nname = \"Tea\"\ntoken_env = \"TEA_TOKEN\"\n\n\
    [[offer]]\nid = 10\nadvertiser = 1\nname = \"Pots\"\ndestination = \"https://shop.example.com/?c={click_id}\"\nallowed_hosts = [\"shop.example.com\"]\n\n\
    [[partner]]\nid = 100\nname = \"Blog\"\ntype = \"content\"\n\n[[link]]\nid = 1000\ncode = \"tea\"\npartner = 100\noffer = 10\n";

fn with_token(arguments: &[&str]) -> Said {
    said(&command(arguments).env("TEA_TOKEN", "a-long-token").output().unwrap())
}

#[test]
fn check_names_file_line_code_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let broken = GOOD
        .replace("partner = 100", "partner = 101")
        .replace("id = 10\n", "id = 10\nclik_window = \"1d\"\n");
    let file = write(folder.path(), "bad.toml", &broken);
    let said = with_token(&["catalog", "check", &file]).expect(1);
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(
        lines[0].starts_with(&format!("{file}:8: unknown_key: ")) && lines[0].contains("click_window"),
        "{lines:?}"
    );
    assert!(lines[1].starts_with(&format!("{file}:22: unknown_reference: ")), "{lines:?}");
    assert!(said.err.contains("2 errors"), "{}", said.err);

    let said = with_token(&["catalog", "check", &file, "--json"]).expect(1);
    let errors = said.events("error");
    assert_eq!((errors[0]["line"].as_u64(), errors[0]["code"].as_str()), (Some(8), Some("unknown_key")));
    assert_eq!(said.events("checked")[0]["errors"], 2);
}

#[test]
fn check_says_what_a_good_catalog_holds_and_reads_a_folder_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let (shop, rest) = GOOD.split_once("[[partner]]").unwrap();
    write(folder.path(), "a.toml", shop);
    write(folder.path(), "b.toml", &format!("[[partner]]{rest}"));
    write(folder.path(), "notes.txt", "not a catalog");
    let said = with_token(&["catalog", "check", path(folder.path()), "--json"]).expect(0);
    let rows = &said.events("checked")[0]["rows"];
    assert_eq!((&rows["partners"], &rows["links"]), (&1.into(), &1.into()));
}

#[test]
fn check_finds_the_catalog_that_the_settings_name() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = write(folder.path(), "shop.toml", GOOD);
    let config = write(folder.path(), "tributary.toml", &format!("catalog = {catalog:?}\n"));
    let said = with_token(&["catalog", "check", "--config", &config, "--json"]).expect(0);
    assert_eq!(said.events("checked")[0]["errors"], 0);
    let other = write(folder.path(), "other.toml", "data = \"here\"\n");
    let nothing = with_token(&["catalog", "check", "--config", &other]).expect(1);
    assert!(nothing.err.contains("the settings name no `catalog`"), "{}", nothing.err);
}

#[test]
fn a_secret_that_cannot_be_fetched_is_an_error_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "c.toml", GOOD);
    let said = tributary(&["catalog", "check", &file]).expect(1);
    assert_eq!(said.out.lines().count(), 1, "{}", said.out);
    assert!(said.out.starts_with(&format!("{file}:4: unresolved_secret: ")), "{}", said.out);

    write(folder.path(), "token.txt", "a-long-token\n");
    let file = write(
        folder.path(),
        "d.toml",
        &GOOD.replace("token_env = \"TEA_TOKEN\"", "token_file = \"token.txt\""),
    );
    tributary(&["catalog", "check", &file]).expect(0);
}

#[test]
fn apply_makes_versions_that_list_shows_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = path(folder.path()).to_owned();
    let file = write(folder.path(), "c.toml", GOOD);
    let dry = with_token(&["catalog", "apply", &file, "--data", &data, "--dry-run", "--json"]).expect(0);
    assert_eq!(dry.events("would_apply")[0]["version"], 1);
    assert!(!folder.path().join("catalog").exists(), "a dry run makes nothing");

    let said = with_token(&["catalog", "apply", &file, "--data", &data]).expect(0);
    assert!(
        said.out.contains("partner 100: new") && said.err.contains("version 1 holds from the beginning"),
        "{}{}",
        said.out,
        said.err
    );
    assert!(!said.out.contains("a-long-token"), "secrets are not shown");
    let again = with_token(&["catalog", "apply", &file, "--data", &data, "--json"]).expect(0);
    assert_eq!(again.events("unchanged")[0]["version"], 1);

    let changed = write(folder.path(), "c.toml", &GOOD.replace("Blog", "Journal"));
    let at = "2026-02-01T00:00:00+01:00";
    let said = with_token(&["catalog", "apply", &changed, "--data", &data, "--effective-at", at, "--json"])
        .expect(0);
    let applied = &said.events("applied")[0];
    assert_eq!(
        (applied["version"].as_u64(), applied["effective_at"].as_str()),
        (Some(2), Some("2026-01-31T23:00:00.000Z"))
    );
    assert!(applied["changes"].to_string().contains("name Blog -> Journal"), "{applied}");

    let listed = tributary(&["catalog", "list", "--data", &data, "--json"]).expect(0).events("version");
    assert_eq!(listed.len(), 2);
    assert_eq!((listed[1]["links"].as_u64(), listed[1]["readable"].as_bool()), (Some(1), Some(true)));
    let table = tributary(&["catalog", "list", "--data", &data]).expect(0).out;
    assert!(table.contains("from the beginning") && table.contains("2026-01-31T23:00"), "{table}");
}

#[test]
fn a_broken_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = path(folder.path()).to_owned();
    let file = write(folder.path(), "c.toml", "[[partner]\n");
    let said = tributary(&["catalog", "apply", &file, "--data", &data]).expect(1);
    assert!(said.out.contains(":1: syntax: "), "{}", said.out);
    assert!(!folder.path().join("catalog").exists());
    let missing = tributary(&["catalog", "apply", "no-such.toml", "--data", &data]).expect(1);
    assert!(missing.err.contains("cannot read no-such.toml"), "{}", missing.err);
    fs::create_dir(folder.path().join("empty")).unwrap();
    let empty = tributary(&["catalog", "check", path(&folder.path().join("empty"))]).expect(1);
    assert!(empty.err.contains("no *.toml file"), "{}", empty.err);
}

const PROGRAM: &str = include_str!("../golden/catalog_explain.toml");

/// A program with three versions: from January 2026, a later one whose type override is longer, and one for February.
fn explained_program() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let data = path(folder.path()).to_owned();
    let versions = [
        (PROGRAM.to_owned(), "2026-01-01T00:00:00Z"),
        (PROGRAM.replace("\"3d\"", "\"7d\""), "2026-01-10T00:00:00Z"),
        (PROGRAM.replace("status = \"paused\"", ""), "2026-02-01T00:00:00Z"),
    ];
    for (text, at) in versions {
        let file = write(folder.path(), "c.toml", &text);
        tributary(&["catalog", "apply", &file, "--data", &data, "--effective-at", at]).expect(0);
    }
    (folder, data)
}

#[test]
fn explain_says_each_rule_its_level_and_what_is_weighed() {
    let (_folder, data) = explained_program();
    let said = |partner: &str, at: &str| {
        tributary(&["catalog", "explain", "10", partner, "--at", at, "--data", &data]).expect(0).out
    };
    let shown: String =
        [("100", "2026-01-20T12:00:00Z"), ("102", "2026-01-20T12:00:00Z"), ("101", "2026-03-01T00:00:00Z")]
            .map(|(partner, at)| {
                format!("$ tributary catalog explain 10 {partner} --at {at}\n{}", said(partner, at))
            })
            .concat();
    let golden = include_str!("../golden/catalog_explain_v1.txt");
    assert_eq!(shown, golden, "\n{shown}");
}

#[test]
fn explain_says_the_same_to_programs() {
    let (_folder, data) = explained_program();
    let at = "2026-01-20T12:00:00Z";
    let said =
        tributary(&["catalog", "explain", "10", "102", "--at", at, "--data", &data, "--json"]).expect(0);
    let golden: serde_json::Value =
        serde_json::from_str(include_str!("../golden/catalog_explain_v1.json")).unwrap();
    assert_eq!(said.events("catalog_explain"), [golden], "\n{}", said.out);
    assert_eq!(said.out.lines().count(), 1);
}

#[test]
fn explain_takes_the_version_in_force_then() {
    let (_folder, data) = explained_program();
    let cases = [
        ("2026-01-01T00:00:00Z", 1, "3d", Some(2)),
        ("2026-01-09T23:59:59.999Z", 1, "3d", Some(2)),
        ("2026-01-10T01:00:00+01:00", 2, "7d", Some(3)),
        ("2026-02-01T00:00:00Z", 3, "3d", None),
    ];
    for (at, version, window, next) in cases {
        let said =
            tributary(&["catalog", "explain", "10", "101", "--at", at, "--data", &data, "--json"]).expect(0);
        let it = &said.events("catalog_explain")[0];
        let found =
            (it["version"].as_u64(), it["rules"][0]["value"].as_str(), it["next"]["version"].as_u64());
        assert_eq!(found, (Some(version), Some(window), next), "{at}");
    }
    let now = tributary(&["catalog", "explain", "10", "101", "--data", &data, "--json"]).expect(0);
    assert_eq!(now.events("catalog_explain")[0]["version"], 3);
}

#[test]
fn explain_names_what_is_not_known_by_a_code() {
    let (_folder, data) = explained_program();
    let errors = |offer: &str, partner: &str, at: &str| -> Vec<String> {
        let arguments = ["catalog", "explain", offer, partner, "--at", at, "--data", &data];
        let people = tributary(&arguments).expect(1).out;
        let programs = tributary(&[arguments.as_slice(), &["--json"]].concat()).expect(1).events("error");
        let codes: Vec<&str> = programs.iter().map(|it| it["code"].as_str().unwrap()).collect();
        let lines: Vec<String> = people.lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), codes.len());
        assert!(
            lines.iter().zip(codes).all(|(line, code)| line.starts_with(&format!("{code}: "))),
            "{people}"
        );
        lines
    };
    let at = "2026-03-01T00:00:00Z";
    assert_eq!(
        errors("9", "100", at),
        ["unknown_offer: there is no offer 9 in version 3; its offers are 10, 11"]
    );
    assert_eq!(
        errors("9", "7", at),
        [
            "unknown_offer: there is no offer 9 in version 3; its offers are 10, 11",
            "unknown_partner: there is no partner 7 in version 3; its partners are 100, 101, 102",
        ]
    );
    let early = errors("10", "100", "2025-12-31T23:59:59.999Z");
    assert!(
        early[0].starts_with("no_version: ") && early[0].contains("2026-01-01T00:00:00.000Z"),
        "{early:?}"
    );

    let empty = tempfile::tempdir().unwrap();
    let none = tributary(&["catalog", "explain", "10", "100", "--data", path(empty.path())]).expect(1).out;
    assert!(none.starts_with("no_version: ") && none.contains("catalog apply"), "{none}");
    assert!(fs::read_dir(empty.path()).unwrap().next().is_none(), "who only looks makes nothing");
}

#[test]
fn diff_tells_what_a_file_would_change_and_apply_what_a_restart_will_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = path(folder.path()).to_owned();
    let file = write(folder.path(), "c.toml", GOOD);
    let config = write(folder.path(), "t.toml", &format!("catalog = {file:?}\ndata = {data:?}\n"));
    let none = with_token(&["catalog", "diff", &file, "--data", &data]).expect(1);
    assert!(none.err.contains("there is no version yet"), "{}", none.err);
    let first = with_token(&["catalog", "apply", &file, "--config", &config, "--json"]).expect(0);
    assert_eq!(first.events("applied")[0]["restart"], "keeps");
    let same = with_token(&["catalog", "diff", "--config", &config, "--json"]).expect(0);
    assert_eq!(
        (&same.events("diff")[0]["same"], &same.events("diff")[0]["version"]),
        (&true.into(), &1.into())
    );

    let other = write(folder.path(), "other.toml", &GOOD.replace("Blog", "Journal"));
    let differs = with_token(&["catalog", "diff", &other, "--data", &data]).expect(1);
    assert!(differs.out.contains("partner 100: name Blog -> Journal"), "{}", differs.out);
    assert!(differs.err.contains("1 difference between version 1"), "{}", differs.err);
    assert!(!differs.out.contains("a-long-token"), "secrets are not shown");
    let dry = with_token(&["catalog", "apply", &other, "--config", &config, "--dry-run", "--json"]).expect(0);
    assert!(dry.events("would_apply")[0]["restart"].is_null(), "{}", dry.out);
    let applied = with_token(&["catalog", "apply", &other, "--data", &data]).expect(0);
    assert!(applied.err.contains(&format!("for as long as {file} does not change")), "{}", applied.err);
    let broken = write(folder.path(), "broken.toml", "[[partner]\n");
    with_token(&["catalog", "diff", &broken, "--data", &data]).expect(1);
}
