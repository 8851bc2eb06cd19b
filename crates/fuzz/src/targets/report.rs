//! What shops send: postbacks, webhooks, batches.
//!
//! In: bytes. Out: nothing, or a panic. Answers are judged for their form; that nobody is believed without a signature is judged here.
//! Start at [`webhook`].

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use units::SECOND_MS;

use crate::{choices::Choices, desks, world};

/// fault 113: nested, long, twice, not UTF-8. Each stands where a body stands.
pub(super) fn bombs() -> Vec<Vec<u8>> {
    let bodies = [
        "[".repeat(3000),
        "{\"a\":".repeat(100) + "1" + &"}".repeat(100),
        format!("{{\"order_id\":\"1\",\"amount\":{}}}", "9".repeat(3000)),
        "{\"order_id\":\"1\",\"order_id\":\"2\"}".to_owned(),
        "{\"order_id\":\"1\"}\n".repeat(60),
    ];
    bodies.iter().map(|it| [&[0, 0], it.as_bytes()].concat()).collect()
}

/// Kinds of bodies.
const KINDS: [&str; 5] = [
    "application/json",
    "application/x-www-form-urlencoded",
    "",
    "application/vnd.shop+json; charset=utf-8",
    "text/xml",
];

/// A byte for the body's kind, a query up to a zero, and the body.
pub(super) fn postback(input: &[u8]) {
    let mut choices = Choices::new(input);
    let kind = choices.byte();
    let query = graphic(choices.until_zero());
    let body = choices.rest();
    let method = if kind & 0x40 == 0 { "POST" } else { "GET" };
    let mut head = format!("{method} /postback?{query} HTTP/1.1\r\nHost: go.example\r\n");
    let content_type = KINDS[usize::from(kind & 0x0f) % KINDS.len()];
    if !content_type.is_empty() {
        head.extend(["Content-Type: ", content_type, "\r\n"]);
    }
    if kind & 0x20 != 0 {
        head.extend(["X-Api-Key: ", world::TOKEN, "\r\n"]);
    }
    answered(&head, body, kind & 0x10 != 0);
}

/// A shop system, with the names of its headers: signature, topic, delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    Shopify,
    WooCommerce,
    Standard,
}

/// Topics that mean something, and one that does not.
const TOPICS: [&str; 8] = [
    "orders/create",
    "orders/paid",
    "orders/cancelled",
    "refunds/create",
    "order.created",
    "order.updated",
    "order.deleted",
    "app/uninstalled",
];

pub(super) fn webhooks() -> Vec<Vec<u8>> {
    bombs().into_iter().flat_map(|it| [0, 1, 2].map(|system| [&[system, 1], &it[2..]].concat())).collect()
}

/// A byte for system and topic, one for how it is signed, and the body.
pub(super) fn webhook(input: &[u8]) {
    let mut choices = Choices::new(input);
    let (system, signed) = (choices.byte(), choices.byte());
    let topic = TOPICS[usize::from(system >> 2) % TOPICS.len()];
    let system = [System::Shopify, System::WooCommerce, System::Standard][usize::from(system & 3) % 3];
    let body = choices.rest();
    let is_signed = signed & 1 == 1;
    let mut signature = signature(system, body);
    if !is_signed {
        // Another bit than it should be, wherever the input says.
        let at = usize::from(signed >> 1) % 32;
        signature[at] ^= 1 << (signed >> 5);
    }
    let head = hook_head(system, topic, &STANDARD.encode(signature));
    let (status, _, answer) = answered(&head, body, false);
    if is_signed {
        assert_ne!(status, 401, "a signed message is believed");
    } else {
        // WooCommerce asks once, unsigned, whether somebody is there, and must be told so: with no signature at all, which this is not.
        assert_eq!(
            status,
            401,
            "a message with a wrong signature was believed: {:?}",
            String::from_utf8_lossy(&answer)
        );
    }
}

const DELIVERY: &str = "msg_1";

