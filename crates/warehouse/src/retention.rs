//! What becomes of old facts, and of recent ones after the machine went down hard.
//!
//! Facts older than the retention are parked: still stored when they arrive late, never rolled again, for a roll of a quarter whose clicks are
//! dropped would count the late one alone (measured: a cell of 10 became 1). Start at [`Warehouse::park_before`].

use clickhouse::Row;
use serde::Deserialize;
use units::EpochMs;

use crate::{
    client::Warehouse,
    error::EngineError,
    migrate::Text,
    rows,
    schema::{READ_SETTINGS, WRITE_SETTINGS},
};

#[derive(Row, Deserialize)]
struct Partition {
    value: String,
}

impl Warehouse {
    /// Parks the quarters before `at`, rounded down to a day in UTC. Never moves backwards. Rollers know within one pass; drop the facts
    /// later than that, with [`Warehouse::drop_parked`].
    pub async fn park_before(&self, at: EpochMs) -> Result<(), EngineError> {
        let day = at.0 / units::DAY_MS * units::DAY_MS;
        let floor = rows::storable(EpochMs(day).quarter()).unwrap_or(0);
        if floor <= self.parked_before().await? {
            return Ok(());
        }
        self.set_program("parked_before", &floor.to_string()).await
    }

    /// The second from which on quarters are rolled.
    pub(crate) async fn parked_before(&self) -> Result<u32, EngineError> {
        Ok(self.program("parked_before").await?.and_then(|it| it.parse().ok()).unwrap_or(0))
    }

    /// Drops the clicks of parked days. Cells, orders and credits stay. Returns the days dropped.
    pub async fn drop_parked(&self) -> Result<Vec<String>, EngineError> {
        let floor = self.parked_before().await?;
        let parked: Vec<Partition> = self
            .rows(&format!(
                "SELECT DISTINCT partition AS value FROM system.parts WHERE database = '{}' AND table = 'clicks_log' AND active \
                 AND toUInt32OrZero(partition) < toYYYYMMDD(toDateTime({floor}, 'UTC')) ORDER BY value",
                self.database()
            ))
            .await?;
        for Partition { value } in &parked {
            self.execute(&format!("ALTER TABLE clicks_log DROP PARTITION {value}")).await?;
        }
        Ok(parked.into_iter().map(|it| it.value).collect())
    }

    /// Makes every quarter with facts from `from` on dirty, whatever its marks: for the start after an unclean boot or a restored backup, when
    /// marks may be missing that were counted before. Returns how many there are.
    pub async fn mark_from(&self, from: EpochMs) -> Result<usize, EngineError> {
        let seconds = u32::try_from(from.0 / units::SECOND_MS).unwrap_or(u32::MAX);
        let quarters = format!(
            "SELECT DISTINCT quarter FROM (\
             SELECT toStartOfInterval(at, INTERVAL 15 MINUTE) AS quarter FROM clicks_log WHERE at >= toDateTime64({seconds}, 3, 'UTC') \
             UNION ALL SELECT quarter FROM credits_log WHERE quarter >= toDateTime({seconds}, 'UTC') \
             UNION ALL SELECT quarter FROM cells WHERE quarter >= toDateTime({seconds}, 'UTC'))"
        );
        let found: Vec<Text> =
            self.rows(&format!("SELECT toString(count()) AS value FROM ({quarters})")).await?;
        self.mark(&quarters, "'start'").await?;
        Ok(found.first().and_then(|it| it.value.parse().ok()).unwrap_or(0))
    }

    /// Makes these quarters dirty, which begin at such seconds, whatever their marks and their cells' versions.
    pub async fn mark_quarters(&self, quarters: &[u32]) -> Result<(), EngineError> {
        if quarters.is_empty() {
            return Ok(());
        }
        let list = quarters.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        self.mark(&format!("SELECT toDateTime(arrayJoin([{list}]), 'UTC') AS quarter"), "'repair'").await
    }

    /// One more than what was rolled, also where the sum of the marks has fallen behind it. `source` is a literal of a statement.
    async fn mark(&self, quarters: &str, source: &str) -> Result<(), EngineError> {
        self.execute(&format!(
            "INSERT INTO marks (quarter, source, n, nonce) SETTINGS {WRITE_SETTINGS} \
             SELECT quarter, {source}, 1 + greatest(toInt64(r.ver) - toInt64(m.v), toInt64(c.ver) - toInt64(m.v), 0), {} \
             FROM ({quarters}) AS q \
             LEFT JOIN (SELECT quarter, sum(n) AS v FROM marks GROUP BY quarter) AS m USING (quarter) \
             LEFT JOIN (SELECT quarter, ver FROM rolled FINAL) AS r USING (quarter) \
             LEFT JOIN (SELECT quarter, max(ver) AS ver FROM cells GROUP BY quarter) AS c USING (quarter) SETTINGS {READ_SETTINGS}",
            self.next_nonce()
        ))
        .await
    }
}
