//! Old ids: what an id of another system stands for here, and what a broken one was probably meant to be.
//!
//! In: a dialect, what the id names, and the id as it came. Out: a number of ours, or nothing rather than a guess. An id is looked up to the letter first;
//! then, as a near miss, in any case and without punctuation at its end; where two could be meant, none is. Start at [`Catalog::resolve`].

use std::collections::HashMap;

use units::{AdvertiserId, OfferId, PartnerId};

use super::Dialect;
use crate::model::Catalog;

/// What an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AliasOf {
    /// Who sells.
    Advertiser,
    /// What is promoted.
    Offer,
    /// Who promotes.
    Partner,
    /// A partner's way to an offer.
    Link,
}

impl AliasOf {
    /// Each.
    pub const ALL: [Self; 4] = [Self::Advertiser, Self::Offer, Self::Partner, Self::Link];

    /// As a catalog's text calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Advertiser => "advertiser",
            Self::Offer => "offer",
            Self::Partner => "partner",
            Self::Link => "link",
        }
    }
}

/// The old ids of one dialect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aliases {
    /// To the letter.
    exact: HashMap<(AliasOf, Box<str>), u32>,
    /// In lower case; `None` where two that differ in case only mean different things.
    folded: HashMap<(AliasOf, Box<str>), Option<u32>>,
    /// Whether there is any, by [`AliasOf`].
    has: [bool; AliasOf::ALL.len()],
}

impl Aliases {
    /// Adds one; `false`, and nothing added, when that id has an alias already.
    pub(crate) fn insert(&mut self, what: AliasOf, old: &str, id: u32) -> bool {
        let key = (what, Box::from(old));
        if self.exact.contains_key(&key) {
            return false;
        }
        self.exact.insert(key, id);
        let folded = self.folded.entry((what, old.to_lowercase().into())).or_insert(Some(id));
        *folded = folded.filter(|it| *it == id);
        if let Some(has) = self.has.get_mut(what as usize) {
            *has = true;
        }
        true
    }

    /// Every one: what it names, the old id, ours.
    pub fn iter(&self) -> impl Iterator<Item = (AliasOf, &str, u32)> {
        self.exact.iter().map(|((what, old), id)| (*what, &**old, *id))
    }

    fn has(&self, what: AliasOf) -> bool {
        self.has.get(what as usize).copied().unwrap_or(false)
    }
}

/// What an old id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// Our number.
    pub id: u32,
    /// Not what it says to the letter.
    pub is_near: bool,
}

impl Catalog {
    /// What an id stands for in a dialect. Without an alias for it, a link's id is a code of ours; another id is a number of ours only where the dialect has
    /// no alias of that kind at all: 2002 of the other system must not become 2002 of this one because its alias was forgotten.
    #[must_use]
    pub fn resolve(&self, dialect: &Dialect, what: AliasOf, text: &str) -> Option<Resolved> {
        let text = text.trim();
        let exactly =
            |text: &str| Some(Resolved { id: self.to_the_letter(dialect, what, text)?, is_near: false });
        let nearly = |text: &str| {
            let key = (what, text.to_lowercase().into());
            let folded = || dialect.aliases.folded.get(&key).copied().flatten();
            let id = self.to_the_letter(dialect, what, text).or_else(folded)?;
            Some(Resolved { id, is_near: true })
        };
        exactly(text).or_else(|| nearly(text)).or_else(|| nearly(without_tail(text)?))
    }

    fn to_the_letter(&self, dialect: &Dialect, what: AliasOf, text: &str) -> Option<u32> {
        if let Some(id) = dialect.aliases.exact.get(&(what, text.into())) {
            return Some(*id);
        }
        if what == AliasOf::Link {
            return self.link_by_code(text).map(|it| it.id.0);
        }
        let is_number = !text.starts_with('0') && text.bytes().all(|it| it.is_ascii_digit());
        let id: u32 = text.parse().ok().filter(|_| is_number && !dialect.aliases.has(what))?;
        let is_there = match what {
            AliasOf::Advertiser => self.advertisers.contains_key(&AdvertiserId(id)),
            AliasOf::Offer => self.offers.contains_key(&OfferId(id)),
            AliasOf::Partner => self.partners.contains_key(&PartnerId(id)),
            AliasOf::Link => false,
        };
        is_there.then_some(id)
    }
}

/// An id without what mail programs and people leave at its end; `None` where nothing is left there, or nothing else.
#[must_use]
pub fn without_tail(text: &str) -> Option<&str> {
    let is_tail =
        |it: char| it.is_whitespace() || ".,;:!?)]}>'\"_-~*\u{2019}\u{201d}\u{bb}\u{2026}".contains(it);
    let kept = text.trim_end_matches(is_tail);
    (!kept.is_empty() && kept.len() < text.len()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> (Catalog, Dialect) {
        let text = "[[advertiser]]\nid = 1\nname = \"A\"\n[[offer]]\nid = 7\nadvertiser = 1\nname = \"O\"\ndestination = \"https://shop.example/\"\n[[partner]]\nid = 2002\nname = \"P\"\n[[partner]]\nid = 3\nname = \"Q\"\n[[link]]\nid = 5\ncode = \"tea.x\"\npartner = 3\noffer = 7\n";
        let catalog = crate::parse(&[("a.toml", text)]).unwrap();
        let mut dialect = Dialect::default();
        assert!(dialect.aliases.insert(AliasOf::Partner, "AbC", 3));
        assert!(dialect.aliases.insert(AliasOf::Link, "Spring-Sale", 5));
        assert!(dialect.aliases.insert(AliasOf::Link, "two", 5));
        assert!(dialect.aliases.insert(AliasOf::Link, "TWO", 6));
        assert!(!dialect.aliases.insert(AliasOf::Link, "two", 6));
        (catalog, dialect)
    }

    #[test]
    fn an_old_id_stands_for_one_of_ours_or_for_nothing() {
        let (catalog, dialect) = world();
        let cases = [
            ("to the letter", AliasOf::Partner, "AbC", Some((3, false))),
            ("in another case", AliasOf::Partner, "abc", Some((3, true))),
            ("with a full stop", AliasOf::Partner, "AbC.", Some((3, true))),
            ("another case and a bracket", AliasOf::Partner, "ABC).", Some((3, true))),
            ("a number of ours, though partners have aliases", AliasOf::Partner, "2002", None),
            ("a number of ours, where offers have none", AliasOf::Offer, "7", Some((7, false))),
            ("a number of nobody", AliasOf::Offer, "8", None),
            ("a number with a sign", AliasOf::Offer, "+7", None),
            ("a number with a nought", AliasOf::Offer, "07", None),
            ("a link's alias", AliasOf::Link, "Spring-Sale", Some((5, false))),
            ("a code of ours", AliasOf::Link, "TEA.X", Some((5, false))),
            ("a code of ours with a tail", AliasOf::Link, "tea.x,", Some((5, true))),
            ("one of two that differ in case", AliasOf::Link, "TWO", Some((6, false))),
            ("neither of the two", AliasOf::Link, "Two", None),
            ("nothing but a tail", AliasOf::Link, "...", None),
        ];
        for (name, what, text, want) in cases {
            let found = catalog.resolve(&dialect, what, text).map(|it| (it.id, it.is_near));
            assert_eq!(found, want, "{name}");
        }
    }
}
