//! Frozen structs of what was decided.

use bincode::{Decode, Encode};
use units::{
    AdvertiserId, CatalogVersion, EpochMs, LinkId, OfferId, PartnerId, Ppm, Quarter, Stamp, VisitorId,
};

use super::{MoneyV1, OrderKeyV1, currency, known};
use crate::{
    Candidate, CandidateVerdict, Country, Credit, Decision, Device, MatchedKey, OrderStatus, Role,
    TimeSource, TouchId, TouchKind, Trace, Unattributed, codec::DecodeError,
};

#[derive(Encode, Decode)]
struct CandidateV1 {
    touch: [u8; 16],
    kind: u8,
    at: u64,
    partner: u32,
    offer: u32,
    verdict: u8,
    age_ms: i64,
    window_ms: u64,
}

#[derive(Encode, Decode)]
struct TraceV1 {
    visitors: Vec<u64>,
    refused_clicks: Vec<(Box<str>, Box<str>)>,
    candidates: Vec<CandidateV1>,
    candidates_left_out: u32,
    notes: Vec<Box<str>>,
}

impl From<Trace> for TraceV1 {
    fn from(it: Trace) -> Self {
        let candidate = |it: Candidate| CandidateV1 {
            touch: it.touch.0,
            kind: it.kind.code(),
            at: it.at.0,
            partner: it.partner.0,
            offer: it.offer.0,
            verdict: it.verdict.code(),
            age_ms: it.age_ms,
            window_ms: it.window_ms,
        };
        Self {
            visitors: it.visitors.into_iter().map(|visitor| visitor.0).collect(),
            refused_clicks: it.refused_clicks,
            candidates: it.candidates.into_iter().map(candidate).collect(),
            candidates_left_out: it.candidates_left_out,
            notes: it.notes,
        }
    }
}

impl TryFrom<TraceV1> for Trace {
    type Error = DecodeError;

    fn try_from(it: TraceV1) -> Result<Self, DecodeError> {
        let candidate = |it: CandidateV1| -> Result<Candidate, DecodeError> {
            Ok(Candidate {
                touch: TouchId(it.touch),
                kind: known!(TouchKind, it.kind, "kind"),
                at: EpochMs(it.at),
                partner: PartnerId(it.partner),
                offer: OfferId(it.offer),
                verdict: known!(CandidateVerdict, it.verdict, "candidate verdict"),
                age_ms: it.age_ms,
                window_ms: it.window_ms,
                found: None,
                role: Role::None,
                share: Ppm(0),
                rank: None,
                short_ms: 0,
                beaten_by: None,
            })
        };
        Ok(Self {
            visitors: it.visitors.into_iter().map(VisitorId).collect(),
            refused_clicks: it.refused_clicks,
            candidates: it.candidates.into_iter().map(candidate).collect::<Result<_, _>>()?,
            candidates_left_out: it.candidates_left_out,
            notes: it.notes,
            ..Self::default()
        })
    }
}

#[derive(Encode, Decode)]
pub(crate) struct DecisionV1 {
    stamp: u64,
    key: OrderKeyV1,
    at: u64,
    time_source: u8,
    catalog: u32,
    event: Box<str>,
    status: u8,
    amount: Option<MoneyV1>,
    refunded_minor: i64,
    revenue_minor: i64,
    currency: [u8; 3],
    offer: u32,
    partner: u32,
    matched: Option<u8>,
    unattributed: Option<u8>,
    report_count: u32,
    first_received_at: u64,
    last_received_at: u64,
    payable_at: u64,
    void_quarters: Vec<u32>,
    trace: TraceV1,
}

impl From<Decision> for DecisionV1 {
    fn from(it: Decision) -> Self {
        Self {
            stamp: it.stamp.to_u64(),
            key: it.key.into(),
            at: it.at.0,
            time_source: it.time_source.code(),
            catalog: it.catalog.0,
            event: it.event,
            status: it.status.code(),
            amount: it.amount.map(Into::into),
            refunded_minor: it.refunded_minor,
            revenue_minor: it.revenue_minor,
            currency: it.currency.to_bytes(),
            offer: it.offer.0,
            partner: it.partner.0,
            matched: it.matched.map(MatchedKey::code),
            unattributed: it.unattributed.map(Unattributed::code),
            report_count: it.report_count,
            first_received_at: it.first_received_at.0,
            last_received_at: it.last_received_at.0,
            payable_at: it.payable_at.0,
            void_quarters: it.void_quarters.into_iter().map(|quarter| quarter.0).collect(),
            trace: it.trace.into(),
        }
    }
}

