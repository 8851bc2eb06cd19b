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
