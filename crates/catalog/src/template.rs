//! Where a click goes: a checked URL with macros, split once so that the redirect only copies.
//!
//! In: the text of a `destination` (or of an allowed host), at the catalog's build. Out: a [`Template`], or a [`UrlFault`]. Macros stand in path,
//! query or fragment, never before; their values are percent-encoded, so that no value can become a host, a parameter or a header.
//! Not here: which destination a click gets, deep links and their signatures (`edge`). Start at [`Template::parse`].

use std::fmt::{self, Write as _};

use units::{LinkId, OfferId, PartnerId};
use url::Url;

use crate::host::is_local;

/// The longest destination, in bytes: what old browsers and proxies still take.
pub const DESTINATION_BYTES_MAX: usize = 2_048;
/// The macros of one destination.
pub(crate) const MACROS_MAX: usize = 64;
/// `{sub1}` to this one.
pub const SUBS_MAX: u8 = 30;

/// The `utm_*` parameters that may be passed on by macro.
const UTM: [&str; 5] = ["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"];

/// What a destination may name in braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Macro {
    /// `{click_id}`: our signed id.
    ClickId,
    /// `{partner_id}`
    PartnerId,
    /// `{offer_id}`
    OfferId,
    /// `{link_id}`
    LinkId,
    /// `{sub1}` to `{sub30}`: the partner's own labels.
    Sub(u8),
    /// `{source}`: the partner's label of the traffic.
    Source,
    /// `{partner_click_id}`: the partner's own id of the click.
    PartnerClickId,
    /// `{utm_source}` and its like: a tag of the incoming request.
    Tag(&'static str),
}

impl Macro {
    /// The macro of a name, without its braces.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "click_id" => Self::ClickId,
            "partner_id" => Self::PartnerId,
            "offer_id" => Self::OfferId,
            "link_id" => Self::LinkId,
            "source" => Self::Source,
            "partner_click_id" => Self::PartnerClickId,
            _ => return Self::sub(name).or_else(|| Self::utm(name)),
        })
    }

    fn sub(name: &str) -> Option<Self> {
        let digits = name.strip_prefix("sub").filter(|it| !it.starts_with(['0', '+']))?;
        digits.parse().ok().filter(|number| (1..=SUBS_MAX).contains(number)).map(Self::Sub)
    }

    fn utm(name: &str) -> Option<Self> {
        UTM.into_iter().find(|it| *it == name).map(Self::Tag)
    }
}

/// What the macros stand for in one click.
#[derive(Debug, Clone, Copy, Default)]
pub struct Values<'a> {
    /// Our signed id as text.
    pub click_id: &'a str,
    /// Of the link.
    pub partner: PartnerId,
    /// Of the link.
    pub offer: OfferId,
    /// Which was followed.
    pub link: LinkId,
    /// The partner's label of the traffic.
    pub source: &'a str,
    /// The partner's own id of the click.
    pub partner_click_id: &'a str,
    /// `(n, value)`, those given.
    pub subs: &'a [(u8, &'a str)],
    /// `(name, value)` of `utm_*` and the like, those given.
    pub tags: &'a [(&'a str, &'a str)],
}

impl<'a> Values<'a> {
    /// What is not given is empty.
    fn text(&self, name: Macro) -> &'a str {
        let value = match name {
            Macro::ClickId => Some(self.click_id),
            Macro::Source => Some(self.source),
            Macro::PartnerClickId => Some(self.partner_click_id),
            Macro::Sub(number) => self.subs.iter().find(|(n, _)| *n == number).map(|(_, value)| *value),
            Macro::Tag(tag) => self.tags.iter().find(|(name, _)| *name == tag).map(|(_, value)| *value),
            Macro::PartnerId | Macro::OfferId | Macro::LinkId => None,
        };
        value.unwrap_or("")
    }
}

/// A piece of a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Copied as it is: a piece of the serialised URL.
    Literal(Box<str>),
    /// Its value, percent-encoded.
    Macro(Macro),
    /// The same in the path, where a value of dots alone is left out: browsers take `..`, encoded or not, as "up".
    PathMacro(Macro),
}

/// A checked destination. The default leads nowhere and exists for records that are built by hand in tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    /// In order; from `fragment_from` on they are the fragment, `#` included.
    parts: Vec<Part>,
    fragment_from: usize,
    /// Something stands between `?` and the fragment, so that a further parameter begins with `&`.
    has_query: bool,
    /// Some segment of the path has dots beside its macros, and would be "here" or "up" were they empty.
    may_climb: bool,
}

/// Why a text is not a destination. Each has its stable code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UrlFault {
    TooLong,
    Characters,
    NotAbsolute,
    Scheme,
    UserInfo,
    MacroInHost,
    UnknownMacro(String),
    TooManyMacros,
    Braces,
    MacroVanishes,
    Local(String),
    Host(String),
}

