//! Brings a database to this build's schema, and shows that the engine keeps the promises the schema is built on.
//!
//! In: a database in any state, also one that a migration was killed in. Out: all tables and views. Safe to run from any number of
//! processes at once. A database of a later build is left as it is: what it added has defaults. Start at [`Warehouse::migrate`].

use std::collections::{BTreeMap, BTreeSet};

use clickhouse::Row;
use serde::Deserialize;

use crate::{
    client::Warehouse,
    error::{EngineError, MigrateError, SelfTestError},
    schema::{self, MIGRATIONS, MIGRATIONS_TABLE, READ_SETTINGS, WRITE_SETTINGS},
    tables::Table,
};

/// A day that was rolled, of whatever zone there was then.
const ANY_ROLLED_DAY: &str = "SELECT toString(day) AS value FROM (SELECT day FROM rolled_day UNION ALL SELECT day FROM rolled_partner_day) LIMIT 1";

/// The oldest engine that is written to. In the ones before it analysts' row policies can be passed by (through the query condition cache and
/// functions over a table's parts), and no test of ours ran on one (fault 123).
pub(crate) const ENGINE_MIN: (u32, u32) = (25, 8);

/// Rows of the self-test's insert.
const SELF_TEST_ROWS: u64 = 3;

#[derive(Row, Deserialize)]
struct Number {
    number: u32,
}

#[derive(Row, Deserialize)]
pub(crate) struct Text {
    pub(crate) value: String,
}

#[derive(Row, Deserialize)]
struct ColumnType {
    name: String,
    kind: String,
}

#[derive(Row, Deserialize)]
struct Counts {
    distinct: u64,
    stored: u64,
}

impl Warehouse {
    /// Makes the database, its tables and views, where they are missing. Days are of the zone chosen before, else UTC.
    pub async fn migrate(&self) -> Result<(), MigrateError> {
        let failed = |number| move |source| MigrateError::Statement { number, source };
        let create = format!("CREATE DATABASE IF NOT EXISTS {}", self.database());
        let anywhere = self.client().clone().with_database("");
        let version = anywhere.query_raw("SELECT version()").fetch_one::<String>().await;
        check_version(version.map_err(|it| failed(0)(it.into()))?)?;
        anywhere.query_raw(&create).execute().await.map_err(|it| failed(0)(it.into()))?;
        self.execute(MIGRATIONS_TABLE).await.map_err(failed(0))?;
        let done: Vec<Number> =
            self.rows("SELECT DISTINCT number FROM schema_migrations FINAL").await.map_err(failed(0))?;
        let done: BTreeSet<u32> = done.into_iter().map(|it| it.number).collect();
        for migration in MIGRATIONS.iter().filter(|it| !done.contains(&it.number)) {
            let noted = format!(
                "INSERT INTO schema_migrations (number, name) SETTINGS {WRITE_SETTINGS} VALUES ({}, '{}')",
                migration.number, migration.name
            );
            for statement in migration.statements().iter().chain([&noted]) {
                self.execute(statement).await.map_err(failed(migration.number))?;
            }
        }
        let zone = self.zone().await.map_err(failed(0))?.unwrap_or_else(|| "UTC".to_owned());
        self.create_views(&zone).await.map_err(failed(0))
    }

    /// Chooses the zone that days are of, an IANA name. Once rolled, days keep theirs.
    pub async fn set_zone(&self, zone: &str) -> Result<(), MigrateError> {
        let failed = |source| MigrateError::Statement { number: 0, source };
        let found = self.zone().await.map_err(failed)?.unwrap_or_else(|| "UTC".to_owned());
        if found == zone {
            return Ok(());
        }
        let rolled: Vec<Text> = self.rows(ANY_ROLLED_DAY).await.map_err(failed)?;
        if !rolled.is_empty() {
            return Err(MigrateError::OtherZone {
                database: self.database().to_owned(),
                wanted: zone.to_owned(),
                found,
            });
        }
        // The engine knows which zones there are; an unknown one fails here, before anything is written. It does not look into views that are made.
        let day = format!("SELECT toString(toDate(toDateTime(0, 'UTC'), '{}')) AS value", escaped(zone));
        let _: Vec<Text> = self.rows(&day).await.map_err(failed)?;
        self.create_views(&escaped(zone)).await.map_err(failed)?;
        self.set_program("zone", &escaped(zone)).await.map_err(failed)
    }

    /// The zone of days, if one was chosen.
    pub(crate) async fn zone(&self) -> Result<Option<String>, EngineError> {
        self.program("zone").await
    }

