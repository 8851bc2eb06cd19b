//! `tributary quarantine`: what an old build could not read is counted, shown, and after the update put where it belongs, once, whoever is killed.

use std::{thread, time::Duration};

use events::Quarantined;
use units::Origin;

use super::{
    audit::{Log, gaps},
    losses::Chance,
    repair::{Edge, Running, clean, column, content, execute, shows, stage},
    stage::{Stage, WRITER, click, encoded_click, spool},
};

/// Orders with their clicks; every third one comes of a later build.
const ORDERS: u64 = 60;
/// What `ORDERS` leaves in quarantine: clicks and reports.
const LATER: u64 = 2 * ORDERS / 3;

fn fill(stage: &Stage, later: Option<u8>, orders: u64) {
    let mut edge = Edge::open(stage.data.path());
    for number in 0..orders {
        edge.click_and_order_of(later.filter(|_| number % 3 == 1));
    }
}

/// What all tables say where there was never a later build.
fn undisturbed(orders: u64) -> Vec<String> {
    let stage = stage();
    fill(&stage, None, orders);
    let _running = Running::start(&stage);
    clean(&stage);
    content(&stage)
}

/// The build that reads is brought up to date: what it did not know has become a version that it does.
fn update(stage: &Stage) {
    let (report, version) = (events::Kind::Report.code(), events::Kind::Report.version());
    execute(
        stage,
        &format!(
            "ALTER TABLE quarantine_log UPDATE bytes = concat(substring(bytes, 1, 2), \
             char(if(ascii(substring(bytes, 2, 1)) = {report}, {version}, 1)), substring(bytes, 4)) WHERE 1 SETTINGS mutations_sync = 2"
        ),
    );
}

fn waiting(stage: &Stage) -> u64 {
    let said = stage.tributary(&["quarantine", "list", "--json"]).expect(0);
    said.events("quarantine").iter().map(|it| it["waiting"].as_u64().unwrap()).sum()
}

#[test]
fn what_a_later_build_wrote_counts_once_after_a_replay() {
    let wanted = undisturbed(ORDERS);
    let stage = stage();
    fill(&stage, Some(9), ORDERS);
    let running = Running::start(&stage);
    clean(&stage);
    let sum = &stage.tributary(&["quarantine", "list", "--json"]).expect(0).events("quarantine")[0];
    assert_eq!((&sum["reason"], &sum["waiting"]), (&"unknown_version".into(), &LATER.into()), "{sum}");
    assert!(sum["to_do"].as_str().unwrap().contains("tributary quarantine replay"), "{sum}");
    let place = sum["example"].as_str().unwrap();
    let shown = stage.tributary(&["quarantine", "show", place]).expect(0).out;
    assert!(shown.contains("version 9 of kind") && shown.contains("leaves it here") && shown.contains("c7 "));
    // This build does not know it yet.
    let said = stage.tributary(&["quarantine", "replay", "--json"]).expect(0);
    let replay = &said.events("quarantine_replay")[0];
    assert_eq!((&replay["replayed"], &replay["stayed"]), (&0.into(), &LATER.into()), "{replay}");
    assert_eq!(replay["why"]["unknown_version"], LATER);

    // The pipeline is away for the update, and has long passed these records.
    drop(running);
    update(&stage);
    let before = content(&stage);
    let said = stage.tributary(&["quarantine", "replay", "--dry-run", "--json"]).expect(0);
    assert_eq!(said.events("quarantine_replay")[0]["would_replay"], LATER, "{}", said.out);
    assert_eq!((content(&stage), waiting(&stage)), (before, LATER));
    let _running = Running::start(&stage);
    let said = stage.tributary(&["quarantine", "replay", "--json"]).expect(0);
    let sum = &said.events("quarantine_replayed")[0];
    assert_eq!((&sum["replayed"], &sum["orders"]), (&LATER.into(), &"said".into()), "{sum}");
    clean(&stage);
    shows(&stage, &wanted);
    assert_eq!(waiting(&stage), 0);
    let replayed = "SELECT toString(countIf(replayed_at > toDateTime(0))) FROM quarantine";
    assert_eq!(column(&stage, replayed), [LATER.to_string()]);
    let shown = stage.tributary(&["quarantine", "show", place, "--json"]).expect(0);
    assert_ne!(shown.events("quarantined")[0]["replayed_at"], "");

    let rows = ["clicks_log", "reports_log", "orders_log", "credits_log", "marks", "program"]
        .map(|it| column(&stage, &format!("SELECT toString(count()) FROM {it}")));
    let said = stage.tributary(&["quarantine", "replay"]).expect(0);
    assert!(said.err.contains("nothing waits in quarantine"), "{}", said.err);
    clean(&stage);
    shows(&stage, &wanted);
    let facts = ["clicks_log", "reports_log"]
        .map(|it| column(&stage, &format!("SELECT toString(count()) FROM {it}")));
    assert_eq!(facts, rows[..2], "nothing was written again");
}

