//! The keys that say how credit is shared: `model`, and what some models want to know.
//!
//! In: a row of an offer or an override. Out: a [`Model`], whole or not at all: an override never mixes its model with another's weights.
//! Start at [`model`].

use units::{DAY_MS, SECOND_MS};

use super::{error::ErrorCode, reader::Row, values::WINDOW_MS_MAX};
use crate::sharing::{Model, PositionWeights};

/// The longest half-life: as long as the longest window.
const HALF_LIFE_MS_MAX: u64 = WINDOW_MS_MAX;
/// The shortest one. Below it the newest touch has all of it anyway, which is `last`.
const HALF_LIFE_MS_MIN: u64 = SECOND_MS;
/// A week: a quarter of the usual click window.
const HALF_LIFE_MS: u64 = 7 * DAY_MS;

/// The model of a row, if it names one.
pub(super) fn model(row: &mut Row<'_, '_>) -> Option<Model> {
    let words = ["last", "first", "linear", "position", "time_decay"].map(|it| (it, it));
    let word = row.word("model", &words);
    let weights = weights(row);
    let half_life_ms = half_life(row);
    for (key, of) in [("position_weights", "position"), ("half_life", "time_decay")] {
        // A word that is no model has had its error: which key belongs to what was meant, nobody knows.
        let is_known = word.is_some() || !row.has("model");
        if row.has(key) && is_known && word != Some(of) {
            let message = format!("`{key}` changes nothing without model = \"{of}\"");
            let advice = format!("add model = \"{of}\" to this table, or take `{key}` out");
            row.errors.add(row.spot_of(key), ErrorCode::IdleRule, message, advice);
        }
    }
    Some(match word? {
        "first" => Model::First,
        "linear" => Model::Linear,
        "position" => Model::Position(weights.unwrap_or_default()),
        "time_decay" => Model::TimeDecay { half_life_ms: half_life_ms.unwrap_or(HALF_LIFE_MS) },
        _ => Model::Last,
    })
}

fn weights(row: &mut Row<'_, '_>) -> Option<PositionWeights> {
    let numbers = row.numbers("position_weights")?;
    let weights = <[u32; 3]>::try_from(numbers).ok().and_then(PositionWeights::of_percent);
    if weights.is_none() {
        let message = "`position_weights` are not three whole percentages that make a hundred";
        let advice = "write those of the first touch, all in between and the last one, such as [40, 20, 40]";
        row.errors.add(row.spot_of("position_weights"), ErrorCode::BadWeights, message, advice);
    }
    weights
}

fn half_life(row: &mut Row<'_, '_>) -> Option<u64> {
    let ms = row.duration("half_life", HALF_LIFE_MS_MAX)?;
    if ms < HALF_LIFE_MS_MIN {
        let message = "`half_life` is shorter than a second";
        let advice = "write at least \"1s\", or model = \"last\"";
        row.errors.add(row.spot_of("half_life"), ErrorCode::OutOfRange, message, advice);
        return None;
    }
    Some(ms)
}
