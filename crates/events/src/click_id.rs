//! The click id: what we sign, put into the shop's URL, and believe when it comes back.
//!
//! 31 bytes: version and key (1), time in ms (6), link (4), visitor (8), unique part (4), MAC (8); as text 50 characters of Crockford's
//! base 32 in lower case, accepted in any case. Any node checks it without a look-up, an order can be decided by it while the click's
//! record is late or lost, and it names the visitor whose timeline to ask. The MAC says that we issued it, not that a person clicked.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::many_single_char_names,
    reason = "arrays of fixed length and constant or masked indices; the tests walk every bit of an id"
)]

use std::fmt;

use subtle::ConstantTimeEq;
use units::{
    EpochMs, LinkId, OfferId, PartnerId, VisitorId,
    planted::{Bug, planted},
};

use crate::outcome::MatchedKey;

/// Characters of a click id: the most that CAKE's `s1` takes (field.md 6.3).
pub const CLICK_ID_CHARS: usize = 50;
const BYTES: usize = 31;
const MAC_BYTES: usize = 8;
const SIGNED_BYTES: usize = BYTES - MAC_BYTES;
/// The upper four bits of the first byte.
const VERSION: u8 = 1;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const CONTEXT: &str = "tributary click id v1";

/// A click id by its bytes. Only [`ClickKeyring::check`] and [`ClickMint::mint`] vouch for its signature; one that was read from our
/// own log was checked before it was written there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClickId([u8; BYTES]);

/// Sixteen bytes that name a click or view in ClickHouse: time, unique part and six bytes of the MAC. Derived from the id, so
/// that an order decided before its click's record arrived names the same touch as afterwards.
///
/// Who is credited without a touch, by a coupon or because a report named him, has a name too ([`TouchId::of_key`]), which no touch can have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TouchId(pub [u8; 16]);

impl TouchId {
    /// The time of a name of this kind. Touches are from this century: none has it.
    const NO_TIME: [u8; 6] = [0; 6];

    /// The name of a partner who may earn without a touch: the key that found him, himself and the offer. So what a row of credits is about never
    /// changes under its name.
    #[must_use]
    pub fn of_key(found: MatchedKey, partner: PartnerId, offer: OfferId) -> Self {
        let mut bytes = [0; 16];
        bytes[6] = found.code();
        bytes[8..12].copy_from_slice(&partner.0.to_be_bytes());
        bytes[12..].copy_from_slice(&offer.0.to_be_bytes());
        Self(bytes)
    }

    /// Whether it names a touch, and not who was found by a key alone.
    #[must_use]
    pub fn is_touch(&self) -> bool {
        !self.0.starts_with(&Self::NO_TIME)
    }
}

/// A secret under which ids are signed, with its number (0 to 15).
#[derive(Clone)]
pub struct ClickKey {
    number: u8,
    mac_key: [u8; 32],
}

/// The keys under which ids are accepted: at most two at a time, for rotation.
#[derive(Debug, Clone)]
pub struct ClickKeyring {
    keys: Vec<ClickKey>,
}

/// Mints ids for one thread. The unique part counts up from a seed, so that two ids of one millisecond differ.
#[derive(Debug)]
pub struct ClickMint {
    key: ClickKey,
    next_unique: u32,
}

/// Why text is not a click id of ours. Each has its own code in answers and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClickIdError {
    /// Not 50 characters.
    #[error("click id must have {CLICK_ID_CHARS} characters, found {chars}")]
    WrongLength {
        /// Characters found.
        chars: usize,
    },
    /// A character outside Crockford's alphabet.
    #[error("click id has a character outside 0-9 and a-z without i, l, o, u")]
    WrongCharacter,
    /// Made by another version of the format.
    #[error("click id has an unknown version")]
    UnknownVersion,
    /// Signed under a key that is not, or no longer, active.
    #[error("click id is signed under key {key}, which is not active")]
    UnknownKey {
        /// The key's number.
        key: u8,
    },
    /// The signature does not fit.
    #[error("click id is not signed by us")]
    BadSignature,
}

impl ClickIdError {
    /// A stable code for answers, columns and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::WrongLength { .. } => "click_id_length",
            Self::WrongCharacter => "click_id_character",
            Self::UnknownVersion => "click_id_version",
            Self::UnknownKey { .. } => "click_id_key",
            Self::BadSignature => "click_id_signature",
        }
    }
}

