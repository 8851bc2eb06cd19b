//! Where a browser would go, read by two parsers that share nothing: the WHATWG one, and a plain reading of its rules here.
//!
//! In: a `Location`. Out: its host and port; a panic where the two differ, or where something stands in it that some client reads in another
//! way. Not here: which hosts are allowed (the targets). Start at [`reached`].

use url::Url;

/// What a browser that follows `location` from a page of ours connects to.
///
/// # Panics
///
/// Where it may be read in two ways.
pub(crate) fn reached(location: &str) -> (String, Option<u16>) {
    assert!(
        location.bytes().all(|byte| byte.is_ascii_graphic()),
        "a byte in {location:?} that no header may carry"
    );
    let here = Url::parse("https://go.example/c/x").expect("a constant");
    let url = here.join(location).unwrap_or_else(|error| panic!("{location:?} is no URL: {error}"));
    assert!(matches!(url.scheme(), "http" | "https"), "{location:?} leaves the web");
    assert!(url.username().is_empty() && url.password().is_none(), "{location:?} names a user");
    assert_eq!(url.as_str(), location, "what we send is what a browser makes of it");
    let host = url.host_str().expect("http has hosts").to_owned();
    let plain = plainly(location);
    assert_eq!(plain, Some((host.clone(), url.port())), "{location:?} is read in two ways");
    (host, url.port())
}

/// As RFC 3986 has it, for what was serialised already: scheme, `//`, authority up to the first of `/?#`, no user, a port of digits.
fn plainly(location: &str) -> Option<(String, Option<u16>)> {
    let (scheme, rest) = location.split_once("://")?;
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    // A browser takes a backslash for a slash.
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host_port = authority.rsplit('@').next()?;
    let (host, port) = match host_port.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port.parse::<u16>().ok()?)),
        _ => (host_port, None),
    };
    Some((host.to_ascii_lowercase(), port.filter(|it| *it != default)))
}
