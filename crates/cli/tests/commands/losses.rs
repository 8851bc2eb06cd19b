//! P4: records that are lost or damaged at random in the spool, the topics or `ClickHouse` are named exactly, with the places they are missing from and
//! those that still have them; and `audit --repair` puts back what any of these still has.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use journal::spool::{Options, Writer, frame};
use serde_json::Value;
use units::Origin;
use warehouse::{Roller, RollerOptions};

use super::{
    audit::{ALL, Log},
    stage::{NOON, Stage, WRITER, click, encoded_click, run},
};
use crate::Said;

/// Records of one life, in segments of a few hundred.
const RECORDS: u64 = 3_000;
const SEGMENT_BYTES: u64 = 64 * 1024;

/// Numbers from a seed: xorshift, so that a failing run repeats.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    /// So many distinct sequences of a life.
    fn sequences(&mut self, count: usize) -> BTreeSet<u64> {
        let mut chosen = BTreeSet::new();
        while chosen.len() < count {
            chosen.insert(self.below(RECORDS) + 1);
        }
        chosen
    }
}

/// Seeds, and how many records are lost with each: once, or as often as `TRIBUTARY_TEST_ROUNDS` says.
fn cases(test: u64) -> Vec<(u64, usize)> {
    let said = std::env::var_os("TRIBUTARY_TEST_ROUNDS");
    let rounds = said.and_then(|it| it.to_str()?.parse().ok()).unwrap_or(1_u64);
    let round = |round| [1, 7, 1_000].map(|count| (1_000_000 * test + 1_000 * round + count as u64, count));
    (0..rounds).flat_map(round).collect()
}

/// A closed life, and a younger one that says where it ended. The older one's incarnation.
fn spool(data: &Path) -> u32 {
    let options = || Options { segment_bytes: SEGMENT_BYTES, payload_bytes_max: 2_048, ..Options::default() };
    let open = || Writer::open(&data.join("spool"), WRITER, NOON, options()).unwrap();
    let mut writer = open();
    let incarnation = writer.incarnation();
    for sequence in 1..=RECORDS {
        writer.append(&encoded_click(Origin { writer: WRITER, incarnation, sequence })).unwrap();
    }
    writer.close().unwrap();
    open().close().unwrap();
    incarnation
}

fn origin(incarnation: u32, sequence: u64) -> Origin {
    Origin { writer: WRITER, incarnation, sequence }
}

fn store(stage: &Stage, incarnation: u32, sequences: impl Iterator<Item = u64>) {
    stage.store(|batch| {
        for sequence in sequences {
            batch.click(&click(origin(incarnation, sequence)));
        }
    });
}

/// Deletes facts as a careless hand does.
fn delete(stage: &Stage, sequences: &BTreeSet<u64>) {
    let list = sequences.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let delete =
        format!("ALTER TABLE clicks_log DELETE WHERE sequence IN ({list}) SETTINGS mutations_sync = 2");
    run(stage.warehouse.client().query_raw(&delete).execute()).unwrap();
}

/// What was named: sequences by the places they are missing from, and where each of them still is.
fn named(said: &Said, incarnation: u32) -> Vec<(BTreeSet<u64>, String, String)> {
    let writers = said.events("writer");
    let of = writers.iter().find(|it| it["writer"] == WRITER.0 && it["incarnation"] == incarnation).unwrap();
    let mut named = Vec::<(BTreeSet<u64>, String, String)>::new();
    for gap in of["gaps"].as_array().unwrap() {
        let text = |key: &str| {
            let places = gap[key].as_array().unwrap().iter().map(|it| it.as_str().unwrap());
            places.collect::<Vec<_>>().join("+")
        };
        let (missing, still) = (text("missing_in"), text("still_in"));
        let range = gap["first"].as_u64().unwrap()..=gap["last"].as_u64().unwrap();
        match named.iter_mut().find(|it| it.1 == missing) {
            Some(known) => known.0.extend(range),
            None => named.push((range.collect(), missing, still)),
        }
    }
    named.sort();
    named
}

fn wanted(of: &[(&BTreeSet<u64>, &str, &str)]) -> Vec<(BTreeSet<u64>, String, String)> {
    let mut wanted: Vec<_> = of
        .iter()
        .filter(|it| !it.0.is_empty())
        .map(|(sequences, missing, still)| ((*sequences).clone(), (*missing).to_owned(), (*still).to_owned()))
        .collect();
    wanted.sort();
    wanted
}

