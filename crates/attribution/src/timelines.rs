//! The machine that owns the timelines of one partition: remembers what each visitor touched and who asked about it.
//!
//! In: clicks and look-ups, in any order, with repeats. Out: evidence under this owner's stamps, again whenever it grows. It is silent until
//! [`Timelines::speak`]; until then the driver must not commit positions. Touches lie in the [`TouchStore`], questions in memory. Not here:
//! customers' bindings, whose place in [`Evidence`] stays empty. Start at [`Timelines::on_click`].

mod asks;

use std::collections::{BTreeSet, HashMap};

use events::{ClickHead, Evidence, Identity, Lookup, OrderKey, Touch};
use units::{EpochMs, Stamp};

use self::asks::{Ask, Asks};
use crate::{
    digest::Digester,
    folding::Folding,
    orders::StateError,
    sent::Sent,
    touches::{Slices, StoreError, TouchStore},
};

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
    /// Who asked about whom. Every click looks here.
    asks: HashMap<Identity, Asks, Folding>,
    /// Changed since the last checkpoint, in order of change, with repeats.
    dirty: Vec<Identity>,
    /// Whose answers were touched in silence; `None` once it speaks.
    touched: Option<BTreeSet<Identity>>,
    sent: Sent,
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
            // Look-ups that do not wait for one another, before the work in which each waits for the last.
            self.store.warm(some.iter().map(ClickHead::visitor));
            let is_asked = |it: &ClickHead| self.asks.contains_key(&Identity::Visitor(it.visitor()));
            let asked = some
                .iter()
                .enumerate()
                .fold(0_u64, |bits, (bit, it)| bits | (u64::from(is_asked(it)) << bit));
            for (bit, click) in some.iter().enumerate() {
                let touch = Touch::from(click);
                self.store.append(&touch)?;
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

    /// Remembers who asks, and answers. Repeated and older questions widen the range; it never narrows.
    pub fn on_lookup(&mut self, lookup: Lookup, out: &mut Vec<Evidence>) -> Result<(), StoreError> {
        let identity = lookup.identity;
        let order = lookup.order.clone();
        if self.asks.entry(identity).or_default().add(lookup) {
            self.dirty.push(identity);
        }
        if let Some(touched) = &mut self.touched {
            touched.insert(identity);
            return Ok(());
        }
        self.answer(identity, |it, _| *it == order, out)
    }

    /// The owner's claim has been read in every input: what was touched in silence is answered now, and from here on what grows.
    pub fn speak(&mut self, out: &mut Vec<Evidence>) -> Result<(), StoreError> {
        for identity in self.touched.take().unwrap_or_default() {
            self.answer(identity, |_, _| true, out)?;
        }
        Ok(())
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
        let encoded = |it: Identity| (it, self.asks.get(&it).map_or_else(Vec::new, Asks::encode));
        dirty.into_iter().map(encoded).collect()
    }

    /// Hands all touches to the slices and returns the number of the next one: what [`TouchStore::open`] is given after a restart.
    pub fn flush(&mut self) -> Result<u64, StoreError> {
        self.store.flush()
    }

    /// Takes an identity's questions back from disk. Says nothing.
    pub fn restore(&mut self, identity: Identity, state: &[u8]) -> Result<(), StateError> {
        let restored = Asks::decode(state)?;
        self.asks.entry(identity).or_default().join(restored);
        Ok(())
    }

    /// Forgets whole slices of touches before `before`, and questions about no later time.
    pub fn expire(&mut self, before: EpochMs) -> Result<(), StoreError> {
        let dirty = &mut self.dirty;
        self.asks.retain(|identity, asks| {
            if asks.expire(before) {
                dirty.push(*identity);
            }
            !asks.is_empty()
        });
        self.store.expire(before)
    }

    /// The touches, for counts and sizes.
    #[must_use]
    pub const fn store(&self) -> &TouchStore<S> {
        &self.store
    }

    /// Identities someone has asked about.
    #[must_use]
    pub fn asked_identities(&self) -> usize {
        self.asks.len()
    }

    /// Answers those whose range `touch` is in.
    fn answer_again(&mut self, touch: &Touch, out: &mut Vec<Evidence>) -> Result<(), StoreError> {
        let identity = Identity::Visitor(touch.visitor);
        if let Some(touched) = &mut self.touched {
            touched.insert(identity);
            return Ok(());
        }
        self.answer(identity, |order, ask| ask.wants(order, touch), out)
    }

    /// Answers those that asked about `identity` and are `wanted`.
    fn answer(
        &mut self,
        identity: Identity,
        wanted: impl Fn(&OrderKey, &Ask) -> bool,
        out: &mut Vec<Evidence>,
    ) -> Result<(), StoreError> {
        let Some(asks) = self.asks.get(&identity) else { return Ok(()) };
        for (order, ask) in asks.iter().filter(|(order, ask)| wanted(order, ask)) {
            let answering = Answering {
                store: &self.store,
                sent: &mut self.sent,
                digester: &mut self.digester,
                found: &mut self.found,
            };
            out.extend(answering.answer(identity, order, ask)?);
        }
        Ok(())
    }
}

/// What an answer is made with; apart from the questions, so that these can be walked meanwhile.
struct Answering<'a, S> {
    store: &'a TouchStore<S>,
    sent: &'a mut Sent,
    digester: &'a mut Digester,
    found: &'a mut Vec<Touch>,
}

impl<S: Slices> Answering<'_, S> {
    /// `None` where the last answer said the same, and where there is nothing to say: evidence is a union, and an empty set adds nothing.
    fn answer(self, identity: Identity, order: &OrderKey, ask: &Ask) -> Result<Option<Evidence>, StoreError> {
        let Identity::Visitor(visitor) = identity else { return Ok(None) };
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
        let mut evidence = Evidence {
            stamp: Stamp::default(),
            order: order.clone(),
            identity,
            touches: self.found.clone(),
            partners,
            visitors: Vec::new(),
            bindings: Vec::new(),
        };
        let content = self.digester.of(&evidence);
        let name = self.digester.of(&(b'e', order, identity));
        Ok(self.sent.stamp(name, content).map(|stamp| {
            evidence.stamp = stamp;
            evidence
        }))
    }
}
