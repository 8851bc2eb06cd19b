//! A whole in whole parts: shares of an order, and its money by those shares.
//!
//! In: weights. Out: parts in their proportion whose sum is the whole, each less than one unit away from the exact part. No float, and no unit is
//! lost or made: what rounding down leaves goes to the parts that lost most by it (largest remainder). Not here: where weights come from.

use crate::{
    money::{PPM_WHOLE, Ppm},
    planted::{Bug, planted},
};

/// Splits `whole` by `weights`; equal remainders favour the later part. All zeros where no weight is above zero. A whole below zero is split as its
/// opposite is.
#[must_use]
pub fn split(whole: i64, weights: &[u64]) -> Vec<i64> {
    let mut taking = weights.iter().filter(|it| **it > 0);
    if taking.next().is_none() {
        return vec![0; weights.len()];
    }
    // Nearly every order is one touch's.
    if taking.next().is_none() {
        return weights.iter().map(|it| if *it > 0 { whole } else { 0 }).collect();
    }
    let sum: u128 = weights.iter().map(|it| u128::from(*it)).sum();
    let size = u128::from(whole.unsigned_abs());
    // Both factors are below 2^64.
    let products = || weights.iter().map(|it| u128::from(*it) * size);
    let mut parts: Vec<u128> = products().map(|it| it / sum).collect();
    let remainders: Vec<u128> = products().map(|it| it % sum).collect();
    let left = size - parts.iter().sum::<u128>();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_unstable_by_key(|index| std::cmp::Reverse((remainders.get(*index).copied(), *index)));
    // Fewer units are left than there are parts: each remainder is below one.
    let left = if planted(Bug::LostUnit) { 0 } else { usize::try_from(left).unwrap_or(usize::MAX) };
    for index in order.into_iter().take(left) {
        if let Some(part) = parts.get_mut(index) {
            *part += 1;
        }
    }
    let signed = |part: u128| {
        let size = i64::try_from(part).unwrap_or(i64::MAX);
        if whole < 0 { -size } else { size }
    };
    parts.into_iter().map(signed).collect()
}

/// Shares of the whole by `weights`, in parts per million.
#[must_use]
pub fn shares(weights: &[u64]) -> Vec<Ppm> {
    let parts = split(i64::from(PPM_WHOLE.0), weights);
    parts.into_iter().map(|it| Ppm(u32::try_from(it).unwrap_or(PPM_WHOLE.0))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_third_each_makes_the_whole() {
        assert_eq!(shares(&[1, 1, 1]), [Ppm(333_333), Ppm(333_333), Ppm(333_334)]);
        assert_eq!(split(100, &[1, 1, 1]), [33, 33, 34]);
        assert_eq!(split(101, &[1, 1, 1]), [33, 34, 34]);
        assert_eq!(split(-101, &[1, 1, 1]), [-33, -34, -34]);
        assert_eq!(split(7, &[0, 5, 0]), [0, 7, 0]);
        assert_eq!(split(7, &[0, 0]), [0, 0]);
        assert_eq!(split(7, &[]), [0; 0]);
        assert_eq!(split(i64::MAX, &[u64::MAX]), [i64::MAX]);
    }

    proptest! {
        #[test]
        fn parts_make_the_whole_and_none_is_a_unit_off(
            whole in -1_000_000_000_000_i64..1_000_000_000_000,
            weights in proptest::collection::vec(0_u64..(1 << 33), 1..70),
        ) {
            let parts = split(whole, &weights);
            let sum: u64 = weights.iter().sum();
            prop_assert_eq!(parts.iter().sum::<i64>(), if sum == 0 { 0 } else { whole });
            for (part, weight) in parts.iter().zip(&weights) {
                let exact = i128::from(whole) * i128::from(*weight);
                prop_assert!((i128::from(*part) * i128::from(sum) - exact).abs() < i128::from(sum.max(1)));
            }
        }

        #[test]
        fn who_weighs_more_gets_no_less(weights in proptest::collection::vec(0_u64..1_000, 2..20), whole in 0_i64..10_000) {
            let parts = split(whole, &weights);
            for (left, a) in parts.iter().zip(&weights) {
                for (right, b) in parts.iter().zip(&weights) {
                    prop_assert!(a <= b || left >= right);
                }
            }
        }
    }
}
