//! From all rows to a [`Catalog`]: what needs more than one row to be checked.
//!
//! In: a [`Draft`]. Out: a catalog; where there are errors, what it holds does not matter. Start at [`build`].

use std::collections::{HashMap, HashSet};

use units::{AdvertiserId, Currency, Rate};

use super::{
    error::{ErrorCode, Errors, Spot},
    reader::shown,
    rows::{Draft, Located, OfferRow},
};
use crate::{
    host::allowed_host,
    model::{Advertiser, Catalog, Coupon, Link, Offer, Override, OverrideFor},
    template::{DESTINATION_BYTES_MAX, MACROS_MAX, Template, UrlFault},
};

pub(super) fn build(draft: Draft<'_>, errors: &mut Errors) -> Catalog {
    for it in draft.references.iter().filter(|it| !draft.ids.contains_key(&(it.table, it.id))) {
        let name = it.table.name();
        let message = format!("there is no {name} {}", it.id);
        errors.add(
            it.spot,
            ErrorCode::UnknownReference,
            message,
            format!("add a [[{name}]] with that id, or correct it"),
        );
    }
    let allow_local = draft.allow_local.is_some_and(|(allowed, _)| allowed);
    let mut catalog = Catalog {
        effective_at: draft.effective_at.map(|(at, _)| at).unwrap_or_default(),
        allow_local,
        advertisers: draft.advertisers.into_iter().map(|it| (it.id, it)).collect(),
        partners: draft.partners.into_iter().map(|it| (it.id, it)).collect(),
        ..Catalog::default()
    };
    catalog.fallback_url = draft.fallback_url.and_then(|url| fallback(&url, allow_local, errors));
    for row in draft.offers {
        let offer = offer(row, &catalog.advertisers, allow_local, errors);
        catalog.offers.insert(offer.id, offer);
    }
    for (link, destination) in draft.links {
        let link = link_with_landing(link, destination, &catalog, errors);
        catalog.links_by_code.insert(link.code.clone(), link.id);
        catalog.links.insert(link.id, link);
    }
    coupons(draft.coupons, &mut catalog, errors);
    overrides(draft.overrides, &mut catalog, errors);
    super::dialects::build(draft.dialects, draft.aliases, &mut catalog, errors);
    catalog.reporting_currency = draft.reporting_currency.map(|(it, _)| it);
    rates(draft.rates, draft.is_reporting_currency_wrong, &mut catalog, errors);
    catalog.fraud = draft.fraud.map(|(it, _)| it).unwrap_or_default();
    catalog.with_programs().with_emails()
}

fn fallback((text, spot): &Located<'_>, allow_local: bool, errors: &mut Errors) -> Option<Box<str>> {
    // A visitor without a link has no click, so there is nothing to fill a macro with.
    if text.contains(['{', '}']) {
        let advice = "write it without braces: a visitor without a link has no click id";
        errors.add(*spot, ErrorCode::UnknownMacro, "`fallback_url` has a macro", advice);
        return None;
    }
    match crate::template::checked_url(text, allow_local) {
        Ok(url) => Some(url.as_str().into()),
        Err(fault) => {
            report(&fault, "fallback_url", *spot, errors);
            None
        }
    }
}

fn offer(
    row: OfferRow<'_>,
    advertisers: &HashMap<AdvertiserId, Advertiser>,
    allow_local: bool,
    errors: &mut Errors,
) -> Offer {
    let mut offer = row.offer;
    if let Some((text, spot)) = row.destination {
        match Template::parse(&text, &offer.click_id_parameter, allow_local) {
            Ok(landing) => offer.landing = landing,
            Err(fault) => report(&fault, "destination", spot, errors),
        }
        offer.destination = text;
    }
    for (text, spot) in row.hosts {
        match allowed_host(&text, allow_local) {
            Ok(host) => offer.allowed_hosts.push(host),
            Err(fault) => report(&fault, "allowed_hosts", spot, errors),
        }
    }
    let inherited = advertisers.get(&offer.advertiser).map_or(Currency::EUR, |it| it.currency);
    offer.currency = row.currency.unwrap_or(inherited);
    let rules = offer.own_rules();
    if rules.click_window_ms <= rules.minimum_time_ms {
        empty_window("[[offer]]", row.spot, errors);
    }
    offer
}

fn link_with_landing(
    mut link: Link,
    destination: Option<Located<'_>>,
    catalog: &Catalog,
    errors: &mut Errors,
) -> Link {
    let Some((text, spot)) = destination else { return link };
    let parameter = catalog.offers.get(&link.offer).map_or("click_id", |it| &*it.click_id_parameter);
    match Template::parse(&text, parameter, catalog.allow_local) {
        Ok(landing) => link.landing = Some(landing),
        Err(fault) => report(&fault, "destination", spot, errors),
    }
    link.destination = Some(text);
    link
}

