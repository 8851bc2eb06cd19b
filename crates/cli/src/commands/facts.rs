//! Facts of inputs as commands write them: anyone may, as often as he likes, since each is kept under the origin it was born with.
//!
//! In: a batch. Out: its rows in `ClickHouse`, which may be restarting. Not here: whose rows (`audit`, `quarantine`). Start at [`write`].

use std::time::Duration;

use anyhow::ensure;
use warehouse::{Batch, Warehouse};

use super::place;

/// Tries of one batch.
const TRIES_MAX: u32 = 10;
const RETRY: Duration = Duration::from_secs(1);

/// Writes what is in `batch`, and empties it. `source` is what marks name the command by.
pub(super) fn write(warehouse: &Warehouse, source: &str, batch: &mut Batch) -> anyhow::Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let rows = &*batch;
    place::block_on(async {
        let mut tries = 1;
        while let Err(error) = warehouse.write(source, rows).await {
            ensure!(tries < TRIES_MAX, "ClickHouse does not take the facts: {error:#}");
            tries += 1;
            tokio::time::sleep(RETRY).await;
        }
        Ok(())
    })?;
    batch.clear();
    Ok(())
}
