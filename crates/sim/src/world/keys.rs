//! Keys besides clicks: coupons that move from one version to the next, partners named outright, orders of keys, hijack windows.
//!
//! In: chance beside the world's own, so that what is drawn here leaves the rest of a seed's world as it was. Out: rows of a catalog, and what reports
//! name. Start at [`beside`].

use std::fmt::Write as _;

use events::Report;
use units::{MINUTE_MS, OfferId, PartnerId};

use crate::rng::Rng;

/// Orders of keys, of which most are the built-in one.
const PRECEDENCE: [&str; 8] = [
    "",
    "",
    "",
    "",
    "precedence = [\"coupon\", \"click\", \"view\"]",
    "precedence = [\"click\", \"exclusive_coupon\", \"partner\", \"coupon\"]",
    "precedence = [\"exclusive_coupon\", \"coupon\", \"partner\", \"view\", \"click\"]",
    "precedence = [\"view\", \"click\", \"partner\"]",
];
/// Whether customers stay with who brought them, and whose orders earn.
const BINDINGS: [&str; 8] = [
    "",
    "",
    "binding = \"lifetime\"",
    "binding = \"lifetime\"\nbinding_orders = 1",
    "binding = \"60m\"\nbinding_owner = \"last\"",
    "binding = \"lifetime\"\nbinding_owner = \"last\"",
    "customers = \"new\"",
    "binding = \"120m\"\ncustomers = \"existing\"",
];
const GUARDS: [&str; 5] =
    ["", "", "hijack_window = \"5m\"", "hijack_window = \"60m\"", "hijack_after_checkout = true"];

/// Chance for all that is here.
pub(crate) const fn beside(rng: &Rng) -> Rng {
    rng.beside(0x6b65_7973)
}

pub(super) fn of_offer(rng: &mut Rng) -> String {
    let guard = if rng.chance(15) { rng.of(GUARDS) } else { "" };
    format!("{}\n{guard}\n{}", rng.of(PRECEDENCE), rng.of(BINDINGS))
}

pub(super) fn of_override(rng: &mut Rng) -> String {
    format!("{}\n{}", rng.of(PRECEDENCE), rng.of(GUARDS))
}

/// Each code may be another partner's in each version, or nobody's. Two advertisers have the same codes.
pub(super) fn add_coupons(text: &mut String, rng: &mut Rng) {
    for (code, offers) in [("C1", [1, 2]), ("C2", [1, 1]), ("C3", [2, 2]), ("C1", [3, 3])] {
        if rng.chance(75) {
            let (partner, offer, exclusive) = (1 + rng.below(3), rng.of(offers), rng.chance(40));
            writeln!(
                text,
                "[[coupon]]\ncode = \"{code}\"\npartner = {partner}\noffer = {offer}\nexclusive = {exclusive}"
            )
            .expect("a String takes any text");
        }
    }
}

/// Now and then a report names a coupon, as customers type it, or a partner.
pub(crate) fn name_someone(report: &mut Report, rng: &mut Rng) {
    let count = rng.of([0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
    report.coupons = (0..count).map(|_| rng.of(["C1", " c2", "C2", "c3 ", "C4"]).into()).collect();
    report.checkout_at = rng.chance(20).then(|| report.order_time().back(rng.below(40) * MINUTE_MS));
    report.partner = rng.chance(12).then(|| PartnerId(rng.of([1, 2, 3, 9, 77])));
    report.new_customer = rng.chance(10).then(|| rng.chance(50));
    report.offer = rng.chance(30).then(|| OfferId(rng.of([1, 2, 3])));
}
