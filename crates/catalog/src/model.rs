//! One version of the catalog, as everybody reads it: tables by id, immutable once built.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use units::{AdvertiserId, CatalogVersion, Currency, DAY_MS, EpochMs, LinkId, OfferId, PartnerId};

use crate::template::Template;

/// One version. Built whole and checked; every id that one table names is in the other.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Dense from 1; 0 is a text that was checked but not applied.
    pub version: CatalogVersion,
    /// From when on it holds.
    pub effective_at: EpochMs,
    /// Who sells.
    pub advertisers: HashMap<AdvertiserId, Advertiser>,
    /// What is promoted.
    pub offers: HashMap<OfferId, Offer>,
    /// Who promotes.
    pub partners: HashMap<PartnerId, Partner>,
    /// By number, as click ids carry them.
    pub links: HashMap<LinkId, Link>,
    /// By lower-case code, as URLs carry them.
    pub links_by_code: HashMap<Box<str>, LinkId>,
    /// By advertiser and upper-case code: two advertisers may both have a `SUMMER10`.
    pub coupons: HashMap<(AdvertiserId, Box<str>), Coupon>,
    /// Rules that replace an offer's for a partner type or a partner, by offer: a decision looks at one offer's.
    pub overrides: BTreeMap<OfferId, Vec<Override>>,
    /// Where visitors of unknown and inactive links go; `None` is a 404 page.
    pub fallback_url: Option<Box<str>>,
    /// Destinations may lead into this machine or network: for trying things out.
    pub allow_local: bool,
}

/// Whether something takes part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Status {
    /// It does.
    #[default]
    Active,
    /// It does not now; clicks go to the fallback and are counted.
    Paused,
    /// It does not any more.
    Closed,
}

/// Text that never reaches a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Box<str>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// How an order without an order id is told from another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum OrderIdentity {
    /// By the shop's order id; a report without one is refused.
    #[default]
    OrderId,
    /// By (event, click) where there is no order id.
    EventClick,
    /// By (event, customer) where there is no order id.
    EventCustomer,
}

/// What the conversion pixel of an advertiser is worth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum PixelRole {
    /// A report like any other.
    #[default]
    Report,
    /// Names the visitor of an order only; amount and status come from the webhook or postback.
    Evidence,
}

/// Who sells and pays.
#[derive(Debug, Clone)]
pub struct Advertiser {
    /// Its number.
    pub id: AdvertiserId,
    /// For people.
    pub name: Box<str>,
    /// Whether its reports are taken.
    pub status: Status,
    /// IANA name of the zone of times that come without one; `UTC` by default.
    pub time_zone: Box<str>,
    /// Currency of amounts that come without one.
    pub currency: Currency,
    /// Tokens of classic postbacks and batches; empty means none is asked for. At most two, for rotation.
    pub tokens: Vec<Secret>,
    /// Shopify's client secrets. At most two.
    pub shopify_secrets: Vec<Secret>,
    /// `WooCommerce`'s webhook secrets. At most two.
    pub woocommerce_secrets: Vec<Secret>,
    /// Secrets of Standard Webhooks: each `whsec_` and base64. At most two.
    pub webhook_secrets: Vec<Secret>,
    /// Secrets under which deep links are signed. At most two.
    pub deep_link_secrets: Vec<Secret>,
    /// Orders without an order id.
    pub order_identity: OrderIdentity,
    /// What a pixel counts for.
    pub pixels: PixelRole,
}

/// How credit is shared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Model {
    /// The newest eligible touch gets all.
    #[default]
    Last,
}

/// The rules of attribution of an offer, after the overrides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rules {
    /// A click may earn credit while its age is below this. Half-open, in ms.
    pub click_window_ms: u64,
    /// A view may, while no click does. 0 turns views off.
    pub view_window_ms: u64,
    /// And its age is at least this.
    pub minimum_time_ms: u64,
    /// How credit is shared.
    pub model: Model,
    /// From order to payable, in ms.
    pub hold_ms: u64,
}

impl Default for Rules {
    /// Thirty days by click (impact, Rewardful and Partnerize are near it), no views, no minimum, thirty days of hold (field.md 6.3).
    fn default() -> Self {
        Self {
            click_window_ms: 30 * DAY_MS,
            view_window_ms: 0,
            minimum_time_ms: 0,
            model: Model::Last,
            hold_ms: 30 * DAY_MS,
        }
    }
}

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
    /// Its rules, before overrides.
    pub rules: Rules,
    /// The same visitor on the same link again within this is a duplicate, in ms.
    pub duplicate_window_ms: u64,
}

