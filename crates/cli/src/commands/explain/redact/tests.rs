//! Nothing of anybody else gets out, whatever the rows hold.

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};
use warehouse::ExplainedScore;

use super::*;

const OWN: u32 = 77;
const OWN_NAME: &str = "Own Partner";
const OWN_CLICK: &str = "0ownclick";
/// Numbers and texts of somebody else.
const OTHER: u32 = 4_111_222_333;
const OTHER_NUMBER: u32 = 4_222_333_444;
const OTHER_TEXT: &str = "Sekretarius";

fn text() -> String {
    OTHER_TEXT.to_owned()
}

fn codes(all: impl IntoIterator<Item = &'static str>) -> impl Strategy<Value = String> {
    let mut all: Vec<String> = all.into_iter().map(str::to_owned).collect();
    all.extend([String::new(), text()]);
    select(all)
}

fn order() -> impl Strategy<Value = ExplainedOrder> {
    let ids = ["A-1", "~lead~click~Sekretarius", "~lead~click~0ownclick", "~lead~customer~abab"];
    let told = (
        codes(OrderStatus::ALL.iter().map(|it| it.as_str())),
        codes(Unattributed::ALL.iter().map(|it| it.as_str())),
        codes(RejectReason::ALL.iter().map(|it| it.as_str())),
        codes(Hold::ALL.iter().map(|it| it.as_str())),
        codes(SharedBy::ALL.iter().map(|it| it.as_str())),
        codes(MatchedKey::ALL.iter().map(|it| it.as_str())),
        codes(TimeSource::ALL.iter().map(|it| it.as_str())),
    );
    (select(ids.to_vec()), select(vec![0, OWN, OTHER]), told, trace()).prop_map(
        |(id, partner_id, (status, unattributed, reason, hold, model, matched, time_source), trace)| {
            ExplainedOrder {
                advertiser_id: 1,
                advertiser_name: "Shop".to_owned(),
                order_id: id.to_owned(),
                at: "2025-11-22T12:00:00.000Z".to_owned(),
                time_source,
                event: text(),
                status,
                partner_id,
                partner_name: text(),
                offer_id: OTHER_NUMBER,
                offer_name: text(),
                amount: text(),
                refunded: text(),
                revenue: text(),
                currency: text(),
                matched,
                unattributed,
                report_count: 2,
                model,
                path_touches: 9,
                reporting: text(),
                reporting_currency: text(),
                rate: text(),
                hold,
                reason,
                payable_at: "2025-12-22T12:00:00.000Z".to_owned(),
                catalog_version: 1,
                ver: 1,
                trace: trace.to_string(),
            }
        },
    )
}

/// Of this build, with fields of a later one beside them.
fn trace() -> impl Strategy<Value = Value> {
    let verdicts: Vec<_> = CandidateVerdict::ALL.iter().map(|it| it.as_str()).chain([OTHER_TEXT]).collect();
    // As a candidate without a touch is named: the key's code, partner, offer.
    let keyed = |code: u8| format!("000000000000{code:02x}00{OTHER:08x}{OTHER_NUMBER:08x}");
    let touches = [OTHER_TEXT.to_owned(), keyed(MatchedKey::Coupon.code()), keyed(99)];
    let beaten_by =
        select(vec![None, Some("aa".to_owned()), Some(text()), Some(keyed(MatchedKey::Coupon.code()))]);
    let found = codes(MatchedKey::ALL.iter().map(|it| it.as_str()));
    let drawn =
        (any::<bool>(), select(verdicts), -9_i64..9_000_000, select(touches.to_vec()), beaten_by, found);
    let candidate = drawn.prop_map(|(own, verdict, age_ms, other, beaten_by, found)| {
        let (partner, touch) = if own { (OWN, "aa") } else { (OTHER, other.as_str()) };
        let (offer, at) = if own { (5, "2025-11-22T11:00:00.000Z") } else { (OTHER_NUMBER, OTHER_TEXT) };
        let window_ms = if own { 9 } else { OTHER_NUMBER };
        json!({"touch": touch, "kind": if own { "click" } else { OTHER_TEXT }, "at": at, "partner": partner, "offer": offer, "verdict": verdict,
            "age_ms": age_ms, "window_ms": window_ms, "beaten_by": beaten_by, "found": found, "short_ms": if own { 5 } else { i64::from(OTHER_NUMBER) },
            "role": OTHER_TEXT, "share_ppm": if own { 7 } else { OTHER_NUMBER }, "rank": 1})
    });
    let notes: Vec<_> = NOTES.into_iter().chain([OTHER_TEXT]).collect();
    let outcomes = codes(KeyOutcome::ALL.iter().map(|it| it.as_str()));
    let keys: Vec<_> = EarningKey::ALL.iter().map(|it| it.as_str()).chain([OTHER_TEXT]).collect();
    (vec(candidate, 0..7), vec(select(notes), 0..5), select(keys), select(vec![None, Some(OTHER_TEXT)]), outcomes).prop_map(|(candidates, notes, key, checkout_at, outcome)| {
        json!({"visitors": [OTHER_TEXT], "refused_clicks": [{"text": OTHER_TEXT, "reason": OTHER_TEXT}], "candidates": candidates,
            "candidates_left_out": 3, "notes": notes, "keys": [{"key": "coupon", "named": OTHER_TEXT, "outcome": outcome, "partner": OTHER}, {"key": OTHER_TEXT, "named": OTHER_TEXT, "outcome": OTHER_TEXT},
                {"key": "coupon", "named": "OWN10", "outcome": "refused", "partner": OWN}],
            "decided_by": {"key": key, "partner": OTHER, "offer": OTHER_NUMBER, "level": OTHER_TEXT, "model": OTHER_TEXT}, "clock_gap_ms": 90_000_000, "checkout_at": checkout_at, "later": OTHER_TEXT})
    })
}