fn coupons(rows: Vec<(Coupon, Spot<'_>)>, catalog: &mut Catalog, errors: &mut Errors) {
    let mut places: HashMap<(AdvertiserId, Box<str>), Spot<'_>> = HashMap::new();
    for (coupon, spot) in rows {
        let Some(offer) = catalog.offers.get(&coupon.offer) else { continue };
        let key = (offer.advertiser, coupon.code.clone());
        if let Some(first) = places.insert(key.clone(), spot) {
            let message = format!(
                "coupon `{}` of advertiser {} is there twice, first at {}:{}",
                shown(&coupon.code),
                key.0,
                first.file,
                first.line
            );
            errors.add(
                spot,
                ErrorCode::DuplicateCoupon,
                message,
                "a code belongs to one partner of an advertiser: keep one",
            );
        }
        catalog.coupons.insert(key, coupon);
    }
}

fn overrides(rows: Vec<(Override, Spot<'_>)>, catalog: &mut Catalog, errors: &mut Errors) {
    let kinds: HashSet<Box<str>> = catalog.partners.values().map(|it| it.kind.clone()).collect();
    let mut places: HashMap<_, Spot<'_>> = HashMap::new();
    for (entry, spot) in rows {
        if let Some(first) = places.insert((entry.offer, entry.whom.clone()), spot) {
            let message = format!("a second override for the same, first at {}:{}", first.file, first.line);
            errors.add(spot, ErrorCode::DuplicateOverride, message, "write all its values into one");
        }
        if let OverrideFor::PartnerKind(kind) = &entry.whom
            && !kinds.contains(kind)
        {
            let message = format!("no partner is of type `{}`", shown(kind));
            let mut known: Vec<&str> = kinds.iter().map(|it| &**it).collect();
            known.sort_unstable();
            errors.add(spot, ErrorCode::UnknownReference, message, super::reader::suggestion(kind, &known));
        }
        // Against the offer's own rules: a type's and a partner's override may each be right by itself.
        let rules = catalog.offers.get(&entry.offer).map(Offer::own_rules).unwrap_or_default();
        let rules = rules.with(&entry.changes);
        if rules.click_window_ms <= rules.minimum_time_ms {
            empty_window("[[override]]", spot, errors);
        }
        catalog.overrides.entry(entry.offer).or_default().insert(entry.whom, entry.changes);
    }
}

fn rates(rows: Vec<(Currency, Rate, Spot<'_>)>, is_wrong: bool, catalog: &mut Catalog, errors: &mut Errors) {
    for (currency, rate, spot) in rows {
        match catalog.reporting_currency {
            // What it is has had its error.
            None if is_wrong => {}
            None => {
                let message = "[[rate]] changes nothing without `reporting_currency`";
                let advice = "write reporting_currency = \"EUR\" at the top, or take the rates out";
                errors.add(spot, ErrorCode::IdleRule, message, advice);
            }
            Some(reporting) if reporting == currency => {
                let message = format!("{currency} is the reporting currency itself");
                errors.add(spot, ErrorCode::BadRate, message, "take this rate out: it is 1");
            }
            Some(_) => {}
        }
        if catalog.rates.insert(currency, rate).is_some() {
            let message = format!("a second rate of {currency}");
            errors.add(spot, ErrorCode::DuplicateRate, message, "keep one: a new rate is a new version");
        }
    }
}

fn empty_window(what: &str, spot: Spot<'_>, errors: &mut Errors) {
    let message =
        format!("no click can be credited under this {what}: its click window ends before its minimum time");
    errors.add(spot, ErrorCode::EmptyWindow, message, "make `click_window` longer than `minimum_time`");
}

fn report(fault: &UrlFault, key: &str, spot: Spot<'_>, errors: &mut Errors) {
    use ErrorCode as Code;
    let (code, message, advice) = match fault {
        UrlFault::TooLong => (
            Code::BadUrl,
            format!("`{key}` is too long"),
            format!("write at most {DESTINATION_BYTES_MAX} bytes"),
        ),
        UrlFault::Characters => (
            Code::BadUrl,
            format!("`{key}` has blanks, control characters or a backslash"),
            "percent-encode them".to_owned(),
        ),
        UrlFault::NotAbsolute => (
            Code::BadUrl,
            format!("`{key}` is not an absolute URL"),
            "write it whole, such as https://shop.example/page".to_owned(),
        ),
        UrlFault::Scheme => {
            (Code::BadUrl, format!("`{key}` is not http or https"), "begin it with https://".to_owned())
        }
        UrlFault::UserInfo => (
            Code::UserInfoInUrl,
            format!("`{key}` has a user name or password"),
            "remove everything up to the @".to_owned(),
        ),
        UrlFault::MacroInHost => (
            Code::MacroInHost,
            format!("`{key}` has a macro before its path"),
            "macros may stand in path, query and fragment only".to_owned(),
        ),
        UrlFault::UnknownMacro(name) => (
            Code::UnknownMacro,
            format!("`{key}` has an unknown macro `{{{}}}`", shown(name)),
            "use {click_id} {partner_id} {offer_id} {link_id} {sub1} to {sub30} {source} {partner_click_id} {utm_source} {utm_medium} {utm_campaign} {utm_term} {utm_content}".to_owned(),
        ),
        UrlFault::TooManyMacros => (
            Code::BadUrl,
            format!("`{key}` has too many macros"),
            format!("use at most {MACROS_MAX}"),
        ),
        UrlFault::Braces => (
            Code::UnknownMacro,
            format!("`{key}` has a brace without its other half"),
            "close the macro, or write %7B and %7D".to_owned(),
        ),
        UrlFault::MacroVanishes => (
            Code::BadUrl,
            format!("`{key}` has a macro in a part of the path that `..` removes"),
            "write the path without `..`".to_owned(),
        ),
        UrlFault::Local(host) => (
            Code::LocalHost,
            format!("`{key}` leads to `{host}`, inside a network"),
            "use a public host, or set `allow_local = true` at the top level to try things out".to_owned(),
        ),
        UrlFault::Host(text) => (
            Code::BadHost,
            format!("`{key}` has `{}`, which is not a host to compare with", shown(text)),
            "write a name such as shop.example, .shop.example for its subdomains too, with :port where it is not the usual one"
                .to_owned(),
        ),
    };
    errors.add(spot, code, message, advice);
}
