//! Folds facts into cells, quarter by quarter, and cells into days; again whenever a quarter's marks grew.
//!
//! In: marks, facts, cells. Out: cells whose version is the sum of marks *read before* the facts were. So a roll may be killed after any
//! step, several rollers may run at once, and a stale one loses: its versions are smaller. What it leaves behind beside the newer cells
//! is found by the sweep. Not here: the statements (`sql`), who runs it (`cli`). Start at [`Roller::run`].

use std::{future::Future, pin::pin, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use units::planted::{Bug, planted};

use crate::{
    client::Warehouse,
    error::{EngineError, Remedy},
    native::{Column, Columns, Layout},
    rows,
    tables::Table,
};

mod sql;

use sql::{Days, Dirty};

/// Quarters folded by one statement: about a million clicks where there are a hundred million a month.
pub const QUARTERS_PER_STATEMENT: usize = 32;

/// Dirty quarters or days looked at in one pass; the others wait for the next, which follows at once.
pub const DIRTY_PER_PASS_MAX: usize = 3_000;

/// A roll may take one part in so many of the time between rolls; dearer ones come less often.
const COST_SHARE: u32 = 20;

/// Up to this pause a roll may take more than that, since the rollups are promised within 4 s also under load (design.md 10): measured on a
/// machine with seventeen runnable threads on two cores, a roll took 0.7 s, and a twentieth kept clicks out of the rollups for 18 s.
const PROMISED_PAUSE: Duration = Duration::from_millis(2_400);

/// What a roll may take even so, as one part in so many.
const COST_SHARE_MOST: u32 = 5;

/// However dear a roll is, the next comes after this.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// How often what is rolled.
#[derive(Debug, Clone)]
pub struct RollerOptions {
    /// Between looks at the marks.
    pub interval: Duration,
    /// Between rolls of day cells, today's among them: until then a day's sums come from its quarters, its visitors from its last roll. Days
    /// by partner are rolled after each look at the marks, as long as they are cheap.
    pub day_interval: Duration,
    /// Between searches for what stale rollers left behind.
    pub sweep_interval: Duration,
}

impl Default for RollerOptions {
    /// Clicks are in the rollups within 4 s (design.md 10), a day cell's visitors within a minute.
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(1_500),
            day_interval: Duration::from_mins(1),
            sweep_interval: Duration::from_mins(5),
        }
    }
}

/// What one pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RollReport {
    /// Quarters rolled.
    pub quarters: usize,
    /// Days whose cells were rolled.
    pub days: usize,
    /// Days rolled by partner.
    pub partner_days: usize,
    /// Quarters marked because a stale roller had left cells there.
    pub swept: usize,
    /// Dirty quarters left over; at least that many.
    pub waiting: usize,
    /// How long the quarters took; days and the search for stale cells left aside.
    pub took: Duration,
}

impl RollReport {
    /// The time of one roll. The open quarter is rolled again and again, so its cost is what the pause is measured by; late quarters come by
    /// the hundred and are done once.
    fn took_each(&self) -> Duration {
        self.took / u32::try_from(self.quarters + self.days).unwrap_or(u32::MAX).max(1)
    }
}

/// What a running roller last did.
#[derive(Debug, Clone, Default)]
pub struct RollerStatus {
    /// Passes since the start that went through.
    pub passes: u64,
    /// The last of them.
    pub last: RollReport,
    /// Why the pass after it failed; `None` while all is well.
    pub error: Option<String>,
}

/// Rolls one database. Any number may run at once; one is enough.
#[derive(Debug)]
pub struct Roller {
    warehouse: Warehouse,
    options: RollerOptions,
    status: watch::Sender<RollerStatus>,
    days_due: Option<Instant>,
    partner_days_due: Option<Instant>,
    sweep_due: Option<Instant>,
}

const ROLLED: &[Column] = &[
    Column { name: "quarter", kind: "DateTime('UTC')", layout: Layout::Fixed(4) },
    Column { name: "ver", kind: "UInt64", layout: Layout::Fixed(8) },
];

const ROLLED_DAY: &[Column] = &[
    Column { name: "day", kind: "Date", layout: Layout::Fixed(2) },
    Column { name: "ver", kind: "UInt64", layout: Layout::Fixed(8) },
];

impl Roller {
    /// Does nothing until run.
    #[must_use]
    pub fn new(warehouse: Warehouse, options: RollerOptions) -> Self {
        let (status, _) = watch::channel(RollerStatus::default());
        Self { warehouse, options, status, days_due: None, partner_days_due: None, sweep_due: None }
    }

