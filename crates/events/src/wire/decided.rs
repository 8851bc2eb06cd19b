//! Version 2 of what was decided: version 1, and behind it how the order was shared, what it is worth in the reporting currency, holds, and the rest
//! of the trace.

use bincode::{Decode, Encode};
use units::Rate;

use super::{
    currency, known,
    outcome::{CreditV1, DecisionV1},
    traced::TraceV2,
};
use crate::{
    CandidateVerdict, Credit, Decision, Hold, MatchedKey, RejectReason, Reporting, SharedBy, Standing,
    TouchKind, codec::DecodeError,
};

#[derive(Encode, Decode)]
struct ReportingV1 {
    minor: i64,
    currency: [u8; 3],
    /// In parts of 10^-12.
    rate: u64,
}

impl From<Reporting> for ReportingV1 {
    fn from(it: Reporting) -> Self {
        Self { minor: it.minor, currency: it.currency.to_bytes(), rate: it.rate.parts() }
    }
}

impl TryFrom<ReportingV1> for Reporting {
    type Error = DecodeError;

    fn try_from(it: ReportingV1) -> Result<Self, DecodeError> {
        let rate = Rate::from_parts(it.rate).ok_or(DecodeError::BadField { field: "rate" })?;
        Ok(Self { minor: it.minor, currency: currency(it.currency)?, rate })
    }
}

#[derive(Encode, Decode)]
pub(crate) struct DecisionV2 {
    first: DecisionV1,
    model: Option<u8>,
    path_touches: u16,
    reporting: Option<ReportingV1>,
    hold: Option<u8>,
    reason: Option<u8>,
    trace: TraceV2,
    is_approved: bool,
}

impl From<Decision> for DecisionV2 {
    fn from(mut it: Decision) -> Self {
        Self {
            trace: TraceV2::taken(&mut it.trace),
            model: it.model.map(SharedBy::code),
            path_touches: it.path_touches,
            reporting: it.reporting.map(Into::into),
            hold: it.hold.map(Hold::code),
            reason: it.reason.map(RejectReason::code),
            is_approved: it.is_approved,
            first: it.into(),
        }
    }
}

impl TryFrom<DecisionV2> for Decision {
    type Error = DecodeError;

    fn try_from(it: DecisionV2) -> Result<Self, DecodeError> {
        let first: Self = it.first.try_into()?;
        Ok(Self {
            model: it.model.map(model).transpose()?,
            path_touches: it.path_touches,
            reporting: it.reporting.map(TryInto::try_into).transpose()?,
            hold: it.hold.map(hold).transpose()?,
            reason: it.reason.map(reason).transpose()?,
            trace: it.trace.joined(first.trace)?,
            is_approved: it.is_approved,
            ..first
        })
    }
}

pub(super) fn model(code: u8) -> Result<SharedBy, DecodeError> {
    Ok(known!(SharedBy, code, "model"))
}

fn reason(code: u8) -> Result<RejectReason, DecodeError> {
    Ok(known!(RejectReason, code, "reason"))
}

fn hold(code: u8) -> Result<Hold, DecodeError> {
    Ok(known!(Hold, code, "hold"))
}

#[derive(Encode, Decode)]
struct StandingV1 {
    kind: u8,
    found: u8,
    verdict: u8,
}

impl From<Standing> for StandingV1 {
    fn from(it: Standing) -> Self {
        Self { kind: it.kind.code(), found: it.found.code(), verdict: it.verdict.code() }
    }
}

impl TryFrom<StandingV1> for Standing {
    type Error = DecodeError;

    fn try_from(it: StandingV1) -> Result<Self, DecodeError> {
        Ok(Self {
            kind: known!(TouchKind, it.kind, "kind"),
            found: known!(MatchedKey, it.found, "found"),
            verdict: known!(CandidateVerdict, it.verdict, "verdict"),
        })
    }
}

#[derive(Encode, Decode)]
pub(crate) struct CreditV2 {
    first: CreditV1,
    standing: Option<StandingV1>,
    is_assist: bool,
    path_touches: u16,
    reporting: Option<ReportingV1>,
    hold: Option<u8>,
    is_approved: bool,
    refunded_minor: i64,
}

impl From<Credit> for CreditV2 {
    fn from(it: Credit) -> Self {
        Self {
            standing: it.standing.map(Into::into),
            is_assist: it.is_assist,
            path_touches: it.path_touches,
            reporting: it.reporting.map(Into::into),
            hold: it.hold.map(Hold::code),
            is_approved: it.is_approved,
            refunded_minor: it.refunded_minor,
            first: it.into(),
        }
    }
}

impl TryFrom<CreditV2> for Credit {
    type Error = DecodeError;

    fn try_from(it: CreditV2) -> Result<Self, DecodeError> {
        Ok(Self {
            standing: it.standing.map(TryInto::try_into).transpose()?,
            is_assist: it.is_assist,
            path_touches: it.path_touches,
            reporting: it.reporting.map(TryInto::try_into).transpose()?,
            hold: it.hold.map(hold).transpose()?,
            is_approved: it.is_approved,
            refunded_minor: it.refunded_minor,
            ..it.first.try_into()?
        })
    }
}
