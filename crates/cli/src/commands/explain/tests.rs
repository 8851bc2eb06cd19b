//! What people and programs read of an order, word for word: one candidate for each verdict, and an order for each reason why one is nobody's.

use events::{CandidateVerdict, MatchedKey, TouchId, Unattributed};
use serde_json::{Value, json};
use units::{OfferId, PartnerId};
use warehouse::{
    ExplainedClick, ExplainedCredit, ExplainedOrder, ExplainedReport, ExplainedScore, ExplainedTouch,
    Explanation,
};

use super::{
    as_json,
    redact::Redacted,
    tables::{self, Table},
    trace::Trace,
    would::{Reader, Would},
};

/// Who reads as a partner.
const OWN: u32 = 102;

/// As a touch is named in views.
fn name(place: usize) -> String {
    format!("0198aa{place:026x}")
}

/// As who is found by a key alone is named.
fn key_name(found: MatchedKey, partner: u32) -> String {
    format!("{:032x}", u128::from_be_bytes(TouchId::of_key(found, PartnerId(partner), OfferId(10)).0))
}

/// A candidate with that verdict and all that a decision tells of it: whose, how old, by how many milliseconds it missed, and which place came before it.
fn candidate(verdict: CandidateVerdict) -> Value {
    use CandidateVerdict as V;
    let (age_ms, short_ms, beaten_by): (i64, i64, Option<usize>) = match verdict {
        V::Won => (60_000, 0, None),
        V::Older => (3_600_000, 0, Some(0)),
        V::OutOfWindow => (2_592_004_999, 5_000, None),
        V::AfterOrder => (-93_600_000, 0, None),
        V::TooSoon => (1_500, -3_500, None),
        V::NotValid | V::PartnerInactive | V::CrossTenant | V::UnknownOffer | V::BeyondCap => {
            (90_000, 0, None)
        }
        V::Duplicate | V::ViewBehindClick | V::NotShared => (120_000, 0, Some(0)),
        V::Newer => (30_000, 0, Some(0)),
        V::LowerKey => (240_000, 0, Some(14)),
        V::KeyOff | V::FormerHolder | V::ExistingCustomer | V::NewCustomer => (0, 0, None),
        V::NamedLater => (0, 0, Some(0)),
        V::HijackGuarded => (588_000, -12_000, Some(1)),
        V::BindingEnded => (31_536_002_000, 2_001, None),
    };
    let found = match verdict {
        V::KeyOff | V::FormerHolder | V::NamedLater => MatchedKey::Coupon,
        V::BindingEnded => MatchedKey::Customer,
        V::AfterOrder => MatchedKey::ClickId,
        _ => MatchedKey::Visitor,
    };
    let place = usize::from(verdict.code());
    let is_key = !found.is_touch();
    let (partner, offer) = match verdict {
        V::Won => (101, 10),
        V::CrossTenant => (0, 0),
        _ => (OWN, 10),
    };
    json!({
        "touch": if is_key { key_name(found, partner + u32::from(verdict.code())) } else { name(place) },
        "kind": if verdict == V::ViewBehindClick { "view" } else { "click" },
        "at": "2025-11-22T11:59:00.000Z", "partner": partner, "offer": offer, "verdict": verdict.as_str(), "age_ms": age_ms,
        "window_ms": if is_key && verdict != V::BindingEnded { 0 } else if verdict == V::BindingEnded { 31_536_000_000_u64 } else { 2_592_000_000 },
        "found": found.as_str(), "role": "none", "share_ppm": if verdict == V::Won { 600_000 } else { 0 }, "rank": 1, "short_ms": short_ms,
        "beaten_by": beaten_by.map(name),
    })
}

/// One of each verdict; the exclusive coupon that came before is no. 15.
fn trace() -> Value {
    let mut candidates: Vec<Value> = CandidateVerdict::ALL.iter().copied().map(candidate).collect();
    if let Some(lower) = candidates.get_mut(usize::from(CandidateVerdict::LowerKey.code())) {
        lower["beaten_by"] = json!(key_name(MatchedKey::ExclusiveCoupon, 103));
    }
    candidates.push(json!({
        "touch": key_name(MatchedKey::ExclusiveCoupon, 103), "kind": "click", "at": "2025-11-22T12:00:00.000Z", "partner": 103, "offer": 10,
        "verdict": "won", "age_ms": 0, "window_ms": 0, "found": "exclusive_coupon", "role": "closer", "share_ppm": 400_000, "rank": 0, "short_ms": 0,
        "beaten_by": null,
    }));
    json!({
        "visitors": ["0000000000000005"], "refused_clicks": [{"text": "{clickid}", "reason": "unexpanded_macro"}], "candidates": candidates,
        "candidates_left_out": 3, "notes": ["clock_gap_too_large", "model_position"],
        "keys": [
            {"key": "click_id", "named": "", "outcome": "refused", "partner": null},
            {"key": "visitor", "named": "", "outcome": "decided", "partner": null},
            {"key": "exclusive_coupon", "named": "TEA10", "outcome": "decided", "partner": 103},
            {"key": "coupon", "named": "OWN5", "outcome": "off", "partner": OWN},
            {"key": "partner", "named": "", "outcome": "unknown", "partner": 999},
        ],
        "keys_left_out": 2,
        "decided_by": {"key": "click", "model": "position", "partner": 101, "offer": 10, "level": "partner_type"},
        "clock_gap_ms": 93_600_000, "checkout_at": null,
    })
}

