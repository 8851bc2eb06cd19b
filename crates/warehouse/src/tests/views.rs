//! What analysts read.

use super::world::{NOON, click, click_of, column, later, order, run, value, warehouse};
use crate::{Batch, Roller, RollerOptions};

const VIEWS: [&str; 10] = [
    "clicks",
    "reports",
    "orders",
    "credits",
    "quarantine",
    "rollup_quarter",
    "rollup_hourly",
    "rollup_daily",
    "partner_daily",
    "audit",
];

#[test]
fn a_click_reads_back_whole() {
    run(async {
        let warehouse = warehouse().await;
        let mut batch = Batch::new();
        let click = click(1, NOON.forth(1_234));
        batch.click(&click);
        warehouse.write("a", &batch).await.unwrap();
        let read = column(
            &warehouse,
            "SELECT at, click_id, kind, verdict, visitor_id, partner_id, link_id, sub1, sub2, sub3 = 'a; DROP TABLE x\\n\\n\\'\\\\' AS sub3, \
             sub30, utm_source, tags['gclid'], country, device, os, browser, ip_prefix, writer, incarnation, sequence FROM clicks",
        )
        .await;
        let want = format!(
            "('2025-11-22 12:00:01.234','{}','click','valid','0000000000000001',1,1,'summer','',1,'','mail','g1','DE','mobile','ios','safari','192.0.2.0/24',1,1,1)",
            click.head.id
        );
        assert_eq!(read, [want]);
    });
}

#[test]
fn a_report_reads_back_whole() {
    run(async {
        let warehouse = warehouse().await;
        let mut batch = Batch::new();
        batch.report(&super::bytes::full_report());
        warehouse.write("a", &batch).await.unwrap();
        let read = column(
            &warehouse,
            "SELECT received_at, reported_at, advertiser_id, order_id, channel, event, click_id != '', visitor_id, customer_id, email_id, coupon, coupons, partner_id, offer_id, \
             statement, refund_id, refund_kind, amount, amount_minor, currency, items, status, reason, new_customer, checkout_at, delivery, catalog_version, writer, incarnation, sequence FROM reports",
        )
        .await;
        let want = "('2025-11-22 12:15:00.000','2025-11-22 12:00:00.000',1,'A-1','shopify','sale',1,'0000000000000009',\
             'abababababababababababababababab','cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd','TEA10',['TEA10','POT'],5,6,'refund','R-1','chargeback',1,100,'EUR',\
             '[{\"product\":\"SKU \\\\\"1\\\\\"\",\"quantity\":2,\"minor\":100}]','approved','returned','no','2025-11-22 11:59:59.999','d-1',7,65537,3,4)";
        assert_eq!(read, [want]);
    });
}

#[test]
fn rollups_carry_the_glossarys_names_and_rates() {
    run(async {
        let warehouse = warehouse().await;
        let mut batch = Batch::new();
        for sequence in 1..=4 {
            batch.click(&click_of(sequence, sequence, NOON.forth(sequence)));
        }
        let winner = click(1, NOON.forth(1));
        let (decision, credits) = order("A-1", 1, later(1), &winner, &[]);
        batch.decided(&decision, &credits);
        warehouse.write("a", &batch).await.unwrap();
        Roller::new(warehouse.clone(), RollerOptions::default()).roll_once().await.unwrap();
        let sums = "clicks, clicks_valid, clicks_unique, views, visitors, orders, orders_approved, revenue, revenue_approved, currency";
        for view in ["rollup_daily", "partner_daily"] {
            let read = column(&warehouse, &format!("SELECT {sums}, cr, epc, aov FROM {view}")).await;
            assert_eq!(read, ["(4,4,4,0,4,1,1,49.95,49.95,'EUR',0.25,12.4875,49.95)"], "{view}");
        }
        let read = column(&warehouse, "SELECT hour, clicks, orders, revenue FROM rollup_hourly").await;
        assert_eq!(read, ["('2025-11-22 12:00:00',4,1,49.95)"]);
        let read = column(
            &warehouse,
            "SELECT hour, clicks FROM rollup_hourly_in(zone = 'Asia/Kathmandu') ORDER BY hour",
        )
        .await;
        assert_eq!(read, ["('2025-11-22 17:00:00',4)", "('2025-11-22 18:00:00',0)"]);
    });
}

#[test]
fn columns_of_the_views_are_frozen() {
    run(async {
        let warehouse = warehouse().await;
        let mut text = String::new();
        for view in VIEWS {
            let columns = value(
                &warehouse,
                &format!(
                    "SELECT arrayStringConcat(groupArray(concat('  ', name, ' ', type)), '\\n') FROM (SELECT name, type FROM system.columns \
                     WHERE database = '{}' AND table = '{view}' ORDER BY position)",
                    warehouse.database()
                ),
            )
            .await;
            text.extend([view, "\n", &columns, "\n"]);
        }
        super::golden("views_v2.txt", &text);
    });
}
