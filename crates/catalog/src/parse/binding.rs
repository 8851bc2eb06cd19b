//! `binding`, and what stands beside it.
//!
//! In: a row of an offer or an override. Out: a [`Binding`], whole or not at all: an override never mixes its binding with another's limits. Start at
//! [`binding`].

use units::DAY_MS;

use super::{
    error::ErrorCode,
    reader::{Row, shown},
};
use crate::{
    binding::{Binding, BindingOwner},
    duration,
};

/// The longest binding with an end. Longer ones are for ever.
const BINDING_MS_MAX: u64 = 10 * 365 * DAY_MS;
/// The most purchases that a binding with an end counts.
const BINDING_ORDERS_MAX: u32 = 1_000;

/// The binding of a row, if it names one.
pub(super) fn binding(row: &mut Row<'_, '_>) -> Option<Binding> {
    let named = row.text("binding");
    let orders = orders(row);
    let owner = row.word("binding_owner", &BindingOwner::WORDS);
    for key in ["binding_orders", "binding_owner"] {
        let is_read = named.is_some() || !row.has("binding");
        if row.has(key) && is_read && named.is_none_or(|it| it == "none") {
            let message = format!("`{key}` changes nothing without a `binding`");
            let advice = format!("add binding = \"lifetime\" to this table, or take `{key}` out");
            row.errors.add(row.spot_of(key), ErrorCode::IdleRule, message, advice);
        }
    }
    let bound = |for_ms| Binding::Bound { for_ms, orders, owner: owner.unwrap_or_default() };
    match named? {
        "none" => Some(Binding::None),
        "lifetime" => Some(bound(None)),
        text => term(row, text).map(|ms| bound(Some(ms))),
    }
}

/// A binding with an end.
fn term(row: &mut Row<'_, '_>, text: &str) -> Option<u64> {
    let ms = duration::parse(text).filter(|ms| (1..=BINDING_MS_MAX).contains(ms));
    if ms.is_none() {
        let message = format!("`{}` is no binding", shown(text));
        let advice = "write \"none\", \"lifetime\", or a time of up to ten years, such as \"365d\"";
        row.errors.add(row.spot_of("binding"), ErrorCode::OutOfRange, message, advice);
    }
    ms
}

fn orders(row: &mut Row<'_, '_>) -> Option<u32> {
    let orders = row.id("binding_orders")?;
    if orders > BINDING_ORDERS_MAX {
        let message = format!("`binding_orders` is more than {BINDING_ORDERS_MAX}");
        let advice = "write a smaller number, or take it out: then all orders count";
        row.errors.add(row.spot_of("binding_orders"), ErrorCode::OutOfRange, message, advice);
        return None;
    }
    Some(orders)
}
