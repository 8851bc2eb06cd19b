//! What comes back from disk before a record that concerns it, and leaves memory when that is committed.
//!
//! In: an order's or a customer's name. Out: the machine that holds it. Not here: who keeps the bytes (`States`). Start at
//! [`Partition::load_order`].

use attribution::Slices;
use events::{Bound, Identity, Lookup, OrderKey};
use units::{
    CustomerId,
    planted::{Bug, planted},
};

use super::{Partition, PartitionError, States};

impl<S: Slices> Partition<S> {
    /// Drops orders' states that are safely on disk, beyond `states_max`, and as many customers.
    pub fn evict(&mut self, states_max: usize) {
        self.orders.evict(states_max);
        self.timelines.evict_customers(states_max);
    }

    /// Customers in memory.
    #[must_use]
    pub fn held_customers(&self) -> usize {
        self.timelines.held_customers()
    }

    pub(super) fn on_lookup<D: States>(
        &mut self,
        lookup: Lookup,
        states: &D,
    ) -> Result<(), PartitionError<D::Error>> {
        if let Identity::Customer(customer) = lookup.identity {
            self.load_customer(customer, states)?;
        }
        Ok(self.timelines.on_lookup(lookup, &mut self.evidence_out)?)
    }

    pub(super) fn on_bound<D: States>(
        &mut self,
        bound: Bound,
        states: &D,
    ) -> Result<(), PartitionError<D::Error>> {
        self.load_customer(bound.customer, states)?;
        self.timelines.on_bound(bound, &mut self.evidence_out);
        Ok(())
    }

    pub(super) fn load_customer<D: States>(
        &mut self,
        customer: CustomerId,
        states: &D,
    ) -> Result<(), PartitionError<D::Error>> {
        if self.timelines.holds_customer(customer) || planted(Bug::ForgetCustomer) {
            return Ok(());
        }
        let Some(state) = states.customer(customer).map_err(PartitionError::States)? else { return Ok(()) };
        self.timelines
            .restore(Identity::Customer(customer), state.as_ref())
            .map_err(|source| PartitionError::State { what: "a customer".to_owned(), source })
    }

    pub(super) fn load_order<D: States>(
        &mut self,
        key: &OrderKey,
        states: &D,
    ) -> Result<(), PartitionError<D::Error>> {
        if self.orders.holds(key) || planted(Bug::ForgetDisk) {
            return Ok(());
        }
        let Some(state) = states.order(key).map_err(PartitionError::States)? else { return Ok(()) };
        self.orders
            .restore(key, state.as_ref())
            .map_err(|source| PartitionError::State { what: key.to_string(), source })
    }

    /// Of customers who were touched in silence and left memory meanwhile.
    pub(super) fn tell_of<D: States>(
        &mut self,
        customers: &[CustomerId],
        states: &D,
    ) -> Result<(), PartitionError<D::Error>> {
        for customer in customers {
            self.load_customer(*customer, states)?;
            self.timelines.tell(*customer, &mut self.evidence_out);
            // Disk has all of him, so that more come and go than there is room for. Others may still be on their way there.
            self.timelines.release(*customer);
        }
        Ok(())
    }
}
