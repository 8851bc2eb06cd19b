//! Answers, as bytes on the wire.
//!
//! In: what was decided. Out: a response whose fixed header values are made once. Nothing from a request gets into a header but through
//! `HeaderValue`, which refuses line breaks (fault 12), or, in [`write_redirect`], by the same rule. Not here: who writes them.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Response, StatusCode,
    header::{
        CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, SET_COOKIE,
    },
};
use units::{EpochMs, SECOND_MS};

/// Any answer of ours.
pub(crate) type Reply = Response<Full<Bytes>>;

const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_INDEX: HeaderValue = HeaderValue::from_static("noindex");
const CLOSE: HeaderValue = HeaderValue::from_static("close");
const ONE_SECOND: HeaderValue = HeaderValue::from_static("1");

/// What is answered when a request cannot be, and the connection ends.
pub(crate) fn failed() -> Reply {
    closing(text(StatusCode::INTERNAL_SERVER_ERROR, "internal error\n".to_owned()))
}

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

/// 500: a destination that cannot stand in a header, which the catalog's check rules out.
pub(crate) fn bad_destination() -> Reply {
    text(StatusCode::INTERNAL_SERVER_ERROR, "destination not readable\n".to_owned())
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

/// The same, with codes of what to know in its head.
pub(crate) fn noted(mut reply: Reply, codes: &str) -> Reply {
    if !codes.is_empty()
        && let Ok(value) = HeaderValue::from_str(codes)
    {
        reply.headers_mut().insert("x-tributary-notes", value);
    }
    reply
}

/// `/.well-known/traffic-advice`
pub(crate) fn traffic_advice() -> Reply {
    with_body(StatusCode::OK, "application/trafficadvice+json", Bytes::from_static(TRAFFIC_ADVICE.as_bytes()))
}

/// Appends [`redirect`]'s bytes to `out`, just as hyper writes them: a click is most of what is answered, and a map of headers is most of what that
/// costs. `false`, and nothing appended, when a value cannot stand in a header.
pub(crate) fn write_redirect(
    location: &str,
    cookie: Option<&str>,
    date: &[u8; DATE_BYTES],
    is_last: bool,
    out: &mut Vec<u8>,
) -> bool {
    // Without an early end this is a few wide comparisons.
    let is_safe = |text: &str| text.bytes().fold(true, |all, byte| all & (b' '..0x7f).contains(&byte));
    if !is_safe(location) || !cookie.is_none_or(is_safe) {
        return false;
    }
    out.extend_from_slice(b"HTTP/1.1 302 Found\r\ncache-control: no-store\r\nlocation: ");
    out.extend_from_slice(location.as_bytes());
    out.extend_from_slice(b"\r\nx-robots-tag: noindex\r\n");
    if let Some(cookie) = cookie {
        out.extend_from_slice(b"set-cookie: ");
        out.extend_from_slice(cookie.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    end_head(0, date, is_last, out);
    true
}

/// Appends any other answer's bytes.
pub(crate) async fn write(reply: Reply, date: &[u8; DATE_BYTES], is_last: bool, out: &mut Vec<u8>) {
    let (head, body) = reply.into_parts();
    let body = body.collect().await.map_or_else(|never| match never {}, http_body_util::Collected::to_bytes);
    let reason = head.status.canonical_reason().unwrap_or("");
    out.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", head.status.as_str()).as_bytes());
    for (name, value) in &head.headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    end_head(body.len(), date, is_last && !head.headers.contains_key(CONNECTION), out);
    out.extend_from_slice(&body);
}

fn end_head(body_bytes: usize, date: &[u8; DATE_BYTES], is_last: bool, out: &mut Vec<u8>) {
    if is_last {
        out.extend_from_slice(b"connection: close\r\n");
    }
    if body_bytes == 0 {
        out.extend_from_slice(b"content-length: 0\r\ndate: ");
    } else {
        out.extend_from_slice(format!("content-length: {body_bytes}\r\ndate: ").as_bytes());
    }
    out.extend_from_slice(date);
    out.extend_from_slice(b"\r\n\r\n");
}

/// Characters of `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) const DATE_BYTES: usize = 29;

/// The current second, as a `Date` says it.
#[derive(Debug)]
pub(crate) struct HttpDate {
    second: u64,
    text: [u8; DATE_BYTES],
}

impl Default for HttpDate {
    fn default() -> Self {
        Self { second: 0, text: *b"Thu, 01 Jan 1970 00:00:00 GMT" }
    }
}

impl HttpDate {
    /// Beyond the years that have four digits it stands still.
    pub(crate) fn of(&mut self, at: EpochMs) -> [u8; DATE_BYTES] {
        let second = at.0 / SECOND_MS;
        if second != self.second
            && let Ok(instant) = jiff::Timestamp::from_second(i64::try_from(second).unwrap_or(i64::MAX))
            && let Ok(text) = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&instant)
            && let Ok(text) = text.into_bytes().try_into()
        {
            (self.second, self.text) = (second, text);
        }
        self.text
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_http_wants_it() {
        let mut date = HttpDate::default();
        let cases = [
            (784_111_777_999, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778_000, "Sun, 06 Nov 1994 08:49:38 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (4_102_444_800_000, "Fri, 01 Jan 2100 00:00:00 GMT"),
        ];
        for (at, want) in cases {
            assert_eq!(std::str::from_utf8(&date.of(EpochMs(at))).unwrap(), want);
        }
    }

    // fault 12
    #[test]
    fn a_line_break_is_written_into_no_head() {
        let (date, mut out) = (HttpDate::default().of(EpochMs(0)), Vec::new());
        assert!(!write_redirect("https://a/\r\nSet-Cookie: x", None, &date, false, &mut out));
        assert!(!write_redirect("https://a/", Some("a\nb"), &date, false, &mut out));
        assert!(!write_redirect("https://a/\u{e9}", None, &date, false, &mut out));
        assert!(out.is_empty());
    }
}