impl ClickId {
    /// From bytes that were checked before they were stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; BYTES]) -> Self {
        Self(bytes)
    }

    /// From text that was checked before it was stored: a row of our own. What comes from outside goes through [`ClickKeyring::check`].
    #[must_use]
    pub fn from_stored_text(text: &str) -> Option<Self> {
        Self::from_text(text).ok()
    }

    /// All 31 bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; BYTES] {
        self.0
    }

    /// When it was minted, by the edge's clock.
    #[must_use]
    #[inline]
    pub const fn at(self) -> EpochMs {
        let [_, a, b, c, d, e, f, ..] = self.0;
        EpochMs(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// The link that was followed.
    #[must_use]
    #[inline]
    pub const fn link(self) -> LinkId {
        let [_, _, _, _, _, _, _, a, b, c, d, ..] = self.0;
        LinkId(u32::from_be_bytes([a, b, c, d]))
    }

    /// Who followed it.
    #[must_use]
    #[inline]
    pub fn visitor(self) -> VisitorId {
        VisitorId(u64::from_be_bytes(self.array::<11, 8>()))
    }

    /// The number of the key it is signed under.
    #[must_use]
    pub const fn key_number(self) -> u8 {
        self.0[0] & 0x0f
    }

    /// The name of this touch in ClickHouse.
    #[must_use]
    #[inline]
    pub fn touch(self) -> TouchId {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&self.array::<1, 6>());
        bytes[6..10].copy_from_slice(&self.array::<19, 4>());
        bytes[10..].copy_from_slice(&self.array::<23, 6>());
        TouchId(bytes)
    }

    /// Writes the 50 characters.
    #[must_use]
    pub fn to_text(self) -> [u8; CLICK_ID_CHARS] {
        let mut text = [0; CLICK_ID_CHARS];
        let (groups, _) = text.as_chunks_mut::<8>();
        // Five bytes make eight characters.
        for (bytes, characters) in self.0.chunks_exact(5).zip(groups) {
            let bits = bytes.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
            for (place, character) in characters.iter_mut().enumerate() {
                *character = ALPHABET[(bits >> (35 - 5 * place) & 31) as usize];
            }
        }
        // The 31st byte fills a character and three bits of the last; its two low bits are zero, and checked to be.
        let last = self.0[BYTES - 1];
        text[CLICK_ID_CHARS - 2] = ALPHABET[usize::from(last >> 3)];
        text[CLICK_ID_CHARS - 1] = ALPHABET[usize::from(last << 2 & 31)];
        text
    }

    fn from_text(text: &str) -> Result<Self, ClickIdError> {
        if text.len() != CLICK_ID_CHARS {
            return Err(ClickIdError::WrongLength { chars: text.chars().count() });
        }
        let mut bytes = [0; BYTES];
        let (mut bits, mut held, mut next) = (0_u32, 0_u32, 0);
        for &character in text.as_bytes() {
            let value = DECODE[character as usize];
            if value > 31 {
                return Err(ClickIdError::WrongCharacter);
            }
            bits = (bits << 5) | u32::from(value);
            held += 5;
            if held >= 8 {
                held -= 8;
                bytes[next] = (bits >> held) as u8;
                next += 1;
            }
        }
        if bits & 3 != 0 {
            return Err(ClickIdError::BadSignature);
        }
        Ok(Self(bytes))
    }

    #[inline]
    fn array<const FROM: usize, const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        out.copy_from_slice(&self.0[FROM..FROM + N]);
        out
    }
}

/// Character to value; 255 is none. Letters in either case; `i`, `l` and `o` are not read as digits: we never write them, so a guess
/// would only hide a damaged id.
const DECODE: [u8; 256] = {
    let mut table = [255; 256];
    let mut value = 0;
    while value < 32 {
        let character = ALPHABET[value];
        table[character as usize] = value as u8;
        table[character.to_ascii_uppercase() as usize] = value as u8;
        value += 1;
    }
    table
};

impl fmt::Display for ClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_text()).unwrap_or_default())
    }
}

impl fmt::Debug for ClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ClickKey {
    /// A key from a secret of any length (32 random bytes are right) and its number, 0 to 15; a larger number keeps its low four bits.
    #[must_use]
    pub fn new(number: u8, secret: &[u8]) -> Self {
        Self { number: number & 0x0f, mac_key: blake3::derive_key(CONTEXT, secret) }
    }

    fn mac(&self, signed: &[u8]) -> [u8; MAC_BYTES] {
        let hash = blake3::keyed_hash(&self.mac_key, signed);
        let mut mac = [0; MAC_BYTES];
        mac.copy_from_slice(&hash.as_bytes()[..MAC_BYTES]);
        mac
    }
}

impl fmt::Debug for ClickKey {
    /// Never the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClickKey").field("number", &self.number).finish_non_exhaustive()
    }
}

impl ClickKeyring {
    /// Keys accepted at one time: the one in use and the one before it.
    pub const KEYS_MAX: usize = 2;

    /// The first [`ClickKeyring::KEYS_MAX`] of `keys`.
    #[must_use]
    pub fn new(mut keys: Vec<ClickKey>) -> Self {
        keys.truncate(Self::KEYS_MAX);
        Self { keys }
    }

    /// The id in `text`, if it is one of ours. The comparison takes the same time whatever differs.
    pub fn check(&self, text: &str) -> Result<ClickId, ClickIdError> {
        let id = ClickId::from_text(text.trim())?;
        if id.0[0] >> 4 != VERSION {
            return Err(ClickIdError::UnknownVersion);
        }
        let number = id.key_number();
        let key = self
            .keys
            .iter()
            .find(|key| key.number == number)
            .ok_or(ClickIdError::UnknownKey { key: number })?;
        let (signed, mac) = id.0.split_at(SIGNED_BYTES);
        if bool::from(key.mac(signed).as_slice().ct_eq(mac)) || planted(Bug::UnsignedId) {
            Ok(id)
        } else {
            Err(ClickIdError::BadSignature)
        }
    }
}

