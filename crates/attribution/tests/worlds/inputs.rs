//! What a world is made of: clicks, reports and versions of the catalog, by a seed.

use catalog::{EmailHash, VisitorLimit};
use events::{Signal, SignalCode};
use units::CatalogVersion;

use super::*;
use crate::world::{key, origin};

const MINUTE_MS: u64 = 60_000;

pub(super) struct Inputs {
    pub(super) clicks: Vec<ClickHead>,
    pub(super) reports: Vec<Report>,
    pub(super) scores: Vec<Score>,
    pub(super) catalogs: Vec<Catalog>,
    /// A customer is known by about as many visitors as one may be.
    pub(super) has_till: bool,
    /// Customers are bound to partners.
    pub(super) is_bound: bool,
}

pub(super) fn inputs(random: &mut Random) -> Inputs {
    // By numbers of their own, and in half of the worlds: what has no coupons is the same world as without them.
    let mut keyed = Random(random.0 ^ 0x6b65_7973);
    let is_keyed = keyed.one_in(2);
    // Small numbers, so that times tie and windows end at clicks: a step is five minutes, a quarter three steps.
    let step = 5 * MINUTE_MS;
    let base = 1_000 * step;
    let mut catalogs = Vec::new();
    for version in 1..=1 + u32::try_from(random.below(3)).expect("small") {
        let effective_at = if version == 1 { 0 } else { base + random.below(60) * step };
        let mut catalog = catalog(version, effective_at, [6, 20, 50][usize_below(random, 3)] * step);
        if random.one_in(4) {
            catalog.partners.entry(PartnerId(1)).and_modify(|it| it.status = Status::Paused);
        }
        if random.one_in(4) {
            catalog.offers.values_mut().for_each(|it| it.rules.minimum_time_ms = Some(step));
        }
        for offer in catalog.offers.values_mut() {
            offer.rules.model = random.one_in(2).then(|| model(random, step));
        }
        if random.one_in(4) {
            let changes = RuleChanges { model: Some(model(random, step)), ..RuleChanges::default() };
            catalog
                .overrides
                .entry(OfferId(10))
                .or_default()
                .insert(OverrideFor::Partner(PartnerId(2)), changes);
        }
        if is_keyed {
            catalog = keys(catalog, step, &mut keyed);
        }
        catalogs.push(catalog);
    }
    let mut clicks = Vec::new();
    for sequence in 1..=random.below(12) {
        let at = base + random.below(60) * step;
        let offer = if random.one_in(8) { 20 } else { 10 };
        let partner = 1 + u32::try_from(random.below(3)).expect("small");
        let mut click = click_on(at, partner, offer, 1 + random.below(4), sequence);
        click.kind = if random.one_in(6) { TouchKind::View } else { TouchKind::Click };
        click.verdict = [Verdict::Valid, Verdict::Valid, Verdict::Valid, Verdict::Duplicate, Verdict::Bot]
            [usize_below(random, 5)];
        clicks.push(click);
    }
    let mut reports = Vec::new();
    for sequence in 1..=1 + random.below(9) {
        let at = base + random.below(70) * step;
        let order = ["o1", "o2", "o3"][usize_below(random, 3)];
        let mut report = match random.below(4) {
            0 => refund(order, at, 100 + sequence, ["r", "s"][usize_below(random, 2)], None),
            1 => refund(order, at, 100 + sequence, ["r", "s"][usize_below(random, 2)], Some(euros(70))),
            _ => report(order, at, 100 + sequence),
        };
        if let Statement::Order { amount } = &mut report.statement {
            *amount = Some(euros(100 + i64::try_from(sequence).expect("small")));
        }
        report.status =
            [None, Some(ReportedStatus::Approved), Some(ReportedStatus::Rejected)][usize_below(random, 3)];
        if !clicks.is_empty() && !random.one_in(3) {
            report = report.by(clicks[usize_below(random, clicks.len())].id);
        }
        if random.one_in(3) {
            report = report.of(1 + random.below(4));
        }
        if random.one_in(4) {
            report = report.said_at(at - random.below(20) * step);
        }
        if is_keyed && keyed.one_in(3) {
            let names = ["a ", "B", "b", "C"];
            report.coupons = (0..=keyed.below(2)).map(|_| names[usize_below(&mut keyed, 4)].into()).collect();
        }
        if is_keyed && keyed.one_in(3) {
            report.checkout_at = Some(units::EpochMs(base + keyed.below(60) * step));
        }
        if is_keyed && keyed.one_in(4) {
            report = report.declaring(1 + u32::try_from(keyed.below(5)).expect("small"));
            report.offer = [None, Some(OfferId(10)), Some(OfferId(20))][usize_below(&mut keyed, 3)];
        }
        reports.push(report);
    }
    Inputs { clicks, reports, scores: Vec::new(), catalogs, has_till: false, is_bound: false }
}

