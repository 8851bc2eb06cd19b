//! The counters of all threads, as the metrics of `telemetry`.
//!
//! In: the threads' counters, when somebody asks. Out: the page. Adding up at the scrape instead of at each request keeps threads from writing one
//! another's cache lines.

use std::sync::atomic::Ordering;

use telemetry::{
    ConnectionRefusal, Counter, DialectResult, EdgeOutcome, Gauge, Label as _, ReportResult, ShipResult,
    Telemetry, Topic, UnrecordedReason, VerdictLabel, VersionResult,
};

use crate::{
    counters::{Count, Outcome},
    edge::State,
    shipping::Snapshot,
};

/// The page, in Prometheus' text format.
pub(crate) fn page(state: &State) -> String {
    publish(state, &state.telemetry);
    state.telemetry.upkeep();
    state.telemetry.render(None)
}

fn publish(state: &State, telemetry: &Telemetry) {
    for &outcome in EdgeOutcome::ALL {
        let of_it = Outcome::ALL.iter().filter(|it| answered(**it) == outcome);
        let total = of_it.map(|it| state.outcome(*it)).sum();
        telemetry.counter(Counter::EdgeRequests(outcome)).absolute(total);
    }
    let touches = [
        (VerdictLabel::Valid, Outcome::Valid),
        (VerdictLabel::Duplicate, Outcome::Duplicate),
        (VerdictLabel::Bot, Outcome::Bot),
        (VerdictLabel::Preview, Outcome::Preview),
        (VerdictLabel::Prefetch, Outcome::Prefetch),
        (VerdictLabel::Head, Outcome::Head),
    ];
    for (verdict, outcome) in touches {
        telemetry.counter(Counter::EdgeTouches(verdict)).absolute(state.outcome(outcome));
    }
    let reports = [
        (ReportResult::Accepted, state.count(Count::Reports)),
        (ReportResult::Malformed, state.count(Count::ReportsMalformed)),
        (ReportResult::Unauthorised, state.count(Count::ReportsUnauthorised)),
        (ReportResult::NotKept, state.count(Count::ReportsNotKept)),
    ];
    for (result, total) in reports {
        telemetry.counter(Counter::EdgeReports(result)).absolute(total);
    }
    let scores = [
        (ReportResult::Accepted, &state.scores.recorded),
        (ReportResult::Malformed, &state.scores.malformed),
        (ReportResult::Unauthorised, &state.scores.unauthorised),
        (ReportResult::NotKept, &state.scores.not_kept),
    ];
    for (result, total) in scores {
        telemetry.counter(Counter::EdgeScores(result)).absolute(total.load(Ordering::Relaxed));
    }
    let unrecorded = [
        (UnrecordedReason::DiskFull, Count::DiskFull),
        (UnrecordedReason::SpoolError, Count::SpoolError),
        (UnrecordedReason::TooLarge, Count::TooLarge),
    ];
    for (reason, count) in unrecorded {
        telemetry.counter(Counter::EdgeUnrecorded(reason)).absolute(state.count(count));
    }
    let refused = [
        (ConnectionRefusal::ThreadFull, Count::AcceptRefused),
        (ConnectionRefusal::PeerFull, Count::PeerRefused),
    ];
    for (reason, count) in refused {
        telemetry.counter(Counter::EdgeConnectionsRefused(reason)).absolute(state.count(count));
    }
    publish_dialects(state, telemetry);
    publish_alone(state, telemetry);
    let version = state.shared.routes.load().as_ref().map_or(0, |it| it.version().0);
    telemetry.counter(Counter::CatalogVersions(VersionResult::Broken)).absolute(state.broken_versions());
    telemetry.counter(Counter::CatalogVersions(VersionResult::Applied)).absolute(state.applied_versions());
    if let Some(shipped) = state.shipped() {
        publish_shipped(&shipped, telemetry);
    }
    telemetry.gauge(Gauge::CatalogVersion).set(f64::from(version));
    telemetry.gauge(Gauge::EdgeRecentClicks).set(as_f64(state.shared.duplicates.len()));
    telemetry.gauge(Gauge::EdgeConnections).set(as_f64(state.connections()));
}

