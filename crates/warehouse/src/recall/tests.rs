//! Against the real engine: what is read back is what was written.

use std::collections::BTreeSet;

use events::{
    Channel, ClickKey, ClickMint, Consent, Item, MatchedKey, RefundKind, RejectReason, ReportedClick,
    ReportedStatus, Signal, SignalCode, Statement, TouchId,
};
use units::{CatalogVersion, Currency, CustomerId, DAY_MS, MINUTE_MS, Money};

use super::*;
use crate::{
    Batch,
    tests::world::{NOON, click, click_of, later, order, run, value, warehouse},
};

#[expect(clippy::cast_possible_truncation, reason = "numbers below a hundred")]
/// Every value of every field at least once, each with its neighbours at other values.
fn reports() -> Vec<Report> {
    let mut mint = ClickMint::new(ClickKey::new(3, &[9; 32]), 0);
    let money = |minor, currency: &str| Money { minor, currency: Currency::parse(currency).unwrap() };
    (0..60_u64)
        .map(|n| {
            let pick = |of: u64| n % of;
            let received_at = NOON.forth(n * MINUTE_MS + n);
            Report {
                received_at,
                origin: Origin { writer: WriterId::new(2, 1), incarnation: 7, sequence: n + 1 },
                reported_at: [None, Some(received_at.back(1)), Some(EpochMs(1))][pick(3) as usize],
                key: OrderKey::by_id(AdvertiserId(1 + n as u32 % 2), &format!("o'\n\n;{}", n / 3)),
                channel: Channel::ALL[pick(5) as usize],
                event: ["sale", "lead"][pick(2) as usize].into(),
                click: match pick(4) {
                    0 => ReportedClick::None,
                    1 => ReportedClick::Refused { text: "x".into(), reason: "wrong_length".into() },
                    2 => ReportedClick::Refused { text: "".into(), reason: "unexpanded_macro".into() },
                    _ => ReportedClick::Signed(mint.mint(received_at, LinkId(5), VisitorId(n))),
                },
                visitor: [None, Some(VisitorId(u64::MAX - n))][pick(2) as usize],
                customer: [None, Some(CustomerId([n as u8; 16])), Some(CustomerId([0; 16]))]
                    [pick(3) as usize],
                email: [None, Some(CustomerId([n as u8 + 100; 16]))][pick(2) as usize],
                coupons: ["SUMMER", "Tea \"5\""]
                    .iter()
                    .take(pick(3) as usize)
                    .map(|it| (*it).into())
                    .collect(),
                partner: [None, Some(PartnerId(8))][pick(2) as usize],
                statement: match pick(5) {
                    0 => Statement::Order { amount: None },
                    1 => Statement::refund("r1", None),
                    2 => Statement::Refund {
                        refund: "r2".into(),
                        amount: Some(money(12, "USD")),
                        kind: RefundKind::ALL[pick(2) as usize],
                    },
                    3 => Statement::Order { amount: Some(money(0, "JPY")) },
                    _ => Statement::Order { amount: Some(money(i64::MAX, "EUR")) },
                },
                status: [None, Some(ReportedStatus::ALL[pick(3) as usize])][usize::from(pick(4) > 0)],
                reason: [None, Some(RejectReason::ALL[pick(9) as usize])][pick(2) as usize],
                new_customer: [None, Some(true), Some(false)][pick(3) as usize],
                delivery: ["", "d-1"][pick(2) as usize].into(),
                catalog: CatalogVersion(n as u32),
                offer: [None, Some(OfferId(9))][pick(2) as usize],
                checkout_at: [None, Some(received_at.back(77))][pick(2) as usize],
                items: (0..pick(4))
                    .map(|it| Item {
                        product: format!("\"{it}\"\n\n;").into(),
                        quantity: it as u32,
                        minor: it.cast_signed() - 1,
                    })
                    .collect(),
                self_partner: [None, Some(PartnerId(6))][pick(2) as usize],
                partner_named: ["", "old \"7\""][pick(2) as usize].into(),
            }
        })
        .collect()
}

