//! `tributary replay`: what a dry run foretells is what comes when the catalog is in force.

use serde_json::Value;
use units::{HOUR_MS, MINUTE_MS};

use super::{
    repair::{CATALOG, Edge, Running, clean, column, content, stage},
    stage::{NOON, Stage},
};
use crate::{Said, write};

const ORDERS: u64 = 120;

/// Orders, distinct partners and revenue in ClickHouse, by partner; partner 0 has what is nobody's.
fn stored(stage: &Stage) -> Vec<String> {
    column(
        stage,
        "SELECT concat(toString(partner_id), ' ', toString(count()), ' ', toString(sum(revenue_minor))) AS it \
         FROM orders GROUP BY partner_id ORDER BY partner_id",
    )
}

fn told(said: &Said, side: &str) -> Vec<String> {
    let number = |it: &Value, key: &str| it[format!("{key}_{side}")].as_i64().unwrap();
    let line =
        |it: &Value| format!("{} {} {}", it["partner"], number(it, "orders"), number(it, "revenue_minor"));
    let partners = said.events("replay_partner");
    partners.iter().filter(|it| number(it, "orders") > 0).map(line).collect()
}

fn sum(said: &Said) -> (u64, u64) {
    let sum = said.events("replay").remove(0);
    (sum["orders"].as_u64().unwrap(), sum["changed"].as_u64().unwrap())
}

fn changed_by(said: &Said, what: &str) -> u64 {
    said.events("replay")[0]["changed_by"][what].as_u64().unwrap_or(0)
}

fn replay(stage: &Stage, file: &str, from: &str, more: &[&str]) -> Said {
    let arguments = ["replay", "--json", "--from", from, "--catalog", file];
    stage.tributary(&[arguments.as_slice(), more].concat()).expect(0)
}

/// Nobody's share moves: the orders are told in another currency, or wait because they cannot be.
fn a_new_rate_and_a_missing_one_are_foretold(stage: &Stage) {
    let dry_run = |top: &str, end: &str| {
        let file = write(stage.data.path(), "rates.toml", &format!("{top}\n{CATALOG}\n{end}"));
        replay(stage, &file, "2025-11-01", &["--dry-run"])
    };
    let told = dry_run("reporting_currency = \"USD\"", "[[rate]]\ncurrency = \"EUR\"\nrate = \"1.5\"\n");
    assert_eq!(sum(&told), (ORDERS, ORDERS));
    assert_eq!(["rate", "hold", "shares"].map(|it| changed_by(&told, it)), [ORDERS, 0, 0]);
    let partner = &told.events("replay_partner")[0];
    // 49.95 EUR are 74.925 USD, and halves go away from zero.
    assert_eq!(partner["reporting_minor_after"]["USD"], 7_493 * ORDERS);
    assert_eq!(
        (&partner["reporting_minor_before"], &partner["held_after"]),
        (&serde_json::json!({}), &0.into())
    );

    let missing = dry_run("reporting_currency = \"USD\"", "");
    assert_eq!(["rate", "hold", "shares"].map(|it| changed_by(&missing, it)), [0, ORDERS, 0]);
    let partner = &missing.events("replay_partner")[0];
    assert_eq!((&partner["held_before"], &partner["held_after"]), (&0.into(), &ORDERS.into()));
}

#[test]
fn what_a_dry_run_foretells_is_what_comes() {
    let stage = stage();
    let mut edge = Edge::open(stage.data.path());
    (0..ORDERS).for_each(|_| edge.click_and_order());
    let running = Running::start(&stage);
    clean(&stage);
    let (before, all) = (stored(&stage), content(&stage));
    assert_eq!(before, [format!("100 {ORDERS} {}", 4_995 * ORDERS)]);

    // Everybody clicked an hour before noon and ordered some minutes after it: late ones lose their partner.
    let file = write(stage.data.path(), "new.toml", &CATALOG.replace("30d", "90m"));
    let replay = |from: &str, more: &[&str]| replay(&stage, &file, from, more);
    let dry = replay("2025-11-01", &["--dry-run"]);
    assert_eq!(told(&dry, "before"), before);
    let foretold = told(&dry, "after");
    let (orders, changed) = sum(&dry);
    assert_eq!(orders, ORDERS);
    assert!((80..ORDERS).contains(&changed), "{changed}");
    let partner = &dry.events("replay_partner")[1];
    assert_eq!(
        (&partner["name"], &partner["lost"], &partner["won"]),
        (&"Partner".into(), &changed.into(), &0.into())
    );
    assert_eq!((changed_by(&dry, "shares"), changed_by(&dry, "rate")), (changed, 0));
    a_new_rate_and_a_missing_one_are_foretold(&stage);
    assert_eq!(content(&stage), all, "a dry run changes nothing");
    assert_eq!(stage.tributary(&["catalog", "list", "--json"]).expect(0).events("version").len(), 1);

    // Of the last hour only.
    let later = NOON.forth(60 * MINUTE_MS).to_string();
    let half = sum(&replay(&later, &["--dry-run"]));
    assert!(half.0 < orders && half.1 == half.0, "{half:?}");
    let none = sum(&replay(&NOON.forth(9 * HOUR_MS).to_string(), &["--dry-run"]));
    assert_eq!(none, (0, 0));

    let applied = replay("2025-11-01", &[]);
    assert_eq!((told(&applied, "after"), applied.events("applied").len()), (foretold.clone(), 1));
    clean(&stage);
    let deadline = std::time::Instant::now() + super::repair::PATIENCE;
    while stored(&stage) != foretold {
        assert!(std::time::Instant::now() < deadline, "{:?} is not {foretold:?}", stored(&stage));
        std::thread::yield_now();
    }
    let again = replay("2025-11-01", &[]);
    assert_eq!((sum(&again), again.events("unchanged").len()), ((ORDERS, 0), 1));
    drop(running);
    let folders = std::fs::read_dir(stage.data.path()).unwrap();
    let left = folders.filter(|it| it.as_ref().unwrap().file_name().to_string_lossy().starts_with("replay"));
    assert_eq!(left.count(), 0, "nothing is left behind");
}

#[test]
fn a_replay_without_a_catalog_or_date_says_what_is_wanted() {
    let stage = Stage::new();
    let said = stage.tributary(&["replay", "--from", "2026-01-01", "--dry-run"]).expect(1);
    assert!(said.err.contains("--catalog FILE"), "{}", said.err);
    let file = write(stage.data.path(), "new.toml", CATALOG);
    let said = stage.tributary(&["replay", "--from", "2026-01-01", "--catalog", &file]).expect(1);
    assert!(said.err.contains("tributary catalog apply"), "{}", said.err);
    let said = stage.tributary(&["replay", "--from", "yesterday", "--catalog", &file]).expect(2);
    assert!(said.err.contains("with its zone"), "{}", said.err);
    let wrong = write(stage.data.path(), "wrong.toml", "[[offer]]\nid = 1\n");
    let said = stage.tributary(&["replay", "--from", "2026-01-01", "--catalog", &wrong]).expect(1);
    assert!(said.out.contains("wrong.toml:"), "{}", said.out);
}
