//! Handles to metrics, and the page that Prometheus reads.
//!
//! In: what the roles count. Out: [`Telemetry::render`]. Every series whose labels are known beforehand is there from the start, with 0: an alert on a
//! counter that never appeared would never fire. Not here: names (`names`), HTTP. Start at [`Telemetry`].

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use metrics::{Key, KeyName, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::{
    fates::{Balance, EdgeFate, Fate, FateCounts, PipelineFate},
    latency::{Latency, LatencySnapshot},
    names::{Counter, Gauge, Histogram, Labels},
};

/// How often [`Telemetry::upkeep`] is due, in ms: it moves samples of histograms into their buckets, and memory grows until it does.
pub const UPKEEP_MS: u64 = 5_000;

/// Recorders of latency and fates of one process: two a thread and role; more than this is a leak of handles, and a bug.
const RECORDERS_MAX: usize = 4_096;

const METADATA: Metadata<'static> = Metadata::new("tributary", Level::INFO, None);

/// A latency that is recorded per thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatencyMetric {
    /// From the request's last byte read to the answer's first byte written.
    EdgeRequest,
}

impl LatencyMetric {
    /// Every one.
    pub const ALL: &'static [Self] = &[Self::EdgeRequest];

    /// The name on the page.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdgeRequest => "tributary_edge_request_duration_seconds",
        }
    }
}

/// What the operating system says of this process, measured by whoever serves the page.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ProcessSample {
    /// User and system time used, in seconds.
    pub cpu_seconds: f64,
    /// Bytes of memory in use.
    pub resident_bytes: u64,
    /// Open file descriptors.
    pub open_fds: u64,
    /// When it started, in seconds since the Unix epoch.
    pub started_at_seconds: f64,
}

/// The metrics of one process. A cheap clone.
#[derive(Debug, Clone)]
pub struct Telemetry {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    recorder: PrometheusRecorder,
    page: PrometheusHandle,
    version: &'static str,
    parts: Mutex<Parts>,
}

/// What threads record by themselves.
#[derive(Debug, Default)]
struct Parts {
    latencies: Vec<(LatencyMetric, Arc<Latency>)>,
    edge: Vec<Arc<FateCounts<EdgeFate>>>,
    pipeline: Vec<Arc<FateCounts<PipelineFate>>>,
}

impl Telemetry {
    /// Registers every metric. `version` is the build's.
    #[must_use]
    pub fn new(version: &'static str) -> Self {
        // Names carry their suffixes already: the golden list shows what the page shows.
        let builder = Histogram::all().into_iter().fold(PrometheusBuilder::new(), |builder, it| {
            let buckets = builder.set_buckets_for_metric(Matcher::Full(it.name().to_owned()), it.buckets());
            // Only an empty list is refused, and the golden list of types would show the summary that came of it.
            buckets.unwrap_or_default()
        });
        let recorder = builder.build_recorder();
        let page = recorder.handle();
        describe(&recorder);
        let parts = Mutex::new(Parts::default());
        let telemetry = Self { inner: Arc::new(Inner { recorder, page, version, parts }) };
        for counter in Counter::all() {
            telemetry.counter(counter).increment(0);
        }
        for gauge in Gauge::all() {
            telemetry.gauge(gauge).set(0.0);
        }
        for histogram in Histogram::all() {
            drop(telemetry.histogram(histogram));
        }
        telemetry
    }

    /// A handle to keep: looking it up again takes a lock.
    pub fn counter(&self, counter: Counter) -> metrics::Counter {
        self.inner.recorder.register_counter(&key(counter.name(), counter.labels()), &METADATA)
    }

    /// A handle to keep.
    pub fn gauge(&self, gauge: Gauge) -> metrics::Gauge {
        self.inner.recorder.register_gauge(&key(gauge.name(), gauge.labels()), &METADATA)
    }

    /// A handle to keep.
    pub fn histogram(&self, histogram: Histogram) -> metrics::Histogram {
        self.inner.recorder.register_histogram(&key(histogram.name(), histogram.labels()), &METADATA)
    }

    /// A recorder for the calling thread alone.
    #[must_use]
    pub fn latency(&self, metric: LatencyMetric) -> Arc<Latency> {
        let latency = Arc::new(Latency::default());
        self.with_parts(|parts| keep(&mut parts.latencies, (metric, Arc::clone(&latency))));
        latency
    }

    /// Counts for the calling thread alone.
    #[must_use]
    pub fn edge_fates(&self) -> Arc<FateCounts<EdgeFate>> {
        let fates = Arc::new(FateCounts::default());
        self.with_parts(|parts| keep(&mut parts.edge, Arc::clone(&fates)));
        fates
    }

    /// Counts for the calling thread alone.
    #[must_use]
    pub fn pipeline_fates(&self) -> Arc<FateCounts<PipelineFate>> {
        let fates = Arc::new(FateCounts::default());
        self.with_parts(|parts| keep(&mut parts.pipeline, Arc::clone(&fates)));
        fates
    }

    /// The edge's fates over all threads.
    #[must_use]
    pub fn edge_balance(&self) -> Balance {
        self.with_parts(|parts| sum(&parts.edge))
    }

    /// The pipeline's fates over all threads.
    #[must_use]
    pub fn pipeline_balance(&self) -> Balance {
        self.with_parts(|parts| sum(&parts.pipeline))
    }

    /// A latency over all threads.
    #[must_use]
    pub fn latency_snapshot(&self, metric: LatencyMetric) -> LatencySnapshot {
        self.with_parts(|parts| latency_of(parts, metric))
    }

