//! Who and what: identifiers, the identity an event is born with, and the stamp of an output.

use std::fmt;

macro_rules! numbered {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

numbered! {
    /// Who promotes and is paid. 0 is nobody.
    PartnerId(u32);
    /// Who sells and pays.
    AdvertiserId(u32);
    /// A thing to promote, of one advertiser.
    OfferId(u32);
    /// A tracking link: one partner's way to one offer.
    LinkId(u32);
    /// A version of the catalog, dense from 1. 0 is "before any catalog".
    CatalogVersion(u32);
    /// Who appends to one spool: the edge's number in the upper 16 bits, its thread in the lower 16.
    WriterId(u32);
}

/// A browser over several clicks: random, kept in the first-party cookie of the tracking domain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VisitorId(pub u64);

impl fmt::Display for VisitorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A shop's customer, as a keyed hash: what the shop sent (an id, an e-mail) never reaches the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerId(pub [u8; 16]);

impl WriterId {
    /// The writer of one thread of one edge.
    #[must_use]
    pub const fn new(edge: u16, thread: u16) -> Self {
        Self(((edge as u32) << 16) | thread as u32)
    }

    /// The edge's number.
    #[must_use]
    pub const fn edge(self) -> u16 {
        (self.0 >> 16) as u16
    }
}

/// The identity of an input, given once where it was born: a repeated, reordered or replayed record has the same one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Which spool.
    pub writer: WriterId,
    /// Which life of the writer: the second it started in, or one more than its last life.
    pub incarnation: u32,
    /// Dense from 1 within the incarnation, so that a gap can be named.
    pub sequence: u64,
}

impl Origin {
    /// Sixteen bytes, big endian, so that they sort as the fields do: `event_id` in `ClickHouse`.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let (writer, rest) = bytes.split_at_mut(4);
        let (incarnation, sequence) = rest.split_at_mut(4);
        writer.copy_from_slice(&self.writer.0.to_be_bytes());
        incarnation.copy_from_slice(&self.incarnation.to_be_bytes());
        sequence.copy_from_slice(&self.sequence.to_be_bytes());
        bytes
    }

    /// The inverse of [`Origin::to_bytes`].
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "each cast keeps exactly the field's bits")]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        let bits = u128::from_be_bytes(bytes);
        Self {
            writer: WriterId((bits >> 96) as u32),
            incarnation: (bits >> 64) as u32,
            sequence: bits as u64,
        }
    }
}

impl fmt::Display for Origin {
    /// `writer-incarnation-sequence`, decimal: short enough to read out on the telephone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.writer, self.incarnation, self.sequence)
    }
}

/// The version of an output: the newest claim's newest revision wins. 64 bits in `ClickHouse`, ordered as the fields are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// Of the log; raised by any migration of it, so that offsets may start anew.
    generation: u8,
    /// The offset of the owner's claim. Below 2^40.
    claim: u64,
    /// Of this key under this claim.
    revision: u16,
}

/// Why no stamp could be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// 2^40 claims in one generation: the log needs a new generation.
    #[error("claim {claim} does not fit 40 bits; raise the log's generation")]
    ClaimTooLarge {
        /// The claim's offset.
        claim: u64,
    },
}

impl Stamp {
    /// The first claim offset that does not fit.
    pub const CLAIM_END: u64 = 1 << 40;

    /// The first revision of a key under a claim.
    pub const fn new(generation: u8, claim: u64) -> Result<Self, StampError> {
        if claim < Self::CLAIM_END {
            Ok(Self { generation, claim, revision: 0 })
        } else {
            Err(StampError::ClaimTooLarge { claim })
        }
    }

    /// The same claim with another revision.
    #[must_use]
    pub const fn with_revision(self, revision: u16) -> Self {
        Self { revision, ..self }
    }

    /// The next revision; `None` at the end of 16 bits: the owner claims anew.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.revision.checked_add(1) {
            Some(revision) => Some(Self { revision, ..self }),
            None => None,
        }
    }

    /// The claim's offset.
    #[must_use]
    pub const fn claim(self) -> u64 {
        self.claim
    }

    /// The revision under the claim.
    #[must_use]
    pub const fn revision(self) -> u16 {
        self.revision
    }

    /// As one number: generation (8 bits), claim (40), revision (16).
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        ((self.generation as u64) << 56) | (self.claim << 16) | self.revision as u64
    }

    /// The inverse of [`Stamp::to_u64`].
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "each cast keeps exactly the field's bits")]
    pub const fn from_u64(bits: u64) -> Self {
        Self {
            generation: (bits >> 56) as u8,
            claim: (bits >> 16) & (Self::CLAIM_END - 1),
            revision: bits as u16,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_bytes_sort_as_the_fields_do() {
        let origin =
            |writer, incarnation, sequence| Origin { writer: WriterId(writer), incarnation, sequence };
        let ascending =
            [origin(0, 9, 9), origin(1, 0, 9), origin(1, 1, 2), origin(1, 1, 300), origin(256, 0, 0)];
        for pair in ascending.windows(2) {
            assert!(pair[0].to_bytes() < pair[1].to_bytes());
            assert_eq!(Origin::from_bytes(pair[0].to_bytes()), pair[0]);
        }
        assert_eq!(origin(1, 2, 3).to_bytes(), [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3]);
    }

    #[test]
    fn a_newer_claim_beats_any_revision() {
        let old = Stamp::new(1, 7).unwrap().with_revision(u16::MAX);
        let new = Stamp::new(1, 8).unwrap();
        assert!(old < new && old.to_u64() < new.to_u64());
        assert_eq!(Stamp::from_u64(old.to_u64()), old);
        assert_eq!(old.next(), None);
        assert_eq!(
            Stamp::new(0, Stamp::CLAIM_END),
            Err(StampError::ClaimTooLarge { claim: Stamp::CLAIM_END })
        );
    }

    #[test]
    fn a_writer_names_its_edge() {
        assert_eq!(WriterId::new(3, 2), WriterId(0x0003_0002));
        assert_eq!(WriterId::new(3, 2).edge(), 3);
    }
}
