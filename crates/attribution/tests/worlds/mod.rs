//! A world from a seed: clicks, reports and catalogs in any order, over two partitions of each machine whose owners die, come back with old
//! state or none, and go on as zombies. What survives in the table is compared with the naive decision.

#![expect(clippy::indexing_slicing, reason = "indices are drawn below the lengths of what they index")]

mod inputs;
mod owners;

use std::{collections::BTreeMap, sync::Arc};

use catalog::{
    Binding, BindingOwner, Catalog, Customers, Key, Model, OverrideFor, PositionWeights, Precedence,
    RuleChanges, Status,
};
use events::{
    Bound, ClickHead, Evidence, Hold, Identity, Lookup, OrderKey, OrderStatus, Report, ReportedStatus, Score,
    Statement, TouchId, TouchKind, Verdict,
};
use units::{OfferId, PartnerId, Quarter, Stamp};

use self::{
    inputs::{Inputs, inputs, name_customers, suspect},
    owners::{OrdersOwner, OrdersSaved, Owner, TimelinesOwner, TimelinesSaved},
};
use crate::{
    naive,
    world::{ReportWords, catalog, click_on, euros, refund, report, with_coupon},
};

/// A mistake planted in the protocol around the machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    None,
    /// Every owner stamps as if it had the same claim.
    NoClaim,
    /// An owner speaks before it has read its claim.
    NoSilence,
    /// Losers' rows are not written.
    NoZeroTouches,
    /// Rows of quarters that the order is not in are not written.
    NoVoidQuarters,
    /// What was touched in silence is not said.
    ForgetTouched,
}

/// A record of the log.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    Claim(u64),
    Catalog(Arc<Catalog>),
    Report(Report),
    Score(Score),
    Evidence(Evidence),
    Click(ClickHead),
    Lookup(Lookup),
    Bound(Bound),
}

/// What a machine says, on its way.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    Message(Box<Message>),
    Decided(Box<events::Decision>, Vec<events::Credit>),
}