    /// To be called every [`UPKEEP_MS`].
    pub fn upkeep(&self) {
        self.inner.page.run_upkeep();
    }

    /// The page, in Prometheus' text format 0.0.4.
    #[must_use]
    pub fn render(&self, process: Option<&ProcessSample>) -> String {
        let mut page = self.inner.page.render();
        self.with_parts(|parts| {
            for metric in
                LatencyMetric::ALL.iter().filter(|it| parts.latencies.iter().any(|(of, _)| of == *it))
            {
                render_latency(*metric, &latency_of(parts, *metric), &mut page);
            }
            render_balances(&[balance_of(&parts.edge), balance_of(&parts.pipeline)], &mut page);
        });
        let version = self.inner.version;
        head(&mut page, "tributary_build_info", "gauge", "The build.");
        line(&mut page, format_args!("tributary_build_info{{version=\"{version}\"}} 1"));
        if let Some(process) = process {
            render_process(process, &mut page);
        }
        page
    }

    fn with_parts<T>(&self, work: impl FnOnce(&mut Parts) -> T) -> T {
        // A thread that panicked while it held the lock has pushed its recorder or has not: both are whole states.
        work(&mut self.inner.parts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn describe(recorder: &PrometheusRecorder) {
    for (name, help) in Counter::NAMES {
        recorder.describe_counter(KeyName::from_const_str(name), None, (*help).into());
    }
    for (name, help) in Gauge::NAMES {
        recorder.describe_gauge(KeyName::from_const_str(name), None, (*help).into());
    }
    for (name, help) in Histogram::NAMES {
        recorder.describe_histogram(KeyName::from_const_str(name), None, (*help).into());
    }
}

fn key(name: &'static str, labels: Labels) -> Key {
    let labels: Vec<metrics::Label> =
        labels.into_iter().map(|(name, value)| metrics::Label::new(name, value)).collect();
    Key::from_parts(name, labels)
}

fn keep<T>(list: &mut Vec<T>, recorder: T) {
    assert!(list.len() < RECORDERS_MAX, "a thread asks for its recorder once");
    list.push(recorder);
}

fn sum<F: Fate>(threads: &[Arc<FateCounts<F>>]) -> Balance {
    let mut sum = Balance::empty::<F>();
    for thread in threads {
        sum.add(&thread.balance());
    }
    sum
}

/// A role that does not run here is left out.
fn balance_of<F: Fate>(threads: &[Arc<FateCounts<F>>]) -> Option<(&'static str, Balance)> {
    (!threads.is_empty()).then(|| (F::ROLE, sum(threads)))
}

fn latency_of(parts: &Parts, metric: LatencyMetric) -> LatencySnapshot {
    let mut sum = LatencySnapshot::default();
    for (_, thread) in parts.latencies.iter().filter(|(of, _)| *of == metric) {
        sum.add(&thread.snapshot());
    }
    sum
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(page, "{text}").expect("a String takes any text");
}

fn head(page: &mut String, name: &str, kind: &str, help: &str) {
    line(page, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
}

#[expect(clippy::cast_precision_loss, reason = "seconds for people: 53 bits of nanoseconds are 104 days")]
fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

fn render_latency(metric: LatencyMetric, snapshot: &LatencySnapshot, page: &mut String) {
    let name = metric.name();
    head(page, name, "histogram", "From the request read to the answer written.");
    for (end_ns, count) in snapshot.cumulative() {
        line(page, format_args!("{name}_bucket{{le=\"{}\"}} {count}", seconds(end_ns)));
    }
    let count = snapshot.count();
    line(page, format_args!("{name}_bucket{{le=\"+Inf\"}} {count}"));
    line(page, format_args!("{name}_sum {}\n{name}_count {count}", seconds(snapshot.sum_ns())));
}

/// The lines of one role's balance, for a page that is made without [`Telemetry`].
#[must_use]
pub fn balance_page<F: Fate>(balance: Balance) -> String {
    let mut page = String::new();
    render_balances(&[Some((F::ROLE, balance))], &mut page);
    page
}

fn render_balances(balances: &[Option<(&'static str, Balance)>], page: &mut String) {
    let running = || balances.iter().flatten();
    head(page, "tributary_received_total", "counter", "Requests or records received, by role.");
    for (role, balance) in running() {
        line(page, format_args!("tributary_received_total{{role=\"{role}\"}} {}", balance.received));
    }
    head(page, "tributary_fates_total", "counter", "What became of them: the sum is what was received.");
    for (role, balance) in running() {
        for (fate, count) in &balance.fates {
            line(page, format_args!("tributary_fates_total{{role=\"{role}\",fate=\"{fate}\"}} {count}"));
        }
    }
}

fn render_process(process: &ProcessSample, page: &mut String) {
    let ProcessSample { cpu_seconds, resident_bytes, open_fds, started_at_seconds } = process;
    head(page, "process_cpu_seconds_total", "counter", "User and system time used.");
    line(page, format_args!("process_cpu_seconds_total {cpu_seconds}"));
    head(page, "process_resident_memory_bytes", "gauge", "Memory in use.");
    line(page, format_args!("process_resident_memory_bytes {resident_bytes}"));
    head(page, "process_open_fds", "gauge", "Open file descriptors.");
    line(page, format_args!("process_open_fds {open_fds}"));
    head(page, "process_start_time_seconds", "gauge", "When the process started.");
    line(page, format_args!("process_start_time_seconds {started_at_seconds}"));
}
