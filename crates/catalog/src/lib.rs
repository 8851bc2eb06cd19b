//! Partners, advertisers, offers, links and windows: immutable, effective-dated snapshots and the look-ups into them.
//!
//! In: TOML text, by file name. Out: a [`Catalog`], or every error in it with file, line and what to do. A [`History`] holds all versions and
//! answers which one is in force at an instant. Not here: files, the log and the swap of a snapshot (`edge`, `cli`); what a rule does to an
//! order (`attribution`). Start at [`Catalog`].

mod binding;
mod dialect;
mod diff;
pub mod duration;
mod email;
mod explain;
mod fraud;
mod hints;
mod history;
mod host;
mod model;
mod parse;
mod precedence;
mod sharing;
mod template;

pub use binding::{Binding, BindingOwner, Customers};
pub use dialect::{
    ALIASES_MAX, AliasOf, Aliases, Amounts, ClickField, DIALECTS_MAX, Dialect, DialectReply, DialectStatus,
    PathForm, PathPair, ReportField, Resolved, Taken, decoded, without_tail,
};
pub use diff::diff;
pub use email::EmailHash;
pub use explain::{RuleLine, explain, level};
pub use fraud::{DATA_CENTRES_MAX, DelayLimit, Fraud, Network, V4_BITS_MAX, V6_BITS_MAX, VisitorLimit};
pub use hints::{Hint, HintCode, hints};
pub use history::{History, Holder};
pub use host::is_local;
pub use model::{
    Advertiser, Catalog, Coupon, Link, Offer, OrderIdentity, Override, OverrideFor, Overrides, Partner,
    PixelRole, RuleChanges, RuleKey, RuleLevel, Rules, Secret, Status,
};
pub use parse::{
    CatalogError, DUPLICATE_WINDOW_MS_MAX, ERRORS_MAX, ErrorCode, HIJACK_WINDOW_MS_MAX, LINKS_MAX,
    MINIMUM_TIME_MS_MAX, SecretSource, TEXT_BYTES_MAX, WINDOW_MS_MAX, built_in_dialects, load, merge_text,
    parse, resolve_secrets, split_text, webhook_key,
};
pub use precedence::{Key, Precedence};
pub use sharing::{Model, PositionWeights};
pub use template::{DESTINATION_BYTES_MAX, Macro, Part, SUBS_MAX, Template, Values, encode};
