//! The README's commands are promises: each is run by `cargo xtask test`, or stands here with the reason why not.
//!
//! In: `README.md`. Out: one failure that lists every command nobody answers for, and every answer without a command.
//! Start at [`BY_STEP`].

use std::{collections::BTreeSet, fs, path::Path};

use xtask::suite::STEPS;

/// Commands as they stand there, with the step of `cargo xtask test` that runs them.
const BY_STEP: &[(&str, &str)] = &[
    ("cargo run --release -- demo", "demo"),
    ("cargo run --release -- demo --seconds 30 --kill-every 3", "demo"),
    // The demo's product is `up`, with a catalog and a data folder of its own.
    ("cargo run --release -- up --config tributary.toml", "demo"),
];

/// With the file, from the root, that tests them.
const BY_TEST: &[(&str, &str)] = &[
    ("cargo xtask kafka", "crates/xtask/tests/kafka.rs"),
    ("cp deploy/examples/tributary.toml deploy/examples/catalog.toml .", "crates/catalog/tests/parse.rs"),
    ("cargo run --release -- catalog check catalog.toml", "crates/cli/tests/commands.rs"),
];

/// With the reason why nobody can run them there.
const BY_HAND: &[(&str, &str)] = &[("cargo xtask test", "it is the run itself")];

#[test]
fn every_command_of_the_readme_is_answered_for() {
    let readme = fs::read_to_string(root().join("README.md")).expect("the README is there");
    let commands = commands(&readme);
    let covered: BTreeSet<&str> =
        [BY_STEP, BY_TEST, BY_HAND].concat().iter().map(|(command, _)| *command).collect();
    let open = commands.iter().filter(|it| !covered.contains(it.as_str()));
    let mut wrong: Vec<String> = open
        .map(|it| format!("nobody answers for `{it}`: add it to a table in crates/xtask/tests/readme.rs"))
        .collect();
    let stale = covered.iter().filter(|it| !commands.contains(**it));
    wrong.extend(stale.map(|it| format!("`{it}` is not in the README: take it out of its table")));
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn who_answers_exists() {
    for (command, step) in BY_STEP {
        assert!(STEPS.iter().any(|it| it.name == *step), "{command}: there is no step `{step}`");
    }
    for (command, path) in BY_TEST {
        assert!(root().join(path).is_file(), "{command}: there is no file {path}");
    }
    for (command, reason) in BY_HAND {
        assert!(!reason.is_empty(), "{command}: say why nobody can run it");
    }
}

/// The lines of all shell blocks: without comments, continued lines joined, blanks as one.
fn commands(document: &str) -> BTreeSet<String> {
    let blocks = document.split("\n```sh\n").skip(1).filter_map(|it| it.split("\n```").next());
    let joined = blocks.map(|it| it.replace("\\\n", " ")).collect::<Vec<_>>().join("\n");
    let lines = joined.lines().map(|it| it.split(" # ").next().unwrap_or(it));
    let words = lines.map(|it| it.split_whitespace().collect::<Vec<_>>().join(" "));
    words.filter(|it| !it.is_empty() && !it.starts_with('#')).collect()
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn commands_are_read_from_shell_blocks_only() {
    let document = "# T\n```sh\n# note\ncargo run --release -- demo   # live\ncurl -s \\\n  http://x\n\n```\n```toml\na = 1\n```\n";
    let want = ["cargo run --release -- demo", "curl -s http://x"].map(str::to_owned);
    assert_eq!(commands(document), BTreeSet::from(want));
}
