//! Every metric: name, labels, help. Names are promises: dashboards and alerts are written against them, and a golden list holds them.
//!
//! Base units, `_total` on counters, one unit per metric (dependencies.md 3.1). Start at [`Counter`].

use crate::labels::{
    Bucket, ConnectionRefusal, DialectResult, EdgeOutcome, InsertFailure, Label, MatchResult, Partition,
    ReportResult, Role, ScoreResult, ShipResult, SignalLabel, SpoolDeletion, Stage, Table, Topic,
    UnrecordedReason, VerdictLabel, VersionResult,
};

/// Name and value of each label of a series.
pub(crate) type Labels = Vec<(&'static str, std::borrow::Cow<'static, str>)>;

/// Every combination of labels that is known beforehand.
macro_rules! combinations {
    ($make:path;) => {
        vec![$make]
    };
    ($make:path; $first:ty) => {
        <$first as Label>::ALL.iter().map(|first| $make(*first)).collect::<Vec<_>>()
    };
    ($make:path; $first:ty, $second:ty) => {
        <$first as Label>::ALL
            .iter()
            .flat_map(|first| <$second as Label>::ALL.iter().map(|second| $make(*first, *second)))
            .collect::<Vec<_>>()
    };
}

macro_rules! pairs {
    () => {
        Labels::new()
    };
    ($first:ident: $first_type:ty) => {
        vec![(<$first_type as Label>::NAME, $first.value())]
    };
    ($first:ident: $first_type:ty, $second:ident: $second_type:ty) => {
        vec![(<$first_type as Label>::NAME, $first.value()), (<$second_type as Label>::NAME, $second.value())]
    };
}

macro_rules! metrics {
    ($(#[$doc:meta])* $kind:ident { $($variant:ident $(($($field:ident: $label:ty),+))? $name:literal $help:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $kind { $(#[doc = $help] $variant $(($($label),+))?,)* }

        impl $kind {
            /// Name and help of each metric.
            pub const NAMES: &'static [(&'static str, &'static str)] = &[$((concat!("tributary_", $name), $help),)*];

            /// The name on the page.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant $(($(metrics!(@skip $field)),+))? => concat!("tributary_", $name),)* }
            }

            pub(crate) fn labels(self) -> Labels {
                match self { $(Self::$variant $(($($field),+))? => pairs!($($($field: $label),+)?),)* }
            }

            /// Every series that is known beforehand.
            pub(crate) fn all() -> Vec<Self> {
                [$(combinations!(Self::$variant; $($($label),+)?)),*].concat()
            }
        }
    };
    (@skip $field:ident) => { _ };
}

