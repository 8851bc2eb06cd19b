//! The frozen structs, one per kind and version, in the very order of their bytes.
//!
//! Never edit one: add a `V2` beside it and an up-cast. Only primitives live here, so that no change of a domain type can change a byte.
//! What the bytes mean is said on the domain types; what they may hold is checked in the conversions.

mod decided;
mod front;
mod inner;
mod outcome;
mod report;
mod score;
mod traced;

use bincode::{BorrowDecode, Decode, Encode};
use units::{AdvertiserId, CatalogVersion, Currency, Money, OfferId, Origin, PartnerId, WriterId};

pub(crate) use self::{
    decided::{CreditV2, DecisionV2},
    front::click_head,
    inner::{BoundV1, CatalogV1, ClaimV1, EvidenceV1, EvidenceV2, LookupV1, QuarantinedV1},
    outcome::{CreditV1, DecisionV1},
    report::{ReportV1, ReportV2},
    score::ScoreV1,
};
use crate::{
    Browser, Click, ClickHead, ClickId, Consent, Country, Device, IpPrefix, LandingChoice, OrderKey, Os,
    TouchKind, Verdict, codec::DecodeError,
};

/// Turns a code into its value, or names the field that holds an unknown one.
macro_rules! known {
    ($type:ty, $code:expr, $field:literal) => {
        <$type>::from_code($code).ok_or(DecodeError::BadField { field: $field })?
    };
}
use known;

#[derive(Encode, Decode)]
pub(crate) struct OriginV1 {
    writer: u32,
    incarnation: u32,
    sequence: u64,
}

impl From<Origin> for OriginV1 {
    fn from(it: Origin) -> Self {
        Self { writer: it.writer.0, incarnation: it.incarnation, sequence: it.sequence }
    }
}

impl From<OriginV1> for Origin {
    fn from(it: OriginV1) -> Self {
        Self { writer: WriterId(it.writer), incarnation: it.incarnation, sequence: it.sequence }
    }
}

#[derive(Encode, Decode)]
pub(crate) struct ClickHeadV1 {
    origin: OriginV1,
    id: [u8; 31],
    kind: u8,
    verdict: u8,
    verdict_version: u16,
    partner: u32,
    offer: u32,
    advertiser: u32,
    catalog: u32,
    currency: [u8; 3],
    country: [u8; 2],
    device: u8,
}

impl From<ClickHead> for ClickHeadV1 {
    fn from(it: ClickHead) -> Self {
        Self {
            origin: it.origin.into(),
            id: it.id.to_bytes(),
            kind: it.kind.code(),
            verdict: it.verdict.code(),
            verdict_version: it.verdict_version,
            partner: it.partner.0,
            offer: it.offer.0,
            advertiser: it.advertiser.0,
            catalog: it.catalog.0,
            currency: it.currency.to_bytes(),
            country: it.country.0,
            device: it.device.code(),
        }
    }
}

impl TryFrom<ClickHeadV1> for ClickHead {
    type Error = DecodeError;

    fn try_from(it: ClickHeadV1) -> Result<Self, DecodeError> {
        Ok(Self {
            origin: it.origin.into(),
            id: ClickId::from_bytes(it.id),
            kind: known!(TouchKind, it.kind, "kind"),
            verdict: known!(Verdict, it.verdict, "verdict"),
            verdict_version: it.verdict_version,
            partner: PartnerId(it.partner),
            offer: OfferId(it.offer),
            advertiser: AdvertiserId(it.advertiser),
            catalog: CatalogVersion(it.catalog),
            currency: currency(it.currency)?,
            country: Country(it.country),
            device: known!(Device, it.device, "device"),
        })
    }
}

/// The euro first: looking a code up in the list takes longer than all the rest of a click's front.
fn currency(bytes: [u8; 3]) -> Result<Currency, DecodeError> {
    if bytes == Currency::EUR.to_bytes() {
        return Ok(Currency::EUR);
    }
    Currency::from_bytes(bytes).map_err(|_| DecodeError::BadField { field: "currency" })
}

