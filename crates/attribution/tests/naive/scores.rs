//! What is suspicious about an order, said aloud: over all its scores and all that its visitors touched.

use std::collections::BTreeSet;

use catalog::{Catalog, Rules};
use events::{Report, Score, Touch, TouchKind, Verdict};
use units::{AdvertiserId, EpochMs, OfferId, PartnerId};

/// Whose credits wait; partner 0 stands for everybody's. `reports` and `scores` are the order's, `touches` its visitors'.
pub(crate) fn suspected<'a>(
    (reports, scores): (&[&Report], impl Iterator<Item = &'a Score>),
    (advertiser, at): (AdvertiserId, EpochMs),
    touches: &[Touch],
    catalog: Option<&Catalog>,
    rules: impl Fn(OfferId, PartnerId) -> Option<Rules>,
) -> BTreeSet<PartnerId> {
    let newest = scores.max_by_key(|it| (it.scored_at, it.rules, it.origin));
    let counted = newest.into_iter().flat_map(|it| &it.signals).map(|it| it.partner);
    let mut suspected: BTreeSet<PartnerId> = counted.collect();
    for buyer in reports.iter().filter_map(|it| it.self_partner) {
        suspected.extend(
            catalog.filter(|it| it.fraud.self_purchase).map(|it| names(buyer, it)).into_iter().flatten(),
        );
    }
    let Some(limit) = catalog.and_then(|it| it.fraud.visitor) else { return suspected };
    let counts = |it: &&Touch| {
        let window = rules(it.offer, it.partner).map_or(0, |it| it.click_window_ms);
        it.advertiser == advertiser
            && it.kind == TouchKind::Click
            && matches!(it.verdict, Verdict::Valid | Verdict::Duplicate)
            && it.at <= at
            && at.0 < it.at.0 + window
    };
    for first in touches.iter().filter(counts) {
        let soon = touches.iter().filter(counts).filter(|it| {
            it.visitor == first.visitor && first.at <= it.at && it.at.0 <= first.at.0 + limit.within_ms
        });
        let partners: BTreeSet<PartnerId> = soon.map(|it| it.partner).collect();
        if partners.len() >= usize::try_from(limit.partners).expect("a small number") {
            suspected.insert(PartnerId(0));
        }
    }
    suspected
}

pub(crate) fn waits(suspected: &BTreeSet<PartnerId>, partner: PartnerId) -> bool {
    suspected.contains(&partner) || suspected.contains(&PartnerId(0))
}

/// Every partner whom one person is.
fn names(person: PartnerId, catalog: &Catalog) -> Vec<PartnerId> {
    let email = catalog.partners.get(&person).and_then(|it| it.email);
    let same = catalog.partners.values().filter(|it| email.is_some() && it.email == email).map(|it| it.id);
    same.chain([person]).collect()
}
