//! Answers, as bytes on the wire.
//!
//! In: what was decided. Out: a response whose fixed header values are made once. Nothing from a request gets into a header but through
//! `HeaderValue`, which refuses line breaks (fault 12).

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{
        CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, SET_COOKIE,
    },
};

/// Any answer of ours.
pub(crate) type Reply = Response<Full<Bytes>>;

const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_INDEX: HeaderValue = HeaderValue::from_static("noindex");
const CLOSE: HeaderValue = HeaderValue::from_static("close");
const ONE_SECOND: HeaderValue = HeaderValue::from_static("1");

/// The smallest transparent GIF.
const PIXEL: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00\x21\xf9\x04\x01\x00\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";

/// Private Prefetch Proxy's question, answered no: a prefetched redirect would be a click that nobody made.
const TRAFFIC_ADVICE: &str = r#"[{"user_agent":"prefetch-proxy","disallow":true}]"#;

/// 302. `None` when the location cannot stand in a header.
pub(crate) fn redirect(location: String, set_cookie: Option<String>) -> Option<Reply> {
    let mut reply = empty(StatusCode::FOUND);
    let headers = reply.headers_mut();
    headers.insert(LOCATION, HeaderValue::try_from(location).ok()?);
    headers.insert(ROBOTS, NO_INDEX);
    remember(&mut reply, set_cookie);
    Some(reply)
}

fn remember(reply: &mut Reply, set_cookie: Option<String>) {
    if let Some(value) = set_cookie.and_then(|text| HeaderValue::try_from(text).ok()) {
        reply.headers_mut().insert(SET_COOKIE, value);
    }
}

/// Nothing but a status, never stored.
pub(crate) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = status;
    reply.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    reply
}

/// 503 to a speculative load: browsers drop it and come back when the visitor really follows the link.
pub(crate) fn not_yet() -> Reply {
    empty(StatusCode::SERVICE_UNAVAILABLE)
}

/// 503 while there is no catalog.
pub(crate) fn unavailable() -> Reply {
    let mut reply = text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n".into());
    reply.headers_mut().insert(RETRY_AFTER, ONE_SECOND);
    reply
}

/// Text for people.
pub(crate) fn text(status: StatusCode, body: String) -> Reply {
    with_body(status, "text/plain; charset=utf-8", Bytes::from(body))
}

/// JSON for programs.
pub(crate) fn json(status: StatusCode, value: &serde_json::Value) -> Reply {
    with_body(status, "application/json", Bytes::from(format!("{value}\n")))
}

/// Prometheus' text format.
pub(crate) fn metrics(page: String) -> Reply {
    with_body(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", Bytes::from(page))
}

/// The pixel, whatever became of what it reports: a page shows no broken image.
pub(crate) fn pixel(status: StatusCode, code: Option<&'static str>, set_cookie: Option<String>) -> Reply {
    let mut reply = with_body(status, "image/gif", Bytes::from_static(PIXEL));
    if let Some(code) = code {
        reply.headers_mut().insert("x-tributary-error", HeaderValue::from_static(code));
    }
    remember(&mut reply, set_cookie);
    reply
}

/// `/.well-known/traffic-advice`
pub(crate) fn traffic_advice() -> Reply {
    with_body(StatusCode::OK, "application/trafficadvice+json", Bytes::from_static(TRAFFIC_ADVICE.as_bytes()))
}

/// The same, and the connection ends: what follows on it cannot be trusted (fault 19).
pub(crate) fn closing(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(CONNECTION, CLOSE);
    reply
}

fn with_body(status: StatusCode, content_type: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, NO_STORE);
    reply
}