fn audit(stage: &Stage, more: &[&str]) -> Said {
    stage.tributary(&[ALL.as_slice(), &["--wait-seconds", "0"], more].concat())
}

fn sum(said: &Said) -> Value {
    said.events("audit")[0].clone()
}

fn roll(stage: &Stage) {
    let mut roller = Roller::new(stage.warehouse.clone(), RollerOptions::default());
    run(roller.roll_once()).unwrap();
}

/// A record's sequence, where its payload begins in its file, and the payload's length.
type Framed = (u64, usize, usize);

/// Segments of the older life, with the frames of records in each.
fn segments(data: &Path, incarnation: u32) -> Vec<(PathBuf, Vec<Framed>)> {
    let folder = data.join("spool").join(WRITER.0.to_string()).join(incarnation.to_string());
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    paths.retain(|it| it.extension().is_some_and(|it| it == "seg"));
    paths.sort();
    let frames = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        let (mut at, mut frames) = (0, Vec::new());
        while at + frame::HEADER_BYTES < bytes.len() {
            if bytes[at..at + 2] != frame::MAGIC {
                at += frame::ALIGNMENT;
                continue;
            }
            let length = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
            let sequence = u64::from_le_bytes(bytes[at + 8..at + 16].try_into().unwrap());
            // A record and not a note of the spool's own.
            if bytes[at + 3] & 1 == 0 {
                frames.push((sequence, at + frame::HEADER_BYTES, length));
            }
            at += frame::padded(length);
        }
        frames
    };
    paths.into_iter().map(|path| (path.clone(), frames(&path))).collect()
}

#[test]
fn records_with_a_flipped_bit_in_the_spool_are_named_exactly() {
    for (seed, count) in cases(1) {
        let stage = Stage::new();
        let incarnation = spool(stage.data.path());
        store(&stage, incarnation, 1..=RECORDS);
        let mut chance = Chance::new(seed);
        let chosen = chance.sequences(count);
        for (path, frames) in segments(stage.data.path(), incarnation) {
            let mut bytes = fs::read(&path).unwrap();
            for (sequence, at, length) in frames {
                if chosen.contains(&sequence) {
                    let byte = at + usize::try_from(chance.below(length as u64)).unwrap();
                    bytes[byte] ^= 1 << chance.below(8);
                }
            }
            fs::write(&path, bytes).unwrap();
        }
        // Whole elsewhere: named, and nothing is lost.
        let said = audit(&stage, &[]).expect(0);
        assert_eq!(named(&said, incarnation), wanted(&[(&chosen, "spool", "clickhouse")]), "seed {seed}");
        assert_eq!(sum(&said)["spool_gaps"], count);

        // Of some of them the fact goes too, and of others only that.
        let gone = chance.sequences(count);
        delete(&stage, &gone);
        let (both, spool_only): (BTreeSet<u64>, BTreeSet<u64>) =
            chosen.iter().partition(|it| gone.contains(it));
        let facts_only: BTreeSet<u64> = gone.difference(&chosen).copied().collect();
        let said = audit(&stage, &[]).expect(1);
        let want = wanted(&[
            (&both, "spool+clickhouse", ""),
            (&spool_only, "spool", "clickhouse"),
            (&facts_only, "clickhouse", "spool"),
        ]);
        assert_eq!(named(&said, incarnation), want, "seed {seed}");

        // What the spool still has comes back; what nobody has is left, with the reason.
        let said = audit(&stage, &["--repair"]).expect(i32::from(!both.is_empty()));
        let want = wanted(&[(&both, "spool+clickhouse", ""), (&spool_only, "spool", "clickhouse")]);
        assert_eq!(named(&said, incarnation), want, "seed {seed}");
        let repair = said.events("repair");
        let facts = repair.iter().find(|it| it["place"] == "clickhouse").unwrap();
        assert_eq!(facts["repaired"], facts_only.len(), "{facts}");
        assert_eq!(facts["why"].as_str().unwrap().contains("in no spool or topic"), !both.is_empty());
    }
}

