//! A report: one message of a shop about an order, by any channel.
//!
//! An order may be reported once or ten times, in any order; each report is one element of the order's set. What they amount to together
//! is decided in `attribution`.

use std::fmt;

use units::{
    AdvertiserId, CatalogVersion, CustomerId, DAY_MS, EpochMs, MINUTE_MS, Money, OfferId, Origin, PartnerId,
    VisitorId,
};

use crate::{click::coded, click_id::ClickId};

coded! {
    /// How a report reached us.
    Channel {
        /// `GET|POST /postback`.
        Postback = 0 "postback",
        /// The conversion pixel in the customer's browser.
        Pixel = 1 "pixel",
        /// A line of `POST /v1/reports`.
        Batch = 2 "batch",
        /// `/hooks/shopify/{advertiser}`.
        Shopify = 3 "shopify",
        /// `/hooks/woocommerce/{advertiser}`.
        WooCommerce = 4 "woocommerce",
        /// `/hooks/standard/{advertiser}`.
        Standard = 5 "standard",
    }
}

coded! {
    /// What the shop says of the order.
    ReportedStatus {
        /// Not settled yet.
        Pending = 0 "pending",
        /// It stands.
        Approved = 1 "approved",
        /// Cancelled, declined or fraudulent.
        Rejected = 2 "rejected",
    }
}

coded! {
    /// Why a shop rejects an order.
    RejectReason {
        /// It gave no reason.
        Unsaid = 0 "unsaid",
        /// The customer or the shop cancelled it.
        Cancelled = 1 "cancelled",
        /// It was not an honest order.
        Fraud = 2 "fraud",
        /// The same order under another id.
        Duplicate = 3 "duplicate",
        /// A trial of the shop's own.
        Test = 4 "test",
        /// Never paid for.
        Unpaid = 5 "unpaid",
        /// The goods came back.
        Returned = 6 "returned",
        /// Against the programme's terms.
        OutOfTerms = 7 "out_of_terms",
        /// A reason that is none of these.
        Other = 8 "other",
    }
}

coded! {
    /// How money went back.
    RefundKind {
        /// The shop gave it.
        Refund = 0 "refund",
        /// The customer's bank took it.
        Chargeback = 1 "chargeback",
    }
}

/// Which order: the advertiser and, by his rule, the shop's order id or what stands for it where there is none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey {
    /// Whose order.
    pub advertiser: AdvertiserId,
    /// The shop's order id; `~EVENT~click~ID` or `~EVENT~customer~HASH` where the advertiser's rule derives it. An order id of a shop that
    /// begins with `~` gets another `~` in front.
    pub order: Box<str>,
}

impl OrderKey {
    /// Bytes of an order id (impact's `OrderId` takes 64, Dub's 100; longer ones are refused with `order_id_too_long`).
    pub const ORDER_BYTES_MAX: usize = 128;

    /// The identity by the shop's own order id.
    #[must_use]
    pub fn by_id(advertiser: AdvertiserId, order: &str) -> Self {
        let escape = if order.starts_with('~') { "~" } else { "" };
        Self { advertiser, order: format!("{escape}{order}").into() }
    }

    /// One order per event and click: leads and registrations without an id.
    #[must_use]
    pub fn by_click(advertiser: AdvertiserId, event: &str, click: ClickId) -> Self {
        Self { advertiser, order: format!("~{event}~click~{click}").into() }
    }

    /// One order per event and customer.
    #[must_use]
    pub fn by_customer(advertiser: AdvertiserId, event: &str, customer: CustomerId) -> Self {
        let hash = u128::from_be_bytes(customer.0);
        Self { advertiser, order: format!("~{event}~customer~{hash:032x}").into() }
    }

    /// The key of the order's records in the log: reports, evidence and decisions of one order meet in one partition.
    #[must_use]
    pub fn log_key(&self) -> Vec<u8> {
        let mut key = self.advertiser.0.to_be_bytes().to_vec();
        key.extend_from_slice(self.order.as_bytes());
        key
    }
}

impl fmt::Display for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.advertiser, self.order)
    }
}

/// The click a report names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReportedClick {
    /// None named.
    None,
    /// One that we signed.
    Signed(ClickId),
    /// Text that is not one of ours, cut to 64 bytes, with the stable code of the reason. Kept for the trace, never believed.
    Refused {
        /// As it came.
        text: Box<str>,
        /// [`crate::ClickIdError::code`] or `unexpanded_macro`.
        reason: Box<str>,
    },
}

impl ReportedClick {
    /// The id, if it is ours.
    #[must_use]
    pub const fn signed(&self) -> Option<ClickId> {
        match self {
            Self::Signed(id) => Some(*id),
            Self::None | Self::Refused { .. } => None,
        }
    }
}

/// What a report states about the order's money.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Statement {
    /// The order's whole amount, where given. A later statement replaces an earlier one.
    Order {
        /// Never negative: a negative amount arrives as a [`Statement::Refund`].
        amount: Option<Money>,
    },
    /// Money given back. Each refund has an identity of its own: repeating it changes nothing.
    Refund {
        /// The shop's id of the refund; where there is none, the edge derives one from the report's content.
        refund: Box<str>,
        /// Positive; `None` is "all of it".
        amount: Option<Money>,
        /// Given or taken.
        kind: RefundKind,
    },
}

