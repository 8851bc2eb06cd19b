//! Suspicious orders, end to end: counted in ClickHouse, told to the edge, held by the pipeline, and let go again.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use std::{fs, path::Path};

use serde_json::Value;

mod support;

use self::support::{
    PATIENCE, Up, eventually, eventually_within, folder, shop::postback, tributary, web::follow,
};

/// The example's catalog with a limit of clicks an hour.
fn catalog(clicks_per_hour: u32) -> String {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/catalog.toml");
    fs::read_to_string(example).unwrap() + &format!("\n[fraud]\nclicks_per_hour = {clicks_per_hour}\n")
}

/// A command on the running product, with what it said.
fn command(up: &Up, arguments: &[&str]) -> (i32, Vec<Value>, String) {
    let output = tributary(arguments)
        .args(["--json", "--data"])
        .arg(&up.data)
        .args(["--engine-listen", &up.ports.engine.to_string(), "--edge-admin", &up.ports.admin.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let events = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    (output.status.code().unwrap_or(-1), events, text + &String::from_utf8_lossy(&output.stderr))
}

/// Scores until that many orders are held, cleared and changed by it.
#[track_caller]
fn scores(up: &Up, flags: &[&str], [held, cleared, changed]: [u64; 3]) -> Vec<Value> {
    eventually("the scorer finds it so", || {
        let (status, events, said) = command(up, &[&["score"], flags].concat());
        let scored = events.iter().find(|it| it["event"] == "scored");
        let found = scored.map(|it| [&it["held"], &it["cleared"], &it["changed"]].map(Value::as_u64));
        if status == 0 && found == Some([held, cleared, changed].map(Some)) { Ok(events) } else { Err(said) }
    })
}

/// Hold, share and money of the flooded order, as analysts' rows have them.
const HELD: &str =
    "SELECT hold, share_ppm, revenue_minor FROM credits_log FINAL WHERE order_id = 'A-1' AND share_ppm > 0";

#[test]
fn a_flood_of_clicks_holds_its_orders_until_the_limit_is_raised() {
    let folder = folder("scores");
    fs::write(folder.join("catalog.toml"), catalog(5)).unwrap();
    let flags = ["--catalog", "catalog.toml", "--edge-threads", "1", "--warehouse-score-every", "0s"];
    let mut up = Up::start(&folder, &flags);
    let clicks: Vec<_> = (0..5).map(|_| follow(&up.edge("/c/tea"), &[])).collect();
    let quiet = follow(&up.edge("/c/pots"), &[]);
    for (order, click) in [("A-1", &clicks[4]), ("A-2", &quiet)] {
        let answer =
            postback(&up, &format!("click_id={}&order_id={order}&amount=30&currency=EUR", click.click_id));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    up.shows(HELD, &[" 1000000 3000"]);
    up.shows("SELECT sum(clicks_valid) FROM rollup_quarter", &["6"]);

    let events = scores(&up, &["--dry-run"], [1, 0, 0]);
    let signal = events.iter().find(|it| it["event"] == "signal").unwrap();
    assert_eq!(
        (&signal["code"], &signal["value_max"], &signal["threshold"]),
        (&"click_flood".into(), &5.into(), &5.into())
    );
    assert_eq!(up.rows("SELECT count() FROM scores_log").unwrap(), ["0"], "nobody was told");

    // Nobody takes the score up before the edge that answered for it is dead as well.
    up.kill("pipeline");
    scores(&up, &[], [1, 0, 0]);
    up.kill("edge");
    up.wait_until_ready();
    up.shows(HELD, &["fraud 1000000 3000"]);
    scores(&up, &[], [0, 0, 0]);
    up.shows("SELECT uniqExact(order_id), countDistinct(signals) FROM scores_log", &["1 1"]);
    up.shows("SELECT hold, share_ppm, revenue_minor FROM credits_log FINAL WHERE order_id = 'A-2' AND share_ppm > 0", &[" 1000000 3000"]);

    fs::write(folder.join("raised.toml"), catalog(6)).unwrap();
    let raised = folder.join("raised.toml");
    let dry_run = ["replay", "--dry-run", "--from", "2020-01-01", "--catalog", raised.to_str().unwrap()];
    let (_, events, said) = command(&up, &dry_run);
    let partner = events.iter().find(|it| it["event"] == "replay_partner" && it["partner"] == 100);
    let held = partner.map(|it| [&it["held_before"], &it["held_after"]]);
    assert_eq!(held, Some([&1.into(), &1.into()]), "a replay does not score anew: {said}");
    let (status, _, said) = command(&up, &["catalog", "apply", raised.to_str().unwrap()]);
    assert_eq!(status, 0, "{said}");
    scores(&up, &[], [0, 1, 0]);
    up.shows(HELD, &[" 1000000 3000"]);
    scores(&up, &[], [0, 0, 0]);
    eventually_within(2 * PATIENCE, "every record of the spools is a fact", || {
        let (status, _, said) = command(&up, &["audit"]);
        if status == 0 { Ok(()) } else { Err(said) }
    });
    let (_, _, said) = command(&up, &["doctor"]);
    assert!(said.contains("records, 0 not stored yet"), "{said}");
}
