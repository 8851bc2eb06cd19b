//! What this machine offers the chores: environment, cache folder, waiting.
//!
//! In: names. Out: values and paths. The only place of the crate that reads the environment or sleeps.
//! Not here: which programs are run (each chore says that itself).

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// Between two looks at something that is about to happen. Short against a JVM's start, long against a look's cost.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Lines of a program's output that an error quotes.
const QUOTED_LINES_MAX: usize = 25;

/// `None` when unset or empty, so that `NAME= cargo xtask test` means "not set".
pub(crate) fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "chores are configured by the environment, as cli is")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The workspace's root folder.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Where fetched engines and tools live; shared by every checkout of this user.
pub(crate) fn cache() -> Result<PathBuf> {
    let home = std::env::home_dir().context("no home folder: set HOME, the caches live below it")?;
    let cache = home.join(".cache").join("tributary");
    std::fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
    Ok(cache)
}

/// Looks until `look` finds something, or gives up at the deadline and says what was waited for.
pub(crate) fn wait_for<T>(
    what: &str,
    at_most: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if begun.elapsed() > at_most {
            bail!("{what}: not within {} s", at_most.as_secs());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Runs a program quietly; its output appears only in the error.
pub(crate) fn run_quietly<S: AsRef<OsStr>>(program: &str, args: &[S], hint: &str) -> Result<String> {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run `{program}`: {hint}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{program}` failed ({}):\n{}\n{}", output.status, last_lines(&stdout), last_lines(&stderr));
    }
    Ok(stdout)
}

/// The end of a log, which is where the reason stands.
pub(crate) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(QUOTED_LINES_MAX)).copied().collect::<Vec<_>>().join("\n")
}
