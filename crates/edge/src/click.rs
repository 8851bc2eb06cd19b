//! A click or view: from what the request says to a record and a landing page.
//!
//! In: a [`Visit`], borrowed from the request. Out: a [`Followed`], which `http` turns into an answer. Nothing waits here but for the one
//! append. Classification by reliability.md 6: nothing is deleted, everything gets a verdict. Start at [`follow`].

use std::{borrow::Cow, net::IpAddr};

use events::{Click, ClickHead, Consent, Country, LandingChoice, TouchKind, VERDICT_VERSION, Verdict};
use journal::spool::AppendError;
use units::{EpochMs, LinkId, Origin, VisitorId};

use crate::{
    agent::{Agent, Who},
    counters::{Count, Outcome},
    landing::{Landing, land},
    network,
    query::{Parameters, TEXT_BYTES_MAX_EACH},
    recorder::Recorder,
    routes::{Route, Routes},
    worker::Worker,
};

/// How a link was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// By a navigation.
    Get,
    /// By a HEAD.
    Head,
    /// By a browser's guess at the next navigation.
    Prefetch,
}

/// What a request says of a click or view.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit<'a> {
    pub(crate) kind: TouchKind,
    pub(crate) manner: Manner,
    pub(crate) query: &'a str,
    pub(crate) user_agent: &'a [u8],
    pub(crate) referrer: &'a [u8],
    pub(crate) consent: Consent,
    /// By the cookie.
    pub(crate) visitor: Option<VisitorId>,
    pub(crate) client: IpAddr,
    pub(crate) country: Country,
    /// Another instant than the clock's (demo and replays).
    pub(crate) at: Option<EpochMs>,
}

/// What is to be answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Followed {
    /// 302.
    Redirect {
        location: String,
        /// The visitor to remember in a cookie.
        remember: Option<VisitorId>,
    },
    /// 503, so that the real click comes to us.
    NotYet,
    /// 404, and why.
    Unknown(&'static str),
    /// 503.
    NoCatalog,
}

/// A visit, dealt with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) followed: Followed,
    pub(crate) outcome: Outcome,
    /// Of the record, where one was written.
    pub(crate) sequence: Option<u64>,
    pub(crate) at: EpochMs,
}

impl Done {
    pub(crate) const fn unwritten(followed: Followed, outcome: Outcome, at: EpochMs) -> Self {
        Self { followed, outcome, sequence: None, at }
    }
}

/// Follows a link: decides, records, says where to go. `code` is the path's; `None` takes it from the query (`link`).
pub(crate) fn follow(worker: &Worker, visit: &Visit<'_>, code: Option<&str>) -> Done {
    let Some(routes) = worker.routes() else {
        return Done::unwritten(Followed::NoCatalog, Outcome::NoCatalog, worker.clock());
    };
    let parameters = Parameters::parse(visit.query);
    let code = code.unwrap_or(&parameters.link);
    let Some(route) = routes.link(code).or_else(|| near(worker, &routes, code)) else {
        return Done::unwritten(elsewhere(&routes, "no such link"), Outcome::UnknownLink, worker.clock());
    };
    follow_route(worker, visit, &routes, route, &parameters)
}

/// A code that came with what mail programs and people leave at its end, or encoded.
#[cold]
fn near<'r>(worker: &Worker, routes: &'r Routes, code: &str) -> Option<&'r Route> {
    let decoded = catalog::decoded(code);
    let found = catalog::without_tail(&decoded).and_then(|code| routes.link(code))?;
    worker.counters.add(Count::NearMisses, 1);
    Some(found)
}