impl ClickMint {
    /// Signs under `key`; the unique part starts at `seed`, which must differ between threads and restarts (random bits).
    #[must_use]
    pub const fn new(key: ClickKey, seed: u32) -> Self {
        Self { key, next_unique: seed }
    }

    /// A new id. `at` beyond the 48 bits of the format (the year 10889) is held at its end.
    pub fn mint(&mut self, at: EpochMs, link: LinkId, visitor: VisitorId) -> ClickId {
        let mut bytes = [0; BYTES];
        bytes[0] = (VERSION << 4) | self.key.number;
        bytes[1..7].copy_from_slice(&at.min(EpochMs::MAX_48_BIT).0.to_be_bytes()[2..]);
        bytes[7..11].copy_from_slice(&link.0.to_be_bytes());
        bytes[11..19].copy_from_slice(&visitor.0.to_be_bytes());
        bytes[19..23].copy_from_slice(&self.next_unique.to_be_bytes());
        self.next_unique = self.next_unique.wrapping_add(1);
        let mac = self.key.mac(&bytes[..SIGNED_BYTES]);
        bytes[SIGNED_BYTES..].copy_from_slice(&mac);
        ClickId(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mint() -> ClickMint {
        ClickMint::new(ClickKey::new(3, b"a secret of the tests"), 41)
    }

    fn keyring() -> ClickKeyring {
        ClickKeyring::new(vec![ClickKey::new(3, b"a secret of the tests"), ClickKey::new(4, b"another")])
    }

    #[test]
    fn the_text_of_an_id_is_frozen() {
        let id = mint().mint(EpochMs(1_763_818_571_042), LinkId(77), VisitorId(0x0123_4567_89ab_cdef));
        assert_eq!(id.to_string(), include_str!("../tests/golden/click_id_v1.txt").trim());
        assert_eq!((id.at(), id.link()), (EpochMs(1_763_818_571_042), LinkId(77)));
        assert_eq!(id.visitor(), VisitorId(0x0123_4567_89ab_cdef));
        assert_eq!(id.touch().0[..6], id.to_bytes()[1..7]);
    }

    #[test]
    fn ids_of_one_instant_differ() {
        let mut mint = mint();
        let ids: Vec<_> = (0..3).map(|_| mint.mint(EpochMs(1), LinkId(1), VisitorId(1))).collect();
        assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0].touch() != ids[1].touch());
    }

    #[test]
    fn what_is_not_ours_is_refused_with_its_reason() {
        let text = mint().mint(EpochMs(9), LinkId(1), VisitorId(2)).to_string();
        let stranger = ClickMint::new(ClickKey::new(3, b"guess"), 0)
            .mint(EpochMs(9), LinkId(1), VisitorId(2))
            .to_string();
        let retired =
            ClickMint::new(ClickKey::new(9, b"old"), 0).mint(EpochMs(9), LinkId(1), VisitorId(2)).to_string();
        let cases = [
            (text.clone(), None),
            (text.to_uppercase(), None),
            (format!(" {text} "), None),
            (stranger, Some(ClickIdError::BadSignature)),
            (retired, Some(ClickIdError::UnknownKey { key: 9 })),
            ("{clickid}".to_owned(), Some(ClickIdError::WrongLength { chars: 9 })),
            (text.replacen(&text[10..11], "u", 1), Some(ClickIdError::WrongCharacter)),
            (format!("f{}", &text[1..]), Some(ClickIdError::UnknownVersion)),
            (String::new(), Some(ClickIdError::WrongLength { chars: 0 })),
        ];
        for (text, want) in cases {
            assert_eq!(keyring().check(&text).err(), want, "{text}");
        }
    }

    #[test]
    fn no_id_with_one_or_two_bits_changed_is_accepted() {
        let id = mint().mint(EpochMs(1_763_818_571_042), LinkId(77), VisitorId(5)).to_bytes();
        for first in 0..BYTES * 8 {
            for second in first..BYTES * 8 {
                let mut bytes = id;
                bytes[first / 8] ^= 1 << (first % 8);
                if second != first {
                    bytes[second / 8] ^= 1 << (second % 8);
                }
                assert!(keyring().check(&ClickId(bytes).to_string()).is_err(), "bits {first} and {second}");
            }
        }
    }

    proptest! {
        #[test]
        fn text_and_bytes_agree(at in 0..1_u64 << 48, link: u32, visitor: u64, seed: u32) {
            let id = ClickMint::new(ClickKey::new(3, b"a secret of the tests"), seed).mint(EpochMs(at), LinkId(link), VisitorId(visitor));
            prop_assert_eq!(keyring().check(&id.to_string()), Ok(id));
            prop_assert_eq!((id.at(), id.link(), id.visitor()), (EpochMs(at), LinkId(link), VisitorId(visitor)));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,60}") {
            prop_assert!(keyring().check(&text).is_err());
        }
    }
}
