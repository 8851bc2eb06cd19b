//! What the pipeline is told from outside.
//!
//! In: configuration, by `cli`. Out: one struct. Not here: reading files or the environment. Start at [`Options`].

use std::path::PathBuf;

use journal::kafka::KafkaSettings;

use crate::{batching::Limits, outlet::Topics, store::Durability};

/// Everything the pipeline needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data directory: `spool`, `catalog`, `claims` and `pipeline` lie below it.
    pub data: PathBuf,
    /// Which log to read.
    pub log: Log,
    /// The generation of the log; raised by any migration of it.
    pub generation: u8,
    /// Where facts go.
    pub warehouse: warehouse::Options,
    /// What an acknowledged checkpoint survives.
    pub durability: Durability,
    /// When a batch is full.
    pub limits: Limits,
    /// States of each machine kept in memory per partition, as a number of keys.
    pub states_max: usize,
    /// Who this is, in claims, for people: host and process.
    pub owner: String,
    /// Random; tells this process's claims from others'.
    pub nonce: u64,
}

/// Which log.
#[derive(Debug, Clone)]
pub enum Log {
    /// The spool files of this machine's edges.
    Spool,
    /// Kafka's topics.
    Kafka(Box<KafkaOptions>),
}

/// How to share Kafka's partitions with other pipelines.
#[derive(Debug, Clone)]
pub struct KafkaOptions {
    /// Where the brokers are.
    pub settings: KafkaSettings,
    /// The consumer group.
    pub group: String,
    /// This member's name in the group: stable, so that a restart within the session's time moves nothing, and its own.
    pub instance: String,
    /// The topics.
    pub topics: Topics,
    /// Partitions of each of them. A log with another number is refused: keys would meet elsewhere.
    pub partitions: u32,
    /// Copies of each partition, where the topics have to be made.
    pub replicas: u32,
}

/// States kept in memory by default: an order's takes a kilobyte or two.
pub const STATES_MAX: usize = 200_000;

impl Options {
    /// Options for the embedded log with every value at its default.
    #[must_use]
    pub fn embedded(data: PathBuf, warehouse: warehouse::Options) -> Self {
        Self {
            data,
            log: Log::Spool,
            generation: 1,
            warehouse,
            durability: Durability::default(),
            limits: Limits::default(),
            states_max: STATES_MAX,
            owner: String::new(),
            nonce: 0,
        }
    }
}
