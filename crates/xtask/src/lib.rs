//! Chores of the workspace as a library, so that tests of other crates start the same Kafka as `cargo xtask kafka` does.
//!
//! In: what the developer asked for. Out: running brokers, checked rules, timed steps.
//! Not here: anything that is shipped; nothing of the product depends on this crate except its tests.
//! Start at [`kafka::Broker`] for a test that needs Kafka, at [`suite::STEPS`] for what a change must pass.

pub mod fuzz;
pub mod instructions;
pub mod kafka;
pub mod kill;
pub mod mutants;
pub mod suite;

mod host;