#[test]
fn a_file_that_is_gone_and_one_that_is_cut_are_named_by_their_records() {
    for (seed, _) in cases(4) {
        let stage = Stage::new();
        let incarnation = spool(stage.data.path());
        store(&stage, incarnation, 1..=RECORDS);
        let segments = segments(stage.data.path(), incarnation);
        assert!(segments.len() > 5, "{}", segments.len());
        let mut chance = Chance::new(seed);
        let gone = usize::try_from(chance.below(segments.len() as u64 - 1)).unwrap();
        let (path, frames) = &segments[gone];
        let mut lost: BTreeSet<u64> = frames.iter().map(|it| it.0).collect();
        fs::remove_file(path).unwrap();
        // The last one, whose end only the next life knows.
        let (path, frames) = segments.last().unwrap();
        let cut = usize::try_from(chance.below(frames.len() as u64)).unwrap();
        lost.extend(frames[cut..].iter().map(|it| it.0));
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(frames[cut].1 as u64 + 3).unwrap();
        let said = audit(&stage, &[]).expect(0);
        let found = named(&said, incarnation).remove(0).0;
        let differs: Vec<u64> = found.symmetric_difference(&lost).copied().collect();
        assert!(differs.is_empty(), "seed {seed}, file {gone}, cut {cut} of {}: {differs:?}", frames.len());
        assert_eq!(named(&said, incarnation), wanted(&[(&lost, "spool", "clickhouse")]), "seed {seed}");
    }
}

#[test]
fn deleted_facts_are_named_exactly_and_come_back_from_the_spool() {
    for (seed, count) in cases(2) {
        let stage = Stage::new();
        let incarnation = spool(stage.data.path());
        store(&stage, incarnation, 1..=RECORDS);
        let rows = || {
            let select = "SELECT toString(cityHash64(groupArray(tuple(*)))) FROM (SELECT * FROM clicks_log FINAL ORDER BY event_id)";
            run(stage.warehouse.client().query(select).fetch_one::<String>()).unwrap()
        };
        let before = rows();
        let chosen = Chance::new(seed).sequences(count);
        delete(&stage, &chosen);
        let plan = audit(&stage, &["--repair", "--dry-run"]).expect(1);
        assert_eq!(named(&plan, incarnation), wanted(&[(&chosen, "clickhouse", "spool")]), "seed {seed}");
        assert_eq!(sum(&plan)["gaps"], count);
        let of_facts = plan.events("repair_plan").into_iter().find(|it| it["place"] == "clickhouse").unwrap();
        assert_eq!(of_facts["wrong"], count);
        assert_ne!(rows(), before, "a dry run changes nothing");

        let said = audit(&stage, &["--repair"]).expect(0);
        let repair = said.events("repair");
        assert_eq!(repair.iter().find(|it| it["place"] == "clickhouse").unwrap()["repaired"], count);
        assert_eq!(rows(), before, "every column as it was");
        roll(&stage);
        let said = audit(&stage, &[]).expect(0);
        assert_eq!(
            (&sum(&said)["quarters_not_rolled"], &sum(&said)["cell_mismatches"]),
            (&0.into(), &0.into())
        );
    }
}

/// Its cell still says what it was.
#[test]
fn a_fact_that_was_altered_is_noticed_by_its_cell_and_mended_from_the_spool() {
    let stage = Stage::new();
    let incarnation = spool(stage.data.path());
    store(&stage, incarnation, 1..=RECORDS);
    let alter = "ALTER TABLE clicks_log UPDATE country = 'FR', verdict = 'bot' WHERE sequence = 1234 SETTINGS mutations_sync = 2";
    run(stage.warehouse.client().query_raw(alter).execute()).unwrap();
    let said = audit(&stage, &[]).expect(1);
    assert_eq!((&sum(&said)["gaps"], &sum(&said)["cell_mismatches"]), (&0.into(), &2.into()));
    audit(&stage, &["--repair"]).expect(0);
    roll(&stage);
    audit(&stage, &[]).expect(0);
    let select = "SELECT country || ' ' || verdict FROM clicks_log FINAL WHERE sequence = 1234";
    assert_eq!(run(stage.warehouse.client().query(select).fetch_one::<String>()).unwrap(), "DE valid");
}

