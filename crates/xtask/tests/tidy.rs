//! Rules about the tree that the compiler cannot check. Part of `cargo test`, so there is no second gate to forget.
//!
//! In: the files git knows and cargo's metadata. Out: one failure a rule, listing every place with what to do there.
//! Not here: what clippy and rustfmt check. Start at any `#[test]`; the rules on single texts are in `tidy/text.rs`.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

#[path = "tidy/promises.rs"]
mod promises;
#[path = "tidy/text.rs"]
mod text;
#[path = "tidy/workspace.rs"]
mod workspace;

use self::workspace::{Member, members};

/// What the top level may hold besides dot-files.
const TOP_LEVEL: [&str; 8] =
    ["Cargo.toml", "Cargo.lock", "LICENSE", "README.md", "benches", "crates", "deploy", "docker-compose.yml"];

/// The only documents; whatever else is worth saying stands at the code it is about.
const DOCUMENTS: [&str; 2] = ["README.md", "crates/README.md"];

/// Layers below this one have no IO, no clock, no randomness.
const FIRST_LAYER_WITH_IO: u64 = 3;

/// Reads a bug's name in builds that nobody ships.
const PLANTED: &str = "crates/units/src/planted.rs";

/// What the layers without IO must not name outside tests. Addresses are values, so `std::net` itself may be named.
const IMPURE: [&str; 12] = [
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "std::process",
    "std::thread",
    "std::env",
    "SystemTime",
    "Instant::now",
    "tokio::",
    "async fn",
];

/// Where statements are made, from the root.
const WITH_SQL: [&str; 4] =
    ["crates/warehouse/src/", "crates/pipeline/src/", "crates/cli/src/roles", "crates/cli/src/commands"];

/// Files that put something between the quotes of a statement, in how many lines, and why that can be nothing but what it should be.
const QUOTED_BY_HAND: [(&str, usize, &str); 5] = [
    ("crates/warehouse/src/explain.rs", 1, "touches, checked to be hexadecimal digits"),
    (
        "crates/warehouse/src/migrate.rs",
        5,
        "names of this crate, the database, and a zone that the engine knows, escaped",
    ),
    ("crates/warehouse/src/retention.rs", 1, "the database, of letters, digits and underscores"),
    (
        "crates/warehouse/src/roller/sql.rs",
        5,
        "a zone that the engine knows, escaped, and statuses from a constant",
    ),
    ("crates/warehouse/src/schema.rs", 4, "names of this crate and a zone that the engine knows"),
];

/// Who judges secrets, and how many comparisons in constant time there are at least.
const JUDGES_OF_SECRETS: [(&str, usize); 6] = [
    ("crates/chdb/src/access.rs", 2),
    ("crates/edge/src/deep_link.rs", 1),
    ("crates/edge/src/report/signature.rs", 1),
    ("crates/edge/src/report/understand.rs", 1),
    ("crates/edge/src/visitor.rs", 1),
    ("crates/events/src/click_id.rs", 1),
];

/// A file of ours: its path from the root, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        has_extension(&self.path, "rs")
    }

    /// Tests of a crate as a whole, or a long module of unit tests kept in a file of its own.
    fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }
}

#[test]
fn dependencies_point_down() {
    let members = members();
    let layers: HashMap<&str, Option<u64>> = members.iter().map(|it| (it.name.as_str(), it.layer)).collect();
    let mut wrong = Vec::new();
    for Member { name, layer, dependencies, .. } in &members {
        let Some(layer) = layer else {
            wrong.push(format!("{name}: declare `layer` under [package.metadata.house]"));
            continue;
        };
        for to in dependencies {
            if let Some(Some(below)) = layers.get(to.as_str())
                && below >= layer
            {
                wrong.push(format!(
                    "{name} (layer {layer}) must not depend on {to} (layer {below}): move the code down"
                ));
            }
        }
    }
    none(wrong);
}

#[test]
fn lower_layers_touch_nothing_of_the_world() {
    let members = members();
    let pure: Vec<&Member> =
        members.iter().filter(|it| it.layer.is_some_and(|it| it < FIRST_LAYER_WITH_IO)).collect();
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|it| it.is_rust() && !it.is_test()) {
        if !pure.iter().any(|it| source.path.starts_with(&it.folder)) || source.path == PLANTED {
            continue;
        }
        for (number, line) in text::production(&source.text).filter(|(_, line)| !text::is_comment(line)) {
            if let Some(named) = IMPURE.iter().find(|it| line.contains(**it)) {
                wrong.push(format!(
                    "{}:{number}: `{named}` in a layer without IO and clock: take it as an argument",
                    source.path
                ));
            }
        }
    }
    assert!(!pure.is_empty(), "the layers are declared");
    none(wrong);
}

