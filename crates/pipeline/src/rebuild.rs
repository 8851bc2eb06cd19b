//! What a silent owner's machines are told by facts, once what they were made of is gone from the log: plain steps, so that `sim` takes the same.
//!
//! In: reports, scores, customers with what became of their orders, and touches as they are read back, in blocks of any size. Out: the machines as if they had read them in
//! the log, and what of it to keep. Orders get what their visitors touched from here too, whoever owns those visitors and customers, so that none of them
//! is decided on less than before. Everything is a union, so a rebuild that is cut off is begun again on top of itself. Not here: reading the facts
//! (`worker`). Start at [`Rebuild`].

use std::collections::{BTreeSet, HashMap};

use attribution::{CUSTOMER_ORDERS_MAX, CUSTOMER_VISITORS_MAX, Slices, past, questions};
use events::{Bound, Evidence, Identity, Lookup, OrderKey, Report, Score, Touch};
use journal::partition_of;
use units::{
    CustomerId, EpochMs, OfferId, PartnerId, Stamp, VisitorId,
    planted::{Bug, planted},
};
use warehouse::{CustomerBlock, Lead};

use crate::{
    partition::{Dirty, Partition, PartitionError, States},
    reach::Reach,
    store::Checkpoint,
};

/// Which keys are this owner's, and what its orders ask. First all reports are told, then all customers, part by part, then all touches.
#[derive(Debug)]
pub struct Rebuild {
    partition: u32,
    partitions: u32,
    touches_from: EpochMs,
    longest_window_ms: u64,
    /// What this partition's orders asked, by visitor. As large as what a partition that owned all these visitors keeps in memory anyway.
    asked: HashMap<VisitorId, Vec<Asked>>,
}

/// Whom orders know to be whose, what became of those orders, and who asked about it: of one part of all customers.
type Known = HashMap<CustomerId, Customer>;

#[derive(Debug, Default)]
struct Customer {
    /// One more than are followed, at most.
    visitors: BTreeSet<VisitorId>,
    /// Each once, one more than anything follows from, at most.
    orders: Vec<Bound>,
    /// This partition's orders.
    asked: Vec<Asked>,
    /// Other partitions' orders that may still be told of touches of visitors here.
    elsewhere: Vec<Asked>,
}

#[derive(Debug, Clone)]
struct Asked {
    order: OrderKey,
    from: EpochMs,
    to: EpochMs,
    /// Its place among its customer's orders.
    at: EpochMs,
}

impl Rebuild {
    /// Of one of so many partitions. Touches before `touches_from` are in no window any more that a report may still come for;
    /// `longest_window_ms` is that of all versions of the catalog there were at the claim: how far an order asks back is theirs to say.
    #[must_use]
    pub fn new(partition: u32, partitions: u32, touches_from: EpochMs, longest_window_ms: u64) -> Self {
        Self { partition, partitions, touches_from, longest_window_ms, asked: HashMap::new() }
    }

    /// Whether a key as the log has it is this partition's.
    #[must_use]
    pub fn owns(&self, key: &[u8]) -> bool {
        partition_of(key, self.partitions) == self.partition
    }

    /// Reports of anybody's orders, all of an order together.
    pub fn reports<S: Slices, D: States>(
        &mut self,
        reports: &[Report],
        machines: &mut Partition<S>,
        states: &D,
    ) -> Result<(), PartitionError<D::Error>> {
        for order in reports.chunk_by(|left, right| left.key == right.key) {
            let Some(key) = order.first().map(|it| it.key.clone()) else { continue };
            let is_ours = self.owns(&key.log_key());
            for lookup in questions(&key, order, &[], self.longest_window_ms) {
                let Identity::Visitor(visitor) = lookup.identity else { continue };
                if is_ours {
                    self.asked.entry(visitor).or_default().push(Asked::of(&lookup));
                }
                if self.owns(&lookup.identity.log_key()) {
                    machines.recall_question(lookup, states)?;
                }
            }
            for report in order.iter().filter(|_| is_ours) {
                machines.recall_report(report.clone(), states)?;
            }
        }
        Ok(())
    }

    /// When all reports are told: the customers of one part, by the reports of anybody's orders that name any of them, all of an order together, and
    /// who led each of these orders. Tells this partition's orders whom their customers are known by and what their earlier orders come to, and notes
    /// that they ask about those visitors; so do other partitions' orders, whose owners have asked long ago and will not do so again.
    pub fn customers<S: Slices, D: States>(
        &mut self,
        block: CustomerBlock,
        (reports, leads): (&[Report], Vec<Lead>),
        machines: &mut Partition<S>,
        states: &D,
    ) -> Result<(), PartitionError<D::Error>> {
        let leads: HashMap<OrderKey, Lead> = leads.into_iter().map(|it| (it.order.clone(), it)).collect();
        let mut known = Known::new();
        for order in reports.chunk_by(|left, right| left.key == right.key) {
            let Some(key) = order.first().map(|it| &it.key) else { continue };
            for lookup in questions(key, order, &[], self.longest_window_ms) {
                let Identity::Customer(customer) = lookup.identity else { continue };
                if !block.holds(customer) {
                    continue;
                }
                let bound = leads.get(key).map(|it| bound(customer, lookup.at, it));
                self.note(known.entry(customer).or_default(), &lookup, bound.as_ref());
                if self.owns(&lookup.identity.log_key()) {
                    machines.recall_question(lookup, states)?;
                    if let Some(bound) = bound {
                        machines.recall_bound(bound, states)?;
                    }
                }
            }
        }
        known.into_iter().try_for_each(|(id, customer)| self.tell(id, customer, machines, states))
    }

