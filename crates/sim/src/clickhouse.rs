//! ClickHouse as design.md 8 uses it, in memory: facts that replace one another by version, marks that add up, cells, and rollers.
//!
//! In: rows. Out: what analysts would read. An insert is whole or repeated, never undone; a reader sees the newest version of each key. Not here: SQL,
//! parts and merges, which `warehouse` tests against the real engine. Start at [`Tables`].

use std::collections::{BTreeMap, BTreeSet};

use events::{
    ClickHead, Country, Credit, Decision, Device, OrderKey, OrderStatus, Report, Touch, TouchId, TouchKind,
    Verdict,
};
use units::{Currency, EpochMs, LinkId, OfferId, Origin, PartnerId, Quarter};

use crate::bugs::Bug;

/// What a cell is about, besides its quarter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CellKey {
    partner: PartnerId,
    offer: OfferId,
    link: LinkId,
    country: Country,
    device: Device,
    currency: Currency,
}

impl CellKey {
    pub(crate) fn of_click(click: &ClickHead) -> Self {
        Self::of_touch(&Touch::from(click), click.currency)
    }

    pub(crate) const fn of_touch(touch: &Touch, currency: Currency) -> Self {
        let Touch { partner, offer, link, country, device, .. } = *touch;
        Self { partner, offer, link, country, device, currency }
    }

    const fn of_credit(credit: &Credit) -> Self {
        let Credit { partner, offer, link, country, device, currency, .. } = *credit;
        Self { partner, offer, link, country, device, currency }
    }
}

/// What a cell counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    clicks: u64,
    valid: u64,
    unique: u64,
    views: u64,
    orders: u64,
    approved: u64,
    revenue_minor: i64,
}

impl Cell {
    pub(crate) fn add_click(&mut self, kind: TouchKind, verdict: Verdict) {
        match kind {
            TouchKind::View => self.views += u64::from(verdict.is_click()),
            TouchKind::Click => {
                self.clicks += u64::from(verdict.is_click());
                self.valid += u64::from(verdict.is_valid());
                self.unique += u64::from(verdict == Verdict::Valid);
            }
        }
    }

    pub(crate) fn add_order(&mut self, status: OrderStatus, revenue_minor: i64) {
        self.orders += 1;
        self.approved += u64::from(status == OrderStatus::Approved);
        self.revenue_minor += revenue_minor;
    }

    pub(crate) fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

/// One row on its way into a fact table.
#[derive(Debug, Clone)]
pub(crate) enum Fact {
    Click(Box<ClickHead>),
    Report(Box<Report>),
    /// `None` says that the order is not in this quarter.
    Order(Quarter, OrderKey, u64, Option<Box<Decision>>),
    Credit(Box<Credit>),
}

impl Fact {
    /// All rows of a snapshot, zeros included.
    pub(crate) fn of_decided(decision: &Decision, credits: Vec<Credit>, bug: Option<Bug>) -> Vec<Self> {
        let (key, stamp) = (&decision.key, decision.stamp.to_u64());
        let here = decision.at.quarter();
        let mut rows = vec![Self::Order(here, key.clone(), stamp, Some(Box::new(decision.clone())))];
        let void = decision.void_quarters.iter().filter(|_| bug != Some(Bug::GhostQuarter));
        rows.extend(void.map(|quarter| Self::Order(*quarter, key.clone(), stamp, None)));
        let kept = |it: &Credit| match bug {
            Some(Bug::GhostTouch) => it.share.0 > 0 || it.quarter != here,
            Some(Bug::GhostQuarter) => it.quarter == here,
            _ => true,
        };
        rows.extend(credits.into_iter().filter(kept).map(|it| Self::Credit(Box::new(it))));
        rows
    }

    /// The quarter whose cells this row changes; `None` where no cell is made of it.
    pub(crate) fn quarter(&self) -> Option<Quarter> {
        match self {
            Self::Click(click) => Some(click.at().quarter()),
            Self::Report(_) => None,
            Self::Order(quarter, ..) => Some(*quarter),
            Self::Credit(credit) => Some(credit.quarter),
        }
    }

    /// A row that only says that something is not there.
    pub(crate) fn is_void(&self) -> bool {
        match self {
            Self::Order(.., content) => content.is_none(),
            Self::Credit(credit) => credit.share.0 == 0,
            Self::Click(_) | Self::Report(_) => false,
        }
    }
}

/// A value under the newest version; of the same version, the last writer's.
type Versioned<K, V> = BTreeMap<K, (u64, V)>;

fn replace<K: Ord, V>(table: &mut Versioned<K, V>, key: K, version: u64, value: V) {
    match table.get_mut(&key) {
        Some(kept) if kept.0 > version => {}
        Some(kept) => *kept = (version, value),
        None => drop(table.insert(key, (version, value))),
    }
}

/// The database.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    clicks: Versioned<Origin, ClickHead>,
    reports: Versioned<Origin, EpochMs>,
    orders: Versioned<(Quarter, OrderKey), Option<Box<Decision>>>,
    credits: Versioned<(Quarter, OrderKey, TouchId), Credit>,
    marks: BTreeMap<Quarter, u64>,
    cells: Versioned<(Quarter, CellKey), Cell>,
    rolled: Versioned<Quarter, ()>,
}

