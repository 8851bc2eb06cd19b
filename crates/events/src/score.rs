//! A score: what counting over many orders and clicks found suspicious about one order.
//!
//! It is an input like a report: born at an edge with an identity, kept in the order's set, never edited. Scoring an order anew is a newer score;
//! one without signals clears it. Not here: the counting (`warehouse`), and what a signal does to a credit (`attribution`).

use std::cmp::Ordering;

use units::{CatalogVersion, EpochMs, Origin, PartnerId};

use crate::{click::coded, report::OrderKey};

coded! {
    /// What is suspicious.
    SignalCode {
        /// The partner had more clicks in one hour than he may; the value counts them.
        ClickFlood = 0 "click_flood",
        /// The partner's orders follow his clicks at other times than the offer's do; the value is the distance of both in parts per million.
        OddDelay = 1 "odd_delay",
        /// The customer has the partner's e-mail address; the value is 1.
        SelfPurchase = 2 "self_purchase",
        /// The click came from a data centre's address; the value counts such clicks.
        DataCentre = 3 "data_centre",
        /// One visitor touched many partners within a short time; the value counts them.
        ManyPartners = 4 "many_partners",
        /// Many orders came from one address; the value counts them.
        ManyOrders = 5 "many_orders",
    }
}

/// One suspicion, with the number that was found and the one it was compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal {
    /// What.
    pub code: SignalCode,
    /// Against whom; 0 where it is about the order, whoever earned it.
    pub partner: PartnerId,
    /// What was found.
    pub value: u64,
    /// What the catalog allows; the value is at least this.
    pub threshold: u64,
}

/// A suspicion as a decision tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TracedSignal {
    /// What, against whom, and both numbers.
    pub signal: Signal,
    /// The version of the catalog whose threshold was compared.
    pub rules: CatalogVersion,
}

/// What was found about an order at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Score {
    /// The record's identity.
    pub origin: Origin,
    /// When the edge took it.
    pub received_at: EpochMs,
    /// Which order.
    pub order: OrderKey,
    /// Whose thresholds were compared.
    pub rules: CatalogVersion,
    /// When it was counted.
    pub scored_at: EpochMs,
    /// Strictly ascending by (code, partner), at most [`Score::SIGNALS_MAX`]; none clears the order.
    pub signals: Vec<Signal>,
}

impl Score {
    /// Suspicions about one order: each code against the few partners who touched it. The first by (code, partner) are kept.
    pub const SIGNALS_MAX: usize = 16;

    /// Puts signals into the order that a score has them in: of one code and partner the greatest, and of all the first.
    pub fn arrange(signals: &mut Vec<Signal>) {
        let key = |it: &Signal| (it.code, it.partner);
        signals.sort_unstable_by(|a, b| key(a).cmp(&key(b)).then(b.cmp(a)));
        signals.dedup_by_key(|it| key(it));
        signals.truncate(Self::SIGNALS_MAX);
    }

    /// Whether signals are as [`Score::arrange`] leaves them.
    #[must_use]
    pub fn is_arranged(signals: &[Signal]) -> bool {
        let key = |it: &Signal| (it.code, it.partner);
        signals.len() <= Self::SIGNALS_MAX
            && signals.is_sorted_by(|a, b| key(a).cmp(&key(b)) == Ordering::Less)
    }

    /// By which the newest of an order's scores counts: a repeated one is the same, and the order of arrival does not matter.
    #[must_use]
    pub const fn rank(&self) -> (EpochMs, CatalogVersion, Origin) {
        (self.scored_at, self.rules, self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(code: SignalCode, partner: u32, value: u64) -> Signal {
        Signal { code, partner: PartnerId(partner), value, threshold: 1 }
    }

    #[test]
    fn of_one_code_and_partner_the_greatest_is_kept_and_of_all_the_first() {
        let mut signals: Vec<Signal> = (0..40).map(|it| signal(SignalCode::ManyOrders, it, 1)).collect();
        signals.push(signal(SignalCode::ClickFlood, 7, 5));
        signals.push(signal(SignalCode::ClickFlood, 7, 9));
        Score::arrange(&mut signals);
        assert!(Score::is_arranged(&signals));
        assert_eq!(signals.len(), Score::SIGNALS_MAX);
        assert_eq!(signals.first(), Some(&signal(SignalCode::ClickFlood, 7, 9)));
        assert_eq!(signals.last(), Some(&signal(SignalCode::ManyOrders, 14, 1)));
    }
}
