//! The machines against the naive model: whatever the order, batching, repeats, deaths, zombies and lost states, the surviving snapshots
//! are the naive decision. After the protocol's own model (design.md 1); planted mistakes show that the test can fail.

mod naive;
mod world;
mod worlds;

use proptest::prelude::*;
use worlds::{Bug, run};

proptest! {
    #[test]
    fn every_history_ends_in_the_naive_decision(seed: u64) {
        prop_assert_eq!(run(seed, Bug::None), Ok(()));
    }
}

/// Whether one of the first worlds shows a mistake that it does not show without it.
fn shown(bug: Bug) -> bool {
    (0..4_000).any(|seed| run(seed, bug).is_err() && run(seed, Bug::None).is_ok())
}

#[test]
fn without_claims_a_zombie_wins() {
    assert!(shown(Bug::NoClaim));
}

#[test]
fn without_silence_a_new_owner_says_less_than_the_old_one_knew() {
    assert!(shown(Bug::NoSilence));
}

#[test]
fn without_zero_rows_a_moved_order_leaves_a_ghost() {
    assert!(shown(Bug::NoZeroTouches));
}

#[test]
fn without_void_quarters_a_moved_order_is_counted_twice() {
    assert!(shown(Bug::NoVoidQuarters));
}

#[test]
fn what_was_touched_in_silence_must_be_said() {
    assert!(shown(Bug::ForgetTouched));
}
