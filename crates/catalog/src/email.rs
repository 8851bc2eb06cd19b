//! A partner's own e-mail address, as a hash: by it an order of his own is known.
//!
//! In: 64 hexadecimal digits of a catalog, or a hash that the edge has made. Out: something to compare. Never shown: whoever has a list of addresses
//! finds the one behind a plain hash. Not here: hashing (`edge`). Start at [`EmailHash`].

use std::fmt;

/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

/// The SHA-256 of an address without blanks around it, in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EmailHash([u8; 32]);

impl EmailHash {
    /// One that was made of an address.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads its 64 hexadecimal digits, in either case; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != DIGITS || !text.bytes().all(|it| it.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// For comparing two versions of a catalog; not for people.
    pub(crate) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for EmailHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailHash(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_in_either_case_are_one_hash_and_it_is_never_shown() {
        let lower = "0123456789abcdef".repeat(4);
        let hash = EmailHash::parse(&lower).unwrap();
        assert_eq!(EmailHash::parse(&lower.to_uppercase()), Some(hash));
        assert_eq!(hash.bytes().first_chunk(), Some(&[0x01, 0x23, 0x45]));
        assert_eq!(format!("{hash:?}"), "EmailHash(***)");
    }

    #[test]
    fn what_is_no_sha_256_is_refused() {
        let digits = "0123456789abcdef".repeat(4);
        for text in
            ["", "ann@example.com", &digits[1..], &format!("{digits}0"), &format!("+{}", &digits[1..])]
        {
            assert_eq!(EmailHash::parse(text), None, "{text}");
        }
    }
}
