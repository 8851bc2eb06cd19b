//! What must come out, written as plainly as can be: over everything that was recorded, at once, without machines, partitions or memory.
//!
//! In: all recorded clicks and reports, all versions of the catalog. Out: each order and each cell. It shares no code with `attribution`; where the
//! two differ, one of them is wrong about the rules in design.md 5 and 7. Start at [`answer`].

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use catalog::{Catalog, Rules, Status};
use events::{
    ClickHead, ClickId, Credit, Hold, MatchedKey, OrderKey, Report, Score, TimeSource, Touch, TouchId,
    TouchKind, Verdict,
};
use units::{Currency, EpochMs, HOUR_MS, OfferId, PartnerId, Quarter, VisitorId};

use crate::{
    clickhouse::{Cell, CellKey, OrderName, OrderRow, Part, Settled, in_e4},
    world::signed,
};

#[path = "../../attribution/tests/naive/customers.rs"]
mod customers;
#[path = "../../attribution/tests/naive/keys.rs"]
mod keys;
mod parts;
mod persons;
mod reporting;
#[path = "../../attribution/tests/naive/scores.rs"]
mod scores;
#[path = "../../attribution/tests/naive/sharing.rs"]
mod sharing;
mod worth;

pub(crate) use self::persons::orders;
use self::{
    customers::Buyer,
    parts::parts_of,
    persons::decided,
    worth::{Worth, worth},
};

/// What each touch has of an order, by touch; those that have nothing are not there.
pub(crate) type Parts = Vec<(TouchId, Part)>;

/// Everything that must be found at the end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) orders: BTreeMap<OrderName, (OrderRow, Parts)>,
    pub(crate) cells: BTreeMap<(Quarter, CellKey), Cell>,
}

pub(crate) fn answer(
    clicks: &[ClickHead],
    (reports, scores): (&[Report], &[Score]),
    catalogs: &[Arc<Catalog>],
) -> Answer {
    let mut answer = Answer::default();
    for click in clicks {
        let key = cell_key(&Touch::from(click), click.currency);
        let cell = answer.cells.entry((click.at().quarter(), key)).or_default();
        cell.add_click(click.kind.as_str(), click.verdict.as_str());
    }
    let mut by_order: BTreeMap<OrderKey, Vec<Report>> = BTreeMap::new();
    for report in reports {
        by_order.entry(report.key.clone()).or_default().push(report.clone());
    }
    let all = |_: &BTreeSet<VisitorId>| Cow::Borrowed(clicks);
    for (key, (order, credited)) in decided(by_order, all, scores, catalogs) {
        let currency = Currency::parse(&order.currency).unwrap_or(Currency::EUR);
        for (touch, part) in &credited {
            let quarter = EpochMs(order.at).quarter();
            let cell = answer.cells.entry((quarter, cell_key(touch, currency)));
            cell.or_default().add_credit(part, &order.settled);
        }
        let name = (key.advertiser.0, key.order.to_string());
        answer.orders.insert(name, (order, named(credited)));
    }
    answer
}

/// What credits give to whom.
pub(crate) fn parts(credits: &[Credit]) -> Parts {
    let part = |it: &Credit| Part {
        share_ppm: it.share.0,
        revenue_minor: it.revenue_minor,
        refunded_minor: it.refunded_minor,
        is_assist: it.is_assist,
        path_touches: it.path_touches.into(),
        reporting_e4: it.reporting.map_or(0, |it| in_e4(it.minor, it.currency.as_str())),
        is_suspected: it.hold == Some(Hold::Fraud),
    };
    let parts = credits.iter().map(|it| (it.touch, part(it)));
    let mut parts: Parts = parts.filter(|(_, it)| it.counts()).collect();
    parts.sort_unstable();
    parts
}

fn named(parts: Vec<(Touch, Part)>) -> Parts {
    let mut parts: Parts = parts.into_iter().map(|(touch, part)| (touch.id, part)).collect();
    parts.sort_unstable();
    parts
}

fn cell_key(touch: &Touch, currency: Currency) -> CellKey {
    CellKey {
        partner: touch.partner.0,
        offer: touch.offer.0,
        link: touch.link.0,
        country: touch.country.as_str().to_owned(),
        device: touch.device.as_str().to_owned(),
        currency: currency.as_str().to_owned(),
    }
}

pub(crate) fn in_force(catalogs: &[Arc<Catalog>], at: EpochMs) -> Option<&Arc<Catalog>> {
    catalogs.iter().filter(|it| it.effective_at <= at).max_by_key(|it| it.version)
}

fn visitors(reports: &[Report]) -> BTreeSet<VisitorId> {
    let ids = reports.iter().filter_map(|it| it.click.signed()).map(ClickId::visitor);
    reports.iter().filter_map(|it| it.visitor).chain(ids).collect()
}

