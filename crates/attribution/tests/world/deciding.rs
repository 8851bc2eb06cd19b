//! A decision by a small catalog, checked for what holds of every one, and its parts in few words.

use attribution::{Decided, decide};
use catalog::Catalog;
use events::{CandidateVerdict as V, Report, Role, Touch};
use units::PPM_WHOLE;

use super::{WINDOW_MS, catalog, history, key};

pub(crate) fn decided_by(
    catalogs: impl IntoIterator<Item = Catalog>,
    reports: &[Report],
    touches: &[Touch],
) -> Decided {
    let mut reports = reports.to_vec();
    reports.sort();
    let decided = decide(&key("o"), &reports, touches, &history(catalogs)).expect("there is a report");
    assert_rows_add_up(&decided);
    decided
}

pub(crate) fn decided(reports: &[Report], touches: &[Touch]) -> Decided {
    decided_by([catalog(1, 0, WINDOW_MS)], reports, touches)
}

/// What holds of every decision: its shares are the whole or nothing, its money is the order's, and only its own quarter has any.
pub(crate) fn assert_rows_add_up(decided: &Decided) {
    let decision = &decided.decision;
    let paid: Vec<_> = decided.credits.iter().filter(|it| it.share.0 > 0).collect();
    assert_eq!(paid.is_empty(), decision.partner.0 == 0);
    assert_eq!(paid.iter().map(|it| it.share.0).sum::<u32>(), if paid.is_empty() { 0 } else { PPM_WHOLE.0 });
    assert_eq!(
        paid.iter().map(|it| it.revenue_minor).sum::<i64>(),
        if paid.is_empty() { 0 } else { decision.revenue_minor }
    );
    assert!(paid.iter().all(|it| it.quarter == decision.at.quarter() && it.role != Role::None));
    assert!(paid.is_empty() || paid.iter().any(|it| it.partner == decision.partner));
    let others = decided.credits.iter().filter(|it| it.share.0 == 0);
    assert!(others.into_iter().all(|it| it.revenue_minor == 0));
    assert_eq!(decision.unattributed.is_some(), paid.is_empty());
}

pub(crate) fn partner(decided: &Decided) -> u32 {
    decided.decision.partner.0
}

pub(crate) fn verdicts(decided: &Decided) -> Vec<V> {
    decided.decision.trace.candidates.iter().map(|it| it.verdict).collect()
}

pub(crate) fn notes(decided: &Decided) -> Vec<&str> {
    decided.decision.trace.notes.iter().map(AsRef::as_ref).collect()
}
