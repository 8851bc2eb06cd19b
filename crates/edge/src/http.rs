//! A request as hyper parsed it: is it one we take, whose is it, and what is answered.
//!
//! In: the request and the peer's address. Out: a [`Reply`] and one outcome counted. hyper refuses by itself what is not HTTP/1 (a sign or two
//! different values in `Content-Length`, an unknown transfer coding, a head above 16 KiB or 100 headers, HTTP/0.9); [`guard`] refuses the rest of
//! faults 15 to 21. Start at [`handle`].

use std::net::IpAddr;

use events::{Consent, Country, TouchKind};
use hyper::{
    Method, Request, StatusCode,
    body::Incoming,
    header::{CONTENT_LENGTH, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING},
};
use units::{EpochMs, VisitorId};

use crate::{
    click::{Done, Followed, Manner, Visit, follow},
    counters::Outcome,
    dialects::{self, Asked, What},
    fields::Fields,
    network,
    plain::Plain,
    reply::{self, Reply},
    reports,
    settings::{HEADERS_MAX, REQUEST_LINE_BYTES_MAX},
    worker::Worker,
};

const AT: HeaderName = HeaderName::from_static("x-tributary-at");
/// What browsers say of speculative loads (reliability.md 6).
const PURPOSES: [HeaderName; 4] = [
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-moz"),
    HeaderName::from_static("x-purpose"),
];

/// Answers one request.
pub(crate) async fn handle(worker: &Worker, peer: IpAddr, request: Request<Incoming>) -> Reply {
    if let Some(refusal) = guard(worker, &request) {
        worker.counters.count(Outcome::BadRequest);
        return refusal;
    }
    let path = request.uri().path();
    if let Some(code) = path.strip_prefix("/c/") {
        let Some(refusal) = without_body(worker, &request) else {
            return click(worker, peer, &request, code.trim_end_matches('/')).await;
        };
        return refusal;
    }
    if let Some(asked) = dialects::asked(worker, &request) {
        return in_dialect(worker, peer, request, asked).await;
    }
    match path {
        "/p.gif" => match without_body(worker, &request) {
            Some(refusal) => refusal,
            None => pixel(worker, peer, &request).await,
        },
        "/.well-known/traffic-advice" => {
            worker.counters.count(Outcome::Served);
            reply::traffic_advice()
        }
        _ => reports::handle(worker, peer, request).await,
    }
}

/// What no endpoint takes.
fn guard(worker: &Worker, request: &Request<Incoming>) -> Option<Reply> {
    let refuse =
        |status: StatusCode, why: &str| Some(reply::closing(reply::text(status, format!("{why}\n"))));
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::POST) {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    }
    // `GET http://host/` is for proxies, and we are none.
    if request.uri().authority().is_some() || !request.uri().path().starts_with('/') {
        return refuse(StatusCode::BAD_REQUEST, "absolute request target");
    }
    let target_bytes = request.uri().path_and_query().map_or(0, |it| it.as_str().len());
    if target_bytes > REQUEST_LINE_BYTES_MAX - "OPTIONS  HTTP/1.1".len() {
        return refuse(StatusCode::URI_TOO_LONG, "request line too long");
    }
    if request.headers().len() > HEADERS_MAX {
        return refuse(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "too many headers");
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return refuse(StatusCode::BAD_REQUEST, "exactly one host, please");
    };
    match is_ours(host.as_bytes(), &worker.shared.options.hosts) {
        Some(true) => None,
        Some(false) => refuse(StatusCode::MISDIRECTED_REQUEST, "not a host of ours"),
        None => refuse(StatusCode::BAD_REQUEST, "host not readable"),
    }
}

/// `None` where it is no host at all.
pub(crate) fn is_ours(host: &[u8], ours: &[String]) -> Option<bool> {
    let is_of_a_name = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'@' | b'\\' | b',');
    let text = std::str::from_utf8(host).ok().filter(|it| !it.is_empty() && host.iter().all(is_of_a_name))?;
    if ours.is_empty() {
        return Some(true);
    }
    let is_port = |it: &str| it.bytes().all(|byte| byte.is_ascii_digit());
    let name = match text.rsplit_once(':') {
        Some((name, port)) if is_port(port) => name,
        _ => text,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    Some(ours.iter().any(|it| it.eq_ignore_ascii_case(name)))
}

/// A redirect takes no body: whoever sends one means to be read twice.
fn without_body(worker: &Worker, request: &Request<Incoming>) -> Option<Reply> {
    let headers = request.headers();
    let has_length = headers.get_all(CONTENT_LENGTH).iter().any(|it| it != "0");
    let status = if *request.method() == Method::POST {
        StatusCode::METHOD_NOT_ALLOWED
    } else if has_length || headers.contains_key(TRANSFER_ENCODING) {
        StatusCode::BAD_REQUEST
    } else {
        return None;
    };
    worker.counters.count(Outcome::BadRequest);
    Some(reply::closing(reply::text(status, "no body here\n".to_owned())))
}

