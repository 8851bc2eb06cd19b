//! Links and postbacks of other systems: which dialect a request speaks, and what its path and parameters name.
//!
//! In: host, path and query of a request that is none of our own. Out: [`Asked`], by which it is answered. Built once per version of the catalog. The
//! narrowest path wins, one at its dialect's own hosts before one at all; where a path is of clicks and of reports, it is a report that names an order or a
//! click. Our own paths come first, but before a path to the letter at a dialect's own hosts. Not here: what a dialect is (`catalog`), reading a report
//! (`reports::dialect`). Start at [`asked`].

mod click;

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use catalog::{Catalog, ClickField, PathForm, ReportField};
use hyper::{Method, Request, body::Incoming, header::HOST};
use units::{LinkId, OfferId, PartnerId};

pub(crate) use self::click::{follow, instead};
use crate::{
    query::pairs,
    routes::{Route, Routes},
    worker::Worker,
};

/// Names of one dialect: the place of each in the order of precedence, and what it names.
pub(crate) type Names<F> = HashMap<Box<str>, (usize, F)>;

/// What a request of a dialect is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// By the number of its form.
    Click(usize),
    /// By the number of its form.
    Report { form: usize, is_pixel: bool },
}

/// A form of a dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spoken {
    pub(crate) dialect: Box<str>,
    pub(crate) what: What,
}

/// A request's form, and the version of the catalog that has it: the one in force may change meanwhile, and the forms with it.
pub(crate) struct Asked {
    pub(crate) routes: Arc<Routes>,
    pub(crate) spoken: Spoken,
}

/// One dialect's tables.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) clicks: Names<ClickField>,
    pub(crate) reports: Names<ReportField>,
}

/// Where a form stands in the order in which forms are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    is_at_all_hosts: bool,
    width: usize,
}

/// All dialects of a version.
#[derive(Debug, Default)]
pub(crate) struct Dialects {
    tables: HashMap<Box<str>, Tables>,
    /// Ascending.
    forms: Vec<(Rank, Spoken)>,
    /// The active link with the lowest number.
    by_pair: HashMap<(PartnerId, OfferId), LinkId>,
    /// The same, to any offer.
    by_partner: HashMap<PartnerId, LinkId>,
}

impl Dialects {
    pub(crate) fn new<'a>(catalog: &Catalog, routes: impl Iterator<Item = &'a Route>) -> Self {
        let mut dialects = Self::default();
        if catalog.dialects.is_empty() {
            return dialects;
        }
        for (name, dialect) in &catalog.dialects {
            let mut tables = Tables { clicks: names(&dialect.click), reports: names(&dialect.report) };
            // Our own name is taken beside the dialect's, and counts after it.
            tables.reports.entry("token".into()).or_insert((usize::MAX, ReportField::Token));
            dialects.tables.insert(name.clone(), tables);
            let is_at_all_hosts = dialect.hosts.is_empty();
            let mut add = |width, what| {
                let spoken = Spoken { dialect: name.clone(), what };
                dialects.forms.push((Rank { is_at_all_hosts, width }, spoken));
            };
            for (form, path) in dialect.click_paths.iter().enumerate() {
                add(path.width(), What::Click(form));
            }
            for (form, path) in dialect.report_paths.iter().enumerate() {
                add(path.width(), What::Report { form, is_pixel: false });
            }
            for (form, path) in dialect.pixel_paths.iter().enumerate() {
                add(path.width(), What::Report { form, is_pixel: true });
            }
        }
        dialects.forms.sort_by_key(|(rank, _)| *rank);
        for route in routes.filter(|it| it.is_active) {
            let lowest = |place: &mut LinkId| *place = (*place).min(route.link);
            let pair = (route.partner, route.offer.offer);
            dialects.by_pair.entry(pair).and_modify(lowest).or_insert(route.link);
            dialects.by_partner.entry(route.partner).and_modify(lowest).or_insert(route.link);
        }
        dialects
    }

    pub(crate) fn tables(&self, dialect: &str) -> Option<&Tables> {
        self.tables.get(dialect)
    }

    /// A partner's way to an offer, or, where none is named, to any.
    pub(crate) fn link(&self, partner: PartnerId, offer: Option<OfferId>) -> Option<LinkId> {
        match offer {
            Some(offer) => self.by_pair.get(&(partner, offer)).copied(),
            None => self.by_partner.get(&partner).copied(),
        }
    }

    /// Whose a path is at a host; `is_report` decides where it is of clicks and of reports.
    pub(crate) fn find(
        &self,
        catalog: &Catalog,
        host: &str,
        path: &str,
        is_report: impl Fn(&Tables) -> bool,
    ) -> Option<&Spoken> {
        let is_own = is_own(path);
        let mut takers = self.forms.iter().filter(|(rank, spoken)| {
            (!is_own || (!rank.is_at_all_hosts && rank.width == 0)) && takes(catalog, spoken, host, path)
        });
        let (rank, first) = takers.next()?;
        let other = takers.next().filter(|(other, spoken)| {
            other == rank && matches!(spoken.what, What::Click(_)) != matches!(first.what, What::Click(_))
        });
        let Some((_, other)) = other else { return Some(first) };
        let (click, report) =
            if matches!(first.what, What::Click(_)) { (first, other) } else { (other, first) };
        let is_report = self.tables(&report.dialect).is_some_and(is_report);
        Some(if is_report { report } else { click })
    }
}

