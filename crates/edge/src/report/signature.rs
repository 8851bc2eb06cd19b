//! Signatures of webhooks, over the raw bytes of the body.
//!
//! In: the body, the header's value, the advertiser's secrets. Out: whether one of them signed it. Exact by scheme: standard base64 with its
//! padding; hex or unpadded text is refused (fault 108). Every secret is tried, in constant time each, so that two may be active (fault 109).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use catalog::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

/// Shopify: the app's client secret as it is, `X-Shopify-Hmac-Sha256`.
pub(crate) fn is_shopify_signed(body: &[u8], header: &str, secrets: &[Secret]) -> bool {
    is_signed(body, header, secrets.iter().map(|it| it.0.as_bytes().to_vec()))
}

/// `WooCommerce`: the secret with its HTML entities decoded, as `wp_specialchars_decode(secret, ENT_QUOTES)` does; `X-WC-Webhook-Signature`
/// (fault 112).
pub(crate) fn is_woocommerce_signed(body: &[u8], header: &str, secrets: &[Secret]) -> bool {
    is_signed(body, header, secrets.iter().map(|it| without_entities(&it.0).into_bytes()))
}

fn is_signed(body: &[u8], header: &str, keys: impl Iterator<Item = Vec<u8>>) -> bool {
    let Ok(given) = STANDARD.decode(header.trim()) else { return false };
    let mut found = Choice::from(0);
    for key in keys {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
        mac.update(body);
        found |= mac.finalize().into_bytes().as_slice().ct_eq(&given);
    }
    found.into()
}

/// The entities `WordPress` decodes, `&amp;` last, so that nothing is decoded twice.
fn without_entities(text: &str) -> String {
    const ENTITIES: [(&str, &str); 13] = [
        ("&quot;", "\""),
        ("&#034;", "\""),
        ("&#34;", "\""),
        ("&#039;", "'"),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&#060;", "<"),
        ("&gt;", ">"),
        ("&#062;", ">"),
        ("&#x22;", "\""),
        ("&#x27;", "'"),
        ("&#038;", "&"),
        ("&amp;", "&"),
    ];
    ENTITIES.iter().fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(texts: &[&str]) -> Vec<Secret> {
        texts.iter().map(|it| Secret((*it).into())).collect()
    }

    /// Body, secret and signature were made with `openssl dgst -sha256 -hmac SECRET -binary | base64`.
    const VECTORS: &str = include_str!("../../tests/golden/webhook_signatures.txt");

    #[test]
    fn the_signatures_of_openssl_are_accepted() {
        let mut lines = VECTORS.lines().filter(|line| !line.starts_with('#'));
        let mut count = 0;
        while let (Some(scheme), Some(secret), Some(body), Some(signature)) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        {
            let is = if scheme == "shopify" { is_shopify_signed } else { is_woocommerce_signed };
            assert!(is(body.as_bytes(), signature, &secrets(&[secret])), "{scheme} {body}");
            count += 1;
        }
        assert_eq!(count, 4);
    }

    // faults 108, 109
    #[test]
    fn a_changed_byte_another_encoding_or_a_revoked_secret_is_refused() {
        let body = b"{\"id\":1}";
        let mut mac = Hmac::<Sha256>::new_from_slice(b"new").unwrap();
        mac.update(body);
        let raw = mac.finalize().into_bytes();
        let good = STANDARD.encode(raw);
        let hex = raw.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        let both = secrets(&["old", "new"]);
        assert!(is_shopify_signed(body, &good, &both));
        assert!(is_shopify_signed(body, &format!(" {good} "), &both), "blanks around are the transport's");
        assert!(!is_shopify_signed(b"{\"id\":2}", &good, &both));
        assert!(!is_shopify_signed(body, &good.to_ascii_lowercase(), &both));
        assert!(!is_shopify_signed(body, good.trim_end_matches('='), &both));
        assert!(!is_shopify_signed(body, &hex, &both));
        assert!(!is_shopify_signed(body, "", &both));
        assert!(!is_shopify_signed(body, &good, &secrets(&["old"])), "revoked");
        assert!(!is_shopify_signed(body, &good, &[]));
    }

    // fault 112
    #[test]
    fn entities_of_a_woocommerce_secret_are_decoded_once() {
        assert_eq!(without_entities("a&amp;b&quot;c&lt;d&#039;e"), "a&b\"c<d'e");
        assert_eq!(without_entities("&amp;lt;"), "&lt;");
        assert_eq!(without_entities("plain & text"), "plain & text");
    }
}
