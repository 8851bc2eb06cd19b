//! Everything that goes wrong in a world, by name; which of it does in this one; and how often it was hit in all of them.
//!
//! In: chance. Out: a subset of the faults with its rates (swarm testing: where everything fails all the time, every mistake is soon overwritten
//! and none is seen), and counts. A row of the table that stays at zero says that something is not tested. Start at [`Swarm`].

use std::fmt;

use crate::rng::Rng;

macro_rules! hits {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// Something that happened: a fault, or a state that only faults lead to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Hit { $($(#[doc = $doc])* $name,)* }

        impl Hit {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            const TEXTS: &'static [&'static str] = &[$(concat!($($doc),*),)*];

            /// In words.
            #[must_use]
            pub fn text(self) -> &'static str {
                Self::TEXTS.get(self as usize).map_or("", |it| it.trim().trim_end_matches('.'))
            }
        }
    };
}

hits! {
    /// An edge is killed between two requests.
    EdgeKilled,
    /// An edge is killed in the middle of a write.
    KilledInWrite,
    /// The edges' machine loses power, mode process.
    PowerCutProcess,
    /// The edges' machine loses power, mode power.
    PowerCutPower,
    /// The disk is full.
    DiskFull,
    /// The disk fails with EIO.
    DiskError,
    /// A sync fails.
    SyncFails,
    /// A write takes a part of its bytes only.
    ShortWrite,
    /// The shippers start again from the cursor on disk.
    ShipperRestarts,
    /// The cursor on disk is lost.
    CursorLost,
    /// Acknowledgements come in another order than the records went.
    AcknowledgedOutOfOrder,
    /// Records of one writer reach the log in another order than they were written.
    RecordsReordered,
    /// A record reaches the log twice.
    RecordRepeated,
    /// The log is away.
    BrokerDown,
    /// ClickHouse is away.
    EngineDown,
    /// An insert is stored and its answer lost.
    AnswerLost,
    /// An owner is killed, the next one goes on from its last commit.
    OwnerKilled,
    /// A partition moves to a process with an older state.
    MovedWithOldState,
    /// A partition moves to a process without state.
    MovedWithoutState,
    /// What was written of touches after the last commit is half there.
    TouchesTorn,
    /// The old owner only seemed dead.
    ZombieWakes,
    /// A zombie writes after its successor has begun to speak.
    ZombieWritesLate,
    /// A roller sleeps between two of its steps while others roll.
    StaleRoller,
    /// Edges' clocks differ.
    ClockSkew,
    /// An edge's clock steps back or forth.
    ClockSteps,
    /// A version of the catalog takes effect before orders that are decided.
    CatalogChangesPast,
    /// An owner is cut off from new versions of the catalog.
    CatalogLags,
    /// The log's retention passes.
    LogRetention,
    /// Shipped segments are deleted.
    SpoolRetention,
    /// The spool's budget deletes what was never shipped.
    SpoolBudget,
    /// Old touches are forgotten.
    TouchesExpire,
    /// State: a shop sends a report again since nobody answered.
    ReportResent,
    /// State: an edge goes on in a new segment.
    SegmentRolled,
    /// State: a record that nobody was promised was recorded all the same.
    UnansweredRecorded,
    /// State: a record that was answered in mode process is gone with the power.
    AnsweredLostWithPower,
    /// State: damage in a spool was passed over and named.
    DamageNamed,
    /// State: a silent owner lets its states leave memory.
    SilentCommit,
    /// State: an order's state comes back from disk.
    OrderRestored,
    /// State: a customer comes back from disk.
    CustomerRestored,
    /// State: an order on disk is decided again for a version of the catalog.
    OrderLookedAtAgain,
    /// State: a state older than what the log and the facts have is refused.
    StateRefused,
    /// State: an owner is told by facts what the log has lost.
    RebuiltFromFacts,
    /// A rebuild from facts is cut off and begun again.
    RebuildCut,
    /// State: an order that comes after a rebuild is credited to a touch that facts told of.
    OrderAfterRebuild,
    /// State: a touch that comes after a rebuild is credited with an order that facts told of.
    TouchAfterRebuild,
    /// State: a row loses to a newer stamp.
    StaleRowLoses,
    /// State: a decided order moves to another quarter.
    OrderMoves,
    /// State: a credit goes to another touch.
    CreditMoves,
    /// State: a group vanishes from a quarter.
    GroupVanishes,
    /// State: the sweep finds what a stale roller left.
    SweepFinds,
}

