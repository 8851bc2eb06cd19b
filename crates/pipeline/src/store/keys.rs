//! Keys of the state's entries: bytes that sort as the store reads them.
//!
//! In: an order and its time. Out: bytes, and the order back. Not here: streams, which have
//! their own text in `journal`. Start at [`placed`].

use events::{Identity, OrderKey};
use units::{AdvertiserId, CustomerId, EpochMs, VisitorId};

/// Eight bytes of time, big endian, and then the order's own key: orders in the order of their times.
pub(super) fn placed(at: EpochMs, key: &OrderKey) -> Vec<u8> {
    let mut bytes = at.0.to_be_bytes().to_vec();
    bytes.extend_from_slice(&key.log_key());
    bytes
}

/// The inverse of [`OrderKey::log_key`].
pub(super) fn order_of(bytes: &[u8]) -> Option<OrderKey> {
    let (advertiser, order) = bytes.split_first_chunk::<4>()?;
    let order = std::str::from_utf8(order).ok()?;
    Some(OrderKey { advertiser: AdvertiserId(u32::from_be_bytes(*advertiser)), order: order.into() })
}

/// The inverse of [`Identity::log_key`]: eight bytes are a visitor's, sixteen a customer's.
pub(super) fn identity_of(bytes: &[u8]) -> Option<Identity> {
    if let Ok(visitor) = bytes.try_into() {
        return Some(Identity::Visitor(VisitorId(u64::from_be_bytes(visitor))));
    }
    Some(Identity::Customer(CustomerId(bytes.try_into().ok()?)))
}
