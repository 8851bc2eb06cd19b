//! The machine that owns the orders of one partition: adds what it is told to each order's sets and decides again.
//!
//! In: catalogs, reports, evidence, scores, in any order, with repeats. Out: look-ups, decisions and credits under this owner's stamps. It is silent
//! until [`Orders::speak`]. Not here: where states are kept and when positions are committed: **while it is silent the driver may keep
//! states but must not commit positions**, since what was read is not said yet. Start at [`Orders::on_report`].

mod bound;
mod followed;
mod state;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use catalog::{Catalog, History};
use events::{Bound, Credit, Decision, Evidence, Identity, Lookup, OrderKey, Report, Score, Touch};
use units::{
    EpochMs, Stamp, VisitorId,
    planted::{Bug, planted},
};

use self::{bound::bounds, followed::customers, state::OrderState};
use crate::{
    caps::Caps,
    decide::{Decided, Known, asked_range, decide_known, visitors},
    digest::Digester,
    folding::Folding,
    sent::{Said, Sent},
};

pub use self::followed::CUSTOMERS_MAX;
pub use self::state::{QUARTERS_LEFT_MAX, REPORTS_MAX, StateError};
pub(crate) use self::{followed::Followed, state::grow_by_one};

/// Visitors asked for one order. People have a telephone and a computer or two; a shop that reports all its orders under one id has everybody.
/// The first by report are asked; signed clicks of the others still count.
pub const VISITORS_MAX: usize = 64;

/// What the machine says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrdersOutput {
    /// A question to a timeline.
    Lookup(Lookup),
    /// For the timeline of a customer of the order, beside its snapshot and under the same stamp.
    Bound(Bound),
    /// A whole snapshot of an order. It replaces every earlier one, row by row.
    Decided {
        /// The order.
        decision: Box<Decision>,
        /// Its rows by touch and quarter, zeros included, under the decision's stamp.
        credits: Vec<Credit>,
    },
}

/// The orders of one partition, under one claim.
#[derive(Debug)]
pub struct Orders {
    history: History,
    /// The hash's seed is the claim, so that a run repeats; whatever is sent in bulk is sorted by key first. In boxes, since the table moves its
    /// entries when it grows.
    states: HashMap<OrderKey, Box<Held>, Folding>,
    /// Orders whose state is dirty, in order of change.
    dirty: Vec<OrderKey>,
    /// Orders to be decided, in order of change.
    due: Vec<OrderKey>,
    /// What was touched in silence; `None` once it speaks.
    touched: Option<BTreeSet<OrderKey>>,
    /// Of orders that are not in memory.
    sent: Sent<SaidOfOrder>,
    digester: Digester,
    touches: Vec<Touch>,
    uses: u64,
    caps: Caps,
}

#[derive(Debug)]
struct Held {
    state: OrderState,
    said: SaidOfOrder,
    /// Of [`Orders::uses`], when last touched.
    used: u64,
    /// Changed since the last [`Orders::take_dirty`]; then it is in [`Orders::dirty`], once.
    dirty: bool,
    /// In [`Orders::due`], once.
    due: bool,
}

/// What was said of an order.
#[derive(Debug, Clone, Copy, Default)]
struct SaidOfOrder {
    /// Look-ups: one question to all its visitors.
    asked: Said,
    decided: Said,
}

