//! ClickHouse as design.md 8 uses it, in memory: facts that replace one another by version, marks that add up, and cells.
//!
//! In: the product's own blocks. Out: what analysts would read. An insert is whole or not there; a reader sees the newest version of each key,
//! and of credits those that no newer row of their order outdates (`counted`).
//! Not here: who rolls (`roller`), SQL, parts and merges, which `warehouse` tests against the real engine. Start at [`Tables::insert`].

use std::collections::{BTreeMap, BTreeSet};

use events::{Report, Score, Touch};
use units::{Origin, Quarter};
use warehouse::{Lead, Table};

use crate::{
    bugs::Bug,
    native::{Row, decode},
};

mod counted;
mod facts;
mod keys;
mod rows;

pub(crate) use facts::Note;
use keys::{cell_of, order_name, order_of, part_of, quarter, settled_of};
pub(crate) use rows::{Cell, CellKey, CreditRow, OrderRow, Part, Settled, in_e4};

/// Advertiser and order.
pub(crate) type OrderName = (u32, String);

/// A value under the newest version; of the same version, the last writer's.
type Versioned<K, V> = BTreeMap<K, (u64, V)>;

/// Whether the value was taken; an error where a version has two contents.
fn replace<K: Ord, V: PartialEq>(
    table: &mut Versioned<K, V>,
    key: K,
    version: u64,
    value: V,
) -> Result<bool, ()> {
    match table.get_mut(&key) {
        Some(kept) if kept.0 > version => return Ok(false),
        Some(kept) if kept.0 == version && kept.1 != value => return Err(()),
        Some(kept) => *kept = (version, value),
        None => drop(table.insert(key, (version, value))),
    }
    Ok(true)
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct ClickRow {
    cell: CellKey,
    touch: Touch,
    kind: String,
    verdict: String,
}

/// The database.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    clicks: Versioned<Origin, ClickRow>,
    reports: Versioned<Origin, Report>,
    scores: Versioned<Origin, Score>,
    orders: Versioned<(Quarter, OrderName), Option<OrderRow>>,
    /// By each order's newest row that is not void.
    leads: BTreeMap<OrderName, Lead>,
    credits: Versioned<(Quarter, OrderName, [u8; 16]), CreditRow>,
    marks: BTreeMap<Quarter, u64>,
    cells: BTreeMap<(Quarter, CellKey), (u64, Cell)>,
    rolled: BTreeMap<Quarter, u64>,
    /// The last note of each partition, and the claim of its owner.
    notes: BTreeMap<u32, (u64, Note)>,
    /// Quarters of facts that a source has written and not marked yet.
    unmarked: BTreeMap<u64, BTreeSet<Quarter>>,
    /// Inputs first seen since [`Tables::take_fresh`].
    fresh: Vec<(Origin, u64)>,
    /// Takes and gives nothing.
    pub(crate) is_away: bool,
    /// Rows that lost to a newer version.
    pub(crate) stale_rows: u64,
    /// Orders that came to lie in another quarter, credits that went to another touch, groups that vanished, quarters that were swept.
    pub(crate) moved: [u64; 4],
}

impl Tables {
    /// One insert of `source`, as the sink sends it.
    pub(crate) fn insert(&mut self, source: u64, table: Table, bytes: &[u8]) -> Result<(), String> {
        for row in decode(bytes)? {
            let taken = match table {
                Table::Clicks => self.click(source, &row),
                Table::Reports => self.report(&row),
                Table::Scores => self.score(&row),
                Table::Orders => self.order(source, &row),
                Table::Credits => self.credit(source, &row),
                Table::Quarantine => return Err(format!("a record went to quarantine: {row:?}")),
                Table::Marks => {
                    self.mark(quarter(&row));
                    self.unmarked.entry(source).or_default().remove(&quarter(&row));
                    Ok(true)
                }
            };
            match taken {
                Ok(taken) => self.stale_rows += u64::from(!taken),
                Err(()) => return Err(format!("one version, two contents, in {}: {row:?}", table.name())),
            }
        }
        Ok(())
    }

