//! Outcomes of the same orders by two histories of the catalog, summed up by partner.
//!
//! In: decisions before and after. Out: per partner and currency the orders he has, won, lost, assists in and waits for, his share of them, and their
//! revenue in both currencies; and how many orders come to something else, and in what. Not here: deciding (`facts`), what one order comes to
//! (`outcome`). Start at [`Compared::show`].

use std::collections::{BTreeMap, HashMap};

use catalog::Catalog;
use events::{Credit, Decision, OrderKey};
use serde_json::{Value, json};
use units::{Currency, EpochMs, Money, PPM_WHOLE, PartnerId};

use super::outcome::{Difference, NOBODY, Outcome, Part};
use crate::output::Output;

/// Every order since the date.
#[derive(Debug)]
pub(super) struct Compared {
    from: EpochMs,
    before: HashMap<OrderKey, Outcome>,
    after: HashMap<OrderKey, Outcome>,
}

/// What a partner has of the orders in one currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Side {
    /// With a share.
    orders: u64,
    /// With a role and no share.
    assists: u64,
    /// With a share that is on hold.
    held: u64,
    share_ppm: u64,
    revenue_minor: i64,
    /// By reporting currency, in minor units. Versions of before may have told orders in others.
    reporting: BTreeMap<String, i64>,
}

/// Both sides of one partner and currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Sums {
    before: Side,
    after: Side,
    won: u64,
    lost: u64,
}

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

    /// Orders since the date, those of them that come to something else, and how many of these in what. One order may in several.
    fn counts(&self) -> (u64, u64, BTreeMap<Difference, u64>) {
        let (mut orders, mut changed, mut by) = (0, 0, BTreeMap::new());
        for (before, after) in self.both() {
            orders += 1;
            let differences = before.differences(after);
            changed += u64::from(!differences.is_empty());
            for it in differences {
                *by.entry(it).or_default() += 1;
            }
        }
        (orders, changed, by)
    }

    /// An order that is of the time before the date by both counts only where the one who asked is not concerned.
    fn both(&self) -> impl Iterator<Item = (&Outcome, &Outcome)> {
        let pairs = self.before.iter().map(|(key, before)| (before, self.after.get(key).unwrap_or(before)));
        pairs.filter(|(before, after)| self.from <= before.at || before != after)
    }

    fn sums(&self) -> BTreeMap<(PartnerId, String), Sums> {
        let mut sums = BTreeMap::<_, Sums>::new();
        for (before, after) in self.both() {
            for (partner, part) in &before.parts {
                let sum = sums.entry((*partner, before.currency.to_string())).or_default();
                sum.before.add(part, before);
                sum.lost += u64::from(part.earns() && !after.earns(*partner));
            }
            for (partner, part) in &after.parts {
                let sum = sums.entry((*partner, after.currency.to_string())).or_default();
                sum.after.add(part, after);
                sum.won += u64::from(part.earns() && !before.earns(*partner));
            }
        }
        sums
    }

    pub(super) fn show(&self, catalog: &Catalog, output: Output) {
        let mut rows = Vec::new();
        for ((partner, currency), sum) in self.sums() {
            let name = catalog.partners.get(&partner).map_or("", |it| &it.name);
            let name = if partner == NOBODY { "nobody's" } else { name };
            output.event(&sum.as_json(partner, name, &currency));
            rows.push(sum.cells(format!("{partner} {name}").trim_end().to_owned(), &currency));
        }
        if output == Output::People && !rows.is_empty() {
            let heads = [
                "partner",
                "orders",
                "won",
                "lost",
                "assists",
                "on hold",
                "share of orders",
                "revenue",
                "in the reporting currency",
            ];
            output.table(&heads, &rows);
        }
        let (orders, changed, by) = self.counts();
        let counted: serde_json::Map<String, Value> =
            by.iter().map(|(it, count)| (it.as_str().to_owned(), json!(count))).collect();
        output.event(&json!({
            "event": "replay", "from": self.from.to_string(), "orders": orders, "changed": changed, "changed_by": counted,
        }));
        output.say(&format!("of {orders} orders since {}, {changed} come to something else", self.from));
        for (it, count) in by {
            output.say(&format!("- {count} {}", it.in_words()));
        }
    }
}

impl Sums {
    fn as_json(&self, partner: PartnerId, name: &str, currency: &str) -> Value {
        let Self { before, after, won, lost } = self;
        json!({
            "event": "replay_partner", "partner": partner.0, "name": name, "currency": currency, "won": won, "lost": lost,
            "orders_before": before.orders, "orders_after": after.orders,
            "assists_before": before.assists, "assists_after": after.assists,
            "held_before": before.held, "held_after": after.held,
            "share_ppm_before": before.share_ppm, "share_ppm_after": after.share_ppm,
            "revenue_minor_before": before.revenue_minor, "revenue_minor_after": after.revenue_minor,
            "reporting_minor_before": before.reporting, "reporting_minor_after": after.reporting,
        })
    }

    fn cells(&self, partner: String, currency: &str) -> Vec<String> {
        let both = |told: &dyn Fn(&Side) -> String| before_after([told(&self.before), told(&self.after)]);
        vec![
            partner,
            both(&|it| it.orders.to_string()),
            self.won.to_string(),
            self.lost.to_string(),
            both(&|it| it.assists.to_string()),
            both(&|it| it.held.to_string()),
            both(&|it| orders(it.share_ppm)),
            both(&|it| money(it.revenue_minor, currency)),
            both(&Side::reporting),
        ]
    }
}

impl Side {
    fn add(&mut self, part: &Part, of: &Outcome) {
        if !part.earns() {
            self.assists += 1;
            return;
        }
        self.orders += 1;
        self.held += u64::from(part.hold.is_some());
        self.share_ppm += part.share_ppm;
        self.revenue_minor = self.revenue_minor.saturating_add(part.revenue_minor);
        if let Some((currency, _)) = of.rate {
            let sum = self.reporting.entry(currency.to_string()).or_default();
            *sum = sum.saturating_add(part.reporting_minor);
        }
    }

    /// Nothing where no order is told in such a currency.
    fn reporting(&self) -> String {
        let sums: Vec<String> = self.reporting.iter().map(|(it, minor)| money(*minor, it)).collect();
        if sums.is_empty() { "none".to_owned() } else { sums.join(" and ") }
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
mod tests;
