//! All versions of the catalog, which one is in force at an instant, and whom any of them up to an instant names.

use std::sync::Arc;

use units::{AdvertiserId, CatalogVersion, EpochMs, OfferId, PartnerId};

use crate::model::{Catalog, Coupon, coupon_code};

/// Who has a coupon, by some version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holder {
    /// Whose it is.
    pub partner: PartnerId,
    /// For what.
    pub offer: OfferId,
    /// Whether it wins over a click.
    pub is_exclusive: bool,
}

/// Every version read so far: a set that only grows. A later version with an earlier `effective_at` changes the past.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Invariant: ascending by version, each version once.
    versions: Vec<Arc<Catalog>>,
}

impl From<&Coupon> for Holder {
    fn from(coupon: &Coupon) -> Self {
        Self { partner: coupon.partner, offer: coupon.offer, is_exclusive: coupon.exclusive }
    }
}

impl History {
    /// Adds a version; `false` when it was there already.
    pub fn insert(&mut self, catalog: Arc<Catalog>) -> bool {
        match self.versions.binary_search_by_key(&catalog.version, |it| it.version) {
            Ok(_) => false,
            Err(index) => {
                self.versions.insert(index, catalog);
                debug_assert!(self.versions.is_sorted_by_key(|it| it.version));
                true
            }
        }
    }

    /// The highest version among those effective at `at`.
    #[must_use]
    pub fn at(&self, at: EpochMs) -> Option<&Arc<Catalog>> {
        self.versions.iter().rev().find(|it| it.effective_at <= at)
    }

    /// One version by its number.
    #[must_use]
    pub fn version(&self, version: CatalogVersion) -> Option<&Arc<Catalog>> {
        let index = self.versions.binary_search_by_key(&version, |it| it.version).ok()?;
        self.versions.get(index)
    }

    /// The newest version, in force or not.
    #[must_use]
    pub fn newest(&self) -> Option<&Arc<Catalog>> {
        self.versions.last()
    }

