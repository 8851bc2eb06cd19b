//! Up to which instant everything is here, and whom nobody waits for any more.
//!
//! In: what an audit found, by life of a writer. Out: the instant, and who holds it back; retirements, each logged in `audit_log`. Shown to people
//! and used by the audit alone: no decision waits for it. Start at [`complete_up_to`].

use std::collections::BTreeMap;

use clickhouse::Row;
use serde::Deserialize;
use units::{EpochMs, Origin, SECOND_MS, WriterId};

use super::{AUDIT_LOG, INPUTS_WITH_TIMES};
use crate::{client::Warehouse, error::EngineError, migrate::escaped, native::Columns};

/// One life of a writer, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifeSeen {
    /// Which spool.
    pub writer: WriterId,
    /// Which life.
    pub incarnation: u32,
    /// All its records up to here are stored.
    pub stored_at: EpochMs,
    /// Something of it is missing.
    pub has_gap: bool,
    /// Its spool was looked at, so that nothing else of it can be on its way.
    pub is_here: bool,
}

/// Up to when everything is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Complete {
    /// The instant.
    pub at: EpochMs,
    /// The writer and life that holds it back, if one does.
    pub held_by: Option<(WriterId, u32)>,
}

/// The smallest of the writers' times. `looked_at` is when their spools were looked at; `retired` says up to which life of a writer nothing is
/// waited for any more.
#[must_use]
pub fn complete_up_to(lives: &[LifeSeen], retired: &BTreeMap<WriterId, u32>, looked_at: EpochMs) -> Complete {
    let newest = |it: &LifeSeen| {
        !lives.iter().any(|other| other.writer == it.writer && it.incarnation < other.incarnation)
    };
    let is_waited_for = |it: &&LifeSeen| {
        let is_retired = retired.get(&it.writer).is_some_and(|last| it.incarnation <= *last);
        // A life that is over and whole, or whose spool is here, has nothing more to say of the time before.
        !is_retired && (it.has_gap || newest(it) && !it.is_here)
    };
    let holder = lives.iter().filter(is_waited_for).min_by_key(|it| it.stored_at);
    match holder.filter(|it| it.stored_at < looked_at) {
        Some(it) => Complete { at: it.stored_at, held_by: Some((it.writer, it.incarnation)) },
        None => Complete { at: looked_at, held_by: None },
    }
}

#[derive(Row, Deserialize)]
struct Last {
    writer: u32,
    incarnation: u32,
    at: i64,
}

#[derive(Row, Deserialize)]
struct Noted {
    key: String,
    value: String,
}

impl Warehouse {
    /// When each writer's newest stored record was made, by life.
    pub async fn last_times(&self) -> Result<BTreeMap<(WriterId, u32), EpochMs>, EngineError> {
        let found: Vec<Last> = self
            .rows(&format!(
                "SELECT writer, incarnation, toUnixTimestamp64Milli(max(made_at)) AS at FROM ({INPUTS_WITH_TIMES}) GROUP BY writer, incarnation"
            ))
            .await?;
        let entry = |it: Last| ((WriterId(it.writer), it.incarnation), instant(it.at));
        Ok(found.into_iter().map(entry).collect())
    }

    /// When a stored record was made; its life's first second where it is not there.
    pub async fn time_of(&self, origin: Origin) -> Result<EpochMs, EngineError> {
        let Origin { writer, incarnation, sequence } = origin;
        let found: Vec<Last> = self
            .rows(&format!(
                "SELECT writer, incarnation, toUnixTimestamp64Milli(made_at) AS at FROM ({INPUTS_WITH_TIMES}) \
                 WHERE writer = {writer} AND incarnation = {incarnation} AND sequence = {sequence} LIMIT 1"
            ))
            .await?;
        let begun = EpochMs(u64::from(incarnation) * SECOND_MS);
        Ok(found.first().map_or(begun, |it| instant(it.at)))
    }

    /// Nothing more is waited for of this life of a writer and those before. Logged, with the reason.
    pub async fn retire(
        &self,
        writer: WriterId,
        incarnation: u32,
        now: EpochMs,
        why: &str,
    ) -> Result<(), EngineError> {
        self.set_program(&format!("retired {writer}"), &incarnation.to_string()).await?;
        self.log_audit(now, "retired", &format!("{writer}-{incarnation}"), (0, 0), why).await
    }

    /// Up to which life each retired writer is.
    pub async fn retired(&self) -> Result<BTreeMap<WriterId, u32>, EngineError> {
        let found: Vec<Noted> =
            self.rows("SELECT key, value FROM program FINAL WHERE startsWith(key, 'retired ')").await?;
        let entry = |it: &Noted| {
            Some((WriterId(it.key.strip_prefix("retired ")?.parse().ok()?), it.value.parse().ok()?))
        };
        Ok(found.iter().filter_map(entry).collect())
    }

