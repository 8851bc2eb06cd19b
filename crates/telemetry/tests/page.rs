//! The page as Prometheus sees it, and the promise that its names do not change.

use std::collections::BTreeSet;

use telemetry::{
    Counter, EdgeFate, EdgeOutcome, Gauge, Histogram, LatencyMetric, Partition, PipelineFate, ProcessSample,
    Telemetry, Topic,
};

/// `# TYPE` lines, in order.
fn types(page: &str) -> BTreeSet<&str> {
    page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect()
}

fn whole() -> (Telemetry, String) {
    let telemetry = Telemetry::new("1.2.3");
    telemetry.edge_fates().received(1);
    telemetry.pipeline_fates().received(1);
    telemetry.latency(LatencyMetric::EdgeRequest).record(70_000);
    telemetry.histogram(Histogram::InsertDuration).record(0.2);
    telemetry.histogram(Histogram::RollDuration).record(0.2);
    telemetry.histogram(Histogram::CheckpointDuration).record(0.2);
    telemetry.histogram(Histogram::BatchSize).record(500.0);
    telemetry.gauge(Gauge::ConsumerLag(Topic::Clicks, Partition(3))).set(7.0);
    telemetry.upkeep();
    let page = telemetry.render(Some(&ProcessSample { cpu_seconds: 1.5, ..ProcessSample::default() }));
    (telemetry, page)
}

/// Dashboards and alerts are written against these. Add lines, never change one.
#[test]
fn names_and_types_are_frozen() {
    let (_, page) = whole();
    let found = types(&page).into_iter().fold(String::new(), |text, line| text + line + "\n");
    assert_eq!(found, include_str!("golden/metrics.txt"));
}

#[test]
fn every_name_is_conventional() {
    let names = |list: &'static [(&'static str, &'static str)]| list.iter().map(|(name, _)| *name);
    for name in names(Counter::NAMES) {
        assert!(name.ends_with("_total"), "{name}");
    }
    for name in names(Gauge::NAMES).chain(names(Histogram::NAMES)) {
        assert!(!name.ends_with("_total") && !name.ends_with("_ms"), "{name}");
    }
    let all: Vec<&str> =
        names(Counter::NAMES).chain(names(Gauge::NAMES)).chain(names(Histogram::NAMES)).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
}

#[test]
fn counts_are_on_the_page_from_the_start() {
    let telemetry = Telemetry::new("1");
    let zero = "tributary_edge_requests_total{outcome=\"redirect\"} 0";
    assert!(telemetry.render(None).contains(zero));
    let handle = telemetry.counter(Counter::EdgeRequests(EdgeOutcome::Redirect));
    handle.increment(2);
    handle.clone().increment(1);
    telemetry.counter(Counter::EdgeRequests(EdgeOutcome::Redirect)).increment(1);
    assert!(telemetry.render(None).contains("tributary_edge_requests_total{outcome=\"redirect\"} 4"));
    assert!(Telemetry::new("1").render(None).contains(zero), "another telemetry has its own counts");
}

#[test]
fn histograms_have_buckets() {
    let (_, page) = whole();
    for want in [
        "tributary_edge_request_duration_seconds_bucket{le=\"0.000065536\"} 0",
        "tributary_edge_request_duration_seconds_bucket{le=\"0.000098304\"} 1",
        "tributary_edge_request_duration_seconds_bucket{le=\"1.073741824\"} 1",
        "tributary_edge_request_duration_seconds_bucket{le=\"+Inf\"} 1",
        "tributary_edge_request_duration_seconds_sum 0.00007",
        "tributary_edge_request_duration_seconds_count 1",
        "tributary_clickhouse_insert_duration_seconds_bucket{le=\"0.25\"} 1",
        "tributary_pipeline_batch_size_rows_bucket{le=\"100\"} 0",
        "tributary_consumer_lag_records{topic=\"clicks\",partition=\"3\"} 7",
        "tributary_build_info{version=\"1.2.3\"} 1",
        "process_cpu_seconds_total 1.5",
    ] {
        assert!(page.lines().any(|line| line == want), "{want} is not on\n{page}");
    }
}

#[test]
fn fates_of_all_threads_are_summed_and_balanced() {
    let telemetry = Telemetry::new("1");
    assert!(!telemetry.render(None).contains("received_total{role="), "a role that does not run is left out");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let fates = telemetry.edge_fates();
            scope.spawn(move || {
                fates.received(10);
                fates.met(EdgeFate::Recorded, 9);
                fates.met(EdgeFate::Bot, 1);
            });
        }
    });
    let balance = telemetry.edge_balance();
    assert!(balance.holds());
    assert_eq!((balance.received, balance.count(EdgeFate::Recorded)), (40, 36));
    let page = telemetry.render(None);
    assert!(page.contains("tributary_received_total{role=\"edge\"} 40"));
    assert!(page.contains("tributary_fates_total{role=\"edge\",fate=\"bot\"} 4"));

    telemetry.pipeline_fates().received(1);
    assert_eq!(telemetry.pipeline_balance().in_flight(), 1);
    assert_eq!(telemetry.pipeline_balance().count(PipelineFate::Applied), 0);
}
