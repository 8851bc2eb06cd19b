//! What the tables hold at the end, without stamps and versions: orders, credits, cells.
//!
//! In: tables, or the plain answer. Out: comparable content, and the first difference in words. Start at [`Content`].

use std::collections::BTreeMap;

use events::TouchId;
use units::Quarter;

use crate::{
    clickhouse::{Cell, CellKey, OrderName, OrderRow, Tables},
    naive::{Answer, Parts},
};

/// What analysts see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Content {
    /// Every row of each order that is not void: one, or it is wrong.
    pub(crate) orders: BTreeMap<OrderName, Vec<OrderRow>>,
    /// Touches with their parts, by touch.
    pub(crate) credits: BTreeMap<OrderName, Parts>,
    /// Those that are not zero.
    pub(crate) cells: BTreeMap<(Quarter, CellKey), Cell>,
}

/// What is in the tables.
pub(crate) fn content(tables: &Tables) -> Content {
    let mut content = Content { cells: tables.cells(), ..Content::default() };
    for (name, order) in tables.orders() {
        content.orders.entry(name.clone()).or_default().push(order.clone());
    }
    for ((_, name, touch), credit) in tables.credits() {
        content.credits.entry(name.clone()).or_default().push((TouchId(*touch), credit.part));
    }
    content
}

impl Content {
    /// What the plain answer wants to see.
    pub(crate) fn of(answer: Answer) -> Self {
        let cells = answer.cells.into_iter().filter(|(_, cell)| !cell.is_zero()).collect();
        let mut content = Self { cells, ..Self::default() };
        for (name, (order, parts)) in answer.orders {
            if !parts.is_empty() {
                content.credits.insert(name.clone(), parts);
            }
            content.orders.insert(name, vec![order]);
        }
        content
    }

    /// The first difference from what `whose` says.
    pub(crate) fn differs(&self, want: &Self, whose: &str) -> Result<(), String> {
        first("order", &self.orders, &want.orders, whose)?;
        first("credits of order", &self.credits, &want.credits, whose)?;
        first("cell", &self.cells, &want.cells, whose)
    }
}

fn first<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    what: &str,
    found: &BTreeMap<K, V>,
    want: &BTreeMap<K, V>,
    whose: &str,
) -> Result<(), String> {
    match found.keys().chain(want.keys()).find(|key| found.get(key) != want.get(key)) {
        None => Ok(()),
        Some(key) => {
            Err(format!("{what} {key:?}\n  {whose}: {:?}\n  found: {:?}", want.get(key), found.get(key)))
        }
    }
}
