//! Who may earn without a touch: by a coupon that a report names, or because a report names him.
//!
//! In: an order's reports, all versions of the catalog, and the one in force at its time. Out: one candidate for each of a key, a partner and an
//! offer, with a name of its own (`TouchId::of_key`), also for those who are it by another version: each gets his rows. Not here: which of them
//! earns (`weigh`). Start at [`Named::of`].

use std::cmp::Reverse;

use catalog::{Binding, BindingOwner, Catalog, History, Holder, Key};
use events::{ClickId, Country, Device, MatchedKey, Past, Report, Touch, TouchId, TouchKind, Verdict};
use units::{
    AdvertiserId, EpochMs, LinkId, OfferId, Origin, PartnerId, VisitorId,
    planted::{Bug, planted},
};

use super::possible_times;

/// Candidates of one order who have no touch: those who may earn before the others, then by key, then as they were named. A customer types one code or
/// two; beyond this only a shop that sends every code it knows is. The trace counts the others, and what was credited to them does not count
/// beside the order's newer row.
pub const NAMED_MAX: usize = 16;

/// One of them.
pub(crate) struct Candidate {
    /// In the place of a touch: at the order's own time, by no link.
    pub(crate) touch: Touch,
    pub(crate) found: MatchedKey,
    /// By the version in force, and not by another one alone.
    pub(crate) holds: bool,
    /// Of a binding.
    pub(crate) term: Option<Term>,
    /// Among those named: reports as they came, and of one report its coupons, as they came, before its partner.
    place: u32,
}

/// How a binding stands at the order, by the times that reports say.
#[derive(Clone, Copy)]
pub(crate) struct Term {
    /// From the order that binds.
    pub(crate) age_ms: u64,
    /// For how long it does; `None` is for ever.
    pub(crate) for_ms: Option<u64>,
    /// So many purchases as it was for have been since.
    pub(crate) is_used_up: bool,
}

impl Term {
    pub(crate) fn has_ended(&self) -> bool {
        self.is_used_up || self.for_ms.is_some_and(|ms| self.age_ms >= ms)
    }
}

/// A key that a report names.
pub(crate) struct Tried {
    pub(crate) key: MatchedKey,
    /// A coupon, as it was typed.
    pub(crate) named: Box<str>,
    /// Whose it is by the version in force, and by which name he is a candidate.
    pub(crate) holder: Option<(PartnerId, TouchId)>,
    /// Some version until then knows it.
    pub(crate) is_known: bool,
    /// Who was named outright.
    pub(crate) partner: Option<PartnerId>,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Named {
    /// The one that was named first, by the first key, is the last.
    pub(crate) candidates: Vec<Candidate>,
    /// How many did not fit.
    pub(crate) left_out: u32,
    /// A coupon was named that is nobody's by the version in force.
    pub(crate) unknown_coupon: bool,
    /// A partner was named who does not promote the advertiser by the version in force.
    pub(crate) unknown_partner: bool,
    /// Coupons and partners as they were named, each once.
    pub(crate) tried: Vec<Tried>,
    /// How often somebody was.
    count: u32,
}

/// Whose order, when it was, and the latest time it could have had.
type Order = (AdvertiserId, EpochMs, EpochMs);

impl Named {
    /// Of the advertiser's order at `at`, `catalog` being in force then. `reports` ascend by (`received_at`, `origin`).
    pub(super) fn of(
        (advertiser, at): (AdvertiserId, EpochMs),
        (reports, past): (&[Report], &Past),
        history: &History,
        catalog: Option<&Catalog>,
    ) -> Self {
        let mut named = Self::default();
        let is_bound = past.first.is_some();
        if !is_bound && reports.iter().all(|it| it.coupons.is_empty() && it.partner.is_none()) {
            return named;
        }
        let signed = reports.iter().filter_map(|it| it.click.signed()).map(ClickId::at);
        let until = possible_times(reports, signed).max().unwrap_or(at);
        let order = (advertiser, at, until);
        for (index, report) in reports.iter().enumerate() {
            let before = || reports.iter().take(index);
            for coupon in &report.coupons {
                if before().all(|it| !it.coupons.contains(coupon)) {
                    named.add_coupon(order, coupon, history, catalog);
                }
            }
            if let Some(partner) = report.partner
                && before().all(|it| (it.partner, it.offer) != (report.partner, report.offer))
            {
                named.add_partner(order, (partner, report.offer), history, catalog);
            }
        }
        let reported = reports.iter().map(Report::order_time).min().unwrap_or(at);
        named.add_bound((advertiser, at, reported), past, catalog);
        named.arrange();
        named
    }