    /// What it last did, for `/readyz` and metrics.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<RollerStatus> {
        self.status.subscribe()
    }

    /// Rolls until `shutdown`. An error is noted in the status, and the pass tried again after a pause.
    pub async fn run(&mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        loop {
            let passed = tokio::select! {
                () = &mut shutdown => return,
                passed = self.pass() => passed,
            };
            let pause = match &passed {
                Ok(report) if report.waiting > 0 => Duration::ZERO,
                Ok(report) => pause(report.took_each(), self.options.interval),
                Err(_) => self.options.interval,
            };
            self.note(passed);
            tokio::select! {
                () = &mut shutdown => return,
                () = sleep(pause) => {}
            }
        }
    }

    /// One full pass: all that is dirty now, quarters, what stale rollers left, days.
    pub async fn roll_once(&mut self) -> Result<RollReport, EngineError> {
        let started = Instant::now();
        let mut report = RollReport { swept: self.sweep().await?, ..RollReport::default() };
        loop {
            let dirty = self.dirty_quarters().await?;
            for chunk in dirty.chunks(QUARTERS_PER_STATEMENT) {
                self.roll_quarters(chunk).await?;
            }
            report.quarters += dirty.len();
            if dirty.len() < DIRTY_PER_PASS_MAX {
                break;
            }
        }
        report.took = started.elapsed();
        report.partner_days = self.roll_all_days(Days::Partners).await?;
        report.days = self.roll_all_days(Days::Cells).await?;
        Ok(report)
    }

    /// A pass of [`Roller::run`]: it stops after one interval, so that the open quarter does not wait for a long backlog.
    async fn pass(&mut self) -> Result<RollReport, EngineError> {
        let mut report = RollReport::default();
        if self.sweep_due.is_none_or(|it| it <= Instant::now()) {
            let started = Instant::now();
            report.swept = self.sweep().await?;
            self.sweep_due = Some(due(self.options.sweep_interval, started));
        }
        let started = Instant::now();
        let dirty = self.dirty_quarters().await?;
        for chunk in dirty.chunks(QUARTERS_PER_STATEMENT) {
            self.roll_quarters(chunk).await?;
            report.quarters += chunk.len();
            if started.elapsed() >= self.options.interval {
                break;
            }
        }
        report.took = started.elapsed();
        report.waiting = dirty.len() - report.quarters;
        if report.waiting > 0 {
            return Ok(report);
        }
        let interval = self.options.interval;
        (report.partner_days, self.partner_days_due) =
            self.roll_due_days(Days::Partners, self.partner_days_due, interval).await?;
        (report.days, self.days_due) =
            self.roll_due_days(Days::Cells, self.days_due, self.options.day_interval).await?;
        Ok(report)
    }

    /// Rolls days, if it is time, for about as long as a pass takes. Returns how many, and when they are due again.
    async fn roll_due_days(
        &self,
        days: Days,
        due_at: Option<Instant>,
        interval: Duration,
    ) -> Result<(usize, Option<Instant>), EngineError> {
        let started = Instant::now();
        if due_at.is_some_and(|it| it > started) {
            return Ok((0, due_at));
        }
        let (rolled, waiting) = self.roll_days(days, self.options.interval).await?;
        // Days left over are gone on with after the next look at the quarters.
        Ok((rolled, (waiting == 0).then(|| due(interval, started))))
    }

    async fn roll_all_days(&self, days: Days) -> Result<usize, EngineError> {
        let mut rolled = 0;
        loop {
            let (some, waiting) = self.roll_days(days, Duration::MAX).await?;
            rolled += some;
            if waiting == 0 {
                return Ok(rolled);
            }
        }
    }

    fn note(&self, passed: Result<RollReport, EngineError>) {
        self.status.send_modify(|status| match passed {
            Ok(report) => {
                self.warehouse.note_pass(&report);
                *status = RollerStatus { passes: status.passes + 1, last: report, error: None };
            }
            Err(error) => status.error = Some(error.to_string()),
        });
    }

    /// Quarters whose marks exceed what was rolled, with the sum of their marks. Parked ones are left out.
    async fn dirty_quarters(&self) -> Result<Vec<Dirty>, EngineError> {
        let floor = self.warehouse.parked_before().await?;
        let mut dirty: Vec<Dirty> =
            self.warehouse.rows(&sql::dirty_quarters(floor, DIRTY_PER_PASS_MAX)).await?;
        if planted(Bug::MarksAfterFacts) {
            for it in &mut dirty {
                it.ver += 1;
            }
        }
        Ok(dirty)
    }

    async fn roll_quarters(&self, quarters: &[Dirty]) -> Result<(), EngineError> {
        let started = Instant::now();
        self.write_cells(quarters).await?;
        self.note_rolled(quarters).await?;
        self.warehouse.note_roll(quarters.len(), started.elapsed());
        Ok(())
    }

    /// In one statement, or in smaller ones where the engine has not the memory.
    async fn write_cells(&self, quarters: &[Dirty]) -> Result<(), EngineError> {
        let mut parts = vec![quarters];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match self.warehouse.execute(&sql::cells(part)).await {
                Err(error) if error.remedy() == Remedy::Smaller && part.len() > 1 => {
                    let (left, right) = part.split_at(part.len() / 2);
                    parts.extend([right, left]);
                }
                rolled => rolled?,
            }
        }
        Ok(())
    }

    async fn note_rolled(&self, quarters: &[Dirty]) -> Result<(), EngineError> {
        let mut block = Columns::new(ROLLED);
        for it in quarters {
            block.u32(it.at);
            block.u64(it.ver);
            block.end_row();
        }
        self.warehouse.insert("rolled", "quarter, ver".to_owned(), &block).await
    }

    async fn dirty_days(&self, days: Days, zone: &str) -> Result<Vec<Dirty>, EngineError> {
        let floor = self.warehouse.parked_before().await?;
        self.warehouse.rows(&sql::dirty_days(days, floor, zone, DIRTY_PER_PASS_MAX)).await
    }

    /// Rolls days until `budget` is used up, one at least. Returns how many, and how many are left.
    async fn roll_days(&self, days: Days, budget: Duration) -> Result<(usize, usize), EngineError> {
        let started = Instant::now();
        let zone = self.warehouse.zone().await?.unwrap_or_else(|| "UTC".to_owned());
        let dirty = self.dirty_days(days, &zone).await?;
        let mut done = 0;
        for day in &dirty {
            for statement in days.roll(*day, &zone) {
                self.warehouse.execute(&statement).await?;
            }
            self.note_rolled_day(days, *day).await?;
            done += 1;
            if started.elapsed() >= budget {
                break;
            }
        }
        Ok((done, dirty.len() - done))
    }

    async fn note_rolled_day(&self, days: Days, day: Dirty) -> Result<(), EngineError> {
        let mut block = Columns::new(ROLLED_DAY);
        let number = u16::try_from(day.at).unwrap_or(u16::MAX);
        block.fixed(number.to_le_bytes());
        block.u64(day.ver);
        block.end_row();
        self.warehouse.insert(days.rolled(), "day, ver".to_owned(), &block).await
    }

    /// Marks every quarter in which a cell, or whose day's cell, is older than the last roll. Returns how many.
    async fn sweep(&self) -> Result<usize, EngineError> {
        if planted(Bug::NoSweep) {
            return Ok(0);
        }
        let zone = self.warehouse.zone().await?.unwrap_or_else(|| "UTC".to_owned());
        let mut stale: Vec<Dirty> = self.warehouse.rows(&sql::stale_quarters()).await?;
        for days in [Days::Cells, Days::Partners] {
            let found: Vec<Dirty> = self.warehouse.rows(&sql::stale_days(days, &zone)).await?;
            stale.extend(found);
        }
        let mut marks = Columns::new(Table::Marks.columns());
        for it in &stale {
            rows::mark(&mut marks, it.at, "sweep", self.warehouse.next_nonce());
        }
        if marks.rows() > 0 {
            self.warehouse.insert(Table::Marks.name(), Table::Marks.columns_list(), &marks).await?;
        }
        Ok(stale.len())
    }
}

/// From the end of a pass to the next, where one roll took `took`.
fn pause(took: Duration, interval: Duration) -> Duration {
    let dear = PROMISED_PAUSE.max(took * COST_SHARE_MOST);
    interval.max((took * COST_SHARE).min(dear)).min(PAUSE_MAX)
}

/// When to do something again that began at `started`: after its interval, or later where it is dear.
fn due(interval: Duration, started: Instant) -> Instant {
    started + interval.max(started.elapsed() * COST_SHARE)
}

#[cfg(test)]
mod tests;