#[test]
fn a_report_is_read_back_as_it_was() {
    run(async {
        let warehouse = warehouse().await;
        let mut batch = Batch::new();
        let mut written = reports();
        for it in &written {
            assert_eq!(batch.report(it), crate::Fate::Row);
        }
        warehouse.write("a", &batch).await.unwrap();
        let recall = warehouse.recall().await.unwrap();
        assert_eq!((recall.reports, recall.report_blocks()), (60, 1));
        let mut read = warehouse.recalled_reports(&recall, 0).await.unwrap();
        let order_of = |it: &Report| (it.key.clone(), it.received_at);
        assert!(read.is_sorted_by_key(order_of), "an order's reports come together");
        read.sort_by_key(|it| it.origin);
        written.sort_by_key(|it| it.origin);
        assert_eq!(read, written);
    });
}

#[test]
fn blocks_of_reports_share_the_orders_out() {
    run(async {
        let warehouse = warehouse().await;
        let mut batch = Batch::new();
        for it in &reports() {
            assert_eq!(batch.report(it), crate::Fate::Row);
        }
        warehouse.write("a", &batch).await.unwrap();
        let recall = Recall { reports: 4 * REPORTS_PER_BLOCK, ..Recall::default() };
        let mut keys = Vec::new();
        let mut reports = 0;
        for block in 0..recall.report_blocks() {
            let read = warehouse.recalled_reports(&recall, block).await.unwrap();
            reports += read.len();
            let mut of_block: Vec<_> = read.into_iter().map(|it| it.key).collect();
            of_block.dedup();
            keys.extend(of_block);
        }
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!((reports, keys.len()), (60, count), "no order is in two blocks");
    });
}

#[test]
fn an_order_is_in_the_part_of_each_of_its_customers_with_all_of_its_reports() {
    run(async {
        let warehouse = warehouse().await;
        let (mut batch, written) = (Batch::new(), reports());
        for it in &written {
            assert_eq!(batch.report(it), crate::Fate::Row);
        }
        let led = written[2].key.order.to_string();
        let (decision, credits) = order(&led, 3, later(1), &click(1, NOON), &[]);
        batch.decided(&decision, &credits);
        warehouse.write("a", &batch).await.unwrap();
        let recall = warehouse.recall().await.unwrap();
        let named = written.iter().filter(|it| it.customers().next().is_some()).count();
        assert_eq!((recall.named, recall.customer_blocks().count()), (named as u64, 1));
        let mut found = 0;
        for block in CustomerBlock::all(7) {
            let is_here = |it: &&Report| it.customers().any(|customer| block.holds(customer));
            let orders: BTreeSet<_> = written.iter().filter(is_here).map(|it| &it.key).collect();
            let mut want: Vec<_> =
                written.iter().filter(|it| orders.contains(&it.key)).map(|it| it.origin).collect();
            let (read, leads) = warehouse.recalled_customers(block).await.unwrap();
            let mut got: Vec<_> = read.iter().map(|it| it.origin).collect();
            want.sort_unstable();
            got.sort_unstable();
            assert_eq!(got, want);
            assert_eq!(leads.len(), usize::from(orders.contains(&decision.key)));
            found += orders.len();
        }
        assert!(found > 7, "{found}");
    });
}

#[test]
#[expect(clippy::cast_possible_truncation, reason = "numbers below a hundred")]
fn a_touch_is_read_back_as_its_click_made_it() {
    run(async {
        let warehouse = warehouse().await;
        let mut batch = Batch::new();
        let mut written = Vec::new();
        for n in 0..40_u64 {
            let mut click = click_of(u64::MAX - n, n + 1, NOON.forth(n * HOUR_MS / 2 + n));
            click.head.kind = TouchKind::ALL[(n % 2) as usize];
            click.head.verdict = Verdict::ALL[(n % 6) as usize];
            click.head.device = Device::ALL[(n % 6) as usize];
            click.head.country = [Country::UNKNOWN, Country(*b"DE")][(n % 2) as usize];
            click.head.partner = PartnerId(n as u32);
            click.consent = Consent { gpc: true, dnt: false };
            written.push(Touch::from(&click.head));
            batch.click(&click);
        }
        warehouse.write("a", &batch).await.unwrap();
        warehouse.write("again", &batch).await.unwrap();
        let recall = warehouse.recall().await.unwrap();
        assert!(recall.touches >= 40 && recall.blocks.len() == 1, "{recall:?}");
        let mut read = warehouse.recalled_touches(recall.blocks[0]).await.unwrap();
        read.sort_unstable();
        written.sort_unstable();
        assert_eq!(read, written);
    });
}

