//! Where a request comes from, and how little of that is kept.
//!
//! In: the peer's address, `X-Forwarded-For`, the proxies we trust. Out: the client's address, its prefix for the record (/24, /48) and a keyed
//! hash for duplicates. The whole address reaches no disk. Start at [`client`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use events::{Country, IpPrefix};
use units::{DAY_MS, EpochMs};

/// A block of addresses, such as `10.0.0.0/8` or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    bits: u128,
    prefix: u8,
}

/// Why text is not a block of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an address or a block such as 10.0.0.0/8")]
pub struct NetworkError {
    /// As given.
    pub text: String,
}

impl std::str::FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let error = || NetworkError { text: text.to_owned() };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().map_err(|_| error())?)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| error())?;
        let (own_bits, offset) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
        let prefix = prefix.unwrap_or(own_bits);
        if prefix > own_bits {
            return Err(error());
        }
        let prefix = prefix + offset;
        Ok(Self { bits: as_bits(address) & mask(prefix), prefix })
    }
}

impl Network {
    /// Whether it holds `address`; an IPv4 address mapped into IPv6 is the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        as_bits(address) & mask(self.prefix) == self.bits
    }
}

/// Who is counted as one peer: an IPv4 address, or the /64 that an IPv6 subscriber is given.
pub(crate) fn household(address: IpAddr) -> u128 {
    match address.to_canonical() {
        v4 @ IpAddr::V4(_) => as_bits(v4),
        v6 @ IpAddr::V6(_) => as_bits(v6) & mask(64),
    }
}

fn as_bits(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

const fn mask(prefix: u8) -> u128 {
    if prefix == 0 { 0 } else { u128::MAX << (128 - prefix) }
}

/// Addresses of `X-Forwarded-For` that are read, from the right: nobody has more proxies of his own.
const FORWARDED_MAX: usize = 16;

/// The client: the peer, or, if that is a proxy we trust, the right-most address in `forwarded` that is not. What stands further to the left
/// is the client's own word and is not believed.
pub(crate) fn client<'a>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a [u8]>,
    trusted: &[Network],
) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|it| it.contains(address));
    let mut client = peer.to_canonical();
    let hops = forwarded.rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
    for hop in hops.take(FORWARDED_MAX) {
        if !is_trusted(client) {
            break;
        }
        // A trusted proxy that names no address hides who is before it: the proxy itself is all we know.
        let Some(address) = address_in(hop) else { break };
        client = address;
    }
    client
}

/// An address with or without a port, brackets or blanks.
fn address_in(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let address = text.parse::<IpAddr>().ok().or_else(|| {
        text.parse::<std::net::SocketAddr>().ok().map(|it| it.ip()).or_else(|| {
            text.strip_prefix('[').and_then(|it| it.strip_suffix(']')).and_then(|it| it.parse().ok())
        })
    })?;
    Some(address.to_canonical())
}

/// Whether an address names a network of the internet. All visitors behind a proxy that nobody declared share its private address, so such an
/// address tells nobody apart and is not kept.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || is_shared)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    !(address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local())
}

/// A country as a proxy writes it: two letters, in any case. What proxies write for "not known" (`XX`, `T1` for Tor) is not a country.
pub(crate) fn country(text: &[u8]) -> Country {
    match text.trim_ascii() {
        [b'X' | b'x', b'X' | b'x'] => Country::UNKNOWN,
        [first, second] if first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
            Country([first.to_ascii_uppercase(), second.to_ascii_uppercase()])
        }
        _ => Country::UNKNOWN,
    }
}

/// The prefix that may be stored.
pub(crate) fn prefix(address: IpAddr) -> IpPrefix {
    if !is_public(address) {
        return IpPrefix::None;
    }
    match address.to_canonical() {
        IpAddr::V4(v4) => IpPrefix::V4(v4.octets().first_chunk().copied().unwrap_or_default()),
        IpAddr::V6(v6) => IpPrefix::V6(v6.octets().first_chunk().copied().unwrap_or_default()),
    }
}

/// Hashes addresses under a key of the day. The secret lives in memory only, so that yesterday's hashes cannot be undone once the process ends.
#[derive(Debug, Clone)]
pub(crate) struct AddressHasher {
    secret: [u8; 32],
    day: u64,
    key: [u8; 32],
}

impl AddressHasher {
    pub(crate) fn new(secret: [u8; 32]) -> Self {
        Self { secret, day: 0, key: day_key(&secret, 0) }
    }