/// Counters without labels.
fn publish_alone(state: &State, telemetry: &Telemetry) {
    let alone = [
        (Counter::EdgeNearMisses, Count::NearMisses),
        (Counter::EdgeAcceptErrors, Count::AcceptFailed),
        (Counter::EdgeConnectionErrors, Count::ConnectionErrors),
        (Counter::EdgePanics, Count::Panics),
        (Counter::EdgeOrderIdsEncoded, Count::OrderIdsEncoded),
        (Counter::EdgePartnersUnknown, Count::PartnersUnknown),
        (Counter::EdgeTextsCut, Count::Truncated),
        (Counter::EdgeDeepLinksRefused, Count::DeepLinkRefused),
        (Counter::EdgeClockBackwards, Count::ClockBackwards),
    ];
    for (counter, count) in alone {
        telemetry.counter(counter).absolute(state.count(count));
    }
}

fn publish_dialects(state: &State, telemetry: &Telemetry) {
    let dialects = [
        (DialectResult::Click, Count::DialectClicks),
        (DialectResult::Report, Count::DialectReports),
        (DialectResult::UnknownPartner, Count::DialectUnknownPartner),
        (DialectResult::UnknownOffer, Count::DialectUnknownOffer),
        (DialectResult::NoLink, Count::DialectNoLink),
    ];
    for (result, count) in dialects {
        telemetry.counter(Counter::EdgeDialects(result)).absolute(state.count(count));
    }
}

fn publish_shipped(shipped: &Snapshot, telemetry: &Telemetry) {
    // Topics are called PREFIX.NAME.v1, and a prefix may hold dots.
    let name = |topic: &str| topic.rsplit('.').nth(1).map(str::to_owned);
    for topic in Topic::ALL {
        let of_it = shipped.delivered.iter().filter(|(it, _)| name(it).as_deref() == Some(topic.as_str()));
        let delivered = of_it.map(|(_, count)| count).sum();
        telemetry.counter(Counter::Shipped(*topic, ShipResult::Delivered)).absolute(delivered);
    }
    telemetry.counter(Counter::Shipped(Topic::Quarantine, ShipResult::Refused)).absolute(shipped.refused);
    telemetry.counter(Counter::ShipPauses).absolute(shipped.pauses);
    telemetry.counter(Counter::ShipTroubles).absolute(shipped.troubles);
    telemetry
        .gauge(Gauge::ShipBacklog)
        .set(as_f64(usize::try_from(shipped.lag_records).unwrap_or(usize::MAX)));
}

#[expect(clippy::cast_precision_loss, reason = "a gauge for people; counts stay far below 2^52")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

/// How a request with this fate was answered.
const fn answered(outcome: Outcome) -> EdgeOutcome {
    match outcome {
        Outcome::Valid
        | Outcome::Duplicate
        | Outcome::Bot
        | Outcome::Preview
        | Outcome::Head
        | Outcome::Unrecorded
        | Outcome::NoTrack => EdgeOutcome::Redirect,
        Outcome::Prefetch => EdgeOutcome::Prefetch,
        Outcome::UnknownLink | Outcome::Inactive => EdgeOutcome::Fallback,
        Outcome::Reported => EdgeOutcome::Report,
        Outcome::Refused => EdgeOutcome::ReportRefused,
        Outcome::Unauthorised => EdgeOutcome::Unauthorised,
        Outcome::NoCatalog | Outcome::ReportUnrecorded => EdgeOutcome::Unavailable,
        Outcome::BadRequest => EdgeOutcome::BadRequest,
        Outcome::NotFound => EdgeOutcome::NotFound,
        Outcome::Panicked => EdgeOutcome::Failed,
        Outcome::Ignored | Outcome::Served => EdgeOutcome::Other,
    }
}
