//! Who earns each order, by the naive model that the machines are tested against (`attribution/tests/naive`): one person after the other, since nobody
//! shares a browser or an account with another.
//!
//! In: clicks and reports as the book has them, the program's catalog. Out: orders with their shares. Numbers of visitors and clicks are made up here; only
//! who is the same as whom counts. Start at [`People::orders`].

use std::collections::{BTreeMap, BTreeSet};

use catalog::Catalog;
use events::{
    ClickHead, ClickId, Country, Device, OrderKey, RefundKind, Report, ReportedClick, ReportedStatus,
    Statement, TouchId, TouchKind, Verdict,
};
use units::{
    AdvertiserId, CatalogVersion, Currency, CustomerId, EpochMs, Money, OfferId, Origin, PartnerId, VisitorId,
};

use super::{Clicked, ExpectedOrder, Named, Reported, Share};
use crate::demo::{naive, world::Says};

/// By name, what each did.
pub(super) struct People<'a>(BTreeMap<&'a str, Person<'a>>);

#[derive(Default)]
struct Person<'a> {
    clicks: Vec<&'a Clicked>,
    reports: Vec<&'a Reported>,
}

impl<'a> People<'a> {
    pub(super) fn of(clicks: &[&'a Clicked], reports: &'a [Reported]) -> Self {
        let mut people = BTreeMap::<&str, Person<'a>>::new();
        // Robots and guesses are nobody's, and earn nothing.
        for click in clicks.iter().filter(|it| it.is_person && it.is_click) {
            people.entry(&click.person).or_default().clicks.push(click);
        }
        for report in reports {
            people.entry(&report.person).or_default().reports.push(report);
        }
        Self(people)
    }

    /// Every order, by advertiser and id.
    pub(super) fn orders(&self, catalog: &Catalog) -> Vec<((u32, String), ExpectedOrder)> {
        let all = self.0.values().filter(|it| !it.reports.is_empty());
        all.flat_map(|it| it.orders(catalog)).collect()
    }
}

impl Person<'_> {
    fn orders(&self, catalog: &Catalog) -> Vec<((u32, String), ExpectedOrder)> {
        let labels: BTreeSet<&str> = self.clicks.iter().map(|it| &*it.visitor).collect();
        let visitors: BTreeMap<&str, VisitorId> = labels.into_iter().zip((1..).map(VisitorId)).collect();
        let heads: Vec<ClickHead> = self
            .clicks
            .iter()
            .zip(0..)
            .map(|(it, number)| head(it, number, visitors.get(&*it.visitor).copied()))
            .collect();
        let ids: BTreeMap<&str, ClickId> =
            self.clicks.iter().zip(&heads).map(|(it, head)| (&*it.tag, head.id)).collect();
        let reports: Vec<Report> =
            self.reports.iter().zip(0..).map(|(it, number)| report(it, number, &ids, &visitors)).collect();
        let keys: BTreeSet<&OrderKey> = reports.iter().map(|it| &it.key).collect();
        let links: BTreeMap<TouchId, &Clicked> =
            heads.iter().map(|it| it.id.touch()).zip(self.clicks.iter().copied()).collect();
        let mut orders = Vec::new();
        for key in keys {
            let answer = naive::decide(key, &heads, &reports, std::slice::from_ref(catalog));
            let said = self.reports.iter().filter(|it| *it.order == *key.order);
            let at_ms = said.map(|it| it.ordered_ms.min(it.received_ms)).min().unwrap_or_default();
            let currency =
                self.reports.iter().find(|it| *it.order == *key.order).map(|it| it.currency.clone());
            let mut shares: Vec<Share> = answer.credits.iter().map(|it| share(it, &links)).collect();
            // Credits ascend by touch, so by time: of the greatest shares the newest leads.
            let lead = shares.iter().max_by_key(|it| it.ppm).map_or(0, |it| it.offer);
            shares.sort();
            let order = ExpectedOrder {
                partner: answer.partner,
                offer: lead,
                status: answer.status.as_str().to_owned(),
                revenue_minor: answer.revenue_minor,
                currency: currency.unwrap_or_default(),
                at_ms,
                shares,
            };
            orders.push(((key.advertiser.0, key.order.to_string()), order));
        }
        orders
    }
}