fn credit() -> impl Strategy<Value = ExplainedCredit> {
    let roles = codes(Role::ALL.iter().map(|it| it.as_str()));
    let holds = codes(Hold::ALL.iter().map(|it| it.as_str()));
    (any::<bool>(), roles, holds, select(vec![0, 1, 1_000_000]), 1_u32..3).prop_map(
        |(own, role, hold, share_ppm, advertiser_id)| {
            let of_own = |it: &str| if own { it.to_owned() } else { text() };
            ExplainedCredit {
                advertiser_id,
                partner_id: if own { OWN } else { OTHER },
                partner_name: of_own(OWN_NAME),
                role,
                share_ppm,
                revenue: of_own("4.2"),
                currency: of_own("EUR"),
                reporting: of_own("5"),
                reporting_currency: of_own("USD"),
                hold,
                touches: 1,
            }
        },
    )
}

fn weighed() -> impl Strategy<Value = ExplainedTouch> {
    let found = codes(MatchedKey::ALL.iter().map(|it| it.as_str()));
    let verdict = codes(CandidateVerdict::ALL.iter().map(|it| it.as_str()));
    let roles = codes(Role::ALL.iter().map(|it| it.as_str()));
    (any::<bool>(), found, verdict, roles, 1_u32..3).prop_map(|(own, found, verdict, role, advertiser_id)| {
        let of_own = |it: &str| if own { it.to_owned() } else { text() };
        ExplainedTouch {
            advertiser_id,
            touch_id: of_own("aa"),
            touched_at: of_own("2025-11-22T11:00:00.000Z"),
            partner_id: if own { OWN } else { OTHER },
            partner_name: of_own(OWN_NAME),
            offer_id: if own { 5 } else { OTHER_NUMBER },
            link_id: if own { 6 } else { OTHER_NUMBER },
            found,
            verdict,
            role,
            share_ppm: 1,
            revenue: of_own("4.2"),
            currency: of_own("EUR"),
        }
    })
}

fn click() -> impl Strategy<Value = ExplainedClick> {
    any::<bool>().prop_map(|own| {
        let of_own = |it: &str| if own { it.to_owned() } else { text() };
        ExplainedClick {
            touch_id: of_own("aa"),
            at: of_own("2025-11-22T11:00:00.000Z"),
            click_id: of_own(OWN_CLICK),
            kind: of_own("click"),
            verdict: of_own("valid"),
            partner_id: if own { OWN } else { OTHER },
            partner_name: of_own(OWN_NAME),
            offer_id: if own { 5 } else { OTHER_NUMBER },
            visitor_id: text(),
            country: text(),
            device: text(),
            sub1: of_own("mail"),
        }
    })
}

