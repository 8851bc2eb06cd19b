//! The table of promises in `crates/README.md`: each names tests that exist, a command that exists, and a figure.
//!
//! In: the document and the texts of the tree. Out: what to correct. Not here: whether the tests pass (they are part of `cargo test`), or whether a figure is
//! true; who changes a row has run its command. Start at [`broken`].

/// What has to have a row. The others come with money, the console and outbound postbacks.
const NUMBERS: [&str; 21] = [
    "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11", "P12", "P13", "P14", "P18", "P20",
    "P21", "P22", "P23", "P24", "P25",
];

/// Cells of a row: number and words, tests, files, scale run, figure.
const CELLS: usize = 5;

/// What is wrong with the table. `code` is every text of the tree with its path.
pub(super) fn broken(document: &str, code: &[(String, String)]) -> Vec<String> {
    let rows: Vec<Vec<&str>> = document.lines().filter_map(row).collect();
    let mut wrong: Vec<String> = NUMBERS
        .iter()
        .filter(|number| {
            !rows.iter().any(|it| it.first().and_then(|it| it.split(' ').next()) == Some(number))
        })
        .map(|number| format!("crates/README.md: {number} has no row in the table of promises"))
        .collect();
    for row in &rows {
        wrong.extend(broken_row(row, code));
    }
    wrong
}

/// A line `| P1 words | tests | files | scale run | figure |`.
fn row(line: &str) -> Option<Vec<&str>> {
    let inner = line.strip_prefix("| P").filter(|it| it.starts_with(|it: char| it.is_ascii_digit()))?;
    let whole = &line[line.len() - inner.len() - 1..];
    Some(whole.trim_end().trim_end_matches('|').split(" | ").map(str::trim).collect())
}

fn broken_row(row: &[&str], code: &[(String, String)]) -> Vec<String> {
    let [what, tests, files, run, figure] = row else {
        return vec![format!("crates/README.md: {row:?} has {} cells, not {CELLS}", row.len())];
    };
    let mut wrong = Vec::new();
    let mut say = |why: String| wrong.push(format!("crates/README.md, {what}: {why}"));
    let files = quoted(files);
    for file in &files {
        if !code.iter().any(|(path, _)| path == file) {
            say(format!("there is no file `{file}`"));
        }
    }
    let tests = quoted(tests);
    if tests.is_empty() || files.is_empty() {
        say("it names no test or no file".to_owned());
    }
    for test in &tests {
        let declared = format!("fn {test}(");
        if !code.iter().any(|(path, text)| files.contains(&path.as_str()) && text.contains(&declared)) {
            say(format!("none of its files has a test `{test}`"));
        }
    }
    for command in quoted(run) {
        wrong.extend(
            broken_command(command, code).map(|why| format!("crates/README.md, {what}: `{command}`: {why}")),
        );
    }
    let is_honest = figure.contains(|it: char| it.is_ascii_digit());
    if !is_honest {
        wrong.push(format!(
            "crates/README.md, {what}: give the figure that was measured, or what is left to be run"
        ));
    }
    wrong
}

/// Why a command cannot be run as it stands.
fn broken_command(command: &str, code: &[(String, String)]) -> Option<String> {
    let is_in = |part: &str| {
        let named = |path: &str| path.contains("/src/") || path.contains("/tests/");
        code.iter().any(|(path, text)| named(path) && !path.ends_with("README.md") && text.contains(part))
    };
    let mut words = command.split_whitespace().peekable();
    while let Some((name, _)) = words.peek().and_then(|it| it.split_once('=')) {
        if !is_in(name) {
            return Some(format!("nobody reads {name}"));
        }
        words.next();
    }
    let rest: Vec<&str> = words.collect();
    match rest.as_slice() {
        ["cargo", "xtask", chore, ..] => {
            let main =
                code.iter().find(|(path, _)| path == "crates/xtask/src/main.rs").map_or("", |it| &it.1);
            let (first, others) = chore.split_at(1);
            let variant = format!("    {}{others}", first.to_uppercase());
            let is_chore = [" {", ",", "("].iter().any(|end| main.contains(&format!("{variant}{end}")));
            if !is_chore {
                return Some(format!("`cargo xtask` has no {chore}"));
            }
        }
        ["cargo", "test" | "run", ..] | ["tributary", ..] => {}
        _ => return Some("a command of cargo or tributary is wanted".to_owned()),
    }
    let flags = rest.iter().filter_map(|it| it.strip_prefix("--")).filter(|it| !it.is_empty());
    let of_cargo = ["test", "package", "release", "lib", "bin", "workspace"];
    let is_flag = |flag: &str| {
        let field = flag.replace('-', "_");
        is_in(&format!("{field}:")) || is_in(&format!("{field},")) || is_in(&format!("\"{flag}\""))
    };
    let unknown = flags.into_iter().find(|it| !of_cargo.contains(it) && !is_flag(it));
    unknown.map(|it| format!("nobody takes --{it}"))
}

/// What stands in backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> Vec<(String, String)> {
        let text = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        vec![
            text("crates/a/tests/b.rs", "fn it_holds() {} // TRIBUTARY_X"),
            text("crates/xtask/src/main.rs", "    Kill {\n        seed: u64,"),
        ]
    }

    const GOOD: &str = "| P1 words | `it_holds` | `crates/a/tests/b.rs` | `cargo xtask kill --seed 3`, `TRIBUTARY_X=1 cargo test --test b` | 7 lost |";

    #[test]
    fn a_row_whose_test_file_command_or_figure_is_not_there_is_found() {
        let of = |line: &str| {
            let found = broken(line, &code());
            found.into_iter().filter(|it| !it.contains("has no row")).collect::<Vec<_>>()
        };
        assert!(of(GOOD).is_empty(), "{:?}", of(GOOD));
        assert_eq!(broken(GOOD, &code()).len(), NUMBERS.len() - 1, "the other promises have no row");
        for (from, to) in [
            ("it_holds", "it_held"),
            ("tests/b.rs", "tests/c.rs"),
            ("xtask kill", "xtask bill"),
            ("--seed", "--sead"),
            ("TRIBUTARY_X", "TRIBUTARY_Y"),
            ("7 lost", "none lost"),
            ("cargo test", "sh test"),
            (" | 7 lost", ""),
            ("`it_holds`", "it holds"),
        ] {
            let line = GOOD.replace(from, to);
            assert!(!of(&line).is_empty(), "{line}");
        }
    }
}
