//! Which key of an order is weighed before which.
//!
//! In: the words of the catalog. Out: [`Precedence`], a place for each key that may earn. Not here: whom a key finds (`attribution`). Start at
//! [`Key`].

use std::fmt;

/// How a partner can come to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A reported coupon with `exclusive = true`.
    ExclusiveCoupon,
    /// A click: by a click id or of a visitor that a report names.
    Click,
    /// Any other reported coupon.
    Coupon,
    /// The partner to whom the customer is bound.
    Customer,
    /// A partner whom a report names.
    Partner,
    /// A view.
    View,
}

impl Key {
    /// All, each at its built-in place: a coupon that one partner alone has says more than a click, a click more than a coupon that everybody may
    /// find (Commission Factory's order, field.md 1.4).
    pub const ALL: [Self; 6] =
        [Self::ExclusiveCoupon, Self::Click, Self::Coupon, Self::Customer, Self::Partner, Self::View];

    /// The word in a catalog's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExclusiveCoupon => "exclusive_coupon",
            Self::Click => "click",
            Self::Coupon => "coupon",
            Self::Customer => "customer",
            Self::Partner => "partner",
            Self::View => "view",
        }
    }

    /// By what it finds somebody, in words.
    #[must_use]
    pub const fn found_by(self) -> &'static str {
        match self {
            Self::ExclusiveCoupon => "a reported coupon with `exclusive = true`",
            Self::Coupon => "any other reported coupon",
            Self::Customer => "earlier orders of the customer",
            Self::Partner => "a partner named by the report",
            Self::Click | Self::View => "a reported click id or visitor",
        }
    }

    /// Who may earn by it, in words; what a window or rule adds to that is not in it.
    #[must_use]
    pub const fn candidates(self) -> &'static str {
        match self {
            Self::ExclusiveCoupon | Self::Coupon => "its holder at the order's time",
            Self::Click => "clicks",
            Self::Customer => "whom he is bound to",
            Self::Partner => "that partner, if he promotes the advertiser then",
            Self::View => "views",
        }
    }

    /// Whether it finds touches, which are shared among by the model. By others one partner takes all.
    #[must_use]
    pub const fn finds_touches(self) -> bool {
        matches!(self, Self::Click | Self::View)
    }
}

/// Places of keys. A key that is left out is off and keeps its built-in place, so that what one offer or partner leaves out moves no other key:
/// places of different partners are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Precedence {
    places: [Option<Key>; Key::ALL.len()],
}

impl Default for Precedence {
    fn default() -> Self {
        Self::BUILT_IN
    }
}

impl Precedence {
    /// Every key at its built-in place. A constant, since the rules of every touch of every order begin with it.
    const BUILT_IN: Self = {
        let [first, second, third, fourth, fifth, last] = Key::ALL;
        Self { places: [Some(first), Some(second), Some(third), Some(fourth), Some(fifth), Some(last)] }
    };

    /// `keys` in this order; `None` where one is there twice, or none at all.
    #[must_use]
    pub fn of(keys: &[Key]) -> Option<Self> {
        let repeats = |(index, key): (usize, &Key)| keys.iter().skip(index + 1).any(|it| it == key);
        if keys.is_empty() || keys.iter().enumerate().any(repeats) {
            return None;
        }
        let mut named = keys.iter().copied();
        Some(Self { places: Key::ALL.map(|key| if keys.contains(&key) { named.next() } else { None }) })
    }

    /// Its place from 0: the lowest decides. `None`: it is off.
    #[must_use]
    pub fn rank(&self, key: Key) -> Option<u8> {
        let place = self.places.iter().position(|it| *it == Some(key))?;
        u8::try_from(place).ok()
    }

    /// Those that are on, first the one that is weighed first.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.places.into_iter().flatten()
    }
}

impl fmt::Display for Precedence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, key) in self.keys().enumerate() {
            let between = if index == 0 { "" } else { ", " };
            write!(f, "{between}{}", key.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_left_out_moves_no_other() {
        let ranks = |keys: &[Key]| {
            let of = Precedence::of(keys).expect("no key twice");
            Key::ALL.map(|key| of.rank(key))
        };
        assert_eq!(ranks(&[Key::Click]), [None, Some(1), None, None, None, None]);
        assert_eq!(ranks(&[Key::Coupon, Key::Click]), [None, Some(2), Some(1), None, None, None]);
        assert_eq!(
            ranks(&[Key::View, Key::ExclusiveCoupon, Key::Click, Key::Partner]),
            [Some(1), Some(4), None, None, Some(5), Some(0)]
        );
        assert_eq!(Precedence::of(&Key::ALL), Some(Precedence::default()));
        assert_eq!(Key::ALL.map(|key| Precedence::default().rank(key)).iter().flatten().count(), 6);
    }

    #[test]
    fn a_key_twice_or_none_is_no_order() {
        assert_eq!(Precedence::of(&[]), None);
        assert_eq!(Precedence::of(&[Key::Click, Key::View, Key::Click]), None);
        assert_eq!(
            Precedence::default().to_string(),
            "exclusive_coupon, click, coupon, customer, partner, view"
        );
    }
}
