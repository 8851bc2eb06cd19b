//! The commands as people and scripts run them: the real binary, its words, its JSON lines and its exit status.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers fail by panicking")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

mod commands {
    pub(crate) mod audit;
    pub(crate) mod catalog;
    pub(crate) mod dialects;
    pub(crate) mod doctor;
    pub(crate) mod explain;
    pub(crate) mod load;
    pub(crate) mod losses;
    pub(crate) mod orders;
    pub(crate) mod quarantine;
    pub(crate) mod repair;
    pub(crate) mod replay;
    pub(crate) mod spool;
    pub(crate) mod stage;
}

/// What a run of the binary said.
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// The JSON lines of one event.
    pub(crate) fn events(&self, event: &str) -> Vec<Value> {
        let lines = self.out.lines().map(|line| {
            serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{line}: {error}"))
        });
        lines.filter(|it| it["event"] == event).collect()
    }

    /// Fails with everything that was said.
    #[track_caller]
    pub(crate) fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
}

/// Runs `tributary` in an empty environment: no setting of the machine takes part.
pub(crate) fn tributary(arguments: &[&str]) -> Said {
    said(&command(arguments).output().expect("the binary starts"))
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
    command.args(arguments).env_clear();
    command
}

pub(crate) fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { status: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    fs::write(&file, text).expect("a temporary folder takes files");
    path(&file).to_owned()
}

#[test]
fn every_command_explains_itself_with_examples() {
    for words in [
        "catalog check",
        "catalog apply",
        "catalog list",
        "orders import",
        "catalog explain",
        "quarantine list",
        "quarantine show",
        "quarantine replay",
        "replay",
        "spool inspect",
        "explain",
        "audit",
        "doctor",
        "load",
    ] {
        let mut arguments: Vec<&str> = words.split(' ').collect();
        arguments.push("--help");
        let help = tributary(&arguments).expect(0).out;
        assert!(
            help.contains("Examples:") && help.contains(&format!("tributary {words}")),
            "{words}: {help}"
        );
        assert!(help.contains("--json"), "{words}: {help}");
    }
    let help = tributary(&["catalog", "list", "--help"]).expect(0).out;
    assert!(help.contains("--kafka-brokers") && !help.contains("--edge-threads"), "{help}");
}

#[test]
fn wrong_usage_is_exit_status_2_and_a_wrong_setting_78() {
    tributary(&["catalog", "check"]).expect(2);
    tributary(&["catalog", "apply", "x.toml", "--effective-at", "yesterday"]).expect(2);
    let said = tributary(&["catalog", "list", "--set", "edge.threds=2"]).expect(78);
    assert!(said.err.contains("edge.threads"), "{}", said.err);
}
