//! What Standard Webhooks are believed: by id, time and signature, over HTTP. The instant of each request comes by the trusted header, so that a
//! second too many is exactly that.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers fail by panicking")]

mod support;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use events::{Channel, ReportedStatus};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use support::{Answer, NOW, Running, mint, start_with};
use units::EpochMs;

const OLD: &str = "whsec_YW4gb2xkIHNlY3JldCBvZiB0aGUgdGVzdHM=";
const NEW: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NOW_SECONDS: u64 = NOW.0 / 1_000;
const ORDER: &[u8] = br#"{"order_id":"A-1","amount":"12.50","status":"approved","shelf":"top"}"#;

fn edge() -> Running {
    start_with(|options| options.trust_time_header = true)
}

fn sign(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn send_at(edge: &Running, at: EpochMs, headers: [&str; 3], target: &str, body: &[u8]) -> Answer {
    let at = at.0.to_string();
    let [id, timestamp, signature] = headers;
    let headers = [
        ("Content-Type", "application/json"),
        ("X-Tributary-At", &at),
        ("Webhook-Id", id),
        ("Webhook-Timestamp", timestamp),
        ("Webhook-Signature", signature),
    ];
    let given: Vec<_> = headers.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    edge.send("POST", target, &given, body)
}

fn send(edge: &Running, headers: [&str; 3], body: &[u8]) -> Answer {
    send_at(edge, NOW, headers, "/hooks/standard/1", body)
}

/// Status and code.
fn said(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["error"].as_str().unwrap_or("").to_owned())
}

#[test]
fn a_signed_report_is_recorded_as_a_line_of_a_batch_would_be() {
    let edge = edge();
    let click = mint(NOW, 1000, 5);
    let body = json!({ "orderId": "A-1", "amount": 12.5, "ClickId": click, "shelf": "top", "delivery_id": "forged" });
    let body = body.to_string().into_bytes();
    let time = NOW_SECONDS.to_string();
    let headers = ["msg_1", &time, &sign(NEW, "msg_1", &time, &body)];
    // What is not signed says nothing.
    let answer = send_at(&edge, NOW, headers, "/hooks/standard/1?status=rejected&coupon=FREE", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    let understood = answer.json()["understood"].clone();
    assert_eq!((&understood["order"], &understood["amount"]), (&json!("A-1"), &json!("12.50 EUR")));
    assert!(answer.json()["ignored"].to_string().contains("shelf"), "{answer:?}");
    let spooled = edge.spooled();
    let reports = spooled.reports();
    let [report] = reports.as_slice() else { panic!("{reports:?}") };
    assert_eq!((report.channel, &*report.delivery), (Channel::Standard, "msg_1"));
    assert_eq!((report.status, report.coupons.len()), (None, 0));
    assert_eq!(report.click.signed().unwrap().to_string(), click);
}

#[test]
fn the_example_of_the_reference_libraries_passes_the_signature() {
    let edge = edge();
    let at = EpochMs(1_614_265_330_000);
    let headers =
        ["msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="];
    let send = |body: &[u8]| said(&send_at(&edge, at, headers, "/hooks/standard/1", body));
    let report_missing = (422, "order_id_missing".to_owned());
    assert_eq!(send(br#"{"test": 2432232314}"#), report_missing, "believed, and no report");
    assert_eq!(send(br#"{"test": 2432232315}"#), (401, "signature_wrong".to_owned()));
}

// fault 110
#[test]
fn a_stale_future_or_unreadable_timestamp_is_refused_with_401() {
    let edge = edge();
    let send = |timestamp: &str| {
        said(&send(&edge, ["msg_1", timestamp, &sign(NEW, "msg_1", timestamp, ORDER)], ORDER))
    };
    for near in [NOW_SECONDS, NOW_SECONDS - 299, NOW_SECONDS + 299, NOW_SECONDS - 300, NOW_SECONDS + 300] {
        assert_eq!(send(&near.to_string()), (200, String::new()), "{near}");
    }
    let recorded = edge.spooled().records.len();
    assert_eq!(recorded, 5);
    let refused = [
        (NOW_SECONDS - 301).to_string(),
        (NOW_SECONDS + 301).to_string(),
        NOW.0.to_string(),
        "soon".to_owned(),
        format!("+{NOW_SECONDS}"),
        format!("-{NOW_SECONDS}"),
        format!("{NOW_SECONDS}.0"),
        u64::MAX.to_string(),
        "9".repeat(400),
        String::new(),
    ];
    for timestamp in &refused {
        assert_eq!(send(timestamp), (401, "timestamp_wrong".to_owned()), "{timestamp}");
    }
    assert_eq!(edge.spooled().records.len(), recorded, "nothing refused is recorded");
}

// faults 108, 109
#[test]
fn an_altered_delivery_or_a_revoked_secret_is_refused_and_two_secrets_are_active() {
    let edge = edge();
    let time = NOW_SECONDS.to_string();
    let good = sign(NEW, "msg_1", &time, ORDER);
    let with = |signature: &str| said(&send(&edge, ["msg_1", &time, signature], ORDER));
    let old = sign(OLD, "msg_1", &time, ORDER);
    let revoked = sign(&format!("whsec_{}", STANDARD.encode([9; 32])), "msg_1", &time, ORDER);
    for signature in [&good, &old, &format!("{revoked} {old}")] {
        assert_eq!(with(signature), (200, String::new()), "{signature}");
    }
    let refused =
        [&revoked, "", good.trim_end_matches('='), &good.to_ascii_lowercase(), &good.replacen("v1,", "", 1)];
    let wrong = (401, "signature_wrong".to_owned());
    for signature in refused {
        assert_eq!(with(signature), wrong, "{signature}");
    }
    for index in 0..ORDER.len() {
        let mut altered = ORDER.to_vec();
        altered[index] ^= 1;
        assert_eq!(said(&send(&edge, ["msg_1", &time, &good], &altered)), wrong, "byte {index}");
    }
    let later = (NOW_SECONDS + 1).to_string();
    assert_eq!(said(&send(&edge, ["msg_2", &time, &good], ORDER)), wrong, "another id");
    assert_eq!(said(&send(&edge, ["", &time, &good], ORDER)), wrong, "no id");
    assert_eq!(said(&send(&edge, ["msg_1", &later, &good], ORDER)), wrong, "another time");
    let of_second = send_at(&edge, NOW, ["msg_1", &time, &good], "/hooks/standard/2", ORDER);
    assert_eq!(said(&of_second), wrong, "no secret, no trust");
    assert_eq!(edge.spooled().records.len(), 3);
}

#[test]
fn a_delivery_sent_again_is_one_order_with_one_refund() {
    let edge = edge();
    let refund = br#"{"order_id":"A-1","status":"refunded","amount":"2.50"}"#;
    // A sender signs each attempt anew, under the same id.
    for attempt in 0..3 {
        let time = (NOW_SECONDS + attempt).to_string();
        for (id, body) in [("msg_1", ORDER), ("msg_2", refund.as_slice())] {
            assert_eq!(send(&edge, [id, &time, &sign(NEW, id, &time, body)], body).status, 200);
        }
    }
    let spooled = edge.spooled();
    let reports = spooled.reports();
    let distinct: std::collections::BTreeSet<String> = reports
        .iter()
        .map(|it| format!("{} {:?} {:?} {:?}", it.delivery, it.key, it.statement, it.status))
        .collect();
    assert_eq!((reports.len(), distinct.len()), (6, 2), "{distinct:?}");
    assert_eq!(reports[0].status, Some(ReportedStatus::Approved));
    assert!(reports.iter().all(|it| it.key == reports[0].key));
}
