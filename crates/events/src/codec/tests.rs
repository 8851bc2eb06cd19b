//! The bytes are frozen, every cut and every flip is an error or another event, never a panic.

mod samples;

use self::samples::*;
use super::*;
use crate::*;

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|it| char::from_digit(it.into(), 16))
        .collect()
}

/// What production wrote yesterday must read today. Never edit a golden file; add a v2 beside it.
#[test]
fn bytes_are_frozen() {
    for (name, bytes, event) in samples() {
        let path = format!("{}/tests/golden/{name}.hex", env!("CARGO_MANIFEST_DIR"));
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(hex(&bytes), golden.trim(), "{path}");
        assert_eq!(Event::decode(&bytes), Ok(event), "{name}");
    }
}

/// What an earlier build wrote is read, whatever this one writes.
#[test]
fn bytes_of_every_version_are_read() {
    for &kind in Kind::ALL {
        for version in 1..=kind.version() {
            let path =
                format!("{}/tests/golden/{}_v{version}.hex", env!("CARGO_MANIFEST_DIR"), kind.as_str());
            let golden = std::fs::read_to_string(&path).unwrap();
            let digits = golden.trim().as_bytes().chunks(2).map(|it| std::str::from_utf8(it).unwrap());
            let bytes: Vec<u8> = digits.map(|it| u8::from_str_radix(it, 16).unwrap()).collect();
            assert_eq!(bytes[..4], [MAGIC, kind.code(), version, 0], "{path}");
            assert!(Event::decode(&bytes).is_ok(), "{path}");
        }
    }
}

/// What it could not say is said by nobody.
#[test]
fn a_report_of_version_1_is_read_without_what_came_later() {
    let golden = include_str!("../../tests/golden/report_v1.hex").trim().as_bytes();
    let digits = golden.chunks(2).map(|it| std::str::from_utf8(it).unwrap());
    let bytes: Vec<u8> = digits.map(|it| u8::from_str_radix(it, 16).unwrap()).collect();
    let then = Report {
        email: None,
        coupons: vec!["TEA5".into()],
        reason: None,
        offer: None,
        checkout_at: None,
        items: Vec::new(),
        self_partner: None,
        partner_named: "".into(),
        ..report()
    };
    assert_eq!(Event::decode(&bytes), Ok(Event::Report(Box::new(then))));
}

#[test]
fn a_refund_keeps_its_kind() {
    for &kind in RefundKind::ALL {
        let statement = Statement::Refund { refund: "r".into(), amount: None, kind };
        let report = Report { statement, ..report() };
        let mut bytes = Vec::new();
        report.clone().encode(&mut bytes).unwrap();
        assert_eq!(Event::decode(&bytes), Ok(Event::Report(Box::new(report))));
    }
}

/// What version 1 did not say is told from what there was none of.
#[test]
fn what_the_first_version_did_not_say_is_absent() {
    let read = |golden: &str| -> Vec<u8> {
        let digits = golden.trim().as_bytes().chunks(2).map(|it| std::str::from_utf8(it).unwrap());
        digits.map(|it| u8::from_str_radix(it, 16).unwrap()).collect()
    };
    let bytes = read(include_str!("../../tests/golden/credit_v1.hex"));
    let Ok(Event::Credit(credit)) = Event::decode(&bytes) else { panic!("a credit") };
    let told = (credit.standing, credit.is_assist, credit.path_touches, credit.reporting, credit.hold);
    assert_eq!(told, (None, false, 0, None, None));
    let bytes = read(include_str!("../../tests/golden/decision_v1.hex"));
    let Ok(Event::Decision(decision)) = Event::decode(&bytes) else { panic!("a decision") };
    let told = (decision.model, decision.path_touches, decision.reporting, decision.hold);
    assert_eq!(told, (None, 0, None, None));
}

#[test]
fn no_version_beyond_those_written_is_read() {
    for &kind in Kind::ALL {
        for version in [0, kind.version() + 1, u8::MAX] {
            let error = Event::decode(&[MAGIC, kind.code(), version, 0, 0]).map(|_| ()).unwrap_err();
            assert_eq!(error, DecodeError::UnknownVersion { kind: kind.code(), version });
        }
    }
}

#[test]
fn the_front_of_a_click_is_read_without_its_tail() {
    let mut bytes = Vec::new();
    click().encode(&mut bytes).unwrap();
    assert_eq!(ClickHead::peek(&bytes), Ok(head()));
    assert_eq!(ClickHead::peek(&bytes[..80]), Ok(head()));
    assert_eq!(ClickHead::peek(&bytes[..50]), Err(DecodeError::Malformed));
}

#[test]
fn every_cut_is_an_error_and_no_flip_panics() {
    for (name, bytes, event) in samples() {
        for cut in 0..bytes.len() {
            assert!(Event::decode(&bytes[..cut]).is_err(), "{name} cut at {cut}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(Event::decode(&flipped).ok(), Some(event.clone()), "{name} bit {bit}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(Event::decode(&longer), Err(DecodeError::Trailing { left: 1 }), "{name}");
    }
}

#[test]
fn what_a_later_build_wrote_is_named_not_guessed() {
    let mut bytes = Vec::new();
    click().encode(&mut bytes).unwrap();
    let with = |index: usize, byte: u8| {
        let mut other = bytes.clone();
        other[index] = byte;
        Event::decode(&other).map(|_| ()).unwrap_err()
    };
    assert_eq!(with(0, 0), DecodeError::NoEnvelope);
    assert_eq!(with(1, 200), DecodeError::UnknownKind { kind: 200 });
    assert_eq!(with(2, 2), DecodeError::UnknownVersion { kind: 1, version: 2 });
    assert_eq!(with(3, 1), DecodeError::UnknownFlags { flags: 1 });
    assert_eq!(Event::decode(&[]), Err(DecodeError::NoEnvelope));
}

#[test]
fn what_is_too_large_is_refused_and_leaves_nothing_behind() {
    let long = "x".repeat(INPUT_BYTES_MAX);
    let mut out = vec![1, 2, 3];
    let error = Click { deep_link: &long, ..click() }.encode(&mut out).unwrap_err();
    assert!(matches!(error, EncodeError::TooLarge { kind: Kind::Click, max: INPUT_BYTES_MAX, .. }));
    assert_eq!(out, [1, 2, 3]);
    let huge =
        vec![MAGIC, 1, 1, 0].into_iter().chain(std::iter::repeat_n(0, INPUT_BYTES_MAX)).collect::<Vec<_>>();
    assert!(matches!(Event::decode(&huge), Err(DecodeError::TooLarge { .. })));
}

#[test]
fn a_hostile_length_allocates_nothing() {
    // A quarantined record whose text claims 2^60 bytes.
    let bytes = [MAGIC, 9, 1, 0, 253, 0, 0, 0, 0, 0, 0, 0, 16];
    assert_eq!(Event::decode(&bytes), Err(DecodeError::Malformed));
}