impl TryFrom<DecisionV1> for Decision {
    type Error = DecodeError;

    fn try_from(it: DecisionV1) -> Result<Self, DecodeError> {
        let matched = |code| MatchedKey::from_code(code).ok_or(DecodeError::BadField { field: "matched" });
        let unattributed =
            |code| Unattributed::from_code(code).ok_or(DecodeError::BadField { field: "unattributed" });
        Ok(Self {
            stamp: Stamp::from_u64(it.stamp),
            key: it.key.into(),
            at: EpochMs(it.at),
            time_source: known!(TimeSource, it.time_source, "time source"),
            catalog: CatalogVersion(it.catalog),
            event: it.event,
            status: known!(OrderStatus, it.status, "status"),
            amount: it.amount.map(TryInto::try_into).transpose()?,
            refunded_minor: it.refunded_minor,
            revenue_minor: it.revenue_minor,
            currency: currency(it.currency)?,
            offer: OfferId(it.offer),
            partner: PartnerId(it.partner),
            matched: it.matched.map(matched).transpose()?,
            unattributed: it.unattributed.map(unattributed).transpose()?,
            report_count: it.report_count,
            first_received_at: EpochMs(it.first_received_at),
            last_received_at: EpochMs(it.last_received_at),
            payable_at: EpochMs(it.payable_at),
            model: None,
            path_touches: 0,
            reporting: None,
            hold: None,
            reason: None,
            // Whatever went back hid it.
            is_approved: it.status == OrderStatus::Approved.code(),
            void_quarters: it.void_quarters.into_iter().map(Quarter).collect(),
            trace: it.trace.try_into()?,
        })
    }
}

#[derive(Encode, Decode)]
pub(crate) struct CreditV1 {
    stamp: u64,
    quarter: u32,
    key: OrderKeyV1,
    touch: [u8; 16],
    touched_at: u64,
    at: u64,
    partner: u32,
    offer: u32,
    advertiser: u32,
    link: u32,
    country: [u8; 2],
    device: u8,
    share_ppm: u32,
    revenue_minor: i64,
    currency: [u8; 3],
    status: u8,
    role: u8,
}

impl From<Credit> for CreditV1 {
    fn from(it: Credit) -> Self {
        Self {
            stamp: it.stamp.to_u64(),
            quarter: it.quarter.0,
            key: it.key.into(),
            touch: it.touch.0,
            touched_at: it.touched_at.0,
            at: it.at.0,
            partner: it.partner.0,
            offer: it.offer.0,
            advertiser: it.advertiser.0,
            link: it.link.0,
            country: it.country.0,
            device: it.device.code(),
            share_ppm: it.share.0,
            revenue_minor: it.revenue_minor,
            currency: it.currency.to_bytes(),
            status: it.status.code(),
            role: it.role.code(),
        }
    }
}

impl TryFrom<CreditV1> for Credit {
    type Error = DecodeError;

    fn try_from(it: CreditV1) -> Result<Self, DecodeError> {
        Ok(Self {
            stamp: Stamp::from_u64(it.stamp),
            quarter: Quarter(it.quarter),
            key: it.key.into(),
            touch: TouchId(it.touch),
            touched_at: EpochMs(it.touched_at),
            at: EpochMs(it.at),
            partner: PartnerId(it.partner),
            offer: OfferId(it.offer),
            advertiser: AdvertiserId(it.advertiser),
            link: LinkId(it.link),
            country: Country(it.country),
            device: known!(Device, it.device, "device"),
            share: Ppm(it.share_ppm),
            revenue_minor: it.revenue_minor,
            currency: currency(it.currency)?,
            status: known!(OrderStatus, it.status, "status"),
            role: known!(Role, it.role, "role"),
            standing: None,
            is_assist: false,
            path_touches: 0,
            reporting: None,
            hold: None,
            is_approved: it.status == OrderStatus::Approved.code(),
            refunded_minor: 0,
        })
    }
}
