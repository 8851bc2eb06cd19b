//! What is known of customers: by which visitors they came, what became of their orders, and which orders asked.
//!
//! In: look-ups of orders that name a customer, each with the visitors that order knows to be his, and what became of each order. Out: evidence with
//! all his visitors, and what his orders of before come to, to every order that asked, again whenever it changes; and the bytes of it on disk.
//! Visitors and orders are kept as long as the state is, since a customer who comes back after a year is the same; questions are
//! forgotten as a visitor's are. In memory are those who were used last: who comes next is given back by the driver first
//! ([`Customers::holds`]). One with an order takes 456 bytes there, 200 more for each further order. Not here: what an order makes of it
//! (`orders::followed`, `decide`). Start at [`Customers::on_lookup`] and [`Customers::on_bound`].

mod past;

use std::collections::{HashMap, hash_map::Entry};

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use events::{Bound, Evidence, Identity, Lookup, OrderKey};
use units::{
    CustomerId, EpochMs, VisitorId,
    planted::{Bug, planted},
};

use self::past::{BoundV1, Orders};
pub use self::past::{CUSTOMER_ORDERS_MAX, past};
use super::asks::{AskV1, Asked, Asks};
use crate::{
    digest::Digester,
    folding::Folding,
    orders::{StateError, grow_by_one},
    sent::{Said, Sent},
};

/// Visitors that one customer is known by. A person has a handful of browsers, and loses his cookies now and then; whoever is known by more is a
/// till, a call centre or the shop's "guest", and his visitors are not followed.
pub const CUSTOMER_VISITORS_MAX: usize = 16;
/// Kept of them: as many as show that they are too many.
const KEPT_MAX: usize = CUSTOMER_VISITORS_MAX + 1;

/// The first byte, beyond all that a visitor's questions will begin with. Of customers without orders.
const VERSION_1: u8 = 65;
/// With what became of their orders. Only written of those who have some, so that others can still be read by whoever came before.
const VERSION_2: u8 = 66;
/// Bytes of one customer's state; see `asks`.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// The customers of one partition that are in memory.
#[derive(Debug)]
pub(super) struct Customers {
    by_id: HashMap<CustomerId, Customer, Folding>,
    /// Counts how often any of them was used.
    uses: u64,
    /// Questions about nothing from here on are forgotten; of who is on disk, when he comes back.
    asked_from: EpochMs,
}

#[derive(Debug, Default)]
struct Customer {
    asks: Asks,
    /// Invariant: ascending, distinct, at most [`KEPT_MAX`]. Which of more than that are kept depends on who came first, and does not matter.
    visitors: Vec<VisitorId>,
    orders: Orders,
    /// Of [`Customers::uses`], when last used.
    used: u64,
    /// Changed since he was last written.
    is_dirty: bool,
}

#[derive(bincode::Encode, bincode::Decode)]
struct CustomerV1 {
    visitors: Vec<u64>,
    asks: Vec<AskV1>,
}

#[derive(bincode::Encode, bincode::Decode)]
struct CustomerV2 {
    kept: CustomerV1,
    orders: Vec<BoundV1>,
}

/// What answers are made with.
pub(super) struct Telling<'a> {
    pub(super) sent: &'a mut Sent<Said>,
    pub(super) digester: &'a mut Digester,
}