    pub(crate) async fn program(&self, key: &str) -> Result<Option<String>, EngineError> {
        let found: Vec<Text> =
            self.rows(&format!("SELECT value FROM program FINAL WHERE key = '{key}'")).await?;
        Ok(found.into_iter().next().map(|it| it.value))
    }

    pub(crate) async fn set_program(&self, key: &str, value: &str) -> Result<(), EngineError> {
        self.execute(&format!(
            "INSERT INTO program (key, value, ver) SETTINGS {WRITE_SETTINGS} \
             SELECT '{key}', '{value}', 1 + max(ver) FROM program WHERE key = '{key}'"
        ))
        .await
    }

    async fn create_views(&self, zone: &str) -> Result<(), EngineError> {
        for statement in schema::views(self.database(), zone) {
            self.execute(&statement).await?;
        }
        Ok(())
    }

    /// Shows that the tables take what this build writes, and that a repeated insert is stored and counts once, whatever the engine's defaults.
    pub async fn self_test(&self) -> Result<(), SelfTestError> {
        for table in Table::FACTS.into_iter().chain([Table::Marks]) {
            self.check_columns(table).await?;
        }
        let run = self.next_nonce();
        for table in ["self_test_stored", "self_test_distinct"] {
            let insert = format!(
                "INSERT INTO {table} (run, n) SETTINGS {WRITE_SETTINGS} SELECT {run}, number FROM numbers({SELF_TEST_ROWS})"
            );
            self.execute(&insert).await?;
            self.execute(&insert).await?;
        }
        let counts: Vec<Counts> = self
            .rows(&format!(
                "SELECT sum(distinct) AS distinct, sum(stored) AS stored FROM (\
                 SELECT 1 AS distinct, 0 AS stored FROM self_test_distinct FINAL WHERE run = {run} \
                 UNION ALL SELECT 0, 1 FROM self_test_stored WHERE run = {run}) SETTINGS {READ_SETTINGS}"
            ))
            .await?;
        let (distinct, stored) = counts.first().map_or((0, 0), |it| (it.distinct, it.stored));
        if distinct != SELF_TEST_ROWS || stored != 2 * SELF_TEST_ROWS {
            return Err(SelfTestError::Count { rows: SELF_TEST_ROWS, distinct, stored });
        }
        Ok(())
    }

    /// A column that is missing or of another type is named; ones that are more do no harm.
    pub(crate) async fn check_columns(&self, table: Table) -> Result<(), SelfTestError> {
        let found: Vec<ColumnType> = self
            .rows(&format!(
                "SELECT name, type AS kind FROM system.columns WHERE database = '{}' AND table = '{}'",
                self.database(),
                table.name()
            ))
            .await?;
        let found: BTreeMap<String, String> = found.into_iter().map(|it| (it.name, it.kind)).collect();
        for column in table.columns() {
            let kind = found.get(column.name).map_or("", String::as_str);
            let plain =
                kind.strip_prefix("LowCardinality(").and_then(|it| it.strip_suffix(')')).unwrap_or(kind);
            if plain != column.kind {
                return Err(SelfTestError::Column {
                    table: table.name(),
                    column: column.name,
                    wanted: column.kind,
                    found: kind.to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// `26.7.3.1`: the first two numbers count.
fn check_version(found: String) -> Result<(), MigrateError> {
    let mut numbers = found.split('.').map_while(|it| it.parse::<u32>().ok());
    if (numbers.next(), numbers.next()) < (Some(ENGINE_MIN.0), Some(ENGINE_MIN.1)) {
        return Err(MigrateError::EngineTooOld { found, wanted: ENGINE_MIN });
    }
    Ok(())
}

/// Text inside quotes of a statement.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

#[cfg(test)]
mod tests {
    use super::*;

    // fault 123
    #[test]
    fn an_engine_with_known_holes_is_not_written_to() {
        for (version, is_taken) in [
            ("26.7.3.1", true),
            ("25.8.1.1", true),
            ("25.7.9.9", false),
            ("24.12.1", false),
            ("9.99", false),
            ("100.1", true),
            ("", false),
            ("unknown", false),
        ] {
            let checked = check_version(version.to_owned());
            assert_eq!(checked.is_ok(), is_taken, "{version}");
            let said = checked.err().map(|it| it.to_string()).unwrap_or_default();
            assert_eq!(said.contains("engine_too_old"), !is_taken, "{said}");
        }
    }
}