    /// To whom the customer is bound: by the first or by the last of his orders, as the rules of the one whose order it is say. An order's place among
    /// those of its customer is its time before any click corrects it, so a binding's end is measured by that too.
    fn add_bound(&mut self, (advertiser, at, reported): Order, past: &Past, catalog: Option<&Catalog>) {
        let owners = [(BindingOwner::First, past.first), (BindingOwner::Last, past.last)];
        for (owner, to) in owners.into_iter().filter_map(|(owner, to)| Some((owner, to?))) {
            let rules = catalog.and_then(|it| it.rules(to.offer, to.partner));
            let Some(Binding::Bound { for_ms, orders, owner: by }) = rules.map(|it| it.binding) else {
                continue;
            };
            if by != owner {
                continue;
            }
            let age_ms = reported.ms_since(to.at).unwrap_or(u64::MAX);
            let term = Term { age_ms, for_ms, is_used_up: orders.is_some_and(|it| to.since >= it) };
            let touch = in_place_of_touch(at, advertiser, MatchedKey::Customer, to.partner, to.offer);
            self.add(touch, MatchedKey::Customer, true);
            if let Some(added) = self.candidates.last_mut().filter(|it| it.touch.id == touch.id) {
                added.term = Some(term);
            }
        }
    }

    fn add_coupon(
        &mut self,
        (advertiser, at, until): Order,
        coupon: &str,
        history: &History,
        catalog: Option<&Catalog>,
    ) {
        let newest = || history.newest().map(AsRef::as_ref);
        let in_force = if planted(Bug::NewestHolder) { newest() } else { catalog };
        let holder = in_force.and_then(|it| it.coupon(advertiser, coupon)).map(Holder::from);
        self.unknown_coupon |= holder.is_none();
        let holders = history.holders(advertiser, coupon, until);
        let key = |it: Holder| if it.is_exclusive { MatchedKey::ExclusiveCoupon } else { MatchedKey::Coupon };
        self.tried.push(Tried {
            key: holder.map_or(MatchedKey::Coupon, key),
            named: coupon.into(),
            holder: holder.map(|it| (it.partner, TouchId::of_key(key(it), it.partner, it.offer))),
            is_known: !holders.is_empty(),
            partner: None,
        });
        for it in holders {
            let touch = in_place_of_touch(at, advertiser, key(it), it.partner, it.offer);
            self.add(touch, key(it), holder == Some(it));
        }
    }

    fn add_partner(
        &mut self,
        (advertiser, at, until): Order,
        (partner, offer): (PartnerId, Option<OfferId>),
        history: &History,
        catalog: Option<&Catalog>,
    ) {
        let program = catalog.and_then(|it| it.program(advertiser, partner, offer));
        self.unknown_partner |= program.is_none();
        let declared = history.declared(advertiser, partner, offer, until);
        self.tried.push(Tried {
            key: MatchedKey::Partner,
            named: Box::default(),
            holder: program.map(|it| (partner, TouchId::of_key(MatchedKey::Partner, partner, it))),
            is_known: !declared.is_empty(),
            partner: Some(partner),
        });
        for it in declared {
            let touch = in_place_of_touch(at, advertiser, MatchedKey::Partner, partner, it);
            self.add(touch, MatchedKey::Partner, program == Some(it));
        }
    }

    /// Of the binding of this name.
    pub(super) fn term(&self, name: &TouchId) -> Option<Term> {
        self.candidates.iter().find(|it| it.touch.id == *name)?.term
    }

    /// Two coupons may lead to the same: it is named by the first that holds.
    fn add(&mut self, touch: Touch, found: MatchedKey, holds: bool) {
        self.count += 1;
        let new = Candidate { touch, found, holds, term: None, place: self.count };
        match self.candidates.iter_mut().find(|it| it.touch.id == new.touch.id) {
            None => self.candidates.push(new),
            Some(known) if new.holds && !known.holds => *known = new,
            Some(_) => {}
        }
    }

    fn arrange(&mut self) {
        self.candidates.sort_by_key(|it| (Reverse(it.holds), key(it.found), it.place, it.touch.id));
        let surplus = self.candidates.len().saturating_sub(NAMED_MAX);
        self.candidates.truncate(NAMED_MAX);
        self.candidates.reverse();
        self.left_out = u32::try_from(surplus).unwrap_or(u32::MAX);
    }
}

/// The key of a candidate without a touch; of others by the kind of touch.
pub(super) const fn key(found: MatchedKey) -> Option<Key> {
    match found {
        MatchedKey::ClickId | MatchedKey::Visitor | MatchedKey::CustomerVisitor => None,
        MatchedKey::ExclusiveCoupon => Some(Key::ExclusiveCoupon),
        MatchedKey::Coupon => Some(Key::Coupon),
        MatchedKey::Partner => Some(Key::Partner),
        MatchedKey::Customer => Some(Key::Customer),
    }
}

fn in_place_of_touch(
    at: EpochMs,
    advertiser: AdvertiserId,
    found: MatchedKey,
    partner: PartnerId,
    offer: OfferId,
) -> Touch {
    Touch {
        at,
        origin: Origin::default(),
        id: TouchId::of_key(found, partner, offer),
        visitor: VisitorId(0),
        kind: TouchKind::Click,
        verdict: Verdict::Valid,
        partner,
        offer,
        advertiser,
        link: LinkId(0),
        country: Country::UNKNOWN,
        device: Device::Unknown,
    }
}
