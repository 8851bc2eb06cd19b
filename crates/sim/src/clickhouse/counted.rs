//! Which rows count: an order's where it is not void, a credit's where it is not zero and no newer row of its order lies in the same quarter.
//!
//! In: the tables. Out: rows, and what is wrong with them by themselves. The rule is `warehouse::roller`'s. Start at [`Tables::credits`].

use std::collections::{BTreeMap, BTreeSet};

use units::{PPM_WHOLE, Quarter};

use super::{CreditRow, OrderName, OrderRow, Tables};

/// Quarter, order and touch.
type CreditKey = (Quarter, OrderName, [u8; 16]);

/// How names of those begin who earn since the customer is bound to them.
const BY_BINDING: [u8; 7] = [0, 0, 0, 0, 0, 0, 5];

impl Tables {
    /// The orders that are not void, in all quarters.
    pub(crate) fn orders(&self) -> impl Iterator<Item = (&OrderName, &OrderRow)> {
        self.orders.iter().filter_map(|((_, name), (_, content))| Some((name, content.as_ref()?)))
    }

    /// The credits that count.
    pub(crate) fn credits(&self) -> impl Iterator<Item = (&CreditKey, &CreditRow)> {
        let counted = self.credits.iter().filter(|(key, (version, it))| self.counts(key, *version, it));
        counted.map(|(key, (_, it))| (key, it))
    }

    /// Those of one quarter; all that are not zero, where newer rows of orders are not looked at.
    pub(super) fn credits_of(
        &self,
        quarter: Quarter,
        is_guarded: bool,
    ) -> impl Iterator<Item = (&CreditKey, &CreditRow)> {
        let from = (quarter, (0, String::new()), [0; 16]);
        let here = self.credits.range(from..).take_while(move |((of, ..), _)| *of == quarter);
        let counted = here.filter(
            move |(key, (version, it))| {
                if is_guarded { self.counts(key, *version, it) } else { it.part.counts() }
            },
        );
        counted.map(|(key, (_, it))| (key, it))
    }

    fn counts(&self, (quarter, name, _): &CreditKey, version: u64, credit: &CreditRow) -> bool {
        let newest = || self.orders.get(&(*quarter, name.clone())).map_or(0, |(newest, _)| *newest);
        credit.part.counts() && version >= newest()
    }

    /// An order of which more than the whole is credited. Who a customer was bound to by an older snapshot has no row in a newer one, not even a
    /// zero: his credit counts until the order's own row is there, and is left out here.
    pub(crate) fn credited_twice(&self) -> Option<&OrderName> {
        let mut newest: BTreeMap<&OrderName, u64> = BTreeMap::new();
        for ((_, name, _), (version, _)) in &self.credits {
            let known = newest.entry(name).or_default();
            *known = (*known).max(*version);
        }
        let mut sums: BTreeMap<&OrderName, u32> = BTreeMap::new();
        for (key @ (_, name, touch), (version, it)) in &self.credits {
            let was_bound = touch.starts_with(&BY_BINDING) && newest.get(name).is_some_and(|it| version < it);
            if !was_bound && self.counts(key, *version, it) {
                *sums.entry(name).or_default() += it.part.share_ppm;
            }
        }
        sums.into_iter().find(|(_, sum)| *sum > PPM_WHOLE.0).map(|(name, _)| name)
    }

    /// At rest: every order of `names` has one row, and those credits that its row says; cells are the fold of both. What the row says is not
    /// judged.
    pub(crate) fn agree(&self, names: &BTreeSet<OrderName>) -> Result<(), String> {
        let mut found = BTreeSet::new();
        for (name, order) in self.orders() {
            if !found.insert(name.clone()) {
                return Err(format!("order {name:?} lies in two quarters"));
            }
            let credits: Vec<_> = self.credits().filter(|((_, of, _), _)| of == name).collect();
            let parts = || credits.iter().map(|(_, it)| it.part);
            let share: u32 = parts().map(|it| it.share_ppm).sum();
            let money: i64 = parts().map(|it| it.revenue_minor).sum();
            let refunded: i64 = parts().map(|it| it.refunded_minor).sum();
            let path: u32 = parts().map(|it| it.path_touches).sum();
            let reporting: i64 = parts().map(|it| it.reporting_e4).sum();
            let is_right = if credits.is_empty() {
                order.partner == 0
            } else {
                (share, money, refunded) == (PPM_WHOLE.0, order.revenue_minor, order.refunded_minor)
                    && credits.iter().all(|(_, it)| it.settled.is_of(&order.settled))
                    && (path, reporting) == (order.path_touches, order.reporting_e4)
                    && credits.iter().any(|(_, it)| it.cell.partner == order.partner)
            };
            if !is_right {
                return Err(format!("order {name:?} is {order:?}, and its credits are {credits:?}"));
            }
        }
        if found != *names {
            return Err(format!("orders {names:?} were reported, and {found:?} are there"));
        }
        if let Some(((_, name, _), _)) = self.credits().find(|((_, name, _), _)| !found.contains(name)) {
            return Err(format!("order {name:?} is credited and not there"));
        }
        self.marks.keys().find_map(|it| self.difference(*it)).map_or(Ok(()), Err)
    }
}
