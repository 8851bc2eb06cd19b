//! An order's sets, and their bytes on disk.
//!
//! In: reports, evidence and scores, in any order, with repeats. Out: reports by (`received_at`, `origin`), touches by identity, the newest score, and where reports that
//! are not kept could have placed the order. Every operation is a union, so the order of arrival leaves no trace. The bytes hold the
//! events' own encodings behind a version. Not here: what it all means (`decide`).

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use events::{DecodeError, Event, Evidence, Report, Score, Touch};

use units::{
    Quarter,
    planted::{Bug, planted},
};

use super::followed::Followed;
use crate::timelines::{EVIDENCE_TOUCHES_MAX, cap_touches};

/// Reports kept of one order: the first half and the latest half of them. Shops send a handful; what is between the halves of a
/// larger set counts no more, nor does it among the reports counted.
pub const REPORTS_MAX: usize = 256;

/// Quarters kept of an order's reports that are not: the first of them, since an order lies at its earliest time. Each is a void row of every
/// later snapshot. Ten days of a shop that reports an order anew each quarter of an hour; beyond it, a row in a quarter that no other report
/// names could stay.
pub const QUARTERS_LEFT_MAX: usize = 1_024;

/// The first byte, where all reports are kept: what earlier builds read as well.
const VERSION_1: u8 = 1;
/// The first byte, where some are not.
const VERSION_2: u8 = 2;
/// The first byte, where there is a score.
const VERSION_3: u8 = 3;
/// Bytes of one order's state: reports at their limit, and evidence of all visitors that may be asked at its limit, come to half of it.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why bytes are not a state. The driver drops its checkpoint and rebuilds from the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Written by another build.
    #[error("state has version {version}, which is unknown to this build")]
    UnknownVersion {
        /// The first byte; 0 for no bytes at all.
        version: u8,
    },
    /// Cut short, or with bytes left over.
    #[error("state cannot be read")]
    Malformed,
    /// A record inside it.
    #[error("a record of the state cannot be read")]
    Record(#[source] DecodeError),
}

/// An order's reports and evidence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OrderState {
    /// Invariant: ascending by (`received_at`, `origin`), origins distinct, at most `Caps::reports`.
    reports: Vec<Report>,
    /// Invariant: ascending by identity, each once; touches ascending, distinct, capped.
    evidence: Vec<Evidence>,
    /// Where those reports that are not kept, and their clicks, could have placed the order: no later snapshot would void a quarter that only
    /// they name. Once out, a report is never kept again, so this too is a function of the set of all reports.
    /// Invariant: ascending, distinct, at most [`QUARTERS_LEFT_MAX`].
    left: Vec<Quarter>,
    /// Of all scores the newest by [`Score::rank`]: the maximum of a set, in whatever order it comes.
    score: Option<Box<Score>>,
}

/// The records' own bytes, so that this layout changes only if the sets do.
#[derive(bincode::Encode, bincode::Decode)]
struct StateV1 {
    reports: Vec<Vec<u8>>,
    evidence: Vec<Vec<u8>>,
}

/// With the quarters of reports that are not kept.
#[derive(bincode::Encode, bincode::Decode)]
struct StateV2 {
    kept: StateV1,
    left: Vec<u32>,
}

/// With the newest score.
#[derive(bincode::Encode, bincode::Decode)]
struct StateV3 {
    before: StateV2,
    score: Vec<u8>,
}

impl OrderState {
    pub(super) fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// Visitors that its customers lead to.
    pub(super) fn followed(&self) -> Followed {
        Followed::of(&self.reports, &self.evidence)
    }

    /// Of all identities that count, one after the other.
    pub(super) fn touches(&self, followed: &Followed) -> impl Iterator<Item = Touch> {
        let counted = self.evidence.iter().filter(|it| followed.counts(&it.identity));
        counted.flat_map(|it| it.touches.iter().copied())
    }

    /// Where reports that are not kept could have placed the order, ascending.
    pub(super) fn left(&self) -> &[Quarter] {
        &self.left
    }

    /// The newest, if there is one.
    pub(super) fn score(&self) -> Option<&Score> {
        self.score.as_deref()
    }

    /// Whether that changed anything.
    pub(super) fn add_score(&mut self, score: Box<Score>) -> bool {
        let is_newer = match &self.score {
            None => true,
            Some(kept) if planted(Bug::OlderScore) => score.rank() < kept.rank(),
            Some(kept) => kept.rank() < score.rank(),
        };
        if is_newer {
            self.score = Some(score);
        }
        is_newer
    }

