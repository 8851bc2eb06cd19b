//! What a customer's earlier orders mean for one of his, as one would say it aloud. It shares nothing with the product but its types; the simulation uses
//! it too.

use catalog::{Binding, BindingOwner, Customers, Rules};
use events::Report;
use units::{EpochMs, OfferId, PartnerId};

/// An earlier order of a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Earlier {
    /// By its reports alone.
    pub(crate) at: EpochMs,
    /// Who leads it, unless it was rejected.
    pub(crate) leads: Option<(PartnerId, OfferId)>,
    /// He does because the customer was bound to him.
    pub(crate) by_binding: bool,
    pub(crate) is_purchase: bool,
}

/// An order and its customers.
#[derive(Debug, Default)]
pub(crate) struct Buyer {
    /// By its reports alone.
    pub(crate) reported: EpochMs,
    /// Of each customer who is one person, ascending by (time, order).
    pub(crate) earlier: Vec<Vec<Earlier>>,
}

impl Buyer {
    /// `reports` ascend by (received, origin).
    pub(crate) fn is_existing(&self, reports: &[&Report]) -> bool {
        let bought = self.earlier.iter().flatten().any(|it| it.is_purchase);
        reports.iter().filter_map(|it| it.new_customer).next_back().map_or(bought, |is_new| !is_new)
    }

    /// To whom the customers are bound.
    pub(crate) fn bound(
        &self,
        rules: impl Fn(OfferId, PartnerId) -> Option<Rules>,
    ) -> Vec<(PartnerId, OfferId)> {
        let mut bound = Vec::new();
        for owner in [BindingOwner::First, BindingOwner::Last] {
            let of_customers = self.earlier.iter().filter_map(|it| brought(it, owner));
            let found = if owner == BindingOwner::First { of_customers.min() } else { of_customers.max() };
            let Some((at, partner, offer, since)) = found else { continue };
            let Some(Binding::Bound { for_ms, orders, owner: by }) =
                rules(offer, partner).map(|it| it.binding)
            else {
                continue;
            };
            let is_young = for_ms.is_none_or(|ms| self.reported.0 < at.0 + ms);
            if by == owner && is_young && orders.is_none_or(|it| since < it) {
                bound.push((partner, offer));
            }
        }
        bound
    }
}

/// The first or the last order that somebody led by himself, and purchases since.
fn brought(earlier: &[Earlier], owner: BindingOwner) -> Option<(EpochMs, PartnerId, OfferId, u32)> {
    let by_himself = |it: &Earlier| it.leads.is_some() && !it.by_binding;
    let index = match owner {
        BindingOwner::First => earlier.iter().position(by_himself)?,
        BindingOwner::Last => earlier.iter().rposition(by_himself)?,
    };
    let (it, later) = earlier.get(index..)?.split_first()?;
    let since = u32::try_from(later.iter().filter(|it| it.is_purchase).count()).ok()?;
    it.leads.map(|(partner, offer)| (it.at, partner, offer, since))
}

/// Whether these rules pay for such a customer.
pub(crate) fn pays(rules: &Rules, is_existing: bool) -> bool {
    match rules.customers {
        Customers::All => true,
        Customers::New => !is_existing,
        Customers::Existing => is_existing,
    }
}
