//! What a run has shown: a table for people, a line of JSON for programs, and whether every promise held.
//!
//! In: notes, measurements, the verdict. Out: text. Latencies are told, and compared with the healthy phase; none is judged by the clock, since
//! the machine may be busy with other things. Two figures are: the drain against the live rate, and that our own stall shows. Start at [`Report`].

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::{
    judge::Verdict,
    notes::{Notes, Phase},
    script::{HEALTHY_PHASE, Measured, STALL_PHASE},
};

/// Times the live rate at which a backlog must drain (reliability.md P10).
const DRAIN_RATIO_MIN: f64 = 3.0;
/// What a stall of two seconds must at least show as, in microseconds (reliability.md P24).
const STALL_US_MIN: u64 = 1_500_000;
const PERCENTILES: [(&str, f64); 5] =
    [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9), ("max", 100.0)];

/// Everything to tell.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) notes: &'a Notes,
    pub(crate) measured: &'a Measured,
    pub(crate) verdict: &'a Verdict,
    /// Ends of the edges after the load.
    pub(crate) last_ends: &'a [Duration],
    pub(crate) restarts: &'a [String],
    pub(crate) rate: u32,
    pub(crate) seed: u64,
    /// The generator's own lateness, in microseconds.
    pub(crate) late_us: u64,
}

#[expect(clippy::cast_precision_loss, reason = "a latency for people")]
fn ms(latency_us: u64) -> f64 {
    latency_us as f64 / 1_000.0
}

fn at(histogram: &Histogram<u64>, percentile: f64) -> u64 {
    if percentile < 100.0 { histogram.value_at_percentile(percentile) } else { histogram.max() }
}

/// Why the harness cannot be believed, if its own stall does not show.
pub(crate) fn stall_unseen(phase: Option<&Phase>) -> Option<String> {
    let Some(phase) = phase else { return Some("there was no stall to see".to_owned()) };
    let (tail, longest) = (at(&phase.due, 99.9), phase.due.max());
    (tail < STALL_US_MIN || longest < STALL_US_MIN).then(|| {
        format!(
            "the harness is broken: a stall of 2 s shows as p99.9 {:.0} ms, max {:.0} ms",
            ms(tail),
            ms(longest)
        )
    })
}

impl Report<'_> {
    fn phase(&self, name: &str) -> Option<&Phase> {
        self.notes.phases().iter().find(|it| it.name == name)
    }

    /// Every promise that did not hold.
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut failures = self.verdict.differences.clone();
        failures.extend(stall_unseen(self.phase(STALL_PHASE)));
        let ratio = self.measured.drain_ratio();
        if ratio < DRAIN_RATIO_MIN {
            failures.push(format!(
                "a backlog drained at {ratio:.1} times the live rate, {DRAIN_RATIO_MIN} are promised"
            ));
        }
        if self.verdict.unrecorded == 0 {
            failures.push("the harness is broken: no click met a full disk".to_owned());
        }
        failures
    }

    fn ends(&self) -> impl Iterator<Item = &Duration> {
        self.measured.ends.iter().chain(self.last_ends)
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let mut head = vec!["phase", "clicks"];
        head.extend(PERCENTILES.map(|(name, _)| name));
        head.extend(["p99 to healthy", "closed loop p99.9", "errors"]);
        table.set_header(head);
        let healthy = self.phase(HEALTHY_PHASE).map_or(1, |it| at(&it.due, 99.0)).max(1);
        for phase in self.notes.phases() {
            let mut row = vec![phase.name.to_owned(), phase.due.len().to_string()];
            row.extend(PERCENTILES.map(|(_, percentile)| format!("{:.2}", ms(at(&phase.due, percentile)))));
            row.push(format!("{:.2}", ms(at(&phase.due, 99.0)) / ms(healthy)));
            row.push(format!("{:.2}", ms(at(&phase.sent, 99.9))));
            row.push(phase.errors.to_string());
            table.add_row(row);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!(
            "latencies in ms since a click was due; the closed loop's since it was sent\n{table}\n{}",
            self.facts()
        )
    }

    fn facts(&self) -> String {
        let (measured, verdict) = (self.measured, self.verdict);
        let longest =
            |ends: &mut dyn Iterator<Item = &Duration>| ends.max().map_or(0.0, Duration::as_secs_f64);
        let restarts = if self.restarts.is_empty() { "none".to_owned() } else { self.restarts.join(", ") };
        format!(
            "clicks: {} sent, {} answered, {} recorded, {} counted as unrecorded; orders: {}, sent again {} times\n\
             kafka back: {} records waited, the first went {:.1} s later, then {:.0} a second, {:.1} times the live {:.0}\n\
             edges ended by SIGTERM: {} under load, the longest {:.1} s; with kafka hanging {:.1} s\n\
             disks full: {} inserts failed; free again: recorded after {:.2} s\n\
             after the load everything was stored in {:.1} s; ended by themselves and started again: {restarts}\n\
             the generator was at most {:.1} ms late, which is in the latencies",
            verdict.sent,
            verdict.answered,
            verdict.recorded,
            verdict.unrecorded,
            verdict.orders,
            self.notes.repeats,
            measured.backlog,
            measured.first_after.as_secs_f64(),
            measured.drain_rate,
            measured.drain_ratio(),
            measured.live_rate,
            self.ends().count(),
            longest(&mut self.ends()),
            longest(&mut measured.ends_without_kafka.iter()),
            measured.inserts_failed,
            measured.recorded_after.as_secs_f64(),
            verdict.settled_after.as_secs_f64(),
            ms(self.late_us),
        )
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let (measured, verdict) = (self.measured, self.verdict);
        let phases: Vec<Value> = self.notes.phases().iter().map(phase).collect();
        let seconds = |times: &[Duration]| times.iter().map(Duration::as_secs_f64).collect::<Vec<_>>();
        json!({
            "event": "soak", "rate": self.rate, "seed": self.seed, "phases": phases,
            "sent": verdict.sent, "answered": verdict.answered, "recorded": verdict.recorded, "unrecorded": verdict.unrecorded,
            "orders": verdict.orders, "reports_sent_again": self.notes.repeats,
            "live_records_per_second": measured.live_rate, "drain_records_per_second": measured.drain_rate,
            "drain_ratio": measured.drain_ratio(), "backlog": measured.backlog, "drain_begun_after_s": measured.first_after.as_secs_f64(),
            "ends_s": seconds(&measured.ends), "ends_without_kafka_s": seconds(&measured.ends_without_kafka), "last_ends_s": seconds(self.last_ends),
            "inserts_failed": measured.inserts_failed, "recorded_after_s": measured.recorded_after.as_secs_f64(),
            "settled_after_s": verdict.settled_after.as_secs_f64(), "restarts": self.restarts,
            "generator_late_ms_max": ms(self.late_us), "failures": self.failures(),
        })
    }
}

fn phase(phase: &Phase) -> Value {
    let of = |histogram: &Histogram<u64>| -> Value {
        let pairs = PERCENTILES
            .map(|(name, percentile)| (name.replace('.', "_"), json!(ms(at(histogram, percentile)))));
        Value::Object(pairs.into_iter().collect())
    };
    json!({
        "name": phase.name, "is_fault": phase.is_fault, "from_s": phase.from.as_secs_f64(), "clicks": phase.due.len(),
        "errors": phase.errors, "latency_ms": of(&phase.due), "closed_loop_ms": of(&phase.sent),
    })
}
