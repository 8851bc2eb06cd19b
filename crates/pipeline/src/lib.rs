//! Log in, decisions out: drives the machines, keeps their state and positions, feeds the sink.
//!
//! In: records of a spool or of Kafka, versions of the catalog. Out: facts and marks in ClickHouse, decisions in the log, and a local
//! checkpoint that is committed only after both have acknowledged. Not here: what an order is worth to whom (`attribution`), rollups
//! (`warehouse`), the system's clock (`cli`). Start at [`Pipeline`], then `worker`, then [`partition`].

pub mod batching;
pub mod catalogs;
pub mod claims;
pub mod fates;
mod group;
mod kafka;
mod names;
mod notes;
mod options;
pub mod outlet;
mod owner;
pub mod partition;
pub mod reach;
pub mod rebuild;
pub mod resume;
mod run;
mod sink;
pub mod slices;
mod status;
pub mod store;
mod worker;

pub use kafka::{CATALOG_MESSAGE_BYTES_MAX, catalog_topic};
pub use options::{KafkaOptions, Log, Options, STATES_MAX};
pub use owner::{RECENT_BYTES_MAX, open_timelines, source_name};
pub use run::{Pipeline, RunError};
pub use status::{Freshness, Phase, Progress, Status, TURN_MS_MAX};
pub use worker::{RebuildError, WorkerError};
