//! The machine that owns the timelines of one partition: remembers what each visitor touched and who asked about it.
//!
//! In: clicks and look-ups, in any order, with repeats. Out: evidence under this owner's stamps, again whenever it grows. It is silent until
//! [`Timelines::speak`]; until then the driver must not commit positions. Touches lie in the [`TouchStore`], questions about visitors in memory,
//! customers on the driver's disk: whoever is not held ([`Timelines::holds_customer`]) is given back before what concerns him.
//! Not here: what follows from any of it (`decide`). Start at [`Timelines::on_click`].

mod asked_bits;
mod asks;
mod customers;

use std::collections::{BTreeSet, HashMap};

use events::{Bound, ClickHead, Evidence, Identity, Lookup, Touch};
use units::{CustomerId, EpochMs, Stamp, VisitorId};

use self::{
    asked_bits::AskedBits,
    asks::{Asked, Asks},
    customers::{Customers, Telling},
};
use crate::{
    digest::Digester,
    folding::Folding,
    orders::StateError,
    sent::{Said, Sent},
    touches::{Slices, StoreError, TouchStore, VisitorHash},
};

pub use self::customers::{CUSTOMER_ORDERS_MAX, CUSTOMER_VISITORS_MAX, past};

/// Touches in one answer: the first one and the latest others. A person has a handful of one advertiser's in a window; what a robot has more
/// is left out, the partners are named all the same.
pub const EVIDENCE_TOUCHES_MAX: usize = 1_024;

/// Clicks after which [`Timelines::on_clicks`] gains nothing more: a processor has a dozen or two of reads under way. At most the bits of
/// a word.
pub const CLICKS_AT_A_TIME: usize = 64;

/// The timelines of one partition, under one claim.
#[derive(Debug)]
pub struct Timelines<S> {
    store: TouchStore<S>,
    /// Who asked about which visitor.
    asks: HashMap<VisitorId, Asks, Folding>,
    /// Of customers in memory: who asked about each, whom he is known by, and his orders.
    customers: Customers,
    /// Visitors in `asks`, and a few more. Every click looks here.
    asked: AskedBits,
    /// Changed since the last checkpoint, in order of change, with repeats.
    dirty: Vec<Identity>,
    /// Whose answers were touched in silence; `None` once it speaks.
    touched: Option<BTreeSet<Identity>>,
    /// Of questions that are forgotten.
    sent: Sent<Said>,
    digester: Digester,
    found: Vec<Touch>,
}

/// Sorts, drops repeats, and keeps the first and the latest of what is more than [`EVIDENCE_TOUCHES_MAX`]. Of a union of capped sets it
/// makes the same as of the union of the whole sets.
pub fn cap_touches(touches: &mut Vec<Touch>) {
    touches.sort_unstable();
    touches.dedup();
    let surplus = touches.len().saturating_sub(EVIDENCE_TOUCHES_MAX);
    if surplus > 0 {
        touches.drain(1..=surplus);
    }
}

impl<S: Slices> Timelines<S> {
    /// A new owner under `claim`, silent, over the touches of the last checkpoint.
    #[must_use]
    pub fn new(claim: Stamp, store: TouchStore<S>) -> Self {
        Self {
            asks: HashMap::with_hasher(Folding::new(store.seed())),
            customers: Customers::new(store.seed()),
            asked: AskedBits::with_room(0),
            store,
            dirty: Vec::new(),
            touched: Some(BTreeSet::new()),
            sent: Sent::new(claim),
            digester: Digester::default(),
            found: Vec::new(),
        }
    }

