//! What the trace of version 2 says beside that of version 1: of each candidate, of the keys, and of what decided.

use bincode::{Decode, Encode};
use units::{EpochMs, OfferId, PartnerId, Ppm};

use super::{decided::model, known, score::TracedSignalV1};
use crate::{
    Candidate, DecidedBy, EarningKey, KeyOutcome, Level, MatchedKey, Role, SharedBy, TouchId, Trace,
    TriedKey, TriedTouches, codec::DecodeError,
};

/// Of one candidate, in the order of the candidates of version 1.
#[derive(Encode, Decode)]
struct CandidateV2 {
    found: Option<u8>,
    role: u8,
    share_ppm: u32,
    rank: Option<u8>,
    short_ms: i64,
    beaten_by: Option<[u8; 16]>,
}

#[derive(Encode, Decode)]
struct TriedKeyV1 {
    key: u8,
    named: Box<str>,
    outcome: u8,
    partner: Option<u32>,
}

#[derive(Encode, Decode)]
struct DecidedByV1 {
    key: u8,
    model: Option<u8>,
    partner: u32,
    offer: u32,
    level: u8,
}

#[derive(Encode, Decode)]
pub(crate) struct TraceV2 {
    candidates: Vec<CandidateV2>,
    /// Of click ids, visitors, and the customer's other visitors.
    touches: [u8; 3],
    keys: Vec<TriedKeyV1>,
    keys_left_out: u32,
    decided_by: Option<DecidedByV1>,
    clock_gap_ms: u64,
    checkout_at: Option<u64>,
    signals: Vec<TracedSignalV1>,
}

impl TraceV2 {
    /// Takes out of a trace what version 1 has no place for.
    pub(super) fn taken(it: &mut Trace) -> Self {
        let candidate = |it: &Candidate| CandidateV2 {
            found: it.found.map(MatchedKey::code),
            role: it.role.code(),
            share_ppm: it.share.0,
            rank: it.rank,
            short_ms: it.short_ms,
            beaten_by: it.beaten_by.map(|it| it.0),
        };
        let key = |it: TriedKey| TriedKeyV1 {
            key: it.key.code(),
            named: it.named,
            outcome: it.outcome.code(),
            partner: it.partner.map(|it| it.0),
        };
        let decided_by = |it: DecidedBy| DecidedByV1 {
            key: it.key.code(),
            model: it.model.map(SharedBy::code),
            partner: it.partner.0,
            offer: it.offer.0,
            level: it.level.code(),
        };
        Self {
            candidates: it.candidates.iter().map(candidate).collect(),
            touches: it.touches.all().map(|(_, outcome)| outcome.code()),
            keys: std::mem::take(&mut it.keys).into_iter().map(key).collect(),
            keys_left_out: it.keys_left_out,
            decided_by: it.decided_by.map(decided_by),
            clock_gap_ms: it.clock_gap_ms,
            checkout_at: it.checkout_at.map(|it| it.0),
            signals: std::mem::take(&mut it.signals).into_iter().map(Into::into).collect(),
        }
    }

    /// With what version 1 said of the same trace.
    pub(super) fn joined(self, first: Trace) -> Result<Trace, DecodeError> {
        if self.candidates.len() != first.candidates.len() {
            return Err(DecodeError::BadField { field: "candidates" });
        }
        let candidates = first.candidates.iter().zip(self.candidates);
        let candidates = candidates.map(|(first, it)| it.joined(first)).collect::<Result<_, _>>()?;
        let [click_id, visitor, customer_visitor] = self.touches;
        Ok(Trace {
            candidates,
            touches: TriedTouches {
                click_id: outcome(click_id)?,
                visitor: outcome(visitor)?,
                customer_visitor: outcome(customer_visitor)?,
            },
            keys: self.keys.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            keys_left_out: self.keys_left_out,
            decided_by: self.decided_by.map(TryInto::try_into).transpose()?,
            clock_gap_ms: self.clock_gap_ms,
            checkout_at: self.checkout_at.map(EpochMs),
            signals: self.signals.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            ..first
        })
    }
}

impl CandidateV2 {
    fn joined(self, first: &Candidate) -> Result<Candidate, DecodeError> {
        Ok(Candidate {
            found: self.found.map(matched).transpose()?,
            role: known!(Role, self.role, "role"),
            share: Ppm(self.share_ppm),
            rank: self.rank,
            short_ms: self.short_ms,
            beaten_by: self.beaten_by.map(TouchId),
            ..*first
        })
    }
}

impl TryFrom<TriedKeyV1> for TriedKey {
    type Error = DecodeError;

    fn try_from(it: TriedKeyV1) -> Result<Self, DecodeError> {
        Ok(Self {
            key: matched(it.key)?,
            named: it.named,
            outcome: outcome(it.outcome)?,
            partner: it.partner.map(PartnerId),
        })
    }
}

impl TryFrom<DecidedByV1> for DecidedBy {
    type Error = DecodeError;

    fn try_from(it: DecidedByV1) -> Result<Self, DecodeError> {
        Ok(Self {
            key: known!(EarningKey, it.key, "earning key"),
            model: it.model.map(model).transpose()?,
            partner: PartnerId(it.partner),
            offer: OfferId(it.offer),
            level: known!(Level, it.level, "level"),
        })
    }
}

fn outcome(code: u8) -> Result<KeyOutcome, DecodeError> {
    Ok(known!(KeyOutcome, code, "key outcome"))
}

fn matched(code: u8) -> Result<MatchedKey, DecodeError> {
    Ok(known!(MatchedKey, code, "matched"))
}
