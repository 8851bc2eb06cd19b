//! What an owner has sent since its claim: it repeats nothing unchanged and gives each change the next revision.
//!
//! In: an output's key and the hash of its content. Out: the stamp to send it under, or nothing. It lives as long as the claim and is never
//! restored from a checkpoint: a snapshot that was sent and lost must be sent again by the next owner. A key takes 48 bytes; with the table's
//! spare places at most 110. Not here: what the keys are (`orders`, `timelines`).

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use units::Stamp;

/// Keys remembered under one claim, seven eighths of 2^22: about 206 MB. Beyond it the owner asks for a new claim, which begins empty.
pub const SENT_KEYS_MAX: usize = 3_670_016;
/// The revision of any key from which on the owner asks for a new claim; some are left so that it may finish what it has in hand.
pub const SENT_REVISION_MAX: u16 = 60_000;

#[derive(Debug)]
pub(crate) struct Sent {
    claim: Stamp,
    keys: HashMap<u128, Last, BuildHasherDefault<AlreadyHashed>>,
    /// A key came near the end of its revisions.
    worn: bool,
}

#[derive(Debug)]
struct Last {
    content: u128,
    revision: u16,
}

/// Keys are hashes already.
#[derive(Debug, Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, value: u128) {
        self.0 = u64::try_from(value & u128::from(u64::MAX)).unwrap_or_default();
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Sent {
    pub(crate) fn new(claim: Stamp) -> Self {
        Self { claim: claim.with_revision(0), keys: HashMap::default(), worn: false }
    }

    /// The stamp to send `content` under; `None` when it was the last thing sent under `key`, or when the key's revisions have ended.
    pub(crate) fn stamp(&mut self, key: u128, content: u128) -> Option<Stamp> {
        let Some(last) = self.keys.get_mut(&key) else {
            self.keys.insert(key, Last { content, revision: 0 });
            return Some(self.claim);
        };
        if last.content == content {
            return None;
        }
        self.worn |= last.revision >= SENT_REVISION_MAX;
        let next = self.claim.with_revision(last.revision).next()?;
        *last = Last { content, revision: next.revision() };
        Some(next)
    }

    /// Whether the owner should claim anew, at its next convenience.
    pub(crate) fn needs_claim(&self) -> bool {
        self.worn || self.keys.len() >= SENT_KEYS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent() -> Sent {
        Sent::new(Stamp::new(1, 9).unwrap())
    }

    #[test]
    fn only_changes_are_sent_and_each_has_the_next_revision() {
        let mut sent = sent();
        let mut revision = |key, content| sent.stamp(key, content).map(Stamp::revision);
        assert_eq!(revision(1, 10), Some(0));
        assert_eq!(revision(1, 10), None);
        assert_eq!(revision(1, 11), Some(1));
        assert_eq!(revision(2, 11), Some(0));
        assert_eq!(revision(1, 10), Some(2));
    }

    #[test]
    fn a_new_claim_is_asked_for_before_the_revisions_end_and_nothing_is_sent_beyond_it() {
        let mut sent = sent();
        let mut asked_at = None;
        for content in 0..=u128::from(u16::MAX) {
            assert!(sent.stamp(1, content).is_some());
            if sent.needs_claim() && asked_at.is_none() {
                asked_at = Some(content);
            }
        }
        assert_eq!(asked_at, Some(u128::from(SENT_REVISION_MAX) + 1));
        assert_eq!(sent.stamp(1, u128::MAX), None);
        assert_eq!(sent.stamp(2, 0).map(Stamp::revision), Some(0));
    }

    /// The table doubles at seven eighths; the entry is 16 bytes of key and 32 of content and revision, plus a control byte.
    #[test]
    fn a_key_costs_what_the_header_says() {
        let entry = size_of::<(u128, Last)>() + 1;
        assert_eq!(entry, 49);
        let places = SENT_KEYS_MAX / 7 * 8;
        assert!(places.is_power_of_two() && places * entry <= 206_000_000);
    }
}
