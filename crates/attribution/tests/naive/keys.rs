//! Who earns by which key, as one would say it aloud: the guard, the places of keys, coupons and partners that reports name.
//!
//! In: the touches that may earn by themselves, the reports and the version in force. Out: parts per million. It shares nothing with the product but
//! its types; the simulation uses it too.

use catalog::{Catalog, Key, Model, Rules, Status};
use events::{Country, Device, Report, Touch, TouchId, TouchKind, Verdict};
use units::{AdvertiserId, EpochMs, LinkId, OfferId, Origin, PartnerId, VisitorId};

use super::{
    customers::{Buyer, pays},
    sharing,
};

/// The keys at their places, if no rule says otherwise, with the number that stands in the name of who is found by one alone.
const BUILT_IN: [(Key, u8); 6] = [
    (Key::ExclusiveCoupon, 3),
    (Key::Click, 0),
    (Key::Coupon, 4),
    (Key::Customer, 5),
    (Key::Partner, 6),
    (Key::View, 0),
];

/// Who may earn, at which place of keys.
struct Claim {
    place: usize,
    key: Key,
    touch: Touch,
}

/// How an order is shared.
#[derive(Debug, Default)]
#[allow(dead_code, reason = "who tests shares alone has no use for the rest")]
pub(crate) struct Shared {
    /// Who gets how much of it.
    pub(crate) credited: Vec<(Touch, u32)>,
    /// Those it was decided between, or the one that a coupon or a report names.
    pub(crate) path: Vec<Touch>,
    /// All others that might have earned: touches, and then those who have none, the one whose key is weighed first at the end.
    pub(crate) beside: Vec<Touch>,
    /// The path's, if it is one of touches.
    pub(crate) model: Option<Model>,
}

/// Who gets how much of an order. `reports` ascend by (received, origin); `touches` may earn by themselves and ascend by (time, writer, sequence).
pub(crate) fn shared(
    (advertiser, at): (AdvertiserId, EpochMs),
    (reports, buyer): (&[&Report], &Buyer),
    touches: &[Touch],
    catalog: &Catalog,
    rules: impl Fn(OfferId, PartnerId) -> Option<Rules>,
) -> Shared {
    let of = |touch: &Touch| rules(touch.offer, touch.partner).expect("it may earn");
    let mut claims: Vec<Claim> = Vec::new();
    let is_existing = buyer.is_existing(reports);
    let mut claim = |key: Key, touch: Touch| {
        let rules = of(&touch);
        if let Some(place) = place(&rules, key).filter(|_| pays(&rules, is_existing)) {
            claims.push(Claim { place, key, touch });
        }
    };
    let is_on = |it: &&Touch| place(&of(it), key(it)).is_some() && pays(&of(it), is_existing);
    let on: Vec<Touch> = touches.iter().filter(is_on).copied().collect();
    let mut guarded: Vec<Touch> = Vec::new();
    for (index, touch) in on.iter().enumerate() {
        let brought = |other: &Touch| {
            other.kind == TouchKind::Click
                && other.partner != touch.partner
                && of(other).hijack_window_ms == 0
                && !of(other).hijack_after_checkout
        };
        let checkout_began = reports.iter().any(|it| it.checkout_at.is_some_and(|began| began <= touch.at));
        let is_close = at.0 - touch.at.0 < of(touch).hijack_window_ms
            || (of(touch).hijack_after_checkout && checkout_began);
        let is_guarded = touch.kind == TouchKind::Click && is_close && on.iter().take(index).any(brought);
        if is_guarded {
            guarded.push(*touch);
        } else {
            claim(key(touch), *touch);
        }
    }
    for report in reports {
        let coupons = report.coupons.iter().filter_map(|named| coupon(advertiser, named, catalog));
        let partner = report.partner.and_then(|named| program(advertiser, named, report.offer, catalog));
        for (key, partner, offer) in coupons.chain(partner) {
            if catalog.partners.get(&partner).is_some_and(|it| it.status == Status::Active) {
                claim(key, without_touch(key, partner, offer, advertiser, at));
            }
        }
    }
    for (partner, offer) in buyer.bound(&rules) {
        if catalog.partners.get(&partner).is_some_and(|it| it.status == Status::Active) {
            claim(Key::Customer, without_touch(Key::Customer, partner, offer, advertiser, at));
        }
    }
    let Some(best) = claims.iter().map(|it| (it.place, it.key)).min() else { return Shared::default() };
    let is_best = |it: &Claim| (it.place, it.key) == best;
    let mut path: Vec<Touch> = claims.iter().filter(|it| is_best(it)).map(|it| it.touch).collect();
    let mut beside: Vec<Claim> = claims.into_iter().filter(|it| !is_best(it)).collect();
    if matches!(best.1, Key::Click | Key::View) {
        let model = path.last().map(of).map(|it| it.model);
        let beside = arranged(guarded, beside);
        return Shared { credited: sharing::credited(model.unwrap_or_default(), &path), path, beside, model };
    }
    // The first that was named; the others of that key stand beside him.
    let winner = path.remove(0);
    let (place, key) = best;
    beside.extend(path.into_iter().filter(|it| it.id != winner.id).map(|touch| Claim { place, key, touch }));
    let beside = arranged(guarded, beside);
    Shared { credited: vec![(winner, 1_000_000)], path: vec![winner], beside, model: None }
}

