//! By what rows are told apart: the keys that stand in their columns.
//!
//! In: a row. Out: its quarter, its order, its cell. Start at [`cell_of`].

use super::{CellKey, OrderName, Quarter, Row};

pub(super) fn quarter(row: &Row) -> Quarter {
    Quarter::of(units::EpochMs(1_000 * row.number("quarter")))
}

pub(super) fn order_name(row: &Row) -> OrderName {
    (row.small("advertiser_id"), row.text("order_id"))
}

pub(super) fn cell_of(row: &Row) -> CellKey {
    CellKey {
        partner: row.small("partner_id"),
        offer: row.small("offer_id"),
        link: row.small("link_id"),
        country: row.text("country"),
        device: row.text("device"),
        currency: row.text("currency"),
    }
}
