//! Which columns the sink writes to which table: the counterpart of `schema/0001_facts.sql` and what came after it.
//!
//! Not here: values (`rows`) and their bytes (`native`). A column that a later version adds is filled by its default. Start at [`Table`].

use crate::native::{Column, Layout};

/// A table that batches write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// `clicks_log`.
    Clicks,
    /// `reports_log`.
    Reports,
    /// `scores_log`.
    Scores,
    /// `orders_log`.
    Orders,
    /// `credits_log`.
    Credits,
    /// `quarantine_log`.
    Quarantine,
    /// `marks`, written after all the others.
    Marks,
}

impl Table {
    /// Facts, in the order they are written in; marks are not among them. Credits come before their orders: a newer row of an order takes away
    /// what older snapshots credited, so between the two inserts an order would be nobody's if its row came first.
    pub(crate) const FACTS: [Self; 6] =
        [Self::Clicks, Self::Reports, Self::Scores, Self::Credits, Self::Orders, Self::Quarantine];

    /// The name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clicks => "clicks_log",
            Self::Reports => "reports_log",
            Self::Scores => "scores_log",
            Self::Orders => "orders_log",
            Self::Credits => "credits_log",
            Self::Quarantine => "quarantine_log",
            Self::Marks => "marks",
        }
    }

    pub(crate) const fn columns(self) -> &'static [Column] {
        match self {
            Self::Clicks => CLICKS,
            Self::Reports => REPORTS,
            Self::Scores => SCORES,
            Self::Orders => ORDERS,
            Self::Credits => CREDITS,
            Self::Quarantine => QUARANTINE,
            Self::Marks => MARKS,
        }
    }
}

const fn bool(name: &'static str) -> Column {
    Column { name, kind: "Bool", layout: Layout::Fixed(1) }
}

const fn u8(name: &'static str) -> Column {
    Column { name, kind: "UInt8", layout: Layout::Fixed(1) }
}

const fn u16(name: &'static str) -> Column {
    Column { name, kind: "UInt16", layout: Layout::Fixed(2) }
}

const fn u32(name: &'static str) -> Column {
    Column { name, kind: "UInt32", layout: Layout::Fixed(4) }
}

const fn u64(name: &'static str) -> Column {
    Column { name, kind: "UInt64", layout: Layout::Fixed(8) }
}

const fn i64(name: &'static str) -> Column {
    Column { name, kind: "Int64", layout: Layout::Fixed(8) }
}

/// Milliseconds. Sent by its own type: an Int64 would be taken for seconds and end in the year 9999.
const fn instant(name: &'static str) -> Column {
    Column { name, kind: "DateTime64(3, 'UTC')", layout: Layout::Fixed(8) }
}

/// Seconds.
const fn quarter(name: &'static str) -> Column {
    Column { name, kind: "DateTime('UTC')", layout: Layout::Fixed(4) }
}

const fn id(name: &'static str) -> Column {
    Column { name, kind: "FixedString(16)", layout: Layout::Fixed(16) }
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: "String", layout: Layout::Text }
}

const CLICKS: &[Column] = &[
    id("event_id"),
    instant("at"),
    text("click_id"),
    id("touch_id"),
    text("kind"),
    text("verdict"),
    u64("visitor_id"),
    u32("partner_id"),
    u32("offer_id"),
    u32("advertiser_id"),
    u32("link_id"),
    u32("catalog_version"),
    text("currency"),
    text("country"),
    text("device"),
    text("os"),
    text("browser"),
    u8("consent"),
    bool("visitor_is_new"),
    text("ip_prefix"),
    u64("ip_hash"),
    u64("user_agent_hash"),
    text("landing"),
    text("deep_link"),
    text("referrer_host"),
    text("source"),
    text("partner_click_id"),
    Column { name: "subs", kind: "Array(String)", layout: Layout::Texts },
    Column { name: "tags", kind: "Map(String, String)", layout: Layout::Pairs },
    u32("ver"),
];

const REPORTS: &[Column] = &[
    id("event_id"),
    instant("received_at"),
    instant("reported_at"),
    u32("advertiser_id"),
    text("order_id"),
    text("channel"),
    text("event"),
    text("click_id"),
    text("refused_click"),
    text("refused_reason"),
    u64("visitor_id"),
    text("customer_id"),
    text("coupon"),
    u32("partner_id"),
    text("statement"),
    text("refund_id"),
    bool("has_amount"),
    i64("amount_minor"),
    text("currency"),
    text("status"),
    text("new_customer"),
    text("delivery"),
    u32("catalog_version"),
    text("email_id"),
    Column { name: "coupons", kind: "Array(String)", layout: Layout::Texts },
    u32("offer_id"),
    instant("checkout_at"),
    text("items"),
    text("reason"),
    text("refund_kind"),
    u32("self_partner_id"),
    text("partner_named"),
    u32("ver"),
];

const SCORES: &[Column] = &[
    id("event_id"),
    instant("received_at"),
    u32("advertiser_id"),
    text("order_id"),
    u32("catalog_version"),
    instant("scored_at"),
    text("signals"),
    u32("ver"),
];

const ORDERS: &[Column] = &[
    quarter("quarter"),
    u32("advertiser_id"),
    text("order_id"),
    bool("void"),
    instant("at"),
    text("time_source"),
    text("event"),
    text("status"),
    bool("has_amount"),
    i64("amount_minor"),
    i64("refunded_minor"),
    i64("revenue_minor"),
    text("currency"),
    u32("partner_id"),
    u32("offer_id"),
    text("matched"),
    text("unattributed"),
    u32("report_count"),
    instant("first_received_at"),
    instant("last_received_at"),
    instant("payable_at"),
    u32("catalog_version"),
    text("trace"),
    text("model"),
    u16("path_touches"),
    i64("reporting_minor"),
    text("reporting_currency"),
    u64("rate_e12"),
    text("hold"),
    text("reason"),
    bool("is_approved"),
    text("rule"),
    u64("ver"),
];

const CREDITS: &[Column] = &[
    quarter("quarter"),
    u32("advertiser_id"),
    text("order_id"),
    id("touch_id"),
    instant("at"),
    instant("touched_at"),
    u32("partner_id"),
    u32("offer_id"),
    u32("link_id"),
    text("country"),
    text("device"),
    u32("share_ppm"),
    i64("revenue_minor"),
    text("currency"),
    text("status"),
    text("role"),
    text("kind"),
    text("found"),
    text("verdict"),
    u8("assists"),
    u16("path_touches"),
    i64("reporting_minor"),
    text("reporting_currency"),
    u64("rate_e12"),
    text("hold"),
    bool("is_approved"),
    i64("refunded_minor"),
    u64("ver"),
];

const QUARANTINE: &[Column] = &[text("place"), text("reason"), id("event_id"), text("bytes")];

const MARKS: &[Column] = &[quarter("quarter"), text("source"), u64("n"), u64("nonce")];
