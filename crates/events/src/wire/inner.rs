//! Frozen structs of what the machines tell one another, of catalog versions and of quarantined records.

use bincode::{Decode, Encode};
use units::{
    AdvertiserId, CatalogVersion, CustomerId, EpochMs, LinkId, OfferId, PartnerId, Stamp, VisitorId,
};

use super::{OrderKeyV1, OriginV1, known};
use crate::{
    Binding, Bound, BoundTo, CatalogRecord, Claim, Country, Device, Evidence, Identity, Lookup, Past,
    Quarantined, Touch, TouchId, TouchKind, Verdict, codec::DecodeError,
};

#[derive(Encode, Decode)]
enum IdentityV1 {
    Visitor(u64),
    Customer([u8; 16]),
}

impl From<Identity> for IdentityV1 {
    fn from(it: Identity) -> Self {
        match it {
            Identity::Visitor(visitor) => Self::Visitor(visitor.0),
            Identity::Customer(customer) => Self::Customer(customer.0),
        }
    }
}

impl From<IdentityV1> for Identity {
    fn from(it: IdentityV1) -> Self {
        match it {
            IdentityV1::Visitor(visitor) => Self::Visitor(VisitorId(visitor)),
            IdentityV1::Customer(customer) => Self::Customer(CustomerId(customer)),
        }
    }
}

#[derive(Encode, Decode)]
pub(crate) struct LookupV1 {
    stamp: u64,
    identity: IdentityV1,
    order: OrderKeyV1,
    from: u64,
    to: u64,
    at: u64,
    visitors: Vec<u64>,
}

impl From<Lookup> for LookupV1 {
    fn from(it: Lookup) -> Self {
        Self {
            stamp: it.stamp.to_u64(),
            identity: it.identity.into(),
            order: it.order.into(),
            from: it.from.0,
            to: it.to.0,
            at: it.at.0,
            visitors: it.visitors.into_iter().map(|visitor| visitor.0).collect(),
        }
    }
}

impl From<LookupV1> for Lookup {
    fn from(it: LookupV1) -> Self {
        Self {
            stamp: Stamp::from_u64(it.stamp),
            identity: it.identity.into(),
            order: it.order.into(),
            from: EpochMs(it.from),
            to: EpochMs(it.to),
            at: EpochMs(it.at),
            visitors: it.visitors.into_iter().map(VisitorId).collect(),
        }
    }
}

#[derive(Encode, Decode)]
struct TouchV1 {
    at: u64,
    origin: OriginV1,
    id: [u8; 16],
    visitor: u64,
    kind: u8,
    verdict: u8,
    partner: u32,
    offer: u32,
    advertiser: u32,
    link: u32,
    country: [u8; 2],
    device: u8,
}

impl From<Touch> for TouchV1 {
    fn from(it: Touch) -> Self {
        Self {
            at: it.at.0,
            origin: it.origin.into(),
            id: it.id.0,
            visitor: it.visitor.0,
            kind: it.kind.code(),
            verdict: it.verdict.code(),
            partner: it.partner.0,
            offer: it.offer.0,
            advertiser: it.advertiser.0,
            link: it.link.0,
            country: it.country.0,
            device: it.device.code(),
        }
    }
}

impl TryFrom<TouchV1> for Touch {
    type Error = DecodeError;

    fn try_from(it: TouchV1) -> Result<Self, DecodeError> {
        Ok(Self {
            at: EpochMs(it.at),
            origin: it.origin.into(),
            id: TouchId(it.id),
            visitor: VisitorId(it.visitor),
            kind: known!(TouchKind, it.kind, "kind"),
            verdict: known!(Verdict, it.verdict, "verdict"),
            partner: PartnerId(it.partner),
            offer: OfferId(it.offer),
            advertiser: AdvertiserId(it.advertiser),
            link: LinkId(it.link),
            country: Country(it.country),
            device: known!(Device, it.device, "device"),
        })
    }
}

#[derive(Encode, Decode)]
struct BindingV1 {
    order: OrderKeyV1,
    at: u64,
    partner: Option<u32>,
    stamp: u64,
}

#[derive(Encode, Decode)]
pub(crate) struct EvidenceV1 {
    stamp: u64,
    order: OrderKeyV1,
    identity: IdentityV1,
    touches: Vec<TouchV1>,
    partners: Vec<u32>,
    visitors: Vec<u64>,
    bindings: Vec<BindingV1>,
}

impl From<Evidence> for EvidenceV1 {
    fn from(it: Evidence) -> Self {
        let binding = |it: Binding| BindingV1 {
            order: it.order.into(),
            at: it.at.0,
            partner: it.partner.map(|partner| partner.0),
            stamp: it.stamp.to_u64(),
        };
        Self {
            stamp: it.stamp.to_u64(),
            order: it.order.into(),
            identity: it.identity.into(),
            touches: it.touches.into_iter().map(Into::into).collect(),
            partners: it.partners.into_iter().map(|partner| partner.0).collect(),
            visitors: it.visitors.into_iter().map(|visitor| visitor.0).collect(),
            bindings: it.bindings.into_iter().map(binding).collect(),
        }
    }
}

impl TryFrom<EvidenceV1> for Evidence {
    type Error = DecodeError;