/// A cell that a hand has changed is rolled again, whatever its version.
#[test]
fn a_wrong_cell_is_rolled_again() {
    let stage = Stage::new();
    let incarnation = spool(stage.data.path());
    store(&stage, incarnation, 1..=RECORDS);
    let wrong =
        "INSERT INTO cells SELECT * REPLACE (clicks + 1 AS clicks, ver + 100 AS ver) FROM cells FINAL";
    run(stage.warehouse.client().query_raw(wrong).execute()).unwrap();
    audit(&stage, &[]).expect(1);
    audit(&stage, &["--repair"]).expect(0);
    roll(&stage);
    let said = audit(&stage, &[]).expect(0);
    assert_eq!(sum(&said)["quarters_not_rolled"], 0);
}

// fault 64: acknowledged to the shipper, and never in the topic.
#[test]
fn records_missing_from_the_topics_are_named_exactly_and_shipped_again() {
    for (seed, count) in cases(3) {
        let (stage, log) = (Stage::new(), Log::new(&format!("losses-{seed}")));
        let incarnation = spool(stage.data.path());
        let mut chance = Chance::new(seed);
        let (unshipped, unstored) = (chance.sequences(count), chance.sequences(count));
        let left = |but: &BTreeSet<u64>| (1..=RECORDS).filter(|it| !but.contains(it)).collect::<Vec<_>>();
        log.ship(left(&unshipped).into_iter().map(|it| origin(incarnation, it)));
        store(&stage, incarnation, left(&unstored).into_iter());
        let both: BTreeSet<u64> = unshipped.intersection(&unstored).copied().collect();
        let topics: BTreeSet<u64> = unshipped.difference(&unstored).copied().collect();
        let facts: BTreeSet<u64> = unstored.difference(&unshipped).copied().collect();
        let want = wanted(&[
            (&both, "topics+clickhouse", "spool"),
            (&topics, "topics", "spool+clickhouse"),
            (&facts, "clickhouse", "spool+topics"),
        ]);
        assert_eq!(named(&log.audit(&stage, &[]).expect(1), incarnation), want, "seed {seed}");

        // The topics get theirs; what is only missing behind them is stored; the rest is the pipeline's to store, which does not run here.
        let said = log.audit(&stage, &["--repair"]).expect(i32::from(!both.is_empty()));
        assert_eq!(
            named(&said, incarnation),
            wanted(&[(&both, "clickhouse", "spool+topics")]),
            "seed {seed}"
        );
        assert_eq!(said.events("repair")[0]["repaired"], count);
        let writer = said.events("writer").into_iter().find(|it| it["incarnation"] == incarnation).unwrap();
        assert_eq!(writer["in_topics"], RECORDS);

        // A record that only a topic still has comes back from there.
        fs::remove_dir_all(stage.data.path().join("spool")).unwrap();
        let said = log.audit(&stage, &["--repair"]).expect(0);
        assert_eq!(named(&said, incarnation), [], "seed {seed}");
        log.audit(&stage, &[]).expect(0);
    }
}

#[test]
fn what_retention_has_removed_is_no_gap() {
    let (stage, log) = (Stage::new(), Log::new("losses-retention"));
    let incarnation = spool(stage.data.path());
    log.ship((1..=RECORDS).map(|it| origin(incarnation, it)));
    store(&stage, incarnation, 1..=RECORDS);
    journal::spool::delete_below(&stage.data.path().join("spool"), WRITER, incarnation, RECORDS / 2).unwrap();
    assert_eq!(named(&log.audit(&stage, &[]).expect(0), incarnation), []);
    log.trim();
    let said = log.audit(&stage, &[]).expect(0);
    assert_eq!(named(&said, incarnation), []);
    assert_eq!(sum(&said)["in_topics"], 0);

    // Even so a fact that goes is named, and comes back from what the spool has left.
    let lost = BTreeSet::from([RECORDS - 1, RECORDS]);
    delete(&stage, &lost);
    let said = log.audit(&stage, &[]).expect(1);
    assert_eq!(named(&said, incarnation), wanted(&[(&lost, "topics+clickhouse", "spool")]));
}

#[test]
fn nobody_answering_is_exit_status_2() {
    let stage = Stage::new();
    let nobody = [("TRIBUTARY_CLICKHOUSE__URL", "http://127.0.0.1:9")];
    stage.tributary_with(&["audit", "--wait-seconds", "0"], &nobody).expect(2);
    let nobody = [("TRIBUTARY_KAFKA__BROKERS", "127.0.0.1:9")];
    stage.tributary_with(&["audit", "--wait-seconds", "0"], &nobody).expect(2);
}