impl Orders {
    /// A new owner under `claim`, silent, without catalogs and orders.
    #[must_use]
    pub fn new(claim: Stamp) -> Self {
        Self::with_caps(claim, Caps::default())
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_caps(claim: Stamp, caps: Caps) -> Self {
        Self {
            history: History::default(),
            states: HashMap::with_hasher(Folding::new(claim.to_u64())),
            dirty: Vec::new(),
            due: Vec::new(),
            touched: Some(BTreeSet::new()),
            sent: Sent::new(claim),
            digester: Digester::default(),
            touches: Vec::new(),
            uses: 0,
            caps,
        }
    }

    /// Adds a version and decides anew every order in memory. Orders that are only on disk are the driver's to [`Orders::restore`] and
    /// [`Orders::redecide`].
    pub fn on_catalog(&mut self, catalog: Arc<Catalog>, out: &mut Vec<OrdersOutput>) {
        if self.history.insert(catalog) {
            let mut keys: Vec<OrderKey> = self.states.keys().cloned().collect();
            keys.sort_unstable();
            for key in &keys {
                self.reconsider(key, out);
            }
            self.decide_due(out);
        }
    }

    /// Whether the order's state is in memory. If not, the driver looks for it on disk before it hands over a record of that order.
    #[must_use]
    pub fn holds(&self, key: &OrderKey) -> bool {
        self.states.contains_key(key)
    }

    /// Takes a state back from disk; joined with what is in memory, if anything is. Says nothing.
    pub fn restore(&mut self, key: &OrderKey, state: &[u8]) -> Result<(), StateError> {
        let reports_max = self.caps.reports;
        let restored = OrderState::decode(state, reports_max)?;
        self.held(key).state.join(restored, reports_max);
        if planted(Bug::RememberSent) {
            let touched = self.touched.take();
            self.redecide(key, &mut Vec::new());
            self.touched = touched;
        }
        Ok(())
    }

    /// Decides an order in memory again and says so if that changed anything.
    pub fn redecide(&mut self, key: &OrderKey, out: &mut Vec<OrdersOutput>) {
        self.reconsider(key, out);
        self.decide_due(out);
    }

    /// [`Orders::add_report`] and a decision at once.
    pub fn on_report(&mut self, report: Report, out: &mut Vec<OrdersOutput>) {
        self.add_report(report, out);
        self.decide_due(out);
    }

    /// [`Orders::add_evidence`] and a decision at once.
    pub fn on_evidence(&mut self, evidence: Evidence, out: &mut Vec<OrdersOutput>) {
        self.add_evidence(evidence, out);
        self.decide_due(out);
    }

    /// [`Orders::add_score`] and a decision at once.
    pub fn on_score(&mut self, score: Score, out: &mut Vec<OrdersOutput>) {
        self.add_score(score, out);
        self.decide_due(out);
    }

    /// Adds a report to its order's set and asks whom it names. The decision follows with [`Orders::decide_due`]: where many records are at
    /// hand, or the answers are in this process, the snapshots in between need not be made, since the last one replaces them.
    pub fn add_report(&mut self, report: Report, out: &mut Vec<OrdersOutput>) {
        let key = report.key.clone();
        let reports_max = self.caps.reports;
        self.change(&key, out, |state| state.add_report(report, reports_max));
    }

    /// Adds what a timeline knows to its order's set, also before the order's first report.
    pub fn add_evidence(&mut self, evidence: Evidence, out: &mut Vec<OrdersOutput>) {
        let key = evidence.order.clone();
        self.change(&key, out, |state| state.add_evidence(evidence));
    }

    /// Keeps a score of an order if it is the newest, also before the order's first report.
    pub fn add_score(&mut self, score: Score, out: &mut Vec<OrdersOutput>) {
        let key = score.order.clone();
        self.change(&key, out, |state| state.add_score(score.into()));
    }

    /// Asks what an order in memory needs to know, and puts it among those to be decided; in silence, among those to be spoken of.
    pub fn reconsider(&mut self, key: &OrderKey, out: &mut Vec<OrdersOutput>) {
        if let Some(touched) = &mut self.touched {
            touched.insert(key.clone());
        } else if let Some(held) = self.states.get_mut(key) {
            let asking =
                Asking { history: &self.history, sent: &mut self.sent, digester: &mut self.digester };
            asking.ask(key, &held.state, &mut held.said.asked, out);
            if !held.due {
                held.due = true;
                self.due.push(key.clone());
            }
        }
    }

    /// Decides every order that something was added to. The driver calls it before it takes states or commits anything.
    pub fn decide_due(&mut self, out: &mut Vec<OrdersOutput>) {
        for key in self.due.drain(..) {
            let Some(held) = self.states.get_mut(&key) else { continue };
            held.due = false;
            self.touches.clear();
            let followed = held.state.followed();
            self.touches.extend(held.state.touches(&followed));
            let known = Known {
                reports: held.state.reports(),
                left: held.state.left(),
                touches: &self.touches,
                followed: &followed,
                score: held.state.score(),
                history: &self.history,
                candidates_max: self.caps.candidates,
            };
            let decided = decide_known(&key, &known);
            let Some(Decided { mut decision, mut credits }) = decided else { continue };
            let mut bound = bounds(&decision, held.state.reports());
            let content = self.digester.of(&(&decision, &credits, &bound));
            let Some(stamp) = self.sent.stamp(&mut held.said.decided, content) else { continue };
            decision.stamp = stamp;
            for credit in &mut credits {
                credit.stamp = stamp;
            }
            for it in &mut bound {
                it.stamp = stamp;
            }
            out.push(OrdersOutput::Decided { decision, credits });
            out.extend(bound.into_iter().map(OrdersOutput::Bound));
            // Its place in time is committed together with its state. Until then it stays in memory, or a version of the catalog that comes
            // meanwhile would find it neither here nor there.
            if !held.dirty && !planted(Bug::EvictUnplaced) {
                held.dirty = true;
                self.dirty.push(key);
            }
        }
    }

    /// The owner's claim has been read in every input: what was touched in silence is said now, changed or not, and from here on what
    /// changes. Returns the touched orders that were evicted meanwhile: the driver restores and [`Orders::redecide`]s each.
    pub fn speak(&mut self, out: &mut Vec<OrdersOutput>) -> Vec<OrderKey> {
        let touched = self.touched.take().unwrap_or_default();
        let (here, elsewhere): (Vec<_>, Vec<_>) = touched.into_iter().partition(|it| self.holds(it));
        for key in &here {
            self.reconsider(key, out);
        }
        self.decide_due(out);
        elsewhere
    }

    /// Whether [`Orders::speak`] has not been called yet.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        self.touched.is_some()
    }

