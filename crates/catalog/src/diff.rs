//! What changes from one version to the next, in lines for people.
//!
//! In: two catalogs. Out: lines such as `offer 3: click window 30d -> 7d`, in a fixed order. Secrets are never shown, only that they changed.
//! Start at [`diff`].

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
};

use units::{OfferId, Rate};

use crate::{
    duration,
    fraud::Fraud,
    model::{
        Advertiser, Catalog, Coupon, Link, Offer, OverrideFor, Partner, RuleChanges, RuleKey, Rules, Secret,
    },
};

/// A row as named values, in the order in which they are shown.
type Fields = Vec<(&'static str, String)>;

/// Every difference; empty when there is none.
#[must_use]
pub fn diff(old: &Catalog, new: &Catalog) -> Vec<String> {
    let mut lines = Vec::new();
    changes("catalog", &top(old), &top(new), &mut lines);
    rows("advertiser", &old.advertisers, &new.advertisers, |id| id.0, advertiser, &mut lines);
    rows("offer", &old.offers, &new.offers, |id| id.0, offer, &mut lines);
    rows("partner", &old.partners, &new.partners, |id| id.0, partner, &mut lines);
    rows("link", &old.links, &new.links, |id| id.0, link, &mut lines);
    rates(old, new, &mut lines);
    changes("fraud", &fraud(&old.fraud), &fraud(&new.fraud), &mut lines);
    let networks = |it: &Catalog| it.fraud.data_centres.iter().map(|it| (it.to_string(), ())).collect();
    rows("data centre", &networks(old), &networks(new), Clone::clone, |()| Vec::new(), &mut lines);
    rows("coupon", &old.coupons, &new.coupons, |(id, code)| format!("{id}/{code}"), coupon, &mut lines);
    let by_key = |catalog: &Catalog| -> HashMap<String, RuleChanges> {
        let all = catalog.overrides.iter();
        let all = all.flat_map(|(offer, overrides)| overrides.iter().map(move |it| (offer, it)));
        all.map(|(offer, (whom, changes))| (override_name(*offer, &whom), *changes)).collect()
    };
    let dialects = |catalog: &Catalog| -> HashMap<_, _> {
        catalog.dialects.iter().map(|it| (it.0.clone(), it.1.lines())).collect()
    };
    rows("dialect", &dialects(old), &dialects(new), Clone::clone, Clone::clone, &mut lines);
    rows("alias", &aliases(old), &aliases(new), Clone::clone, |it| vec![("id", it.to_string())], &mut lines);
    rows("override of", &by_key(old), &by_key(new), Clone::clone, override_fields, &mut lines);
    lines
}

/// What each old id stands for.
fn aliases(catalog: &Catalog) -> HashMap<String, u32> {
    let all =
        catalog.dialects.values().flat_map(|dialect| dialect.aliases.iter().map(move |it| (dialect, it)));
    all.map(|(dialect, (what, old, id))| (format!("{}/{} {old}", dialect.name, what.as_str()), id)).collect()
}

fn rows<K: Eq + Hash, V, N: Ord + std::fmt::Display>(
    what: &str,
    old: &HashMap<K, V>,
    new: &HashMap<K, V>,
    name: impl Fn(&K) -> N,
    fields: impl Fn(&V) -> Fields,
    lines: &mut Vec<String>,
) {
    let old: HashMap<String, &V> = old.iter().map(|(key, value)| (name(key).to_string(), value)).collect();
    let new: HashMap<String, &V> = new.iter().map(|(key, value)| (name(key).to_string(), value)).collect();
    // By length first, so that 9 comes before 10.
    let names: BTreeSet<(usize, &String)> = old.keys().chain(new.keys()).map(|it| (it.len(), it)).collect();
    for (_, name) in names {
        match (old.get(name), new.get(name)) {
            (None, Some(_)) => lines.push(format!("{what} {name}: new")),
            (Some(_), None) => lines.push(format!("{what} {name}: removed")),
            (Some(old), Some(new)) => changes(&format!("{what} {name}"), &fields(old), &fields(new), lines),
            (None, None) => {}
        }
    }
}

fn changes(what: &str, old: &Fields, new: &Fields, lines: &mut Vec<String>) {
    for ((name, before), (_, after)) in old.iter().zip(new).filter(|((_, old), (_, new))| old != new) {
        // Secrets are compared but not shown.
        if before.starts_with(SECRET) || after.starts_with(SECRET) {
            lines.push(format!("{what}: {name} changed"));
        } else {
            lines.push(format!("{what}: {name} {before} -> {after}"));
        }
    }
}

const SECRET: &str = "\0";

fn hidden(secrets: &[Secret]) -> String {
    secrets.iter().fold(SECRET.to_owned(), |text, it| text + &it.0 + SECRET)
}

fn rates(old: &Catalog, new: &Catalog, lines: &mut Vec<String>) {
    let by_code = |catalog: &Catalog| -> HashMap<String, Rate> {
        catalog.rates.iter().map(|(currency, rate)| (currency.to_string(), *rate)).collect()
    };
    let fields = |rate: &Rate| vec![("is", rate.to_string())];
    rows("rate of", &by_code(old), &by_code(new), Clone::clone, fields, lines);
}

fn fraud(it: &Fraud) -> Fields {
    let number = |it: Option<u32>| it.map_or("off".to_owned(), |it| it.to_string());
    let visitor = it.visitor.map_or("off".to_owned(), |it| {
        format!("{} partners in {}", it.partners, duration::show(it.within_ms))
    });
    let delay = it
        .delay
        .map_or("off".to_owned(), |it| format!("{}% over {} orders", it.distance.0 / 10_000, it.orders_min));
    vec![
        ("clicks per hour", number(it.clicks_per_hour)),
        ("visitor", visitor),
        ("orders per address", number(it.orders_per_address)),
        ("delay", delay),
        ("self purchase", if it.self_purchase { "on" } else { "off" }.to_owned()),
    ]
}

fn top(it: &Catalog) -> Fields {
    vec![
        ("fallback url", it.fallback_url.as_deref().unwrap_or("none").to_owned()),
        ("allow local", it.allow_local.to_string()),
        ("reporting currency", it.reporting_currency.map_or("none".to_owned(), |it| it.to_string())),
        ("effective at", it.effective_at.to_string()),
    ]
}

fn advertiser(it: &Advertiser) -> Fields {
    vec![
        ("name", it.name.to_string()),
        ("status", format!("{:?}", it.status)),
        ("time zone", it.time_zone.to_string()),
        ("currency", it.currency.to_string()),
        ("tokens", hidden(&it.tokens)),
        ("shopify secrets", hidden(&it.shopify_secrets)),
        ("woocommerce secrets", hidden(&it.woocommerce_secrets)),
        ("webhook secrets", hidden(&it.webhook_secrets)),
        ("deep link secrets", hidden(&it.deep_link_secrets)),
        ("order identity", format!("{:?}", it.order_identity)),
        ("pixels", format!("{:?}", it.pixels)),
    ]
}

fn offer(it: &Offer) -> Fields {
    let rules = it.own_rules();
    let own = [
        ("name", it.name.to_string()),
        ("advertiser", it.advertiser.to_string()),
        ("status", format!("{:?}", it.status)),
        ("destination", it.destination.to_string()),
        ("allowed hosts", it.allowed_hosts.join(" ")),
        ("click id parameter", it.click_id_parameter.to_string()),
        ("currency", it.currency.to_string()),
    ];
    own.into_iter().chain(RuleKey::ALL.map(|key| (words(key), rules.shown(key)))).collect()
}

fn partner(it: &Partner) -> Fields {
    let email = it.email.map(|it| format!("{:?}", it.bytes())).unwrap_or_default();
    vec![
        ("name", it.name.to_string()),
        ("type", it.kind.to_string()),
        ("status", format!("{:?}", it.status)),
        ("e-mail address", format!("{SECRET}{email}")),
    ]
}

fn link(it: &Link) -> Fields {
    vec![
        ("code", it.code.to_string()),
        ("partner", it.partner.to_string()),
        ("offer", it.offer.to_string()),
        ("status", format!("{:?}", it.status)),
        ("destination", it.destination.as_deref().unwrap_or("the offer's").to_owned()),
    ]
}

fn coupon(it: &Coupon) -> Fields {
    vec![
        ("partner", it.partner.to_string()),
        ("offer", it.offer.to_string()),
        ("exclusive", it.exclusive.to_string()),
    ]
}

fn override_name(offer: OfferId, whom: &OverrideFor) -> String {
    match whom {
        OverrideFor::Partner(partner) => format!("offer {offer} for partner {partner}"),
        OverrideFor::PartnerKind(kind) => format!("offer {offer} for type {kind}"),
    }
}

fn override_fields(it: &RuleChanges) -> Fields {
    let all = Rules::default().with(it);
    let shown = |key| if it.says(key) { all.shown(key) } else { "the offer's".to_owned() };
    RuleKey::ALL.map(|key| (words(key), shown(key))).to_vec()
}

/// A rule as people call it.
const fn words(key: RuleKey) -> &'static str {
    match key {
        RuleKey::ClickWindow => "click window",
        RuleKey::ViewWindow => "view window",
        RuleKey::MinimumTime => "minimum time",
        RuleKey::Precedence => "precedence",
        RuleKey::HijackWindow => "hijack window",
        RuleKey::HijackAfterCheckout => "hijack after checkout",
        RuleKey::Binding => "binding",
        RuleKey::Customers => "customers",
        RuleKey::Model => "model",
        RuleKey::Hold => "hold",
        RuleKey::DuplicateWindow => "duplicate window",
    }
}
