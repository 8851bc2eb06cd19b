-- Facts: what happened, written as often as need be. Writing a fact twice changes nothing, since the greatest `ver` of a key wins.
-- The partition is a function of the sorting key, or FINAL would keep a key once per partition.

CREATE TABLE IF NOT EXISTS clicks_log (
  event_id FixedString(16),
  at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
  click_id String CODEC(ZSTD(1)),
  touch_id FixedString(16) CODEC(ZSTD(1)),
  kind LowCardinality(String),
  verdict LowCardinality(String),
  visitor_id UInt64,
  partner_id UInt32,
  offer_id UInt32,
  advertiser_id UInt32,
  link_id UInt32,
  catalog_version UInt32,
  currency LowCardinality(String),
  country LowCardinality(String),
  device LowCardinality(String),
  os LowCardinality(String),
  browser LowCardinality(String),
  consent UInt8,
  visitor_is_new Bool,
  ip_prefix String CODEC(ZSTD(1)),
  ip_hash UInt64 CODEC(ZSTD(1)),
  user_agent_hash UInt64 CODEC(ZSTD(1)),
  landing LowCardinality(String),
  deep_link String CODEC(ZSTD(1)),
  referrer_host String CODEC(ZSTD(1)),
  source String CODEC(ZSTD(1)),
  partner_click_id String CODEC(ZSTD(1)),
  -- Dense up to the highest sub id given. Thirty columns would be a quarter smaller, but 177 files a part instead of 8, each with its fsync.
  subs Array(String) CODEC(ZSTD(1)),
  tags Map(String, String) CODEC(ZSTD(1)),
  -- The version of the rules that gave the verdict.
  ver UInt32,
  quarter DateTime('UTC') ALIAS toStartOfInterval(at, INTERVAL 15 MINUTE),
  writer UInt32 ALIAS reinterpretAsUInt32(reverse(substring(event_id, 1, 4))),
  incarnation UInt32 ALIAS reinterpretAsUInt32(reverse(substring(event_id, 5, 4))),
  sequence UInt64 ALIAS reinterpretAsUInt64(reverse(substring(event_id, 9, 8))),
  INDEX by_click click_id TYPE bloom_filter(0.01) GRANULARITY 4,
  INDEX by_touch touch_id TYPE bloom_filter(0.01) GRANULARITY 4
) ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMMDD(at)
ORDER BY (toStartOfInterval(at, INTERVAL 15 MINUTE), partner_id, event_id)
SETTINGS {durable};

CREATE TABLE IF NOT EXISTS reports_log (
  event_id FixedString(16),
  received_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
  reported_at DateTime64(3, 'UTC'),
  advertiser_id UInt32,
  order_id String,
  channel LowCardinality(String),
  event LowCardinality(String),
  click_id String,
  refused_click String,
  refused_reason LowCardinality(String),
  visitor_id UInt64,
  customer_id String,
  coupon String,
  partner_id UInt32,
  statement LowCardinality(String),
  refund_id String,
  has_amount Bool,
  amount_minor Int64,
  currency LowCardinality(String),
  status LowCardinality(String),
  new_customer LowCardinality(String),
  delivery String,
  catalog_version UInt32,
  ver UInt32,
  quarter DateTime('UTC') ALIAS toStartOfInterval(received_at, INTERVAL 15 MINUTE),
  writer UInt32 ALIAS reinterpretAsUInt32(reverse(substring(event_id, 1, 4))),
  incarnation UInt32 ALIAS reinterpretAsUInt32(reverse(substring(event_id, 5, 4))),
  sequence UInt64 ALIAS reinterpretAsUInt64(reverse(substring(event_id, 9, 8))),
  INDEX by_order order_id TYPE bloom_filter(0.01) GRANULARITY 4
) ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(received_at)
ORDER BY (toStartOfInterval(received_at, INTERVAL 15 MINUTE), advertiser_id, order_id, event_id)
SETTINGS {durable};

CREATE TABLE IF NOT EXISTS orders_log (
  quarter DateTime('UTC'),
  advertiser_id UInt32,
  order_id String,
  -- A quarter that the order might have been in and is not.
  void Bool,
  at DateTime64(3, 'UTC'),
  time_source LowCardinality(String),
  event LowCardinality(String),
  status LowCardinality(String),
  has_amount Bool,
  amount_minor Int64,
  refunded_minor Int64,
  revenue_minor Int64,
  currency LowCardinality(String),
  partner_id UInt32,
  offer_id UInt32,
  matched LowCardinality(String),
  unattributed LowCardinality(String),
  report_count UInt32,
  first_received_at DateTime64(3, 'UTC'),
  last_received_at DateTime64(3, 'UTC'),
  payable_at DateTime64(3, 'UTC'),
  catalog_version UInt32,
  trace String CODEC(ZSTD(1)),
  -- Generation, claim and revision of the snapshot.
  ver UInt64,
  INDEX by_order order_id TYPE bloom_filter(0.01) GRANULARITY 4
) ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(quarter)
ORDER BY (quarter, advertiser_id, order_id)
SETTINGS {durable};

CREATE TABLE IF NOT EXISTS credits_log (
  quarter DateTime('UTC'),
  advertiser_id UInt32,
  order_id String,
  touch_id FixedString(16),
  at DateTime64(3, 'UTC'),
  touched_at DateTime64(3, 'UTC'),
  partner_id UInt32,
  offer_id UInt32,
  link_id UInt32,
  country LowCardinality(String),
  device LowCardinality(String),
  -- Parts per million of the order; 0 is a candidate that did not win, or a quarter that the order is not in.
  share_ppm UInt32,
  revenue_minor Int64,
  currency LowCardinality(String),
  status LowCardinality(String),
  role LowCardinality(String),
  ver UInt64,
  INDEX by_order order_id TYPE bloom_filter(0.01) GRANULARITY 4
) ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(quarter)
ORDER BY (quarter, advertiser_id, order_id, touch_id)
SETTINGS {durable};

CREATE TABLE IF NOT EXISTS quarantine_log (
  place String,
  reason LowCardinality(String),
  -- The record's identity; zeros where it could not be read.
  event_id FixedString(16),
  bytes String CODEC(ZSTD(1)),
  written_at DateTime('UTC') DEFAULT now('UTC')
) ENGINE = ReplacingMergeTree
ORDER BY (place, reason)
SETTINGS {durable};

-- One row per batch and quarter touched, after the batch's facts: a sum that only grows. A quarter whose sum exceeds what was rolled is dirty.
CREATE TABLE IF NOT EXISTS marks (
  quarter DateTime('UTC'),
  source LowCardinality(String),
  n UInt64,
  nonce UInt64
) ENGINE = SummingMergeTree(n)
ORDER BY (quarter, source)
SETTINGS {durable};