    /// [`Timelines::on_click`] for each of `clicks`; faster by what memory takes to answer, up to [`CLICKS_AT_A_TIME`] at a time.
    pub fn on_clicks(&mut self, clicks: &[ClickHead], out: &mut Vec<Evidence>) -> Result<(), StoreError> {
        for some in clicks.chunks(CLICKS_AT_A_TIME) {
            // Looks at memory that do not wait for one another, before the work in which each waits for the last.
            let mut hashes = [VisitorHash::default(); CLICKS_AT_A_TIME];
            for (hash, click) in hashes.iter_mut().zip(some) {
                *hash = self.store.hash(click.visitor());
            }
            self.store.warm(hashes.get(..some.len()).unwrap_or_default());
            let may_be_asked = |bits, (bit, hash): (usize, &VisitorHash)| {
                bits | (u64::from(self.asked.may_hold(*hash)) << bit)
            };
            let asked = hashes.iter().take(some.len()).enumerate().fold(0_u64, may_be_asked);
            for (bit, (click, hash)) in some.iter().zip(hashes).enumerate() {
                let touch = Touch::from(click);
                self.store.append_hashed(&touch, hash)?;
                if asked >> bit & 1 == 1 {
                    self.answer_again(&touch, out)?;
                }
            }
        }
        Ok(())
    }

    /// Remembers a click or view, and answers again whoever asked about its visitor and its time.
    pub fn on_click(&mut self, click: &ClickHead, out: &mut Vec<Evidence>) -> Result<(), StoreError> {
        self.on_clicks(std::slice::from_ref(click), out)
    }

    /// Remembers a touch that is known from elsewhere than its record: the warehouse's row of it.
    pub fn on_touch(&mut self, touch: &Touch, out: &mut Vec<Evidence>) -> Result<(), StoreError> {
        self.store.append(touch)?;
        self.answer_again(touch, out)
    }

    /// Remembers who asks, and answers. Repeated and older questions widen the range; it never narrows. A customer's question says whom he is
    /// known by, and whoever asked about him is answered again.
    pub fn on_lookup(&mut self, lookup: Lookup, out: &mut Vec<Evidence>) -> Result<(), StoreError> {
        let identity = lookup.identity;
        match identity {
            Identity::Visitor(visitor) => self.on_visitor(visitor, lookup, out)?,
            Identity::Customer(customer) => {
                let is_silent = self.is_silent();
                let mut telling = Telling { sent: &mut self.sent, digester: &mut self.digester };
                if self.customers.on_lookup(customer, lookup, &mut telling, is_silent, out) {
                    self.dirty.push(identity);
                }
            }
        }
        if let Some(touched) = &mut self.touched {
            touched.insert(identity);
        }
        Ok(())
    }

    /// Remembers what became of a customer's order, and answers his later ones.
    pub fn on_bound(&mut self, bound: Bound, out: &mut Vec<Evidence>) {
        let identity = Identity::Customer(bound.customer);
        let is_silent = self.is_silent();
        let mut telling = Telling { sent: &mut self.sent, digester: &mut self.digester };
        if self.customers.on_bound(bound, &mut telling, is_silent, out) {
            self.dirty.push(identity);
        }
        if let Some(touched) = &mut self.touched {
            touched.insert(identity);
        }
    }

    fn on_visitor(
        &mut self,
        visitor: VisitorId,
        lookup: Lookup,
        out: &mut Vec<Evidence>,
    ) -> Result<(), StoreError> {
        let identity = Identity::Visitor(visitor);
        let known = self.asks.len();
        self.asks.entry(visitor).or_default();
        if self.asks.len() > known {
            self.note_asked(visitor);
        }
        let Some(asks) = self.asks.get_mut(&visitor) else { return Ok(()) };
        let (sent, digester) = (&mut self.sent, &mut self.digester);
        let (is_new, asked) = asks.add(lookup, |order| sent.take_back(|| digester.of(&(order, identity))));
        if is_new {
            self.dirty.push(identity);
        }
        if let (None, Some(asked)) = (&self.touched, asked) {
            let found = &mut self.found;
            let answering = Answering { store: &self.store, sent, digester, found };
            out.extend(answering.answer(visitor, asked)?);
        }
        Ok(())
    }

