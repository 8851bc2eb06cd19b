//! What is found suspicious: scores of orders, some of which nobody reports, visitors who are watched, and partners' own orders.
//!
//! In: chance beside the world's own. Out: scores, rows of a catalog, and who a customer is. Start at [`scores`].

use events::{OrderKey, Score, Signal, SignalCode};
use units::{AdvertiserId, CatalogVersion, MINUTE_MS, Origin, PartnerId};

use super::START;
use crate::rng::Rng;

/// Chance for all that is here.
pub(super) const fn beside(rng: &Rng) -> Rng {
    rng.beside(0x7363_6f72)
}

/// Of orders of these names, in half of all worlds. Several of one instant, so that what breaks a tie matters.
pub(super) fn scores(names: [&'static str; 3], rng: &mut Rng) -> Vec<Score> {
    let count = if rng.chance(50) { 0 } else { rng.below(7) };
    let score = |_| {
        let mut signals: Vec<Signal> = (0..rng.below(3)).map(|_| signal(rng)).collect();
        Score::arrange(&mut signals);
        let scored_at = START.forth(rng.below(4) * MINUTE_MS);
        Score {
            origin: Origin::default(),
            received_at: scored_at,
            order: OrderKey::by_id(AdvertiserId(rng.of([1, 1, 2])), rng.of(names)),
            rules: CatalogVersion(rng.of([1, 2])),
            scored_at,
            signals,
        }
    };
    (0..count).map(score).collect()
}

fn signal(rng: &mut Rng) -> Signal {
    let code = rng.pick(SignalCode::ALL).copied().expect("there are codes");
    Signal { code, partner: PartnerId(rng.of([0, 1, 2, 3])), value: rng.below(100), threshold: 1 }
}

/// What a version says of visitors and of partners' own orders.
pub(super) fn watched(rng: &mut Rng) -> String {
    let visitors = rng.of([
        "",
        "",
        "visitor_partners = 2\nvisitor_within = \"20m\"\n",
        "visitor_partners = 3\nvisitor_within = \"1h\"\n",
    ]);
    let own = rng.of(["", "self_purchase = true\n"]);
    if visitors.is_empty() && own.is_empty() { String::new() } else { format!("[fraud]\n{visitors}{own}") }
}

/// Partners 2 and 3 are one person; partner 1 has told no address.
pub(super) fn email_of(partner: u32) -> String {
    if partner == 1 { String::new() } else { format!("email_sha256 = \"{}\"\n", "2a".repeat(32)) }
}

/// Now and then the customer is a partner, or was one of an earlier version.
pub(super) fn own_order(rng: &mut Rng) -> Option<PartnerId> {
    rng.chance(15).then(|| PartnerId(rng.of([1, 2, 3, 9, 77])))
}