/// Numbers from a seed (splitmix64).
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let a = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let b = (a ^ (a >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        b ^ (b >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

/// Steps in which owners die.
const STORM_STEPS: u32 = 1_200;
const STEPS_MAX: u32 = 200_000;

pub(crate) fn usize_below(random: &mut Random, end: usize) -> usize {
    usize::try_from(random.below(end as u64)).expect("below a usize")
}

/// Status, amount, revenue, partner, and whether it waits.
type OrderContent = (OrderStatus, Option<i64>, i64, u32, bool);
type Rows = BTreeMap<(OrderKey, Quarter), (Stamp, Option<OrderContent>)>;
/// Partner, parts per million and money of those that are not zero, and whether it waits.
type CreditRows = BTreeMap<(OrderKey, Quarter, TouchId), (Stamp, Option<(u32, u32, i64, bool)>)>;

/// `ClickHouse`, as far as it matters: the greatest stamp of a key wins, the last one written of equals.
#[derive(Debug, Default)]
struct Table {
    orders: Rows,
    credits: CreditRows,
}

fn put<K: Ord, V>(rows: &mut BTreeMap<K, (Stamp, V)>, key: K, stamp: Stamp, value: V) {
    if rows.get(&key).is_none_or(|it| it.0 <= stamp) {
        rows.insert(key, (stamp, value));
    }
}

impl Table {
    fn write(&mut self, decision: &events::Decision, credits: &[events::Credit], bug: Bug) {
        let key = &decision.key;
        let quarter = decision.at.quarter();
        let amount_minor = decision.amount.map(|it| it.minor);
        let waits = |hold: Option<Hold>| hold == Some(Hold::Fraud);
        let content =
            (decision.status, amount_minor, decision.revenue_minor, decision.partner.0, waits(decision.hold));
        put(&mut self.orders, (key.clone(), quarter), decision.stamp, Some(content));
        if bug != Bug::NoVoidQuarters {
            for void in &decision.void_quarters {
                put(&mut self.orders, (key.clone(), *void), decision.stamp, None);
            }
        }
        for credit in credits {
            assert_eq!(credit.stamp, decision.stamp);
            let is_zero = credit.share.0 == 0;
            let left_out = is_zero
                && (bug == Bug::NoZeroTouches && credit.quarter == quarter
                    || bug == Bug::NoVoidQuarters && credit.quarter != quarter);
            if !left_out {
                let (partner, waits) = (credit.partner.0, waits(credit.hold));
                let content = (!is_zero).then_some((partner, credit.share.0, credit.revenue_minor, waits));
                put(&mut self.credits, (key.clone(), credit.quarter, credit.touch), credit.stamp, content);
            }
        }
    }

    fn check(&self, inputs: &Inputs) -> Result<(), String> {
        let keys: std::collections::BTreeSet<&OrderKey> = inputs.reports.iter().map(|it| &it.key).collect();
        for order in keys {
            let want = naive::decide(order, &inputs.clicks, &inputs.reports, &inputs.catalogs);
            let said = (inputs.reports.as_slice(), inputs.scores.as_slice());
            let suspected = naive::suspected(order, &inputs.clicks, said, &inputs.catalogs);
            let waits = |partner: u32| naive::scores::waits(&suspected, PartnerId(partner));
            let any_waits = want.credits.iter().any(|it| waits(it.0));
            let row = (want.status, want.amount_minor, want.revenue_minor, want.partner, any_waits);
            let row = (want.quarter, row);
            let rows: Vec<_> = self
                .orders
                .iter()
                .filter(|((key, _), _)| key == order)
                .filter_map(|((_, quarter), (_, content))| content.map(|it| (*quarter, it)))
                .collect();
            if rows != [row] {
                return Err(format!("{order}: want {row:?}, got {rows:?}"));
            }
            let wanted = want.credits.iter();
            let wanted: Vec<_> =
                wanted.map(|it| (want.quarter, it.1, (it.0, it.2, it.3, waits(it.0)))).collect();
            // Whoever was followed until his customer turned out to be a till, and to whom a customer was bound by what was known of him then, leaves
            // rows that no later snapshot names: they do not count beside a newer row of their order. Elsewhere zeros alone must do.
            let newest = |quarter: Quarter| self.orders.get(&(order.clone(), quarter)).map(|it| it.0);
            let counts = |quarter, stamp| {
                !(inputs.has_till || inputs.is_bound) || newest(quarter).is_none_or(|it| it <= stamp)
            };
            let credits: Vec<_> = self
                .credits
                .iter()
                .filter(|((key, quarter, _), (stamp, _))| key == order && counts(*quarter, *stamp))
                .filter_map(|((_, quarter, touch), (_, content))| content.map(|it| (*quarter, *touch, it)))
                .collect();
            if credits != wanted {
                return Err(format!("{order}: want credits {wanted:?}, got {credits:?}"));
            }
        }
        Ok(())
    }
}

/// The logs of two partitions of each machine: orders 0 and 1, timelines 2 and 3.
#[derive(Debug, Default)]
struct Logs([Vec<Message>; 4]);

impl Logs {
    /// Partitions by the log keys' last byte, which is all that matters here.
    fn append(&mut self, message: Message) {
        let order = |key: &OrderKey| usize::from(key.log_key().last().copied().unwrap_or(0) % 2);
        let identity = |it: &Identity| 2 + usize::from(it.log_key().last().copied().unwrap_or(0) % 2);
        let log = match &message {
            Message::Report(it) => order(&it.key),
            Message::Score(it) => order(&it.order),
            Message::Evidence(it) => order(&it.order),
            Message::Click(it) => identity(&Identity::Visitor(it.visitor())),
            Message::Lookup(it) => identity(&it.identity),
            Message::Bound(it) => identity(&Identity::Customer(it.customer)),
            Message::Catalog(_) => {
                self.0[0].push(message.clone());
                1
            }
            Message::Claim(_) => unreachable!("claims are appended by their owners"),
        };
        self.0[log].push(message);
    }

    /// The record's place is the claim's number.
    fn claim(&mut self, log: usize, bug: Bug) -> (u64, Stamp) {
        let claim = self.0[log].len() as u64;
        self.0[log].push(Message::Claim(claim));
        let stamped = if bug == Bug::NoClaim { 0 } else { claim };
        (claim, Stamp::new(1, stamped).expect("a small number"))
    }
}

#[derive(Debug)]
enum Saved {
    Orders(OrdersSaved),
    Timelines(TimelinesSaved),
}

impl Saved {
    fn nothing(log: usize) -> Self {
        if log < 2 {
            Self::Orders(OrdersSaved::default())
        } else {
            Self::Timelines(TimelinesSaved::default())
        }
    }

    fn owner(&self, log: usize, logs: &mut Logs, bug: Bug) -> Owner {
        let (claim, stamp) = logs.claim(log, bug);
        match self {
            Self::Orders(saved) => Owner::Orders(OrdersOwner::new(saved, claim, stamp)),
            Self::Timelines(saved) => Owner::Timelines(TimelinesOwner::new(saved, claim, stamp)),
        }
    }
}

struct World {
    random: Random,
    bug: Bug,
    logs: Logs,
    table: Table,
    owners: Vec<Owner>,
    saved: Vec<Saved>,
    /// The log, the owner, and how many records it will still read.
    zombies: Vec<(usize, Owner, u64)>,
}

impl World {
    fn say(&mut self, said: Vec<Said>) {
        for it in said {
            match it {
                Said::Message(message) => self.logs.append(*message),
                Said::Decided(decision, credits) => self.table.write(&decision, &credits, self.bug),
            }
        }
    }

    /// The owner dies; what it sent stays sent, and it may wake up later.
    fn replace(&mut self, log: usize) {
        if self.random.one_in(5) {
            self.saved[log] = Saved::nothing(log);
        }
        let mut new = self.saved[log].owner(log, &mut self.logs, self.bug);
        if self.bug == Bug::NoSilence {
            let said = new.speak();
            self.say(said);
        }
        let old = std::mem::replace(&mut self.owners[log], new);
        if self.random.one_in(2) {
            let reads = 1 + self.random.below(25);
            self.zombies.push((log, old, reads));
        }
    }

    fn wake_zombie(&mut self) {
        let index = usize_below(&mut self.random, self.zombies.len());
        let (log, zombie, reads) = &mut self.zombies[index];
        *reads -= 1;
        let is_last = *reads == 0;
        let said = zombie.read(&self.logs.0[*log], self.bug, &mut self.random);
        if is_last {
            self.zombies.swap_remove(index);
        }
        self.say(said.unwrap_or_default());
    }

    /// Reads a record; `false` when there is none.
    fn read(&mut self, log: usize) -> bool {
        let Some(mut said) = self.owners[log].read(&self.logs.0[log], self.bug, &mut self.random) else {
            return false;
        };
        if self.random.one_in(10) {
            said.extend(said.clone());
        }
        self.say(said);
        true
    }
}

/// Plays the world of `seed`; the difference from the naive decision, if there is one.
pub(crate) fn run(seed: u64, bug: Bug) -> Result<(), String> {
    let mut random = Random(seed);
    let mut inputs = inputs(&mut random);
    name_customers(&mut inputs, seed);
    suspect(&mut inputs, seed);
    let mut arriving: Vec<Message> = inputs.clicks.iter().map(|it| Message::Click(*it)).collect();
    arriving.extend(inputs.reports.iter().map(|it| Message::Report(it.clone())));
    arriving.extend(inputs.scores.iter().map(|it| Message::Score(it.clone())));
    arriving.extend(inputs.catalogs.iter().map(|it| Message::Catalog(Arc::new(it.clone()))));
    for _ in 0..arriving.len() / 3 {
        let again = arriving[usize_below(&mut random, arriving.len())].clone();
        arriving.push(again);
    }
    for index in (1..arriving.len()).rev() {
        arriving.swap(index, usize_below(&mut random, index + 1));
    }
    let mut logs = Logs::default();
    let saved: Vec<Saved> = (0..4).map(Saved::nothing).collect();
    let owners = saved.iter().enumerate().map(|(log, it)| it.owner(log, &mut logs, bug)).collect();
    let mut world = World { random, bug, logs, table: Table::default(), owners, saved, zombies: Vec::new() };
    for step in 0..STEPS_MAX {
        if world.random.one_in(4)
            && let Some(message) = arriving.pop()
        {
            world.logs.append(message);
        }
        let log = usize_below(&mut world.random, 4);
        match world.random.below(100) {
            0..3 if step < STORM_STEPS => world.replace(log),
            3..9 => world.owners[log].save(&mut world.saved[log], &mut world.random),
            9..17 if !world.zombies.is_empty() => world.wake_zombie(),
            _ => {
                let is_idle = !world.read(log);
                let is_over =
                    is_idle && step >= STORM_STEPS && arriving.is_empty() && world.zombies.is_empty();
                if is_over && (0..4).all(|it| world.owners[it].is_at_end(&world.logs.0[it])) {
                    return world.table.check(&inputs);
                }
            }
        }
    }
    Err("it does not come to an end".to_owned())
}
