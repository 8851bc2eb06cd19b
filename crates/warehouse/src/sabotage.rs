//! One error, planted on purpose on the product's side, so that the demo can show that its oracle finds it. Never active otherwise.
//!
//! In: blocks on their way to the engine. Out: the same with one row changed, and that row changed alike whenever it is written again, or
//! a retry would heal it. Start at [`Sabotage`].

use std::borrow::Cow;

use crate::{native::Columns, tables::Table};

/// Which error to plant, once, at the first row that it fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sabotage {
    /// A valid click is not stored.
    Drop,
    /// A valid click is stored twice, under two identities.
    Double,
    /// A valid click is stored an hour late.
    Shift,
    /// A credit is worth one minor unit more.
    Overpay,
}

const HOUR_MS: i64 = 3_600_000;
const QUARTER_MS: i64 = 900_000;

/// The planted error: which row was chosen.
#[derive(Debug)]
pub(crate) struct Planted {
    what: Sabotage,
    /// `event_id` of the click, or `touch_id` of the credit.
    victim: Option<[u8; 16]>,
    /// Of the credit: its order.
    order: Vec<u8>,
    /// The quarter that the changed row moved to, in seconds.
    quarter: Option<u32>,
}

impl Planted {
    pub(crate) const fn new(what: Sabotage) -> Self {
        Self { what, victim: None, order: Vec::new(), quarter: None }
    }

    /// A quarter whose cells change although no row of the batch lies in it.
    pub(crate) const fn quarter(&self) -> Option<u32> {
        self.quarter
    }

    pub(crate) fn apply<'a>(&mut self, table: Table, block: &'a Columns) -> Cow<'a, Columns> {
        let found = match (self.what, table) {
            (Sabotage::Overpay, Table::Credits) => self.credit(block),
            (Sabotage::Drop | Sabotage::Double | Sabotage::Shift, Table::Clicks) => self.click(block),
            _ => None,
        };
        let Some(at) = found else { return Cow::Borrowed(block) };
        let (mut changed, rest) = block.split(at);
        let (mut row, rest) = rest.split(1);
        match self.what {
            Sabotage::Drop => row = row.split(0).0,
            Sabotage::Double => double(&mut row),
            Sabotage::Shift => self.shift(&mut row),
            Sabotage::Overpay => overpay(&mut row),
        }
        changed.append(&row);
        changed.append(&rest);
        Cow::Owned(changed)
    }

    /// The chosen click's row, chosen now if none was yet.
    fn click(&mut self, block: &Columns) -> Option<usize> {
        let ids = block.fixed_values::<16>("event_id");
        if let Some(victim) = self.victim {
            return ids.iter().position(|it| *it == victim);
        }
        let is_click = block.text_values("kind").map(|it| it == b"click");
        let is_valid = block.text_values("verdict").map(|it| it == b"valid");
        let at = is_click.zip(is_valid).position(|it| it == (true, true))?;
        self.victim = ids.get(at).copied();
        Some(at)
    }

    /// The chosen credit's row; every later snapshot of it is changed too.
    fn credit(&mut self, block: &Columns) -> Option<usize> {
        let touches = block.fixed_values::<16>("touch_id");
        let shares = block.fixed_values::<4>("share_ppm").iter().map(|it| u32::from_le_bytes(*it));
        let rows = touches.iter().zip(block.text_values("order_id")).zip(shares);
        let (victim, order) = (self.victim, self.order.clone());
        let fits = |touch: &[u8; 16], of: &[u8]| victim.is_none_or(|it| it == *touch && order == of);
        let (at, ((touch, order), _)) =
            rows.enumerate().find(|(_, ((touch, order), share))| *share > 0 && fits(touch, order))?;
        (self.victim, self.order) = (Some(*touch), order.to_vec());
        Some(at)
    }

    fn shift(&mut self, row: &mut Columns) {
        for at in row.fixed_values_mut::<8>("at") {
            let later = i64::from_le_bytes(*at) + HOUR_MS;
            *at = later.to_le_bytes();
            self.quarter = u32::try_from(later / QUARTER_MS * (QUARTER_MS / 1_000)).ok();
        }
    }
}

/// The second row differs in the identity's first bit alone, which no writer's number reaches.
fn double(row: &mut Columns) {
    let mut twin = row.clone();
    for id in twin.fixed_values_mut::<16>("event_id") {
        id[0] ^= 0x80;
    }
    row.append(&twin);
}

fn overpay(row: &mut Columns) {
    for revenue in row.fixed_values_mut::<8>("revenue_minor") {
        *revenue = (i64::from_le_bytes(*revenue) + 1).to_le_bytes();
    }
}
