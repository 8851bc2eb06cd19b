//! An order's sets, and their bytes on disk.
//!
//! In: reports and evidence, in any order, with repeats. Out: reports by (`received_at`, `origin`), touches by identity. Every operation is a
//! union, so the order of arrival leaves no trace. The bytes hold the events' own encodings behind a version. Not here: what it all means
//! (`decide`).

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use events::{DecodeError, Event, Evidence, Report, Touch};

use units::planted::{Bug, planted};

use crate::timelines::{EVIDENCE_TOUCHES_MAX, cap_touches};

/// Reports kept of one order: the first half and the latest half of them. Shops send a handful; what is between the halves of a
/// larger set counts no more, nor does it among the reports counted.
pub const REPORTS_MAX: usize = 256;

/// The first byte.
const VERSION: u8 = 1;
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
    /// Invariant: ascending by (`received_at`, `origin`), origins distinct, at most [`REPORTS_MAX`].
    reports: Vec<Report>,
    /// Invariant: ascending by identity, each once; touches ascending, distinct, capped.
    evidence: Vec<Evidence>,
}

/// The records' own bytes, so that this layout changes only if the sets do.
#[derive(bincode::Encode, bincode::Decode)]
struct StateV1 {
    reports: Vec<Vec<u8>>,
    evidence: Vec<Vec<u8>>,
}

impl OrderState {
    pub(super) fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// Of all identities, one after the other.
    pub(super) fn touches(&self) -> impl Iterator<Item = Touch> {
        self.evidence.iter().flat_map(|it| it.touches.iter().copied())
    }

    /// Whether that changed anything.
    pub(super) fn add_report(&mut self, report: Report) -> bool {
        let place = |it: &Report| (it.received_at, it.origin);
        let index = match self.reports.binary_search_by_key(&place(&report), place) {
            Ok(index) if planted(Bug::CountRepeats) => index,
            Ok(_) => return false,
            Err(index) => index,
        };
        if self.reports.len() < REPORTS_MAX {
            grow_by_one(&mut self.reports);
            self.reports.insert(index, report);
            return true;
        }
        // The first half of a full set ends where its last half begins; only what belongs to either goes in, and pushes one out.
        let half = REPORTS_MAX / 2;
        if index == half {
            return false;
        }
        let gone = if index < half { half - 1 } else { half };
        self.reports.remove(gone);
        self.reports.insert(if index < half { index } else { index - 1 }, report);
        debug_assert!(self.reports.is_sorted_by_key(place));
        true
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
    pub(super) fn join(&mut self, other: Self) {
        for report in other.reports {
            self.add_report(report);
        }
        for evidence in other.evidence {
            self.add_evidence(evidence);
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let state = StateV1 {
            reports: self.reports.iter().map(|it| bytes_of(|out| it.clone().encode(out))).collect(),
            evidence: self.evidence.iter().map(|it| bytes_of(|out| it.clone().encode(out))).collect(),
        };
        let mut bytes = vec![VERSION];
        bincode::encode_into_std_write(state, &mut bytes, config()).expect("a vector takes any bytes");
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let (version, body) = bytes.split_first().ok_or(StateError::UnknownVersion { version: 0 })?;
        if *version != VERSION {
            return Err(StateError::UnknownVersion { version: *version });
        }
        let (state, consumed) =
            bincode::decode_from_slice::<StateV1, _>(body, config()).map_err(|_| StateError::Malformed)?;
        if consumed != body.len() {
            return Err(StateError::Malformed);
        }
        let mut decoded = Self::default();
        for bytes in &state.reports {
            match Event::decode(bytes).map_err(StateError::Record)? {
                Event::Report(report) => decoded.add_report(*report),
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
            stamp: Stamp::new(1, claim).expect("a small number"),
            order: OrderKey::by_id(AdvertiserId(1), "o"),
            identity: Identity::Visitor(VisitorId(7)),
            touches,
            partners: Vec::new(),
            visitors: Vec::new(),
            bindings: Vec::new(),
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
            assert!(state.touches().eq(want.iter().copied()));
        }
    }
}
