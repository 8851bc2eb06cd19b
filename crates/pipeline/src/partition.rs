//! One partition's machines between bytes and rows: no thread, no clock, no socket, so that `sim` and tests drive the same code.
//!
//! In: records as they lie in the log, catalog versions, the moment to speak. Out: rows in a batch, messages between the machines
//! (delivered at once where they share a process, else for the log), and the states to keep. Not here: reading, writing and
//! committing (`worker`). Start at [`Partition::apply`].

mod fetched;
mod outbox;

use std::sync::Arc;

use attribution::{
    CLICKS_AT_A_TIME, Orders, OrdersOutput, Slices, StateError, StoreError as TouchError, Timelines,
    TouchStore,
};
use catalog::Catalog;
use events::{
    Bound, Click, ClickHead, Credit, Decision, Event, Evidence, INPUT_BYTES_MAX, Identity, Lookup, OrderKey,
    Quarantined, Report, Score,
};
use journal::Record;
use units::{
    CustomerId, EpochMs, QUARTER_MS, Stamp,
    planted::{Bug, planted},
};

pub use self::outbox::Outbox;
use crate::fates::{Fates, Input, place};

mod recalled;
mod relived;

/// Times that `ClickHouse` cannot hold.
const OUT_OF_CALENDAR: &str = "out_of_calendar";

/// Where the machines' states lie while they are not in memory.
pub trait States {
    /// Why a state cannot be had.
    type Error: std::error::Error;

    /// An order's state as it was last committed.
    fn order(&self, key: &OrderKey) -> Result<Option<impl AsRef<[u8]>>, Self::Error>;

    /// What was last committed of a customer.
    fn customer(&self, customer: CustomerId) -> Result<Option<impl AsRef<[u8]>>, Self::Error>;
}

/// How look-ups and evidence travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inner {
    /// Both machines are here and hold every key: messages are delivered at once.
    Memory,
    /// Through the log, to whoever owns the key.
    Log,
}

/// What is to be appended to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// For the owner of the identity.
    Lookup(Lookup),
    /// For the owner of the customer.
    Bound(Bound),
    /// For the owner of the order.
    Evidence(Evidence),
    /// For whoever wants to follow.
    Decided(Box<Decision>, Vec<Credit>),
}

/// Why a partition cannot go on. Only a bug or a damaged disk leads here; a bad record goes to quarantine.
#[derive(Debug, thiserror::Error)]
pub enum PartitionError<E: std::error::Error> {
    /// A state cannot be read.
    #[error(transparent)]
    States(E),
    /// A state is not what this build writes.
    #[error("state of {what} cannot be understood")]
    State {
        /// Whose.
        what: String,
        /// Why not.
        #[source]
        source: StateError,
    },
    /// The touch store cannot be used.
    #[error(transparent)]
    Touches(#[from] TouchError),
}

/// Both machines of one partition.
#[derive(Debug)]
pub struct Partition<S: Slices> {
    orders: Orders,
    timelines: Timelines<S>,
    inner: Inner,
    fates: Fates,
    /// Read and not yet handed to the timelines: at most [`CLICKS_AT_A_TIME`], none between two calls.
    clicks: Vec<ClickHead>,
    /// Where decided orders lie in time, since the last checkpoint.
    order_times: Vec<(EpochMs, OrderKey)>,
    orders_out: Vec<OrdersOutput>,
    evidence_out: Vec<Evidence>,
}

/// States and places in time to be committed together with the positions.
#[derive(Debug, Default)]
pub struct Dirty {
    /// Orders' states.
    pub orders: Vec<(OrderKey, Vec<u8>)>,
    /// Where decided orders lie in time.
    pub order_times: Vec<(EpochMs, OrderKey)>,
    /// Timelines' states; without bytes, those to delete.
    pub timelines: Vec<(Identity, Vec<u8>)>,
    /// The touch store's next number.
    pub touches_next: u64,
}

impl<S: Slices> Partition<S> {
    /// The machines of one owner, silent until [`Partition::speak`].
    #[must_use]
    pub fn new(claim: Stamp, timelines: Timelines<S>, inner: Inner) -> Self {
        Self::of(Orders::new(claim), timelines, inner)
    }

    /// The same with orders of other limits.
    #[must_use]
    pub fn of(orders: Orders, timelines: Timelines<S>, inner: Inner) -> Self {
        Self {
            orders,
            timelines,
            inner,
            fates: Fates::default(),
            clicks: Vec::with_capacity(CLICKS_AT_A_TIME),
            order_times: Vec::new(),
            orders_out: Vec::new(),
            evidence_out: Vec::new(),
        }
    }

    /// Takes records as they were read. What cannot be read goes to quarantine; every record meets one fate. Orders that they concern are
    /// decided when all are taken in, so that one order of one call is decided once.
    pub fn apply<D: States>(
        &mut self,
        records: &[Record],
        states: &D,
        out: &mut Outbox,
    ) -> Result<(), PartitionError<D::Error>> {
        for record in records {
            self.take(record, states, out)?;
        }
        self.hand_over_clicks()?;
        self.settle(states, out)
    }

