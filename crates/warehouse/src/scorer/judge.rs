//! Which numbers are suspicious: comparisons in whole numbers, without the tables they were counted in.
//!
//! In: what an order was credited by, what was counted over all orders, the catalog's limits. Out: the order's signals. The same in, the same
//! out, so that scoring again says nothing new. Not here: the counting (`sql`). Start at [`Judge::signals`].

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use catalog::{DelayLimit, Fraud, Network};
use events::{Score, Signal, SignalCode};
use units::{EpochMs, HOUR_MS, OfferId, PartnerId};

/// Ages of clicks are told apart by powers of four, in seconds: from below one second to twelve days and more.
pub(super) const DELAY_BUCKETS: usize = 12;

/// Prefixes of addresses that are remembered, of some 60 bytes each.
const PREFIXES_MAX: usize = 100_000;

/// How many orders each bucket of ages has.
pub(super) type Delays = [u64; DELAY_BUCKETS];

/// One partner's credited click of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Touched {
    pub(super) partner: PartnerId,
    pub(super) offer: OfferId,
    pub(super) at: EpochMs,
    /// As `clicks_log` holds it; empty where the click is not there or its address was nobody's.
    pub(super) prefix: String,
    /// 0 likewise.
    pub(super) address: u64,
}

/// What was counted over all orders, as far as it is beyond the limits.
#[derive(Debug, Clone, Default)]
pub(super) struct Judge {
    pub(super) fraud: Fraud,
    /// Clicks of an hour, by partner and first instant.
    pub(super) hours: HashMap<(PartnerId, EpochMs), u64>,
    /// Orders of an address.
    pub(super) addresses: HashMap<u64, u64>,
    /// Distances, by offer and partner.
    pub(super) odd: HashMap<(OfferId, PartnerId), u64>,
    /// Whether a prefix is a data centre's, as it was found before: there may be thousands of networks. Begun anew at [`PREFIXES_MAX`].
    pub(super) prefixes: HashMap<String, bool>,
}

impl Judge {
    /// What is suspicious about one order, as a score holds it.
    pub(super) fn signals(&mut self, touches: &[Touched]) -> Vec<Signal> {
        let limit = |it: Option<u32>| it.map_or(0, u64::from);
        let (clicks, orders) = (limit(self.fraud.clicks_per_hour), limit(self.fraud.orders_per_address));
        let distance = self.fraud.delay.map_or(0, |it| it.distance.0.into());
        let mut signals = Vec::new();
        let mut say = |code, partner, found: Option<&u64>, threshold| {
            signals.extend(found.map(|&value| Signal { code, partner, value, threshold }));
        };
        let mut in_data_centres = BTreeMap::<PartnerId, u64>::new();
        for touch in touches {
            let (partner, hour) = (touch.partner, EpochMs(touch.at.0 / HOUR_MS * HOUR_MS));
            say(SignalCode::ClickFlood, partner, self.hours.get(&(partner, hour)), clicks);
            say(SignalCode::OddDelay, partner, self.odd.get(&(touch.offer, partner)), distance);
            say(SignalCode::ManyOrders, PartnerId(0), self.addresses.get(&touch.address), orders);
            if is_in(&self.fraud.data_centres, &mut self.prefixes, &touch.prefix) {
                *in_data_centres.entry(partner).or_default() += 1;
            }
        }
        for (partner, value) in in_data_centres {
            say(SignalCode::DataCentre, partner, Some(&value), 1);
        }
        Score::arrange(&mut signals);
        signals
    }
}

/// A prefix lies in a network or outside of it: the catalog takes no narrower networks than the prefixes that are kept.
fn is_in(networks: &[Network], known: &mut HashMap<String, bool>, prefix: &str) -> bool {
    if networks.is_empty() {
        return false;
    }
    if let Some(is_in) = known.get(prefix) {
        return *is_in;
    }
    let first = prefix.split_once('/').and_then(|(first, _)| first.parse::<IpAddr>().ok());
    let is_in = first.is_some_and(|first| networks.iter().any(|it| it.contains(first)));
    if known.len() >= PREFIXES_MAX {
        known.clear();
    }
    known.insert(prefix.to_owned(), is_in);
    is_in
}

/// Partners of one offer whose clicks' ages are too far from those of all its others together, with the distance. Nobody is compared who has too
/// few orders, nor with too few.
pub(super) fn odd_delays(partners: &[(PartnerId, Delays)], limit: DelayLimit) -> Vec<(PartnerId, u64)> {
    let (distance_ppm, orders_min) = (u64::from(limit.distance.0), u64::from(limit.orders_min));
    let mut all: Delays = [0; DELAY_BUCKETS];
    for (_, delays) in partners {
        all.iter_mut().zip(delays).for_each(|(sum, it)| *sum += it);
    }
    let distance = |own: &Delays| {
        let mut others = all;
        others.iter_mut().zip(own).for_each(|(all, own)| *all -= own);
        let (own_sum, others_sum) = (own.iter().sum::<u64>(), others.iter().sum::<u64>());
        let is_told = own_sum.min(others_sum) >= orders_min.max(1);
        is_told.then(|| distance_ppm_of(own, own_sum, &others, others_sum))
    };
    let odd = |(partner, own): &(PartnerId, Delays)| {
        distance(own).filter(|it| distance_ppm <= *it).map(|it| (*partner, it))
    };
    partners.iter().filter_map(odd).collect()
}

