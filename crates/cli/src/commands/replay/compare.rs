//! Outcomes of the same orders by two histories of the catalog, summed up by partner.
//!
//! In: decisions before and after. Out: per partner and currency the orders he has, won and lost, his share of them, and their revenue. Not here:
//! deciding (`facts`). Start at [`Compared::show`].

use std::collections::{BTreeMap, HashMap};

use catalog::Catalog;
use events::{Credit, Decision, OrderKey};
use serde_json::json;
use units::{Currency, EpochMs, Money, PPM_WHOLE, PartnerId};

use crate::output::Output;

/// What an order came to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    at: EpochMs,
    currency: Currency,
    /// By partner: parts per million and minor units. An order that is nobody's is partner 0's.
    parts: BTreeMap<PartnerId, (u64, i64)>,
}

/// Every order since the date.
#[derive(Debug)]
pub(super) struct Compared {
    from: EpochMs,
    before: HashMap<OrderKey, Outcome>,
    after: HashMap<OrderKey, Outcome>,
}

/// What a partner has of the orders in one currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Side {
    orders: u64,
    share_ppm: u64,
    revenue_minor: i64,
}

/// Both sides of one partner and currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    before: Side,
    after: Side,
    won: u64,
    lost: u64,
}

/// Nobody.
const NOBODY: PartnerId = PartnerId(0);

impl Compared {
    pub(super) fn new(from: EpochMs) -> Self {
        Self { from, before: HashMap::new(), after: HashMap::new() }
    }

    /// A later call for an order replaces an earlier one.
    pub(super) fn before(&mut self, decision: &Decision, credits: &[Credit]) {
        self.before.insert(decision.key.clone(), Outcome::of(decision, credits));
    }

    /// Orders that are not named here are as they were.
    pub(super) fn after(&mut self, decision: &Decision, credits: &[Credit]) {
        self.after.insert(decision.key.clone(), Outcome::of(decision, credits));
    }

    /// Orders since the date, and those of them whose parts or amounts differ.
    fn counts(&self) -> (u64, u64) {
        let both: Vec<_> = self.both().collect();
        let changed = both.iter().filter(|(before, after)| before.parts != after.parts);
        (both.len() as u64, changed.count() as u64)
    }

    /// An order that is of the time before the date by both counts only where the one who asked is not concerned.
    fn both(&self) -> impl Iterator<Item = (&Outcome, &Outcome)> {
        let pairs = self.before.iter().map(|(key, before)| (before, self.after.get(key).unwrap_or(before)));
        pairs.filter(|(before, after)| self.from <= before.at || before.parts != after.parts)
    }

    fn sums(&self) -> BTreeMap<(PartnerId, String), Sums> {
        let mut sums = BTreeMap::<_, Sums>::new();
        for (before, after) in self.both() {
            let mut of = |partner: &PartnerId, of: &Outcome, put: &mut dyn FnMut(&mut Sums)| {
                put(sums.entry((*partner, of.currency.to_string())).or_default());
            };
            for (partner, part) in &before.parts {
                let is_lost = !after.parts.contains_key(partner);
                of(partner, before, &mut |sum| {
                    sum.before.add(*part);
                    sum.lost += u64::from(is_lost);
                });
            }
            for (partner, part) in &after.parts {
                let is_won = !before.parts.contains_key(partner);
                of(partner, after, &mut |sum| {
                    sum.after.add(*part);
                    sum.won += u64::from(is_won);
                });
            }
        }
        sums
    }

    pub(super) fn show(&self, catalog: &Catalog, output: Output) {
        let mut rows = Vec::new();
        for ((partner, currency), sum) in self.sums() {
            let name = catalog.partners.get(&partner).map_or("", |it| &it.name);
            let name = if partner == NOBODY { "nobody's" } else { name };
            let Sums { before, after, won, lost } = sum;
            let revenue = [before, after].map(|it| money(it.revenue_minor, &currency));
            output.event(&json!({
                "event": "replay_partner", "partner": partner.0, "name": name, "currency": currency,
                "orders_before": before.orders, "orders_after": after.orders, "won": won, "lost": lost,
                "share_ppm_before": before.share_ppm, "share_ppm_after": after.share_ppm,
                "revenue_minor_before": before.revenue_minor, "revenue_minor_after": after.revenue_minor,
            }));
            rows.push(vec![
                format!("{partner} {name}"),
                before_after([before, after].map(|it| it.orders.to_string())),
                won.to_string(),
                lost.to_string(),
                before_after([before, after].map(|it| orders(it.share_ppm))),
                before_after(revenue),
            ]);
        }
        if output == Output::People && !rows.is_empty() {
            output.table(&["partner", "orders", "won", "lost", "share of orders", "revenue"], &rows);
        }
        let (orders, changed) = self.counts();
        output.event(&json!({
            "event": "replay", "from": self.from.to_string(), "orders": orders, "changed": changed,
        }));
        output.say(&format!("of {orders} orders since {}, {changed} come to something else", self.from));
    }
}

