//! Offers and overrides as they were shown when `example.txt` was frozen: what is elsewhere now is put where it was, and what came later is left out.

#![expect(dead_code, reason = "read by Debug")]

use std::collections::BTreeMap;

use catalog::{Catalog, Model, OverrideFor, Status, Template};
use units::{AdvertiserId, Currency, OfferId};

#[derive(Debug)]
struct Offer {
    id: OfferId,
    advertiser: AdvertiserId,
    name: Box<str>,
    status: Status,
    destination: Box<str>,
    landing: Template,
    allowed_hosts: Vec<Box<str>>,
    click_id_parameter: Box<str>,
    currency: Currency,
    rules: Rules,
    duplicate_window_ms: u64,
}

#[derive(Debug)]
struct Rules {
    click_window_ms: u64,
    view_window_ms: u64,
    minimum_time_ms: u64,
    model: Model,
    hold_ms: u64,
}

#[derive(Debug)]
struct Override {
    offer: OfferId,
    whom: OverrideFor,
    click_window_ms: Option<u64>,
    view_window_ms: Option<u64>,
    minimum_time_ms: Option<u64>,
    hold_ms: Option<u64>,
}

/// By number.
pub(crate) fn offers(catalog: &Catalog) -> BTreeMap<u32, String> {
    let shown = |it: &catalog::Offer| {
        let rules = it.own_rules();
        let offer = Offer {
            id: it.id,
            advertiser: it.advertiser,
            name: it.name.clone(),
            status: it.status,
            destination: it.destination.clone(),
            landing: it.landing.clone(),
            allowed_hosts: it.allowed_hosts.clone(),
            click_id_parameter: it.click_id_parameter.clone(),
            currency: it.currency,
            rules: Rules {
                click_window_ms: rules.click_window_ms,
                view_window_ms: rules.view_window_ms,
                minimum_time_ms: rules.minimum_time_ms,
                model: rules.model,
                hold_ms: rules.hold_ms,
            },
            duplicate_window_ms: rules.duplicate_window_ms,
        };
        format!("{offer:?}")
    };
    catalog.offers.iter().map(|(id, it)| (id.0, shown(it))).collect()
}

/// In the order of the offers.
pub(crate) fn overrides(catalog: &Catalog) -> BTreeMap<u32, String> {
    let all = catalog.overrides.iter();
    let all = all.flat_map(|(offer, overrides)| overrides.iter().map(move |it| (*offer, it)));
    let shown = |(offer, (whom, changes)): (OfferId, (OverrideFor, &catalog::RuleChanges))| {
        let shown = Override {
            offer,
            whom,
            click_window_ms: changes.click_window_ms,
            view_window_ms: changes.view_window_ms,
            minimum_time_ms: changes.minimum_time_ms,
            hold_ms: changes.hold_ms,
        };
        format!("{shown:?}")
    };
    (0..).zip(all.map(shown)).collect()
}
