//! `cargo xtask mutants`: plants one bug after the other in our own code and shows which test notices it. One that survives fails the run.
//!
//! In: the list of bugs and of the tests that should see them. Out: a table: bug, caught by, time. The product is built once with the feature
//! `planted-bugs`; a bug is chosen by a variable when a test is started, so that thirty bugs cost one build. Every test of the list passes without a bug
//! first, or its failure would prove nothing. Not here: the bugs themselves (`units::planted`). Start at [`run`].

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{host, suite::cargo};

mod list;

pub use list::{Catcher, PLANTS, Plant};

/// Names the bug to a test.
const VARIABLE: &str = "TRIBUTARY_PLANTED_BUG";
/// A test that has not ended by then hangs: the bug is caught.
const RUN_MAX: Duration = Duration::from_mins(3);
/// Between two looks whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Built programs by the catcher's target.
type Built = BTreeMap<&'static str, PathBuf>;

/// How one try ended.
struct Try {
    /// What noticed the bug; `None` when nothing did.
    caught_by: Option<String>,
    took: Duration,
}

/// What each bug leaves out, in the words of the place where it is declared.
pub fn described() -> Result<Vec<(&'static str, String)>> {
    let text = std::fs::read_to_string(host::root().join("crates/units/src/planted.rs"))?;
    let said = |plant: &Plant| {
        let quoted = format!("\"{}\",", plant.bug);
        let (before, _) =
            text.split_once(&quoted).with_context(|| format!("{} is not declared", plant.bug))?;
        let docs = before.lines().rev().skip(1).map(str::trim).map_while(|it| it.strip_prefix("/// "));
        let mut docs: Vec<&str> = docs.collect();
        docs.reverse();
        Ok((plant.bug, docs.join(" ")))
    };
    PLANTS.iter().map(said).collect()
}

