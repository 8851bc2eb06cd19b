//! Whose customer is a partner himself, by each way that an address comes; and what a report calls a partner and is nobody.

mod support;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use support::{CATALOG, Running, apply, start, start_in};

const TOKEN: &str = "token=first-token";

fn digits(address: &str) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).expect("four bits");
    Sha256::digest(address).iter().flat_map(|it| [digit(it >> 4), digit(it & 15)]).collect()
}

/// An edge both of whose partners are Ann.
fn with_addresses() -> Running {
    let data = tempfile::tempdir().expect("a temporary folder");
    let own = format!("type = \"content\"\nemail_sha256 = \"{}\"\n", digits("ann@example.com"));
    apply(data.path(), 1, &CATALOG.replace("type = \"content\"\n", &own));
    start_in(data, |_| {})
}

/// Of the newest report.
fn found(edge: &Running) -> Option<u32> {
    edge.spooled().reports().last().expect("a report").self_partner.map(|it| it.0)
}

#[test]
fn an_address_is_the_partners_in_clear_or_hashed_by_postback_and_pixel() {
    let (edge, ann) = (with_addresses(), digits("ann@example.com"));
    let rows = [
        ("email=ann@example.com".to_owned(), Some(100)),
        ("email=%20Ann@Example.COM".to_owned(), Some(100)),
        (format!("email_hash={ann}"), Some(100)),
        (format!("email_hash={}", ann.to_uppercase()), Some(100)),
        // Shops without numbers of their customers send the address.
        ("customer_id=ann@example.com&email=bob@example.com".to_owned(), Some(100)),
        ("email=bob@example.com".to_owned(), None),
        (format!("email_hash={}", digits("Ann@example.com")), None),
        ("email=%7Bemail%7D".to_owned(), None),
    ];
    for (query, want) in rows {
        let answer = edge.get(&format!("/postback?{TOKEN}&order_id=A&{query}"), &[]);
        assert_eq!((answer.status, found(&edge)), (200, want), "{query}");
        assert!(!answer.body.contains("self"), "nobody can ask whose address it is: {answer:?}");
        assert_eq!(edge.get(&format!("/p.gif?advertiser=1&order_id=A&{query}"), &[]).status, 200);
        assert_eq!(found(&edge), want, "{query}");
    }
    let spooled = edge.spooled();
    let kept = format!("{:?}", spooled.reports());
    assert!(!kept.contains("example.com") && !kept.contains(&ann), "only whose it is is kept");
}

#[test]
fn an_address_of_a_webhook_is_the_partners_too() {
    let edge = with_addresses();
    for (address, want) in [("ann@example.com", Some(100)), ("bob@example.com", None)] {
        let body = format!(
            r#"{{"id":8,"total_price":"9.94","currency":"EUR","financial_status":"paid","email":"{address}","created_at":"2025-11-22T08:36:11-05:00"}}"#
        );
        let mut mac = Hmac::<Sha256>::new_from_slice(b"hush-hush").expect("any length");
        mac.update(body.as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        let headers = [
            ("X-Shopify-Hmac-Sha256", signature.as_str()),
            ("X-Shopify-Topic", "orders/paid"),
            ("Content-Type", "application/json"),
        ];
        assert_eq!(edge.send("POST", "/hooks/shopify/1", &headers, body.as_bytes()).status, 200);
        assert_eq!(found(&edge), want, "{address}");
    }
}

#[test]
fn a_name_that_is_nobodys_is_kept_to_its_64th_byte_and_a_number_is_no_name() {
    let edge = start();
    let long = "x".repeat(65);
    let rows = [
        ("partner_id=abc", "abc"),
        ("partner_id=99999999999", "99999999999"),
        (&format!("partner_id={long}"), &long[..64]),
        ("partner_id=100", ""),
        ("partner_id=999", ""),
        ("partner_id=%7Bpartner%7D", ""),
        ("amount=5", ""),
    ];
    for (query, want) in rows {
        assert_eq!(edge.get(&format!("/postback?{TOKEN}&order_id=A&{query}"), &[]).status, 200);
        let spooled = edge.spooled();
        let report = spooled.reports().pop().expect("a report");
        assert_eq!(&*report.partner_named, want, "{query}");
    }
}