    /// Whether that changed anything. `reports_max` is even.
    pub(super) fn add_report(&mut self, report: Report, reports_max: usize) -> bool {
        let place = |it: &Report| (it.received_at, it.origin);
        let index = match self.reports.binary_search_by_key(&place(&report), place) {
            Ok(index) if planted(Bug::CountRepeats) => index,
            Ok(_) => return false,
            Err(index) => index,
        };
        if self.reports.len() < reports_max {
            grow_by_one(&mut self.reports);
            self.reports.insert(index, report);
            return true;
        }
        // The first half of a full set ends where its last half begins; only what belongs to either goes in, and pushes one out.
        let half = reports_max / 2;
        if index == half {
            return self.leave(quarters_of(&report));
        }
        let gone = if index < half { half - 1 } else { half };
        let gone = self.reports.remove(gone);
        self.leave(quarters_of(&gone));
        self.reports.insert(if index < half { index } else { index - 1 }, report);
        debug_assert!(self.reports.is_sorted_by_key(place));
        true
    }

    /// Whether that changed anything.
    fn leave(&mut self, quarters: impl Iterator<Item = Quarter>) -> bool {
        if planted(Bug::ForgetLeft) {
            return false;
        }
        let before = self.left.clone();
        self.left.extend(quarters);
        self.left.sort_unstable();
        self.left.dedup();
        self.left.truncate(QUARTERS_LEFT_MAX);
        self.left != before
    }

    /// Touches, partners and visitors add up; the newer stamp stays. Whether that changed anything.
    pub(super) fn add_evidence(&mut self, evidence: Evidence) -> bool {
        match self.evidence.binary_search_by_key(&evidence.identity, |it| it.identity) {
            Err(index) => {
                grow_by_one(&mut self.evidence);
                self.evidence.insert(index, evidence);
                true
            }
            Ok(index) => self.evidence.get_mut(index).is_some_and(|kept| unite(kept, evidence)),
        }
    }

    /// The union of both.
    pub(super) fn join(&mut self, other: Self, reports_max: usize) {
        self.leave(other.left.into_iter());
        if let Some(score) = other.score {
            self.add_score(score);
        }
        for report in other.reports {
            self.add_report(report, reports_max);
        }
        for evidence in other.evidence {
            self.add_evidence(evidence);
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let kept = StateV1 {
            reports: self.reports.iter().map(|it| bytes_of(|out| it.clone().encode(out))).collect(),
            evidence: self.evidence.iter().map(|it| bytes_of(|out| it.clone().encode(out))).collect(),
        };
        let left: Vec<u32> = self.left.iter().map(|it| it.0).collect();
        match &self.score {
            Some(score) => {
                let score = bytes_of(|out| Score::clone(score).encode(out));
                written(VERSION_3, StateV3 { before: StateV2 { kept, left }, score })
            }
            None if left.is_empty() => written(VERSION_1, kept),
            None => written(VERSION_2, StateV2 { kept, left }),
        }
    }

    pub(super) fn decode(bytes: &[u8], reports_max: usize) -> Result<Self, StateError> {
        let (version, body) = bytes.split_first().ok_or(StateError::UnknownVersion { version: 0 })?;
        let (state, left, score) = match *version {
            VERSION_1 => (read::<StateV1>(body)?, Vec::new(), None),
            VERSION_2 => {
                let StateV2 { kept, left } = read(body)?;
                (kept, left, None)
            }
            VERSION_3 => {
                let StateV3 { before: StateV2 { kept, left }, score } = read(body)?;
                (kept, left, Some(score))
            }
            version => return Err(StateError::UnknownVersion { version }),
        };
        let mut decoded = Self::default();
        decoded.leave(left.into_iter().map(Quarter));
        if let Some(bytes) = score {
            match Event::decode(&bytes).map_err(StateError::Record)? {
                Event::Score(score) => decoded.add_score(score),
                _ => return Err(StateError::Malformed),
            };
        }
        for bytes in &state.reports {
            match Event::decode(bytes).map_err(StateError::Record)? {
                Event::Report(report) => decoded.add_report(*report, reports_max),
                _ => return Err(StateError::Malformed),
            };
        }
        for bytes in &state.evidence {
            match Event::decode(bytes).map_err(StateError::Record)? {
                Event::Evidence(evidence) => decoded.add_evidence(evidence),
                _ => return Err(StateError::Malformed),
            };
        }
        Ok(decoded)
    }
}

const fn config() -> Configuration<LittleEndian, Varint, Limit<BYTES_MAX>> {
    bincode::config::standard().with_limit::<BYTES_MAX>()
}

fn written(version: u8, state: impl bincode::Encode) -> Vec<u8> {
    let mut bytes = vec![version];
    bincode::encode_into_std_write(state, &mut bytes, config()).expect("a vector takes any bytes");
    bytes
}

fn read<T: bincode::Decode<()>>(body: &[u8]) -> Result<T, StateError> {
    let (state, consumed) =
        bincode::decode_from_slice::<T, _>(body, config()).map_err(|_| StateError::Malformed)?;
    if consumed == body.len() { Ok(state) } else { Err(StateError::Malformed) }
}

/// Where a report by itself, or its click, could place its order, whatever the other reports say.
fn quarters_of(report: &Report) -> impl Iterator<Item = Quarter> + use<> {
    let click = report.click.signed().map(events::ClickId::at);
    [Some(report.order_time()), click].into_iter().flatten().map(units::EpochMs::quarter)
}

fn bytes_of(encode: impl FnOnce(&mut Vec<u8>) -> Result<(), events::EncodeError>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&mut bytes).expect("what was read from the log fits its limit, and a capped union of it does");
    bytes
}

