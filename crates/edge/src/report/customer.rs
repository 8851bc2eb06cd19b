//! A shop's customers, as keyed hashes: what the shop sent reaches no disk.

use catalog::EmailHash;
use sha2::{Digest as _, Sha256};
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

/// What a partner's own address is compared with: the SHA-256 of what the shop sent, or the one that it sent already. It reaches no disk either.
/// Looking it up takes no care to always take the same time: the map's hasher has a key of chance, and no answer tells whether it was found.
pub(crate) fn email_hash(sent: &str) -> EmailHash {
    let text = sent.trim();
    EmailHash::parse(text).unwrap_or_else(|| EmailHash::new(Sha256::digest(text.to_lowercase()).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_its_hash_are_one_in_any_case() {
        // `printf ann@example.com | sha256sum`
        let digits = "71d4f55f72fa128dfb468a1a3901507c804b74316488744d769d7f4b16696476";
        let want = EmailHash::parse(digits).unwrap();
        for sent in ["ann@example.com", " Ann@Example.COM ", digits, &digits.to_uppercase()] {
            assert_eq!(email_hash(sent), want, "{sent}");
        }
        assert_ne!(email_hash("bob@example.com"), want);
    }

    #[test]
    fn a_customer_is_one_in_a_shop_and_another_elsewhere() {
        let hasher = CustomerHasher::new(b"a secret of the tests");
        let here = hasher.hash(AdvertiserId(1), "Ann@Example.com ");
        assert_eq!(hasher.hash(AdvertiserId(1), "ann@example.com"), here);
        assert_ne!(hasher.hash(AdvertiserId(2), "ann@example.com"), here);
        assert_ne!(CustomerHasher::new(b"another").hash(AdvertiserId(1), "ann@example.com"), here);
    }
}