fn signature(system: System, body: &[u8]) -> Vec<u8> {
    let decoded = STANDARD.decode(world::STANDARD_SECRET).expect("a constant");
    let key = match system {
        System::Shopify => world::SHOPIFY_SECRET.as_bytes(),
        System::WooCommerce => world::WOOCOMMERCE_SECRET.as_bytes(),
        System::Standard => &decoded,
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    if system == System::Standard {
        mac.update(format!("{DELIVERY}.{}.", world::NOW.0 / SECOND_MS).as_bytes());
    }
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

fn hook_head(system: System, topic: &str, signature: &str) -> String {
    let (path, lines) = match system {
        System::Shopify => (
            "shopify",
            format!(
                "X-Shopify-Hmac-Sha256: {signature}\r\nX-Shopify-Topic: {topic}\r\nX-Shopify-Webhook-Id: {DELIVERY}\r\n"
            ),
        ),
        System::WooCommerce => (
            "woocommerce",
            format!(
                "X-WC-Webhook-Signature: {signature}\r\nX-WC-Webhook-Topic: {topic}\r\nX-WC-Webhook-Delivery-ID: {DELIVERY}\r\n"
            ),
        ),
        System::Standard => (
            "standard",
            format!(
                "webhook-signature: v1,{signature}\r\nwebhook-timestamp: {}\r\nwebhook-id: {DELIVERY}\r\n",
                world::NOW.0 / SECOND_MS
            ),
        ),
    };
    format!("POST /hooks/{path}/1 HTTP/1.1\r\nHost: go.example\r\nContent-Type: application/json\r\n{lines}")
}

/// Two bytes that mean nothing here, so that bombs are shared, and lines.
pub(super) fn batch(input: &[u8]) {
    let mut choices = Choices::new(input);
    let kind = choices.byte();
    let query = graphic(choices.until_zero());
    let body = choices.rest();
    let head = format!(
        "POST /v1/reports?{query} HTTP/1.1\r\nHost: go.example\r\nAuthorization: Bearer {}\r\n",
        world::TOKEN
    );
    let (status, _, answer) = answered(&head, body, kind & 1 == 1);
    if status == 200 {
        let lines = body.split(|byte| *byte == b'\n').filter(|it| !it.trim_ascii().is_empty()).count();
        let text = String::from_utf8(answer).expect("JSON is UTF-8");
        let told = text.matches("\"line\":").count();
        assert_eq!(told, lines, "each line has its answer: {text}");
    }
}

/// The one answer, of JSON or of text. Bodies are sent with their length or, where asked, in two chunks.
fn answered(head: &str, body: &[u8], in_chunks: bool) -> desks::Heard {
    let mut request = head.as_bytes().to_vec();
    if in_chunks {
        request.extend(b"Transfer-Encoding: chunked\r\n\r\n");
        let (front, back) = body.split_at(body.len() / 2);
        for chunk in [front, back].into_iter().filter(|it| !it.is_empty()) {
            request.extend(format!("{:x}\r\n", chunk.len()).bytes());
            request.extend(chunk);
            request.extend(b"\r\n");
        }
        request.extend(b"0\r\n\r\n");
    } else {
        request.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
        request.extend(body);
    }
    let said = desks::ask(&request, |_, _| false);
    let only = said.only().clone();
    let text = std::str::from_utf8(&only.2).expect("answers are UTF-8");
    let is_told = match only.0 {
        200 => text.starts_with('{') || text == "OK",
        _ => text.contains("\"code\"") || text.contains("\"error\"") || text.starts_with("ERROR "),
    };
    assert!(is_told, "{}: {text:?} without a code", only.0);
    only
}

/// What a request line can carry of it.
fn graphic(bytes: &[u8]) -> String {
    let is_fit =
        |byte: &&u8| byte.is_ascii_graphic() && !matches!(**byte, b'#' | b'"' | b'<' | b'>' | b'\\' | b'`');
    bytes.iter().filter(is_fit).map(|byte| char::from(*byte)).collect()
}
