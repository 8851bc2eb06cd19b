//! `tributary explain`.

use events::{ReportedClick, Unattributed};
use units::{Origin, PartnerId};

use super::stage::{Stage, WRITER, click, decided, report};

fn origin(sequence: u64) -> Origin {
    Origin { writer: WRITER, incarnation: 9, sequence }
}

#[test]
fn a_credited_order_shows_money_time_touches_refused_ids_and_reports() {
    let stage = Stage::new();
    let (older, newer) = (click(origin(1)), click(origin(2)));
    let (decision, credits) = decided("4711", [&older, &newer]);
    stage.store(|batch| {
        batch.click(&older);
        batch.click(&newer);
        batch.report(&report("4711", 3, ReportedClick::Signed(newer.head.id)));
        batch.decided(&decision, &credits);
    });
    let text = stage.tributary(&["explain", "4711"]).expect(0).out;
    for want in [
        "partner 100",
        "the click id that a report named",
        "49.95",
        "EUR",
        "when its first report reached us",
        "older than its window",
        "credited",
        "59m 58s",
        &newer.head.id.to_string(),
        "the shop sent the macro itself",
        "the shop's clock is behind ours",
        "postback sale",
    ] {
        assert!(text.contains(want), "{want} is missing in\n{text}");
    }
    let said = stage.tributary(&["explain", "4711", "--advertiser", "1", "--json"]).expect(0);
    let decided = &said.events("explain")[0]["orders"][0];
    assert_eq!(decided["trace"]["candidates"][1]["verdict"], "out_of_window");
    assert_eq!((&decided["partner_id"], &decided["status"]), (&100.into(), &"approved".into()));
    stage.tributary(&["explain", "4711", "--advertiser", "2"]).expect(1);
}

#[test]
fn an_order_that_nobody_earned_says_why() {
    let stage = Stage::new();
    let (older, newer) = (click(origin(1)), click(origin(2)));
    let (mut decision, _) = decided("4712", [&older, &newer]);
    decision.partner = PartnerId(0);
    decision.matched = None;
    decision.unattributed = Some(Unattributed::NoneEligible);
    stage.store(|batch| {
        batch.decided(&decision, &[]);
    });
    let text = stage.tributary(&["explain", "4712"]).expect(0).out;
    assert!(text.contains("nobody's: none of those below may be credited"), "{text}");
}

#[test]
fn an_order_without_a_decision_says_where_to_look() {
    let stage = Stage::new();
    stage.store(|batch| {
        batch.report(&report("Web-4713", 3, ReportedClick::None));
    });
    let waiting = stage.tributary(&["explain", "Web-4713"]).expect(1);
    assert!(waiting.err.contains("is reported and not decided yet"), "{}", waiting.err);
    let unknown = stage.tributary(&["explain", "web-4713"]).expect(1);
    assert!(
        unknown.err.contains("a similar id: Web-4713") && unknown.err.contains("quarantine"),
        "{}",
        unknown.err
    );
    let json = stage.tributary(&["explain", "no' such\\order", "--json"]).expect(1);
    assert_eq!(json.events("explain")[0]["known"], false);
}

#[test]
fn a_warehouse_that_is_away_is_named() {
    let said = crate::tributary(&["explain", "1", "--clickhouse-url", "http://127.0.0.1:9"]).expect(1);
    assert!(said.err.contains("http://127.0.0.1:9 cannot be asked"), "{}", said.err);
}

#[test]
fn a_partner_sees_his_own_and_of_others_only_places_and_ages() {
    let stage = Stage::new();
    let (mut older, newer) = (click(origin(1)), click(origin(2)));
    older.head.partner = PartnerId(4_000_000_321);
    let (decision, credits) = decided("4711", [&older, &newer]);
    stage.store(|batch| {
        batch.click(&older);
        batch.click(&newer);
        batch.report(&report("4711", 3, ReportedClick::Signed(newer.head.id)));
        batch.decided(&decision, &credits);
    });
    let (his, others) = (newer.head.id.to_string(), older.head.id.to_string());
    for json in [false, true] {
        let explain = |partner: &str| {
            let mut arguments = vec!["explain", "4711", "--for", partner];
            arguments.extend(json.then_some("--json"));
            stage.tributary(&arguments).expect(0).out
        };
        let out = explain("100");
        assert!(out.contains(&his) && !out.contains(&others) && !out.contains("4000000321"), "{out}");
        assert!(out.contains("yours"), "{out}");
        let out = explain("4000000321");
        assert!(out.contains(&others) && !out.contains(&his) && !out.contains("49.95"), "{out}");
    }
    stage.tributary(&["explain", "4711", "--for", "0"]).expect(2);
}

#[test]
fn who_has_no_part_in_an_order_is_refused_with_a_code_and_sees_nothing() {
    let stage = Stage::new();
    let (mut older, newer) = (click(origin(1)), click(origin(2)));
    older.head.partner = PartnerId(4_000_000_321);
    let (decision, credits) = decided("4711", [&older, &newer]);
    stage.store(|batch| {
        batch.click(&older);
        batch.click(&newer);
        batch.report(&report("4711", 3, ReportedClick::Signed(newer.head.id)));
        batch.decided(&decision, &credits);
    });
    super::stage::run(
        stage
            .warehouse
            .client()
            .query("INSERT INTO partner_names (partner_id, name) VALUES (5, 'Five'), (100, 'Hundred')")
            .execute(),
    )
    .unwrap();
    let cases = [("4711", "999", "unknown_partner"), ("4711", "5", "no_part"), ("471", "100", "not_decided")];
    for (order, partner, code) in cases {
        let said = stage.tributary(&["explain", order, "--for", partner]).expect(1);
        assert!(said.out.is_empty() && said.err.starts_with(code), "{}{}", said.out, said.err);
        for secret in ["4711", "100", "4000000321", "49.95", &newer.head.id.to_string()] {
            assert!(!said.err.contains(secret), "{secret} in {}", said.err);
        }
        let json = stage.tributary(&["explain", order, "--for", partner, "--json"]).expect(1);
        let error = &json.events("error")[0];
        assert_eq!((&error["code"], error["for"].to_string()), (&code.into(), partner.to_owned()));
        assert_eq!(json.out.lines().count(), 1, "{}", json.out);
    }
}

#[test]
fn a_touch_is_found_by_the_id_in_links_and_by_its_name_in_views() {
    let stage = Stage::new();
    let (older, newer) = (click(origin(1)), click(origin(2)));
    let (decision, credits) = decided("4711", [&older, &newer]);
    // No record of the newer one: what a report names it by is shown all the same.
    stage.store(|batch| {
        batch.report(&report("4711", 3, ReportedClick::Signed(newer.head.id)));
        batch.decided(&decision, &credits);
    });
    let id = newer.head.id.to_string();
    let name = format!("{:032x}", u128::from_be_bytes(newer.head.id.touch().0));
    let text = stage.tributary(&["explain", "4711"]).expect(0).out;
    assert!(text.matches(&id).count() >= 2 && !text.contains(&name), "{text}");
    for given in [&id, &name] {
        let said = stage.tributary(&["explain", given]).expect(1);
        assert!(said.err.contains("weighed for order 4711"), "{}", said.err);
        let json = stage.tributary(&["explain", given, "--json"]).expect(1);
        assert_eq!(json.events("explain")[0]["weighed_for"][0], "4711");
    }
}
