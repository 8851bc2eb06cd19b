//! The rules on one text at a time, as functions from text to findings, each with a test that shows it can fail.
//!
//! In: the text of a file. Out: lines and what to do there. Not here: which files a rule is for (`tidy.rs`).
//! Forbidden words are written in halves, or this file would break its own rules.

/// Lines of a file before its tests. A longer file holds two ideas.
const PRODUCTION_LINES_MAX: usize = 400;

/// Lines of a function, by rustfmt's indentation, signature and closing brace included.
const FUNCTION_LINES_MAX: usize = 70;

/// A broken rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) line: usize,
    pub(super) advice: String,
}

fn finding(line: usize, advice: impl Into<String>) -> Finding {
    Finding { line, advice: advice.into() }
}

/// Numbered lines before the tests.
pub(super) fn production(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let before_tests = text.lines().take_while(|line| *line != "#[cfg(test)]");
    before_tests.enumerate().map(|(index, line)| (index + 1, line))
}

pub(super) fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

/// Header, length of the file, lengths of its functions. Functions of tests may be tables of any length.
pub(super) fn shape(text: &str, is_test: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !text.starts_with("//!") {
        findings.push(finding(1, "say first, in `//!`, what this file is for"));
    }
    let lines = production(text).count();
    if lines > PRODUCTION_LINES_MAX {
        let advice =
            format!("{lines} lines before its tests, {PRODUCTION_LINES_MAX} at most: split it in two ideas");
        findings.push(finding(1, advice));
    }
    if !is_test {
        findings.extend(long_functions(text));
    }
    findings
}

/// By rustfmt's rules a function ends at the first line of its own indentation that ends with `}` (or `;` in a trait).
fn long_functions(text: &str) -> Vec<Finding> {
    let lines: Vec<(usize, &str)> = production(text).collect();
    let mut findings = Vec::new();
    for (index, (number, line)) in lines.iter().enumerate().filter(|(_, (_, line))| opens_function(line)) {
        let indent = indentation(line);
        let ends = |line: &str| indentation(line) == indent && (line.ends_with('}') || line.ends_with(';'));
        let length = lines.iter().skip(index).take_while(|(_, line)| !ends(line)).count() + 1;
        if length > FUNCTION_LINES_MAX {
            let advice = format!("a function of {length} lines, {FUNCTION_LINES_MAX} at most: split it");
            findings.push(finding(*number, advice));
        }
    }
    findings
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn opens_function(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| {
        word.starts_with("pub")
            || word.starts_with("in")
            || matches!(*word, "const" | "async" | "unsafe" | "extern" | "\"C\"")
    });
    words.next() == Some("fn")
}

/// Lines in which something is put between quotes of a statement: `'{name}'` in a format string. A value that comes from outside belongs beside the
/// statement, as a parameter with its type.
pub(super) fn quoted_by_hand(text: &str) -> Vec<usize> {
    let has_one = |line: &str| line.match_indices("'{").any(|(at, _)| !line[at + 2..].starts_with('{'));
    let lines = production(text).filter(|(_, line)| !is_comment(line) && has_one(line));
    lines.map(|(number, _)| number).collect()
}

/// What a secret is called.
const SECRETS: [&str; 6] = ["token", "secret", "password", "signature", "mac", "api_key"];

/// Secrets compared with `==`: how long that takes tells how much of it was right.
pub(super) fn plain_comparisons(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in production(text).filter(|(_, line)| !is_comment(line)) {
        let signs = line.match_indices("==").chain(line.match_indices("!="));
        for (at, _) in signs {
            let (left, right) = (&line[..at], &line[at + 2..]);
            if is_secret(last_operand(left)) || is_secret(first_operand(right)) {
                findings.push(finding(number, "compare secrets with `ct_eq`, in constant time"));
            }
        }
    }
    findings
}

fn last_operand(left: &str) -> &str {
    let left = left.trim_end();
    left.rsplit(|it: char| it.is_whitespace() || matches!(it, '(' | '&' | '*' | '|'))
        .find(|it| !it.is_empty() && *it != ")")
        .unwrap_or("")
}

fn first_operand(right: &str) -> &str {
    let right = right.trim_start().trim_start_matches(['&', '*']);
    right
        .split(|it: char| it.is_whitespace() || matches!(it, '(' | ')' | ',' | ';' | '|'))
        .next()
        .unwrap_or("")
}

/// By the last name of a chain such as `advertiser.token.0`; what is asked of a secret (`token.len()`) is none.
fn is_secret(operand: &str) -> bool {
    let mut names = operand.split('.').filter(|it| {
        !matches!(
            *it,
            "0" | "as_bytes" | "as_bytes()" | "as_str" | "as_str()" | "as_slice" | "as_slice()" | ")"
        )
    });
    names.next_back().is_some_and(|it| SECRETS.contains(&it.trim_end_matches([')', ',', ';', ']'])))
}

