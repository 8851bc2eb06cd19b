//! Rollers alone: orders that move between quarters and partners while rollers sleep between any two steps.
//!
//! In: chance. Out: nothing, or the first cell that is not the fold of the facts. A whole world needs long to bring a roller into these straits; here they
//! come every few steps. Start at [`run`].

use events::{Country, Credit, Device, OrderKey, OrderStatus, Role, TouchId};
use units::{AdvertiserId, Currency, LinkId, OfferId, PPM_WHOLE, PartnerId, Ppm, Quarter, Stamp};

use crate::{
    bugs::Bug,
    clickhouse::{Fact, Roller, Tables},
    rng::Rng,
};

const STEPS: u32 = 80;
const QUARTERS: u32 = 2;
const TOUCHES: u32 = 3;
const STEPS_MAX: u32 = 10_000;

pub(crate) fn run(rng: &mut Rng, bug: Option<Bug>) -> Result<(), String> {
    let (mut tables, mut rollers) = (Tables::default(), [Roller::Idle, Roller::Idle, Roller::Idle]);
    let calm = rng.of([2, 4, 12]);
    for version in 0..STEPS {
        if rng.below(calm) == 0 {
            decide(version, &mut tables, rng, bug);
        }
        let (index, choice) = (rng.index(rollers.len()), rng.index(4));
        if let Some(roller) = rollers.get_mut(index) {
            roller.step(&mut tables, choice, bug);
        }
    }
    for _ in 0..STEPS_MAX {
        let moved = rollers.iter_mut().filter_map(|it| it.step(&mut tables, 0, bug).then_some(())).count();
        if moved == 0 {
            return compare(&tables);
        }
    }
    Err("rollers never come to rest".to_owned())
}

/// A whole snapshot of the one order: the winner's row, and zeros everywhere else it could have been.
fn decide(version: u32, tables: &mut Tables, rng: &mut Rng, bug: Option<Bug>) {
    let stamp = Stamp::new(1, u64::from(version)).expect("versions are few");
    let (here, winner) = (rng.below(QUARTERS.into()), rng.below(TOUCHES.into()));
    let minor = i64::try_from(1 + rng.below(9)).unwrap_or(1);
    let mut facts = Vec::new();
    for quarter in 0..QUARTERS {
        for touch in 0..TOUCHES {
            let won = (u64::from(quarter), u64::from(touch)) == (here, winner);
            facts.push(Fact::Credit(Box::new(credit(stamp, quarter, touch, won.then_some(minor)))));
        }
    }
    let marks = |tables: &mut Tables| {
        let void = bug == Some(Bug::NoVoidMarks);
        let quarters = (0..QUARTERS).filter(|it| !void || u64::from(*it) == here);
        quarters.for_each(|it| tables.mark(Quarter(it)));
    };
    if bug == Some(Bug::MarksFirst) {
        marks(tables);
    }
    for fact in &facts {
        tables.insert(fact);
    }
    if bug != Some(Bug::MarksFirst) {
        marks(tables);
    }
}

fn credit(stamp: Stamp, quarter: u32, touch: u32, minor: Option<i64>) -> Credit {
    let at = Quarter(quarter).start();
    Credit {
        stamp,
        quarter: Quarter(quarter),
        key: OrderKey::by_id(AdvertiserId(1), "o"),
        touch: TouchId(u128::from(touch).to_be_bytes()),
        touched_at: at,
        at,
        partner: PartnerId(1 + touch),
        offer: OfferId(1),
        advertiser: AdvertiserId(1),
        link: LinkId(1 + touch),
        country: Country::UNKNOWN,
        device: Device::Mobile,
        share: if minor.is_some() { PPM_WHOLE } else { Ppm(0) },
        revenue_minor: minor.unwrap_or(0),
        currency: Currency::EUR,
        status: OrderStatus::Approved,
        role: if minor.is_some() { Role::Closer } else { Role::None },
    }
}

fn compare(tables: &Tables) -> Result<(), String> {
    let cells = tables.cells();
    for quarter in (0..QUARTERS).map(Quarter) {
        let of_quarter = cells.iter().filter(|((it, _), _)| *it == quarter);
        let found = of_quarter.map(|((_, key), cell)| (*key, *cell)).collect();
        let want = tables.folded(quarter);
        if want != found {
            return Err(format!("rolls of {quarter:?}\n  want {want:?}\n  got  {found:?}"));
        }
    }
    Ok(())
}
