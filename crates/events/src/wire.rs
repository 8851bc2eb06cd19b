//! The frozen structs, one per kind and version, in the very order of their bytes.
//!
//! Never edit one: add a `V2` beside it and an up-cast. Only primitives live here, so that no change of a domain type can change a byte.
//! What the bytes mean is said on the domain types; what they may hold is checked in the conversions.

mod front;
mod inner;
mod outcome;

use bincode::{BorrowDecode, Decode, Encode};
use units::{
    AdvertiserId, CatalogVersion, Currency, CustomerId, EpochMs, Money, OfferId, Origin, PartnerId,
    VisitorId, WriterId,
};

pub(crate) use self::{
    front::click_head,
    inner::{CatalogV1, ClaimV1, EvidenceV1, LookupV1, QuarantinedV1},
    outcome::{CreditV1, DecisionV1},
};
use crate::{
    Browser, Channel, Click, ClickHead, ClickId, Consent, Country, Device, IpPrefix, LandingChoice, OrderKey,
    Os, Report, ReportedClick, ReportedStatus, Statement, TouchKind, Verdict, codec::DecodeError,
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

#[derive(Encode, Decode)]
pub(crate) struct ReportV1 {
    received_at: u64,
    origin: OriginV1,
    reported_at: Option<u64>,
    key: OrderKeyV1,
    channel: u8,
    event: Box<str>,
    click: ReportedClickV1,
    visitor: Option<u64>,
    customer: Option<[u8; 16]>,
    coupon: Option<Box<str>>,
    partner: Option<u32>,
    statement: StatementV1,
    status: Option<u8>,
    new_customer: Option<bool>,
    delivery: Box<str>,
    catalog: u32,
}

#[derive(Encode, Decode)]
enum ReportedClickV1 {
    None,
    Signed([u8; 31]),
    Refused { text: Box<str>, reason: Box<str> },
}

#[derive(Encode, Decode)]
enum StatementV1 {
    Order { amount: Option<MoneyV1> },
    Refund { refund: Box<str>, amount: Option<MoneyV1> },
}

impl From<Report> for ReportV1 {
    fn from(it: Report) -> Self {
        Self {
            received_at: it.received_at.0,
            origin: it.origin.into(),
            reported_at: it.reported_at.map(|at| at.0),
            key: it.key.into(),
            channel: it.channel.code(),
            event: it.event,
            click: match it.click {
                ReportedClick::None => ReportedClickV1::None,
                ReportedClick::Signed(id) => ReportedClickV1::Signed(id.to_bytes()),
                ReportedClick::Refused { text, reason } => ReportedClickV1::Refused { text, reason },
            },
            visitor: it.visitor.map(|visitor| visitor.0),
            customer: it.customer.map(|customer| customer.0),
            coupon: it.coupon,
            partner: it.partner.map(|partner| partner.0),
            statement: match it.statement {
                Statement::Order { amount } => StatementV1::Order { amount: amount.map(Into::into) },
                Statement::Refund { refund, amount } => {
                    StatementV1::Refund { refund, amount: amount.map(Into::into) }
                }
            },
            status: it.status.map(ReportedStatus::code),
            new_customer: it.new_customer,
            delivery: it.delivery,
            catalog: it.catalog.0,
        }
    }
}

impl TryFrom<ReportV1> for Report {
    type Error = DecodeError;

    fn try_from(it: ReportV1) -> Result<Self, DecodeError> {
        let status = |code| ReportedStatus::from_code(code).ok_or(DecodeError::BadField { field: "status" });
        Ok(Self {
            received_at: EpochMs(it.received_at),
            origin: it.origin.into(),
            reported_at: it.reported_at.map(EpochMs),
            key: it.key.into(),
            channel: known!(Channel, it.channel, "channel"),
            event: it.event,
            click: match it.click {
                ReportedClickV1::None => ReportedClick::None,
                ReportedClickV1::Signed(id) => ReportedClick::Signed(ClickId::from_bytes(id)),
                ReportedClickV1::Refused { text, reason } => ReportedClick::Refused { text, reason },
            },
            visitor: it.visitor.map(VisitorId),
            customer: it.customer.map(CustomerId),
            coupon: it.coupon,
            partner: it.partner.map(PartnerId),
            statement: match it.statement {
                StatementV1::Order { amount } => {
                    Statement::Order { amount: amount.map(TryInto::try_into).transpose()? }
                }
                StatementV1::Refund { refund, amount } => {
                    Statement::Refund { refund, amount: amount.map(TryInto::try_into).transpose()? }
                }
            },
            status: it.status.map(status).transpose()?,
            new_customer: it.new_customer,
            delivery: it.delivery,
            catalog: CatalogVersion(it.catalog),
        })
    }
}
