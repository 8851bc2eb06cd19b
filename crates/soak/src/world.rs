//! The program under load: which link a click follows, which clicks end in an order, and the catalog that says the same to the product.
//!
//! In: a click's number and the run's seed. Out: values that the judge works out again after the run, so that nothing has to be kept of
//! millions of clicks but whether each was answered. Start at [`World`].

use std::fmt::Write as _;

/// Partners, each with one link of the same number.
pub(crate) const PARTNERS: u64 = 40;
/// Every so many clicks one ends in an order.
pub(crate) const CLICKS_PER_ORDER: u64 = 50;
/// The shop's token.
pub(crate) const TOKEN: &str = "the-token-of-the-soak";

/// What follows from a seed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World {
    pub(crate) seed: u64,
}

impl World {
    /// The link of a click, and so the partner: 1 to [`PARTNERS`]. Every second click goes to the first, a hot link.
    pub(crate) fn link(self, number: u64) -> u64 {
        if number.is_multiple_of(2) { 1 } else { self.mixed(number) % PARTNERS + 1 }
    }

    /// Whether the visitor of a click orders.
    pub(crate) fn orders(self, number: u64) -> bool {
        self.mixed(number / CLICKS_PER_ORDER) % CLICKS_PER_ORDER == number % CLICKS_PER_ORDER
    }

    /// Splitmix64.
    fn mixed(self, number: u64) -> u64 {
        let mut value = number.wrapping_add(self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }
}

/// One shop, one offer, a link for each partner.
pub(crate) fn catalog() -> String {
    let mut text = format!(
        "[[advertiser]]\nid = 1\nname = \"Shop\"\ncurrency = \"EUR\"\ntokens = [\"{TOKEN}\"]\n\n[[offer]]\nid = 10\nadvertiser = 1\nname = \"Tea\"\n\
         destination = \"https://shop.example/?click_id={{click_id}}\"\n"
    );
    for id in 1..=PARTNERS {
        write!(
            text,
            "\n[[partner]]\nid = {id}\nname = \"Partner {id}\"\ntype = \"content\"\n\n[[link]]\nid = {id}\ncode = \"l{id}\"\npartner = {id}\noffer = 10\n"
        )
        .expect("a String takes any text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_is_followed_one_is_hot_and_each_stretch_has_one_order() {
        let world = World { seed: 3 };
        let mut clicks = vec![0; usize::try_from(PARTNERS).unwrap() + 1];
        for number in 0..10_000 {
            clicks[usize::try_from(world.link(number)).unwrap()] += 1;
        }
        assert!(clicks[1] >= 5_000 && clicks[1..].iter().all(|it| *it > 0), "{clicks:?}");
        for stretch in 0..100 {
            let numbers = stretch * CLICKS_PER_ORDER..(stretch + 1) * CLICKS_PER_ORDER;
            assert_eq!(numbers.filter(|it| world.orders(*it)).count(), 1);
        }
    }
}
