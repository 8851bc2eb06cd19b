//! The plays in size, scaled down: histories read in several ways, windows by the millisecond, clocks that differ and step.
//! `cargo xtask sim --converge`, `--windows` and `--clocks` play as many as there is time for.

/// Promise 7.
#[test]
fn a_history_is_decided_alike_however_it_is_read() {
    for seed in 0..3 {
        let converged = sim::converge(seed, 6_000, 3).unwrap_or_else(|error| panic!("{error}"));
        assert!(converged.orders > 50 && converged.credited > 20, "{converged:?}");
        assert_eq!(converged.readings.len(), 3);
    }
}

/// The digest is of the decisions: other histories have others, and the same one the same.
#[test]
fn histories_that_differ_have_digests_that_differ() {
    let digest = |seed| sim::converge(seed, 2_000, 1).unwrap().digest;
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}

/// Promise 8.
// fault 96, fault 97
#[test]
fn windows_are_exact_to_the_millisecond_in_any_order_of_arrival() {
    let tally = sim::windows(1, 5_000).unwrap_or_else(|error| panic!("{error}"));
    assert!(tally.missing().is_empty(), "never met: {:?}\n{tally}", tally.missing());
    assert!(tally.checks > 3 * tally.cases);
}

/// Promise 25.
#[test]
fn clocks_that_differ_and_step_never_change_who_is_paid() {
    let skewed = sim::clocks(1, 4_000).unwrap_or_else(|error| panic!("{error}"));
    assert!(skewed.apart > 1_000 && skewed.corrected > 100, "{skewed:?}");
    // Clocks that never mattered would show nothing.
    assert!(skewed.hung > 0, "{skewed:?}");
}
