//! The instrumented program: how it is built, and what it is asked but fuzzing.
//!
//! In: nothing. Out: its path, its targets, the corpus in a folder. Not here: fuzzing itself (`engine`). Start at [`Program::build`].

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::{clear, target_folder, triple};
use crate::{host, suite::cargo};

/// A counter at each branch, which libFuzzer reads, and each comparison told to it. Stable flags; only the pass they name is LLVM's own.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares";

/// A target, as the program lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) bytes_max: usize,
    pub(super) claim: String,
}

/// The program, and the folder of its build, in which all else lies too.
#[derive(Debug)]
pub(super) struct Program {
    path: PathBuf,
    folder: PathBuf,
}

impl Program {
    /// Builds it beside the other builds. With planted bugs compiled in, of which none is planted unless one is named.
    pub(super) fn build() -> Result<Self> {
        let (folder, triple) = (target_folder()?, triple()?);
        let features = "libfuzzer,units/planted-bugs";
        let what = ["build", "--package", "fuzz", "--bin", "fuzzer", "--features", features, "--locked"];
        let how = ["--profile", "fuzz", "--quiet", "--target", &triple];
        let mut command = cargo::command(&[what.as_slice(), &how].concat());
        command.env("CARGO_TARGET_DIR", &folder).env("RUSTFLAGS", FLAGS).env("CARGO_INCREMENTAL", "0");
        let status = command.stdin(Stdio::null()).status().context("cannot run cargo")?;
        ensure!(status.success(), "the fuzzer cannot be built; its C++ needs g++");
        let path = folder.join(triple).join("fuzz").join("fuzzer");
        Ok(Self { path, folder })
    }

    /// To be run at the workspace's root. Its scratch files are many and small: they lie in memory where there is room for them.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.current_dir(host::root()).stdin(Stdio::null());
        let memory = Path::new("/dev/shm");
        if memory.is_dir() {
            command.env("TMPDIR", memory);
        }
        command
    }

    pub(super) fn targets(&self) -> Result<Vec<Target>> {
        let output = self.command().arg("--list").output().context("cannot run the fuzzer")?;
        ensure!(output.status.success(), "the fuzzer does not list its targets");
        String::from_utf8(output.stdout)?
            .lines()
            .map(|line| target(line).context("a line of the list"))
            .collect()
    }

    /// The tree's corpus, among what earlier runs found.
    pub(super) fn unpack(&self) -> Result<()> {
        let corpus = self.corpus_folder();
        let status = self.command().arg(format!("--unpack={}", corpus.display())).status()?;
        ensure!(status.success(), "the corpus cannot be unpacked");
        Ok(())
    }

    /// Takes a folder's files into the tree.
    pub(super) fn pack(&self, target: &Target, from: &Path) -> Result<()> {
        let mut command = self.command();
        command.arg(format!("--target={}", target.name)).arg(format!("--pack={}", from.display()));
        ensure!(command.status()?.success(), "the corpus cannot be packed");
        Ok(())
    }

    /// Whether one input breaks nothing.
    pub(super) fn passes(&self, target: &Target, input: &Path) -> Result<bool> {
        let input = std::path::absolute(input)?;
        let mut command = self.command();
        command.arg(format!("--target={}", target.name)).arg(input);
        Ok(command.status()?.success())
    }

    /// The same without a word.
    pub(super) fn passes_quietly(&self, target: &Target, input: &Path) -> Result<bool> {
        let mut command = self.command();
        command.arg(format!("--target={}", target.name)).arg(input);
        Ok(command.stdout(Stdio::null()).stderr(Stdio::null()).status()?.success())
    }

    pub(super) fn corpus(&self, target: &Target) -> PathBuf {
        self.corpus_folder().join(&target.name)
    }

    /// Where inputs that break a promise are left.
    pub(super) fn crashes(&self, target: &Target) -> Result<PathBuf> {
        let folder = self.folder.join("crashes").join(&target.name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// An empty folder.
    pub(super) fn scratch(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join("scratch").join(name);
        clear(&folder)?;
        Ok(folder)
    }

    fn corpus_folder(&self) -> PathBuf {
        self.folder.join("corpus")
    }
}

/// Name, length and claim, tabs between.
fn target(line: &str) -> Option<Target> {
    let (name, rest) = line.split_once('\t')?;
    let (bytes_max, claim) = rest.split_once('\t')?;
    Some(Target { name: name.to_owned(), bytes_max: bytes_max.parse().ok()?, claim: claim.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read_from_its_line() {
        let read = target("frame\t512\tit holds").unwrap();
        assert_eq!((read.name.as_str(), read.bytes_max, read.claim.as_str()), ("frame", 512, "it holds"));
        assert_eq!(target("frame"), None);
    }
}