#[derive(Encode, BorrowDecode)]
pub(crate) struct ClickV1<'a> {
    head: ClickHeadV1,
    os: u8,
    browser: u8,
    consent: u8,
    visitor_is_new: bool,
    ip: IpPrefixV1,
    ip_hash: [u8; 8],
    user_agent_hash: [u8; 8],
    landing: u8,
    deep_link: &'a str,
    referrer_host: &'a str,
    source: &'a str,
    partner_click_id: &'a str,
    subs: Vec<(u8, &'a str)>,
    tags: Vec<(&'a str, &'a str)>,
}

#[derive(Encode, Decode)]
enum IpPrefixV1 {
    None,
    V4([u8; 3]),
    V6([u8; 6]),
}

impl<'a> From<Click<'a>> for ClickV1<'a> {
    fn from(it: Click<'a>) -> Self {
        Self {
            head: it.head.into(),
            os: it.os.code(),
            browser: it.browser.code(),
            consent: it.consent.bits(),
            visitor_is_new: it.visitor_is_new,
            ip: match it.ip {
                IpPrefix::None => IpPrefixV1::None,
                IpPrefix::V4(bytes) => IpPrefixV1::V4(bytes),
                IpPrefix::V6(bytes) => IpPrefixV1::V6(bytes),
            },
            ip_hash: it.ip_hash.to_le_bytes(),
            user_agent_hash: it.user_agent_hash.to_le_bytes(),
            landing: it.landing.code(),
            deep_link: it.deep_link,
            referrer_host: it.referrer_host,
            source: it.source,
            partner_click_id: it.partner_click_id,
            subs: it.subs,
            tags: it.tags,
        }
    }
}

impl<'a> TryFrom<ClickV1<'a>> for Click<'a> {
    type Error = DecodeError;

    fn try_from(it: ClickV1<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            head: it.head.try_into()?,
            os: known!(Os, it.os, "os"),
            browser: known!(Browser, it.browser, "browser"),
            consent: Consent::from_bits(it.consent).ok_or(DecodeError::BadField { field: "consent" })?,
            visitor_is_new: it.visitor_is_new,
            ip: match it.ip {
                IpPrefixV1::None => IpPrefix::None,
                IpPrefixV1::V4(bytes) => IpPrefix::V4(bytes),
                IpPrefixV1::V6(bytes) => IpPrefix::V6(bytes),
            },
            ip_hash: u64::from_le_bytes(it.ip_hash),
            user_agent_hash: u64::from_le_bytes(it.user_agent_hash),
            landing: known!(LandingChoice, it.landing, "landing"),
            deep_link: it.deep_link,
            referrer_host: it.referrer_host,
            source: it.source,
            partner_click_id: it.partner_click_id,
            subs: it.subs,
            tags: it.tags,
        })
    }
}

#[derive(Encode, Decode)]
struct MoneyV1 {
    minor: i64,
    currency: [u8; 3],
}

impl From<Money> for MoneyV1 {
    fn from(it: Money) -> Self {
        Self { minor: it.minor, currency: it.currency.to_bytes() }
    }
}

impl TryFrom<MoneyV1> for Money {
    type Error = DecodeError;

    fn try_from(it: MoneyV1) -> Result<Self, DecodeError> {
        Ok(Self { minor: it.minor, currency: currency(it.currency)? })
    }
}

#[derive(Encode, Decode)]
pub(crate) struct OrderKeyV1 {
    advertiser: u32,
    order: Box<str>,
}

impl From<OrderKey> for OrderKeyV1 {
    fn from(it: OrderKey) -> Self {
        Self { advertiser: it.advertiser.0, order: it.order }
    }
}

impl From<OrderKeyV1> for OrderKey {
    fn from(it: OrderKeyV1) -> Self {
        Self { advertiser: AdvertiserId(it.advertiser), order: it.order }
    }
}