/// What goes wrong of itself, as a step of its own, by where it does: each place is struck as often as the others, however many faults it has.
const SCHEDULED: [&[Hit]; 3] = [
    &[
        Hit::EdgeKilled,
        Hit::KilledInWrite,
        Hit::PowerCutProcess,
        Hit::DiskFull,
        Hit::DiskError,
        Hit::SyncFails,
        Hit::ShortWrite,
        Hit::SpoolBudget,
    ],
    &[Hit::ShipperRestarts, Hit::CursorLost, Hit::BrokerDown, Hit::EngineDown, Hit::LogRetention],
    &[Hit::OwnerKilled, Hit::MovedWithOldState, Hit::MovedWithoutState],
];

/// What goes wrong while something else is done.
const ALONGSIDE: [Hit; 10] = [
    Hit::AcknowledgedOutOfOrder,
    Hit::RecordsReordered,
    Hit::RecordRepeated,
    Hit::AnswerLost,
    Hit::TouchesTorn,
    Hit::ZombieWakes,
    Hit::ClockSkew,
    Hit::CatalogLags,
    Hit::SpoolRetention,
    Hit::TouchesExpire,
];

/// What may go wrong in one world, and how often.
#[derive(Debug, Clone)]
pub(crate) struct Swarm {
    scheduled: Vec<Vec<Hit>>,
    per_mille: u64,
    alongside: Vec<(Hit, u64)>,
    /// How often a roller moves while owners still write.
    pub(crate) awake_percent: u64,
    /// How readily owners read, send, insert and cut their batches: some worlds have a slow log, others a slow engine.
    pub(crate) pace: [u64; 4],
}

impl Swarm {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let share = rng.of([20, 50, 80]);
        let some =
            |place: &[Hit], rng: &mut Rng| place.iter().copied().filter(|_| rng.chance(share)).collect();
        let scheduled: Vec<Vec<Hit>> = SCHEDULED.iter().map(|place| some(place, rng)).collect();
        let alongside = ALONGSIDE.into_iter().filter_map(|it| {
            let percent = rng.of([5, 20, 50]);
            rng.chance(share).then_some((it, percent))
        });
        Self {
            scheduled,
            alongside: alongside.collect(),
            per_mille: rng.of([3, 10, 30]),
            awake_percent: rng.of([5, 20, 60]),
            pace: [rng.of([3, 8]), rng.of([1, 4]), rng.of([1, 4]), rng.of([1, 3])],
        }
    }

    /// A world in which nothing goes wrong.
    pub(crate) const fn calm() -> Self {
        Self {
            scheduled: Vec::new(),
            per_mille: 0,
            alongside: Vec::new(),
            awake_percent: 100,
            pace: [8, 4, 3, 1],
        }
    }

    /// The fault of this step, if there is one.
    pub(crate) fn strikes(&self, rng: &mut Rng) -> Option<Hit> {
        let strikes = rng.below(1_000) < self.per_mille;
        let place = if strikes { rng.pick(&self.scheduled) } else { None };
        place.and_then(|it| rng.pick(it)).copied()
    }

    /// Whether this goes wrong now, while something else is done.
    pub(crate) fn spoils(&self, what: Hit, rng: &mut Rng) -> bool {
        self.percent(what) > 0 && rng.chance(self.percent(what))
    }

    /// How often this goes wrong in a hundred; 0 in a world without it.
    pub(crate) fn percent(&self, what: Hit) -> u64 {
        self.alongside.iter().find(|(it, _)| *it == what).map_or(0, |(_, percent)| *percent)
    }
}

impl fmt::Display for Swarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} in a thousand steps of {:?}, in a hundred {:?}",
            self.per_mille,
            self.scheduled.concat(),
            self.alongside
        )
    }
}

/// How often everything was hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage([u64; Hit::ALL.len()]);

impl Default for Coverage {
    fn default() -> Self {
        Self([0; Hit::ALL.len()])
    }
}

impl Coverage {
    pub(crate) fn note(&mut self, hit: Hit) {
        self.note_many(hit, 1);
    }

    pub(crate) fn note_many(&mut self, hit: Hit, times: u64) {
        if let Some(count) = self.0.get_mut(hit as usize) {
            *count += times;
        }
    }

    /// Adds what another world hit.
    pub fn add(&mut self, other: &Self) {
        for (mine, other) in self.0.iter_mut().zip(other.0) {
            *mine += other;
        }
    }

    /// How often this was hit.
    #[must_use]
    pub fn of(&self, hit: Hit) -> u64 {
        self.0.get(hit as usize).copied().unwrap_or(0)
    }

    /// What was never hit.
    #[must_use]
    pub fn missing(&self) -> Vec<Hit> {
        Hit::ALL.iter().copied().filter(|it| self.of(*it) == 0).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hit::ALL.iter().try_for_each(|it| writeln!(f, "{:>10}  {}", self.of(*it), it.text()))
    }
}
