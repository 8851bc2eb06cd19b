//! `cargo xtask instructions`: what the hot paths cost in instructions, at a base commit and in this tree, counted in the same run.
//!
//! In: a base, or what git says is one. Out: a table, and an error that names each path that became more than 3 % worse. Valgrind counts what a
//! program executes outside the kernel, so that neither a busy machine nor another one changes a figure. The base is built with *this* tree's counted
//! programs (`benches/src/bin/count_*.rs`), so that both do the same work; a program that does not compile there is new. Not here: what a
//! path does (`benches/src/counted.rs`), how the two are built (`instructions/trees.rs`). Start at [`run`].

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

use crate::host;

mod trees;

/// A path may cost so much of what it cost before: below it a compiler's mood shows as well.
pub const RATIO_MAX: f64 = 1.03;

/// What is compared with what.
#[derive(Debug, Default)]
pub struct Options {
    /// A revision; without it, where this branch left `main`, or the commit before this one.
    pub base: Option<String>,
    /// A JSON line a path instead of a table.
    pub json: bool,
}

/// Counted programs by name.
pub type Programs = BTreeMap<String, PathBuf>;

/// One hot path.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// As the program calls it.
    pub path: String,
    /// Instructions of one turn, at the base; `None` where it is new.
    pub base: Option<f64>,
    /// And now.
    pub now: f64,
}

impl Row {
    /// Now by base.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        self.base.map(|base| self.now / base)
    }

    /// Whether it became worse than [`RATIO_MAX`] allows. What is not a number is not fine.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        self.ratio().is_some_and(|ratio| !ratio.is_finite() || ratio > RATIO_MAX)
    }
}

/// Builds both, counts both, compares. The note says how it went.
pub fn run(options: &Options) -> Result<String> {
    // Before anything is built: a revision that is not there is told at once.
    let revision = trees::base(options.base.as_deref())?;
    let now = trees::build_now()?;
    let base = match revision {
        Some(revision) => Some((trees::build_base(&revision)?, revision)),
        None => None,
    };
    let nothing = Programs::new();
    let rows = rows(&now, base.as_ref().map_or(&nothing, |it| &it.0))?;
    let name = base.as_ref().map_or("nothing: the history ends here", |it| &it.1);
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(if options.json { lines(&rows) } else { table(&rows, name) }.as_bytes())?;
    judge(&rows)
}

/// Counts every path of `now`, and the same at the base where that has it.
pub fn rows(now: &Programs, base: &Programs) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, program) in now {
        let before = base.get(name).map(|it| Ok::<_, anyhow::Error>((it, paths(it)?))).transpose()?;
        for (path, turns) in paths(program)? {
            let had = before.as_ref().filter(|(_, paths)| paths.contains_key(&path));
            let base = had.map(|(program, _)| per_turn(program, &path, turns)).transpose()?;
            rows.push(Row { now: per_turn(program, &path, turns)?, base, path });
        }
    }
    ensure!(!rows.is_empty(), "no program has a path to count");
    Ok(rows)
}

/// The note of the step, or an error that names every path that became worse.
pub fn judge(rows: &[Row]) -> Result<String> {
    let percent = |ratio: f64| (ratio - 1.0) * 100.0;
    let worse: Vec<String> = rows
        .iter()
        .filter(|it| it.is_worse())
        .map(|it| format!("{} {:+.1} %", it.path, percent(it.ratio().unwrap_or(f64::NAN))))
        .collect();
    if !worse.is_empty() {
        bail!("more than {:.0} % more instructions than before: {}", percent(RATIO_MAX), worse.join(", "));
    }
    let compared: Vec<(&Row, f64)> = rows.iter().filter_map(|it| Some((it, it.ratio()?))).collect();
    let Some((row, ratio)) = compared.iter().max_by(|a, b| a.1.total_cmp(&b.1)) else {
        return Ok(format!("{} paths, all new", rows.len()));
    };
    let new = rows.len() - compared.len();
    Ok(format!(
        "{} paths compared, {new} new; the worst is {} {:+.1} %",
        compared.len(),
        row.path,
        percent(*ratio)
    ))
}

/// A program's paths with the turns to count.
fn paths(program: &Path) -> Result<BTreeMap<String, u64>> {
    let listed = host::run_quietly::<&str>(&program.display().to_string(), &[], "it was built for this")?;
    let path = |line: &str| {
        let (name, turns) = line.split_once(' ')?;
        Some((name.to_owned(), turns.parse().ok().filter(|it| *it > 0)?))
    };
    listed.lines().map(|line| path(line).with_context(|| format!("{line:?} is no path"))).collect()
}