    /// Whether the driver should claim anew: commit, drop this machine and begin as a new owner. Soon, not at once.
    #[must_use]
    pub fn needs_claim(&self) -> bool {
        self.sent.needs_claim()
    }

    /// States changed since the last call, ascending by key, to be committed together with the input positions.
    pub fn take_dirty(&mut self) -> Vec<(OrderKey, Vec<u8>)> {
        debug_assert!(self.due.is_empty(), "states are committed with what they say");
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.sort_unstable();
        let encoded = |key: OrderKey| {
            let held = self.states.get_mut(&key)?;
            held.dirty = false;
            let bytes = held.state.encode();
            Some((key, bytes))
        };
        dirty.into_iter().filter_map(encoded).collect()
    }

    /// Drops the longest unused states that are not dirty until `keep_max` are left, or only dirty ones. What was sent stays remembered.
    pub fn evict(&mut self, keep_max: usize) {
        let surplus = self.states.len().saturating_sub(keep_max);
        if surplus == 0 {
            return;
        }
        let clean = self.states.values().filter(|it| it.may_leave());
        let mut ages: Vec<u64> = clean.map(|it| it.used).collect();
        ages.sort_unstable();
        let Some(newest_gone) = ages.get(surplus.min(ages.len()).wrapping_sub(1)).copied() else { return };
        let (sent, digester) = (&mut self.sent, &mut self.digester);
        self.states.retain(|key, it| {
            let stays = it.used > newest_gone || !it.may_leave();
            if !stays && (it.said.asked.is_said() || it.said.decided.is_said()) {
                sent.put_away(digester.of(key), it.said);
            }
            stays
        });
    }

    fn change(
        &mut self,
        key: &OrderKey,
        out: &mut Vec<OrdersOutput>,
        change: impl FnOnce(&mut OrderState) -> bool,
    ) {
        let held = self.held(key);
        if change(&mut held.state) && !held.dirty {
            held.dirty = true;
            self.dirty.push(key.clone());
        }
        // Also when nothing changed: a repeated input may be one whose output an earlier owner never sent.
        self.reconsider(key, out);
    }

    /// The order's state in memory, for use now; an empty one where there is none.
    fn held(&mut self, key: &OrderKey) -> &mut Held {
        self.uses += 1;
        if !self.states.contains_key(key) {
            let digester = &mut self.digester;
            let said = self.sent.take_back(|| digester.of(key));
            let held = Held { state: OrderState::default(), said, used: 0, dirty: false, due: false };
            self.states.insert(key.clone(), held.into());
        }
        let held = self.states.get_mut(key).expect("it was put in where it was not");
        held.used = self.uses;
        held
    }
}

impl Held {
    /// Whether disk has all of it and nothing is left to be said of it.
    const fn may_leave(&self) -> bool {
        !self.dirty && !self.due
    }
}

/// What questions are made with.
struct Asking<'a> {
    history: &'a History,
    sent: &'a mut Sent<SaidOfOrder>,
    digester: &'a mut Digester,
}

impl Asking<'_> {
    /// Asks the timeline of every visitor and customer the reports name, and of those visitors that customers lead to, for all that any possible
    /// time could need. All are asked the same, so all are asked again when the range grows or another one is named: people have few.
    fn ask(self, key: &OrderKey, state: &OrderState, said: &mut Said, out: &mut Vec<OrdersOutput>) {
        let (followed, longest) = (state.followed(), self.history.longest_window_ms());
        let mut lookups = questions(key, state.reports(), followed.visitors(), longest);
        if lookups.is_empty() {
            return;
        }
        let content = self.digester.of(&lookups);
        let Some(stamp) = self.sent.stamp(said, content) else { return };
        for lookup in &mut lookups {
            lookup.stamp = stamp;
        }
        out.extend(lookups.into_iter().map(OrdersOutput::Lookup));
    }
}

/// What an order with these reports asks, unstamped: its own visitors, its customers, whom it tells of those visitors, and visitors whom
/// customers were known by. `reports` ascend by (`received_at`, `origin`), each once.
#[must_use]
pub fn questions(
    key: &OrderKey,
    reports: &[Report],
    followed: &[VisitorId],
    longest_window_ms: u64,
) -> Vec<Lookup> {
    let Some((from, to)) = asked_range(reports, longest_window_ms) else { return Vec::new() };
    let at = reports.iter().map(Report::order_time).min().unwrap_or(EpochMs(0));
    let own = visitors(reports);
    let ask = |identity: Identity, visitors: Vec<VisitorId>| Lookup {
        stamp: Stamp::default(),
        identity,
        order: key.clone(),
        from,
        to,
        at,
        visitors,
    };
    let of_visitor = |it: &VisitorId| ask(Identity::Visitor(*it), Vec::new());
    let mut asked: Vec<Lookup> = own.iter().map(of_visitor).collect();
    asked.extend(customers(reports).into_iter().map(|it| ask(Identity::Customer(it), own.clone())));
    asked.extend(followed.iter().map(of_visitor));
    asked
}
