//! `[[advertiser]]`: who sells, in which zone and currency, by which secrets.

use toml::de::DeTable;
use units::{AdvertiserId, Currency};

use super::{Draft, Errors, Lines, Row, STATUS, Table};
use crate::{
    model::{Advertiser, OrderIdentity, PixelRole},
    parse::{
        secrets,
        values::{currency, time_zone},
    },
};

impl<'a> Draft<'a> {
    pub(super) fn advertiser(
        &mut self,
        fields: (&DeTable<'_>, usize),
        lines: &Lines<'a>,
        errors: &mut Errors,
    ) {
        let known: Vec<&'static str> =
            ["id", "name", "status", "time_zone", "currency", "order_identity", "pixels"]
                .into_iter()
                .chain(secrets::KEYS.iter().flat_map(secrets::Key::names))
                .collect();
        let row = &mut Row::open("[[advertiser]]", fields, &known, lines, errors);
        let identities = [
            ("order_id", OrderIdentity::OrderId),
            ("event_click", OrderIdentity::EventClick),
            ("event_customer", OrderIdentity::EventCustomer),
        ];
        let roles = [("report", PixelRole::Report), ("evidence", PixelRole::Evidence)];
        let [tokens, shopify, woocommerce, webhook, deep_link] =
            secrets::KEYS.each_ref().map(|key| key.read(row));
        let pixels = row.word("pixels", &roles);
        let advertiser = Advertiser {
            id: AdvertiserId(self.own_id(Table::Advertiser, row)),
            name: row.required_text("name").unwrap_or("").into(),
            status: row.word("status", &STATUS).unwrap_or_default(),
            time_zone: time_zone(row),
            currency: currency(row).unwrap_or(Currency::EUR),
            pixels: pixels.unwrap_or_else(|| PixelRole::usual(!tokens.is_empty())),
            tokens,
            shopify_secrets: shopify,
            woocommerce_secrets: woocommerce,
            webhook_secrets: webhook,
            deep_link_secrets: deep_link,
            order_identity: row.word("order_identity", &identities).unwrap_or_default(),
        };
        self.advertisers.push(advertiser);
    }
}
