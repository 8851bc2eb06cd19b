//! Convergence in size (P7): a long history, read again and again in other batches, partitions and orders while owners come and go, is decided alike.
//!
//! In: a seed, how many events, how many times to read them. Out: one SHA-256 over the ordered decision set, the same each time and equal to the plain
//! answer, or the first order that differs. Small worlds in which everything fails are `run`'s; here the size is the point. Start at [`converge`].

mod history;
mod replay;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use events::{Credit, Decision, OrderKey};
use sha2::{Digest, Sha256};
use units::{Stamp, VisitorId};

use self::{
    history::History,
    replay::{Regime, Replay},
};
use crate::{
    clickhouse::OrderRow,
    naive::{self, Parts, parts},
    rng::Rng,
};

/// How often the history of one seed is read, by default: once plainly, once with everything going on.
pub const REPLAYS: u32 = 2;

/// What a history came to, however it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converged {
    /// Of the history.
    pub seed: u64,
    /// Inputs.
    pub events: u64,
    /// Decided, each once in the set.
    pub orders: u64,
    /// Credited to someone.
    pub credited: u64,
    /// Of all decisions and credits in the order of their keys, as two readings both had them.
    pub digest: String,
    /// How it was read, and what went on meanwhile: a line for each reading.
    pub readings: Vec<String>,
}

/// The surviving snapshots: of each order the one of the newest stamp.
pub(crate) type Snapshots = BTreeMap<OrderKey, (Stamp, Box<Decision>, Vec<Credit>)>;

/// Reads the history of `seed` so many times; an error names what differs.
pub fn converge(seed: u64, events: u64, replays: u32) -> Result<Converged, String> {
    let mut rng = Rng::new(seed);
    let history = History::new(events, &mut rng);
    let (mut first, mut readings) = (None, Vec::new());
    for replay in 0..replays.max(1) {
        let regime = if replay == 0 { Regime::plain() } else { Regime::new(&mut rng) };
        let told = regime.to_string();
        let read = Replay::new(&history, regime, rng.fork()).run()?;
        readings.push(format!("{told}: {}", read.happened));
        let digest = digest(&read.snapshots);
        match &first {
            None => first = Some((digest, read.snapshots)),
            Some((want, of_first)) if *want != digest => {
                return Err(format!("seed {seed}, {told}: {}", difference(of_first, &read.snapshots)));
            }
            Some(_) => {}
        }
    }
    let (digest, snapshots) = first.ok_or("a history is read once at least")?;
    check_plainly(&history, &snapshots).map_err(|error| format!("seed {seed}: {error}"))?;
    let credited = snapshots.values().filter(|(_, decision, _)| decision.matched.is_some()).count();
    Ok(Converged {
        seed,
        events: history.events(),
        orders: snapshots.len() as u64,
        credited: credited as u64,
        digest,
        readings,
    })
}

/// In hexadecimal digits, without stamps: who said it does not matter.
fn digest(snapshots: &Snapshots) -> String {
    let mut hash = Sha256::new();
    for (_, decision, credits) in snapshots.values() {
        hash.update(bytes(decision, credits));
    }
    let mut text = String::new();
    for byte in hash.finalize() {
        write!(text, "{byte:02x}").expect("a String takes any text");
    }
    text
}

/// The bytes that decision and credits have in the log, unstamped; credits in the order of their keys.
fn bytes(decision: &Decision, credits: &[Credit]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let unstamped = Decision { stamp: Stamp::default(), ..decision.clone() };
    unstamped.encode(&mut bytes).expect("it was encoded before");
    let mut credits: Vec<&Credit> = credits.iter().collect();
    credits.sort_unstable_by_key(|it| (it.quarter, it.touch));
    for credit in credits {
        let unstamped = Credit { stamp: Stamp::default(), ..credit.clone() };
        unstamped.encode(&mut bytes).expect("it was encoded before");
    }
    bytes
}

fn difference(first: &Snapshots, second: &Snapshots) -> String {
    let of = |set: &Snapshots, key: &OrderKey| set.get(key).map(|(_, it, credits)| bytes(it, credits));
    let keys = first.keys().chain(second.keys());
    let differs = keys.into_iter().find(|key| of(first, key) != of(second, key));
    differs.map_or_else(String::new, |key| {
        format!("order {key}\n  first: {:?}\n  then:  {:?}", first.get(key), second.get(key))
    })
}

/// Every order against the model that knows no machines.
fn check_plainly(history: &History, snapshots: &Snapshots) -> Result<(), String> {
    let reported = history.reports_by_order();
    if reported.len() != snapshots.len() {
        return Err(format!("{} orders are reported, {} decided", reported.len(), snapshots.len()));
    }
    let clicks_of = |visitors: &BTreeSet<VisitorId>| Cow::Owned(history.clicks_of(visitors));
    for (key, want) in naive::orders(reported, clicks_of, &history.catalogs) {
        let found = snapshots.get(&key).map(|(_, decision, credits)| shown(decision, credits));
        if found.as_ref() != Some(&want) {
            return Err(format!("order {key}\n  the plain answer: {want:?}\n  found: {found:?}"));
        }
    }
    Ok(())
}

/// As the plain answer says it.
fn shown(decision: &Decision, credits: &[Credit]) -> (OrderRow, Parts) {
    (OrderRow::of(decision), parts(credits))
}
