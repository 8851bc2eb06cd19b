//! How the credit of one order is shared among the touches that led to it.
//!
//! In: the words of the catalog. Out: [`Model`]. Not here: the shares themselves (`attribution`). Start at [`Model`].

use units::{PPM_WHOLE, Ppm};

/// How credit is shared. The path is every eligible click of the order's visitors in order of time, or every eligible view where there is no click.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Model {
    /// The newest touch of the path gets all.
    #[default]
    Last,
    /// The oldest touch of the path gets all.
    First,
    /// Every touch of the path gets the same.
    Linear,
    /// The first and the last touch get theirs, the others share the rest.
    Position(PositionWeights),
    /// A touch gets half as much for every half-life that it is older than the last one.
    TimeDecay {
        /// In ms, above zero.
        half_life_ms: u64,
    },
}

/// Parts of the whole by place; together they are the whole. Of a path of two the first and the last share all in their proportion, or evenly where both are zero; a path of one gets all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PositionWeights {
    /// The first touch.
    pub first: Ppm,
    /// All between the first and the last one together.
    pub middle: Ppm,
    /// The last touch.
    pub last: Ppm,
}

impl Default for PositionWeights {
    /// 40, 20, 40 percent: Matomo's (field.md 1.3).
    fn default() -> Self {
        Self { first: Ppm(400_000), middle: Ppm(200_000), last: Ppm(400_000) }
    }
}

impl PositionWeights {
    /// In whole percent; `None` where they are not a hundred together.
    #[must_use]
    pub fn of_percent([first, middle, last]: [u32; 3]) -> Option<Self> {
        let whole = first.checked_add(middle)?.checked_add(last)?;
        let ppm = |percent: u32| Ppm(percent * (PPM_WHOLE.0 / 100));
        (whole == 100).then(|| Self { first: ppm(first), middle: ppm(middle), last: ppm(last) })
    }
}

impl Model {
    /// A word for people and programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::First => "first",
            Self::Linear => "linear",
            Self::Position(_) => "position",
            Self::TimeDecay { .. } => "time_decay",
        }
    }

    /// Whether more than one touch of an order can be credited.
    #[must_use]
    pub const fn is_shared(self) -> bool {
        !matches!(self, Self::Last | Self::First)
    }
}

/// The word, and what the word alone does not say.
impl std::fmt::Display for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::Position(weights) => {
                let percent = |it: Ppm| it.0 / (PPM_WHOLE.0 / 100);
                let (first, middle, last) =
                    (percent(weights.first), percent(weights.middle), percent(weights.last));
                write!(f, " {first}-{middle}-{last}")
            }
            Self::TimeDecay { half_life_ms } => write!(f, " {}", crate::duration::show(*half_life_ms)),
            Self::Last | Self::First | Self::Linear => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_a_hundred_together() {
        assert_eq!(PositionWeights::of_percent([40, 20, 40]), Some(PositionWeights::default()));
        for wrong in [[40, 20, 39], [0, 0, 0], [u32::MAX, 1, 100], [100, 1, 0]] {
            assert_eq!(PositionWeights::of_percent(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_model_says_all_of_itself() {
        assert_eq!(Model::Position(PositionWeights::default()).to_string(), "position 40-20-40");
        assert_eq!(Model::TimeDecay { half_life_ms: 7 * units::DAY_MS }.to_string(), "time_decay 7d");
        assert_eq!(Model::default().to_string(), "last");
    }
}