fn unite(kept: &mut Evidence, other: Evidence) -> bool {
    if planted(Bug::ReplaceEvidence) {
        *kept = other;
        return true;
    }
    let before = (kept.touches.clone(), kept.partners.len(), kept.visitors.len(), kept.stamp);
    if kept.touches.len() < EVIDENCE_TOUCHES_MAX || !planted(Bug::CapBeforeUnion) {
        kept.touches.extend(other.touches);
    }
    cap_touches(&mut kept.touches);
    join(&mut kept.partners, other.partners);
    join(&mut kept.visitors, other.visitors);
    if kept.stamp < other.stamp || planted(Bug::StaleBindings) {
        kept.stamp = other.stamp;
        kept.bindings = other.bindings;
        kept.past = other.past;
    }
    before.0 != kept.touches
        || (before.1, before.2, before.3) != (kept.partners.len(), kept.visitors.len(), kept.stamp)
}

/// Makes room for one more: for exactly one at first, since most lists of an order have one element and a list's own growth begins with four;
/// for twice as many from there on.
pub(crate) fn grow_by_one<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len().max(1));
    }
}

fn join<T: Ord>(kept: &mut Vec<T>, other: Vec<T>) {
    kept.extend(other);
    kept.sort_unstable();
    kept.dedup();
}

#[cfg(test)]
mod tests {
    use events::{Binding, ClickKey, ClickMint, Identity, OrderKey};
    use units::{AdvertiserId, EpochMs, LinkId, OfferId, PartnerId, Stamp, VisitorId};

    use super::*;

    fn evidence(claim: u64, touches: Vec<Touch>) -> Evidence {
        Evidence {
            touches,
            ..Evidence::bare(
                Stamp::new(1, claim).expect("a small number"),
                OrderKey::by_id(AdvertiserId(1), "o"),
                Identity::Visitor(VisitorId(7)),
            )
        }
    }

    #[test]
    fn bindings_are_the_newest_claims_in_whatever_order_they_come() {
        let bound = |claim| {
            let order = OrderKey::by_id(AdvertiserId(1), "earlier");
            let made = evidence(claim, Vec::new());
            let binding = Binding { order, at: EpochMs(claim), partner: None, stamp: made.stamp };
            Evidence { bindings: vec![binding], ..made }
        };
        for claims in [[1, 2], [2, 1]] {
            let mut state = OrderState::default();
            for claim in claims {
                state.add_evidence(bound(claim));
            }
            assert_eq!(state.evidence, [bound(2)]);
        }
    }

    #[test]
    fn evidence_that_is_full_takes_in_what_belongs_into_it() {
        let mut mint = ClickMint::new(ClickKey::new(1, b"a secret of the tests"), 0);
        let mut touch = |number: u64| {
            let id = mint.mint(EpochMs(number), LinkId(1), VisitorId(7));
            Touch::of_signed_id(id, PartnerId(1), OfferId(1), AdvertiserId(1))
        };
        let whole: Vec<Touch> = (0..2 * EVIDENCE_TOUCHES_MAX as u64).map(&mut touch).collect();
        let (earlier, later) = whole.split_at(EVIDENCE_TOUCHES_MAX);
        let mut want = whole.clone();
        cap_touches(&mut want);
        for parts in [[earlier, later], [later, earlier]] {
            let mut state = OrderState::default();
            for part in parts {
                state.add_evidence(evidence(1, part.to_vec()));
            }
            assert!(state.touches(&Followed::default()).eq(want.iter().copied()));
        }
    }
}
