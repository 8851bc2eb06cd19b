//! Frozen structs of scores, and of suspicions in traces.

use bincode::{Decode, Encode};
use units::{CatalogVersion, EpochMs, PartnerId};

use super::{OrderKeyV1, OriginV1, known};
use crate::{Score, Signal, SignalCode, TracedSignal, codec::DecodeError};

#[derive(Encode, Decode)]
struct SignalV1 {
    code: u8,
    partner: u32,
    value: u64,
    threshold: u64,
}

#[derive(Encode, Decode)]
pub(crate) struct ScoreV1 {
    origin: OriginV1,
    received_at: u64,
    order: OrderKeyV1,
    rules: u32,
    scored_at: u64,
    signals: Vec<SignalV1>,
}

#[derive(Encode, Decode)]
pub(super) struct TracedSignalV1 {
    signal: SignalV1,
    rules: u32,
}

impl From<TracedSignal> for TracedSignalV1 {
    fn from(it: TracedSignal) -> Self {
        Self { signal: it.signal.into(), rules: it.rules.0 }
    }
}

impl TryFrom<TracedSignalV1> for TracedSignal {
    type Error = DecodeError;

    fn try_from(it: TracedSignalV1) -> Result<Self, DecodeError> {
        Ok(Self { signal: it.signal.try_into()?, rules: CatalogVersion(it.rules) })
    }
}

impl From<Signal> for SignalV1 {
    fn from(it: Signal) -> Self {
        Self { code: it.code.code(), partner: it.partner.0, value: it.value, threshold: it.threshold }
    }
}

impl TryFrom<SignalV1> for Signal {
    type Error = DecodeError;

    fn try_from(it: SignalV1) -> Result<Self, DecodeError> {
        Ok(Self {
            code: known!(SignalCode, it.code, "signal"),
            partner: PartnerId(it.partner),
            value: it.value,
            threshold: it.threshold,
        })
    }
}

impl From<Score> for ScoreV1 {
    fn from(it: Score) -> Self {
        Self {
            origin: it.origin.into(),
            received_at: it.received_at.0,
            order: it.order.into(),
            rules: it.rules.0,
            scored_at: it.scored_at.0,
            signals: it.signals.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<ScoreV1> for Score {
    type Error = DecodeError;

    fn try_from(it: ScoreV1) -> Result<Self, DecodeError> {
        let signals: Vec<Signal> = it.signals.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
        if !Self::is_arranged(&signals) {
            return Err(DecodeError::BadField { field: "signals" });
        }
        Ok(Self {
            origin: it.origin.into(),
            received_at: EpochMs(it.received_at),
            order: it.order.into(),
            rules: CatalogVersion(it.rules),
            scored_at: EpochMs(it.scored_at),
            signals,
        })
    }
}
