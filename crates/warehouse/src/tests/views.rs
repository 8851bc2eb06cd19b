//! What analysts read.

use std::collections::BTreeSet;

use events::{Credit, Decision, Reporting, Role, SharedBy};
use units::{LinkId, PartnerId, Ppm};

use super::world::{NOON, click, click_of, column, later, order, reporting, run, value, warehouse};
use crate::{Batch, Roller, RollerOptions};

const VIEWS: [&str; 11] = [
    "clicks",
    "reports",
    "orders",
    "credits",
    "touches",
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
        // What was there is still there, under its type.
        let earlier = include_str!("../../tests/golden/views.txt");
        let in_views = |text: &str| -> BTreeSet<(String, String)> {
            let mut view = String::new();
            let lines = text.lines().map(|line| {
                if !line.starts_with(' ') {
                    line.clone_into(&mut view);
                }
                (view.clone(), line.to_owned())
            });
            lines.collect()
        };
        assert!(in_views(earlier).is_subset(&in_views(&text)), "a released column is gone");
    });
}

/// An order of three partners, the second of whom closed it too, and who had a view beside it.
fn shared(claim: u64, model: SharedBy, shares: [u32; 3]) -> (Decision, Vec<Credit>) {
    let (decision, credits) = order("A-1", claim, later(1), &click(1, NOON.forth(1)), &[later(0)]);
    let money = units::split(decision.revenue_minor, &shares.map(u64::from));
    let yen = units::split(reporting(decision.revenue_minor).minor, &shares.map(u64::from));
    let decision = Decision { model: Some(model), path_touches: 3, ..decision };
    let rows = shares.into_iter().zip(money).zip(yen).zip(1_u8..).map(|(((share, minor), yen), at)| {
        let role = [Role::Introducer, Role::Influencer, Role::Closer][usize::from(at) - 1];
        let last = at == 3;
        Credit {
            touch: click(u64::from(at), NOON.forth(u64::from(at))).head.id.touch(),
            touched_at: NOON.forth(u64::from(at)),
            partner: PartnerId(if last { 2 } else { u32::from(at) }),
            link: LinkId(u32::from(at)),
            share: Ppm(share),
            revenue_minor: minor,
            reporting: Some(Reporting { minor: yen, ..reporting(0) }),
            role,
            path_touches: if last { 3 } else { 0 },
            is_assist: at == 1 && share == 0,
            ..credits[0].clone()
        }
    });
    (decision, rows.collect())
}

const CREDITS: &str = "SELECT partner_id, link_id, role, share, revenue, reporting, reporting_currency, rate, hold, assists, touches FROM credits ORDER BY partner_id";

/// One row an order and partner; after another split nothing of the old one is left, also of a touch that the newer snapshot does not name.
#[test]
fn credits_are_one_row_a_partner_and_another_split_leaves_no_ghost() {
    run(async {
        let warehouse = warehouse().await;
        let mut roller = Roller::new(warehouse.clone(), RollerOptions::default());
        let rollup = "SELECT partner_id, orders, revenue, assisted_orders, closed_orders, path_touches, avg_path, revenue_reporting \
                      FROM partner_daily WHERE orders > 0 OR assisted_orders > 0 ORDER BY partner_id";
        let mut write = async |(decision, credits): (Decision, Vec<Credit>)| {
            let mut batch = Batch::new();
            batch.decided(&decision, &credits);
            warehouse.write("a", &batch).await.unwrap();
            roller.roll_once().await.unwrap();
        };
        write(shared(1, SharedBy::Linear, [333_333, 333_333, 333_334])).await;
        assert_eq!(
            column(&warehouse, CREDITS).await,
            [
                "(1,1,'introducer',0.333333,16.65,2672,'JPY',160.5,'',0,1)",
                "(2,3,'closer',0.666667,33.3,5345,'JPY',160.5,'',0,2)"
            ]
        );
        assert_eq!(
            column(&warehouse, rollup).await,
            ["(1,0.333333,16.65,0,0,0,0,2672)", "(2,0.666667,33.3,0,1,3,3,5345)"]
        );
        let touches = "SELECT touched_at, partner_id, role, kind, found, verdict, share FROM touches ORDER BY touched_at";
        assert_eq!(column(&warehouse, touches).await.len(), 3, "of the quarter it is not in there is none");

        let (decision, mut credits) = shared(2, SharedBy::Last, [0, 0, 1_000_000]);
        credits.remove(1);
        write((decision, credits)).await;
        assert_eq!(
            column(&warehouse, CREDITS).await,
            ["(1,1,'introducer',0,0,0,'JPY',160.5,'',1,1)", "(2,3,'closer',1,49.95,8017,'JPY',160.5,'',0,1)"]
        );
        assert_eq!(column(&warehouse, rollup).await, ["(1,0,0,1,0,0,0,0)", "(2,1,49.95,0,1,3,3,8017)"]);
        assert_eq!(
            column(&warehouse, touches).await,
            [
                "('2025-11-22 12:00:00.001',1,'introducer','click','click_id','won',0)",
                "('2025-11-22 12:00:00.003',2,'closer','click','click_id','won',1)"
            ],
            "what the newer snapshot does not name is gone"
        );
        let orders = "SELECT model, path_touches, reporting, rate, hold FROM orders";
        assert_eq!(column(&warehouse, orders).await, ["('last',3,8017,160.5,'')"]);
        let audit = crate::audit(&warehouse, &[], NOON, later(4), later(5)).await.unwrap();
        assert_eq!((audit.cells > 0, audit.mismatches), (true, vec![]));
    });
}

/// Rows of before have no amount in a reporting currency, which is not the same as none.
#[test]
fn without_a_reporting_currency_nothing_is_told() {
    run(async {
        let warehouse = warehouse().await;
        let (decision, credits) = order("A-1", 1, later(1), &click(1, NOON), &[]);
        let decision = Decision { reporting: None, model: None, ..decision };
        let bare = |it: &Credit| Credit { standing: None, reporting: None, path_touches: 0, ..it.clone() };
        let mut batch = Batch::new();
        batch.decided(&decision, &credits.iter().map(bare).collect::<Vec<_>>());
        warehouse.write("a", &batch).await.unwrap();
        for view in ["orders", "credits", "touches"] {
            let found = column(
                &warehouse,
                &format!("SELECT reporting, reporting_minor, reporting_currency, rate FROM {view}"),
            )
            .await;
            assert_eq!(found, ["(NULL,0,'',NULL)"], "{view}");
        }
    });
}
