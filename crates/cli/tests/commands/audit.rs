//! `tributary audit`.

use events::Quarantined;
use journal::{
    Position, StreamId,
    kafka::{KafkaSettings, KafkaSink, KafkaSource, topics},
};
use units::{Origin, WriterId};

use super::stage::{NOON, Stage, WRITER, click, encoded_click, run, spool};

/// Long enough for events of any year.
pub(super) const ALL: [&str; 4] = ["audit", "--json", "--days", "100000"];

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
    assert_eq!(cell["differs"], serde_json::json!({"clicks": {"facts": 1, "cell": 2}}), "by its name");
    assert_eq!(cell["facts"].as_array().unwrap().len(), warehouse::cell_measures().len(), "{cell}");
    let table =
        stage.tributary(&[&ALL[..1], &["--days", "100000", "--wait-seconds", "0"]].concat()).expect(1).out;
    assert!(table.contains("clicks 1, not 2"), "{table}");
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

/// A log of the test's own on the shared broker.
pub(super) struct Log {
    prefix: String,
    settings: KafkaSettings,
}

impl Log {
    pub(super) fn new(name: &str) -> Self {
        let prefix = format!("audit-{}-{name}", std::process::id());
        let settings = KafkaSettings::new(xtask::kafka::shared(), "test");
        let topic = |it: &str| topics::Topic::new(&format!("{prefix}.{it}.v1"), 2, 1);
        let wanted = ["clicks", "reports", "quarantine"].map(topic);
        // Just made, a topic may not be known to every broker yet.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while let Err(error) = topics::ensure(&settings, &wanted) {
            assert!(std::time::Instant::now() < deadline, "{error}");
        }
        Self { prefix, settings }
    }

    pub(super) fn ship(&self, clicks: impl Iterator<Item = Origin>) {
        let mut sink = KafkaSink::open(&self.settings).unwrap();
        for origin in clicks {
            let key = origin.sequence.to_be_bytes();
            sink.append(&format!("{}.clicks.v1", self.prefix), &key, &encoded_click(origin)).unwrap();
        }
        sink.flush(std::time::Duration::from_secs(30)).unwrap();
    }

    /// Retention passes: whatever is in the topics by now is gone.
    pub(super) fn trim(&self) {
        let source = KafkaSource::open(&self.settings).unwrap();
        let mut ends = Vec::new();
        for name in ["clicks", "reports", "quarantine"] {
            let topic: std::sync::Arc<str> = format!("{}.{name}.v1", self.prefix).into();
            for partition in 0..2 {
                let (_, next) = source.range(&topic, partition).unwrap();
                ends.push(Position { stream: StreamId::Topic { topic: topic.clone(), partition }, next });
            }
        }
        topics::trim(&self.settings, &ends).unwrap();
    }

    pub(super) fn audit(&self, stage: &Stage, more: &[&str]) -> crate::Said {
        self.tributary(stage, &[ALL.as_slice(), &["--wait-seconds", "0"], more].concat())
    }

    /// Runs the binary with this log in its settings.
    pub(super) fn tributary(&self, stage: &Stage, arguments: &[&str]) -> crate::Said {
        let settings = [
            ("TRIBUTARY_KAFKA__BROKERS", xtask::kafka::shared()),
            ("TRIBUTARY_KAFKA__PREFIX", &self.prefix),
            ("TRIBUTARY_KAFKA__PARTITIONS", "2"),
        ];
        stage.tributary_with(arguments, &settings)
    }

    /// Puts a record into quarantine as an edge's shipper does.
    pub(super) fn quarantine(&self, record: &Quarantined) {
        let mut bytes = Vec::new();
        record.clone().encode(&mut bytes).unwrap();
        let mut sink = KafkaSink::open(&self.settings).unwrap();
        sink.append(&format!("{}.quarantine.v1", self.prefix), record.place.as_bytes(), &bytes).unwrap();
        sink.flush(std::time::Duration::from_secs(30)).unwrap();
    }
}

/// First, last and places of each gap of the only writer.
pub(super) fn gaps(said: &crate::Said) -> Vec<(u64, u64, String)> {
    let writers = said.events("writer");
    assert_eq!(writers.len(), 1, "{writers:?}");
    let gaps = writers[0]["gaps"].as_array().unwrap().iter();
    gaps.map(|it| (it["first"].as_u64().unwrap(), it["last"].as_u64().unwrap(), it["missing_in"].to_string()))
        .collect()
}

