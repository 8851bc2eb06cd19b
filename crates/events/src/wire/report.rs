//! Frozen structs of what shops say: version 1 is read, version 2 is written.

use bincode::{Decode, Encode};
use units::{CatalogVersion, CustomerId, EpochMs, OfferId, PartnerId, VisitorId};

use super::{MoneyV1, OrderKeyV1, OriginV1, known};
use crate::{
    Channel, ClickId, Item, RefundKind, RejectReason, Report, ReportedClick, ReportedStatus, Statement,
    codec::DecodeError,
};

#[derive(Decode)]
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

#[derive(Decode)]
enum StatementV1 {
    Order { amount: Option<MoneyV1> },
    Refund { refund: Box<str>, amount: Option<MoneyV1> },
}

/// What version 1 could not say is said by nobody.
impl From<ReportV1> for ReportV2 {
    fn from(it: ReportV1) -> Self {
        Self {
            received_at: it.received_at,
            origin: it.origin,
            reported_at: it.reported_at,
            key: it.key,
            channel: it.channel,
            event: it.event,
            click: it.click,
            visitor: it.visitor,
            customer: it.customer,
            email: None,
            coupons: it.coupon.into_iter().collect(),
            partner: it.partner,
            statement: match it.statement {
                StatementV1::Order { amount } => StatementV2::Order { amount },
                StatementV1::Refund { refund, amount } => {
                    StatementV2::Refund { refund, amount, kind: RefundKind::Refund.code() }
                }
            },
            status: it.status,
            reason: None,
            new_customer: it.new_customer,
            delivery: it.delivery,
            catalog: it.catalog,
            offer: None,
            checkout_at: None,
            items: Vec::new(),
            self_partner: None,
            partner_named: Box::default(),
        }
    }
}

#[derive(Encode, Decode)]
pub(crate) struct ReportV2 {
    received_at: u64,
    origin: OriginV1,
    reported_at: Option<u64>,
    key: OrderKeyV1,
    channel: u8,
    event: Box<str>,
    click: ReportedClickV1,
    visitor: Option<u64>,
    customer: Option<[u8; 16]>,
    email: Option<[u8; 16]>,
    coupons: Vec<Box<str>>,
    partner: Option<u32>,
    statement: StatementV2,
    status: Option<u8>,
    reason: Option<u8>,
    new_customer: Option<bool>,
    delivery: Box<str>,
    catalog: u32,
    offer: Option<u32>,
    checkout_at: Option<u64>,
    items: Vec<ItemV2>,
    self_partner: Option<u32>,
    partner_named: Box<str>,
}

#[derive(Encode, Decode)]
enum StatementV2 {
    Order { amount: Option<MoneyV1> },
    Refund { refund: Box<str>, amount: Option<MoneyV1>, kind: u8 },
}

#[derive(Encode, Decode)]
struct ItemV2 {
    product: Box<str>,
    quantity: u32,
    minor: i64,
}

impl From<Report> for ReportV2 {
    fn from(it: Report) -> Self {
        let item = |it: Item| ItemV2 { product: it.product, quantity: it.quantity, minor: it.minor };
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
            email: it.email.map(|customer| customer.0),
            coupons: it.coupons,
            partner: it.partner.map(|partner| partner.0),
            statement: match it.statement {
                Statement::Order { amount } => StatementV2::Order { amount: amount.map(Into::into) },
                Statement::Refund { refund, amount, kind } => {
                    StatementV2::Refund { refund, amount: amount.map(Into::into), kind: kind.code() }
                }
            },
            status: it.status.map(ReportedStatus::code),
            reason: it.reason.map(RejectReason::code),
            new_customer: it.new_customer,
            delivery: it.delivery,
            catalog: it.catalog.0,
            offer: it.offer.map(|offer| offer.0),
            checkout_at: it.checkout_at.map(|at| at.0),
            items: it.items.into_iter().map(item).collect(),
            self_partner: it.self_partner.map(|partner| partner.0),
            partner_named: it.partner_named,
        }
    }
}

impl TryFrom<ReportV2> for Report {
    type Error = DecodeError;

    fn try_from(it: ReportV2) -> Result<Self, DecodeError> {
        let status = |code| ReportedStatus::from_code(code).ok_or(DecodeError::BadField { field: "status" });
        let reason = |code| RejectReason::from_code(code).ok_or(DecodeError::BadField { field: "reason" });
        let item = |it: ItemV2| Item { product: it.product, quantity: it.quantity, minor: it.minor };
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
            email: it.email.map(CustomerId),
            coupons: it.coupons,
            partner: it.partner.map(PartnerId),
            statement: match it.statement {
                StatementV2::Order { amount } => {
                    Statement::Order { amount: amount.map(TryInto::try_into).transpose()? }
                }
                StatementV2::Refund { refund, amount, kind } => Statement::Refund {
                    refund,
                    amount: amount.map(TryInto::try_into).transpose()?,
                    kind: known!(RefundKind, kind, "refund kind"),
                },
            },
            status: it.status.map(status).transpose()?,
            reason: it.reason.map(reason).transpose()?,
            new_customer: it.new_customer,
            delivery: it.delivery,
            catalog: CatalogVersion(it.catalog),
            offer: it.offer.map(OfferId),
            checkout_at: it.checkout_at.map(EpochMs),
            items: it.items.into_iter().map(item).collect(),
            self_partner: it.self_partner.map(PartnerId),
            partner_named: it.partner_named,
        })
    }
}
