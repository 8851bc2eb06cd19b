//! The touches that a decision weighs, and by which key each was found.
//!
//! In: an order's reports and the touches that its evidence names. Out: those of its advertiser and those that reports name by a signed id, each once,
//! the latest [`super::CANDIDATES_MAX`]. Not here: what becomes of them (`weigh`). Start at [`Candidates::gather`].

use events::{MatchedKey, Report, Touch, TouchId};
use units::AdvertiserId;

use super::{Known, signed};
use crate::orders::Followed;

/// The touches a decision weighs.
pub(crate) struct Candidates {
    /// Ascending by (time, writer, sequence), each touch once.
    pub(super) touches: Vec<Touch>,
    /// Those that reports name by a signed id, whether their record is known or not.
    pub(super) signed: Vec<Touch>,
    /// How many older ones did not fit.
    pub(super) left_out: u32,
}

impl Candidates {
    pub(super) fn gather(advertiser: AdvertiserId, known: &Known<'_>) -> Self {
        let Known { reports, touches, history, candidates_max, .. } = *known;
        let reported = reports.iter().map(Report::order_time).min().unwrap_or_default();
        let ids = reports.iter().filter_map(|it| it.click.signed());
        let signed: Vec<Touch> = ids.map(|id| signed::touch(id, reported, history)).collect();
        let evidence = touches.iter().filter(|it| it.advertiser == advertiser);
        let mut touches: Vec<Touch> = evidence.chain(&signed).copied().collect();
        // Of one touch the record is kept, which has an origin, and not what its signed id alone vouches for.
        touches.sort_unstable_by(|a, b| (a.id, b.origin).cmp(&(b.id, a.origin)));
        touches.dedup_by_key(|it| it.id);
        touches.sort_unstable();
        let surplus = touches.len().saturating_sub(candidates_max);
        touches.drain(..surplus);
        Self { touches, signed, left_out: u32::try_from(surplus).unwrap_or(u32::MAX) }
    }

    pub(super) fn is_signed(&self, touch: &TouchId) -> bool {
        self.signed.iter().any(|it| it.id == *touch)
    }

    pub(super) fn matched(&self, touch: &Touch, followed: &Followed) -> MatchedKey {
        if self.is_signed(&touch.id) {
            MatchedKey::ClickId
        } else if followed.visitors().contains(&touch.visitor) {
            MatchedKey::CustomerVisitor
        } else {
            MatchedKey::Visitor
        }
    }

    /// The order's own signed clicks: those of its advertiser, by the record where there is one.
    pub(super) fn own(&self, advertiser: AdvertiserId) -> impl Iterator<Item = &Touch> {
        self.touches.iter().filter(move |it| it.advertiser == advertiser && self.is_signed(&it.id))
    }
}