impl Statement {
    /// Money that the shop gave back.
    #[must_use]
    pub fn refund(refund: impl Into<Box<str>>, amount: Option<Money>) -> Self {
        Self::Refund { refund: refund.into(), amount, kind: RefundKind::Refund }
    }
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item {
    /// The shop's word for the product: its SKU, else its id; at most 64 bytes.
    pub product: Box<str>,
    /// How many of it.
    pub quantity: u32,
    /// What the whole line costs, in minor units of the currency of the report's amount.
    pub minor: i64,
}

/// One message of a shop about an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Report {
    /// When it reached the edge, by its clock. First field, so that reports sort as they came.
    pub received_at: EpochMs,
    /// Its identity.
    pub origin: Origin,
    /// When the shop says it happened, already in UTC.
    pub reported_at: Option<EpochMs>,
    /// Which order.
    pub key: OrderKey,
    /// How it came.
    pub channel: Channel,
    /// `sale`, `lead`, `registration` or the advertiser's own word.
    pub event: Box<str>,
    /// The click it names.
    pub click: ReportedClick,
    /// The visitor whose browser sent it (pixels).
    pub visitor: Option<VisitorId>,
    /// The shop's customer by the shop's id of him. Of a report of version 1: by his id or else his address.
    pub customer: Option<CustomerId>,
    /// The same customer by his e-mail address.
    pub email: Option<CustomerId>,
    /// As typed, trimmed, in the order they came, each once; at most [`Report::COUPONS_MAX`] of at most 64 bytes each.
    pub coupons: Vec<Box<str>>,
    /// A partner named outright.
    pub partner: Option<PartnerId>,
    /// What it states about money.
    pub statement: Statement,
    /// What it states about the order's fate.
    pub status: Option<ReportedStatus>,
    /// Why, where the shop says so.
    pub reason: Option<RejectReason>,
    /// Whether the shop calls the customer new.
    pub new_customer: Option<bool>,
    /// The sender's id of this delivery (webhooks); empty where there is none.
    pub delivery: Box<str>,
    /// The catalog by which the edge understood it.
    pub catalog: CatalogVersion,
    /// The offer it names.
    pub offer: Option<OfferId>,
    /// When checkout began, already in UTC.
    pub checkout_at: Option<EpochMs>,
    /// The order's lines; at most [`Report::ITEMS_MAX`].
    pub items: Vec<Item>,
    /// The partner whose e-mail address the customer has, by the catalog that the edge had; of several the lowest.
    pub self_partner: Option<PartnerId>,
    /// What it calls a partner and is nobody's number or known old id, cut to 64 bytes; empty where there is no such text.
    pub partner_named: Box<str>,
}

impl Report {
    /// Coupons of one order; shops allow two or three at once.
    pub const COUPONS_MAX: usize = 4;
    /// Lines of one order; their names come to 4 KiB at most.
    pub const ITEMS_MAX: usize = 64;
    /// How far a shop's clock may be ahead of ours before it is worth a word: clocks that are set by the network differ by seconds.
    pub const AHEAD_MS: u64 = 5 * MINUTE_MS;
    /// From this age on an order's time is worth a word: no window is longer (Tapfiliate's limit, field.md 6.3).
    pub const LONG_PAST_MS: u64 = 365 * DAY_MS;

    /// A sale by postback that says nothing but which order it is about: what the fields of a test or a tool are put upon.
    #[must_use]
    pub fn bare(key: OrderKey, received_at: EpochMs, origin: Origin) -> Self {
        Self {
            received_at,
            origin,
            reported_at: None,
            key,
            channel: Channel::Postback,
            event: "sale".into(),
            click: ReportedClick::None,
            visitor: None,
            customer: None,
            email: None,
            coupons: Vec::new(),
            partner: None,
            statement: Statement::Order { amount: None },
            status: None,
            reason: None,
            new_customer: None,
            delivery: "".into(),
            catalog: CatalogVersion::default(),
            offer: None,
            checkout_at: None,
            items: Vec::new(),
            self_partner: None,
            partner_named: "".into(),
        }
    }

    /// Who ordered, by each of the names he has in the shop; each once.
    pub fn customers(&self) -> impl Iterator<Item = CustomerId> {
        let email = self.email.filter(|it| Some(*it) != self.customer);
        self.customer.into_iter().chain(email)
    }

    /// `min(reported, received)`: a shop's clock may not place an order in the future.
    #[must_use]
    pub fn order_time(&self) -> EpochMs {
        self.reported_at.map_or(self.received_at, |reported| reported.min(self.received_at))
    }

    /// Whether the shop names a time in the future, which is not used.
    #[must_use]
    pub fn is_ahead(&self) -> bool {
        self.reported_at.is_some_and(|it| self.received_at.forth(Self::AHEAD_MS) < it)
    }

    /// Whether the shop names a time so long ago that no window reaches from a click before it to when the report came.
    #[must_use]
    pub fn is_long_past(&self) -> bool {
        self.reported_at.is_some_and(|it| it.forth(Self::LONG_PAST_MS) < self.received_at)
    }
}