    /// Notes what an audit at `now` found, for those who do not want to audit again.
    pub async fn note_complete(&self, complete: Complete, now: EpochMs) -> Result<(), EngineError> {
        let held = complete.held_by.map_or_else(String::new, |(writer, life)| format!("{writer}-{life}"));
        self.set_program("complete", &format!("{} {} {held}", complete.at.0, now.0)).await?;
        self.log_audit(now, "complete", &complete.at.to_string(), (0, 0), &held).await
    }

    /// What the last audit noted, and when that was.
    pub async fn noted_complete(&self) -> Result<Option<(Complete, EpochMs)>, EngineError> {
        let text = self.program("complete").await?.unwrap_or_default();
        let mut words = text.split(' ');
        let mut instant = || words.next()?.parse().ok().map(EpochMs);
        let (Some(at), Some(now)) = (instant(), instant()) else { return Ok(None) };
        let held_by = words
            .next()
            .and_then(|it| it.split_once('-'))
            .and_then(|(writer, life)| Some((WriterId(writer.parse().ok()?), life.parse().ok()?)));
        Ok(Some((Complete { at, held_by }, now)))
    }

    pub(super) async fn log_audit(
        &self,
        now: EpochMs,
        what: &str,
        subject: &str,
        (expected, found): (u64, u64),
        detail: &str,
    ) -> Result<(), EngineError> {
        let mut block = Columns::new(AUDIT_LOG);
        block.u64(now.0);
        block.text(what);
        block.text(&escaped(subject));
        block.u64(expected);
        block.u64(found);
        block.text(detail);
        block.end_row();
        let names = AUDIT_LOG.iter().map(|it| it.name).collect::<Vec<_>>().join(", ");
        self.insert("audit_log", names, &block).await
    }
}

fn instant(ms: i64) -> EpochMs {
    EpochMs(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Batch,
        tests::world::{NOON, click, run, value, warehouse},
    };

    fn life(writer: u32, incarnation: u32, stored_at: u64, has_gap: bool, is_here: bool) -> LifeSeen {
        LifeSeen { writer: WriterId(writer), incarnation, stored_at: EpochMs(stored_at), has_gap, is_here }
    }

    #[test]
    fn the_slowest_writer_that_still_lives_says_how_far_everything_is_there() {
        let cases: [(&str, &[LifeSeen], u64, Option<u32>); 6] = [
            ("nobody ever wrote", &[], 100, None),
            ("all spools are here, and stored", &[life(1, 1, 10, false, true)], 100, None),
            ("a gap holds it back", &[life(1, 1, 10, true, true), life(2, 1, 5, false, true)], 10, Some(1)),
            ("so does a silent writer elsewhere", &[life(1, 1, 70, false, false)], 70, Some(1)),
            (
                "a life that was followed by another does not",
                &[life(1, 1, 10, false, false), life(1, 2, 90, false, false)],
                90,
                Some(1),
            ),
            ("nor does a retired one", &[life(9, 4, 10, true, false)], 100, None),
        ];
        let retired = BTreeMap::from([(WriterId(9), 4)]);
        for (name, lives, at, held_by) in cases {
            let got = complete_up_to(lives, &retired, EpochMs(100));
            assert_eq!((got.at.0, got.held_by.map(|(it, _)| it.0)), (at, held_by), "{name}");
        }
        let again = [life(9, 5, 20, false, false)];
        assert_eq!(
            complete_up_to(&again, &retired, EpochMs(100)).at.0,
            20,
            "who speaks again is waited for again"
        );
    }

    #[test]
    fn times_and_retirements_are_found_again() {
        run(async {
            let warehouse = warehouse().await;
            let mut batch = Batch::new();
            for sequence in [1, 2, 4] {
                batch.click(&click(sequence, NOON.forth(sequence)));
            }
            warehouse.write("a", &batch).await.unwrap();
            let life = (WriterId(1), 1);
            assert_eq!(warehouse.last_times().await.unwrap(), BTreeMap::from([(life, NOON.forth(4))]));
            let origin = |sequence| Origin { writer: WriterId(1), incarnation: 1, sequence };
            assert_eq!(warehouse.time_of(origin(2)).await.unwrap(), NOON.forth(2));
            assert_eq!(warehouse.time_of(origin(3)).await.unwrap(), EpochMs(SECOND_MS));

            assert_eq!(warehouse.retired().await.unwrap(), BTreeMap::new());
            warehouse.retire(WriterId(1), 7, NOON, "gone for ever").await.unwrap();
            assert_eq!(warehouse.retired().await.unwrap(), BTreeMap::from([(WriterId(1), 7)]));
            assert_eq!(
                value(&warehouse, "SELECT detail FROM audit WHERE what = 'retired'").await,
                "gone for ever"
            );

            assert_eq!(warehouse.noted_complete().await.unwrap(), None);
            let complete = Complete { at: NOON, held_by: Some((WriterId(3), 9)) };
            warehouse.note_complete(complete, NOON.forth(5)).await.unwrap();
            assert_eq!(warehouse.noted_complete().await.unwrap(), Some((complete, NOON.forth(5))));
        });
    }
}
