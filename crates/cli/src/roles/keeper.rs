//! How long the spool's segments stay: until `ClickHouse` has all their records, or until the budget forces them out.
//!
//! In: the spool, what the warehouse says it has. Out: deleted segments, each record counted with the reason. On a thread of its own, which
//! ends with the process; the redirect never waits for it, and a warehouse that is away only means that segments stay longer. Not here:
//! how segments are deleted (`journal::spool`). Start at [`Keeper::start`].

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use journal::{
    PollError,
    spool::{self, Closed, Deleted},
};
use telemetry::{Counter, SpoolDeletion, Telemetry};
use units::{EpochMs, HOUR_MS, SECOND_MS, WriterId};
use warehouse::{EngineError, Expected, Warehouse, stored_before};

use crate::{
    clock,
    commands::{Place, block_on},
    settings::Settings,
};

/// Between two looks at the spool's size: at 20 000 clicks a second it grows by some 200 MB in this time.
const BUDGET_EVERY: Duration = Duration::from_secs(30);
/// Between two questions to the warehouse: each looks at the records of a day or so.
const CONFIRM_EVERY: Duration = Duration::from_mins(15);
/// How much earlier than its file's clock says a record may have been made.
const CLOCK_MS_MAX: u64 = HOUR_MS;

/// Keeps one spool.
#[derive(Debug)]
pub(crate) struct Keeper {
    root: PathBuf,
    bytes_max: u64,
    keep_ms: u64,
    warehouse: Warehouse,
    telemetry: Telemetry,
    /// No record that is left of a life was made before.
    since: BTreeMap<(WriterId, u32), EpochMs>,
}

impl Keeper {
    pub(crate) fn new(settings: &Settings, telemetry: &Telemetry) -> Self {
        let place = Place::new(settings);
        Self {
            root: place.spool(),
            bytes_max: settings.number("edge.spool_max_mib") << 20,
            keep_ms: settings.number("edge.spool_keep_hours").saturating_mul(HOUR_MS),
            warehouse: place.warehouse(),
            telemetry: telemetry.clone(),
            since: BTreeMap::new(),
        }
    }

    /// Looks after the spool until the process ends.
    pub(crate) fn start(mut self) -> io::Result<()> {
        let work = move || {
            let mut asked_at = None::<Instant>;
            loop {
                if asked_at.is_none_or(|at| at.elapsed() >= CONFIRM_EVERY) {
                    asked_at = Some(Instant::now());
                    if let Err(error) = self.delete_confirmed(clock::now()) {
                        tracing::info!(
                            error = format!("{error:#}"),
                            "spool stays as it is: ClickHouse was not asked"
                        );
                    }
                }
                if let Err(error) = self.enforce_budget() {
                    tracing::warn!(%error, "spool's size not looked at");
                }
                thread::park_timeout(BUDGET_EVERY);
            }
        };
        thread::Builder::new().name("spool-keeper".to_owned()).spawn(work).map(drop)
    }

    /// What was not read by then is lost to the pipeline, which refuses to go on in silence.
    fn enforce_budget(&self) -> Result<(), PollError> {
        let deleted = spool::enforce_budget(&self.root, self.bytes_max)?;
        if deleted.records > 0 {
            let (records, bytes) = (deleted.records, deleted.bytes);
            tracing::warn!(records, bytes, "spool over its budget: oldest segments deleted");
        }
        self.count(SpoolDeletion::Budget, &deleted);
        Ok(())
    }

    /// Deletes, of each life of a writer, the old segments from its first one on whose records are all stored.
    fn delete_confirmed(&mut self, now: EpochMs) -> anyhow::Result<()> {
        let old = |it: &Closed| it.written_at <= now.back(self.keep_ms);
        let segments: Vec<Closed> = spool::closed(&self.root)?.into_iter().filter(old).collect();
        for life in segments.chunk_by(|a, b| (a.writer, a.incarnation) == (b.writer, b.incarnation)) {
            let (Some(first), Some(last)) = (life.first(), life.last()) else { continue };
            let (writer, incarnation) = (first.writer, first.incarnation);
            let begun = EpochMs(u64::from(incarnation) * SECOND_MS).back(CLOCK_MS_MAX);
            let since = self.since.get(&(writer, incarnation)).copied().unwrap_or(begun);
            let wanted = Expected { writer, incarnation, first: first.first, last: last.end - 1 };
            let stored = if first.first < last.end {
                block_on(async { Ok(self.stored_before(wanted, since).await?) })?
            } else {
                last.end
            };
            let deleted = spool::delete_below(&self.root, writer, incarnation, stored)?;
            if let Some(gone) = life.iter().rfind(|it| it.end <= stored) {
                self.since.insert((writer, incarnation), gone.written_at.back(CLOCK_MS_MAX));
            }
            if deleted.records > 0 {
                let (records, bytes) = (deleted.records, deleted.bytes);
                tracing::info!(%writer, incarnation, records, bytes, "segments that ClickHouse has are deleted");
            }
            self.count(SpoolDeletion::Confirmed, &deleted);
        }
        Ok(())
    }