/// Claims of one key are in the order in which they were named.
fn arranged(guarded: Vec<Touch>, claims: Vec<Claim>) -> Vec<Touch> {
    let has_touch = |it: &Claim| matches!(it.key, Key::Click | Key::View);
    let (touches, mut named): (Vec<Claim>, Vec<Claim>) = claims.into_iter().partition(has_touch);
    named.sort_by_key(|it| it.key);
    let touches = touches.into_iter().map(|it| it.touch);
    guarded.into_iter().chain(touches).chain(named.into_iter().rev().map(|it| it.touch)).collect()
}

fn key(touch: &Touch) -> Key {
    if touch.kind == TouchKind::Click { Key::Click } else { Key::View }
}

/// Keys that are left out keep their built-in places; the others stand at what is left, in their order.
fn place(rules: &Rules, key: Key) -> Option<usize> {
    let named: Vec<Key> = rules.precedence.keys().collect();
    let free = BUILT_IN.iter().enumerate().filter(|(_, (it, _))| named.contains(it));
    free.zip(&named).find(|(_, it)| **it == key).map(|((place, _), _)| place)
}

fn coupon(advertiser: AdvertiserId, named: &str, catalog: &Catalog) -> Option<(Key, PartnerId, OfferId)> {
    let named = named.trim().to_uppercase();
    let is_it = |it: &&catalog::Coupon| {
        *it.code == *named && catalog.offers.get(&it.offer).is_some_and(|it| it.advertiser == advertiser)
    };
    let found = catalog.coupons.values().find(is_it)?;
    let key = if found.exclusive { Key::ExclusiveCoupon } else { Key::Coupon };
    Some((key, found.partner, found.offer))
}

fn program(
    advertiser: AdvertiserId,
    partner: PartnerId,
    named: Option<OfferId>,
    catalog: &Catalog,
) -> Option<(Key, PartnerId, OfferId)> {
    let links = catalog.links.values().filter(|it| it.partner == partner).map(|it| it.offer);
    let coupons = catalog.coupons.values().filter(|it| it.partner == partner).map(|it| it.offer);
    let own = |it: &OfferId| catalog.offers.get(it).is_some_and(|it| it.advertiser == advertiser);
    let lowest = links.chain(coupons).filter(own).min()?;
    Some((Key::Partner, partner, named.filter(own).unwrap_or(lowest)))
}

/// Named by zeros where a touch has its time, the key's number, a zero, and then partner and offer.
fn without_touch(
    key: Key,
    partner: PartnerId,
    offer: OfferId,
    advertiser: AdvertiserId,
    at: EpochMs,
) -> Touch {
    let code = BUILT_IN.iter().find(|(it, _)| *it == key).map_or(0, |(_, code)| *code);
    let name = (u128::from(code) << 72) | (u128::from(partner.0) << 32) | u128::from(offer.0);
    Touch {
        at,
        origin: Origin::default(),
        id: TouchId(name.to_be_bytes()),
        visitor: VisitorId(0),
        kind: TouchKind::Click,
        verdict: Verdict::Valid,
        partner,
        offer,
        advertiser,
        link: LinkId(0),
        country: Country(*b"ZZ"),
        device: Device::Unknown,
    }
}
