//! What a sender reads: the report's id and what was understood of it, or the code of the refusal.
//!
//! Bytes of these answers are promises. No value that names a person is repeated: only that one was understood.

use events::{Report, ReportedClick, Statement};
use serde_json::{Map, Value, json};
use units::Origin;

use super::{Refusal, is_order_id_encoded};

/// What became of a line of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// It is a record now.
    Recorded(Origin),
    /// It was only asked about: what it would have been.
    Understood(Value),
}

/// `{"report":"1-2-3","understood":{...},"ignored":[...]}`
pub(crate) fn understood(origin: Origin, report: &Report, ignored: &[Box<str>]) -> Value {
    let mut answer = json!({ "report": origin.to_string(), "understood": said_of(report) });
    if !ignored.is_empty()
        && let Some(object) = answer.as_object_mut()
    {
        object.insert("ignored".to_owned(), json!(ignored.iter().map(|it| &**it).collect::<Vec<_>>()));
    }
    answer
}

/// A report's values as they were read.
pub(crate) fn said_of(report: &Report) -> Value {
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
    if is_order_id_encoded(&report.key) {
        say("notes", json!(["order_id_encoded"]));
    }
    Value::Object(said)
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
    let recorded = lines.iter().filter(|(_, result)| matches!(result, Ok(Line::Recorded(_)))).count();
    let refused = lines.iter().filter(|(_, result)| result.is_err()).count();
    let entries: Vec<Value> = lines
        .iter()
        .map(|(line, result)| match result {
            Ok(Line::Recorded(origin)) => json!({ "line": line, "report": origin.to_string() }),
            Ok(Line::Understood(said)) => json!({ "line": line, "understood": said }),
            Err(refusal) => json!({ "line": line, "error": refusal.code(), "message": refusal.message() }),
        })
        .collect();
    json!({ "recorded": recorded, "refused": refused, "lines": entries })
}
