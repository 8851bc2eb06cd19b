//! `tributary audit`.

use events::Quarantined;
use units::Origin;

use super::stage::{Stage, WRITER, click, encoded_click, run, spool};

/// Long enough for events of any year.
const ALL: [&str; 4] = ["audit", "--json", "--days", "100000"];

fn now(stage: &Stage) -> crate::Said {
    stage.tributary(&[ALL.as_slice(), &["--wait-seconds", "0"]].concat())
}

// fault 64: acknowledged, then not there; the segment still is, so the record can come again.
#[test]
fn a_missing_record_is_named_and_later_found() {
    let stage = Stage::new();
    let incarnation = spool(stage.data.path(), encoded_click, 5);
    let origin = |sequence| Origin { writer: WRITER, incarnation, sequence };
    stage.store(|batch| {
        for sequence in [1, 2, 4, 5] {
            batch.click(&click(origin(sequence)));
        }
    });
    let said = now(&stage).expect(1);
    let (sum, writer) = (&said.events("audit")[0], &said.events("writer")[0]);
    assert_eq!(
        (sum["gaps"].as_u64(), sum["spooled"].as_u64(), sum["unknown_at_most"].as_u64()),
        (Some(1), Some(5), Some(0))
    );
    assert_eq!((&writer["gaps"][0]["first"], &writer["gaps"][0]["last"]), (&3.into(), &3.into()));
    assert_eq!(writer["end"], "clean");
    let table = stage.tributary(&["audit", "--wait-seconds", "0"]).expect(1);
    assert!(table.err.contains("1 records missing"), "{}", table.err);

    stage.store(|batch| {
        batch.click(&click(origin(3)));
    });
    let said = now(&stage).expect(0);
    let sum = &said.events("audit")[0];
    assert_eq!((sum["gaps"].as_u64(), sum["cell_mismatches"].as_u64()), (Some(0), Some(0)));
    assert!(sum["cells"].as_u64() > Some(0), "cells were compared: {sum}");
}

#[test]
fn a_wrong_cell_is_found_and_named() {
    let stage = Stage::new();
    let incarnation = spool(stage.data.path(), encoded_click, 1);
    stage.store(|batch| {
        batch.click(&click(Origin { writer: WRITER, incarnation, sequence: 1 }));
    });
    now(&stage).expect(0);
    let wrong = "INSERT INTO cells SELECT * REPLACE (clicks + 1 AS clicks, ver + 1 AS ver) FROM cells FINAL";
    run(stage.warehouse.client().query_raw(wrong).execute()).unwrap();
    let said = now(&stage).expect(1);
    assert_eq!(said.events("audit")[0]["cell_mismatches"], 1);
    let cell = &said.events("cell")[0];
    assert_eq!((&cell["facts"][0], &cell["cell"][0]), (&1.into(), &2.into()), "{cell}");
}

#[test]
fn a_record_in_quarantine_is_accounted_for() {
    let stage = Stage::new();
    let record =
        |origin: Origin| if origin.sequence == 2 { b"garbage".to_vec() } else { encoded_click(origin) };
    let incarnation = spool(stage.data.path(), record, 3);
    stage.store(|batch| {
        for sequence in [1, 3] {
            batch.click(&click(Origin { writer: WRITER, incarnation, sequence }));
        }
    });
    now(&stage).expect(1);
    stage.store(|batch| {
        let place = format!("spool:{WRITER}:{incarnation}@2").into();
        batch.quarantined(&Quarantined { reason: "no_envelope".into(), place, bytes: b"garbage".to_vec() });
    });
    let said = now(&stage).expect(0);
    assert_eq!(said.events("writer")[0]["quarantined"], 1);
}

#[test]
fn the_result_is_shown_by_the_view_too() {
    let stage = Stage::new();
    spool(stage.data.path(), encoded_click, 2);
    now(&stage).expect(1);
    let select = "SELECT detail FROM audit WHERE what = 'sequences' AND NOT ok";
    let rows = run(stage.warehouse.client().query(select).fetch_all::<String>()).unwrap();
    assert_eq!(rows, ["1-2"]);
}
