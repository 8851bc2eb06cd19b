//! What the shipper has done, readable from any thread.
//!
//! In: events of the shipper's thread. Out: a [`Snapshot`]. Not here: metric names (`telemetry`).

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::silence::STORY;

/// Counters of one shipper, since its start.
#[derive(Debug, Default)]
pub struct Counters {
    pub(super) sent: AtomicU64,
    pub(super) acknowledged: AtomicU64,
    pub(super) quarantined: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) gone: AtomicU64,
    pub(super) damaged: AtomicU64,
    pub(super) pauses: AtomicU64,
    pub(super) lag_records: AtomicU64,
    pub(super) lag_bytes: AtomicU64,
    troubles: AtomicU64,
    trouble: Mutex<Option<String>>,
    delivered: Mutex<BTreeMap<String, u64>>,
}

/// The counters at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Records handed to the producer; a repeat counts again.
    pub sent: u64,
    /// Records acknowledged.
    pub acknowledged: u64,
    /// Records that the brokers acknowledged, by topic; a repeat counts again.
    pub delivered: BTreeMap<String, u64>,
    /// Records that went to quarantine instead.
    pub quarantined: u64,
    /// Records that not even quarantine took; they are in the spool only.
    pub refused: u64,
    /// Records that the retention budget deleted before they were shipped.
    pub gone: u64,
    /// Records lost to damage of the spool.
    pub damaged: u64,
    /// Times the producer's queue was full.
    pub pauses: u64,
    /// Records in the spool that are not acknowledged, as of the last look, about once a second.
    pub lag_records: u64,
    /// Bytes in the spool that are not read.
    pub lag_bytes: u64,
    /// Sessions that ended in trouble.
    pub troubles: u64,
    /// The last trouble; `None` again once a record was acknowledged.
    pub trouble: Option<String>,
}

impl Counters {
    pub(super) fn note_trouble(&self, trouble: &str) {
        self.troubles.fetch_add(1, Ordering::Relaxed);
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble.to_owned());
    }

    pub(super) fn note_passing(&self, trouble: String) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
    }

    /// What is known already says more.
    pub(super) fn note_silence(&self) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.get_or_insert_with(|| STORY.to_owned());
    }

    pub(super) fn note_acknowledged(&self, records: u64) {
        self.acknowledged.fetch_add(records, Ordering::Relaxed);
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// As many as were delivered to each topic since the last call.
    pub(super) fn note_delivered(&self, topics: BTreeMap<String, u64>) {
        let mut delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        for (topic, count) in topics {
            *delivered.entry(topic).or_default() += count;
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            sent: read(&self.sent),
            acknowledged: read(&self.acknowledged),
            delivered: self.delivered.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            quarantined: read(&self.quarantined),
            refused: read(&self.refused),
            gone: read(&self.gone),
            damaged: read(&self.damaged),
            pauses: read(&self.pauses),
            lag_records: read(&self.lag_records),
            lag_bytes: read(&self.lag_bytes),
            troubles: read(&self.troubles),
            trouble: self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
