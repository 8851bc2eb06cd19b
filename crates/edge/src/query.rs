//! A click's query, read once: what the partner says of it, and what goes on to the landing page.
//!
//! In: the raw query. Out: [`Parameters`], decoded, each text cut to its limit, all of them together to [`TEXT_BYTES_MAX`], so that the
//! click's record always fits a frame (fault 54). Bytes that are not UTF-8 are replaced. Not here: names (`parameters`), URLs (`landing`).

use std::borrow::Cow;

use smallvec::SmallVec;
use url::form_urlencoded;

use crate::{
    literal::is_unexpanded,
    parameters::{Meaning, meaning},
};

/// Parameters of one request that are read; further ones are ignored.
pub(crate) const PARAMETERS_MAX: usize = 100;
/// Longest text of a record, in bytes (Affise takes 255 for a sub).
pub(crate) const TEXT_BYTES_MAX_EACH: usize = 255;
/// All that a partner says in a record together, in bytes: with a deep link of 2 KiB, the hosts and the front below a frame's 8 KiB.
pub(crate) const TEXT_BYTES_MAX: usize = 5 * 1024;
/// `utm_*` and ad click ids kept in a record.
pub(crate) const TAGS_MAX: usize = 24;
/// Subs, and as many other parameters, that are kept without an allocation: links carry two or three.
const INLINE: usize = 4;

