//! A customer's orders, and what those before one of them come to.
//!
//! In: what became of each order, from owners of any age. Out: [`Past`] of an order, by those that are earlier by (time, order): so orders depend on
//! one another without a cycle. Of one order the newest claim's newest word counts. Not here: who is told (`customers`). Start at [`past`].

use events::{Bound, BoundTo, OrderKey, Past};
use units::{
    AdvertiserId, CustomerId, EpochMs, OfferId, PartnerId, Stamp,
    planted::{Bug, planted},
};

use crate::orders::grow_by_one;

/// Orders that one customer has. Beyond it he is a till, and nothing follows from his orders.
pub const CUSTOMER_ORDERS_MAX: usize = 4_096;
/// Kept of them: as many as show that they are too many.
const KEPT_MAX: usize = CUSTOMER_ORDERS_MAX + 1;

/// One customer's.
#[derive(Debug, Default)]
pub(super) struct Orders {
    /// Invariant: ascending by (time, order), each order once, at most [`KEPT_MAX`].
    bound: Vec<Bound>,
}

#[derive(bincode::Encode, bincode::Decode)]
pub(super) struct BoundV1 {
    stamp: u64,
    advertiser: u32,
    order: Box<str>,
    at: u64,
    partner: Option<u32>,
    offer: u32,
    by_binding: bool,
    is_purchase: bool,
}

/// What `earlier` come to, which ascend by (time, order); `None` where there are none.
pub fn past<'a>(earlier: impl IntoIterator<Item = &'a Bound>) -> Option<Past> {
    let mut past = Past::default();
    let mut is_any = false;
    for it in earlier {
        is_any = true;
        if it.is_purchase {
            past.orders += 1;
            [&mut past.first, &mut past.last].into_iter().flatten().for_each(|to| to.since += 1);
        }
        if let Some(partner) = it.partner.filter(|_| !it.by_binding) {
            let to = BoundTo { at: it.at, partner, offer: it.offer, since: 0 };
            past.first = past.first.or(Some(to));
            past.last = Some(to);
        }
    }
    is_any.then_some(past)
}

impl Orders {
    pub(super) fn is_empty(&self) -> bool {
        self.bound.is_empty()
    }

    /// The time from which on orders have another past now; `None` where nothing changed.
    pub(super) fn add(&mut self, new: Bound) -> Option<EpochMs> {
        let known = self.bound.iter().enumerate().find(|(_, it)| it.order == new.order);
        let from = match known {
            Some((_, it)) if new.stamp < it.stamp && !planted(Bug::StaleBindings) => return None,
            Some((_, it)) if *it == new => return None,
            Some((index, it)) => {
                let from = it.at.min(new.at);
                self.bound.remove(index);
                from
            }
            None if self.bound.len() >= KEPT_MAX => return None,
            None => new.at,
        };
        let index = self.bound.partition_point(|it| (it.at, &it.order) < (new.at, &new.order));
        grow_by_one(&mut self.bound);
        self.bound.insert(index, new);
        Some(from)
    }

    /// What they come to for an order of this rank.
    pub(super) fn before(&self, rank: (EpochMs, &OrderKey)) -> Option<Past> {
        if self.bound.len() > CUSTOMER_ORDERS_MAX {
            return None;
        }
        past(self.bound.iter().take_while(|it| (it.at, &it.order) < rank))
    }

    /// What is kept of them on disk.
    pub(super) fn rows(&self) -> Vec<BoundV1> {
        let row = |it: &Bound| BoundV1 {
            stamp: it.stamp.to_u64(),
            advertiser: it.order.advertiser.0,
            order: it.order.order.clone(),
            at: it.at.0,
            partner: it.partner.map(|it| it.0),
            offer: it.offer.0,
            by_binding: it.by_binding,
            is_purchase: it.is_purchase,
        };
        self.bound.iter().map(row).collect()
    }
}

impl BoundV1 {
    pub(super) fn bound(self, customer: CustomerId) -> Bound {
        Bound {
            stamp: Stamp::from_u64(self.stamp),
            customer,
            order: OrderKey { advertiser: AdvertiserId(self.advertiser), order: self.order },
            at: EpochMs(self.at),
            partner: self.partner.map(PartnerId),
            offer: OfferId(self.offer),
            by_binding: self.by_binding,
            is_purchase: self.is_purchase,
        }
    }
}