#[test]
fn files_introduce_themselves_and_stay_short() {
    let rust = sources().into_iter().filter(Source::is_rust);
    none(rust.flat_map(|it| named(&it.path, text::shape(&it.text, it.is_test()))));
}

#[test]
fn words_of_unfinished_work_and_names_of_machines_are_absent() {
    none(sources().iter().flat_map(|it| named(&it.path, text::forbidden_words(&it.text))));
}

#[test]
fn unsafe_code_is_in_one_module_of_chdb() {
    let elsewhere =
        sources().into_iter().filter(|it| it.is_rust() && !it.path.starts_with("crates/chdb/src/ffi"));
    none(elsewhere.flat_map(|it| named(&it.path, text::unsafe_code(&it.text))));
}

#[test]
fn only_cli_and_chores_read_the_system_clock() {
    let below = sources().into_iter().filter(|it| {
        it.is_rust() && !it.path.starts_with("crates/cli/src/") && !it.path.starts_with("crates/xtask/")
    });
    none(below.flat_map(|it| named(&it.path, text::clock_reads(&it.text))));
}

#[test]
fn the_top_level_holds_what_the_design_lists() {
    let entries: BTreeSet<String> = files()
        .iter()
        .filter_map(|it| it.split('/').next())
        .filter(|it| !it.starts_with('.'))
        .map(str::to_owned)
        .collect();
    let strange = entries.iter().filter(|it| !TOP_LEVEL.contains(&it.as_str()));
    none(strange.map(|it| format!("{it}: the top level is closed, move it into crates/ or deploy/")));
}

#[test]
fn there_are_two_documents() {
    let strange =
        files().into_iter().filter(|it| has_extension(it, "md") && !DOCUMENTS.contains(&it.as_str()));
    none(strange.map(|it| format!("{it}: say it in README.md, crates/README.md or at the code")));
}

#[test]
fn what_the_map_names_exists() {
    let map = read("crates/README.md");
    let known: BTreeSet<String> = files().into_iter().collect();
    let is_there = |path: &str| {
        let path = path.trim_end_matches('/');
        let folder = format!("{path}/");
        known.iter().any(|it| it == path || it.starts_with(&folder))
    };
    let from = |path: &str| [path.to_owned(), format!("crates/{path}")];
    let lost = text::paths(&map).into_iter().filter(|path| !from(path).iter().any(|it| is_there(it)));
    let mut wrong: Vec<String> = lost
        .map(|it| format!("crates/README.md names the path `{it}`, which is not in the tree: correct it"))
        .collect();

    let code: String =
        sources().into_iter().filter(|it| !has_extension(&it.path, "md")).map(|it| it.text).collect();
    let lost = text::long_identifiers(&map).into_iter().filter(|it| !code.contains(it.as_str()));
    wrong.extend(lost.map(|it| format!("crates/README.md names `{it}`, which no file does: correct it")));
    none(wrong);
}

#[test]
fn every_dependency_is_declared_once_with_its_reason() {
    let mut wrong = named("Cargo.toml", text::unexplained_dependencies(&read("Cargo.toml")));
    for source in sources().iter().filter(|it| it.path != "Cargo.toml" && it.path.ends_with("/Cargo.toml")) {
        wrong.extend(named(&source.path, text::own_versions(&source.text)));
    }
    none(wrong);
}

// fault 122
#[test]
fn no_statement_is_built_from_texts_that_came_from_outside() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|it| it.is_rust() && !it.is_test()) {
        if !WITH_SQL.iter().any(|it| source.path.starts_with(it)) {
            continue;
        }
        let known = QUOTED_BY_HAND.iter().find(|it| it.0 == source.path).map_or(0, |it| it.1);
        let found = text::quoted_by_hand(&source.text);
        if found.len() != known {
            wrong.push(format!(
                "{}: lines {found:?} put something between quotes, {known} are known: hand it over as a parameter with its type",
                source.path
            ));
        }
    }
    none(wrong);
}

// fault 120
#[test]
fn secrets_are_compared_in_constant_time() {
    let mut wrong = Vec::new();
    for source in
        sources().iter().filter(|it| it.is_rust() && !it.is_test() && it.path.starts_with("crates/"))
    {
        wrong.extend(named(&source.path, text::plain_comparisons(&source.text)));
    }
    for (path, at_least) in JUDGES_OF_SECRETS {
        let found = text::production(&read(path)).filter(|(_, line)| line.contains(".ct_eq(")).count();
        if found < at_least {
            wrong.push(format!("{path}: {found} of {at_least} comparisons in constant time are left"));
        }
    }
    none(wrong);
}

