//! Words that shops send as a customer's id or address where there is no customer.
//!
//! In: a value as it came. Out: whether it names nobody. Taken as a customer, such a word would make one person of all guests of a shop, and lead
//! each one's orders to what the others clicked. Macros that nobody filled in are `literal`'s business.

/// In lower case, without blanks around.
const WORDS: [&str; 18] = [
    "guest",
    "guests",
    "guest_user",
    "guest-user",
    "guest user",
    "guest checkout",
    "anonymous",
    "anonym",
    "anon",
    "unknown",
    "nobody",
    "no",
    "na",
    "n.a.",
    "false",
    "-1",
    "not set",
    "(not set)",
];

/// No word for nobody is longer than SHA-256 in hex.
const WORD_BYTES_MAX: usize = 64;

/// The hashes of an empty text, which shops send that hash what they do not have: MD5, SHA-1 and SHA-256.
const EMPTY_HASHES: [&str; 3] = [
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
];

/// Whether a customer's id or address is a word for nobody: one of the list, or nothing but zeros, signs and blanks (`0`, `-`, a UUID of zeros).
pub(crate) fn is_nobody(value: &str) -> bool {
    let value = value.trim();
    if value.len() > WORD_BYTES_MAX {
        return false;
    }
    let value = value.to_lowercase();
    let is_blank = |it: char| it == '0' || (!it.is_alphanumeric());
    value.chars().all(is_blank) || WORDS.contains(&&*value) || EMPTY_HASHES.contains(&&*value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_nobody_are_known_and_ids_are_not_among_them() {
        let nobody = [
            "",
            "0",
            "00000000",
            "-1",
            " Guest ",
            "ANONYMOUS",
            "-",
            "--",
            "?",
            "n.a.",
            "0.0",
            "00000000-0000-0000-0000-000000000000",
            "guest checkout",
            "d41d8cd98f00b204e9800998ecf8427e",
            "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        ];
        for value in nobody {
            assert!(is_nobody(value), "{value}");
        }
        for value in ["1", "10", "guest-17", "anna", "guest@shop.example", "-12", "Нина", "0a", "no-1"] {
            assert!(!is_nobody(value), "{value}");
        }
    }
}
