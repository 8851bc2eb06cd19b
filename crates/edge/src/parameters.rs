//! What the parameters of a click are called. One table; `report::fields` holds the reports'.
//!
//! In: a parameter's name, in any case. Out: what it means to us. The default dialect of field.md 5.2; partner and offer are the link's, so
//! their aliases are taken and not believed. Whatever is not in the table is passed on to the landing page. Start at [`meaning`].

/// What a click's parameter means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// `sub1` to `sub30`.
    Sub(u8),
    /// Label of the traffic.
    Source,
    /// The partner's own id of the click.
    PartnerClickId,
    /// Where the partner wants the visitor to land.
    DeepLink,
    /// Of the deep link: see [`crate::deep_link`].
    Signature,
    /// Of the deep link, in seconds since the Unix epoch.
    Expiry,
    /// Of the deep link.
    KeyId,
    /// The link's code, where it is not in the path (`/p.gif`).
    Link,
    /// The visit shall not count.
    NoTrack,
    /// Says what the link already says.
    Known,
    /// `utm_*` and the click ids of ad networks: recorded and passed on.
    Tag,
    /// Passed on.
    Unknown,
}

/// By lower-case name.
const NAMES: [(&str, Meaning); 46] = [
    ("source", Meaning::Source),
    ("source_id", Meaning::Source),
    ("chan", Meaning::Source),
    ("partner_click_id", Meaning::PartnerClickId),
    ("aff_click_id", Meaning::PartnerClickId),
    ("pub_click_id", Meaning::PartnerClickId),
    ("external_id", Meaning::PartnerClickId),
    ("click_id", Meaning::PartnerClickId),
    ("clickid", Meaning::PartnerClickId),
    ("url", Meaning::DeepLink),
    ("deeplink", Meaning::DeepLink),
    ("deep_link", Meaning::DeepLink),
    ("ulp", Meaning::DeepLink),
    ("ued", Meaning::DeepLink),
    ("murl", Meaning::DeepLink),
    ("desturl", Meaning::DeepLink),
    ("redir_url", Meaning::DeepLink),
    ("redirect", Meaning::DeepLink),
    ("sig", Meaning::Signature),
    ("sig_exp", Meaning::Expiry),
    ("sig_key", Meaning::KeyId),
    ("link", Meaning::Link),
    ("no-track", Meaning::NoTrack),
    ("dub-no-track", Meaning::NoTrack),
    ("partner_id", Meaning::Known),
    ("aff_id", Meaning::Known),
    ("affiliate_id", Meaning::Known),
    ("offer_id", Meaning::Known),
    ("aff_sub", Meaning::Sub(1)),
    ("subid", Meaning::Sub(1)),
    ("pubref", Meaning::Sub(1)),
    ("u1", Meaning::Sub(1)),
    ("gclid", Meaning::Tag),
    ("gbraid", Meaning::Tag),
    ("wbraid", Meaning::Tag),
    ("dclid", Meaning::Tag),
    ("fbclid", Meaning::Tag),
    ("msclkid", Meaning::Tag),
    ("ttclid", Meaning::Tag),
    ("twclid", Meaning::Tag),
    ("li_fat_id", Meaning::Tag),
    ("yclid", Meaning::Tag),
    ("epik", Meaning::Tag),
    ("rdt_cid", Meaning::Tag),
    ("irclickid", Meaning::Tag),
    ("awc", Meaning::Tag),
];

/// Numbered families: the prefix and the greatest number.
const FAMILIES: [(&str, u8); 8] = [
    ("sub", 30),
    ("subid", 3),
    ("sub_id_", 30),
    ("aff_sub", 5),
    ("s", 5),
    ("data", 5),
    ("param", 5),
    ("p", 4),
];

/// The longest name that can be in the table, in bytes.
const NAME_BYTES_MAX: usize = 32;

/// What `name` means.
pub(crate) fn meaning(name: &str) -> Meaning {
    let mut lower = [0; NAME_BYTES_MAX];
    let Some(lower) = lower.get_mut(..name.len()) else { return Meaning::Unknown };
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    // Names whose ampersand an HTML editor turned into an entity (field.md 5.3).
    let lower = lower.strip_prefix(b"amp;").unwrap_or(lower);
    if lower.starts_with(b"utm_") {
        return Meaning::Tag;
    }
    // A comparison is a call; length and first letter rule nearly all of them out.
    let may_be = |known: &[u8]| known.len() == lower.len() && known.first() == lower.first();
    let found = NAMES.iter().find(|(known, _)| may_be(known.as_bytes()) && known.as_bytes() == lower);
    if let Some((_, found)) = found {
        return *found;
    }
    let number = |(prefix, max): &(&str, u8)| {
        let digits = lower.strip_prefix(prefix.as_bytes())?;
        let number: u8 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        (!digits.starts_with(b"0") && !digits.starts_with(b"+") && (1..=*max).contains(&number))
            .then_some(number)
    };
    FAMILIES.iter().find_map(number).map_or(Meaning::Unknown, Meaning::Sub)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn the_table_of_click_parameters_is_frozen() {
        let mut text = String::new();
        let numbered =
            FAMILIES.iter().flat_map(|(prefix, max)| (1..=*max).map(move |n| format!("{prefix}{n}")));
        for name in NAMES.iter().map(|(name, _)| (*name).to_owned()).chain(numbered) {
            writeln!(text, "{name} {:?}", meaning(&name)).unwrap();
        }
        assert_eq!(text, include_str!("../tests/golden/click_parameters_v1.txt"));
    }

    #[test]
    fn names_are_read_in_any_case_and_strange_ones_passed_on() {
        let cases = [
            ("SUB7", Meaning::Sub(7)),
            ("subId3", Meaning::Sub(3)),
            ("amp;sub2", Meaning::Sub(2)),
            ("sub0", Meaning::Unknown),
            ("sub31", Meaning::Unknown),
            ("sub01", Meaning::Unknown),
            ("sub+1", Meaning::Unknown),
            ("s6", Meaning::Unknown),
            ("utm_anything", Meaning::Tag),
            ("", Meaning::Unknown),
            ("colour", Meaning::Unknown),
            ("a_name_that_is_much_longer_than_any_in_the_table", Meaning::Unknown),
        ];
        for (name, want) in cases {
            assert_eq!(meaning(name), want, "{name}");
        }
    }
}
