//! From named values to what rows hold: the keys by which they are told apart, and what they say.
//!
//! In: a row. Out: its quarter, its order, its cell, its part. Start at [`cell_of`].

use super::{CellKey, OrderName, OrderRow, Part, Quarter, Row, Settled, in_e4};

pub(super) fn quarter(row: &Row) -> Quarter {
    Quarter::of(units::EpochMs(1_000 * row.number("quarter")))
}

pub(super) fn order_name(row: &Row) -> OrderName {
    (row.small("advertiser_id"), row.text("order_id"))
}

pub(super) fn part_of(row: &Row) -> Part {
    Part {
        share_ppm: row.small("share_ppm"),
        revenue_minor: row.money("revenue_minor"),
        refunded_minor: row.money("refunded_minor"),
        is_assist: row.number("assists") > 0,
        path_touches: row.small("path_touches"),
        reporting_e4: in_e4(row.money("reporting_minor"), &row.text("reporting_currency")),
        is_suspected: row.text("hold") == "fraud",
    }
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

pub(super) fn order_of(row: &Row) -> OrderRow {
    OrderRow {
        at: row.number("at"),
        time_source: row.text("time_source"),
        catalog: row.small("catalog_version"),
        settled: settled_of(row),
        refunded_minor: row.money("refunded_minor"),
        revenue_minor: row.money("revenue_minor"),
        currency: row.text("currency"),
        offer: row.small("offer_id"),
        partner: row.small("partner_id"),
        matched: row.text("matched"),
        report_count: row.small("report_count"),
        payable_at: row.number("payable_at"),
        model: row.text("model"),
        path_touches: row.small("path_touches"),
        reporting_e4: in_e4(row.money("reporting_minor"), &row.text("reporting_currency")),
    }
}

/// Of an order, or of a credit, which says the same.
pub(super) fn settled_of(row: &Row) -> Settled {
    Settled { status: row.text("status"), is_approved: row.number("is_approved") > 0, hold: row.text("hold") }
}
