//! What is counted for scores, as statements.
//!
//! In: the span of orders, limits. Out: `SELECT`s. Credits are those that stand, as the cells count them. Not here: comparisons (`judge`).

use super::{ADDRESSES_MAX, CLICK_REACH_SECONDS, DELAY_ROWS_MAX, HOURS_MAX, ORDERS_PER_BLOCK, Span};
use crate::schema::{READ_SETTINGS, standing_credits};

impl Span {
    /// Rows of orders and credits, which lie in the quarter of their order's time.
    fn quarters(self) -> String {
        format!("quarter >= toDateTime({}, 'UTC') AND quarter < toDateTime({}, 'UTC')", self.from, self.to)
    }

    /// What is kept of clicks and cells that orders of this span may be credited by.
    const fn touched_from(self) -> u32 {
        self.from.saturating_sub(CLICK_REACH_SECONDS)
    }
}

/// The credited clicks of the span: not views, and no coupons and other keys, whose touches are no clicks.
fn credited(span: Span) -> String {
    let within = span.quarters();
    standing_credits(
        &format!(
            "share_ppm > 0 AND kind != 'view' AND NOT startsWith(touch_id, unhex('000000000000')) AND {within}"
        ),
        &within,
    )
}

/// Where those clicks came from. Once each, however often it was stored.
fn origins(span: Span) -> String {
    format!(
        "SELECT touch_id, any(ip_prefix) AS ip_prefix, any(ip_hash) AS ip_hash FROM clicks_log \
         WHERE at >= toDateTime64({from}, 3, 'UTC') AND at < toDateTime64({to}, 3, 'UTC') \
         AND (toStartOfInterval(at, INTERVAL 15 MINUTE), partner_id) IN \
         (SELECT toStartOfInterval(touched_at, INTERVAL 15 MINUTE), partner_id FROM ({credited})) \
         AND touch_id IN (SELECT touch_id FROM ({credited})) GROUP BY touch_id",
        from = span.touched_from(),
        to = span.to,
        credited = credited(span),
    )
}

/// Partners and hours with so many valid clicks, the worst first. From cells: they are the exact fold of clicks, and a hundredth of their size.
pub(super) fn hours(span: Span, clicks_min: u32) -> String {
    format!(
        "SELECT partner_id, toUInt32(toStartOfHour(quarter, 'UTC')) AS hour, toUInt64(sum(clicks_valid)) AS valid FROM cells FINAL \
         WHERE quarter >= toDateTime({from}, 'UTC') AND quarter < toDateTime({to}, 'UTC') AND NOT is_empty \
         GROUP BY partner_id, hour HAVING valid >= {clicks_min} ORDER BY valid DESC, hour, partner_id LIMIT {HOURS_MAX} SETTINGS {READ_SETTINGS}",
        from = span.touched_from(),
        to = span.to,
    )
}

/// Addresses with so many orders, the worst first. An address is known by its hash, whose key changes with the day and with each life of an edge.
pub(super) fn addresses(span: Span, orders_min: u32) -> String {
    format!(
        "SELECT ip_hash AS address, uniqExact(advertiser_id, order_id) AS orders FROM ({}) AS c \
         INNER JOIN ({}) AS k USING (touch_id) WHERE ip_hash != 0 \
         GROUP BY address HAVING orders >= {orders_min} ORDER BY orders DESC, address LIMIT {ADDRESSES_MAX} SETTINGS {READ_SETTINGS}",
        credited(span),
        origins(span),
    )
}

/// Orders by offer, partner and age of the partner's newest credited click, in powers of four seconds.
pub(super) fn delays(span: Span) -> String {
    format!(
        "SELECT offer_id, partner_id, toUInt8(arrayCount(it -> seconds >= it, \
         [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576])) AS bucket, count() AS orders FROM (\
         SELECT advertiser_id, order_id, offer_id, partner_id, dateDiff('second', max(c.touched_at), any(c.at)) AS seconds \
         FROM ({}) AS c GROUP BY advertiser_id, order_id, offer_id, partner_id) \
         GROUP BY offer_id, partner_id, bucket ORDER BY offer_id, partner_id, bucket LIMIT {DELAY_ROWS_MAX} SETTINGS {READ_SETTINGS}",
        credited(span),
    )
}

/// How many orders there are.
pub(super) fn orders(span: Span) -> String {
    format!(
        "SELECT uniqExact(advertiser_id, order_id) AS count FROM orders_log WHERE NOT void AND {}",
        span.quarters()
    )
}

/// How many blocks that makes; every order's rows are in one of them.
pub(super) const fn blocks(orders: u64) -> u64 {
    orders.div_ceil(ORDERS_PER_BLOCK)
}

fn in_block((block, of): (u64, u64)) -> String {
    format!("cityHash64(advertiser_id, order_id) % {of} = {block}")
}

/// Orders of a block with what they are credited by: one row for each credited click, none for an order without.
pub(super) fn touches(span: Span, block: (u64, u64)) -> String {
    format!(
        "SELECT advertiser_id, order_id, partner_id, offer_id, toUnixTimestamp64Milli(c.touched_at) AS touched, \
         ip_prefix, ip_hash FROM (SELECT * FROM ({}) WHERE {}) AS c LEFT JOIN ({}) AS k USING (touch_id) \
         ORDER BY advertiser_id, order_id, touch_id SETTINGS {READ_SETTINGS}",
        credited(span),
        in_block(block),
        origins(span),
    )
}

/// What the newest score says of each order of a block that has one, of orders in the span.
pub(super) fn scored(span: Span, block: (u64, u64)) -> String {
    let mine = in_block(block);
    format!(
        "SELECT advertiser_id, order_id, argMax(s.signals, (s.scored_at, s.catalog_version, s.event_id)) AS signals FROM scores_log AS s \
         WHERE {mine} AND (advertiser_id, order_id) IN (SELECT advertiser_id, order_id FROM orders_log FINAL WHERE NOT void AND {}) \
         GROUP BY advertiser_id, order_id ORDER BY advertiser_id, order_id SETTINGS {READ_SETTINGS}",
        span.quarters(),
    )
}
