//! A touch as 64 bytes on disk: one line of the processor's cache.
//!
//! Little endian but for the origin: visitor (8), touch id (16, its first six bytes are the time), origin (16), link, partner, offer, advertiser
//! (4 each), country (2), kind and verdict (1), device (1), distance to the visitor's touch before this one (4). State of one build's life: a
//! later layout raises the version of the pipeline's checkpoint, and the state is rebuilt.

use events::{Country, Device, Touch, TouchId, TouchKind, Verdict};
use units::{AdvertiserId, EpochMs, LinkId, OfferId, Origin, PartnerId, VisitorId};

/// Bytes of a touch.
pub const RECORD_BYTES: usize = 64;

/// A touch and its place in the visitor's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) touch: Touch,
    /// How many numbers before this one the visitor's next older touch lies; 0 for none.
    pub(super) back: u32,
}

impl Record {
    pub(super) fn encode(&self) -> [u8; RECORD_BYTES] {
        let it = &self.touch;
        debug_assert_eq!(it.at, time_of(it.id), "a touch id begins with its time");
        let mut bytes = [0; RECORD_BYTES];
        bytes[..8].copy_from_slice(&it.visitor.0.to_le_bytes());
        bytes[8..24].copy_from_slice(&it.id.0);
        bytes[24..40].copy_from_slice(&it.origin.to_bytes());
        bytes[40..44].copy_from_slice(&it.link.0.to_le_bytes());
        bytes[44..48].copy_from_slice(&it.partner.0.to_le_bytes());
        bytes[48..52].copy_from_slice(&it.offer.0.to_le_bytes());
        bytes[52..56].copy_from_slice(&it.advertiser.0.to_le_bytes());
        bytes[56..58].copy_from_slice(&it.country.0);
        bytes[58] = (it.kind.code() << 4) | it.verdict.code();
        bytes[59] = it.device.code();
        bytes[60..].copy_from_slice(&self.back.to_le_bytes());
        bytes
    }

    /// `None` for a wrong length or a code that no build wrote.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let rest = &mut bytes;
        let visitor = VisitorId(u64::from_le_bytes(take(rest)?));
        let id = TouchId(take(rest)?);
        let origin = Origin::from_bytes(take(rest)?);
        let mut number = || Some(u32::from_le_bytes(take(rest)?));
        let (link, partner, offer, advertiser) = (number()?, number()?, number()?, number()?);
        let country = Country(take(rest)?);
        let [kinds, device] = take(rest)?;
        let back = u32::from_le_bytes(take(rest)?);
        let touch = Touch {
            at: time_of(id),
            origin,
            id,
            visitor,
            kind: TouchKind::from_code(kinds >> 4)?,
            verdict: Verdict::from_code(kinds & 0x0f)?,
            partner: PartnerId(partner),
            offer: OfferId(offer),
            advertiser: AdvertiserId(advertiser),
            link: LinkId(link),
            country,
            device: Device::from_code(device)?,
        };
        rest.is_empty().then_some(Self { touch, back })
    }
}

fn time_of(id: TouchId) -> EpochMs {
    let mut bytes = [0; 8];
    bytes[2..].copy_from_slice(&id.0[..6]);
    EpochMs(u64::from_be_bytes(bytes))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (front, back) = rest.split_first_chunk()?;
    *rest = back;
    Some(*front)
}