#[test]
fn blocks_of_touches_are_whole_hours_up_to_a_size() {
    let hour = |hour: u32, count| Hour { hour: hour * 3_600, count };
    let some = TOUCHES_PER_BLOCK / 2;
    let got = blocks(&[hour(1, some), hour(2, some), hour(9, 1), hour(10, 3 * some), hour(12, 1)]);
    let got: Vec<_> = got.iter().map(|it| (it.from.0 / HOUR_MS, it.to.0 / HOUR_MS, it.rows)).collect();
    assert_eq!(got, [(1, 3, 2 * some), (9, 10, 1), (10, 11, 3 * some), (12, 13, 1)]);
}

/// The columns that migration 6 added are filled by their defaults.
#[test]
fn a_row_of_an_earlier_build_keeps_its_coupon_and_its_refund() {
    run(async {
        let warehouse = warehouse().await;
        let then = "INSERT INTO reports_log (event_id, received_at, advertiser_id, order_id, channel, event, coupon, statement, refund_id, ver) VALUES";
        for row in [
            "('0123456789abcde1', '2025-11-22 12:00:00.000', 1, 'A', 'postback', 'sale', 'TEA', 'order', '', 1)",
            "('0123456789abcde2', '2025-11-22 12:00:00.001', 1, 'A', 'postback', 'sale', '', 'refund', 'r', 1)",
        ] {
            warehouse.execute(&format!("{then} {row}")).await.unwrap();
        }
        let recall = warehouse.recall().await.unwrap();
        let read = warehouse.recalled_reports(&recall, 0).await.unwrap();
        let [sale, refund] = read.as_slice() else { panic!("{read:?}") };
        assert_eq!(sale.coupons, ["TEA".into()]);
        assert_eq!(
            (sale.email, sale.offer, sale.checkout_at, sale.items.len(), sale.reason),
            (None, None, None, 0, None)
        );
        assert_eq!((sale.self_partner, &*sale.partner_named), (None, ""));
        assert_eq!((refund.coupons.len(), &refund.statement), (0, &Statement::refund("r", None)));
    });
}

#[test]
fn of_dropped_clicks_their_orders_keep_what_was_weighed() {
    run(async {
        let warehouse = warehouse().await;
        let mut batch = Batch::new();
        let (old, new) = (click(1, NOON.back(40 * DAY_MS)), click(2, NOON));
        batch.click(&old);
        batch.click(&new);
        let (mut decision, mut credits) = order("A-1", 5, later(1), &old, &[]);
        // Who was found by a key alone has no touch that could be recalled.
        let by_key = TouchId::of_key(MatchedKey::Coupon, old.head.partner, old.head.offer);
        credits.extend(credits.first().cloned().map(|it| events::Credit { touch: by_key, ..it }));
        decision.trace.candidates.push(events::Candidate {
            kind: TouchKind::View,
            partner: old.head.partner,
            offer: old.head.offer,
            ..events::Candidate::bare(old.head.id.touch(), old.head.at())
        });
        batch.decided(&decision, &credits);
        let (decision, credits) = order("A-2", 5, later(1), &new, &[]);
        batch.decided(&decision, &credits);
        let report = Report { key: OrderKey::by_id(AdvertiserId(1), "A-1"), ..reports().remove(0) };
        batch.report(&report);
        warehouse.write("a", &batch).await.unwrap();
        let recall = warehouse.recall().await.unwrap();
        assert!(warehouse.recalled_candidates(&recall, 0).await.unwrap().is_empty(), "nothing is dropped");

        warehouse.park_before(NOON.back(30 * DAY_MS)).await.unwrap();
        warehouse.drop_parked().await.unwrap();
        let recall = warehouse.recall().await.unwrap();
        assert_eq!(recall.touches, 1);
        let left = warehouse.recalled_candidates(&recall, 0).await.unwrap();
        let want =
            Touch { origin: DROPPED, visitor: VisitorId(0), kind: TouchKind::View, ..Touch::from(&old.head) };
        assert_eq!(left, [(OrderKey::by_id(AdvertiserId(1), "A-1"), want)]);
    });
}