#[test]
fn each_gap_is_named_with_the_places_it_is_missing_from() {
    let (stage, log) = (Stage::new(), Log::new("places"));
    let incarnation = spool(stage.data.path(), encoded_click, 9);
    let origin = |sequence| Origin { writer: WRITER, incarnation, sequence };
    // Shipped twice, as after a crash, but for 3, 4, 7 and 9; stored but for 3, 5 and 9.
    for _ in 0..2 {
        log.ship([1, 2, 5, 6, 8].map(origin).into_iter());
    }
    stage.store(|batch| {
        for sequence in [1, 2, 4, 6, 7, 8] {
            batch.click(&click(origin(sequence)));
        }
    });
    let said = log.audit(&stage, &[]).expect(1);
    let (topics, both) = (r#"["topics"]"#, r#"["topics","clickhouse"]"#);
    let want = [(3, 3, both), (4, 4, topics), (5, 5, r#"["clickhouse"]"#), (7, 7, topics), (9, 9, both)];
    assert_eq!(gaps(&said), want.map(|(first, last, places)| (first, last, places.to_owned())));
    let sum = &said.events("audit")[0];
    assert_eq!((sum["gaps"].as_u64(), sum["topic_gaps"].as_u64()), (Some(3), Some(2)), "{sum}");

    log.ship([3, 4, 7, 9].map(origin).into_iter());
    stage.store(|batch| {
        for sequence in [3, 5, 9] {
            batch.click(&click(origin(sequence)));
        }
    });
    let said = log.audit(&stage, &[]).expect(0);
    assert_eq!(gaps(&said), []);
    assert_eq!(said.events("writer")[0]["in_topics"], 9);
}

/// An edge on another machine: its records are known by the topics alone.
#[test]
fn what_edges_elsewhere_shipped_is_expected_in_clickhouse() {
    let (stage, log) = (Stage::new(), Log::new("elsewhere"));
    let origin = |sequence| Origin { writer: WriterId::new(7, 0), incarnation: 5, sequence };
    log.ship((1..=6).map(origin));
    stage.store(|batch| {
        for sequence in [1, 2, 3, 6] {
            batch.click(&click(origin(sequence)));
        }
    });
    let said = log.audit(&stage, &[]).expect(1);
    assert_eq!(gaps(&said), [(4, 5, r#"["clickhouse"]"#.to_owned())]);
    assert_eq!(said.events("writer")[0]["end"], "elsewhere");
    // Everything before the gap is here: the third record was made three seconds after eleven.
    let sum = &said.events("audit")[0];
    assert_eq!(sum["complete_up_to"], NOON.back(units::HOUR_MS).forth(3_000).to_string());
    assert_eq!(sum["held_by"], WriterId::new(7, 0).0);
}

#[test]
fn a_writer_that_is_given_up_holds_nothing_back() {
    let stage = Stage::new();
    let origin = |sequence| Origin { writer: WriterId::new(7, 0), incarnation: 5, sequence };
    stage.store(|batch| {
        batch.click(&click(origin(1)));
    });
    let audit = |more: &[&str]| {
        let arguments = [ALL.as_slice(), &["--wait-seconds", "0", "--retire-after-hours", "1000000"], more];
        stage.tributary(&arguments.concat()).expect(0).events("audit").remove(0)
    };
    let held = audit(&[]);
    assert_eq!(held["complete_up_to"], NOON.back(units::HOUR_MS).forth(1_000).to_string());
    assert_eq!(held["held_by"], WriterId::new(7, 0).0);
    let arguments = [ALL.as_slice(), &["--wait-seconds", "0", "--retire", "5"]].concat();
    let unknown = stage.tributary(&arguments).expect(2).err;
    assert!(unknown.contains("there is no writer 5") && unknown.contains("458752"), "{unknown}");
    let free = audit(&["--retire", &WriterId::new(7, 0).to_string()]);
    assert_eq!(free["held_by"], serde_json::Value::Null, "{free}");
    assert!(free["complete_up_to"].as_str() > held["complete_up_to"].as_str());
    assert_eq!(audit(&[])["held_by"], serde_json::Value::Null, "it is remembered");
    let select = "SELECT detail FROM audit_log WHERE what = 'retired'";
    let rows = run(stage.warehouse.client().query(select).fetch_all::<String>()).unwrap();
    assert_eq!(rows, ["by hand"], "and logged");
}
