-- What counting over many orders and clicks found suspicious about an order, as it was told. The newest one of an order counts.

CREATE TABLE IF NOT EXISTS scores_log (
  event_id FixedString(16),
  received_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
  advertiser_id UInt32,
  order_id String,
  -- The version of the catalog whose limits were compared.
  catalog_version UInt32,
  scored_at DateTime64(3, 'UTC'),
  -- A JSON list of code, partner, value and threshold; an empty one clears the order.
  signals String CODEC(ZSTD(1)),
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
