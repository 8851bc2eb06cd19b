//! Brings the newest catalog's names to the warehouse, for the views that show them.
//!
//! In: the folder of catalog versions. Out: rows of names; repeats and several processes doing it change nothing. A name that is late is
//! shown as empty, so nothing waits for this. Start at [`keep`].

use std::{path::PathBuf, time::Duration};

use warehouse::Warehouse;

use crate::{batching::backoff_ms, catalogs::Catalogs};

/// Between two looks for a new version.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Works until it is dropped.
pub(crate) async fn keep(warehouse: Warehouse, folder: PathBuf) {
    let mut catalogs = Catalogs::new(folder);
    loop {
        // What cannot be read here stops the worker, which says so.
        if let Some(newest) = catalogs.poll().unwrap_or_default().pop() {
            let mut tries = 0;
            while let Err(error) = warehouse.write_names(&newest).await {
                tries += 1;
                tracing::debug!(%error, tries, "names not written");
                tokio::time::sleep(Duration::from_millis(backoff_ms(tries))).await;
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