impl Template {
    /// Reads a destination. Where it has no `{click_id}`, the id is appended to the query as `click_id_parameter`.
    pub(crate) fn parse(text: &str, click_id_parameter: &str, allow_local: bool) -> Result<Self, UrlFault> {
        let (mut marker, mut plain, mut macros) = without_macros(text, "")?;
        let mut url = checked(&plain, allow_local)?;
        // A host in Punycode, or percent-decoded, may have letters that the text has not: the marker must not be among them.
        let host = url.host_str().unwrap_or("").to_owned();
        if host.contains(&marker) {
            (marker, plain, macros) = without_macros(text, &host)?;
            url = checked(&plain, allow_local)?;
        }
        let serialised = url.as_str();
        let fragment_at = serialised.find('#').unwrap_or(serialised.len());
        let path_end = serialised.find(['?', '#']).unwrap_or(serialised.len());
        let has_query = url.query().is_some_and(|query| !query.is_empty());
        let mut builder = Builder { marker: &marker, macros: macros.iter(), template: Self::default() };
        builder.add(serialised.get(..path_end).unwrap_or(""), Part::PathMacro);
        builder.add(serialised.get(path_end..fragment_at).unwrap_or(""), Part::Macro);
        if !macros.contains(&Macro::ClickId) {
            let glue = if has_query { "&" } else { glue_of_first(url.query()) };
            let mut literal = glue.to_owned();
            encode(click_id_parameter, &mut literal);
            literal.push('=');
            builder.template.parts.push(Part::Literal(literal.into()));
            builder.template.parts.push(Part::Macro(Macro::ClickId));
        }
        let path = serialised.get(..path_end).unwrap_or("");
        builder.template.may_climb =
            path.split('/').any(|it| it.contains(&marker) && climbs(&it.replace(&marker, "")));
        builder.template.has_query = has_query || !macros.contains(&Macro::ClickId);
        builder.template.fragment_from = builder.template.parts.len();
        builder.add(serialised.get(fragment_at..).unwrap_or(""), Part::Macro);
        // A macro in a segment that `..` removes would be lost with it.
        if builder.macros.next().is_some() {
            return Err(UrlFault::MacroVanishes);
        }
        Ok(builder.template)
    }

    /// The pieces, in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Appends the URL to `out`. A few hundred bytes, no allocation beyond `out`.
    pub fn fill(&self, values: &Values<'_>, out: &mut String) {
        self.fill_with_query(values, "", out);
    }

    /// The same with further parameters (`a=b&c=d`, already encoded) at the end of the query.
    pub fn fill_with_query(&self, values: &Values<'_>, extra: &str, out: &mut String) {
        let (before, fragment) =
            self.parts.split_at_checked(self.fragment_from).unwrap_or((&self.parts, &[]));
        let begin = out.len();
        fill_parts(before, values, out);
        if self.may_climb {
            empty_climbing_segments(out, begin);
        }
        if !extra.is_empty() {
            out.push(if self.has_query { '&' } else { '?' });
            out.push_str(extra);
        }
        fill_parts(fragment, values, out);
    }
}

