//! How the pipeline is doing, for people, probes and Prometheus.
//!
//! In: one [`Progress`] per partition, put there by its worker once a turn. Out: liveness, readiness and the text of `/metrics`.
//! Not here: the port that serves them (`cli`). Start at [`Status`].

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use journal::{Blockage, Blocked, StreamId};
use telemetry::{Balance, PipelineFate};
use units::EpochMs;

use crate::fates::Fates;

/// What a partition's owner is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// Reads towards its own claim, and is silent.
    #[default]
    CatchingUp,
    /// Its state was lost and the log's beginning is gone: it reads facts, and is silent.
    Rebuilding,
    /// Has read its claim, and speaks.
    Live,
    /// Gave the partition up, in order.
    Released,
}

impl Phase {
    /// The word in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CatchingUp => "catching_up",
            Self::Rebuilding => "rebuilding",
            Self::Live => "live",
            Self::Released => "released",
        }
    }
}

/// One partition, as its worker last saw it.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// What its owner is doing.
    pub phase: Phase,
    /// The owner's claim.
    pub claim: u64,
    /// The newest catalog version it decides by; 0 for none.
    pub catalog: u32,
    /// What became of every record.
    pub fates: Fates,
    /// Records between what was read and the end of each input.
    pub lag_records: BTreeMap<StreamId, u64>,
    /// Inputs that wait although they have records.
    pub blocked: Vec<Blocked>,
    /// Why the owner begins again and again; `None` while it works.
    pub trouble: Option<String>,
    /// Facts that a lost state was rebuilt from so far, and all there are.
    pub rebuilt_rows: (u64, u64),
    /// Batches acknowledged by the sink.
    pub batches: u64,
    /// Rows in them.
    pub rows: u64,
    /// Batches that had to be tried again.
    pub retries: u64,
    /// Checkpoints committed.
    pub checkpoints: u64,
    /// What the sink last complained of; `None` after a success.
    pub sink_error: Option<String>,
    /// The age of the oldest and the newest input in the last acknowledged batch, in ms.
    pub freshness_ms: Option<Freshness>,
    /// When the worker last took a turn, by the clock it was given.
    pub turned_at: EpochMs,
    /// Everything read is covered by a checkpoint.
    pub is_settled: bool,
    /// `ClickHouse` had gone back behind what it acknowledged: orders are being said again.
    pub says_again: bool,
}

/// How old inputs were when the sink had them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freshness {
    /// Of the oldest input of the batch.
    pub oldest_ms: u64,
    /// Of the newest one.
    pub newest_ms: u64,
}

impl Progress {
    /// Records behind, over all inputs.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.lag_records.values().sum()
    }

    /// Records of a stream that another producer's open transaction holds back.
    #[must_use]
    pub fn held(&self, stream: &StreamId) -> u64 {
        let is_held = |it: &&Blocked| it.stream == *stream && it.why == Blockage::OpenTransaction;
        self.blocked.iter().filter(is_held).map(|it| it.records).sum()
    }
}

/// All partitions of this process. Shared; written once a turn, never per record.
#[derive(Debug, Default)]
pub struct Status {
    partitions: Mutex<BTreeMap<u32, Progress>>,
    /// Of owners that have ended: counters only grow.
    past: Mutex<Option<Balance>>,
    /// Why the pipeline cannot go on by itself, if so.
    failure: Mutex<Option<String>>,
}

/// Milliseconds without a turn after which a partition's worker is held to be stuck. A turn takes a batch's time at most; the
/// longest stall of the state store that was measured is 1.3 s.
pub const TURN_MS_MAX: u64 = 60_000;

impl Status {
    /// Puts what a worker saw.
    pub fn set(&self, partition: u32, progress: Progress) {
        let read = progress.fates.consumed;
        let before = locked(&self.partitions).insert(partition, progress);
        // The next owner counts from zero.
        self.retire(before.filter(|it| read < it.fates.consumed));
    }

    /// Notes why a partition's owner has to begin again. It is not stuck: a thread tries, for as long as it takes.
    pub fn begins_again(&self, partition: u32, reason: &str) {
        locked(&self.partitions).entry(partition).or_default().trouble = Some(reason.to_owned());
    }

    /// Forgets a partition that another process owns now.
    pub fn remove(&self, partition: u32) {
        let before = locked(&self.partitions).remove(&partition);
        self.retire(before);
    }