    /// Notes what some order asks of a customer, and what he is to know of it.
    fn note(&self, known: &mut Customer, lookup: &Lookup, bound: Option<&Bound>) {
        known.visitors.extend(&lookup.visitors);
        while known.visitors.len() > CUSTOMER_VISITORS_MAX + 1 {
            known.visitors.pop_last();
        }
        if self.owns(&lookup.order.log_key()) {
            known.asked.push(Asked::of(lookup));
        } else if self.touches_from <= lookup.to {
            known.elsewhere.push(Asked::of(lookup));
        }
        if known.orders.len() <= CUSTOMER_ORDERS_MAX {
            known.orders.extend(bound.cloned());
        }
    }

    fn tell<S: Slices, D: States>(
        &mut self,
        id: CustomerId,
        customer: Customer,
        machines: &mut Partition<S>,
        states: &D,
    ) -> Result<(), PartitionError<D::Error>> {
        let Customer { visitors, mut orders, asked, elsewhere } = customer;
        orders.sort_unstable_by(|a, b| (a.at, &a.order).cmp(&(b.at, &b.order)));
        let is_followed = visitors.len() <= CUSTOMER_VISITORS_MAX;
        let is_one_person = is_followed && orders.len() <= CUSTOMER_ORDERS_MAX;
        for Asked { order, at, .. } in &asked {
            let earlier = orders.iter().take_while(|it| (it.at, &it.order) < (*at, order));
            let past = is_one_person.then(|| past(earlier)).flatten();
            let visitors = visitors.iter().copied().collect();
            let bare = Evidence::bare(Stamp::default(), order.clone(), Identity::Customer(id));
            machines.recall_evidence(Evidence { visitors, past, ..bare }, states)?;
        }
        for visitor in visitors.into_iter().filter(|_| is_followed) {
            let identity = Identity::Visitor(visitor);
            if self.owns(&identity.log_key()) && !planted(Bug::RebuildForgetsFollowed) {
                for it in &elsewhere {
                    machines.recall_question(it.about(identity), states)?;
                }
            }
            self.asked.entry(visitor).or_default().extend(asked.iter().cloned());
        }
        Ok(())
    }

    /// The newest score of each of anybody's orders: without it a new owner would lift their holds.
    pub fn scores<S: Slices, D: States>(
        &self,
        scores: Vec<Score>,
        machines: &mut Partition<S>,
        states: &D,
    ) -> Result<(), PartitionError<D::Error>> {
        for score in scores {
            if self.owns(&score.order.log_key()) && !planted(Bug::RebuildForgetsScores) {
                machines.recall_score(score, states)?;
            }
        }
        Ok(())
    }

    /// What is left of touches whose clicks were dropped.
    pub fn candidates<S: Slices, D: States>(
        &self,
        candidates: Vec<(OrderKey, Touch)>,
        machines: &mut Partition<S>,
        states: &D,
    ) -> Result<(), PartitionError<D::Error>> {
        for (order, touch) in candidates {
            if self.owns(&order.log_key()) {
                machines.recall_evidence(evidence(order, &touch), states)?;
            }
        }
        Ok(())
    }

    /// Touches of anybody's visitors, after all reports.
    pub fn touches<S: Slices, D: States>(
        &self,
        touches: &[Touch],
        machines: &mut Partition<S>,
        states: &D,
    ) -> Result<(), PartitionError<D::Error>> {
        for touch in touches {
            let identity = Identity::Visitor(touch.visitor);
            let is_kept = self.touches_from <= touch.at && self.owns(&identity.log_key());
            if is_kept && !planted(Bug::RebuildForgetsTouches) {
                machines.recall_touch(touch)?;
            }
            for asked in self.asked.get(&touch.visitor).into_iter().flatten() {
                let is_wanted =
                    asked.order.advertiser == touch.advertiser && (asked.from..=asked.to).contains(&touch.at);
                if is_wanted {
                    machines.recall_evidence(evidence(asked.order.clone(), touch), states)?;
                }
            }
        }
        Ok(())
    }
}

impl Asked {
    fn of(lookup: &Lookup) -> Self {
        let &Lookup { from, to, at, .. } = lookup;
        Self { order: lookup.order.clone(), from, to, at }
    }

    /// As its order asks about a visitor whom a customer led to.
    fn about(&self, identity: Identity) -> Lookup {
        let Self { order, from, to, at } = self.clone();
        Lookup { stamp: Stamp::default(), identity, order, from, to, at, visitors: Vec::new() }
    }
}

/// What an order that was led so is to its customer.
fn bound(customer: CustomerId, at: EpochMs, lead: &Lead) -> Bound {
    let leads = lead.stands && lead.partner != PartnerId(0);
    Bound {
        stamp: lead.stamp,
        customer,
        order: lead.order.clone(),
        at,
        partner: leads.then_some(lead.partner),
        offer: if leads { lead.offer } else { OfferId(0) },
        by_binding: lead.by_binding,
        is_purchase: lead.stands && lead.has_amount,
    }
}

/// What a block said, without positions: states may leave memory, and whoever finds this rebuild cut off begins it again.
#[must_use]
pub fn half_way(reach: &mut Reach, dirty: Dirty, claim: u64, nonce: u64) -> Checkpoint {
    debug_assert!(!reach.is_live(), "facts are read before anything is said");
    let mut checkpoint = reach.checkpoint(dirty, claim, nonce, None);
    if planted(Bug::RebuildCommitsHalf) {
        checkpoint.positions = reach.positions();
    }
    checkpoint
}

/// One touch as a timeline would answer it. Without a stamp, so that whatever an owner of the timeline says is newer.
fn evidence(order: OrderKey, touch: &Touch) -> Evidence {
    Evidence {
        touches: vec![*touch],
        partners: vec![touch.partner],
        ..Evidence::bare(Stamp::default(), order, Identity::Visitor(touch.visitor))
    }
}
