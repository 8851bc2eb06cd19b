//! Windows to the millisecond (P8): sequences of late, early and repeated inputs around every boundary, judged after each of them.
//!
//! In: a seed and how many sequences. Out: how often each boundary was met, or the first answer that differs. Boundaries are the ends of windows, the
//! least time, the order's own instant, the clocks' tolerance and the catalog's beginning, each by a millisecond to either side, on ordinary days and
//! on those that calendars are known to get wrong; clocks step by an hour between two clicks. Start at [`windows`].

use std::sync::Arc;

use catalog::{Binding, BindingOwner, Catalog, Coupon, Key, Model, OverrideFor, Precedence, RuleChanges};
use events::{ClickKey, ClickMint, MatchedKey, Report, TouchKind};
use units::{
    AdvertiserId, CustomerId, DAY_MS, EpochMs, HOUR_MS, LinkId, MINUTE_MS, OfferId, Origin, PartnerId,
    QUARTER_MS, SECOND_MS, VisitorId, WriterId,
};

use crate::{
    cases::{LINKS, News, Play, click, plain_catalog, report, version},
    naive,
    rng::Rng,
    tally::{Row, Tally},
};

/// Instants that calendars get wrong, in ms.
const DATES: [(Row, u64); 8] = [
    (Row::LeapSecond, 1_483_228_800_000),
    (Row::LeapDay, 1_709_164_800_000),
    (Row::LeapDay, 1_709_251_200_000),
    (Row::SummerTime, 1_774_746_000_000),
    (Row::SummerTime, 1_792_890_000_000),
    (Row::SummerTime, 1_772_953_200_000),
    (Row::SecondsOf31Bits, 2_147_483_648_000),
    (Row::YearEnds, 1_798_761_600_000),
];
const VISITORS: u64 = 2;

/// Plays so many sequences.
pub fn windows(seed: u64, sequences: u64) -> Result<Tally, String> {
    let (mut rng, plain) = (Rng::new(seed), plain_catalog());
    let mut tally = Tally::default();
    for number in 0..sequences {
        let news = sequence(&plain, &mut tally, &mut rng);
        let mut play = Play::new();
        for it in &news {
            play.hear(it).map_err(|error| format!("seed {seed}, sequence {number}: {error}"))?;
        }
        tally.checks += news.len() as u64;
        count(&play, &news, &mut tally);
    }
    tally.cases += sequences;
    Ok(tally)
}

/// To either side of it by a millisecond, or it.
fn about(at: EpochMs, rng: &mut Rng) -> EpochMs {
    match rng.below(3) {
        0 => at.back(1),
        1 => at,
        _ => at.forth(1),
    }
}

/// What is heard, in the order in which it is.
fn sequence(plain: &Catalog, tally: &mut Tally, rng: &mut Rng) -> Vec<News> {
    let (date, at) = rng.of(DATES);
    let ordinary = EpochMs(1_760_000_000_000 + rng.below(400 * DAY_MS));
    let (date, at) = if rng.chance(50) { (date, EpochMs(at)) } else { (Row::OrdinaryDay, ordinary) };
    tally.note(date);
    let at = if rng.chance(30) { at.back(at.0 % QUARTER_MS) } else { at };
    let mut windows = || {
        let window = rng.of([1, 2, SECOND_MS, QUARTER_MS, HOUR_MS, DAY_MS, 30 * DAY_MS]);
        [window, rng.of([0, 0, window, SECOND_MS]), rng.of([0, 0, 1, SECOND_MS, MINUTE_MS])]
    };
    let versions = [windows(), windows()];
    let [[window, _, minimum], [other_window, ..]] = versions;
    let mut keyed = rng.beside(0x6b65_7973);
    let guard = keyed.of([0, 1, SECOND_MS, MINUTE_MS, HOUR_MS]);
    let half_life = keyed.of([SECOND_MS, MINUTE_MS, HOUR_MS]);
    let term = keyed.of([1, SECOND_MS, HOUR_MS, DAY_MS]);
    let lengths = Lengths { guard, half_life, term };
    let mut news =
        vec![News::Catalog(with_keys(version(plain, 1, EpochMs(0), versions[0]), lengths, &mut keyed))];
    if rng.chance(40) {
        let second = version(plain, 2, about(at, rng), versions[1]);
        news.push(News::Catalog(with_keys(second, lengths, &mut keyed)));
    }
    let mut mint = ClickMint::new(ClickKey::new(1, b"the simulation's"), 0);
    let mut origin = origins();
    let mut ids = Vec::new();
    for _ in 0..=rng.below(3) {
        let near = rng.of([at, at.back(window), at.back(minimum), at.back(other_window), at.forth(DAY_MS)]);
        let near = if keyed.chance(20) { at.back(guard) } else { near };
        let near = if keyed.chance(20) { at.back(half_life) } else { near };
        // The clock of one edge is an hour ahead or behind, and then it is not.
        let stepped = match rng.below(8) {
            0 => near.back(HOUR_MS),
            1 => near.forth(HOUR_MS),
            _ => near,
        };
        tally.note_if(stepped != near, Row::ClockSteps);
        let link = LinkId(1 + u32::try_from(rng.below(LINKS.into())).unwrap_or(0));
        let id = mint.mint(about(stepped, rng), link, VisitorId(1 + rng.below(VISITORS)));
        ids.push(id);
        let kind = if rng.chance(80) { TouchKind::Click } else { TouchKind::View };
        if rng.chance(85) {
            news.push(News::Click(click(id, origin(rng), kind)));
        }
    }
    for _ in 0..=rng.below(2) {
        let named = rng.pick(&ids).copied().filter(|_| rng.chance(60));
        let received_at = about(rng.of([at, at, at.forth(HOUR_MS), at.back(HOUR_MS)]), rng);
        let received_at = if keyed.chance(25) { about(at.back(term), &mut keyed) } else { received_at };
        let mut it = report(rng.of(["o", "o", "p"]), received_at, origin(rng), named);
        it.visitor = rng.chance(50).then(|| VisitorId(1 + rng.below(VISITORS)));
        it.reported_at = rng.chance(40).then(|| about(rng.of([at, at.back(DAY_MS), at.forth(HOUR_MS)]), rng));
        it.coupons.extend(keyed.chance(15).then(|| keyed.of(["A", "b "]).into()));
        it.checkout_at = keyed.chance(30).then(|| about(at.back(guard), &mut keyed));
        it.customer = keyed.chance(50).then(|| CustomerId([keyed.of([1, 1, 1, 2]); 16]));
        it.partner = keyed.chance(8).then(|| PartnerId(keyed.of([1, 3, 9])));
        news.push(News::Report(Box::new(it)));
    }
    let again: Vec<News> = news.iter().filter(|_| rng.chance(15)).cloned().collect();
    news.extend(again.into_iter().filter(|it| !matches!(it, News::Catalog(_))));
    if rng.chance(50) {
        news.push(News::Commit);
    }
    rng.shuffle(&mut news);
    ascending(&mut news);
    news
}

