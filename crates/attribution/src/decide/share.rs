//! How the credit of one order is shared along its path.
//!
//! In: the model of the newest touch of the path, and the age of each touch. Out: a weight for each, in whole numbers, so that every machine and
//! every build shares alike. Not here: which touches are on the path (`weigh`). Start at [`weights`].

use catalog::{Model, PositionWeights};

/// Half of the whole, a quarter of it, and so on as roots: `2^(-1/2^k)` for k = 1 to 16, in parts of 2^32, rounded to the nearest.
const ROOTS: [u64; 16] = [
    3_037_000_500,
    3_611_622_603,
    3_938_502_376,
    4_112_874_773,
    4_202_935_003,
    4_248_701_965,
    4_271_771_996,
    4_283_353_945,
    4_289_156_690,
    4_292_061_010,
    4_293_513_907,
    4_294_240_540,
    4_294_603_903,
    4_294_785_595,
    4_294_876_445,
    4_294_921_870,
];
/// What the newest touch weighs where weights decay.
const ONE: u64 = 1 << 32;

/// Weights of a path. `older_by_ms` holds for each touch, oldest first, how much older it is than the last one, which is 0.
pub(super) fn weights(model: Model, older_by_ms: &[u64]) -> Vec<u64> {
    let count = older_by_ms.len();
    match model {
        Model::Last => one_of(count, count.saturating_sub(1)),
        Model::First => one_of(count, 0),
        Model::Linear => vec![1; count],
        Model::Position(weights) => by_position(weights, count),
        Model::TimeDecay { half_life_ms } => {
            older_by_ms.iter().map(|ms| decayed(*ms, half_life_ms)).collect()
        }
    }
}

fn one_of(count: usize, chosen: usize) -> Vec<u64> {
    (0..count).map(|index| u64::from(index == chosen)).collect()
}

fn by_position(weights: PositionWeights, count: usize) -> Vec<u64> {
    let [first, middle, last] = [weights.first, weights.middle, weights.last].map(|it| u64::from(it.0));
    let between = count.saturating_sub(2) as u64;
    match count {
        0 | 1 => vec![1; count],
        2 if first == 0 && last == 0 => vec![1, 1],
        2 => vec![first, last],
        _ => (0..count)
            .map(|index| match index {
                0 => first * between,
                _ if index == count - 1 => last * between,
                _ => middle,
            })
            .collect(),
    }
}

/// [`ONE`], halved for each half-life in `ms`: whole ones by shifts, the rest, in 65,536ths of one and rounded down, by [`ROOTS`].
fn decayed(ms: u64, half_life_ms: u64) -> u64 {
    let half_life_ms = half_life_ms.max(1);
    let whole = ms / half_life_ms;
    if whole > 32 {
        return 0;
    }
    // Both are at most a year in ms: below 2^35.
    let rest = (ms % half_life_ms) * 65_536 / half_life_ms;
    let bit = |index: usize| rest >> (15 - index) & 1 == 1;
    let roots = ROOTS.iter().enumerate().filter(|(index, _)| bit(*index));
    roots.fold(ONE, |weight, (_, root)| (weight * root) >> 32) >> whole
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use units::{DAY_MS, Ppm, shares};

    use super::*;

    fn percent(model: Model, older_by_ms: &[u64]) -> Vec<u32> {
        shares(&weights(model, older_by_ms)).into_iter().map(|Ppm(it)| it / 10_000).collect()
    }

    #[test]
    fn each_model_shares_as_its_name_says() {
        let path = [3 * DAY_MS, 2 * DAY_MS, DAY_MS, 0];
        let position = |weights| Model::Position(PositionWeights::of_percent(weights).unwrap());
        let cases = [
            (Model::Last, vec![0, 0, 0, 100]),
            (Model::First, vec![100, 0, 0, 0]),
            (Model::Linear, vec![25, 25, 25, 25]),
            (position([40, 20, 40]), vec![40, 10, 10, 40]),
            (position([0, 100, 0]), vec![0, 50, 50, 0]),
            (Model::TimeDecay { half_life_ms: DAY_MS }, vec![6, 13, 26, 53]),
        ];
        for (model, want) in cases {
            assert_eq!(percent(model, &path), want, "{model}");
            assert_eq!(percent(model, &[0]), [100], "{model}: one touch gets all");
            assert!(weights(model, &[]).is_empty());
        }
        assert_eq!(
            percent(position([30, 30, 40]), &[DAY_MS, 0]),
            [42, 57],
            "of two the middle's part goes to both"
        );
        assert_eq!(percent(position([0, 100, 0]), &[DAY_MS, 0]), [50, 50]);
    }

    #[test]
    fn a_weight_halves_with_each_half_life_until_nothing_is_left() {
        let of = |ms| decayed(ms, 1_000);
        assert_eq!((of(0), of(1_000), of(2_000), of(32_000), of(33_000)), (ONE, ONE / 2, ONE / 4, 1, 0));
        assert!(of(999) > of(1_000) && of(1) < of(0));
        assert_eq!(decayed(u64::MAX, 1), 0);
        assert_eq!(decayed(5, 0), ONE >> 5, "no half-life is none");
    }

    proptest! {
        #[test]
        fn decay_is_what_real_numbers_say(ms in 0..365 * DAY_MS, half_life_ms in 1_000..365 * DAY_MS) {
            #[expect(clippy::cast_precision_loss, reason = "a comparison within a bound")]
            let exact = (-(ms as f64) / half_life_ms as f64).exp2() * ONE as f64;
            #[expect(clippy::cast_precision_loss, reason = "the same")]
            let off = (decayed(ms, half_life_ms) as f64 - exact).abs();
            // A 65,536th of a half-life and sixteen roundings: below 12 parts per million of the newest touch.
            prop_assert!(off < 12e-6 * 4_294_967_296.0, "{off}");
        }
    }
}