/// Who promotes and is paid.
#[derive(Debug, Clone)]
pub struct Partner {
    /// Its number.
    pub id: PartnerId,
    /// For people.
    pub name: Box<str>,
    /// `content`, `coupon`, `influencer`...: what rules and reports group by.
    pub kind: Box<str>,
    /// Whether it earns.
    pub status: Status,
}

/// One partner's way to one offer.
#[derive(Debug, Clone)]
pub struct Link {
    /// Its number, which click ids carry.
    pub id: LinkId,
    /// In the URL, lower case; never ends in punctuation (field.md 3.9).
    pub code: Box<str>,
    /// Whose.
    pub partner: PartnerId,
    /// To what.
    pub offer: OfferId,
    /// Whether it leads there.
    pub status: Status,
    /// Another landing page than the offer's.
    pub destination: Option<Box<str>>,
    /// The same, split for the redirect.
    pub landing: Option<Template>,
}

/// A code that customers type.
#[derive(Debug, Clone)]
pub struct Coupon {
    /// Upper case.
    pub code: Box<str>,
    /// Whose.
    pub partner: PartnerId,
    /// For what.
    pub offer: OfferId,
    /// Wins over a click.
    pub exclusive: bool,
}

/// For whom an override holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OverrideFor {
    /// One partner.
    Partner(PartnerId),
    /// All of a type.
    PartnerKind(Box<str>),
}

/// Rules that replace some of an offer's.
#[derive(Debug, Clone)]
pub struct Override {
    /// Of which offer.
    pub offer: OfferId,
    /// For whom.
    pub whom: OverrideFor,
    /// Instead of the offer's, where given.
    pub click_window_ms: Option<u64>,
    /// Instead of the offer's, where given.
    pub view_window_ms: Option<u64>,
    /// Instead of the offer's, where given.
    pub minimum_time_ms: Option<u64>,
    /// Instead of the offer's, where given.
    pub hold_ms: Option<u64>,
}

impl Offer {
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

impl Catalog {
    /// Where a click on this link goes: the link's own destination, else the offer's.
    #[must_use]
    pub fn landing<'a>(&'a self, link: &'a Link) -> Option<&'a Template> {
        link.landing.as_ref().or_else(|| self.offers.get(&link.offer).map(|it| &it.landing))
    }

    /// A link by the code in its URL, in any case.
    #[must_use]
    pub fn link_by_code(&self, code: &str) -> Option<&Link> {
        let found = match self.links_by_code.get(code) {
            Some(id) => id,
            None if code.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                self.links_by_code.get(code.to_ascii_lowercase().as_str())?
            }
            None => return None,
        };
        self.links.get(found)
    }

    /// The rules of an offer for a partner: the partner's override, else its type's, else the offer's own, each value by itself.
    #[must_use]
    pub fn rules(&self, offer: OfferId, partner: PartnerId) -> Option<Rules> {
        let mut rules = self.offers.get(&offer)?.rules;
        let kind = self.partners.get(&partner).map(|it| &it.kind);
        let of_kind =
            |it: &&Override| matches!((&it.whom, kind), (OverrideFor::PartnerKind(a), Some(b)) if a == b);
        let of_partner = |it: &&Override| it.whom == OverrideFor::Partner(partner);
        let layers = [self.override_of(offer, of_kind), self.override_of(offer, of_partner)];
        for layer in layers.into_iter().flatten() {
            rules.click_window_ms = layer.click_window_ms.unwrap_or(rules.click_window_ms);
            rules.view_window_ms = layer.view_window_ms.unwrap_or(rules.view_window_ms);
            rules.minimum_time_ms = layer.minimum_time_ms.unwrap_or(rules.minimum_time_ms);
            rules.hold_ms = layer.hold_ms.unwrap_or(rules.hold_ms);
        }
        Some(rules)
    }

    fn override_of(&self, offer: OfferId, whom: impl Fn(&&Override) -> bool) -> Option<&Override> {
        self.overrides.get(&offer)?.iter().find(whom)
    }

    /// The longest window any rule grants: how far back a timeline is asked.
    #[must_use]
    pub fn longest_window_ms(&self) -> u64 {
        let offers = self.offers.values().map(|it| it.rules.click_window_ms.max(it.rules.view_window_ms));
        let overrides = self
            .overrides
            .values()
            .flatten()
            .map(|it| it.click_window_ms.unwrap_or(0).max(it.view_window_ms.unwrap_or(0)));
        offers.chain(overrides).max().unwrap_or(0)
    }
}