/// What else than windows ends somewhen, in ms.
#[derive(Debug, Clone, Copy)]
struct Lengths {
    guard: u64,
    half_life: u64,
    term: u64,
}

/// Partner 3 is guarded. In some versions there are coupons, other orders of keys and other models, and customers are bound.
fn with_keys(mut catalog: Catalog, lengths: Lengths, rng: &mut Rng) -> Arc<Catalog> {
    let orders = [
        [Key::Coupon, Key::Click, Key::View],
        [Key::View, Key::Click, Key::Partner],
        [Key::Click, Key::ExclusiveCoupon, Key::Coupon],
    ];
    if let Some(offer) = catalog.offers.get_mut(&OfferId(1)) {
        offer.rules.precedence = if rng.chance(20) { Precedence::of(&rng.of(orders)) } else { None };
        let decay = Model::TimeDecay { half_life_ms: lengths.half_life };
        offer.rules.model =
            rng.chance(40).then(|| rng.of([decay, decay, decay, Model::First, Model::Linear]));
        let owner = rng.of([BindingOwner::First, BindingOwner::Last]);
        let binding = Binding::Bound { for_ms: Some(lengths.term), orders: None, owner };
        offer.rules.binding = rng.chance(60).then_some(binding);
    }
    let changes = RuleChanges {
        hijack_window_ms: Some(lengths.guard),
        hijack_after_checkout: Some(rng.chance(30)),
        ..RuleChanges::default()
    };
    let overrides = catalog.overrides.entry(OfferId(1)).or_default();
    overrides.insert(OverrideFor::Partner(PartnerId(3)), changes);
    for code in ["A", "B"] {
        if rng.chance(70) {
            let (partner, offer) = (PartnerId(rng.of([1, 2, 3])), OfferId(1));
            let coupon = Coupon { code: code.into(), partner, offer, exclusive: rng.chance(50) };
            catalog.coupons.insert((AdvertiserId(1), code.into()), coupon);
        }
    }
    Arc::new(catalog)
}

/// Versions of the catalog come late, but never before older ones: everybody reads them in order.
fn ascending(news: &mut [News]) {
    let is_second = |it: &News| matches!(it, News::Catalog(it) if it.version.0 == 2);
    let is_first = |it: &News| matches!(it, News::Catalog(it) if it.version.0 == 1);
    if let (Some(first), Some(second)) = (news.iter().position(is_first), news.iter().position(is_second))
        && second < first
    {
        news.swap(first, second);
    }
}

/// Two edges' sequences.
fn origins() -> impl FnMut(&mut Rng) -> Origin {
    let mut sequence = 0;
    move |rng| {
        sequence += 1;
        let writer = WriterId::new(u16::try_from(1 + rng.below(2)).unwrap_or(1), 0);
        Origin { writer, incarnation: 1, sequence }
    }
}

