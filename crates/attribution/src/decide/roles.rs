//! What each touch did for its order: the first of the path introduced it, the last one closed it, and who could have earned and was passed over
//! assisted. Roles are the same under every model; shares are not looked at, but to tell who has one.
//!
//! In: touches with their verdicts and shares, in order of time. Out: a role for each, the length of the path, and which row counts an assist.
//! Not here: who is credited (`weigh`). Start at [`give`].

use events::{CandidateVerdict, Role, Verdict};
use units::planted::{Bug, planted};

use super::weigh::Weighed;

/// Gives roles to all that could have earned. A repeat of an older touch of the path has none, unless it alone is credited: it closes then.
pub(super) fn give(weighed: &mut [Weighed<'_>]) {
    let end = weighed
        .iter()
        .enumerate()
        .rposition(|(index, it)| is_of_path(it.verdict) && (it.is_credited() || is_step(weighed, index)));
    let Some(end) = end else { return };
    let mut is_first = true;
    for index in 0..weighed.len() {
        let is_step = is_step(weighed, index);
        let Some(it) = weighed.get_mut(index) else { continue };
        it.role = match it.verdict {
            _ if index == end => Role::Closer,
            _ if is_step && is_first => Role::Introducer,
            _ if is_step => Role::Influencer,
            verdict if verdict.is_eligible() && !is_of_path(verdict) => Role::Assist,
            _ => Role::None,
        };
        is_first &= !is_step;
    }
}

/// How many touches led to the order, repeats left out.
pub(super) fn path_touches(weighed: &[Weighed<'_>]) -> u16 {
    let steps = (0..weighed.len()).filter(|index| is_step(weighed, *index)).count();
    u16::try_from(steps).unwrap_or(u16::MAX)
}

/// Whether the row at `index` stands for its partner's assist: the newest that has a role, where none of his has a share. One row a partner, so that
/// assisted orders add up over any rows. Newer rows are looked at first, so that a partner with many costs no more.
pub(super) fn is_assist(weighed: &[Weighed<'_>], index: usize) -> bool {
    let Some((before, [it, newer @ ..])) = weighed.split_at_checked(index) else { return false };
    let of_partner = |other: &&Weighed<'_>| other.touch.partner == it.touch.partner;
    let has_part = it.role != Role::None && !it.is_credited();
    if planted(Bug::AssistEach) {
        return has_part;
    }
    has_part
        && !newer.iter().filter(of_partner).any(|it| it.role != Role::None)
        && !before.iter().filter(of_partner).any(Weighed::is_credited)
}

/// Whether it stands on the path and repeats no older touch of it.
fn is_step(weighed: &[Weighed<'_>], index: usize) -> bool {
    let Some((before, [it, ..])) = weighed.split_at_checked(index) else { return false };
    is_of_path(it.verdict) && !repeats(it, before)
}

/// Among those that the order was decided between.
const fn is_of_path(verdict: CandidateVerdict) -> bool {
    use CandidateVerdict::{BeyondCap, Duplicate, Newer, NotShared, Older, Won};
    matches!(verdict, Won | Older | Newer | NotShared | BeyondCap | Duplicate)
}

/// Whether the edge found it to repeat one of `before` that is on the path: by the same visitor on the same link.
pub(super) fn repeats(it: &Weighed<'_>, before: &[Weighed<'_>]) -> bool {
    it.touch.verdict == Verdict::Duplicate && repeated(it, before).is_some()
}

/// The first of them.
pub(super) fn repeated<'a, 'b>(it: &Weighed<'_>, before: &'b [Weighed<'a>]) -> Option<&'b Weighed<'a>> {
    let same = |other: &&Weighed<'_>| {
        is_of_path(other.verdict)
            && (other.touch.visitor, other.touch.link) == (it.touch.visitor, it.touch.link)
    };
    before.iter().find(same)
}