fn decide(
    key: &OrderKey,
    (reports, followed, buyer, scores): (&[Report], &BTreeSet<VisitorId>, &Buyer, &[Score]),
    clicks: &[ClickHead],
    catalogs: &[Arc<Catalog>],
) -> (OrderRow, Vec<(Touch, Part)>) {
    let ids = signed(reports);
    let said = said_time(reports);
    let own: Vec<Touch> = ids.iter().map(|id| touch_of(*id, said, clicks, catalogs)).collect();
    let (at, time_source) = order_time(key, reports, said, &own);
    let catalog = in_force(catalogs, at);

    let visitors = visitors(reports);
    let named =
        |click: &&ClickHead| visitors.contains(&click.visitor()) || followed.contains(&click.visitor());
    let mut touches: Vec<Touch> = clicks.iter().filter(named).map(Touch::from).collect();
    touches.extend(
        own.iter().filter(|it| touches.iter().all(|known| known.id != it.id)).copied().collect::<Vec<_>>(),
    );
    let eligible = |touch: &Touch| catalog.is_some_and(|it| is_eligible(touch, key, at, it));
    let scores = scores.iter().filter(|it| it.order == *key);
    let rules_in = |offer, partner| rules(catalog?, offer, partner);
    let named: Vec<&Report> = reports.iter().collect();
    let of = (key.advertiser, at);
    let suspected = scores::suspected((&named, scores), of, &touches, catalog.map(AsRef::as_ref), rules_in);
    let mut eligible: Vec<Touch> = touches.into_iter().filter(eligible).collect();
    eligible.sort();
    eligible.dedup_by_key(|it| it.id);
    let rules_of = |it: &Touch| rules(catalog?, it.offer, it.partner);
    let shared = catalog.map(|it| {
        let rules = |offer, partner| rules(it, offer, partner);
        keys::shared((key.advertiser, at), (&named, buyer), &eligible, it, rules)
    });
    let keys::Shared { credited, path, beside, model } = shared.unwrap_or_default();
    // Of the greatest shares the newest.
    let lead = credited.iter().max_by_key(|(_, share)| *share).map(|(touch, _)| *touch);
    let hold_ms = credited.iter().filter_map(|(touch, _)| rules_of(touch)).map(|it| it.hold_ms).max();

    let fallback =
        || lead.and_then(|it| Some(catalog?.offers.get(&it.offer)?.currency)).unwrap_or(Currency::EUR);
    let worth = worth(reports, fallback);
    let reporting = reporting::told(worth.revenue_minor, worth.currency, catalog);
    let is_suspicious = credited.iter().any(|(it, _)| scores::waits(&suspected, it.partner));
    let order = OrderRow {
        at: at.0,
        time_source: time_source.as_str().to_owned(),
        catalog: catalog.map_or(0, |it| it.version.0),
        settled: settled(&worth, catalog, is_suspicious),
        refunded_minor: worth.refunded_minor,
        revenue_minor: worth.revenue_minor,
        currency: worth.currency.as_str().to_owned(),
        offer: lead.map_or(0, |it| it.offer.0),
        partner: lead.map_or(0, |it| it.partner.0),
        matched: lead.map_or("", |it| matched(it, &own, &visitors).as_str()).to_owned(),
        report_count: u32::try_from(reports.len()).unwrap_or(u32::MAX),
        payable_at: at.forth(hold_ms.unwrap_or(0)).0,
        model: model.map_or("", catalog::Model::as_str).to_owned(),
        path_touches: sharing::steps(&path).len().try_into().unwrap_or(u32::MAX),
        reporting_e4: reporting.as_ref().map_or(0, |(minor, into)| in_e4(*minor, into.as_str())),
    };
    let mut parts = parts_of(&worth, reporting, &credited, &path, &beside);
    for (touch, part) in &mut parts {
        part.is_suspected = order.settled.hold == "fraud" && scores::waits(&suspected, touch.partner);
    }
    (order, parts)
}

fn settled(worth: &Worth, catalog: Option<&Arc<Catalog>>, is_suspicious: bool) -> Settled {
    let hold = match reporting::hold(worth.revenue_minor, worth.currency, catalog) {
        "" if worth.is_held => "refund_other_currency",
        "" if is_suspicious => "fraud",
        hold => hold,
    };
    Settled {
        status: worth.status.as_str().to_owned(),
        is_approved: worth.is_approved,
        hold: hold.to_owned(),
    }
}

fn matched(touch: Touch, own: &[Touch], visitors: &BTreeSet<VisitorId>) -> MatchedKey {
    match touch.id.0 {
        [0, 0, 0, 0, 0, 0, 3, ..] => MatchedKey::ExclusiveCoupon,
        [0, 0, 0, 0, 0, 0, 4, ..] => MatchedKey::Coupon,
        [0, 0, 0, 0, 0, 0, 5, ..] => MatchedKey::Customer,
        [0, 0, 0, 0, 0, 0, 6, ..] => MatchedKey::Partner,
        id if own.iter().any(|it| it.id.0 == id) => MatchedKey::ClickId,
        _ if visitors.contains(&touch.visitor) => MatchedKey::Visitor,
        _ => MatchedKey::CustomerVisitor,
    }
}