/// Which boundaries the orders of this play lie at in the end.
fn count(play: &Play, news: &[News], tally: &mut Tally) {
    let place = |found: &dyn Fn(&News) -> bool| news.iter().position(found);
    let first_report = place(&|it| matches!(it, News::Report(_)));
    let is_late = |found: Option<usize>| found > first_report;
    tally.note_if(is_late(place(&|it| matches!(it, News::Click(_)))), Row::ClickAfterReport);
    tally.note_if(is_late(place(&|it| matches!(it, News::Catalog(_)))), Row::CatalogAfterReport);
    tally.note_if(play.restored() > 0, Row::FromDisk);
    for (_, reports, (row, _)) in play.orders() {
        let at = EpochMs(row.at);
        for catalog in play.catalogs() {
            tally.note_if(catalog.effective_at == at, Row::CatalogBeginsThen);
            tally.note_if(catalog.effective_at == at.forth(1), Row::CatalogBeginsNext);
        }
        let in_force = naive::in_force(play.catalogs(), at);
        let clicks = play.clicks();
        for (index, touch) in clicks.iter().enumerate() {
            let Some(rules) = in_force.and_then(|it| naive::rules(it, touch.offer, touch.partner)) else {
                continue;
            };
            let twin = |it: &events::ClickHead| it.at() == touch.at() && it.visitor() == touch.visitor();
            tally.note_if(clicks.iter().skip(index + 1).any(twin), Row::Tie);
            let window =
                if touch.kind == TouchKind::Click { rules.click_window_ms } else { rules.view_window_ms };
            let is_at = |instant: EpochMs| instant == touch.at();
            tally.note_if(window > 0 && is_at(at.back(window).forth(1)), Row::LastInside);
            tally.note_if(window > 0 && is_at(at.back(window)), Row::WindowEnd);
            tally.note_if(is_at(at.back(window).back(1)), Row::Beyond);
            tally.note_if(is_at(at), Row::SameInstant);
            tally.note_if(is_at(at.forth(1)), Row::OneAfter);
            let guard = rules.hijack_window_ms;
            tally.note_if(guard > 0 && is_at(at.back(guard)), Row::GuardEnd);
            tally.note_if(guard > 0 && is_at(at.back(guard).forth(1)), Row::LastGuarded);
            let began = reports.iter().filter_map(|it| it.checkout_at).min();
            let is_guarded = rules.hijack_after_checkout;
            tally.note_if(is_guarded && began.is_some_and(is_at), Row::AsCheckoutBegins);
            tally.note_if(is_guarded && began.is_some_and(|it| is_at(it.back(1))), Row::BeforeCheckout);
            if let Model::TimeDecay { half_life_ms } = rules.model {
                let is_half = |it: &events::ClickHead| it.at().ms_since(touch.at()) == Some(half_life_ms);
                tally.note_if(clicks.iter().any(is_half), Row::HalfLife);
            }
            let minimum = rules.minimum_time_ms;
            tally.note_if(minimum > 0 && is_at(at.back(minimum)), Row::Minimum);
            tally.note_if(minimum > 0 && is_at(at.back(minimum).forth(1)), Row::BelowMinimum);
        }
        tally.note_if(row.matched == MatchedKey::ExclusiveCoupon.as_str(), Row::ByExclusiveCoupon);
        tally.note_if(row.matched == MatchedKey::Coupon.as_str(), Row::ByCoupon);
        tally.note_if(row.matched == MatchedKey::Partner.as_str(), Row::ByPartner);
        tally.note_if(row.matched == MatchedKey::Customer.as_str(), Row::ByCustomer);
        count_bound(play, reports, in_force, tally);
        let said =
            reports.iter().map(|it| it.received_at.min(it.reported_at.unwrap_or(it.received_at))).min();
        for id in reports.iter().filter_map(|it| it.click.signed()) {
            let ahead = said.and_then(|said| id.at().ms_since(said));
            tally.note_if(ahead == Some(DAY_MS), Row::ToleranceEnd);
            tally.note_if(ahead == Some(DAY_MS + 1), Row::BeyondTolerance);
        }
    }
}

/// At which ends of bindings an order lies.
fn count_bound(play: &Play, reports: &[Report], in_force: Option<&Arc<Catalog>>, tally: &mut Tally) {
    let said = |reports: &[Report]| reports.iter().map(Report::order_time).min();
    let binding = in_force.and_then(|it| it.offers.get(&OfferId(1))).and_then(|it| it.rules.binding);
    let Some(Binding::Bound { for_ms: Some(term), .. }) = binding else { return };
    let is_his =
        |it: &Report| reports.iter().any(|own| own.customer.is_some() && own.customer == it.customer);
    for (_, others, _) in play.orders().filter(|(_, others, _)| others.iter().any(is_his)) {
        let since = said(others).and_then(|at| said(reports)?.ms_since(at));
        tally.note_if(since == Some(term), Row::BindingEnd);
        tally.note_if(since == Some(term - 1) && term > 1, Row::LastBound);
    }
}
