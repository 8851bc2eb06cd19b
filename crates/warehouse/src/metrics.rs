//! What the sink and the roller tell of themselves, by the names of `telemetry`.
//!
//! Start at [`Warehouse::observe`]. Without it nothing is counted and nothing else changes.

use std::{borrow::Cow, time::Duration};

use telemetry::{
    Counter, CounterHandle, Gauge, GaugeHandle, Histogram, HistogramHandle, InsertFailure, Label, Telemetry,
};

use crate::{client::Warehouse, error::Remedy, roller::RollReport};

/// Handles, looked up once.
pub(crate) struct Metrics {
    rows: Vec<(Cow<'static, str>, CounterHandle)>,
    transient: CounterHandle,
    permanent: CounterHandle,
    insert: HistogramHandle,
    rolled: CounterHandle,
    swept: CounterHandle,
    dirty: GaugeHandle,
    roll: HistogramHandle,
}

impl Warehouse {
    /// Counts inserts and rolls of this handle and all its clones there. Only the first call has an effect.
    pub fn observe(&self, telemetry: &Telemetry) {
        let rows = telemetry::Table::ALL.iter();
        let metrics = Metrics {
            rows: rows.map(|it| (it.value(), telemetry.counter(Counter::InsertedRows(*it)))).collect(),
            transient: telemetry.counter(Counter::InsertFailures(InsertFailure::Transient)),
            permanent: telemetry.counter(Counter::InsertFailures(InsertFailure::Permanent)),
            insert: telemetry.histogram(Histogram::InsertDuration),
            rolled: telemetry.counter(Counter::RolledQuarters),
            swept: telemetry.counter(Counter::SweptQuarters),
            dirty: telemetry.gauge(Gauge::DirtyQuarters),
            roll: telemetry.histogram(Histogram::RollDuration),
        };
        self.shared.metrics.get_or_init(|| metrics);
    }

    pub(crate) fn note_insert(&self, table: &str, rows: usize, took: Duration, failed: Option<Remedy>) {
        let Some(metrics) = self.shared.metrics.get() else { return };
        metrics.insert.record(took.as_secs_f64());
        match failed {
            None => {
                let found = metrics.rows.iter().find(|(name, _)| *name == table);
                if let Some((_, counter)) = found {
                    counter.increment(rows as u64);
                }
            }
            Some(Remedy::Never) => metrics.permanent.increment(1),
            Some(Remedy::Again | Remedy::Smaller) => metrics.transient.increment(1),
        }
    }

    pub(crate) fn note_roll(&self, quarters: usize, took: Duration) {
        let Some(metrics) = self.shared.metrics.get() else { return };
        metrics.rolled.increment(quarters as u64);
        let each = took.as_secs_f64() / f64::from(u32::try_from(quarters).unwrap_or(u32::MAX).max(1));
        metrics.roll.record(each);
    }

    pub(crate) fn note_pass(&self, report: &RollReport) {
        let Some(metrics) = self.shared.metrics.get() else { return };
        metrics.swept.increment(report.swept as u64);
        metrics.dirty.set(f64::from(u32::try_from(report.waiting).unwrap_or(u32::MAX)));
    }
}
