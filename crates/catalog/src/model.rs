//! One version of the catalog, as everybody reads it: tables by id, immutable once built.
//!
//! Not here: an offer's own business (`offer`), its rules by partner type and partner (`rules`). Start at [`Catalog`].

mod offer;
mod rules;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use units::{AdvertiserId, CatalogVersion, Currency, EpochMs, LinkId, OfferId, PartnerId, Rate};

pub use self::{
    offer::Offer,
    rules::{Override, OverrideFor, Overrides, RuleChanges, RuleKey, RuleLevel, Rules},
};
use crate::{dialect::Dialect, email::EmailHash, fraud::Fraud, template::Template};

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
    /// What an order is for that a report declares to be a partner's: the lowest offer of its advertiser that he has a link to or a coupon for. Who
    /// has neither does not promote him.
    pub programs: HashMap<(AdvertiserId, PartnerId), OfferId>,
    /// Rules that replace an offer's for a partner type or a partner, by offer: a decision looks at one offer's.
    pub overrides: BTreeMap<OfferId, Overrides>,
    /// Links and postbacks of other systems that are understood, by name.
    pub dialects: BTreeMap<Box<str>, Dialect>,
    /// What amounts are told in besides the order's own currency; `None` tells none.
    pub reporting_currency: Option<Currency>,
    /// Units of the reporting currency for one unit of another. Empty without a reporting currency, and never for itself.
    pub rates: BTreeMap<Currency, Rate>,
    /// From which numbers on an order is suspicious.
    pub fraud: Fraud,
    /// By the hash of his own address; of several who have the same the lowest ([`Catalog::is_same_person`]).
    pub partners_by_email: HashMap<EmailHash, PartnerId>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PixelRole {
    /// Makes orders and says what they are worth; it refunds or rejects only with the advertiser's token.
    Report,
    /// Names the visitor of an order only; amount and status come from the webhook or postback.
    Evidence,
}

impl PixelRole {
    /// The role of an advertiser's pixels where he does not say it. Who asks for a token trusts nobody without one, and everybody can send a pixel;
    /// where no token is asked for, a postback can do as much.
    #[must_use]
    pub const fn usual(has_tokens: bool) -> Self {
        if has_tokens { Self::Evidence } else { Self::Report }
    }
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
    /// His own address: an order under it is his own.
    pub email: Option<EmailHash>,
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

/// A coupon's code as the catalog keeps it.
pub(crate) fn coupon_code(named: &str) -> Box<str> {
    named.trim().to_uppercase().into()
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

    /// A coupon of an advertiser's as a report names it: without blanks around it, in any case. Letters that only look alike are others.
    #[must_use]
    pub fn coupon(&self, advertiser: AdvertiserId, named: &str) -> Option<&Coupon> {
        self.coupons.get(&(advertiser, coupon_code(named)))
    }

    /// What an order of the advertiser's is for that a report declares to be this partner's: the offer that it names, if that is the advertiser's, else
    /// the lowest that he promotes. `None` where he promotes none.
    #[must_use]
    pub fn program(
        &self,
        advertiser: AdvertiserId,
        partner: PartnerId,
        offer: Option<OfferId>,
    ) -> Option<OfferId> {
        let lowest = self.programs.get(&(advertiser, partner))?;
        let is_own = |it: &OfferId| self.offers.get(it).is_some_and(|it| it.advertiser == advertiser);
        Some(offer.filter(is_own).unwrap_or(*lowest))
    }

    /// Whether two partners are one, or have one e-mail address: who promotes under two names is still himself.
    #[must_use]
    pub fn is_same_person(&self, one: PartnerId, other: PartnerId) -> bool {
        let email = |id| self.partners.get(&id)?.email;
        one == other || email(one).is_some_and(|it| email(other) == Some(it))
    }

    /// Fills [`Catalog::partners_by_email`] from partners.
    #[must_use]
    pub fn with_emails(mut self) -> Self {
        for (hash, id) in self.partners.values().filter_map(|it| Some((it.email?, it.id))) {
            let lowest = self.partners_by_email.entry(hash).or_insert(id);
            *lowest = id.min(*lowest);
        }
        self
    }

    /// Fills [`Catalog::programs`] from links and coupons.
    #[must_use]
    pub fn with_programs(mut self) -> Self {
        let links = self.links.values().map(|it| (it.partner, it.offer));
        let coupons = self.coupons.values().map(|it| (it.partner, it.offer));
        for (partner, offer) in links.chain(coupons) {
            let Some(advertiser) = self.offers.get(&offer).map(|it| it.advertiser) else { continue };
            let lowest = self.programs.entry((advertiser, partner)).or_insert(offer);
            *lowest = offer.min(*lowest);
        }
        self
    }

    /// The rules of an offer for a partner: the partner's override, else its type's, else the offer's own, else built in, each value by itself.
    #[must_use]
    pub fn rules(&self, offer: OfferId, partner: PartnerId) -> Option<Rules> {
        let levels = self.rule_levels(offer, partner)?;
        let said = levels.iter().filter_map(|(_, changes)| *changes);
        Some(said.fold(Rules::default(), Rules::with))
    }

    /// What each level above the built-in one says, the most specific last. A partner that is not known has no type and no override.
    pub(crate) fn rule_levels(
        &self,
        offer: OfferId,
        partner: PartnerId,
    ) -> Option<[(RuleLevel, Option<&RuleChanges>); 3]> {
        let own = &self.offers.get(&offer)?.rules;
        let overrides = self.overrides.get(&offer);
        let of_kind = || overrides?.of_kind(&self.partners.get(&partner)?.kind);
        Some([
            (RuleLevel::Offer, Some(own)),
            (RuleLevel::PartnerType, of_kind()),
            (RuleLevel::Partner, overrides.and_then(|it| it.of_partner(partner))),
        ])
    }

    /// Units of the reporting currency for one of `currency`. `None` where there is no reporting currency, or no rate into it.
    #[must_use]
    pub fn reporting_rate(&self, currency: Currency) -> Option<Rate> {
        let is_itself = self.reporting_currency? == currency;
        if is_itself { Some(Rate::ONE) } else { self.rates.get(&currency).copied() }
    }

    /// The longest window any rule grants: how far back a timeline is asked.
    #[must_use]
    pub fn longest_window_ms(&self) -> u64 {
        let offers = self.offers.values().map(Offer::own_rules);
        let offers = offers.map(|it| it.click_window_ms.max(it.view_window_ms));
        let overrides = self.overrides.values().flat_map(Overrides::changes);
        let overrides =
            overrides.map(|it| it.click_window_ms.unwrap_or(0).max(it.view_window_ms.unwrap_or(0)));
        offers.chain(overrides).max().unwrap_or(0)
    }
}
