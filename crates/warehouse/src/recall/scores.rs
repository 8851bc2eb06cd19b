//! A score's row, read back as the score it was.
//!
//! In: a row of `scores_log`. Out: the score. The inverse of `rows::score`; not here: which rows (`recall`).

use clickhouse::Row;
use events::{OrderKey, Score, Signal, SignalCode};
use serde::Deserialize;
use units::{AdvertiserId, CatalogVersion, Origin, PartnerId};

use super::{RecallError, instant};
use crate::rows::SignalJson;

/// What [`ScoreRow`] is read from.
pub(super) const COLUMNS: &str = "event_id, toUnixTimestamp64Milli(scores_log.received_at) AS received_at, advertiser_id, order_id, \
    catalog_version, toUnixTimestamp64Milli(scores_log.scored_at) AS scored_at, signals";

/// A row of `scores_log`, read by the names of its columns.
#[derive(Debug, Row, Deserialize)]
pub struct ScoreRow {
    event_id: [u8; 16],
    received_at: i64,
    advertiser_id: u32,
    order_id: String,
    catalog_version: u32,
    scored_at: i64,
    signals: String,
}

/// The score that this row was written from: the inverse of what a [`crate::Batch`] does.
pub fn score(row: ScoreRow) -> Result<Score, RecallError> {
    Ok(Score {
        origin: Origin::from_bytes(row.event_id),
        received_at: instant(row.received_at),
        order: OrderKey { advertiser: AdvertiserId(row.advertiser_id), order: row.order_id.into() },
        rules: CatalogVersion(row.catalog_version),
        scored_at: instant(row.scored_at),
        signals: signals(&row.signals)?,
    })
}

/// The inverse of `rows::signals_json`.
pub(crate) fn signals(text: &str) -> Result<Vec<Signal>, RecallError> {
    let bad = || RecallError::Row { table: "scores_log", column: "signals", value: text.to_owned() };
    let signals: Vec<SignalJson<'_>> = serde_json::from_str(text).map_err(|_| bad())?;
    let signal = |it: SignalJson<'_>| {
        let code = SignalCode::from_text(&it.code).ok_or_else(bad)?;
        Ok(Signal { code, partner: PartnerId(it.partner), value: it.value, threshold: it.threshold })
    };
    signals.into_iter().map(signal).collect()
}