/// A signed click: its record where there is one, else what the catalog of its time says of its link, else the oldest that knows it. Versions that take
/// effect after any time it could give the order do not count.
fn touch_of(id: ClickId, said: EpochMs, clicks: &[ClickHead], catalogs: &[Arc<Catalog>]) -> Touch {
    if let Some(record) = clicks.iter().find(|it| it.id == id) {
        return Touch::from(record);
    }
    let latest = if is_little_later(said, id.at()) { id.at() } else { said };
    let knows = |it: &&Arc<Catalog>| it.effective_at <= latest && it.links.contains_key(&id.link());
    let catalog =
        in_force(catalogs, id.at().min(latest)).filter(knows).or_else(|| catalogs.iter().find(knows));
    let (partner, offer, advertiser) = catalog
        .and_then(|it| {
            let link = it.links.get(&id.link())?;
            Some((link.partner, link.offer, it.offers.get(&link.offer)?.advertiser))
        })
        .unwrap_or_default();
    Touch::of_signed_id(id, partner, offer, advertiser)
}

fn said_time(reports: &[Report]) -> EpochMs {
    let times = reports.iter().map(|it| it.received_at.min(it.reported_at.unwrap_or(it.received_at)));
    times.min().unwrap_or_default()
}

fn is_little_later(said: EpochMs, click: EpochMs) -> bool {
    said < click && click.0 - said.0 <= 24 * HOUR_MS
}

fn order_time(key: &OrderKey, reports: &[Report], said: EpochMs, own: &[Touch]) -> (EpochMs, TimeSource) {
    let later = own.iter().filter(|it| it.advertiser == key.advertiser).map(|it| it.at);
    let corrected = later.filter(|at| is_little_later(said, *at)).max();
    let by_shop = reports.iter().any(|it| it.reported_at == Some(said));
    match corrected {
        Some(at) => (at, TimeSource::Click),
        None if by_shop => (said, TimeSource::Reported),
        None => (said, TimeSource::Received),
    }
}

fn is_eligible(touch: &Touch, key: &OrderKey, at: EpochMs, catalog: &Catalog) -> bool {
    let Some(rules) = rules(catalog, touch.offer, touch.partner) else { return false };
    let Some(age_ms) = at.ms_since(touch.at) else { return false };
    let window_ms = match touch.kind {
        TouchKind::Click => rules.click_window_ms,
        TouchKind::View => rules.view_window_ms,
    };
    let active = catalog.partners.get(&touch.partner).is_some_and(|it| it.status == Status::Active);
    touch.advertiser == key.advertiser
        && matches!(touch.verdict, Verdict::Valid | Verdict::Duplicate)
        && (rules.minimum_time_ms..window_ms).contains(&age_ms)
        && active
}

/// The partner's override, else the type's, else the offer's, else built in.
pub(crate) fn rules(catalog: &Catalog, offer: OfferId, partner: PartnerId) -> Option<Rules> {
    let own = &catalog.offers.get(&offer)?.rules;
    let kind = catalog.partners.get(&partner).map(|it| it.kind.clone());
    let overrides = || catalog.overrides.get(&offer).into_iter().flat_map(catalog::Overrides::iter);
    let find = |whom: Option<catalog::OverrideFor>| overrides().find(|(it, _)| Some(it) == whom.as_ref());
    let of_kind = find(kind.map(catalog::OverrideFor::PartnerKind)).map(|(_, it)| it);
    let of_partner = find(Some(catalog::OverrideFor::Partner(partner))).map(|(_, it)| it);
    let levels = || [of_partner, of_kind, Some(own)].into_iter().flatten();
    let said = |of: fn(&catalog::RuleChanges) -> Option<u64>| levels().find_map(of);
    let built_in = Rules::default();
    Some(Rules {
        click_window_ms: said(|it| it.click_window_ms).unwrap_or(built_in.click_window_ms),
        view_window_ms: said(|it| it.view_window_ms).unwrap_or(built_in.view_window_ms),
        minimum_time_ms: said(|it| it.minimum_time_ms).unwrap_or(built_in.minimum_time_ms),
        hold_ms: said(|it| it.hold_ms).unwrap_or(built_in.hold_ms),
        binding: levels().find_map(|it| it.binding).unwrap_or(built_in.binding),
        customers: levels().find_map(|it| it.customers).unwrap_or(built_in.customers),
        model: levels().find_map(|it| it.model).unwrap_or(built_in.model),
        precedence: levels().find_map(|it| it.precedence).unwrap_or(built_in.precedence),
        hijack_window_ms: said(|it| it.hijack_window_ms).unwrap_or(built_in.hijack_window_ms),
        hijack_after_checkout: levels()
            .find_map(|it| it.hijack_after_checkout)
            .unwrap_or(built_in.hijack_after_checkout),
        ..built_in
    })
}
