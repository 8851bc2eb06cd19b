//! The catalog as the redirect needs it: one look-up from a link's code to everything about it.
//!
//! In: a version of the catalog. Out: [`Routes`], built once per version off the hot path and swapped whole. Not here: reading versions
//! (`snapshots`). Start at [`Routes::link`].

use std::{collections::HashMap, sync::Arc};

use catalog::{Catalog, Secret, Status, Template};
use units::{AdvertiserId, CatalogVersion, Currency, LinkId, OfferId, PartnerId};
use url::Url;

use crate::{deep_link::HostRule, dialects::Dialects};

/// What the links of one offer share.
#[derive(Debug)]
pub(crate) struct OfferRoute {
    pub(crate) offer: OfferId,
    pub(crate) advertiser: AdvertiserId,
    pub(crate) currency: Currency,
    pub(crate) hosts: Vec<HostRule>,
    pub(crate) deep_link_secrets: Vec<Secret>,
    pub(crate) click_id_parameter: Box<str>,
}

/// Names of parameters, shared by the links they hold for.
type Names = Arc<[Box<str>]>;

/// A link, ready to be followed.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) link: LinkId,
    pub(crate) partner: PartnerId,
    pub(crate) offer: Arc<OfferRoute>,
    /// Link, partner, offer and advertiser all take part.
    pub(crate) is_active: bool,
    /// The same visitor again within this is a duplicate: by the offer's rules for this partner.
    pub(crate) duplicate_window_ms: u64,
    pub(crate) template: Template,
    /// Names of the parameters that the destination has already.
    pub(crate) taken: Names,
}

/// One version of the catalog.
#[derive(Debug)]
pub(crate) struct Routes {
    pub(crate) catalog: Arc<Catalog>,
    /// By lower-case code.
    by_code: HashMap<Box<str>, Route>,
    /// Of other systems.
    pub(crate) dialects: Dialects,
}

impl Routes {
    pub(crate) fn new(catalog: Arc<Catalog>) -> Self {
        let offers: HashMap<OfferId, (Arc<OfferRoute>, Names)> =
            catalog.offers.keys().filter_map(|id| Some((*id, offer_route(&catalog, *id)?))).collect();
        let by_code: HashMap<Box<str>, Route> = catalog
            .links
            .values()
            .filter_map(|link| {
                let (offer, taken) = offers.get(&link.offer)?;
                Some((link.code.clone(), route(&catalog, link, offer, taken)?))
            })
            .collect();
        let dialects = Dialects::new(&catalog, by_code.values());
        Self { catalog, by_code, dialects }
    }

    /// By its number.
    pub(crate) fn numbered(&self, link: LinkId) -> Option<&Route> {
        self.by_code.get(&self.catalog.links.get(&link)?.code)
    }

    pub(crate) fn version(&self) -> CatalogVersion {
        self.catalog.version
    }

    /// By the code in the URL, in any case.
    pub(crate) fn link(&self, code: &str) -> Option<&Route> {
        self.by_code.get(code).or_else(|| {
            let has_upper = code.bytes().any(|byte| byte.is_ascii_uppercase());
            if has_upper { self.by_code.get(code.to_ascii_lowercase().as_str()) } else { None }
        })
    }
}

fn route(catalog: &Catalog, link: &catalog::Link, offer: &Arc<OfferRoute>, taken: &Names) -> Option<Route> {
    let stored = catalog.offers.get(&link.offer)?;
    let statuses = [
        link.status,
        stored.status,
        catalog.partners.get(&link.partner)?.status,
        catalog.advertisers.get(&stored.advertiser)?.status,
    ];
    let (template, taken) = match (&link.landing, &link.destination) {
        (Some(own), Some(text)) => (own.clone(), names_taken(text, &stored.click_id_parameter)),
        _ => (stored.landing.clone(), Arc::clone(taken)),
    };
    let is_active = statuses.iter().all(|it| *it == Status::Active);
    Some(Route {
        link: link.id,
        partner: link.partner,
        offer: Arc::clone(offer),
        is_active,
        duplicate_window_ms: catalog.rules(link.offer, link.partner)?.duplicate_window_ms,
        template,
        taken,
    })
}

fn offer_route(catalog: &Catalog, id: OfferId) -> Option<(Arc<OfferRoute>, Names)> {
    let offer = catalog.offers.get(&id)?;
    let advertiser = catalog.advertisers.get(&offer.advertiser)?;
    let listed = offer.allowed_hosts.iter().filter_map(|text| HostRule::parse(text));
    let route = OfferRoute {
        offer: id,
        advertiser: offer.advertiser,
        currency: offer.currency,
        hosts: HostRule::of_destination(&offer.destination).into_iter().chain(listed).collect(),
        deep_link_secrets: advertiser.deep_link_secrets.clone(),
        click_id_parameter: offer.click_id_parameter.clone(),
    };
    Some((Arc::new(route), names_taken(&offer.destination, &offer.click_id_parameter)))
}

/// Names in a destination's query, macros and all, and the click id's.
fn names_taken(destination: &str, click_id_parameter: &str) -> Names {
    let url = Url::parse(destination).ok();
    let own = url.iter().flat_map(Url::query_pairs).map(|(name, _)| Box::from(&*name));
    own.chain([click_id_parameter.into()]).collect()
}
