//! What of an order is suspicious, by how much: thresholds of one version of the catalog.
//!
//! In: what `[fraud]` says. Out: limits, each off where nothing is said. Not here: counting (`warehouse`) and what a suspicion does to a credit
//! (`attribution`). Start at [`Fraud`].

use std::{fmt, net::IpAddr};

use units::Ppm;

/// Networks of data centres of one version. The great clouds publish some thousand each.
pub const DATA_CENTRES_MAX: usize = 20_000;
/// Bits of an address that the edge keeps: a network that needs more could never be recognised.
pub const V4_BITS_MAX: u8 = 24;
/// The same of IPv6.
pub const V6_BITS_MAX: u8 = 48;

/// Thresholds; what is `None`, empty or false is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fraud {
    /// Clicks of one partner within an hour, from which on his orders of that hour's clicks are suspicious.
    pub clicks_per_hour: Option<u32>,
    /// Partners whom one visitor touches within a short time.
    pub visitor: Option<VisitorLimit>,
    /// Orders from one address within a day.
    pub orders_per_address: Option<u32>,
    /// How far a partner's times from click to order may be from those of the offer's other partners.
    pub delay: Option<DelayLimit>,
    /// Where no person clicks. Ascending, distinct, at most [`DATA_CENTRES_MAX`].
    pub data_centres: Vec<Network>,
    /// Whether a partner's own orders are: those whose customer has his e-mail address.
    pub self_purchase: bool,
}

/// How many partners within which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VisitorLimit {
    /// From this many on, at least 2.
    pub partners: u32,
    /// Between the first of their touches and the last, inclusive.
    pub within_ms: u64,
}

/// How different, over how many orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DelayLimit {
    /// The share of his orders that lie at other times than the others' do: half of the sum of the differences of both distributions.
    pub distance: Ppm,
    /// Fewer orders, of the partner's or of the others', say nothing.
    pub orders_min: u32,
}

/// A network by its first address and the bits that all of its addresses share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl Fraud {
    /// Whether anything is looked at.
    #[must_use]
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }
}

impl Network {
    /// Reads `192.0.2.0/24`; `None` for anything else, for an address behind its network's first, and for one narrower than what is kept of addresses.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (first, bits) = text.split_once('/')?;
        let (first, bits) = (first.parse::<IpAddr>().ok()?, bits.parse::<u8>().ok()?);
        let max = if first.is_ipv4() { V4_BITS_MAX } else { V6_BITS_MAX };
        let network = Self { first, bits };
        let is_first = network.masked(first) == bits_of(first);
        ((1..=max).contains(&bits) && is_first).then_some(network)
    }

    /// Whether the address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.first.is_ipv4() == address.is_ipv4() && self.masked(address) == bits_of(self.first)
    }

    /// The address, without the bits in which the network's own differ.
    fn masked(&self, address: IpAddr) -> u128 {
        bits_of(address) & u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0)
    }
}

/// The address's bits, the first one highest.
fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(it) => u128::from(it.to_bits()) << 96,
        IpAddr::V6(it) => it.to_bits(),
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_to_the_last_bit() {
        let cases = [
            ("192.0.2.0/24", "192.0.2.0", true),
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.0/23", "192.0.3.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::", false),
            ("128.0.0.0/1", "8000::", false),
        ];
        for (network, address, is_inside) in cases {
            let found = Network::parse(network).unwrap();
            assert_eq!(found.contains(address.parse().unwrap()), is_inside, "{network} {address}");
            assert_eq!(found.to_string(), network);
        }
    }

    #[test]
    fn what_is_no_network_or_too_narrow_is_refused() {
        for text in [
            "",
            "192.0.2.0",
            "192.0.2.1/24",
            "192.0.2.0/25",
            "0.0.0.0/0",
            "192.0.2.0/33",
            "192.0.2.0/-1",
            "2001:db8::/49",
            "192.0.2/24",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