/// Signs of unfinished work, registries' hosts and folders of one machine.
pub(super) fn forbidden_words(text: &str) -> Vec<Finding> {
    let unfinished = "finish it, or say what is absent and why";
    let host = "name no registry's host: their clients know them";
    let machine = "name no folder of one machine";
    let words = [
        (concat!("TO", "DO"), unfinished),
        (concat!("FIX", "ME"), unfinished),
        (concat!("to", "do!("), unfinished),
        (concat!("unimple", "mented!("), unfinished),
        (concat!("#[ig", "nore"), "a test that does not run proves nothing: make it run"),
        (concat!("for ", "now"), unfinished),
        (concat!("place", "holder"), unfinished),
        (concat!("simpli", "fied"), unfinished),
        (concat!("registry.", "npmjs"), host),
        (concat!("static.", "crates"), host),
        (concat!("index.", "crates"), host),
        (concat!("files.", "pythonhosted"), host),
        (concat!("pypi", ".org"), host),
        (concat!("repo1.", "maven"), host),
        (concat!("repo.", "maven"), host),
        (concat!("deb.", "debian.org"), host),
        (concat!("/wo", "rk/"), machine),
        (concat!("/ro", "ot/"), machine),
        (concat!("/ho", "me/"), machine),
    ];
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for (word, advice) in words {
            if line.contains(word) {
                findings.push(finding(index + 1, format!("`{word}`: {advice}")));
            }
        }
    }
    findings
}

pub(super) fn unsafe_code(text: &str) -> Vec<Finding> {
    let opens = [
        concat!("unsa", "fe {"),
        concat!("unsa", "fe fn"),
        concat!("unsa", "fe impl"),
        concat!("unsa", "fe extern"),
    ];
    code_with(text, &opens, "unsafe code lives in chdb's module `ffi` alone: call that, or find a safe crate")
}

pub(super) fn clock_reads(text: &str) -> Vec<Finding> {
    let advice = "time is an argument, only cli's clock reads it: take a units::EpochMs or a units::Clock";
    code_with(text, &[concat!("SystemTime", "::now")], advice)
}

fn code_with(text: &str, needles: &[&str], advice: &str) -> Vec<Finding> {
    let code = text.lines().enumerate().filter(|(_, line)| !is_comment(line));
    let found = code.filter(|(_, line)| needles.iter().any(|it| line.contains(it)));
    found.map(|(index, _)| finding(index + 1, advice)).collect()
}

/// Paths named by a document: targets of links, and code spans with a slash inside. A span that begins with a slash is a
/// URL's path; one with anything but letters, digits and `._-/` is not a path.
pub(super) fn paths(document: &str) -> Vec<String> {
    let spans = code_spans(document).filter(|it| it.trim_end_matches('/').contains('/') || it.ends_with('/'));
    let links = document.split("](").skip(1).filter_map(|it| it.split(')').next());
    let links = links.filter_map(|it| it.split('#').next()).filter(|it| !it.contains("://"));
    spans.chain(links).filter(|it| is_path(it)).map(str::to_owned).collect()
}

fn is_path(text: &str) -> bool {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "._-/".contains(it);
    !text.is_empty() && !text.starts_with('/') && text.chars().all(is_plain)
}

/// Code spans of three underscores or more, which are names of tests, constants, metrics: they must exist somewhere.
pub(super) fn long_identifiers(document: &str) -> Vec<String> {
    let is_name = |it: &&str| it.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
    let spans = code_spans(document).filter_map(|it| it.rsplit("::").next());
    spans.filter(|it| it.matches('_').count() >= 3).filter(is_name).map(str::to_owned).collect()
}

fn code_spans(document: &str) -> impl Iterator<Item = &str> {
    let outside_fences = document.split("```").step_by(2);
    outside_fences.flat_map(|it| it.lines()).flat_map(|it| it.split('`').skip(1).step_by(2))
}

/// Every line of `[workspace.dependencies]` that is not one of ours ends with what the crate saves us.
pub(super) fn unexplained_dependencies(manifest: &str) -> Vec<Finding> {
    let lines = section(manifest, "[workspace.dependencies]");
    let theirs =
        lines.filter(|(_, line)| line.contains('=') && !line.starts_with('#') && !line.contains("path ="));
    let unexplained = theirs.filter(|(_, line)| line.rsplit_once("# ").is_none_or(|(_, why)| why.is_empty()));
    unexplained
        .map(|(number, _)| finding(number, "add `# what it saves us` behind this dependency"))
        .collect()
}

/// Dependencies of a member that are not taken from the workspace.
pub(super) fn own_versions(manifest: &str) -> Vec<Finding> {
    let tables = ["[dependencies]", "[dev-dependencies]", "[build-dependencies]"];
    let lines = tables.iter().flat_map(|table| section(manifest, table));
    let own = lines.filter(|(_, line)| line.contains('=') && !line.starts_with('#'));
    // A crate may ask for a feature of itself in its own tests, which no workspace line can say.
    let own = own.filter(|(_, line)| !line.contains("path = \".\""));
    let own = own.filter(|(_, line)| !line.contains("workspace = true") && !line.contains(".workspace=true"));
    own.map(|(number, _)| {
        finding(number, "declare the version in the root Cargo.toml, and `workspace = true` here")
    })
    .collect()
}

