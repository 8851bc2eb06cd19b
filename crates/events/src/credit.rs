//! What a decision gives to whom: the rows of partners, what they are worth in one currency for all, and why they may be held back.

use units::{AdvertiserId, Currency, EpochMs, LinkId, OfferId, PartnerId, Ppm, Quarter, Rate, Stamp};

use crate::{
    click::{Country, Device, TouchKind, coded},
    click_id::TouchId,
    outcome::{CandidateVerdict, MatchedKey, OrderStatus, Role},
    report::OrderKey,
};

coded! {
    /// How the credit of an order was shared.
    SharedBy {
        /// The newest touch got all.
        Last = 0 "last",
        /// The oldest one.
        First = 1 "first",
        /// All the same.
        Linear = 2 "linear",
        /// By their places.
        Position = 3 "position",
        /// By their ages.
        TimeDecay = 4 "time_decay",
    }
}

coded! {
    /// Why a credit is held back. It keeps its share and its money; of several reasons the first of this list is told.
    Hold {
        /// What it is worth in the reporting currency is not known: the catalog of the order's time has no rate for its currency, or the
        /// amount is beyond the greatest one.
        RateMissing = 1 "rate_missing",
        /// Money went back in a currency that is not the order's: it is not counted, and nobody knows what is left.
        RefundOtherCurrency = 2 "refund_other_currency",
        /// Something about the order, or about the partner, is suspicious; the trace says what.
        Fraud = 3 "fraud",
    }
}

/// An amount in the reporting currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reporting {
    /// Whole minor units.
    pub minor: i64,
    /// The reporting currency of the catalog that decided.
    pub currency: Currency,
    /// By which it was converted.
    pub rate: Rate,
}

/// How a touch stood among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Standing {
    /// Click or view.
    pub kind: TouchKind,
    /// How it was found.
    pub found: MatchedKey,
    /// What became of it.
    pub verdict: CandidateVerdict,
}

/// A partner's share of an order, by one touch in one quarter. Zero for every candidate that did not win and every quarter that the
/// order is not in, so that nothing an earlier snapshot said is left behind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Credit {
    /// Version of this snapshot.
    pub stamp: Stamp,
    /// The quarter this row is about.
    pub quarter: Quarter,
    /// Which order.
    pub key: OrderKey,
    /// By which touch.
    pub touch: TouchId,
    /// When the touch was.
    pub touched_at: EpochMs,
    /// When the order was.
    pub at: EpochMs,
    /// Whose.
    pub partner: PartnerId,
    /// For what.
    pub offer: OfferId,
    /// Of the order.
    pub advertiser: AdvertiserId,
    /// By which link.
    pub link: LinkId,
    /// The touch's.
    pub country: Country,
    /// The touch's.
    pub device: Device,
    /// The share; 0 is a loser's or a void row.
    pub share: Ppm,
    /// The order's revenue by this share.
    pub revenue_minor: i64,
    /// Of the revenue.
    pub currency: Currency,
    /// Of the order.
    pub status: OrderStatus,
    /// What the partner did for it.
    pub role: Role,
    /// How the touch stood; `None` on records of version 1, which did not say.
    pub standing: Option<Standing>,
    /// It stands for its partner's assist: set on one row of an order and a partner who has a role and no share, so that assists add up.
    pub is_assist: bool,
    /// On the closer's row the length of the path, repeats left out, and 0 on all others, so that path lengths add up.
    pub path_touches: u16,
    /// The revenue by this share in the reporting currency.
    pub reporting: Option<Reporting>,
    /// As the order's; a suspicion against one partner holds his rows alone.
    pub hold: Option<Hold>,
    /// As the order's.
    pub is_approved: bool,
    /// What went back of the order, by this share; taken off the revenue already.
    pub refunded_minor: i64,
}

impl Credit {
    /// A loser's row of an order at `at`, of nobody: what the fields of a test or a tool are put upon.
    #[must_use]
    pub fn bare(key: OrderKey, at: EpochMs) -> Self {
        Self {
            stamp: Stamp::default(),
            quarter: at.quarter(),
            advertiser: key.advertiser,
            key,
            touch: TouchId([0; 16]),
            touched_at: at,
            at,
            partner: PartnerId::default(),
            offer: OfferId::default(),
            link: LinkId::default(),
            country: Country::UNKNOWN,
            device: Device::Unknown,
            share: Ppm(0),
            revenue_minor: 0,
            currency: Currency::EUR,
            status: OrderStatus::Pending,
            role: Role::None,
            standing: None,
            is_assist: false,
            path_touches: 0,
            reporting: None,
            hold: None,
            is_approved: false,
            refunded_minor: 0,
        }
    }
}
