//! The edge as it ships, with a catalog of 40 partners, 12 offers and 120 links.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context, Result};
use edge::{Edge, Options, keys::Keys};
use events::CatalogRecord;
use telemetry::Telemetry;
use units::{CatalogVersion, EpochMs};

use super::server;
use crate::process;

const PARTNERS: u64 = 40;
const OFFERS: u64 = 12;
/// Codes are `link0` and so on.
pub(super) const LINKS: u64 = 120;

/// Writes keys and catalog.
pub(super) fn prepare(data: &Path) -> Result<()> {
    Keys::load_or_create(&data.join("keys"))?;
    let text = catalog_text()?;
    catalog::parse(&[("bench.toml", &text)]).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let record = CatalogRecord {
        version: CatalogVersion(1),
        effective_at: EpochMs(1),
        applied_at: process::clock(),
        text: text.into(),
    };
    let mut bytes = Vec::new();
    record.encode(&mut bytes)?;
    journal::versions::append(&data.join("catalog"), 1, &bytes)?;
    Ok(())
}

fn catalog_text() -> Result<String> {
    let mut text = String::from(
        "[[advertiser]]\nid = 1\nname = \"Shop\"\ntime_zone = \"Europe/Berlin\"\ncurrency = \"EUR\"\n",
    );
    for id in 1..=OFFERS {
        write!(
            text,
            "[[offer]]\nid = {id}\nadvertiser = 1\nname = \"Offer {id}\"\n\
             destination = \"https://shop{id}.example/landing/page?click={{click_id}}&src={{partner_id}}&s={{sub1}}\"\n\
             click_id_parameter = \"click\"\nallowed_hosts = [\"shop{id}.example\"]\nduplicate_window = \"1h\"\n"
        )?;
    }
    for id in 1..=PARTNERS {
        write!(text, "[[partner]]\nid = {id}\nname = \"Partner {id}\"\ntype = \"content\"\n")?;
    }
    for id in 0..LINKS {
        let (partner, offer) = (1 + id % PARTNERS, 1 + id % OFFERS);
        write!(
            text,
            "[[link]]\nid = {}\ncode = \"link{id}\"\npartner = {partner}\noffer = {offer}\n",
            id + 1
        )?;
    }
    Ok(text)
}

/// Serves on one thread, until standard input closes.
pub(super) fn serve(data: &Path) -> Result<()> {
    let keys = Keys::load_or_create(&data.join("keys"))?;
    let mut options = Options::local(data.to_owned(), keys);
    options.threads = 1;
    // The client stands for a proxy before many visitors: without their addresses no network would be hashed.
    options.trusted_proxies = vec!["127.0.0.0/8".parse().context("a block")?];
    let edge = Edge::start(options, process::clock, Telemetry::new("bench"))?;
    server::serve_until_closed(edge.address())?;
    edge.stop();
    Ok(())
}
