//! Kafka, without transactions: identities and growing sets make repeats harmless.
//!
//! In: brokers and properties. Out: records from partitions named by hand, and records acknowledged by all replicas in
//! sync. Not here: which partitions a process should read (`group` only tells which it owns), and the spool's way into
//! Kafka (`shipper`). Start at [`KafkaSource`] and [`KafkaSink`].

mod group;
mod settings;
mod sink;
mod source;
pub mod topics;

use rdkafka::types::RDKafkaErrorCode;

pub use group::{Change, KafkaGroup};
pub use settings::KafkaSettings;
pub use sink::KafkaSink;
pub use source::KafkaSource;

/// Why Kafka did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// A property is unknown or has a bad value.
    #[error("kafka client cannot be made: {reason}")]
    Settings {
        /// What librdkafka said.
        reason: String,
    },
    /// A record was refused, or its fate is unknown. Everything since the last flush must be appended again.
    #[error("a record for topic {topic} was not acknowledged: {reason}")]
    NotDelivered {
        /// Where it was to go.
        topic: String,
        /// What the broker or librdkafka said.
        reason: String,
    },
    /// Brokers did not confirm in time.
    #[error("{records} records were not acknowledged in time")]
    Unconfirmed {
        /// How many.
        records: u64,
    },
    /// A partition cannot be read.
    #[error("kafka cannot be read: {reason}")]
    Read {
        /// What the broker or librdkafka said.
        reason: String,
    },
    /// The brokers cannot be asked.
    #[error("kafka does not answer: {reason}")]
    Unreachable {
        /// What librdkafka said.
        reason: String,
    },
}

/// Whether librdkafka will get over it by itself; such events are noted, not returned.
fn is_passing(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::LeaderNotAvailable
            | RDKafkaErrorCode::NotLeaderForPartition
            | RDKafkaErrorCode::CoordinatorLoadInProgress
            | RDKafkaErrorCode::CoordinatorNotAvailable
            | RDKafkaErrorCode::NotCoordinator
            | RDKafkaErrorCode::RebalanceInProgress
    )
}
