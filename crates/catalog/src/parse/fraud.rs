//! `[fraud]`: from which numbers on an order is suspicious.
//!
//! In: the table. Out: its thresholds; what is not said is off. Start at [`fraud`].

use units::{HOUR_MS, Ppm, SECOND_MS};

use super::{
    error::ErrorCode,
    reader::{Row, shown},
};
use crate::fraud::{DATA_CENTRES_MAX, DelayLimit, Fraud, Network, V4_BITS_MAX, V6_BITS_MAX, VisitorLimit};

const KEYS: [&str; 8] = [
    "clicks_per_hour",
    "visitor_partners",
    "visitor_within",
    "orders_per_address",
    "delay_distance",
    "delay_orders_min",
    "data_centres",
    "self_purchase",
];
/// People who compare prices follow one link at a time; scripts that stuff cookies follow many at once.
const VISITOR_WITHIN_MS: u64 = 10 * SECOND_MS;
/// Within an hour a person may well have followed several partners' links.
const VISITOR_WITHIN_MS_MAX: u64 = HOUR_MS;
/// Of fewer orders, the distance between two samples of one distribution is large by chance.
const DELAY_ORDERS_MIN: u32 = 50;
const PPM_PER_PERCENT: u32 = 10_000;

/// What the top level says of fraud; `None` where it says nothing.
pub(super) fn fraud(top: &mut Row<'_, '_>) -> Option<Fraud> {
    let row = &mut top.inner("fraud", "[fraud]", Some(&KEYS))?;
    Some(Fraud {
        clicks_per_hour: row.number("clicks_per_hour", 1, u32::MAX),
        visitor: visitor(row),
        orders_per_address: row.number("orders_per_address", 2, u32::MAX),
        delay: delay(row),
        data_centres: data_centres(row),
        self_purchase: row.bool("self_purchase").unwrap_or(false),
    })
}

fn visitor(row: &mut Row<'_, '_>) -> Option<VisitorLimit> {
    let partners = row.number("visitor_partners", 2, u32::MAX);
    let within_ms = row.duration("visitor_within", VISITOR_WITHIN_MS_MAX);
    idle(row, "visitor_within", "visitor_partners");
    Some(VisitorLimit { partners: partners?, within_ms: within_ms.unwrap_or(VISITOR_WITHIN_MS) })
}

fn delay(row: &mut Row<'_, '_>) -> Option<DelayLimit> {
    let percent = row.number("delay_distance", 1, 100);
    let orders_min = row.number("delay_orders_min", 1, u32::MAX);
    idle(row, "delay_orders_min", "delay_distance");
    Some(DelayLimit {
        distance: Ppm(percent? * PPM_PER_PERCENT),
        orders_min: orders_min.unwrap_or(DELAY_ORDERS_MIN),
    })
}

/// A key that says nothing without another one.
fn idle(row: &mut Row<'_, '_>, key: &str, without: &str) {
    if row.has(key) && !row.has(without) {
        let message = format!("`{key}` changes nothing without `{without}`");
        let advice = format!("add `{without}`, or take `{key}` out");
        row.errors.add(row.spot_of(key), ErrorCode::IdleRule, message, advice);
    }
}

fn data_centres(row: &mut Row<'_, '_>) -> Vec<Network> {
    let texts = row.texts("data_centres");
    if texts.len() > DATA_CENTRES_MAX {
        let message = format!("more than {DATA_CENTRES_MAX} networks in `data_centres`");
        let spot = row.spot_of("data_centres");
        row.errors.add(spot, ErrorCode::TooManyRows, message, "write neighbours as one larger network");
        return Vec::new();
    }
    let mut networks = Vec::with_capacity(texts.len());
    for (text, spot) in texts {
        if let Some(network) = Network::parse(text) {
            networks.push(network);
        } else {
            let message = format!("`{}` is not a network that addresses can be compared with", shown(text));
            let advice = format!(
                "write its first address and its bits, at most {V4_BITS_MAX} or {V6_BITS_MAX} for IPv6, such as 192.0.2.0/24"
            );
            row.errors.add(spot, ErrorCode::BadNetwork, message, advice);
        }
    }
    networks.sort_unstable();
    networks.dedup();
    networks
}
