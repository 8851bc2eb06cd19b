//! What an owner has sent since its claim: it repeats nothing unchanged and gives each change the next revision.
//!
//! In: what was said last of a thing, and the hash of what is to be said. Out: the stamp to send it under, or nothing. A [`Said`] lies beside
//! the state it is about, where it costs no look-up; when the state leaves memory it is put away here, under a key's hash. All of it lives as
//! long as the claim and is never restored from a checkpoint: a snapshot that was sent and lost must be sent again by the next owner. Not
//! here: what the things are (`orders`, `timelines`).

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use units::{
    Stamp,
    planted::{Bug, planted},
};

/// Keys put away under one claim, seven eighths of 2^21: about 136 MB. Beyond it the owner asks for a new claim, which begins empty.
pub const SENT_KEYS_MAX: usize = 1_835_008;
/// The revision of any key from which on the owner asks for a new claim; some are left so that it may finish what it has in hand.
pub const SENT_REVISION_MAX: u16 = 60_000;

/// What was said last of one thing under this claim, if anything was.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Said {
    /// The hash's halves, since one number of 128 bits would take 32 bytes with its neighbours.
    content: [u64; 2],
    revision: u16,
    /// Whether anything was.
    by_us: bool,
}

/// One claim's memory. `T` is what is put away of one key: a [`Said`] or some.
#[derive(Debug)]
pub(crate) struct Sent<T> {
    claim: Stamp,
    away: HashMap<u128, T, BuildHasherDefault<AlreadyHashed>>,
    /// A key came near the end of its revisions.
    worn: bool,
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
        self.0 = lower_half(value);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
const fn lower_half(value: u128) -> u64 {
    value as u64
}

impl Said {
    /// Whether anything was said.
    pub(crate) const fn is_said(&self) -> bool {
        self.by_us
    }
}

impl<T: Copy + Default> Sent<T> {
    pub(crate) fn new(claim: Stamp) -> Self {
        let claim = if planted(Bug::NoClaim) { Stamp::default() } else { claim };
        Self { claim: claim.with_revision(0), away: HashMap::default(), worn: false }
    }

    /// The stamp to send `content` under; `None` when it is what was said last, or when the thing's revisions have ended.
    pub(crate) fn stamp(&mut self, said: &mut Said, content: u128) -> Option<Stamp> {
        let content = [lower_half(content), lower_half(content >> 64)];
        let stamp = if said.by_us {
            if said.content == content {
                return None;
            }
            self.worn |= said.revision >= SENT_REVISION_MAX;
            self.claim.with_revision(said.revision).next()?
        } else {
            self.claim
        };
        *said = Said { content, revision: stamp.revision(), by_us: true };
        Some(stamp)
    }

    /// Keeps what was said of a key whose state leaves memory.
    pub(crate) fn put_away(&mut self, key: u128, said: T) {
        self.away.insert(key, said);
    }

    /// Takes back what was put away of a key. `key` is only hashed where anything is away at all.
    pub(crate) fn take_back(&mut self, key: impl FnOnce() -> u128) -> T {
        if self.away.is_empty() { T::default() } else { self.away.remove(&key()).unwrap_or_default() }
    }

    /// Whether the owner should claim anew, at its next convenience.
    pub(crate) fn needs_claim(&self) -> bool {
        self.worn || self.away.len() >= SENT_KEYS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent() -> Sent<Said> {
        Sent::new(Stamp::new(1, 9).unwrap())
    }

    #[test]
    fn only_changes_are_sent_and_each_has_the_next_revision() {
        let (mut sent, mut one, mut other) = (sent(), Said::default(), Said::default());
        let mut revision = |said: &mut Said, content| sent.stamp(said, content).map(Stamp::revision);
        assert_eq!(revision(&mut one, 10), Some(0));
        assert_eq!(revision(&mut one, 10), None);
        assert_eq!(revision(&mut one, 11), Some(1));
        assert_eq!(revision(&mut other, 11), Some(0));
        assert_eq!(revision(&mut one, 10), Some(2));
        assert_eq!(revision(&mut one, 10 << 64), Some(3));
    }

    #[test]
    fn what_was_put_away_is_taken_back_once() {
        let (mut sent, mut said) = (sent(), Said::default());
        assert!(!sent.take_back(|| 7).is_said());
        sent.stamp(&mut said, 10);
        sent.put_away(7, said);
        assert!(!sent.take_back(|| 8).is_said());
        let mut back = sent.take_back(|| 7);
        assert_eq!(sent.stamp(&mut back, 10), None);
        assert_eq!(sent.stamp(&mut back, 11).map(Stamp::revision), Some(1));
        assert!(!sent.take_back(|| 7).is_said());
    }

    #[test]
    fn a_new_claim_is_asked_for_before_the_revisions_end_and_nothing_is_sent_beyond_it() {
        let (mut sent, mut said) = (sent(), Said::default());
        let mut asked_at = None;
        for content in 0..=u128::from(u16::MAX) {
            assert!(sent.stamp(&mut said, content).is_some());
            if sent.needs_claim() && asked_at.is_none() {
                asked_at = Some(content);
            }
        }
        assert_eq!(asked_at, Some(u128::from(SENT_REVISION_MAX) + 1));
        assert_eq!(sent.stamp(&mut said, u128::MAX), None);
        assert_eq!(sent.stamp(&mut Said::default(), 0).map(Stamp::revision), Some(0));
    }

    /// The table doubles at seven eighths; the larger entry is an order's: 16 bytes of key and two [`Said`] of 24, plus a control byte.
    #[test]
    fn a_key_costs_what_the_header_says() {
        let entry = size_of::<(u128, [Said; 2])>() + 1;
        assert_eq!(entry, 65);
        let places = SENT_KEYS_MAX / 7 * 8;
        assert!(places.is_power_of_two() && places * entry <= 137_000_000);
    }
}
