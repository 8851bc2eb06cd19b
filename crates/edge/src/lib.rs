//! Answers the redirect from memory and spools the click; takes reports of orders; ships the spool.
//!
//! In: HTTP requests, a catalog folder, a clock. Out: redirects, answers to shops, and one spool record for each of them. The redirect waits for
//! memory and one local append, nothing else. Not here: who earns an order (`attribution`), what reaches ClickHouse (`warehouse`). Start at
//! [`serve`]; a click's way is `server`, `lane`, `plain`, `isolated`, `http`, `click`, `landing`, `recorder`.

mod admin;
mod agent;
mod click;
mod counters;
mod deep_link;
mod dialects;
mod direct;
mod duplicates;
mod edge;
mod fields;
mod http;
mod isolated;
pub mod keys;
mod landing;
mod lane;
mod literal;
mod metrics;
mod network;
mod parameters;
mod peers;
mod plain;
mod power;
mod query;
mod recorder;
mod reply;
mod report;
mod reports;
mod routes;
mod scores;
mod server;
mod settings;
#[cfg(feature = "kafka")]
mod shipping;
#[cfg(not(feature = "kafka"))]
#[path = "shipping_absent.rs"]
mod shipping;
mod snapshots;
#[cfg(feature = "test-util")]
pub mod testing;
mod unrecorded;
mod visitor;
mod worker;

pub use deep_link::{DEEP_LINK_BYTES_MAX, sign as sign_deep_link};
pub use direct::Direct;
pub use edge::{Edge, EdgeError, serve};
pub use network::{Network, NetworkError};
pub use report::report_parameter;
pub use settings::{ClickSecret, Hidden, KafkaOptions, Options, THREADS_MAX};
#[cfg(feature = "kafka")]
pub use shipping::route;
