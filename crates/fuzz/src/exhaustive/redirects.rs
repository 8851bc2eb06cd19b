//! Every hostile URL in every place of a request that an edge might take one from (P13).

use url::form_urlencoded;

use super::Scale;
use crate::{desks, payloads, world};

/// Headers that other software takes a host or a URL from.
const HEADERS: [&str; 8] = [
    "Referer",
    "Origin",
    "Cookie",
    "User-Agent",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Original-URL",
    "X-Rewrite-URL",
];

/// Asked on both ways; whatever is answered leads to a host of the catalog, or nowhere.
pub(super) fn all(scale: Scale) -> u64 {
    let mut tried = 0;
    for (number, payload) in payloads::sample(scale.each).enumerate() {
        let (code, _) = world::LINKS[number % 3];
        for request in requests(code, &payload) {
            desks::ask(&request, desks::is_registered);
            tried += 1;
        }
    }
    tried
}

fn requests(code: &str, payload: &str) -> Vec<Vec<u8>> {
    let encoded: String = form_urlencoded::byte_serialize(payload.as_bytes()).collect();
    let host = "Host: go.example\r\n";
    let mut requests = Vec::new();
    for name in payloads::PARAMETERS {
        requests.push(format!("GET /c/{code}?{name}={encoded} HTTP/1.1\r\n{host}\r\n"));
    }
    requests.push(format!("GET /c/{code}?{encoded}={encoded} HTTP/1.1\r\n{host}\r\n"));
    requests.push(format!("GET /c/{encoded} HTTP/1.1\r\n{host}\r\n"));
    requests.push(format!("GET /p.gif?link={encoded}&url={encoded} HTTP/1.1\r\n{host}\r\n"));
    // As it is, where a request line and a header end where the payload says.
    requests.push(format!("GET /c/{code}?url={payload} HTTP/1.1\r\n{host}\r\n"));
    requests.push(format!("GET {payload} HTTP/1.1\r\n{host}\r\n"));
    requests.push(format!("GET /c/{code} HTTP/1.1\r\nHost: {payload}\r\n\r\n"));
    for name in HEADERS {
        requests.push(format!("GET /c/{code} HTTP/1.1\r\n{host}{name}: {payload}\r\n\r\n"));
    }
    requests.into_iter().map(String::into_bytes).collect()
}