impl fmt::Display for Template {
    /// With its macros in braces, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Literal(text) => f.write_str(text)?,
                Part::Macro(name) | Part::PathMacro(name) => match name {
                    Macro::ClickId => f.write_str("{click_id}")?,
                    Macro::PartnerId => f.write_str("{partner_id}")?,
                    Macro::OfferId => f.write_str("{offer_id}")?,
                    Macro::LinkId => f.write_str("{link_id}")?,
                    Macro::Sub(number) => write!(f, "{{sub{number}}}")?,
                    Macro::Source => f.write_str("{source}")?,
                    Macro::PartnerClickId => f.write_str("{partner_click_id}")?,
                    Macro::Tag(tag) => write!(f, "{{{tag}}}")?,
                },
            }
        }
        Ok(())
    }
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
pub fn encode(value: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    // Ids and labels mostly need no encoding: then the whole is one copy. Without an early end the question is a few wide comparisons.
    if value.bytes().fold(true, |all, byte| all & is_unreserved(byte)) {
        return out.push_str(value);
    }
    for byte in value.bytes() {
        if is_unreserved(byte) {
            out.push(char::from(byte));
        } else {
            let digit = |nibble: u8| char::from(HEX.get(usize::from(nibble)).copied().unwrap_or(b'0'));
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn fill_parts(parts: &[Part], values: &Values<'_>, out: &mut String) {
    for part in parts {
        match part {
            Part::Literal(text) => out.push_str(text),
            Part::Macro(Macro::PartnerId) | Part::PathMacro(Macro::PartnerId) => {
                number(values.partner.0, out);
            }
            Part::Macro(Macro::OfferId) | Part::PathMacro(Macro::OfferId) => number(values.offer.0, out),
            Part::Macro(Macro::LinkId) | Part::PathMacro(Macro::LinkId) => number(values.link.0, out),
            Part::PathMacro(name) if values.text(*name).bytes().all(|byte| byte == b'.') => {}
            Part::Macro(name) | Part::PathMacro(name) => encode(values.text(*name), out),
        }
    }
}

/// Whether browsers take a segment of a path as "here" or "up" (WHATWG URL, single- and double-dot path segments).
fn climbs(segment: &str) -> bool {
    matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

/// Leaves such segments empty, so that what is sent is what a browser makes of it. `url` begins at `begin`.
fn empty_climbing_segments(url: &mut String, begin: usize) {
    let written = url.split_off(begin);
    let path_end = written.find(['?', '#']).unwrap_or(written.len());
    let (path, rest) = written.split_at(path_end);
    let segments = path.split('/').map(|it| if climbs(it) { "" } else { it });
    for (index, segment) in segments.enumerate() {
        url.extend((index > 0).then_some('/'));
        url.push_str(segment);
    }
    url.push_str(rest);
}

fn number(value: u32, out: &mut String) {
    write!(out, "{value}").expect("a String takes any text");
}

/// Puts the pieces between the markers, and the macros in their places.
struct Builder<'a> {
    marker: &'a str,
    macros: std::slice::Iter<'a, Macro>,
    template: Template,
}

impl Builder<'_> {
    fn add(&mut self, text: &str, part: fn(Macro) -> Part) {
        for (index, literal) in text.split(self.marker).enumerate() {
            if index > 0
                && let Some(name) = self.macros.next()
            {
                self.template.parts.push(part(*name));
            }
            if !literal.is_empty() {
                self.template.parts.push(Part::Literal(literal.into()));
            }
        }
    }
}

/// `https://shop.example/?` has its question mark already.
fn glue_of_first(query: Option<&str>) -> &'static str {
    if query.is_some() { "" } else { "?" }
}

/// Replaces each macro by a marker that no URL parser changes and that neither the text nor `host` has, and lists them.
fn without_macros(text: &str, host: &str) -> Result<(String, String, Vec<Macro>), UrlFault> {
    if text.len() > DESTINATION_BYTES_MAX {
        return Err(UrlFault::TooLong);
    }
    // Browsers drop tabs and newlines and read `\` as `/`: what we check must be what they see (fault 7, 11).
    if text.chars().any(|it| it.is_control() || it.is_whitespace() || it == '\\') {
        return Err(UrlFault::Characters);
    }
    let mut marker = "m0".to_owned();
    while text.to_ascii_lowercase().contains(&marker) || host.contains(&marker) {
        marker.push('0');
    }
    let after_scheme = text.find("://").map_or(0, |at| at + 3);
    let authority = text.get(after_scheme..).unwrap_or("");
    let authority_end = after_scheme + authority.find(['/', '?', '#']).unwrap_or(authority.len());
    if text.get(..authority_end).is_some_and(|it| it.contains(['{', '}'])) {
        return Err(UrlFault::MacroInHost);
    }
    let (mut plain, mut macros, mut rest) = (String::new(), Vec::new(), text);
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').ok_or(UrlFault::Braces)?;
        macros.push(Macro::parse(name).ok_or_else(|| UrlFault::UnknownMacro(name.to_owned()))?);
        plain.extend([before, &marker]);
        rest = behind;
    }
    plain.push_str(rest);
    if plain.contains('}') {
        return Err(UrlFault::Braces);
    }
    if macros.len() > MACROS_MAX {
        return Err(UrlFault::TooManyMacros);
    }
    Ok((marker, plain, macros))
}

/// A URL without macros, by the same rules.
pub(crate) fn checked_url(text: &str, allow_local: bool) -> Result<Url, UrlFault> {
    let (_, plain, _) = without_macros(text, "")?;
    checked(&plain, allow_local)
}

/// The rules of reliability.md 5.1 for a stored destination.
fn checked(plain: &str, allow_local: bool) -> Result<Url, UrlFault> {
    let url = Url::parse(plain).map_err(|_| UrlFault::NotAbsolute)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(UrlFault::Scheme);
    }
    // The parser forgives `https:host` and `https:///host`; we want what people will read.
    let authority = plain.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(""));
    let authority = authority.filter(|it| !it.is_empty()).ok_or(UrlFault::NotAbsolute)?;
    if authority.contains('@') || !url.username().is_empty() || url.password().is_some() {
        return Err(UrlFault::UserInfo);
    }
    let host = url.host().ok_or(UrlFault::NotAbsolute)?.to_owned();
    if !allow_local && is_local(&host) {
        return Err(UrlFault::Local(host.to_string()));
    }
    if url.host_str().is_some_and(|it| it.ends_with('.')) {
        return Err(UrlFault::Host(host.to_string()));
    }
    Ok(url)
}

#[cfg(test)]
mod tests;
