//! One partition's state as `pipeline::store` keeps it, in memory: the same checkpoints, without fjall.
//!
//! In: checkpoints. Out: states, positions, orders by time. A clone is a copy on another disk. Start at [`Kept`].

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
};

use attribution::MemorySlices;
use events::{Identity, OrderKey};
use journal::{Position, StreamId};
use pipeline::{
    partition::States,
    store::{Checkpoint, OrderPlace},
};
use units::CustomerId;

/// What is on disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    pub(crate) positions: BTreeMap<StreamId, u64>,
    orders: BTreeMap<OrderKey, Vec<u8>>,
    order_times: BTreeSet<OrderPlace>,
    pub(crate) timelines: BTreeMap<Identity, Vec<u8>>,
    pub(crate) slices: MemorySlices,
    pub(crate) touches_next: u64,
    pub(crate) catalog: u32,
    /// Orders and customers that came back from here.
    pub(crate) restored: Cell<[u64; 2]>,
}

impl Kept {
    /// All but the touches' slices, which whoever writes them copies as often as it needs.
    pub(crate) fn commit(&mut self, checkpoint: Checkpoint) {
        for Position { stream, next } in checkpoint.positions {
            self.positions.insert(stream, next);
        }
        self.orders.extend(checkpoint.orders);
        self.order_times.extend(checkpoint.order_times.iter().map(|(at, key)| OrderPlace::of(*at, key)));
        for (identity, state) in checkpoint.timelines {
            if state.is_empty() {
                self.timelines.remove(&identity);
            } else {
                self.timelines.insert(identity, state);
            }
        }
        self.touches_next = checkpoint.touches_next.unwrap_or(self.touches_next);
        self.catalog = checkpoint.catalog.unwrap_or(self.catalog);
    }

    /// Orders that lie, or once lay, from a place on.
    pub(crate) fn orders_from(&self, from: &OrderPlace, orders_max: usize) -> Vec<OrderPlace> {
        self.order_times.range(from..).take(orders_max).cloned().collect()
    }
}

impl States for Kept {
    type Error = Infallible;

    fn order(&self, key: &OrderKey) -> Result<Option<impl AsRef<[u8]>>, Infallible> {
        let found = self.orders.get(key);
        let [orders, customers] = self.restored.get();
        self.restored.set([orders + u64::from(found.is_some()), customers]);
        Ok(found)
    }

    fn customer(&self, customer: CustomerId) -> Result<Option<impl AsRef<[u8]>>, Infallible> {
        let found = self.timelines.get(&Identity::Customer(customer));
        let [orders, customers] = self.restored.get();
        self.restored.set([orders, customers + u64::from(found.is_some())]);
        Ok(found)
    }
}