/// Plants the named bugs, or all; fails for one that survives. `variables` go to the tests.
pub fn run(only: &[String], variables: &[(&'static str, String)]) -> Result<String> {
    if let Some(unknown) = only.iter().find(|name| !PLANTS.iter().any(|it| it.bug == **name)) {
        bail!("there is no bug `{unknown}`; `cargo xtask mutants --list` names them");
    }
    let plants: Vec<&Plant> =
        PLANTS.iter().filter(|it| only.is_empty() || only.iter().any(|name| name == it.bug)).collect();
    let built = build(&plants)?;
    let mut stdout = std::io::stdout().lock();
    check_without(&plants, &built, variables, &mut stdout)?;
    let mut survivors = Vec::new();
    writeln!(stdout, "{:24} {:>7}  caught by", "bug", "s")?;
    for plant in &plants {
        let tried = plant_one(plant, &built, variables)?;
        let by = tried.caught_by.as_deref().unwrap_or("NOTHING");
        writeln!(stdout, "{:24} {:>7.1}  {by}", plant.bug, tried.took.as_secs_f64())?;
        stdout.flush()?;
        if tried.caught_by.is_none() {
            survivors.push(plant.bug);
        }
    }
    ensure!(survivors.is_empty(), "planted and not noticed: {}", survivors.join(", "));
    Ok(format!("{} bugs planted, each caught", plants.len()))
}

/// One build of what the catchers need. All packages' features are the workspace's, so that the libraries of others are not built again.
fn build(plants: &[&Plant]) -> Result<Built> {
    let mut args = vec!["test", "--no-run", "--workspace", "--features", "units/planted-bugs"];
    args.extend(["--message-format", "json-render-diagnostics"]);
    let mut targets: Vec<&str> = plants.iter().flat_map(|it| it.catchers).map(|it| it.target).collect();
    targets.sort_unstable();
    targets.dedup();
    if targets.iter().any(|it| !it.contains("::")) {
        args.push("--lib");
    }
    for (_, test) in targets.iter().filter_map(|it| it.split_once("::")) {
        args.extend(["--test", test]);
    }
    let output = cargo::command(&args).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the tests cannot be built");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut built = Built::new();
    for target in plants.iter().flat_map(|it| it.catchers).map(|it| it.target) {
        let found = text.lines().find_map(|line| executable(line, target));
        built.insert(target, found.with_context(|| format!("cargo built no {target}"))?);
    }
    Ok(built)
}

/// The program of `package` or `package::test`, if this line of cargo's tells of it: one JSON object a line, without quotes in its names. What
/// is no program, as a library built to be linked, has no path there.
fn executable(line: &str, target: &str) -> Option<PathBuf> {
    let (package, name, kind) = match target.split_once("::") {
        Some((package, test)) => (package, test, "test"),
        None => (target, target, "lib"),
    };
    let wanted =
        [format!("/crates/{package}#"), format!("\"kind\":[\"{kind}\"]"), format!("\"name\":\"{name}\"")];
    let is_it = wanted.iter().all(|it| line.contains(it));
    let (_, path) = line.split_once("\"executable\":\"").filter(|_| is_it)?;
    Some(PathBuf::from(path.split_once('"')?.0))
}

/// Without a bug every catcher passes.
fn check_without(
    plants: &[&Plant],
    built: &Built,
    variables: &[(&'static str, String)],
    out: &mut impl Write,
) -> Result<()> {
    let mut catchers: Vec<&Catcher> = plants.iter().flat_map(|it| it.catchers).collect();
    catchers.sort_unstable_by_key(|it| (it.target, it.filter));
    catchers.dedup_by_key(|it| (it.target, it.filter));
    let begun = Instant::now();
    for catcher in &catchers {
        let noticed = attempt(catcher, None, built, variables)?;
        ensure!(
            noticed.is_none(),
            "without a bug, {} fails: {}",
            catcher.target,
            noticed.unwrap_or_default()
        );
    }
    writeln!(out, "{} tests pass without a bug, {:.1} s\n", catchers.len(), begun.elapsed().as_secs_f64())?;
    Ok(())
}

fn plant_one(plant: &Plant, built: &Built, variables: &[(&'static str, String)]) -> Result<Try> {
    let begun = Instant::now();
    let mut caught_by = Vec::new();
    for catcher in plant.catchers {
        caught_by.extend(attempt(catcher, Some(plant.bug), built, variables)?);
    }
    let caught_by = (!caught_by.is_empty()).then(|| caught_by.join(", "));
    Ok(Try { caught_by, took: begun.elapsed() })
}

/// Runs a test; what failed in it, or `None` when all of it passed.
fn attempt(
    catcher: &Catcher,
    bug: Option<&str>,
    built: &Built,
    variables: &[(&'static str, String)],
) -> Result<Option<String>> {
    let program = built.get(catcher.target).context("it was built")?;
    let package = catcher.target.split("::").next().unwrap_or_default();
    // Not in its package's folder: what proptest finds there under a planted bug it would write down for good.
    let elsewhere = tempfile::tempdir()?;
    let mut command = Command::new(program);
    command.arg(catcher.filter).current_dir(elsewhere.path());
    command.envs(variables.iter().map(|(name, value)| (name, value))).env_remove(VARIABLE);
    command.envs(bug.map(|it| (VARIABLE, it)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().with_context(|| format!("cannot run {}", program.display()))?;
    let output = child.stdout.take().context("it is piped")?;
    let reader = std::thread::spawn(move || said(output));
    let ended = wait(&mut child)?;
    let text = reader.join().unwrap_or_default();
    if ended == Some(true) {
        let ran = text.lines().any(|it| it.starts_with("test ") && it.ends_with("... ok"));
        ensure!(ran, "{} has no test {}", catcher.target, catcher.filter);
        return Ok(None);
    }
    let failed = text.lines().find_map(|it| it.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    let how = if ended.is_none() { " (it hangs)" } else { "" };
    Ok(Some(format!("{}: {}{how}", package, failed.unwrap_or(catcher.filter))))
}

fn said(mut output: impl Read) -> String {
    let mut bytes = Vec::new();
    // A pipe that breaks has said what it could.
    output.read_to_end(&mut bytes).ok();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether it succeeded; `None` when it had to be ended.
fn wait(child: &mut Child) -> Result<Option<bool>> {
    let deadline = Instant::now() + RUN_MAX;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::*;

    /// What is not in the list is not tried.
    #[test]
    fn every_bug_that_can_be_planted_is_tried() {
        let source = fs::read_to_string(host::root().join("crates/units/src/planted.rs")).unwrap();
        let (_, declared) = source.split_once("bugs! {").unwrap();
        let declared: BTreeSet<&str> = declared
            .lines()
            .filter_map(|line| line.trim().strip_suffix("\",")?.split_once('"').map(|it| it.1))
            .collect();
        let tried: BTreeSet<&str> = PLANTS.iter().map(|it| it.bug).collect();
        assert!(!declared.is_empty());
        assert_eq!(declared, tried);
        assert!(PLANTS.iter().all(|it| !it.catchers.is_empty()));
    }

    #[test]
    fn every_bug_is_listed_with_what_it_leaves_out() {
        let described = described().unwrap();
        assert!(described.iter().all(|(_, what)| what.ends_with('.')), "{described:?}");
        let of = |bug: &str| described.iter().find(|it| it.0 == bug).map(|it| it.1.as_str());
        assert_eq!(of("window-end-inside"), Some("The end of a window is inside it."));
    }

    #[test]
    fn a_built_test_is_found_in_what_cargo_says() {
        let line = |kind: &str, name: &str| {
            format!(
                "{{\"reason\":\"compiler-artifact\",\"package_id\":\"path+file:///x/crates/sim#0.0.0\",\"target\":{{\"kind\":[\"{kind}\"],\
                 \"name\":\"{name}\"}},\"executable\":\"/t/deps/{name}-1\"}}"
            )
        };
        assert_eq!(executable(&line("test", "worlds"), "sim::worlds"), Some("/t/deps/worlds-1".into()));
        assert_eq!(executable(&line("lib", "sim"), "sim"), Some("/t/deps/sim-1".into()));
        assert_eq!(executable(&line("test", "worlds"), "sim"), None);
        assert_eq!(executable(&line("test", "worlds"), "edge::worlds"), None);
    }
}
