//! `cargo xtask test`: everything that must hold before a change lands, as a table of timed steps.
//!
//! In: which steps. Out: their output as it comes, a table of times, an error that names the step that failed first.
//! Not here: what a step does (`prepare`, `gates`). Start at [`STEPS`]; a new step is a line there.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};

use crate::kafka::Cluster;

pub(crate) mod cargo;
mod gates;
mod prepare;
mod product;

/// A build machine stops the run there; it is named so that the table can say how near a run came.
const RUN_MAX: Duration = Duration::from_hours(1);

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// For `--only`, errors and the table.
    pub name: &'static str,
    /// What holds when it passes.
    pub claim: &'static str,
    /// Returns what the table says beside the time.
    run: fn(&mut World) -> Result<String>,
}

/// In the order of their cost, so that a slip costs seconds.
pub const STEPS: &[Step] = &[
    Step { name: "tools", claim: "the programs that the tests call are there", run: prepare::tools },
    Step { name: "format", claim: "the code is as rustfmt leaves it", run: gates::format },
    Step { name: "tidy", claim: "the house rules hold, the README's commands are covered", run: gates::tidy },
    Step { name: "deny", claim: "dependencies, their licences and sources are allowed", run: gates::deny },
    Step { name: "clippy", claim: "no lint fires in any target", run: gates::clippy },
    Step { name: "build", claim: "everything that the tests start is built", run: gates::build },
    Step { name: "engine", claim: "the ClickHouse engine is in the cache", run: prepare::engine },
    Step { name: "kafka", claim: "a real broker answers", run: prepare::kafka },
    Step { name: "tests", claim: "every test of the workspace passes", run: gates::tests },
    Step { name: "sim", claim: "a thousand simulated worlds end as the plain model says", run: product::sim },
    Step {
        name: "kill",
        claim: "nothing is lost, wherever a process dies in its file calls",
        run: product::kill,
    },
    Step {
        name: "mutants",
        claim: "every bug that can be planted is noticed by a test",
        run: product::mutants,
    },
    Step {
        name: "instructions",
        claim: "no hot path executes 3 % more instructions than before",
        run: product::instructions,
    },
    Step { name: "fuzz", claim: "no bytes that were found or thought of break a parser", run: product::fuzz },
    Step { name: "demo", claim: "nothing differs while processes are killed", run: product::demo },
    Step { name: "demo-kafka", claim: "nor with Kafka as the log", run: product::demo_kafka },
    Step {
        name: "soak",
        claim: "under load nobody sees an outage, a full disk or a restart, and nothing is lost",
        run: product::soak,
    },
];

/// What earlier steps leave for later ones.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// Variables that tests read.
    variables: Vec<(&'static str, String)>,
    /// Held until the run ends; dropping it ends the broker.
    kafka: Option<Cluster>,
}

/// How a step ended.
struct Row {
    name: &'static str,
    took: Duration,
    note: String,
}

/// Runs the named steps in the table's order, all of them when none is named; stops at the first that fails.
pub fn run(only: &[String]) -> Result<()> {
    if let Some(unknown) = only.iter().find(|name| !STEPS.iter().any(|step| step.name == **name)) {
        let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        bail!("there is no step `{unknown}`; the steps are {}", names.join(", "));
    }
    let begun = Instant::now();
    let mut world = World::default();
    let mut rows = Vec::new();
    let mut failure = None;
    for step in STEPS.iter().filter(|step| only.is_empty() || only.iter().any(|name| name == step.name)) {
        say(&format!("\n== {}: {}", step.name, step.claim))?;
        let step_begun = Instant::now();
        let outcome = (step.run)(&mut world);
        let note = outcome.as_ref().map_or_else(|_| "FAILED".to_owned(), Clone::clone);
        rows.push(Row { name: step.name, took: step_begun.elapsed(), note });
        if let Err(error) = outcome {
            failure = Some(error.context(format!("step `{}` failed", step.name)));
            break;
        }
    }
    drop(world);
    say(&table(&rows, begun.elapsed()))?;
    failure.map_or(Ok(()), Err)
}

/// Runs a binary of the workspace as users would have it, optimised, and hands its arguments on.
pub fn run_optimised(package: &str, args: &[String]) -> Result<()> {
    let own = ["run", "--quiet", "--release", "--package", package, "--"].map(str::to_owned);
    ensure!(cargo::passes(&[own.as_slice(), args].concat())?, "`{package}` failed");
    Ok(())
}

/// Builds what chores start, with the features that the step `build` builds it with.
pub(crate) fn build_programs() -> Result<()> {
    let args = ["build", "--workspace", "--bins", "--examples", "--locked", "--quiet"];
    ensure!(cargo::passes(&args)?, "mend what the compiler names above");
    Ok(())
}

/// Like [`run_optimised`], for binaries that start the product beside them.
pub fn with_product(package: &str, args: &[String]) -> Result<()> {
    let built = cargo::passes(&["build", "--quiet", "--release", "--package", "cli"].map(str::to_owned))?;
    ensure!(built, "the product does not build");
    run_optimised(package, args)
}

/// For people, on the standard output that the steps' programs write to as well.
fn say(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()?;
    Ok(())
}

fn table(rows: &[Row], took: Duration) -> String {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max("total".len());
    let mut text = String::from("\n");
    for Row { name, took, note } in rows {
        writeln!(text, "{name:width$}  {:>7.1} s  {note}", took.as_secs_f64())
            .expect("a String takes any text");
    }
    let limit = RUN_MAX.as_secs() / 60;
    write!(text, "{:width$}  {:>7.1} s  of {limit} min", "total", took.as_secs_f64())
        .expect("a String takes any text");
    text
}

/// Fails unless `passed`, with what to do.
fn demand(passed: bool, advice: &str) -> Result<String> {
    ensure!(passed, "{advice}");
    Ok(String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_step_is_refused_with_the_known_ones() {
        let error = run(&["fromat".into()]).unwrap_err().to_string();
        assert!(error.contains("fromat") && error.contains("format"), "{error}");
    }

    #[test]
    fn the_table_lists_each_step_and_the_total() {
        let row = |name, seconds| Row { name, took: Duration::from_secs(seconds), note: "fine".into() };
        let text = table(&[row("format", 1), row("tests", 600)], Duration::from_secs(601));
        assert_eq!(text, "\nformat      1.0 s  fine\ntests     600.0 s  fine\ntotal     601.0 s  of 60 min");
    }
}
