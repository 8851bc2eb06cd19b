//! The touch that a signed click id alone vouches for.
//!
//! In: an id that a report names, and all versions of the catalog. Out: a touch, which the click's record replaces once it is known. Not here: whether it
//! earns (`weigh`). Start at [`touch`].

use std::sync::Arc;

use catalog::{Catalog, History};
use events::{ClickId, Touch};
use units::EpochMs;

use super::time::corrects;

/// What a signed id vouches for while its record is not known: the link's partner and offer by the catalog of that moment, else by the
/// oldest version that knows the link. A link that none knows is nobody's. Versions that take effect after the latest time the click could
/// give the order are not asked: an order is decided again only for versions that take effect by then.
pub(super) fn touch(id: ClickId, reported: EpochMs, history: &History) -> Touch {
    let latest = if corrects(reported, id.at()) { id.at() } else { reported };
    let knows =
        |catalog: &&Arc<Catalog>| catalog.effective_at <= latest && catalog.links.contains_key(&id.link());
    let at_click = history.at(id.at().min(latest)).filter(knows);
    let catalog = at_click.or_else(|| history.iter().find(knows));
    let found = catalog.and_then(|it| {
        let link = it.links.get(&id.link())?;
        Some((link.partner, link.offer, it.offers.get(&link.offer)?.advertiser))
    });
    let (partner, offer, advertiser) = found.unwrap_or_default();
    Touch::of_signed_id(id, partner, offer, advertiser)
}
