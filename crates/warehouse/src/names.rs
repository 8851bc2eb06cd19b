//! The names behind the numbers, for analysts: partners, offers, advertisers and links of the newest catalog.
//!
//! In: a catalog. Out: four small tables in memory that the views look names up in, each swapped as a whole. Start at
//! [`Warehouse::write_names`].

use catalog::{Catalog, Status};

use crate::{
    client::Warehouse,
    error::EngineError,
    native::{Column, Columns, Layout},
};

const fn number(name: &'static str) -> Column {
    Column { name, kind: "UInt32", layout: Layout::Fixed(4) }
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: "String", layout: Layout::Text }
}

const PARTNERS: &[Column] = &[number("partner_id"), text("name"), text("kind"), text("status")];
const OFFERS: &[Column] = &[number("offer_id"), text("name"), number("advertiser_id"), text("status")];
const ADVERTISERS: &[Column] = &[number("advertiser_id"), text("name"), text("status")];
const LINKS: &[Column] = &[number("link_id"), text("code"), text("status")];

impl Warehouse {
    /// Makes the names those of `catalog`, unless a newer catalog's are there already.
    pub async fn write_names(&self, catalog: &Catalog) -> Result<(), EngineError> {
        let there: u32 = self.program("names").await?.and_then(|it| it.parse().ok()).unwrap_or(0);
        if there >= catalog.version.0 && there != 0 {
            return Ok(());
        }
        for (table, columns, block) in tables(catalog) {
            self.replace(table, columns, &block).await?;
        }
        self.set_program("names", &catalog.version.to_string()).await
    }

    /// Fills a second table and exchanges the two: nobody sees half of the names, nor none.
    async fn replace(&self, table: &str, columns: &[Column], block: &Columns) -> Result<(), EngineError> {
        let next = format!("{table}_{:x}", self.next_nonce());
        self.execute(&format!("CREATE TABLE {next} AS {table}")).await?;
        if block.rows() > 0 {
            let names = columns.iter().map(|it| it.name).collect::<Vec<_>>().join(", ");
            self.insert(&next, names, block).await?;
        }
        self.execute(&format!("EXCHANGE TABLES {table} AND {next}")).await?;
        self.execute(&format!("DROP TABLE {next}")).await
    }
}

fn tables(catalog: &Catalog) -> [(&'static str, &'static [Column], Columns); 4] {
    let mut partners = Columns::new(PARTNERS);
    for it in catalog.partners.values() {
        partners.u32(it.id.0);
        partners.text(&it.name);
        partners.text(&it.kind);
        partners.text(status(it.status));
        partners.end_row();
    }
    let mut offers = Columns::new(OFFERS);
    for it in catalog.offers.values() {
        offers.u32(it.id.0);
        offers.text(&it.name);
        offers.u32(it.advertiser.0);
        offers.text(status(it.status));
        offers.end_row();
    }
    let mut advertisers = Columns::new(ADVERTISERS);
    for it in catalog.advertisers.values() {
        advertisers.u32(it.id.0);
        advertisers.text(&it.name);
        advertisers.text(status(it.status));
        advertisers.end_row();
    }
    let mut links = Columns::new(LINKS);
    for it in catalog.links.values() {
        links.u32(it.id.0);
        links.text(&it.code);
        links.text(status(it.status));
        links.end_row();
    }
    [
        ("partner_names", PARTNERS, partners),
        ("offer_names", OFFERS, offers),
        ("advertiser_names", ADVERTISERS, advertisers),
        ("link_names", LINKS, links),
    ]
}

const fn status(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Paused => "paused",
        Status::Closed => "closed",
    }
}