    /// A version of the catalog; orders in memory are decided again. Those on disk are the caller's: [`Partition::redecide`].
    pub fn on_catalog<D: States>(
        &mut self,
        catalog: Arc<Catalog>,
        states: &D,
        out: &mut Outbox,
    ) -> Result<(), PartitionError<D::Error>> {
        self.orders.on_catalog(catalog, &mut self.orders_out);
        self.settle(states, out)
    }

    /// Decides one order again.
    pub fn redecide<D: States>(
        &mut self,
        key: &OrderKey,
        states: &D,
        out: &mut Outbox,
    ) -> Result<(), PartitionError<D::Error>> {
        self.load_order(key, states)?;
        self.orders.reconsider(key, &mut self.orders_out);
        self.settle(states, out)
    }

    /// The own claim has been read in every input: what was touched is sent, and from now on what changes.
    pub fn speak<D: States>(&mut self, states: &D, out: &mut Outbox) -> Result<(), PartitionError<D::Error>> {
        let customers = self.timelines.speak(&mut self.evidence_out)?;
        self.tell_of(&customers, states)?;
        let elsewhere = self.orders.speak(&mut self.orders_out);
        self.settle(states, out)?;
        elsewhere.iter().try_for_each(|key| self.redecide(key, states, out))
    }

    /// States that changed since the last call. Take them only when [`Outbox`] holds everything said about them.
    pub fn take_dirty(&mut self) -> Result<Dirty, TouchError> {
        Ok(Dirty {
            orders: self.orders.take_dirty(),
            order_times: std::mem::take(&mut self.order_times),
            timelines: self.timelines.take_dirty(),
            touches_next: self.timelines.flush()?,
        })
    }

    /// Forgets touches before `before`, by whole slices.
    pub fn expire(&mut self, before: EpochMs) -> Result<(), TouchError> {
        self.timelines.expire(before)
    }

    /// What became of every record.
    #[must_use]
    pub const fn fates(&self) -> &Fates {
        &self.fates
    }

    /// The touch store, for its sizes and to sync it.
    #[must_use]
    pub const fn touches(&self) -> &TouchStore<S> {
        self.timelines.store()
    }

    /// Whether the owner has to claim anew, since a key's revisions or its memory of what it sent come to their end.
    #[must_use]
    pub fn needs_claim(&self) -> bool {
        self.orders.needs_claim() || self.timelines.needs_claim()
    }

    fn take<D: States>(
        &mut self,
        record: &Record,
        states: &D,
        out: &mut Outbox,
    ) -> Result<(), PartitionError<D::Error>> {
        match Event::decode(&record.bytes) {
            Ok(Event::Click(click)) => self.on_click(&click, out)?,
            Ok(Event::Report(report)) => self.on_first_report(*report, states, out)?,
            Ok(Event::Score(score)) => self.on_score(*score, states, out)?,
            Ok(Event::Lookup(lookup)) => {
                self.fates.note(Input::Lookup, None);
                // What was read before is part of the answer, so that it need not be given twice.
                self.hand_over_clicks()?;
                self.on_lookup(lookup, states)?;
            }
            Ok(Event::Bound(bound)) => {
                self.fates.note(Input::Bound, None);
                self.on_bound(bound, states)?;
            }
            Ok(Event::Evidence(evidence)) => {
                self.fates.note(Input::Evidence, None);
                self.on_evidence(evidence, states)?;
            }
            Ok(Event::Claim(_)) => self.fates.note(Input::Claim, None),
            Ok(Event::Decision(_) | Event::Credit(_) | Event::Catalog(_) | Event::Quarantined(_)) => {
                self.quarantine(record, "unexpected_kind", out);
            }
            Err(error) => self.quarantine(record, error.code(), out),
        }
        Ok(())
    }

    fn on_click(&mut self, click: &Click<'_>, out: &mut Outbox) -> Result<(), TouchError> {
        match out.batch.click(click) {
            warehouse::Fate::Row => self.fates.note(Input::Click, Some(click.head.origin)),
            // The warehouse has put it into quarantine by itself; a touch at an impossible time would only sit in the store.
            warehouse::Fate::Quarantined => {
                self.fates.note_quarantined(Input::Click, OUT_OF_CALENDAR);
                return Ok(());
            }
        }
        out.saw(click.head.at());
        self.clicks.push(click.head);
        if self.clicks.len() == CLICKS_AT_A_TIME { self.hand_over_clicks() } else { Ok(()) }
    }

    fn hand_over_clicks(&mut self) -> Result<(), TouchError> {
        self.timelines.on_clicks(&self.clicks, &mut self.evidence_out)?;
        self.clicks.clear();
        Ok(())
    }

