//! The owners of orders, asked to say them again.
//!
//! In: what they are to read before. Out: whether all of them have done it. Asking is a note in `ClickHouse` (`warehouse::Note`), so it outlives this process,
//! and an owner that is not running does it when it starts. Start at [`Asked::ask`].

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use warehouse::{Again, Warehouse};

use super::place::{self, Place};
use crate::settings::Settings;

/// Between two looks whether the owners are done.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Owners look for what is asked of them every few seconds; at least so long they are waited for.
pub(super) const WAIT_MIN: Duration = Duration::from_secs(15);

/// Owners that were asked, each with the claim it had then.
#[derive(Debug)]
pub(super) struct Asked {
    warehouse: Warehouse,
    again: Again,
    claims: BTreeMap<String, u64>,
}

impl Asked {
    /// Asks the owner of each partition. Who never noted anything has said nothing yet that could be lost, and is not asked.
    pub(super) fn ask(settings: &Settings, again: Again) -> anyhow::Result<Self> {
        let place = Place::new(settings);
        let partitions = if place.kafka("tributary-owners").is_some() {
            (0..u32::try_from(settings.number("kafka.partitions")).unwrap_or(u32::MAX)).map(Some).collect()
        } else {
            vec![None]
        };
        let mut asked = Self { warehouse: place.warehouse(), again, claims: BTreeMap::new() };
        place::block_on(async {
            for source in partitions.into_iter().map(pipeline::source_name) {
                if let Some(claim) = asked.warehouse.take_note_back(&source, again).await? {
                    asked.claims.insert(source, claim);
                }
            }
            Ok(())
        })
        .context("the owners of orders cannot be asked")?;
        Ok(asked)
    }

    /// Whether there was nobody to be asked.
    pub(super) fn is_nobody(&self) -> bool {
        self.claims.is_empty()
    }

    /// `false`: not all were heard of in time; they do it when they run.
    pub(super) fn wait(mut self, wait: Duration) -> anyhow::Result<bool> {
        let deadline = Instant::now() + wait.max(WAIT_MIN);
        place::block_on(async {
            while !self.claims.is_empty() && Instant::now() < deadline {
                tokio::time::sleep(LOOK_EVERY).await;
                self.look().await?;
            }
            Ok(self.claims.is_empty())
        })
        .context("the owners of orders cannot be asked")
    }

    async fn look(&mut self) -> anyhow::Result<()> {
        let mut left = BTreeMap::new();
        for (source, claim) in std::mem::take(&mut self.claims) {
            let note = self.warehouse.note(&source).await?.unwrap_or_default();
            if note.number == 0 {
                left.insert(source, claim);
            } else if note.claim <= claim {
                // Its note crossed ours: asked once more.
                self.warehouse.take_note_back(&source, self.again).await?;
                left.insert(source, claim);
            }
        }
        self.claims = left;
        Ok(())
    }
}
