//! The words and numbers that shops and networks use for an order's fate, in one table.

use events::ReportedStatus;

/// What a status says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Of the order.
    Status(ReportedStatus),
    /// Money was given back: all of it, or the amount beside it.
    Refunded,
}

const PENDING: Fate = Fate::Status(ReportedStatus::Pending);
const APPROVED: Fate = Fate::Status(ReportedStatus::Approved);
const REJECTED: Fate = Fate::Status(ReportedStatus::Rejected);

/// Lower case. Numbers as Affise has them, letters as Post Affiliate Pro, `lead`, `sale` and `rebill` as Keitaro.
const WORDS: [(&str, Fate); 41] = [
    ("pending", PENDING),
    ("2", PENDING),
    ("5", PENDING),
    ("p", PENDING),
    ("hold", PENDING),
    ("on_hold", PENDING),
    ("on-hold", PENDING),
    ("lead", PENDING),
    ("new", PENDING),
    ("open", PENDING),
    ("unpaid", PENDING),
    ("approved", APPROVED),
    ("1", APPROVED),
    ("a", APPROVED),
    ("approve", APPROVED),
    ("confirmed", APPROVED),
    ("accepted", APPROVED),
    ("sale", APPROVED),
    ("rebill", APPROVED),
    ("paid", APPROVED),
    ("completed", APPROVED),
    ("success", APPROVED),
    ("rejected", REJECTED),
    ("3", REJECTED),
    ("d", REJECTED),
    ("reject", REJECTED),
    ("declined", REJECTED),
    ("decline", REJECTED),
    ("cancelled", REJECTED),
    ("canceled", REJECTED),
    ("cancel", REJECTED),
    ("invalid", REJECTED),
    ("fraud", REJECTED),
    ("trash", REJECTED),
    ("void", REJECTED),
    ("failed", REJECTED),
    ("refunded", Fate::Refunded),
    ("refund", Fate::Refunded),
    ("reversed", Fate::Refunded),
    ("chargeback", Fate::Refunded),
    ("returned", Fate::Refunded),
];

/// The fate a word names, in any case.
pub(crate) fn fate(word: &str) -> Option<Fate> {
    let lower = word.to_ascii_lowercase();
    WORDS.iter().find(|(known, _)| *known == lower).map(|(_, fate)| *fate)
}

/// Whether a word calls a customer new.
pub(crate) fn is_new_customer(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "y" | "new" => Some(true),
        "0" | "false" | "no" | "n" | "existing" | "returning" | "old" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_in_the_table_once() {
        let words: std::collections::BTreeSet<_> = WORDS.iter().map(|(word, _)| word).collect();
        assert_eq!(words.len(), WORDS.len());
    }

    #[test]
    fn words_are_read_in_any_case_and_others_refused() {
        assert_eq!(fate("Chargeback"), Some(Fate::Refunded));
        assert_eq!(fate("SALE"), Some(APPROVED));
        assert_eq!(fate("4"), None);
        assert_eq!(fate("{status}"), None);
    }
}
