//! Units of the domain: identifiers, instants and money that cannot be mistaken for one another.
//!
//! In: bare integers and text at the rim of the system. Out: types that carry their unit.
//! Not here: what any of them means to an order or a partner (`events`, `catalog`), nor how they are stored.
//! Start at [`EpochMs`] and [`Origin`].

mod ids;
mod money;
pub mod planted;
mod rate;
mod split;
mod time;

pub use ids::{
    AdvertiserId, CatalogVersion, CustomerId, LinkId, OfferId, Origin, PartnerId, Stamp, StampError,
    VisitorId, WriterId,
};
pub use money::{Currency, Money, MoneyError, PPM_WHOLE, Ppm};
pub use rate::Rate;
pub use split::{shares, split};
pub use time::{Clock, DAY_MS, EpochMs, HOUR_MS, MINUTE_MS, QUARTER_MS, Quarter, SECOND_MS};