/// The fields of a head that hyper read.
fn fields<'a>(worker: &Worker, request: &'a Request<Incoming>) -> Fields<'a> {
    let lines = request.headers().iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    Fields::gather(lines, worker.country_name())
}

/// What a head says of its visitor.
fn visit<'a>(
    worker: &Worker,
    peer: IpAddr,
    query: &'a str,
    fields: &Fields<'a>,
    kind: TouchKind,
) -> Visit<'a> {
    let forwarded = fields.forwarded_for.iter().copied();
    Visit {
        kind,
        manner: Manner::Get,
        query,
        user_agent: fields.user_agent.unwrap_or_default(),
        referrer: fields.referrer.unwrap_or_default(),
        consent: Consent { gpc: fields.gpc == Some(b"1"), dnt: fields.dnt == Some(b"1") },
        visitor: worker.shared.cookies.read(fields.cookies.iter().copied()),
        client: network::client(peer, forwarded, &worker.shared.options.trusted_proxies),
        country: country(worker, peer, fields),
        at: instant(worker, fields.at),
    }
}

pub(crate) fn cookie_visitor(worker: &Worker, headers: &HeaderMap) -> Option<VisitorId> {
    worker.shared.cookies.read(headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes))
}

/// What a trusted proxy says of the visitor's country, where the settings name its header.
fn country(worker: &Worker, peer: IpAddr, fields: &Fields<'_>) -> Country {
    match fields.country {
        Some(said) if is_trusted(worker, peer) => network::country(said),
        _ => Country::UNKNOWN,
    }
}

/// `X-Tributary-At` of a report, where it is trusted.
pub(crate) fn instant_in(worker: &Worker, headers: &HeaderMap) -> Option<EpochMs> {
    instant(worker, headers.get(AT).map(HeaderValue::as_bytes))
}

fn instant(worker: &Worker, said: Option<&[u8]>) -> Option<EpochMs> {
    let said = said.filter(|_| worker.shared.options.trust_time_header)?;
    std::str::from_utf8(said).ok()?.parse().ok().map(EpochMs)
}

fn manner(method: &Method, headers: &HeaderMap) -> Manner {
    let is_speculative = PURPOSES.iter().filter_map(|name| headers.get(name)).any(|value| {
        let value = value.as_bytes().to_ascii_lowercase();
        value.starts_with(b"prefetch") || value.starts_with(b"prerender") || value == b"preview"
    });
    match *method {
        _ if is_speculative => Manner::Prefetch,
        Method::HEAD => Manner::Head,
        _ => Manner::Get,
    }
}

/// Whether the visitor's browser speaks https, so that a `Secure` cookie comes back.
fn is_https(worker: &Worker, peer: IpAddr, fields: &Fields<'_>) -> bool {
    worker.shared.options.https || (fields.forwarded_proto == Some(b"https") && is_trusted(worker, peer))
}

fn is_trusted(worker: &Worker, peer: IpAddr) -> bool {
    worker.shared.options.trusted_proxies.iter().any(|it| it.contains(peer))
}

async fn click(worker: &Worker, peer: IpAddr, request: &Request<Incoming>, code: &str) -> Reply {
    let fields = fields(worker, request);
    let visit = click_of(worker, peer, request, &fields);
    clicked(worker, peer, &fields, &visit, code).await.into_reply()
}

/// A request by a link or postback of another system.
async fn in_dialect(worker: &Worker, peer: IpAddr, request: Request<Incoming>, asked: Asked) -> Reply {
    let is_pixel = match asked.spoken.what {
        What::Report { is_pixel, .. } => is_pixel,
        What::Click(_) => {
            if let Some(refusal) = without_body(worker, &request) {
                return refusal;
            }
            let fields = fields(worker, &request);
            let visit = click_of(worker, peer, &request, &fields);
            let done = dialects::follow(worker, &visit, &asked.routes, &asked.spoken, request.uri().path());
            return followed(worker, peer, &fields, done).await.into_reply();
        }
    };
    if is_pixel && manner(request.method(), request.headers()) == Manner::Prefetch {
        worker.counters.count(Outcome::Served);
        return reply::not_yet();
    }
    match reports::not_by_head(worker, &request) {
        Some(refusal) => refusal,
        None => reports::in_dialect(worker, request, asked).await,
    }
}

