//! What everybody has of an order, once it is known who earned it.
//!
//! In: those who are credited, their path, and who was beside it. Out: shares, money and assists by touch. Start at [`parts_of`].

use std::collections::BTreeMap;

use events::Touch;
use units::{Currency, PartnerId};

use super::{Worth, sharing};
use crate::clickhouse::{Part, in_e4};

/// Everybody's part of an order: `credited` among `path`, and those who assisted, also from `beside` it.
pub(super) fn parts_of(
    worth: &Worth,
    reporting: Option<(i64, Currency)>,
    credited: &[(Touch, u32)],
    path: &[Touch],
    beside: &[Touch],
) -> Vec<(Touch, Part)> {
    let weights: Vec<u128> = credited.iter().map(|(_, share)| u128::from(*share)).collect();
    let money = sharing::parts(worth.revenue_minor, &weights).into_iter();
    let money = money.zip(sharing::parts(worth.refunded_minor, &weights));
    let (told, into) = reporting.unwrap_or((0, worth.currency));
    let told = sharing::parts(told, &weights);
    let mut parts: BTreeMap<Touch, Part> = BTreeMap::new();
    for (((touch, share_ppm), (revenue_minor, refunded_minor)), told) in credited.iter().zip(money).zip(told)
    {
        let part = parts.entry(*touch).or_default();
        (part.share_ppm, part.revenue_minor, part.refunded_minor) =
            (*share_ppm, revenue_minor, refunded_minor);
        part.reporting_e4 = in_e4(told, into.as_str());
    }
    let steps = sharing::steps(path);
    let is_credited = |it: &Touch| credited.iter().any(|(touch, _)| touch == it);
    let mut have_role: Vec<Touch> =
        path.iter().filter(|it| steps.contains(it) || is_credited(it)).copied().collect();
    if let Some(closer) = have_role.last() {
        parts.entry(*closer).or_default().path_touches = steps.len().try_into().unwrap_or(u32::MAX);
    }
    // Who has no touch comes after all who have.
    let (named, touched): (Vec<Touch>, Vec<Touch>) =
        beside.iter().partition(|it| it.id.0.starts_with(&[0; 6]));
    have_role.extend(touched);
    have_role.sort();
    have_role.extend(named);
    let newest: BTreeMap<PartnerId, Touch> = have_role.iter().map(|it| (it.partner, *it)).collect();
    for (partner, touch) in newest {
        if !credited.iter().any(|(it, _)| it.partner == partner) {
            parts.entry(touch).or_default().is_assist = true;
        }
    }
    parts.into_iter().collect()
}
