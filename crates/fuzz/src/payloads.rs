//! URLs that somebody who wants visitors elsewhere would try (reliability.md 9, faults 7 to 14), put together from what such URLs are made of.
//!
//! In: nothing. Out: [`all`], about ten thousand, and the names of parameters that might take one. Not here: who is asked (`exhaustive`).

/// How it begins: schemes, their misspellings, and what browsers take for `//`. faults 7, 10
const BEGINNINGS: [&str; 22] = [
    "https://",
    "http://",
    "HTTPS://",
    "//",
    "///",
    "/\\",
    "\\\\",
    "https:",
    "https:/",
    "https:\\\\",
    "https:///",
    "https:/\\",
    "ht\ntps://",
    " https://",
    "\u{feff}https://",
    "javascript://",
    "data:text/html,//",
    "file://",
    "intent://",
    "ftp://",
    "ws://",
    "https%3A%2F%2F",
];

/// Where it leads: foreign hosts, dressed as ours. faults 8, 9, 13, 14
const AUTHORITIES: [&str; 38] = [
    "evil.example",
    "shop.example@evil.example",
    "shop.example:pw@evil.example",
    "shop.example%40evil.example",
    "evil.example:443@shop.example",
    "shop.example.evil.example",
    "evilshop.example",
    "shop.example\\.evil.example",
    "shop.example\\@evil.example",
    "shop.example#@evil.example",
    "shop.example?@evil.example",
    "shop.example/@evil.example",
    "shop.example;evil.example",
    "shop.example,evil.example",
    "shop.example evil.example",
    "shop.example\tevil.example",
    "shop.example\r\n.evil.example",
    "shop.example%00.evil.example",
    "shop.example%0d%0aLocation:%20https://evil.example",
    "shop.example%2eevil.example",
    "shop.example\u{3002}evil.example",
    "shop.example\u{ff0f}evil.example",
    "shop\u{ff0e}example\u{ff20}evil.example",
    "\u{455}hop.example",
    "xn--hop-eye.example",
    "sh\u{f6}p.example",
    "shop\u{ad}.example.evil.example",
    "shop.example.",
    "SHOP.EXAMPLE",
    "shop.example:443",
    "shop.example:8443",
    "shop.example:0443@evil.example",
    "evil.wide.example.evil.example",
    "evilwide.example",
    "2130706433",
    "0x7f000001",
    "[::ffff:127.0.0.1]",
    "[::1]:80",
];

/// How it ends, line breaks and all. faults 11, 12
const ENDS: [&str; 12] = [
    "",
    "/",
    "/tea?x=1#y",
    "/..//evil.example",
    "/%0d%0aSet-Cookie:x=1",
    "/\r\nSet-Cookie: x=1",
    "\n",
    "\0",
    "?url=https://evil.example/",
    "#https://evil.example/",
    "/%E5%98%8A%E5%98%8DLocation:evil.example",
    "/{click_id}{sub1}\"><script>",
];

/// Names of a click's parameters that carry a text, and some that nobody knows.
pub(crate) const PARAMETERS: [&str; 30] = [
    "url",
    "deeplink",
    "deep_link",
    "ulp",
    "ued",
    "murl",
    "desturl",
    "redir_url",
    "redirect",
    "URL",
    "amp;url",
    "sub1",
    "sub2",
    "sub30",
    "source",
    "partner_click_id",
    "click_id",
    "click",
    "from",
    "s",
    "utm_source",
    "gclid",
    "sig",
    "sig_exp",
    "sig_key",
    "link",
    "partner_id",
    "next",
    "return_to",
    "dest",
];

/// Every beginning with every authority and every end.
pub(crate) fn all() -> impl Iterator<Item = String> {
    BEGINNINGS.iter().flat_map(|beginning| {
        AUTHORITIES
            .iter()
            .flat_map(move |authority| ENDS.iter().map(move |end| [*beginning, authority, end].concat()))
    })
}

/// One in `each` of them.
pub(crate) fn sample(each: usize) -> impl Iterator<Item = String> {
    all().step_by(each)
}