fn click_of<'a>(
    worker: &Worker,
    peer: IpAddr,
    request: &'a Request<Incoming>,
    fields: &Fields<'a>,
) -> Visit<'a> {
    let query = request.uri().query().unwrap_or("");
    let mut visit = visit(worker, peer, query, fields, TouchKind::Click);
    visit.manner = manner(request.method(), request.headers());
    visit
}

/// Answers a click that needs no general server. Its host was checked.
pub(crate) async fn plain_click(worker: &Worker, peer: IpAddr, plain: &Plain<'_>) -> Answer {
    let visit = visit(worker, peer, plain.query, &plain.fields, TouchKind::Click);
    clicked(worker, peer, &plain.fields, &visit, plain.code).await
}

/// What a click is answered.
#[derive(Debug)]
pub(crate) enum Answer {
    /// 302.
    Redirect {
        location: String,
        /// The value of `Set-Cookie`.
        cookie: Option<String>,
    },
    /// Anything else.
    Other(Reply),
}

impl Answer {
    fn into_reply(self) -> Reply {
        match self {
            Self::Redirect { location, cookie } => {
                reply::redirect(location, cookie).unwrap_or_else(reply::bad_destination)
            }
            Self::Other(reply) => reply,
        }
    }
}

async fn clicked(
    worker: &Worker,
    peer: IpAddr,
    fields: &Fields<'_>,
    visit: &Visit<'_>,
    code: &str,
) -> Answer {
    let mut done = follow(worker, visit, Some(code));
    if done.outcome == Outcome::UnknownLink {
        done = dialects::instead(worker, visit, fields.hosts.first().copied(), code).unwrap_or(done);
    }
    followed(worker, peer, fields, done).await
}

async fn followed(worker: &Worker, peer: IpAddr, fields: &Fields<'_>, done: Done) -> Answer {
    let done = settled(worker, done).await;
    worker.counters.count(done.outcome);
    match done.followed {
        Followed::Redirect { location, remember } => {
            let cookie = |it| worker.shared.cookies.set_cookie(it, is_https(worker, peer, fields));
            Answer::Redirect { location, cookie: remember.map(cookie) }
        }
        Followed::NotYet => Answer::Other(reply::not_yet()),
        Followed::Unknown(why) => Answer::Other(reply::text(StatusCode::NOT_FOUND, format!("{why}\n"))),
        Followed::NoCatalog => Answer::Other(reply::unavailable()),
    }
}

/// A view (`link=`) or, with an order's parameters, a conversion.
async fn pixel(worker: &Worker, peer: IpAddr, request: &Request<Incoming>) -> Reply {
    let fields = fields(worker, request);
    let query = request.uri().query().unwrap_or("");
    let mut visit = visit(worker, peer, query, &fields, TouchKind::View);
    visit.manner = manner(request.method(), request.headers());
    if visit.manner == Manner::Prefetch {
        worker.counters.count(Outcome::Served);
        return reply::not_yet();
    }
    if !crate::query::names_a_link(visit.query) {
        return match reports::not_by_head(worker, request) {
            Some(refusal) => refusal,
            None => reports::pixel(worker, request).await,
        };
    }
    let done = settled(worker, follow(worker, &visit, None)).await;
    worker.counters.count(done.outcome);
    match done.followed {
        Followed::Redirect { remember, .. } if done.outcome != Outcome::UnknownLink => {
            let https = is_https(worker, peer, &fields);
            reply::pixel(StatusCode::OK, None, remember.map(|it| worker.shared.cookies.set_cookie(it, https)))
        }
        Followed::NoCatalog | Followed::NotYet => {
            reply::pixel(StatusCode::SERVICE_UNAVAILABLE, Some("no_catalog"), None)
        }
        Followed::Redirect { .. } | Followed::Unknown(_) => {
            reply::pixel(StatusCode::NOT_FOUND, Some("unknown_link"), None)
        }
    }
}

/// Waits for the sync in mode `power`. A click that is not safe counts as unrecorded, and goes on.
async fn settled(worker: &Worker, mut done: Done) -> Done {
    if let (Some(gate), Some(sequence)) = (&worker.gate, done.sequence)
        && !gate.passed(sequence).await
    {
        done.outcome = Outcome::Unrecorded;
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_as_names() {
        let ours = ["go.example.com".to_owned()];
        let cases = [
            ("go.example.com", Some(true)),
            ("GO.example.com.:8080", Some(true)),
            ("other.example.com", Some(false)),
            ("go.example.com.evil.example", Some(false)),
            ("", None),
            ("a b", None),
            ("user@go.example.com", None),
            ("go.example.com,go.example.com", None),
        ];
        for (host, want) in cases {
            assert_eq!(is_ours(host.as_bytes(), &ours), want, "{host}");
        }
        assert_eq!(is_ours(b"any", &[]), Some(true));
    }
}
