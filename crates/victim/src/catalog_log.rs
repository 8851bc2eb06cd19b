//! The catalog's log on one machine: what a killed `tributary catalog apply` leaves is nothing or a whole version.
//!
//! In: a folder in which the command was run, or killed. Out: whether its versions are dense, whole and the ones that were
//! applied (fault 34). The judge stores once more what was not stored, then the next one. Start at [`judge`].

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use events::{CatalogRecord, Event};
use journal::versions;
use units::{CatalogVersion, EpochMs};

use crate::{verdict::Verdict, world::NOON};

fn text(version: u32) -> String {
    let program = "[[advertiser]]\nid = 1\nname = \"Shop\"\ncurrency = \"EUR\"\n\n[[offer]]\nid = 1\nadvertiser = 1\nname = \"Offer\"\n\
                   destination = \"https://shop.example/\"\nclick_window = \"30d\"\n";
    let partner = |id: u32| {
        format!(
            "\n[[partner]]\nid = {id}\nname = \"Partner {id} of {version}\"\ntype = \"content\"\n\n\
             [[link]]\nid = {id}\ncode = \"link-{id}\"\npartner = {id}\noffer = 1\n"
        )
    };
    let partners: Vec<String> = (1..=4).map(partner).collect();
    program.to_owned() + &partners.concat()
}

/// A version as it lies in the log.
pub(crate) fn record(version: u32) -> Result<Vec<u8>> {
    let text = catalog::merge_text(&[("catalog.toml", &text(version))]);
    let (version, effective_at) = (CatalogVersion(version), EpochMs(0));
    let mut bytes = Vec::new();
    CatalogRecord { version, effective_at, applied_at: NOON, text: text.into() }.encode(&mut bytes)?;
    Ok(bytes)
}

/// The file that is applied.
pub(crate) fn prepare(folder: &Path) -> Result<()> {
    Ok(fs::write(folder.join("catalog.toml"), text(1))?)
}

/// The command is the product's own; this victim has no cycle.
pub(crate) fn cycle(_: &Path) -> Result<()> {
    bail!("`tributary catalog apply` is the cycle")
}

/// What is there is whole; going on from it is as if nobody had been killed.
pub(crate) fn judge(folder: &Path, said: &str) -> Result<String> {
    let log = folder.join("data").join("catalog");
    let mut verdict = Verdict::default();
    let before = versions::newest(&log)?;
    if before == 0 && said.contains("\"applied\"") {
        verdict.lost.push("the version that the command said is in force".to_owned());
    }
    for version in before + 1..=2 {
        versions::append(&log, version, &record(version)?).with_context(|| format!("version {version}"))?;
    }
    let found = versions::after(&log, 0)?;
    let numbers: Vec<u32> = found.iter().map(|(number, _)| *number).collect();
    if numbers != [1, 2] {
        verdict.wrong.push(format!("the log holds {numbers:?}"));
    }
    for (number, bytes) in &found {
        let Event::Catalog(whole) = Event::decode(bytes).with_context(|| format!("version {number}"))? else {
            bail!("version {number} is not a catalog");
        };
        let loaded = catalog::load(&whole.text, whole.version, whole.effective_at);
        let wanted = catalog::merge_text(&[("catalog.toml", &text(*number))]);
        if loaded.is_err() || whole.version.0 != *number || *whole.text != *wanted {
            verdict.invented.push(format!("version {number} is not what was applied"));
        }
    }
    verdict.close(&format!("{before} versions before"))
}
