//! Signatures of webhooks, over the raw bytes of the body.
//!
//! In: the body, the header's value, the advertiser's secrets. Out: whether one of them signed it. Exact by scheme: standard base64 with its
//! padding; hex or unpadded text is refused (fault 108). Every secret is tried, in constant time each, so that two may be active (fault 109).
//! Standard Webhooks also sign the delivery's id and time, so that an old delivery can be told ([`is_timely`]).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use catalog::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use units::{EpochMs, SECOND_MS};

/// How far a delivery's time may be from ours, before or after, in seconds: five minutes, as the reference libraries of Standard Webhooks
/// have it (`TOLERANCE_IN_SECONDS`).
pub(crate) const TOLERANCE_SECONDS: u64 = 5 * 60;
/// Signatures of one header that are looked at; further ones are ignored. A sender adds one for each secret it rotates between.
const SIGNATURES_MAX: usize = 16;

/// Shopify: the app's client secret as it is, `X-Shopify-Hmac-Sha256`.
pub(crate) fn is_shopify_signed(body: &[u8], header: &str, secrets: &[Secret]) -> bool {
    is_signed(&[body], [header.trim()].into_iter(), secrets.iter().map(|it| it.0.as_bytes().to_vec()))
}

/// `WooCommerce`: the secret with its HTML entities decoded, as `wp_specialchars_decode(secret, ENT_QUOTES)` does; `X-WC-Webhook-Signature`
/// (fault 112).
pub(crate) fn is_woocommerce_signed(body: &[u8], header: &str, secrets: &[Secret]) -> bool {
    let keys = secrets.iter().map(|it| without_entities(&it.0).into_bytes());
    is_signed(&[body], [header.trim()].into_iter(), keys)
}

/// Standard Webhooks: `id.timestamp.body` under the key within the secret. `webhook-signature` holds one or more, blanks between; those of
/// another version than `v1` are somebody else's.
pub(crate) fn is_standard_signed(
    body: &[u8],
    [id, timestamp, header]: [&str; 3],
    secrets: &[Secret],
) -> bool {
    // Without an id there is no delivery to sign.
    if id.is_empty() {
        return false;
    }
    let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    let given = header.split(' ').take(SIGNATURES_MAX).filter_map(|it| it.strip_prefix("v1,"));
    is_signed(&parts, given, secrets.iter().filter_map(|it| catalog::webhook_key(&it.0)))
}

/// Whether a delivery's time, in whole seconds since the epoch, is near enough to ours (fault 110).
pub(crate) fn is_timely(timestamp: &str, now: EpochMs) -> bool {
    // `parse` alone would take a plus sign.
    let is_number = timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = timestamp.parse::<u64>().ok().filter(|_| is_number);
    seconds.is_some_and(|it| it.abs_diff(now.0 / SECOND_MS) <= TOLERANCE_SECONDS)
}

/// Whether any of the signatures is of any of the keys, over the parts one after the other.
fn is_signed<'a>(
    parts: &[&[u8]],
    signatures: impl Iterator<Item = &'a str>,
    keys: impl Iterator<Item = Vec<u8>>,
) -> bool {
    let given: Vec<Vec<u8>> = signatures.filter_map(|it| STANDARD.decode(it).ok()).collect();
    let mut found = Choice::from(0);
    for key in keys {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
        for part in parts {
            mac.update(part);
        }
        let own = mac.finalize().into_bytes();
        for given in &given {
            found |= own.as_slice().ct_eq(given);
        }
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

    /// From the tests of the reference libraries of Standard Webhooks.
    const STANDARD_HEADERS: [&str; 3] =
        ["msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="];
    const STANDARD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const STANDARD_BODY: &[u8] = br#"{"test": 2432232314}"#;

    // faults 108, 109
    #[test]
    fn the_example_of_the_reference_libraries_is_accepted_to_the_byte() {
        let [id, timestamp, header] = STANDARD_HEADERS;
        let own = secrets(&[STANDARD_SECRET]);
        let signed = |header: &str| is_standard_signed(STANDARD_BODY, [id, timestamp, header], &own);
        let bare = header.strip_prefix("v1,").unwrap();
        let others = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= ";
        assert!(signed(header));
        assert!(signed(&format!("v2,x {others}{header} v1a,y")), "one of several");
        assert!(!signed(&format!("{}{header}", others.repeat(SIGNATURES_MAX))), "behind the last looked at");
        let refused = [
            String::new(),
            others.to_owned(),
            bare.to_owned(),
            format!("v2,{bare}"),
            format!("V1,{bare}"),
            format!("v1,{}", bare.to_ascii_lowercase()),
            format!("v1,{}", bare.trim_end_matches('=')),
            format!("v1,{bare}="),
        ];
        for header in &refused {
            assert!(!signed(header), "{header}");
        }

        let of = |body: &[u8], id: &str, timestamp: &str, secrets: &[Secret]| {
            is_standard_signed(body, [id, timestamp, header], secrets)
        };
        assert!(!of(br#"{"test": 2432232315}"#, id, timestamp, &own));
        assert!(!of(STANDARD_BODY, "msg_other", timestamp, &own));
        assert!(!of(STANDARD_BODY, "", timestamp, &own));
        assert!(!of(STANDARD_BODY, id, "1614265331", &own));
        let new = format!("whsec_{}", STANDARD.encode([7; 24]));
        assert!(of(STANDARD_BODY, id, timestamp, &secrets(&[&new, STANDARD_SECRET])), "two are active");
        assert!(!of(STANDARD_BODY, id, timestamp, &secrets(&[&new])), "revoked");
        assert!(!of(STANDARD_BODY, id, timestamp, &[]));
    }

    // fault 112
    #[test]
    fn entities_of_a_woocommerce_secret_are_decoded_once() {
        assert_eq!(without_entities("a&amp;b&quot;c&lt;d&#039;e"), "a&b\"c<d'e");
        assert_eq!(without_entities("&amp;lt;"), "&lt;");
        assert_eq!(without_entities("plain & text"), "plain & text");
    }
}