    fn retire(&self, ended: Option<Progress>) {
        if let Some(ended) = ended {
            locked(&self.past).get_or_insert_with(Balance::empty::<PipelineFate>).add(&ended.fates.balance());
        }
    }

    /// What all owners of this process have read, and what became of it.
    #[must_use]
    pub fn balance(&self) -> Balance {
        let mut sum = locked(&self.past).clone().unwrap_or_else(Balance::empty::<PipelineFate>);
        for progress in locked(&self.partitions).values() {
            sum.add(&progress.fates.balance());
        }
        sum
    }

    /// Notes why the pipeline stops.
    pub fn fail(&self, reason: String) {
        locked(&self.failure).get_or_insert(reason);
    }

    /// What every partition is doing.
    #[must_use]
    pub fn partitions(&self) -> BTreeMap<u32, Progress> {
        locked(&self.partitions).clone()
    }

    /// Whether a restart could help: `Err` says why this process is stuck.
    pub fn live(&self, now: EpochMs) -> Result<(), String> {
        if let Some(reason) = locked(&self.failure).clone() {
            return Err(reason);
        }
        for (partition, progress) in &*locked(&self.partitions) {
            let still_ms = now.ms_since(progress.turned_at).unwrap_or(0);
            let is_at_work = progress.phase != Phase::Released && progress.trouble.is_none();
            if is_at_work && still_ms > TURN_MS_MAX {
                return Err(format!("partition {partition} has not moved for {still_ms} ms"));
            }
        }
        Ok(())
    }

    /// Whether outputs flow: every partition has read its claim and the sink takes what it is given.
    pub fn ready(&self, now: EpochMs) -> Result<(), String> {
        self.live(now)?;
        let partitions = locked(&self.partitions);
        if partitions.is_empty() {
            return Err("no partition is assigned yet".to_owned());
        }
        for (partition, progress) in &*partitions {
            if let Some(trouble) = &progress.trouble {
                return Err(format!("partition {partition} begins again: {trouble}"));
            }
            let is_damaged = |it: &&Blocked| it.why == Blockage::DamagedBatch;
            if let Some(Blocked { stream, at, .. }) = progress.blocked.iter().find(is_damaged) {
                return Err(format!("partition {partition} waits at {stream}: the batch at {at} is damaged"));
            }
            if progress.phase == Phase::CatchingUp {
                return Err(format!("partition {partition} catches up, {} records behind", progress.lag()));
            }
            if progress.phase == Phase::Rebuilding {
                let (done, of) = progress.rebuilt_rows;
                return Err(format!(
                    "partition {partition} rebuilds its state from ClickHouse: {done} of {of} facts"
                ));
            }
            if let Some(error) = &progress.sink_error {
                return Err(format!("partition {partition} waits for the sink: {error}"));
            }
        }
        Ok(())
    }

    /// The counters and gauges as Prometheus reads them.
    #[must_use]
    pub fn metrics(&self) -> String {
        let partitions = self.partitions();
        let mut page = String::new();
        for metric in Metric::ALL {
            let (name, help, kind) = metric.described();
            let is_alarm = matches!(metric, Metric::Blocked | Metric::InTrouble | Metric::SaysAgain);
            if is_alarm && partitions.values().all(|it| metric.values(it).is_empty()) {
                continue;
            }
            page.extend(["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"]);
            for (partition, progress) in &partitions {
                for (labels, value) in metric.values(progress) {
                    let comma = if labels.is_empty() { "" } else { "," };
                    let line = format!("{name}{{partition=\"{partition}\"{comma}{labels}}} {value}\n");
                    page.push_str(&line);
                }
            }
        }
        page
    }
}

/// A worker that panicked leaves its last progress behind, which is still worth reading.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Names of metrics are promises, so they are listed once.
#[derive(Debug, Clone, Copy)]
enum Metric {
    Records,
    Quarantined,
    Lag,
    Batches,
    Rows,
    Retries,
    Checkpoints,
    Live,
    Claim,
    Catalog,
    OldestAge,
    NewestAge,
    /// On the page only while there is one.
    Blocked,
    /// On the page only while there is one.
    InTrouble,
    /// On the page only while it does.
    SaysAgain,
}

impl Metric {
    const ALL: [Self; 15] = [
        Self::Records,
        Self::Quarantined,
        Self::Lag,
        Self::Batches,
        Self::Rows,
        Self::Retries,
        Self::Checkpoints,
        Self::Live,
        Self::Claim,
        Self::Catalog,
        Self::OldestAge,
        Self::NewestAge,
        Self::Blocked,
        Self::InTrouble,
        Self::SaysAgain,
    ];

