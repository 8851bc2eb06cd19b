//! What the pipeline is told from outside.
//!
//! In: configuration, by `cli`. Out: one struct. Not here: reading files or the environment. Start at [`Options`].

use std::path::PathBuf;

use crate::{batching::Limits, store::Durability};

/// Everything the pipeline needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data directory: `spool`, `catalog`, `claims` and `pipeline` lie below it.
    pub data: PathBuf,
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

/// States kept in memory by default: an order's takes a kilobyte or two.
pub const STATES_MAX: usize = 200_000;

impl Options {
    /// Options for the embedded log with every value at its default.
    #[must_use]
    pub fn embedded(data: PathBuf, warehouse: warehouse::Options) -> Self {
        Self {
            data,
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
