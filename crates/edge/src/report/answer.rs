//! What a sender reads: the report's id and what was understood of it, or the code of the refusal.
//!
//! Bytes of these answers are promises. No value that names a person is repeated: only that one was understood.

use events::{Report, ReportedClick, Statement};
use serde_json::{Map, Value, json};
use units::Origin;

use super::{Notes, Refusal, Understood};

/// What became of a line of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// It is a record now; what to know of it, and the names in it that nobody reads.
    Recorded(Origin, Notes, Vec<Box<str>>),
    /// It was only asked about: what it would have been, and the names in it that nobody reads.
    Understood(Value, Vec<Box<str>>),
}

impl Line {
    /// `{"line":n,"report":"1-2-3","notes":["code"],"note":"...","ignored":[...]}`, or with `understood` in place of the report.
    fn entry(&self, line: usize) -> Value {
        let (mut entry, ignored) = match self {
            Self::Recorded(origin, notes, ignored) => {
                let mut entry = json!({ "line": line, "report": origin.to_string() });
                if !notes.is_empty() {
                    put(&mut entry, "notes", json!(notes.codes()));
                    put(&mut entry, "note", json!(notes.line()));
                }
                (entry, ignored)
            }
            Self::Understood(said, ignored) => (json!({ "line": line, "understood": said }), ignored),
        };
        if !ignored.is_empty() {
            put(&mut entry, "ignored", json!(ignored));
        }
        entry
    }
}

fn put(entry: &mut Value, name: &str, value: Value) {
    if let Value::Object(entry) = entry {
        entry.insert(name.to_owned(), value);
    }
}

/// `{"report":"1-2-3","understood":{...,"notes":["code"]},"note":"...","ignored":[...]}`
pub(crate) fn understood(origin: Origin, it: &Understood, ignored: &[Box<str>]) -> Value {
    let mut answer = Map::new();
    answer.insert("report".to_owned(), json!(origin.to_string()));
    answer.insert("understood".to_owned(), would_be(it));
    if !it.notes.is_empty() {
        answer.insert("note".to_owned(), json!(it.notes.line()));
    }
    if !ignored.is_empty() {
        answer.insert("ignored".to_owned(), json!(ignored.iter().map(|it| &**it).collect::<Vec<_>>()));
    }
    Value::Object(answer)
}

/// A report's values as they were read, and what to know of it.
pub(crate) fn would_be(it: &Understood) -> Value {
    let mut said = said_of(&it.report);
    if !it.notes.is_empty() {
        said.insert("notes".to_owned(), json!(it.notes.codes()));
    }
    Value::Object(said)
}

fn said_of(report: &Report) -> Map<String, Value> {
    let mut said = Map::new();
    let mut say = |name: &str, value: Value| drop(said.insert(name.to_owned(), value));
    say("advertiser", json!(report.key.advertiser.0));
    say("order", json!(&*report.key.order));
    say("event", json!(&*report.event));
    say("click", click(&report.click));
    match &report.statement {
        Statement::Order { amount: Some(amount) } => say("amount", json!(amount.to_string())),
        Statement::Order { amount: None } => {}
        Statement::Refund { refund, amount, kind } => {
            say("refund", json!(&**refund));
            say("kind", json!(kind.as_str()));
            say("refunded", json!(amount.map_or_else(|| "all".to_owned(), |it| it.to_string())));
        }
    }
    if let Some(status) = report.status {
        say("status", json!(status.as_str()));
    }
    if let Some(reason) = report.reason {
        say("reason", json!(reason.as_str()));
    }
    if let Some(at) = report.reported_at {
        say("time", json!(at.to_string()));
    }
    if let Some(coupon) = report.coupons.first() {
        say("coupon", json!(&**coupon));
    }
    if report.coupons.len() > 1 {
        say("coupons", json!(report.coupons.iter().map(|it| &**it).collect::<Vec<_>>()));
    }
    if let Some(offer) = report.offer {
        say("offer", json!(offer.0));
    }
    if let Some(at) = report.checkout_at {
        say("checkout", json!(at.to_string()));
    }
    if !report.items.is_empty() {
        say("items", json!(report.items.len()));
    }
    if let Some(partner) = report.partner {
        say("partner", json!(partner.0));
    }
    say("customer", json!(report.customers().next().is_some()));
    said
}

fn click(click: &ReportedClick) -> Value {
    match click {
        ReportedClick::None => Value::Null,
        ReportedClick::Signed(id) => json!(id.to_string()),
        ReportedClick::Refused { reason, .. } => json!({ "refused": &**reason }),
    }
}

/// `{"error":"code","message":"..."}`
pub(crate) fn refused(refusal: Refusal) -> Value {
    json!({ "error": refusal.code(), "message": refusal.message() })
}

/// `{"recorded":n,"refused":m,"lines":[...]}`, one entry a line that was not empty.
pub(crate) fn batch_answer(lines: &[(usize, Result<Line, Refusal>)]) -> Value {
    let recorded = lines.iter().filter(|(_, result)| matches!(result, Ok(Line::Recorded(..)))).count();
    let refused = lines.iter().filter(|(_, result)| result.is_err()).count();
    let entries: Vec<Value> = lines
        .iter()
        .map(|(line, result)| match result {
            Ok(taken) => taken.entry(*line),
            Err(refusal) => json!({ "line": line, "error": refusal.code(), "message": refusal.message() }),
        })
        .collect();
    json!({ "recorded": recorded, "refused": refused, "lines": entries })
}
