//! What a sender should know of a report that was taken: a closed list of codes, each with its sentence.
//!
//! In: what was read. Out: [`Notes`], which the answer repeats. A note refuses nothing: the report is recorded as its answer says. Codes are promises.

use events::{Report, Statement};

use super::is_order_id_encoded;

macro_rules! notes {
    ($($(#[$doc:meta])* $variant:ident $code:literal $message:literal,)*) => {
        /// One thing to know.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Note { $($(#[$doc])* $variant,)* }

        impl Note {
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word that never changes.
            pub(crate) const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// For people.
            pub(crate) const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)* }
            }
        }
    };
}

notes! {
    /// Two channels may mean one order and encode its id differently.
    OrderIdEncoded "order_id_encoded" "order_id still holds a percent-encoding and was kept as it came",
    /// Later than a clock may be ahead ([`Report::AHEAD_MS`]).
    TimeAhead "time_ahead" "the time is in the future, so the order counts as made when this report came",
    /// Older than the longest window.
    TimeLongPast "time_long_past" "the time is more than a year ago and counts as it is",
    /// The catalog has no such partner, or no alias for the old id.
    PartnerUnknown "partner_unknown" "no partner of the catalog is called so; the order was kept and earns nothing by this name",
    /// A word that shops send for guests.
    CustomerNobody "customer_nobody" "customer_id or email is a word for nobody, so the order belongs to no customer",
    /// Money that went back is no statement of what the order is worth.
    RefundOnly "refund_only" "read as money that went back; what the order was worth is told by a report without refund, refunded or chargeback",
    /// The advertiser's pixels tell who was there.
    PixelEvidence "pixel_evidence" "a pixel tells who was there; amount, status and lines count from the shop's own reports (pixels = \"evidence\")",
}

/// Those of one report, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notes(Vec<Note>);

impl Notes {
    /// What is told by the report alone.
    pub(crate) fn of(report: &Report) -> Self {
        let mut notes = Self::default();
        notes.put(Note::OrderIdEncoded, is_order_id_encoded(&report.key));
        notes.put(Note::TimeAhead, report.is_ahead());
        notes.put(Note::TimeLongPast, report.is_long_past());
        notes.put(Note::RefundOnly, is_derived_refund(&report.statement));
        notes
    }

    /// Adds a note where it holds.
    pub(crate) fn put(&mut self, note: Note, holds: bool) {
        if holds && !self.0.contains(&note) {
            self.0.push(note);
        }
    }

    pub(crate) fn has(&self, note: Note) -> bool {
        self.0.contains(&note)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their words, in order.
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.0.iter().map(|it| it.code()).collect()
    }

    /// Their sentences, as one line.
    pub(crate) fn line(&self) -> String {
        self.0.iter().map(|it| it.message()).collect::<Vec<_>>().join("; ")
    }
}

/// A refund with an id of its own was meant as one; a word or a sign may have been meant for the order itself.
fn is_derived_refund(statement: &Statement) -> bool {
    matches!(statement, Statement::Refund { refund, .. } if refund.starts_with('~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_frozen() {
        let codes: Vec<&str> = Note::ALL.iter().map(|it| it.code()).collect();
        let frozen: Vec<&str> = include_str!("../../tests/golden/notes_v1.txt").lines().collect();
        assert_eq!(codes, frozen);
    }
}
