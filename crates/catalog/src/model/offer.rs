//! An offer: what is promoted, where its clicks go and where they may go.
//!
//! Not here: rules by partner ([`crate::Catalog::rules`]), filling a destination (`template`). Start at [`Offer`].

use units::{AdvertiserId, Currency, OfferId};

use super::{RuleChanges, Rules, Status};
use crate::template::Template;

/// A thing to promote.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Its number.
    pub id: OfferId,
    /// Whose.
    pub advertiser: AdvertiserId,
    /// For people.
    pub name: Box<str>,
    /// Whether its links lead to it.
    pub status: Status,
    /// Where a click goes: an absolute http or https URL with macros in its path, query or fragment. Without a `{click_id}` macro the click
    /// id is appended as [`Offer::click_id_parameter`].
    pub destination: Box<str>,
    /// The same, split for the redirect.
    pub landing: Template,
    /// Hosts that unsigned deep links may go to, in ASCII (IDNA) form; `.example.com` allows subdomains too.
    pub allowed_hosts: Vec<Box<str>>,
    /// The landing page's parameter for the click id; `click_id` by default.
    pub click_id_parameter: Box<str>,
    /// Of its orders and rollups.
    pub currency: Currency,
    /// What it says itself about its rules, before overrides; the rest is built in.
    pub rules: RuleChanges,
}

impl Offer {
    /// Its rules for a partner without overrides.
    #[must_use]
    pub fn own_rules(&self) -> Rules {
        Rules::default().with(&self.rules)
    }

    /// Whether an unsigned deep link may go to this host: equal to an allowed one or, where that begins with a dot, beneath it. `host` is in
    /// ASCII (IDNA) form as `url` serialises it; `port` is the URL's own, `None` where it is the scheme's usual one.
    #[must_use]
    pub fn allows_host(&self, host: &str, port: Option<u16>) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        self.allowed_hosts.iter().any(|allowed| {
            let (name, allowed_port) = match allowed.rsplit_once(':').map(|(name, port)| (name, port.parse()))
            {
                Some((name, Ok(port))) => (name, Some(port)),
                // The colons of an IPv6 address.
                Some((_, Err(_))) | None => (&**allowed, None),
            };
            let beneath = name.strip_prefix('.').is_some_and(|parent| {
                host == parent || host.strip_suffix(parent).is_some_and(|head| head.ends_with('.'))
            });
            (host == name || beneath) && port == allowed_port
        })
    }
}