    const fn described(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Records => {
                ("tributary_pipeline_records_total", "Records read, by kind and fate.", "counter")
            }
            Self::Quarantined => {
                ("tributary_pipeline_quarantined_total", "Records quarantined, by reason.", "counter")
            }
            Self::Lag => ("tributary_pipeline_lag_records", "Records behind the end of an input.", "gauge"),
            Self::Batches => {
                ("tributary_pipeline_batches_total", "Batches acknowledged by the sink.", "counter")
            }
            Self::Rows => ("tributary_pipeline_rows_total", "Rows in acknowledged batches.", "counter"),
            Self::Retries => ("tributary_pipeline_sink_retries_total", "Batches tried again.", "counter"),
            Self::Checkpoints => {
                ("tributary_pipeline_checkpoints_total", "Checkpoints committed.", "counter")
            }
            Self::Live => {
                ("tributary_pipeline_live", "1 when the owner has read its claim and speaks.", "gauge")
            }
            Self::Claim => ("tributary_pipeline_claim", "The owner's claim.", "gauge"),
            Self::Catalog => ("tributary_pipeline_catalog_version", "Newest catalog version known.", "gauge"),
            Self::OldestAge => (
                "tributary_pipeline_oldest_input_age_seconds",
                "Age of the oldest input of the last batch when the sink had it.",
                "gauge",
            ),
            Self::NewestAge => (
                "tributary_pipeline_newest_input_age_seconds",
                "Age of the newest input of the last batch when the sink had it.",
                "gauge",
            ),
            Self::Blocked => (
                "tributary_pipeline_blocked_records",
                "Records that are there and cannot be read, by reason.",
                "gauge",
            ),
            Self::InTrouble => {
                ("tributary_pipeline_in_trouble", "1 while the owner begins again and again.", "gauge")
            }
            Self::SaysAgain => (
                "tributary_pipeline_says_again",
                "1 while orders are said again, since ClickHouse has gone back behind what it acknowledged.",
                "gauge",
            ),
        }
    }

    /// `(labels, value)` of one partition.
    fn values(self, progress: &Progress) -> Vec<(String, String)> {
        let one = |value: u64| vec![(String::new(), value.to_string())];
        let seconds = |ms: Option<u64>| {
            ms.map(|ms| (String::new(), format!("{}.{:03}", ms / 1000, ms % 1000))).into_iter().collect()
        };
        match self {
            Self::Records => {
                let label = |(input, fate): &(crate::fates::Input, crate::fates::Fate)| {
                    format!("kind=\"{}\",fate=\"{}\"", input.as_str(), fate.as_str())
                };
                progress.fates.by_fate.iter().map(|(key, count)| (label(key), count.to_string())).collect()
            }
            Self::Quarantined => {
                let label = |reason: &str| format!("reason=\"{reason}\"");
                let reasons = progress.fates.by_reason.iter();
                reasons.map(|(reason, count)| (label(reason), count.to_string())).collect()
            }
            Self::Lag => {
                let label = |stream: &StreamId| format!("stream=\"{stream}\"");
                progress.lag_records.iter().map(|(stream, lag)| (label(stream), lag.to_string())).collect()
            }
            Self::Batches => one(progress.batches),
            Self::Rows => one(progress.rows),
            Self::Retries => one(progress.retries),
            Self::Checkpoints => one(progress.checkpoints),
            Self::Live => one(u64::from(progress.phase == Phase::Live)),
            Self::Claim => one(progress.claim),
            Self::Catalog => one(u64::from(progress.catalog)),
            Self::OldestAge => seconds(progress.freshness_ms.map(|it| it.oldest_ms)),
            Self::NewestAge => seconds(progress.freshness_ms.map(|it| it.newest_ms)),
            Self::Blocked => {
                let label = |it: &Blocked| format!("stream=\"{}\",reason=\"{}\"", it.stream, it.why.as_str());
                progress.blocked.iter().map(|it| (label(it), it.records.to_string())).collect()
            }
            Self::InTrouble => progress.trouble.iter().map(|_| (String::new(), "1".to_owned())).collect(),
            Self::SaysAgain => {
                let said = progress.says_again.then(|| (String::new(), "1".to_owned()));
                said.into_iter().collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fates::Input;

    fn live(turned_at: u64) -> Progress {
        Progress { phase: Phase::Live, claim: 3, turned_at: EpochMs(turned_at), ..Progress::default() }
    }

    #[test]
    fn ready_says_what_is_missing() {
        let status = Status::default();
        let said = |status: &Status| status.ready(EpochMs(0)).err().unwrap_or_default();
        assert_eq!(said(&status), "no partition is assigned yet");

        let stream = StreamId::Memory(1);
        let behind = Progress { lag_records: BTreeMap::from([(stream, 7)]), ..Progress::default() };
        status.set(0, behind);
        assert_eq!(said(&status), "partition 0 catches up, 7 records behind");

        status.set(0, Progress { sink_error: Some("refused".into()), ..live(0) });
        assert_eq!(said(&status), "partition 0 waits for the sink: refused");

        status.set(0, live(0));
        assert_eq!(said(&status), "");
    }

    #[test]
    fn a_worker_that_stands_still_is_not_live() {
        let status = Status::default();
        status.set(2, live(1_000));
        assert!(status.live(EpochMs(1_000 + TURN_MS_MAX)).is_ok());
        let said = status.live(EpochMs(1_001 + TURN_MS_MAX)).expect_err("one past the limit");
        assert!(said.starts_with("partition 2 has not moved"), "{said}");
        status.set(2, Progress { phase: Phase::Released, ..live(0) });
        assert!(status.live(EpochMs(u64::MAX)).is_ok());
    }

    #[test]
    fn an_owner_that_begins_again_is_not_ready_and_not_stuck() {
        let status = Status::default();
        status.set(2, live(0));
        status.begins_again(2, "no broker");
        assert!(status.live(EpochMs(1_000 + TURN_MS_MAX)).is_ok(), "a restart would not help");
        let said = status.ready(EpochMs(0)).expect_err("nothing flows");
        assert_eq!(said, "partition 2 begins again: no broker");
        status.set(2, live(0));
        assert!(status.ready(EpochMs(0)).is_ok());
    }

    /// Series that are on the page only while there is something to say: names and labels are promises all the same.
    #[test]
    fn the_alarms_are_frozen() {
        let status = Status::default();
        let stream = |number| StreamId::Topic { topic: "shop.clicks.v1".into(), partition: number };
        let blocked = [
            Blocked { stream: stream(0), at: 17, records: 4, why: Blockage::DamagedBatch },
            Blocked { stream: stream(1), at: 9, records: 30, why: Blockage::OpenTransaction },
        ];
        let progress = Progress { blocked: blocked.into(), trouble: Some("why".into()), ..live(0) };
        assert_eq!((progress.held(&stream(0)), progress.held(&stream(1))), (0, 30));
        status.set(3, progress);
        let page = status.metrics();
        let (_, alarms) = page.split_at(page.find("# HELP tributary_pipeline_blocked").expect("is there"));
        assert_eq!(alarms, include_str!("../tests/golden/metrics_alarms.txt"));
    }

    #[test]
    fn the_balance_holds_and_only_grows_whoever_owns() {
        let status = Status::default();
        let mut progress = live(0);
        progress.fates.note(Input::Click, None);
        progress.fates.note(Input::Claim, None);
        status.set(0, progress.clone());
        status.set(1, progress.clone());
        let counts = |status: &Status| {
            let balance = status.balance();
            assert!(balance.holds(), "{balance:?}");
            (balance.received, balance.count(PipelineFate::Control))
        };
        assert_eq!(counts(&status), (4, 2));
        status.remove(1);
        assert_eq!(counts(&status), (4, 2), "a partition that left");
        status.set(0, live(0));
        assert_eq!(counts(&status), (4, 2), "an owner that began again");
        status.set(0, progress);
        assert_eq!(counts(&status), (6, 3));
    }

    /// Names, labels and units are promises to dashboards.
    #[test]
    fn the_metrics_page_is_frozen() {
        let status = Status::default();
        let mut progress = live(0);
        progress.fates.note(Input::Click, None);
        progress.fates.note_quarantined(Input::Unreadable, "no_envelope");
        progress.lag_records.insert(StreamId::Memory(1), 5);
        progress.freshness_ms = Some(Freshness { oldest_ms: 1_250, newest_ms: 40 });
        status.set(0, progress);
        assert_eq!(status.metrics(), include_str!("../tests/golden/metrics.txt"));
    }
}
