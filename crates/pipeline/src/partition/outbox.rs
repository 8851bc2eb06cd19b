//! What a partition hands out: rows for the sink, messages for the log, and of each order only the last snapshot.
//!
//! In: what the machines said. Out: one batch, when the worker cuts it. Not here: when that is (`batching`). Start at [`Outbox::seal`].

use std::collections::HashMap;

use events::{Credit, Decision, OrderKey};
use units::EpochMs;
use warehouse::Batch;

use super::{Inner, Message};

/// What a partition hands out since it was last asked.
#[derive(Debug)]
pub struct Outbox {
    /// Rows for the sink. The caller cuts it when it is full.
    pub batch: Batch,
    /// For the log; empty with [`Inner::Memory`].
    pub messages: Vec<Message>,
    /// Time of the oldest and the newest input in `batch`, by the edge's clock.
    pub inputs_at: Option<(EpochMs, EpochMs)>,
    /// The last snapshot of each order since the last [`Outbox::seal`]. A snapshot names everything an earlier one of its order named,
    /// so only the last has to be written; an order is often decided twice at once, before and after its evidence.
    pub(super) decided: HashMap<OrderKey, (Box<Decision>, Vec<Credit>)>,
    /// Rows in `decided`.
    pub(super) decided_rows: usize,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            batch: Batch::new(),
            messages: Vec::new(),
            inputs_at: None,
            decided: HashMap::new(),
            decided_rows: 0,
        }
    }
}

impl Outbox {
    /// Rows for the sink, sealed or not.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batch.rows() + self.decided_rows
    }

    /// Moves the orders' last snapshots into the batch and, where they travel through the log, among the messages.
    pub fn seal(&mut self, inner: Inner) {
        self.decided_rows = 0;
        for (_, (decision, credits)) in self.decided.drain() {
            self.batch.decided(&decision, &credits);
            if inner == Inner::Log {
                self.messages.push(Message::Decided(decision, credits));
            }
        }
    }

    pub(super) fn decide(&mut self, decision: Box<Decision>, credits: Vec<Credit>) {
        self.decided_rows += rows_of(&decision, &credits);
        let before = self.decided.insert(decision.key.clone(), (decision, credits));
        self.decided_rows -= before.map_or(0, |(decision, credits)| rows_of(&decision, &credits));
    }

    pub(super) fn saw(&mut self, at: EpochMs) {
        let (oldest, newest) = self.inputs_at.unwrap_or((at, at));
        self.inputs_at = Some((oldest.min(at), newest.max(at)));
    }
}

fn rows_of(decision: &Decision, credits: &[Credit]) -> usize {
    1 + decision.void_quarters.len() + credits.len()
}