fn order() -> ExplainedOrder {
    let text = |it: &str| it.to_owned();
    ExplainedOrder {
        advertiser_id: 1,
        advertiser_name: text("Tea shop"),
        order_id: text("A-1"),
        at: text("2025-11-22T12:00:00.000Z"),
        time_source: text("reported"),
        event: text("sale"),
        status: text("rejected"),
        partner_id: 101,
        partner_name: text("Blog"),
        offer_id: 10,
        offer_name: text("Tea"),
        amount: text("49.95"),
        refunded: text("0"),
        revenue: text("49.95"),
        currency: text("EUR"),
        matched: text("visitor"),
        unattributed: String::new(),
        report_count: 1,
        model: text("position"),
        path_touches: 3,
        reporting: text("46.02"),
        reporting_currency: text("USD"),
        rate: text("0.9213"),
        hold: text("refund_other_currency"),
        reason: text("out_of_terms"),
        payable_at: text("2025-12-22T12:00:00.000Z"),
        catalog_version: 7,
        ver: 1,
        trace: trace().to_string(),
    }
}

fn touch(place: usize, partner_id: u32, share_ppm: u32) -> ExplainedTouch {
    ExplainedTouch {
        advertiser_id: 1,
        touch_id: name(place),
        touched_at: "2025-11-22T11:59:00.000Z".to_owned(),
        partner_id,
        partner_name: if partner_id == OWN { "Coupons" } else { "Blog" }.to_owned(),
        offer_id: 10,
        link_id: 1,
        found: "visitor".to_owned(),
        verdict: String::new(),
        role: if share_ppm > 0 { "introducer" } else { "assist" }.to_owned(),
        share_ppm,
        revenue: "29.97".to_owned(),
        currency: "EUR".to_owned(),
    }
}

fn credit(partner_id: u32, share_ppm: u32) -> ExplainedCredit {
    let paid = |it: &str| if share_ppm > 0 { it } else { "0" }.to_owned();
    ExplainedCredit {
        advertiser_id: 1,
        partner_id,
        partner_name: if partner_id == OWN { "Coupons" } else { "Blog" }.to_owned(),
        role: if share_ppm > 0 { "introducer" } else { "assist" }.to_owned(),
        share_ppm,
        revenue: paid("29.97"),
        currency: "EUR".to_owned(),
        reporting: paid("27.61"),
        reporting_currency: "USD".to_owned(),
        hold: "refund_other_currency".to_owned(),
        touches: 1,
    }
}

fn click() -> ExplainedClick {
    let text = |it: &str| it.to_owned();
    ExplainedClick {
        touch_id: name(1),
        at: text("2025-11-22T11:00:00.000Z"),
        click_id: text("0ownclick"),
        kind: text("click"),
        verdict: text("valid"),
        partner_id: OWN,
        partner_name: text("Coupons"),
        offer_id: 10,
        visitor_id: text("0000000000000005"),
        country: text("DE"),
        device: text("mobile"),
        sub1: text("mail"),
    }
}

fn report() -> ExplainedReport {
    let text = |it: &str| it.to_owned();
    ExplainedReport {
        advertiser_id: 1,
        received_at: text("2025-11-22T12:00:01.000Z"),
        reported_at: text("2025-11-22T12:00:00.000Z"),
        channel: text("postback"),
        event: text("sale"),
        click_id: text("0ownclick"),
        refused_click: String::new(),
        refused_reason: String::new(),
        visitor_id: text("0000000000000005"),
        statement: text("order"),
        refund_id: String::new(),
        amount: text("49.95"),
        currency: text("EUR"),
        status: text("rejected"),
        reason: text("out_of_terms"),
        coupons: vec![text("TEA10"), text("OWN5")],
        partner_id: 999,
        partner_named: text("old-7"),
        offer_id: 11,
        customer_id: text("00ff"),
        email_id: String::new(),
        new_customer: text("no"),
        checkout_at: String::new(),
        origin: text("1-9-3"),
    }
}

