//! A shop's customers, as keyed hashes: what the shop sent reaches no disk.

use units::{AdvertiserId, CustomerId};

const CONTEXT: &str = "tributary customer v1";

/// Hashes under one key per installation, so that the same customer is the same on every edge, and per advertiser, so that nobody can follow
/// a person from shop to shop.
#[derive(Clone)]
pub(crate) struct CustomerHasher {
    key: [u8; 32],
}

impl std::fmt::Debug for CustomerHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CustomerHasher(***)")
    }
}

impl CustomerHasher {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self { key: blake3::derive_key(CONTEXT, secret) }
    }

    /// Case and blanks around do not part a customer from himself.
    pub(crate) fn hash(&self, advertiser: AdvertiserId, customer: &str) -> CustomerId {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&advertiser.0.to_be_bytes());
        hasher.update(customer.trim().to_lowercase().as_bytes());
        let hash = hasher.finalize();
        CustomerId(hash.as_bytes().first_chunk().copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_is_one_in_a_shop_and_another_elsewhere() {
        let hasher = CustomerHasher::new(b"a secret of the tests");
        let here = hasher.hash(AdvertiserId(1), "Ann@Example.com ");
        assert_eq!(hasher.hash(AdvertiserId(1), "ann@example.com"), here);
        assert_ne!(hasher.hash(AdvertiserId(2), "ann@example.com"), here);
        assert_ne!(CustomerHasher::new(b"another").hash(AdvertiserId(1), "ann@example.com"), here);
    }
}