    fn click(&mut self, source: u64, row: &Row) -> Result<bool, ()> {
        let origin = Origin::from_bytes(row.id("event_id"));
        let at = row.number("at");
        let touch = facts::touch(row);
        let click =
            ClickRow { cell: cell_of(row), touch, kind: row.text("kind"), verdict: row.text("verdict") };
        self.unmarked.entry(source).or_default().insert(Quarter::of(units::EpochMs(at)));
        self.fresh.push((origin, at));
        replace(&mut self.clicks, origin, row.number("ver"), click)
    }

    fn report(&mut self, row: &Row) -> Result<bool, ()> {
        let report = facts::report(row);
        self.fresh.push((report.origin, report.received_at.0));
        replace(&mut self.reports, report.origin, row.number("ver"), report)
    }

    fn score(&mut self, row: &Row) -> Result<bool, ()> {
        let score = facts::score(row);
        self.fresh.push((score.origin, score.received_at.0));
        replace(&mut self.scores, score.origin, row.number("ver"), score)
    }

    fn order(&mut self, source: u64, row: &Row) -> Result<bool, ()> {
        let key = (quarter(row), order_name(row));
        self.unmarked.entry(source).or_default().insert(key.0);
        let content = (row.number("void") == 0).then(|| order_of(row));
        if content.is_some() {
            let lead = facts::lead(row);
            let newest = self.leads.entry(key.1.clone()).or_insert_with(|| lead.clone());
            if newest.stamp <= lead.stamp {
                *newest = lead;
            }
        }
        let was_here = self.orders.get(&key).is_some_and(|(_, content)| content.is_some());
        let leaves = was_here && content.is_none();
        let taken = replace(&mut self.orders, key, row.number("ver"), content)?;
        self.count(0, taken && leaves);
        Ok(taken)
    }

    fn credit(&mut self, source: u64, row: &Row) -> Result<bool, ()> {
        let quarter = quarter(row);
        let key = (quarter, order_name(row), row.id("touch_id"));
        let credit = CreditRow { cell: cell_of(row), part: part_of(row), settled: settled_of(row) };
        self.unmarked.entry(source).or_default().insert(quarter);
        let had = self.credits.get(&key).is_some_and(|(_, it)| it.part.share_ppm > 0);
        let loses = had && credit.part.share_ppm == 0;
        let taken = replace(&mut self.credits, key, row.number("ver"), credit)?;
        self.count(1, taken && loses);
        Ok(taken)
    }

    fn count(&mut self, what: usize, happened: bool) {
        if let Some(count) = self.moved.get_mut(what) {
            *count += u64::from(happened);
        }
    }

    fn mark(&mut self, quarter: Quarter) {
        *self.marks.entry(quarter).or_default() += 1;
    }

    /// Inputs that were written since the last call, with their times.
    pub(crate) fn take_fresh(&mut self) -> Vec<(Origin, u64)> {
        std::mem::take(&mut self.fresh)
    }

    /// Whether a fact of this input is there.
    pub(crate) fn has(&self, origin: Origin) -> bool {
        self.clicks.contains_key(&origin)
            || self.reports.contains_key(&origin)
            || self.scores.contains_key(&origin)
    }

    /// The inputs that are there.
    pub(crate) fn inputs(&self) -> BTreeSet<Origin> {
        self.clicks.keys().chain(self.reports.keys()).chain(self.scores.keys()).copied().collect()
    }

    /// A quarter whose facts `source` has written without a mark behind them.
    pub(crate) fn unmarked(&self, source: u64) -> Option<Quarter> {
        self.unmarked.get(&source)?.first().copied()
    }

    /// The cells that are not zero.
    pub(crate) fn cells(&self) -> BTreeMap<(Quarter, CellKey), Cell> {
        let some = self.cells.iter().filter(|(_, (_, cell))| !cell.is_zero());
        some.map(|(key, (_, cell))| (key.clone(), *cell)).collect()
    }

    pub(crate) fn version(&self, quarter: Quarter) -> u64 {
        self.marks.get(&quarter).copied().unwrap_or(0)
    }

    fn rolled(&self, quarter: Quarter) -> u64 {
        self.rolled.get(&quarter).copied().unwrap_or(0)
    }

    pub(crate) fn dirty(&self) -> Vec<Quarter> {
        self.marks.keys().copied().filter(|it| self.version(*it) > self.rolled(*it)).collect()
    }

