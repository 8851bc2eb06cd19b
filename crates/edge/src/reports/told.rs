//! What the sender of one report that was taken is told: the whole of it, or, by a pixel, codes in the head.

use hyper::StatusCode;
use serde_json::Value;
use units::Origin;

use super::count;
use crate::{
    reply::{self, Reply},
    report::{self, Fields, Refusal, Understood},
    worker::Worker,
};

/// What the sender of one report is told.
pub(super) fn told(fields: &Fields, taken: Result<Taken, Refusal>) -> Result<Value, Refusal> {
    taken.map(|(origin, understood)| report::understood(origin, &understood, &fields.ignored))
}

/// A report that is a record now.
pub(super) type Taken = (Origin, Understood);

/// Answers a conversion pixel. It shows nobody a text, so what to know stands in its head.
pub(super) fn pixel_reply(worker: &Worker, taken: Result<Taken, Refusal>) -> Reply {
    count(worker, taken.as_ref().err().copied());
    let notes = taken.as_ref().map(|(_, it)| it.notes.codes().join(",")).unwrap_or_default();
    let refusal = taken.err();
    let reply =
        reply::pixel(refusal.map_or(StatusCode::OK, Refusal::status), refusal.map(Refusal::code), None);
    reply::noted(reply, &notes)
}
