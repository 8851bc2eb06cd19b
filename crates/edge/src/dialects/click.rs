//! A click by a link of another system: its link is found, and it is followed like any other.
//!
//! In: a [`Visit`] and the dialect it speaks. Out: [`Done`]. Whatever the dialect says, a deep link goes only where the link's offer or a signature allows.
//! Start at [`follow`].

use std::borrow::Cow;

use catalog::{AliasOf, Catalog, ClickField, Dialect, PathForm};
use units::{LinkId, OfferId, PartnerId};

use super::{Spoken, Tables, What, host_name, lookup};
use crate::{
    click::{Done, Visit, elsewhere, follow_route},
    counters::{Count, Outcome},
    parameters::{Meaning, meaning},
    query::{PARAMETERS_MAX, Pair, Parameters, pairs},
    routes::{Route, Routes},
    worker::Worker,
};

/// Why a click has no link, by the word that visitors' 404 pages and our metrics use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Partner,
    Offer,
    Link,
}

impl Missing {
    const fn code(self) -> &'static str {
        match self {
            Self::Partner => "dialect_unknown_partner",
            Self::Offer => "dialect_unknown_offer",
            Self::Link => "dialect_no_link",
        }
    }

    const fn count(self) -> Count {
        match self {
            Self::Partner => Count::DialectUnknownPartner,
            Self::Offer => Count::DialectUnknownOffer,
            Self::Link => Count::DialectNoLink,
        }
    }
}

/// A click that was none of our codes, where a dialect has paths below `/c/` too.
#[cold]
pub(crate) fn instead(worker: &Worker, visit: &Visit<'_>, host: Option<&[u8]>, code: &str) -> Option<Done> {
    let (routes, path) = (worker.routes()?, format!("/c/{code}"));
    let host = host_name(host.unwrap_or_default());
    let spoken = routes.dialects.find(&routes.catalog, &host, &path, |_| false)?;
    matches!(spoken.what, What::Click(_)).then(|| follow(worker, visit, &routes, spoken, &path))
}

/// Follows a click that speaks a dialect of this version of the catalog.
pub(crate) fn follow(
    worker: &Worker,
    visit: &Visit<'_>,
    routes: &Routes,
    spoken: &Spoken,
    path: &str,
) -> Done {
    match found(routes, spoken, path, visit.query) {
        Ok((route, is_near, parameters)) => {
            worker.counters.add(Count::DialectClicks, 1);
            worker.counters.add(Count::NearMisses, u64::from(is_near));
            follow_route(worker, visit, routes, route, &parameters)
        }
        Err(missing) => {
            worker.counters.add(missing.count(), 1);
            Done::unwritten(elsewhere(routes, missing.code()), Outcome::UnknownLink, worker.clock())
        }
    }
}

fn found<'a, 'r>(
    routes: &'r Routes,
    spoken: &Spoken,
    path: &'a str,
    query: &'a str,
) -> Result<(&'r Route, bool, Parameters<'a>), Missing> {
    let What::Click(form) = spoken.what else { return Err(Missing::Link) };
    let dialect = routes.catalog.dialects.get(&spoken.dialect).ok_or(Missing::Link)?;
    let form = dialect.click_paths.get(form).ok_or(Missing::Link)?;
    let tables = routes.dialects.tables(&spoken.dialect).ok_or(Missing::Link)?;
    let said = Said::read(form, tables, path, query);
    let (link, is_near) = link(routes, dialect, &said)?;
    let route = routes.numbered(link).ok_or(Missing::Link)?;
    Ok((route, is_near, Parameters::of(said.values)))
}

/// What path and query say.
#[derive(Debug, Default)]
struct Said<'a> {
    partner: Cow<'a, str>,
    offer: Cow<'a, str>,
    link: Cow<'a, str>,
    /// For [`Parameters::of`].
    values: Vec<(Meaning, Pair<'a>)>,
}

impl<'a> Said<'a> {
    /// The path counts before the query; among names of one value the dialect's first.
    fn read(form: &PathForm<ClickField>, tables: &Tables, path: &'a str, query: &'a str) -> Self {
        let (mut said, mut found) = (Self::default(), Vec::new());
        let Some(taken) = form.take(path) else { return said };
        let ends_in_url = taken.ends_in_url && !query.is_empty();
        for (field, value) in taken.fields {
            found.push((0, Some(field), (Cow::Borrowed(""), value)));
        }
        let last = taken.pairs.len();
        for (number, pair) in taken.pairs.into_iter().enumerate() {
            let whole = ends_in_url && number + 1 == last;
            let value = if whole { Cow::Owned(format!("{}?{query}", pair.value)) } else { pair.value };
            found.push(ranked(tables, (pair.name, value)));
        }
        let query = if ends_in_url { "" } else { query };
        found.extend(pairs(query).take(PARAMETERS_MAX + 1).map(|pair| ranked(tables, pair)));
        // Stable: what comes first among equal names counts.
        found.sort_by_key(|(rank, _, _)| *rank);
        for (_, field, (name, value)) in found {
            let place = match field {
                Some(ClickField::Partner) => &mut said.partner,
                Some(ClickField::Offer) => &mut said.offer,
                Some(ClickField::Link) => &mut said.link,
                other => {
                    said.values.push((meant(other, &name), (name, value)));
                    continue;
                }
            };
            if place.is_empty() {
                *place = value;
            }
        }
        said
    }
}

type Ranked<'a> = (usize, Option<ClickField>, Pair<'a>);

fn ranked<'a>(tables: &Tables, pair: Pair<'a>) -> Ranked<'a> {
    match lookup(&tables.clicks, &pair.0) {
        Some((rank, field)) => (rank, Some(field), pair),
        None => (usize::MAX, None, pair),
    }
}

/// What is no word of the dialect is passed on, but for what means the same in all of them.
fn meant(field: Option<ClickField>, name: &str) -> Meaning {
    match field {
        Some(ClickField::PartnerClickId) => Meaning::PartnerClickId,
        Some(ClickField::Source) => Meaning::Source,
        Some(ClickField::DeepLink) => Meaning::DeepLink,
        Some(ClickField::Sub(number)) => Meaning::Sub(number),
        Some(ClickField::Partner | ClickField::Offer | ClickField::Link) => Meaning::Known,
        None => match meaning(name) {
            same @ (Meaning::Tag
            | Meaning::NoTrack
            | Meaning::Signature
            | Meaning::Expiry
            | Meaning::KeyId) => same,
            _ => Meaning::Unknown,
        },
    }
}

/// The link a click means, and whether it was nearly missed.
fn link(routes: &Routes, dialect: &Dialect, said: &Said<'_>) -> Result<(LinkId, bool), Missing> {
    let catalog: &Catalog = &routes.catalog;
    if !said.link.is_empty() {
        let found = catalog.resolve(dialect, AliasOf::Link, &said.link).ok_or(Missing::Link)?;
        return Ok((LinkId(found.id), found.is_near));
    }
    let partner = catalog.resolve(dialect, AliasOf::Partner, &said.partner).ok_or(Missing::Partner)?;
    let offer = match &*said.offer {
        "" => None,
        text => Some(catalog.resolve(dialect, AliasOf::Offer, text).ok_or(Missing::Offer)?),
    };
    let link = routes.dialects.link(PartnerId(partner.id), offer.map(|it| OfferId(it.id)));
    let is_near = partner.is_near || offer.is_some_and(|it| it.is_near);
    link.map(|link| (link, is_near)).ok_or(Missing::Link)
}
