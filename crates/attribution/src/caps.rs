//! How much of one order is kept and weighed: an argument of the machine, so that a test can see what happens at a limit without thousands of
//! records.
//!
//! In: nothing. Out: two numbers. Not here: what is done there (`orders::state`, `decide`). Start at [`Caps`].

use crate::{CANDIDATES_MAX, REPORTS_MAX};

/// Limits of one order. Two owners of one partition must have the same: what is left out is a part of what is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Reports kept: the first half and the latest half of them. Even, at least 2.
    pub reports: usize,
    /// Touches one decision weighs: the latest of them.
    pub candidates: usize,
}

impl Default for Caps {
    /// [`REPORTS_MAX`] and [`CANDIDATES_MAX`].
    fn default() -> Self {
        Self { reports: REPORTS_MAX, candidates: CANDIDATES_MAX }
    }
}
