//! Who asked about one identity, for which range of time, and the bytes of that on disk.
//!
//! In: look-ups, in any order, with repeats and from owners of any age. Out: one range per order, the widest of all. Not here: the answers.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use events::{Lookup, OrderKey, Touch};
use units::{AdvertiserId, EpochMs, Stamp};

use crate::{
    orders::{StateError, grow_by_one},
    sent::Said,
};

/// The first byte.
const VERSION: u8 = 1;
/// Bytes of one identity's questions: a hundred thousand orders.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// Orders that may ask about one identity. A person orders now and then; a cookie that thousands of orders name is a till or a robot, and
/// further orders are decided by what their reports name themselves.
pub(super) const ORDERS_MAX: usize = 4_096;

/// One order's question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ask {
    /// Touches from here on...
    pub(super) from: EpochMs,
    /// ...to here, inclusive.
    pub(super) to: EpochMs,
    /// The order's time by the newest question.
    pub(super) at: EpochMs,
    /// Of the newest question.
    stamp: Stamp,
}

/// Who asked, what, and what was answered last.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) order: OrderKey,
    pub(super) ask: Ask,
    /// Under this owner's claim; not written to disk.
    pub(super) said: Said,
}

/// All questions about one identity, by order. Nearly always one, so the list has no spare places: a tree's smallest node has eleven.
#[derive(Debug, Default)]
pub(super) struct Asks {
    /// Invariant: ascending by order, each once, at most [`ORDERS_MAX`].
    by_order: Vec<Asked>,
}

#[derive(bincode::Encode, bincode::Decode)]
pub(super) struct AskV1 {
    advertiser: u32,
    order: Box<str>,
    from: u64,
    to: u64,
    at: u64,
    stamp: u64,
}

impl Ask {
    /// Whether `touch` belongs into the answer.
    pub(super) fn wants(&self, order: &OrderKey, touch: &Touch) -> bool {
        touch.advertiser == order.advertiser && (self.from..=self.to).contains(&touch.at)
    }

    /// The widest range of both; time and stamp of the newer.
    fn join(&mut self, other: Self) -> bool {
        let newest = if self.stamp < other.stamp { other } else { *self };
        let joined = Self {
            from: self.from.min(other.from),
            to: self.to.max(other.to),
            at: newest.at,
            stamp: newest.stamp,
        };
        let changed = joined != *self;
        *self = joined;
        changed
    }
}

impl Asks {
    /// Whether that changed anything, and where the order's question is. At [`ORDERS_MAX`] a new order's question is not taken. `said` is asked
    /// what was answered to an order before, when it is new here.
    pub(super) fn add(
        &mut self,
        lookup: Lookup,
        said: impl FnOnce(&OrderKey) -> Said,
    ) -> (bool, Option<&mut Asked>) {
        let ask = Ask { from: lookup.from, to: lookup.to, at: lookup.at, stamp: lookup.stamp };
        self.add_ask(lookup.order, ask, said)
    }

    fn add_ask(
        &mut self,
        order: OrderKey,
        ask: Ask,
        said: impl FnOnce(&OrderKey) -> Said,
    ) -> (bool, Option<&mut Asked>) {
        match self.by_order.binary_search_by(|it| it.order.cmp(&order)) {
            Ok(index) => {
                let asked = self.by_order.get_mut(index);
                asked.map_or((false, None), |it| (it.ask.join(ask), Some(it)))
            }
            Err(_) if self.by_order.len() >= ORDERS_MAX => (false, None),
            Err(index) => {
                grow_by_one(&mut self.by_order);
                let said = said(&order);
                self.by_order.insert(index, Asked { order, ask, said });
                (true, self.by_order.get_mut(index))
            }
        }
    }

    /// The union of both; what was answered stays. `said` is asked what was answered to orders that are new here.
    pub(super) fn join(&mut self, other: Self, mut said: impl FnMut(&OrderKey) -> Said) {
        for asked in other.by_order {
            self.add_ask(asked.order, asked.ask, &mut said);
        }
    }

    /// Forgets questions about nothing after `before`, handing each to `forgotten`; whether there were any.
    pub(super) fn expire(&mut self, before: EpochMs, mut forgotten: impl FnMut(&Asked)) -> bool {
        let count = self.by_order.len();
        self.by_order.retain(|it| {
            let is_kept = it.ask.to >= before;
            if !is_kept {
                forgotten(it);
            }
            is_kept
        });
        count != self.by_order.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_order.is_empty()
    }

    /// Ascending by order.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Asked> {
        self.by_order.iter_mut()
    }

    /// What is kept of them on disk.
    pub(super) fn rows(&self) -> Vec<AskV1> {
        let row = |Asked { order, ask, .. }: &Asked| AskV1 {
            advertiser: order.advertiser.0,
            order: order.order.clone(),
            from: ask.from.0,
            to: ask.to.0,
            at: ask.at.0,
            stamp: ask.stamp.to_u64(),
        };
        self.by_order.iter().map(row).collect()
    }

    /// The inverse of [`Asks::rows`].
    pub(super) fn of_rows(rows: Vec<AskV1>) -> Self {
        let mut asks = Self::default();
        for row in rows {
            let order = OrderKey { advertiser: AdvertiserId(row.advertiser), order: row.order };
            let stamp = Stamp::from_u64(row.stamp);
            let ask = Ask { from: EpochMs(row.from), to: EpochMs(row.to), at: EpochMs(row.at), stamp };
            asks.add_ask(order, ask, |_| Said::default());
        }
        asks
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bincode::encode_into_std_write(self.rows(), &mut bytes, config()).expect("a vector takes any bytes");
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let (version, body) = bytes.split_first().ok_or(StateError::UnknownVersion { version: 0 })?;
        if *version != VERSION {
            return Err(StateError::UnknownVersion { version: *version });
        }
        let (rows, consumed) =
            bincode::decode_from_slice::<Vec<AskV1>, _>(body, config()).map_err(|_| StateError::Malformed)?;
        if consumed != body.len() {
            return Err(StateError::Malformed);
        }
        Ok(Self::of_rows(rows))
    }
}

const fn config() -> Configuration<LittleEndian, Varint, Limit<BYTES_MAX>> {
    bincode::config::standard().with_limit::<BYTES_MAX>()
}