    /// The owner's claim has been read in every input: what was touched in silence is answered now, and from here on what grows. Returns the
    /// touched customers who left memory meanwhile: the driver restores each and lets him be [`Timelines::tell`]ed of.
    pub fn speak(&mut self, out: &mut Vec<Evidence>) -> Result<Vec<CustomerId>, StoreError> {
        let mut elsewhere = Vec::new();
        for identity in self.touched.take().unwrap_or_default() {
            match identity {
                Identity::Visitor(visitor) => self.answer(visitor, |_| true, out)?,
                Identity::Customer(customer) if self.holds_customer(customer) => self.tell(customer, out),
                Identity::Customer(customer) => elsewhere.push(customer),
            }
        }
        Ok(elsewhere)
    }

    /// Answers everybody who asked about a customer in memory, where that is not what was said last.
    pub fn tell(&mut self, customer: CustomerId, out: &mut Vec<Evidence>) {
        let mut telling = Telling { sent: &mut self.sent, digester: &mut self.digester };
        self.customers.answer(customer, &mut telling, out);
    }

    /// Whether the customer is in memory. If not, the driver looks for him on disk before it hands over what concerns him.
    #[must_use]
    pub fn holds_customer(&self, customer: CustomerId) -> bool {
        self.customers.holds(customer)
    }

    /// Customers in memory.
    #[must_use]
    pub fn held_customers(&self) -> usize {
        self.customers.len()
    }

    /// Drops a customer who was just restored and did not change since.
    pub fn release(&mut self, customer: CustomerId) {
        let mut telling = Telling { sent: &mut self.sent, digester: &mut self.digester };
        self.customers.release(customer, &mut telling);
    }

    /// Drops customers unused for longest, of those that the last [`Timelines::take_dirty`] gave or that have not changed since, until `keep_max` are
    /// left, or only others. To be called when what it gave is on disk.
    pub fn evict_customers(&mut self, keep_max: usize) {
        let mut telling = Telling { sent: &mut self.sent, digester: &mut self.digester };
        self.customers.evict(keep_max, &mut telling);
    }