    fn try_from(it: EvidenceV1) -> Result<Self, DecodeError> {
        let binding = |it: BindingV1| Binding {
            order: it.order.into(),
            at: EpochMs(it.at),
            partner: it.partner.map(PartnerId),
            stamp: Stamp::from_u64(it.stamp),
        };
        Ok(Self {
            stamp: Stamp::from_u64(it.stamp),
            order: it.order.into(),
            identity: it.identity.into(),
            touches: it.touches.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            partners: it.partners.into_iter().map(PartnerId).collect(),
            visitors: it.visitors.into_iter().map(VisitorId).collect(),
            bindings: it.bindings.into_iter().map(binding).collect(),
            past: None,
        })
    }
}

#[derive(Encode, Decode)]
struct BoundToV1 {
    at: u64,
    partner: u32,
    offer: u32,
    since: u32,
}

#[derive(Encode, Decode)]
struct PastV1 {
    first: Option<BoundToV1>,
    last: Option<BoundToV1>,
    orders: u32,
}

/// Written only where there is a past: what earlier builds can read stays as they know it.
#[derive(Encode, Decode)]
pub(crate) struct EvidenceV2 {
    evidence: EvidenceV1,
    past: Option<PastV1>,
}

impl From<Evidence> for EvidenceV2 {
    fn from(it: Evidence) -> Self {
        let to = |it: BoundTo| BoundToV1 {
            at: it.at.0,
            partner: it.partner.0,
            offer: it.offer.0,
            since: it.since,
        };
        let past =
            it.past.map(|it| PastV1 { first: it.first.map(to), last: it.last.map(to), orders: it.orders });
        Self { evidence: it.into(), past }
    }
}

impl TryFrom<EvidenceV2> for Evidence {
    type Error = DecodeError;

    fn try_from(it: EvidenceV2) -> Result<Self, DecodeError> {
        let to = |it: BoundToV1| BoundTo {
            at: EpochMs(it.at),
            partner: PartnerId(it.partner),
            offer: OfferId(it.offer),
            since: it.since,
        };
        let past =
            it.past.map(|it| Past { first: it.first.map(to), last: it.last.map(to), orders: it.orders });
        Ok(Self { past, ..it.evidence.try_into()? })
    }
}

#[derive(Encode, Decode)]
pub(crate) struct BoundV1 {
    stamp: u64,
    customer: [u8; 16],
    order: OrderKeyV1,
    at: u64,
    partner: Option<u32>,
    offer: u32,
    by_binding: bool,
    is_purchase: bool,
}

impl From<Bound> for BoundV1 {
    fn from(it: Bound) -> Self {
        Self {
            stamp: it.stamp.to_u64(),
            customer: it.customer.0,
            order: it.order.into(),
            at: it.at.0,
            partner: it.partner.map(|partner| partner.0),
            offer: it.offer.0,
            by_binding: it.by_binding,
            is_purchase: it.is_purchase,
        }
    }
}

impl From<BoundV1> for Bound {
    fn from(it: BoundV1) -> Self {
        Self {
            stamp: Stamp::from_u64(it.stamp),
            customer: CustomerId(it.customer),
            order: it.order.into(),
            at: EpochMs(it.at),
            partner: it.partner.map(PartnerId),
            offer: OfferId(it.offer),
            by_binding: it.by_binding,
            is_purchase: it.is_purchase,
        }
    }
}

#[derive(Encode, Decode)]
pub(crate) struct CatalogV1 {
    version: u32,
    effective_at: u64,
    applied_at: u64,
    text: Box<str>,
}

impl From<CatalogRecord> for CatalogV1 {
    fn from(it: CatalogRecord) -> Self {
        Self {
            version: it.version.0,
            effective_at: it.effective_at.0,
            applied_at: it.applied_at.0,
            text: it.text,
        }
    }
}

impl From<CatalogV1> for CatalogRecord {
    fn from(it: CatalogV1) -> Self {
        Self {
            version: CatalogVersion(it.version),
            effective_at: EpochMs(it.effective_at),
            applied_at: EpochMs(it.applied_at),
            text: it.text,
        }
    }
}

#[derive(Encode, Decode)]
pub(crate) struct ClaimV1 {
    partition: u32,
    nonce: u64,
    at: u64,
    owner: Box<str>,
}

impl From<Claim> for ClaimV1 {
    fn from(it: Claim) -> Self {
        Self { partition: it.partition, nonce: it.nonce, at: it.at.0, owner: it.owner }
    }
}

impl From<ClaimV1> for Claim {
    fn from(it: ClaimV1) -> Self {
        Self { partition: it.partition, nonce: it.nonce, at: EpochMs(it.at), owner: it.owner }
    }
}

#[derive(Encode, Decode)]
pub(crate) struct QuarantinedV1 {
    reason: Box<str>,
    place: Box<str>,
    bytes: Vec<u8>,
}

impl From<Quarantined> for QuarantinedV1 {
    fn from(it: Quarantined) -> Self {
        Self { reason: it.reason, place: it.place, bytes: it.bytes }
    }
}

impl From<QuarantinedV1> for Quarantined {
    fn from(it: QuarantinedV1) -> Self {
        Self { reason: it.reason, place: it.place, bytes: it.bytes }
    }
}
