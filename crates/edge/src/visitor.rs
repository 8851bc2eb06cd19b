//! Who a browser is: the visitor id, and the cookie that carries it.
//!
//! In: the `Cookie` header. Out: the visitor's id, or that there is none; for a new visitor the `Set-Cookie` value. The id is signed, so that
//! nobody can put himself into another's timeline by choosing a number. Not here: whether an id may be kept at all (`events::Consent`).

use subtle::ConstantTimeEq;
use units::VisitorId;

/// The cookie's name. First-party, on the tracking domain.
pub(crate) const COOKIE_NAME: &str = "tvid";
/// It lasts a year, in seconds: the most that browsers take (400 days), rounded to what people expect.
const COOKIE_ATTRIBUTES: &str = "; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax";
/// Bytes of cookies that are searched; browsers send at most 4 KiB per cookie.
const COOKIE_BYTES_MAX: usize = 8 * 1024;
const HEX_CHARS: usize = 16;
const CONTEXT: &str = "tributary visitor cookie v1";

/// Signs and checks visitor cookies.
#[derive(Clone)]
pub(crate) struct VisitorCookies {
    key: [u8; 32],
}

impl std::fmt::Debug for VisitorCookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VisitorCookies(***)")
    }
}

impl VisitorCookies {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self { key: blake3::derive_key(CONTEXT, secret) }
    }

    /// The visitor of the first cookie of ours that we signed.
    pub(crate) fn read<'a>(&self, lines: impl Iterator<Item = &'a [u8]>) -> Option<VisitorId> {
        let mut pairs = lines
            .map(|line| line.get(..COOKIE_BYTES_MAX).unwrap_or(line))
            .flat_map(|line| line.split(|byte| *byte == b';'));
        pairs.find_map(|pair| {
            let value = pair.trim_ascii().strip_prefix(COOKIE_NAME.as_bytes())?.strip_prefix(b"=")?;
            self.check(value)
        })
    }

    fn check(&self, value: &[u8]) -> Option<VisitorId> {
        let text = std::str::from_utf8(value).ok().filter(|it| it.len() == 2 * HEX_CHARS)?;
        let (id, mac) = text.split_at_checked(HEX_CHARS)?;
        // `from_str_radix` takes a sign too; we never write one.
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let visitor = VisitorId(u64::from_str_radix(id, 16).ok().filter(|_| is_hex)?);
        let mac = u64::from_str_radix(mac, 16).ok()?;
        bool::from(self.mac(visitor).ct_eq(&mac)).then_some(visitor)
    }

    /// The value of `Set-Cookie`.
    pub(crate) fn set_cookie(&self, visitor: VisitorId, is_https: bool) -> String {
        let digits = hex(visitor.0).into_iter().chain(hex(self.mac(visitor))).map(char::from);
        let mut text = String::with_capacity(128);
        text.push_str(COOKIE_NAME);
        text.push('=');
        text.extend(digits);
        text.push_str(COOKIE_ATTRIBUTES);
        if is_https {
            text.push_str("; Secure");
        }
        text
    }

    fn mac(&self, visitor: VisitorId) -> u64 {
        let hash = blake3::keyed_hash(&self.key, &visitor.0.to_be_bytes());
        hash.as_bytes().first_chunk().copied().map_or(0, u64::from_be_bytes)
    }
}

/// Sixteen digits, without the machinery of formatting: new visitors are most visitors.
fn hex(value: u64) -> [u8; HEX_CHARS] {
    let mut digits = [0; HEX_CHARS];
    for (place, digit) in digits.iter_mut().enumerate() {
        let nibble = u8::try_from(value >> (60 - 4 * place) & 15).unwrap_or(0);
        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    }
    digits
}

/// A stream of random ids for one thread: 64 bits of a keyed hash of a counter, eight at a time.
#[derive(Debug)]
pub(crate) struct VisitorIds {
    key: [u8; 32],
    counter: u64,
    ready: Vec<u64>,
}

impl VisitorIds {
    /// `seed` must be random and differ between threads.
    pub(crate) const fn new(seed: [u8; 32]) -> Self {
        Self { key: seed, counter: 0, ready: Vec::new() }
    }

    /// Never 0, which is "nobody".
    pub(crate) fn next_id(&mut self) -> VisitorId {
        loop {
            match self.ready.pop() {
                Some(0) => {}
                Some(id) => return VisitorId(id),
                None => self.refill(),
            }
        }
    }

    fn refill(&mut self) {
        let mut block = [0; 64];
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&self.counter.to_be_bytes());
        hasher.finalize_xof().fill(&mut block);
        self.counter += 1;
        let (words, _) = block.as_chunks::<8>();
        self.ready.extend(words.iter().map(|word| u64::from_be_bytes(*word)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies() -> VisitorCookies {
        VisitorCookies::new(b"a secret of the tests")
    }

    fn read(header: &str) -> Option<VisitorId> {
        cookies().read([header.as_bytes()].into_iter())
    }

    #[test]
    fn the_cookie_is_frozen() {
        let text = cookies().set_cookie(VisitorId(0x0123_4567_89ab_cdef), true);
        assert_eq!(text, include_str!("../tests/golden/set_cookie_v1.txt").trim());
    }

    #[test]
    fn our_cookie_is_found_among_others() {
        let set = cookies().set_cookie(VisitorId(77), false);
        let ours = set.split(';').next().unwrap();
        for header in [
            ours.to_owned(),
            format!("a=b; {ours}; c=d"),
            format!("tvid=nonsense; {ours}"),
            format!(" {ours} "),
        ] {
            assert_eq!(read(&header), Some(VisitorId(77)), "{header}");
        }
        assert!(!set.contains("Secure"), "without https the browser would drop it");
    }

    #[test]
    fn a_chosen_visitor_is_refused() {
        let set = cookies().set_cookie(VisitorId(77), false);
        let ours = set.split(';').next().unwrap();
        let other = ours.replacen("004d", "004e", 1);
        let strange = [
            "",
            "tvid=",
            "tvid=0000000000000001",
            "tvid=+00000000000000100000000000000ff",
            "xtvid=1",
            &other,
        ];
        for header in strange {
            assert_eq!(read(header), None, "{header}");
        }
    }

    #[test]
    fn ids_differ_and_are_never_nobody() {
        let mut ids = VisitorIds::new([1; 32]);
        let many: std::collections::BTreeSet<_> = (0..1000).map(|_| ids.next_id()).collect();
        assert_eq!(many.len(), 1000);
        assert!(!many.contains(&VisitorId(0)));
    }
}
