//! Where a click goes: the stored destination or the deep link, with its macros, the click id and what is passed on.
//!
//! In: the link's route, the query's parameters, the signed id. Out: a serialised URL and the reason for it. The host is always one the
//! catalog or the advertiser's signature named; no value of the request reaches scheme, host or header unencoded (faults 7 to 14).
//! Start at [`land`].

use std::borrow::Cow;

use catalog::Values;
use events::LandingChoice;
use smallvec::SmallVec;
use units::EpochMs;
use url::{Url, form_urlencoded};

use crate::{
    deep_link::{self, Asked},
    query::Parameters,
    routes::Route,
};

/// The longest `Location`, in bytes: what every browser and proxy takes. Parameters that would go beyond are not passed on.
pub(crate) const LOCATION_BYTES_MAX: usize = 4 * 1024;

/// Room for what is passed on, in bytes: a few tags. More is found where it is needed.
const EXTRA_BYTES: usize = 256;

/// Where, and why there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Landing {
    pub(crate) location: String,
    pub(crate) choice: LandingChoice,
    /// The deep link as the record keeps it; empty for the stored destination.
    pub(crate) deep_link: String,
}

pub(crate) fn land(route: &Route, parameters: &Parameters<'_>, click_id: &str, now: EpochMs) -> Landing {
    let mut choice = LandingChoice::Stored;
    if !parameters.deep_link.is_empty() {
        let asked = Asked {
            url: &parameters.deep_link,
            signature: &parameters.signature,
            expiry: &parameters.expiry,
            key_id: &parameters.key_id,
        };
        match deep_link::check(asked, route.link, &route.offer.hosts, &route.offer.deep_link_secrets, now) {
            Ok(url) => return deep(route, parameters, click_id, &url),
            Err(reason) => choice = reason,
        }
    }
    Landing { location: stored(route, parameters, click_id), choice, deep_link: String::new() }
}

fn stored(route: &Route, parameters: &Parameters<'_>, click_id: &str) -> String {
    let subs: SmallVec<[(u8, &str); 4]> =
        parameters.subs.iter().map(|(number, value)| (*number, &**value)).collect();
    let tags: SmallVec<[(&str, &str); 4]> =
        parameters.tags.iter().map(|(name, value)| (&**name, &**value)).collect();
    let values = Values {
        click_id,
        partner: route.partner,
        offer: route.offer.offer,
        link: route.link,
        source: &parameters.source,
        partner_click_id: &parameters.partner_click_id,
        subs: &subs,
        tags: &tags,
    };
    let is_taken = |name: &str| route.taken.iter().any(|it| **it == *name);
    // Twice the value of every macro, percent-encoded, is at most this long; what is left is for others.
    let extra = passed_on(parameters, LOCATION_BYTES_MAX / 2, is_taken);
    let mut location = String::with_capacity(256 + extra.len());
    route.template.fill_with_query(&values, &extra, &mut location);
    location
}

/// The deep link, with our id and what is passed on. A parameter of the id's name that it had already is taken out: the shop would read that.
fn deep(route: &Route, parameters: &Parameters<'_>, click_id: &str, url: &Url) -> Landing {
    let name = &*route.offer.click_id_parameter;
    let mut location = url.clone();
    if url.query_pairs().any(|(it, _)| it == name) {
        let kept: Vec<(Cow<'_, str>, Cow<'_, str>)> =
            url.query_pairs().filter(|(it, _)| it != name).collect();
        location.query_pairs_mut().clear().extend_pairs(kept);
    }
    location.query_pairs_mut().append_pair(name, click_id);
    let is_taken = |it: &str| it == name || url.query_pairs().any(|(taken, _)| taken == it);
    let room = LOCATION_BYTES_MAX.saturating_sub(location.as_str().len());
    let extra = passed_on(parameters, room, is_taken);
    if !extra.is_empty() {
        let query = format!("{}&{extra}", location.query().unwrap_or(""));
        location.set_query(Some(&query));
    }
    Landing { location: location.into(), choice: LandingChoice::DeepLink, deep_link: url.as_str().to_owned() }
}

/// `a=b&c=d`, encoded, at most `bytes_max` long. Names the destination has already are left out: a partner may not overrule them.
fn passed_on(parameters: &Parameters<'_>, bytes_max: usize, is_taken: impl Fn(&str) -> bool) -> String {
    let mut extra = String::with_capacity(if parameters.passed.is_empty() { 0 } else { EXTRA_BYTES });
    for (name, value) in &parameters.passed {
        let before = extra.len();
        if is_taken(name) {
            continue;
        }
        if before > 0 {
            extra.push('&');
        }
        extra.extend(form_urlencoded::byte_serialize(name.as_bytes()));
        extra.push('=');
        extra.extend(form_urlencoded::byte_serialize(value.as_bytes()));
        if extra.len() > bytes_max {
            extra.truncate(before);
        }
    }
    extra
}