    fn on_first_report<D: States>(
        &mut self,
        report: Report,
        states: &D,
        out: &mut Outbox,
    ) -> Result<(), PartitionError<D::Error>> {
        match out.batch.report(&report) {
            warehouse::Fate::Row => self.fates.note(Input::Report, Some(report.origin)),
            warehouse::Fate::Quarantined => {
                self.fates.note_quarantined(Input::Report, OUT_OF_CALENDAR);
                return Ok(());
            }
        }
        out.saw(report.received_at);
        self.load_order(&report.key, states)?;
        self.orders.add_report(report, &mut self.orders_out);
        Ok(())
    }

    fn on_score<D: States>(
        &mut self,
        score: Score,
        states: &D,
        out: &mut Outbox,
    ) -> Result<(), PartitionError<D::Error>> {
        match out.batch.score(&score) {
            warehouse::Fate::Row => self.fates.note(Input::Score, Some(score.origin)),
            warehouse::Fate::Quarantined => {
                self.fates.note_quarantined(Input::Score, OUT_OF_CALENDAR);
                return Ok(());
            }
        }
        out.saw(score.received_at);
        self.load_order(&score.order, states)?;
        self.orders.add_score(score, &mut self.orders_out);
        Ok(())
    }

    fn on_evidence<D: States>(
        &mut self,
        evidence: Evidence,
        states: &D,
    ) -> Result<(), PartitionError<D::Error>> {
        self.load_order(&evidence.order, states)?;
        self.orders.add_evidence(evidence, &mut self.orders_out);
        Ok(())
    }

    /// Passes on what the machines said until they are quiet, and decides what is due then. In memory that ends, since sets only grow and
    /// nothing is said twice.
    fn settle<D: States>(&mut self, states: &D, out: &mut Outbox) -> Result<(), PartitionError<D::Error>> {
        loop {
            for evidence in std::mem::take(&mut self.evidence_out) {
                match self.inner {
                    Inner::Memory => self.on_evidence(evidence, states)?,
                    Inner::Log => out.messages.push(Message::Evidence(evidence)),
                }
            }
            for said in std::mem::take(&mut self.orders_out) {
                match (said, self.inner) {
                    (OrdersOutput::Lookup(lookup), Inner::Memory) => self.on_lookup(lookup, states)?,
                    (OrdersOutput::Lookup(lookup), Inner::Log) => {
                        out.messages.push(Message::Lookup(lookup));
                    }
                    (OrdersOutput::Bound(bound), Inner::Memory) => self.on_bound(bound, states)?,
                    (OrdersOutput::Bound(bound), Inner::Log) => out.messages.push(Message::Bound(bound)),
                    (OrdersOutput::Decided { decision, credits }, _) => {
                        self.order_times.push((latest_possible(&decision), decision.key.clone()));
                        out.decide(decision, credits);
                    }
                }
            }
            if self.evidence_out.is_empty() && self.orders_out.is_empty() {
                self.orders.decide_due(&mut self.orders_out);
                if self.orders_out.is_empty() {
                    return Ok(());
                }
            }
        }
    }

    fn quarantine(&mut self, record: &Record, reason: &'static str, out: &mut Outbox) {
        self.fates.note_quarantined(Input::Unreadable, reason);
        let bytes = record.bytes.iter().take(INPUT_BYTES_MAX).copied().collect();
        let place = place(&record.stream, record.position).into();
        out.batch.quarantined(&Quarantined { reason: reason.into(), place, bytes });
    }
}

/// A version of the catalog that takes effect after this changes nothing in the order. Not the order's own time: its click may be of a link that
/// only a later version knows, and then the click's time becomes the order's.
fn latest_possible(decision: &Decision) -> EpochMs {
    let last_void = decision.void_quarters.iter().max().filter(|_| !planted(Bug::PlaceByTime));
    last_void.map_or(decision.at, |quarter| quarter.start().forth(QUARTER_MS).max(decision.at))
}

#[cfg(test)]
mod tests {
    use attribution::decide;
    use catalog::History;
    use events::{ClickKey, ClickMint, ReportedClick};
    use units::{AdvertiserId, CatalogVersion, HOUR_MS, LinkId, Origin, VisitorId};

    use super::*;

    fn order(received_at: EpochMs, click: ReportedClick) -> Report {
        Report {
            click,
            catalog: CatalogVersion(1),
            ..Report::bare(OrderKey::by_id(AdvertiserId(1), "o"), received_at, Origin::default())
        }
    }

    #[test]
    fn an_order_lies_where_a_click_of_a_link_yet_unknown_could_put_it() {
        let reported = EpochMs(1_000 * QUARTER_MS + 7);
        let clicked = reported.forth(HOUR_MS);
        let mut mint = ClickMint::new(ClickKey::new(1, b"a secret of the tests"), 0);
        let unknown = ReportedClick::Signed(mint.mint(clicked, LinkId(1), VisitorId(1)));
        for (click, latest) in [(ReportedClick::None, reported), (unknown, clicked)] {
            let report = order(reported, click);
            let decided =
                decide(&report.key, std::slice::from_ref(&report), &[], &History::default()).unwrap();
            assert_eq!(decided.decision.at, reported, "nobody knows the link yet");
            assert!((latest..=latest.forth(QUARTER_MS)).contains(&latest_possible(&decided.decision)));
        }
    }
}