    /// Ascending by version.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Catalog>> {
        self.versions.iter()
    }

    /// Everyone who has this coupon of the advertiser's by a version effective at or before `until`, each once, ascending. A version that takes effect
    /// later can say nothing of an order of `until`, which is not decided again for it.
    #[must_use]
    pub fn holders(&self, advertiser: AdvertiserId, coupon: &str, until: EpochMs) -> Vec<Holder> {
        let key = (advertiser, coupon_code(coupon));
        let found = self.until(until).filter_map(|it| it.coupons.get(&key));
        let mut holders: Vec<Holder> = found.map(Holder::from).collect();
        holders.sort_unstable();
        holders.dedup();
        holders
    }

    /// What an order is for that is declared to be a partner's, by any version effective at or before `until`: each offer once, ascending.
    #[must_use]
    pub fn declared(
        &self,
        advertiser: AdvertiserId,
        partner: PartnerId,
        offer: Option<OfferId>,
        until: EpochMs,
    ) -> Vec<OfferId> {
        let found = self.until(until).filter_map(|it| it.program(advertiser, partner, offer));
        let mut offers: Vec<OfferId> = found.collect();
        offers.sort_unstable();
        offers.dedup();
        offers
    }

    /// The oldest version in force before `next` that tells amounts in another reporting currency than `next` does: theirs and `next`'s would not add
    /// up. `next` is not among these versions, and stands over all of them from its time on.
    #[must_use]
    pub fn other_reporting(&self, next: &Catalog) -> Option<&Arc<Catalog>> {
        let currency = next.reporting_currency?;
        let is_in_force = |it: &&Arc<Catalog>| {
            let then = self.at(it.effective_at).map(|it| it.version);
            it.effective_at < next.effective_at && then == Some(it.version)
        };
        let is_other = |it: &&Arc<Catalog>| it.reporting_currency.is_some_and(|it| it != currency);
        self.versions.iter().filter(is_in_force).find(is_other)
    }

    fn until(&self, until: EpochMs) -> impl Iterator<Item = &Catalog> {
        self.versions.iter().map(AsRef::as_ref).filter(move |it: &&Catalog| it.effective_at <= until)
    }

    /// The longest window of any version: how far back a timeline is asked.
    #[must_use]
    pub fn longest_window_ms(&self) -> u64 {
        self.versions.iter().map(|it| it.longest_window_ms()).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use units::Currency;

    use super::*;

    fn version(version: u32, effective_at: u64) -> Arc<Catalog> {
        Arc::new(Catalog {
            version: CatalogVersion(version),
            effective_at: EpochMs(effective_at),
            ..Catalog::default()
        })
    }

    #[test]
    fn the_highest_version_in_force_answers_in_any_order_of_arrival() {
        let mut history = History::default();
        for (number, effective_at) in [(3, 50), (1, 10), (2, 100), (3, 50)] {
            history.insert(version(number, effective_at));
        }
        let at = |ms| history.at(EpochMs(ms)).map(|it| it.version.0);
        assert_eq!(
            [at(9), at(10), at(49), at(50), at(100), at(u64::MAX)],
            [None, Some(1), Some(1), Some(3), Some(3), Some(3)]
        );
        assert_eq!(history.iter().count(), 3);
    }

    /// Also a version that is no more the newest counts while it is in force for some time, and one that never was does not.
    #[test]
    fn amounts_of_two_reporting_currencies_never_meet() {
        let (euro, dollar) = (Some(Currency::EUR), Currency::parse("USD").ok());
        let of = |number, effective_at, reporting_currency| {
            let it = Catalog::clone(&version(number, effective_at));
            Arc::new(Catalog { reporting_currency, ..it })
        };
        let rows = [
            ("no version", vec![], (dollar, 9), None),
            ("none had one", vec![of(1, 0, None)], (dollar, 9), None),
            ("the same", vec![of(1, 0, euro)], (euro, 9), None),
            ("another", vec![of(1, 0, euro)], (dollar, 9), Some(1)),
            ("from the beginning", vec![of(1, 0, euro)], (dollar, 0), None),
            ("none any more", vec![of(1, 0, euro)], (None, 9), None),
            ("after a while without", vec![of(1, 0, euro), of(2, 5, None)], (dollar, 9), Some(1)),
            ("all restated meanwhile", vec![of(1, 0, euro), of(2, 0, None)], (dollar, 9), None),
            ("not in force yet", vec![of(1, 0, None), of(2, 9, euro)], (dollar, 9), None),
        ];
        for (name, versions, (reporting_currency, effective_at), want) in rows {
            let mut history = History::default();
            for it in versions {
                history.insert(it);
            }
            let next =
                Catalog { reporting_currency, effective_at: EpochMs(effective_at), ..Catalog::default() };
            assert_eq!(history.other_reporting(&next).map(|it| it.version.0), want, "{name}");
        }
    }

    #[test]
    fn whom_versions_name_is_told_up_to_an_instant() {
        let advertiser = AdvertiserId(1);
        let of = |number, effective_at, partner, offer, exclusive| {
            let mut it = Catalog::clone(&version(number, effective_at));
            let (partner, offer) = (PartnerId(partner), OfferId(offer));
            let coupon = Coupon { code: "X".into(), partner, offer, exclusive };
            it.coupons.insert((advertiser, "X".into()), coupon);
            it.programs.insert((advertiser, partner), offer);
            Arc::new(it)
        };
        let mut history = History::default();
        for it in
            [of(1, 0, 7, 10, false), of(2, 50, 5, 10, true), of(3, 20, 7, 9, false), of(4, 60, 7, 10, false)]
        {
            history.insert(it);
        }
        let holders = |until| {
            let found = history.holders(advertiser, " x", EpochMs(until));
            found.into_iter().map(|it| (it.partner.0, it.offer.0, it.is_exclusive)).collect::<Vec<_>>()
        };
        assert_eq!(holders(19), [(7, 10, false)]);
        assert_eq!(holders(20), [(7, 9, false), (7, 10, false)]);
        assert_eq!(holders(60), [(5, 10, true), (7, 9, false), (7, 10, false)]);
        assert_eq!(history.declared(advertiser, PartnerId(7), None, EpochMs(60)), [OfferId(9), OfferId(10)]);
        assert_eq!(history.declared(advertiser, PartnerId(5), None, EpochMs(49)), []);
        assert_eq!(history.holders(AdvertiserId(2), "X", EpochMs(60)), []);
    }
}
