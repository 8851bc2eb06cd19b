//! Against the real engine: what is counted, what is not, and that what was said is not said again.

use catalog::{DelayLimit, Network};
use events::{Click, IpPrefix, Score, SignalCode, TouchKind, Verdict};
use units::{CatalogVersion, HOUR_MS, Origin, Ppm, WriterId};

use super::*;
use crate::{
    Batch, Roller, RollerOptions,
    tests::world::{NOON, click_of, order, run, warehouse},
};

/// Past all that the tests write.
const LATER: EpochMs = EpochMs(NOON.0 + 2 * DAY_MS);

/// A valid click of a partner, at so many ms past noon; its number is its visitor's too.
fn click(number: u64, partner: u32, past_ms: u64) -> Click<'static> {
    let mut it = click_of(number, number, NOON.forth(past_ms));
    it.head.partner = PartnerId(partner);
    it.ip = IpPrefix::V4([203, 0, 113]);
    it
}

/// Orders by name, each an hour after the click that it is credited to.
fn sold(batch: &mut Batch, orders: &[(&str, &Click<'_>)]) {
    for (name, by) in orders {
        batch.click(by);
        sold_at(batch, name, 5, by.head.at().forth(HOUR_MS), by);
    }
}

fn sold_at(batch: &mut Batch, name: &str, claim: u64, at: EpochMs, by: &Click<'_>) {
    let (decision, credits) = order(name, claim, at, by, &[]);
    batch.decided(&decision, &credits);
}

/// Stored twice, as after a crash, and rolled.
async fn stored(batch: &Batch) -> Warehouse {
    let warehouse = warehouse().await;
    warehouse.write("a", batch).await.unwrap();
    warehouse.write("a", batch).await.unwrap();
    Roller::new(warehouse.clone(), RollerOptions::default()).roll_once().await.unwrap();
    warehouse
}

type Said = (String, SignalCode, u32, u64, u64);

async fn scored(warehouse: &Warehouse, fraud: &Fraud) -> BlockScored {
    let mut scorer = Scorer::look(warehouse, fraud, NOON.back(HOUR_MS), LATER).await.unwrap();
    assert_eq!(scorer.blocks(), 1);
    scorer.block(0).await.unwrap()
}

fn said(found: &[(OrderKey, Vec<Signal>)]) -> Vec<Said> {
    let of_order = |(order, signals): &(OrderKey, Vec<Signal>)| {
        let name = order.order.to_string();
        let said = |it: &Signal| (name.clone(), it.code, it.partner.0, it.value, it.threshold);
        signals.iter().map(said).collect::<Vec<_>>()
    };
    found.iter().flat_map(of_order).collect()
}

fn scored_once(batch: &Batch, fraud: &Fraud) -> Vec<Said> {
    run(async { said(&scored(&stored(batch).await, fraud).await.suspicious) })
}

#[test]
fn orders_of_an_hour_with_too_many_clicks_are_flooded_and_no_others() {
    let mut batch = Batch::new();
    for number in 1..=4 {
        batch.click(&click(number, 7, number));
        batch.click(&click(number + 10, 8, number));
    }
    // His fifth is a robot's, a view, and one of the next hour.
    let robot = click(15, 8, 5);
    batch.click(&Click { head: events::ClickHead { verdict: Verdict::Bot, ..robot.head }, ..robot });
    let view = click(16, 8, 6);
    batch.click(&Click { head: events::ClickHead { kind: TouchKind::View, ..view.head }, ..view });
    sold(
        &mut batch,
        &[
            ("flooded", &click(5, 7, HOUR_MS - 1)),
            ("hour after", &click(6, 7, HOUR_MS)),
            ("other partner", &click(17, 8, HOUR_MS)),
        ],
    );
    let fraud = Fraud { clicks_per_hour: Some(5), ..Fraud::default() };
    let want = [("flooded".to_owned(), SignalCode::ClickFlood, 7, 5, 5)];
    assert_eq!(scored_once(&batch, &fraud), want);
}

#[test]
fn clicks_of_data_centres_are_known_by_what_is_kept_of_their_addresses() {
    let mut batch = Batch::new();
    let of = |number, ip| Click { ip, ..click(number, 7, number) };
    let v6 = |last| IpPrefix::V6([0x20, 0x01, 0x0d, 0xb8, 0, last]);
    sold(
        &mut batch,
        &[
            ("home", &of(1, IpPrefix::V4([203, 0, 113]))),
            ("rack", &of(2, IpPrefix::V4([192, 0, 2]))),
            ("rack of IPv6", &of(3, v6(1))),
            ("unknown", &of(4, IpPrefix::None)),
        ],
    );
    let data_centres = ["192.0.0.0/16", "2001:db8::/32"].map(|it| Network::parse(it).unwrap()).to_vec();
    let fraud = Fraud { data_centres, ..Fraud::default() };
    let want = |name: &str| (name.to_owned(), SignalCode::DataCentre, 7, 1, 1);
    assert_eq!(scored_once(&batch, &fraud), [want("rack"), want("rack of IPv6")]);
}

#[test]
fn an_address_of_many_orders_taints_each_of_them_whoever_earned_it() {
    let mut batch = Batch::new();
    let of = |number, partner, ip_hash| Click { ip_hash, ..click(number, partner, number) };
    sold(
        &mut batch,
        &[
            ("a1", &of(1, 7, u64::MAX)),
            ("a2", &of(2, 8, u64::MAX)),
            ("a3", &of(3, 7, u64::MAX)),
            ("b1", &of(4, 7, 5)),
            ("b2", &of(5, 7, 5)),
            ("nobody's 1", &of(6, 7, 0)),
            ("nobody's 2", &of(7, 7, 0)),
            ("nobody's 3", &of(8, 7, 0)),
        ],
    );
    // An order is one however often it was decided.
    sold_at(&mut batch, "b1", 6, NOON.forth(HOUR_MS + 4), &of(4, 7, 5));
    let fraud = Fraud { orders_per_address: Some(3), ..Fraud::default() };
    let want = ["a1", "a2", "a3"].map(|it| (it.to_owned(), SignalCode::ManyOrders, 0, 3, 3));
    assert_eq!(scored_once(&batch, &fraud), want);
}

#[test]
fn a_partner_whose_orders_follow_at_once_is_told_from_the_offers_others() {
    let mut batch = Batch::new();
    for number in 0..4 {
        let partners = [(7, 3_999), (8, 2 * HOUR_MS), (9, 3 * HOUR_MS)];
        for (partner, delay_ms) in partners {
            let by = click(u64::from(partner) * 10 + number, partner, number);
            batch.click(&by);
            sold_at(&mut batch, &format!("{partner}-{number}"), 5, by.head.at().forth(delay_ms), &by);
        }
    }
    let limit = |distance, orders_min| Fraud {
        delay: Some(DelayLimit { distance: Ppm(distance), orders_min }),
        ..Fraud::default()
    };
    let names = |of: u32| (0..4).map(move |it| format!("{of}-{it}"));
    let odd = |of: u32, distance, threshold| {
        names(of).map(move |it| (it, SignalCode::OddDelay, of, distance, threshold)).collect::<Vec<_>>()
    };
    assert_eq!(scored_once(&batch, &limit(500_001, 4)), odd(7, 1_000_000, 500_001));
    let all = [odd(7, 1_000_000, 500_000), odd(8, 500_000, 500_000), odd(9, 500_000, 500_000)].concat();
    assert_eq!(scored_once(&batch, &limit(500_000, 4)), all, "half of the others' are the quick ones");
    assert_eq!(scored_once(&batch, &limit(1, 5)), [], "four orders say nothing where five are wanted");
}

#[test]
fn what_a_newer_snapshot_took_away_is_not_held_against_anybody() {
    let mut batch = Batch::new();
    let (bad, good) = (Click { ip: IpPrefix::V4([192, 0, 2]), ..click(1, 7, 1) }, click(2, 8, 2));
    sold(&mut batch, &[("A-1", &bad)]);
    batch.click(&good);
    sold_at(&mut batch, "A-1", 6, NOON.forth(HOUR_MS), &good);
    let data_centres = vec![Network::parse("192.0.2.0/24").unwrap()];
    assert_eq!(scored_once(&batch, &Fraud { data_centres, ..Fraud::default() }), []);
}

/// As the edge and the pipeline write it.
fn spooled(sequence: u64, change: &ScoreChange) -> Score {
    Score {
        origin: Origin { writer: WriterId::new(1, 1024), incarnation: 1, sequence },
        received_at: LATER.forth(sequence),
        order: change.order.clone(),
        rules: CatalogVersion(1),
        scored_at: LATER.forth(sequence),
        signals: change.after.clone(),
    }
}

#[test]
fn what_was_said_is_not_said_again_and_what_ended_is_cleared_once() {
    run(async {
        let mut batch = Batch::new();
        sold(&mut batch, &[("A-1", &click(1, 7, 1)), ("A-2", &click(2, 8, 2))]);
        batch.click(&click(3, 7, 3));
        let warehouse = stored(&batch).await;
        let limit = |clicks| Fraud { clicks_per_hour: Some(clicks), ..Fraud::default() };
        let first = scored(&warehouse, &limit(2)).await;
        let change = first.changes.first().unwrap();
        assert_eq!((first.changes.len(), &*change.order.order, change.before.len()), (1, "A-1", 0));
        assert_eq!(scored(&warehouse, &limit(2)).await, first, "the same facts, the same signals");

        let told = async |sequence: u64, change: &ScoreChange| {
            let mut batch = Batch::new();
            batch.score(&spooled(sequence, change));
            warehouse.write("a", &batch).await.unwrap();
        };
        told(1, change).await;
        assert_eq!(scored(&warehouse, &limit(2)).await.changes, [], "it is known");
        let mut more = Batch::new();
        more.click(&click(4, 7, 4));
        warehouse.write("a", &more).await.unwrap();
        Roller::new(warehouse.clone(), RollerOptions::default()).roll_once().await.unwrap();
        let grown = scored(&warehouse, &limit(2)).await;
        assert_eq!(said(&grown.suspicious).first().unwrap().3, 3);
        assert_eq!(grown.changes, [], "more of the same is nothing new");

        for off in [limit(4), Fraud::default()] {
            let cleared = scored(&warehouse, &off).await.changes;
            let cleared = cleared.iter().map(|it| (it.before.clone(), it.after.clone())).collect::<Vec<_>>();
            assert_eq!(cleared, [(change.after.clone(), Vec::new())]);
        }
        told(2, &ScoreChange { after: Vec::new(), ..change.clone() }).await;
        assert_eq!(scored(&warehouse, &limit(4)).await.changes, []);
        assert_eq!(scored(&warehouse, &limit(2)).await.changes.len(), 1, "and can be held again");
    });
}

#[test]
fn an_order_that_left_the_span_keeps_its_score() {
    run(async {
        let mut batch = Batch::new();
        let by = click(1, 7, 1);
        sold(&mut batch, &[("A-1", &by)]);
        let change = ScoreChange {
            order: OrderKey::by_id(AdvertiserId(1), "A-1"),
            before: Vec::new(),
            after: vec![Signal {
                code: SignalCode::ManyOrders,
                partner: PartnerId(0),
                value: 9,
                threshold: 3,
            }],
        };
        batch.score(&spooled(1, &change));
        let warehouse = stored(&batch).await;
        let span = async |from| {
            let mut scorer = Scorer::look(&warehouse, &Fraud::default(), from, LATER).await.unwrap();
            scorer.block(0).await.unwrap().changes.len()
        };
        assert_eq!((span(NOON).await, span(NOON.forth(2 * HOUR_MS)).await), (1, 0));
    });
}
