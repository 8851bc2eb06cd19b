//! How an order is shared along its path, as the catalog's words say it: with real numbers where they are exact, and one unit after the other.
//!
//! In: the model and the eligible touches. Out: parts per million, and money by them. It shares nothing with the product but its types; the
//! simulation uses it too.

use catalog::Model;
use events::{Touch, Verdict};

/// Touches that one order is shared among at most.
const PATH_MAX: usize = 32;

/// Who gets how much of a whole, oldest first. `eligible` ascend by (time, writer, sequence).
pub(crate) fn credited(model: Model, eligible: &[Touch]) -> Vec<(Touch, u32)> {
    let Some(newest) = eligible.last() else { return Vec::new() };
    match model {
        Model::Last => return vec![(*newest, 1_000_000)],
        Model::First => return eligible.iter().take(1).map(|it| (*it, 1_000_000)).collect(),
        Model::Linear | Model::Position(_) | Model::TimeDecay { .. } => {}
    }
    let mut path = steps(eligible);
    while path.len() > PATH_MAX {
        path.remove(1);
    }
    let weights: Vec<u128> = (0..path.len()).map(|place| weight(model, &path, place)).collect();
    let shares =
        parts(1_000_000, &weights).into_iter().map(|it| u32::try_from(it).expect("a part of a million"));
    path.into_iter().zip(shares).filter(|(_, share)| *share > 0).collect()
}

/// The touches that lead to an order, without repeats of older ones among them.
pub(crate) fn steps(eligible: &[Touch]) -> Vec<Touch> {
    let mut path: Vec<Touch> = Vec::new();
    for touch in eligible {
        let seen = path.iter().any(|it| it.visitor == touch.visitor && it.link == touch.link);
        if touch.verdict != Verdict::Duplicate || !seen {
            path.push(*touch);
        }
    }
    path
}

fn weight(model: Model, path: &[Touch], place: usize) -> u128 {
    let (count, last) = (path.len(), path.len() - 1);
    match model {
        Model::Last => u128::from(place == last),
        Model::First => u128::from(place == 0),
        Model::Linear => 1,
        Model::Position(of) => {
            let [first, middle, end] = [of.first, of.middle, of.last].map(|it| u128::from(it.0));
            match (count, place) {
                (1, _) => 1,
                (2, _) if first + end == 0 => 1,
                (2, 0) => first,
                (2, _) => end,
                // The middle's part is for all in between: all are multiplied by their number.
                (_, 0) => first * (count as u128 - 2),
                (_, it) if it == last => end * (count as u128 - 2),
                _ => middle,
            }
        }
        Model::TimeDecay { half_life_ms } => {
            let (newest, at) = (path.last().expect("a path"), path.get(place).expect("a place on it"));
            halved(newest.at.0 - at.at.0, half_life_ms)
        }
    }
}

/// 2^32, halved for each half-life. A half-life has 65,536 parts; every product is rounded down.
fn halved(ms: u64, half_life_ms: u64) -> u128 {
    let parts = u128::from(ms) * 65_536 / u128::from(half_life_ms);
    let mut weight: u128 = 1 << 32;
    // Half a half-life, a quarter, and so on.
    for power in 1..=16_u32 {
        if parts >> (16 - power) & 1 == 1 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "below 2^32 and above zero"
            )]
            let root = (4_294_967_296.0 * (-1.0 / f64::from(1_u32 << power)).exp2()).round() as u128;
            weight = weight * root / (1 << 32);
        }
    }
    if parts >> 16 < 64 { weight >> (parts >> 16) } else { 0 }
}

/// A whole by weights: rounded down, and what is left goes unit by unit to the part that is furthest below its due, to the later of equals.
pub(crate) fn parts(whole: i64, weights: &[u128]) -> Vec<i64> {
    let sum = i128::try_from(weights.iter().sum::<u128>()).expect("small");
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let due: Vec<i128> =
        weights.iter().map(|it| i128::try_from(*it).expect("small") * i128::from(whole)).collect();
    let mut parts: Vec<i128> = due.iter().map(|it| it / sum).collect();
    while parts.iter().sum::<i128>() < i128::from(whole) {
        let lacks = |index: &usize| due.get(*index).expect("in it") - parts.get(*index).expect("in it") * sum;
        let poorest = (0..parts.len()).max_by_key(lacks).expect("some part");
        *parts.get_mut(poorest).expect("in it") += 1;
    }
    parts.into_iter().map(|it| i64::try_from(it).expect("a part of the whole")).collect()
}
