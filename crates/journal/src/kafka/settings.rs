//! The properties our clients use: explicit, because defaults skip or reorder data.
//!
//! In: brokers and what the operator adds. Out: librdkafka configurations. Properties that keep a promise cannot be
//! overridden; all others can. Not here: topics. Start at [`KafkaSettings`].

use std::{collections::BTreeMap, fmt};

use rdkafka::ClientConfig;

/// Where Kafka is, and what to pass through to librdkafka.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaSettings {
    /// `bootstrap.servers`.
    pub brokers: String,
    /// `client.id`: how the brokers' logs call us.
    pub client_id: String,
    /// Further librdkafka properties: TLS, SASL, sizes and times.
    pub extra: BTreeMap<String, String>,
}

/// A broker that stood still returns without leaders, and a client may end up with no broker that it knows. librdkafka asks the bootstrap servers
/// again only after this, in ms; its five minutes are longer than an outage worth the name (fault 56).
const BOOTSTRAP_AGAIN: (&str, &str) = ("metadata.recovery.rebootstrap.trigger.ms", "3000");
/// What an operator may change.
const PRODUCER: [(&str, &str); 8] = [
    BOOTSTRAP_AGAIN,
    // A click should be seen within two seconds; 5 ms still make batches of hundreds under load.
    ("linger.ms", "5"),
    ("compression.codec", "lz4"),
    ("queue.buffering.max.messages", "100000"),
    ("queue.buffering.max.kbytes", "65536"),
    ("socket.keepalive.enable", "true"),
    ("reconnect.backoff.max.ms", "2000"),
    ("statistics.interval.ms", "0"),
];
/// What keeps a promise: acknowledged means replicated, order holds, equal keys meet, the spool alone decides on expiry.
const PRODUCER_FIXED: [(&str, &str); 5] = [
    ("enable.idempotence", "true"),
    ("acks", "all"),
    // With several on their way, the leader of a new partition may refuse the first batch, take the second, and take the first one, sent again,
    // for a repeat: librdkafka 2.12 then reports both as delivered (fault 64). One request holds up to 10,000 records.
    ("max.in.flight.requests.per.connection", "1"),
    ("partitioner", "murmur2_random"),
    ("message.timeout.ms", "0"),
];
const CONSUMER: [(&str, &str); 6] = [
    ("fetch.wait.max.ms", "100"),
    ("fetch.error.backoff.ms", "100"),
    // Bytes and records fetched ahead of the pipeline, in all partitions together.
    ("queued.max.messages.kbytes", "65536"),
    ("queued.min.messages", "50000"),
    ("socket.keepalive.enable", "true"),
    ("reconnect.backoff.max.ms", "2000"),
];
/// Positions are ours; a broker that lacks one must say so instead of jumping.
const CONSUMER_FIXED: [(&str, &str); 6] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    // What a foreign producer took back is no report. Until it ends, its transaction hides what follows; the statistics tell how much (fault 78).
    ("isolation.level", "read_committed"),
    ("statistics.interval.ms", "1000"),
    ("check.crcs", "true"),
];
const GROUP: [(&str, &str); 4] = [
    BOOTSTRAP_AGAIN,
    ("session.timeout.ms", "45000"),
    ("max.poll.interval.ms", "300000"),
    ("socket.keepalive.enable", "true"),
];
/// The member reads nothing, so where it would start does not matter; `error` would only fill the log.
const GROUP_FIXED: [(&str, &str); 4] = [
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "latest"),
];

impl KafkaSettings {
    /// Settings without further properties.
    #[must_use]
    pub fn new(brokers: &str, client_id: &str) -> Self {
        Self { brokers: brokers.to_owned(), client_id: client_id.to_owned(), extra: BTreeMap::new() }
    }

    pub(crate) fn producer(&self) -> ClientConfig {
        self.config(&PRODUCER, &PRODUCER_FIXED)
    }

    pub(super) fn consumer(&self) -> ClientConfig {
        let mut config = self.config(&CONSUMER, &CONSUMER_FIXED);
        // Never joined: librdkafka wants a name before it assigns partitions by hand.
        config.set("group.id", format!("{}-positions", self.client_id));
        config
    }

    pub(super) fn group(&self, group: &str, instance: &str) -> ClientConfig {
        let mut config = self.config(&GROUP, &GROUP_FIXED);
        config.set("group.id", group).set("group.instance.id", instance);
        config
    }

    pub(super) fn admin(&self) -> ClientConfig {
        self.config(&[], &[])
    }

    fn config(&self, tunable: &[(&str, &str)], fixed: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in tunable {
            config.set(*name, *value);
        }
        for (name, value) in &self.extra {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.brokers).set("client.id", &self.client_id);
        for (name, value) in fixed {
            config.set(*name, *value);
        }
        config
    }
}

/// Names of further properties only: their values may be passwords.
impl fmt::Debug for KafkaSettings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.extra.keys().collect();
        out.debug_struct("KafkaSettings")
            .field("brokers", &self.brokers)
            .field("client_id", &self.client_id)
            .field("extra", &names)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(name: &str, value: &str) -> KafkaSettings {
        let mut settings = KafkaSettings::new("localhost:1", "test");
        settings.extra.insert(name.to_owned(), value.to_owned());
        settings
    }

    #[test]
    fn what_keeps_a_promise_cannot_be_overridden() {
        for (name, fixed) in PRODUCER_FIXED {
            assert_eq!(settings(name, "other").producer().get(name), Some(fixed));
        }
        for (name, fixed) in CONSUMER_FIXED {
            assert_eq!(settings(name, "other").consumer().get(name), Some(fixed));
        }
        assert_eq!(settings("linger.ms", "50").producer().get("linger.ms"), Some("50"));
        assert_eq!(settings("security.protocol", "ssl").consumer().get("security.protocol"), Some("ssl"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", settings("sasl.password", "hunter2"));
        assert!(shown.contains("sasl.password") && !shown.contains("hunter2"), "{shown}");
    }
}
