//! What is told of an import: each line, the progress, and the sums at the end.
//!
//! In: what became of each line. Out: sentences with file and line, or JSON lines; a table of how many met which fate. Start at [`Told`].

use std::{collections::BTreeMap, path::Path};

use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::{columns::Columns, name_of, send::Fate};
use crate::output::Output;

/// The sums so far.
#[derive(Debug)]
pub(super) struct Told {
    file: String,
    output: Output,
    bar: ProgressBar,
    only_refused: bool,
    recorded: u64,
    understood: u64,
    /// By code. Codes are a closed list of ours and the edge's.
    refused: BTreeMap<String, u64>,
}

impl Told {
    pub(super) fn new(file: &Path, output: Output, bytes: u64, only_refused: bool) -> Self {
        let bar = output.bar(bytes, "{elapsed} {bar:30} {bytes} of {total_bytes}, {msg}, {eta} left");
        Self {
            file: name_of(file),
            output,
            bar,
            only_refused,
            recorded: 0,
            understood: 0,
            refused: BTreeMap::new(),
        }
    }

    pub(super) fn columns(&self, columns: &Columns) {
        let (read, ignored) = (columns.names(), &columns.ignored);
        self.output.event(&json!({"event": "columns", "read": read, "ignored": ignored}));
        let left =
            if ignored.is_empty() { String::new() } else { format!("; not sent: {}", ignored.join(", ")) };
        let sentence = format!("columns that are read: {}{left}", read.join(", "));
        self.bar.suspend(|| self.output.say(&sentence));
    }

    pub(super) fn has_read(&self, bytes: u64) {
        self.bar.set_position(bytes);
    }

    pub(super) const fn recorded(&self) -> u64 {
        self.recorded
    }

    pub(super) fn refused_count(&self) -> u64 {
        self.refused.values().sum()
    }

    pub(super) fn fate(&mut self, line: u64, fate: &Fate) {
        match fate {
            Fate::Refused(code, message) => return self.refused(line, code, message),
            Fate::Recorded(report) => {
                self.recorded += 1;
                if !self.only_refused {
                    self.tell(line, &format!("recorded {report}"), &json!({"report": report}));
                }
            }
            Fate::Understood(said) => {
                self.understood += 1;
                if !self.only_refused {
                    let sentence = format!("would be recorded: {}", words(said));
                    self.tell(line, &sentence, &json!({"understood": said}));
                }
            }
        }
        self.bar.set_message(self.sums());
    }

    pub(super) fn refused(&mut self, line: u64, code: &str, message: &str) {
        *self.refused.entry(code.to_owned()).or_default() += 1;
        self.tell(line, &format!("{code}: {message}"), &json!({"error": code, "message": message}));
        self.bar.set_message(self.sums());
    }

    fn tell(&self, line: u64, sentence: &str, said: &Value) {
        let mut event = json!({"event": "line", "line": line});
        if let (Some(event), Some(said)) = (event.as_object_mut(), said.as_object()) {
            event.extend(said.clone());
        }
        self.bar.suspend(|| {
            self.output.text(&format!("{}:{line}: {sentence}", self.file));
            self.output.event(&event);
        });
    }

    fn sums(&self) -> String {
        format!("{} taken, {} refused", self.recorded + self.understood, self.refused_count())
    }

    /// The sums; `false`: lines were refused.
    pub(super) fn finish(self, dry_run: bool) -> bool {
        self.bar.finish_and_clear();
        let refused = self.refused_count();
        let (taken, verb) =
            if dry_run { (self.understood, "would be recorded") } else { (self.recorded, "recorded") };
        let codes = self.refused.iter().map(|(code, count)| (format!("refused: {code}"), *count));
        let rows: Vec<Vec<String>> = [(verb.to_owned(), taken), ("refused".to_owned(), refused)]
            .into_iter()
            .chain(codes)
            .map(|(what, count)| vec![what, count.to_string()])
            .collect();
        if self.output == Output::People {
            self.output.table(&[&self.file, "lines"], &rows);
        }
        self.output.event(&json!({
            "event": "imported", "file": self.file, "dry_run": dry_run, "lines": taken + refused, "recorded": self.recorded,
            "would_record": self.understood, "refused": refused, "codes": self.refused,
        }));
        refused == 0
    }
}

/// What a line would be, for people.
fn words(said: &Value) -> String {
    let text = |name: &str| said.get(name).and_then(Value::as_str);
    let parts =
        ["event", "order", "amount", "refunded", "status", "time", "coupon"].into_iter().filter_map(text);
    parts.collect::<Vec<_>>().join(" ")
}
