//! The targets: what runs as the process that dies, and what it needs beside it.
//!
//! Start at [`TARGETS`]; a new target is a line there and a module of `victim`.

use super::plan::Aim;

/// Something whose files must survive its process.
#[derive(Debug)]
pub struct Target {
    /// For `--target` and the table.
    pub name: &'static str,
    /// What holds when every point passes.
    pub claim: &'static str,
    /// How the process that dies is run.
    pub(super) how: How,
    /// Where its calls are counted.
    pub(super) aim: Aim,
}

/// How the process that dies is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Under strace from its start: a program beside us and its arguments, `{folder}` standing for the folder.
    Launched(&'static str, &'static [&'static str]),
}

/// In the order of their cost.
pub const TARGETS: &[Target] = &[Target {
    name: "spool",
    claim: "an answered record is there once, whenever its writer dies",
    how: How::Launched("victim", &["spool", "cycle", "{folder}"]),
    aim: Aim::Count,
}];
