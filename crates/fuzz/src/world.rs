//! The catalog, keys and clock that all targets share, so that a corpus means the same tomorrow.
//!
//! In: nothing. Out: constants. The advertisers are those of a small network: one with every secret, one with none. Start at [`CATALOG`].

use edge::{ClickSecret, Options, keys::Keys};
use events::{ClickId, ClickKey, ClickKeyring, ClickMint};
use units::{EpochMs, LinkId, VisitorId};

/// When everything happens.
pub(crate) const NOW: EpochMs = EpochMs(1_763_818_571_042);
/// Of click ids, with its number.
pub(crate) const CLICK_SECRET: (u8, &[u8]) = (3, b"a click secret of fuzzing");
/// Under which the other active key is.
pub(crate) const OLD_SECRET: (u8, &[u8]) = (2, b"the click secret before it");
/// A key that is active no more.
pub(crate) const REVOKED_SECRET: (u8, &[u8]) = (1, b"a click secret long gone");
/// Signs deep links of advertiser 1.
pub(crate) const DEEP_LINK_SECRET: &str = "a deep secret";
/// Sign webhooks of advertiser 1.
pub(crate) const SHOPIFY_SECRET: &str = "hush-hush";
pub(crate) const WOOCOMMERCE_SECRET: &str = "a&b\"c<d";
pub(crate) const STANDARD_SECRET: &str = "YW4gb2xkIHNlY3JldCBvZiB0aGUgdGVzdHM=";
/// Authorises batches of advertiser 1.
pub(crate) const TOKEN: &str = "first-token";

/// Codes of the links, and the offer of each.
pub(crate) const LINKS: [(&str, LinkId); 4] =
    [("tea", LinkId(1000)), ("pots", LinkId(1002)), ("path", LinkId(1003)), ("gone", LinkId(1001))];

/// What every destination of [`CATALOG`] leads to, without port.
pub(crate) const STORED_HOSTS: [&str; 4] = ["shop.example", "pots.example", "path.example", "away.example"];

/// The catalog in force.
pub(crate) const CATALOG: &str = r#"
fallback_url = "https://away.example/gone"

[[advertiser]]
id = 1
name = "Tea"
time_zone = "Europe/Berlin"
currency = "EUR"
tokens = ["first-token", "second-token"]
shopify_secrets = ["old-secret", "hush-hush"]
woocommerce_secrets = ["a&amp;b&quot;c&lt;d"]
webhook_secrets = ["whsec_YW4gb2xkIHNlY3JldCBvZiB0aGUgdGVzdHM="]
deep_link_secrets = ["a deep secret"]

[[advertiser]]
id = 2
name = "Open"
currency = "USD"
order_identity = "event_click"

[[offer]]
id = 10
advertiser = 1
name = "Tea"
destination = "https://shop.example/tea?from=net&click={click_id}&s={sub1}#top"
click_id_parameter = "click"
allowed_hosts = ["shop.example", ".wide.example", "port.example:8443"]
duplicate_window = "1h"

[[offer]]
id = 20
advertiser = 2
name = "Pots"
destination = "https://pots.example/"

[[offer]]
id = 30
advertiser = 1
name = "Path"
destination = "http://path.example:8080/{sub1}/{source}/x{utm_source}?p={partner_click_id}#{sub2}"

[[partner]]
id = 100
name = "Blog"
type = "content"

[[partner]]
id = 101
name = "Gone"
type = "content"
status = "paused"

[[link]]
id = 1000
code = "tea"
partner = 100
offer = 10

[[link]]
id = 1001
code = "gone"
partner = 101
offer = 10

[[link]]
id = 1002
code = "pots"
partner = 100
offer = 20

[[link]]
id = 1003
code = "path"
partner = 100
offer = 30

[[dialect]]
name = "tune"

[[dialect]]
name = "everflow"

[[dialect]]
name = "partnerize"

[[dialect]]
name = "impact"

[[dialect]]
name = "keitaro"

[[dialect]]
name = "binom"

[[dialect]]
name = "voluum"
hosts = ["go.example"]
click_paths = ["/v/{link}/{partner_click_id}"]

[[alias]]
dialect = "tune"
old = "2002"
partner = 100

[[alias]]
dialect = "tune"
old = "Gone"
partner = 101

[[alias]]
dialect = "partnerize"
old = "1101lX"
link = 1003

[[alias]]
dialect = "partnerize"
old = "77"
advertiser = 1
"#;

pub(crate) fn clock() -> EpochMs {
    NOW
}

pub(crate) fn key((number, secret): (u8, &[u8])) -> ClickKey {
    ClickKey::new(number, secret)
}

/// The two active keys.
pub(crate) fn keyring() -> ClickKeyring {
    ClickKeyring::new(vec![key(CLICK_SECRET), key(OLD_SECRET)])
}

/// `count` ids that we issued, half of them under the older key.
pub(crate) fn issued(count: u32) -> Vec<ClickId> {
    let mut mints = [ClickMint::new(key(CLICK_SECRET), 7), ClickMint::new(key(OLD_SECRET), 9)];
    (0..count)
        .map(|number| {
            let mint = &mut mints[number as usize % 2];
            let visitor = VisitorId(u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            mint.mint(NOW.forth(u64::from(number) * 977), LinkId(number * 7919), visitor)
        })
        .collect()
}

/// An edge's settings, with its folder.
pub(crate) fn options(data: &std::path::Path) -> Options {
    let secret = |(number, secret): (u8, &[u8])| ClickSecret { number, secret: secret.to_vec() };
    let keys = Keys {
        click: vec![secret(CLICK_SECRET), secret(OLD_SECRET)],
        identity: b"an identity secret of fuzzing".to_vec(),
    };
    let mut options = Options::local(data.to_owned(), keys);
    options.threads = 1;
    options.segment_bytes = 1024 * 1024;
    options.hosts = vec!["go.example".to_owned()];
    options
}
