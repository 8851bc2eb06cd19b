//! Rollers alone: orders that move between quarters and partners while rollers sleep between any two steps.
//!
//! In: chance. Out: nothing, or the first cell that is not the fold of the facts. A whole world needs long to bring a roller into these straits; here they
//! come every few steps. Start at [`run`].

use events::{Country, Credit, Decision, Device, OrderKey, OrderStatus, Role, TouchId};
use units::{
    AdvertiserId, CatalogVersion, EpochMs, LinkId, OfferId, PPM_WHOLE, PartnerId, Ppm, Quarter, Stamp,
};
use warehouse::Batch;

use crate::{
    bugs::Bug,
    clickhouse::Tables,
    rng::Rng,
    roller::{Rolled, Roller},
    world::START,
};

const STEPS: u32 = 80;
const QUARTERS: u32 = 2;
const TOUCHES: u32 = 3;
const STEPS_MAX: u32 = 10_000;

/// The sweeps that found something.
pub(crate) fn run(rng: &mut Rng, bug: Option<Bug>) -> Result<u64, String> {
    let (mut tables, mut rollers) = (Tables::default(), [Roller::Idle, Roller::Idle, Roller::Idle]);
    let calm = rng.of([2, 4, 12]);
    for version in 0..STEPS {
        if rng.below(calm) == 0 {
            decide(version, &mut tables, rng, bug)?;
        }
        let (index, choice) = (rng.index(rollers.len()), rng.index(4));
        if let Some(roller) = rollers.get_mut(index) {
            roller.step(&mut tables, choice, bug);
        }
    }
    for _ in 0..STEPS_MAX {
        let moved = rollers
            .iter_mut()
            .map(|it| it.step(&mut tables, 0, bug))
            .filter(|it| *it != Rolled::Nothing)
            .count();
        if moved == 0 {
            let [.., swept] = tables.moved;
            return (0..QUARTERS).find_map(|it| tables.difference(quarter(it))).map_or(Ok(swept), Err);
        }
    }
    Err("rollers never come to rest".to_owned())
}

/// The quarters of this play.
fn quarter(number: u32) -> Quarter {
    START.forth(u64::from(number) * units::QUARTER_MS).quarter()
}

/// A whole snapshot of the one order: the winner's row, and zeros everywhere else it could have been. Of some losers there are none, as if a limit
/// had pushed them out.
fn decide(version: u32, tables: &mut Tables, rng: &mut Rng, bug: Option<Bug>) -> Result<(), String> {
    let stamp = Stamp::new(1, u64::from(version)).expect("versions are few");
    let here = u32::try_from(rng.below(QUARTERS.into())).unwrap_or(0);
    let winner = rng.below(TOUCHES.into());
    let minor = i64::try_from(1 + rng.below(9)).unwrap_or(1);
    let mut credits = Vec::new();
    for number in 0..QUARTERS {
        for touch in 0..TOUCHES {
            let won = (number, u64::from(touch)) == (here, winner);
            if won || rng.chance(75) {
                credits.push(credit(stamp, quarter(number), touch, won.then_some(minor)));
            }
        }
    }
    let mut batch = Batch::new();
    batch.decided(&decision(stamp, quarter(here).start(), here), &credits);
    let mut inserts = batch.inserts("rolls", u64::from(version));
    if bug == Some(Bug::MarksFirst) {
        inserts.reverse();
    }
    inserts.iter().try_for_each(|(table, bytes)| tables.insert(1, *table, bytes))
}

fn decision(stamp: Stamp, at: EpochMs, here: u32) -> Decision {
    Decision {
        stamp,
        catalog: CatalogVersion(1),
        status: OrderStatus::Approved,
        is_approved: true,
        offer: OfferId(1),
        partner: PartnerId(1),
        payable_at: at,
        void_quarters: (0..QUARTERS).filter(|it| *it != here).map(quarter).collect(),
        ..Decision::bare(OrderKey::by_id(AdvertiserId(1), "o"), at)
    }
}

fn credit(stamp: Stamp, quarter: Quarter, touch: u32, minor: Option<i64>) -> Credit {
    let at = quarter.start();
    Credit {
        stamp,
        quarter,
        touch: TouchId(u128::from(touch).to_be_bytes()),
        touched_at: at,
        partner: PartnerId(1 + touch),
        offer: OfferId(1),
        link: LinkId(1 + touch),
        country: Country::UNKNOWN,
        device: Device::Mobile,
        share: if minor.is_some() { PPM_WHOLE } else { Ppm(0) },
        revenue_minor: minor.unwrap_or(0),
        status: OrderStatus::Approved,
        is_approved: true,
        role: if minor.is_some() { Role::Closer } else { Role::None },
        ..Credit::bare(OrderKey::by_id(AdvertiserId(1), "o"), at)
    }
}
