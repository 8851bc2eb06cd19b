//! When an order was, when it could have been by any part of what is known, and which range of time its visitors are asked about.
//!
//! In: reports and the times of their signed clicks. Out: instants. All of it grows with its inputs: what was possible stays possible, which
//! is what makes the void rows complete.

use events::{Report, TimeSource};
use units::{AdvertiserId, EpochMs, HOUR_MS};

use super::candidates::Candidates;

/// A signed click this much later than its order, or less, shows that the shop's clock is behind: the click's time is taken. Further
/// apart, they are not about the same purchase. (design.md 5)
pub const CLOCK_DIFFERENCE_MAX_MS: u64 = 24 * HOUR_MS;

/// The order's time and where it comes from.
pub(crate) struct OrderTime {
    pub(crate) at: EpochMs,
    pub(crate) source: TimeSource,
    /// By how much the order's own click is later than that by reports, in ms; 0 where none is. Of several the one whose time is taken, else the
    /// one that is nearest to it.
    pub(crate) clock_gap_ms: u64,
}

impl OrderTime {
    /// The smallest time of any report, unless the order's own click is a little later. `None` without reports.
    pub(super) fn of(advertiser: AdvertiserId, reports: &[Report], candidates: &Candidates) -> Option<Self> {
        let reported = reports.iter().map(Report::order_time).min()?;
        let said = |it: &Report| it.order_time() == reported && it.reported_at == Some(reported);
        let source = if reports.iter().any(said) { TimeSource::Reported } else { TimeSource::Received };
        // Ascending.
        let later = || candidates.own(advertiser).map(|it| it.at).filter(|at| reported < *at);
        let own = later().filter(|at| corrects(reported, *at)).last();
        let clock_gap_ms = own.or_else(|| later().next()).and_then(|at| at.ms_since(reported)).unwrap_or(0);
        Some(own.map_or(Self { at: reported, source, clock_gap_ms }, |at| Self {
            at,
            source: TimeSource::Click,
            clock_gap_ms,
        }))
    }
}

/// Whether a click at `click` moves an order of `reported`.
pub(super) fn corrects(reported: EpochMs, click: EpochMs) -> bool {
    click.ms_since(reported).is_some_and(|ms| (1..=CLOCK_DIFFERENCE_MAX_MS).contains(&ms))
}

/// Every time at which some part of the reports and signed clicks would place the order.
pub(crate) fn possible_times(
    reports: &[Report],
    signed: impl Iterator<Item = EpochMs>,
) -> impl Iterator<Item = EpochMs> {
    let may = move |click: &EpochMs| reports.iter().any(|it| corrects(it.order_time(), *click));
    reports.iter().map(Report::order_time).chain(signed.filter(may))
}

/// The range to ask the visitors' timelines for, both ends inclusive: from the earliest touch that any possible time and any version's
/// longest window could credit to the latest possible time, and the signed clicks themselves, since their records know their verdicts.
pub(crate) fn asked_range(reports: &[Report], longest_window_ms: u64) -> Option<(EpochMs, EpochMs)> {
    let signed = || reports.iter().filter_map(|it| it.click.signed()).map(events::ClickId::at);
    let first = reports.iter().map(Report::order_time).min()?.back(longest_window_ms);
    let last = possible_times(reports, signed()).max()?;
    Some((signed().fold(first, EpochMs::min), signed().fold(last, EpochMs::max)))
}
