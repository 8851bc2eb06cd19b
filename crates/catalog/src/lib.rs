//! Partners, advertisers, offers, links and windows: immutable, effective-dated snapshots and the look-ups into them.
//!
//! In: TOML text, by file name. Out: a [`Catalog`], or every error in it with file, line and what to do. A [`History`] holds all versions and
//! answers which one is in force at an instant. Not here: files, the log and the swap of a snapshot (`edge`, `cli`); what a rule does to an
//! order (`attribution`). Start at [`Catalog`].

mod history;
mod model;

pub use history::History;
pub use model::{
    Advertiser, Catalog, Coupon, Link, Model, Offer, OrderIdentity, Override, OverrideFor, Partner,
    PixelRole, Rules, Secret, Status,
};
