//! The bytes that leave for the engine: one row of each table, frozen.

use events::{
    Channel, Item, OrderKey, RefundKind, RejectReason, Report, ReportedClick, ReportedStatus, Score, Signal,
    SignalCode, Statement,
};
use units::{
    AdvertiserId, CatalogVersion, Currency, CustomerId, Money, OfferId, Origin, PartnerId, VisitorId,
    WriterId,
};

use super::world::{NOON, click, later, order};
use crate::{Batch, Table};

pub(super) fn full_report() -> Report {
    Report {
        received_at: later(1),
        origin: Origin { writer: WriterId(65_537), incarnation: 3, sequence: 4 },
        reported_at: Some(NOON),
        key: OrderKey::by_id(AdvertiserId(1), "A-1"),
        channel: Channel::Shopify,
        event: "sale".into(),
        click: ReportedClick::Signed(click(1, NOON).head.id),
        visitor: Some(VisitorId(9)),
        customer: Some(CustomerId([0xab; 16])),
        email: Some(CustomerId([0xcd; 16])),
        coupons: vec!["TEA10".into(), "POT".into()],
        partner: Some(PartnerId(5)),
        statement: Statement::Refund {
            refund: "R-1".into(),
            amount: Some(Money { minor: 100, currency: Currency::EUR }),
            kind: RefundKind::Chargeback,
        },
        status: Some(ReportedStatus::Approved),
        reason: Some(RejectReason::Returned),
        new_customer: Some(false),
        delivery: "d-1".into(),
        catalog: CatalogVersion(7),
        offer: Some(OfferId(6)),
        checkout_at: Some(NOON.back(1)),
        items: vec![Item { product: "SKU \"1\"".into(), quantity: 2, minor: 100 }],
        self_partner: Some(PartnerId(5)),
        partner_named: "old-5".into(),
    }
}

pub(super) fn full_score() -> Score {
    let signal =
        |code, partner, value, threshold| Signal { code, partner: PartnerId(partner), value, threshold };
    Score {
        origin: Origin { writer: WriterId(66_560), incarnation: 3, sequence: 5 },
        received_at: later(1),
        order: OrderKey::by_id(AdvertiserId(1), "A-1"),
        rules: CatalogVersion(7),
        scored_at: NOON,
        signals: vec![
            signal(SignalCode::ClickFlood, 5, 1_201, 1_000),
            signal(SignalCode::ManyOrders, 0, u64::MAX, 3),
        ],
    }
}

#[test]
fn rows_are_frozen() {
    let mut batch = Batch::new();
    let winner = click(1, NOON.forth(1));
    batch.click(&winner);
    batch.report(&full_report());
    batch.score(&full_score());
    let (decision, credits) = order("A-1", 5, later(1), &winner, &[]);
    batch.decided(&decision, &credits);
    batch.quarantined(&events::Quarantined {
        reason: "malformed".into(),
        place: "clicks 3 17".into(),
        bytes: vec![0xc7, 1, 1, 0, 0xff],
    });
    let marks = batch.marks("sink", 1);
    let mut blocks: Vec<_> = batch.blocks().chain([(Table::Marks, &marks)]).collect();
    // By table; which is written first is another matter.
    blocks.sort_by_key(|(table, _)| *table);
    let lines = blocks.into_iter().map(|(table, block)| {
        let bytes = block.encode();
        let hex = bytes.iter().fold(String::new(), |hex, it| hex + &format!("{it:02x}"));
        format!("{} {} rows {hex}\n", table.name(), block.rows())
    });
    super::golden("rows_v2.hex", &lines.collect::<String>());
}