metrics! {
    /// What only grows.
    Counter {
        EdgeRequests(outcome: EdgeOutcome) "edge_requests_total" "Requests by how they were answered.",
        EdgeTouches(verdict: VerdictLabel) "edge_touches_total" "Clicks and views recorded, by verdict.",
        EdgeUnrecorded(reason: UnrecordedReason) "edge_unrecorded_total" "Clicks answered but not recorded, by reason.",
        EdgeReports(result: ReportResult) "edge_reports_total" "Reports of orders, by result.",
        EdgeScores(result: ReportResult) "edge_scores_total" "Scores of orders, by result.",
        EdgeAcceptErrors "edge_accept_errors_total" "Connections that could not be accepted.",
        EdgeConnectionsRefused(reason: ConnectionRefusal) "edge_connections_refused_total" "Connections closed as soon as they came, by reason.",
        EdgeConnectionErrors "edge_connection_errors_total" "Connections that ended in an error of HTTP or of the network.",
        EdgePanics "edge_panics_total" "Requests that panicked: a bug of ours, the thread served on.",
        EdgeOrderIdsEncoded "edge_order_ids_encoded_total" "Reports whose order id still held a percent-encoding.",
        EdgePartnersUnknown "edge_partners_unknown_total" "Reports that name a partner whom the catalog does not know.",
        EdgeDialects(result: DialectResult) "edge_dialects_total" "Requests in a dialect of another system, by result.",
        EdgeNearMisses "edge_near_misses_total" "Clicks and reports whose link, partner or offer was found only without punctuation at its end or in another case.",
        EdgeTextsCut "edge_texts_cut_total" "Clicks with a text that was cut to its limit.",
        EdgeDeepLinksRefused "edge_deep_links_refused_total" "Deep links that were not followed.",
        EdgeClockBackwards "edge_clock_backwards_total" "Times the clock stood before an instant it had shown.",
        CatalogVersions(result: VersionResult) "catalog_versions_total" "Versions of the catalog read.",
        SpoolFrames "spool_frames_total" "Frames appended to the spool.",
        SpoolBytes "spool_bytes_total" "Bytes appended to the spool.",
        SpoolSyncs "spool_syncs_total" "Times the spool was synced to disk.",
        SpoolDeleted(reason: SpoolDeletion) "spool_deleted_records_total" "Records deleted from the spool with their segments, by reason.",
        SpoolDamagedRanges "spool_damaged_ranges_total" "Damaged ranges found by recovery.",
        Shipped(topic: Topic, result: ShipResult) "shipped_records_total" "Records on their way to Kafka, by result.",
        ShipPauses "ship_pauses_total" "Times the producer's queue was full.",
        ShipTroubles "ship_troubles_total" "Times shipping began anew after trouble.",
        LookupsSent "attribution_lookups_total" "Questions sent to timelines.",
        EvidenceSent "attribution_evidence_total" "Answers sent by timelines.",
        Matches(result: MatchResult) "attribution_matches_total" "Decisions by how the winner was found, repeats included.",
        Checkpoints "pipeline_checkpoints_total" "Commits of state with positions.",
        InsertedRows(table: Table) "clickhouse_insert_rows_total" "Rows inserted.",
        InsertFailures(reason: InsertFailure) "clickhouse_insert_failures_total" "Inserts that failed.",
        RolledQuarters "roller_quarters_total" "Quarters of an hour rolled.",
        SweptQuarters "roller_swept_quarters_total" "Quarters marked again because a stale cell was found.",
        Scored(result: ScoreResult) "scorer_scores_total" "Scores that the scorer posted, by what they do to their orders.",
        ScorerFailures "scorer_failures_total" "Runs of the scorer that failed.",
        Restarts(role: Role) "supervisor_restarts_total" "Children started again after they ended.",
    }
}

metrics! {
    /// What goes up and down.
    Gauge {
        EdgeConnections "edge_connections" "Connections open now.",
        EdgeRecentClicks "edge_recent_clicks" "Clicks remembered to tell duplicates.",
        CatalogVersion "catalog_version" "Number of the newest version read.",
        SpoolSegments "spool_segments" "Segments on disk.",
        SpoolDiskBytes "spool_disk_bytes" "Bytes the spool takes on disk.",
        SpoolOldestAge "spool_oldest_age_seconds" "Age of the oldest frame not yet shipped.",
        ShipBacklog "ship_backlog_records" "Frames not yet shipped.",
        ConsumerLag(topic: Topic, partition: Partition) "consumer_lag_records" "Records not yet read, by topic and partition.",
        StateEntries(bucket: Bucket) "state_entries" "Entries of the pipeline's state.",
        BatchRows "pipeline_batch_rows" "Rows of the last batch written.",
        Freshness(stage: Stage) "pipeline_freshness_seconds" "From the newest event's own time to that stage.",
        CompleteUpTo "pipeline_complete_up_to_timestamp_seconds" "Everything before this instant has been read; 0 is not known.",
        SuspiciousOrders(signal: SignalLabel) "scorer_suspicious_orders" "Orders with that signal in the scorer's last run, once for each partner.",
        ScorerSeconds "scorer_last_run_seconds" "How long the scorer's last run took.",
        DirtyQuarters "roller_dirty_quarters" "Quarters of an hour waiting to be rolled.",
    }
}

metrics! {
    /// How long, or how much at a time.
    Histogram {
        InsertDuration "clickhouse_insert_duration_seconds" "Of one INSERT.",
        RollDuration "roller_roll_duration_seconds" "Of rolling one quarter of an hour.",
        CheckpointDuration "pipeline_checkpoint_duration_seconds" "Of one commit of state.",
        BatchSize "pipeline_batch_size_rows" "Rows of one batch.",
    }
}

/// A millisecond to half a minute: what a disk or a database takes.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// One row to a million.
const ROWS: &[f64] = &[1.0, 10.0, 100.0, 1_000.0, 10_000.0, 50_000.0, 100_000.0, 1_000_000.0];

impl Histogram {
    /// Upper ends of the buckets. Without them the exporter makes summaries, whose quantiles cannot be added up.
    pub(crate) const fn buckets(self) -> &'static [f64] {
        match self {
            Self::InsertDuration | Self::RollDuration | Self::CheckpointDuration => SECONDS,
            Self::BatchSize => ROWS,
        }
    }
}
