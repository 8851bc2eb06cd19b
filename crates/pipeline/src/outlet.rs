//! Where the machines' messages go when their receivers may be in another process.
//!
//! In: messages. Out: records in the log's topics, by the keys that bring them to their owner. A failure ends the worker: it starts over
//! from its checkpoint under a new claim, which sends everything again. Start at [`Outlet::send`].

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use events::{EncodeError, Identity};
use journal::{Sink, SinkError};

use crate::partition::{Inner, Message};

/// The log's topics. All have the same number of partitions, so that what has one key meets in one owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    /// Clicks and views, by visitor.
    pub clicks: Arc<str>,
    /// Shops' messages, by order.
    pub reports: Arc<str>,
    /// Questions to timelines, and what became of customers' orders, by identity.
    pub lookups: Arc<str>,
    /// Their answers, by order, and the owners' claims.
    pub evidence: Arc<str>,
    /// Decided orders, by order.
    pub decisions: Arc<str>,
    /// Partners' shares, by partner.
    pub credits: Arc<str>,
    /// What could not be read, by its place; the edges' shippers write it.
    pub quarantine: Arc<str>,
    /// Versions of the catalog: one partition, compacted. Not among [`Topics::all`], which share their number of partitions.
    pub catalog: Arc<str>,
}

impl Topics {
    /// `PREFIX.clicks.v1` and so on.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        let topic = |name: &str| format!("{prefix}.{name}.v1").into();
        Self {
            clicks: topic("clicks"),
            reports: topic("reports"),
            lookups: topic("lookups"),
            evidence: topic("evidence"),
            decisions: topic("decisions"),
            credits: topic("credits"),
            quarantine: topic("quarantine"),
            catalog: topic("catalog"),
        }
    }

    /// What an owner of a partition reads.
    #[must_use]
    pub fn inputs(&self) -> [&Arc<str>; 4] {
        [&self.clicks, &self.reports, &self.lookups, &self.evidence]
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> [&Arc<str>; 7] {
        [
            &self.clicks,
            &self.reports,
            &self.lookups,
            &self.evidence,
            &self.decisions,
            &self.credits,
            &self.quarantine,
        ]
    }
}

impl Default for Topics {
    fn default() -> Self {
        Self::new("tributary")
    }
}

/// How long a full queue may stay full before the worker starts over.
const FULL_MAX: Duration = Duration::from_secs(30);
/// One wait for a full queue to drain, and for acknowledgements.
const DRAIN_WAIT: Duration = Duration::from_millis(100);

/// Why messages are not in the log.
#[derive(Debug, thiserror::Error)]
pub enum OutletError {
    /// The log refuses.
    #[error("the log does not take what was decided")]
    Sink(#[from] SinkError),
    /// A message is larger than its kind may be.
    #[error("a message cannot be written down")]
    Encode(#[from] EncodeError),
}

/// Where messages go.
#[derive(Debug)]
pub enum Outlet {
    /// Nowhere: both machines are in this process.
    Here,
    /// Into the log.
    Log(Sink, Topics),
}

impl Outlet {
    /// How look-ups and evidence travel.
    #[must_use]
    pub const fn inner(&self) -> Inner {
        match self {
            Self::Here => Inner::Memory,
            Self::Log(..) => Inner::Log,
        }
    }

    /// Appends `messages` and empties it.
    pub fn send(&mut self, messages: &mut Vec<Message>) -> Result<(), OutletError> {
        let Self::Log(sink, topics) = self else {
            debug_assert!(messages.is_empty(), "machines in one process need no messages");
            return Ok(());
        };
        for message in messages.drain(..) {
            append(sink, topics, message)?;
        }
        Ok(())
    }

    /// Whether everything sent is acknowledged by now.
    pub fn is_flushed(&mut self) -> Result<bool, OutletError> {
        let Self::Log(sink, _) = self else { return Ok(true) };
        match sink.flush(DRAIN_WAIT) {
            Ok(()) => Ok(true),
            Err(SinkError::Kafka(journal::kafka::KafkaError::Unconfirmed { .. })) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

fn append(sink: &mut Sink, topics: &Topics, message: Message) -> Result<(), OutletError> {
    let mut bytes = Vec::new();
    match message {
        Message::Lookup(lookup) => {
            let key = lookup.identity.log_key();
            lookup.encode(&mut bytes)?;
            append_one(sink, &topics.lookups, &key, &bytes)
        }
        Message::Bound(bound) => {
            let key = Identity::Customer(bound.customer).log_key();
            bound.encode(&mut bytes)?;
            append_one(sink, &topics.lookups, &key, &bytes)
        }
        Message::Evidence(evidence) => {
            let key = evidence.order.log_key();
            evidence.encode(&mut bytes)?;
            append_one(sink, &topics.evidence, &key, &bytes)
        }
        Message::Decided(decision, credits) => {
            let key = decision.key.log_key();
            decision.encode(&mut bytes)?;
            append_one(sink, &topics.decisions, &key, &bytes)?;
            for credit in credits {
                let key = credit.partner.0.to_be_bytes();
                bytes.clear();
                credit.encode(&mut bytes)?;
                append_one(sink, &topics.credits, &key, &bytes)?;
            }
            Ok(())
        }
    }
}

/// Appends one record, waiting while the queue is full.
fn append_one(sink: &mut Sink, topic: &str, key: &[u8], bytes: &[u8]) -> Result<(), OutletError> {
    let deadline = Instant::now() + FULL_MAX;
    loop {
        match sink.append(topic, key, bytes) {
            Ok(()) => return Ok(()),
            Err(SinkError::Full) if Instant::now() < deadline => {
                // Unconfirmed is what a broker that is away looks like; the deadline decides.
                if let Err(error) = sink.flush(DRAIN_WAIT)
                    && !matches!(error, SinkError::Kafka(journal::kafka::KafkaError::Unconfirmed { .. }))
                {
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of topics are promises to whoever else reads them.
    #[test]
    fn the_topics_are_frozen() {
        let topics = Topics::default();
        let names = topics.all().map(|name| &**name);
        let want = [
            "tributary.clicks.v1",
            "tributary.reports.v1",
            "tributary.lookups.v1",
            "tributary.evidence.v1",
            "tributary.decisions.v1",
            "tributary.credits.v1",
            "tributary.quarantine.v1",
        ];
        assert_eq!(names, want);
        assert_eq!(&*topics.catalog, "tributary.catalog.v1");
    }
}