    /// Never 0 for a public address; 0 for any other.
    pub(crate) fn hash(&mut self, address: IpAddr, now: EpochMs) -> u64 {
        if !is_public(address) {
            return 0;
        }
        let day = now.0 / DAY_MS;
        if day != self.day {
            (self.day, self.key) = (day, day_key(&self.secret, day));
        }
        let hash = blake3::keyed_hash(&self.key, &as_bits(address).to_be_bytes());
        let first = hash.as_bytes().first_chunk().copied().map_or(1, u64::from_be_bytes);
        first.max(1)
    }
}

fn day_key(secret: &[u8; 32], day: u64) -> [u8; 32] {
    *blake3::keyed_hash(secret, &day.to_be_bytes()).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(peer: &str, forwarded: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let lines = forwarded.iter().map(|it| it.as_bytes());
        client(peer.parse().unwrap(), lines, &trusted).to_string()
    }

    // fault 27
    #[test]
    fn a_forged_forwarding_header_is_believed_only_from_a_trusted_proxy() {
        let cases: [(&str, &str, &[&str], &str); 8] = [
            ("no proxy", "203.0.113.7", &[], "203.0.113.7"),
            ("a client's own word", "203.0.113.7", &["198.51.100.1"], "203.0.113.7"),
            ("a trusted proxy", "10.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            ("a forged hop left of the true one", "10.0.0.1", &["1.1.1.1, 203.0.113.7"], "203.0.113.7"),
            ("two trusted proxies", "10.0.0.1", &["1.1.1.1, 203.0.113.7, 10.9.9.9"], "203.0.113.7"),
            ("two lines", "10.0.0.1", &["1.1.1.1", "203.0.113.7"], "203.0.113.7"),
            ("a word instead of an address", "10.0.0.1", &["unknown"], "10.0.0.1"),
            (
                "an address with a port, over mapped IPv6",
                "::ffff:10.0.0.1",
                &["203.0.113.7:4711"],
                "203.0.113.7",
            ),
        ];
        for (name, peer, forwarded, want) in cases {
            assert_eq!(found(peer, forwarded), want, "{name}");
        }
    }

    #[test]
    fn only_a_prefix_of_a_public_address_is_kept() {
        let cases = [
            ("203.0.113.7", IpPrefix::V4([203, 0, 113])),
            ("::ffff:203.0.113.7", IpPrefix::V4([203, 0, 113])),
            ("2001:db8:1:2:3::4", IpPrefix::V6([0x20, 0x01, 0x0d, 0xb8, 0, 1])),
            ("127.0.0.1", IpPrefix::None),
            ("192.168.1.1", IpPrefix::None),
            ("fd00::1", IpPrefix::None),
        ];
        for (address, want) in cases {
            assert_eq!(prefix(address.parse().unwrap()), want, "{address}");
        }
    }

    #[test]
    fn the_hash_of_an_address_changes_with_the_day_and_the_secret() {
        let address = "203.0.113.7".parse().unwrap();
        let mut hasher = AddressHasher::new([7; 32]);
        let today = hasher.hash(address, EpochMs(5 * DAY_MS));
        assert_eq!(hasher.hash(address, EpochMs(6 * DAY_MS - 1)), today);
        assert_ne!(hasher.hash(address, EpochMs(6 * DAY_MS)), today);
        assert_ne!(AddressHasher::new([8; 32]).hash(address, EpochMs(5 * DAY_MS)), today);
        assert_eq!(hasher.hash("127.0.0.1".parse().unwrap(), EpochMs(0)), 0);
    }

    #[test]
    fn a_country_is_two_letters_and_nothing_else() {
        let cases: [(&[u8], &str); 8] = [
            (b"DE", "DE"),
            (b" de ", "DE"),
            (b"XX", "ZZ"),
            (b"T1", "ZZ"),
            (b"", "ZZ"),
            (b"DEU", "ZZ"),
            (b"D\xff", "ZZ"),
            (b"'; ", "ZZ"),
        ];
        for (text, want) in cases {
            assert_eq!(country(text).as_str(), want, "{text:?}");
        }
    }

    #[test]
    fn blocks_are_read_or_refused() {
        assert!("10.1.2.3".parse::<Network>().unwrap().contains("10.1.2.3".parse().unwrap()));
        assert!("0.0.0.0/0".parse::<Network>().unwrap().contains("9.9.9.9".parse().unwrap()));
        assert!(!"0.0.0.0/0".parse::<Network>().unwrap().contains("2001:db8::1".parse().unwrap()));
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "a/8"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
