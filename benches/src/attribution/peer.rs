//! The peer: the same rows in ClickHouse's tables in memory, joined by its own hash ASOF JOIN on one thread.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::world::{WINDOW_MS, World};
use crate::engine::post;

/// Bytes of one INSERT.
const PART_BYTES: usize = 21 * 1_000_000;

/// Orders by credited partner, and the processor's seconds of the join alone.
pub(super) fn attribute(world: &World) -> Result<(BTreeMap<u32, u64>, f64)> {
    let engine = chdb::testing::shared();
    let database = engine.fresh_database();
    let tables = [
        ("clicks", "visitor UInt64, at UInt64, partner UInt32, valid UInt8", &world.clicks, 21),
        ("orders", "visitor UInt64, at UInt64", &world.orders, 16),
    ];
    for (table, columns, rows, row_bytes) in tables {
        post(engine, &format!("CREATE TABLE {database}.{table} ({columns}) ENGINE = Memory"), &[])?;
        for part in rows.chunks(PART_BYTES / row_bytes * row_bytes) {
            post(engine, &format!("INSERT INTO {database}.{table} FORMAT RowBinary"), part)?;
        }
    }
    let join = format!(
        "SELECT c.partner, count() FROM {database}.orders AS o \
         ASOF JOIN (SELECT visitor, at, partner FROM {database}.clicks WHERE valid) AS c \
         ON o.visitor = c.visitor AND o.at >= c.at \
         WHERE o.at - c.at < {WINDOW_MS} GROUP BY c.partner ORDER BY c.partner \
         SETTINGS max_threads = 1, join_algorithm = 'hash' FORMAT TabSeparated"
    );
    let (answer, seconds) = crate::process::cpu_seconds(|| post(engine, &join, &[]));
    let number = |line: &str| {
        let (partner, count) = line.split_once('\t').context("two columns")?;
        Ok((partner.parse::<u32>()?, count.parse::<u64>()?))
    };
    let credited = answer?.lines().map(number).collect::<Result<_>>()?;
    Ok((credited, seconds))
}