fn section<'a>(manifest: &'a str, table: &str) -> impl Iterator<Item = (usize, &'a str)> {
    let numbered = manifest.lines().enumerate().map(|(index, line)| (index + 1, line));
    let after = numbered.skip_while(move |(_, line)| *line != table).skip(1).collect::<Vec<_>>();
    after.into_iter().take_while(|(_, line)| !line.starts_with('['))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(findings: &[Finding]) -> Vec<usize> {
        findings.iter().map(|it| it.line).collect()
    }

    fn function(lines: usize) -> String {
        let body = "        x();\n".repeat(lines - 2);
        format!(
            "//! A file.\nimpl X {{\n    pub(crate) const fn long(\n        &self) {{\n{body}    }}\n}}\n"
        )
    }

    #[test]
    fn shapes_that_are_wrong_are_found() {
        let at_limit = "//! A file.\n".to_owned() + &"// line\n".repeat(PRODUCTION_LINES_MAX - 1);
        let cases = [
            ("no header", "use std::fs;\n".to_owned(), vec![1]),
            ("the limit is inside", at_limit.clone(), vec![]),
            ("one line past it", at_limit.clone() + "// line\n", vec![1]),
            ("tests do not count", at_limit.clone() + "#[cfg(test)]\nmod tests;\n", vec![]),
            ("a function at its limit", function(FUNCTION_LINES_MAX - 1), vec![]),
            ("a function past it", function(FUNCTION_LINES_MAX), vec![3]),
        ];
        for (name, text, want) in cases {
            assert_eq!(lines(&shape(&text, false)), want, "{name}");
        }
        assert_eq!(lines(&shape(&(at_limit.clone() + "// line\n"), true)), [1], "tests are split as well");
        assert_eq!(lines(&shape(&function(FUNCTION_LINES_MAX), true)), [0; 0], "tests may be tables");
    }

    // fault 122
    #[test]
    fn a_value_put_between_the_quotes_of_a_statement_is_found() {
        let text = "//! x\nformat!(\"WHERE a = '{given}'\");\nformat!(\"'{{a}}' {x:String}\");\n// '{no}'\n\"'{}'\"\n";
        assert_eq!(quoted_by_hand(text), [2, 5]);
    }

    // fault 120
    #[test]
    fn a_secret_compared_without_constant_time_is_found() {
        for line in [
            "if token == given {",
            "if given != *secret {",
            "it.password.as_bytes() == other",
            "(a, user.token.0 == b)",
            "x == &self.mac",
        ] {
            assert_eq!(plain_comparisons(line).len(), 1, "{line}");
        }
        for line in
            ["token.kind == Kind::Word", "token.len() == 3", "a == b", "// token == x", "tokens(sql) == x"]
        {
            assert!(plain_comparisons(line).is_empty(), "{line}");
        }
    }

    #[test]
    fn forbidden_words_are_found() {
        let text = [
            concat!("// TO", "DO"),
            "fine",
            concat!("see https://pypi", ".org/x"),
            concat!("cd /wo", "rk/x"),
        ];
        assert_eq!(lines(&forbidden_words(&text.join("\n"))), [1, 3, 4]);
    }

    #[test]
    fn unsafe_blocks_and_clock_reads_are_found_in_code_only() {
        let text = [
            concat!("// unsa", "fe { }"),
            concat!("    unsa", "fe { }"),
            concat!("let x = SystemTime", "::now();"),
        ];
        assert_eq!(lines(&unsafe_code(&text.join("\n"))), [2]);
        assert_eq!(lines(&clock_reads(&text.join("\n"))), [3]);
    }

    #[test]
    fn documents_are_searched_for_paths_and_names() {
        let text = "See `events/src/lib.rs`, `/c/{link}`, `tributary.clicks.v1`, `a * b/c`, [map](crates/README.md#x),\n\
            [site](https://example.com/a) and `journal::a_torn_tail_is_cut`.\n```sh\n`not/this`\n```\n`deploy/`";
        assert_eq!(paths(text), ["events/src/lib.rs", "deploy/", "crates/README.md"]);
        assert_eq!(long_identifiers(text), ["a_torn_tail_is_cut"]);
    }

    #[test]
    fn dependencies_without_reason_or_with_a_version_of_their_own_are_found() {
        let root = "[workspace.dependencies]\nunits = { path = \"x\" }\na = \"1\" # why\nb = \"1\"\n\n[profile.dev]\nc = 1\n";
        assert_eq!(lines(&unexplained_dependencies(root)), [4]);
        let member = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = \"1\"\n[dev-dependencies]\nc = \"1\"\n";
        assert_eq!(lines(&own_versions(member)), [5, 7]);
    }
}
