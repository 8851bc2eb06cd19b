//! The words and numbers that shops and networks use for an order's fate, in one table.

use events::{RefundKind, RejectReason, ReportedStatus};

/// What a status says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Of the order.
    Status(ReportedStatus),
    /// Money went back: all of it, or the amount beside it.
    Back(RefundKind),
}

const PENDING: Fate = Fate::Status(ReportedStatus::Pending);
const APPROVED: Fate = Fate::Status(ReportedStatus::Approved);
const REJECTED: Fate = Fate::Status(ReportedStatus::Rejected);
const REFUNDED: Fate = Fate::Back(RefundKind::Refund);
const CHARGED_BACK: Fate = Fate::Back(RefundKind::Chargeback);

/// Lower case. Numbers as Affise has them, letters as Post Affiliate Pro, `lead`, `sale` and `rebill` as Keitaro.
const WORDS: [(&str, Fate); 44] = [
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
    ("refunded", REFUNDED),
    ("refund", REFUNDED),
    ("reversed", REFUNDED),
    ("returned", REFUNDED),
    ("chargeback", CHARGED_BACK),
    ("charge_back", CHARGED_BACK),
    ("charged_back", CHARGED_BACK),
    ("chargedback", CHARGED_BACK),
];

/// Lower case: words of a reason, and those words of a status that give one by themselves. `customer`, `inventory` and `declined` as Shopify has
/// them.
const REASONS: [(&str, RejectReason); 30] = [
    ("cancelled", RejectReason::Cancelled),
    ("canceled", RejectReason::Cancelled),
    ("cancel", RejectReason::Cancelled),
    ("cancellation", RejectReason::Cancelled),
    ("customer", RejectReason::Cancelled),
    ("inventory", RejectReason::Cancelled),
    ("out_of_stock", RejectReason::Cancelled),
    ("fraud", RejectReason::Fraud),
    ("fraudulent", RejectReason::Fraud),
    ("duplicate", RejectReason::Duplicate),
    ("duplicated", RejectReason::Duplicate),
    ("double", RejectReason::Duplicate),
    ("test", RejectReason::Test),
    ("test_order", RejectReason::Test),
    ("unpaid", RejectReason::Unpaid),
    ("not_paid", RejectReason::Unpaid),
    ("failed", RejectReason::Unpaid),
    ("payment_failed", RejectReason::Unpaid),
    ("voided", RejectReason::Unpaid),
    ("declined", RejectReason::Unpaid),
    ("decline", RejectReason::Unpaid),
    ("returned", RejectReason::Returned),
    ("return", RejectReason::Returned),
    ("refunded", RejectReason::Returned),
    ("refund", RejectReason::Returned),
    ("terms", RejectReason::OutOfTerms),
    ("out_of_terms", RejectReason::OutOfTerms),
    ("violation", RejectReason::OutOfTerms),
    ("brand_bidding", RejectReason::OutOfTerms),
    ("unsaid", RejectReason::Unsaid),
];

/// Why an order is rejected, by the word for the reason, else by the status's own word. A reason that the list does not know is `Other`; a status
/// that gives none is no reason.
pub(crate) fn reason(word: Option<&str>, status: Option<&str>) -> Option<RejectReason> {
    let known = |word: &str| {
        let lower = word.trim().to_lowercase().replace([' ', '-'], "_");
        REASONS.iter().find(|(known, _)| *known == lower).map(|(_, reason)| *reason)
    };
    word.map(|it| known(it).unwrap_or(RejectReason::Other)).or_else(|| known(status?))
}

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
    fn every_reason_is_in_the_table_once_and_each_has_a_word() {
        let words: std::collections::BTreeSet<_> = REASONS.iter().map(|(word, _)| word).collect();
        assert_eq!(words.len(), REASONS.len());
        for &of in RejectReason::ALL {
            let word = (of != RejectReason::Other).then_some(of.as_str());
            assert_eq!(reason(word.or(Some("no such word")), None), Some(of), "{of:?}");
        }
    }

    #[test]
    fn a_reason_is_its_own_word_else_the_statuss() {
        let rows = [
            (Some("Test order"), Some("rejected"), Some(RejectReason::Test)),
            (Some("Brand-Bidding"), Some("fraud"), Some(RejectReason::OutOfTerms)),
            (Some("we did not like it"), None, Some(RejectReason::Other)),
            (None, Some("cancelled"), Some(RejectReason::Cancelled)),
            (None, Some("rejected"), None),
            (None, None, None),
        ];
        for (word, status, want) in rows {
            assert_eq!(reason(word, status), want, "{word:?} {status:?}");
        }
    }

    #[test]
    fn words_are_read_in_any_case_and_others_refused() {
        assert_eq!(fate("Chargeback"), Some(CHARGED_BACK));
        assert_eq!(fate("REFUNDED"), Some(REFUNDED));
        assert_eq!(fate("SALE"), Some(APPROVED));
        assert_eq!(fate("4"), None);
        assert_eq!(fate("{status}"), None);
    }
}