    fn cells_of(&self, quarter: Quarter) -> impl Iterator<Item = (&CellKey, &(u64, Cell))> {
        self.cells.iter().filter(move |((of, _), _)| *of == quarter).map(|((_, key), it)| (key, it))
    }

    /// What is wrong with a quarter that says of itself that it is right: rolled as often as marked, nothing stale in it, nothing unmarked.
    pub(crate) fn wrong_cell(&self, quarter: Quarter) -> Option<String> {
        let rolled = self.rolled(quarter);
        if rolled > self.version(quarter) {
            return Some(format!(
                "{quarter:?} was rolled up to {rolled} and marked {} times",
                self.version(quarter)
            ));
        }
        let is_open = self.version(quarter) > rolled
            || self.cells_of(quarter).any(|(_, (version, _))| *version < rolled)
            || self.unmarked.values().any(|it| it.contains(&quarter));
        if is_open { None } else { self.difference(quarter) }
    }

    /// Where a quarter's cells are not the fold of its facts.
    pub(crate) fn difference(&self, quarter: Quarter) -> Option<String> {
        let found: BTreeMap<_, _> = self
            .cells_of(quarter)
            .filter(|(_, (_, it))| !it.is_zero())
            .map(|(key, (_, it))| (key.clone(), *it))
            .collect();
        let mut want = self.fold(quarter, None);
        want.retain(|_, cell| !cell.is_zero());
        (want != found)
            .then(|| format!("{quarter:?} is not the fold of its facts\n  want {want:?}\n  got  {found:?}"))
    }

    /// One more mark for every quarter in which a stale roller left a cell; how many there were.
    pub(crate) fn sweep(&mut self) -> usize {
        let is_stale = |quarter: Quarter, version: u64| {
            self.rolled.contains_key(&quarter) && version < self.rolled(quarter)
        };
        let cells = self.cells.iter();
        let stale: BTreeSet<Quarter> = cells
            .filter(|((quarter, _), (version, _))| is_stale(*quarter, *version))
            .map(|((it, _), _)| *it)
            .collect();
        for quarter in &stale {
            self.mark(*quarter);
        }
        self.count(3, !stale.is_empty());
        stale.len()
    }

    /// Cells of one roll.
    pub(crate) fn write_cells(&mut self, quarter: Quarter, version: u64, groups: BTreeMap<CellKey, Cell>) {
        for (key, cell) in groups {
            let before = self.cells.get(&(quarter, key.clone())).map(|(_, it)| *it);
            self.count(2, cell.is_zero() && before.is_some_and(|it| !it.is_zero()));
            let kept = self.cells.entry((quarter, key)).or_insert((version, cell));
            // Of the same version the last writer's: a quarter may be folded twice between two marks.
            if kept.0 <= version {
                *kept = (version, cell);
            }
        }
    }

    /// A quarter is rolled; whether somebody had rolled it to a newer version meanwhile.
    pub(crate) fn note_rolled(&mut self, quarter: Quarter, version: u64) -> bool {
        let kept = self.rolled.entry(quarter).or_default();
        let is_stale = version < *kept;
        *kept = version.max(*kept);
        is_stale
    }

    /// The cells of a quarter by its facts, with zeros for groups that vanished.
    pub(crate) fn fold(&self, quarter: Quarter, bug: Option<Bug>) -> BTreeMap<CellKey, Cell> {
        let mut groups: BTreeMap<CellKey, Cell> = BTreeMap::new();
        if bug != Some(Bug::NoZeroCells) {
            groups.extend(self.cells_of(quarter).map(|(key, _)| (key.clone(), Cell::default())));
        }
        let (from, to) = (quarter.start().0, quarter.start().0 + units::QUARTER_MS);
        for (_, click) in self.clicks.values().filter(|(_, it)| (from..to).contains(&it.touch.at.0)) {
            groups.entry(click.cell.clone()).or_default().add_click(&click.kind, &click.verdict);
        }
        let is_guarded = bug != Some(Bug::NoVersionGuard);
        for (_, credit) in self.credits_of(quarter, is_guarded) {
            groups.entry(credit.cell.clone()).or_default().add_credit(&credit.part, &credit.settled);
        }
        groups
    }
}