// fault 124
#[test]
fn nothing_is_exported_for_spreadsheets() {
    // The engine's port says which formats ClickHouse knows; analysts ask for those by themselves.
    let ours = sources()
        .into_iter()
        .filter(|it| it.is_rust() && !it.is_test() && !it.path.starts_with("crates/chdb/"));
    let signs = [concat!("text/", "csv"), concat!("FORMAT ", "CSV"), concat!(".", "csv\"")];
    let wrong = ours.filter(|it| signs.iter().any(|sign| it.text.contains(sign)));
    none(wrong.map(|it| {
        format!("{}: a cell that begins with =, +, - or @ is a formula to a spreadsheet: neutralise it, with a test", it.path)
    }));
}

/// Promise P23: a layout of an earlier version that nobody reads any more is a promise nobody keeps.
#[test]
fn every_golden_file_is_read_by_a_test() {
    let code: String = sources().into_iter().filter(Source::is_rust).map(|it| it.text).collect();
    let golden = files().into_iter().filter(|it| it.contains("/tests/golden/"));
    let is_read = |path: &String| {
        path.rsplit('/').next().is_some_and(|name| {
            // A test may read all of a kind by their names without ending.
            let stem = name.rsplit_once('.').map_or(name, |it| it.0);
            code.contains(name) || code.contains(&format!("\"{stem}\""))
        })
    };
    none(golden.filter(|it| !is_read(it)).map(|it| format!("{it}: no test reads it; keep one that does")));
}

#[test]
fn every_promise_has_a_test_a_scale_run_and_a_figure() {
    let code: Vec<(String, String)> = sources().into_iter().map(|it| (it.path, it.text)).collect();
    none(promises::broken(&read("crates/README.md"), &code));
}

/// Only `cargo xtask mutants` asks for planted bugs, on its command line: a manifest that did would bring them to everyone.
#[test]
fn no_build_that_is_shipped_can_have_a_planted_bug() {
    let feature = "planted-bugs";
    let asks = |it: &&Source| it.text.contains(feature) && !it.is_rust();
    let wrong = sources().into_iter().filter(|it| asks(&it) && it.path != "crates/units/Cargo.toml");
    none(wrong.map(|it| format!("{}: `{feature}` is for `cargo xtask mutants` alone, take it out", it.path)));
    let declared = read("crates/units/Cargo.toml");
    let has_default = declared.lines().any(|it| it.starts_with("default"));
    assert!(declared.contains("planted-bugs = []") && !has_default, "it is declared, and not on by itself");
}

#[test]
fn every_crate_takes_the_workspace_lints() {
    let missing = members().into_iter().filter(|it| {
        // chdb repeats them in a table of its own, because `forbid` cannot be lifted for its one module.
        it.name != "chdb"
            && !read(&format!("{}Cargo.toml", it.folder)).contains("[lints]\nworkspace = true\n")
    });
    none(missing.map(|it| format!("{}: add `[lints]` with `workspace = true` to its Cargo.toml", it.name)));
}

fn none(wrong: impl IntoIterator<Item = String>) {
    let wrong: Vec<String> = wrong.into_iter().collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

fn named(path: &str, findings: Vec<text::Finding>) -> Vec<String> {
    findings.into_iter().map(|it| format!("{path}:{}: {}", it.line, it.advice)).collect()
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|it| it == extension)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What git knows, and what it would learn by `git add`: a rule broken in a new file is found before the commit.
fn files() -> Vec<String> {
    let root = root().display().to_string();
    // The tree may belong to another user than the one who tests it, as on build machines.
    let trusted = ["-c", "safe.directory=*", "-C", &root];
    let listed = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let listing = run("git", &[trusted, listed].concat());
    listing.lines().filter(|it| root_has(it)).map(str::to_owned).collect()
}

fn root_has(path: &str) -> bool {
    root().join(path).exists()
}

/// The texts we write ourselves. The lock file is cargo's, the licence is Apache's.
fn sources() -> Vec<Source> {
    let ours = files().into_iter().filter(|it| it != "Cargo.lock" && it != "LICENSE");
    ours.filter_map(|path| Some(Source { text: fs::read_to_string(root().join(&path)).ok()?, path }))
        .collect()
}

fn run(program: &str, args: &[&str]) -> String {
    let output =
        Command::new(program).args(args).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the output is text")
}
