//! The hijack guard: who waits at the checkout does not take an order from the partner who brought the customer.
//!
//! In: what is weighed, each by itself. Out: clicks of guarded partners that came too late, marked. Start at [`mark`].

use events::{CandidateVerdict, TouchKind};
use units::{
    EpochMs,
    planted::{Bug, planted},
};

use super::weigh::Weighed;

/// Marks every click that may be credited, is nearer to the order than its own rules' `hijack_window` or not before checkout where they say so, and
/// follows a click of another partner that may be credited and has no such rule.
pub(super) fn mark(weighed: &mut [Weighed<'_>], checkout_at: Option<EpochMs>) {
    let is_guarded = |it: &Weighed<'_>| {
        let Some(rules) = it.rules.filter(catalog::Rules::guards) else { return false };
        let window_ms = rules.hijack_window_ms;
        let age_ms = it.age_ms.unsigned_abs();
        let is_near = age_ms < window_ms || (age_ms == window_ms && window_ms > 0 && planted(Bug::GuardEnd));
        let is_in_checkout = rules.hijack_after_checkout && checkout_at.is_some_and(|at| at <= it.touch.at);
        is_click(it) && (is_near || is_in_checkout)
    };
    for index in 0..weighed.len() {
        let (before, rest) = weighed.split_at_mut(index);
        let Some(it) = rest.first_mut().filter(|it| is_guarded(it)) else { continue };
        let brought = |other: &Weighed<'_>| {
            is_click(other)
                && other.touch.partner != it.touch.partner
                && other.rules.is_some_and(|it| !it.guards())
        };
        if before.iter().any(brought) {
            it.verdict = CandidateVerdict::HijackGuarded;
        }
    }
}

/// That may be credited.
fn is_click(it: &Weighed<'_>) -> bool {
    it.is_eligible() && it.named.is_none() && it.touch.kind == TouchKind::Click
}