#[test]
fn a_replay_that_is_killed_again_and_again_doubles_nothing() {
    const MANY: u64 = 600;
    let wanted = undisturbed(MANY);
    let stage = stage();
    fill(&stage, Some(9), MANY);
    let _running = Running::start(&stage);
    clean(&stage);
    update(&stage);
    let mut chance = Chance::new(5);
    for _ in 0..6 {
        let mut child = stage.command(&["quarantine", "replay"]).spawn().unwrap();
        thread::park_timeout(Duration::from_millis(chance.below(900)));
        drop(child.kill());
        child.wait().unwrap();
    }
    stage.tributary(&["quarantine", "replay"]).expect(0);
    clean(&stage);
    shows(&stage, &wanted);
    assert_eq!(waiting(&stage), 0);
}

#[test]
fn facts_are_kept_where_no_pipeline_ever_ran_and_it_is_said() {
    let stage = Stage::new();
    let origin = Origin { writer: WRITER, incarnation: 9, sequence: 1 };
    stage.store(|batch| {
        let (reason, place) = ("unknown_version".into(), "spool:65536:9@1".into());
        batch.quarantined(&Quarantined { reason, place, bytes: encoded_click(origin) });
        let (reason, place) = ("no_envelope".into(), "spool:65536:9@2".into());
        batch.quarantined(&Quarantined { reason, place, bytes: b"garbage".to_vec() });
    });
    let said = stage.tributary(&["quarantine", "replay"]).expect(1);
    assert!(said.err.contains("no pipeline has noted anything") && said.err.contains("replay again"));
    assert_eq!(waiting(&stage), 2, "it is not noted as replayed");
    let said = stage.tributary(&["quarantine", "replay", "--reason", "no_envelope", "--json"]).expect(0);
    assert_eq!(said.events("quarantine_replay")[0]["stayed"], 1, "{}", said.out);
    stage.tributary(&["quarantine", "show", "spool:65536:9@3"]).expect(1);
    let list = stage.tributary(&["quarantine", "list", "--reason", "no_envelope"]).expect(0).out;
    assert!(list.contains("spool:65536:9@2") && !list.contains("spool:65536:9@1"), "{list}");
    let none = stage.tributary(&["quarantine", "list", "--reason", "of_tomorrow"]).expect(0).err;
    assert!(none.contains("nothing is in quarantine for the reason of_tomorrow"), "{none}");
}

/// What an edge's shipper did not understand is in the topic alone, until it is put into the topic where it belongs.
#[test]
fn what_a_shipper_put_into_quarantine_is_shipped_after_all() {
    let (stage, log) = (Stage::new(), Log::new("quarantine"));
    let incarnation = spool(stage.data.path(), encoded_click, 3);
    let origin = |sequence| Origin { writer: WRITER, incarnation, sequence };
    log.ship([1, 3].map(origin).into_iter());
    let (reason, place) = ("unknown_version", format!("spool:{WRITER}:{incarnation}:2"));
    let bytes = encoded_click(origin(2));
    log.quarantine(&Quarantined { reason: reason.into(), place: place.as_str().into(), bytes });
    stage.store(|batch| {
        for sequence in [1, 3] {
            batch.click(&click(origin(sequence)));
        }
    });
    assert_eq!(log.audit(&stage, &[]).expect(0).events("writer")[0]["quarantined"], 1);
    let list = log.tributary(&stage, &["quarantine", "list", "--json"]).expect(0);
    let sum = &list.events("quarantine")[0];
    assert_eq!((&sum["waiting"], &sum["example"]), (&1.into(), &place.as_str().into()), "{sum}");

    for replayed in [1, 0] {
        let said = log.tributary(&stage, &["quarantine", "replay", "--json"]).expect(0);
        let sum = &said.events("quarantine_replayed")[0];
        assert_eq!((&sum["replayed"], &sum["orders"]), (&replayed.into(), &"live".into()), "{sum}");
        let said = log.audit(&stage, &[]).expect(0);
        assert_eq!(said.events("writer")[0]["in_topics"], 3, "{}", said.out);
    }
    execute(&stage, "ALTER TABLE clicks_log DELETE WHERE sequence = 2 SETTINGS mutations_sync = 2");
    let said = log.audit(&stage, &[]).expect(1);
    assert_eq!(gaps(&said), [(2, 2, r#"["clickhouse"]"#.to_owned())], "it is excused no longer");
}
