//! Names, the zone of days, and what the reading user may see.

use catalog::Catalog;
use units::CatalogVersion;

use super::world::{NOON, click, column, later, options, order, run, value, warehouse};
use crate::{Batch, MigrateError, Options, Roller, RollerOptions, Warehouse};

fn named(version: u32, partner: &str) -> Catalog {
    let text = format!(
        r#"
[[advertiser]]
id = 1
name = "Shop"
[[offer]]
id = 1
advertiser = 1
name = "Shoes"
destination = "https://shop.example/?click_id={{click_id}}"
[[partner]]
id = 1
name = "{partner}"
type = "content"
[[link]]
id = 1
code = "abc"
partner = 1
offer = 1
"#
    );
    let mut catalog = catalog::parse(&[("catalog.toml", &text)]).unwrap();
    catalog.version = CatalogVersion(version);
    catalog
}

async fn with_an_order(warehouse: &Warehouse) {
    let mut batch = Batch::new();
    let winner = click(1, NOON);
    batch.click(&winner);
    let (decision, credits) = order("A-1", 1, later(1), &winner, &[]);
    batch.decided(&decision, &credits);
    warehouse.write("a", &batch).await.unwrap();
    Roller::new(warehouse.clone(), RollerOptions::default()).roll_once().await.unwrap();
}

#[test]
fn views_name_what_the_newest_catalog_names() {
    run(async {
        let warehouse = warehouse().await;
        with_an_order(&warehouse).await;
        let names = "SELECT partner_name, partner_kind, offer_name, link_code FROM rollup_daily";
        assert_eq!(column(&warehouse, names).await, ["('','','','')"], "before any catalog");
        warehouse.write_names(&named(1, "Ann's blog")).await.unwrap();
        assert_eq!(column(&warehouse, names).await, ["('Ann\\'s blog','content','Shoes','abc')"]);
        warehouse.write_names(&named(3, "Ann & Bob")).await.unwrap();
        warehouse.write_names(&named(2, "late")).await.unwrap();
        assert_eq!(column(&warehouse, names).await, ["('Ann & Bob','content','Shoes','abc')"]);
        let orders = "SELECT advertiser_name, partner_name, offer_name FROM orders";
        assert_eq!(column(&warehouse, orders).await, ["('Shop','Ann & Bob','Shoes')"]);
        let left = format!(
            "SELECT count() FROM system.tables WHERE database = '{}' AND name LIKE '%names_%'",
            warehouse.database()
        );
        assert_eq!(value(&warehouse, &left).await, "0");
    });
}

#[test]
fn the_reading_user_reads_every_view_from_any_database() {
    run(async {
        let server = chdb::testing::shared();
        let warehouse = warehouse().await;
        with_an_order(&warehouse).await;
        warehouse.write_names(&named(1, "Ann")).await.unwrap();
        let reader = Warehouse::new(Options {
            url: server.url.clone(),
            user: server.reader.clone(),
            password: server.reader_password.clone(),
            database: "default".to_owned(),
            ..Options::default()
        });
        let views = [
            "clicks",
            "reports",
            "orders",
            "credits",
            "rollup_quarter",
            "rollup_hourly",
            "rollup_daily",
            "partner_daily",
            "audit",
        ];
        for view in views {
            let select = format!("SELECT count() FROM (SELECT * FROM {}.{view})", warehouse.database());
            let rows = value(&reader, &select).await;
            assert_eq!(rows == "0", ["reports", "audit"].contains(&view), "{view}: {rows}");
        }
        let name = format!("SELECT DISTINCT partner_name FROM {}.rollup_daily", warehouse.database());
        assert_eq!(value(&reader, &name).await, "Ann");
        assert!(reader.execute(&format!("DROP TABLE {}.clicks_log", warehouse.database())).await.is_err());
    });
}

#[test]
fn days_are_of_the_zone_chosen_before_the_first_roll() {
    run(async {
        let warehouse = Warehouse::new(options());
        warehouse.migrate().await.unwrap();
        assert!(warehouse.set_zone("Not/AZone").await.is_err());
        warehouse.set_zone("Pacific/Auckland").await.unwrap();
        warehouse.migrate().await.unwrap();
        with_an_order(&warehouse).await;
        // Noon in UTC is one in the morning of the next day there.
        assert_eq!(
            column(&warehouse, "SELECT day, clicks, orders FROM rollup_daily").await,
            ["('2025-11-23',1,1)"]
        );
        assert_eq!(column(&warehouse, "SELECT day, visitors FROM partner_daily").await, ["('2025-11-23',1)"]);
        let error = warehouse.set_zone("UTC").await.unwrap_err();
        assert!(matches!(error, MigrateError::OtherZone { .. }), "{error:?}");
        warehouse.set_zone("Pacific/Auckland").await.unwrap();
    });
}
