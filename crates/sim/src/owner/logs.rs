//! An owner whose log are topics: its claim in them, and where it begins.
//!
//! In: the log and what was kept. Out: the place to read on by the product's own rules, or that what is needed is gone. Start at [`begin_log`].

use events::Claim;
use journal::Position;
use pipeline::resume::{Beginning, Resume, from_facts, reads_on};
use units::EpochMs;

use super::{Begun, Kept, Refused, Road};
use crate::{
    clickhouse::Note,
    log::{Log, Topic},
};

/// Claims in the log, whose place is the number.
pub(super) fn begin_log(
    partition: u32,
    kept: &Kept,
    source: u64,
    noted: Note,
    log: &mut Log,
) -> Result<Begun, Refused> {
    let beginning = |topic| {
        let stream = Log::stream(topic, partition);
        let is_inner = matches!(topic, Topic::Lookups | Topic::Evidence);
        Beginning { oldest: log.oldest(&stream), stream, first: 0, is_inner }
    };
    let resume = resumed(kept, &Topic::ALL.map(beginning), noted)?;
    let (number, barrier) = claim_in(log, partition, source);
    Ok(Begun { road: Road::Log, number, barrier, resume })
}

/// Where to read on. What neither the state nor the facts have and the log has lost is refused.
pub(super) fn resumed(kept: &Kept, beginnings: &[Beginning], noted: Note) -> Result<Resume, Refused> {
    let known = kept.positions.clone();
    if !reads_on(&known, beginnings) {
        return from_facts(known, beginnings, noted).map_err(|_| Refused);
    }
    let positions = known.into_iter().map(|(stream, next)| Position { stream, next }).collect();
    Ok(Resume { positions, is_rebuild: false })
}

/// Appends a claim; its place, and how far each input reached then.
pub(crate) fn claim_in(log: &mut Log, partition: u32, source: u64) -> (u64, Vec<Position>) {
    let mut bytes = Vec::new();
    let claim = Claim { partition, nonce: source, at: EpochMs(0), owner: "sim".into() };
    claim.encode(&mut bytes).expect("a claim fits its limit");
    let number = log.append_to(Topic::Evidence, partition, bytes.into());
    (number, log.ends(partition))
}
