//! `tributary doctor`.

use std::net::TcpListener;

use super::stage::{Stage, encoded_click, spool};
use crate::{Said, write};

fn grade(said: &Said, what: &str) -> String {
    let findings = said.events("finding");
    let finding =
        findings.iter().find(|it| it["what"] == what).unwrap_or_else(|| panic!("{what}: {}", said.out));
    finding["grade"].as_str().unwrap().to_owned()
}

#[test]
fn a_program_in_order_has_nothing_that_fails() {
    let stage = Stage::new();
    spool(stage.data.path(), encoded_click, 2);
    let file = write(stage.data.path(), "c.toml", "[[advertiser]]\nid = 1\nname = \"Tea\"\n");
    stage.tributary(&["catalog", "apply", &file]).expect(0);
    let said = stage.tributary(&["doctor", "--json"]).expect(0);
    for what in
        ["data folder", "edge.listen", "catalog", "ClickHouse", "ClickHouse's tables", "spool", "clock"]
    {
        assert_eq!(grade(&said, what), "ok", "{what}: {}", said.out);
    }
    assert_eq!(said.events("doctor")[0]["fail"], 0);
    let table = stage.tributary(&["doctor"]).expect(0);
    assert!(
        table.out.contains("2 records, 2 not stored yet") && table.err.contains("0 failing"),
        "{}",
        table.out
    );
}

#[test]
fn a_taken_port_and_an_absent_warehouse_fail_with_advice() {
    let stage = Stage::new();
    // Takes connections and says nothing.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = stage
        .tributary(&[
            "doctor",
            "--json",
            "--warehouse-admin",
            &address,
            "--clickhouse-url",
            "http://127.0.0.1:9",
        ])
        .expect(1);
    assert_eq!(grade(&said, "warehouse.admin"), "fail");
    assert_eq!(grade(&said, "ClickHouse"), "fail");
    assert_eq!(grade(&said, "catalog"), "warn", "there is none yet");
    let advice: Vec<_> = said.events("finding").into_iter().filter(|it| it["grade"] != "ok").collect();
    assert!(advice.iter().all(|it| it["advice"].as_str().is_some_and(|it| !it.is_empty())), "{advice:?}");
}