#[test]
fn of_dropped_clicks_only_those_of_the_newest_snapshot_come_back() {
    run(async {
        let warehouse = warehouse().await;
        let mut batch = Batch::new();
        let (pushed_out, named) = (click(1, NOON.back(40 * DAY_MS)), click(2, NOON.back(39 * DAY_MS)));
        batch.click(&pushed_out);
        batch.click(&named);
        for (claim, by) in [(5, &pushed_out), (6, &named)] {
            let (decision, credits) = order("A-1", claim, later(1), by, &[]);
            batch.decided(&decision, &credits);
        }
        batch.report(&Report { key: OrderKey::by_id(AdvertiserId(1), "A-1"), ..reports().remove(0) });
        warehouse.write("a", &batch).await.unwrap();
        warehouse.park_before(NOON.back(30 * DAY_MS)).await.unwrap();
        warehouse.drop_parked().await.unwrap();
        let recall = warehouse.recall().await.unwrap();
        let left = warehouse.recalled_candidates(&recall, 0).await.unwrap();
        assert_eq!(left.iter().map(|(_, it)| it.id).collect::<Vec<_>>(), [named.head.id.touch()]);
    });
}

#[test]
fn the_newest_claim_is_the_snapshots_own() {
    run(async {
        let warehouse = warehouse().await;
        assert_eq!(warehouse.newest_claim(0).await.unwrap(), 0);
        let mut batch = Batch::new();
        for claim in [3, 11, 7] {
            let (decision, credits) = order(&format!("A-{claim}"), claim, later(1), &click(1, NOON), &[]);
            batch.decided(&decision, &credits);
        }
        warehouse.write("a", &batch).await.unwrap();
        assert_eq!(warehouse.newest_claim(0).await.unwrap(), 11);
        assert_eq!(
            warehouse.newest_claim(1).await.unwrap(),
            0,
            "claims of another generation are no claims of this"
        );
        assert_eq!(value(&warehouse, "SELECT count() FROM orders").await, "3");
    });
}

fn score(order: &str, sequence: u64, rules: u32, scored_at: EpochMs, codes: &[SignalCode]) -> Score {
    let signal = |code: &SignalCode| Signal { code: *code, partner: PartnerId(7), value: 9, threshold: 3 };
    Score {
        origin: Origin { writer: WriterId::new(2, 1), incarnation: 7, sequence },
        received_at: later(1),
        order: OrderKey::by_id(AdvertiserId(1), order),
        rules: CatalogVersion(rules),
        scored_at,
        signals: codes.iter().map(signal).collect(),
    }
}

#[test]
fn the_newest_score_of_an_order_is_read_back_as_it_was() {
    run(async {
        let warehouse = warehouse().await;
        let mut batch = Batch::new();
        let written = [
            score("time", 9, 9, NOON, &[SignalCode::ManyOrders]),
            score("time", 1, 1, NOON.forth(1), SignalCode::ALL),
            score("rules", 2, 10, NOON, &[]),
            score("rules", 8, 9, NOON, SignalCode::ALL),
            score("origin", 256, 1, NOON, &[SignalCode::OddDelay]),
            score("origin", 255, 1, NOON, &[]),
            score("it's\n\n;", 3, 1, NOON, &[SignalCode::ClickFlood]),
        ];
        for it in written.iter().chain(&written) {
            assert_eq!(batch.score(it), crate::Fate::Row);
        }
        assert_eq!(
            batch.score(&Score { received_at: EpochMs(5), ..written[0].clone() }),
            crate::Fate::Quarantined
        );
        warehouse.write("a", &batch).await.unwrap();
        let mut read = warehouse.recalled_scores(&Recall::default(), 0).await.unwrap();
        read.sort_by_key(|it| it.origin);
        let newest = [1, 2, 3, 256]
            .map(|sequence| written.iter().find(|it| it.origin.sequence == sequence).cloned().unwrap());
        assert_eq!(read, newest);
        let marks = value(&warehouse, "SELECT count() FROM marks").await;
        assert_eq!(marks, "0", "no cell is made of scores");
    });
}