impl Customers {
    pub(super) fn new(seed: u64) -> Self {
        Self { by_id: HashMap::with_hasher(Folding::new(seed)), uses: 0, asked_from: EpochMs(0) }
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn holds(&self, customer: CustomerId) -> bool {
        self.by_id.contains_key(&customer)
    }

    /// Remembers who asks and whom he knows; whether the customer is to be written now and was not before. Answers him, and everybody where another
    /// visitor became known, unless `is_silent`.
    pub(super) fn on_lookup(
        &mut self,
        customer: CustomerId,
        mut lookup: Lookup,
        telling: &mut Telling<'_>,
        is_silent: bool,
        out: &mut Vec<Evidence>,
    ) -> bool {
        let known = self.held(customer);
        let has_grown = known.learn(std::mem::take(&mut lookup.visitors));
        let asker = lookup.order.clone();
        let (is_new, _) = known.asks.add(lookup, |order| telling.take_back(customer, order));
        if !is_silent {
            let all = has_grown && !planted(Bug::AnswerAskerAlone);
            known.answer(customer, |it| all || it.order == asker, telling, out);
        }
        (is_new || has_grown) && known.becomes_dirty()
    }

    /// Remembers what became of an order; whether the customer is to be written now and was not before. Answers the orders behind it, unless
    /// `is_silent`.
    pub(super) fn on_bound(
        &mut self,
        bound: Bound,
        telling: &mut Telling<'_>,
        is_silent: bool,
        out: &mut Vec<Evidence>,
    ) -> bool {
        let (customer, order) = (bound.customer, bound.order.clone());
        let known = self.held(customer);
        let Some(from) = known.orders.add(bound) else { return false };
        if !is_silent {
            known.answer(customer, |it| (from, &order) < (it.ask.at, &it.order), telling, out);
        }
        known.becomes_dirty()
    }

    /// Answers everybody who asked.
    pub(super) fn answer(
        &mut self,
        customer: CustomerId,
        telling: &mut Telling<'_>,
        out: &mut Vec<Evidence>,
    ) {
        if let Some(known) = self.by_id.get_mut(&customer) {
            known.answer(customer, |_| true, telling, out);
        }
    }

    /// Forgets questions about nothing after `before`. Returns the customers to be written for it.
    pub(super) fn expire(&mut self, before: EpochMs, telling: &mut Telling<'_>) -> Vec<CustomerId> {
        self.asked_from = self.asked_from.max(before);
        let mut changed = Vec::new();
        for (customer, known) in &mut self.by_id {
            if known.asks.expire(before, |it| telling.put_away(*customer, it)) {
                known.is_dirty = true;
                changed.push(*customer);
            }
        }
        self.by_id.retain(|_, it| !it.asks.is_empty() || !it.visitors.is_empty() || !it.orders.is_empty());
        changed
    }

    /// Drops those unused for longest that are on disk as they are, until `keep_max` are left, or only others. What was answered stays remembered.
    pub(super) fn evict(&mut self, keep_max: usize, telling: &mut Telling<'_>) {
        let surplus = self.by_id.len().saturating_sub(keep_max);
        let mut ages: Vec<u64> = self.by_id.values().filter(|it| it.may_leave()).map(|it| it.used).collect();
        let Some(last) = surplus.min(ages.len()).checked_sub(1) else { return };
        let newest_gone = *ages.select_nth_unstable(last).1;
        self.by_id.retain(|customer, known| {
            let stays = known.used > newest_gone || !known.may_leave();
            if !stays {
                known.put_away(*customer, telling);
            }
            stays
        });
    }

    /// Drops one that is on disk as he is.
    pub(super) fn release(&mut self, customer: CustomerId, telling: &mut Telling<'_>) {
        if let Entry::Occupied(mut entry) = self.by_id.entry(customer)
            && entry.get().may_leave()
        {
            entry.get_mut().put_away(customer, telling);
            entry.remove();
        }
    }

    /// A customer's bytes, to be written; none where nothing is known.
    pub(super) fn encode(&mut self, customer: CustomerId) -> Vec<u8> {
        let Some(known) = self.by_id.get_mut(&customer) else { return Vec::new() };
        known.is_dirty = false;
        let visitors = known.visitors.iter().map(|it| it.0).collect();
        let kept = CustomerV1 { visitors, asks: known.asks.rows() };
        if known.orders.is_empty() {
            written(VERSION_1, kept)
        } else {
            written(VERSION_2, CustomerV2 { kept, orders: known.orders.rows() })
        }
    }

    /// Takes a customer back from disk; joined with what is known.
    pub(super) fn restore(
        &mut self,
        customer: CustomerId,
        state: &[u8],
        telling: &mut Telling<'_>,
    ) -> Result<(), StateError> {
        let (version, body) = state.split_first().ok_or(StateError::UnknownVersion { version: 0 })?;
        let CustomerV2 { kept, orders } = match *version {
            VERSION_1 => CustomerV2 { kept: read(body)?, orders: Vec::new() },
            VERSION_2 => read(body)?,
            version => return Err(StateError::UnknownVersion { version }),
        };
        let asked_from = self.asked_from;
        let known = self.held(customer);
        known.learn(kept.visitors.into_iter().map(VisitorId).collect());
        let mut asks = Asks::of_rows(kept.asks);
        asks.expire(asked_from, |_| ());
        known.asks.join(asks, |order| telling.take_back(customer, order));
        for row in orders {
            known.orders.add(row.bound(customer));
        }
        Ok(())
    }

    /// For use now; one of whom nothing is known, where there is none.
    fn held(&mut self, customer: CustomerId) -> &mut Customer {
        self.uses += 1;
        let known = self.by_id.entry(customer).or_default();
        known.used = self.uses;
        known
    }
}

impl Telling<'_> {
    /// What an order was answered about a customer, when both were last in memory.
    fn take_back(&mut self, customer: CustomerId, order: &OrderKey) -> Said {
        let digester = &mut *self.digester;
        self.sent.take_back(|| digester.of(&(order, Identity::Customer(customer))))
    }