/// Half of the sum of differences of both as shares of their sums, rounded down: the share that lies elsewhere. Products in 128 bits: counts have 64.
fn distance_ppm_of(own: &Delays, own_sum: u64, others: &Delays, others_sum: u64) -> u64 {
    let (own_sum, others_sum) = (u128::from(own_sum), u128::from(others_sum));
    let terms =
        own.iter().zip(others).map(|(a, b)| (u128::from(*a) * others_sum).abs_diff(u128::from(*b) * own_sum));
    let differences: u128 = terms.sum();
    let ppm = differences.saturating_mul(500_000) / (own_sum * others_sum);
    u64::try_from(ppm).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use units::Ppm;

    use super::*;

    const HOUR: EpochMs = EpochMs(1_763_812_800_000);

    /// A name, what an order was credited by, and each signal's code, partner, value and threshold.
    type Case<'a> = (&'a str, &'a [Touched], &'a [(SignalCode, u32, u64, u64)]);

    fn touch(partner: u32, prefix: &str, address: u64) -> Touched {
        Touched {
            partner: PartnerId(partner),
            offer: OfferId(1),
            at: HOUR.forth(5),
            prefix: prefix.to_owned(),
            address,
        }
    }

    fn judge() -> Judge {
        let fraud = Fraud {
            clicks_per_hour: Some(10),
            orders_per_address: Some(3),
            delay: Some(DelayLimit { distance: Ppm(500_000), orders_min: 2 }),
            data_centres: ["192.0.2.0/24", "2001:db8::/32"].map(|it| Network::parse(it).unwrap()).to_vec(),
            ..Fraud::default()
        };
        Judge {
            fraud,
            hours: HashMap::from([((PartnerId(7), HOUR), 12)]),
            addresses: HashMap::from([(99, 4)]),
            odd: HashMap::from([((OfferId(1), PartnerId(8)), 600_000)]),
            prefixes: HashMap::new(),
        }
    }

    #[test]
    fn each_signal_has_its_cause_and_no_other_has() {
        let cases: [Case<'_>; 7] = [
            ("nothing", &[touch(1, "203.0.113.0/24", 5)], &[]),
            ("an hour of many clicks", &[touch(7, "", 0)], &[(SignalCode::ClickFlood, 7, 12, 10)]),
            ("odd ages", &[touch(8, "", 0)], &[(SignalCode::OddDelay, 8, 600_000, 500_000)]),
            ("a data centre", &[touch(1, "192.0.2.0/24", 0)], &[(SignalCode::DataCentre, 1, 1, 1)]),
            ("one of IPv6", &[touch(1, "2001:db8:1::/48", 0)], &[(SignalCode::DataCentre, 1, 1, 1)]),
            ("an address of many orders", &[touch(1, "", 99)], &[(SignalCode::ManyOrders, 0, 4, 3)]),
            (
                "several, twice",
                &[touch(7, "192.0.2.0/24", 99), touch(7, "192.0.2.0/24", 99)],
                &[
                    (SignalCode::ClickFlood, 7, 12, 10),
                    (SignalCode::DataCentre, 7, 2, 1),
                    (SignalCode::ManyOrders, 0, 4, 3),
                ],
            ),
        ];
        for (name, touches, want) in cases {
            let found = judge().signals(touches);
            assert!(Score::is_arranged(&found), "{name}");
            let found: Vec<_> =
                found.iter().map(|it| (it.code, it.partner.0, it.value, it.threshold)).collect();
            assert_eq!(found, want, "{name}");
        }
    }

    #[test]
    fn a_click_an_instant_outside_the_hour_is_not_of_it() {
        let at = |at: EpochMs| judge().signals(&[Touched { at, ..touch(7, "", 0) }]).len();
        assert_eq!(
            [at(HOUR), at(HOUR.forth(HOUR_MS - 1)), at(HOUR.forth(HOUR_MS)), at(HOUR.back(1))],
            [1, 1, 0, 0]
        );
    }

    fn delays(first: u64, last: u64) -> Delays {
        let mut delays = [0; DELAY_BUCKETS];
        (delays[0], delays[DELAY_BUCKETS - 1]) = (first, last);
        delays
    }

    #[test]
    fn a_partner_is_odd_from_the_threshold_on_and_with_enough_orders_on_both_sides() {
        let found = |own: Delays, others: Delays, ppm: u32, orders_min: u32| {
            let partners = [(PartnerId(1), own), (PartnerId(2), others)];
            let found = odd_delays(&partners, DelayLimit { distance: Ppm(ppm), orders_min });
            found.into_iter().find(|(partner, _)| partner.0 == 1).map(|(_, distance)| distance)
        };
        let cases = [
            ("as the others", delays(3, 1), delays(30, 10), 1, 1, None),
            ("nothing in common", delays(4, 0), delays(0, 9), 1_000_000, 4, Some(1_000_000)),
            ("one order too few", delays(4, 0), delays(0, 9), 1, 5, None),
            ("too few others", delays(9, 0), delays(0, 4), 1, 5, None),
            // 3/4 and 1/4 beside 1/4 and 3/4.
            ("at the threshold", delays(3, 1), delays(1, 3), 500_000, 4, Some(500_000)),
            ("below the threshold", delays(3, 1), delays(1, 3), 500_001, 4, None),
            ("thirds are rounded down", delays(2, 1), delays(1, 2), 1, 3, Some(333_333)),
            ("nobody to compare with", delays(4, 0), delays(0, 0), 1, 0, None),
            ("counts of 64 bits", delays(1 << 40, 0), delays(0, 1 << 40), 1, 1, Some(1_000_000)),
        ];
        for (name, own, others, ppm, orders, want) in cases {
            assert_eq!(found(own, others, ppm, orders), want, "{name}");
        }
    }
}
