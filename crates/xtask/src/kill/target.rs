//! The targets: what runs as the process that dies, and what it needs beside it.
//!
//! Start at [`TARGETS`]; a new target is a line there and a module of `victim`.

use super::plan::Aim;

/// Something whose files must survive its process.
#[derive(Debug)]
pub(super) struct Target {
    /// For `--target` and the table.
    pub(super) name: &'static str,
    /// What holds when every point passes.
    pub(super) claim: &'static str,
    /// How the process that dies is run.
    pub(super) how: How,
    /// Where its calls are counted.
    pub(super) aim: Aim,
    /// What must run beside it, and lives on.
    pub(super) beside: Beside,
    /// Points that it can afford in less than a minute.
    pub(super) short: usize,
}

/// How the process that dies is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Under strace from its start: a program beside us and its arguments, `{folder}` standing for the folder.
    Launched(&'static str, &'static [&'static str]),
    /// The engine, on the folder's own data: strace is attached once it answers, and the victim's cycle is its client.
    Engine,
}

/// What a target needs besides its folder. Its address is a file of the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    Nothing,
    /// An engine: `url`.
    Engine,
    /// A broker: `kafka`.
    Kafka,
}

/// In the order of their cost.
pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "catalog",
        claim: "a version of the catalog is whole or absent, whenever `catalog apply` dies",
        how: How::Launched(
            "tributary",
            &["catalog", "apply", "{folder}/catalog.toml", "--data", "{folder}/data", "--json"],
        ),
        aim: Aim::Count,
        beside: Beside::Nothing,
        short: 9,
    },
    Target {
        name: "spool",
        claim: "an answered record is there once, whenever its writer dies",
        how: How::Launched("victim", &["spool", "cycle", "{folder}"]),
        aim: Aim::Count,
        beside: Beside::Nothing,
        short: 48,
    },
    Target {
        name: "checkpoint",
        claim: "the next owner decides the same, whenever the pipeline dies",
        how: How::Launched("victim", &["checkpoint", "cycle", "{folder}"]),
        aim: Aim::Path,
        beside: Beside::Engine,
        short: 4,
    },
    Target {
        name: "shipper",
        claim: "the broker gets every record, whenever the shipper dies",
        how: How::Launched("victim", &["shipper", "cycle", "{folder}"]),
        aim: Aim::Path,
        beside: Beside::Kafka,
        short: 4,
    },
    Target {
        name: "sink",
        claim: "facts are there once and their quarters rolled, whenever the engine dies under the sink",
        how: How::Engine,
        aim: Aim::Path,
        beside: Beside::Nothing,
        short: 4,
    },
    Target {
        name: "roller",
        claim: "cells equal the fold over facts, whenever the engine dies under the roller",
        how: How::Engine,
        aim: Aim::Path,
        beside: Beside::Nothing,
        short: 3,
    },
];