/// Instructions of one turn: of twice the turns less those of the turns, so that what is prepared does not count.
#[expect(clippy::cast_precision_loss, reason = "billions fit a double's 53 bits")]
fn per_turn(program: &Path, path: &str, turns: u64) -> Result<f64> {
    let (once, twice) = (count(program, path, turns)?, count(program, path, 2 * turns)?);
    let more = twice.checked_sub(once).filter(|it| *it > 0);
    Ok(more.with_context(|| format!("{path}: twice the turns are not more instructions"))? as f64
        / turns as f64)
}

fn count(program: &Path, path: &str, turns: u64) -> Result<u64> {
    let (program, turns) = (program.display().to_string(), turns.to_string());
    let how = ["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", "--log-fd=1"];
    let args = [how.as_slice(), &["--read-inline-info=no", &program, path, &turns]].concat();
    let said = host::run_quietly("valgrind", &args, "`cargo xtask test --only tools` installs it")?;
    counted(&said).with_context(|| format!("valgrind counted nothing: {}", host::last_lines(&said)))
}

/// `==123== I refs:        1,234,567`
fn counted(said: &str) -> Option<u64> {
    let (_, number) =
        said.lines().find_map(|line| line.split_once("refs:").filter(|it| it.0.contains("== I")))?;
    number.trim().replace(',', "").parse().ok()
}

fn table(rows: &[Row], base: &str) -> String {
    let mut text = format!("instructions of one turn; the base is {base}\n");
    writeln!(text, "{:28} {:>12} {:>12}  ratio", "path", "base", "now").expect("a String takes any text");
    for row in rows {
        let base = row.base.map_or("new".to_owned(), |it| format!("{it:.0}"));
        let ratio = row.ratio().map_or(String::new(), |it| format!("{it:.4}"));
        let worse = if row.is_worse() { "  WORSE" } else { "" };
        writeln!(text, "{:28} {base:>12} {:>12.0}  {ratio}{worse}", row.path, row.now)
            .expect("a String takes any text");
    }
    text
}

fn lines(rows: &[Row]) -> String {
    let number = |value: Option<f64>| value.map_or("null".to_owned(), |it| format!("{it:.4}"));
    let line = |row: &Row| {
        format!(
            "{{\"path\":\"{}\",\"base\":{},\"now\":{},\"ratio\":{},\"holds\":{}}}\n",
            row.path,
            number(row.base),
            number(Some(row.now)),
            number(row.ratio()),
            !row.is_worse()
        )
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(base: Option<f64>, now: f64) -> Row {
        Row { path: "a".into(), base, now }
    }

    #[test]
    fn more_than_three_percent_worse_is_refused_and_named() {
        let cases = [
            (Some(10_000.0), 10_300.0, false),
            (Some(10_000.0), 10_301.0, true),
            (Some(10_000.0), 5_000.0, false),
            (Some(0.0), 5_000.0, true),
            (None, 5_000.0, false),
        ];
        for (base, now, is_worse) in cases {
            let judged = judge(&[row(Some(1.0), 1.0), row(base, now)]);
            assert_eq!(judged.is_err(), is_worse, "{base:?} {now} {judged:?}");
        }
        let error = judge(&[row(Some(100.0), 110.0)]).unwrap_err().to_string();
        assert_eq!(error, "more than 3 % more instructions than before: a +10.0 %");
    }

    #[test]
    fn a_path_without_a_base_is_said_to_be_new() {
        assert_eq!(judge(&[row(None, 1.0)]).unwrap(), "1 paths, all new");
        let rows = [row(None, 1.0), row(Some(100.0), 101.0)];
        assert_eq!(judge(&rows).unwrap(), "1 paths compared, 1 new; the worst is a +1.0 %");
        assert!(table(&rows, "x").contains("new"), "{}", table(&rows, "x"));
        assert!(lines(&rows).starts_with("{\"path\":\"a\",\"base\":null,"), "{}", lines(&rows));
    }

    #[test]
    fn valgrinds_count_is_read_and_nothing_else() {
        assert_eq!(counted("x\n==7== I refs:        1,234,567\n"), Some(1_234_567));
        assert_eq!(counted("==7== I   refs:  9\n"), Some(9));
        assert_eq!(counted("==7== D refs:  9\n"), None);
    }
}