fn takes(catalog: &Catalog, spoken: &Spoken, host: &str, path: &str) -> bool {
    let Some(dialect) = catalog.dialects.get(&spoken.dialect) else { return false };
    let is_spoken_here =
        dialect.hosts.is_empty() || dialect.hosts.iter().any(|it| it.eq_ignore_ascii_case(host));
    let takes = match spoken.what {
        What::Click(form) => dialect.click_paths.get(form).is_some_and(|it| it.take(path).is_some()),
        What::Report { form, is_pixel } => {
            report_form(dialect, form, is_pixel).is_some_and(|it| it.take(path).is_some())
        }
    };
    is_spoken_here && takes
}

pub(crate) fn report_form(
    dialect: &catalog::Dialect,
    form: usize,
    is_pixel: bool,
) -> Option<&PathForm<ReportField>> {
    if is_pixel { dialect.pixel_paths.get(form) } else { dialect.report_paths.get(form) }
}

pub(crate) fn names<F: Copy>(fields: &[(F, Vec<Box<str>>)]) -> Names<F> {
    let each = fields.iter().flat_map(|(field, names)| names.iter().enumerate().map(move |it| (it, *field)));
    each.map(|((rank, name), field)| (name.clone(), (rank, field))).collect()
}

/// What we answer ourselves, at any host.
fn is_own(path: &str) -> bool {
    ["/p.gif", "/postback"].contains(&path.trim_end_matches('/'))
        || ["/v1/", "/hooks/", "/.well-known/"].iter().any(|it| path.starts_with(it))
}

/// The dialect that a request speaks; `None` where it speaks none.
pub(crate) fn asked(worker: &Worker, request: &Request<Incoming>) -> Option<Asked> {
    let routes = worker.routes()?;
    if routes.dialects.forms.is_empty() {
        return None;
    }
    let host = host_name(request.headers().get(HOST)?.as_bytes());
    let query = request.uri().query().unwrap_or("");
    let is_post = *request.method() == Method::POST;
    let is_report = |tables: &Tables| is_post || names_an_order(tables, query);
    let spoken = routes.dialects.find(&routes.catalog, &host, request.uri().path(), is_report)?.clone();
    Some(Asked { routes, spoken })
}

/// Without its port and the dot at its end.
fn host_name(host: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(host);
    let end = text.rfind(':').filter(|at| text.bytes().skip(at + 1).all(|it| it.is_ascii_digit()));
    let name = text.get(..end.unwrap_or(text.len())).unwrap_or("");
    Cow::Owned(name.strip_suffix('.').unwrap_or(name).to_owned())
}

fn names_an_order(tables: &Tables, query: &str) -> bool {
    pairs(query).take(crate::report::PAIRS_MAX).any(|(name, value)| {
        let named = lookup(&tables.reports, &name).map(|(_, field)| field);
        !value.is_empty() && matches!(named, Some(ReportField::OrderId | ReportField::ClickId))
    })
}

/// What a name means, in any case; names whose ampersand an HTML editor turned into an entity too (field.md 5.3).
pub(crate) fn lookup<F: Copy>(names: &Names<F>, name: &str) -> Option<(usize, F)> {
    let lower = name.trim().to_lowercase();
    names.get(lower.strip_prefix("amp;").unwrap_or(&lower)).copied()
}
