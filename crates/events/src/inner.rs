//! What the machines tell one another: look-ups, evidence, claims; and the catalog's versions and what could not be read.

use units::{
    AdvertiserId, CatalogVersion, CustomerId, EpochMs, LinkId, OfferId, Origin, PartnerId, Stamp, VisitorId,
};

use crate::{
    click::{ClickHead, Country, Device, TouchKind, Verdict, coded},
    click_id::{ClickId, TouchId},
    report::OrderKey,
};

/// Whose timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// A browser.
    Visitor(VisitorId),
    /// A shop's customer.
    Customer(CustomerId),
}

impl Identity {
    /// The key of the identity's records in the log. A visitor's clicks and look-ups meet in one partition.
    #[must_use]
    pub fn log_key(&self) -> Vec<u8> {
        match self {
            Self::Visitor(visitor) => visitor.0.to_be_bytes().to_vec(),
            Self::Customer(customer) => customer.0.to_vec(),
        }
    }
}

/// A click or view as a timeline remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Touch {
    /// When. First field, and [`Touch::origin`] second, so that touches sort by (time, writer, sequence).
    pub at: EpochMs,
    /// The record's identity; all zeros where only the signed id is known so far.
    pub origin: Origin,
    /// Its name in ClickHouse.
    pub id: TouchId,
    /// Who.
    pub visitor: VisitorId,
    /// Click or view.
    pub kind: TouchKind,
    /// What the edge thought of it.
    pub verdict: Verdict,
    /// Whose link it was.
    pub partner: PartnerId,
    /// For which offer.
    pub offer: OfferId,
    /// Of which advertiser.
    pub advertiser: AdvertiserId,
    /// Which link.
    pub link: LinkId,
    /// Where from.
    pub country: Country,
    /// On what.
    pub device: Device,
}

impl From<&ClickHead> for Touch {
    #[inline]
    fn from(head: &ClickHead) -> Self {
        Self {
            at: head.at(),
            origin: head.origin,
            id: head.id.touch(),
            visitor: head.visitor(),
            kind: head.kind,
            verdict: head.verdict,
            partner: head.partner,
            offer: head.offer,
            advertiser: head.advertiser,
            link: head.link(),
            country: head.country,
            device: head.device,
        }
    }
}

/// An order asks what an identity touched. Stamped by the order's owner.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lookup {
    /// Version of this question: key (identity, order).
    pub stamp: Stamp,
    /// Whose timeline is asked.
    pub identity: Identity,
    /// Who asks.
    pub order: OrderKey,
    /// Touches from this instant on...
    pub from: EpochMs,
    /// ...to this one, inclusive.
    pub to: EpochMs,
    /// The order's time, which ranks it among a customer's orders.
    pub at: EpochMs,
    /// For a customer: visitors this order knows to be his.
    pub visitors: Vec<VisitorId>,
}

/// An order that a customer's timeline knows to be credited.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Binding {
    /// Which order.
    pub order: OrderKey,
    /// Its time.
    pub at: EpochMs,
    /// Who was credited, if anyone.
    pub partner: Option<PartnerId>,
    /// Version of this binding, by that order's owner.
    pub stamp: Stamp,
}

/// What became of an order, told to the timeline of each customer it names: stamped as the decision is, by the order's owner.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bound {
    /// Version of this record: key (customer, order).
    pub stamp: Stamp,
    /// Whose order.
    pub customer: CustomerId,
    /// Which order.
    pub order: OrderKey,
    /// Its time as [`Lookup::at`] says it, which ranks it among the customer's orders.
    pub at: EpochMs,
    /// Who leads it, if anyone does and it stands.
    pub partner: Option<PartnerId>,
    /// For what; 0 without a partner.
    pub offer: OfferId,
    /// He has it because the customer was bound to him: that binds nobody anew.
    pub by_binding: bool,
    /// It was not rejected, and has an amount: the customer has bought.
    pub is_purchase: bool,
}

/// To whom a customer is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BoundTo {
    /// By an order of this time.
    pub at: EpochMs,
    /// Who led it.
    pub partner: PartnerId,
    /// For what.
    pub offer: OfferId,
    /// Purchases since, up to the order that asks.
    pub since: u32,
}

/// What a customer's orders of before come to, as an order of his sees it: only those earlier by (time, order).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Past {
    /// By the first order that somebody earned by himself.
    pub first: Option<BoundTo>,
    /// By the last such order.
    pub last: Option<BoundTo>,
    /// Purchases.
    pub orders: u32,
}

/// A timeline's answer. Touches, partners and visitors are true facts and add up by union; bindings are the newest claim's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Evidence {
    /// Version of this answer: key (order, identity).
    pub stamp: Stamp,
    /// Who asked.
    pub order: OrderKey,
    /// Whose timeline answers.
    pub identity: Identity,
    /// Its touches of the order's advertiser within the asked range, ascending.
    pub touches: Vec<Touch>,
    /// Partners it names, also beyond the cap on touches.
    pub partners: Vec<PartnerId>,
    /// For a customer: all his visitors.
    pub visitors: Vec<VisitorId>,
    /// Of earlier builds, which never filled it.
    pub bindings: Vec<Binding>,
    /// For a customer: what his orders of before come to. Of the newest claim's newest answer, as it is no set that grows.
    pub past: Option<Past>,
}

impl Evidence {
    /// An answer that knows of nothing.
    #[must_use]
    pub const fn bare(stamp: Stamp, order: OrderKey, identity: Identity) -> Self {
        Self {
            stamp,
            order,
            identity,
            touches: Vec::new(),
            partners: Vec::new(),
            visitors: Vec::new(),
            bindings: Vec::new(),
            past: None,
        }
    }
}

coded! {
    /// Which machine a claim is for.
    Machine {
        /// Decides orders.
        Orders = 0 "orders",
        /// Remembers touches.
        Timelines = 1 "timelines",
    }
}

/// An owner begins to work on a partition. The record's offset is the claim's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Of the log's partitions.
    pub partition: u32,
    /// Random, so that the owner knows his own record when he reads it.
    pub nonce: u64,
    /// When, by the owner's clock; for people only.
    pub at: EpochMs,
    /// Who, for people only: host and process.
    pub owner: Box<str>,
}

/// A version of the catalog, as `catalog apply` logged it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogRecord {
    /// Dense from 1.
    pub version: CatalogVersion,
    /// From when on it holds; may be in the past.
    pub effective_at: EpochMs,
    /// When it was logged.
    pub applied_at: EpochMs,
    /// The whole catalog as one TOML text.
    pub text: Box<str>,
}

/// A record that could not be understood, with the reason, kept for `quarantine replay`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// A stable code.
    pub reason: Box<str>,
    /// Where it stood: stream and position, as text.
    pub place: Box<str>,
    /// The bytes as found, cut to [`crate::INPUT_BYTES_MAX`].
    pub bytes: Vec<u8>,
}

impl Touch {
    /// The touch that a signed id vouches for while its record is not known. Partner, offer and advertiser are the catalog's of that moment.
    #[must_use]
    pub fn of_signed_id(id: ClickId, partner: PartnerId, offer: OfferId, advertiser: AdvertiserId) -> Self {
        Self {
            at: id.at(),
            origin: Origin::default(),
            id: id.touch(),
            visitor: id.visitor(),
            kind: TouchKind::Click,
            verdict: Verdict::Valid,
            partner,
            offer,
            advertiser,
            link: id.link(),
            country: Country::UNKNOWN,
            device: Device::Unknown,
        }
    }
}
