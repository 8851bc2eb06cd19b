//! A shared order from the spool to what analysts read, and what is left of a split when a version of the catalog takes it back.

mod common;

use common::{Edge, Edges as _, NOON, Who, World, apply_text, catalog, column, until, wait_for};
use units::{DAY_MS, EpochMs, HOUR_MS, MINUTE_MS};
use warehouse::{Roller, RollerOptions, Warehouse};

/// The tests' program under a model, reporting in dollars by `rate`.
fn program(model: &str, rate: &str) -> String {
    let text = catalog("30d").replace("click_window", &format!("{model}\nclick_window"));
    format!("reporting_currency = \"USD\"\n{text}\n[[rate]]\ncurrency = \"EUR\"\nrate = \"{rate}\"\n")
}

/// Whoever folds or reads, in one place: the views, the cells behind them, and the audits of both.
struct Analyst<'a>(&'a World);

impl Analyst<'_> {
    fn reads(&self, columns: &str, rest: &str) -> Vec<String> {
        column(&self.0.warehouse, &format!("SELECT toString(tuple({columns})) FROM {rest}"))
    }

    fn rolls_and_audits(&self) {
        let warehouse = Warehouse::new(self.0.warehouse.clone());
        wait_for(async {
            let mut roller = Roller::new(warehouse.clone(), RollerOptions::default());
            roller.roll_once().await.expect("rolled");
            let (from, to) = (NOON.back(HOUR_MS), NOON.forth(DAY_MS));
            let cells = warehouse::audit(&warehouse, &[], from, to, to).await.expect("audited");
            assert!(cells.cells > 0 && cells.mismatches.is_empty(), "{:?}", cells.mismatches);
            let orders = warehouse.audit_orders(from, to).await.expect("audited");
            assert_eq!((orders.orders, orders.wrong()), (1, 0), "{:?}", orders.faults);
        });
    }
}

const CREDITS: &str =
    "partner_id, role, share, revenue_minor, reporting_minor, reporting_currency, rate, hold, assists";
const BY_PARTNER: &str = "partner_id, clicks_valid, orders, revenue, assisted_orders, closed_orders, path_touches, revenue_reporting";

#[test]
fn an_order_of_three_partners_is_shared_in_every_view_and_another_model_leaves_no_ghost() {
    let world = World::new();
    let analyst = Analyst(&world);
    apply_text(
        &world.data(),
        2,
        EpochMs(0),
        &program("model = \"position\"\nposition_weights = [40, 20, 40]", "1.1"),
    );
    let mut edge = Edge::open(&world.data(), 0);
    for partner in 1..=3 {
        edge.click(NOON.forth(u64::from(partner) * MINUTE_MS), 7, partner);
    }
    edge.report(NOON.forth(10 * MINUTE_MS), "A-1", 10_001, Who::Visitor(7));
    let running = world.start();
    running.caught_up(4);

    assert_eq!(
        analyst.reads(CREDITS, "credits ORDER BY partner_id"),
        [
            "(1,'introducer',0.4,4000,4400,'USD',1.1,'',0)",
            "(2,'influencer',0.2,2000,2200,'USD',1.1,'',0)",
            "(3,'closer',0.4,4001,4401,'USD',1.1,'',0)"
        ]
    );
    let whole = "order_id, sum(share_ppm), sum(revenue_minor), sum(reporting_minor)";
    assert_eq!(analyst.reads(whole, "credits GROUP BY order_id"), ["('A-1',1000000,10001,11001)"]);
    analyst.rolls_and_audits();
    let rollups = ["partner_daily ORDER BY partner_id", "rollup_quarter ORDER BY partner_id"];
    for rollup in rollups {
        assert_eq!(
            analyst.reads(BY_PARTNER, rollup),
            ["(1,1,0.4,40,0,0,0,44)", "(2,1,0.2,20,0,0,0,22)", "(3,1,0.4,40.01,0,1,3,44.01)"],
            "{rollup}"
        );
    }

    // The next version says that it always was the last click, at another rate.
    apply_text(&world.data(), 3, EpochMs(0), &program("model = \"last\"", "1.2"));
    until("the order is decided by the new version", || {
        (analyst.reads("model", "orders") == ["('last')"]).then_some(())
    });
    running.until_quiet(0);
    let order = "catalog_version, model, path_touches, revenue_minor, reporting, reporting_currency, rate";
    assert_eq!(analyst.reads(order, "orders"), ["(3,'last',3,10001,120.01,'USD',1.2)"]);
    assert_eq!(
        analyst.reads(CREDITS, "credits ORDER BY partner_id"),
        [
            "(1,'introducer',0,0,0,'USD',1.2,'',1)",
            "(2,'influencer',0,0,0,'USD',1.2,'',1)",
            "(3,'closer',1,10001,12001,'USD',1.2,'',0)"
        ]
    );
    assert_eq!(
        analyst.reads("partner_id, kind, found, verdict, role, share", "touches ORDER BY touched_at"),
        [
            "(1,'click','visitor','older','introducer',0)",
            "(2,'click','visitor','older','influencer',0)",
            "(3,'click','visitor','won','closer',1)"
        ]
    );
    analyst.rolls_and_audits();
    for rollup in rollups {
        assert_eq!(
            analyst.reads(BY_PARTNER, rollup),
            ["(1,1,0,0,1,0,0,0)", "(2,1,0,0,1,0,0,0)", "(3,1,1,100.01,0,1,3,120.01)"],
            "{rollup}"
        );
    }
    running.stop().expect("stops");
}
