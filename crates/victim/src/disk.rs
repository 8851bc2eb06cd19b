//! What a real edge recorded on a disk that refused for a while: with what it counted as unrecorded, all that was sent.
//!
//! In: a folder with the edge's data, and what was sent. Start at [`judge`].

use std::{collections::BTreeSet, path::Path, time::Duration};

use anyhow::{Context as _, Result, bail};
use events::Event;
use journal::spool::{Reader, inspect};

use crate::{said::numbers, verdict::Verdict};

/// Records read at once.
const RECORDS_MAX: usize = 100;

/// The edge is run by the harness.
pub(crate) fn cycle(_: &Path) -> Result<()> {
    bail!("`tributary edge` is the cycle")
}

/// Every record is a click with an id of its own; their number and the count of the others add up.
pub(crate) fn judge(folder: &Path, said: &str) -> Result<String> {
    let root = folder.join("data").join("spool");
    let [sent, unrecorded] = *numbers::<2>(said, "sent").last().context("nothing was sent")?;
    let mut verdict = Verdict::default();
    let mut reader = Reader::open(&root);
    let mut clicks = BTreeSet::new();
    loop {
        let records = reader.poll(RECORDS_MAX, Duration::ZERO)?;
        if records.is_empty() {
            break;
        }
        for record in &records {
            match Event::decode(&record.bytes)? {
                Event::Click(click) if clicks.insert(click.head.id.to_string()) => {}
                Event::Click(click) => verdict.doubled.push(click.head.id.to_string()),
                other => verdict.invented.push(format!("{other:?}")),
            }
        }
    }
    let recorded = clicks.len() as u64;
    if recorded + unrecorded < sent {
        verdict.lost.push(format!("{} clicks, not counted", sent - recorded - unrecorded));
    }
    if sent < recorded + unrecorded {
        verdict.wrong.push(format!("{} clicks recorded and counted too", recorded + unrecorded - sent));
    }
    let damaged = inspect(&root)?.records_damaged;
    if 0 < damaged {
        verdict.wrong.push(format!("{damaged} records reported as damaged"));
    }
    verdict.close(&format!("{sent} sent, {recorded} recorded, {unrecorded} unrecorded"))
}
