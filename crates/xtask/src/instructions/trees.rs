//! The two trees whose instructions are compared: this one and a base, built with the same compiler into the same target folder.
//!
//! In: a revision. Out: stripped programs. Both trees are copies in the target folder, built into a target folder of their own, so that dependencies are built
//! once. Cargo knows a workspace's packages by their places below its root and files by their times: to it the two are one tree, and whichever has the
//! older files would be taken for built. So all files of a tree get the time of now before it is built, and nobody else's build lies in there.
//! Not here: counting. Start at [`build_now`] and [`build_base`].

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};

use super::Programs;
use crate::{host, suite::cargo};

/// Where counted programs lie in a tree.
const PROGRAMS: &str = "benches/src/bin";
/// And what else of ours they are made of.
const SHARED: [&str; 2] = ["benches/src/counted.rs", "benches/src/counted"];
const PREFIX: &str = "count_";

/// The base to compare with: the one that is asked for; where this branch left `main`; this commit, if the tree has changes; the one before it.
/// `None` where there is none, as in a clone without history.
pub(super) fn base(asked: Option<&str>) -> Result<Option<String>> {
    if let Some(asked) = asked {
        return git(&["rev-parse", "--verify", &format!("{asked}^{{commit}}")]).map(Some);
    }
    let head = git(&["rev-parse", "HEAD"])?;
    let main = ["main", "origin/main"].iter().find_map(|main| git(&["merge-base", "HEAD", main]).ok());
    if let Some(left) = main.filter(|it| *it != head) {
        return Ok(Some(left));
    }
    if !git(&["status", "--porcelain"])?.is_empty() {
        return Ok(Some(head));
    }
    Ok(git(&["rev-parse", "--verify", "--quiet", "HEAD~1"]).ok())
}

fn git(args: &[&str]) -> Result<String> {
    let root = host::root().display().to_string();
    // The tree may belong to another user than the one who builds it, as on build machines.
    let args = [&["-c", "safe.directory=*", "-C", &root], args].concat();
    Ok(host::run_quietly("git", &args, "the base is in git")?.trim().to_owned())
}

/// The programs of this tree, with what is changed and not committed.
pub(super) fn build_now() -> Result<Programs> {
    let (root, tree) = (host::root(), scratch()?.join("now"));
    emptied(&tree)?;
    for path in git(&["ls-files", "--cached", "--others", "--exclude-standard"])?.lines() {
        // What is deleted and not committed is listed too.
        if root.join(path).exists() {
            copy(&root.join(path), &tree.join(path))?;
        }
    }
    let names = names(&tree)?;
    let built = build(&tree, &names)?;
    ensure!(built.len() == names.len(), "mend what the compiler names above");
    keep(&built, "programs-now")
}

/// The programs of this tree against the libraries of `revision`; those that do not compile there are left out.
pub(super) fn build_base(revision: &str) -> Result<Programs> {
    let tree = scratch()?.join("base");
    check_out(revision, &tree)?;
    let names = names(host::root())?;
    for path in names.iter().map(|it| format!("{PROGRAMS}/{it}.rs")).chain(SHARED.map(str::to_owned)) {
        copy(&host::root().join(&path), &tree.join(&path))?;
    }
    keep(&build(&tree, &names)?, "programs-base")
}

/// A folder of this chore's own in the target folder.
fn scratch() -> Result<PathBuf> {
    let scratch = target()?.join("instructions");
    fs::create_dir_all(&scratch)?;
    Ok(scratch)
}

/// Cargo's target folder: this program lies in a profile's folder of it.
fn target() -> Result<PathBuf> {
    let ours = std::env::current_exe().context("cannot find this program's folder")?;
    let profile = ours.ancestors().find(|it| it.join(".fingerprint").is_dir());
    Ok(profile.and_then(Path::parent).context("this program does not lie in a target folder")?.to_owned())
}

fn emptied(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::create_dir_all(folder)?)
}

/// Without a worktree, which git would remember if this were killed. `-m` gives files the time of now.
fn check_out(revision: &str, tree: &Path) -> Result<()> {
    emptied(tree)?;
    let packed = tree.with_extension("tar").display().to_string();
    git(&["archive", "--format=tar", "--output", &packed, revision])?;
    let tree = tree.display().to_string();
    host::run_quietly("tar", &["-x", "-m", "-f", &packed, "-C", &tree], "it is part of every Unix")?;
    fs::remove_file(packed)?;
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    let folder = to.parent().context("a file lies in a folder")?;
    fs::create_dir_all(folder)?;
    // The time of the change is now.
    fs::write(to, fs::read(from)?).with_context(|| format!("cannot write {}", to.display()))
}

fn names(tree: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(tree.join(PROGRAMS)).context("no counted programs")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".rs").filter(|it| it.starts_with(PREFIX)).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// What compiles, by name; what does not says so on standard error.
fn build(tree: &Path, names: &[String]) -> Result<Programs> {
    let target = scratch()?.join("target").display().to_string();
    let mut args = vec!["build", "--release", "--locked", "--quiet", "--keep-going", "--package", "benches"];
    args.extend(["--message-format", "json-render-diagnostics", "--target-dir", &target]);
    for name in names {
        args.extend(["--bin", name]);
    }
    let mut command = cargo::command(&args);
    command.current_dir(tree).stdin(Stdio::null()).stderr(Stdio::inherit());
    let text = command.output().context("cannot run cargo")?.stdout;
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().filter_map(executable).collect())
}

/// The program that a line of cargo's tells of: one JSON object a line, without quotes in its names.
fn executable(line: &str) -> Option<(String, PathBuf)> {
    let is_program = line.contains("\"kind\":[\"bin\"]");
    let (_, path) = line.split_once("\"executable\":\"").filter(|_| is_program)?;
    let path = PathBuf::from(path.split_once('"')?.0);
    Some((path.file_name()?.to_str().filter(|it| it.starts_with(PREFIX))?.to_owned(), path))
}

/// Stripped copies: the other tree's programs will have the same names, and valgrind reads all symbols that there are.
fn keep(built: &Programs, folder: &str) -> Result<Programs> {
    let folder = scratch()?.join(folder);
    fs::create_dir_all(&folder)?;
    let mut kept = Programs::new();
    for (name, path) in built {
        let to = folder.join(name);
        let args = ["-o".to_owned(), to.display().to_string(), path.display().to_string()];
        host::run_quietly("strip", &args, "it comes with gcc")?;
        kept.insert(name.clone(), to);
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_counted_programs_are_taken_from_what_cargo_says() {
        let line = |kind: &str, name: &str| {
            format!("{{\"target\":{{\"kind\":[\"{kind}\"]}},\"executable\":\"/t/release/{name}\"}}")
        };
        let want = Some(("count_edge".to_owned(), PathBuf::from("/t/release/count_edge")));
        assert_eq!(executable(&line("bin", "count_edge")), want);
        assert_eq!(executable(&line("bin", "benches")), None);
        assert_eq!(executable(&line("test", "count_edge")), None);
        assert_eq!(executable("{\"executable\":null}"), None);
    }

    #[test]
    fn there_are_programs_to_count() {
        assert!(names(host::root()).unwrap().contains(&"count_edge".to_owned()));
    }
}