    /// Whether [`Timelines::speak`] has not been called yet.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        self.touched.is_some()
    }

    /// Whether the driver should claim anew: commit, drop this machine and begin as a new owner. Soon, not at once.
    #[must_use]
    pub fn needs_claim(&self) -> bool {
        self.sent.needs_claim()
    }

    /// Questions changed since the last call, ascending by identity; no bytes mean that the key is to be deleted. Commit them together with
    /// the input positions and [`Timelines::flush`]'s number.
    pub fn take_dirty(&mut self) -> Vec<(Identity, Vec<u8>)> {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.sort_unstable();
        dirty.dedup();
        let mut encoded = |it: &Identity| match it {
            Identity::Visitor(visitor) => self.asks.get(visitor).map_or_else(Vec::new, Asks::encode),
            Identity::Customer(customer) => self.customers.encode(*customer),
        };
        dirty.into_iter().map(|it| (it, encoded(&it))).collect()
    }

    /// Hands all touches to the slices and returns the number of the next one: what [`TouchStore::open`] is given after a restart.
    pub fn flush(&mut self) -> Result<u64, StoreError> {
        self.store.flush()
    }

    /// Takes what is known of an identity back from disk; joined with what is in memory, if anything is. Says nothing.
    pub fn restore(&mut self, identity: Identity, state: &[u8]) -> Result<(), StateError> {
        match identity {
            Identity::Visitor(visitor) => {
                let restored = Asks::decode(state)?;
                self.asks.entry(visitor).or_default().join(restored, |_| Said::default());
                self.note_asked(visitor);
            }
            Identity::Customer(customer) => {
                let mut telling = Telling { sent: &mut self.sent, digester: &mut self.digester };
                self.customers.restore(customer, state, &mut telling)?;
            }
        }
        Ok(())
    }

    /// Forgets whole slices of touches before `before`, and questions about no later time.
    pub fn expire(&mut self, before: EpochMs) -> Result<(), StoreError> {
        let (dirty, sent, digester) = (&mut self.dirty, &mut self.sent, &mut self.digester);
        self.asks.retain(|visitor, asks| {
            let identity = Identity::Visitor(*visitor);
            let forgotten = |it: &Asked| {
                if it.said.is_said() {
                    sent.put_away(digester.of(&(&it.order, identity)), it.said);
                }
            };
            if asks.expire(before, forgotten) {
                dirty.push(identity);
            }
            !asks.is_empty()
        });
        let mut telling = Telling { sent: &mut self.sent, digester: &mut self.digester };
        let changed = self.customers.expire(before, &mut telling);
        self.dirty.extend(changed.into_iter().map(Identity::Customer));
        self.gather_asked();
        self.store.expire(before)
    }

    /// The touches, for counts and sizes.
    #[must_use]
    pub const fn store(&self) -> &TouchStore<S> {
        &self.store
    }

    /// Identities in memory that someone has asked about.
    #[must_use]
    pub fn asked_identities(&self) -> usize {
        self.asks.len() + self.customers.len()
    }

    /// After `visitor` came into the questions.
    fn note_asked(&mut self, visitor: VisitorId) {
        if self.asked.is_full(self.asks.len()) {
            self.gather_asked();
        } else {
            self.asked.insert(self.store.hash(visitor));
        }
    }

    /// The bits of all questions, with room for as many again.
    fn gather_asked(&mut self) {
        self.asked = AskedBits::with_room(self.asks.len().saturating_mul(2));
        for visitor in self.asks.keys() {
            self.asked.insert(self.store.hash(*visitor));
        }
    }

    /// Answers those whose range `touch` is in, if there are any.
    fn answer_again(&mut self, touch: &Touch, out: &mut Vec<Evidence>) -> Result<(), StoreError> {
        if let Some(touched) = &mut self.touched {
            if self.asks.contains_key(&touch.visitor) {
                touched.insert(Identity::Visitor(touch.visitor));
            }
            return Ok(());
        }
        self.answer(touch.visitor, |it| it.ask.wants(&it.order, touch), out)
    }

    /// Answers those that asked about `visitor` and are `wanted`.
    fn answer(
        &mut self,
        visitor: VisitorId,
        wanted: impl Fn(&Asked) -> bool,
        out: &mut Vec<Evidence>,
    ) -> Result<(), StoreError> {
        let Some(asks) = self.asks.get_mut(&visitor) else { return Ok(()) };
        for asked in asks.iter_mut().filter(|it| wanted(it)) {
            let answering = Answering {
                store: &self.store,
                sent: &mut self.sent,
                digester: &mut self.digester,
                found: &mut self.found,
            };
            out.extend(answering.answer(visitor, asked)?);
        }
        Ok(())
    }
}

/// What an answer is made with; apart from the questions, so that these can be walked meanwhile.
struct Answering<'a, S> {
    store: &'a TouchStore<S>,
    sent: &'a mut Sent<Said>,
    digester: &'a mut Digester,
    found: &'a mut Vec<Touch>,
}

impl<S: Slices> Answering<'_, S> {
    /// `None` where the last answer said the same, and where there is nothing to say: evidence is a union, and an empty set adds nothing.
    fn answer(self, visitor: VisitorId, asked: &mut Asked) -> Result<Option<Evidence>, StoreError> {
        let Asked { order, ask, said } = asked;
        self.found.clear();
        self.store.find(visitor, ask.from, ask.to, self.found)?;
        self.found.retain(|it| it.advertiser == order.advertiser);
        if self.found.is_empty() {
            return Ok(None);
        }
        let mut partners: Vec<_> = self.found.iter().map(|it| it.partner).collect();
        partners.sort_unstable();
        partners.dedup();
        cap_touches(self.found);
        let content = self.digester.of(&(&*self.found, &partners));
        Ok(self.sent.stamp(said, content).map(|stamp| Evidence {
            stamp,
            order: order.clone(),
            identity: Identity::Visitor(visitor),
            touches: self.found.clone(),
            partners,
            visitors: Vec::new(),
            bindings: Vec::new(),
            past: None,
        }))
    }
}
