//! Who wins and loses what, and in what orders differ.

use events::{Hold, Role, Unattributed};
use units::Rate;

use super::{Difference as D, *};

const WHOLE: u64 = 1_000_000;

fn outcome(at: u64, parts: &[(u32, u64, i64)]) -> Outcome {
    let part = |share_ppm: u64, revenue_minor: i64| Part {
        share_ppm,
        revenue_minor,
        reporting_minor: revenue_minor * 2,
        hold: None,
        role: if share_ppm > 0 { Role::Closer } else { Role::Assist },
    };
    let parts = parts.iter().map(|(partner, ppm, minor)| (PartnerId(*partner), part(*ppm, *minor)));
    let parts: BTreeMap<_, _> = parts.collect();
    Outcome {
        at: EpochMs(at),
        currency: Currency::EUR,
        revenue_minor: parts.values().map(|it| it.revenue_minor).sum(),
        rate: Some((Currency::parse("USD").unwrap(), Rate::parse("2").unwrap())),
        payable_at: EpochMs(at),
        hold: None,
        unattributed: parts.contains_key(&NOBODY).then_some(Unattributed::NoneEligible),
        parts,
    }
}

fn compared(orders: &[(&str, Outcome, Option<Outcome>)]) -> Compared {
    let mut compared = Compared::new(EpochMs(100));
    for (name, before, after) in orders {
        let key = OrderKey::by_id(units::AdvertiserId(1), name);
        compared.before.insert(key.clone(), before.clone());
        compared.after.extend(after.clone().map(|it| (key, it)));
    }
    compared
}

#[test]
fn who_wins_and_loses_is_counted_on_both_sides() {
    let compared = compared(&[
        ("moved", outcome(100, &[(1, WHOLE, 500)]), Some(outcome(100, &[(1, 0, 0), (2, WHOLE, 500)]))),
        ("same", outcome(200, &[(1, WHOLE, 300)]), None),
        (
            "shared",
            outcome(300, &[(2, WHOLE, 101)]),
            Some(outcome(300, &[(1, 500_000, 51), (2, 500_000, 50)])),
        ),
        ("lost", outcome(300, &[(2, WHOLE, 7)]), Some(outcome(300, &[(0, WHOLE, 7)]))),
        ("too early", outcome(99, &[(3, WHOLE, 9)]), Some(outcome(99, &[(3, WHOLE, 9)]))),
    ]);
    let sums = compared.sums();
    let of = |partner: u32| sums.get(&(PartnerId(partner), "EUR".to_owned())).cloned();
    let side = |orders, assists, share_ppm, revenue_minor: i64| {
        let reporting = if orders > 0 {
            BTreeMap::from([("USD".to_owned(), revenue_minor * 2)])
        } else {
            BTreeMap::new()
        };
        Side { orders, assists, held: 0, share_ppm, revenue_minor, reporting }
    };
    let (before, after) = (side(2, 0, 2 * WHOLE, 800), side(2, 1, WHOLE + 500_000, 351));
    assert_eq!(of(1), Some(Sums { before, after, won: 1, lost: 1 }));
    let (before, after) = (side(2, 0, 2 * WHOLE, 108), side(2, 0, WHOLE + 500_000, 550));
    assert_eq!(of(2), Some(Sums { before, after, won: 1, lost: 1 }));
    let (before, after) = (side(0, 0, 0, 0), side(1, 0, WHOLE, 7));
    assert_eq!(of(0), Some(Sums { before, after, won: 1, lost: 0 }), "nobody");
    assert_eq!(of(3), None, "it is of the time before");
    let (orders, changed, _) = compared.counts();
    assert_eq!((orders, changed), (4, 3));
}

#[test]
fn an_order_says_in_what_it_comes_to_something_else() {
    let base = || outcome(100, &[(1, WHOLE, 500)]);
    let nobodys = || outcome(100, &[(0, WHOLE, 500)]);
    let with = |mut it: Outcome, change: &dyn Fn(&mut Outcome)| {
        change(&mut it);
        it
    };
    let part = |it: &mut Outcome, change: &dyn Fn(&mut Part)| it.parts.values_mut().for_each(change);
    let held = |it: &mut Outcome| {
        it.rate = None;
        it.hold = Some(Hold::RateMissing);
        part(it, &|it| (it.hold, it.reporting_minor) = (Some(Hold::RateMissing), 0));
    };
    let cases: [(&str, Outcome, Outcome, &[Difference]); 9] = [
        ("nothing", base(), base(), &[]),
        ("another partner", base(), outcome(100, &[(2, WHOLE, 500)]), &[D::Shares, D::Role]),
        ("an assist", base(), outcome(100, &[(1, WHOLE, 500), (2, 0, 0)]), &[D::Role]),
        (
            "another rate",
            base(),
            with(base(), &|it| it.rate = it.rate.map(|(it, _)| (it, Rate::ONE))),
            &[D::Rate],
        ),
        ("no rate", base(), with(base(), &held), &[D::Rate, D::Hold]),
        (
            "one partner on hold",
            base(),
            with(base(), &|it| part(it, &|it| it.hold = Some(Hold::Fraud))),
            &[D::Hold],
        ),
        ("a longer hold", base(), with(base(), &|it| it.payable_at = EpochMs(200)), &[D::Payable]),
        (
            "another reason",
            nobodys(),
            with(nobodys(), &|it| it.unattributed = Some(Unattributed::NoCatalog)),
            &[D::Reason],
        ),
        ("another amount", base(), outcome(100, &[(1, WHOLE, 501)]), &[D::Revenue]),
    ];
    for (name, before, after, want) in cases {
        assert_eq!(before.differences(&after), want, "{name}");
        let (orders, changed, by) = compared(&[("it", before, Some(after))]).counts();
        assert_eq!((orders, changed), (1, u64::from(!want.is_empty())), "{name}");
        assert_eq!(by.into_keys().collect::<Vec<_>>(), want, "{name}");
    }
}

#[test]
fn amounts_in_the_reporting_currency_and_what_is_on_hold_are_told_by_side() {
    let before = outcome(100, &[(1, WHOLE, 500)]);
    let mut after = before.clone();
    after.rate = None;
    after.parts.values_mut().for_each(|it| it.hold = Some(Hold::RateMissing));
    let compared = compared(&[("it", before, Some(after))]);
    let sums = compared.sums();
    let cells = sums.values().next().unwrap().cells("1 Blog".to_owned(), "EUR");
    assert_eq!(cells, ["1 Blog", "1", "0", "0", "0", "0 -> 1", "1", "5.00 EUR", "10.00 USD -> none"]);
}

#[test]
fn shares_are_shown_as_orders() {
    let cases = [(0, "0"), (1_000_000, "1"), (12_500_000, "12.5"), (333_333, "0.333333"), (10_000_000, "10")];
    for (ppm, want) in cases {
        assert_eq!(orders(ppm), want);
    }
}
