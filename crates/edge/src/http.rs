//! A request as hyper parsed it: is it one we take, whose is it, and what is answered.
//!
//! In: the request and the peer's address. Out: a [`Reply`] and one outcome counted. hyper refuses by itself what is not HTTP/1 (a sign or two
//! different values in `Content-Length`, an unknown transfer coding, a head above 16 KiB or 100 headers, HTTP/0.9); [`guard`] refuses the rest of
//! faults 15 to 21. Start at [`handle`].

use std::{net::IpAddr, sync::Arc};

use events::{Consent, Country, TouchKind};
use hyper::{
    Method, Request, StatusCode,
    body::Incoming,
    header::{
        CONTENT_LENGTH, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, REFERER, TRANSFER_ENCODING,
        USER_AGENT,
    },
};
use units::{EpochMs, VisitorId};

use crate::{
    click::{Done, Followed, Manner, Visit, follow},
    counters::Outcome,
    network,
    reply::{self, Reply},
    reports,
    settings::{HEADERS_MAX, REQUEST_LINE_BYTES_MAX},
    worker::Worker,
};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const AT: HeaderName = HeaderName::from_static("x-tributary-at");
const GPC: HeaderName = HeaderName::from_static("sec-gpc");
const DNT: HeaderName = HeaderName::from_static("dnt");
/// What browsers say of speculative loads (reliability.md 6).
const PURPOSES: [HeaderName; 4] = [
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-moz"),
    HeaderName::from_static("x-purpose"),
];

/// Answers one request.
pub(crate) async fn handle(worker: Arc<Worker>, peer: IpAddr, request: Request<Incoming>) -> Reply {
    if let Some(refusal) = guard(&worker, &request) {
        worker.counters.count(Outcome::BadRequest);
        return refusal;
    }
    let path = request.uri().path();
    if let Some(code) = path.strip_prefix("/c/") {
        let Some(refusal) = without_body(&worker, &request) else {
            return click(&worker, peer, &request, code.trim_end_matches('/')).await;
        };
        return refusal;
    }
    match path {
        "/p.gif" => match without_body(&worker, &request) {
            Some(refusal) => refusal,
            None => pixel(&worker, peer, &request).await,
        },
        "/.well-known/traffic-advice" => {
            worker.counters.count(Outcome::Served);
            reply::traffic_advice()
        }
        _ => reports::handle(&worker, peer, request).await,
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
    match is_ours(host, &worker.shared.options.hosts) {
        Some(true) => None,
        Some(false) => refuse(StatusCode::MISDIRECTED_REQUEST, "not a host of ours"),
        None => refuse(StatusCode::BAD_REQUEST, "host not readable"),
    }
}

/// `None` where it is no host at all.
fn is_ours(host: &HeaderValue, ours: &[String]) -> Option<bool> {
    let text = host.to_str().ok().filter(|it| !it.is_empty() && !it.contains(['/', '@', '\\', ' ', ',']))?;
    let is_port = |it: &str| it.bytes().all(|byte| byte.is_ascii_digit());
    let name = match text.rsplit_once(':') {
        Some((name, port)) if is_port(port) => name,
        _ => text,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    Some(ours.is_empty() || ours.iter().any(|it| it.eq_ignore_ascii_case(name)))
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

/// What a request says of its visitor.
fn visit<'a>(worker: &Worker, peer: IpAddr, request: &'a Request<Incoming>, kind: TouchKind) -> Visit<'a> {
    let headers = request.headers();
    let bytes = |name: HeaderName| headers.get(name).map_or(&[][..], HeaderValue::as_bytes);
    Visit {
        kind,
        manner: manner(request.method(), headers),
        query: request.uri().query().unwrap_or(""),
        user_agent: bytes(USER_AGENT),
        referrer: bytes(REFERER),
        consent: Consent { gpc: bytes(GPC) == b"1", dnt: bytes(DNT) == b"1" },
        visitor: cookie_visitor(worker, headers),
        client: client(worker, peer, headers),
        country: country(worker, peer, headers),
        at: instant(worker, headers),
    }
}

pub(crate) fn cookie_visitor(worker: &Worker, headers: &HeaderMap) -> Option<VisitorId> {
    worker.shared.cookies.read(headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes))
}