fn found() -> Explanation {
    Explanation {
        orders: vec![order()],
        credits: vec![credit(101, 600_000), credit(OWN, 0)],
        touches: vec![touch(0, 101, 600_000), touch(1, OWN, 0)],
        scores: vec![ExplainedScore {
            advertiser_id: 1,
            scored_at: "2025-11-22T13:00:00.000Z".to_owned(),
            catalog_version: 7,
            signals: r#"[{"code":"click_flood","partner":101,"value":905,"threshold":500},{"code":"many_orders","partner":0,"value":12,"threshold":10}]"#
                .to_owned(),
        }],
        reports: vec![report()],
        clicks: vec![click()],
    }
}

fn lines(tables: &[Table]) -> String {
    let table = |(heads, rows): &Table| {
        let rows = rows.iter().map(|it| it.join(" | "));
        [heads.join(" | ")].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
    };
    tables.iter().map(table).collect::<Vec<_>>().join("\n\n") + "\n"
}

#[test]
fn an_order_with_every_verdict_is_told_word_for_word() {
    let found = found();
    let text = lines(&tables::all(&order(), &found));
    assert_eq!(text, include_str!("../../../tests/golden/explain_v1.txt"));
    let json = serde_json::to_string_pretty(&as_json("A-1", &found)).unwrap() + "\n";
    assert_eq!(json, include_str!("../../../tests/golden/explain_v1.json"));
}

#[test]
fn the_same_order_is_told_to_one_partner_word_for_word() {
    let redacted = Redacted::of(&order(), &found(), OWN).unwrap();
    let tables: Vec<Table> = redacted.tables().into_iter().filter(|(_, rows)| !rows.is_empty()).collect();
    assert_eq!(lines(&tables), include_str!("../../../tests/golden/explain_for_v1.txt"));
    let json = serde_json::to_string_pretty(&redacted).unwrap() + "\n";
    assert_eq!(json, include_str!("../../../tests/golden/explain_for_v1.json"));
}

#[test]
fn whoever_did_not_get_the_whole_reads_what_would_have_changed_it() {
    let trace = Trace::read(&trace().to_string());
    for to in [Reader::Operator, Reader::Partner(OWN)] {
        let would = Would { trace: &trace, catalog_version: 7, to };
        for it in &trace.candidates {
            assert!(!would.of(it).is_empty(), "{} to {to:?}", it.verdict);
        }
        for reason in Unattributed::ALL {
            let lacks = would.nobodys(reason.as_str(), "2025-11-22T12:00:00.000Z");
            assert!(!lacks.is_empty(), "{} to {to:?}", reason.as_str());
        }
        assert_eq!(would.nobodys("of_tomorrow", ""), "");
    }
}

#[test]
fn a_candidate_says_by_how_much_it_missed() {
    use CandidateVerdict as V;
    let trace = Trace::read(&trace().to_string());
    let told = |verdict: CandidateVerdict, to: Reader| {
        let it = trace.candidates.iter().find(|it| it.verdict == verdict.as_str()).unwrap();
        Would { trace: &trace, catalog_version: 7, to }.of(it)
    };
    let (operator, partner) = (Reader::Operator, Reader::Partner(OWN));
    let cases = [
        (V::OutOfWindow, operator, "5s too late: its window of 30d had ended"),
        (V::TooSoon, partner, "3s 500ms too soon: from a click to its order it takes 5s at least"),
        (
            V::HijackGuarded,
            operator,
            "12s inside its guard of 10m: no. 2 of partner 102 brought the customer",
        ),
        (
            V::LowerKey,
            operator,
            "no. 23 of partner 103 was found by exclusive coupon TEA10, which comes before",
        ),
        (V::LowerKey, partner, "no. 23 was found by exclusive coupon, which comes before"),
        (V::FormerHolder, operator, "the coupon TEA10 is partner 103's by catalog version 7"),
        (V::FormerHolder, partner, "the coupon is not partner 102's by catalog version 7"),
        (V::BindingEnded, operator, "2s 1ms too late: the binding of 365d had ended"),
        (
            V::AfterOrder,
            operator,
            "1d 2h after the order, which names it: the clocks differ by 1d 2h, more than the gap of 1d",
        ),
    ];
    for (verdict, to, want) in cases {
        assert_eq!(told(verdict, to), want);
    }
}
