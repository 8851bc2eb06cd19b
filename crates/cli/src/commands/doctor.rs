//! `tributary doctor`: what a program needs of its machine and of its neighbours, looked over one by one.
//!
//! In: settings. Out: a line a finding: fine, to be watched, or failing, with what to do. It changes nothing. Not here: the looks themselves
//! (`machine`, `services`). Start at [`DoctorFlags`].

mod machine;
mod services;

use clap::Args;
use serde_json::json;

use super::{Common, place::Place};
use crate::output::Output;

/// Where to look.
#[derive(Debug, Args)]
pub(crate) struct DoctorFlags {
    #[command(flatten)]
    common: Common,
}

impl DoctorFlags {
    /// `false`: something fails.
    pub(super) fn run(&self) -> anyhow::Result<bool> {
        let (settings, output) = (self.common.settings()?, self.common.output());
        let place = Place::new(&settings);
        let mut findings = machine::look(&settings, place);
        findings.extend(services::look(&settings, place));
        show(&findings, output);
        Ok(!findings.iter().any(|it| it.grade == Grade::Fail))
    }
}

/// How good it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grade {
    Fine,
    Watch,
    Fail,
}

/// What was looked at, what was found, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    what: &'static str,
    grade: Grade,
    found: String,
    /// Empty where there is nothing to do.
    advice: String,
}

impl Finding {
    fn fine(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, grade: Grade::Fine, found: found.into(), advice: String::new() }
    }

    fn watch(what: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what, grade: Grade::Watch, found: found.into(), advice: advice.into() }
    }

    fn fail(what: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what, grade: Grade::Fail, found: found.into(), advice: advice.into() }
    }
}

fn show(findings: &[Finding], output: Output) {
    let word = |grade: Grade| match grade {
        Grade::Fine => "ok",
        Grade::Watch => "warn",
        Grade::Fail => "fail",
    };
    if output == Output::People {
        let row = |it: &Finding| {
            vec![it.what.to_owned(), word(it.grade).to_owned(), it.found.clone(), it.advice.clone()]
        };
        output.table(&["what", "", "found", "what to do"], &findings.iter().map(row).collect::<Vec<_>>());
    }
    for it in findings {
        output.event(&json!({
            "event": "finding", "what": it.what, "grade": word(it.grade), "found": it.found, "advice": it.advice,
        }));
    }
    let count = |grade| findings.iter().filter(|it| it.grade == grade).count();
    let (fine, watch, fail) = (count(Grade::Fine), count(Grade::Watch), count(Grade::Fail));
    output.say(&format!("{fine} ok, {watch} to watch, {fail} failing"));
    output.event(&json!({"event": "doctor", "ok": fine, "warn": watch, "fail": fail}));
}
