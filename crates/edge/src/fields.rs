//! The fields of a request's head that a click is about, found in one pass.
//!
//! In: names and values, as they came or as hyper keeps them. Out: [`Fields`], borrowed. Where a field may stand once, its first line counts. Not
//! here: what a value means (`http`). Start at [`Fields::gather`].

use smallvec::SmallVec;

/// Lines of one field. Several of them are rare.
type Lines<'a> = SmallVec<[&'a [u8]; 2]>;

/// What a head says.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    pub(crate) hosts: Lines<'a>,
    pub(crate) cookies: Lines<'a>,
    pub(crate) forwarded_for: Lines<'a>,
    pub(crate) forwarded_proto: Option<&'a [u8]>,
    pub(crate) user_agent: Option<&'a [u8]>,
    pub(crate) referrer: Option<&'a [u8]>,
    pub(crate) gpc: Option<&'a [u8]>,
    pub(crate) dnt: Option<&'a [u8]>,
    /// `X-Tributary-At`
    pub(crate) at: Option<&'a [u8]>,
    /// Of the header that the settings name.
    pub(crate) country: Option<&'a [u8]>,
    pub(crate) connection: Option<&'a [u8]>,
    /// Something stands there that changes what follows the head, how the connection goes on, or what kind of load this is.
    pub(crate) is_special: bool,
}

impl<'a> Fields<'a> {
    /// `country_name` is the header of the visitor's country, in lower case.
    pub(crate) fn gather<'n>(
        lines: impl Iterator<Item = (&'n [u8], &'a [u8])>,
        country_name: Option<&str>,
    ) -> Self {
        let mut fields = Self::default();
        for (name, value) in lines {
            fields.take(name, value);
            if country_name.is_some_and(|it| name.eq_ignore_ascii_case(it.as_bytes())) {
                fields.country.get_or_insert(value);
            }
        }
        fields
    }

    /// Length and first letter leave one name to compare with.
    fn take(&mut self, name: &[u8], value: &'a [u8]) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let first = name.first().map_or(0, u8::to_ascii_lowercase);
        match (name.len(), first) {
            (4, b'h') if is("host") => self.hosts.push(value),
            (6, b'c') if is("cookie") => self.cookies.push(value),
            (15, b'x') if is("x-forwarded-for") => self.forwarded_for.push(value),
            (17, b'x') if is("x-forwarded-proto") => keep(&mut self.forwarded_proto, value),
            (10, b'u') if is("user-agent") => keep(&mut self.user_agent, value),
            (7, b'r') if is("referer") => keep(&mut self.referrer, value),
            (7, b's') if is("sec-gpc") => keep(&mut self.gpc, value),
            (3, b'd') if is("dnt") => keep(&mut self.dnt, value),
            (14, b'x') if is("x-tributary-at") => keep(&mut self.at, value),
            // Two lines of it may contradict one another.
            (10, b'c') if is("connection") => {
                self.is_special |= self.connection.replace(value).is_some();
            }
            (14, b'c') => self.is_special |= is("content-length"),
            (17, b't') => self.is_special |= is("transfer-encoding"),
            (7, b'u') => self.is_special |= is("upgrade"),
            (6, b'e') => self.is_special |= is("expect"),
            (7, b'p') => self.is_special |= is("purpose"),
            (5, b'x') => self.is_special |= is("x-moz"),
            (9, b'x') => self.is_special |= is("x-purpose"),
            (11, b's') => self.is_special |= is("sec-purpose"),
            _ => {}
        }
    }
}

fn keep<'a>(place: &mut Option<&'a [u8]>, value: &'a [u8]) {
    place.get_or_insert(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered<'a>(lines: &[(&'a str, &'a str)]) -> Fields<'a> {
        let lines = lines.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        Fields::gather(lines, Some("cf-ipcountry"))
    }

    #[test]
    fn the_first_line_counts_and_lists_are_kept_whole() {
        let fields = gathered(&[
            ("HOST", "a"),
            ("User-Agent", "first"),
            ("user-agent", "second"),
            ("Cookie", "a=b"),
            ("cookie", "c=d"),
            ("CF-IPCountry", "DE"),
            ("cf-ipcountry", "FR"),
            ("Accept", "*/*"),
        ]);
        assert_eq!(fields.user_agent, Some(&b"first"[..]));
        assert_eq!(fields.cookies.as_slice(), [b"a=b", b"c=d"]);
        assert_eq!((fields.hosts.len(), fields.country), (1, Some(&b"DE"[..])));
        assert!(!fields.is_special);
    }

    #[test]
    fn whatever_changes_the_rest_of_the_connection_is_special() {
        let special = [
            "Content-Length",
            "TRANSFER-ENCODING",
            "upgrade",
            "Expect",
            "Purpose",
            "X-Moz",
            "X-Purpose",
            "Sec-Purpose",
        ];
        for name in special {
            assert!(gathered(&[("Host", "a"), (name, "")]).is_special, "{name}");
        }
        assert!(gathered(&[("Connection", "close"), ("Connection", "keep-alive")]).is_special);
        for name in ["Accept", "X-Other", "Pragma", "Refresh", "TE", "Sec-Fetch-Mode", "Hoax", "X-Mob"] {
            assert!(!gathered(&[(name, "")]).is_special, "{name}");
        }
    }
}