fn client(worker: &Worker, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let forwarded = headers.get_all(FORWARDED_FOR).iter().map(HeaderValue::as_bytes);
    network::client(peer, forwarded, &worker.shared.options.trusted_proxies)
}

/// What a trusted proxy says of the visitor's country, where the settings name its header.
fn country(worker: &Worker, peer: IpAddr, headers: &HeaderMap) -> Country {
    let Some(name) = &worker.shared.country_header else { return Country::UNKNOWN };
    let said = headers.get(name).map_or(&[][..], HeaderValue::as_bytes);
    if is_trusted(worker, peer) { network::country(said) } else { Country::UNKNOWN }
}

/// `X-Tributary-At`, where it is trusted.
pub(crate) fn instant(worker: &Worker, headers: &HeaderMap) -> Option<EpochMs> {
    if !worker.shared.options.trust_time_header {
        return None;
    }
    headers.get(AT)?.to_str().ok()?.parse().ok().map(EpochMs)
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
fn is_https(worker: &Worker, peer: IpAddr, headers: &HeaderMap) -> bool {
    let is_said = || headers.get(FORWARDED_PROTO).is_some_and(|it| it == "https");
    worker.shared.options.https || (is_said() && is_trusted(worker, peer))
}

fn is_trusted(worker: &Worker, peer: IpAddr) -> bool {
    worker.shared.options.trusted_proxies.iter().any(|it| it.contains(peer))
}

async fn click(worker: &Worker, peer: IpAddr, request: &Request<Incoming>, code: &str) -> Reply {
    let visit = visit(worker, peer, request, TouchKind::Click);
    let done = settled(worker, follow(worker, &visit, Some(code))).await;
    worker.counters.count(done.outcome);
    match done.followed {
        Followed::Redirect { location, remember } => {
            let cookie = remember
                .map(|it| worker.shared.cookies.set_cookie(it, is_https(worker, peer, request.headers())));
            let failed =
                || reply::text(StatusCode::INTERNAL_SERVER_ERROR, "destination not readable\n".to_owned());
            reply::redirect(location, cookie).unwrap_or_else(failed)
        }
        Followed::NotYet => reply::not_yet(),
        Followed::Unknown => reply::text(StatusCode::NOT_FOUND, "no such link\n".to_owned()),
        Followed::NoCatalog => reply::unavailable(),
    }
}

/// A view (`link=`) or, with an order's parameters, a conversion.
async fn pixel(worker: &Worker, peer: IpAddr, request: &Request<Incoming>) -> Reply {
    let visit = visit(worker, peer, request, TouchKind::View);
    if visit.manner == Manner::Prefetch {
        worker.counters.count(Outcome::Served);
        return reply::not_yet();
    }
    if !crate::query::names_a_link(visit.query) {
        return reports::pixel(worker, request).await;
    }
    let done = settled(worker, follow(worker, &visit, None)).await;
    worker.counters.count(done.outcome);
    match done.followed {
        Followed::Redirect { remember, .. } if done.outcome != Outcome::UnknownLink => {
            let https = is_https(worker, peer, request.headers());
            reply::pixel(StatusCode::OK, None, remember.map(|it| worker.shared.cookies.set_cookie(it, https)))
        }
        Followed::NoCatalog | Followed::NotYet => {
            reply::pixel(StatusCode::SERVICE_UNAVAILABLE, Some("no_catalog"), None)
        }
        Followed::Redirect { .. } | Followed::Unknown => {
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
            assert_eq!(is_ours(&HeaderValue::from_str(host).unwrap(), &ours), want, "{host}");
        }
        assert_eq!(is_ours(&HeaderValue::from_static("any"), &[]), Some(true));
    }
}
