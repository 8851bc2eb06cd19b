//! What could not be stored, looked at again: counted by reason, read page by page, and noted as replayed.
//!
//! In: a reason, a place, or nothing. Out: rows of `quarantine_log`, each once, by (place, reason). Nothing is deleted there: what has been put where
//! it belongs keeps its row, with the instant. Not here: understanding the bytes (`events`), where they belong (the caller).
//! Start at [`Warehouse::quarantine_sums`] and [`Warehouse::waiting`].

use std::collections::BTreeSet;

use bytes::Bytes;
use clickhouse::Row;
use serde::Deserialize;
use units::{EpochMs, SECOND_MS};

use crate::{
    client::Warehouse,
    error::EngineError,
    native::{Column, Columns, Layout},
};

/// Rows of one page: 8 KiB each at the most, but for rows that the engine refused.
pub const PAGE_ROWS_MAX: usize = 500;

/// Places asked for at once: they travel in the head of the request.
const PLACES_MAX: usize = 50;

/// What is known of one reason.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct QuarantineSum {
    /// A stable code.
    pub reason: String,
    /// Records that wait for a replay.
    pub waiting: u64,
    /// Records that were put where they belong.
    pub replayed: u64,
    /// The second in which the oldest one came.
    pub oldest: u32,
    /// The same of the newest one.
    pub newest: u32,
    /// The place of one that waits; empty for none.
    pub example: String,
}

/// What a record in quarantine is known by.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Row, Deserialize)]
pub struct QuarantineKey {
    /// Where it stood: stream and position, or table and identity.
    pub place: String,
    /// Why it is there.
    pub reason: String,
}

/// A record in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinedRow {
    /// Its place and reason.
    pub key: QuarantineKey,
    /// The record's identity; zeros where it could not be read.
    pub event_id: [u8; 16],
    /// As they were found.
    pub bytes: Vec<u8>,
    /// The second it came in; 0 where that is not known.
    pub written_at: u32,
    /// The second it was replayed in; 0 for never.
    pub replayed_at: u32,
}

#[derive(Row, Deserialize)]
struct StoredRow {
    place: String,
    reason: String,
    event_id: [u8; 16],
    hex: String,
    written_at: u32,
    replayed_at: u32,
}

const ROW: &str = "place, toString(reason) AS reason, event_id, hex(bytes) AS hex, toUnixTimestamp(written_at) AS written_at, \
     toUnixTimestamp(replayed_at) AS replayed_at";

const COLUMNS: &[Column] = &[
    Column { name: "place", kind: "String", layout: Layout::Text },
    Column { name: "reason", kind: "String", layout: Layout::Text },
    Column { name: "event_id", kind: "FixedString(16)", layout: Layout::Fixed(16) },
    Column { name: "bytes", kind: "String", layout: Layout::Text },
    Column { name: "written_at", kind: "DateTime('UTC')", layout: Layout::Fixed(4) },
    Column { name: "replayed_at", kind: "DateTime('UTC')", layout: Layout::Fixed(4) },
];

impl Warehouse {
    /// By reason, those that wait most first.
    pub async fn quarantine_sums(&self) -> Result<Vec<QuarantineSum>, EngineError> {
        self.rows(
            "SELECT toString(reason) AS reason, countIf(waits) AS waiting, countIf(NOT waits) AS replayed, toUnixTimestamp(min(written_at)) AS oldest, \
             toUnixTimestamp(max(written_at)) AS newest, minIf(place, waits) AS example \
             FROM (SELECT place, reason, written_at, replayed_at = toDateTime(0, 'UTC') AS waits FROM quarantine_log FINAL) \
             GROUP BY reason ORDER BY waiting DESC, reason",
        )
        .await
    }

    /// Everything there is at one place: one row, unless it is there for several reasons.
    pub async fn quarantined_at(&self, place: &str) -> Result<Vec<QuarantinedRow>, EngineError> {
        let select = format!(
            "SELECT {ROW} FROM quarantine_log FINAL WHERE place = {{place:String}} ORDER BY reason LIMIT {PAGE_ROWS_MAX}"
        );
        let rows: Vec<StoredRow> = self.rows_with(&select, ("place", place)).await?;
        Ok(rows.into_iter().map(row).collect())
    }

    /// At most [`PAGE_ROWS_MAX`] records that wait, ascending, behind `after`; of one reason, if one is given.
    pub async fn waiting(
        &self,
        reason: Option<&str>,
        after: &QuarantineKey,
    ) -> Result<Vec<QuarantinedRow>, EngineError> {
        let only = if reason.is_some() { "AND reason = {only:String}" } else { "" };
        let select = format!(
            "SELECT {ROW} FROM quarantine_log FINAL WHERE replayed_at = toDateTime(0, 'UTC') \
             AND (place, toString(quarantine_log.reason)) > ({{place:String}}, {{reason:String}}) {only} \
             ORDER BY place, reason LIMIT {PAGE_ROWS_MAX}"
        );
        let query = self.client().query_raw(&select);
        let query = query.param("place", &after.place).param("reason", &after.reason);
        let query = reason.into_iter().fold(query, |query, it| query.param("only", it));
        let rows = query.fetch_all::<StoredRow>().await?;
        Ok(rows.into_iter().map(row).collect())
    }

