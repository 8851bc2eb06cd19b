//! The hijack guard: who waits at the checkout does not take an order from the partner who brought the customer.
//!
//! In: what is weighed, each by itself. Out: clicks of guarded partners that came too late, marked. Start at [`mark`].

use catalog::Rules;
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
        let Some(rules) = it.rules.filter(Rules::guards) else { return false };
        let window_ms = rules.hijack_window_ms;
        let age_ms = it.age_ms.unsigned_abs();
        let is_near = age_ms < window_ms || (age_ms == window_ms && window_ms > 0 && planted(Bug::GuardEnd));
        let is_in_checkout = rules.hijack_after_checkout && checkout_at.is_some_and(|at| at <= it.touch.at);
        is_click(it) && it.is_eligible() && (is_near || is_in_checkout)
    };
    for index in 0..weighed.len() {
        let (before, rest) = weighed.split_at_mut(index);
        let Some(it) = rest.first_mut().filter(|it| is_guarded(it)) else { continue };
        if before.iter().any(|other| brought(other, it)) {
            it.verdict = CandidateVerdict::HijackGuarded;
        }
    }
}

/// Of a marked click the newest one before it for which it was.
pub(super) fn beaten_by<'a, 'b>(it: &Weighed<'_>, before: &'b [Weighed<'a>]) -> Option<&'b Weighed<'a>> {
    before.iter().rev().find(|other| brought(other, it))
}

/// How far a marked click is from a time at which it would not be, by its own time, in ms: earlier by so much, which is below zero. 0 where its own
/// window ends before that.
pub(super) fn short_ms(rules: &Rules, age_ms: u64, at: EpochMs, checkout_at: Option<EpochMs>) -> i64 {
    let too_near_ms = rules.hijack_window_ms.saturating_sub(age_ms);
    let began = checkout_at.filter(|_| rules.hijack_after_checkout);
    let too_late_ms = began.and_then(|began| at.ms_since(began)).map_or(0, |ms| ms + 1);
    let earlier_ms = too_near_ms.max(too_late_ms);
    let is_in_window = age_ms.saturating_add(earlier_ms) < rules.click_window_ms;
    if is_in_window { i64::try_from(earlier_ms).map_or(i64::MIN, |ms| -ms) } else { 0 }
}

/// Whether `other` is why `it` is guarded, if it came before.
fn brought(other: &Weighed<'_>, it: &Weighed<'_>) -> bool {
    is_click(other)
        && other.verdict.is_eligible()
        && other.touch.partner != it.touch.partner
        && other.rules.is_some_and(|it| !it.guards())
}

fn is_click(it: &Weighed<'_>) -> bool {
    it.found.is_touch() && it.touch.kind == TouchKind::Click
}
