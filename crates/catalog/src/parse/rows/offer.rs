//! `[[offer]]`: what is promoted, where its clicks go, and its rules.

use toml::de::DeTable;
use units::{AdvertiserId, Currency, OfferId};

use super::{Draft, ErrorCode, Errors, Lines, Located, OfferRow, Row, STATUS, Table};
use crate::{
    model::{Offer, RuleKey},
    parse::values::{currency, rule_changes},
};

/// Hosts of one offer.
const HOSTS_MAX: usize = 64;
/// Its keys besides those of rules.
const KEYS: [&str; 8] =
    ["id", "advertiser", "name", "status", "destination", "allowed_hosts", "click_id_parameter", "currency"];

impl<'a> Draft<'a> {
    pub(super) fn offer(&mut self, fields: (&DeTable<'_>, usize), lines: &Lines<'a>, errors: &mut Errors) {
        let known: Vec<&'static str> =
            KEYS.into_iter().chain(RuleKey::ALL.map(RuleKey::as_str)).chain(RuleKey::BESIDE).collect();
        let row = &mut Row::open("[[offer]]", fields, &known, lines, errors);
        let spot = row.spot;
        let destination =
            row.required_long_text("destination").map(|text| (text.into(), row.spot_of("destination")));
        let hosts: Vec<Located<'a>> =
            row.texts("allowed_hosts").into_iter().map(|(text, spot)| (text.into(), spot)).collect();
        if hosts.len() > HOSTS_MAX {
            let message = format!("{} allowed hosts, at most {HOSTS_MAX} are", hosts.len());
            row.errors.add(spot, ErrorCode::OutOfRange, message, "allow subdomains with `.shop.example`");
        }
        let currency = currency(row);
        let rules = rule_changes(row);
        let offer = Offer {
            id: OfferId(self.own_id(Table::Offer, row)),
            advertiser: AdvertiserId(self.reference(Table::Advertiser, row)),
            name: row.required_text("name").unwrap_or("").into(),
            status: row.word("status", &STATUS).unwrap_or_default(),
            destination: "".into(),
            landing: crate::Template::default(),
            allowed_hosts: Vec::new(),
            click_id_parameter: row.text("click_id_parameter").unwrap_or("click_id").into(),
            currency: Currency::EUR,
            rules,
        };
        self.offers.push(OfferRow { offer, destination, hosts, currency, spot });
    }
}