/// Names customers in half of all worlds. By chance of its own, so that the other half stays as it was.
pub(super) fn name_customers(inputs: &mut Inputs, seed: u64) {
    let mut random = Random(seed ^ 0xc057_0e25);
    if random.one_in(2) {
        return;
    }
    for report in &mut inputs.reports {
        if random.one_in(2) {
            *report = report.clone().of_customer([1, 2][usize_below(&mut random, 2)]);
        }
        if random.one_in(8) {
            report.new_customer = Some(random.one_in(2));
        }
    }
    inputs.is_bound = random.one_in(2);
    for catalog in inputs.catalogs.iter_mut().filter(|_| inputs.is_bound) {
        for offer in catalog.offers.values_mut() {
            offer.rules.binding = Some(binding(&mut random));
            offer.rules.customers = random.one_in(4).then(|| customers(&mut random));
        }
        let mut changes = RuleChanges { binding: Some(binding(&mut random)), ..RuleChanges::default() };
        changes.customers = random.one_in(4).then(|| customers(&mut random));
        if random.one_in(3) {
            catalog
                .overrides
                .entry(OfferId(10))
                .or_default()
                .insert(OverrideFor::Partner(PartnerId(1)), changes);
        }
    }
    // Everybody is a till's customer.
    inputs.has_till = random.one_in(4);
    if inputs.has_till {
        let at = inputs.reports.iter().map(|it| it.received_at.0).max().unwrap_or_default();
        for visitor in 1..=12 + random.below(8) {
            inputs.reports.push(report("o4", at, 200 + visitor).of(visitor).of_customer(1));
        }
    }
}

/// Scores orders in half of all worlds, some before anybody reported them, watches visitors in a third of those, and knows partners' own orders.
/// By chance of its own.
pub(super) fn suspect(inputs: &mut Inputs, seed: u64) {
    let mut random = Random(seed ^ 0x5c0_4e5);
    if random.one_in(2) {
        return;
    }
    if random.one_in(3) {
        let visitor = VisitorLimit { partners: 2, within_ms: random.below(6) * 5 * MINUTE_MS };
        inputs.catalogs.iter_mut().for_each(|it| it.fraud.visitor = Some(visitor));
    }
    // Partners 2 and 3 are one person, and some orders are of partner 1 to 5.
    let hash = EmailHash::new([7; 32]);
    for catalog in &mut inputs.catalogs {
        if random.one_in(2) {
            continue;
        }
        catalog.fraud.self_purchase = true;
        let both = catalog.partners.values_mut().filter(|it| matches!(it.id.0, 2 | 3));
        both.for_each(|it| it.email = Some(hash));
    }
    for report in &mut inputs.reports {
        if random.one_in(6) {
            report.self_partner = Some(PartnerId(1 + u32::try_from(random.below(5)).expect("small")));
        }
    }
    for sequence in 1..=random.below(8) {
        let scored_at = units::EpochMs(random.below(4));
        let mut signals: Vec<Signal> = (0..random.below(3)).map(|_| signal(&mut random)).collect();
        Score::arrange(&mut signals);
        inputs.scores.push(Score {
            origin: origin(300 + sequence),
            received_at: scored_at,
            order: key(["o1", "o2", "o3"][usize_below(&mut random, 3)]),
            rules: CatalogVersion(1 + u32::try_from(random.below(2)).expect("small")),
            scored_at,
            signals,
        });
    }
}

fn signal(random: &mut Random) -> Signal {
    Signal {
        code: SignalCode::ALL[usize_below(random, SignalCode::ALL.len())],
        partner: PartnerId(u32::try_from(random.below(5)).expect("small")),
        value: random.below(100),
        threshold: 1,
    }
}

fn binding(random: &mut Random) -> Binding {
    if random.one_in(4) {
        return Binding::None;
    }
    Binding::Bound {
        for_ms: random.one_in(2).then(|| (1 + random.below(40)) * 5 * MINUTE_MS),
        orders: random.one_in(3).then(|| 1 + u32::try_from(random.below(2)).expect("small")),
        owner: if random.one_in(2) { BindingOwner::First } else { BindingOwner::Last },
    }
}

fn customers(random: &mut Random) -> Customers {
    if random.one_in(2) { Customers::New } else { Customers::Existing }
}

/// Coupons, and orders of keys and hijack windows of the offer and of a partner.
fn keys(mut catalog: Catalog, step: u64, random: &mut Random) -> Catalog {
    for code in ["A", "B"] {
        if !random.one_in(4) {
            let partner = 1 + u32::try_from(random.below(4)).expect("small");
            catalog = with_coupon(catalog, code, partner, random.one_in(3));
        }
    }
    let mut changes = || RuleChanges {
        precedence: random.one_in(4).then(|| precedence(random)),
        hijack_window_ms: random.one_in(3).then(|| random.below(6) * step),
        hijack_after_checkout: random.one_in(4).then_some(true),
        ..RuleChanges::default()
    };
    let (offer, partner) = (changes(), changes());
    for it in catalog.offers.values_mut() {
        (it.rules.precedence, it.rules.hijack_window_ms) = (offer.precedence, offer.hijack_window_ms);
        it.rules.hijack_after_checkout = offer.hijack_after_checkout;
    }
    let partner = if random.one_in(2) { partner } else { RuleChanges::default() };
    catalog.overrides.entry(OfferId(10)).or_default().insert(OverrideFor::Partner(PartnerId(3)), partner);
    catalog
}

fn precedence(random: &mut Random) -> Precedence {
    let mut keys = Key::ALL.to_vec();
    for index in 1..keys.len() {
        keys.swap(index, usize_below(random, index + 1));
    }
    keys.truncate(2 + usize_below(random, 4));
    Precedence::of(&keys).expect("each is there once")
}

fn model(random: &mut Random, step: u64) -> Model {
    let weights = [[40, 20, 40], [0, 100, 0], [100, 0, 0], [33, 33, 34]][usize_below(random, 4)];
    match random.below(4) {
        0 => Model::First,
        1 => Model::Linear,
        2 => Model::Position(PositionWeights::of_percent(weights).expect("a hundred")),
        _ => Model::TimeDecay { half_life_ms: [step, 7 * step, 1_234_567][usize_below(random, 3)] },
    }
}