    fn put_away(&mut self, customer: CustomerId, asked: &Asked) {
        if asked.said.is_said() {
            let key = self.digester.of(&(&asked.order, Identity::Customer(customer)));
            self.sent.put_away(key, asked.said);
        }
    }
}

impl Customer {
    /// Whether disk has all of him.
    fn may_leave(&self) -> bool {
        !self.is_dirty || planted(Bug::EvictDirtyCustomer)
    }

    /// What was answered about him stays remembered.
    fn put_away(&mut self, customer: CustomerId, telling: &mut Telling<'_>) {
        if !planted(Bug::EvictForgetsSaid) {
            self.asks.iter_mut().for_each(|it| telling.put_away(customer, it));
        }
    }

    /// Whether he was not so before.
    const fn becomes_dirty(&mut self) -> bool {
        !std::mem::replace(&mut self.is_dirty, true)
    }

    /// Whether any of `visitors` was not known.
    fn learn(&mut self, visitors: Vec<VisitorId>) -> bool {
        let before = self.visitors.len();
        for visitor in visitors {
            if let Err(index) = self.visitors.binary_search(&visitor)
                && self.visitors.len() < KEPT_MAX
            {
                grow_by_one(&mut self.visitors);
                self.visitors.insert(index, visitor);
            }
        }
        before != self.visitors.len()
    }

    /// Answers those who are `wanted`, where the answer is not what was said last. Also where nothing is known: what an earlier owner said may be
    /// true no more.
    fn answer(
        &mut self,
        customer: CustomerId,
        wanted: impl Fn(&Asked) -> bool,
        Telling { sent, digester }: &mut Telling<'_>,
        out: &mut Vec<Evidence>,
    ) {
        let is_one_person = self.visitors.len() <= CUSTOMER_VISITORS_MAX;
        for asked in self.asks.iter_mut().filter(|it| wanted(it)) {
            let rank = (asked.ask.at, &asked.order);
            let past = is_one_person.then(|| self.orders.before(rank)).flatten();
            let content = digester.of(&(&self.visitors, past));
            let Some(stamp) = sent.stamp(&mut asked.said, content) else { continue };
            let visitors = self.visitors.clone();
            let bare = Evidence::bare(stamp, asked.order.clone(), Identity::Customer(customer));
            out.push(Evidence { visitors, past, ..bare });
        }
    }
}

fn written(version: u8, state: impl bincode::Encode) -> Vec<u8> {
    let mut bytes = vec![version];
    bincode::encode_into_std_write(state, &mut bytes, config()).expect("a vector takes any bytes");
    bytes
}

/// All of `body`.
fn read<T: bincode::Decode<()>>(body: &[u8]) -> Result<T, StateError> {
    let (state, consumed) = bincode::decode_from_slice(body, config()).map_err(|_| StateError::Malformed)?;
    if consumed == body.len() { Ok(state) } else { Err(StateError::Malformed) }
}

const fn config() -> Configuration<LittleEndian, Varint, Limit<BYTES_MAX>> {
    bincode::config::standard().with_limit::<BYTES_MAX>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of an allocation: the smallest sizes are steps of 16.
    const fn allocated(bytes: usize) -> usize {
        bytes.next_multiple_of(16)
    }

    /// Of one visitor, with orders named by twelve characters.
    #[test]
    fn a_customer_costs_what_the_header_says() {
        let name = allocated(12);
        let asked = size_of::<Asked>() + name;
        let bound = size_of::<Bound>() + name;
        // Of a table right after it doubled, seven sixteenths are full.
        let place = (size_of::<(CustomerId, Customer)>() + 1) * 16 / 7;
        let first = place + asked + bound + allocated(size_of::<VisitorId>());
        assert_eq!((first, asked + bound), (456, 200));
    }
}
