//! Our metrics by name: closed enums, fates that must add up, one page for Prometheus.
//!
//! In: counts and durations by handle. Out: the text of `/metrics`. Nothing here is global: two [`Telemetry`] of one process never mix, so
//! tests may run side by side. Not here: HTTP (`edge`, `cli`), the clock, `/proc` ([`ProcessSample`] is measured by `cli`), logs.
//! Start at [`Telemetry`]; [`Counter`], [`Gauge`] and [`Histogram`] are the list of all there is.

mod fates;
mod labels;
mod latency;
mod names;
mod page;

pub use fates::{Balance, EdgeFate, Fate, FateCounts, PipelineFate};
pub use labels::{
    Bucket, ConnectionRefusal, DialectResult, EdgeOutcome, InsertFailure, Label, MatchResult, Partition,
    ReportResult, Role, ScoreResult, ShipResult, SignalLabel, SpoolDeletion, Stage, Table, Topic,
    UnrecordedReason, VerdictLabel, VersionResult,
};
pub use latency::{LATENCY_NS_MAX, LATENCY_NS_MIN, Latency, LatencySnapshot};
pub use metrics::{Counter as CounterHandle, Gauge as GaugeHandle, Histogram as HistogramHandle};
pub use names::{Counter, Gauge, Histogram};
pub use page::{LatencyMetric, ProcessSample, Telemetry, UPKEEP_MS, balance_page};
