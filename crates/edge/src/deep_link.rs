//! Whether a visitor may be sent to the page a request asks for.
//!
//! In: the deep link as decoded from the query, its signature, the link's own rules. Out: the parsed URL, or the reason why the stored
//! destination is used instead. A deep link needs either a host its offer lists, or the advertiser's signature. What a browser would read
//! differently from us is refused, not repaired. Start at [`check`]; [`sign`] makes what `check` believes.
//!
//! `sig` is HMAC-SHA256 in lower-case hex over `v1\n{link id}\n{sig_exp}\n{sig_key}\n{deep link}`, keyed with one of the advertiser's
//! `deep_link_secrets`; `sig_exp` is in seconds since the Unix epoch; `sig_key` is the first eight hex digits of the secret's SHA-256, and names it
//! while two are active.

use catalog::Secret;
use events::LandingChoice;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use units::{
    EpochMs, LinkId, SECOND_MS,
    planted::{Bug, planted},
};
use url::Url;

/// The longest deep link, in bytes: what browsers and proxies carry everywhere.
pub const DEEP_LINK_BYTES_MAX: usize = 2_048;

/// A host that unsigned deep links may go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostRule {
    /// ASCII, lower case, no trailing dot.
    host: Box<str>,
    with_subdomains: bool,
    /// `None`: the scheme's own.
    port: Option<u16>,
}

impl HostRule {
    /// From the catalog's text: `example.com`, `.example.com` with its subdomains, either with `:port`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (with_subdomains, text) = match text.strip_prefix('.') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let url = Url::parse(&format!("http://{text}/")).ok()?;
        let host = url.host_str()?.trim_end_matches('.').into();
        Some(Self { host, with_subdomains, port: url.port() })
    }

    /// The host of a stored destination: its pages are the shop's.
    pub(crate) fn of_destination(destination: &str) -> Option<Self> {
        let authority = destination.split_once("://")?.1.split(['/', '?', '#']).next()?;
        let url = Url::parse(&format!("http://{authority}/")).ok()?;
        let default = if destination.starts_with("https:") { Some(443) } else { None };
        let host = url.host_str()?.trim_end_matches('.').into();
        Some(Self { host, with_subdomains: false, port: url.port().filter(|port| Some(*port) != default) })
    }

    fn allows(&self, url: &Url) -> bool {
        let host = url.host_str().map_or("", |it| it.trim_end_matches('.'));
        let is_host = host == &*self.host
            || (self.with_subdomains
                && host.strip_suffix(&*self.host).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1));
        is_host && url.port() == self.port
    }
}

/// A deep link as it came.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked<'a> {
    pub(crate) url: &'a str,
    pub(crate) signature: &'a str,
    pub(crate) expiry: &'a str,
    pub(crate) key_id: &'a str,
}

/// Decides on a deep link of `link`.
pub(crate) fn check(
    asked: Asked<'_>,
    link: LinkId,
    hosts: &[HostRule],
    secrets: &[Secret],
    now: EpochMs,
) -> Result<Url, LandingChoice> {
    let url = parse(asked.url).ok_or(LandingChoice::BadUrl)?;
    if !asked.signature.is_empty() {
        check_signature(asked, link, secrets, now)?;
        return Ok(url);
    }
    if hosts.iter().any(|it| it.allows(&url)) || planted(Bug::UnsignedLink) {
        Ok(url)
    } else {
        Err(LandingChoice::Unsigned)
    }
}

/// A URL that every browser reads as we do; `None` for any other (faults 7, 8, 10, 11).
fn parse(text: &str) -> Option<Url> {
    let is_plain = |it: char| !it.is_control() && !it.is_whitespace() && !matches!(it, '\\' | '\u{feff}');
    if text.len() > DEEP_LINK_BYTES_MAX || !text.chars().all(is_plain) || has_encoded_control(text) {
        return None;
    }
    let (scheme, rest) = text.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    if authority.is_empty() || authority.contains('@') {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let is_safe = url.username().is_empty()
        && url.password().is_none()
        && url.host_str().is_some_and(|host| !host.trim_end_matches('.').is_empty())
        // Encoding what is not ASCII makes it longer.
        && url.as_str().len() <= DEEP_LINK_BYTES_MAX;
    is_safe.then_some(url)
}

/// `%0d` and its like: a page that decodes once more would see a new line.
fn has_encoded_control(text: &str) -> bool {
    text.split('%').skip(1).any(|rest| {
        let byte = rest.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        byte.is_some_and(|byte| byte < 0x20 || byte == 0x7f)
    })
}

fn check_signature(
    asked: Asked<'_>,
    link: LinkId,
    secrets: &[Secret],
    now: EpochMs,
) -> Result<(), LandingChoice> {
    let secret =
        secrets.iter().find(|secret| key_id(&secret.0) == asked.key_id).ok_or(LandingChoice::BadSignature)?;
    let want = hex(&mac(&secret.0, link, asked.url, asked.expiry, asked.key_id));
    if !bool::from(want.as_bytes().ct_eq(asked.signature.as_bytes())) {
        return Err(LandingChoice::BadSignature);
    }
    let expiry: u64 = asked.expiry.parse().map_err(|_| LandingChoice::BadSignature)?;
    if EpochMs(expiry.saturating_mul(SECOND_MS)) <= now { Err(LandingChoice::Expired) } else { Ok(()) }
}

/// The parameters to append to a tracking link: `url=...&sig_exp=...&sig_key=...&sig=...`, encoded.
#[must_use]
pub fn sign(secret: &str, link: LinkId, deep_link: &str, expires: EpochMs) -> String {
    let (expiry, key_id) = ((expires.0 / SECOND_MS).to_string(), key_id(secret));
    let signature = hex(&mac(secret, link, deep_link, &expiry, &key_id));
    url::form_urlencoded::Serializer::new(String::new())
        .append_pair("url", deep_link)
        .append_pair("sig_exp", &expiry)
        .append_pair("sig_key", &key_id)
        .append_pair("sig", &signature)
        .finish()
}

fn mac(secret: &str, link: LinkId, deep_link: &str, expiry: &str, key_id: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("v1\n{link}\n{expiry}\n{key_id}\n").as_bytes());
    mac.update(deep_link.as_bytes());
    mac.finalize().into_bytes().into()
}

fn key_id(secret: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    hex(digest.first_chunk::<4>().map_or(&[][..], |it| it))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|it| char::from_digit(it.into(), 16))
        .collect()
}

#[cfg(test)]
mod tests;
