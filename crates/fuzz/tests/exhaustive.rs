//! A sample of what `cargo xtask fuzz --exhaustive` tries whole.

use fuzz::exhaustive::{EXHAUSTIVE, Scale};

fn try_some(name: &str, at_least: u64) {
    let found = EXHAUSTIVE.iter().find(|it| it.name == name);
    let cases = found.map_or(0, |it| (it.run)(Scale::SMALL));
    assert!(at_least <= cases, "{name}: {cases} cases");
}

// P12, fault 47
#[test]
fn a_flipped_bit_of_a_segment_costs_at_most_its_frame() {
    try_some("bits", 1_500);
}

// P12, fault 37
#[test]
fn a_segment_cut_anywhere_gives_up_what_is_before_the_cut() {
    try_some("cuts", 190);
}

// P12, faults 41, 42, 49
#[test]
fn segments_lost_doubled_and_swapped_invent_nothing() {
    try_some("files", 8);
}

// P13, faults 3, 7 to 14
#[test]
fn no_hostile_url_in_any_place_leads_to_a_foreign_host() {
    try_some("redirects", 1_000);
}

// P14
#[test]
fn no_changed_or_revoked_id_is_believed() {
    try_some("changed-ids", 60_000);
}

// P14
#[test]
fn no_random_id_is_believed() {
    try_some("random-ids", 20_000);
}