impl Side {
    fn add(&mut self, (share_ppm, revenue_minor): (u64, i64)) {
        self.orders += 1;
        self.share_ppm += share_ppm;
        self.revenue_minor = self.revenue_minor.saturating_add(revenue_minor);
    }
}

impl Outcome {
    fn of(decision: &Decision, credits: &[Credit]) -> Self {
        let mut parts = BTreeMap::<PartnerId, (u64, i64)>::new();
        for it in credits.iter().filter(|it| it.share.0 > 0) {
            let (share_ppm, revenue_minor) = parts.entry(it.partner).or_default();
            *share_ppm += u64::from(it.share.0);
            *revenue_minor = revenue_minor.saturating_add(it.revenue_minor);
        }
        if parts.is_empty() {
            parts.insert(NOBODY, (u64::from(PPM_WHOLE.0), decision.revenue_minor));
        }
        Self { at: decision.at, currency: decision.currency, parts }
    }
}

fn money(minor: i64, currency: &str) -> String {
    let known = Currency::parse(currency).ok();
    known.map_or_else(|| minor.to_string(), |currency| Money { minor, currency }.to_string())
}

/// Parts per million as orders: `12.5`.
fn orders(ppm: u64) -> String {
    let whole = u64::from(PPM_WHOLE.0);
    let text = format!("{}.{:06}", ppm / whole, ppm % whole);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn before_after([before, after]: [String; 2]) -> String {
    if before == after { before } else { format!("{before} -> {after}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(at: u64, parts: &[(u32, u64, i64)]) -> Outcome {
        let parts = parts.iter().map(|(partner, ppm, minor)| (PartnerId(*partner), (*ppm, *minor)));
        Outcome { at: EpochMs(at), currency: Currency::EUR, parts: parts.collect() }
    }

    fn key(name: &str) -> OrderKey {
        OrderKey::by_id(units::AdvertiserId(1), name)
    }

    #[test]
    fn who_wins_and_loses_is_counted_on_both_sides() {
        let mut compared = Compared::new(EpochMs(100));
        let whole = 1_000_000;
        let before = [
            ("moved", outcome(100, &[(1, whole, 500)])),
            ("same", outcome(200, &[(1, whole, 300)])),
            ("shared", outcome(300, &[(2, whole, 101)])),
            ("lost", outcome(300, &[(2, whole, 7)])),
            ("too early", outcome(99, &[(3, whole, 9)])),
        ];
        compared.before.extend(before.map(|(name, it)| (key(name), it)));
        let after = [
            ("moved", outcome(100, &[(2, whole, 500)])),
            ("shared", outcome(300, &[(1, 500_000, 51), (2, 500_000, 50)])),
            ("lost", outcome(300, &[(0, whole, 7)])),
            ("too early", outcome(99, &[(3, whole, 9)])),
        ];
        compared.after.extend(after.map(|(name, it)| (key(name), it)));
        let sums = compared.sums();
        let of = |partner: u32| sums.get(&(PartnerId(partner), "EUR".to_owned())).copied();
        let side = |orders, share_ppm, revenue_minor| Side { orders, share_ppm, revenue_minor };
        let (before, after) = (side(2, 2 * whole, 800), side(2, whole + 500_000, 351));
        assert_eq!(of(1), Some(Sums { before, after, won: 1, lost: 1 }));
        let (before, after) = (side(2, 2 * whole, 108), side(2, whole + 500_000, 550));
        assert_eq!(of(2), Some(Sums { before, after, won: 1, lost: 1 }));
        let (before, after) = (side(0, 0, 0), side(1, whole, 7));
        assert_eq!(of(0), Some(Sums { before, after, won: 1, lost: 0 }), "nobody");
        assert_eq!(of(3), None, "it is of the time before");
        assert_eq!(compared.counts(), (4, 3));
    }

    #[test]
    fn shares_are_shown_as_orders() {
        let cases =
            [(0, "0"), (1_000_000, "1"), (12_500_000, "12.5"), (333_333, "0.333333"), (10_000_000, "10")];
        for (ppm, want) in cases {
            assert_eq!(orders(ppm), want);
        }
    }
}
