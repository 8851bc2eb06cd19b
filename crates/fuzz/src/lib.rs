//! Whatever a stranger, a broken disk or an old build may hand to our parsers, tried by the million.
//!
//! In: bytes. Out: nothing, or a panic that says which promise they broke. A [`Target`] takes any bytes and asserts more than that nothing
//! panics: what was written is read, what is damaged is refused, nobody is sent to a foreign host. `cargo xtask fuzz` drives them by coverage;
//! the corpus of each is a plain test. Not here: chance of any kind. Start at [`TARGETS`]; [`exhaustive`] holds what can be tried whole.

#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a target speaks, and what it builds itself it may index"
)]

mod answers;
mod choices;
pub mod corpus;
mod desks;
pub mod exhaustive;

mod hosts;
mod payloads;
mod targets;
mod world;

pub use targets::{TARGETS, Target};