fn report() -> impl Strategy<Value = ExplainedReport> {
    let names = select(vec![0, OWN, OTHER]);
    (any::<bool>(), select(vec!["postback", OTHER_TEXT]), names, 1_u32..3).prop_map(
        |(own, channel, partner_id, advertiser_id)| ExplainedReport {
            advertiser_id,
            received_at: "2025-11-22T12:00:00.000Z".to_owned(),
            reported_at: text(),
            channel: channel.to_owned(),
            event: text(),
            click_id: if own { OWN_CLICK.to_owned() } else { text() },
            refused_click: text(),
            refused_reason: text(),
            visitor_id: text(),
            statement: text(),
            refund_id: text(),
            amount: text(),
            currency: text(),
            status: text(),
            reason: text(),
            coupons: vec![text()],
            partner_id,
            partner_named: text(),
            offer_id: OTHER_NUMBER,
            customer_id: text(),
            email_id: text(),
            new_customer: text(),
            checkout_at: text(),
            origin: text(),
        },
    )
}

/// Everything that is printed, by either way.
fn printed(it: &Redacted) -> String {
    let tables = it.tables();
    let cells = tables.iter().flat_map(|(heads, rows)| {
        heads.iter().map(|it| (*it).to_owned()).chain(rows.iter().flatten().cloned()).collect::<Vec<_>>()
    });
    cells.chain([json!(it).to_string()]).collect::<Vec<_>>().join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_other_partners_name_or_number_is_in_a_redacted_trace(
        order in order(),
        credits in vec(credit(), 0..4),
        touches in vec(weighed(), 0..4),
        reports in vec(report(), 0..4),
        clicks in vec(click(), 0..4),
    ) {
        let scores = vec![ExplainedScore { advertiser_id: 1, scored_at: text(), catalog_version: OTHER_NUMBER, signals: text() }];
        let found = Explanation { orders: Vec::new(), credits, touches, scores, reports, clicks };
        let trace: Value = serde_json::from_str(&order.trace).unwrap();
        let candidates = trace["candidates"].as_array().unwrap();
        let has_part = order.partner_id == OWN
            || candidates.iter().any(|it| it["partner"] == OWN)
            || found.credits.iter().any(|it| (it.advertiser_id, it.partner_id) == (1, OWN))
            || found.touches.iter().any(|it| (it.advertiser_id, it.partner_id) == (1, OWN))
            || found.reports.iter().any(|it| (it.advertiser_id, it.partner_id) == (1, OWN));
        let redacted = Redacted::of(&order, &found, OWN);
        prop_assert_eq!(redacted.is_some(), has_part, "nothing is shown to who has no part");
        prop_assert!(Redacted::of(&order, &found, 5).is_none());
        prop_assert!(Redacted::of(&order, &found, 0).is_none());
        let Some(redacted) = redacted else { return Ok(()) };

        let printed = printed(&redacted);
        let numbers = [OTHER, OTHER_NUMBER].map(|it| [it.to_string(), format!("{it:x}")]);
        for secret in numbers.as_flattened().iter().map(String::as_str).chain([OTHER_TEXT]) {
            prop_assert!(!printed.contains(secret), "{secret} in {printed}");
        }
        prop_assert_eq!(redacted.touches.len(), candidates.len());
        for (place, (seen, candidate)) in redacted.touches.iter().zip(candidates).enumerate() {
            prop_assert_eq!((seen.position, seen.age_ms), (place + 1, candidate["age_ms"].as_i64().unwrap()));
            prop_assert_eq!(seen.yours.is_some(), candidate["partner"] == OWN);
        }
        prop_assert_eq!(redacted.notes.len() + redacted.notes_left_out, trace["notes"].as_array().unwrap().len());
        let own = |it: &&ExplainedCredit| (it.advertiser_id, it.partner_id) == (1, OWN);
        prop_assert_eq!(redacted.credit.is_some(), found.credits.iter().any(|it| own(&it)));
        prop_assert_eq!(redacted.reports.len(), found.reports.iter().filter(|it| it.advertiser_id == 1).count());
    }
}

/// A note of a decision that is told in words is one that partners may see, or it is decided here that they may not.
#[test]
fn every_note_that_partners_see_is_told_in_words() {
    for note in NOTES {
        assert_ne!(words::note(note), note, "{note}");
    }
}