    async fn stored_before(&self, wanted: Expected, since: EpochMs) -> Result<u64, EngineError> {
        let stored = stored_before(&self.warehouse, &[wanted], since).await?;
        Ok(stored.first().copied().unwrap_or(wanted.first))
    }

    fn count(&self, reason: SpoolDeletion, deleted: &Deleted) {
        self.telemetry.counter(Counter::SpoolDeleted(reason)).increment(deleted.records);
    }
}

#[cfg(test)]
mod tests {
    use spool::{Options, Writer};

    use super::*;

    const NOON: EpochMs = EpochMs(1_763_812_800_000);
    const WRITER: WriterId = WriterId::new(1, 0);

    fn keeper(root: PathBuf) -> Keeper {
        let server = chdb::testing::shared();
        let warehouse = Warehouse::new(warehouse::Options {
            url: server.url.clone(),
            user: server.user.clone(),
            password: server.password.clone(),
            database: server.fresh_database(),
            ..warehouse::Options::default()
        });
        block_on(async { Ok(warehouse.migrate().await?) }).expect("migrated");
        let telemetry = Telemetry::new("1");
        Keeper { root, bytes_max: 1 << 40, keep_ms: HOUR_MS, warehouse, telemetry, since: BTreeMap::new() }
    }

    /// Clicks of one life, of which only identity and time matter here.
    fn store(keeper: &Keeper, incarnation: u32, at: EpochMs, sequences: impl Iterator<Item = u64>) {
        let ids: Vec<String> =
            sequences.map(|it| format!("'{:08x}{incarnation:08x}{it:016x}'", WRITER.0)).collect();
        let insert = format!(
            "INSERT INTO clicks_log (event_id, at) SELECT toFixedString(unhex(id), 16), toDateTime64({}, 3, 'UTC') \
             FROM (SELECT arrayJoin([{}]) AS id)",
            at.0 / SECOND_MS,
            ids.join(", ")
        );
        block_on(async { Ok(keeper.warehouse.client().query_raw(&insert).execute().await?) })
            .expect("stored");
    }

    fn deleted(keeper: &Keeper, reason: &str) -> u64 {
        let name = format!("tributary_spool_deleted_records_total{{reason=\"{reason}\"}} ");
        let page = keeper.telemetry.render(None);
        page.lines().find_map(|it| it.strip_prefix(&name)).and_then(|it| it.parse().ok()).expect("a number")
    }

    #[test]
    fn a_segment_stays_until_all_its_records_are_stored_and_it_is_old() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options { segment_bytes: 16 * 1024, payload_bytes_max: 1024, ..Options::default() };
        let mut writer = Writer::open(folder.path(), WRITER, NOON, options).expect("a spool");
        for _ in 0..300 {
            writer.append(&[7; 200]).expect("appended");
        }
        let incarnation = writer.incarnation();
        let mut keeper = keeper(folder.path().to_owned());
        let segments = spool::closed(folder.path()).expect("read");
        assert!(segments.len() >= 3, "{segments:?}");
        let (first, last) = (segments[0], segments[segments.len() - 1]);
        let hole = segments[1].first + 1;
        store(&keeper, incarnation, first.written_at, (1..=300).filter(|it| *it != hole));

        let young = first.written_at;
        keeper.delete_confirmed(young).expect("asked");
        assert_eq!(spool::closed(folder.path()).expect("read"), segments, "nothing is old");

        let later = last.written_at.forth(2 * HOUR_MS);
        keeper.delete_confirmed(later).expect("asked");
        assert_eq!(spool::closed(folder.path()).expect("read"), segments[1..], "one record is missing");
        assert_eq!(deleted(&keeper, "confirmed"), first.end - first.first);

        store(&keeper, incarnation, first.written_at, std::iter::once(hole));
        keeper.delete_confirmed(later).expect("asked");
        assert_eq!(spool::closed(folder.path()).expect("read"), [], "only the one being written is left");
        assert_eq!((deleted(&keeper, "confirmed"), deleted(&keeper, "budget")), (last.end - 1, 0));

        for _ in 0..300 {
            writer.append(&[7; 200]).expect("appended");
        }
        keeper.bytes_max = 0;
        keeper.enforce_budget().expect("looked at");
        assert!(deleted(&keeper, "budget") > 0, "the budget forces out what nobody has");
    }

    #[test]
    fn a_warehouse_that_is_away_deletes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options { segment_bytes: 16 * 1024, payload_bytes_max: 1024, ..Options::default() };
        let mut writer = Writer::open(folder.path(), WRITER, NOON, options).expect("a spool");
        for _ in 0..300 {
            writer.append(&[7; 200]).expect("appended");
        }
        let mut keeper = keeper(folder.path().to_owned());
        let nobody =
            warehouse::Options { url: "http://127.0.0.1:9".to_owned(), ..warehouse::Options::default() };
        keeper.warehouse = Warehouse::new(nobody);
        let segments = spool::closed(folder.path()).expect("read");
        assert!(keeper.delete_confirmed(segments[0].written_at.forth(9 * HOUR_MS)).is_err());
        assert_eq!(spool::closed(folder.path()).expect("read"), segments);
    }
}
