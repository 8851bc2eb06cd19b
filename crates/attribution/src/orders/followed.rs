//! What an order learns of its customers: whom they are known by, one step to the visitors of their other orders; and what those come to.
//!
//! In: an order's reports, and what its customers' timelines answered. Out: visitors to be asked as the order's own are, and whose touches count. A
//! customer whom too many visitors are known by is a till or a "guest", and nobody is followed. Not here: who is known to be whose
//! (`timelines::customers`). Start at [`Followed::of`].

use events::{BoundTo, Evidence, Identity, Past, Report};
use units::{
    CustomerId, VisitorId,
    planted::{Bug, planted},
};

use crate::{decide::visitors, timelines::CUSTOMER_VISITORS_MAX};

/// Customers asked for one order: the first by report. A shop knows one by his number and by his address.
pub const CUSTOMERS_MAX: usize = 4;

/// Visitors that only customers lead to.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    /// Ascending, none of them the order's own.
    visitors: Vec<VisitorId>,
    /// Ascending; the order's own.
    own: Vec<VisitorId>,
    /// A customer's timeline has answered, so that touches are to be told apart.
    is_known: bool,
    /// Some customer is not followed, since he is not one person.
    is_shared: bool,
    /// Of all customers that are one person.
    past: Past,
}

impl Followed {
    /// `evidence` ascends by identity.
    pub(super) fn of(reports: &[Report], evidence: &[Evidence]) -> Self {
        // Customers come behind visitors. Nearly no order names one, and those pay nothing.
        if !matches!(evidence.last(), Some(Evidence { identity: Identity::Customer(_), .. })) {
            return Self::default();
        }
        let mut found = Self { own: visitors(reports), is_known: true, ..Self::default() };
        for customer in customers(reports) {
            let answer = evidence.iter().find(|it| it.identity == Identity::Customer(customer));
            let Some(answer) = answer else { continue };
            if is_shared(&answer.visitors) {
                found.is_shared = true;
            } else {
                found.visitors.extend(answer.visitors.iter().filter(|it| !found.own.contains(it)));
                found.past = both(found.past, answer.past.unwrap_or_default());
            }
        }
        found.visitors.sort_unstable();
        found.visitors.dedup();
        found
    }

    /// To be asked, ascending, without the order's own.
    pub(crate) fn visitors(&self) -> &[VisitorId] {
        &self.visitors
    }

    /// What earlier orders of its customers come to.
    pub(crate) const fn past(&self) -> &Past {
        &self.past
    }

    /// Whether a customer of the order is not followed.
    pub(crate) const fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Whether what this identity answered counts. A visitor who was followed until his customer turned out to be a till does not. Touches of
    /// nobody are those whose own records are gone.
    pub(super) fn counts(&self, identity: &Identity) -> bool {
        match identity {
            Identity::Visitor(it) => {
                !self.is_known
                    || *it == VisitorId(0)
                    || self.own.binary_search(it).is_ok()
                    || self.visitors.binary_search(it).is_ok()
            }
            Identity::Customer(_) => true,
        }
    }
}

/// Of two names that one person has in a shop: nearly all his orders have both.
fn both(a: Past, b: Past) -> Past {
    let pick = |a: Option<BoundTo>, b: Option<BoundTo>, is_earlier: bool| match (a, b) {
        (Some(a), Some(b)) => Some(if is_earlier { a.min(b) } else { a.max(b) }),
        (a, b) => a.or(b),
    };
    Past {
        first: pick(a.first, b.first, true),
        last: pick(a.last, b.last, false),
        orders: a.orders.max(b.orders),
    }
}

/// Known by more visitors than one person has.
fn is_shared(visitors: &[VisitorId]) -> bool {
    visitors.len() > CUSTOMER_VISITORS_MAX && !planted(Bug::FollowTills)
}

/// The customers whose timelines are asked: those that reports name, the first [`CUSTOMERS_MAX`] by report, ascending.
pub(super) fn customers(reports: &[Report]) -> Vec<CustomerId> {
    let mut customers = Vec::new();
    for customer in reports.iter().flat_map(Report::customers) {
        if !customers.contains(&customer) && customers.len() < CUSTOMERS_MAX {
            customers.push(customer);
        }
    }
    customers.sort_unstable();
    customers
}
