//! Some worlds in every run of the tests, and for every planted bug one that shows it. `cargo xtask sim` runs as many as there is time for.

use sim::{Bug, Summary, run};

/// Worlds of one run of the tests.
const SEEDS: u64 = 300;
/// A bug must show within so many worlds.
const BUG_SEEDS: u64 = 3_000;

#[test]
fn every_world_ends_in_the_plain_answer() {
    let (mut orders, mut credited, mut cells) = (0, 0, 0);
    for seed in 0..SEEDS {
        let summary = run(seed, None).unwrap_or_else(|failure| panic!("{failure}"));
        orders += summary.orders;
        credited += summary.credited;
        cells += summary.cells;
    }
    // Worlds in which nothing happens would prove nothing.
    assert!(
        orders as u64 > SEEDS && credited as u64 > SEEDS / 4 && cells as u64 > SEEDS,
        "{orders} {credited} {cells}"
    );
}

#[test]
fn a_seed_is_the_whole_story() {
    let of = |seed| -> Summary { run(seed, None).unwrap() };
    assert_eq!(of(7), of(7));
}

#[test]
fn every_planted_bug_is_found() {
    let hidden: Vec<&str> = Bug::ALL
        .iter()
        .filter(|bug| (0..BUG_SEEDS).all(|seed| run(seed, Some(**bug)).is_ok()))
        .map(|bug| bug.name())
        .collect();
    assert!(hidden.is_empty(), "not found: {hidden:?}");
}