/// A name tells the time, the link and the visitor; the number tells it from others.
fn head(click: &Clicked, number: u64, visitor: Option<VisitorId>) -> ClickHead {
    let mut bytes = [0_u8; 31];
    bytes[1..7].copy_from_slice(&click.at_ms.to_be_bytes()[2..]);
    bytes[7..11].copy_from_slice(&click.link.to_be_bytes());
    bytes[11..19].copy_from_slice(&visitor.unwrap_or(VisitorId(0)).0.to_be_bytes());
    bytes[21..29].copy_from_slice(&number.to_be_bytes());
    ClickHead {
        origin: Origin { sequence: number, ..Origin::default() },
        id: ClickId::from_bytes(bytes),
        kind: TouchKind::Click,
        verdict: Verdict::Valid,
        verdict_version: 1,
        partner: PartnerId(click.partner),
        offer: OfferId(click.offer),
        advertiser: AdvertiserId(click.shop),
        catalog: CatalogVersion(1),
        currency: currency(&click.currency),
        country: Country(*b"ZZ"),
        device: Device::Unknown,
    }
}

fn currency(text: &str) -> Currency {
    Currency::parse(text).expect("the program's shops have currencies")
}

fn report(
    said: &Reported,
    number: u64,
    clicks: &BTreeMap<&str, ClickId>,
    visitors: &BTreeMap<&str, VisitorId>,
) -> Report {
    let key = OrderKey::by_id(AdvertiserId(said.shop), &said.order);
    let money = |minor| Some(Money { minor, currency: currency(&said.currency) });
    let (click, visitor) = match &said.named {
        Named::Nobody => (None, None),
        Named::Click(tag) => (clicks.get(&**tag), None),
        Named::Visitor(label) => (None, visitors.get(&**label)),
    };
    let (statement, status) = match said.says {
        Says::Order => (Statement::Order { amount: money(said.amount_minor) }, None),
        Says::Approved => {
            (Statement::Order { amount: money(said.amount_minor) }, Some(ReportedStatus::Approved))
        }
        Says::Rejected => {
            (Statement::Order { amount: money(said.amount_minor) }, Some(ReportedStatus::Rejected))
        }
        Says::Refund(minor) => {
            let refund = format!("{}-refund", said.order).into();
            (Statement::Refund { refund, amount: money(minor), kind: RefundKind::Refund }, None)
        }
    };
    let origin = Origin { sequence: number, ..Origin::default() };
    Report {
        reported_at: Some(EpochMs(said.ordered_ms)),
        click: click.map_or(ReportedClick::None, |it| ReportedClick::Signed(*it)),
        visitor: visitor.copied(),
        // He has one account, and only with this shop.
        customer: said.customer.as_ref().map(|_| CustomerId([1; 16])),
        coupons: said.coupon.iter().map(|it| it.as_str().into()).collect(),
        partner: said.partner.map(PartnerId),
        statement,
        status,
        ..Report::bare(key, EpochMs(said.received_ms), origin)
    }
}

/// A touch's link, or, where a key alone earned it, the offer that stands in its name behind the partner.
fn share(
    (partner, touch, ppm, minor): &(u32, TouchId, u32, i64),
    links: &BTreeMap<TouchId, &Clicked>,
) -> Share {
    let [.., a, b, c, d] = touch.0;
    let (offer, link) =
        links.get(touch).map_or_else(|| (u32::from_be_bytes([a, b, c, d]), 0), |it| (it.offer, it.link));
    Share { partner: *partner, offer, link, ppm: i64::from(*ppm), minor: *minor }
}