impl Tables {
    pub(crate) fn insert(&mut self, fact: &Fact) {
        match fact {
            Fact::Click(it) => replace(&mut self.clicks, it.origin, u64::from(it.verdict_version), **it),
            Fact::Report(it) => replace(&mut self.reports, it.origin, 1, it.received_at),
            Fact::Order(quarter, key, stamp, content) => {
                replace(&mut self.orders, (*quarter, key.clone()), *stamp, content.clone());
            }
            Fact::Credit(it) => {
                let key = (it.quarter, it.key.clone(), it.touch);
                replace(&mut self.credits, key, it.stamp.to_u64(), (**it).clone());
            }
        }
    }

    pub(crate) fn mark(&mut self, quarter: Quarter) {
        *self.marks.entry(quarter).or_default() += 1;
    }

    /// Distinct clicks and reports.
    pub(crate) fn inputs(&self) -> (usize, usize) {
        (self.clicks.len(), self.reports.len())
    }

    /// The orders that are not void, in all quarters.
    pub(crate) fn orders(&self) -> impl Iterator<Item = &Decision> {
        self.orders.values().filter_map(|(_, content)| content.as_deref())
    }

    /// The credits that are not zero.
    pub(crate) fn credits(&self) -> impl Iterator<Item = &Credit> {
        self.credits.values().map(|(_, it)| it).filter(|it| it.share.0 > 0)
    }

    /// The cells that are not zero.
    pub(crate) fn cells(&self) -> BTreeMap<(Quarter, CellKey), Cell> {
        let some = self.cells.iter().filter(|(_, (_, cell))| !cell.is_zero());
        some.map(|(key, (_, cell))| (*key, *cell)).collect()
    }

    fn version(&self, quarter: Quarter) -> u64 {
        self.marks.get(&quarter).copied().unwrap_or(0)
    }

    fn dirty(&self) -> Vec<Quarter> {
        let is_dirty =
            |quarter: &Quarter| self.version(*quarter) > self.rolled.get(quarter).map_or(0, |it| it.0);
        self.marks.keys().copied().filter(is_dirty).collect()
    }

    /// One more mark for every quarter in which a stale roller left a cell; how many there were.
    fn sweep(&mut self) -> usize {
        let is_stale =
            |quarter: Quarter, version: u64| self.rolled.get(&quarter).is_some_and(|it| version < it.0);
        let cells = self.cells.iter();
        let stale: BTreeSet<Quarter> = cells
            .filter(|((quarter, _), (version, _))| is_stale(*quarter, *version))
            .map(|((it, _), _)| *it)
            .collect();
        for quarter in &stale {
            self.mark(*quarter);
        }
        stale.len()
    }

    /// The cells that a roll of this moment would write.
    pub(crate) fn folded(&self, quarter: Quarter) -> BTreeMap<CellKey, Cell> {
        self.fold(quarter, None).into_iter().filter(|(_, cell)| !cell.is_zero()).collect()
    }

    /// The cells of a quarter by its facts, with zeros for groups that vanished.
    fn fold(&self, quarter: Quarter, bug: Option<Bug>) -> BTreeMap<CellKey, Cell> {
        let mut groups: BTreeMap<CellKey, Cell> = BTreeMap::new();
        if bug != Some(Bug::NoZeroCells) {
            let old = self.cells.keys().filter(|(of, _)| *of == quarter);
            groups.extend(old.map(|(_, key)| (*key, Cell::default())));
        }
        for (_, click) in self.clicks.values().filter(|(_, it)| it.at().quarter() == quarter) {
            groups.entry(CellKey::of_click(click)).or_default().add_click(click.kind, click.verdict);
        }
        for credit in self.credits().filter(|it| it.quarter == quarter) {
            groups
                .entry(CellKey::of_credit(credit))
                .or_default()
                .add_order(credit.status, credit.revenue_minor);
        }
        groups
    }
}

/// A roller between two of its steps. It may sleep there for as long as it likes.
#[derive(Debug, Default)]
pub(crate) enum Roller {
    #[default]
    Idle,
    /// It knows the version, and has not read the facts.
    Versioned(Quarter, u64),
    /// It has read the facts, and not written the cells.
    Folded(Quarter, u64, BTreeMap<CellKey, Cell>),
    /// It has written the cells, and not noted that it did.
    Written(Quarter, u64),
}

impl Roller {
    /// One step; `choice` picks among dirty quarters. False when there is nothing to do.
    pub(crate) fn step(&mut self, tables: &mut Tables, choice: usize, bug: Option<Bug>) -> bool {
        match std::mem::take(self) {
            Self::Idle => {
                let dirty = tables.dirty();
                let Some(quarter) = dirty.get(choice % dirty.len().max(1)) else {
                    return bug != Some(Bug::NoSweep) && tables.sweep() > 0;
                };
                *self = Self::Versioned(*quarter, tables.version(*quarter));
            }
            Self::Versioned(quarter, version) => {
                *self = Self::Folded(quarter, version, tables.fold(quarter, bug));
            }
            Self::Folded(quarter, version, groups) => {
                let version = if bug == Some(Bug::VersionLate) { tables.version(quarter) } else { version };
                for (key, cell) in groups {
                    replace(&mut tables.cells, (quarter, key), version, cell);
                }
                *self = Self::Written(quarter, version);
            }
            Self::Written(quarter, version) => replace(&mut tables.rolled, quarter, version, ()),
        }
        true
    }
}