/// A name and its value.
pub(crate) type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// What the query says.
#[derive(Debug, Default)]
pub(crate) struct Parameters<'a> {
    pub(crate) link: Cow<'a, str>,
    /// Ascending by number.
    pub(crate) subs: SmallVec<[(u8, Cow<'a, str>); INLINE]>,
    pub(crate) source: Cow<'a, str>,
    pub(crate) partner_click_id: Cow<'a, str>,
    pub(crate) deep_link: Cow<'a, str>,
    pub(crate) signature: Cow<'a, str>,
    pub(crate) expiry: Cow<'a, str>,
    pub(crate) key_id: Cow<'a, str>,
    pub(crate) no_track: bool,
    pub(crate) tags: SmallVec<[Pair<'a>; INLINE]>,
    /// Tags too: passed on to the landing page, whole.
    pub(crate) passed: SmallVec<[Pair<'a>; INLINE]>,
    /// Something was cut or dropped.
    pub(crate) truncated: bool,
    budget_left: usize,
}

impl<'a> Parameters<'a> {
    pub(crate) fn parse(query: &'a str) -> Self {
        let mut read = Self { budget_left: TEXT_BYTES_MAX, ..Self::default() };
        let mut pairs = pairs(query);
        for (name, value) in pairs.by_ref().take(PARAMETERS_MAX) {
            read.take(meaning(&name), name, value);
        }
        read.truncated |= pairs.next().is_some();
        read.finished()
    }

    /// What values say whose meaning was found already; those that count before others come first.
    pub(crate) fn of(values: Vec<(Meaning, Pair<'a>)>) -> Self {
        let mut read = Self { budget_left: TEXT_BYTES_MAX, ..Self::default() };
        read.truncated = values.len() > PARAMETERS_MAX;
        for (meaning, (name, value)) in values.into_iter().take(PARAMETERS_MAX) {
            read.take(meaning, name, value);
        }
        read.finished()
    }

    fn finished(mut self) -> Self {
        let read = &mut self;
        read.subs.sort_by_key(|(number, _)| *number);
        if read.source.is_empty()
            && let Some((_, value)) = read.tags.iter().find(|(name, _)| name == "utm_source")
        {
            read.source.clone_from(value);
        }
        self
    }

    /// The first of several equal names wins, so that nobody can overrule a link by appending to it.
    fn take(&mut self, meaning: Meaning, name: Cow<'a, str>, value: Cow<'a, str>) {
        match meaning {
            Meaning::Sub(number) if !value.is_empty() && self.subs.iter().all(|(n, _)| *n != number) => {
                let value = self.kept(value);
                self.subs.push((number, value));
            }
            Meaning::Source if self.source.is_empty() => self.source = self.kept(value),
            // Taken at its word, a macro that was not filled in would be one click id for many clicks.
            Meaning::PartnerClickId if self.partner_click_id.is_empty() && !is_unexpanded(&value) => {
                self.partner_click_id = self.kept(value);
            }
            Meaning::Tag => {
                if self.tags.len() < TAGS_MAX {
                    let tag = (self.kept(name.clone()), self.kept(value.clone()));
                    self.tags.push(tag);
                } else {
                    self.truncated = true;
                }
                self.passed.push((name, value));
            }
            Meaning::DeepLink if self.deep_link.is_empty() => self.deep_link = value,
            Meaning::Signature if self.signature.is_empty() => self.signature = value,
            Meaning::Expiry if self.expiry.is_empty() => self.expiry = value,
            Meaning::KeyId if self.key_id.is_empty() => self.key_id = value,
            Meaning::Link if self.link.is_empty() => self.link = value,
            Meaning::NoTrack => self.no_track = true,
            Meaning::Unknown if !name.is_empty() => self.passed.push((name, value)),
            _ => {}
        }
    }

    /// `value` cut to its own limit and to what is left of the record's.
    fn kept(&mut self, value: Cow<'a, str>) -> Cow<'a, str> {
        let max = TEXT_BYTES_MAX_EACH.min(self.budget_left);
        let kept = if value.len() > max {
            self.truncated = true;
            cut(value, max)
        } else {
            value
        };
        self.budget_left -= kept.len();
        kept
    }
}

/// Whether a pixel's query names a link: then it is a view, else a conversion.
pub(crate) fn names_a_link(query: &str) -> bool {
    pairs(query)
        .take(PARAMETERS_MAX)
        .any(|(name, value)| meaning(&name) == Meaning::Link && !value.is_empty())
}

/// The query's pairs, decoded as a form's. Most stand there as they are meant, and are borrowed.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = Pair<'_>> {
    query.split('&').filter(|it| !it.is_empty()).map(|piece| {
        // Without an early end this is a few wide comparisons.
        let is_encoded = piece.bytes().fold(false, |found, byte| found | matches!(byte, b'%' | b'+'));
        if is_encoded {
            return form_urlencoded::parse(piece.as_bytes()).next().unwrap_or_default();
        }
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        (Cow::Borrowed(name), Cow::Borrowed(value))
    })
}

fn cut(value: Cow<'_, str>, bytes_max: usize) -> Cow<'_, str> {
    let end = value.floor_char_boundary(bytes_max);
    match value {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(..end).unwrap_or("")),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_partners_words_are_kept_and_the_rest_passed_on() {
        let read = Parameters::parse(
            "sub2=b&aff_sub=a&sub1=late&utm_source=mail&color=red&clickid=%7Bclickid%7D&external_id=p%2B1&url=https%3A%2F%2Fx&gclid=g&aff_id=9",
        );
        assert_eq!(read.subs.as_slice(), [(1, Cow::from("a")), (2, Cow::from("b"))]);
        assert_eq!((&*read.source, &*read.partner_click_id, &*read.deep_link), ("mail", "p+1", "https://x"));
        let passed: Vec<_> = read.passed.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(passed, ["utm_source=mail", "color=red", "gclid=g"]);
        assert_eq!(read.tags.len(), 2);
    }

    #[test]
    fn many_parameters_are_cut_not_refused() {
        let query = (0..200).map(|n| format!("utm_{n}={}", "x".repeat(40))).collect::<Vec<_>>().join("&");
        let read = Parameters::parse(&query);
        assert!(read.truncated);
        assert_eq!((read.tags.len(), read.passed.len()), (TAGS_MAX, PARAMETERS_MAX));
    }

    proptest! {
        #[test]
        fn pairs_are_a_forms(query in "[a-c%=&+20éf]{0,40}") {
            let want: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
            prop_assert_eq!(pairs(&query).collect::<Vec<_>>(), want);
        }

        #[test]
        fn texts_never_exceed_the_records_budget(query in "(sub[0-9]{1,2}|utm_[a-z]|source|x)=[%0-9a-fé+&]{0,700}(&(sub[0-9]{1,2}|utm_[a-z])=[%F\u{fffd}]{0,900}){0,40}") {
            let read = Parameters::parse(&query);
            let pairs: usize = read.tags.iter().map(|(name, value)| name.len() + value.len()).sum();
            let subs: usize = read.subs.iter().map(|(_, value)| value.len()).sum();
            prop_assert!(pairs + subs + read.partner_click_id.len() <= TEXT_BYTES_MAX);
            prop_assert!(read.subs.iter().all(|(_, value)| value.len() <= TEXT_BYTES_MAX_EACH));
        }
    }
}
