//! What visitors send: whole connections, queries, deep links.
//!
//! In: bytes. Out: nothing, or a panic. Each is asked on both ways of the edge (`desks`), which judges the answers. Start at [`request`].

use std::fmt::Write as _;

use edge::sign_deep_link;
use units::LinkId;
use url::{Url, form_urlencoded};

use crate::{choices::Choices, desks, payloads, world};

/// The only foreign host that a seed's signature allows.
const SIGNED_HOST: &str = "signed.example";

pub(super) fn requests() -> Vec<Vec<u8>> {
    let signed = signed_query("https://signed.example/a", LinkId(1000));
    let long = "x".repeat(3000);
    let heads = [
        format!("GET /c/tea?{signed} HTTP/1.1\r\nHost: go.example\r\n\r\n"),
        format!("GET /c/tea?a={long} HTTP/1.1\r\nHost: go.example\r\n\r\n"),
        format!("GET /c/tea HTTP/1.1\r\nHost: go.example\r\n{}\r\n", "X: y\r\n".repeat(66)),
    ];
    heads.into_iter().map(String::into_bytes).collect()
}

/// faults 12, 15, 16, 19 to 23, 26, 113
pub(super) fn request(input: &[u8]) {
    desks::ask(input, |host, port| desks::is_registered(host, port) || host == SIGNED_HOST);
}

/// The first byte chooses a link; the rest is its query, encoded where it must be.
pub(super) fn query(input: &[u8]) {
    let mut choices = Choices::new(input);
    let (code, link) = world::LINKS[choices.below(3)];
    let said = ask_click(code, &in_a_query(choices.rest()), desks::is_registered);
    let (status, location, _) = said.only();
    let location = location.as_deref().unwrap_or_else(|| panic!("{status} to a click"));
    let url = Url::parse(location).expect("it was judged");
    // A click that asked not to count has an empty one.
    let names = ["click", "click_id"];
    let id =
        url.query_pairs().find(|(name, _)| names.contains(&&**name)).map(|(_, value)| value.into_owned());
    let id = id.unwrap_or_else(|| panic!("no click id in {location:?}"));
    if !id.is_empty() {
        let id = world::keyring().check(&id).unwrap_or_else(|error| panic!("{error}: {location:?}"));
        assert_eq!((id.link(), id.at()), (link, world::NOW));
    }
}

/// How a deep link is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signing {
    None,
    Right,
    OfAnotherLink,
    OfAnotherUrl,
    Expired,
    Altered,
}

const SIGNINGS: [Signing; 6] = [
    Signing::None,
    Signing::Right,
    Signing::OfAnotherLink,
    Signing::OfAnotherUrl,
    Signing::Expired,
    Signing::Altered,
];

/// Some of what an attacker tries, unsigned and signed.
pub(super) fn redirects() -> Vec<Vec<u8>> {
    let signings = [0, 0, 1];
    payloads::sample(37)
        .zip(signings.into_iter().cycle())
        .map(|(url, how)| [&[how, 0], url.as_bytes()].concat())
        .collect()
}

/// A byte for the signature, one for the link, and a deep link. faults 3 to 14
pub(super) fn redirect(input: &[u8]) {
    let mut choices = Choices::new(input);
    let signing = SIGNINGS[usize::from(choices.byte()) % SIGNINGS.len()];
    let (code, link) = world::LINKS[usize::from(choices.byte()) % 3];
    let text = String::from_utf8_lossy(choices.rest());
    let query = deep_query(&text, link, signing);
    // Advertiser 2, of `pots`, has no secret.
    let is_believed = signing == Signing::Right && code != "pots";
    let own = Url::parse(&text).ok().filter(|_| is_believed);
    let said = ask_click(code, &query, |host, port| {
        let is_own = |url: &Url| url.host_str() == Some(host) && url.port() == port;
        desks::is_registered(host, port) || own.as_ref().is_some_and(is_own)
    });
    assert_eq!(said.only().0, 302, "a click is redirected, whatever it asks for");
}

fn deep_query(text: &str, link: LinkId, signing: Signing) -> String {
    let other = LinkId(link.0 + 1);
    match signing {
        Signing::None => form_urlencoded::Serializer::new(String::new()).append_pair("url", text).finish(),
        Signing::Right => signed_query(text, link),
        Signing::OfAnotherLink => signed_query(text, other),
        Signing::OfAnotherUrl => {
            let signed = signed_query(&format!("{text}/"), link);
            let asked = form_urlencoded::Serializer::new(String::new()).append_pair("url", text).finish();
            // The first of two counts.
            format!("{asked}&{signed}")
        }
        Signing::Expired => sign_deep_link(world::DEEP_LINK_SECRET, link, text, world::NOW),
        Signing::Altered => {
            let signed = signed_query(text, link);
            let flipped = if signed.ends_with('0') { '1' } else { '0' };
            let (front, _) = signed.split_at(signed.len() - 1);
            format!("{front}{flipped}")
        }
    }
}

fn signed_query(text: &str, link: LinkId) -> String {
    sign_deep_link(world::DEEP_LINK_SECRET, link, text, world::NOW.forth(units::DAY_MS))
}

fn ask_click(code: &str, query: &str, is_allowed: impl Fn(&str, Option<u16>) -> bool) -> desks::Said {
    let request = format!("GET /c/{code}?{query} HTTP/1.1\r\nHost: go.example\r\n\r\n");
    desks::ask(request.as_bytes(), is_allowed)
}

/// Bytes that a request line cannot carry, percent-encoded; the others as they are.
pub(super) fn in_a_query(bytes: &[u8]) -> String {
    let mut query = String::new();
    for byte in bytes {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'#' | b'<' | b'>' | b'\\' | b'`') {
            query.push(char::from(*byte));
        } else {
            write!(query, "%{byte:02X}").expect("a String takes any text");
        }
    }
    query
}