/// Follows a link that was found.
pub(crate) fn follow_route(
    worker: &Worker,
    visit: &Visit<'_>,
    routes: &Routes,
    route: &Route,
    parameters: &Parameters<'_>,
) -> Done {
    if !route.is_active {
        return Done::unwritten(elsewhere(routes, "no such link"), Outcome::Inactive, worker.clock());
    }
    if parameters.no_track {
        let now = worker.clock();
        let landing = land(route, parameters, "", now);
        let followed = Followed::Redirect { location: landing.location, remember: None };
        return Done::unwritten(followed, Outcome::NoTrack, now);
    }
    if parameters.truncated {
        worker.counters.add(Count::Truncated, 1);
    }
    worker.with_recorder(|recorder| record(worker, recorder, visit, routes, route, parameters))
}

/// Where a visitor without a link goes, or why nowhere.
pub(crate) fn elsewhere(routes: &Routes, why: &'static str) -> Followed {
    match &routes.catalog.fallback_url {
        Some(url) => Followed::Redirect { location: url.to_string(), remember: None },
        None => Followed::Unknown(why),
    }
}

fn record(
    worker: &Worker,
    recorder: &mut Recorder,
    visit: &Visit<'_>,
    routes: &Routes,
    route: &Route,
    parameters: &Parameters<'_>,
) -> Done {
    let now = worker.now(recorder, visit.at);
    let known = visit.visitor.filter(|_| visit.consent.allows_visitor_id());
    let visitor = known.unwrap_or_else(|| recorder.visitors.next_id());
    let id = recorder.mint.mint(now, route.link, visitor);
    let text = id.to_text();
    let click_id = std::str::from_utf8(&text).unwrap_or_default();
    let landing = match visit.kind {
        TouchKind::Click => land(route, parameters, click_id, now),
        // A view goes nowhere.
        TouchKind::View => {
            Landing { location: String::new(), choice: LandingChoice::Stored, deep_link: String::new() }
        }
    };
    if !matches!(landing.choice, LandingChoice::Stored | LandingChoice::DeepLink) {
        worker.counters.add(Count::DeepLinkRefused, 1);
    }
    let seen = seen(worker, recorder, visit, known, visitor, now);
    let verdict = verdict(worker, visit, route, seen, now);
    let click = Click {
        head: ClickHead {
            origin: Origin::default(),
            id,
            kind: visit.kind,
            verdict,
            verdict_version: VERDICT_VERSION,
            partner: route.partner,
            offer: route.offer.offer,
            advertiser: route.offer.advertiser,
            catalog: routes.version(),
            currency: route.offer.currency,
            country: visit.country,
            device: seen.agent.device,
        },
        os: seen.agent.os,
        browser: seen.agent.browser,
        consent: visit.consent,
        visitor_is_new: known.is_none(),
        ip: network::prefix(visit.client),
        ip_hash: seen.ip_hash,
        user_agent_hash: seen.agent_hash,
        landing: landing.choice,
        deep_link: &landing.deep_link,
        referrer_host: &referrer_host(visit.referrer),
        source: &parameters.source,
        partner_click_id: &parameters.partner_click_id,
        subs: parameters.subs.iter().map(|(number, value)| (*number, &**value)).collect(),
        tags: parameters.tags.iter().map(|(name, value)| (&**name, &**value)).collect(),
    };
    let (outcome, sequence) = written(worker, recorder.click(click), verdict);
    let is_new = known.is_none() && visit.consent.allows_visitor_id();
    let followed = match visit.manner {
        Manner::Prefetch => Followed::NotYet,
        Manner::Get | Manner::Head => {
            Followed::Redirect { location: landing.location, remember: is_new.then_some(visitor) }
        }
    };
    Done { followed, outcome, sequence, at: now }
}

/// The visitor goes on whatever the disk says; a loss is counted exactly (reliability.md 9, faults 45 and 46).
fn written(worker: &Worker, result: Result<Origin, AppendError>, verdict: Verdict) -> (Outcome, Option<u64>) {
    match result {
        Ok(origin) => (verdict.into(), Some(origin.sequence)),
        Err(error) => {
            tracing::debug!(%error, "click not recorded");
            worker.counters.add(reason(&error), 1);
            (Outcome::Unrecorded, None)
        }
    }
}

