//! What owners write: catalogs and the destinations in them.
//!
//! In: bytes. Out: nothing, or a panic. Start at [`text`].

use std::fmt::Write as _;

use catalog::{Catalog, ERRORS_MAX, Values, diff, load, merge_text, parse, split_text};
use units::{LinkId, OfferId, PartnerId};
use url::Url;

use crate::{choices::Choices, hosts, world};

pub(super) fn catalogs() -> Vec<Vec<u8>> {
    let whole =
        merge_text(&[("a.toml", world::CATALOG), ("b.toml", "[[coupon]]\ncode = \"TEA\"\npartner = 100\n")]);
    vec![world::CATALOG.into(), whole.into()]
}

pub(super) fn text(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    // What was logged is read by the same way, whatever it is.
    if let Some(files) = split_text(&text) {
        let merged = merge_text(&files);
        let again = split_text(&merged).expect("what we merge can be split");
        let texts = |files: &[(&str, &str)]| files.iter().map(|(_, it)| (*it).to_owned()).collect::<Vec<_>>();
        assert_eq!(texts(&again), texts(&files), "every file comes back");
    }
    match parse(&[("fuzz.toml", &text)]) {
        Ok(catalog) => check(&catalog, &merge_text(&[("fuzz.toml", &text)])),
        Err(errors) => {
            assert!(!errors.is_empty() && errors.len() <= ERRORS_MAX + 1, "{} errors", errors.len());
            let last = text.lines().count().max(1);
            for error in errors {
                assert!(error.line <= last + 1, "line {} of {last}: {}", error.line, error.message);
                assert!(!error.message.is_empty() && !error.advice.is_empty());
            }
        }
    }
}

fn check(catalog: &Catalog, logged: &str) {
    let again = load(logged, catalog.version, catalog.effective_at);
    let again = again.unwrap_or_else(|errors| panic!("logged and not read: {errors:?}"));
    assert_eq!(diff(catalog, &again), Vec::<String>::new(), "it is read as it was");
    for link in catalog.links.values() {
        if let Some(template) =
            catalog.offers.get(&link.offer).and_then(|offer| link.landing.as_ref().or(Some(&offer.landing)))
        {
            filled(template, "x");
        }
    }
}

/// The destination up to a zero, and what stands for every macro in it.
pub(super) fn destination(input: &[u8]) {
    let mut choices = Choices::new(input);
    let destination = String::from_utf8_lossy(choices.until_zero()).into_owned();
    let value = String::from_utf8_lossy(choices.rest()).into_owned();
    let Ok(catalog) = parse(&[("fuzz.toml", &with_destination(&destination))]) else { return };
    let offer = catalog.offers.get(&OfferId(1)).expect("it was read");
    let plain = filled(&offer.landing, "x");
    let (host, port) = hosts::reached(&plain);
    let with_value = filled(&offer.landing, &value);
    assert_eq!(hosts::reached(&with_value), (host.clone(), port), "a value moved {destination:?}");
    let written = Url::parse(&without_macros(&destination)).expect("a destination is a URL");
    assert_eq!(written.host_str(), Some(&*host), "{destination:?} leads elsewhere");
    // `127.u` is a name and no address.
    let is_loopback = host.parse::<std::net::Ipv4Addr>().is_ok_and(|it| it.is_loopback());
    let is_local = host == "localhost" || host.ends_with(".localhost") || is_loopback;
    assert!(!is_local, "{destination:?} is nobody's shop");
}

fn filled(template: &catalog::Template, value: &str) -> String {
    let subs: Vec<(u8, &str)> = (1..=30).map(|number| (number, value)).collect();
    let tags =
        ["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"].map(|name| (name, value));
    let values = Values {
        click_id: value,
        partner: PartnerId(7),
        offer: OfferId(8),
        link: LinkId(9),
        source: value,
        partner_click_id: value,
        subs: &subs,
        tags: &tags,
    };
    let mut location = String::new();
    template.fill(&values, &mut location);
    location
}

/// Every macro's name is plain text to a URL.
fn without_macros(destination: &str) -> String {
    destination.replace(['{', '}'], "")
}

fn with_destination(destination: &str) -> String {
    let mut quoted = String::new();
    for letter in destination.chars() {
        write!(quoted, "\\U{:08X}", u32::from(letter)).expect("a String takes any text");
    }
    format!(
        "[[advertiser]]\nid = 1\nname = \"A\"\ncurrency = \"EUR\"\n\n[[offer]]\nid = 1\nadvertiser = 1\nname = \"O\"\ndestination = \"{quoted}\"\n"
    )
}
