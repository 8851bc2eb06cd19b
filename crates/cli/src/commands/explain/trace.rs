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
    /// Those that reports name, touches first.
    pub(super) keys: Vec<Tried>,
    pub(super) keys_left_out: u64,
    pub(super) decided_by: Option<DecidedBy>,
    /// By how much the order's own click is later than its reports say the order was.
    pub(super) clock_gap_ms: u64,
    pub(super) checkout_at: Option<String>,
    /// What held credits back, if anything did.
    pub(super) signals: Vec<Signal>,
}

/// A click id that was not believed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refused {
    pub(super) text: String,
    pub(super) reason: String,
}

/// A touch that was weighed, or who was found by a key alone.
#[derive(Debug, Clone, Default, Deserialize)]
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
    /// By which key; empty where the build did not say.
    pub(super) found: String,
    pub(super) share_ppm: u32,
    /// Had it been so much later, no rule about time would have been against it; 0 where that is not its reason.
    pub(super) short_ms: i64,
    /// Its touch.
    pub(super) beaten_by: Option<String>,
}

/// A key, and what came of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tried {
    pub(super) key: String,
    /// A coupon as it was typed.
    pub(super) named: String,
    pub(super) outcome: String,
    /// Whose it is, or who was named.
    pub(super) partner: Option<u32>,
}

/// The key and the rules by which an order was decided.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct DecidedBy {
    pub(super) key: String,
    pub(super) partner: u32,
    pub(super) offer: u32,
    pub(super) level: String,
}

/// Something suspicious.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Signal {
    pub(super) code: String,
    /// 0: about the order, whoever earned it.
    pub(super) partner: u32,
    pub(super) value: u64,
    pub(super) threshold: u64,
    /// The version whose threshold was compared; 0 where only its score says it.
    pub(super) catalog: u32,
}

impl Trace {
    /// What cannot be read is said by a note, and nothing else of it.
    pub(super) fn read(json: &str) -> Self {
        serde_json::from_str(json)
            .unwrap_or_else(|_| Self { notes: vec!["trace_unreadable".to_owned()], ..Self::default() })
    }
}
