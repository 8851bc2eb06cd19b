//! The trace of a decision as JSON: for people, for `explain` and for `JSONExtract`.
//!
//! In: a trace. Out: its text, in which fields are only ever added. Codes are words, instants RFC 3339 in UTC, touches hexadecimal digits. Not here:
//! sentences (`cli`). Start at [`json`].

use events::{Candidate, DecidedBy, KeyOutcome, MatchedKey, SharedBy, TouchId, Trace, TracedSignal};
use serde::Serialize;

#[derive(Serialize)]
struct TraceJson<'a> {
    visitors: Vec<String>,
    refused_clicks: Vec<RefusedJson<'a>>,
    candidates: Vec<CandidateJson>,
    candidates_left_out: u32,
    notes: &'a [Box<str>],
    /// Those that reports name, touches first. What is not there was not named.
    keys: Vec<KeyJson<'a>>,
    keys_left_out: u32,
    decided_by: Option<DecidedByJson>,
    clock_gap_ms: u64,
    checkout_at: Option<String>,
    signals: Vec<SignalJson>,
}

#[derive(Serialize)]
struct RefusedJson<'a> {
    text: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct CandidateJson {
    touch: String,
    kind: &'static str,
    at: String,
    partner: u32,
    offer: u32,
    verdict: &'static str,
    age_ms: i64,
    window_ms: u64,
    found: &'static str,
    role: &'static str,
    share_ppm: u32,
    rank: Option<u8>,
    short_ms: i64,
    beaten_by: Option<String>,
}

#[derive(Serialize)]
struct KeyJson<'a> {
    key: &'static str,
    named: &'a str,
    outcome: &'static str,
    partner: Option<u32>,
}

#[derive(Serialize)]
struct DecidedByJson {
    key: &'static str,
    model: Option<&'static str>,
    partner: u32,
    offer: u32,
    level: &'static str,
}

/// A suspicion, with the version of the catalog whose threshold was compared.
#[derive(Serialize)]
struct SignalJson {
    code: &'static str,
    /// 0 where it is about the order.
    partner: u32,
    value: u64,
    threshold: u64,
    catalog: u32,
}

pub(crate) fn json(trace: &Trace) -> String {
    let refused = trace.refused_clicks.iter().map(|(text, reason)| RefusedJson { text, reason });
    let json = TraceJson {
        visitors: trace.visitors.iter().map(ToString::to_string).collect(),
        refused_clicks: refused.collect(),
        candidates: trace.candidates.iter().map(candidate).collect(),
        candidates_left_out: trace.candidates_left_out,
        notes: &trace.notes,
        keys: keys(trace),
        keys_left_out: trace.keys_left_out,
        decided_by: trace.decided_by.as_ref().map(decided_by),
        clock_gap_ms: trace.clock_gap_ms,
        checkout_at: trace.checkout_at.map(|it| it.to_string()),
        signals: trace.signals.iter().map(signal).collect(),
    };
    serde_json::to_string(&json).expect("texts and numbers always serialise")
}

fn candidate(it: &Candidate) -> CandidateJson {
    CandidateJson {
        touch: touch(it.touch),
        kind: it.kind.as_str(),
        at: it.at.to_string(),
        partner: it.partner.0,
        offer: it.offer.0,
        verdict: it.verdict.as_str(),
        age_ms: it.age_ms,
        window_ms: it.window_ms,
        found: it.found.map_or("", MatchedKey::as_str),
        role: it.role.as_str(),
        share_ppm: it.share.0,
        rank: it.rank,
        short_ms: it.short_ms,
        beaten_by: it.beaten_by.map(touch),
    }
}

fn keys(trace: &Trace) -> Vec<KeyJson<'_>> {
    let touches = trace.touches.all().into_iter().filter(|(_, outcome)| *outcome != KeyOutcome::NotNamed);
    let touches = touches.map(|(key, outcome)| KeyJson {
        key: key.as_str(),
        named: "",
        outcome: outcome.as_str(),
        partner: None,
    });
    let others = trace.keys.iter().map(|it| KeyJson {
        key: it.key.as_str(),
        named: &it.named,
        outcome: it.outcome.as_str(),
        partner: it.partner.map(|it| it.0),
    });
    touches.chain(others).collect()
}

fn decided_by(it: &DecidedBy) -> DecidedByJson {
    DecidedByJson {
        key: it.key.as_str(),
        model: it.model.map(SharedBy::as_str),
        partner: it.partner.0,
        offer: it.offer.0,
        level: it.level.as_str(),
    }
}

fn signal(it: &TracedSignal) -> SignalJson {
    SignalJson {
        code: it.signal.code.as_str(),
        partner: it.signal.partner.0,
        value: it.signal.value,
        threshold: it.signal.threshold,
        catalog: it.rules.0,
    }
}

fn touch(it: TouchId) -> String {
    format!("{:032x}", u128::from_be_bytes(it.0))
}