    /// Which of these places have rows, replayed or not.
    pub async fn quarantined_among(&self, places: &[&str]) -> Result<BTreeSet<QuarantineKey>, EngineError> {
        let mut found = BTreeSet::new();
        for places in places.chunks(PLACES_MAX) {
            let rows = self
                .client()
                .query_raw("SELECT DISTINCT place, toString(reason) AS reason FROM quarantine_log WHERE place IN {places:Array(String)}")
                .param("places", places)
                .fetch_all::<QuarantineKey>()
                .await?;
            found.extend(rows);
        }
        Ok(found)
    }

    /// Places that were replayed and begin as given: what they hold is no longer excused.
    pub async fn replayed_places(&self, beginning: &str) -> Result<BTreeSet<String>, EngineError> {
        let select = "SELECT place AS value FROM quarantine_log FINAL \
             WHERE startsWith(place, {beginning:String}) AND replayed_at != toDateTime(0, 'UTC')";
        let rows: Vec<crate::migrate::Text> = self.rows_with(select, ("beginning", beginning)).await?;
        Ok(rows.into_iter().map(|it| it.value).collect())
    }

    /// Notes that these were put where they belong. Only then: a replay that is cut off before this is done again, which changes nothing.
    pub async fn set_replayed(&self, rows: &[QuarantinedRow], now: EpochMs) -> Result<(), EngineError> {
        let now = u32::try_from(now.0 / SECOND_MS).unwrap_or(u32::MAX);
        for rows in rows.chunks(PAGE_ROWS_MAX) {
            let mut block = Columns::new(COLUMNS);
            for it in rows {
                block.text(&it.key.place);
                block.text(&it.key.reason);
                block.fixed(it.event_id);
                block.raw(&it.bytes);
                // Of what is in no table yet only this is known: it came before now.
                block.u32(if it.written_at == 0 { now } else { it.written_at });
                block.u32(now);
                block.end_row();
            }
            let names = COLUMNS.iter().map(|it| it.name).collect::<Vec<_>>().join(", ");
            self.insert("quarantine_log", names, &block).await?;
        }
        Ok(())
    }

    /// Sends a row of `clicks_log`, `reports_log` or `scores_log` again that the engine once refused, as it was, and marks its quarter.
    pub async fn put_refused_row(&self, table: RefusedTable, bytes: &[u8]) -> Result<(), EngineError> {
        // In the head of the request: a click or report has some 10 KiB at the most, and a head may have 1 MiB.
        let select = format!(
            "SELECT DISTINCT toUnixTimestamp(toStartOfInterval({}, INTERVAL 15 MINUTE)) AS quarter FROM format(Native, unhex({{row:String}}))",
            table.time()
        );
        let quarters: Vec<Quarter> = self.rows_with(&select, ("row", &hex(bytes))).await?;
        self.send_native(table.name(), "", Bytes::copy_from_slice(bytes)).await?;
        self.mark_quarters(&quarters.iter().map(|it| it.quarter).collect::<Vec<_>>()).await
    }
}

/// A table whose rows say all that their records said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedTable {
    /// Clicks and views.
    Clicks,
    /// Reports.
    Reports,
    /// Scores.
    Scores,
}

#[derive(Row, Deserialize)]
struct Quarter {
    quarter: u32,
}

impl RefusedTable {
    /// By its name, which begins the place of a refused row.
    #[must_use]
    pub fn of_place(place: &str) -> Option<Self> {
        let (name, _) = place.split_once(' ')?;
        [Self::Clicks, Self::Reports, Self::Scores].into_iter().find(|it| it.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Clicks => "clicks_log",
            Self::Reports => "reports_log",
            Self::Scores => "scores_log",
        }
    }

    const fn time(self) -> &'static str {
        match self {
            Self::Clicks => "at",
            Self::Reports | Self::Scores => "received_at",
        }
    }
}

fn row(it: StoredRow) -> QuarantinedRow {
    QuarantinedRow {
        key: QuarantineKey { place: it.place, reason: it.reason },
        event_id: it.event_id,
        bytes: unhex(&it.hex),
        written_at: it.written_at,
        replayed_at: it.replayed_at,
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|it| [it >> 4, it & 15]);
    digits.filter_map(|it| char::from_digit(it.into(), 16)).collect()
}

/// What `hex` of the engine wrote; it writes pairs of digits and nothing else.
fn unhex(text: &str) -> Vec<u8> {
    let digit = |it: &u8| char::from(*it).to_digit(16).and_then(|it| u8::try_from(it).ok()).unwrap_or(0);
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, it| byte << 4 | digit(it)))
        .collect()
}

#[cfg(test)]
mod tests;
