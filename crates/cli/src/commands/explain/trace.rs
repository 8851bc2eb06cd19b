//! A stored trace, as far as this build knows it.
//!
//! In: the JSON of `orders.trace`, of this build, an earlier or a later one. Out: its fields, empty where it does not have them. Not here: its words
//! (`words`, `would`), what partners may see of it (`redact`). Start at [`Trace::read`].

use serde::Deserialize;

/// Why an order is whose.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Trace {
    pub(super) visitors: Vec<String>,
    pub(super) refused_clicks: Vec<Refused>,
    /// Newest first.
    pub(super) candidates: Vec<Candidate>,
    pub(super) candidates_left_out: u64,
    pub(super) notes: Vec<String>,
}

/// A click id that was not believed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refused {
    pub(super) text: String,
    pub(super) reason: String,
}

/// A touch that was weighed, or who was found by a key alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Candidate {
    pub(super) touch: String,
    pub(super) kind: String,
    pub(super) at: String,
    pub(super) partner: u32,
    pub(super) offer: u32,
    pub(super) verdict: String,
    pub(super) age_ms: i64,
    pub(super) window_ms: u64,
}

impl Trace {
    /// Empty where the text is none.
    pub(super) fn read(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }
}
