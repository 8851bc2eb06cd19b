//! Reports of orders: from what a shop sends to a [`events::Report`], or to the reason why not.
//!
//! In: pairs of names and values, JSON, or a shop system's webhook, with the catalog and the instant. Out: a report without origin, or a
//! [`Refusal`] with its stable code. Nothing here asks whether a click exists: the edge cannot know, and the answer to a shop must not depend on it.
//! Start at [`understand`]; the webhooks translate themselves into [`Fields`] and come by the same way.

mod amount;
mod answer;
mod customer;
mod fields;
mod instant;
mod json;
mod lines;
mod nobody;
mod notes;
mod refusal;
mod shopify;
mod signature;
mod understand;
mod woocommerce;
mod words;

pub(crate) use answer::{Line, batch_answer, refused, understood, would_be};
pub(crate) use customer::{CustomerHasher, email_hash};
pub use fields::report_parameter;
pub(crate) use fields::{Field, Fields, PAIRS_MAX, VALUE_BYTES_MAX};
pub(crate) use json::Json;
pub(crate) use lines::{OrderLine, lines_of, priced, unread_names};
pub(crate) use nobody::is_nobody;
pub(crate) use notes::{Note, Notes};
pub(crate) use refusal::Refusal;
pub(crate) use signature::{is_shopify_signed, is_standard_signed, is_timely, is_woocommerce_signed};
pub(crate) use understand::{
    Context, Credentials, Understood, advertiser_of, is_order_id_encoded, understand,
};
pub(crate) use {shopify::shopify_reports, woocommerce::woocommerce_reports};

/// Longest body, in bytes: Standard Webhooks asks senders to stay below 20 kB; orders with hundreds of lines take more.
pub(crate) const BODY_BYTES_MAX: usize = 256 * 1024;
/// Lines of one batch.
pub(crate) const BATCH_LINES_MAX: usize = 1_000;
