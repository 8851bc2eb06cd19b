//! Chores of the workspace as a library, so that tests of other crates start the same Kafka as `cargo xtask kafka` does.
//!
//! In: what the developer asked for. Out: running brokers, checked rules, timed steps.
//! Not here: anything that is shipped; nothing of the product depends on this crate except its tests.
//! Start at [`kafka::Broker`].

pub mod kafka;

mod host;