fn reason(error: &AppendError) -> Count {
    match error {
        AppendError::TooLong { .. } => Count::TooLarge,
        AppendError::Write { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
            Count::DiskFull
        }
        AppendError::BatchFull | AppendError::Unsynced { .. } | AppendError::Write { .. } => {
            Count::SpoolError
        }
    }
}

/// By what a visitor is told from others.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// By a cookie that came with the request.
    known: Option<VisitorId>,
    /// The same, or the new one.
    visitor: VisitorId,
    agent: Agent,
    agent_hash: u64,
    ip_hash: u64,
}

fn seen(
    worker: &Worker,
    recorder: &mut Recorder,
    visit: &Visit<'_>,
    known: Option<VisitorId>,
    visitor: VisitorId,
    now: EpochMs,
) -> Seen {
    let hash = xxhash_rust::xxh3::xxh3_64;
    let agent_hash = if visit.user_agent.is_empty() { 0 } else { hash(visit.user_agent) };
    let agent = worker.agent(agent_hash, visit.user_agent);
    let ip_hash = recorder.addresses.hash(visit.client, now);
    Seen { known, visitor, agent, agent_hash, ip_hash }
}

fn verdict(worker: &Worker, visit: &Visit<'_>, route: &Route, seen: Seen, now: EpochMs) -> Verdict {
    match (visit.manner, seen.agent.who) {
        (Manner::Prefetch, _) => Verdict::Prefetch,
        (Manner::Head, _) => Verdict::Head,
        (Manner::Get, Who::Bot) => Verdict::Bot,
        (Manner::Get, Who::Preview) => Verdict::Preview,
        (Manner::Get, Who::Person) if is_repeat(worker, visit.kind, route, seen, now) => Verdict::Duplicate,
        (Manner::Get, Who::Person) => Verdict::Valid,
    }
}

fn is_repeat(worker: &Worker, kind: TouchKind, route: &Route, seen: Seen, now: EpochMs) -> bool {
    let window_ms = route.duplicate_window_ms;
    // A view before a click is no repeat of it; link numbers fill 32 bits, so kinds part by the person's key.
    let who = |key: u64| key ^ (u64::from(kind.code()) << 63);
    let repeat = |key: u64, link: LinkId, window_ms| {
        worker.shared.duplicates.is_repeat(who(key), link, now, window_ms)
    };
    if seen.known.is_some() {
        return repeat(seen.visitor.0, route.link, window_ms);
    }
    // The first answer's cookie may come back with the second click or, on a double click, not yet.
    let network_window_ms = window_ms.min(crate::duplicates::NETWORK_WINDOW_MS);
    let network = seen.ip_hash ^ seen.agent_hash.rotate_left(1);
    if seen.ip_hash != 0 && repeat(network, route.link, network_window_ms) {
        return true;
    }
    repeat(seen.visitor.0, route.link, window_ms)
}

/// The host of the referring page, and nothing else of it: paths and queries of other sites are not ours to keep.
fn referrer_host(referrer: &[u8]) -> Cow<'_, str> {
    let Some(scheme_bytes) = referrer.windows(3).position(|it| it == b"://") else {
        return Cow::Borrowed("");
    };
    let rest = referrer.get(scheme_bytes + 3..).unwrap_or_default();
    let authority = rest.split(|byte| matches!(byte, b'/' | b'?' | b'#')).next().unwrap_or_default();
    let host = authority.rsplit(|byte| *byte == b'@').next().unwrap_or_default();
    // Browsers send it in lower case already.
    let is_plain = |byte: &u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    if host.len() <= TEXT_BYTES_MAX_EACH
        && host.iter().all(is_plain)
        && let Ok(host) = std::str::from_utf8(host)
    {
        return Cow::Borrowed(host);
    }
    let mut host = String::from_utf8_lossy(host).to_ascii_lowercase();
    host.truncate(host.floor_char_boundary(TEXT_BYTES_MAX_EACH));
    Cow::Owned(host)
}
